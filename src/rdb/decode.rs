//! The decoder: header, records between values, key heads, trailer.

use super::decode_value;
use super::event::{Checksum, Event, Eviction, Key, Span};
use super::key_meta::{self, KeyMeta, MetaClass};
use super::module::{self, ModuleAux, ModuleItem};
use super::opcode;
use super::slots;
use super::stream::StreamState;
use super::template::{self, TemplateState, Templates};
use super::value_type::{self, Layout, Shape, ValueType};
use super::version::{Dialect, Version};
use crate::error::{Cause, Error, ErrorKind, Fault, FaultKind, Form, KeyPreview, Place};
use crate::wire::cursor::Cursor;
use crate::wire::feed::{Feed, Grammar, Limits, Notes, Position, Scratch, Step};
use crate::wire::{Scalar, length, scalar};
use alloc::vec::Vec;

static UNKNOWN_TYPE: Cause = Cause::new(FaultKind::Type, "a value type", Form::Byte);
static UNREADABLE_TYPE: Cause = Cause::new(FaultKind::UnreadableType, "a value type with a settled layout", Form::Byte);
static UNKNOWN_OPCODE: Cause = Cause::new(FaultKind::Opcode, "an opcode", Form::Byte);
static DB_RANGE: Cause = Cause::new(FaultKind::Length, "a database number within 32 bits", Form::Number);
static NO_KEY: Cause = Cause::new(FaultKind::Value, "a key behind its expiry, idle time or frequency", Form::Byte);
static LONG_HEAD: Cause =
    Cause::new(FaultKind::Value, "at most 16 expiries, idle times and frequencies before a key", Form::Number);
static CHECKSUM: Cause = Cause::new(FaultKind::Checksum, "the checksum of the bytes before", Form::Number);
static DESCRIPTION: Cause = Cause::new(FaultKind::Value, "0 or 1 before a function's description", Form::Number);

/// Opcodes stand above every value type that any server writes.
const FIRST_OPCODE: u8 = 0xf0;

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
    /// At the fields of a hash, behind their smallest expiry.
    BehindExpiry,
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
struct Head {
    /// Where it starts; `None` when nothing was read.
    start: Option<u64>,
    expires_at_ms: Option<i64>,
    eviction: Eviction,
}

impl Head {
    const NONE: Self = Self { start: None, expires_at_ms: None, eviction: Eviction::None };
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
    /// What was read of the head of the key that follows.
    head: Head,
    version: Version,
    db: Option<u64>,
    layout: Option<Layout>,
    key: Option<(KeyPreview, &'static str)>,
    key_start: u64,
    /// Whether this is a `DUMP` payload, which ends with its value.
    is_payload: bool,
    /// Whether the checksum covers what was read: not after a resume.
    is_whole: bool,
    /// Checksum of everything up to the EOF opcode, once it was read.
    computed: u64,
    /// What the trailer said of it.
    checksum: Checksum,
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
            FaultKind::UnreadableType => unreadable_type(self.version, fault.word()),
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
                state.phase = if state.is_payload { Phase::Done } else { Phase::Body };
                Ok(emit(Event::KeyEnd { span: Span { start: state.key_start, end: at.offset } }, cursor))
            }
            Phase::Bytes => decode_value::bytes(state, cursor, emit),
            Phase::Nodes => match state.layout {
                Some(Layout { shape: Shape::Nodes { container, has_plain }, unit }) => {
                    let before = cursor.left();
                    decode_value::node(state, at, before, state.left, container, has_plain, unit, cursor, scratch, emit)
                }
                _ => Err(Fault::new(&UNKNOWN_TYPE, 0)),
            },
            Phase::Stream => match state.layout {
                Some(Layout { shape: Shape::Stream(generation), .. }) => {
                    decode_value::stream(state, at, generation, cursor, scratch, emit)
                }
                _ => Err(Fault::new(&UNKNOWN_TYPE, 0)),
            },
            Phase::Module => decode_value::module(state, cursor, scratch, emit),
            Phase::BehindExpiry => match state.layout {
                Some(layout) => decode_value::behind_expiry(state, at, layout, cursor, scratch, emit),
                None => Err(Fault::new(&UNKNOWN_TYPE, 0)),
            },
            Phase::Slots => decode_value::slot(state, cursor, scratch, emit),
            Phase::TemplateValues => match state.layout {
                Some(Layout { shape: Shape::Template { is_own, .. }, .. }) => {
                    template::value(state, is_own, cursor, scratch, emit)
                }
                _ => Err(Fault::new(&UNKNOWN_TYPE, 0)),
            },
            Phase::TemplateNames => match state.layout {
                Some(Layout { shape: Shape::Template { is_packed, .. }, .. }) => {
                    template::own_name(state, is_packed, cursor, scratch, emit)
                }
                _ => Err(Fault::new(&UNKNOWN_TYPE, 0)),
            },
            Phase::TemplatePacked => template::packed_values(state, at, true, cursor, scratch, emit),
            Phase::ModuleAux => module_aux(state, cursor, scratch, emit),
            Phase::KeyMeta | Phase::KeyMetaItem => key_meta(state, cursor, scratch, emit),
            Phase::HashTemplate => template::name(state, cursor, scratch, emit),
            Phase::SlotImport => {
                let range = slots::read_range(cursor)?;
                state.left = state.left.wrapping_sub(1);
                if state.left == 0 {
                    state.phase = Phase::Body;
                }
                Ok(emit(Event::SlotImport(range), cursor))
            }
            Phase::Payload => payload(state, at, cursor, emit),
            Phase::Header => header(state, at, cursor, scratch, emit),
            // A caller goes on behind the trailer by itself.
            Phase::Done => Err(Fault::short(1)),
        }
    }

    fn may_end(state: &State) -> bool {
        state.is_done()
    }
}

