//! Snapshots of real servers hold what those servers said they hold.

mod support;

use aikv::rdb::{Checksum, Dialect, Eviction, Kind, Version, ZeroChecksum};
use serde_json::{Value, json};
use std::fs;
use support::content::{Content, Key, canonical, content, payload, text, untext};
use support::{fixtures, read};

#[test]
fn every_fixture_holds_what_its_server_says() {
    let (mut decoded, mut keys) = (0, 0);
    let mut encodings = std::collections::BTreeSet::new();
    for path in fixtures() {
        let name = path.strip_prefix(support::data()).unwrap().display().to_string();
        let told = path.with_extension("json");
        if !told.exists() {
            // The base of a multi-part log: its content is told for the whole log.
            assert!(name.contains("appendonlydir"), "{name} has no JSON");
            continue;
        }
        if name.starts_with("modules") {
            // What modules say of their values has a test of its own.
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let told: Value = serde_json::from_slice(&fs::read(told).unwrap()).unwrap();
        let found = content(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let version = (found.summary.version.dialect().name(), found.summary.version.number());
        assert_eq!(version, (told["dialect"].as_str().unwrap(), told["rdb_version"].as_u64().unwrap()), "{name}");
        check_frame(&name, &found, &told);
        keys += check_keys(&name, found, &told, &mut encodings);
        decoded += 1;
    }
    println!("{decoded} snapshots with {keys} keys decoded");
    assert!(decoded >= 150 && keys > 3000, "{decoded} decoded, {keys} keys");
    for encoding in [
        "string",
        "list",
        "set",
        "zset",
        "hash",
        "zset-2",
        "module-2",
        "set-intset",
        "zset-ziplist",
        "hash-ziplist",
        "list-ziplist",
        "list-quicklist",
        "stream-listpacks",
        "hash-listpack",
        "zset-listpack",
        "list-quicklist-2",
        "stream-listpacks-2",
        "set-listpack",
        "stream-listpacks-3",
        "stream-listpacks-4",
        "hash-listpack-ex",
        "hash-metadata",
        "hash-2",
        "key metadata",
    ] {
        assert!(encodings.contains(encoding), "no fixture has a {encoding}");
    }
}

fn check_frame(name: &str, found: &Content, told: &Value) {
    let checksum = if name.contains("nochecksum") { Checksum::Off } else { Checksum::Verified };
    assert_eq!((found.summary.checksum, found.summary.trailing), (checksum, None), "{name}");
    for pair in told["aux"].as_array().unwrap() {
        let pair = (untext(&pair[0]), untext(&pair[1]));
        assert!(found.aux.contains(&pair), "{name}: aux {:?}", String::from_utf8_lossy(&pair.0));
    }
    let mut functions: Vec<Vec<u8>> = told["functions"].as_array().unwrap().iter().map(untext).collect();
    functions.sort();
    let mut decoded = found.functions.clone();
    decoded.sort();
    assert_eq!(decoded, functions, "{name}: functions");
}

fn check_keys(name: &str, found: Content, told: &Value, encodings: &mut std::collections::BTreeSet<&'static str>) -> usize {
    let version = found.summary.version;
    let mut found = found.keys;
    found.sort_by(|a, b| (a.db, &a.key).cmp(&(b.db, &b.key)));
    let told = told["keys"].as_array().unwrap();
    let names = |key: &Key| (key.db, text(&key.key));
    let expected: Vec<_> = told.iter().map(|key| (key["db"].as_u64().unwrap(), key["key"].clone())).collect();
    assert_eq!(found.iter().map(names).collect::<Vec<_>>(), expected, "{name}: the keys");
    for (found, told) in found.iter().zip(told) {
        let name = format!("{name}, key {}", text(&found.key));
        assert_eq!(found.kind.name(), told["type"], "{name}: type");
        assert_eq!(found.expires_at_ms, told["expires_at_ms"].as_i64(), "{name}: expiry");
        match found.eviction {
            // The server tells idle times from the first, snapshots from RDB 9.
            Eviction::None => {
                assert!(version.number() < 9 || (told["freq"].is_null() && told["idle_s"].is_null()), "{name}: eviction")
            }
            Eviction::Freq(freq) => assert_eq!(Some(freq), told["freq"].as_u64(), "{name}: frequency"),
            Eviction::Idle(s) => {
                let (least, most) = (told["idle_s"].as_u64().unwrap(), told["idle_s_at_most"].as_u64().unwrap());
                assert!((least..=most).contains(&s), "{name}: idle {s} s, expected {least} to {most}");
            }
        }
        check_encoding(&name, version, found, told["object_encoding"].as_str().unwrap());
        encodings.insert(found.encoding);
        if !found.metadata.is_empty() {
            encodings.insert("key metadata");
        }
        check_metadata(&name, found, told);
        match found.kind.name() {
            "stream" => check_stream(&name, &found.value, &told["value"]),
            "module" => check_module(&name, found, &told["value"]),
            kind => assert_eq!(found.value, canonical(kind, &told["value"]), "{name}: value"),
        }
    }
    found.len()
}

/// What the module says of a key's metadata, in the file and in what `DUMP` gave.
fn check_metadata(name: &str, found: &Key, told: &Value) {
    let classes = told["metadata"].as_array().map_or(&[][..], |classes| classes);
    let expected: Vec<Value> = classes
        .iter()
        .map(|told| {
            // As the module saves it; servers save signed integers as unsigned ones of the same bits.
            let number = told[2].as_i64().unwrap();
            let negative = (-number).cast_unsigned();
            json!({ "class": told[0], "version": told[1], "items": [number, negative, number as f64 / 3.0, told[3]] })
        })
        .collect();
    assert_eq!(found.metadata, expected, "{name}: metadata");
    if !classes.is_empty() {
        let (_, dumped) = payload(&untext(&told["dump"]), ZeroChecksum::Compared).unwrap();
        assert_eq!((dumped.metadata, dumped.encoding), (expected, found.encoding), "{name}: dump");
        assert_eq!(dumped.value, found.value, "{name}: value of the dump");
    }
}

/// The type a server writes is that of the encoding it had in memory.
fn check_encoding(name: &str, version: Version, found: &Key, object_encoding: &str) {
    let fields = found.value.as_object().filter(|_| found.kind == Kind::Hash);
    let has_field_expiries = fields.is_some_and(|fields| fields.values().any(|value| value["expires_at_ms"].is_i64()));
    let expected: &[&str] = match (found.kind.name(), object_encoding) {
        ("string", "int" | "embstr" | "raw") => &["string"],
        ("list", "ziplist") => &["list-ziplist"],
        ("list", "linkedlist") => &["list"],
        ("list", "quicklist") => &["list-quicklist", "list-quicklist-2"],
        ("list", "listpack") => &["list-quicklist-2"],
        ("set", "intset") => &["set-intset"],
        ("set", "listpack") => &["set-listpack"],
        ("set", "hashtable") => &["set"],
        ("zset", "ziplist") => &["zset-ziplist"],
        ("zset", "listpack") => &["zset-listpack"],
        ("zset", "skiplist") => &["zset", "zset-2"],
        ("hash", "ziplist") => &["hash-ziplist"],
        ("hash", "listpack") => &["hash-listpack"],
        ("hash", "listpackex") => &["hash-listpack-ex"],
        ("hash", "hashtable") => match (has_field_expiries, version.dialect()) {
            (false, _) => &["hash"],
            (true, Dialect::Redis) => &["hash-metadata"],
            (true, Dialect::Valkey) => &["hash-2"],
        },
        ("stream", _) => match version.number() {
            9 => &["stream-listpacks"],
            10 => &["stream-listpacks-2"],
            13 => &["stream-listpacks-4"],
            _ => &["stream-listpacks-3"],
        },
        ("module", _) => &["module-2"],
        other => panic!("{name}: {other:?} is new"),
    };
    assert!(expected.contains(&found.encoding), "{name}: {} in memory, {} in the file", object_encoding, found.encoding);
}

/// Older servers tell less of a stream; what they tell must agree.
fn check_stream(name: &str, found: &Value, told: &Value) {
    for (member, told) in told.as_object().unwrap() {
        match member.as_str() {
            "groups" => {}
            "idempotency" => assert_eq!(idempotency(&found[member]), *told, "{name}: {member}"),
            _ => assert_eq!(found[member], *told, "{name}: {member}"),
        }
    }
    assert_eq!(found.get("idempotency").is_some(), told.get("idempotency").is_some(), "{name}: idempotency");
    assert_eq!(found["length"].as_u64(), told["entries"].as_array().map(|entries| entries.len() as u64), "{name}: length");
    let (found, told) = (found["groups"].as_array().unwrap(), told["groups"].as_array().unwrap());
    assert_eq!(found.len(), told.len(), "{name}: number of groups");
    for told in told {
        let found = found.iter().find(|group| group["name"] == told["name"]);
        let found = found.unwrap_or_else(|| panic!("{name}: group {}", told["name"]));
        let name = format!("{name}, group {}", told["name"]);
        for (member, told) in told.as_object().unwrap() {
            if member != "pending" && member != "consumers" {
                assert_eq!(found[member], *told, "{name}: {member}");
            }
        }
        let (entries, told_entries) = (found["pending"].as_array().unwrap(), told["pending"].as_array().unwrap());
        assert_eq!(entries.len(), told_entries.len(), "{name}: number of pending entries");
        for (found, told) in entries.iter().zip(told_entries) {
            assert_eq!((&found[0], &found[1], &found[3]), (&told[0], &told[1], &told[3]), "{name}: pending entry");
            match told[2]["about_ms"].as_i64() {
                // This server tells only how long ago, in ms, when it was asked.
                Some(about) => {
                    let ms = found[2].as_i64().unwrap();
                    assert!((ms - about).abs() < 5000, "{name}: delivered at {ms}, expected about {about}");
                }
                None => assert_eq!(found[2], told[2], "{name}: time of pending entry {}", found[0]),
            }
        }
        let (consumers, told_consumers) = (found["consumers"].as_array().unwrap(), told["consumers"].as_array().unwrap());
        assert_eq!(consumers.len(), told_consumers.len(), "{name}: number of consumers");
        for told in told_consumers {
            let found = consumers.iter().find(|consumer| consumer["name"] == told["name"]).expect("a consumer of this name");
            for (member, told) in told.as_object().unwrap() {
                assert_eq!(found[member], *told, "{name}: {member} of consumer {}", found["name"]);
            }
        }
    }
}

/// As `XINFO STREAM` shows it.
fn idempotency(found: &Value) -> Value {
    let producers = found["producers"].as_array().unwrap();
    let ids: usize = producers.iter().map(|producer| producer["ids"].as_array().unwrap().len()).sum();
    json!({
        "idmp_duration": found["duration_s"],
        "idmp_maxsize": found["max_ids"],
        "pids_tracked": producers.len(),
        "iids_tracked": ids,
        "iids_added": found["added"],
        "iids_duplicates": found["duplicates"],
    })
}

/// `DUMP` gives the type byte, the value's bytes, then version and checksum.
fn check_module(name: &str, found: &Key, told: &Value) {
    assert_eq!(found.module.map(|id| id.to_string()).as_deref(), told["module"].as_str(), "{name}: module");
    let dump = untext(&told["dump"]);
    assert_eq!(dump[0], 7, "{name}: type");
    assert_eq!(found.raw, dump[1..dump.len() - 10], "{name}: value");
}

/// The bytes of all steps together are the file.
#[test]
fn steps_cover_the_whole_file() {
    for path in fixtures() {
        let bytes = fs::read(&path).unwrap();
        let mut raw = Vec::new();
        let outcome = read(&bytes, usize::MAX, Default::default(), |_, step| raw.extend_from_slice(step));
        assert_eq!(outcome.err(), None, "{}", path.display());
        assert!(raw == bytes, "{}", path.display());
    }
}
