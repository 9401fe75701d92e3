//! Hashes and the expiries of their fields.
//!
//! Source: Redis 8.6 and Valkey 9.1 `t_hash.c`. A field whose time has passed is there for every command, as in Valkey.
//! While Redis 8.6 loads a log, `HINCRBY` and `HSETNX` take such a field for a missing one; the two differ where a
//! field that has expired by the time of loading is given a later expiry, or none, further on in the log.

use super::super::store::Store;
use super::super::value::HashField;
use super::args::{Arguments, BAD_TIME, Done, Halt, NOT_AN_INTEGER, OVERFLOW, SYNTAX};
use super::expiry::{Expiry, Rule, Time};
use super::keyspace::Space;
use super::long_double;
use super::named::{Hashing, Name, Named};
use super::text::Text;
use crate::error::Fault;
use crate::wire::number;
use alloc::vec::Vec;

/// A field while commands change it, of the size of the field that it becomes.
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

impl Field {
    fn heap_bytes(&self) -> usize {
        self.field.heap_bytes().saturating_add(self.value.heap_bytes())
    }
}

/// The fields of a hash.
#[derive(Clone, Debug, Default)]
pub(super) struct Hash(Named<Field>);

impl Hash {
    pub(super) fn from_model(fields: &[HashField], hashing: &Hashing, memory: &mut Store) -> Result<Self, Fault> {
        let mut hash = Self::default();
        for HashField { field, value, expires_at_ms } in fields {
            hash.set(field, value, |_| (*expires_at_ms).into(), hashing, memory)?;
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
        self.0.items().iter().map(Field::heap_bytes).fold(self.0.heap_bytes(), usize::saturating_add)
    }

    pub(super) fn members(&self) -> &Named<Field> {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a field.
    pub(super) fn value(&self, field: &[u8], hashing: &Hashing) -> Option<&[u8]> {
        self.0.get(field, hashing).map(|field| field.value.as_slice())
    }

    /// Gives a field a value, and the expiry that `expiry` makes of the one it had.
    #[inline]
    fn set(
        &mut self,
        field: &[u8],
        value: &[u8],
        expiry: impl FnOnce(Expiry) -> Expiry,
        hashing: &Hashing,
        memory: &mut Store,
    ) -> Result<(), Fault> {
        let value = Text::new(value, memory)?;
        if let Some(field) = self.0.get_mut(field, hashing) {
            memory.give_back(field.value.heap_bytes());
            field.value = value;
            field.expires_at_ms = expiry(field.expires_at_ms.into()).get();
            return Ok(());
        }
        let field = Text::new(field, memory)?;
        self.0.add(Field { field, value, expires_at_ms: expiry(Expiry::NEVER).get() }, hashing, memory)
    }

    fn remove(&mut self, field: &[u8], hashing: &Hashing, memory: &mut Store) {
        let removed = self.0.remove(field, hashing);
        memory.give_back(removed.as_ref().map_or(0, Field::heap_bytes));
    }

    /// Removes the fields that have expired by this clock; says how many.
    pub(super) fn drop_expired(&mut self, now_ms: i64, hashing: &Hashing, memory: &mut Store) -> u64 {
        let mut dropped = 0u64;
        let mut at = 0;
        while let Some(field) = self.0.at_mut(at) {
            if !Expiry::from(field.expires_at_ms).has_passed(now_ms) {
                at = at.saturating_add(1);
            } else if let Some(field) = self.0.remove_at(at, hashing) {
                memory.give_back(field.heap_bytes());
                dropped = dropped.saturating_add(1);
            }
        }
        dropped
    }
}

/// `HSET key field value [field value ..]`, `HMSET` the same
pub(super) fn hset(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    args.pairs()?;
    let (hash, memory, hashing) = space.make::<Hash>(key)?;
    while args.left() > 0 {
        let (field, value) = (args.text()?, args.text()?);
        hash.set(field, value, |_| Expiry::NEVER, hashing, memory)?;
    }
    Ok(())
}

/// `HSETNX key field value`
pub(super) fn hsetnx(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, field, value) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    let (hash, memory, hashing) = space.make::<Hash>(key)?;
    if hash.0.find(field, hashing).is_none() {
        hash.set(field, value, |_| Expiry::NEVER, hashing, memory)?;
    }
    Ok(())
}

/// `HDEL key field [field ..]`
pub(super) fn hdel(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    args.at_least(1)?;
    remove_fields(space, key, args)
}

/// `HGETDEL key FIELDS count field [field ..]`
pub(super) fn hgetdel(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    fields(args, 1)?;
    remove_fields(space, key, args)
}

fn remove_fields(space: &mut Space, key: &[u8], args: &mut Arguments<'_>) -> Done {
    let Some((hash, memory, hashing)) = space.find::<Hash>(key)? else { return Ok(()) };
    while let Some(field) = args.next() {
        hash.remove(field, hashing, memory);
    }
    space.settle::<Hash>(key);
    Ok(())
}

/// `HINCRBY key field increment`
pub(super) fn hincrby(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, field, increment) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    let increment = number::parse_int(increment).ok_or(NOT_AN_INTEGER)?;
    let before = match space.find::<Hash>(key)? {
        Some((hash, _, hashing)) => hash.value(field, hashing).map(number::parse_int),
        None => None,
    };
    let before = before.unwrap_or(Some(0)).ok_or(NOT_AN_INTEGER)?;
    let sum = before.checked_add(increment).ok_or(OVERFLOW)?;
    let (hash, memory, hashing) = space.make::<Hash>(key)?;
    let mut buffer = itoa::Buffer::new();
    Ok(hash.set(field, buffer.format(sum).as_bytes(), |expiry| expiry, hashing, memory)?)
}