/// The header: magic and version.
fn header<'i: 'e, 'e, R>(
    state: &mut State,
    at: &Position,
    cursor: &mut Cursor<'i>,
    scratch: &mut Scratch,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    let start = *cursor;
    let version = Version::read(cursor)?;
    if !version.is_supported() {
        let digits = version.dialect().magic().len() as u64;
        let tolerated = if version.is_later() {
            let offset = at.offset.wrapping_add(digits);
            scratch.notes.tolerate(version.unsupported(), |fault| state.dress(fault, offset))
        } else {
            Err(version.unsupported())
        };
        if let Err(fault) = tolerated {
            *cursor = start;
            cursor.take(digits)?;
            return Err(fault);
        }
    }
    state.version = version;
    state.phase = Phase::Body;
    Ok(emit(Event::Start(version), cursor))
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
    let before = cursor.left();
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
        return record(state, at, head, byte, cursor, scratch, emit);
    };
    *cursor = ahead;
    let limits = scratch.limits;
    if scratch.notes.is_lenient && has_no_elements(value_type, cursor, scratch)? {
        let key = empty_key(state, at, before, value_type, cursor, scratch)?;
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
fn slow_preview(key: Scalar<'_>) -> KeyPreview {
    key.with_text(KeyPreview::new)
}

/// A record that is no key. The cursor stands at its opcode.
#[inline(never)]
fn record<'i: 'e, 'e, R>(
    state: &mut State,
    at: &Position,
    head: Head,
    byte: u8,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    let limits = scratch.limits;
    let Scratch { buffers: [first, second, third, fourth], kept, notes, .. } = scratch;
    let before = cursor.left();
    let mut ahead = *cursor;
    ahead.byte()?;
    let (dialect, number) = (state.version.dialect(), state.version.number());
    // What may stand within the head of a key.
    match byte {
        opcode::KEY_META if dialect == Dialect::Redis && number >= 13 => {
            *cursor = ahead;
            let classes = key_meta::read_classes(cursor)?;
            state.head = head;
            state.left = classes;
            state.phase = Phase::KeyMeta;
            return Ok(emit(Event::KeyMeta(KeyMeta::Classes(classes)), cursor));
        }
        opcode::SLOT_NUM | opcode::RAM_LRU => {
            *cursor = ahead;
            let value = length::read(cursor)?;
            if head.start != Some(at.offset) || head.expires_at_ms.is_some() || head.eviction != Eviction::None {
                state.head = head;
            }
            return Ok(emit(Event::Enterprise { opcode: u64::from(byte), value }, cursor));
        }
        FIRST_OPCODE.. if head.expires_at_ms.is_some() || head.eviction != Eviction::None || state.head.start.is_some() => {
            return Err(Fault::new(&NO_KEY, u64::from(byte)));
        }
        _ => {}
    }
    let event = match byte {
        opcode::SELECT_DB => {
            *cursor = ahead;
            let db = length::read(&mut ahead)?;
            if u32::try_from(db).is_err() {
                return Err(Fault::new(&DB_RANGE, db));
            }
            *cursor = ahead;
            state.db = Some(db);
            Event::SelectDb(db)
        }
        opcode::RESIZE_DB => {
            *cursor = ahead;
            Event::ResizeDb { keys: length::read(cursor)?, expires: length::read(cursor)? }
        }
        opcode::AUX => {
            *cursor = ahead;
            Event::Aux { key: scalar::read(cursor, first, limits)?, value: scalar::read(cursor, second, limits)? }
        }
        opcode::FUNCTION => {
            *cursor = ahead;
            Event::Function { code: scalar::read(cursor, first, limits)? }
        }
        opcode::FUNCTION_PRE_GA => {
            *cursor = ahead;
            let name = scalar::read(cursor, first, limits)?;
            let engine = scalar::read(cursor, second, limits)?;
            let mut ahead = *cursor;
            let has_description = length::read(&mut ahead)?;
            if has_description > 1 {
                return Err(Fault::new(&DESCRIPTION, has_description));
            }
            *cursor = ahead;
            let description = if has_description == 1 { Some(scalar::read(cursor, third, limits)?) } else { None };
            Event::FunctionPreGa { name, engine, description, code: scalar::read(cursor, fourth, limits)? }
        }
        opcode::MODULE_AUX => {
            *cursor = ahead;
            let head = module::read_aux_head(cursor)?;
            state.phase = Phase::ModuleAux;
            Event::ModuleAux(head)
        }
        opcode::SLOT_INFO => {
            *cursor = ahead;
            slots::read_info(cursor, |fault| {
                // A slot is a hint, so a wrong one costs nothing.
                let offset = at.offset.wrapping_add(before.wrapping_sub(ahead.left()));
                notes.tolerate(fault, |fault| state.dress(fault, offset))
            })?
        }
        opcode::SLOT_IMPORT if dialect == Dialect::Valkey => {
            *cursor = ahead;
            let import = slots::read_import(cursor, first, limits)?;
            if let slots::SlotImport::Open { ranges: left @ 1.., .. } = import {
                state.left = left;
                state.phase = Phase::SlotImport;
            }
            Event::SlotImport(import)
        }
        opcode::HASH_TEMPLATE if dialect == Dialect::Redis && number >= 15 => {
            *cursor = ahead;
            template::open(state, cursor, kept, limits)?
        }
        opcode::EOF => end(state, at, cursor, notes)?,
        FIRST_OPCODE.. => return Err(Fault::new(&UNKNOWN_OPCODE, u64::from(byte))),
        _ => {
            // The key of a value that cannot be read, if it is at hand, makes a better message.
            if let Ok(key) = scalar::read(&mut ahead, first, limits) {
                state.key = Some((slow_preview(key), ""));
            } else {
                state.key = None;
            }
            return Err(unknown_type(state.version, byte));
        }
    };
    Ok(emit(event, cursor))
}

