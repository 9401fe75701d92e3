//! Lists.
//!
//! Source: Redis 8.6 `t_list.c`. Servers log blocking commands as what they did; one that stands in a log
//! finds its list or does nothing.

use super::super::store::Store;
use super::args::{Arguments, BAD_COUNT, Done, Halt, NO_KEY, NOT_AN_INTEGER, SYNTAX, is_word};
use super::keyspace::Space;
use super::text::Text;
use super::value::all_bytes;
use crate::error::Fault;
use crate::wire::number;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

const BAD_INDEX: Halt = Halt::Answer("an index out of range");

/// The elements of a list in order.
#[derive(Clone, Debug, Default)]
pub(super) struct List(VecDeque<Text>);

/// An end of a list.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Front,
    Back,
}

impl List {
    /// Elements that a list has room for at first.
    const FIRST: usize = 4;

    pub(super) fn from_model(items: &[Bytes], memory: &mut Store) -> Result<Self, Fault> {
        let mut list = Self::default();
        for item in items {
            let item = Text::new(item, memory)?;
            list.push(item, End::Back, memory)?;
        }
        Ok(list)
    }

    /// Appends an element, whose memory counts already.
    pub(super) fn push_back(&mut self, item: Text, memory: &mut Store) -> Result<(), Fault> {
        self.push(item, End::Back, memory)
    }

    pub(super) fn into_model(self, blocks: &mut Store) -> Vec<Bytes> {
        all_bytes(self.0.into(), blocks)
    }

