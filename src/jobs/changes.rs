//! What two values of one key have apart, element by element.
//!
//! Each value is taken apart to facts: what they are about, and what is so. Facts are compared in order.

use crate::model::{ArrayValue, Entry, KeyMetadata, Stream, Value};
use crate::rdb::StreamId;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

/// What a change is about, in the order in which changes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// The type.
    Type,
    /// When the key expires: Unix milliseconds.
    Expiry,
    /// Metadata that a module attached, by the class's number.
    Metadata,
    /// A string as a whole.
    Text,
    /// A value of a module as a whole.
    Module,
    /// An element of a list, by position: that in the first file, or in the second where the first has none.
    Item,
    /// A member of a set.
    Member,
    /// The score of a member of a sorted set.
    Score,
    /// The value of a field.
    Field,
    /// When a field expires: Unix milliseconds.
    FieldExpiry,
    /// The last index given out of an array.
    InsertIndex,
    /// What an array holds, by index.
    Slot,
    /// An entry of a stream, by id: its fields and values.
    Entry,
    /// The last id given out of a stream.
    LastId,
    /// The highest id deleted from a stream.
    MaxDeletedId,
    /// Entries ever added to a stream.
    EntriesAdded,
    /// A consumer group, by name: its last id.
    Group,
    /// The entries that a group has read, by its name.
    EntriesRead,
    /// A consumer, by the names of group and consumer.
    Consumer,
    /// A pending entry, by the name of the group and id: its consumer, when it was delivered (Unix
    /// milliseconds), and how often.
    Pending,
    /// Pending entries of a group that were handed back, in order, by the group's name: ids.
    Returned,
    /// How a stream remembers producers' ids: seconds, ids each, ids added, and duplicates.
    Idempotency,
    /// A producer, by name: its ids and those of its entries.
    Producer,
}

impl Aspect {
    /// The stable word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Expiry => "expiry",
            Self::Metadata => "metadata",
            Self::Text => "text",
            Self::Module => "module",
            Self::Item => "item",
            Self::Member => "member",
            Self::Score => "score",
            Self::Field => "field",
            Self::FieldExpiry => "field-expiry",
            Self::InsertIndex => "insert-index",
            Self::Slot => "slot",
            Self::Entry => "entry",
            Self::LastId => "last-id",
            Self::MaxDeletedId => "max-deleted-id",
            Self::EntriesAdded => "entries-added",
            Self::Group => "group",
            Self::EntriesRead => "entries-read",
            Self::Consumer => "consumer",
            Self::Pending => "pending",
            Self::Returned => "returned",
            Self::Idempotency => "idempotency",
            Self::Producer => "producer",
        }
    }
}

/// A name or a value in a change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// Bytes.
    Bytes(Bytes),
    /// A whole number.
    Int(i128),
    /// The bits of a double.
    Double(u64),
    /// The id of a stream's entry.
    Id(StreamId),
    /// That it is there, or that it is another one, but nothing that can be shown.
    Present,
}

/// Something that two values have apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is about.
    pub aspect: Aspect,
    /// Which one of its kind.
    pub names: Vec<Item>,
    /// What the first file has; none where there is nothing of the name.
    pub a: Option<Vec<Item>>,
    /// What the second file has.
    pub b: Option<Vec<Item>>,
}

type Facts = BTreeMap<(Aspect, Vec<Item>), Fact>;

/// What is so, and what of it can be shown.
#[derive(Debug, PartialEq)]
enum Fact {
    Shown(Vec<Item>),
    Value(Value),
    Metadata(KeyMetadata),
}

/// Makes equal what does not count: when consumers of a stream were seen. No command of a log says it.
pub(super) fn forget_times(entry: &mut Entry) {
    let Value::Stream(stream) = &mut entry.value else { return };
    for consumer in stream.groups.iter_mut().flat_map(|group| &mut group.consumers) {
        consumer.seen_at_ms = 0;
        consumer.active_at_ms = 0;
    }
}

/// What two entries have apart, in order.
pub(super) fn changes(a: &Entry, b: &Entry) -> Vec<Change> {
    let is_list = |entry: &Entry| matches!(entry.value, Value::List(_));
    let (mut first, mut second) = (facts(a), facts(b));
    if is_list(a) && is_list(b) {
        // An element that was put in moves all behind it: what both begin and end with is no change.
        add_items(&a.value, &b.value, &mut first, &mut second);
    } else if a.value.kind() == b.value.kind() {
        value(&a.value, &mut first);
        value(&b.value, &mut second);
    }
    let mut found = Vec::new();
    for ((aspect, names), fact) in first {
        let name = (aspect, names);
        let other = second.remove(&name);
        if other.as_ref() != Some(&fact) {
            let (aspect, names) = name;
            found.push(Change { aspect, names, a: Some(fact.shown()), b: other.map(Fact::shown) });
        }
    }
    let added = second.into_iter().map(|((aspect, names), fact)| Change { aspect, names, a: None, b: Some(fact.shown()) });
    found.extend(added);
    found.sort_by(|a, b| (a.aspect, &a.names).cmp(&(b.aspect, &b.names)));
    found
}

impl Fact {
    fn shown(self) -> Vec<Item> {
        match self {
            Self::Shown(items) => items,
            Self::Value(_) | Self::Metadata(_) => vec![Item::Present],
        }
    }
}

