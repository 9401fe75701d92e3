//! The events of a value in a chosen type.

use super::pack_value::{Node, Nodes, by_score};
use super::stream::{Stream, StreamGroup, StreamIdempotency};
use super::value::{Array, ArrayValue, HashField, ModuleValue, ScoredMember, Value};
use crate::error::Result;
use crate::pack::{Packed, Reading};
use crate::rdb::{
    ArrayHead, Consumer, Container, Element, Elements, Event, Generation, Group, Idempotency, Layout, ModuleItem, Part, Pending,
    Producer, Shape, SlotValue, StreamCounters, StreamMeta, StreamNode, StreamPart, Unit, ValueType,
};
use crate::wire::Scalar;
use alloc::vec::Vec;

/// Takes the parts of a value.
type Sink<'s> = dyn FnMut(&Event<'_>) -> Result<()> + 's;

/// Hands the parts of a value to `sink`. `nodes` are those that were packed for this type.
pub(super) fn write_value(value_type: ValueType, value: &Value, nodes: &Nodes, sink: &mut Sink<'_>) -> Result<()> {
    let Layout { shape, unit } = value_type.layout();
    if let (Shape::CountedBehindExpiry | Shape::PackedBehindExpiry(_), Value::Hash(fields)) = (shape, value) {
        let first = fields.iter().filter_map(|field| field.expires_at_ms).min();
        sink(&Event::Value(Part::FirstExpiry(first.unwrap_or(0))))?;
    }
    match (shape, value) {
        (Shape::Packed(container) | Shape::PackedBehindExpiry(container), _) => each(nodes.list(), sink, |node| match node {
            Node::Packed { range, .. } => packed(container, unit, nodes.blob(range)),
            Node::Plain(_) => packed(container, unit, &[]),
        }),
        (Shape::Nodes { container, .. }, Value::List(items)) => each(nodes.list(), sink, |node| match node {
            Node::Packed { range, .. } => packed(container, unit, nodes.blob(range)),
            Node::Plain(at) => Elements::One(Element::Item(Scalar::Bytes(items.get(*at).map_or(&[], |item| item)))),
        }),
        (_, Value::String(text)) => sink(&Event::Value(Part::Bytes { piece: Scalar::Bytes(text), left: 0 })),
        (_, Value::List(items)) => each(items, sink, |item| Elements::One(Element::Item(Scalar::Bytes(item)))),
        (_, Value::Set(members)) => each(members, sink, |member| Elements::One(Element::Member(Scalar::Bytes(member)))),
        (_, Value::Zset(members)) if unit == Unit::ScoreBinary => {
            // A server that loads them inserts each in front of the one before.
            let mut ordered: Vec<&ScoredMember> = members.iter().collect();
            ordered.sort_by(|a, b| by_score(b, a));
            each(&ordered, sink, |scored| Elements::One(scored_element(scored)))
        }
        (_, Value::Zset(members)) => each(members, sink, |scored| Elements::One(scored_element(scored))),
        (_, Value::Hash(fields)) => each(fields, sink, |field| Elements::One(field_element(field))),
        (Shape::Stream(generation), Value::Stream(stream)) => {
            write_stream(generation, stream, nodes, &mut |part| sink(&Event::Value(Part::Stream(part))))
        }
        (_, Value::Module(module)) => write_module(module, &mut |item| sink(&Event::Value(Part::Module(item)))),
        (_, Value::Array(array)) => write_array(array, sink),
        // No plan gives a stream another shape.
        (_, Value::Stream(_)) => Ok(()),
    }
}

/// One part for each item, which says how many are still to come.
#[inline]
fn each<'a, T>(items: &'a [T], sink: &mut Sink<'_>, elements: impl Fn(&'a T) -> Elements<'a>) -> Result<()> {
    let mut left = items.len() as u64;
    for item in items {
        left = left.saturating_sub(1);
        sink(&Event::Value(Part::Elements { elements: elements(item), left }))?;
    }
    Ok(())
}

pub(super) fn packed(container: Container, unit: Unit, blob: &[u8]) -> Elements<'_> {
    Elements::Packed { packed: Packed { container, reading: Reading::Strict, blob }, unit }
}

fn scored_element(scored: &ScoredMember) -> Element<'_> {
    Element::Scored { member: Scalar::Bytes(&scored.member), score: scored.score }
}

fn field_element(field: &HashField) -> Element<'_> {
    let HashField { field, value, expires_at_ms } = field;
    let (field, value) = (Scalar::Bytes(field), Scalar::Bytes(value));
    match *expires_at_ms {
        None => Element::Field { field, value },
        Some(expires_at_ms) => Element::ExpiringField { field, value, expires_at_ms },
    }
}

