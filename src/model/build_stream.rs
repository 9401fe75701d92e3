//! From the parts of a stream to owned data.

use super::build::keep_distinct;
use super::store::Store;
use super::stream::{Stream, StreamConsumer, StreamEntry, StreamGroup, StreamIdempotency, StreamPending, StreamProducer};
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::rdb::{Generation, Group, Pending, StreamId, StreamNode, StreamPart};
use alloc::collections::BTreeMap;
use alloc::collections::btree_map;
use alloc::vec::Vec;

static GROUP_TWICE: Cause = Cause::new(FaultKind::Duplicate, "a group once in its stream", Form::Number);
static CONSUMER_TWICE: Cause = Cause::new(FaultKind::Duplicate, "a consumer once in its group", Form::Number);
static PRODUCER_TWICE: Cause = Cause::new(FaultKind::Duplicate, "a producer once in its stream", Form::Number);
static PENDING_TWICE: Cause = Cause::new(FaultKind::Duplicate, "a pending entry once in its group", Form::Number);
static NOT_PENDING: Cause = Cause::new(
    FaultKind::Value,
    "an id among the pending entries of the group, and with one consumer only",
    Form::Text("another"),
);
static NO_OWNER: Cause =
    Cause::new(FaultKind::Value, "a consumer for every pending entry of the group", Form::Text("an entry without one"));
static ORDER: Cause =
    Cause::new(FaultKind::Value, "stream entries with ascending ids", Form::Text("one that is not above the one before"));
static LAST_ID: Cause = Cause::new(FaultKind::Value, "a last id at or above every entry's", Form::Text("one below"));

/// Passes over a fault, if the collector is lenient.
type Tolerate<'t> = dyn FnMut(Fault) -> Result<(), Fault> + 't;

/// Puts a stream together.
pub(super) struct StreamBuilder {
    generation: Generation,
    has_texts: bool,
    stream: Stream,
    groups_left: u64,
    /// Consumers of the group in hand.
    consumers_left: u64,
    /// Ids of the consumer in hand, or ids that were handed back.
    ids_left: u64,
    /// Pending entries of the group in hand that no consumer has named so far.
    pending: BTreeMap<StreamId, StreamPending>,
}

impl StreamBuilder {
    /// Bytes that a pending entry takes in a tree whose nodes are half full at least.
    const PENDING_BYTES: usize = 2 * size_of::<(StreamId, StreamPending)>();

    pub(super) fn new(generation: Generation) -> Self {
        Self {
            generation,
            has_texts: true,
            stream: Stream::default(),
            groups_left: 0,
            consumers_left: 0,
            ids_left: 0,
            pending: BTreeMap::new(),
        }
    }

    /// Puts a stream together that has an empty field and value in each entry, in place of those it has.
    pub(super) fn without_texts(generation: Generation) -> Self {
        Self { has_texts: false, ..Self::new(generation) }
    }

    pub(super) fn finish(self) -> Stream {
        self.stream
    }

