//! The snapshot grammar: where in a snapshot the next step stands, key heads, and which step is next.

use super::decode_stream::StreamState;
use super::decode_value;
use super::event::{Checksum, Event, Eviction, Key, Span};
use super::opcode;
use super::record;
use super::skip::{self, Skip};
use super::template::{self, TemplateState};
use super::value_type::{Layout, Shape, ValueType};
use super::version::Version;
use crate::error::{Cause, Error, Fault, FaultKind, Form, KeyPreview, Place};
use crate::wire::cursor::Cursor;
use crate::wire::feed::{Grammar, Position, Scratch};
use crate::wire::{Scalar, length, scalar};

pub(crate) static UNKNOWN_TYPE: Cause = Cause::new(FaultKind::Type, "a value type", Form::Byte);
static LONG_HEAD: Cause =
    Cause::new(FaultKind::Value, "at most 16 expiries, idle times and frequencies before a key", Form::Number);

/// Opcodes before a key. Servers write two at most and read any number; but a
/// key head is one step, and a step without end could be read again and again.
const MAX_HEAD_OPCODES: u64 = 16;

/// What the next step is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u64)]
pub(crate) enum Phase {
    Header,
    /// Between keys.
    Body,
    /// A key head was read.
    ValueStart,
    /// Within a long string.
    Bytes,
    /// Within a counted value.
    Counted,
    /// Within an array.
    Slots,
    /// Within a list of nodes.
    Nodes,
    Stream,
    Module,
    /// Within the names in front of a value.
    TemplateNames,
    /// At the listpack behind such names.
    TemplatePacked,
    /// Within values whose names a template has.
    TemplateValues,
    /// Within a value that is passed over.
    Skip,
    /// The value is whole.
    KeyEnd,
    /// Within module data outside of keys.
    ModuleAux,
    /// Before a class of a key's metadata.
    KeyMeta,
    /// Within a class of a key's metadata.
    KeyMetaItem,
    /// Within a template at the head of the file.
    HashTemplate,
    SlotImport,
    /// At the first byte of a `DUMP` payload.
    Payload,
    /// Behind the trailer.
    Done,
}

/// Where the last packed blob stands in the stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Blob {
    /// First byte of the blob, or of the compressed string that holds it.
    pub(crate) start: u64,
    /// 1 where the blob stands in the stream as it is.
    pub(crate) is_plain: u64,
}

/// What stands before a key, as far as it was read in steps before the key's own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Head {
    /// Where it starts; `None` when nothing was read.
    pub(crate) start: Option<u64>,
    pub(crate) expires_at_ms: Option<i64>,
    pub(crate) eviction: Eviction,
}

impl Head {
    pub(crate) const NONE: Self = Self { start: None, expires_at_ms: None, eviction: Eviction::None };
}

