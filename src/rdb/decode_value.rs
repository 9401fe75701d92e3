//! Values, by what their layout says: this file knows shapes and units, no types.

use super::decode::{Blob, Phase, State};
use super::decode_stream::{BlobSeen, Tolerance};
use super::event::{ArrayHead, Element, Elements, Event, LAST_FIELD_EXPIRY_MS, Part, SlotValue};
use super::module::{self, ModuleId, ModuleItem};
use super::template;
use super::value_type::{ExpiryForm, Generation, Layout, Shape, Unit};
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::pack::{self, Container, Packed};
use crate::wire::cursor::Cursor;
use crate::wire::feed::{Limits, Notes, Position, Scratch};
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
static FIRST_EXPIRY: Cause = Cause::new(FaultKind::Value, "a first expiry of 0 to 2^48", Form::Text("one beyond"));
static EXPIRY: Cause = Cause::new(FaultKind::Value, "a field's expiry of at most 2^48 - 1", Form::Text("one beyond"));
static NEGATIVE_EXPIRY: Cause = Cause::new(FaultKind::Value, "a field's expiry, or -1 for none", Form::Text("one below"));
static NO_SLOTS: Cause = Cause::new(FaultKind::Value, "an array with slots", Form::Text("an empty one"));
static INSERT_FLAG: Cause = Cause::new(FaultKind::Encoding, "0 or 1 before an array's insert index", Form::Number);
static SLOT_INDEX: Cause = Cause::new(FaultKind::Length, "an index below 2^64 - 1", Form::Number);
static SLOT_TAG: Cause = Cause::new(FaultKind::Encoding, "a slot tag of 0 to 3", Form::Number);
static SHORT_TEXT: Cause = Cause::new(FaultKind::Value, "a short slot text of at most 7 bytes", Form::Number);

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
            let Scratch { buffers: [buffer, ..], limits, notes, .. } = scratch;
            let packed = read_packed(state, at, before, container, cursor, buffer, *limits, notes)?;
            let elements = checked(state, Elements::Packed { packed, unit: layout.unit }, notes)?;
            state.phase = Phase::KeyEnd;
            Ok(emit(Event::Value(Part::Elements { elements, left: 0 }), cursor))
        }
        Shape::Counted => {
            let left = read_count(cursor)?;
            counted(state, left, layout.unit, cursor, scratch, emit)
        }
        _ => {
            let event = start_rare(state, at, layout, cursor, scratch)?;
            Ok(emit(event, cursor))
        }
    }
}

/// The first step of a value that is rare, or whose steps are long.
#[inline(never)]
pub(crate) fn start_rare<'i: 'e, 'e>(
    state: &mut State,
    at: &Position,
    layout: Layout,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    match layout.shape {
        Shape::CountedBehindExpiry => first_expiry(state, Layout { shape: Shape::Counted, ..layout }, cursor),
        Shape::PackedBehindExpiry(container) => first_expiry(state, Layout { shape: Shape::Packed(container), ..layout }, cursor),
        Shape::Array => array(state, cursor),
        Shape::Template { is_own, is_packed } => template::start(state, at, is_own, is_packed, cursor, scratch),
        Shape::Nodes { container, has_plain } => {
            let before = cursor.left();
            let left = read_count(cursor)?;
            node(state, at, before, left, container, has_plain, layout.unit, cursor, scratch)
        }
        Shape::Stream(generation) => stream(state, at, generation, cursor, scratch),
        Shape::Module => {
            let id = ModuleId(length::read(cursor)?);
            state.phase = Phase::Module;
            Ok(Event::Value(Part::Module(ModuleItem::Id(id))))
        }
        Shape::Counted | Shape::Packed(_) | Shape::Single => Err(empty()),
    }
}

/// The smallest expiry of a hash's fields. What follows is laid out as `behind`.
/// Source of the bound: Redis 8.0 `rdb.c` `rdbLoadObject()`, `EB_EXPIRE_TIME_INVALID`.
#[inline(never)]
fn first_expiry<'e>(state: &mut State, behind: Layout, cursor: &mut Cursor<'_>) -> Result<Event<'e>, Fault> {
    let mut ahead = *cursor;
    let first = i64::from_le_bytes(*ahead.array()?);
    if !(0..=LAST_FIELD_EXPIRY_MS.wrapping_add(1)).contains(&first) {
        return Err(Fault::new(&FIRST_EXPIRY, 0));
    }
    *cursor = ahead;
    state.first_expiry = first;
    state.layout = Some(behind);
    state.phase = Phase::ValueStart;
    Ok(Event::Value(Part::FirstExpiry(first)))
}

