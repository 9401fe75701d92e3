//! What is no key: header, records between keys, metadata in front of one, trailer; and the
//! first byte of a `DUMP` payload.

use super::decode::{Head, Phase, State, UNKNOWN_TYPE, slow_preview};
use super::event::{Checksum, Event, Eviction, Key};
use super::key_meta::{self, KeyMeta, MetaClass};
use super::module::{self, ModuleAux, ModuleItem};
use super::opcode;
use super::slots;
use super::template;
use super::value_type::{self, Shape, ValueType};
use super::version::{Dialect, Version};
use crate::error::{Cause, ErrorKind, Fault, FaultKind, Form, KeyPreview};
use crate::wire::cursor::Cursor;
use crate::wire::feed::{Limits, Notes, Position, Scratch};
use crate::wire::{Scalar, length, scalar};
use alloc::vec::Vec;

pub(crate) static CHECKSUM: Cause = Cause::new(FaultKind::Checksum, "the checksum of the bytes before", Form::Number);
static UNREADABLE_TYPE: Cause = Cause::new(FaultKind::UnreadableType, "a value type with a settled layout", Form::Byte);
static UNKNOWN_OPCODE: Cause = Cause::new(FaultKind::Opcode, "an opcode", Form::Byte);
static DB_RANGE: Cause = Cause::new(FaultKind::Length, "a database number within 32 bits", Form::Number);
static NO_KEY: Cause = Cause::new(FaultKind::Value, "a key behind its expiry, idle time or frequency", Form::Byte);
static DESCRIPTION: Cause = Cause::new(FaultKind::Value, "0 or 1 before a function's description", Form::Number);

/// Opcodes stand above every value type that any server writes.
const FIRST_OPCODE: u8 = 0xf0;

/// The header: magic and version.
pub(crate) fn header<'i: 'e, 'e>(
    state: &mut State,
    at: &Position,
    cursor: &mut Cursor<'i>,
    scratch: &mut Scratch,
) -> Result<Event<'e>, Fault> {
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
    Ok(Event::Start(version))
}

/// A record that is no key. The cursor stands at its opcode, `start` at the first byte of the step.
#[allow(clippy::too_many_arguments)] // a step's whole context, in one place
#[inline(never)]
pub(crate) fn read<'i: 'e, 'e>(
    state: &mut State,
    at: &Position,
    head: Head,
    start: Cursor<'i>,
    byte: u8,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    let limits = scratch.limits;
    let Scratch { buffers: [first, second, third, fourth], kept, notes, .. } = scratch;
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
            return Ok(Event::KeyMeta(KeyMeta::Classes(classes)));
        }
        opcode::SLOT_NUM | opcode::RAM_LRU => {
            *cursor = ahead;
            let value = length::read(cursor)?;
            if head.start != Some(at.offset) || head.expires_at_ms.is_some() || head.eviction != Eviction::None {
                state.head = head;
            }
            return Ok(Event::Enterprise { opcode: u64::from(byte), value });
        }
        _ => {}
    }
    // Servers let what they have read wait for the next key, behind whatever record stands here.
    let waits = head.expires_at_ms.is_some() || head.eviction != Eviction::None || state.head.start.is_some();
    let waits = waits && byte >= FIRST_OPCODE;
    if waits {
        let offset = at.offset.wrapping_add(start.left().wrapping_sub(cursor.left()));
        notes.tolerate(Fault::new(&NO_KEY, u64::from(byte)), |fault| state.dress(fault, offset))?;
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
                let offset = at.offset.wrapping_add(start.left().wrapping_sub(ahead.left()));
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
        opcode::EOF => end(state, at, start, cursor, notes)?,
        FIRST_OPCODE.. => return Err(Fault::new(&UNKNOWN_OPCODE, u64::from(byte))),
        _ => {
            state.key = key_behind(&mut ahead, first, limits)?;
            return Err(unknown_type(state.version, byte));
        }
    };
    if waits {
        state.head = head;
    }
    Ok(event)
}

/// The key of a value that cannot be read: it makes a better message, if it is one. It is waited for,
/// so that the message does not depend on chunks; a longer one may be no key at all.
fn key_behind(
    cursor: &mut Cursor<'_>,
    buffer: &mut Vec<u8>,
    limits: Limits,
) -> Result<Option<(KeyPreview, &'static str)>, Fault> {
    /// Longer keys are not worth the wait.
    const LONGEST: u64 = 1024;
    if cursor.rest().first().is_some_and(|lead| *lead >= 0xc3) {
        // Compressed, or no string: what it would take is not known.
        return Ok(None);
    }
    match scalar::read_head(cursor, LONGEST, buffer, limits) {
        Ok(scalar::Head::Whole(key)) => Ok(Some((slow_preview(key), ""))),
        Err(fault) if fault.kind() == FaultKind::Short => Err(fault),
        Ok(scalar::Head::Plain(_)) | Err(_) => Ok(None),
    }
}