    /// For [`Value::touch`](super::value::Value::touch): the list and both of its ends.
    pub(super) fn touch(&self, depth: u8) -> usize {
        match depth {
            1 => self.0.len(),
            2 => self.0.front().map_or(0, Text::heap_bytes),
            _ => self.0.back().map_or(0, Text::heap_bytes),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Text> {
        self.0.iter()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let own = self.0.capacity().saturating_mul(size_of::<Text>());
        self.0.iter().map(Text::heap_bytes).fold(own, usize::saturating_add)
    }

    /// Makes room for one more.
    fn reserve(&mut self, memory: &mut Store) -> Result<(), Fault> {
        if self.0.len() == self.0.capacity() {
            let before = self.0.capacity();
            let more = self.0.len().max(Self::FIRST);
            memory.take(more.saturating_mul(size_of::<Text>()))?;
            self.0.try_reserve_exact(more).map_err(|_| memory.full())?;
            let unasked = self.0.capacity().saturating_sub(before.saturating_add(more));
            memory.take(unasked.saturating_mul(size_of::<Text>()))?;
        }
        Ok(())
    }

    fn push(&mut self, item: Text, end: End, memory: &mut Store) -> Result<(), Fault> {
        self.reserve(memory)?;
        match end {
            End::Front => self.0.push_front(item),
            End::Back => self.0.push_back(item),
        }
        Ok(())
    }

    fn pop(&mut self, end: End) -> Option<Text> {
        match end {
            End::Front => self.0.pop_front(),
            End::Back => self.0.pop_back(),
        }
    }

    /// Removes up to so many elements.
    fn pop_many(&mut self, end: End, count: u64, memory: &mut Store) {
        let mut left = count;
        while left > 0
            && let Some(item) = self.pop(end)
        {
            memory.give_back(item.heap_bytes());
            left = left.saturating_sub(1);
        }
    }

    /// Keeps the elements of which `keep` says so.
    fn retain(&mut self, memory: &mut Store, mut keep: impl FnMut(&Text) -> bool) {
        self.0.retain(|item| {
            let is_kept = keep(item);
            if !is_kept {
                memory.give_back(item.heap_bytes());
            }
            is_kept
        });
    }

    /// The place of an index that counts from the front, or from the back if it is negative.
    fn place(&self, index: i64) -> Option<usize> {
        let distance = usize::try_from(index.unsigned_abs()).ok()?;
        let place = if index < 0 { self.0.len().checked_sub(distance)? } else { distance };
        (place < self.0.len()).then_some(place)
    }
}

impl End {
    fn taken(args: &mut Arguments<'_>) -> Result<Self, Halt> {
        match args.text()? {
            word if is_word(word, "LEFT") => Ok(Self::Front),
            word if is_word(word, "RIGHT") => Ok(Self::Back),
            _ => Err(SYNTAX),
        }
    }
}

/// `LPUSH key element [element ..]`
pub(super) fn lpush(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    push(space, args, End::Front, true)
}

/// `RPUSH key element [element ..]`
pub(super) fn rpush(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    push(space, args, End::Back, true)
}

/// `LPUSHX key element [element ..]`
pub(super) fn lpushx(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    push(space, args, End::Front, false)
}

/// `RPUSHX key element [element ..]`
pub(super) fn rpushx(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    push(space, args, End::Back, false)
}

fn push(space: &mut Space, args: &mut Arguments<'_>, end: End, makes: bool) -> Done {
    let key = args.key()?;
    args.at_least(1)?;
    let found = if makes { Some(space.make::<List>(key)?) } else { space.find(key)? };
    let Some((list, memory, _)) = found else { return Ok(()) };
    while let Some(item) = args.next() {
        let item = Text::new(item, memory)?;
        list.push(item, end, memory)?;
    }
    Ok(())
}

/// `LPOP key [count]`
pub(super) fn lpop(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    pop(space, args, End::Front)
}

/// `RPOP key [count]`
pub(super) fn rpop(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    pop(space, args, End::Back)
}

fn pop(space: &mut Space, args: &mut Arguments<'_>, end: End) -> Done {
    let key = args.key()?;
    let count = match args.next() {
        None => 1,
        Some(count) => number::parse_int(count).and_then(|count| u64::try_from(count).ok()).ok_or(BAD_COUNT)?,
    };
    args.end()?;
    pop_from(space, key, end, count)
}

fn pop_from(space: &mut Space, key: &[u8], end: End, count: u64) -> Done {
    if let Some((list, memory, _)) = space.find::<List>(key)? {
        list.pop_many(end, count, memory);
        space.settle::<List>(key);
    }
    Ok(())
}

/// `BLPOP key [key ..] timeout`
pub(super) fn blpop(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    pop_first(space, args, End::Front)
}

/// `BRPOP key [key ..] timeout`
pub(super) fn brpop(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    pop_first(space, args, End::Back)
}

fn pop_first(space: &mut Space, args: &mut Arguments<'_>, end: End) -> Done {
    args.at_least(2)?;
    args.last_timeout()?;
    while args.left() > 1 {
        let key = args.key()?;
        if space.find::<List>(key)?.is_some() {
            return pop_from(space, key, end, 1);
        }
    }
    Ok(())
}

/// `LMPOP count key [key ..] LEFT | RIGHT [COUNT count]`
pub(super) fn lmpop(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let count = args.count()?;
    args.at_least(count)?;
    let mut keys = args.clone();
    for _ in 0..count {
        args.key()?;
    }
    let end = End::taken(args)?;
    let most = if args.word("COUNT") { args.count()? } else { 1 };
    args.end()?;
    for _ in 0..count {
        let key = keys.text()?;
        if space.find::<List>(key)?.is_some() {
            return pop_from(space, key, end, most as u64);
        }
    }
    Ok(())
}

/// `BLMPOP timeout count key [key ..] LEFT | RIGHT [COUNT count]`
pub(super) fn blmpop(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    args.timeout()?;
    lmpop(space, args)
}

/// `RPOPLPUSH source destination`
pub(super) fn rpoplpush(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (source, destination) = (args.key()?, args.key()?);
    args.end()?;
    move_one(space, (source, End::Back), (destination, End::Front))
}

/// `BRPOPLPUSH source destination timeout`
pub(super) fn brpoplpush(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (source, destination) = (args.key()?, args.key()?);
    args.timeout()?;
    args.end()?;
    move_one(space, (source, End::Back), (destination, End::Front))
}

/// `LMOVE source destination LEFT | RIGHT LEFT | RIGHT`
pub(super) fn lmove(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (source, destination) = (args.key()?, args.key()?);
    let (from, to) = (End::taken(args)?, End::taken(args)?);
    args.end()?;
    move_one(space, (source, from), (destination, to))
}

/// `BLMOVE source destination LEFT | RIGHT LEFT | RIGHT timeout`
pub(super) fn blmove(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (source, destination) = (args.key()?, args.key()?);
    let (from, to) = (End::taken(args)?, End::taken(args)?);
    args.timeout()?;
    args.end()?;
    move_one(space, (source, from), (destination, to))
}

fn move_one(space: &mut Space, (source, from): (&[u8], End), (destination, to): (&[u8], End)) -> Done {
    if space.find::<List>(source)?.is_none() {
        return Ok(());
    }
    space.find::<List>(destination)?;
    let Some((list, ..)) = space.find::<List>(source)? else { return Ok(()) };
    let Some(item) = list.pop(from) else { return Ok(()) };
    // A list that is its own destination is not gone in between.
    let (list, memory, _) = space.make::<List>(destination)?;
    list.push(item, to, memory)?;
    space.settle::<List>(source);
    Ok(())
}

/// `LREM key count element`
pub(super) fn lrem(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, count, element) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    let count = number::parse_int(count).ok_or(NOT_AN_INTEGER)?;
    let Some((list, memory, _)) = space.find::<List>(key)? else { return Ok(()) };
    let is_it = |item: &Text| item.as_slice() == element;
    // From the back: all but the last so many stay.
    let mut kept = match count {
        ..0 => (list.iter().filter(|item| is_it(item)).count() as u64).saturating_sub(count.unsigned_abs()),
        _ => 0,
    };
    let mut left = if count > 0 { count.unsigned_abs() } else { u64::MAX };
    list.retain(memory, |item| {
        let goes = left > 0 && is_it(item);
        if goes && kept > 0 {
            kept = kept.saturating_sub(1);
            return true;
        }
        left = left.saturating_sub(u64::from(goes));
        !goes
    });
    space.settle::<List>(key);
    Ok(())
}

/// `LSET key index element`
pub(super) fn lset(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, index, element) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    let (list, memory, _) = space.find::<List>(key)?.ok_or(NO_KEY)?;
    let index = number::parse_int(index).ok_or(NOT_AN_INTEGER)?;
    let place = list.place(index).ok_or(BAD_INDEX)?;
    let element = Text::new(element, memory)?;
    if let Some(item) = list.0.get_mut(place) {
        memory.give_back(item.heap_bytes());
        *item = element;
    }
    Ok(())
}