/// What stands in front of an array's slots.
#[inline(never)]
fn array<'i: 'e, 'e>(state: &mut State, cursor: &mut Cursor<'i>) -> Result<Event<'e>, Fault> {
    let mut ahead = *cursor;
    let count = length::read(&mut ahead)?;
    if count == 0 {
        return Err(Fault::new(&NO_SLOTS, 0));
    }
    *cursor = ahead;
    let insert_index = match length::read(&mut ahead)? {
        0 => None,
        1 => {
            *cursor = ahead;
            Some(read_index(&mut ahead)?)
        }
        other => return Err(Fault::new(&INSERT_FLAG, other)),
    };
    *cursor = ahead;
    state.left = count;
    state.phase = Phase::Slots;
    Ok(Event::Value(Part::Array(ArrayHead { count, insert_index })))
}

fn read_index(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    match length::read(cursor)? {
        u64::MAX => Err(Fault::new(&SLOT_INDEX, u64::MAX)),
        index => Ok(index),
    }
}

/// One slot of an array.
#[inline(never)]
pub(crate) fn slot<'i: 'e, 'e>(state: &mut State, cursor: &mut Cursor<'i>, scratch: &'e mut Scratch) -> Result<Event<'e>, Fault> {
    let limits = scratch.limits;
    let [buffer, ..] = &mut scratch.buffers;
    let mut ahead = *cursor;
    let index = read_index(&mut ahead)?;
    *cursor = ahead;
    let value = match length::read(&mut ahead)? {
        TEXT => SlotValue::Text(scalar::read(&mut ahead, buffer, limits)?),
        INT => SlotValue::Text(Scalar::Int(i64::from_le_bytes(*ahead.array()?))),
        FLOAT => SlotValue::Float(f64::from_le_bytes(*ahead.array()?)),
        SHORT_TEXT_TAG => {
            let text = scalar::read(&mut ahead, buffer, limits)?;
            if text.text_len() > MAX_SHORT_TEXT {
                return Err(Fault::new(&SHORT_TEXT, text.text_len()));
            }
            SlotValue::Text(text)
        }
        other => return Err(Fault::new(&SLOT_TAG, other)),
    };
    *cursor = ahead;
    let left = state.left.wrapping_sub(1);
    state.left = left;
    state.element = state.element.wrapping_add(1);
    if left == 0 {
        state.phase = Phase::KeyEnd;
    }
    let element = Element::Slot { index, value };
    Ok(Event::Value(Part::Elements { elements: Elements::One(element), left }))
}

/// Tags of an array's slots.
pub(crate) const TEXT: u64 = 0;
pub(crate) const INT: u64 = 1;
pub(crate) const FLOAT: u64 = 2;
pub(crate) const SHORT_TEXT_TAG: u64 = 3;
/// Texts of up to so many bytes have a tag of their own.
pub(crate) const MAX_SHORT_TEXT: u64 = 7;

/// The fault of a value without elements.
#[cold]
pub(crate) fn empty() -> Fault {
    Fault::new(&EMPTY, 0)
}

/// Whether a fault is that of a value without elements.
pub(crate) fn says_empty(fault: Fault) -> bool {
    fault.is(&EMPTY)
}

