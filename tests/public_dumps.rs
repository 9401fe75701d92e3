//! Dumps published with other projects agree with the answers beside them.
//!
//! They are not part of this project. Ignored by default; to run it:
//!
//! ```text
//! AIKV_PUBLIC_DUMPS=FOLDER cargo test --test public_dumps -- --ignored --nocapture
//! ```

mod support;

use aikv::Error;
use aikv::aof;
use aikv::rdb::{Checksum, Event, Kind};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use support::content::{Content, Key, content, exact_score, untext};

/// Answers whose file is named otherwise than its dump.
const RENAMED: [(&str, &str); 5] = [
    ("librdb/hash_lp_with_hexpire_v12", "librdb/hash_lp_ex_v12_data.json"),
    ("rdbtools/ziplist_that_compresses_easily", "rdbtools/librdb-ziplist_data.json"),
    ("valkey/list-quicklist", "valkey/librdb-quicklist_data.json"),
    ("librdb/hash_v3", "librdb/hash_data.json"),
    ("librdb/mem_policy_lru", "librdb/mem_policy_lru.json"),
];

/// Dumps that no strict reader takes: the code of the error, and the codes of what a lenient one passes over.
const REFUSED: [(&str, &str, &[&str]); 2] = [
    // A file of RDB 11 whose header was changed to 99; its checksum is still that of 11.
    ("librdb/future_v19.rdb", "unsupported-version", &["unsupported-version", "bad-checksum"]),
    // Nine keys without elements: plain, packed, and lists of no nodes and of an empty one.
    ("valkey/corrupt_empty_keys.rdb", "bad-value", &["bad-value"; 9]),
];

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
#[ignore = "needs AIKV_PUBLIC_DUMPS, a folder of public dumps"]
fn public_dumps_agree_with_their_answers() {
    let root = PathBuf::from(std::env::var_os("AIKV_PUBLIC_DUMPS").expect("AIKV_PUBLIC_DUMPS names the folder"));
    let mut dumps = Vec::new();
    files(&root, "rdb", &mut dumps);
    let (mut compared, mut answers, mut decoded, mut refused, mut keys) = (0, 0, 0, Vec::new(), 0);
    for path in &dumps {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let found = match content(&fs::read(path).unwrap()) {
            Ok(found) => found,
            Err(error) => {
                let expected = REFUSED.iter().find(|(refused, ..)| *refused == name);
                let (_, code, deviations) = expected.unwrap_or_else(|| panic!("{name}: {error}"));
                assert_eq!(error.code(), *code, "{name}: {error}");
                let mut keys = Vec::new();
                let (passed, end) = support::read_leniently(&fs::read(path).unwrap(), 64, |event, _| match event {
                    Event::Key(key) => keys.push(key.key.to_vec()),
                    Event::EmptyKey(key) => assert_ne!(key.key.to_vec(), b"", "{name}"),
                    _ => {}
                });
                assert_eq!(passed.iter().map(Error::code).collect::<Vec<_>>(), *deviations, "{name}");
                let is_wrong = deviations.contains(&"bad-checksum");
                let checksum = if is_wrong { Checksum::Wrong } else { Checksum::Verified };
                assert_eq!(end.map(|summary| summary.checksum), Ok(checksum), "{name}");
                refused.push(format!("{name}: {error}; read leniently: {} deviations, {} keys", passed.len(), keys.len()));
                continue;
            }
        };
        decoded += 1;
        keys += found.keys.len();
        let beside = answers_of(&root, path, &name);
        compared += usize::from(!beside.is_empty());
        for answer in beside {
            let text = fs::read_to_string(&answer).unwrap();
            let file = answer.file_name().unwrap().to_str().unwrap();
            let what = format!("{name} against {file}");
            if file.starts_with("HDT-") || name.starts_with("HDT/") {
                compare_rows(&what, &found, &text);
            } else {
                compare_maps(&what, &found, &text);
            }
            answers += 1;
        }
    }
    println!(
        "{} dumps: {decoded} decoded to their end with {keys} keys, {compared} of them agree with {answers} answers; {} refused:",
        dumps.len(),
        refused.len()
    );
    for refusal in &refused {
        println!("  {refusal}");
    }
    assert!(answers > 0, "no answers under {}", root.display());
    assert_eq!(refused.len(), REFUSED.len());
}

fn answers_of(root: &Path, dump: &Path, name: &str) -> Vec<PathBuf> {
    let stem = dump.file_stem().unwrap().to_str().unwrap();
    let mut names = vec![
        format!("HDT-{stem}.json"),
        format!("rdb-0.4.0-{stem}.json"),
        format!("librdb-{stem}_data.json"),
        format!("{stem}_data.json"),
        format!("{stem}.json.json"),
    ];
    if name.starts_with("HDT/") {
        names.push(format!("{stem}.json"));
    }
    let mut found: Vec<PathBuf> = names.iter().map(|name| dump.with_file_name(name)).filter(|path| path.exists()).collect();
    let renamed = RENAMED.iter().filter(|(dump, _)| name.strip_suffix(".rdb") == Some(dump));
    found.extend(renamed.map(|(_, answer)| root.join(answer)));
    found
}

