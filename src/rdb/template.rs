//! Hash templates: field names that many hashes share (Redis 8.10).
//!
//! ```text
//! F2 | length id | length fields (> 0) | fields x string           at the head of the file
//!
//! 29  own names, string listpack          30  string listpack      the listpack: id, then the values
//! 31  own names, fields x string          32  length id, fields x string
//! own names: length form, then  0: string listpack of names   1: length fields, fields x string
//! ```
//! Names ascend by length, then byte by byte. 29 and 31 are what `DUMP` gives; 30 and 32 stand only in files.
//! Source: Redis trunk (RDB 15) `rdb.c` `rdbLoadHashTemplate()`, `rdbLoadObject()`.

use super::decode::{Phase, State};
use super::decode_value::{checked, read_packed};
use super::event::{Element, Elements, Event, Part};
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::pack::listpack::ListpackEntries;
use crate::pack::{Container, Entries, Packed};
use crate::wire::cursor::Cursor;
use crate::wire::feed::{Kept, Limits, Position, Scratch};
use crate::wire::{Scalar, length, scalar};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

static NO_FIELDS: Cause = Cause::new(FaultKind::Value, "a template with fields", Form::Text("one without"));
static ORDER: Cause = Cause::new(
    FaultKind::Value,
    "the template's fields in ascending order, by length first",
    Form::Text("one not above the one before"),
);
static PACKED_ORDER: Cause = Cause::inside(
    FaultKind::Packed,
    "the template's fields in ascending order, by length first",
    Form::Text("one not above the one before"),
);
static TWICE: Cause = Cause::new(FaultKind::Duplicate, "a template's number once in the snapshot", Form::Number);
static UNKNOWN: Cause = Cause::new(FaultKind::Value, "the number of a template of this snapshot", Form::Number);
static FORM: Cause = Cause::new(FaultKind::Encoding, "a form of field names of 0 or 1", Form::Number);
static UNKNOWN_PACKED: Cause = Cause::inside(FaultKind::Packed, "the number of a template of this snapshot", Form::Number);
static NO_NUMBER: Cause = Cause::inside(FaultKind::Packed, "the number of a template", Form::Text("another entry"));
static TOO_LARGE: Cause = Cause::new(FaultKind::Limit, "templates within the limit on an item's bytes", Form::Number);

/// A share of a template at the head of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashTemplate<'a> {
    /// The beginning.
    Open {
        /// What hashes refer to it by; distinct in the snapshot.
        id: u64,
        /// Names that follow, at least one.
        fields: u64,
    },
    /// A name; they ascend by length, then byte by byte.
    Name(Scalar<'a>),
}

/// What stands in front of the values of a hash with a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template<'a> {
    /// The number of a template at the head of the file; that many values follow.
    Reference {
        /// Its number.
        id: u64,
        /// Its fields.
        fields: u64,
    },
    /// The names, packed.
    Packed(Packed<'a>),
    /// How many names follow, one part each.
    Counted(u64),
    /// A name.
    Name(Scalar<'a>),
}

/// The templates at the head of a snapshot, for reading a value of it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates(pub(crate) Arc<BTreeMap<u64, Vec<u8>>>);

impl Templates {
    /// Whether the snapshot has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of each, and its names in a form of their own.
    #[cfg(feature = "wasm")]
    pub(crate) fn encoded(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.0.iter().map(|(id, names)| (*id, names.as_slice()))
    }

    /// What [`Templates::encoded`] gave in the other module.
    #[cfg(feature = "wasm-tools")]
    pub(crate) fn from_encoded(encoded: impl Iterator<Item = (u64, Vec<u8>)>) -> Self {
        Self(Arc::new(encoded.collect()))
    }
}

/// Field names of a template, ascending by length and then byte by byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    /// A length and the bytes of each.
    rest: &'a [u8],
}

impl<'a> Names<'a> {
    /// Where the next one stands, counted from the end.
    fn left(self) -> u64 {
        self.rest.len() as u64
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = Scalar<'a>;

    fn next(&mut self) -> Option<Scalar<'a>> {
        let mut cursor = Cursor::new(self.rest);
        // Written by `append`, so nothing of it is missing.
        let len = length::read(&mut cursor).ok()?;
        let name = cursor.take(len).ok()?;
        self.rest = cursor.rest();
        Some(Scalar::Bytes(name))
    }
}

/// Appends a name to those of a template.
fn append(name: Scalar<'_>, names: &mut Vec<u8>) {
    name.with_text(|name| {
        length::write(name.len() as u64, names);
        names.extend_from_slice(name);
    });
}

/// Whether `name` stands above `last` in the order of a template's fields.
fn is_above(name: Scalar<'_>, last: Option<Scalar<'_>>) -> bool {
    let Some(last) = last else { return true };
    name.with_text(|name| last.with_text(|last| (last.len(), last) < (name.len(), name)))
}

