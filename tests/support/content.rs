//! What a snapshot holds, as plain values in the shape of the fixtures' JSON.

use super::read;
use aikv::Error;
use aikv::rdb::{
    DumpPayload, Element, Event, Eviction, Group, HashTemplate, KeyMeta, Kind, ModuleId, ModuleItem, Part, SlotImport, Span,
    StreamId, StreamPart, Summary, ZeroChecksum,
};
use aikv::wire::{Limits, Scalar};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Everything a snapshot says.
pub(crate) struct Content {
    pub(crate) summary: Summary,
    pub(crate) aux: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) functions: Vec<Vec<u8>>,
    /// What stands between keys or before a key and has no member of its own here, a line each.
    pub(crate) records: Vec<String>,
    pub(crate) keys: Vec<Key>,
}

/// A key with its value.
pub(crate) struct Key {
    pub(crate) db: u64,
    pub(crate) key: Vec<u8>,
    pub(crate) kind: Kind,
    /// Name of the value type, such as `hash-listpack`.
    pub(crate) encoding: &'static str,
    pub(crate) expires_at_ms: Option<i64>,
    pub(crate) eviction: Eviction,
    /// In the shape of the fixtures' JSON; sets, sorted sets and hashes in a fixed order.
    pub(crate) value: Value,
    /// The bytes of the value in the snapshot.
    pub(crate) raw: Vec<u8>,
    /// The id of a module value.
    pub(crate) module: Option<ModuleId>,
    /// Classes of metadata with their items.
    pub(crate) metadata: Vec<Value>,
    pub(crate) span: Span,
}

/// Reads a whole snapshot.
pub(crate) fn content(bytes: &[u8]) -> Result<Content, Error> {
    let mut collector = Collector::default();
    let summary = read(bytes, usize::MAX, Limits::default(), |event, raw| collector.add(event, raw))?;
    Ok(collector.finish(summary))
}

/// Builds [`Content`] from events.
#[derive(Default)]
pub(crate) struct Collector {
    aux: Vec<(Vec<u8>, Vec<u8>)>,
    functions: Vec<Vec<u8>>,
    records: Vec<String>,
    keys: Vec<Key>,
    /// Of the key that follows.
    metadata: Vec<Value>,
    value: Builder,
}

impl Collector {
    pub(crate) fn add(&mut self, event: &Event<'_>, raw: &[u8]) {
        match event {
            Event::Aux { key, value } => self.aux.push((key.to_vec(), value.to_vec())),
            Event::Function { code } => self.functions.push(code.to_vec()),
            Event::Key(key) => self.keys.push(Key {
                db: key.db,
                key: key.key.to_vec(),
                kind: key.value_type.kind(),
                encoding: key.value_type.name(),
                expires_at_ms: key.expires_at_ms,
                eviction: key.eviction,
                value: Value::Null,
                raw: Vec::new(),
                module: None,
                metadata: std::mem::take(&mut self.metadata),
                span: Span::default(),
            }),
            Event::Value(part) => {
                let key = self.keys.last_mut().expect("a value has a key");
                key.raw.extend_from_slice(raw);
                if let Part::Module(ModuleItem::Id(id)) = part {
                    key.module = Some(*id);
                }
                self.value.add(part);
            }
            Event::KeyEnd { span } => {
                let key = self.keys.last_mut().expect("a key end has a key");
                key.value = std::mem::take(&mut self.value).finish(key.kind);
                key.span = *span;
            }
            event => {
                if let Event::KeyMeta(meta) = event {
                    self.add_metadata(meta);
                }
                self.records.extend(record(event));
            }
        }
    }

    fn add_metadata(&mut self, meta: &KeyMeta<'_>) {
        let item = match meta {
            KeyMeta::Class(class) => {
                self.metadata.push(json!({ "class": class.to_string(), "version": class.version(), "items": [] }));
                return;
            }
            KeyMeta::Item(ModuleItem::Sint(int)) => json!(int),
            KeyMeta::Item(ModuleItem::Uint(int)) => json!(int),
            KeyMeta::Item(ModuleItem::Double(double)) => json!(double),
            KeyMeta::Item(ModuleItem::Bytes(bytes)) => text(&bytes.to_vec()),
            _ => return,
        };
        let class = self.metadata.last_mut().expect("items have a class");
        class["items"].as_array_mut().expect("a list").push(item);
    }

    pub(crate) fn finish(self, summary: Summary) -> Content {
        let Self { aux, functions, records, keys, .. } = self;
        Content { summary, aux, functions, records, keys }
    }
}

/// What a `DUMP` payload holds: its records and its only value.
pub(crate) fn payload(bytes: &[u8], zero: ZeroChecksum) -> Result<(Vec<String>, Key), Error> {
    let mut collector = Collector::default();
    DumpPayload::parse(bytes, zero)?.each(|event, raw| {
        collector.add(event, raw);
        Ok(())
    })?;
    assert_eq!(collector.keys.len(), 1);
    Ok((collector.records, collector.keys.remove(0)))
}