/// Whether a value has no elements and servers skip its key; the cursor moves behind it then.
/// Of a list only a few nodes are looked at.
/// Source: Redis 8.0 `rdb.c` `rdbLoadRioWithLoadingCtx()`, `RDB_LOAD_ERR_EMPTY_KEY`.
pub(crate) fn is_empty(layout: Layout, cursor: &mut Cursor<'_>, buffer: &mut Vec<u8>, limits: Limits) -> Result<bool, Fault> {
    const FEW_NODES: u64 = 16;
    if matches!(layout.shape, Shape::CountedBehindExpiry | Shape::PackedBehindExpiry(_)) {
        cursor.take(8)?;
    }
    match layout.shape {
        Shape::Counted | Shape::CountedBehindExpiry => Ok(length::read(cursor)? == 0),
        Shape::Packed(container) | Shape::PackedBehindExpiry(container) => is_empty_blob(container, cursor, buffer, limits),
        Shape::Nodes { container, has_plain } => {
            let nodes = length::read(cursor)?;
            if nodes > FEW_NODES {
                return Ok(false);
            }
            for _ in 0..nodes {
                let is_packed = !has_plain || length::read(cursor)? == PACKED_NODE;
                if !is_packed || !is_empty_blob(container, cursor, buffer, limits)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Shape::Array | Shape::Module | Shape::Single | Shape::Stream(_) | Shape::Template { .. } => Ok(false),
    }
}

/// Whether a packed blob comes next that has no entries. Those are too short to be compressed.
fn is_empty_blob(container: Container, cursor: &mut Cursor<'_>, buffer: &mut Vec<u8>, limits: Limits) -> Result<bool, Fault> {
    /// No packed blob without entries is longer.
    const LONGEST: u64 = 11;
    if cursor.rest().first().is_some_and(|lead| *lead >= 0xc0) {
        return Ok(false);
    }
    Ok(match scalar::read_head(cursor, LONGEST, buffer, limits)? {
        Head::Whole(Scalar::Bytes(blob)) => Packed::open(container, blob).is_err_and(pack::is_empty),
        _ => false,
    })
}

/// Node kinds of `list-quicklist-2`.
pub(crate) const PLAIN_NODE: u64 = 1;
pub(crate) const PACKED_NODE: u64 = 2;

/// A count of elements or nodes, which no server writes as zero.
#[inline(always)]
pub(crate) fn read_count(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
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
    if let Unit::PairExpiry(form) = unit {
        let event = expiring(state, left, form, cursor, scratch)?;
        return Ok(emit(event, cursor));
    }
    let limits = scratch.limits;
    let [first, second, ..] = &mut scratch.buffers;
    let name = scalar::read(cursor, first, limits)?;
    let element = match unit {
        // The last two stand only in packed values and above.
        Unit::Item | Unit::Triplet | Unit::PairExpiry(_) => Element::Item(name),
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

/// A field of a counted value that may have an expiry of its own.
#[inline(never)]
fn expiring<'i: 'e, 'e>(
    state: &mut State,
    left: u64,
    form: ExpiryForm,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    let limits = scratch.limits;
    let [first, second, ..] = &mut scratch.buffers;
    let leading = match form {
        ExpiryForm::Trailing => None,
        ExpiryForm::Absolute => read_field_expiry(cursor, 1)?,
        ExpiryForm::Relative => read_field_expiry(cursor, state.first_expiry)?,
    };
    let field = scalar::read(cursor, first, limits)?;
    let value = scalar::read(cursor, second, limits)?;
    let expiry = if form == ExpiryForm::Trailing { read_trailing_expiry(cursor)? } else { leading };
    let element = match expiry {
        None => Element::Field { field, value },
        Some(expires_at_ms) => Element::ExpiringField { field, value, expires_at_ms },
    };
    let left = left.wrapping_sub(1);
    state.left = left;
    state.element = state.element.wrapping_add(1);
    state.phase = if left == 0 { Phase::KeyEnd } else { Phase::Counted };
    Ok(Event::Value(Part::Elements { elements: Elements::One(element), left }))
}

/// A length, 0 for no expiry, else one more than the milliseconds behind `from`.
fn read_field_expiry(cursor: &mut Cursor<'_>, from: i64) -> Result<Option<i64>, Fault> {
    let mut ahead = *cursor;
    let expiry = match length::read(&mut ahead)? {
        0 => None,
        stated => {
            let expiry = stated.wrapping_sub(1).checked_add_signed(from).and_then(|expiry| i64::try_from(expiry).ok());
            Some(expiry.filter(|expiry| *expiry <= LAST_FIELD_EXPIRY_MS).ok_or_else(|| Fault::new(&EXPIRY, 0))?)
        }
    };
    *cursor = ahead;
    Ok(expiry)
}

fn read_trailing_expiry(cursor: &mut Cursor<'_>) -> Result<Option<i64>, Fault> {
    let mut ahead = *cursor;
    let expiry = match i64::from_le_bytes(*ahead.array()?) {
        -1 => None,
        expiry @ 0.. => Some(expiry),
        _ => return Err(Fault::new(&NEGATIVE_EXPIRY, 0)),
    };
    *cursor = ahead;
    Ok(expiry)
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
#[allow(clippy::too_many_arguments)] // a step's whole context, in one place
#[inline(always)]
pub(crate) fn read_packed<'i: 'e, 'e>(
    state: &mut State,
    at: &Position,
    before: u64,
    container: Container,
    cursor: &mut Cursor<'i>,
    buffer: &'e mut Vec<u8>,
    limits: Limits,
    notes: &mut Notes,
) -> Result<Packed<'e>, Fault> {
    let string_at = at.offset.wrapping_add(before.wrapping_sub(cursor.left()));
    let content = scalar::read_bytes(cursor, buffer, limits)?;
    let end = at.offset.wrapping_add(before.wrapping_sub(cursor.left()));
    let start = if content.is_plain { end.wrapping_sub(content.bytes.len() as u64) } else { string_at };
    state.blob = Blob { start, is_plain: u64::from(content.is_plain) };
    match Packed::open(container, content.bytes) {
        Err(fault) if notes.is_lenient => {
            let packed = Packed::open_though_empty(container, content.bytes)?;
            notes.tolerate(fault, |fault| state.dress(fault, string_at))?;
            Ok(packed)
        }
        Err(_) if notes.is_past_frames => Ok(Packed::unframed(container, content.bytes)),
        packed => packed,
    }
}

/// For a lenient reader: elements that are read past what is wrong with them, which is noted.
#[inline(always)]
pub(crate) fn checked<'e>(state: &State, elements: Elements<'e>, notes: &mut Notes) -> Result<Elements<'e>, Fault> {
    if notes.is_lenient { check_leniently(state, elements, notes) } else { Ok(elements) }
}

