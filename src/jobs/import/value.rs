//! The values of lines.

use super::bad::{Bad, Done};
use super::node::Node;
use super::read::{bytes, int, list, members, name_bytes, needed, score, tuple};
use super::stream;
use crate::jobs::export::DOUBLE;
use crate::jobs::json::B64_MEMBER;
use crate::model::{Array, ArrayValue, Entry, HashField, KeyMetadata, ModuleData, ModuleValue, ScoredMember, Value, repeats};
use crate::rdb::{Kind, ModuleId, ValueType, Version, ZeroChecksum, seal};
use crate::wire::length;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

/// The version whose payloads have all that modules write.
const VERSION: Version = Version::redis(Version::REDIS_MAX);

/// The value of a key of this type.
pub(super) fn value(kind: Kind, node: Node<'_>) -> Done<Value> {
    Ok(match kind {
        Kind::String => Value::String(bytes(node)?),
        Kind::List => Value::List(texts(node, "an array of a list's elements")?),
        Kind::Set => {
            let members = texts(node, "an array of a set's members")?;
            distinct(&members, |member| member, "a member once in its set")?;
            Value::Set(members)
        }
        Kind::Zset => {
            let members = each(node, "an array of [member, score]", |node| {
                let [member, at] = tuple(node, "an array of member and score")?;
                Ok(ScoredMember { member: bytes(member)?, score: score(&at)? })
            })?;
            distinct(&members, |scored| &scored.member, "a member once in its set")?;
            Value::Zset(members)
        }
        Kind::Hash => Value::Hash(hash(node)?),
        Kind::Stream => Value::Stream(Box::new(stream::stream(node)?)),
        Kind::Module => Value::Module(module(node)?),
        Kind::Array => Value::Array(array(node)?),
    })
}

/// What each item of an array that is not empty says.
fn each<'l, T>(node: Node<'l>, expected: &'static str, mut f: impl FnMut(Node<'l>) -> Done<T>) -> Done<Vec<T>> {
    let items = list(node, expected)?;
    if items.is_empty() {
        return Err(Bad::missing("at least one element: servers hold no value without"));
    }
    items.into_iter().enumerate().map(|(at, node)| f(node).map_err(|bad| bad.of(at))).collect()
}

fn texts(node: Node<'_>, expected: &'static str) -> Done<Vec<Bytes>> {
    each(node, expected, bytes)
}

/// Refuses a name that stands twice.
pub(super) fn distinct<'t, T>(list: &'t [T], name: impl Fn(&'t T) -> &'t [u8], expected: &'static str) -> Done<()> {
    match repeats(list, name).first() {
        Some(repeat) => Err(Bad::twice(expected).of(repeat.later)),
        None => Ok(()),
    }
}

fn hash(node: Node<'_>) -> Done<Vec<HashField>> {
    const EXPECTED: &str = "an object of a hash's fields";
    let members = match node {
        Node::Object(members) if members.is_empty() => return Err(Bad::missing("at least one field")),
        Node::Object(members) => members,
        other => return Err(Bad::node(EXPECTED, &other)),
    };
    let field = |(at, (name, node)): (usize, (Cow<'_, str>, Node<'_>))| field(name, node).map_err(|bad| bad.of(at));
    let fields: Vec<HashField> = members.into_iter().enumerate().map(field).collect::<Done<_>>()?;
    distinct(&fields, |field| &field.field, "a field once in its hash")?;
    Ok(fields)
}

fn field(name: Cow<'_, str>, node: Node<'_>) -> Done<HashField> {
    let field = name_bytes(name)?;
    let is_plain = match &node {
        Node::Object(members) => members.iter().any(|(name, _)| name == B64_MEMBER),
        _ => true,
    };
    if is_plain {
        return Ok(HashField { field, value: bytes(node)?, expires_at_ms: None });
    }
    let [value, at] = members(node, ["value", "expires_at_ms"], "an object of value and expires_at_ms")?;
    let expires_at_ms = at.map(|at| int(&at, "Unix milliseconds")).transpose()?;
    Ok(HashField { field, value: bytes(needed(value, "the member value")?)?, expires_at_ms })
}