/// Where in a snapshot the next step stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// Elements, nodes or bytes still to come.
    pub(crate) left: u64,
    /// Elements read of the value.
    pub(crate) element: u64,
    pub(crate) blob: Blob,
    pub(crate) stream: StreamState,
    pub(crate) template: TemplateState,
    /// The smallest expiry that stands in front of a hash's fields.
    pub(crate) first_expiry: i64,
    /// In a value that is passed over.
    pub(crate) skip: Skip,
    /// What was read of the head of the key that follows.
    pub(crate) head: Head,
    pub(crate) version: Version,
    pub(crate) db: Option<u64>,
    pub(crate) layout: Option<Layout>,
    pub(crate) key: Option<(KeyPreview, &'static str)>,
    pub(crate) key_start: u64,
    /// Whether this is a `DUMP` payload, which ends with its value.
    pub(crate) is_payload: bool,
    /// Whether the checksum covers what was read: not after a resume.
    pub(crate) is_whole: bool,
    /// Checksum of everything up to the EOF opcode, once it was read.
    pub(crate) computed: u64,
    /// What the trailer said of it.
    pub(crate) checksum: Checksum,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Header,
            left: 0,
            element: 0,
            blob: Blob { start: 0, is_plain: 0 },
            stream: StreamState::default(),
            template: TemplateState::default(),
            first_expiry: 0,
            skip: Skip::NONE,
            head: Head::NONE,
            version: Version::redis(0),
            db: None,
            layout: None,
            key: None,
            key_start: 0,
            is_payload: false,
            is_whole: true,
            computed: 0,
            checksum: Checksum::Unchecked,
        }
    }

    /// Whether the trailer was read.
    pub(crate) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// The key end, at `end` of the stream.
    #[inline(always)]
    pub(crate) fn end_key<'e>(&mut self, end: u64) -> Event<'e> {
        self.phase = if self.is_payload { Phase::Done } else { Phase::Body };
        Event::KeyEnd { span: Span { start: self.key_start, end } }
    }

    /// Passes over what is left of the value in hand, if there is one.
    pub(crate) fn skip_value(&mut self) {
        match self.phase {
            Phase::ValueStart | Phase::Bytes | Phase::Counted | Phase::Slots | Phase::Nodes | Phase::Stream | Phase::Module => {}
            Phase::TemplateNames | Phase::TemplatePacked | Phase::TemplateValues => {}
            _ => return,
        }
        self.skip.phase = self.phase;
        self.phase = Phase::Skip;
    }

    /// Dresses `fault`, found in an item that starts at `item_offset`.
    pub(crate) fn dress(&self, fault: Fault, item_offset: u64) -> Error {
        let offset = match fault.blob_offset() {
            Some(inner) if self.blob.is_plain == 1 => self.blob.start.saturating_add(inner),
            Some(_) => self.blob.start,
            None => item_offset.saturating_add(fault.item_offset()),
        };
        let is_in_value = match self.phase {
            Phase::Header | Phase::Body | Phase::ModuleAux | Phase::HashTemplate | Phase::SlotImport | Phase::Payload => false,
            Phase::KeyMeta | Phase::KeyMetaItem | Phase::Done => false,
            _ => !self.is_payload || self.layout.is_some(),
        };
        let mut place = Place { db: self.db, ..Place::default() };
        let is_of_key =
            is_in_value || matches!(fault.kind(), FaultKind::Type | FaultKind::UnreadableType) || decode_value::says_empty(fault);
        if let Some((key, value_type)) = self.key.filter(|_| is_of_key) {
            place.key = Some(key).filter(|_| !self.is_payload);
            place.value_type = Some(value_type).filter(|name| !name.is_empty());
        }
        if matches!(self.phase, Phase::Counted | Phase::Slots | Phase::TemplateValues) {
            place.element = Some(self.element);
        }
        let kind = match fault.kind() {
            FaultKind::UnreadableType => record::unreadable_type(self.version, fault.word()),
            _ => fault.error_kind(self.computed),
        };
        Error::new(kind, offset, place)
    }
}

/// The snapshot grammar.
pub(crate) struct RdbGrammar;

impl Grammar for RdbGrammar {
    type Event<'e> = Event<'e>;
    type State = State;

    #[inline(always)]
    fn advance<'i: 'e, 'e, R>(
        state: &mut State,
        at: &Position,
        cursor: &mut Cursor<'i>,
        scratch: &'e mut Scratch,
        emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
    ) -> Result<R, Fault> {
        match state.phase {
            Phase::Body => body(state, at, cursor, scratch, emit),
            Phase::ValueStart => match state.layout {
                Some(layout) => decode_value::start(state, at, layout, cursor, scratch, emit),
                None => Err(Fault::new(&UNKNOWN_TYPE, 0)),
            },
            Phase::Counted => match state.layout {
                Some(Layout { unit, .. }) => decode_value::counted(state, state.left, unit, cursor, scratch, emit),
                None => Err(Fault::new(&UNKNOWN_TYPE, 0)),
            },
            Phase::KeyEnd => {
                let event = state.end_key(at.offset);
                Ok(emit(event, cursor))
            }
            Phase::Bytes => decode_value::bytes(state, cursor, emit),
            Phase::Skip => {
                let end = skip::value(state, at, cursor, scratch)?;
                let event = state.end_key(end);
                Ok(emit(event, cursor))
            }
            _ => {
                let event = rare(state, at, cursor, scratch)?;
                Ok(emit(event, cursor))
            }
        }
    }

    fn may_end(state: &State) -> bool {
        state.is_done()
    }

    fn is_skipping(state: &State) -> bool {
        state.phase == Phase::Skip
    }

    fn is_held(event: &Event<'_>) -> bool {
        // Only what was passed over belongs to a key end.
        !matches!(event, Event::KeyEnd { .. })
    }
}