/// Checks that `name` may follow what `names` holds. `last_at` is where its last one stands.
fn check_order(name: Scalar<'_>, names: &[u8], last_at: u64) -> Result<(), Fault> {
    let last_at = usize::try_from(last_at).unwrap_or(usize::MAX);
    let last = Names { rest: names.get(last_at..).unwrap_or_default() }.next();
    if is_above(name, last) { Ok(()) } else { Err(Fault::new(&ORDER, 0)) }
}

/// What `held` bytes and `more` of them take together, if that is within the limit.
fn charge(held: u64, more: u64, limits: Limits) -> Result<u64, Fault> {
    let bytes = held.saturating_add(more);
    if bytes > limits.max_item_bytes { Err(Fault::new(&TOO_LARGE, bytes)) } else { Ok(bytes) }
}

/// Memory that a template takes beside its names.
const TEMPLATE_BYTES: u64 = 64;

/// The beginning of a template at the head of the file. The cursor stands behind the opcode.
pub(crate) fn open<'e>(state: &mut State, cursor: &mut Cursor<'_>, kept: &mut Kept, limits: Limits) -> Result<Event<'e>, Fault> {
    let bytes = charge(kept.numbered_bytes, TEMPLATE_BYTES, limits)?;
    let mut ahead = *cursor;
    let id = length::read(&mut ahead)?;
    if kept.numbered.contains_key(&id) {
        return Err(Fault::new(&TWICE, id));
    }
    *cursor = ahead;
    let fields = read_fields(cursor)?;
    kept.numbered_bytes = bytes;
    Arc::make_mut(&mut kept.numbered).insert(id, Vec::new());
    state.template.id = id;
    state.template.at = 0;
    state.left = fields;
    state.phase = Phase::HashTemplate;
    Ok(Event::HashTemplate(HashTemplate::Open { id, fields }))
}

fn read_fields(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    let mut ahead = *cursor;
    match length::read(&mut ahead)? {
        0 => Err(Fault::new(&NO_FIELDS, 0)),
        fields => {
            *cursor = ahead;
            Ok(fields)
        }
    }
}

/// A name of a template at the head of the file.
pub(crate) fn name<'i: 'e, 'e>(state: &mut State, cursor: &mut Cursor<'i>, scratch: &'e mut Scratch) -> Result<Event<'e>, Fault> {
    let Scratch { buffers: [buffer, ..], kept, limits, .. } = scratch;
    let mut ahead = *cursor;
    let name = scalar::read(&mut ahead, buffer, *limits)?;
    let bytes = charge(kept.numbered_bytes, name.text_len().saturating_add(1), *limits)?;
    if let Some(names) = Arc::make_mut(&mut kept.numbered).get_mut(&state.template.id) {
        check_order(name, names, state.template.at)?;
        kept.numbered_bytes = bytes;
        state.template.at = names.len() as u64;
        append(name, names);
    }
    *cursor = ahead;
    state.left = state.left.wrapping_sub(1);
    if state.left == 0 {
        state.phase = Phase::Body;
    }
    Ok(Event::HashTemplate(HashTemplate::Name(name)))
}

/// Where in the names of its template a value stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TemplateState {
    /// The number of the template, unless the value has its own.
    id: u64,
    /// While names are read: where the last one stands. While values are read: what is left of the names.
    at: u64,
}

/// The first step of a value with a template.
pub(crate) fn start<'i: 'e, 'e>(
    state: &mut State,
    at: &Position,
    is_own: bool,
    is_packed: bool,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    if is_own {
        return own(state, at, is_packed, cursor, scratch);
    }
    if is_packed {
        return packed_values(state, at, false, cursor, scratch);
    }
    let mut ahead = *cursor;
    let id = length::read(&mut ahead)?;
    let names = names_of(&scratch.kept, id)?;
    *cursor = ahead;
    let fields = names.count() as u64;
    state.template = TemplateState { id, at: names.left() };
    state.left = fields;
    state.phase = Phase::TemplateValues;
    Ok(Event::Value(Part::Template(Template::Reference { id, fields })))
}

fn names_of(kept: &Kept, id: u64) -> Result<Names<'_>, Fault> {
    kept.numbered.get(&id).map(|names| Names { rest: names }).ok_or_else(|| Fault::new(&UNKNOWN, id))
}