/// `LTRIM key start stop`
pub(super) fn ltrim(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, start, stop) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    let start = number::parse_int(start).ok_or(NOT_AN_INTEGER)?;
    let stop = number::parse_int(stop).ok_or(NOT_AN_INTEGER)?;
    let Some((list, memory, _)) = space.find::<List>(key)? else { return Ok(()) };
    let len = i64::try_from(list.0.len()).unwrap_or(i64::MAX);
    let from_front = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let (start, stop) = (from_front(start).max(0), from_front(stop).min(len.saturating_sub(1)));
    let (front, back) = if start > stop || start >= len { (len, 0) } else { (start, len.saturating_sub(1).saturating_sub(stop)) };
    list.pop_many(End::Front, front.unsigned_abs(), memory);
    list.pop_many(End::Back, back.unsigned_abs(), memory);
    space.settle::<List>(key);
    Ok(())
}

/// `LINSERT key BEFORE | AFTER pivot element`
pub(super) fn linsert(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let behind = match args.text()? {
        word if is_word(word, "BEFORE") => 0,
        word if is_word(word, "AFTER") => 1,
        _ => return Err(SYNTAX),
    };
    let (pivot, element) = (args.text()?, args.text()?);
    args.end()?;
    let Some((list, memory, _)) = space.find::<List>(key)? else { return Ok(()) };
    let place = list.iter().position(|item| item.as_slice() == pivot);
    if let Some(place) = place {
        let element = Text::new(element, memory)?;
        list.reserve(memory)?;
        list.0.insert(place.saturating_add(behind), element);
    }
    Ok(())
}