/// The steps that are few or long. There is one copy of them, whatever becomes of the event.
#[inline(never)]
pub(crate) fn rare<'i: 'e, 'e>(
    state: &mut State,
    at: &Position,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    match (state.phase, state.layout) {
        (Phase::ValueStart, Some(layout)) => decode_value::start_rare(state, at, layout, cursor, scratch),
        (Phase::Nodes, Some(Layout { shape: Shape::Nodes { container, has_plain }, unit })) => {
            let before = cursor.left();
            decode_value::node(state, at, before, state.left, container, has_plain, unit, cursor, scratch)
        }
        (Phase::Stream, Some(Layout { shape: Shape::Stream(generation), .. })) => {
            decode_value::stream(state, at, generation, cursor, scratch)
        }
        (Phase::Module, _) => decode_value::module(state, cursor, scratch),
        (Phase::Slots, _) => decode_value::slot(state, cursor, scratch),
        (Phase::TemplateValues, Some(Layout { shape: Shape::Template { is_own, .. }, .. })) => {
            template::value(state, is_own, cursor, scratch)
        }
        (Phase::TemplateNames, Some(Layout { shape: Shape::Template { is_packed, .. }, .. })) => {
            template::own_name(state, is_packed, cursor, scratch)
        }
        (Phase::TemplatePacked, _) => template::packed_values(state, at, true, cursor, scratch),
        (Phase::ModuleAux, _) => record::module_aux(state, cursor, scratch),
        (Phase::KeyMeta | Phase::KeyMetaItem, _) => record::key_meta(state, cursor, scratch),
        (Phase::HashTemplate, _) => template::name(state, cursor, scratch),
        (Phase::SlotImport, _) => record::slot_range(state, cursor),
        (Phase::Payload, _) => record::payload(state, at, cursor),
        (Phase::Header, _) => record::header(state, at, cursor, scratch),
        // A caller goes on behind the trailer by itself.
        (Phase::Done, _) => Err(Fault::short(1)),
        _ => Err(Fault::new(&UNKNOWN_TYPE, 0)),
    }
}

