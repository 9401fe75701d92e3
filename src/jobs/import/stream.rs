//! Streams of lines. What older streams lack is filled in as it is when they are read from a snapshot.

use super::bad::{Bad, Done};
use super::node::Node;
use super::read::{bytes, id, int, list, members, needed, tuple};
use super::value::distinct;
use crate::model::{Stream, StreamConsumer, StreamEntry, StreamGroup, StreamIdempotency, StreamPending, StreamProducer};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use bytes::Bytes;

pub(super) fn stream(node: Node<'_>) -> Done<Stream> {
    let names = ["entries", "last_id", "first_id", "max_deleted_id", "entries_added", "groups", "idempotency"];
    let [entries, last_id, first_id, max_deleted_id, entries_added, groups, idempotency] =
        members(node, names, "an object of a stream's members")?;
    let mut stream = Stream { entries: read_each(entries, "entries in an array", entry)?, ..Stream::default() };
    if let Some(at) = stream.entries.windows(2).position(|pair| matches!(pair, [a, b] if a.id >= b.id)) {
        return Err(Bad::new("entries with ascending ids", "one that is not above the one before").of(at.saturating_add(1)));
    }
    stream.last_id = id(&needed(last_id, "the member last_id")?)?;
    if stream.entries.last().is_some_and(|entry| entry.id > stream.last_id) {
        return Err(Bad::new("a last id at or above every entry's", "one below"));
    }
    // It is that of the first entry, whatever stands here.
    first_id.as_ref().map(id).transpose()?;
    stream.derive_counters();
    if let Some(node) = max_deleted_id {
        stream.max_deleted_id = id(&node)?;
    }
    if let Some(node) = entries_added {
        stream.entries_added = int(&node, "how many entries were ever added")?;
    }
    let groups = read_each(groups, "groups in an array", |node| group(node, &stream))?;
    distinct(&groups, |group: &StreamGroup| &group.name, "a group once in its stream")?;
    stream.groups = groups;
    // Of a server that was told nothing, a stream has none.
    stream.idempotency = idempotency.map(self::idempotency).transpose()?.filter(|ids| *ids != StreamIdempotency::default());
    Ok(stream)
}

/// What each item of an array says, which may be left out where there are none.
fn read_each<'l, T>(node: Option<Node<'l>>, expected: &'static str, f: impl FnMut(Node<'l>) -> Done<T>) -> Done<Vec<T>> {
    node.map_or(Ok(Vec::new()), |node| list(node, expected)?.into_iter().map(f).collect())
}

fn entry(node: Node<'_>) -> Done<StreamEntry> {
    let [at, fields] = tuple(node, "an array of id and fields")?;
    let mut texts = list(fields, "fields and values in an array")?.into_iter();
    let mut fields = Vec::new();
    while let Some(field) = texts.next() {
        let value = needed(texts.next(), "a value for every field")?;
        fields.push((bytes(field)?, bytes(value)?));
    }
    Ok(StreamEntry { id: id(&at)?, fields })
}

fn group(node: Node<'_>, stream: &Stream) -> Done<StreamGroup> {
    let names = ["name", "last_id", "entries_read", "pending", "consumers", "returned"];
    let [name, last_id, entries_read, pending, consumers, returned] = members(node, names, "an object of a group's members")?;
    let last_id = id(&needed(last_id, "the member last_id of a group")?)?;
    let entries_read = match entries_read {
        None => stream.derived_entries_read(last_id),
        Some(Node::Null) => None,
        Some(node) => Some(int(&node, "how many entries a group has read, or null")?),
    };
    let mut group = StreamGroup {
        name: bytes(needed(name, "the member name of a group")?)?,
        last_id,
        entries_read,
        consumers: read_each(consumers, "consumers in an array", consumer)?,
        unowned: Vec::new(),
    };
    distinct(&group.consumers, |consumer| &consumer.name, "a consumer once in its group")?;
    fill(&mut group, read_each(pending, "pending entries in an array", self::pending)?)?;
    if let Some(returned) = returned {
        order(&mut group.unowned, returned)?;
    }
    Ok(group)
}

