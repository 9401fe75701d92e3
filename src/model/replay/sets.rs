//! Sets.

use super::super::store::Store;
use super::named::{Hashing, Named};
use super::text::Text;
use super::value::{all_bytes, named_bytes};
use crate::error::Fault;
use alloc::vec::Vec;
use bytes::Bytes;

/// The members of a set.
#[derive(Clone, Debug, Default)]
pub(super) struct Set(Named<Text>);

impl Set {
    pub(super) fn from_model(members: &[Bytes], hashing: &Hashing, memory: &mut Store) -> Result<Self, Fault> {
        let mut set = Self::default();
        for member in members {
            set.add(member, hashing, memory)?;
        }
        Ok(set)
    }

    fn add(&mut self, member: &[u8], hashing: &Hashing, memory: &mut Store) -> Result<(), Fault> {
        if self.0.find(member, hashing).is_none() {
            self.0.add(Text::new(member, memory)?, hashing, memory)?;
        }
        Ok(())
    }

    pub(super) fn into_model(self, blocks: &mut Store) -> Vec<Bytes> {
        all_bytes(self.0.into_items(), blocks)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        named_bytes(&self.0)
    }
}
