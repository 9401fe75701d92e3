//! What the servers of a version know: the one list of records and bounds by version.

use super::event::{Event, Eviction, Key, Part};
use super::value_type::ValueType;
use super::version::{Dialect, Version};

/// Whether the servers that write `version` know a record; else what it is that they do not.
pub(crate) fn known(version: Version, event: &Event<'_>) -> Result<(), &'static str> {
    let number = version.number();
    let is_redis = version.dialect() == Dialect::Redis;
    match event {
        Event::Aux { .. } if number < 7 => Err("an aux field"),
        Event::ResizeDb { .. } if number < 7 => Err("the size of a database"),
        Event::ModuleAux(_) if number < 9 => Err("module data outside of keys"),
        Event::Function { .. } if number < 10 => Err("a function library"),
        Event::FunctionPreGa { .. } if number != 10 => Err("a function of a release candidate"),
        Event::SlotInfo { .. } if number < 12 => Err("the size of a slot"),
        Event::KeyMeta(_) if number < 13 || !is_redis => Err("key metadata"),
        Event::HashTemplate(_) if number < 15 || !is_redis => Err("a hash template"),
        Event::SlotImport(_) if is_redis => Err("a slot import"),
        Event::Enterprise { .. } => Err("a number of Redis Enterprise"),
        Event::Key(key) => known_key(version, key),
        Event::Value(Part::Bytes { piece, left }) => known_length(version, piece.text_len().saturating_add(*left)),
        Event::Value(Part::Elements { left, .. }) => known_length(version, *left),
        _ => Ok(()),
    }
}

/// As [`known`], for a key's head.
pub(crate) fn known_key(version: Version, key: &Key<'_>) -> Result<(), &'static str> {
    known_type(version, key.value_type)?;
    known_expiry(version, key.expires_at_ms)?;
    known_eviction(version, key.eviction)?;
    known_length(version, key.key.text_len())
}

/// Milliseconds came with RDB 3.
pub(crate) fn known_expiry(version: Version, expires_at_ms: Option<i64>) -> Result<(), &'static str> {
    match expires_at_ms {
        Some(at) if version.number() < 3 && seconds(at).is_none() => Err("an expiry in milliseconds"),
        _ => Ok(()),
    }
}

pub(crate) fn known_eviction(version: Version, eviction: Eviction) -> Result<(), &'static str> {
    match eviction {
        Eviction::Freq(_) if version.number() < 9 => Err("an access frequency"),
        Eviction::Idle(_) if version.number() < 9 => Err("an idle time"),
        Eviction::Freq(256..) => Err("an access frequency above 255"),
        Eviction::None | Eviction::Freq(_) | Eviction::Idle(_) => Ok(()),
    }
}

pub(crate) fn known_type(version: Version, value_type: ValueType) -> Result<(), &'static str> {
    if value_type.is_in(version) { Ok(()) } else { Err(value_type.name()) }
}

/// Lengths beyond 32 bits came with RDB 8.
pub(crate) fn known_length(version: Version, length: u64) -> Result<(), &'static str> {
    if version.number() < 8 && length >= u64::from(u32::MAX) { Err("a length beyond 32 bits") } else { Ok(()) }
}

/// An expiry in the seconds of RDB 1 and 2, if it is whole ones.
pub(crate) fn seconds(expires_at_ms: i64) -> Option<i32> {
    i32::try_from(expires_at_ms.checked_div(1000)?).ok().filter(|_| expires_at_ms % 1000 == 0)
}
