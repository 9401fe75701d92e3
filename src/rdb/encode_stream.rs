//! The parts of a stream, written; the mirror of `decode_stream`.

use super::decode_stream::{Next, StreamState};
use super::encode_value::misplaced;
use super::stream::{StreamId, StreamNode, StreamPart};
use super::value_type::Generation;
use crate::error::ErrorKind;
use crate::wire::scalar::Strings;
use crate::wire::{Scalar, length};
use alloc::vec::Vec;

/// Writes the parts of a stream, in the order of [`StreamPart`].
#[derive(Default)]
pub(crate) struct StreamWriter {
    state: StreamState,
    is_whole: bool,
}

impl StreamWriter {
    /// In front of a node that is not the first.
    pub(crate) fn in_front_of(node: &StreamNode<'_>) -> Self {
        let mut state = StreamState::default();
        (state.next, state.left) = (Next::Node, node.left.saturating_add(1));
        Self { state, is_whole: false }
    }

    /// Appends a part.
    pub(crate) fn write(
        &mut self,
        generation: Generation,
        part: &StreamPart<'_>,
        strings: &mut Strings,
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorKind> {
        if self.is_whole {
            return Err(misplaced());
        }
        let state = &mut self.state;
        match (state.next, part) {
            (Next::Nodes, StreamPart::Node(node)) => {
                length::write(node.left.checked_add(1).ok_or_else(misplaced)?, out);
                state.left = node.left;
                state.next = Next::Node;
                write_node(node, strings, out);
            }
            (Next::Node, StreamPart::Node(node)) if state.left.checked_sub(1) == Some(node.left) => {
                state.left = node.left;
                write_node(node, strings, out);
            }
            (Next::Nodes | Next::Meta, StreamPart::Meta(meta)) => {
                if state.next == Next::Nodes {
                    length::write(0, out);
                }
                length::write(meta.length, out);
                write_id(meta.last_id, out);
                state.next = if generation == Generation::V1 { Next::Groups } else { Next::Counters };
            }
            (Next::Counters, StreamPart::Counters(counters)) => {
                write_id(counters.first_id, out);
                write_id(counters.max_deleted_id, out);
                length::write(counters.entries_added, out);
                state.next = Next::Groups;
            }
            (Next::Groups, StreamPart::Groups(groups)) => {
                length::write(*groups, out);
                state.groups_left = *groups;
                state.next = Next::Group;
            }
            (Next::Group, StreamPart::Group(group)) => {
                strings.write(group.name, out);
                write_id(group.last_id, out);
                if generation >= Generation::V2 {
                    length::write(group.entries_read, out);
                }
                length::write(group.pending, out);
                state.groups_left = state.groups_left.wrapping_sub(1);
                state.left = group.pending;
                state.next = Next::Pending;
            }
            (Next::Pending, StreamPart::Pending(pending)) => {
                write_raw_id(pending.id, out);
                out.extend_from_slice(&pending.delivered_at_ms.to_le_bytes());
                length::write(pending.deliveries, out);
                state.left = state.left.wrapping_sub(1);
            }
            (Next::Consumers, StreamPart::Consumers(consumers)) => {
                length::write(*consumers, out);
                state.owners_left = *consumers;
                state.next = Next::Consumer;
            }
            (Next::Consumer, StreamPart::Consumer(consumer)) => {
                strings.write(consumer.name, out);
                out.extend_from_slice(&consumer.seen_at_ms.to_le_bytes());
                if generation >= Generation::V3 {
                    out.extend_from_slice(&consumer.active_at_ms.to_le_bytes());
                }
                length::write(consumer.pending, out);
                state.owners_left = state.owners_left.wrapping_sub(1);
                state.left = consumer.pending;
                state.next = Next::Owned;
            }
            (Next::Owned, StreamPart::Owned(id)) | (Next::Returned, StreamPart::Returned(id)) => {
                write_raw_id(*id, out);
                state.left = state.left.wrapping_sub(1);
            }
            (Next::Returns, StreamPart::Returns(count)) => {
                length::write(*count, out);
                state.left = *count;
                state.next = Next::Returned;
            }
            (Next::Idempotency, StreamPart::Idempotency(idempotency)) => {
                length::write(idempotency.duration_s, out);
                length::write(idempotency.max_ids, out);
                length::write(idempotency.producers, out);
                state.owners_left = idempotency.producers;
                state.next = Next::Producer;
            }
            (Next::Producer, StreamPart::Producer(producer)) => {
                strings.write(producer.name, out);
                length::write(producer.ids, out);
                state.owners_left = state.owners_left.wrapping_sub(1);
                state.left = producer.ids;
                state.next = Next::Produced;
            }
            (Next::Produced, StreamPart::Produced { iid, id }) => {
                strings.write(*iid, out);
                write_id(*id, out);
                state.left = state.left.wrapping_sub(1);
            }
            (Next::IdempotencyCounters, StreamPart::IdempotencyCounters { added, duplicates }) => {
                length::write(*added, out);
                length::write(*duplicates, out);
                state.next = Next::End;
            }
            _ => return Err(misplaced()),
        }
        self.is_whole = !state.settle(generation);
        Ok(())
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }
}

fn write_node(node: &StreamNode<'_>, strings: &mut Strings, out: &mut Vec<u8>) {
    let mut key = [0; 16];
    let (ms, seq) = key.split_at_mut(8);
    ms.copy_from_slice(&node.master.ms.to_be_bytes());
    seq.copy_from_slice(&node.master.seq.to_be_bytes());
    strings.write(Scalar::Bytes(&key), out);
    strings.write_blob(node.blob, out);
}

fn write_id(id: StreamId, out: &mut Vec<u8>) {
    length::write(id.ms, out);
    length::write(id.seq, out);
}

fn write_raw_id(id: StreamId, out: &mut Vec<u8>) {
    out.extend_from_slice(&id.ms.to_be_bytes());
    out.extend_from_slice(&id.seq.to_be_bytes());
}
