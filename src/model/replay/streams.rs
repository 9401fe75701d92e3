//! Streams: entries and consumer groups while commands change them.

use super::super::store::Store;
use super::super::stream::{self as model, StreamConsumer, StreamEntry, StreamGroup, StreamPending};
use super::args::Halt;
use super::keyspace::Space;
use super::named::{Hashing, Name, Named};
use super::stream_producers::Producers;
use super::text::Text;
use crate::error::Fault;
use crate::rdb::StreamId;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// A stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    /// Ids ascending. Deleted ones stay for a while, so that no deletion moves what is behind it.
    entries: VecDeque<Kept>,
    /// How many of them are not deleted.
    len: usize,
    pub(super) last_id: StreamId,
    pub(super) max_deleted_id: StreamId,
    pub(super) entries_added: u64,
    pub(super) groups: Named<Group>,
    pub(super) producers: Option<Box<Producers>>,
}

/// An entry, or where one was.
#[derive(Clone, Debug)]
struct Kept {
    id: StreamId,
    fields: Option<Vec<(Text, Text)>>,
}

impl Kept {
    /// Memory that counts for an entry's place, in a list that may be half full.
    const BYTES: usize = 2 * size_of::<Self>();
}

/// A consumer group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    name: Text,
    pub(super) last_id: StreamId,
    pub(super) entries_read: Option<u64>,
    consumers: Named<Consumer>,
    pub(super) pending: BTreeMap<StreamId, Pending>,
    /// How many entries are pending with a consumer, by the consumer's number.
    held: Vec<u64>,
    /// Entries that were handed back, in that order, and perhaps taken since.
    unowned: Vec<StreamId>,
}

/// A consumer of a group. What is pending with it, the group knows.
#[derive(Clone, Debug)]
struct Consumer {
    name: Text,
    /// No other consumer that the group ever had has this number.
    number: u32,
    seen_at_ms: i64,
    active_at_ms: i64,
}

/// An entry that was delivered but not acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    /// The number of the consumer that holds it.
    pub(super) owner: Option<u32>,
    pub(super) delivered_at_ms: i64,
    pub(super) deliveries: u64,
}

impl Name for Group {
    fn name(&self) -> &[u8] {
        self.name.as_slice()
    }
}

impl Name for Consumer {
    fn name(&self) -> &[u8] {
        self.name.as_slice()
    }
}

/// Memory that counts for an entry.
fn entry_bytes(fields: &[(Text, Text)]) -> usize {
    let texts = fields.iter().map(|(field, value)| field.heap_bytes().saturating_add(value.heap_bytes()));
    texts.fold(Kept::BYTES, usize::saturating_add).saturating_add(size_of_val(fields))
}

impl Stream {
    pub(super) fn from_model(stream: model::Stream, hashing: &Hashing, memory: &mut Store) -> Result<Self, Fault> {
        let model::Stream { entries, last_id, max_deleted_id, entries_added, groups, idempotency } = stream;
        let mut made = Self { last_id, max_deleted_id, entries_added, ..Self::default() };
        for StreamEntry { id, fields } in entries {
            let mut kept = Vec::with_capacity(fields.len());
            for (field, value) in fields {
                kept.push((Text::new(&field, memory)?, Text::new(&value, memory)?));
            }
            made.push(id, kept, memory)?;
        }
        for StreamGroup { name, last_id, entries_read, consumers, unowned } in groups {
            let mut group = Group::new(Text::new(&name, memory)?, last_id, entries_read);
            for StreamConsumer { name, seen_at_ms, active_at_ms, pending } in consumers {
                let owner = group.add_consumer(&name, seen_at_ms, active_at_ms, hashing, memory)?;
                for StreamPending { id, delivered_at_ms, deliveries } in pending {
                    group.set_pending(id, Some(owner), delivered_at_ms, deliveries, memory)?;
                }
            }
            for StreamPending { id, delivered_at_ms, deliveries } in unowned {
                group.set_pending(id, None, delivered_at_ms, deliveries, memory)?;
                memory.push(&mut group.unowned, id)?;
            }
            made.groups.add(group, hashing, memory)?;
        }
        if let Some(idempotency) = idempotency {
            made.producers = Some(Box::new(Producers::from_model(idempotency, hashing, memory)?));
        }
        Ok(made)
    }

    pub(super) fn into_model(self, blocks: &mut Store) -> model::Stream {
        let Self { entries, last_id, max_deleted_id, entries_added, groups, producers, .. } = self;
        let entry = |Kept { id, fields }| {
            let fields: Vec<(Text, Text)> = fields?;
            let text = |(field, value): (Text, Text)| (field.into_bytes(blocks), value.into_bytes(blocks));
            Some(StreamEntry { id, fields: fields.into_iter().map(text).collect() })
        };
        let entries = entries.into_iter().filter_map(entry).collect();
        let groups = groups.into_items().into_iter().map(|group| group.into_model(blocks)).collect();
        let idempotency = producers.and_then(|producers| producers.into_model(blocks));
        model::Stream { entries, last_id, max_deleted_id, entries_added, groups, idempotency }
    }

