//! What the parts of a stream must agree on, beyond what the decoder asks of each.

use super::check::{Finding, Severity};
use super::pending::{Owner, PendingList};
use super::seen::{Seed, Seen};
use crate::error::{ErrorKind, Fault, Found, Place};
use crate::rdb::{Generation, StreamId, StreamMeta, StreamNode, StreamPart};
use crate::wire::Scalar;
use alloc::string::ToString;
use alloc::vec::Vec;

/// The stream in hand.
#[derive(Debug)]
pub(crate) struct CheckStream {
    generation: Generation,
    pending: PendingList,
    /// Groups and producers.
    outer: Seen,
    /// Consumers of a group, ids of a producer.
    inner: Seen,
    first_live: Option<StreamId>,
    last: Option<StreamId>,
    /// Live entries, as long as every node was read to its end.
    live: Option<u64>,
}

/// Spaces of the outer names.
const GROUPS: u64 = 0;
const PRODUCERS: u64 = 1;

impl CheckStream {
    pub(crate) fn new(seed: Seed, limit_bytes: u64) -> Self {
        Self {
            generation: Generation::V1,
            pending: PendingList::new(limit_bytes),
            outer: Seen::new(seed, limit_bytes),
            inner: Seen::new(seed, limit_bytes),
            first_live: None,
            last: None,
            live: None,
        }
    }

    /// A new value begins.
    pub(crate) fn open(&mut self, generation: Generation) {
        self.generation = generation;
        self.outer.clear();
        self.first_live = None;
        self.last = None;
        self.live = Some(0);
    }

    /// Takes a part that starts at `offset` and adds what is wrong with it.
    ///
    /// # Errors
    /// A fault inside a node.
    pub(crate) fn push(
        &mut self,
        part: &StreamPart<'_>,
        offset: u64,
        place: Option<&Place>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Fault> {
        let mut found = |severity: Severity, kind: &ErrorKind| {
            findings.push(Finding {
                severity,
                code: kind.code(),
                offset,
                place: place.cloned().unwrap_or_default(),
                text: kind.to_string(),
                is_repairable: true,
            });
        };
        if let Err(fault) = self.pending.push(part) {
            found(Severity::Error, &fault.error_kind(0));
        }
        match part {
            StreamPart::Node(node) => return self.node(node, &mut |kind| found(Severity::Error, kind)),
            StreamPart::Meta(meta) => self.meta(*meta, &mut found),
            StreamPart::Counters(counters) if counters.first_id != self.first_live.unwrap_or_default() => {
                found(Severity::Warning, &bad_value("the first id to be that of the first entry", "another id"));
            }
            StreamPart::Group(group) => {
                self.inner.clear();
                if !is_new(&mut self.outer, GROUPS, group.name) {
                    found(Severity::Error, &ErrorKind::Duplicate { expected: "a consumer group once in its stream" });
                }
            }
            StreamPart::Consumer(consumer) if !is_new(&mut self.inner, 0, consumer.name) => {
                found(Severity::Error, &ErrorKind::Duplicate { expected: "a consumer once in its group" });
            }
            StreamPart::Producer(producer) => {
                self.inner.clear();
                if !is_new(&mut self.outer, PRODUCERS, producer.name) {
                    found(Severity::Error, &ErrorKind::Duplicate { expected: "a producer once in its stream" });
                }
            }
            // Redis 8.6 refuses a producer that stands twice, and passes over an id that does.
            StreamPart::Produced { iid, .. } if !is_new(&mut self.inner, 0, *iid) => {
                found(Severity::Warning, &ErrorKind::Duplicate { expected: "an id once with its producer" });
            }
            _ => {}
        }
        if self.ends_group(part) {
            let ownerless = self.pending.entries().iter().filter(|entry| entry.owner == Owner::Nobody).count();
            if ownerless > 0 {
                let found_here = Found::Number(ownerless as u64);
                let expected = "every pending entry of the group to have a consumer; entries without one";
                found(Severity::Error, &ErrorKind::BadValue { expected, found: found_here });
            }
        }
        Ok(())
    }

    /// Whether all that is told of pending entries of a group was told with this part.
    fn ends_group(&self, part: &StreamPart<'_>) -> bool {
        match part {
            StreamPart::Consumers(_) | StreamPart::Consumer(_) | StreamPart::Owned(_) => {
                self.generation < Generation::V5 && self.pending.is_whole()
            }
            StreamPart::Returns(_) | StreamPart::Returned(_) => self.pending.is_settled(),
            _ => false,
        }
    }

    fn meta(&mut self, meta: StreamMeta, found: &mut dyn FnMut(Severity, &ErrorKind)) {
        if self.last.is_some_and(|last| last > meta.last_id) {
            found(Severity::Error, &bad_value("a last id at or above every entry's", "one below"));
        }
        // In later streams, and where one of the two is 0, the decoder says so.
        let live = self.live.filter(|live| *live > 0 && meta.length > 0 && self.generation == Generation::V1);
        if live.is_some_and(|live| live != meta.length) {
            let expected = "as many entries as the stream's nodes hold";
            found(Severity::Warning, &ErrorKind::BadValue { expected, found: Found::Number(meta.length) });
        }
    }

    fn node(&mut self, node: &StreamNode<'_>, found: &mut dyn FnMut(&ErrorKind)) -> Result<(), Fault> {
        let live = self.live.take();
        let mut here = 0u64;
        for entry in node.entries() {
            let entry = entry?;
            // `XSETID` may go back below entries that were deleted.
            if entry.is_deleted {
                continue;
            }
            if self.last.is_some_and(|last| last >= entry.id) {
                found(&bad_value("stream entries in ascending order of their ids", "one not above the one before"));
            }
            self.last = self.last.max(Some(entry.id));
            here = here.saturating_add(1);
            self.first_live = self.first_live.or(Some(entry.id));
        }
        self.live = live.map(|live| live.saturating_add(here));
        Ok(())
    }
}

fn is_new(seen: &mut Seen, space: u64, name: Scalar<'_>) -> bool {
    name.with_text(|name| seen.is_new(space, name))
}

fn bad_value(expected: &'static str, found: &'static str) -> ErrorKind {
    ErrorKind::BadValue { expected, found: Found::Text(found) }
}
