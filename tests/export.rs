//! JSON Lines of values that are well formed, and of values that are not.

use aikv::error::Fault;
use aikv::jobs::{Export, Flow, Job, Pass};
use aikv::rdb::{Decoder, Event, Version};
use aikv::wire::Limits;
use serde_json::{Value, json};

struct Lines {
    export: Export,
    out: Vec<u8>,
}

impl Job for Lines {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.export.push(event, raw, &mut self.out)?;
        Ok(Flow::Continue)
    }
}

/// The lines of a version, each well formed.
fn objects(version: Version, body: &[u8]) -> Vec<Value> {
    let mut decoder = Decoder::resume(version, 0, 9, Limits::default());
    let mut job = Lines { export: Export::new().refusing_duplicates([1, 2]), out: Vec::new() };
    Pass::new().feed(&mut decoder, body, &mut job).unwrap();
    parsed(&job.out)
}

fn parsed(lines: &[u8]) -> Vec<Value> {
    let lines = lines.strip_suffix(b"\n").unwrap_or_default();
    lines.split(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// What a lenient reading writes, and the codes and offsets of what it passed over.
fn lenient(version: Version, body: &[u8]) -> (Vec<Value>, Vec<(&'static str, u64)>) {
    let mut decoder = Decoder::resume(version, 0, 9, Limits::default()).leniently();
    let mut job = Lines { export: Export::new().refusing_duplicates([1, 2]), out: Vec::new() };
    let mut pass = Pass::new();
    pass.feed(&mut decoder, body, &mut job).unwrap();
    let told = pass.deviations().iter().map(|error| (error.code(), error.offset())).collect();
    (parsed(&job.out), told)
}

#[test]
fn fields_that_expire_are_objects() {
    // The vector of formats in use: hash-metadata of Redis 7.4, and hash-2 of Valkey 9.
    let redis = b"\x18\x01h\x40\x0d\x03\0\0\0\0\0\x02\x01\x01f\x01v\x00\x01g\x01w";
    let fields = json!({"f": {"value": "v", "expires_at_ms": 200_000}, "g": "w"});
    let [line] = &objects(Version::redis(12), redis)[..] else { panic!("one line") };
    assert_eq!((&line["encoding"], &line["value"]), (&json!("hash-metadata"), &fields));
    let valkey = b"\x16\x01h\x02\x01f\x01v\x40\x0d\x03\0\0\0\0\0\x01g\x01w\xff\xff\xff\xff\xff\xff\xff\xff";
    let [line] = &objects(Version::valkey(80), valkey)[..] else { panic!("one line") };
    assert_eq!((&line["encoding"], &line["value"]), (&json!("hash-2"), &fields));
}

/// What `DUMP` of Redis 8.8 gave for an array whose last insertion was at 3, its long string left out.
#[test]
fn an_array_has_its_indices() {
    let body = b"\x1c\x01a\x05\x01\x03\x00\x01\xfb\xff\xff\xff\xff\xff\xff\xff\x01\x02\0\0\0\0\0\0\xf8\x3f\
        \x02\x03\x03abc\x03\x03\x03ins\x80\x00\x0f\x42\x40\x03\x02zz";
    let [line] = &objects(Version::redis(14), body)[..] else { panic!("one line") };
    let elements = json!([[0, "-5"], [1, "1.5", "double"], [2, "abc"], [3, "ins"], [1_000_000, "zz"]]);
    assert_eq!((&line["type"], &line["value"]), (&json!("array"), &json!({"insert_index": 3, "elements": elements})));
    let [line] = &objects(Version::redis(14), b"\x1c\x01a\x01\x00\x07\x00\x01x")[..] else { panic!("one line") };
    assert_eq!(line["value"], json!({"elements": [[7, "x"]]}));
}

#[test]
fn hashes_with_templates_are_hashes() {
    let body = b"\xf2\x03\x02\x01a\x02bb\x20\x01h\x03\x01x\x01y\x1f\x01i\x01\x01\x02ab\x01z";
    let values: Vec<_> = objects(Version::redis(15), body).iter().map(|line| line["value"].clone()).collect();
    assert_eq!(values, [json!({"a": "x", "bb": "y"}), json!({"ab": "z"})]);
}

const ID: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1];
const TIME: &[u8] = &[5, 0, 0, 0, 0, 0, 0, 0];

/// An empty stream of type `byte` with these groups and what stands behind them.
fn stream(byte: u8, groups: &[&[u8]], behind: &[u8]) -> Vec<u8> {
    let mut body = Vec::from([byte, 1, b's', 0, 0, 9, 0, 0, 0, 0, 0, 9, groups.len() as u8]);
    body.extend_from_slice(&groups.concat());
    body.extend_from_slice(behind);
    body
}

#[test]
fn newer_streams_have_producers_and_entries_that_were_handed_back() {
    // Two entries pending, the second handed back; a second group without any.
    let second = [&ID[..8], &[0, 0, 0, 0, 0, 0, 0, 2]].concat();
    let group = [b"\x01g\x07\x02\x01\x02", ID, TIME, b"\x01", &second, TIME, b"\x02", b"\x01\x01c", TIME, TIME, b"\x01", ID];
    let group = group.concat();
    let producers = b"\x40\x64\x0a\x02\x01p\x02\x01i\x07\x01\xc0\x05\x07\x02\x01q\x00\x03\x01";
    let idempotency = json!({
        "duration_s": 100, "max_ids": 10,
        "producers": [{"name": "p", "ids": [["i", "7-1"], ["5", "7-2"]]}, {"name": "q", "ids": []}],
        "added": 3, "duplicates": 1,
    });
    let told = |returned: Option<Value>| {
        let pending = json!([["7-1", "c", 5, 1], ["7-2", null, 5, 2]]);
        let consumers = json!([{"name": "c", "seen_at_ms": 5, "active_at_ms": 5}]);
        let mut group = json!({"name": "g", "last_id": "7-2", "entries_read": 1, "pending": pending, "consumers": consumers});
        if let Some(returned) = returned {
            group["returned"] = returned;
        }
        group
    };
    let bare = |returned: Option<Value>| {
        let mut group = json!({"name": "h", "last_id": "0-0", "entries_read": 0, "pending": [], "consumers": []});
        if let Some(returned) = returned {
            group["returned"] = returned;
        }
        group
    };
    let empty = b"\x01h\x00\x00\x00\x00\x00";
    let value = |body: &[u8]| objects(Version::redis(14), body)[0]["value"].clone();

    let older = value(&stream(26, &[&group, empty], producers));
    assert_eq!(older["groups"], json!([told(None), bare(None)]));
    assert_eq!(older["idempotency"], idempotency);

    let returning = [&group[..], b"\x01", &second].concat();
    let newer = value(&stream(27, &[&returning, &[&empty[..], b"\x00"].concat()], producers));
    assert_eq!(newer["groups"], json!([told(Some(json!(["7-2"]))), bare(Some(json!([])))]));
    assert_eq!(newer["idempotency"], idempotency);

    let none = json!({"duration_s": 100, "max_ids": 10, "producers": [], "added": 0, "duplicates": 0});
    let plain = value(&stream(27, &[], b"\x40\x64\x0a\x00\x00\x00"));
    assert_eq!((&plain["groups"], &plain["idempotency"]), (&json!([]), &none));
}

#[test]
fn metadata_of_a_key_is_bytes_in_front_of_its_value() {
    // One class, one unsigned integer in it.
    let meta = b"\xf3\x01\x09\x33\x10\x04\x02\x05\x00";
    let body = [&meta[..], b"\x00\x01k\x01v\x00\x01l\x01w"].concat();
    let lines = objects(Version::redis(13), &body);
    assert_eq!(lines[0]["key_meta"], json!({"$b64": "8wEJMxAEAgUA"}));
    assert_eq!((&lines[0]["value"], &lines[1]["value"]), (&json!("v"), &json!("w")));
    assert_eq!(lines[1].get("key_meta"), None);
}

#[test]
fn a_lenient_reading_writes_whole_lines_of_all_that_can_be_read() {
    // A field twice in a packed hash, then a hash that ends behind a field, then a set without members.
    let mut body = b"\x10\x01h\x16\x16\0\0\0\x06\0\x81f\x02\x01\x01\x81f\x02\x02\x01\x81g\x02\x03\x01\xff".to_vec();
    body.extend_from_slice(b"\x10\x01i\x10\x10\0\0\0\x03\0\x81f\x02\x81v\x02\x81g\x02\xff");
    body.extend_from_slice(b"\x02\x01e\x00\x00\x01k\x01v");
    let (lines, told) = lenient(Version::redis(11), &body);
    let values: Vec<_> = lines.iter().map(|line| (line["key"].as_str().unwrap(), line["value"].clone())).collect();
    assert_eq!(values, [("h", json!({"f": "1", "g": "3"})), ("i", json!({"f": "v"})), ("k", json!("v"))]);
    assert_eq!(told, [("duplicate", 12), ("bad-packed", 9 + 26 + 4 + 15), ("bad-value", 9 + 46 + 3)]);
}

#[test]
fn a_lenient_reading_goes_on_behind_what_a_group_contradicts() {
    // The consumer owns an id that is not pending, and 7-1 twice.
    let other = [8; 16];
    let group = [b"\x01g\x07\x01\x01\x01", ID, TIME, b"\x01\x01\x01c", TIME, TIME, b"\x03", ID, &other, ID].concat();
    let body = stream(21, &[&group], b"");
    let (lines, told) = lenient(Version::redis(11), &body);
    assert_eq!(lines[0]["value"]["groups"][0]["pending"], json!([["7-1", "c", 5, 1]]));
    assert_eq!(told.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["bad-value", "duplicate"]);
}
