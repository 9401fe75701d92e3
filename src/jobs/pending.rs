//! The pending entries of one consumer group, and who owns them.
//!
//! A snapshot has all pending entries of a group first, then each consumer with
//! the ids that are its own, then the ids that were handed back. They are held
//! until the group is whole.

use crate::error::{Cause, Fault, FaultKind, Form};
use crate::rdb::{Consumer, Group, Pending, StreamId, StreamPart};
use alloc::vec::Vec;

static TOO_MANY: Cause =
    Cause::new(FaultKind::Limit, "a group's pending entries within the limit on an item's bytes", Form::Number);
static UNKNOWN: Cause =
    Cause::new(FaultKind::Value, "a pending id of the consumer's group", Form::Text("an id that is not pending"));
static SHARED: Cause =
    Cause::new(FaultKind::Value, "a pending id that no other consumer owns", Form::Text("one that another consumer owns"));
static REPEATED: Cause = Cause::new(FaultKind::Duplicate, "a pending id once with its consumer", Form::Number);
static UNKNOWN_RETURN: Cause =
    Cause::new(FaultKind::Value, "an id handed back that is pending in the group", Form::Text("an id that is not pending"));
static OWNED_RETURN: Cause =
    Cause::new(FaultKind::Value, "an id handed back that no consumer owns", Form::Text("one that a consumer owns"));
static REPEATED_RETURN: Cause = Cause::new(FaultKind::Duplicate, "an id handed back once in its group", Form::Number);
static TWICE: Cause = Cause::new(FaultKind::Duplicate, "a pending id once in its group", Form::Number);

/// A pending entry and whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) pending: Pending,
    pub(crate) owner: Owner,
}

/// Whose a pending entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Nobody,
    /// The number of a consumer, from 0.
    Consumer(u64),
    /// Nobody's, since its consumer handed it back.
    Returned,
}

/// The pending entries of the group in hand.
#[derive(Debug)]
pub(crate) struct PendingList {
    limit_bytes: u64,
    entries: Vec<Entry>,
    /// Whether ids ascend, as servers write them: only then is one found by halving.
    is_sorted: bool,
    consumers: u64,
    pending_left: u64,
    consumers_left: Option<u64>,
    owned_left: u64,
    returned_left: Option<u64>,
}

impl PendingList {
    /// Entries may occupy `limit_bytes` at most.
    pub(crate) fn new(limit_bytes: u64) -> Self {
        Self {
            limit_bytes,
            entries: Vec::new(),
            is_sorted: true,
            consumers: 0,
            pending_left: 0,
            consumers_left: None,
            owned_left: 0,
            returned_left: None,
        }
    }

