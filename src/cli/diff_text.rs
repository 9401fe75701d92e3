//! Differences as text for people, and as JSON.

use super::failure::Failure;
use super::print::{IsoTime, plural, push_escaped};
use crate::jobs::{Aspect, Change, Differences, Item, Json, KeyDifference, Presence};
use crate::rdb::ModuleId;
use crate::wire::Scalar;
use std::io::Write;
use std::prelude::rust_2024::*;

/// How many keys there are of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    added: u64,
    removed: u64,
    changed: u64,
    equal: u64,
}

impl Counts {
    pub(super) fn of_equal(equal: u64) -> Self {
        Self { equal, ..Self::default() }
    }

    fn count(&mut self, presence: Presence) {
        match presence {
            Presence::Added => self.added += 1,
            Presence::Removed => self.removed += 1,
            Presence::Changed => self.changed += 1,
        }
    }
}

/// Takes text that is ready.
type Sink<'s> = dyn FnMut(&mut Vec<u8>) -> Result<(), Failure> + 's;

/// A line for each difference, changes of a value indented below.
pub(super) fn push_text(
    differences: &Differences,
    keys: &mut dyn Iterator<Item = KeyDifference>,
    counts: &mut Counts,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    let mut text = Vec::new();
    for (name, presence) in &differences.functions {
        text.extend_from_slice(sign(*presence));
        text.extend_from_slice(b" function library ");
        push_quoted(name, &mut text);
        text.push(b'\n');
    }
    for (id, when, presence) in &differences.module_data {
        text.extend_from_slice(sign(*presence));
        // A vector takes every byte.
        let _ = writeln!(text, " module data of {id}, {}", time_of(*when));
    }
    for key in keys {
        counts.count(key.presence);
        push_key(&key, &mut text);
        sink(&mut text)?;
    }
    let Counts { added, removed, changed, equal } = *counts;
    let _ = writeln!(
        text,
        "{} added, {} removed, {} changed, {} equal",
        plural(added, "key"),
        super::print::count(removed),
        super::print::count(changed),
        super::print::count(equal)
    );
    sink(&mut text)
}

fn time_of(when: u64) -> &'static str {
    if when == 1 { "before the keys" } else { "after the keys" }
}

fn sign(presence: Presence) -> &'static [u8] {
    match presence {
        Presence::Added => b"+",
        Presence::Removed => b"-",
        Presence::Changed => b"~",
    }
}

fn push_key(key: &KeyDifference, out: &mut Vec<u8>) {
    /// Changes of one key that are shown; JSON has them all.
    const SHOWN: usize = 20;
    out.extend_from_slice(sign(key.presence));
    // A vector takes every byte.
    let _ = write!(out, " db {} {} ", key.db, key.kind);
    push_quoted(&key.key, out);
    if let Some(at) = key.expires_at_ms.filter(|_| key.presence != Presence::Changed) {
        let _ = write!(out, ", expires {}", IsoTime(at));
    }
    out.push(b'\n');
    let Some(changes) = &key.changes else {
        out.extend_from_slice(b"    there is no room to hold both values\n");
        return;
    };
    for change in changes.iter().take(SHOWN) {
        push_change(change, out);
    }
    if changes.len() > SHOWN {
        let _ = writeln!(out, "    and {}", plural((changes.len() - SHOWN) as u64, "more change"));
    }
}

fn push_change(change: &Change, out: &mut Vec<u8>) {
    let Change { aspect, names, a, b } = change;
    let presence = match (a, b) {
        (None, _) => Presence::Added,
        (_, None) => Presence::Removed,
        _ => Presence::Changed,
    };
    out.extend_from_slice(b"    ");
    out.extend_from_slice(sign(presence));
    out.push(b' ');
    out.extend_from_slice(aspect.name().as_bytes());
    for name in names {
        out.push(b' ');
        push_item(*aspect, name, out);
    }
    let mut between: &[u8] = b": ";
    for side in [a, b].into_iter().flatten() {
        if matches!(&side[..], [Item::Present]) {
            continue;
        }
        out.extend_from_slice(between);
        between = b" -> ";
        for (at, item) in side.iter().enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            push_item(*aspect, item, out);
        }
    }
    if let (Aspect::Expiry | Aspect::FieldExpiry, Some([Item::Int(a)]), Some([Item::Int(b)])) =
        (aspect, a.as_deref(), b.as_deref())
    {
        // A vector takes every byte.
        let _ = write!(out, " ({:+} ms)", b - a);
    }
    out.push(b'\n');
}