/// A key head, or a record between keys.
#[inline(always)]
fn body<'i: 'e, 'e, R>(
    state: &mut State,
    at: &Position,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    let Head { mut expires_at_ms, mut eviction, .. } = state.head;
    let start = *cursor;
    let mut opcodes = 0u64;
    let mut ahead = *cursor;
    let byte = loop {
        let byte = ahead.byte()?;
        match byte {
            opcode::EXPIRE_MS => expires_at_ms = Some(i64::from_le_bytes(*ahead.array()?)),
            opcode::EXPIRE_S => {
                let seconds = i64::from(i32::from_le_bytes(*ahead.array()?));
                expires_at_ms = Some(seconds.wrapping_mul(1000));
            }
            opcode::FREQ => eviction = Eviction::Freq(u64::from(ahead.byte()?)),
            opcode::IDLE => {
                *cursor = ahead;
                eviction = Eviction::Idle(length::read(&mut ahead)?);
            }
            _ => break byte,
        }
        opcodes = opcodes.wrapping_add(1);
        if opcodes > MAX_HEAD_OPCODES {
            return Err(Fault::new(&LONG_HEAD, opcodes));
        }
        *cursor = ahead;
    };
    let Some(value_type) = ValueType::from_byte(state.version, byte) else {
        let head = Head { start: state.head.start.or(Some(at.offset)), expires_at_ms, eviction };
        let event = record::read(state, at, head, start, byte, cursor, scratch)?;
        return Ok(emit(event, cursor));
    };
    *cursor = ahead;
    let limits = scratch.limits;
    if scratch.notes.is_lenient && has_no_elements(value_type, cursor, scratch)? {
        let key = empty_key(state, at, start.left(), value_type, cursor, scratch)?;
        let db = state.db.unwrap_or(0);
        return Ok(emit(Event::EmptyKey(Key { key, value_type, db, expires_at_ms, eviction }), cursor));
    }
    let [buffer, ..] = &mut scratch.buffers;
    let key_at = cursor.rest();
    let key = scalar::read(cursor, buffer, limits)?;
    let preview = preview(key, key_at, cursor.rest().len());
    let db = state.db.unwrap_or(0);
    state.key = Some((preview, value_type.name()));
    state.key_start = match state.head.start {
        None => at.offset,
        Some(start) => {
            state.head = Head::NONE;
            start
        }
    };
    state.layout = Some(value_type.layout());
    state.element = 0;
    state.phase = Phase::ValueStart;
    Ok(emit(Event::Key(Key { key, value_type, db, expires_at_ms, eviction }), cursor))
}

/// Whether the value behind a key has no elements: servers skip the key in a file. What is wrong
/// with the value is said where it is read; the cursor moves only where it runs short.
#[cold]
#[inline(never)]
fn has_no_elements(value_type: ValueType, cursor: &mut Cursor<'_>, scratch: &mut Scratch) -> Result<bool, Fault> {
    let Scratch { buffers: [buffer, ..], limits, .. } = scratch;
    let mut ahead = *cursor;
    scalar::read(&mut ahead, buffer, *limits)?;
    let value = ahead;
    match decode_value::is_empty(value_type.layout(), &mut ahead, buffer, *limits) {
        Err(fault) if fault.kind() == FaultKind::Short => {
            *cursor = value;
            Err(fault)
        }
        found => Ok(found.unwrap_or(false)),
    }
}

/// A key whose value has no elements; the cursor moves behind the value. `before` is what the
/// cursor had left at the step's start.
#[cold]
#[inline(never)]
fn empty_key<'i: 'e, 'e>(
    state: &mut State,
    at: &Position,
    before: u64,
    value_type: ValueType,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Scalar<'e>, Fault> {
    let Scratch { buffers: [first, second, ..], limits, notes, .. } = scratch;
    let key = scalar::read(cursor, first, *limits)?;
    let offset = at.offset.wrapping_add(before.wrapping_sub(cursor.left()));
    decode_value::is_empty(value_type.layout(), cursor, second, *limits)?;
    notes.tolerate(decode_value::empty(), |fault| {
        let place = Place { db: state.db, key: Some(slow_preview(key)), value_type: Some(value_type.name()), element: None };
        Error::new(fault.error_kind(0), offset, place)
    })?;
    state.head = Head::NONE;
    Ok(key)
}

/// The beginning of a key for messages. A window of fixed size is copied
/// where the chunk has one: a copy of the key's own length costs more.
#[inline(always)]
fn preview(key: Scalar<'_>, before: &[u8], after: usize) -> KeyPreview {
    if let Scalar::Bytes(bytes) = key {
        let used = before.len().wrapping_sub(after);
        if let Some(head) = used.checked_sub(bytes.len())
            && let Some(window) = before.get(head..).and_then(<[u8]>::first_chunk)
            && before.get(head..used).is_some_and(|same| core::ptr::eq(same, bytes))
        {
            return KeyPreview::from_window(window, bytes.len() as u64);
        }
    }
    slow_preview(key)
}

#[cold]
#[inline(never)]
pub(crate) fn slow_preview(key: Scalar<'_>) -> KeyPreview {
    key.with_text(KeyPreview::new)
}