    /// Takes a part of a stream.
    ///
    /// # Errors
    /// An id that stands twice or has two owners, one that is not pending, one that was handed back and
    /// has an owner, too many entries.
    /// The list goes on without it.
    pub(crate) fn push(&mut self, part: &StreamPart<'_>) -> Result<(), Fault> {
        match part {
            StreamPart::Group(group) => self.open(group),
            StreamPart::Pending(pending) => return self.add(*pending),
            StreamPart::Consumers(count) => self.consumers_left = Some(*count),
            StreamPart::Consumer(consumer) => self.consumer(consumer),
            StreamPart::Owned(id) => return self.own(*id),
            StreamPart::Returns(count) => self.returned_left = Some(*count),
            StreamPart::Returned(id) => return self.hand_back(*id),
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, group: &Group<'_>) {
        /// Entries whose room is kept between groups.
        const KEEP: usize = 1024;
        self.entries.clear();
        self.entries.shrink_to(KEEP);
        self.is_sorted = true;
        self.consumers = 0;
        self.pending_left = group.pending;
        self.consumers_left = None;
        self.owned_left = 0;
        self.returned_left = None;
    }

    fn add(&mut self, pending: Pending) -> Result<(), Fault> {
        self.pending_left = self.pending_left.saturating_sub(1);
        let bytes = (self.entries.len() as u64).saturating_add(1).saturating_mul(size_of::<Entry>() as u64);
        if bytes > self.limit_bytes {
            return Err(Fault::new(&TOO_MANY, bytes));
        }
        let last = self.entries.last().map(|entry| entry.pending.id);
        self.entries.push(Entry { pending, owner: Owner::Nobody });
        match last {
            Some(last) if last == pending.id => Err(Fault::new(&TWICE, 0)),
            Some(last) if last > pending.id => {
                self.is_sorted = false;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn consumer(&mut self, consumer: &Consumer<'_>) {
        self.consumers = self.consumers.saturating_add(1);
        self.consumers_left = self.consumers_left.map(|left| left.saturating_sub(1));
        self.owned_left = consumer.pending;
    }

    fn own(&mut self, id: StreamId) -> Result<(), Fault> {
        self.owned_left = self.owned_left.saturating_sub(1);
        let me = self.consumers.saturating_sub(1);
        match self.find(id).map(|entry| (entry.owner, entry)) {
            None => Err(Fault::new(&UNKNOWN, 0)),
            Some((Owner::Consumer(other), _)) if other == me => Err(Fault::new(&REPEATED, 0)),
            Some((Owner::Consumer(_) | Owner::Returned, _)) => Err(Fault::new(&SHARED, 0)),
            Some((Owner::Nobody, entry)) => {
                entry.owner = Owner::Consumer(me);
                Ok(())
            }
        }
    }

    fn hand_back(&mut self, id: StreamId) -> Result<(), Fault> {
        self.returned_left = self.returned_left.map(|left| left.saturating_sub(1));
        match self.find(id).map(|entry| (entry.owner, entry)) {
            None => Err(Fault::new(&UNKNOWN_RETURN, 0)),
            Some((Owner::Consumer(_), _)) => Err(Fault::new(&OWNED_RETURN, 0)),
            Some((Owner::Returned, _)) => Err(Fault::new(&REPEATED_RETURN, 0)),
            Some((Owner::Nobody, entry)) => {
                entry.owner = Owner::Returned;
                Ok(())
            }
        }
    }

    fn find(&mut self, id: StreamId) -> Option<&mut Entry> {
        if !self.is_sorted {
            self.entries.sort_by_key(|entry| entry.pending.id);
            self.is_sorted = true;
        }
        let at = self.entries.partition_point(|entry| entry.pending.id < id);
        self.entries.get_mut(at).filter(|entry| entry.pending.id == id)
    }

    /// Whether all pending entries and consumers of the group were read.
    pub(crate) fn is_whole(&self) -> bool {
        self.pending_left == 0 && self.consumers_left == Some(0) && self.owned_left == 0
    }

    /// Whether all ids that were handed back were read too; never where the stream has none of them.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_whole() && self.returned_left == Some(0)
    }

    /// The entries, as they stand or by id.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Scalar;
    use alloc::string::ToString;

    fn id(ms: u64) -> StreamId {
        StreamId { ms, seq: 0 }
    }

    fn group(pending: &[u64]) -> PendingList {
        let mut list = PendingList::new(1 << 20);
        let head = Group { name: Scalar::Int(1), last_id: id(9), entries_read: 0, pending: pending.len() as u64 };
        list.push(&StreamPart::Group(head)).unwrap();
        for ms in pending {
            list.push(&StreamPart::Pending(Pending { id: id(*ms), delivered_at_ms: 0, deliveries: 1 })).unwrap();
        }
        list
    }

    fn consumer(pending: u64) -> StreamPart<'static> {
        StreamPart::Consumer(Consumer { name: Scalar::Int(2), seen_at_ms: 0, active_at_ms: 0, pending })
    }

    fn code(fault: Fault) -> &'static str {
        fault.error_kind(0).code()
    }

    #[test]
    fn a_group_ends_with_the_last_id_of_its_last_consumer() {
        let mut list = group(&[1, 2]);
        assert!(!list.is_whole());
        list.push(&StreamPart::Consumers(2)).unwrap();
        for (ms, owners) in [(2, 1), (1, 0)] {
            list.push(&consumer(1)).unwrap();
            assert!(!list.is_whole());
            list.push(&StreamPart::Owned(id(ms))).unwrap();
            assert_eq!(list.is_whole(), owners == 0);
        }
        let owners: Vec<_> = list.entries().iter().map(|entry| entry.owner).collect();
        assert_eq!(owners, [Owner::Consumer(1), Owner::Consumer(0)]);
        let mut empty = group(&[]);
        empty.push(&StreamPart::Consumers(0)).unwrap();
        assert!(empty.is_whole());
    }

    #[test]
    fn ids_have_one_owner_who_has_them_once() {
        let mut list = group(&[5, 1]);
        list.push(&StreamPart::Consumers(2)).unwrap();
        list.push(&consumer(3)).unwrap();
        list.push(&StreamPart::Owned(id(5))).unwrap();
        assert_eq!(code(list.push(&StreamPart::Owned(id(5))).unwrap_err()), "duplicate");
        assert_eq!(code(list.push(&StreamPart::Owned(id(7))).unwrap_err()), "bad-value");
        list.push(&consumer(1)).unwrap();
        let shared = list.push(&StreamPart::Owned(id(5))).unwrap_err();
        assert!(shared.error_kind(0).to_string().contains("another consumer owns"));
        assert!(list.is_whole());
    }

    #[test]
    fn ids_are_handed_back_once_and_have_no_owner() {
        let mut list = group(&[5, 1, 3]);
        list.push(&StreamPart::Consumers(1)).unwrap();
        list.push(&consumer(1)).unwrap();
        list.push(&StreamPart::Owned(id(3))).unwrap();
        assert!(list.is_whole() && !list.is_settled());
        list.push(&StreamPart::Returns(5)).unwrap();
        list.push(&StreamPart::Returned(id(5))).unwrap();
        let words = |list: &mut PendingList, ms| list.push(&StreamPart::Returned(id(ms))).unwrap_err().error_kind(0).to_string();
        assert!(words(&mut list, 5).contains("a second one"));
        assert!(words(&mut list, 7).contains("not pending"));
        assert!(words(&mut list, 3).contains("a consumer owns"));
        assert!(!list.is_settled());
        list.push(&StreamPart::Returned(id(1))).unwrap();
        assert!(list.is_settled());
        let owners: Vec<_> = list.entries().iter().map(|entry| entry.owner).collect();
        assert_eq!(owners, [Owner::Returned, Owner::Consumer(0), Owner::Returned]);
    }

    #[test]
    fn a_group_beyond_the_limit_is_refused() {
        let mut list = PendingList::new(100);
        let mut results =
            (0..10).map(|ms| list.push(&StreamPart::Pending(Pending { id: id(ms), delivered_at_ms: 0, deliveries: 1 })));
        assert_eq!(code(results.find_map(Result::err).unwrap()), "limit-exceeded");
    }
}
