//! Lists.

use super::super::store::Store;
use super::text::Text;
use super::value::all_bytes;
use crate::error::Fault;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// The elements of a list in order.
#[derive(Clone, Debug, Default)]
pub(super) struct List(VecDeque<Text>);

impl List {
    pub(super) fn from_model(items: &[Bytes], memory: &mut Store) -> Result<Self, Fault> {
        let mut list = Self::default();
        for item in items {
            list.push(Text::new(item, memory)?, false, memory)?;
        }
        Ok(list)
    }

    /// Adds an element to the front or the back.
    fn push(&mut self, item: Text, is_front: bool, memory: &mut Store) -> Result<(), Fault> {
        if self.0.len() == self.0.capacity() {
            let more = self.0.len().max(4);
            memory.take(more.saturating_mul(size_of::<Text>()))?;
            self.0.try_reserve_exact(more).map_err(|_| memory.full())?;
        }
        if is_front {
            self.0.push_front(item);
        } else {
            self.0.push_back(item);
        }
        Ok(())
    }

    pub(super) fn into_model(self, blocks: &mut Store) -> Vec<Bytes> {
        all_bytes(self.0, blocks)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let own = self.0.capacity().saturating_mul(size_of::<Text>());
        self.0.iter().map(Text::heap_bytes).fold(own, usize::saturating_add)
    }
}
