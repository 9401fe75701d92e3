//! Streams as owned data.

use super::loss::Lost;
use crate::rdb::{Generation, Pending, StreamId};
use alloc::vec::Vec;
use bytes::Bytes;

/// A stream. Entries that were deleted leave no trace but in its counters.
///
/// Snapshots of Redis 5.0 to 6.2 lack some of it. What they lack is here what a later server
/// makes of such a stream when it loads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// The entries, ids ascending.
    pub entries: Vec<StreamEntry>,
    /// Last id given out; at or above every entry's.
    pub last_id: StreamId,
    /// Highest id ever deleted. Before Redis 7.0: `0-0`.
    pub max_deleted_id: StreamId,
    /// Entries ever added, at least those that are here. Before Redis 7.0: as many.
    pub entries_added: u64,
    /// Consumer groups with distinct names, in no order.
    pub groups: Vec<StreamGroup>,
    /// How producers' ids are remembered (Redis 8.6). `None` is what a server has that was not
    /// told otherwise: 100 ids of each for 100 seconds, and none so far.
    pub idempotency: Option<StreamIdempotency>,
}

/// An entry of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEntry {
    /// Its id.
    pub id: StreamId,
    /// Fields and values, in order; a field may stand more than once.
    pub fields: Vec<(Bytes, Bytes)>,
}

/// A consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamGroup {
    /// Its name.
    pub name: Bytes,
    /// Last id delivered to it.
    pub last_id: StreamId,
    /// Entries ever read, if the server knew. Before Redis 7.0: as a later server estimates it.
    pub entries_read: Option<u64>,
    /// Consumers with distinct names, in no order.
    pub consumers: Vec<StreamConsumer>,
    /// Pending entries that their consumer handed back, in that order (Redis 8.8).
    pub unowned: Vec<StreamPending>,
}

/// A consumer of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamConsumer {
    /// Its name.
    pub name: Bytes,
    /// When it last tried to read, Unix milliseconds.
    pub seen_at_ms: i64,
    /// When it last read something, Unix milliseconds; -1: never. Before Redis 7.2: when it was seen.
    pub active_at_ms: i64,
    /// Entries delivered to it that it has not acknowledged, in no order. An entry is pending
    /// with one consumer of a group at most.
    pub pending: Vec<StreamPending>,
}

/// An entry that was delivered but not acknowledged; it may have been deleted since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPending {
    /// Its id.
    pub id: StreamId,
    /// When it was last delivered, Unix milliseconds.
    pub delivered_at_ms: i64,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// How producers' ids are remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamIdempotency {
    /// How long, in seconds, 1 to 86400.
    pub duration_s: u64,
    /// How many for each producer, 1 to 10000.
    pub max_ids: u64,
    /// Producers with distinct names, in no order.
    pub producers: Vec<StreamProducer>,
    /// Ids ever added.
    pub added: u64,
    /// Ids that were there already.
    pub duplicates: u64,
}

impl From<&StreamPending> for Pending {
    fn from(pending: &StreamPending) -> Self {
        let StreamPending { id, delivered_at_ms, deliveries } = *pending;
        Self { id, delivered_at_ms, deliveries }
    }
}

impl Default for StreamIdempotency {
    /// What a server has that was not told otherwise.
    ///
    /// Source: Redis 8.6 `config.c`, `stream-idmp-duration` and `stream-idmp-maxsize`.
    fn default() -> Self {
        Self { duration_s: 100, max_ids: 100, producers: Vec::new(), added: 0, duplicates: 0 }
    }
}

/// A producer of a stream's entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamProducer {
    /// Its name.
    pub name: Bytes,
    /// The ids it gave its entries, each with the entry's, in the order of the snapshot.
    pub ids: Vec<(Bytes, StreamId)>,
}

