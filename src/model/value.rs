//! Values as owned data, whatever representation they had.

use super::items::ModuleItems;
use super::stream::Stream;
use crate::rdb::{Kind, ModuleId};
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

/// The value of a key.
///
/// Texts are kept as text: an integer that a snapshot stores as such is its decimal digits here.
/// Two values are equal if they hold the same in the same order; [`Value::canonicalize`] brings
/// what has no order into one. Scores are compared bit by bit, so `0` is not `-0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Bytes.
    String(Bytes),
    /// Elements in order.
    List(Vec<Bytes>),
    /// Distinct members, in no order.
    Set(Vec<Bytes>),
    /// Distinct members with their scores, in no order.
    Zset(Vec<ScoredMember>),
    /// Distinct fields with their values, in no order.
    Hash(Vec<HashField>),
    /// Entries and consumer groups.
    Stream(Box<Stream>),
    /// What a module wrote.
    Module(ModuleValue),
    /// Values at indices.
    Array(Array),
}

/// A member of a sorted set.
#[derive(Clone, Debug)]
pub struct ScoredMember {
    /// The member.
    pub member: Bytes,
    /// Its score; NaN cannot be written.
    pub score: f64,
}

impl PartialEq for ScoredMember {
    fn eq(&self, other: &Self) -> bool {
        self.member == other.member && self.score.to_bits() == other.score.to_bits()
    }
}

impl Eq for ScoredMember {}

/// A field of a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashField {
    /// The field.
    pub field: Bytes,
    /// Its value.
    pub value: Bytes,
    /// When the field expires, if it does: absolute Unix milliseconds.
    pub expires_at_ms: Option<i64>,
}

/// The value of a module type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleValue {
    /// Which module type wrote it.
    pub id: ModuleId,
    /// What it wrote.
    pub items: ModuleItems,
}

/// Values at indices, with gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Array {
    /// The index of the last insertion, where there was one; below 2^64 - 1.
    pub insert_index: Option<u64>,
    /// Distinct indices below 2^64 - 1 with their values.
    pub slots: Vec<(u64, ArrayValue)>,
}

/// What a slot of an array holds.
#[derive(Clone, Debug)]
pub enum ArrayValue {
    /// Text, or the digits of an integer.
    Text(Bytes),
    /// A double.
    Float(f64),
}

impl PartialEq for ArrayValue {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            _ => false,
        }
    }
}

impl Eq for ArrayValue {}

impl Value {
    /// What a server calls the value.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::String(_) => Kind::String,
            Self::List(_) => Kind::List,
            Self::Set(_) => Kind::Set,
            Self::Zset(_) => Kind::Zset,
            Self::Hash(_) => Kind::Hash,
            Self::Stream(_) => Kind::Stream,
            Self::Module(_) => Kind::Module,
            Self::Array(_) => Kind::Array,
        }
    }

    /// Sorts what has no order: members, fields, and slots by index; the groups, consumers and
    /// producers of a stream by name, pending entries by id.
    pub fn canonicalize(&mut self) {
        match self {
            Self::Set(members) => members.sort_unstable(),
            Self::Zset(members) => members.sort_unstable_by(|a, b| a.member.cmp(&b.member)),
            Self::Hash(fields) => fields.sort_unstable_by(|a, b| a.field.cmp(&b.field)),
            Self::Stream(stream) => stream.canonicalize(),
            Self::Array(array) => array.slots.sort_by_key(|(index, _)| *index),
            Self::String(_) | Self::List(_) | Self::Module(_) => {}
        }
    }
}
