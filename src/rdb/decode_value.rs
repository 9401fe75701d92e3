//! Values, by what their layout says: this file knows shapes and units, no types.

use super::decode::{Blob, Phase, State};
use super::event::{Element, Elements, Event, Part};
use super::module::{self, ModuleId, ModuleItem};
use super::stream::BlobSeen;
use super::value_type::{Generation, Layout, Shape, Unit};
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::pack::{Container, Packed};
use crate::wire::cursor::Cursor;
use crate::wire::feed::{Limits, Position, Scratch};
use crate::wire::scalar::{self, Head};
use crate::wire::{Scalar, length, number};
use alloc::vec::Vec;

/// Long plain strings come in pieces of this many bytes.
const PIECE_BYTES: u64 = 64 * 1024;

static EMPTY: Cause = Cause::new(FaultKind::Value, "a value with elements", Form::Text("an empty one"));
static NODE_KIND: Cause = Cause::new(FaultKind::Encoding, "a list node kind of 1 or 2", Form::Number);
static EMPTY_NODE: Cause = Cause::new(FaultKind::Value, "a list node with content", Form::Text("an empty one"));
static NAN: Cause = Cause::new(FaultKind::Value, "a score", Form::Text("NaN"));
static SCORE: Cause = Cause::new(FaultKind::Value, "a score", Form::Text("text that is no number"));

/// The first step of a value.
#[inline(always)]
pub(crate) fn start<'i: 'e, 'e, R>(
    state: &mut State,
    at: &Position,
    layout: Layout,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    match layout.shape {
        Shape::Single => {
            let limits = scratch.limits;
            let [buffer, ..] = &mut scratch.buffers;
            let mut ahead = *cursor;
            match scalar::read_head(&mut ahead, PIECE_BYTES, buffer, limits)? {
                Head::Whole(piece) => {
                    *cursor = ahead;
                    state.phase = Phase::KeyEnd;
                    Ok(emit(Event::Value(Part::Bytes { piece, left: 0 }), cursor))
                }
                Head::Plain(len) => {
                    let piece = Scalar::Bytes(ahead.take(PIECE_BYTES)?);
                    *cursor = ahead;
                    let left = len.wrapping_sub(PIECE_BYTES);
                    state.left = left;
                    state.phase = Phase::Bytes;
                    Ok(emit(Event::Value(Part::Bytes { piece, left }), cursor))
                }
            }
        }
        Shape::Packed(container) => {
            let before = cursor.left();
            let limits = scratch.limits;
            let [buffer, ..] = &mut scratch.buffers;
            let packed = read_packed(&mut state.blob, at, before, container, cursor, buffer, limits)?;
            state.phase = Phase::KeyEnd;
            Ok(emit(Event::Value(Part::Elements { elements: Elements::Packed { packed, unit: layout.unit }, left: 0 }), cursor))
        }
        Shape::Counted => {
            let left = read_count(cursor)?;
            counted(state, left, layout.unit, cursor, scratch, emit)
        }
        Shape::Nodes { container, has_plain } => {
            let before = cursor.left();
            let left = read_count(cursor)?;
            node(state, at, before, left, container, has_plain, layout.unit, cursor, scratch, emit)
        }
        Shape::Stream(generation) => stream(state, at, generation, cursor, scratch, emit),
        Shape::Module => {
            let id = ModuleId(length::read(cursor)?);
            state.phase = Phase::Module;
            Ok(emit(Event::Value(Part::Module(ModuleItem::Id(id))), cursor))
        }
    }
}

/// A count of elements or nodes, which no server writes as zero.
#[inline(always)]
fn read_count(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    let mut ahead = *cursor;
    let count = length::read(&mut ahead)?;
    if count == 0 {
        return Err(Fault::new(&EMPTY, 0));
    }
    *cursor = ahead;
    Ok(count)
}

/// The next piece of a long string.
pub(crate) fn bytes<'i: 'e, 'e, R>(
    state: &mut State,
    cursor: &mut Cursor<'i>,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    let piece = cursor.take(state.left.min(PIECE_BYTES))?;
    let left = state.left.wrapping_sub(piece.len() as u64);
    state.left = left;
    if left == 0 {
        state.phase = Phase::KeyEnd;
    }
    Ok(emit(Event::Value(Part::Bytes { piece: Scalar::Bytes(piece), left }), cursor))
}

/// One element of a counted value, of which `left` are still to come with this one.
#[inline(always)]
pub(crate) fn counted<'i: 'e, 'e, R>(
    state: &mut State,
    left: u64,
    unit: Unit,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    let limits = scratch.limits;
    let [first, second, ..] = &mut scratch.buffers;
    let name = scalar::read(cursor, first, limits)?;
    let element = match unit {
        Unit::Item => Element::Item(name),
        Unit::Member => Element::Member(name),
        Unit::Pair => Element::Field { field: name, value: scalar::read(cursor, second, limits)? },
        Unit::ScoreBinary => Element::Scored { member: name, score: read_binary_score(cursor)? },
        Unit::ScoreText => Element::Scored { member: name, score: read_text_score(cursor)? },
    };
    let left = left.wrapping_sub(1);
    state.left = left;
    state.element = state.element.wrapping_add(1);
    state.phase = if left == 0 { Phase::KeyEnd } else { Phase::Counted };
    Ok(emit(Event::Value(Part::Elements { elements: Elements::One(element), left }), cursor))
}

