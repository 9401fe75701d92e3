//! Arrays.

use super::super::store::Store;
use super::super::value::{self as model, ArrayValue};
use super::text::Text;
use crate::error::Fault;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The slots of an array.
#[derive(Clone, Debug, Default)]
pub(super) struct Array {
    insert_index: Option<u64>,
    slots: BTreeMap<u64, SlotText>,
}

#[derive(Clone, Debug)]
enum SlotText {
    Text(Text),
    Float(f64),
}

impl Array {
    /// Memory that counts for a slot: its place in a tree whose nodes are half full.
    const SLOT_BYTES: usize = 2 * size_of::<(u64, SlotText)>();

    pub(super) fn from_model(array: model::Array, memory: &mut Store) -> Result<Self, Fault> {
        let mut slots = BTreeMap::new();
        for (index, value) in array.slots {
            memory.take(Self::SLOT_BYTES)?;
            let value = match value {
                ArrayValue::Text(text) => SlotText::Text(Text::new(&text, memory)?),
                ArrayValue::Float(float) => SlotText::Float(float),
            };
            slots.insert(index, value);
        }
        Ok(Self { insert_index: array.insert_index, slots })
    }

    pub(super) fn into_model(self, blocks: &mut Store) -> model::Array {
        let mut slots = Vec::with_capacity(self.slots.len());
        for (index, value) in self.slots {
            let value = match value {
                SlotText::Text(text) => ArrayValue::Text(text.into_bytes(blocks)),
                SlotText::Float(float) => ArrayValue::Float(float),
            };
            slots.push((index, value));
        }
        model::Array { insert_index: self.insert_index, slots }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let own = self.slots.len().saturating_mul(Self::SLOT_BYTES);
        let texts = self.slots.values().map(|value| match value {
            SlotText::Text(text) => text.heap_bytes(),
            SlotText::Float(_) => 0,
        });
        texts.fold(own, usize::saturating_add)
    }
}