/// The fault of a byte that is no type that can be read.
fn unknown_type(version: Version, byte: u8) -> Fault {
    let cause = if value_type::unreadable(version, byte).is_some() { &UNREADABLE_TYPE } else { &UNKNOWN_TYPE };
    Fault::new(cause, u64::from(byte))
}

/// The name of a type that cannot be read, which a fault has no room for.
fn unreadable_type(version: Version, byte: u64) -> ErrorKind {
    let byte = u8::try_from(byte).unwrap_or(u8::MAX);
    ErrorKind::UnreadableType { byte, name: value_type::unreadable(version, byte).unwrap_or("an unsettled type") }
}

/// A share of the metadata of the key that follows.
#[inline(never)]
fn key_meta<'i: 'e, 'e, R>(
    state: &mut State,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    let Scratch { buffers: [buffer, ..], limits, .. } = scratch;
    if state.phase == Phase::KeyMeta {
        let class = MetaClass(u32::from_le_bytes(*cursor.array()?));
        state.left = state.left.wrapping_sub(1);
        state.phase = Phase::KeyMetaItem;
        return Ok(emit(Event::KeyMeta(KeyMeta::Class(class)), cursor));
    }
    let item = module::read_item(cursor, buffer, *limits)?;
    if item == ModuleItem::End {
        state.phase = match state.left {
            0 if state.is_payload => Phase::Payload,
            0 => Phase::Body,
            _ => Phase::KeyMeta,
        };
    }
    Ok(emit(Event::KeyMeta(KeyMeta::Item(item)), cursor))
}