/// A record that is no key, as a line.
fn record(event: &Event<'_>) -> Option<String> {
    let shown = |bytes: &Scalar<'_>| bytes.to_vec().escape_ascii().to_string();
    Some(match event {
        Event::SlotInfo { slot, keys, expires } => format!("slot {slot}: {keys} keys, {expires} expire"),
        Event::SlotImport(SlotImport::Open { job, ranges }) => format!("import {}: {ranges} ranges", shown(job)),
        Event::SlotImport(SlotImport::Range { first, last }) => format!("slots {first} to {last}"),
        Event::Enterprise { opcode, value } => format!("enterprise {opcode}: {value}"),
        Event::KeyMeta(KeyMeta::Classes(classes)) => format!("{classes} classes"),
        Event::KeyMeta(KeyMeta::Class(class)) => {
            format!("class {class}, version {}, may be ignored: {}", class.version(), class.may_be_ignored())
        }
        Event::KeyMeta(KeyMeta::Item(item)) => format!("meta {item:?}"),
        Event::HashTemplate(HashTemplate::Open { id, fields }) => format!("template {id}: {fields} fields"),
        Event::HashTemplate(HashTemplate::Name(name)) => format!("name {}", shown(name)),
        Event::EmptyKey(key) => format!("empty {} {} in db {}", key.value_type.name(), shown(&key.key), key.db),
        _ => return None,
    })
}

/// Bytes as in JSON Lines: a string if they are UTF-8, else base64.
pub(crate) fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => json!({ "$b64": base64(bytes) }),
    }
}

/// The bytes that [`text`] stands for.
pub(crate) fn untext(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        value => unbase64(value["$b64"].as_str().expect("text or base64")),
    }
}

fn field_name(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(name) if !name.starts_with("$b64:") => name.to_owned(),
        _ => format!("$b64:{}", base64(bytes)),
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let word = u32::from_be_bytes([0, group[0], *group.get(1).unwrap_or(&0), *group.get(2).unwrap_or(&0)]);
        for i in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= group.len() { digit as char } else { '=' });
        }
    }
    out
}

