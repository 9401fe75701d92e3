//! What the parts of a stream must agree on, beyond what the decoder asks of each.

use super::check::{Finding, Severity};
use super::pending::PendingList;
use super::seen::{Seed, Seen};
use crate::error::{ErrorKind, Fault, Found, Place};
use crate::rdb::{StreamId, StreamNode, StreamPart};
use crate::wire::Scalar;
use alloc::string::ToString;
use alloc::vec::Vec;

/// The stream in hand.
#[derive(Debug)]
pub(crate) struct CheckStream {
    pending: PendingList,
    groups: Seen,
    consumers: Seen,
    first_live: Option<StreamId>,
    last: Option<StreamId>,
}

impl CheckStream {
    pub(crate) fn new(seed: Seed, limit_bytes: u64) -> Self {
        Self {
            pending: PendingList::new(limit_bytes),
            groups: Seen::new(seed, limit_bytes),
            consumers: Seen::new(seed, limit_bytes),
            first_live: None,
            last: None,
        }
    }

    /// A new value begins.
    pub(crate) fn open(&mut self) {
        self.groups.clear();
        self.consumers.clear();
        self.first_live = None;
        self.last = None;
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
        let is_new = |seen: &mut Seen, name: Scalar<'_>| name.with_text(|name| seen.is_new(0, name));
        match part {
            StreamPart::Node(node) => return self.node(node, &mut |kind| found(Severity::Error, kind)),
            StreamPart::Meta(meta) if self.last.is_some_and(|last| last > meta.last_id) => {
                found(Severity::Error, &bad_value("a last id at or above every entry's", "one below"));
            }
            StreamPart::Counters(counters) if counters.first_id != self.first_live.unwrap_or_default() => {
                found(Severity::Warning, &bad_value("the first id to be that of the first entry", "another id"));
            }
            StreamPart::Group(group) => {
                self.consumers.clear();
                if !is_new(&mut self.groups, group.name) {
                    found(Severity::Error, &ErrorKind::Duplicate { expected: "a consumer group once in its stream" });
                }
            }
            StreamPart::Consumer(consumer) if !is_new(&mut self.consumers, consumer.name) => {
                found(Severity::Error, &ErrorKind::Duplicate { expected: "a consumer once in its group" });
            }
            _ => {}
        }
        let may_end = matches!(part, StreamPart::Consumers(_) | StreamPart::Consumer(_) | StreamPart::Owned(_));
        if may_end && self.pending.is_whole() {
            let ownerless = self.pending.entries().iter().filter(|entry| entry.owner.is_none()).count();
            if ownerless > 0 {
                let found_here = Found::Number(ownerless as u64);
                let expected = "every pending entry of the group to have a consumer; entries without one";
                found(Severity::Error, &ErrorKind::BadValue { expected, found: found_here });
            }
        }
        Ok(())
    }

    fn node(&mut self, node: &StreamNode<'_>, found: &mut dyn FnMut(&ErrorKind)) -> Result<(), Fault> {
        for entry in node.entries() {
            let entry = entry?;
            if self.last.is_some_and(|last| last >= entry.id) {
                found(&bad_value("stream entries in ascending order of their ids", "one not above the one before"));
            }
            self.last = self.last.max(Some(entry.id));
            if !entry.is_deleted && self.first_live.is_none() {
                self.first_live = Some(entry.id);
            }
        }
        Ok(())
    }
}

fn bad_value(expected: &'static str, found: &'static str) -> ErrorKind {
    ErrorKind::BadValue { expected, found: Found::Text(found) }
}
