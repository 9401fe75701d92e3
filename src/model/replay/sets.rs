//! Sets.
//!
//! Source: Redis 8.6 `t_set.c`. Servers log `SPOP` as `SREM`, since it takes members at random.

use super::super::store::Store;
use super::args::{Arguments, Done, Halt, WRONG_TYPE};
use super::expiry::Expiry;
use super::keyspace::Space;
use super::named::{Hashing, Named};
use super::text::Text;
use super::value::{Value, all_bytes, named_bytes};
use crate::error::Fault;
use alloc::boxed::Box;
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

    pub(super) fn items(&self) -> &[Text] {
        self.0.items()
    }

    pub(super) fn contains(&self, member: &[u8], hashing: &Hashing) -> bool {
        self.0.find(member, hashing).is_some()
    }

    #[inline]
    fn add(&mut self, member: &[u8], hashing: &Hashing, memory: &mut Store) -> Result<(), Fault> {
        if self.0.find(member, hashing).is_none() {
            let member = Text::new(member, memory)?;
            self.0.add(member, hashing, memory)?;
        }
        Ok(())
    }

    fn remove(&mut self, member: &[u8], hashing: &Hashing, memory: &mut Store) -> bool {
        let removed = self.0.remove(member, hashing);
        memory.give_back(removed.as_ref().map_or(0, Text::heap_bytes));
        removed.is_some()
    }

    pub(super) fn into_model(self, blocks: &mut Store) -> Vec<Bytes> {
        all_bytes(self.0.into_items(), blocks)
    }

    pub(super) fn members(&self) -> &Named<Text> {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Text> {
        self.0.items().iter()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        named_bytes(&self.0)
    }
}

/// `SADD key member [member ..]`
pub(super) fn sadd(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    args.at_least(1)?;
    let (set, memory, hashing) = space.make::<Set>(key)?;
    while let Some(member) = args.next() {
        set.add(member, hashing, memory)?;
    }
    Ok(())
}

/// `SREM key member [member ..]`
pub(super) fn srem(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    args.at_least(1)?;
    let Some((set, memory, hashing)) = space.find::<Set>(key)? else { return Ok(()) };
    while let Some(member) = args.next() {
        set.remove(member, hashing, memory);
    }
    space.settle::<Set>(key);
    Ok(())
}

/// `SMOVE source destination member`
pub(super) fn smove(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (source, destination, member) = (args.key()?, args.key()?, args.text()?);
    args.end()?;
    if !space.contains(source) {
        return Ok(());
    }
    space.find::<Set>(source)?;
    space.find::<Set>(destination)?;
    if source == destination {
        return Ok(());
    }
    let Some((set, memory, hashing)) = space.find::<Set>(source)? else { return Ok(()) };
    if set.remove(member, hashing, memory) {
        space.settle::<Set>(source);
        let (set, memory, hashing) = space.make::<Set>(destination)?;
        set.add(member, hashing, memory)?;
    }
    Ok(())
}

/// `SPOP key [count]`: what is taken is known only where it is everything.
pub(super) fn spop(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let count = if args.left() == 0 { 1 } else { args.int()? };
    args.end()?;
    let count = u64::try_from(count).map_err(|_| super::args::BAD_COUNT)?;
    let Some((set, ..)) = space.find::<Set>(key)? else { return Ok(()) };
    if count == 0 {
        return Ok(());
    }
    if count < set.0.len() as u64 {
        return Err(Halt::Form("SREM, as which servers log it"));
    }
    space.remove(key);
    Ok(())
}

/// `SINTERSTORE destination key [key ..]`
pub(super) fn sinterstore(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    store(space, args, |result, set, hashing, memory| {
        let mut at = 0;
        while let Some(member) = result.0.at_mut(at) {
            if set.is_some_and(|set| set.0.find(member.as_slice(), hashing).is_some()) {
                at = at.saturating_add(1);
            } else if let Some(member) = result.0.remove_at(at, hashing) {
                memory.give_back(member.heap_bytes());
            }
        }
        Ok(())
    })
}

/// `SUNIONSTORE destination key [key ..]`
pub(super) fn sunionstore(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    store(space, args, |result, set, hashing, memory| {
        for member in set.into_iter().flat_map(Set::iter) {
            result.add(member.as_slice(), hashing, memory)?;
        }
        Ok(())
    })
}

/// `SDIFFSTORE destination key [key ..]`
pub(super) fn sdiffstore(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    store(space, args, |result, set, hashing, memory| {
        for member in set.into_iter().flat_map(Set::iter) {
            result.remove(member.as_slice(), hashing, memory);
        }
        Ok(())
    })
}

type Combine = fn(&mut Set, Option<&Set>, &Hashing, &mut Store) -> Result<(), Fault>;

/// Stores what the first set becomes when it is combined with each of the others. Nothing is
/// changed if one of the keys holds another type.
fn store(space: &mut Space, args: &mut Arguments<'_>, combine: Combine) -> Done {
    let destination = args.key()?;
    args.at_least(1)?;
    let mut ahead = args.clone();
    while let Some(key) = ahead.next() {
        space.find::<Set>(key)?;
    }
    let mut result = Set::default();
    let mut is_first = true;
    while let Some(key) = args.next() {
        let keys = space.keys();
        let set = match keys.keys.get(key, keys.hashing).map(|slot| &slot.value) {
            Some(Value::Set(set)) => Some(&**set),
            Some(_) => return Err(WRONG_TYPE),
            None => None,
        };
        if is_first {
            for member in set.into_iter().flat_map(Set::iter) {
                result.add(member.as_slice(), keys.hashing, keys.memory)?;
            }
        } else {
            combine(&mut result, set, keys.hashing, keys.memory)?;
        }
        is_first = false;
    }
    if result.is_empty() {
        space.memory.give_back(result.heap_bytes());
        space.remove(destination);
        return Ok(());
    }
    space.put(destination, Value::Set(Box::new(result)), Expiry::NEVER)
}
