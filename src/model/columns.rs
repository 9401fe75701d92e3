//! Rows as columns, in segments that are filled once and never moved.
//!
//! ```text
//! a segment: 8192 rows, one vector a column, 42 bytes a row
//! key bytes: blocks of 256 KiB, a longer key in a block of its own
//! wide:      the rare number that needs more than 32 bits
//! ```

use crate::rdb::{Eviction, Kind, ModuleId, Span, ValueType, Version};
use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::mem::size_of;

/// Rows of a segment, as a power of two.
const SEGMENT_BITS: u32 = 13;
const SEGMENT_ROWS: usize = 1 << SEGMENT_BITS;

/// Bytes of a block of keys, as a power of two.
const BLOCK_BITS: u32 = 18;
const BLOCK_BYTES: u64 = 1 << BLOCK_BITS;

/// Stands in a 32-bit column for a number that is in [`Columns::wide`].
const IS_WIDE: u32 = u32::MAX;

const HAS_EXPIRY: u8 = 1;
const HAS_FREQ: u8 = 2;
const HAS_IDLE: u8 = 4;

/// Columns whose numbers may need more than 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Number {
    Bytes,
    Elements,
    Eviction,
    Memory,
    Start,
}

struct Wide {
    row: u32,
    column: Number,
    value: u64,
}

#[derive(Default)]
struct Segment {
    /// Where the key bytes of the first row stand in the blocks.
    key_base: u64,
    /// Offset of the first row in the stream.
    start_base: u64,
    key_at: Vec<u32>,
    key_len: Vec<u32>,
    db: Vec<u32>,
    type_byte: Vec<u8>,
    flags: Vec<u8>,
    elements: Vec<u32>,
    expires_at_ms: Vec<i64>,
    eviction: Vec<u32>,
    start: Vec<u32>,
    bytes: Vec<u32>,
    /// 0 where it is not known: no key takes nothing.
    memory: Vec<u32>,
}

impl Segment {
    /// Bytes of memory a row takes, key bytes apart.
    const ROW_BYTES: usize = size_of::<[u32; 8]>() + size_of::<[u8; 2]>() + size_of::<i64>();

    fn new(key_base: u64, start_base: u64) -> Result<Self, TryReserveError> {
        let mut new = Self { key_base, start_base, ..Self::default() };
        new.key_at.try_reserve_exact(SEGMENT_ROWS)?;
        new.key_len.try_reserve_exact(SEGMENT_ROWS)?;
        new.db.try_reserve_exact(SEGMENT_ROWS)?;
        new.type_byte.try_reserve_exact(SEGMENT_ROWS)?;
        new.flags.try_reserve_exact(SEGMENT_ROWS)?;
        new.elements.try_reserve_exact(SEGMENT_ROWS)?;
        new.expires_at_ms.try_reserve_exact(SEGMENT_ROWS)?;
        new.eviction.try_reserve_exact(SEGMENT_ROWS)?;
        new.start.try_reserve_exact(SEGMENT_ROWS)?;
        new.bytes.try_reserve_exact(SEGMENT_ROWS)?;
        new.memory.try_reserve_exact(SEGMENT_ROWS)?;
        Ok(new)
    }
}

/// All there is to say of one key.
pub(super) struct NewRow {
    pub(super) key: KeyPlace,
    pub(super) db: u64,
    pub(super) value_type: ValueType,
    pub(super) elements: u64,
    pub(super) expires_at_ms: Option<i64>,
    pub(super) eviction: Eviction,
    pub(super) span: Span,
    pub(super) module: Option<ModuleId>,
    pub(super) memory: Option<u64>,
}

/// Where a key stands in the blocks.
#[derive(Clone, Copy)]
pub(super) struct KeyPlace {
    at: u64,
    len: u32,
}

/// No memory, or no number, for another row.
pub(super) struct Full;

impl From<TryReserveError> for Full {
    fn from(_: TryReserveError) -> Self {
        Self
    }
}

/// The columns of all rows.
pub(super) struct Columns {
    /// Of the snapshot: a type's byte has its meaning by it.
    pub(super) version: Version,
    rows: u32,
    segments: Vec<Segment>,
    blocks: Vec<Vec<u8>>,
    wide: Vec<Wide>,
    modules: Vec<(u32, ModuleId)>,
}

impl Columns {
    pub(super) fn new() -> Self {
        Self {
            version: Version::redis(0),
            rows: 0,
            segments: Vec::new(),
            blocks: Vec::new(),
            wide: Vec::new(),
            modules: Vec::new(),
        }
    }

    pub(super) fn rows(&self) -> u32 {
        self.rows
    }