/// `HINCRBYFLOAT key field increment`
pub(super) fn hincrbyfloat(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, field, increment) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    let before = match space.find::<Hash>(key)? {
        Some((hash, _, hashing)) => hash.value(field, hashing),
        None => None,
    };
    let sum = long_double::sum(before.unwrap_or(b"0"), increment)?;
    let (hash, memory, hashing) = space.make::<Hash>(key)?;
    Ok(hash.set(field, &sum, |expiry| expiry, hashing, memory)?)
}

/// `FIELDS count` in front of so many groups of arguments, which are all that is left.
fn fields(args: &mut Arguments<'_>, each: usize) -> Done {
    if !args.word("FIELDS") {
        return Err(SYNTAX);
    }
    let count = args.count()?;
    if count.checked_mul(each) == Some(args.left()) { Ok(()) } else { Err(Halt::Form("as many fields as their count says")) }
}

/// `HEXPIRE key s [NX | XX | GT | LT] FIELDS count field [field ..]`
pub(super) fn hexpire(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    expire(space, args, Time::Seconds)
}

/// `HPEXPIRE key ms ..`
pub(super) fn hpexpire(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    expire(space, args, Time::Milliseconds)
}

/// `HEXPIREAT key s ..`
pub(super) fn hexpireat(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    expire(space, args, Time::UnixSeconds)
}

/// `HPEXPIREAT key ms ..`
pub(super) fn hpexpireat(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    expire(space, args, Time::UnixMilliseconds)
}

fn expire(space: &mut Space, args: &mut Arguments<'_>, unit: Time) -> Done {
    let (key, time) = (args.key()?, args.text()?);
    let mut rule = Rule::default();
    while rule.take(args)? {}
    fields(args, 1)?;
    let time = number::parse_int(time).ok_or(NOT_AN_INTEGER)?;
    if time < 0 {
        return Err(BAD_TIME);
    }
    let at = unit.at(time, space.now_ms).ok_or(BAD_TIME)?;
    let Some((hash, _, hashing)) = space.find::<Hash>(key)? else { return Ok(()) };
    while let Some(field) = args.next() {
        if let Some(field) = hash.0.get_mut(field, hashing)
            && rule.allows(field.expires_at_ms.into(), at)
        {
            field.expires_at_ms = Some(at);
        }
    }
    Ok(())
}

/// `HPERSIST key FIELDS count field [field ..]`
pub(super) fn hpersist(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    fields(args, 1)?;
    set_expiry(space, key, args, Expiry::NEVER)
}

/// `HGETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST] FIELDS count field [field ..]`
pub(super) fn hgetex(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    if args.word("PERSIST") {
        fields(args, 1)?;
        return set_expiry(space, key, args, Expiry::NEVER);
    }
    let Some(unit) = Time::taken(args) else { return fields(args, 1) };
    let time = args.text()?;
    fields(args, 1)?;
    let time = number::parse_int(time).ok_or(NOT_AN_INTEGER)?;
    let at = unit.positive(time, space.now_ms)?;
    set_expiry(space, key, args, Expiry::at(at))
}

fn set_expiry(space: &mut Space, key: &[u8], args: &mut Arguments<'_>, expiry: Expiry) -> Done {
    let Some((hash, _, hashing)) = space.find::<Hash>(key)? else { return Ok(()) };
    while let Some(field) = args.next() {
        if let Some(field) = hash.0.get_mut(field, hashing) {
            field.expires_at_ms = expiry.get();
        }
    }
    Ok(())
}

/// `HSETEX key [NX | XX] [FNX | FXX] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL] FIELDS count field value [field value ..]`
///
/// `NX` and `XX` look at the key (Valkey 9.1), `FNX` and `FXX` at all of the fields.
pub(super) fn hsetex(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let (mut key_there, mut fields_there, mut keeps, mut time) = (None, None, false, None);
    loop {
        if key_there.is_none() && args.word("NX") {
            key_there = Some(false);
        } else if key_there.is_none() && args.word("XX") {
            key_there = Some(true);
        } else if fields_there.is_none() && args.word("FNX") {
            fields_there = Some(false);
        } else if fields_there.is_none() && args.word("FXX") {
            fields_there = Some(true);
        } else if !keeps && time.is_none() && args.word("KEEPTTL") {
            keeps = true;
        } else if !keeps
            && time.is_none()
            && let Some(unit) = Time::taken(args)
        {
            time = Some((unit, args.text()?));
        } else {
            break;
        }
    }
    fields(args, 2)?;
    let expiry = match time {
        None => Expiry::NEVER,
        Some((unit, time)) => Expiry::at(unit.positive(number::parse_int(time).ok_or(NOT_AN_INTEGER)?, space.now_ms)?),
    };
    let is_there = space.find::<Hash>(key)?.is_some();
    if key_there.is_some_and(|there| there != is_there) {
        return Ok(());
    }
    if let Some(there) = fields_there {
        let mut ahead = args.clone();
        let hash = space.find::<Hash>(key)?;
        while let (Some(field), Some(_)) = (ahead.next(), ahead.next()) {
            if hash.as_ref().is_some_and(|(hash, _, hashing)| hash.0.find(field, hashing).is_some()) != there {
                return Ok(());
            }
        }
    }
    let (hash, memory, hashing) = space.make::<Hash>(key)?;
    while args.left() > 0 {
        let (field, value) = (args.text()?, args.text()?);
        hash.set(field, value, |before| if keeps { before } else { expiry }, hashing, memory)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_those_handed_out_in_the_same_memory() {
        assert_eq!(size_of::<Field>(), size_of::<HashField>());
    }
}