impl Stream {
    pub(super) fn canonicalize(&mut self) {
        self.groups.sort_by(|a, b| a.name.cmp(&b.name));
        for group in &mut self.groups {
            group.consumers.sort_by(|a, b| a.name.cmp(&b.name));
            for consumer in &mut group.consumers {
                consumer.pending.sort_by_key(|pending| pending.id);
            }
        }
        if let Some(idempotency) = &mut self.idempotency {
            idempotency.producers.sort_by(|a, b| a.name.cmp(&b.name));
        }
    }

    /// Id of the first entry, `0-0` where there is none. Snapshots state it from Redis 7.0 on; for an
    /// empty stream of an older one some servers have 2^64 - 1 twice, which means nothing either.
    #[must_use]
    pub fn first_id(&self) -> StreamId {
        self.entries.first().map_or(StreamId::default(), |entry| entry.id)
    }

    /// Sets the counters to what a server makes of a stream that has none.
    ///
    /// Source: Redis 8.0 `rdb.c` `rdbLoadObject()`.
    pub(crate) fn derive_counters(&mut self) {
        self.max_deleted_id = StreamId::default();
        self.entries_added = self.entries.len() as u64;
    }

    /// What a server makes of the entries read by a group with this last id, in a stream without counters.
    ///
    /// Source: Redis 8.0 `t_stream.c` `streamEstimateDistanceFromFirstEverEntry()`.
    pub(crate) fn derived_entries_read(&self, last_id: StreamId) -> Option<u64> {
        let Some(first) = self.entries.first() else { return Some(0) };
        if last_id == self.last_id {
            return Some(self.entries.len() as u64);
        }
        if last_id > self.last_id || last_id > first.id {
            return None;
        }
        Some(u64::from(last_id == first.id))
    }

    /// What a stream of this generation cannot hold of it, and how often that is there.
    pub(super) fn misfits(&self, generation: Generation) -> Vec<(Lost, u64)> {
        let groups = |has: &dyn Fn(&StreamGroup) -> bool| self.groups.iter().filter(|group| has(group)).count() as u64;
        let consumers = |has: &dyn Fn(&StreamConsumer) -> bool| {
            self.groups.iter().flat_map(|group| &group.consumers).filter(|consumer| has(consumer)).count() as u64
        };
        let mut misfits = Vec::new();
        if generation < Generation::V2 {
            let is_counted = self.max_deleted_id != StreamId::default() || self.entries_added != self.entries.len() as u64;
            misfits.push((Lost::StreamCounters, u64::from(is_counted)));
            let is_told = |group: &StreamGroup| group.entries_read != self.derived_entries_read(group.last_id);
            misfits.push((Lost::EntriesRead, groups(&is_told)));
        }
        if generation < Generation::V3 {
            let has_own = |consumer: &StreamConsumer| consumer.active_at_ms != consumer.seen_at_ms;
            misfits.push((Lost::ConsumerActiveTime, consumers(&has_own)));
        }
        if generation < Generation::V4 {
            misfits.push((Lost::ProducerIds, u64::from(self.idempotency.is_some())));
        }
        if generation < Generation::V5 {
            misfits.push((Lost::UnownedPending, self.groups.iter().map(|group| group.unowned.len() as u64).sum()));
        }
        misfits.retain(|(_, count)| *count > 0);
        misfits
    }

    /// Leaves out a misfit. What older streams lack becomes what a server makes of such a stream when it loads it.
    pub(super) fn strip(&mut self, lost: Lost) {
        match lost {
            Lost::StreamCounters => self.derive_counters(),
            Lost::EntriesRead => {
                let derived: Vec<_> = self.groups.iter().map(|group| self.derived_entries_read(group.last_id)).collect();
                for (group, derived) in self.groups.iter_mut().zip(derived) {
                    group.entries_read = derived;
                }
            }
            Lost::ConsumerActiveTime => {
                for consumer in self.groups.iter_mut().flat_map(|group| &mut group.consumers) {
                    consumer.active_at_ms = consumer.seen_at_ms;
                }
            }
            Lost::ProducerIds => self.idempotency = None,
            Lost::UnownedPending => self.groups.iter_mut().for_each(|group| group.unowned = Vec::new()),
            _ => {}
        }
    }
}
