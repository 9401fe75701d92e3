//! Values while commands change them.

use super::super::dataset::{Entry, KeyMetadata};
use super::super::store::Store;
use super::super::value as model;
use super::arrays::Array;
use super::expiry::Expiry;
use super::hashes::Hash;
use super::lists::List;
use super::named::{Hashing, Name, Named};
use super::sets::Set;
use super::streams::Stream;
use super::text::{SlotText, Text};
use super::zsets::Zset;
use crate::error::Fault;
use crate::rdb::Eviction;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

/// A value in a form that commands change in place. What is behind a box counts as memory
/// ([`Value::heap_bytes`]), so that a value has the size of a short text.
#[derive(Clone, Debug)]
pub(super) enum Value {
    String(SlotText),
    /// A string that is the text of this integer.
    Int(i64),
    /// A string that grew in place.
    #[allow(clippy::box_collection)] // a `Vec` has three words, for which there is no room
    Buffer(Box<Vec<u8>>),
    List(Box<List>),
    Set(Box<Set>),
    Zset(Box<Zset>),
    Hash(Box<Hash>),
    Stream(Box<Stream>),
    Module(Box<model::ModuleValue>),
    Array(Box<Array>),
}

/// A key and what belongs to it: one line of memory, which is what a look at a key costs.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Slot {
    pub(super) key: SlotText,
    pub(super) value: Value,
    pub(super) expiry: Expiry,
    /// What few keys have.
    pub(super) extra: Option<Box<Extra>>,
}

/// What the eviction policy and modules noted of a key.
#[derive(Clone, Debug)]
pub(super) struct Extra {
    pub(super) eviction: Eviction,
    pub(super) metadata: Vec<KeyMetadata>,
}

impl Name for Slot {
    #[inline]
    fn name(&self) -> &[u8] {
        self.key.as_slice()
    }
}

/// A type of values that commands make by themselves and that is gone with its last element.
pub(super) trait Container: Default {
    fn of(value: &mut Value) -> Option<&mut Self>;
    fn into_value(self) -> Value;
    /// Whether it goes with its key.
    fn is_empty(&self) -> bool;
}

macro_rules! containers {
    ($($type:ident),*) => {
        $(impl Container for $type {
            #[inline]
            fn of(value: &mut Value) -> Option<&mut Self> {
                match value {
                    Value::$type(container) => Some(container),
                    _ => None,
                }
            }

            fn into_value(self) -> Value {
                Value::$type(Box::new(self))
            }

            fn is_empty(&self) -> bool {
                $type::is_empty(self)
            }
        })*
    };
}

containers!(Array, Hash, List, Set, Stream, Zset);

