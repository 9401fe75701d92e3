//! Hashes and the expiries of their fields.

use super::super::store::Store;
use super::super::value::HashField;
use super::named::{Hashing, Name, Named};
use super::text::Text;
use crate::error::Fault;
use alloc::vec::Vec;

/// A field while commands change it.
#[derive(Clone, Debug)]
pub(super) struct Field {
    field: Text,
    value: Text,
    expires_at_ms: Option<i64>,
}

impl Name for Field {
    #[inline]
    fn name(&self) -> &[u8] {
        self.field.as_slice()
    }
}

/// The fields of a hash.
#[derive(Clone, Debug, Default)]
pub(super) struct Hash(Named<Field>);

impl Hash {
    pub(super) fn from_model(fields: &[HashField], hashing: &Hashing, memory: &mut Store) -> Result<Self, Fault> {
        let mut hash = Self::default();
        for HashField { field, value, expires_at_ms } in fields {
            let (field, value) = (Text::new(field, memory)?, Text::new(value, memory)?);
            hash.0.add(Field { field, value, expires_at_ms: *expires_at_ms }, hashing, memory)?;
        }
        Ok(hash)
    }

    pub(super) fn into_model(self, blocks: &mut Store) -> Vec<HashField> {
        let into_model = |Field { field, value, expires_at_ms }: Field| {
            let (field, value) = (field.into_bytes(blocks), value.into_bytes(blocks));
            HashField { field, value, expires_at_ms }
        };
        self.0.into_items().into_iter().map(into_model).collect()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let texts = self.0.items().iter().map(|field| field.field.heap_bytes().saturating_add(field.value.heap_bytes()));
        texts.fold(self.0.heap_bytes(), usize::saturating_add)
    }

    /// Removes the fields that have expired by this clock; says how many.
    pub(super) fn drop_expired(&mut self, now_ms: i64, hashing: &Hashing, memory: &mut Store) -> u64 {
        let mut dropped = 0u64;
        let mut at = 0;
        while let Some(field) = self.0.at_mut(at) {
            if field.expires_at_ms.is_none_or(|expires_at_ms| now_ms <= expires_at_ms) {
                at = at.saturating_add(1);
            } else if self.0.remove_at(at, hashing, memory).is_some() {
                dropped = dropped.saturating_add(1);
            }
        }
        dropped
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