fn push_item(aspect: Aspect, item: &Item, out: &mut Vec<u8>) {
    // A vector takes every byte.
    let _ = match item {
        Item::Bytes(bytes) => {
            push_quoted(bytes, out);
            Ok(())
        }
        Item::Int(at) if matches!(aspect, Aspect::Expiry | Aspect::FieldExpiry) => {
            write!(out, "{}", IsoTime(i64::try_from(*at).unwrap_or(i64::MAX)))
        }
        Item::Int(int) => write!(out, "{int}"),
        Item::Double(bits) => write!(out, "{}", f64::from_bits(*bits)),
        Item::Id(id) => write!(out, "{id}"),
        Item::Present => Ok(()),
    };
}

/// The beginning of a text, in quotes.
fn push_quoted(bytes: &[u8], out: &mut Vec<u8>) {
    const SHOWN: usize = 200;
    out.push(b'"');
    push_escaped(&bytes[..bytes.len().min(SHOWN)], out);
    out.push(b'"');
    if bytes.len() > SHOWN {
        // A vector takes every byte.
        let _ = write!(out, "... ({} bytes)", bytes.len());
    }
}

/// An object for each difference, then one with the numbers.
pub(super) fn push_json(
    differences: &Differences,
    keys: &mut dyn Iterator<Item = KeyDifference>,
    counts: &mut Counts,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    let mut text = Vec::new();
    for (name, presence) in &differences.functions {
        let mut json = Json::new(&mut text);
        json.open(b'{').name("function").bytes(Scalar::Bytes(name));
        json.name("change").text(presence.name()).close(b'}').end_line();
    }
    for (ModuleId(id), when, presence) in &differences.module_data {
        let name = ModuleId(*id).to_string();
        let mut json = Json::new(&mut text);
        json.open(b'{').name("module_data").text(&name).name("when").int(*when);
        json.name("change").text(presence.name()).close(b'}').end_line();
    }
    for key in keys {
        counts.count(key.presence);
        let mut json = Json::new(&mut text);
        json.open(b'{').name("db").int(key.db).name("key").bytes(Scalar::Bytes(&key.key));
        json.name("change").text(key.presence.name()).name("type").text(key.kind.name());
        if let Some(at) = key.expires_at_ms {
            json.name("expires_at_ms").int(at);
        }
        match key.changes {
            None => {
                json.name("changes").null();
            }
            Some(changes) if key.presence == Presence::Changed => {
                json.name("changes").open(b'[');
                for change in &changes {
                    json_change(change, &mut json);
                }
                json.close(b']');
            }
            Some(_) => {}
        }
        json.close(b'}').end_line();
        sink(&mut text)?;
    }
    let Counts { added, removed, changed, equal } = *counts;
    let mut json = Json::new(&mut text);
    json.open(b'{').name("added").int(added).name("removed").int(removed).name("changed").int(changed);
    json.name("equal").int(equal).close(b'}').end_line();
    sink(&mut text)
}

fn json_change(change: &Change, json: &mut Json<'_>) {
    json.open(b'{').name("what").text(change.aspect.name());
    if !change.names.is_empty() {
        json.name("name").open(b'[');
        for name in &change.names {
            json_item(name, json);
        }
        json.close(b']');
    }
    for (side, items) in [("a", &change.a), ("b", &change.b)] {
        match items.as_deref() {
            None => {}
            Some([item]) => {
                json.name(side);
                json_item(item, json);
            }
            Some(items) => {
                json.name(side).open(b'[');
                for item in items {
                    json_item(item, json);
                }
                json.close(b']');
            }
        }
    }
    json.close(b'}');
}

fn json_item(item: &Item, json: &mut Json<'_>) {
    match item {
        Item::Bytes(bytes) => json.bytes(Scalar::Bytes(bytes)),
        Item::Int(int) => json.int(*int),
        Item::Double(bits) => json.score(f64::from_bits(*bits)),
        Item::Id(id) => json.text(&id.to_string()),
        Item::Present => json.bool(true),
    };
}
