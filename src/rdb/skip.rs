//! Values passed over: only what says how long they are is read, and nothing is held.

use super::decode::{self, Phase, State};
use super::decode_stream::Next;
use super::decode_value;
use super::value_type::{ExpiryForm, Layout, Shape, Unit};
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::cursor::Cursor;
use crate::wire::feed::{Position, Scratch, too_large};
use crate::wire::{length, scalar};

static NO_LAYOUT: Cause = Cause::new(FaultKind::Type, "a value type", Form::Byte);

/// What an element consists of, as far as its length goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    /// Eight bytes.
    Word,
    Length,
    String,
    /// A length byte and text; three lengths stand for scores without text.
    Score,
}

/// Where in a value that is passed over the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Skip {
    /// Where it would stand for a reader; [`Phase::Skip`] within `run`.
    pub(crate) phase: Phase,
    run: Run,
}

impl Skip {
    pub(crate) const NONE: Self = Self { phase: Phase::KeyEnd, run: Run::before(Phase::KeyEnd) };
}

/// Elements whose lengths are all that matters.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    /// Bytes to pass over first, of a string mostly.
    bytes: u64,
    /// What follows of the element that they belong to.
    pieces: &'static [Piece],
    element: &'static [Piece],
    /// Elements behind that one.
    elements: u64,
    /// What is behind the last of them.
    behind: Phase,
}

impl Run {
    /// Of nothing.
    const fn before(behind: Phase) -> Self {
        Self { bytes: 0, pieces: &[], element: &[], elements: 0, behind }
    }

    /// Up to the end of the value.
    const fn elements(element: &'static [Piece], elements: u64) -> Self {
        Self { element, elements, ..Self::before(Phase::KeyEnd) }
    }

    /// Goes on as far as the cursor has bytes. What it has passed over then is done with.
    #[inline(always)]
    fn walk(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        loop {
            if self.bytes > 0 {
                let here = self.bytes.min(cursor.left());
                cursor.take(here)?;
                self.bytes = self.bytes.wrapping_sub(here);
                if self.bytes > 0 {
                    return Err(Fault::short(1));
                }
            }
            let Some((piece, pieces)) = self.pieces.split_first() else {
                let Some(elements) = self.elements.checked_sub(1) else { return Ok(()) };
                self.elements = elements;
                self.pieces = self.element;
                continue;
            };
            self.bytes = match piece {
                Piece::String => scalar::read_size(cursor)?,
                Piece::Word => 8,
                Piece::Length => length::read(cursor).map(|_| 0)?,
                Piece::Score => cursor.byte().map(|len| if len < 253 { u64::from(len) } else { 0 })?,
            };
            self.pieces = pieces;
        }
    }
}

/// One element of a counted value.
fn pieces(unit: Unit) -> &'static [Piece] {
    match unit {
        Unit::Item | Unit::Member | Unit::Triplet => &[Piece::String],
        Unit::Pair => &[Piece::String, Piece::String],
        Unit::PairExpiry(ExpiryForm::Absolute | ExpiryForm::Relative) => &[Piece::Length, Piece::String, Piece::String],
        Unit::PairExpiry(ExpiryForm::Trailing) => &[Piece::String, Piece::String, Piece::Word],
        Unit::ScoreBinary => &[Piece::String, Piece::Word],
        Unit::ScoreText => &[Piece::String, Piece::Score],
    }
}

/// One node of a list.
fn node(has_plain: bool) -> &'static [Piece] {
    if has_plain { &[Piece::Length, Piece::String] } else { &[Piece::String] }
}

/// Passes over what is left of a value; gives where in the stream it ends. Where the chunk ends before, what was
/// passed over is done with: the state stands behind it, as the cursor does.
#[inline(never)]
pub(crate) fn value(state: &mut State, at: &Position, cursor: &mut Cursor<'_>, scratch: &mut Scratch) -> Result<u64, Fault> {
    let before = cursor.left();
    loop {
        let passed = before.wrapping_sub(cursor.left());
        let mut run = match state.skip.phase {
            Phase::KeyEnd => return Ok(at.offset.wrapping_add(passed)),
            Phase::Skip => state.skip.run,
            phase => enter(state, phase, at, passed, cursor, scratch)?,
        };
        // Stored only where it is interrupted.
        if let Err(fault) = run.walk(cursor) {
            state.skip = Skip { phase: Phase::Skip, run };
            return Err(fault);
        }
        state.skip.phase = run.behind;
    }
}

/// What is to be passed over from `phase` on, `passed` bytes behind `at`.
#[inline(always)]
fn enter(
    state: &mut State,
    phase: Phase,
    at: &Position,
    passed: u64,
    cursor: &mut Cursor<'_>,
    scratch: &mut Scratch,
) -> Result<Run, Fault> {
    let Some(Layout { shape, unit }) = state.layout else {
        return Err(Fault::new(&NO_LAYOUT, 0));
    };
    Ok(match (phase, shape) {
        (Phase::ValueStart, Shape::Single | Shape::Packed(_) | Shape::Template { is_own: false, is_packed: true }) => {
            Run::elements(&[Piece::String], 1)
        }
        (Phase::ValueStart, Shape::PackedBehindExpiry(_)) => Run::elements(&[Piece::Word, Piece::String], 1),
        (Phase::ValueStart, Shape::CountedBehindExpiry) => {
            state.layout = Some(Layout { shape: Shape::Counted, unit });
            Run { pieces: &[Piece::Word], ..Run::before(phase) }
        }
        (Phase::ValueStart, Shape::Counted) => Run::elements(pieces(unit), decode_value::read_count(cursor)?),
        (Phase::Counted, _) => Run::elements(pieces(unit), state.left),
        (Phase::ValueStart, Shape::Nodes { has_plain, .. }) => Run::elements(node(has_plain), decode_value::read_count(cursor)?),
        (Phase::Nodes, Shape::Nodes { has_plain, .. }) => Run::elements(node(has_plain), state.left),
        (Phase::Bytes, _) => Run { bytes: state.left, ..Run::before(Phase::KeyEnd) },
        (Phase::ValueStart | Phase::Stream, Shape::Stream(_)) if matches!(state.stream.next, Next::Nodes | Next::Node) => {
            let nodes = state.stream.pass_over_nodes(cursor)?;
            Run { behind: Phase::Stream, ..Run::elements(&[Piece::String, Piece::String], nodes) }
        }
        _ => return step(state, phase, at, passed, cursor, scratch),
    })
}

/// A step as it is read otherwise, whose event nobody hears of. It is held, so the limit is on it.
#[inline(never)]
fn step(
    state: &mut State,
    phase: Phase,
    at: &Position,
    passed: u64,
    cursor: &mut Cursor<'_>,
    scratch: &mut Scratch,
) -> Result<Run, Fault> {
    let start = *cursor;
    state.phase = phase;
    let read = decode::rare(state, &at.moved(passed), cursor, scratch).map(drop);
    let behind = core::mem::replace(&mut state.phase, Phase::Skip);
    let held = start.left().saturating_sub(cursor.left());
    match read {
        Ok(()) if held > scratch.limits.max_item_bytes => {
            *cursor = start;
            Err(too_large(held))
        }
        Ok(()) => Ok(Run::before(behind)),
        Err(fault) => {
            if fault.kind() == FaultKind::Short {
                *cursor = start;
            }
            Err(fault)
        }
    }
}
