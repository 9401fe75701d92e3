//! `aikv diff`: what two files have apart, whatever their encoding, version, compression or container.

#![cfg(feature = "cli")]

mod common;
mod rewriting;

use aikv::model::{Dataset, EncodeOptions, Value};
use aikv::rdb::Version;
use bytes::Bytes;
use common::{TempDir, data};
use rewriting::{aikv, aikv_ends, snapshots};
use serde_json::json;
use std::fs;
use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The lines of `diff --json`, whose exit code has to fit them.
fn differences(a: &Path, b: &Path, options: &[&str]) -> Vec<serde_json::Value> {
    let output = aikv(&[&["diff", text(a), text(b), "--json"], options].concat());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<_> =
        std::str::from_utf8(&output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(output.status.code(), Some(i32::from(lines.len() > 1)), "{} {}: {told}", a.display(), b.display());
    lines
}

#[test]
fn a_snapshot_in_another_form_is_the_same() {
    let folder = TempDir::new();
    let mut forms = 0;
    for path in snapshots() {
        let dataset = Dataset::decode(&fs::read(&path).unwrap()).unwrap();
        let own = dataset.source.unwrap();
        for version in [own, Version::redis(Version::REDIS_MAX), Version::valkey(80), Version::redis(9)] {
            let options = EncodeOptions { is_compressing: version == own, ..EncodeOptions::new(version) };
            let Ok(bytes) = dataset.encode(&options) else { continue };
            fs::write(folder.join("b"), bytes).unwrap();
            forms += 1;
            let lines = differences(&path, &folder.join("b"), &[]);
            assert_eq!(lines.len(), 1, "{} as {version:?}: {lines:?}", path.display());
            let keys: usize = dataset.databases.values().map(|database| database.len()).sum();
            assert_eq!(lines[0], json!({"added": 0, "removed": 0, "changed": 0, "equal": keys}), "{}", path.display());
        }
    }
    assert!(forms > 400, "{forms}");
}

#[test]
fn a_snapshot_and_the_log_that_makes_its_data_are_the_same() {
    let folder = TempDir::new();
    let log = folder.join("log.aof");
    for name in ["redis-8.0/hashes", "redis-8.6/streams", "redis-7.0/functions", "redis-7.0/zsets", "valkey-9.1/databases"] {
        let path = data().join(name).with_extension("rdb");
        let mut dataset = Dataset::decode(&fs::read(&path).unwrap()).unwrap();
        dataset.module_data.clear();
        fs::write(&log, dataset.to_log(&EncodeOptions::new(dataset.source.unwrap())).unwrap()).unwrap();
        let lines = differences(&path, &log, &[]);
        assert_eq!(lines.len(), 1, "{name}: {lines:?}");
        assert_eq!(differences(&log, &path, &[]).len(), 1, "{name}");
    }
    // A log of several files and one that has all in one.
    let folder = data().join("redis-7.0/appendonlydir");
    assert_eq!(differences(&folder, &folder, &[]).len(), 1);
}

#[test]
fn a_snapshot_and_its_json_lines_are_the_same() {
    let folder = TempDir::new();
    let lines = folder.join("lines.jsonl");
    for path in snapshots().iter().step_by(3) {
        aikv_ends(&["export", text(path), "-o", text(&lines)], 0);
        let found = differences(path, &lines, &[]);
        assert_eq!(found.len(), 1, "{}: {found:?}", path.display());
    }
}

/// The same, seen from the other side.
fn mirrored(mut line: serde_json::Value) -> serde_json::Value {
    let swap = |object: &mut serde_json::Map<String, serde_json::Value>, a: &str, b: &str| {
        let (first, second) = (object.remove(a), object.remove(b));
        object.extend(first.map(|value| (b.to_string(), value)));
        object.extend(second.map(|value| (a.to_string(), value)));
    };
    let object = line.as_object_mut().unwrap();
    swap(object, "added", "removed");
    // What is told of a changed key itself is the second file's.
    let is_changed = object.get("change") == Some(&json!("changed"));
    if is_changed {
        object.remove("type");
        object.remove("expires_at_ms");
    }
    match object.get("change").and_then(|change| change.as_str()) {
        Some("added") => drop(object.insert("change".into(), json!("removed"))),
        Some("removed") => drop(object.insert("change".into(), json!("added"))),
        _ => {}
    }
    for change in object.get_mut("changes").and_then(|changes| changes.as_array_mut()).into_iter().flatten() {
        swap(change.as_object_mut().unwrap(), "a", "b");
    }
    line
}

#[test]
fn the_other_way_round_it_is_the_same_mirrored() {
    let pairs = [
        ("redis-6.2/streams", "redis-8.6/streams"),
        ("redis-7.0/hashes", "valkey-9.1/hashes"),
        ("redis-7.0/databases", "redis-7.0/zsets"),
        ("redis-8.0/expiry", "redis-3.2/expiry"),
        ("redis-8.6/metadata", "redis-8.6/module"),
    ];
    for (a, b) in pairs {
        let [a, b] = [a, b].map(|name| data().join(name).with_extension("rdb"));
        let (there, back) = (differences(&a, &b, &[]), differences(&b, &a, &[]));
        assert!(there.len() > 1, "{}", a.display());
        let plain = |line: serde_json::Value| mirrored(mirrored(line));
        assert_eq!(
            there.into_iter().map(plain).collect::<Vec<_>>(),
            back.into_iter().map(mirrored).collect::<Vec<_>>(),
            "{}",
            a.display()
        );
    }
}

/// A snapshot of data that `f` has changed.
fn changed(folder: &TempDir, name: &str, dataset: &Dataset, f: impl FnOnce(&mut Dataset)) -> std::path::PathBuf {
    let mut dataset = dataset.clone();
    f(&mut dataset);
    let path = folder.join(name);
    fs::write(&path, dataset.encode(&EncodeOptions::new(Version::redis(15))).unwrap()).unwrap();
    path
}

fn hash(fields: &[(&str, &str, Option<i64>)]) -> Value {
    Value::Hash(
        fields
            .iter()
            .map(|(field, value, expires_at_ms)| aikv::model::HashField {
                field: Bytes::copy_from_slice(field.as_bytes()),
                value: Bytes::copy_from_slice(value.as_bytes()),
                expires_at_ms: *expires_at_ms,
            })
            .collect(),
    )
}

fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(|item| Bytes::copy_from_slice(item.as_bytes())).collect())
}