#[cold]
#[inline(never)]
fn check_leniently<'e>(state: &State, elements: Elements<'e>, notes: &mut Notes) -> Result<Elements<'e>, Fault> {
    let Err(fault) = elements.check() else { return Ok(elements) };
    let elements = elements.leniently();
    // What cannot be read leniently either is left to be found by whoever walks the elements.
    if elements.check().is_ok() {
        // A fault within a blob: no item's offset is looked at.
        notes.tolerate(fault, |fault| state.dress(fault, 0))?;
    }
    Ok(elements)
}

/// One node of a list, of which `left` are still to come with this one.
#[allow(clippy::too_many_arguments)] // a step's whole context, in one place
#[inline(never)]
pub(crate) fn node<'i: 'e, 'e>(
    state: &mut State,
    at: &Position,
    before: u64,
    left: u64,
    container: Container,
    has_plain: bool,
    unit: Unit,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    let Scratch { buffers: [buffer, ..], limits, notes, .. } = scratch;
    let limits = *limits;
    let mut ahead = *cursor;
    let kind = if has_plain { length::read(&mut ahead)? } else { PACKED_NODE };
    let elements = match kind {
        PLAIN_NODE => {
            *cursor = ahead;
            let item = scalar::read(&mut ahead, buffer, limits)?;
            if item == Scalar::Bytes(b"") {
                return Err(Fault::new(&EMPTY_NODE, 0));
            }
            Elements::One(Element::Item(item))
        }
        PACKED_NODE => {
            *cursor = ahead;
            let packed = read_packed(state, at, before, container, &mut ahead, buffer, limits, notes)?;
            checked(state, Elements::Packed { packed, unit }, notes)?
        }
        other => return Err(Fault::new(&NODE_KIND, other)),
    };
    *cursor = ahead;
    let left = left.wrapping_sub(1);
    state.left = left;
    state.element = state.element.wrapping_add(1);
    state.phase = if left == 0 { Phase::KeyEnd } else { Phase::Nodes };
    Ok(Event::Value(Part::Elements { elements, left }))
}

/// One step of a stream.
#[inline(never)]
pub(crate) fn stream<'i: 'e, 'e>(
    state: &mut State,
    at: &Position,
    generation: Generation,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    let before = cursor.left();
    let blob = &mut state.blob;
    let seen = |seen: BlobSeen, cursor: &Cursor<'i>| {
        let end = at.offset.wrapping_add(before.wrapping_sub(cursor.left()));
        let string_at = at.offset.wrapping_add(before.wrapping_sub(seen.left));
        let start = if seen.is_plain { end.wrapping_sub(seen.len as u64) } else { string_at };
        *blob = Blob { start, is_plain: u64::from(seen.is_plain) };
    };
    let Scratch { buffers, limits, notes, .. } = scratch;
    let mut tolerance = Tolerance { is_lenient: notes.is_lenient, faults: Vec::new() };
    let step = state.stream.advance(generation, cursor, buffers, *limits, &mut tolerance, seen)?;
    for (fault, left) in tolerance.faults {
        notes.tolerate(fault, |fault| state.dress(fault, at.offset.wrapping_add(before.wrapping_sub(left))))?;
    }
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
    Ok(Event::Value(Part::Stream(step.part)))
}

/// One item of a module value.
pub(crate) fn module<'i: 'e, 'e>(
    state: &mut State,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    let limits = scratch.limits;
    let [buffer, ..] = &mut scratch.buffers;
    let item = module::read_item(cursor, buffer, limits)?;
    if item == ModuleItem::End {
        state.phase = Phase::KeyEnd;
    }
    Ok(Event::Value(Part::Module(item)))
}
