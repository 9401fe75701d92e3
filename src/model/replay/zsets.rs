//! Sorted sets.

use super::super::store::Store;
use super::super::value::ScoredMember;
use super::named::Hashing;
use crate::error::Fault;
use alloc::vec::Vec;

/// The members of a sorted set.
#[derive(Clone, Debug, Default)]
pub(super) struct Zset(Vec<ScoredMember>);

impl Zset {
    #[allow(clippy::needless_pass_by_value)]
    pub(super) fn from_model(members: Vec<ScoredMember>, _hashing: &Hashing, memory: &mut Store) -> Result<Self, Fault> {
        let zset = Self(members);
        memory.take(zset.heap_bytes())?;
        Ok(zset)
    }

    pub(super) fn into_model(self, _blocks: &mut Store) -> Vec<ScoredMember> {
        self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let own = self.0.capacity().saturating_mul(size_of::<ScoredMember>());
        self.0.iter().map(|scored| scored.member.len()).fold(own, usize::saturating_add)
    }
}
