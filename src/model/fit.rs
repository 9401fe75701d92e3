//! Makes data fit a version, and says what is lost on the way.

use super::dataset::{Entry, Function};
use super::emit_log::is_made_by_commands;
use super::loss::{Lost, OnLoss, Outcome};
use super::plan::{field_expiries, has_kind, stream_generation};
use super::stream::Stream;
use super::value::{Array, ArrayValue, HashField, Value};
use crate::rdb::{
    Event, Eviction, KeyMeta, Kind, ModuleAux, ModuleId, SlotValue, Version, known, known_eviction, known_expiry, known_length,
    seconds,
};
use crate::wire::Scalar;
use alloc::vec::Vec;
use bytes::Bytes;

/// What data are made to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The version of RDB that the servers write.
    pub version: Version,
    /// Whether the data become commands: these have no room for what the eviction policy knew of a key, nor for the time
    /// at which a consumer was seen.
    pub is_log: bool,
    /// What becomes of what has no form.
    pub on_loss: OnLoss,
}

/// A loss of an entry: what, how many, and what became of it.
pub type EntryLoss = (Lost, u64, Outcome);

impl Fit {
    /// Takes out of an entry what has no form, or brings it to its nearest one, and tells of each; afterwards an
    /// [`Emitter`](super::Emitter) of the version takes the entry. `false`: nothing of it can stay.
    ///
    /// [`OnLoss::Fail`] does what [`OnLoss::Degrade`] does: what was told decides whether the result is used.
    pub fn entry(self, entry: &mut Entry, losses: &mut Vec<EntryLoss>) -> bool {
        let start = losses.len();
        // Both are asked, so that all that is lost is told.
        let has_head = self.head(entry, losses);
        let is_kept = self.value(&mut entry.value, losses) && has_head;
        if is_kept {
            self.times(entry, losses);
        } else {
            // What was lost of it before went with it.
            for (_, _, outcome) in losses.iter_mut().skip(start) {
                *outcome = Outcome::KeyLeftOut;
            }
        }
        is_kept
    }

    fn head(self, entry: &mut Entry, losses: &mut Vec<EntryLoss>) -> bool {
        let eviction = match entry.eviction {
            Eviction::None => None,
            Eviction::Freq(_) => Some(Lost::Freq),
            Eviction::Idle(_) => Some(Lost::Idle),
        };
        if let Some(lost) = eviction.filter(|_| self.is_log || known_eviction(self.version, entry.eviction).is_err()) {
            entry.eviction = Eviction::None;
            losses.push((lost, 1, Outcome::Stripped));
        }
        if !entry.metadata.is_empty() && known(self.version, &Event::KeyMeta(KeyMeta::Classes(1))).is_err() {
            losses.push((Lost::KeyMetadata, entry.metadata.len() as u64, Outcome::Stripped));
            entry.metadata = Vec::new();
        }
        if let Some(at) = entry.expires_at_ms.filter(|at| known_expiry(self.version, Some(*at)).is_err()) {
            if self.on_loss == OnLoss::Drop {
                losses.push((Lost::ExpiryMs, 1, Outcome::KeyLeftOut));
                return false;
            }
            let floor = at.div_euclid(1000).saturating_mul(1000);
            // Seconds beyond 32 bits are later than any such server.
            entry.expires_at_ms = seconds(floor).map(|_| floor);
            losses.push((Lost::ExpiryMs, 1, Outcome::Changed));
        }
        true
    }

    fn value(self, value: &mut Value, losses: &mut Vec<EntryLoss>) -> bool {
        if longest(value).is_some_and(|len| known_length(self.version, len).is_err()) {
            losses.push((Lost::Length, 1, Outcome::KeyLeftOut));
            return false;
        }
        match value {
            Value::String(_) | Value::List(_) | Value::Set(_) | Value::Zset(_) => true,
            Value::Hash(fields) => self.hash(fields, losses),
            Value::Stream(stream) => self.stream(stream, losses),
            Value::Module(_) => {
                let is_kept = has_kind(self.version, Kind::Module);
                if !is_kept {
                    losses.push((Lost::ModuleValue, 1, Outcome::KeyLeftOut));
                }
                is_kept
            }
            Value::Array(array) => {
                if has_kind(self.version, Kind::Array) {
                    return true;
                }
                if self.on_loss == OnLoss::Drop {
                    losses.push((Lost::Array, 1, Outcome::KeyLeftOut));
                    return false;
                }
                losses.push((Lost::Array, 1, Outcome::Changed));
                *value = Value::Hash(by_index(array));
                true
            }
        }
    }