    /// Bytes of memory held.
    pub(super) fn held_bytes(&self) -> usize {
        let rows = self.segments.len().saturating_mul(SEGMENT_ROWS).saturating_mul(Segment::ROW_BYTES);
        let keys = self.blocks.iter().map(Vec::capacity).fold(0, usize::saturating_add);
        let wide = self.wide.capacity().saturating_mul(size_of::<Wide>());
        let modules = self.modules.capacity().saturating_mul(size_of::<(u32, ModuleId)>());
        rows.saturating_add(keys).saturating_add(wide).saturating_add(modules)
    }

    /// Keeps the bytes of a key whose row comes later.
    pub(super) fn keep_key(&mut self, key: &[u8]) -> Result<KeyPlace, Full> {
        let len = u32::try_from(key.len()).map_err(|_| Full)?;
        let free = self.blocks.last().map_or(0, |block| block.capacity().saturating_sub(block.len()));
        let place = if free >= key.len().max(1) {
            self.blocks.len().saturating_sub(1)
        } else {
            // A long key covers the places of as many blocks as it needs.
            let covered = (key.len() as u64).div_ceil(BLOCK_BYTES).max(1);
            let bytes = covered.checked_mul(BLOCK_BYTES).and_then(|bytes| usize::try_from(bytes).ok()).ok_or(Full)?;
            let mut block = Vec::new();
            block.try_reserve_exact(bytes)?;
            let place = self.blocks.len();
            let places = usize::try_from(covered).map_err(|_| Full)?;
            self.blocks.try_reserve(places)?;
            self.blocks.push(block);
            self.blocks.resize_with(place.saturating_add(places), Vec::new);
            place
        };
        let block = self.blocks.get_mut(place).ok_or(Full)?;
        let at = ((place as u64) << BLOCK_BITS).saturating_add(block.len() as u64);
        block.extend_from_slice(key);
        Ok(KeyPlace { at, len })
    }

    pub(super) fn push(&mut self, row: &NewRow) -> Result<(), Full> {
        let id = self.rows;
        let next = id.checked_add(1).ok_or(Full)?;
        if self.segments.last().is_none_or(|last| last.key_at.len() == SEGMENT_ROWS) {
            self.segments.try_reserve(1)?;
            self.segments.push(Segment::new(row.key.at, row.span.start)?);
        }
        // What can fail comes before the first change, so that columns stay equally long.
        self.wide.try_reserve(5)?;
        self.modules.try_reserve(1)?;
        let segment = self.segments.last_mut().ok_or(Full)?;
        let key_at = row.key.at.checked_sub(segment.key_base).and_then(|at| u32::try_from(at).ok()).ok_or(Full)?;
        let start = row.span.start.checked_sub(segment.start_base).ok_or(Full)?;
        let (flag, eviction) = match row.eviction {
            Eviction::None => (0, 0),
            Eviction::Freq(freq) => (HAS_FREQ, freq),
            Eviction::Idle(seconds) => (HAS_IDLE, seconds),
        };
        let mut narrow = |column, value| match u32::try_from(value) {
            Ok(value) if value != IS_WIDE => value,
            _ => {
                self.wide.push(Wide { row: id, column, value });
                IS_WIDE
            }
        };
        segment.bytes.push(narrow(Number::Bytes, row.span.len()));
        segment.elements.push(narrow(Number::Elements, row.elements));
        segment.eviction.push(narrow(Number::Eviction, eviction));
        segment.memory.push(narrow(Number::Memory, row.memory.unwrap_or(0)));
        segment.start.push(narrow(Number::Start, start));
        segment.key_at.push(key_at);
        segment.key_len.push(row.key.len);
        // The decoder takes no database number beyond 32 bits.
        segment.db.push(u32::try_from(row.db).unwrap_or(u32::MAX));
        segment.type_byte.push(row.value_type.byte());
        segment.flags.push(flag | if row.expires_at_ms.is_some() { HAS_EXPIRY } else { 0 });
        segment.expires_at_ms.push(row.expires_at_ms.unwrap_or(0));
        if let Some(module) = row.module {
            self.modules.push((id, module));
        }
        self.rows = next;
        Ok(())
    }

    pub(super) fn row(&self, id: u32) -> Option<Row<'_>> {
        if id >= self.rows {
            return None;
        }
        let segment = self.segments.get(id as usize >> SEGMENT_BITS)?;
        Some(Row { columns: self, segment, at: id as usize & (SEGMENT_ROWS - 1), id })
    }

    /// Rows from `first` on, in file order.
    #[inline(always)]
    pub(super) fn scan(&self, first: u32) -> impl Iterator<Item = Row<'_>> {
        let skipped = first as usize >> SEGMENT_BITS;
        let within = first as usize & (SEGMENT_ROWS - 1);
        let segments = self.segments.get(skipped..).unwrap_or_default().iter().zip((skipped as u64)..);
        segments.flat_map(move |(segment, number)| {
            let begin = if number == skipped as u64 { within } else { 0 };
            (begin..segment.bytes.len()).filter_map(move |at| {
                let id = u32::try_from(number << SEGMENT_BITS | at as u64).ok()?;
                Some(Row { columns: self, segment, at, id })
            })
        })
    }

    fn wide(&self, row: u32, column: Number) -> u64 {
        match self.wide.binary_search_by_key(&(row, column), |wide| (wide.row, wide.column)) {
            Ok(found) => self.wide.get(found).map_or(0, |wide| wide.value),
            Err(_) => 0,
        }
    }
}

