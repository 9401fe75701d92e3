//! Which rows are looked at, and in which order.

use super::index::Index;
use super::sort::{self, Column};
use super::{Row, columns::Full};
use crate::error::{Error, ErrorKind, Found, Place};
use alloc::vec::Vec;

/// Rows of an [`Index`] that passed a filter, in file order or sorted.
/// Costs nothing where all rows stand in file order, else 4 bytes a row.
pub struct Selection {
    order: Order,
    /// Rows of the index that were looked at.
    scanned: u32,
    /// Sum of the rows' bytes in the file.
    bytes: u64,
}

enum Order {
    /// Every row that was looked at, in file order.
    All,
    /// These rows, in file order.
    Some(Vec<u32>),
    /// These rows, in another order.
    Sorted(Vec<u32>),
}

impl Selection {
    /// A selection that takes every row.
    #[must_use]
    pub fn all() -> Self {
        Self { order: Order::All, scanned: 0, bytes: 0 }
    }

    /// A selection of the rows a filter keeps.
    #[must_use]
    pub fn filtered() -> Self {
        Self { order: Order::Some(Vec::new()), scanned: 0, bytes: 0 }
    }

    /// Looks at the rows that came since it was last called. `keep` is not
    /// asked where every row is taken. A sorted selection stays as it is.
    ///
    /// # Errors
    /// `LimitExceeded` where memory ends.
    pub fn extend(&mut self, index: &Index, mut keep: impl FnMut(&Row<'_>) -> bool) -> Result<(), Error> {
        let mut bytes = self.bytes;
        match &mut self.order {
            Order::All => {
                for row in index.scan(self.scanned) {
                    bytes = bytes.saturating_add(row.bytes());
                }
            }
            Order::Some(rows) => {
                for row in index.scan(self.scanned) {
                    if keep(&row) {
                        rows.try_reserve(1).map_err(|_| no_memory(index, FOR_ORDER))?;
                        rows.push(row.id());
                        bytes = bytes.saturating_add(row.bytes());
                    }
                }
            }
            Order::Sorted(_) => return Ok(()),
        }
        self.bytes = bytes;
        self.scanned = index.rows();
        Ok(())
    }

    /// Orders the rows by `column`; `descending` turns the comparison round.
    /// Rows that compare equal stay in file order either way.
    ///
    /// # Errors
    /// `LimitExceeded` where memory ends; the order before is lost then.
    pub fn sort(&mut self, index: &Index, column: Column, descending: bool) -> Result<(), Error> {
        let mut rows = match core::mem::replace(&mut self.order, Order::All) {
            Order::Some(rows) | Order::Sorted(rows) => rows,
            Order::All => {
                let mut rows = Vec::new();
                rows.try_reserve_exact(self.scanned as usize).map_err(|_| no_memory(index, FOR_ORDER))?;
                rows.extend(0..self.scanned);
                rows
            }
        };
        sort::sort(index, &mut rows, column, descending).map_err(|Full| no_memory(index, FOR_ORDER))?;
        self.order = Order::Sorted(rows);
        Ok(())
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> u32 {
        match &self.order {
            Order::All => self.scanned,
            Order::Some(rows) | Order::Sorted(rows) => u32::try_from(rows.len()).unwrap_or(u32::MAX),
        }
    }

    /// Whether no row passed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sum of the rows' bytes in the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Rows of the index that were looked at.
    #[must_use]
    pub fn scanned(&self) -> u32 {
        self.scanned
    }

    /// The row at `position`, from 0.
    #[must_use]
    pub fn id(&self, position: u32) -> Option<u32> {
        match &self.order {
            Order::All => Some(position).filter(|position| *position < self.scanned),
            Order::Some(rows) | Order::Sorted(rows) => rows.get(position as usize).copied(),
        }
    }

    /// Where row `id` stands, from 0.
    #[must_use]
    pub fn find(&self, id: u32) -> Option<u32> {
        let position = match &self.order {
            Order::All => return Some(id).filter(|id| *id < self.scanned),
            Order::Some(rows) => rows.binary_search(&id).ok()?,
            Order::Sorted(rows) => rows.iter().position(|row| *row == id)?,
        };
        u32::try_from(position).ok()
    }
}

const FOR_ORDER: &str = "memory for the order of the keys";

#[cold]
pub(super) fn no_memory(index: &Index, expected: &'static str) -> Error {
    let kind = ErrorKind::LimitExceeded { expected, found: Found::Number(u64::from(index.rows())) };
    Error::new(kind, 0, Place::default())
}