    pub(super) fn push(&mut self, part: &StreamPart<'_>, store: &mut Store, tolerate: &mut Tolerate<'_>) -> Result<(), Fault> {
        match part {
            StreamPart::Node(node) => self.node(node, store, tolerate),
            StreamPart::Meta(meta) => self.meta(meta.last_id, store, tolerate),
            StreamPart::Counters(counters) => {
                self.stream.max_deleted_id = counters.max_deleted_id;
                self.stream.entries_added = counters.entries_added;
                Ok(())
            }
            StreamPart::Groups(groups) => {
                self.groups_left = *groups;
                Ok(())
            }
            StreamPart::Group(group) => self.group(group, store),
            StreamPart::Pending(pending) => self.pending(pending, store, tolerate),
            StreamPart::Consumers(consumers) => {
                self.consumers_left = *consumers;
                self.ids_left = 0;
                self.settle_group(store, tolerate)
            }
            StreamPart::Consumer(consumer) => {
                self.consumers_left = self.consumers_left.saturating_sub(1);
                self.ids_left = consumer.pending;
                let consumer = StreamConsumer {
                    name: store.text(consumer.name)?,
                    seen_at_ms: consumer.seen_at_ms,
                    active_at_ms: consumer.active_at_ms,
                    pending: Vec::new(),
                };
                if let Some(group) = self.stream.groups.last_mut() {
                    store.push(&mut group.consumers, consumer)?;
                }
                self.settle_group(store, tolerate)
            }
            StreamPart::Owned(id) => {
                self.ids_left = self.ids_left.saturating_sub(1);
                let consumer = self.stream.groups.last_mut().and_then(|group| group.consumers.last_mut());
                match (self.pending.remove(id), consumer) {
                    (Some(pending), Some(consumer)) => {
                        store.give_back(Self::PENDING_BYTES);
                        store.push(&mut consumer.pending, pending)?;
                    }
                    _ => tolerate(Fault::new(&NOT_PENDING, 0))?,
                }
                self.settle_group(store, tolerate)
            }
            StreamPart::Returns(count) => {
                self.ids_left = *count;
                self.settle_returns(store, tolerate)
            }
            StreamPart::Returned(id) => {
                self.ids_left = self.ids_left.saturating_sub(1);
                match (self.pending.remove(id), self.stream.groups.last_mut()) {
                    (Some(pending), Some(group)) => {
                        store.give_back(Self::PENDING_BYTES);
                        store.push(&mut group.unowned, pending)?;
                    }
                    _ => tolerate(Fault::new(&NOT_PENDING, 0))?,
                }
                self.settle_returns(store, tolerate)
            }
            StreamPart::Idempotency(_) | StreamPart::Producer(_) | StreamPart::Produced { .. } => self.idempotency(part, store),
            StreamPart::IdempotencyCounters { added, duplicates } => {
                if let Some(idempotency) = &mut self.stream.idempotency {
                    (idempotency.added, idempotency.duplicates) = (*added, *duplicates);
                    keep_distinct(&mut idempotency.producers, |producer| &producer.name, &PRODUCER_TWICE, store, tolerate)?;
                }
                if self.stream.idempotency == Some(StreamIdempotency::default()) {
                    self.stream.idempotency = None;
                }
                Ok(())
            }
        }
    }

    fn node(&mut self, node: &StreamNode<'_>, store: &mut Store, tolerate: &mut Tolerate<'_>) -> Result<(), Fault> {
        for entry in node.entries() {
            let entry = match entry {
                Ok(entry) => entry,
                // None follow.
                Err(fault) => return tolerate(fault),
            };
            if entry.is_deleted {
                continue;
            }
            // The node holds them all: they were counted.
            let (count, _) = entry.fields.size_hint();
            let mut fields = Vec::new();
            if self.has_texts {
                store.grow(&mut fields, count)?;
                for (field, value) in entry.fields {
                    fields.push((store.text(field)?, store.text(value)?));
                }
            } else if count > 0 {
                store.push(&mut fields, Default::default())?;
            }
            store.push(&mut self.stream.entries, StreamEntry { id: entry.id, fields })?;
        }
        Ok(())
    }

    /// Behind the nodes.
    fn meta(&mut self, last_id: StreamId, store: &mut Store, tolerate: &mut Tolerate<'_>) -> Result<(), Fault> {
        let entries = &mut self.stream.entries;
        if !entries.is_sorted_by(|a, b| a.id < b.id) {
            tolerate(Fault::new(&ORDER, 0))?;
            // The last of an id stays.
            entries.sort_by_key(|entry| entry.id);
            entries.reverse();
            entries.dedup_by_key(|entry| entry.id);
            entries.reverse();
        }
        store.settle(entries);
        self.stream.last_id = last_id;
        if let Some(last) = entries.last().map(|entry| entry.id).filter(|last| *last > last_id) {
            tolerate(Fault::new(&LAST_ID, 0))?;
            self.stream.last_id = last;
        }
        if self.generation == Generation::V1 {
            self.stream.derive_counters();
        }
        Ok(())
    }