/// What is so of the key, whatever its value.
fn facts(entry: &Entry) -> Facts {
    let mut facts = Facts::new();
    let kind = Bytes::from_static(entry.value.kind().name().as_bytes());
    put(&mut facts, Aspect::Type, vec![], vec![Item::Bytes(kind)]);
    if let Some(at) = entry.expires_at_ms {
        put(&mut facts, Aspect::Expiry, vec![], vec![Item::Int(at.into())]);
    }
    for metadata in &entry.metadata {
        let class = vec![Item::Int(metadata.class.0.into())];
        facts.insert((Aspect::Metadata, class), Fact::Metadata(metadata.clone()));
    }
    facts
}

fn put(facts: &mut Facts, aspect: Aspect, names: Vec<Item>, items: Vec<Item>) {
    facts.insert((aspect, names), Fact::Shown(items));
}

fn text(bytes: &Bytes) -> Item {
    Item::Bytes(bytes.clone())
}

fn value(value: &Value, facts: &mut Facts) {
    match value {
        Value::String(string) => put(facts, Aspect::Text, vec![], vec![text(string)]),
        Value::List(_) => {}
        Value::Set(members) => {
            for member in members {
                put(facts, Aspect::Member, vec![text(member)], vec![Item::Present]);
            }
        }
        Value::Zset(members) => {
            for scored in members {
                put(facts, Aspect::Score, vec![text(&scored.member)], vec![Item::Double(scored.score.to_bits())]);
            }
        }
        Value::Hash(fields) => {
            for field in fields {
                put(facts, Aspect::Field, vec![text(&field.field)], vec![text(&field.value)]);
                if let Some(at) = field.expires_at_ms {
                    put(facts, Aspect::FieldExpiry, vec![text(&field.field)], vec![Item::Int(at.into())]);
                }
            }
        }
        Value::Stream(stream) => of_stream(stream, facts),
        Value::Module(_) => {
            facts.insert((Aspect::Module, vec![]), Fact::Value(value.clone()));
        }
        Value::Array(array) => {
            if let Some(index) = array.insert_index {
                put(facts, Aspect::InsertIndex, vec![], vec![Item::Int(index.into())]);
            }
            for (index, slot) in &array.slots {
                let shown = match slot {
                    ArrayValue::Text(slot) => text(slot),
                    ArrayValue::Float(float) => Item::Double(float.to_bits()),
                };
                put(facts, Aspect::Slot, vec![Item::Int((*index).into())], vec![shown]);
            }
        }
    }
}

fn of_stream(stream: &Stream, facts: &mut Facts) {
    for entry in &stream.entries {
        let fields = entry.fields.iter().flat_map(|(field, value)| [text(field), text(value)]).collect();
        put(facts, Aspect::Entry, vec![Item::Id(entry.id)], fields);
    }
    put(facts, Aspect::LastId, vec![], vec![Item::Id(stream.last_id)]);
    put(facts, Aspect::MaxDeletedId, vec![], vec![Item::Id(stream.max_deleted_id)]);
    put(facts, Aspect::EntriesAdded, vec![], vec![Item::Int(stream.entries_added.into())]);
    for group in &stream.groups {
        let name = text(&group.name);
        put(facts, Aspect::Group, vec![name.clone()], vec![Item::Id(group.last_id)]);
        if let Some(read) = group.entries_read {
            put(facts, Aspect::EntriesRead, vec![name.clone()], vec![Item::Int(read.into())]);
        }
        for consumer in &group.consumers {
            put(facts, Aspect::Consumer, vec![name.clone(), text(&consumer.name)], vec![Item::Present]);
            for pending in &consumer.pending {
                let (at, times) = (Item::Int(pending.delivered_at_ms.into()), Item::Int(pending.deliveries.into()));
                put(facts, Aspect::Pending, vec![name.clone(), Item::Id(pending.id)], vec![text(&consumer.name), at, times]);
            }
        }
        for pending in &group.unowned {
            let (at, times) = (Item::Int(pending.delivered_at_ms.into()), Item::Int(pending.deliveries.into()));
            put(facts, Aspect::Pending, vec![name.clone(), Item::Id(pending.id)], vec![at, times]);
        }
        if !group.unowned.is_empty() {
            let ids = group.unowned.iter().map(|pending| Item::Id(pending.id)).collect();
            put(facts, Aspect::Returned, vec![name], ids);
        }
    }
    if let Some(idempotency) = &stream.idempotency {
        let numbers = [idempotency.duration_s, idempotency.max_ids, idempotency.added, idempotency.duplicates];
        put(facts, Aspect::Idempotency, vec![], numbers.map(|number| Item::Int(number.into())).to_vec());
        for producer in &idempotency.producers {
            let ids = producer.ids.iter().flat_map(|(id, entry)| [text(id), Item::Id(*entry)]).collect();
            put(facts, Aspect::Producer, vec![text(&producer.name)], ids);
        }
    }
}

/// The elements between what both lists begin with and what both end with.
fn add_items(a: &Value, b: &Value, first: &mut Facts, second: &mut Facts) {
    let (Value::List(a), Value::List(b)) = (a, b) else { return };
    let same = |(a, b): &(&Bytes, &Bytes)| a == b;
    let head = a.iter().zip(b).take_while(same).count();
    let shorter = a.len().min(b.len()).saturating_sub(head);
    let tail = a.iter().rev().zip(b.iter().rev()).take(shorter).take_while(same).count();
    for (list, facts) in [(a, first), (b, second)] {
        let between = list.iter().enumerate().take(list.len().saturating_sub(tail)).skip(head);
        for (position, item) in between {
            put(facts, Aspect::Item, vec![Item::Int(position as i128)], vec![text(item)]);
        }
    }
}
