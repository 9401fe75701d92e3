//! What modules write, kept in the form that snapshots have for it.

use crate::rdb::{ModuleItem, read_module_item};
use crate::wire::Limits;
use crate::wire::cursor::Cursor;
use crate::wire::scalar::Strings;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;

/// Numbers and strings that a module wrote, in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ModuleItems {
    /// As in a snapshot, strings not compressed, without the end opcode.
    encoded: Vec<u8>,
}

impl ModuleItems {
    /// Appends an item. [`ModuleItem::Id`] and [`ModuleItem::End`], which frame the items of a
    /// snapshot, are none and not kept.
    pub fn push(&mut self, item: &ModuleItem<'_>) {
        if !matches!(item, ModuleItem::Id(_) | ModuleItem::End) {
            item.write(&mut Strings::new(false), &mut self.encoded);
        }
    }

    /// Calls `f` with every item until it fails.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn try_each<E>(&self, mut f: impl FnMut(&ModuleItem<'_>) -> Result<(), E>) -> Result<(), E> {
        let limits = Limits { max_item_bytes: u64::MAX };
        let mut buffer = Vec::new();
        let mut cursor = Cursor::new(&self.encoded);
        // Written by `push`, so nothing of it is wrong.
        while let Ok(item) = read_module_item(&mut cursor, &mut buffer, limits) {
            f(&item)?;
        }
        Ok(())
    }

    /// Bytes that the items occupy.
    pub(super) fn bytes(&self) -> usize {
        self.encoded.len()
    }
}

impl fmt::Debug for ModuleItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        let all: Result<(), Infallible> = self.try_each(|item| {
            list.entry(item);
            Ok(())
        });
        all.unwrap_or_default();
        list.finish()
    }
}