/// One character for each byte, as two of the sources write what is no ASCII.
fn by_byte(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn sorted(mut values: Vec<Value>) -> Value {
    values.sort_by_key(Value::to_string);
    values.into()
}

/// A map of keys, or a list of such maps, one for each database. Streams and
/// modules have no answer there; scores are text.
fn compare_maps(what: &str, found: &Content, text: &str) {
    let answer: Value = serde_json::from_str(text)
        .unwrap_or_else(|_| serde_json::from_str(&format!("{{{text}}}")).unwrap_or_else(|error| panic!("{what}: {error}")));
    let mut databases: BTreeMap<u64, Map<String, Value>> = BTreeMap::new();
    let known = |key: &&Key| !matches!(key.kind, Kind::Stream | Kind::Module);
    for key in found.keys.iter().filter(known) {
        databases.entry(key.db).or_default().insert(by_byte(&key.key), mapped(key));
    }
    let mut answers = match answer {
        Value::Array(databases) => databases,
        one => vec![one],
    };
    for answer in &mut answers {
        let answer = answer.as_object_mut().unwrap_or_else(|| panic!("{what}: a map"));
        for (name, value) in answer.remove("__aux__").iter().filter_map(Value::as_object).flatten() {
            let pair = (name.clone().into_bytes(), value.as_str().unwrap().as_bytes().to_vec());
            assert!(found.aux.contains(&pair), "{what}: aux {name}");
        }
        for key in found.keys.iter() {
            let Some(value) = answer.get_mut(&by_byte(&key.key)) else { continue };
            match (key.kind, value) {
                (Kind::Set, Value::Array(members)) => members.sort_by_key(Value::to_string),
                (Kind::Zset, Value::Object(scores)) => {
                    for (_, score) in scores.iter_mut() {
                        *score = exact_score(score.as_str().unwrap().parse().unwrap());
                    }
                }
                (Kind::Module | Kind::Stream, _) => drop(answer.remove(&by_byte(&key.key))),
                _ => {}
            }
        }
    }
    let databases: Vec<Value> = databases.into_values().map(Value::from).collect();
    answers.retain(|answer| answer.as_object().is_some_and(|answer| !answer.is_empty()));
    assert_eq!(Value::from(databases), Value::from(answers), "{what}");
}

/// A value in the shape of those maps.
fn mapped(key: &Key) -> Value {
    let text = |value: &Value| Value::from(by_byte(&untext(value)));
    match (key.kind, &key.value) {
        (Kind::List, Value::Array(items)) => items.iter().map(text).collect(),
        (Kind::Set, Value::Array(members)) => sorted(members.iter().map(text).collect()),
        (Kind::Zset, Value::Array(pairs)) => {
            // Their answers write 0 for a negative zero.
            let (negative, zero) = (exact_score(-0.0), exact_score(0.0));
            let score = |score: &Value| if *score == negative { zero.clone() } else { score.clone() };
            Value::Object(pairs.iter().map(|pair| (by_byte(&untext(&pair[0])), score(&pair[1]))).collect())
        }
        (Kind::Hash, Value::Object(fields)) => {
            let fields = fields.iter().map(|(field, value)| {
                assert!(!field.starts_with("$b64:"), "a field that is no UTF-8");
                // Expiries of fields are left out there.
                (by_byte(field.as_bytes()), text(value.get("value").unwrap_or(value)))
            });
            Value::Object(fields.collect())
        }
        (Kind::String, value) => text(value),
        (kind, value) => panic!("{kind}: {value}"),
    }
}

/// A list of objects, one for each key.
fn compare_rows(what: &str, found: &Content, text: &str) {
    let answer: Vec<Value> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{what}: {error}"));
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(found.keys.len(), answer.len(), "{what}: number of keys");
    for (key, answer) in found.keys.iter().zip(&answer) {
        let what = format!("{what}, key {}", lossy(&key.key));
        assert_eq!(
            (key.db, lossy(&key.key)),
            (answer["db"].as_u64().unwrap(), answer["key"].as_str().unwrap().to_owned()),
            "{what}"
        );
        assert_eq!(key.kind.name(), answer["type"], "{what}: type");
        let expires = answer["expiration"].as_str().map(unix_ms);
        assert_eq!(key.expires_at_ms, expires, "{what}: expiry");
        let text = |value: &Value| Value::from(lossy(&untext(value)));
        let list = |value: &Value| value.as_array().unwrap().iter().map(text).collect::<Vec<_>>();
        match key.kind {
            Kind::String => assert_eq!(text(&key.value), answer["value"], "{what}"),
            Kind::List => assert_eq!(Value::from(list(&key.value)), answer["values"], "{what}"),
            Kind::Set => assert_eq!(sorted(list(&key.value)), sorted(answer["members"].as_array().unwrap().clone()), "{what}"),
            Kind::Zset => {
                let pairs = answer["entries"].as_array().unwrap().iter();
                let pairs = pairs.map(|pair| json!([pair["member"], exact_score(pair["score"].as_f64().unwrap())]));
                assert_eq!(key.value, sorted(pairs.collect()), "{what}");
            }
            Kind::Hash => compare_hash(&what, &key.value, answer),
            Kind::Stream => compare_stream(&what, &key.value, answer),
            Kind::Module => {}
            Kind::Array => panic!("{what}: no answer has an array"),
        }
    }
}

/// Expiries of fields stand beside the fields, 0 for none.
fn compare_hash(what: &str, found: &Value, answer: &Value) {
    let mut expected = answer["hash"].clone();
    for (field, ms) in answer["expire"].as_object().into_iter().flatten().filter(|(_, ms)| **ms != 0) {
        expected[field] = json!({ "value": expected[field], "expires_at_ms": ms });
    }
    assert_eq!(*found, expected, "{what}");
}

/// Entries stand node by node, deleted ones too; fields as a map.
fn compare_stream(what: &str, found: &Value, answer: &Value) {
    let entries = answer["entries"].as_array().unwrap().iter().flat_map(|node| node["msgs"].as_array().unwrap());
    let live: Vec<&Value> = entries.filter(|entry| entry["deleted"] == false).collect();
    let found_entries = found["entries"].as_array().unwrap();
    assert_eq!(found_entries.len(), live.len(), "{what}: number of entries");
    assert_eq!(found["length"], answer["len"], "{what}: length as stated");
    assert_eq!(found["last_id"], answer["lastId"], "{what}: last id");
    for (found, live) in found_entries.iter().zip(live) {
        assert_eq!(found[0], live["id"], "{what}");
        let flat = found[1].as_array().unwrap();
        let fields: Map<String, Value> =
            flat.chunks(2).map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].clone())).collect();
        assert_eq!(Value::from(fields), live["fields"], "{what}: entry {}", found[0]);
    }
}