fn array(node: Node<'_>) -> Done<Array> {
    const INDEX: &str = "an index below 2^64 - 1";
    let [insert_index, elements] = members(node, ["insert_index", "elements"], "an object of insert_index and elements")?;
    let index = |node: &Node<'_>| match int(node, INDEX)? {
        u64::MAX => Err(Bad::node(INDEX, node)),
        index => Ok(index),
    };
    let mut slots = each(needed(elements, "the member elements")?, "an array of [index, value]", |node| {
        let mut items = list(node, "an array of index and value")?.into_iter();
        let (Some(at), Some(value), form, None) = (items.next(), items.next(), items.next(), items.next()) else {
            return Err(Bad::new("an array of index and value", "an array of another length"));
        };
        let value = bytes(value)?;
        Ok((index(&at)?, form.map_or(Ok(ArrayValue::Text(value.clone())), |form| double(&value, &form))?))
    })?;
    if !slots.is_sorted_by(|(a, _), (b, _)| a < b) {
        slots.sort_by_key(|(index, _)| *index);
        if let Some(at) = slots.windows(2).position(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) {
            return Err(Bad::twice("an index once in its array").of(at));
        }
    }
    Ok(Array { insert_index: insert_index.as_ref().map(index).transpose()?, slots })
}

/// A slot that holds a double: its text says which, unless it is none.
fn double(text: &[u8], form: &Node<'_>) -> Done<ArrayValue> {
    const EXPECTED: &str = "\"double\", and the text of one in front of it";
    let Node::Text(form) = form else { return Err(Bad::node(EXPECTED, form)) };
    let parsed = match form.strip_prefix(DOUBLE) {
        Some("") => core::str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
        Some(bits) => bits.strip_prefix(':').and_then(|bits| u64::from_str_radix(bits, 16).ok()).map(f64::from_bits),
        None => None,
    };
    parsed.map(ArrayValue::Float).ok_or(Bad::new(EXPECTED, "another text"))
}

fn module(node: Node<'_>) -> Done<ModuleValue> {
    let names = ["module", "encver", "payload", "readable"];
    let [name, encver, payload, _] = members(node, names, "an object of module, encver and payload")?;
    let id = module_id(name, encver)?;
    match restored(bytes(needed(payload, "the member payload")?)?.into())?.value {
        Value::Module(value) if value.id == id => Ok(value),
        Value::Module(_) => Err(Bad::new("the payload of this module and version", "that of another")),
        _ => Err(Bad::new("the payload of a module's value", "another value")),
    }
}

fn module_id(name: Option<Node<'_>>, encver: Option<Node<'_>>) -> Done<ModuleId> {
    const NAME: &str = "the nine characters of a module type's name";
    let name = bytes(needed(name, NAME)?)?;
    let name: &[u8; 9] = name.as_ref().try_into().map_err(|_| Bad::new(NAME, "another text"))?;
    let encver = int(&needed(encver, "the member encver")?, "a version of 0 to 1023")?;
    ModuleId::new(name, encver).ok_or(Bad::new(NAME, "another text, or a version above 1023"))
}

/// Module data outside of keys; its payload is the items with the end opcode.
pub(super) fn module_data(node: Node<'_>) -> Done<ModuleData> {
    let names = ["module", "encver", "when", "payload"];
    let [name, encver, when, payload] = members(node, names, "an object of module, encver, when and payload")?;
    let id = module_id(name, encver)?;
    let when = int(&needed(when, "the member when")?, "an integer")?;
    let mut body = Vec::new();
    let module_type = ValueType::all().find(|value_type| value_type.kind() == Kind::Module && value_type.is_in(VERSION));
    body.push(module_type.map_or(0, ValueType::byte));
    length::write(id.0, &mut body);
    body.extend_from_slice(&bytes(needed(payload, "the member payload")?)?);
    match restored(body)?.value {
        Value::Module(ModuleValue { items, .. }) => Ok(ModuleData { id, when, items }),
        _ => Err(Bad::new("the items of a module", "another value")),
    }
}

/// Metadata of a key, as it stands in front of the type in a `DUMP` payload.
pub(super) fn metadata(node: Node<'_>) -> Done<Vec<KeyMetadata>> {
    let mut body: Vec<u8> = bytes(node)?.into();
    // An empty string behind it makes it a payload.
    body.extend_from_slice(&[ValueType::STRING.byte(), 0]);
    let entry = restored(body)?;
    if entry.metadata.is_empty() || entry.value != Value::String(Bytes::new()) {
        return Err(Bad::new("the metadata of a key", "something else"));
    }
    Ok(entry.metadata)
}

/// What the body of a `DUMP` payload holds.
fn restored(mut body: Vec<u8>) -> Done<Entry> {
    seal(&mut body, VERSION);
    Entry::from_dump(&body, ZeroChecksum::Compared).map_err(|_| Bad::new("a payload that can be read", "a damaged one"))
}