    fn group(&mut self, group: &Group<'_>, store: &mut Store) -> Result<(), Fault> {
        self.groups_left = self.groups_left.saturating_sub(1);
        let entries_read = match (self.generation, group.entries_read) {
            (Generation::V1, _) => self.stream.derived_entries_read(group.last_id),
            (_, Group::UNKNOWN) => None,
            (_, known) => Some(known),
        };
        let (consumers, unowned) = (Vec::new(), Vec::new());
        let group = StreamGroup { name: store.text(group.name)?, last_id: group.last_id, entries_read, consumers, unowned };
        store.push(&mut self.stream.groups, group)
    }

    fn pending(&mut self, pending: &Pending, store: &mut Store, tolerate: &mut Tolerate<'_>) -> Result<(), Fault> {
        let Pending { id, delivered_at_ms, deliveries } = *pending;
        match self.pending.entry(id) {
            btree_map::Entry::Vacant(vacant) => {
                store.take(Self::PENDING_BYTES)?;
                vacant.insert(StreamPending { id, delivered_at_ms, deliveries });
            }
            btree_map::Entry::Occupied(_) => tolerate(Fault::new(&PENDING_TWICE, 0))?,
        }
        Ok(())
    }

    /// Closes the group in hand, if its last consumer is whole and nothing else follows.
    fn settle_group(&mut self, store: &mut Store, tolerate: &mut Tolerate<'_>) -> Result<(), Fault> {
        if self.ids_left == 0 {
            let consumer = self.stream.groups.last_mut().and_then(|group| group.consumers.last_mut());
            if let Some(consumer) = consumer {
                store.settle(&mut consumer.pending);
            }
        }
        if self.consumers_left > 0 || self.ids_left > 0 || self.generation >= Generation::V5 {
            return Ok(());
        }
        self.close_group(store, tolerate)
    }

    /// As [`StreamBuilder::settle_group`], behind the ids that were handed back.
    fn settle_returns(&mut self, store: &mut Store, tolerate: &mut Tolerate<'_>) -> Result<(), Fault> {
        if self.ids_left > 0 { Ok(()) } else { self.close_group(store, tolerate) }
    }

    fn close_group(&mut self, store: &mut Store, tolerate: &mut Tolerate<'_>) -> Result<(), Fault> {
        if let Some(group) = self.stream.groups.last_mut() {
            keep_distinct(&mut group.consumers, |consumer| &consumer.name, &CONSUMER_TWICE, store, tolerate)?;
            if !self.pending.is_empty() {
                tolerate(Fault::new(&NO_OWNER, 0))?;
                for pending in core::mem::take(&mut self.pending).into_values() {
                    store.give_back(Self::PENDING_BYTES);
                    store.push(&mut group.unowned, pending)?;
                }
            }
        }
        if self.groups_left == 0 {
            keep_distinct(&mut self.stream.groups, |group| &group.name, &GROUP_TWICE, store, tolerate)?;
        }
        Ok(())
    }

    fn idempotency(&mut self, part: &StreamPart<'_>, store: &mut Store) -> Result<(), Fault> {
        if let StreamPart::Idempotency(head) = part {
            let (duration_s, max_ids) = (head.duration_s, head.max_ids);
            self.stream.idempotency = Some(StreamIdempotency { duration_s, max_ids, ..StreamIdempotency::default() });
            return Ok(());
        }
        let Some(idempotency) = &mut self.stream.idempotency else { return Ok(()) };
        match part {
            StreamPart::Producer(producer) => {
                let producer = StreamProducer { name: store.text(producer.name)?, ids: Vec::new() };
                store.push(&mut idempotency.producers, producer)
            }
            StreamPart::Produced { iid, id } => {
                let iid = store.text(*iid)?;
                match idempotency.producers.last_mut() {
                    Some(producer) => store.push(&mut producer.ids, (iid, *id)),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}