fn consumer(node: Node<'_>) -> Done<StreamConsumer> {
    const TIME: &str = "Unix milliseconds";
    let names = ["name", "seen_at_ms", "active_at_ms"];
    let [name, seen, active] = members(node, names, "an object of a consumer's members")?;
    let seen_at_ms = int(&needed(seen, "the member seen_at_ms of a consumer")?, TIME)?;
    let active_at_ms = active.map_or(Ok(seen_at_ms), |active| int(&active, TIME))?;
    let name = bytes(needed(name, "the member name of a consumer")?)?;
    Ok(StreamConsumer { name, seen_at_ms, active_at_ms, pending: Vec::new() })
}

/// A pending entry and the name of its consumer.
fn pending(node: Node<'_>) -> Done<(StreamPending, Option<Bytes>)> {
    let [at, owner, delivered, deliveries] = tuple(node, "an array of id, consumer, time and deliveries")?;
    let owner = if matches!(owner, Node::Null) { None } else { Some(bytes(owner)?) };
    let delivered_at_ms = int(&delivered, "Unix milliseconds")?;
    let deliveries = int(&deliveries, "how often an entry was delivered")?;
    Ok((StreamPending { id: id(&at)?, delivered_at_ms, deliveries }, owner))
}

/// Gives the pending entries to their consumers.
fn fill(group: &mut StreamGroup, pending: Vec<(StreamPending, Option<Bytes>)>) -> Done<()> {
    let mut ids: Vec<_> = pending.iter().map(|(pending, _)| pending.id).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(Bad::twice("a pending entry once in its group"));
    }
    let consumers: BTreeMap<Bytes, usize> =
        group.consumers.iter().enumerate().map(|(at, consumer)| (consumer.name.clone(), at)).collect();
    for (pending, owner) in pending {
        let list = match owner {
            None => Some(&mut group.unowned),
            Some(owner) => {
                let consumer = consumers.get(&owner).and_then(|at| group.consumers.get_mut(*at));
                consumer.map(|consumer| &mut consumer.pending)
            }
        };
        list.ok_or(Bad::new("a consumer of the group, or null", "another name"))?.push(pending);
    }
    Ok(())
}

/// Brings the entries that nobody owns into the order in which they were handed back; others stay behind them.
fn order(unowned: &mut [StreamPending], returned: Node<'_>) -> Done<()> {
    let returned = read_each(Some(returned), "ids that were handed back in an array", |node| id(&node))?;
    let mut places = BTreeMap::new();
    for (at, id) in returned.iter().enumerate() {
        if places.insert(*id, at).is_some() {
            return Err(Bad::twice("an id handed back once in its group"));
        }
    }
    if unowned.iter().filter(|pending| places.contains_key(&pending.id)).count() != places.len() {
        return Err(Bad::new("an id handed back that is pending and that no consumer owns", "another"));
    }
    unowned.sort_by_key(|pending| places.get(&pending.id).copied().unwrap_or(usize::MAX));
    Ok(())
}

fn idempotency(node: Node<'_>) -> Done<StreamIdempotency> {
    const COUNT: &str = "an integer";
    let names = ["duration_s", "max_ids", "producers", "added", "duplicates"];
    let [duration_s, max_ids, producers, added, duplicates] = members(node, names, "an object of duration_s, max_ids and more")?;
    let count = |node: Option<Node<'_>>, expected| int(&needed(node, expected)?, COUNT);
    let idempotency = StreamIdempotency {
        duration_s: count(duration_s, "the member duration_s")?,
        max_ids: count(max_ids, "the member max_ids")?,
        producers: read_each(producers, "producers in an array", producer)?,
        added: count(added, "the member added")?,
        duplicates: count(duplicates, "the member duplicates")?,
    };
    distinct(&idempotency.producers, |producer| &producer.name, "a producer once in its stream")?;
    Ok(idempotency)
}

fn producer(node: Node<'_>) -> Done<StreamProducer> {
    let [name, ids] = members(node, ["name", "ids"], "an object of name and ids")?;
    let ids = read_each(ids, "a producer's ids in an array", |node| {
        let [iid, at] = tuple(node, "an array of the producer's id and the entry's")?;
        Ok((bytes(iid)?, id(&at)?))
    })?;
    Ok(StreamProducer { name: bytes(needed(name, "the member name of a producer")?)?, ids })
}