/// The names in front of a value, or how many of them follow.
fn own<'i: 'e, 'e>(
    state: &mut State,
    at: &Position,
    is_packed: bool,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    let Scratch { buffers: [buffer, ..], kept, limits, notes, .. } = scratch;
    let before = cursor.left();
    let mut ahead = *cursor;
    let template = match length::read(&mut ahead)? {
        0 => {
            *cursor = ahead;
            let packed = read_packed(state, at, before, Container::Listpack, cursor, buffer, *limits, notes)?;
            // Read whole into the names before those of the value before are given up.
            let mut names = Vec::new();
            let mut fields = 0u64;
            let mut entries = ListpackEntries::new(packed.blob(), packed.reading());
            let mut last = None;
            let mut entry_at = entries.at();
            while let Some(name) = entries.next()? {
                if !is_above(name, last) {
                    return Err(Fault::located(&PACKED_ORDER, entry_at, 0));
                }
                append(name, &mut names);
                last = Some(name);
                fields = fields.wrapping_add(1);
                entry_at = entries.at();
            }
            if fields == 0 {
                // An empty listpack, which a lenient reader is given.
                return Err(Fault::new(&NO_FIELDS, 0));
            }
            kept.own = names;
            state.left = fields;
            values_follow(state, kept, is_packed);
            Template::Packed(packed)
        }
        1 => {
            *cursor = ahead;
            let fields = read_fields(cursor)?;
            kept.own = Vec::new();
            state.template.at = 0;
            state.left = fields;
            state.phase = Phase::TemplateNames;
            Template::Counted(fields)
        }
        other => return Err(Fault::new(&FORM, other)),
    };
    Ok(Event::Value(Part::Template(template)))
}

/// The names are whole; `state.left` says how many there are.
fn values_follow(state: &mut State, kept: &Kept, is_packed: bool) {
    state.template.at = kept.own.len() as u64;
    state.element = 0;
    state.phase = if is_packed { Phase::TemplatePacked } else { Phase::TemplateValues };
}

/// A name in front of a value.
pub(crate) fn own_name<'i: 'e, 'e>(
    state: &mut State,
    is_packed: bool,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    let Scratch { buffers: [buffer, ..], kept, limits, .. } = scratch;
    let mut ahead = *cursor;
    let name = scalar::read(&mut ahead, buffer, *limits)?;
    charge(kept.own.len() as u64, name.text_len(), *limits)?;
    check_order(name, &kept.own, state.template.at)?;
    *cursor = ahead;
    state.template.at = kept.own.len() as u64;
    append(name, &mut kept.own);
    state.element = state.element.wrapping_add(1);
    state.left = state.left.wrapping_sub(1);
    if state.left == 0 {
        state.left = state.element;
        values_follow(state, kept, is_packed);
    }
    Ok(Event::Value(Part::Template(Template::Name(name))))
}

/// The listpack of a value: the number of a template, then values in the order of its fields.
pub(crate) fn packed_values<'i: 'e, 'e>(
    state: &mut State,
    at: &Position,
    is_own: bool,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    let Scratch { buffers: [buffer, ..], kept, limits, notes, .. } = scratch;
    let before = cursor.left();
    let packed = read_packed(state, at, before, Container::Listpack, cursor, buffer, *limits, notes)?;
    let mut entries = ListpackEntries::new(packed.blob(), packed.reading());
    let entry_at = entries.at();
    let Some(Scalar::Int(id @ 0..)) = entries.next()? else {
        return Err(Fault::located(&NO_NUMBER, entry_at, 0));
    };
    // In a value with names of its own the number means nothing.
    let names = match kept.numbered.get(&id.cast_unsigned()) {
        _ if is_own => Names { rest: &kept.own },
        Some(names) => Names { rest: names },
        None => return Err(Fault::located(&UNKNOWN_PACKED, entry_at, id.cast_unsigned())),
    };
    let elements = checked(state, Elements::Templated { names, packed }, notes)?;
    state.phase = Phase::KeyEnd;
    Ok(Event::Value(Part::Elements { elements, left: 0 }))
}

/// A value, whose field stands in the template.
pub(crate) fn value<'i: 'e, 'e>(
    state: &mut State,
    is_own: bool,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    let Scratch { buffers: [buffer, ..], kept, limits, .. } = scratch;
    let value = scalar::read(cursor, buffer, *limits)?;
    let all = if is_own { Names { rest: &kept.own } } else { names_of(kept, state.template.id)? };
    let from = all.left().wrapping_sub(state.template.at);
    let rest = usize::try_from(from).ok().and_then(|from| all.rest.get(from..)).unwrap_or_default();
    let mut names = Names { rest };
    let field = names.next().ok_or_else(|| Fault::new(&NO_FIELDS, 0))?;
    let left = state.left.wrapping_sub(1);
    state.template.at = names.left();
    state.left = left;
    state.element = state.element.wrapping_add(1);
    if left == 0 {
        state.phase = Phase::KeyEnd;
    }
    let element = Element::Field { field, value };
    Ok(Event::Value(Part::Elements { elements: Elements::One(element), left }))
}