/// Unix milliseconds of `2022-12-25T18:11:12.573+08:00`.
fn unix_ms(text: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().expect("digits");
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days since 1970 by the usual civil calendar, the year beginning in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719_469;
    let (clock, zone) = text[11..].split_at(text[11..].rfind(['+', '-']).expect("a zone"));
    let (seconds, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let of_day = seconds.split(':').fold(0, |sum, part| sum * 60 + part.parse::<i64>().expect("digits"));
    let ms: i64 = format!("{fraction:0<3}")[..3].parse().expect("digits");
    let (hours, minutes) = zone[1..].split_once(':').expect("hours and minutes");
    let ahead = hours.parse::<i64>().expect("digits") * 60 + minutes.parse::<i64>().expect("digits");
    let ahead = if zone.starts_with('-') { -ahead } else { ahead };
    ((days * 86_400 + of_day) - ahead * 60) * 1000 + ms
}

#[test]
fn times_with_a_zone_are_read() {
    assert_eq!(unix_ms("1970-01-01T00:00:00+00:00"), 0);
    assert_eq!(unix_ms("2022-12-25T18:11:12.573+08:00"), 1_671_963_072_573);
    assert_eq!(unix_ms("2000-02-29T23:59:59.5-01:30"), 951_874_199_500);
}

#[test]
#[ignore = "needs AIKV_PUBLIC_DUMPS, a folder of public dumps"]
fn public_logs_are_whole() {
    let root = PathBuf::from(std::env::var_os("AIKV_PUBLIC_DUMPS").expect("AIKV_PUBLIC_DUMPS names the folder"));
    let mut logs = Vec::new();
    files(&root, "aof", &mut logs);
    for path in &logs {
        let bytes = fs::read(path).unwrap();
        let mut decoder = aof::Decoder::new();
        let mut input = &bytes[..];
        while !input.is_empty() {
            match decoder.step(input) {
                Ok(step) => input = &input[step.consumed..],
                Err(fault) => panic!("{}: {}", path.display(), decoder.dress(fault)),
            }
        }
        let summary = decoder.finish().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        println!(
            "{}: {} commands, preamble {:?}",
            path.strip_prefix(&root).unwrap().display(),
            summary.commands,
            summary.preamble
        );
    }
}