fn write_array(array: &Array, sink: &mut Sink<'_>) -> Result<()> {
    let head = ArrayHead { count: array.slots.len() as u64, insert_index: array.insert_index };
    sink(&Event::Value(Part::Array(head)))?;
    each(&array.slots, sink, |(index, value)| {
        let value = match value {
            ArrayValue::Text(text) => SlotValue::Text(Scalar::Bytes(text)),
            ArrayValue::Float(float) => SlotValue::Float(*float),
        };
        Elements::One(Element::Slot { index: *index, value })
    })
}

fn write_module(module: &ModuleValue, sink: &mut dyn FnMut(ModuleItem<'_>) -> Result<()>) -> Result<()> {
    sink(ModuleItem::Id(module.id))?;
    module.items.try_each(|item| sink(*item))?;
    sink(ModuleItem::End)
}

type StreamSink<'s> = dyn FnMut(StreamPart<'_>) -> Result<()> + 's;

fn write_stream(generation: Generation, stream: &Stream, nodes: &Nodes, sink: &mut StreamSink<'_>) -> Result<()> {
    let mut left = nodes.list().len() as u64;
    for node in nodes.list() {
        left = left.saturating_sub(1);
        if let Node::Packed { range, first } = node {
            let node = StreamNode { master: *first, blob: nodes.blob(range), reading: Reading::Strict, left };
            sink(StreamPart::Node(node))?;
        }
    }
    sink(StreamPart::Meta(StreamMeta { length: stream.entries.len() as u64, last_id: stream.last_id }))?;
    if generation >= Generation::V2 {
        let Stream { max_deleted_id, entries_added, .. } = *stream;
        sink(StreamPart::Counters(StreamCounters { first_id: stream.first_id(), max_deleted_id, entries_added }))?;
    }
    sink(StreamPart::Groups(stream.groups.len() as u64))?;
    for group in &stream.groups {
        write_group(generation, group, sink)?;
    }
    if generation >= Generation::V4 {
        let default = StreamIdempotency::default();
        write_idempotency(stream.idempotency.as_ref().unwrap_or(&default), sink)?;
    }
    Ok(())
}

fn write_group(generation: Generation, group: &StreamGroup, sink: &mut StreamSink<'_>) -> Result<()> {
    let owned = group.consumers.iter().flat_map(|consumer| &consumer.pending);
    let mut pending: Vec<Pending> = owned.chain(&group.unowned).map(Pending::from).collect();
    pending.sort_unstable_by_key(|pending| pending.id);
    sink(StreamPart::Group(Group {
        name: Scalar::Bytes(&group.name),
        last_id: group.last_id,
        entries_read: group.entries_read.unwrap_or(Group::UNKNOWN),
        pending: pending.len() as u64,
    }))?;
    pending.into_iter().try_for_each(|pending| sink(StreamPart::Pending(pending)))?;
    sink(StreamPart::Consumers(group.consumers.len() as u64))?;
    for consumer in &group.consumers {
        sink(StreamPart::Consumer(Consumer {
            name: Scalar::Bytes(&consumer.name),
            seen_at_ms: consumer.seen_at_ms,
            active_at_ms: consumer.active_at_ms,
            pending: consumer.pending.len() as u64,
        }))?;
        consumer.pending.iter().try_for_each(|pending| sink(StreamPart::Owned(pending.id)))?;
    }
    if generation >= Generation::V5 {
        sink(StreamPart::Returns(group.unowned.len() as u64))?;
        group.unowned.iter().try_for_each(|pending| sink(StreamPart::Returned(pending.id)))?;
    }
    Ok(())
}

fn write_idempotency(idempotency: &StreamIdempotency, sink: &mut StreamSink<'_>) -> Result<()> {
    let StreamIdempotency { duration_s, max_ids, producers, added, duplicates } = idempotency;
    let head = Idempotency { duration_s: *duration_s, max_ids: *max_ids, producers: producers.len() as u64 };
    sink(StreamPart::Idempotency(head))?;
    for producer in producers {
        sink(StreamPart::Producer(Producer { name: Scalar::Bytes(&producer.name), ids: producer.ids.len() as u64 }))?;
        for (iid, id) in &producer.ids {
            sink(StreamPart::Produced { iid: Scalar::Bytes(iid), id: *id })?;
        }
    }
    sink(StreamPart::IdempotencyCounters { added: *added, duplicates: *duplicates })
}