#[inline(always)]
fn read_binary_score(cursor: &mut Cursor<'_>) -> Result<f64, Fault> {
    let mut ahead = *cursor;
    let score = f64::from_le_bytes(*ahead.array()?);
    if score.is_nan() {
        return Err(Fault::new(&NAN, 0));
    }
    *cursor = ahead;
    Ok(score)
}

/// A score as a length byte and text; three lengths stand for NaN and the infinities.
#[inline(never)]
fn read_text_score(cursor: &mut Cursor<'_>) -> Result<f64, Fault> {
    let mut ahead = *cursor;
    let score = match ahead.byte()? {
        255 => f64::NEG_INFINITY,
        254 => f64::INFINITY,
        253 => return Err(Fault::new(&NAN, 0)),
        len => number::parse_score(ahead.take(u64::from(len))?).ok_or_else(|| Fault::new(&SCORE, 0))?,
    };
    *cursor = ahead;
    Ok(score)
}

/// Reads a packed blob and notes where it stands. `before` is what the cursor
/// had left at the step's start.
#[inline(always)]
fn read_packed<'i: 'e, 'e>(
    blob: &mut Blob,
    at: &Position,
    before: u64,
    container: Container,
    cursor: &mut Cursor<'i>,
    buffer: &'e mut Vec<u8>,
    limits: Limits,
) -> Result<Packed<'e>, Fault> {
    let string_at = at.offset.wrapping_add(before.wrapping_sub(cursor.left()));
    let content = scalar::read_bytes(cursor, buffer, limits)?;
    let end = at.offset.wrapping_add(before.wrapping_sub(cursor.left()));
    let start = if content.is_plain { end.wrapping_sub(content.bytes.len() as u64) } else { string_at };
    *blob = Blob { start, is_plain: u64::from(content.is_plain) };
    Packed::open(container, content.bytes)
}

/// One node of a list, of which `left` are still to come with this one.
#[allow(clippy::too_many_arguments)] // a step's whole context, in one place
#[inline(never)]
pub(crate) fn node<'i: 'e, 'e, R>(
    state: &mut State,
    at: &Position,
    before: u64,
    left: u64,
    container: Container,
    has_plain: bool,
    unit: Unit,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    /// Node kinds of `list-quicklist-2`.
    const PLAIN: u64 = 1;
    const PACKED: u64 = 2;
    let limits = scratch.limits;
    let [buffer, ..] = &mut scratch.buffers;
    let mut ahead = *cursor;
    let kind = if has_plain { length::read(&mut ahead)? } else { PACKED };
    let elements = match kind {
        PLAIN => {
            *cursor = ahead;
            let item = scalar::read(&mut ahead, buffer, limits)?;
            if item == Scalar::Bytes(b"") {
                return Err(Fault::new(&EMPTY_NODE, 0));
            }
            Elements::One(Element::Item(item))
        }
        PACKED => {
            *cursor = ahead;
            let packed = read_packed(&mut state.blob, at, before, container, &mut ahead, buffer, limits)?;
            Elements::Packed { packed, unit }
        }
        other => return Err(Fault::new(&NODE_KIND, other)),
    };
    *cursor = ahead;
    let left = left.wrapping_sub(1);
    state.left = left;
    state.element = state.element.wrapping_add(1);
    state.phase = if left == 0 { Phase::KeyEnd } else { Phase::Nodes };
    Ok(emit(Event::Value(Part::Elements { elements, left }), cursor))
}

/// One step of a stream.
#[inline(never)]
pub(crate) fn stream<'i: 'e, 'e, R>(
    state: &mut State,
    at: &Position,
    generation: Generation,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    let before = cursor.left();
    let blob = &mut state.blob;
    let seen = |seen: BlobSeen, cursor: &Cursor<'i>| {
        let end = at.offset.wrapping_add(before.wrapping_sub(cursor.left()));
        let string_at = at.offset.wrapping_add(before.wrapping_sub(seen.left));
        let start = if seen.is_plain { end.wrapping_sub(seen.len as u64) } else { string_at };
        *blob = Blob { start, is_plain: u64::from(seen.is_plain) };
    };
    let step = state.stream.advance(generation, cursor, scratch, seen)?;
    match step.state {
        Some(next) => {
            state.stream = next;
            state.phase = Phase::Stream;
        }
        None => {
            state.stream = Default::default();
            state.phase = Phase::KeyEnd;
        }
    }
    Ok(emit(Event::Value(Part::Stream(step.part)), cursor))
}

/// One item of a module value.
pub(crate) fn module<'i: 'e, 'e, R>(
    state: &mut State,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    let limits = scratch.limits;
    let [buffer, ..] = &mut scratch.buffers;
    let item = module::read_item(cursor, buffer, limits)?;
    if item == ModuleItem::End {
        state.phase = Phase::KeyEnd;
    }
    Ok(emit(Event::Value(Part::Module(item)), cursor))
}