    /// A stream without entries stays.
    #[allow(clippy::unused_self)]
    pub(super) fn is_empty(&self) -> bool {
        false
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let entries = self.entries.iter().map(|kept| entry_bytes(kept.fields.as_deref().unwrap_or_default()));
        let groups = self.groups.items().iter().map(Group::heap_bytes);
        let own = self.groups.heap_bytes().saturating_add(self.producers.as_ref().map_or(0, |producers| producers.heap_bytes()));
        entries.chain(groups).fold(own, usize::saturating_add)
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Id of the first entry.
    pub(super) fn first_id(&self) -> Option<StreamId> {
        self.ids().next()
    }

    /// Id of the last entry.
    pub(super) fn last_entry_id(&self) -> Option<StreamId> {
        self.entries.iter().rev().find(|kept| kept.fields.is_some()).map(|kept| kept.id)
    }

    /// Ids of the entries.
    pub(super) fn ids(&self) -> impl Iterator<Item = StreamId> {
        self.entries.iter().filter(|kept| kept.fields.is_some()).map(|kept| kept.id)
    }

    /// Appends an entry, whose id is above all others. The memory of its texts counts already.
    pub(super) fn push(&mut self, id: StreamId, fields: Vec<(Text, Text)>, memory: &mut Store) -> Result<(), Fault> {
        memory.take(size_of_val(&fields[..]).saturating_add(Kept::BYTES))?;
        self.entries.push_back(Kept { id, fields: Some(fields) });
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    pub(super) fn contains(&self, id: StreamId) -> bool {
        // As a rule it is asked for what came last.
        if self.entries.back().is_some_and(|last| last.id == id) {
            return true;
        }
        let found = self.entries.binary_search_by_key(&id, |kept| kept.id).ok();
        found.and_then(|at| self.entries.get(at)).is_some_and(|kept| kept.fields.is_some())
    }

    /// Removes an entry; says whether it was there.
    pub(super) fn remove(&mut self, id: StreamId, memory: &mut Store) -> bool {
        let Ok(at) = self.entries.binary_search_by_key(&id, |kept| kept.id) else { return false };
        let Some(fields) = self.entries.get_mut(at).and_then(|kept| kept.fields.take()) else { return false };
        memory.give_back(entry_bytes(&fields));
        self.len = self.len.saturating_sub(1);
        self.tidy();
        true
    }

    /// Lets go of places of deleted entries: those at the ends, and all when they are the most.
    fn tidy(&mut self) {
        while self.entries.front().is_some_and(|kept| kept.fields.is_none()) {
            self.entries.pop_front();
        }
        while self.entries.back().is_some_and(|kept| kept.fields.is_none()) {
            self.entries.pop_back();
        }
        if self.entries.len() > self.len.saturating_mul(2) {
            self.entries.retain(|kept| kept.fields.is_some());
        }
    }
}

impl Group {
    /// Memory that counts for a pending entry, in a tree whose nodes are half full at least.
    const PENDING_BYTES: usize = 2 * size_of::<(StreamId, Pending)>();

    /// A group; the memory of its name counts already.
    pub(super) fn new(name: Text, last_id: StreamId, entries_read: Option<u64>) -> Self {
        Self {
            name,
            last_id,
            entries_read,
            consumers: Named::default(),
            pending: BTreeMap::new(),
            held: Vec::new(),
            unowned: Vec::new(),
        }
    }

    fn into_model(self, blocks: &mut Store) -> StreamGroup {
        let Self { name, last_id, entries_read, consumers, pending, held, unowned } = self;
        let mut places: Vec<usize> = alloc::vec![usize::MAX; held.len()];
        let mut made = Vec::with_capacity(consumers.len());
        for (place, consumer) in consumers.into_items().into_iter().enumerate() {
            let Consumer { name, number, seen_at_ms, active_at_ms } = consumer;
            if let Some(at) = places.get_mut(number as usize) {
                *at = place;
            }
            made.push(StreamConsumer { name: name.into_bytes(blocks), seen_at_ms, active_at_ms, pending: Vec::new() });
        }
        let to_model = |id, pending: &Pending| {
            let Pending { delivered_at_ms, deliveries, .. } = *pending;
            StreamPending { id, delivered_at_ms, deliveries }
        };
        for (id, pending) in &pending {
            let place = pending.owner.and_then(|number| places.get(number as usize));
            if let Some(consumer) = place.and_then(|place| made.get_mut(*place)) {
                consumer.pending.push(to_model(*id, pending));
            }
        }
        let is_unowned = |id: &StreamId| pending.get(id).filter(|pending| pending.owner.is_none());
        let unowned = unowned.iter().filter_map(|id| is_unowned(id).map(|pending| to_model(*id, pending))).collect();
        StreamGroup { name: name.into_bytes(blocks), last_id, entries_read, consumers: made, unowned }
    }

    /// A consumer group of a stream.
    pub(super) fn find<'s>(
        space: &'s mut Space,
        key: &[u8],
        name: &[u8],
    ) -> Result<(&'s mut Self, &'s mut Store, &'s Hashing), Halt> {
        let (stream, memory, hashing) = space.find::<Stream>(key)?.ok_or(NO_GROUP)?;
        Ok((stream.groups.get_mut(name, hashing).ok_or(NO_GROUP)?, memory, hashing))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let consumers = self.consumers.items().iter().map(|consumer| consumer.name.heap_bytes());
        let own = self.consumers.heap_bytes().saturating_add(self.name.heap_bytes());
        let pending = self.pending.len().saturating_mul(Self::PENDING_BYTES);
        let lists =
            self.held.capacity().saturating_add(self.unowned.capacity().saturating_mul(2)).saturating_mul(size_of::<u64>());
        consumers.fold(own.saturating_add(pending).saturating_add(lists), usize::saturating_add)
    }

    /// The place of a consumer, which is made if it is not there, and seen now.
    pub(super) fn consumer(&mut self, name: &[u8], now_ms: i64, hashing: &Hashing, memory: &mut Store) -> Result<usize, Fault> {
        if let Some(place) = self.consumers.find(name, hashing) {
            if let Some(consumer) = self.consumers.at_mut(place) {
                consumer.seen_at_ms = now_ms;
            }
            return Ok(place);
        }
        /// It never read anything.
        const NEVER: i64 = -1;
        self.add_consumer(name, now_ms, NEVER, hashing, memory)?;
        Ok(self.consumers.len().saturating_sub(1))
    }

    fn add_consumer(
        &mut self,
        name: &[u8],
        seen_at_ms: i64,
        active_at_ms: i64,
        hashing: &Hashing,
        memory: &mut Store,
    ) -> Result<u32, Fault> {
        let number = u32::try_from(self.held.len()).map_err(|_| memory.full())?;
        memory.push(&mut self.held, 0)?;
        let name = Text::new(name, memory)?;
        self.consumers.add(Consumer { name, number, seen_at_ms, active_at_ms }, hashing, memory)?;
        Ok(number)
    }

    /// Notes that a consumer was given something; gives its number.
    pub(super) fn note_active(&mut self, place: usize, now_ms: i64) -> Option<u32> {
        let consumer = self.consumers.at_mut(place)?;
        consumer.active_at_ms = now_ms;
        Some(consumer.number)
    }

    /// Removes a consumer and what is pending with it.
    pub(super) fn remove_consumer(&mut self, name: &[u8], hashing: &Hashing, memory: &mut Store) {
        let Some(consumer) = self.consumers.remove(name, hashing) else { return };
        memory.give_back(consumer.name.heap_bytes());
        if self.held.get(consumer.number as usize).is_some_and(|held| *held > 0) {
            let before = self.pending.len();
            self.pending.retain(|_, pending| pending.owner != Some(consumer.number));
            memory.give_back(before.saturating_sub(self.pending.len()).saturating_mul(Self::PENDING_BYTES));
        }
    }

    fn count(&mut self, owner: Option<u32>, change: i64) {
        if let Some(held) = owner.and_then(|owner| self.held.get_mut(owner as usize)) {
            *held = held.saturating_add_signed(change);
        }
    }

    /// Makes an entry pending with a consumer, whoever has it.
    pub(super) fn set_pending(
        &mut self,
        id: StreamId,
        owner: Option<u32>,
        delivered_at_ms: i64,
        deliveries: u64,
        memory: &mut Store,
    ) -> Result<(), Fault> {
        memory.take(Self::PENDING_BYTES)?;
        if let Some(before) = self.pending.insert(id, Pending { owner, delivered_at_ms, deliveries }) {
            memory.give_back(Self::PENDING_BYTES);
            self.count(before.owner, -1);
        }
        self.count(owner, 1);
        Ok(())
    }

    /// Removes a pending entry; says whether it was one.
    pub(super) fn acknowledge(&mut self, id: StreamId, memory: &mut Store) -> bool {
        let Some(pending) = self.pending.remove(&id) else { return false };
        memory.give_back(Self::PENDING_BYTES);
        self.count(pending.owner, -1);
        true
    }
}

pub(super) const NO_GROUP: Halt = Halt::Answer("no such key or consumer group");
