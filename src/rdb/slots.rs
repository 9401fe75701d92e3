//! Slots of a cluster: hints about what they hold, and imports in progress.
//!
//! ```text
//! F4 | length slot, length keys, length expires                                        Redis, RDB >= 12
//! F3 | string job (40 bytes) | length ranges, ranges x { length first, length last }   Valkey, RDB >= 80
//! ```
//! Source: Redis 8.0 `rdb.c` `rdbSaveRio()`; Valkey 9.1 `cluster_migrateslots.c` `clusterRDBSaveSlotImports()`.

use super::event::Event;
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::cursor::Cursor;
use crate::wire::feed::Limits;
use crate::wire::{Scalar, length, scalar};
use alloc::vec::Vec;

/// Slots of a cluster.
const SLOTS: u64 = 16_384;
/// Bytes of an import job's name.
const JOB_BYTES: u64 = 40;

static SLOT: Cause = Cause::new(FaultKind::Length, "a slot below 16384", Form::Number);
static RANGE: Cause = Cause::new(FaultKind::Value, "a range of slots that begins before it ends", Form::Number);
static JOB: Cause = Cause::new(FaultKind::Value, "the name of an import job, 40 bytes", Form::Number);

/// A share of a slot import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotImport<'a> {
    /// The beginning.
    Open {
        /// Name of the import job, 40 bytes.
        job: Scalar<'a>,
        /// Ranges that follow.
        ranges: u64,
    },
    /// Slots that are imported, both ends included.
    Range {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
}

/// Whether an aux field of this name is a hint inside of a database, about a slot, as Valkey writes it.
pub(crate) fn is_hint_field(name: Scalar<'_>) -> bool {
    name.with_text(|name| name.eq_ignore_ascii_case(b"slot-info"))
}

/// A slot's hint. The cursor stands behind its opcode, on a fault at the slot.
pub(crate) fn read_info<'e>(
    cursor: &mut Cursor<'_>,
    tolerate: impl FnOnce(Fault) -> Result<(), Fault>,
) -> Result<Event<'e>, Fault> {
    let start = *cursor;
    let (slot, keys, expires) = (length::read(cursor)?, length::read(cursor)?, length::read(cursor)?);
    if slot >= SLOTS {
        tolerate(Fault::new(&SLOT, slot)).inspect_err(|_| *cursor = start)?;
    }
    Ok(Event::SlotInfo { slot, keys, expires })
}

fn read_slot(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    let mut ahead = *cursor;
    let slot = length::read(&mut ahead)?;
    if slot >= SLOTS {
        return Err(Fault::new(&SLOT, slot));
    }
    *cursor = ahead;
    Ok(slot)
}

/// The beginning of a slot import. The cursor stands behind its opcode.
pub(crate) fn read_import<'i: 'e, 'e>(
    cursor: &mut Cursor<'i>,
    buffer: &'e mut Vec<u8>,
    limits: Limits,
) -> Result<SlotImport<'e>, Fault> {
    let mut ahead = *cursor;
    let job = scalar::read(&mut ahead, buffer, limits)?;
    if job.text_len() != JOB_BYTES {
        return Err(Fault::new(&JOB, job.text_len()));
    }
    *cursor = ahead;
    Ok(SlotImport::Open { job, ranges: length::read(cursor)? })
}

/// A range of a slot import.
pub(crate) fn read_range<'e>(cursor: &mut Cursor<'_>) -> Result<SlotImport<'e>, Fault> {
    let start = *cursor;
    let first = read_slot(cursor)?;
    let last = read_slot(cursor)?;
    if last < first {
        *cursor = start;
        return Err(Fault::new(&RANGE, first));
    }
    Ok(SlotImport::Range { first, last })
}