/// The first byte of a `DUMP` payload: a type, perhaps behind metadata.
fn payload<'i: 'e, 'e, R>(
    state: &mut State,
    at: &Position,
    cursor: &mut Cursor<'i>,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    let mut ahead = *cursor;
    let byte = ahead.byte()?;
    let is_redis = state.version.dialect() == Dialect::Redis;
    if byte == opcode::KEY_META && is_redis && state.version.number() >= 13 && state.head.start.is_none() {
        *cursor = ahead;
        let classes = key_meta::read_classes(cursor)?;
        state.head.start = Some(at.offset);
        state.left = classes;
        state.phase = Phase::KeyMeta;
        return Ok(emit(Event::KeyMeta(KeyMeta::Classes(classes)), cursor));
    }
    let value_type = ValueType::from_byte(state.version, byte);
    let Some(value_type) = value_type.filter(|found| !matches!(found.layout().shape, Shape::Template { is_own: false, .. }))
    else {
        let is_opcode = byte >= FIRST_OPCODE;
        return Err(if is_opcode { Fault::new(&UNKNOWN_OPCODE, u64::from(byte)) } else { unknown_type(state.version, byte) });
    };
    *cursor = ahead;
    state.key = Some((KeyPreview::new(b""), value_type.name()));
    state.key_start = state.head.start.unwrap_or(at.offset);
    state.head = Head::NONE;
    state.layout = Some(value_type.layout());
    state.phase = Phase::ValueStart;
    let key = Key { key: Scalar::Bytes(b""), value_type, db: 0, expires_at_ms: None, eviction: Eviction::None };
    Ok(emit(Event::Key(key), cursor))
}

/// The EOF opcode and, from RDB 5, the checksum.
fn end<'e>(state: &mut State, at: &Position, cursor: &mut Cursor<'_>, notes: &mut Notes) -> Result<Event<'e>, Fault> {
    let before = cursor.left();
    let coming = cursor.rest();
    let mut ahead = *cursor;
    ahead.byte()?;
    *cursor = ahead;
    let stored = if state.version.has_checksum() { Some(u64::from_le_bytes(*ahead.array()?)) } else { None };
    let computed = at.checksum(coming, 1);
    let checksum = match stored {
        None => Checksum::Absent,
        Some(_) if !state.is_whole => Checksum::Unchecked,
        Some(0) => Checksum::Off,
        Some(stored) if stored == computed => Checksum::Verified,
        Some(stored) => {
            state.computed = computed;
            let offset = at.offset.wrapping_add(before.wrapping_sub(cursor.left()));
            notes.tolerate(Fault::new(&CHECKSUM, stored), |fault| state.dress(fault, offset))?;
            Checksum::Wrong
        }
    };
    *cursor = ahead;
    state.computed = computed;
    state.checksum = checksum;
    state.phase = Phase::Done;
    Ok(Event::End(checksum))
}

/// One item of module data outside of keys.
fn module_aux<'i: 'e, 'e, R>(
    state: &mut State,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    let limits = scratch.limits;
    let [buffer, ..] = &mut scratch.buffers;
    let item = module::read_item(cursor, buffer, limits)?;
    if item == ModuleItem::End {
        state.phase = Phase::Body;
    }
    Ok(emit(Event::ModuleAux(ModuleAux::Item(item)), cursor))
}

/// What a whole snapshot was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The header.
    pub version: Version,
    /// What is known of the checksum.
    pub checksum: Checksum,
    /// Bytes behind the trailer, if there are any.
    pub trailing: Option<Span>,
}

/// Reads a snapshot from chunks of any size, one event a step.
///
/// ```
/// use aikv::rdb::{Decoder, Event};
///
/// // k = v, as any server from 2.6 on reads it.
/// let file = b"REDIS0006\xfe\x00\x00\x01k\x01v\xff\xad\xa9\x76\x55\x98\x18\x18\x22";
/// let mut decoder = Decoder::new();
/// let mut input = &file[..];
/// let mut keys = 0;
/// while !input.is_empty() {
///     let step = decoder.step(input).map_err(|fault| fault).unwrap();
///     input = &input[step.consumed..];
///     if let Some(Event::Key(key)) = step.event {
///         assert_eq!(key.key.to_vec(), b"k");
///         keys += 1;
///     }
/// }
/// decoder.finish()?;
/// assert_eq!(keys, 1);
/// # Ok::<(), aikv::Error>(())
/// ```
pub struct Decoder {
    feed: Feed<RdbGrammar>,
    tail: Tail,
}