    fn hash(self, fields: &mut Vec<HashField>, losses: &mut Vec<EntryLoss>) -> bool {
        let range = field_expiries(self.version);
        let has_form =
            |field: &HashField| field.expires_at_ms.is_none_or(|at| range.as_ref().is_some_and(|range| range.contains(&at)));
        let count = fields.iter().filter(|field| !has_form(field)).count() as u64;
        if count == 0 {
            return true;
        }
        let lost = if range.is_some() { Lost::FieldExpiryRange } else { Lost::FieldExpiry };
        if self.on_loss == OnLoss::Drop {
            fields.retain(has_form);
            losses.push((lost, count, Outcome::ItemLeftOut));
            // No server has a hash without fields.
            return !fields.is_empty();
        }
        for field in fields.iter_mut().filter(|field| !has_form(field)) {
            field.expires_at_ms = None;
        }
        losses.push((lost, count, Outcome::Stripped));
        true
    }

    fn stream(self, stream: &mut Stream, losses: &mut Vec<EntryLoss>) -> bool {
        let Some(generation) = stream_generation(self.version) else {
            losses.push((Lost::Stream, 1, Outcome::KeyLeftOut));
            return false;
        };
        let misfits = stream.misfits(generation);
        for (lost, count) in &misfits {
            let outcome = if *lost == Lost::UnownedPending { Outcome::ItemLeftOut } else { Outcome::Stripped };
            losses.push((*lost, *count, outcome));
        }
        misfits.iter().for_each(|(lost, _)| stream.strip(*lost));
        true
    }

    /// Commands that make a stream have their own time; one that is restored as a whole keeps it.
    fn times(self, entry: &Entry, losses: &mut Vec<EntryLoss>) {
        let Value::Stream(stream) = &entry.value else { return };
        let consumers = stream.groups.iter().map(|group| group.consumers.len() as u64).sum();
        if self.is_log && consumers > 0 && entry.metadata.is_empty() && is_made_by_commands(stream, self.version) {
            losses.push((Lost::ConsumerTimes, consumers, Outcome::Stripped));
        }
    }

    /// As [`Fit::entry`], for a function library.
    pub fn function(self, function: &mut Function, losses: &mut Vec<EntryLoss>) -> bool {
        if known(self.version, &Event::Function { code: Scalar::Bytes(&function.code) }).is_err() {
            losses.push((Lost::Function, 1, Outcome::ItemLeftOut));
            return false;
        }
        if function.description.take().is_some() {
            losses.push((Lost::FunctionDescription, 1, Outcome::Stripped));
        }
        true
    }

    /// Whether module data outside of keys have a form.
    #[must_use]
    pub fn has_module_data(self) -> bool {
        let head = ModuleAux::Open { id: ModuleId(0), when: 0 };
        !self.is_log && known(self.version, &Event::ModuleAux(head)).is_ok()
    }
}

/// The length of the longest text of a value that is made of texts.
fn longest(value: &Value) -> Option<u64> {
    let longest = match value {
        Value::String(text) => Some(text.len()),
        Value::List(items) | Value::Set(items) => items.iter().map(Bytes::len).max(),
        Value::Zset(members) => members.iter().map(|scored| scored.member.len()).max(),
        Value::Hash(fields) => fields.iter().map(|field| field.field.len().max(field.value.len())).max(),
        // These came later than long lengths.
        Value::Stream(_) | Value::Module(_) | Value::Array(_) => None,
    };
    longest.map(|len| len as u64)
}

/// The slots of an array as fields of a hash, as servers show them.
fn by_index(array: &Array) -> Vec<HashField> {
    let field = |(index, value): &(u64, ArrayValue)| {
        let value = match value {
            ArrayValue::Text(text) => text.clone(),
            ArrayValue::Float(float) => SlotValue::Float(*float).with_text(Bytes::copy_from_slice),
        };
        let field = Bytes::copy_from_slice(itoa::Buffer::new().format(*index).as_bytes());
        HashField { field, value, expires_at_ms: None }
    };
    array.slots.iter().map(field).collect()
}