fn unbase64(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for group in text.trim_end_matches('=').as_bytes().chunks(4) {
        let digit = |byte: &u8| ALPHABET.iter().position(|a| a == byte).expect("a base64 digit") as u32;
        let word = group.iter().fold(0, |word, byte| word << 6 | digit(byte)) << (6 * (4 - group.len()));
        out.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    out
}

/// A score that compares equal only to the same double.
pub(crate) fn exact_score(score: f64) -> Value {
    Value::from(format!("{score:e} {:016x}", score.to_bits()))
}

/// Sets in one order, sorted sets as member and exact score in one order.
pub(crate) fn canonical(kind: &str, value: &Value) -> Value {
    let mut value = value.clone();
    match (kind, &mut value) {
        ("set", Value::Array(members)) => members.sort_by_key(Value::to_string),
        ("zset", Value::Array(pairs)) => {
            for pair in pairs.iter_mut() {
                let score = match &pair[1] {
                    Value::String(inf) => inf.parse().expect("inf or -inf"),
                    score => score.as_f64().expect("a number"),
                };
                pair[1] = exact_score(score);
            }
            pairs.sort_by_key(Value::to_string);
        }
        _ => {}
    }
    value
}

#[derive(Default)]
struct Builder {
    bytes: Vec<u8>,
    elements: Vec<Value>,
    fields: Map<String, Value>,
    insert_index: Option<u64>,
    stream: Map<String, Value>,
    entries: Vec<Value>,
    groups: Vec<StreamGroup>,
}

#[derive(Default)]
struct StreamGroup {
    shown: Map<String, Value>,
    pending: Vec<(StreamId, i64, u64)>,
    consumers: Vec<Value>,
    owners: BTreeMap<StreamId, Value>,
    /// Only where the generation has such a list.
    returned: Option<Vec<Value>>,
}

impl Builder {
    fn add(&mut self, part: &Part<'_>) {
        match part {
            Part::Bytes { piece, .. } => piece.push_to(&mut self.bytes),
            Part::Elements { elements, .. } => {
                // A fault in them is found, dressed and returned by the reader.
                let _ = elements.each(|element| match element {
                    Element::Item(item) | Element::Member(item) => self.elements.push(text(&item.to_vec())),
                    Element::Scored { member, score } => {
                        self.elements.push(json!([text(&member.to_vec()), exact_score(score)]));
                    }
                    Element::Field { field, value } => {
                        let twice = self.fields.insert(field_name(&field.to_vec()), text(&value.to_vec()));
                        assert_eq!(twice, None, "a field stands once");
                    }
                    Element::ExpiringField { field, value, expires_at_ms } => {
                        let value = json!({ "value": text(&value.to_vec()), "expires_at_ms": expires_at_ms });
                        assert_eq!(self.fields.insert(field_name(&field.to_vec()), value), None, "a field stands once");
                    }
                    Element::Slot { index, value } => self.elements.push(json!([index, value.with_text(text)])),
                });
            }
            Part::Array(head) => self.insert_index = head.insert_index,
            Part::Stream(part) => self.add_stream(part),
            // The elements have what they say.
            Part::FirstExpiry(_) | Part::Template(_) => {}
            Part::Module(_) => {}
        }
    }

    fn add_stream(&mut self, part: &StreamPart<'_>) {
        match part {
            StreamPart::Node(node) => {
                for entry in node.entries().map_while(Result::ok).filter(|entry| !entry.is_deleted) {
                    let fields: Vec<Value> = entry.fields.flat_map(|(f, v)| [text(&f.to_vec()), text(&v.to_vec())]).collect();
                    self.entries.push(json!([entry.id.to_string(), fields]));
                }
            }
            StreamPart::Meta(meta) => {
                self.stream.insert("length".into(), meta.length.into());
                self.stream.insert("last_id".into(), meta.last_id.to_string().into());
            }
            StreamPart::Counters(counters) => {
                self.stream.insert("first_id".into(), counters.first_id.to_string().into());
                self.stream.insert("max_deleted_id".into(), counters.max_deleted_id.to_string().into());
                self.stream.insert("entries_added".into(), counters.entries_added.into());
            }
            StreamPart::Groups(_) | StreamPart::Consumers(_) => {}
            StreamPart::Group(group) => {
                let mut shown = Map::new();
                shown.insert("name".into(), text(&group.name.to_vec()));
                shown.insert("last_id".into(), group.last_id.to_string().into());
                let read = if group.entries_read == Group::UNKNOWN { Value::Null } else { group.entries_read.into() };
                shown.insert("entries_read".into(), read);
                self.groups.push(StreamGroup { shown, ..StreamGroup::default() });
            }
            StreamPart::Pending(pending) => {
                let group = self.groups.last_mut().expect("pending entries have a group");
                group.pending.push((pending.id, pending.delivered_at_ms, pending.deliveries));
            }
            StreamPart::Consumer(consumer) => {
                let group = self.groups.last_mut().expect("consumers have a group");
                group.consumers.push(json!({
                    "name": text(&consumer.name.to_vec()),
                    "seen_at_ms": consumer.seen_at_ms,
                    "active_at_ms": consumer.active_at_ms,
                }));
            }
            StreamPart::Owned(id) => {
                let group = self.groups.last_mut().expect("owned ids have a group");
                let owner = group.consumers.last().expect("owned ids have a consumer")["name"].clone();
                assert_eq!(group.owners.insert(*id, owner), None, "an id has one owner");
            }
            StreamPart::Returns(_) => self.groups.last_mut().expect("they have a group").returned = Some(vec![]),
            StreamPart::Returned(id) => {
                let returned = self.groups.last_mut().and_then(|group| group.returned.as_mut());
                returned.expect("returned ids were announced").push(id.to_string().into());
            }
            StreamPart::Idempotency(idempotency) => {
                let shown = json!({ "duration_s": idempotency.duration_s, "max_ids": idempotency.max_ids, "producers": [] });
                self.stream.insert("idempotency".into(), shown);
            }
            StreamPart::Producer(producer) => {
                self.producers().push(json!({ "name": text(&producer.name.to_vec()), "ids": [] }));
            }
            StreamPart::Produced { iid, id } => {
                let ids = self.producers().last_mut().expect("ids have a producer")["ids"].as_array_mut();
                ids.expect("a list").push(json!([text(&iid.to_vec()), id.to_string()]));
            }
            StreamPart::IdempotencyCounters { added, duplicates } => {
                self.stream["idempotency"]["added"] = json!(added);
                self.stream["idempotency"]["duplicates"] = json!(duplicates);
            }
        }
    }

    fn producers(&mut self) -> &mut Vec<Value> {
        self.stream["idempotency"]["producers"].as_array_mut().expect("producers were announced")
    }

    fn finish(mut self, kind: Kind) -> Value {
        match kind {
            Kind::String => text(&self.bytes),
            Kind::List => self.elements.into(),
            Kind::Set | Kind::Zset => {
                self.elements.sort_by_key(Value::to_string);
                self.elements.into()
            }
            Kind::Hash => self.fields.into(),
            Kind::Stream => {
                self.stream.insert("entries".into(), self.entries.into());
                let groups: Vec<Value> = self.groups.into_iter().map(StreamGroup::finish).collect();
                self.stream.insert("groups".into(), groups.into());
                self.stream.into()
            }
            Kind::Module => Value::Null,
            Kind::Array => json!({ "insert_index": self.insert_index, "slots": self.elements }),
        }
    }
}

impl StreamGroup {
    fn finish(mut self) -> Value {
        let mut pending = Vec::new();
        for (id, delivered_at_ms, deliveries) in &self.pending {
            let owner = self.owners.remove(id).unwrap_or_default();
            pending.push(json!([id.to_string(), owner, delivered_at_ms, deliveries]));
        }
        assert!(self.owners.is_empty(), "consumers own only pending entries");
        self.shown.insert("pending".into(), pending.into());
        self.shown.insert("consumers".into(), self.consumers.into());
        if let Some(returned) = self.returned {
            self.shown.insert("returned".into(), returned.into());
        }
        self.shown.into()
    }
}