/// What stands behind the trailer.
#[derive(Default)]
struct Tail {
    /// The first eight bytes: the checksum that some writers put behind RDB 1 to 4.
    first: [u8; 8],
    len: u64,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder for a snapshot from its first byte on.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// As [`Decoder::new`], with bounds on what one item may occupy.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self { feed: Feed::new(State::new(), 0, limits), tail: Tail::default() }
    }

    /// A decoder that starts between keys, `offset` bytes into a snapshot of
    /// `version`, in database `db`. The start of a [`Event::KeyEnd`] span is such
    /// a place. No checksum is verified.
    #[must_use]
    pub fn resume(version: Version, db: u64, offset: u64, limits: Limits) -> Self {
        let state = State { phase: Phase::Body, version, db: Some(db), is_whole: false, ..State::new() };
        Self { feed: Feed::new(state, offset, limits), tail: Tail::default() }
    }

    /// A decoder of what `DUMP` gave, without the ten bytes of version and checksum at its end:
    /// an [`Event::Key`] with an empty name, the value, an [`Event::KeyEnd`].
    pub(crate) fn payload(version: Version, limits: Limits) -> Self {
        let state = State { phase: Phase::Payload, version, is_payload: true, is_whole: false, ..State::new() };
        Self { feed: Feed::new(state, 0, limits), tail: Tail::default() }
    }

    /// Goes on where the framing is whole: reads later versions as the last one known, skips keys
    /// without elements, passes over what some server tolerates. [`Decoder::deviations`] tells of each.
    #[must_use]
    pub fn leniently(mut self) -> Self {
        self.feed.scratch_mut().notes.is_lenient = true;
        self
    }

    /// Whether this decoder is lenient.
    #[must_use]
    pub fn is_lenient(&self) -> bool {
        self.feed.scratch().notes.is_lenient
    }

    /// What a lenient decoder passed over since the last call.
    pub fn deviations(&mut self) -> Vec<Error> {
        self.feed.take_notes()
    }

    /// The hash templates read so far.
    #[must_use]
    pub fn templates(&self) -> Templates {
        Templates(self.feed.scratch().kept.numbered.clone())
    }

    /// Lets hashes refer to these templates, for a decoder that does not read the head of the file.
    #[must_use]
    pub fn with_templates(mut self, templates: Templates) -> Self {
        self.feed.scratch_mut().kept.numbered = templates.0;
        self
    }

    /// Reads at most one event from the front of `input`. Bytes that are not
    /// consumed come again first, unchanged. The event lives until the next call.
    ///
    /// # Errors
    /// The first fault; the decoder stays failed and says it again. See [`Decoder::dress`].
    #[inline(always)]
    pub fn step<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<'a, Event<'a>>, Fault> {
        if self.feed.state().is_done() { Ok(self.tail.take(input)) } else { self.feed.step(input) }
    }

    /// Adds offset, database, key and element to a fault of [`Decoder::step`] or
    /// of the elements of its last event.
    #[must_use]
    pub fn dress(&self, fault: Fault) -> Error {
        self.feed.state().dress(fault, self.feed.fault_offset())
    }

    /// Bytes read, counted from the start of the snapshot.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.feed.offset()
    }

    /// The header; `None` before it was read.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        let state = self.feed.state();
        Some(state.version).filter(|_| state.phase != Phase::Header)
    }

    /// Whether the trailer was read: what comes then is not part of the snapshot.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.feed.state().is_done()
    }

    /// Says that no bytes follow.
    ///
    /// # Errors
    /// `Truncated` where the snapshot is not whole; `BadChecksum` where the eight
    /// bytes behind RDB 1 to 4 are not its checksum; a fault that [`Decoder::step`]
    /// has said already.
    pub fn finish(mut self) -> Result<Summary, Error> {
        if let Err(fault) = self.feed.finish() {
            return Err(self.dress(fault));
        }
        let state = self.feed.state();
        let end = self.feed.offset();
        let mut checksum = state.checksum;
        let mut trailing = Span { start: end, end: end.saturating_add(self.tail.len) };
        if checksum == Checksum::Absent && self.tail.len == 8 {
            checksum = match u64::from_le_bytes(self.tail.first) {
                0 => Checksum::Off,
                stored if stored == state.computed => Checksum::Verified,
                stored => return Err(state.dress(Fault::new(&CHECKSUM, stored), end)),
            };
            trailing.start = trailing.end;
        }
        let trailing = Some(trailing).filter(|span| !span.is_empty());
        Ok(Summary { version: state.version, checksum, trailing })
    }
}

impl Tail {
    #[cold]
    #[inline(never)]
    fn take<'a>(&mut self, input: &'a [u8]) -> Step<'a, Event<'a>> {
        let held = usize::try_from(self.len).unwrap_or(usize::MAX);
        for (to, from) in self.first.iter_mut().skip(held).zip(input) {
            *to = *from;
        }
        self.len = self.len.saturating_add(input.len() as u64);
        Step { consumed: input.len(), raw: input, event: None }
    }
}
