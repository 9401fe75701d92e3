//! Streams as JSON: entries, then what stands behind them, groups and producers, each closed when its last
//! part has come.

use super::export::Export;
use super::json::Json;
use super::pending::Owner;
use crate::error::Fault;
use crate::rdb::{Consumer, Generation, Group, Shape, StreamId, StreamNode, StreamPart};
use crate::wire::Scalar;
use alloc::vec::Vec;

/// A consumer, until its group is whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConsumerLine {
    name_start: usize,
    name_end: usize,
    seen_at_ms: i64,
    active_at_ms: i64,
}

impl Export {
    pub(super) fn stream(&mut self, part: &StreamPart<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let of_group = self.pending.push(part);
        let generation = match self.value_type.map(|value_type| value_type.layout().shape) {
            Some(Shape::Stream(generation)) => generation,
            _ => Generation::V1,
        };
        match part {
            StreamPart::Node(node) => return self.node(node, out),
            StreamPart::Meta(meta) => {
                let mut json = Json::within(out, true);
                json.close(b']').name("last_id").id(meta.last_id);
            }
            StreamPart::Counters(counters) => {
                let mut json = Json::within(out, true);
                json.name("first_id").id(counters.first_id).name("max_deleted_id").id(counters.max_deleted_id);
                json.name("entries_added").int(counters.entries_added);
            }
            StreamPart::Groups(_) => {
                Json::within(out, true).name("groups").open(b'[');
                self.is_behind = false;
                self.has_groups_open = true;
            }
            StreamPart::Group(group) => {
                self.end_returns(out);
                self.group(group, generation, out);
            }
            StreamPart::Returns(_) => {
                let mut json = Json::within(out, true);
                json.name("returned").open(b'[');
                self.is_behind = false;
                self.has_returns_open = true;
            }
            StreamPart::Returned(id) => {
                Json::within(out, self.is_behind).id(*id);
                self.is_behind = true;
            }
            StreamPart::Idempotency(idempotency) => {
                self.end_returns(out);
                out.push(b']');
                self.has_groups_open = false;
                let mut json = Json::within(out, true);
                json.name("idempotency").open(b'{').name("duration_s").int(idempotency.duration_s);
                json.name("max_ids").int(idempotency.max_ids).name("producers").open(b'[');
                self.is_behind = false;
            }
            StreamPart::Producer(producer) => {
                let mut json = Json::within(out, self.is_behind);
                json.open(b'{').name("name").bytes(producer.name).name("ids").open(b'[');
                self.is_behind = false;
                self.produced(producer.ids, out);
            }
            StreamPart::Produced { iid, id } => {
                Json::within(out, self.is_behind).open(b'[').bytes(*iid).id(*id).close(b']');
                self.is_behind = true;
                self.produced(self.ids_left.saturating_sub(1), out);
            }
            StreamPart::IdempotencyCounters { added, duplicates } => {
                let mut json = Json::within(out, true);
                json.close(b']').name("added").int(*added).name("duplicates").int(*duplicates).close(b'}');
            }
            StreamPart::Consumer(consumer) => self.consumer(consumer),
            StreamPart::Pending(_) | StreamPart::Consumers(_) | StreamPart::Owned(_) => {}
        }
        let is_in_group = matches!(part, StreamPart::Consumers(_) | StreamPart::Consumer(_) | StreamPart::Owned(_));
        if is_in_group && self.pending.is_whole() {
            self.group_end(generation, out);
        }
        of_group
    }

    /// Closes a producer whose ids are all there.
    fn produced(&mut self, ids_left: u64, out: &mut Vec<u8>) {
        self.ids_left = ids_left;
        if ids_left == 0 {
            out.extend_from_slice(b"]}");
            self.is_behind = true;
        }
    }

    /// Closes a group whose entries that were handed back are all there.
    fn end_returns(&mut self, out: &mut Vec<u8>) {
        if core::mem::take(&mut self.has_returns_open) {
            out.extend_from_slice(b"]}");
            self.is_behind = true;
        }
    }

    fn node(&mut self, node: &StreamNode<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut json = Json::within(out, self.is_behind);
        for entry in node.entries() {
            let entry = entry?;
            if entry.is_deleted {
                continue;
            }
            self.is_behind = true;
            json.open(b'[').id(entry.id).open(b'[');
            for (field, value) in entry.fields {
                json.bytes(field).bytes(value);
            }
            json.close(b']').close(b']');
        }
        Ok(())
    }

    fn group(&mut self, group: &Group<'_>, generation: Generation, out: &mut Vec<u8>) {
        self.consumers.clear();
        self.names.clear();
        let mut json = Json::within(out, self.is_behind);
        json.open(b'{').name("name").bytes(group.name).name("last_id").id(group.last_id);
        if generation >= Generation::V2 {
            json.name("entries_read");
            match group.entries_read {
                Group::UNKNOWN => json.null(),
                read => json.int(read),
            };
        }
    }

    fn consumer(&mut self, consumer: &Consumer<'_>) {
        let name_start = self.names.len();
        consumer.name.push_to(&mut self.names);
        self.consumers.push(ConsumerLine {
            name_start,
            name_end: self.names.len(),
            seen_at_ms: consumer.seen_at_ms,
            active_at_ms: consumer.active_at_ms,
        });
    }

    fn group_end(&mut self, generation: Generation, out: &mut Vec<u8>) {
        let name =
            |consumer: &ConsumerLine| Scalar::Bytes(self.names.get(consumer.name_start..consumer.name_end).unwrap_or_default());
        let mut json = Json::within(out, true);
        json.name("pending").open(b'[');
        for entry in self.pending.entries() {
            json.open(b'[').id(entry.pending.id);
            let owner = match entry.owner {
                Owner::Consumer(number) => usize::try_from(number).ok().and_then(|number| self.consumers.get(number)),
                Owner::Nobody | Owner::Returned => None,
            };
            match owner {
                Some(consumer) => json.bytes(name(consumer)),
                None => json.null(),
            };
            json.int(entry.pending.delivered_at_ms).int(entry.pending.deliveries).close(b']');
        }
        json.close(b']').name("consumers").open(b'[');
        for consumer in &self.consumers {
            json.open(b'{').name("name").bytes(name(consumer)).name("seen_at_ms").int(consumer.seen_at_ms);
            if generation >= Generation::V3 {
                json.name("active_at_ms").int(consumer.active_at_ms);
            }
            json.close(b'}');
        }
        json.close(b']');
        if generation < Generation::V5 {
            json.close(b'}');
        }
        self.is_behind = true;
    }
}

impl Json<'_> {
    fn id(&mut self, id: StreamId) -> &mut Self {
        let mut text = [0; 48];
        let mut len = 0usize;
        let mut push = |bytes: &[u8]| {
            for (to, from) in text.iter_mut().skip(len).zip(bytes) {
                *to = *from;
            }
            len = len.saturating_add(bytes.len());
        };
        let mut buffer = itoa::Buffer::new();
        push(b"\"");
        push(buffer.format(id.ms).as_bytes());
        push(b"-");
        push(buffer.format(id.seq).as_bytes());
        push(b"\"");
        self.raw(text.get(..len).unwrap_or_default())
    }
}
