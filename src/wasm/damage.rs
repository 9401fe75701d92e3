//! What is wrong with a file, kept for its report, and what is lost by it.

use crate::error::{Error, ErrorKind};
use crate::rdb::{Event, Span};
use alloc::vec::Vec;

/// Something wrong that was read on past.
pub(super) struct Found {
    pub(super) error: Error,
    /// Id of the row whose value it is in.
    pub(super) row: Option<u32>,
    /// Id of the row that was read behind it, if one was.
    pub(super) next: u32,
    /// Whether bytes are lost there that belong to no key that is known.
    pub(super) is_lost: bool,
}

/// The first of what was read on past, how many there were beyond them, and what they cost.
#[derive(Default)]
pub(super) struct Damage {
    pub(super) kept: Vec<Found>,
    pub(super) left_out: u64,
    /// Keys with something wrong in them, how many of them have a row, and the bytes of all.
    pub(super) keys: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Keys that the file announces.
    pub(super) announced: Option<u64>,
    /// Up to where records are whole.
    pub(super) whole: u64,
    pub(super) db: u64,
    /// End of the last event.
    offset: u64,
    item: Item,
    /// Why the value of the key in hand is passed over.
    passed_for: Option<Error>,
}

/// What the last event was part of.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Item {
    /// A key that has not ended.
    Key { is_broken: bool },
    /// A key that ended, or one without elements, of so many bytes.
    Ended { row: Option<u32>, bytes: u64, is_broken: bool },
    #[default]
    Other,
}

impl Damage {
    /// Findings kept.
    const KEPT: usize = 1000;

    /// Follows the events; `rows` were read before.
    #[inline]
    pub(super) fn follow(&mut self, event: &Event<'_>, raw: &[u8], rows: u32) {
        self.offset = match event {
            // Values that are passed over come with no bytes.
            Event::KeyEnd { span } => span.end,
            _ => self.offset.saturating_add(raw.len() as u64),
        };
        match event {
            Event::Value(_) | Event::KeyMeta(_) | Event::Enterprise { .. } => {}
            Event::Key(_) => self.item = Item::Key { is_broken: false },
            Event::KeyEnd { span } => {
                self.whole = self.offset;
                self.end_key(*span, rows);
            }
            record => self.record(record, raw),
        }
    }

    #[inline]
    fn end_key(&mut self, span: Span, row: u32) {
        let is_broken = self.item == Item::Key { is_broken: true };
        self.item = Item::Ended { row: Some(row), bytes: span.len(), is_broken };
        if is_broken {
            self.lose(span.len(), true);
        }
        if let Some(error) = self.passed_for.take() {
            self.note(error, row);
        }
    }

    fn record(&mut self, record: &Event<'_>, raw: &[u8]) {
        self.whole = self.offset;
        self.item = match record {
            Event::EmptyKey(_) => Item::Ended { row: None, bytes: raw.len() as u64, is_broken: false },
            _ => Item::Other,
        };
        match record {
            Event::SelectDb(db) => self.db = *db,
            Event::ResizeDb { keys, .. } => self.announced = Some(self.announced.unwrap_or(0).saturating_add(*keys)),
            _ => {}
        }
    }

    fn lose(&mut self, bytes: u64, has_row: bool) {
        self.keys = self.keys.saturating_add(1);
        self.rows = self.rows.saturating_add(u64::from(has_row));
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Notes what is wrong with the last event; `rows` have ended.
    pub(super) fn note(&mut self, error: Error, rows: u32) {
        let row = match &mut self.item {
            Item::Key { is_broken } => {
                *is_broken = true;
                Some(rows)
            }
            Item::Ended { row, bytes, is_broken } => {
                let (row, bytes, was_broken) = (*row, *bytes, core::mem::replace(is_broken, true));
                if !was_broken {
                    self.lose(bytes, row.is_some());
                }
                row
            }
            Item::Other => None,
        };
        if self.kept.len() < Self::KEPT {
            let next = row.map_or(rows, |row| row.saturating_add(1));
            self.kept.push(Found { error, row, next, is_lost: false });
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Whether a value may be passed over to read on behind this error: it is in a key's value, whose end may
    /// be found by what stands before it.
    pub(super) fn can_pass(&self, error: &Error) -> bool {
        let is_in_value = error.place().key.is_some();
        let has_end = !matches!(
            error.kind(),
            ErrorKind::Truncated { .. } | ErrorKind::UnknownType { .. } | ErrorKind::UnreadableType { .. }
        );
        is_in_value && has_end && self.passed_for.is_none()
    }

    /// The value of the next key is to be passed over: this is wrong with it.
    pub(super) fn pass(&mut self, error: Error) {
        self.passed_for = Some(error);
        self.offset = self.whole;
        self.item = Item::Other;
    }

    /// Records go on at `start`: what is between the last whole one and there belongs to no key that is known. `rows` have ended.
    pub(super) fn go_on(&mut self, start: u64, lost_for: Option<Error>, rows: u32) {
        self.bytes = self.bytes.saturating_add(start.saturating_sub(self.whole));
        self.whole = start;
        self.offset = start;
        self.item = Item::Other;
        let Some(error) = lost_for else { return };
        // Of a value that was passed over in vain it was told before.
        if !self.kept.iter().rev().take(2).any(|found| found.error == error) {
            self.note(error.clone(), rows);
        }
        if let Some(found) = self.kept.iter_mut().rev().find(|found| found.error == error) {
            found.is_lost = true;
            found.next = rows;
        }
    }

    /// Forgets the value that was to be passed over: what is wrong with it.
    pub(super) fn take_passed(&mut self) -> Option<Error> {
        self.passed_for.take()
    }

    /// What is wrong with the value that is being passed over.
    pub(super) fn passed_for(&self) -> Option<&Error> {
        self.passed_for.as_ref()
    }
}
