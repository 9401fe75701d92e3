//! Arrays, as far as rewritten logs need it: what else changes them in Redis 8.8 is not known here.
//!
//! Source: Redis trunk (RDB 14) `aof.c`: `ARMSET` for the slots, then `ARSEEK` for the index behind the last insertion.

use super::super::store::Store;
use super::super::value::{self as model, ArrayValue};
use super::args::{Arguments, Done, Halt, NOT_AN_INTEGER};
use super::keyspace::Space;
use super::text::Text;
use crate::error::Fault;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The slots of an array.
#[derive(Clone, Debug, Default)]
pub(super) struct Array {
    insert_index: Option<u64>,
    slots: BTreeMap<u64, Held>,
}

#[derive(Clone, Debug)]
enum Held {
    Text(Text),
    Float(f64),
}

impl Array {
    /// Memory that counts for a slot: its place in a tree whose nodes are half full.
    const SLOT_BYTES: usize = 2 * size_of::<(u64, Held)>();

    pub(super) fn from_model(array: model::Array, memory: &mut Store) -> Result<Self, Fault> {
        let mut slots = BTreeMap::new();
        for (index, value) in array.slots {
            memory.take(Self::SLOT_BYTES)?;
            let value = match value {
                ArrayValue::Text(text) => Held::Text(Text::new(&text, memory)?),
                ArrayValue::Float(float) => Held::Float(float),
            };
            slots.insert(index, value);
        }
        Ok(Self { insert_index: array.insert_index, slots })
    }

    pub(super) fn into_model(self, blocks: &mut Store) -> model::Array {
        let mut slots = Vec::with_capacity(self.slots.len());
        for (index, value) in self.slots {
            let value = match value {
                Held::Text(text) => ArrayValue::Text(text.into_bytes(blocks)),
                Held::Float(float) => ArrayValue::Float(float),
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
            Held::Text(text) => text.heap_bytes(),
            Held::Float(_) => 0,
        });
        texts.fold(own, usize::saturating_add)
    }
}

/// `ARMSET key index value [index value ..]`
pub(super) fn armset(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    args.pairs()?;
    let mut ahead = args.clone();
    while let (Some(text), Some(_)) = (ahead.next(), ahead.next()) {
        index(text)?;
    }
    let (array, memory, _) = space.make::<Array>(key)?;
    while args.left() > 0 {
        let (index, text) = (index(args.text()?)?, args.text()?);
        memory.take(Array::SLOT_BYTES)?;
        let text = Text::new(text, memory)?;
        if let Some(Held::Text(before)) = array.slots.insert(index, Held::Text(text)) {
            memory.give_back(before.heap_bytes().saturating_add(Array::SLOT_BYTES));
        }
    }
    Ok(())
}

/// `ARSEEK key index`: where the next insertion goes.
pub(super) fn arseek(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, at) = (args.key()?, args.text()?);
    args.end()?;
    let at = index(at)?;
    if let Some((array, ..)) = space.find::<Array>(key)? {
        array.insert_index = at.checked_sub(1);
    }
    Ok(())
}

/// An index: below 2^64 - 1.
fn index(text: &[u8]) -> Result<u64, Halt> {
    let digits = core::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let index = digits.and_then(|digits| digits.parse().ok()).filter(|index| *index < u64::MAX);
    index.ok_or(NOT_AN_INTEGER)
}