/// One key of an [`Index`](super::Index); reads the columns when asked.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    columns: &'a Columns,
    segment: &'a Segment,
    at: usize,
    id: u32,
}

impl<'a> Row<'a> {
    /// Position of the key in the file, from 0.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The key.
    #[inline(always)]
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        let len = cell(&self.segment.key_len, self.at) as usize;
        let at = self.segment.key_base.wrapping_add(u64::from(cell(&self.segment.key_at, self.at)));
        let Ok(block) = usize::try_from(at >> BLOCK_BITS) else { return &[] };
        let within = usize::try_from(at & (BLOCK_BYTES - 1)).unwrap_or(0);
        self.columns.blocks.get(block).and_then(|block| block.get(within..within.wrapping_add(len))).unwrap_or_default()
    }

    /// Database number.
    #[inline(always)]
    #[must_use]
    pub fn db(&self) -> u32 {
        cell(&self.segment.db, self.at)
    }

    /// Type and layout of the value, by its byte in the file.
    #[inline(always)]
    #[must_use]
    pub fn value_type(&self) -> Option<ValueType> {
        ValueType::from_byte(self.columns.version, self.type_byte())
    }

    /// The byte of the value type in the file.
    #[inline(always)]
    #[must_use]
    pub fn type_byte(&self) -> u8 {
        cell(&self.segment.type_byte, self.at)
    }

    /// Elements of the value; `None` for strings and module values.
    #[must_use]
    pub fn elements(&self) -> Option<u64> {
        match self.value_type().map(ValueType::kind) {
            None | Some(Kind::String | Kind::Module) => None,
            Some(_) => Some(self.elements_or_zero()),
        }
    }

    #[inline(always)]
    pub(super) fn elements_or_zero(&self) -> u64 {
        self.number(Number::Elements, &self.segment.elements)
    }

    /// Absolute Unix milliseconds; `None`: the key never expires.
    #[inline(always)]
    #[must_use]
    pub fn expires_at_ms(&self) -> Option<i64> {
        Some(cell(&self.segment.expires_at_ms, self.at)).filter(|_| self.has(HAS_EXPIRY))
    }

    /// What the eviction policy knew of the key.
    #[must_use]
    pub fn eviction(&self) -> Eviction {
        let value = self.number(Number::Eviction, &self.segment.eviction);
        if self.has(HAS_FREQ) {
            Eviction::Freq(value)
        } else if self.has(HAS_IDLE) {
            Eviction::Idle(value)
        } else {
            Eviction::None
        }
    }

    /// First byte of the key head, counted from the start of the stream.
    #[inline(always)]
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.segment.start_base.wrapping_add(self.number(Number::Start, &self.segment.start))
    }

    /// Bytes in the file, from the key head to the end of the value.
    #[inline(always)]
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.number(Number::Bytes, &self.segment.bytes)
    }

    /// Bytes of memory that a server takes for the key and its value, estimated: what Redis 7.0 to 8.0 on 64 bits with
    /// jemalloc say to `MEMORY USAGE key SAMPLES 0`. `None` where it cannot be told: of module values, arrays, hashes by a
    /// template that are not packed, and a value whose bytes were passed over.
    #[must_use]
    pub fn memory_bytes(&self) -> Option<u64> {
        Some(self.memory_or_zero()).filter(|bytes| *bytes > 0)
    }

    #[inline(always)]
    pub(super) fn memory_or_zero(&self) -> u64 {
        self.number(Number::Memory, &self.segment.memory)
    }

    /// Which module wrote the value.
    #[must_use]
    pub fn module(&self) -> Option<ModuleId> {
        let modules = &self.columns.modules;
        let found = modules.binary_search_by_key(&self.id, |(row, _)| *row).ok()?;
        modules.get(found).map(|(_, module)| *module)
    }

    #[inline(always)]
    fn has(&self, flag: u8) -> bool {
        cell(&self.segment.flags, self.at) & flag != 0
    }

    #[inline(always)]
    fn number(&self, column: Number, cells: &[u32]) -> u64 {
        match cell(cells, self.at) {
            IS_WIDE => self.columns.wide(self.id, column),
            narrow => u64::from(narrow),
        }
    }
}

/// A cell of a column; rows are only handed out for cells that are there.
#[inline(always)]
fn cell<T: Copy + Default>(cells: &[T], at: usize) -> T {
    cells.get(at).copied().unwrap_or_default()
}