fn zset(members: &[(&str, f64)]) -> Value {
    let scored = |(member, score): &(&str, f64)| aikv::model::ScoredMember {
        member: Bytes::copy_from_slice(member.as_bytes()),
        score: *score,
    };
    Value::Zset(members.iter().map(scored).collect())
}

#[test]
fn changes_are_told_element_by_element() {
    let folder = TempDir::new();
    let mut data = Dataset::default();
    let database = data.databases.entry(0).or_default();
    database.insert("gone".into(), Value::String("1".into()).into());
    database.insert("hash".into(), hash(&[("a", "1", None), ("b", "2", Some(1_700_000_000_000)), ("c", "3", None)]).into());
    database.insert("list".into(), list(&["a", "b", "c", "d"]).into());
    database.insert("same".into(), list(&["x"]).into());
    database.insert("set".into(), Value::Set(vec!["1".into(), "2".into()]).into());
    database.insert("string".into(), Value::String("old".into()).into());
    database.insert("time".into(), Value::String("t".into()).into());
    database.insert("type".into(), Value::String("t".into()).into());
    database.insert("zset".into(), zset(&[("m", 1.5), ("n", 2.0)]).into());
    let a = changed(&folder, "a", &data, |_| {});
    let b = changed(&folder, "b", &data, |data| {
        let database = data.databases.get_mut(&0).unwrap();
        database.remove(&b"gone"[..]);
        database.get_mut(&b"hash"[..]).unwrap().value =
            hash(&[("a", "2", None), ("b", "2", Some(1_700_000_000_500)), ("d", "4", None)]);
        database.get_mut(&b"list"[..]).unwrap().value = list(&["a", "X", "Y", "c", "d"]);
        database.get_mut(&b"set"[..]).unwrap().value = Value::Set(vec!["2".into(), "three".into()]);
        database.get_mut(&b"string"[..]).unwrap().value = Value::String("new".into());
        database.get_mut(&b"time"[..]).unwrap().expires_at_ms = Some(1_800_000_000_000);
        database.get_mut(&b"type"[..]).unwrap().value = list(&["t"]);
        database.get_mut(&b"zset"[..]).unwrap().value = zset(&[("m", f64::INFINITY), ("n", 2.0)]);
        let mut new = aikv::model::Entry::from(Value::String("n".into()));
        new.expires_at_ms = Some(5);
        data.databases.entry(3).or_default().insert("new".into(), new);
    });
    let key = |name: &str, kind: &str, changes: serde_json::Value| json!({"db": 0, "key": name, "change": "changed", "type": kind, "changes": changes});
    let mut time = key("time", "string", json!([{"what": "expiry", "b": 1_800_000_000_000i64}]));
    time["expires_at_ms"] = json!(1_800_000_000_000i64);
    let expected = [
        json!({"db": 0, "key": "gone", "change": "removed", "type": "string"}),
        key(
            "hash",
            "hash",
            json!([
                {"what": "field", "name": ["a"], "a": "1", "b": "2"},
                {"what": "field", "name": ["c"], "a": "3"},
                {"what": "field", "name": ["d"], "b": "4"},
                {"what": "field-expiry", "name": ["b"], "a": 1_700_000_000_000i64, "b": 1_700_000_000_500i64},
            ]),
        ),
        key("list", "list", json!([{"what": "item", "name": [1], "a": "b", "b": "X"}, {"what": "item", "name": [2], "b": "Y"}])),
        key(
            "set",
            "set",
            json!([{"what": "member", "name": ["1"], "a": true}, {"what": "member", "name": ["three"], "b": true}]),
        ),
        key("string", "string", json!([{"what": "text", "a": "old", "b": "new"}])),
        time,
        key("type", "list", json!([{"what": "type", "a": "string", "b": "list"}])),
        key("zset", "zset", json!([{"what": "score", "name": ["m"], "a": 1.5, "b": "inf"}])),
        json!({"db": 3, "key": "new", "change": "added", "type": "string", "expires_at_ms": 5}),
        json!({"added": 1, "removed": 1, "changed": 7, "equal": 1}),
    ];
    assert_eq!(differences(&a, &b, &[]), expected);
    let lines = differences(&a, &b, &["-t", "zset"]);
    assert_eq!(lines, [expected[7].clone(), json!({"added": 0, "removed": 0, "changed": 1, "equal": 0})]);

    let told = aikv_ends(&["diff", text(&a), text(&b)], 1);
    for line in [
        "- db 0 string \"gone\"\n",
        "+ db 3 string \"new\", expires 1970-01-01T00:00:00.005Z\n",
        "    ~ field \"a\": \"1\" -> \"2\"\n",
        "    ~ field-expiry \"b\": 2023-11-14T22:13:20.000Z -> 2023-11-14T22:13:20.500Z (+500 ms)\n",
        "    - member \"1\"\n",
        "    ~ score \"m\": 1.5 -> inf\n",
        "1 key added, 1 removed, 7 changed, 1 equal\n",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

/// Everything in order counts, and nothing without one.
#[test]
fn order_counts_where_there_is_one() {
    let folder = TempDir::new();
    let value = |value: Value| {
        let mut data = Dataset::default();
        data.databases.entry(0).or_default().insert("k".into(), value.into());
        data
    };
    let mut number = 0;
    let mut is_same = |a: Value, b: Value| {
        number += 1;
        let a = changed(&folder, &format!("a{number}"), &value(a), |_| {});
        let b = changed(&folder, &format!("b{number}"), &value(b), |_| {});
        differences(&a, &b, &[]).len() == 1
    };
    assert!(!is_same(list(&["a", "b"]), list(&["b", "a"])));
    assert!(!is_same(list(&["ab", "c"]), list(&["a", "bc"])));
    assert!(is_same(Value::Set(vec!["a".into(), "b".into()]), Value::Set(vec!["b".into(), "a".into()])));
    assert!(is_same(hash(&[("a", "1", None), ("b", "2", None)]), hash(&[("b", "2", None), ("a", "1", None)])));
    assert!(!is_same(hash(&[("a", "1", None), ("b", "2", None)]), hash(&[("b", "1", None), ("a", "2", None)])));
    assert!(!is_same(zset(&[("a", 1.0)]), zset(&[("a", 2.0)])));
    // In pieces of 64 KiB, and compressed.
    let long = |last: u8| Value::String([vec![b'x'; 300_000], vec![last]].concat().into());
    assert!(is_same(long(1), long(1)));
    assert!(!is_same(long(1), long(2)));
}

#[test]
fn names_cannot_speak_to_the_terminal() {
    let folder = TempDir::new();
    let a = changed(&folder, "a", &Dataset::default(), |_| {});
    let b = changed(&folder, "b", &Dataset::default(), |data| {
        data.databases
            .entry(0)
            .or_default()
            .insert(Bytes::from_static(b"\x1b]0;x\x07\xe2\x80\xae"), Value::String("".into()).into());
    });
    let told = aikv_ends(&["diff", text(&a), text(&b)], 1);
    assert!(told.contains(r#""\x1b]0;x\x07\u{202e}""#), "{told}");
}

#[test]
fn what_cannot_be_read_is_no_difference() {
    let folder = TempDir::new();
    let whole = data().join("redis-7.0/hashes.rdb");
    let bytes = fs::read(&whole).unwrap();
    let cut = folder.join("cut");
    fs::write(&cut, &bytes[..bytes.len() - 9]).unwrap();
    for (a, b) in [(&whole, &cut), (&cut, &whole), (&whole, &folder.join("none"))] {
        aikv_ends(&["diff", text(a), text(b)], 3);
    }
    aikv_ends(&["diff", "-", text(&whole)], 2);
    let out = folder.join("out");
    aikv_ends(&["diff", text(&cut), text(&whole), "-o", text(&out)], 3);
    assert!(!out.exists());
}
