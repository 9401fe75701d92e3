//! What is known of a file, as objects.

use super::damage::{Damage, Found};
use super::error::finding;
use super::object::{self, ObjectExt};
use crate::error::{Error, ErrorKind, Place};
use crate::jobs::{Count, Expiry, Log, Meaning, Readable, Report};
use crate::rdb::{Checksum, Dialect, LoadedBy, Span};
use alloc::string::{String, ToString};
use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;

/// What only the session knows beside the job's report.
pub(super) struct Around<'a> {
    /// Id of the largest row.
    pub(super) largest: Option<u32>,
    /// The commands, where there are any.
    pub(super) log: Option<Log>,
    pub(super) failure: Option<&'a Error>,
    pub(super) damage: &'a Damage,
    pub(super) loaded_by: &'a LoadedBy,
    /// From the snapshot's summary, once there is one.
    pub(super) checksum: Option<Checksum>,
    pub(super) trailing: Option<Span>,
}

pub(super) fn report(report: &Report, around: &Around<'_>) -> Object {
    let object = Object::new();
    object.set("format", if around.log.is_some() { "aof" } else { "rdb" });
    object.set("compression", JsValue::NULL);
    object.set("unpackedBytes", JsValue::NULL);
    object.put("dialect", report.version.map(|version| version.dialect().name()));
    object.put("version", report.version.map(|version| object::number(version.number())));
    object.put("producer", report.producer());
    object.put("savedAtMs", report.saved_at_ms().map(object::signed));
    object.set("aux", report.aux.iter().map(|(name, value)| Array::of2(&text(name), &text(value))).collect::<Array>());
    object.set("functions", report.functions.iter().map(|library| text(&library.name)).collect::<Array>());
    object.set("databases", report.databases.iter().map(|(db, count)| database(*db, count)).collect::<Array>());
    let kind = |(kind, count): &(crate::rdb::Kind, Count)| {
        let object = counted(count);
        object.set("type", kind.name());
        object.set("elements", object::number(count.elements));
        object
    };
    object.set("types", report.kinds().iter().map(kind).collect::<Array>());
    let mut encodings = report.encodings.clone();
    encodings.sort_by_key(|encoding| core::cmp::Reverse(encoding.count.bytes));
    let encoding = |encoding: &crate::jobs::Encoding| {
        let object = counted(&encoding.count);
        object.set("encoding", encoding.value_type.name());
        object.set("type", encoding.value_type.kind().name());
        object
    };
    object.set("encodings", encodings.iter().map(encoding).collect::<Array>());
    object.set("keys", object::number(report.total.keys));
    object.set("bytes", object::number(report.total.bytes));
    object.put("largest", around.largest);
    object.set("commands", object::number(around.log.map_or(0, |log| log.commands)));
    object.put("loadsIn", loads_in(around));
    object.set("checksum", checksum(around, report.checksum));
    object.set("trailingBytes", object::number(around.trailing.map_or(0, Span::len)));
    object.set("findings", findings(around));
    object.set("findingsLeftOut", object::number(around.damage.left_out));
    object.put("announcedKeys", around.damage.announced.map(object::number));
    object.set("damagedKeys", object::number(around.damage.keys));
    object.set("damagedRows", object::number(around.damage.rows));
    object.set("damagedBytes", object::number(around.damage.bytes));
    object
}

/// Oldest and newest server of each lineage that load the file as it is; unknown of a log.
fn loads_in(around: &Around<'_>) -> Option<Object> {
    if around.log.is_some() {
        return None;
    }
    let is_damaged = around.failure.is_some() || !around.damage.kept.is_empty();
    let object = Object::new();
    for lineage in [Dialect::Redis, Dialect::Valkey] {
        let range = around.loaded_by.range(lineage).filter(|_| !is_damaged);
        let names = range.map(|(oldest, newest)| Array::of2(&oldest.name().into(), &newest.name().into()));
        object.put(lineage.name(), names);
    }
    Some(object)
}

fn text(bytes: &[u8]) -> JsValue {
    String::from_utf8_lossy(bytes).as_ref().into()
}

pub(super) fn counted(count: &Count) -> Object {
    let object = Object::new();
    object.set("keys", object::number(count.keys));
    object.set("bytes", object::number(count.bytes));
    object
}

fn database(db: u64, count: &Count) -> Object {
    let object = counted(count);
    object.set("db", object::number(db));
    object.set("expiring", object::number(count.expiring));
    object
}

fn checksum(around: &Around<'_>, read: Option<Checksum>) -> &'static str {
    if around.failure.is_some_and(|error| matches!(error.kind(), ErrorKind::BadChecksum { .. })) {
        return "mismatch";
    }
    match around.checksum.or(read) {
        Some(Checksum::Verified) => "matches",
        Some(Checksum::Wrong) => "mismatch",
        Some(Checksum::Absent) => "none",
        Some(Checksum::Off) => "off",
        // A log on its own has none.
        None if around.log.is_some() => "none",
        Some(Checksum::Unchecked) | None => "pending",
    }
}

fn findings(around: &Around<'_>) -> Array {
    let findings = Array::new();
    let is_checksum = |error: &Error| matches!(error.kind(), ErrorKind::BadChecksum { .. });
    let has_others = around.damage.kept.iter().any(|found| !is_checksum(&found.error));
    let of = |error: &Error, is_repairable: bool| {
        // It is what other damage leads to.
        let severity = if is_checksum(error) && has_others { "warning" } else { "error" };
        finding(severity, error.code(), error.offset(), error.place(), &error.kind().to_string(), is_repairable)
    };
    for Found { error, row, next, is_lost } in &around.damage.kept {
        let found = of(error, true);
        found.maybe("lost", is_lost.then_some(true));
        found.maybe("row", *row);
        found.set("nextRow", *next);
        findings.push(&found);
    }
    if let Some(failure) = around.failure {
        findings.push(&of(failure, is_checksum(failure)));
    }
    if let Some(trailing) = around.trailing {
        let text = alloc::format!("{} bytes stand behind the end of the snapshot", trailing.len());
        findings.push(&finding("warning", "trailing-data", trailing.start, &Place::default(), &text, true));
    }
    findings
}

pub(super) fn explained(meanings: &[Meaning], readable: Option<Readable>) -> Object {
    let meaning = |meaning: &Meaning| {
        let object = Object::new();
        object.set("start", object::number(meaning.span.start));
        object.set("end", object::number(meaning.span.end));
        object.set("text", meaning.text.as_str());
        object.set("readable", meaning.is_readable);
        object
    };
    let object = Object::new();
    object.set("meanings", meanings.iter().map(meaning).collect::<Array>());
    object.put("elements", readable.map(|readable| object::number(readable.elements)));
    object.put("stated", readable.and_then(|readable| readable.stated).map(object::number));
    object
}

pub(super) fn expiry(expiry: &Expiry) -> Object {
    let Expiry { expired, hour, day, week, month, later, never } = *expiry;
    let object = Object::new();
    for (name, keys) in
        [("expired", expired), ("hour", hour), ("day", day), ("week", week), ("month", month), ("later", later), ("never", never)]
    {
        object.set(name, object::number(keys));
    }
    object
}