impl Value {
    /// Memory that counts beside the value's own place.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::String(text) => text.heap_bytes(),
            Self::Int(_) => 0,
            Self::Buffer(buffer) => buffer.capacity(),
            Self::List(list) => list.heap_bytes(),
            Self::Set(set) => set.heap_bytes(),
            Self::Zset(zset) => zset.heap_bytes(),
            Self::Hash(hash) => hash.heap_bytes(),
            Self::Stream(stream) => stream.heap_bytes(),
            Self::Module(module) => module.items.bytes(),
            Self::Array(slots) => slots.heap_bytes(),
        }
    }

    /// Places that stand one behind the other, for [`Value::touch`].
    pub(super) const DEPTHS: u8 = 4;

    /// Reads a word of what the value has in memory, so that it is at hand: of its own place, of what
    /// stands behind that, of where an element of this hash is noted, of the element.
    #[inline]
    pub(super) fn touch(&self, depth: u8, element: u32) -> usize {
        match (depth, self) {
            (0, _) => usize::from(matches!(self, Self::Int(_))),
            (1, Self::String(text)) => text.as_slice().first().map_or(0, |byte| usize::from(*byte)),
            (depth, Self::List(list)) => list.touch(depth),
            (depth, Self::Hash(hash)) => hash.members().touch_deep(depth, element),
            (depth, Self::Set(set)) => set.members().touch_deep(depth, element),
            (depth, Self::Zset(zset)) => zset.members().touch_deep(depth, element),
            _ => 0,
        }
    }

    /// Takes over a value; what it occupies counts from now on.
    pub(super) fn from_model(value: model::Value, hashing: &Hashing, memory: &mut Store) -> Result<Self, Fault> {
        Ok(match value {
            model::Value::String(text) => Self::String(SlotText::new(&text, memory)?),
            model::Value::List(items) => Self::List(Box::new(List::from_model(&items, memory)?)),
            model::Value::Set(members) => Self::Set(Box::new(Set::from_model(&members, hashing, memory)?)),
            model::Value::Zset(members) => Self::Zset(Box::new(Zset::from_model(members, hashing, memory)?)),
            model::Value::Hash(fields) => Self::Hash(Box::new(Hash::from_model(&fields, hashing, memory)?)),
            model::Value::Stream(stream) => Self::Stream(Box::new(Stream::from_model(*stream, hashing, memory)?)),
            model::Value::Module(module) => {
                memory.take(module.items.bytes())?;
                Self::Module(Box::new(module))
            }
            model::Value::Array(array) => Self::Array(Box::new(Array::from_model(array, memory)?)),
        })
    }

    /// The value as it is handed out.
    pub(super) fn into_model(self, blocks: &mut Store) -> model::Value {
        match self {
            Self::String(text) => model::Value::String(text.into_bytes(blocks)),
            Self::Int(int) => model::Value::String(Bytes::copy_from_slice(itoa::Buffer::new().format(int).as_bytes())),
            Self::Buffer(buffer) => model::Value::String(Bytes::from(*buffer)),
            Self::List(list) => model::Value::List(list.into_model(blocks)),
            Self::Set(set) => model::Value::Set(set.into_model(blocks)),
            Self::Zset(zset) => model::Value::Zset(zset.into_model(blocks)),
            Self::Hash(hash) => model::Value::Hash(hash.into_model(blocks)),
            Self::Stream(stream) => model::Value::Stream(Box::new(stream.into_model(blocks))),
            Self::Module(module) => model::Value::Module(*module),
            Self::Array(slots) => model::Value::Array(slots.into_model(blocks)),
        }
    }
}

impl Slot {
    /// Takes everything out.
    pub(super) fn take(&mut self) -> Self {
        let nothing = Self { key: SlotText::EMPTY, value: Value::Int(0), expiry: Expiry::NEVER, extra: None };
        core::mem::replace(self, nothing)
    }

    /// Memory that counts beside the slot's own place.
    pub(super) fn heap_bytes(&self) -> usize {
        self.key.heap_bytes().saturating_add(self.value.heap_bytes())
    }

    /// Key and entry as they are handed out.
    pub(super) fn into_model(self, blocks: &mut Store) -> (Bytes, Entry) {
        let Self { key, value, expiry, extra } = self;
        let Extra { eviction, metadata } = extra.map_or(Extra { eviction: Eviction::None, metadata: Vec::new() }, |extra| *extra);
        let key = key.into_bytes(blocks);
        (key, Entry { value: value.into_model(blocks), expires_at_ms: expiry.get(), eviction, metadata })
    }
}

/// Texts as they are handed out, in the same memory.
pub(super) fn all_bytes(texts: Vec<Text>, blocks: &mut Store) -> Vec<Bytes> {
    texts.into_iter().map(|text| text.into_bytes(blocks)).collect()
}

/// Members that are texts themselves.
impl Name for Text {
    #[inline]
    fn name(&self) -> &[u8] {
        self.as_slice()
    }
}

/// Memory that texts by name take.
pub(super) fn named_bytes(texts: &Named<Text>) -> usize {
    texts.items().iter().map(Text::heap_bytes).fold(texts.heap_bytes(), usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stay_as_they_were_measured() {
        assert_eq!(size_of::<Value>(), 24);
        assert_eq!(size_of::<Slot>(), 64);
    }
}
