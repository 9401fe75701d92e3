//! What is known of a key once its value was read.

use super::Filter;
use crate::error::Fault;
use crate::rdb::{Elements, Event, Eviction, Key, ModuleId, ModuleItem, Part, Span, StreamPart, ValueType};
use alloc::vec::Vec;

/// A key, seen from its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    /// Database number.
    pub db: u64,
    /// The key.
    pub key: &'a [u8],
    /// Type and layout of the value.
    pub value_type: ValueType,
    /// Absolute Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// What the eviction policy knew of the key.
    pub eviction: Eviction,
    /// Elements, fields or live entries, as stated by the headers of packed blobs;
    /// `None` for strings and module values.
    pub elements: Option<u64>,
    /// Which module type wrote the value.
    pub module: Option<ModuleId>,
    /// From the first byte of the key head to the end of the value.
    pub span: Span,
}

/// Makes a [`Row`] of the events of each key that a filter lets through. Memory is one key.
#[derive(Debug, Default)]
pub struct Rows {
    filter: Filter,
    key: Vec<u8>,
    head: Option<Head>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    db: u64,
    value_type: ValueType,
    expires_at_ms: Option<i64>,
    eviction: Eviction,
    elements: Option<u64>,
    module: Option<ModuleId>,
}

impl Rows {
    /// Capacity kept between keys.
    const KEEP: usize = 64 * 1024;

    /// Rows of all keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Rows of the keys that are meant.
    #[must_use]
    pub fn with_filter(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Whether the value of the last key matters: not where its head says that it is not meant.
    #[must_use]
    #[inline]
    pub fn wants_value(&self) -> bool {
        self.head.is_some()
    }

    /// Takes an event; gives the row at the end of a key.
    ///
    /// # Errors
    /// A fault in a packed blob that has to be walked to be counted.
    #[inline]
    pub fn push(&mut self, event: &Event<'_>) -> Result<Option<Row<'_>>, Fault> {
        match event {
            Event::Key(key) => self.open(key),
            Event::Value(part) => self.value(part)?,
            Event::KeyEnd { span } => return Ok(self.close(*span)),
            _ => {}
        }
        Ok(None)
    }

    fn open(&mut self, key: &Key<'_>) {
        if !self.filter.matches_head(key) {
            self.head = None;
            return;
        }
        self.key.clear();
        self.key.shrink_to(Self::KEEP);
        key.key.push_to(&mut self.key);
        self.head = Some(Head {
            db: key.db,
            value_type: key.value_type,
            expires_at_ms: key.expires_at_ms,
            eviction: key.eviction,
            elements: None,
            module: None,
        });
    }

    #[inline]
    fn value(&mut self, part: &Part<'_>) -> Result<(), Fault> {
        let Some(head) = &mut self.head else { return Ok(()) };
        match part {
            Part::Bytes { .. } => {}
            Part::Elements { elements, .. } => {
                let result = elements.count();
                let count = result.unwrap_or_else(|_| readable(*elements));
                head.elements = Some(head.elements.unwrap_or(0).saturating_add(count));
                result?;
            }
            Part::Stream(StreamPart::Meta(meta)) => head.elements = Some(meta.length),
            Part::Module(ModuleItem::Id(id)) => head.module = Some(*id),
            Part::Stream(_) | Part::Module(_) | Part::Array(_) | Part::FirstExpiry(_) | Part::Template(_) => {}
        }
        Ok(())
    }

    fn close(&mut self, span: Span) -> Option<Row<'_>> {
        let head = self.head.take().filter(|_| self.filter.size.matches(span.len()))?;
        Some(Row {
            db: head.db,
            key: &self.key,
            value_type: head.value_type,
            expires_at_ms: head.expires_at_ms,
            eviction: head.eviction,
            elements: head.elements,
            module: head.module,
            span,
        })
    }
}

/// Elements in front of a fault.
#[cold]
fn readable(elements: Elements<'_>) -> u64 {
    let mut count = 0u64;
    // The fault is the caller's to tell.
    let _ = elements.each(|_| count = count.saturating_add(1));
    count
}
