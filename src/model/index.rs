//! The index of a snapshot's keys: what is known of each but its value.

use super::columns::{Columns, KeyPlace, NewRow, Row};
use super::memory::Memory;
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::rdb::{Elements, Event, Eviction, Key, ModuleId, ModuleItem, Part, StreamPart, ValueType};

static FULL: Cause = Cause::new(FaultKind::Limit, "memory for another key of the index", Form::Number);

/// Keys of a snapshot with database, type, elements, memory, expiry and place, at
/// most 48 bytes a key beside the key's own bytes. Built from events; grows in
/// segments, so nothing is copied, and fails where memory ends with all rows
/// before still there.
///
/// ```
/// use aikv::model::Index;
/// use aikv::rdb::Decoder;
///
/// let file = b"REDIS0006\xfe\x00\x00\x01k\x01v\xff\xad\xa9\x76\x55\x98\x18\x18\x22";
/// let (mut decoder, mut index) = (Decoder::new(), Index::new());
/// let mut input = &file[..];
/// while !input.is_empty() {
///     let step = decoder.step(input).unwrap();
///     input = &input[step.consumed..];
///     if let Some(event) = &step.event {
///         index.push(event).unwrap();
///     }
/// }
/// let row = index.row(0).unwrap();
/// assert_eq!((row.key(), row.offset(), row.bytes()), (&b"k"[..], 11, 5));
/// ```
pub struct Index {
    pub(super) columns: Columns,
    open: Option<Open>,
}

/// The key whose value is being read.
struct Open {
    key: KeyPlace,
    db: u64,
    value_type: ValueType,
    elements: u64,
    expires_at_ms: Option<i64>,
    eviction: Eviction,
    module: Option<ModuleId>,
    memory: Memory,
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

impl Index {
    /// An index without rows.
    #[must_use]
    pub fn new() -> Self {
        Self { columns: Columns::new(), open: None }
    }

    /// Takes the next event of a snapshot. A row is there once its key has ended.
    /// Elements are walked, so what is wrong inside a packed value is found here.
    ///
    /// # Errors
    /// A fault of the elements; a limit where memory ends. To be dressed by the
    /// decoder that gave the event.
    #[inline(always)]
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        match event {
            Event::Key(key) => self.open(key),
            Event::Value(part) => self.part(part),
            Event::KeyEnd { span } => match self.open.take() {
                Some(open) => {
                    let Open { key, db, value_type, elements, expires_at_ms, eviction, module, memory } = open;
                    let memory = memory.total(self.columns.version);
                    let row = NewRow { key, db, value_type, elements, expires_at_ms, eviction, span: *span, module, memory };
                    self.columns.push(&row).map_err(|_| self.full())
                }
                None => Ok(()),
            },
            Event::Start(version) => {
                self.columns.version = *version;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, head: &Key<'_>) -> Result<(), Fault> {
        let Key { key, value_type, db, expires_at_ms, eviction } = *head;
        let memory = Memory::new(head);
        let key = key.with_text(|text| self.columns.keep_key(text)).map_err(|_| self.full())?;
        self.open = Some(Open { key, db, value_type, elements: 0, expires_at_ms, eviction, module: None, memory });
        Ok(())
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Fault> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.memory.part(part);
        match part {
            Part::Bytes { .. } => {}
            Part::Elements { elements: Elements::One(_), .. } => open.elements = open.elements.saturating_add(1),
            Part::Elements { elements, .. } => {
                let mut count = 0u64;
                let result = elements.visit(&mut |_| {
                    count = count.wrapping_add(1);
                    Ok(())
                });
                open.elements = open.elements.saturating_add(count);
                result?;
            }
            Part::Stream(StreamPart::Node(node)) => {
                for entry in node.entries() {
                    open.elements = open.elements.saturating_add(u64::from(!entry?.is_deleted));
                }
            }
            Part::Stream(_) => {}
            Part::Module(ModuleItem::Id(id)) => open.module = Some(*id),
            Part::Module(_) | Part::Array(_) | Part::FirstExpiry(_) | Part::Template(_) => {}
        }
        Ok(())
    }

    #[cold]
    fn full(&self) -> Fault {
        Fault::new(&FULL, u64::from(self.columns.rows()))
    }

    /// Keys read so far.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.columns.rows()
    }

    /// Bytes of memory held, key bytes included.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.columns.held_bytes()
    }

    /// The key at position `id` of the file, from 0.
    #[must_use]
    pub fn row(&self, id: u32) -> Option<Row<'_>> {
        self.columns.row(id)
    }

    /// Keys in file order, from position `first` on.
    pub fn scan(&self, first: u32) -> impl Iterator<Item = Row<'_>> {
        self.columns.scan(first)
    }
}