/// The fault of a byte that is no type that can be read.
fn unknown_type(version: Version, byte: u8) -> Fault {
    let cause = if value_type::unreadable(version, byte).is_some() { &UNREADABLE_TYPE } else { &UNKNOWN_TYPE };
    Fault::new(cause, u64::from(byte))
}

/// The name of a type that cannot be read, which a fault has no room for.
pub(crate) fn unreadable_type(version: Version, byte: u64) -> ErrorKind {
    let byte = u8::try_from(byte).unwrap_or(u8::MAX);
    ErrorKind::UnreadableType { byte, name: value_type::unreadable(version, byte).unwrap_or("an unsettled type") }
}

/// A share of the metadata of the key that follows.
#[inline(never)]
pub(crate) fn key_meta<'i: 'e, 'e>(
    state: &mut State,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    let Scratch { buffers: [buffer, ..], limits, .. } = scratch;
    if state.phase == Phase::KeyMeta {
        let class = MetaClass(u32::from_le_bytes(*cursor.array()?));
        state.left = state.left.wrapping_sub(1);
        state.phase = Phase::KeyMetaItem;
        return Ok(Event::KeyMeta(KeyMeta::Class(class)));
    }
    let item = module::read_item(cursor, buffer, *limits)?;
    if item == ModuleItem::End {
        state.phase = match state.left {
            0 if state.is_payload => Phase::Payload,
            0 => Phase::Body,
            _ => Phase::KeyMeta,
        };
    }
    Ok(Event::KeyMeta(KeyMeta::Item(item)))
}

/// The first byte of a `DUMP` payload: a type, perhaps behind metadata.
pub(crate) fn payload<'i: 'e, 'e>(state: &mut State, at: &Position, cursor: &mut Cursor<'i>) -> Result<Event<'e>, Fault> {
    let mut ahead = *cursor;
    let byte = ahead.byte()?;
    let is_redis = state.version.dialect() == Dialect::Redis;
    if byte == opcode::KEY_META && is_redis && state.version.number() >= 13 && state.head.start.is_none() {
        *cursor = ahead;
        let classes = key_meta::read_classes(cursor)?;
        state.head.start = Some(at.offset);
        state.left = classes;
        state.phase = Phase::KeyMeta;
        return Ok(Event::KeyMeta(KeyMeta::Classes(classes)));
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
    Ok(Event::Key(key))
}

/// The EOF opcode and, from RDB 5, the checksum. `start` stands at the first byte of the step.
fn end<'e>(
    state: &mut State,
    at: &Position,
    start: Cursor<'_>,
    cursor: &mut Cursor<'_>,
    notes: &mut Notes,
) -> Result<Event<'e>, Fault> {
    let mut ahead = *cursor;
    ahead.byte()?;
    *cursor = ahead;
    let stored = if state.version.has_checksum() { Some(u64::from_le_bytes(*ahead.array()?)) } else { None };
    let summed = start.rest().len().wrapping_sub(cursor.rest().len());
    let computed = at.checksum(start.rest(), summed);
    let checksum = match stored {
        None => Checksum::Absent,
        Some(_) if !state.is_whole => Checksum::Unchecked,
        Some(0) => Checksum::Off,
        Some(stored) if stored == computed => Checksum::Verified,
        Some(stored) => {
            state.computed = computed;
            let offset = at.offset.wrapping_add(start.left().wrapping_sub(cursor.left()));
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
pub(crate) fn module_aux<'i: 'e, 'e>(
    state: &mut State,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<Event<'e>, Fault> {
    let limits = scratch.limits;
    let [buffer, ..] = &mut scratch.buffers;
    let item = module::read_item(cursor, buffer, limits)?;
    if item == ModuleItem::End {
        state.phase = Phase::Body;
    }
    Ok(Event::ModuleAux(ModuleAux::Item(item)))
}

/// A range of a slot import.
pub(crate) fn slot_range<'e>(state: &mut State, cursor: &mut Cursor<'_>) -> Result<Event<'e>, Fault> {
    let range = slots::read_range(cursor)?;
    state.left = state.left.wrapping_sub(1);
    if state.left == 0 {
        state.phase = Phase::Body;
    }
    Ok(Event::SlotImport(range))
}
