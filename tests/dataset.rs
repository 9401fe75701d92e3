//! Owned data from every snapshot of a real server, encoded again for every version.

mod common;
#[path = "common/counting.rs"]
mod counting;
mod datasets;

use aikv::model::{Collected, Collector, Dataset, DecodeLimits, DumpEmitter, Emitter, EncodeOptions, Entry, HashField, Value};
use aikv::rdb::{Decoder, Encoder, Event, Part, StreamPart, Version, ZeroChecksum};
use aikv::wire::Limits;
use datasets::{content, encode_what_fits, fixtures};
use std::collections::{BTreeMap, BTreeSet};

/// Hands every event of a snapshot to `visit`.
fn each_event(bytes: &[u8], mut visit: impl FnMut(&Event<'_>)) {
    let mut decoder = Decoder::new();
    let mut rest = bytes;
    loop {
        let step = decoder.step(rest).unwrap();
        match &step.event {
            Some(event) => visit(event),
            None if step.consumed == rest.len() => break,
            None => {}
        }
        rest = &rest[step.consumed..];
    }
    decoder.finish().unwrap();
}

/// Database, key, value type and bytes of every key, with no string compressed.
fn records(bytes: &[u8], version: Version) -> BTreeMap<(u64, Vec<u8>), (&'static str, u64)> {
    let mut plain = Vec::new();
    let mut encoder = Encoder::new(version).without_compression();
    each_event(bytes, |event| encoder.write(event, &mut plain).unwrap());
    let mut records = BTreeMap::new();
    let mut open = None;
    each_event(&plain, |event| match event {
        Event::Key(key) => open = Some(((key.db, key.key.to_vec()), key.value_type.name())),
        Event::KeyEnd { span } => {
            let (key, value_type) = open.take().unwrap();
            records.insert(key, (value_type, span.len()));
        }
        _ => {}
    });
    records
}

#[test]
fn every_snapshot_is_encoded_again_with_the_same_content() {
    for fixture in fixtures() {
        let dataset = fixture.dataset();
        assert_eq!(dataset.source, Some(fixture.version), "{}", fixture.name());
        let encoded = dataset.encode(&EncodeOptions::new(fixture.version)).unwrap();
        let again = Dataset::decode(&encoded).unwrap();
        assert_eq!(again.source, Some(fixture.version), "{}", fixture.name());
        assert!(content(again) == content(dataset), "{}", fixture.name());
    }
}

#[test]
fn the_first_id_that_servers_state_is_that_of_the_first_entry() {
    let mut seen = 0;
    for fixture in fixtures() {
        let mut stated = Vec::new();
        each_event(&fixture.bytes, |event| {
            if let Event::Value(Part::Stream(StreamPart::Counters(counters))) = event {
                stated.push(counters.first_id);
            }
        });
        let dataset = fixture.dataset();
        let values = dataset.databases.values().flat_map(BTreeMap::values).map(|entry| &entry.value);
        let mut found: Vec<_> =
            values.filter_map(|value| if let Value::Stream(stream) = value { Some(stream.first_id()) } else { None }).collect();
        if !stated.is_empty() {
            stated.sort();
            found.sort();
            assert_eq!(found, stated, "{}", fixture.name());
            seen += found.len();
        }
    }
    assert!(seen > 100, "{seen}");
}

/// Keys whose form on the server tells of their past, or of a configuration that was another
/// while they were made; and what makes them differ here.
const HISTORIES: &[(&str, &str)] = &[
    // The limits of packed values, or of nodes, were others.
    ("count_65535", "list"),
    ("hashes", "long-values-packed"),
    ("lists", "compressed-inside"),
    ("lists", "nodes-of-64-kib"),
    ("lists", "plain-nodes"),
    ("lists", "plain-only"),
    ("streams", "nodes-by-bytes"),
    ("streams", "nodes-by-entries"),
    ("streams", "single-node"),
    // Valkey 8 has plain nodes of less than 1 GiB, as Redis 7.2 has not, under the same RDB 11.
    ("lists", "very-long-elements"),
    // An intset stays as wide as it was, a hash that had fields with an expiry stays one.
    ("sets", "upgraded"),
    ("field_expiry", "persisted"),
    // Deleted entries stay in their node.
    ("streams", "deleted-first"),
    ("streams", "deleted-last"),
    ("streams", "deleted-node"),
    ("streams", "deleted-some"),
    ("streams", "pending-deleted"),
    ("streams", "trimmed"),
    ("streams", "trimmed-by-id"),
    // Redis 5.0 filled a node of a stream beyond its limit.
    ("streams", "lengths"),
    ("streams", "other-fields"),
    ("streams", "same-fields"),
    // Whole scores are integers here where servers write up to 17 digits; up to 7.0 they write all scores so.
    ("zsets", "integers"),
    ("zsets", "scores-packed"),
];

#[test]
fn every_value_has_the_type_and_size_that_its_server_gave_it() {
    let mut same = 0;
    let mut differ = BTreeSet::new();
    for fixture in fixtures() {
        let encoded = fixture.dataset().encode(&EncodeOptions::new(fixture.version)).unwrap();
        let (theirs, ours) = (records(&fixture.bytes, fixture.version), records(&encoded, fixture.version));
        assert!(theirs.keys().eq(ours.keys()), "{}", fixture.name());
        for (((_, key), theirs), ours) in theirs.iter().zip(ours.values()) {
            let key = String::from_utf8_lossy(key);
            match HISTORIES.iter().find(|history| **history == (&fixture.case, &key)) {
                _ if theirs == ours => same += 1,
                Some(history) => {
                    differ.insert(history);
                }
                None => panic!("{} {key}: {theirs:?} became {ours:?}", fixture.name()),
            }
        }
    }
    assert!(same > 2500, "{same}");
    assert!(differ.iter().copied().eq(HISTORIES.iter().collect::<BTreeSet<_>>()), "{differ:?}");
}

#[test]
fn snapshots_together_are_as_large_as_those_of_their_servers() {
    let (mut theirs, mut ours) = (0, 0);
    for fixture in fixtures().iter().filter(|fixture| fixture.case != "count_65535") {
        let options = EncodeOptions { is_compressing: fixture.case != "nocompress", ..EncodeOptions::new(fixture.version) };
        theirs += fixture.bytes.len();
        ours += fixture.dataset().encode(&options).unwrap().len();
    }
    assert!(ours * 100 < theirs * 102, "{ours} bytes where the servers have {theirs}");
}

/// The first version that has a form for what was refused, by the words of the refusal: of Redis, and whether Valkey 80 has.
const FIRST: &[(&str, u64, bool)] = &[
    ("an expiry in milliseconds", 3, true),
    ("an aux field", 7, true),
    ("a module value", 8, true),
    ("a stream", 9, true),
    ("module data outside of keys", 9, true),
    ("an idle time", 9, true),
    ("an access frequency", 9, true),
    ("a function library", 10, true),
    ("the counters of a stream with deleted entries", 10, true),
    ("the number of entries that a group has read", 10, true),
    ("the time at which a consumer was active", 11, true),
    ("the expiry of a field", 12, true),
    ("the ids of a stream's producers", 13, false),
    ("key metadata", 13, false),
];

#[test]
fn every_version_holds_the_same_content_or_says_what_it_has_no_form_for() {
    let mut reasons = BTreeSet::new();
    for fixture in fixtures() {
        let whole = fixture.dataset();
        for version in Version::all() {
            let options = EncodeOptions::new(version);
            let name = format!("{} for {version}", fixture.name());
            let mut rest = whole.clone();
            let (encoded, refused) = encode_what_fits(&mut rest, &options);
            assert!(content(Dataset::decode(&encoded).unwrap()) == content(rest.clone()), "{name}");
            match whole.encode(&options) {
                Ok(_) => assert!(refused.is_empty(), "{name}"),
                Err(error) => assert_eq!(error.kind(), refused[0].kind(), "{name}"),
            }
            let keys = |dataset: &Dataset| dataset.databases.values().map(BTreeMap::len).sum::<usize>();
            let of_keys = refused.iter().filter(|error| error.place().key.is_some() && error.place().db.is_some());
            assert_eq!(of_keys.count(), keys(&whole) - keys(&rest), "{name}: every key that is left out is named");
            for error in refused {
                let reason = error.kind().to_string();
                let (what, first, valkey) = FIRST.iter().find(|(what, ..)| reason.ends_with(what)).expect(&reason);
                let lacks = if version == Version::valkey(80) { !valkey } else { version.number() < *first };
                assert!(lacks, "{name}: {error}");
                reasons.insert(*what);
            }
        }
    }
    assert_eq!(reasons.len(), FIRST.len(), "{reasons:?}");
}

#[test]
fn a_stream_of_events_is_encoded_anew_one_entry_at_a_time() {
    // More than any value takes, but less than all of them.
    let mut collector = Collector::new(8 << 20);
    for fixture in fixtures() {
        let mut out = Vec::new();
        let mut emitter = Emitter::new(&EncodeOptions::new(fixture.version), &mut out).unwrap();
        let mut selected = None;
        each_event(&fixture.bytes, |event| {
            match collector.push(event).unwrap() {
                None => return,
                Some(Collected::Aux(field)) => emitter.aux(&field.name, &field.value, &mut out).unwrap(),
                Some(Collected::Function(function)) => emitter.function(&function, &mut out).unwrap(),
                Some(Collected::ModuleData(data)) => emitter.module_data(&data, &mut out).unwrap(),
                Some(Collected::Entry { db, key, entry }) => {
                    if selected != Some(db) {
                        emitter.select_db(db, &mut out).unwrap();
                        selected = Some(db);
                    }
                    emitter.entry(&key, &entry, &mut out).unwrap();
                }
            }
            collector.forget();
        });
        assert_eq!(emitter.offset(), out.len() as u64);
        emitter.finish(&mut out).unwrap();
        assert!(content(Dataset::decode(&out).unwrap()) == content(fixture.dataset()), "{}", fixture.name());
    }
}

#[test]
fn every_entry_is_dumped_for_every_version_that_holds_it() {
    let mut emitters: Vec<_> =
        Version::all().map(|version| (version, DumpEmitter::new(&EncodeOptions::new(version)).unwrap())).collect();
    let mut payload = Vec::new();
    let mut seen = BTreeSet::new();
    for fixture in fixtures() {
        for entry in fixture.dataset().databases.values().flat_map(BTreeMap::values) {
            // Most values are in the fixtures of every server.
            if !seen.insert(format!("{:?}", entry.value)) {
                continue;
            }
            let mut value = entry.value.clone();
            value.canonicalize();
            for (version, emitter) in &mut emitters {
                if let Err(error) = emitter.write(entry, &mut payload) {
                    assert_eq!((error.code(), payload.is_empty()), ("unrepresentable", true));
                    assert_ne!(*version, fixture.version, "{}: {error}", fixture.name());
                    continue;
                }
                let mut again = Entry::from_dump(&payload, ZeroChecksum::Compared).unwrap();
                again.canonicalize();
                assert!(again == Entry::from(value.clone()), "{} as {version}", fixture.name());
            }
        }
    }
}

/// A snapshot of RDB 6 with a list `k` = a, b that stands twice.
const TWICE: &[u8] = b"REDIS0006\xfe\x02\x01\x01k\x02\x01a\x01b\x01\x01k\x01\x01c\xff\0\0\0\0\0\0\0\0";

#[test]
fn a_key_that_stands_twice_is_refused_or_the_last_one_counts() {
    let error = Dataset::decode(TWICE).unwrap_err();
    assert_eq!(error.to_string(), "expected a key once in its database, found a second one: byte 19, key \"k\" (list), db 2");
    let (dataset, deviations) = Dataset::decode_leniently(TWICE, DecodeLimits::default()).unwrap();
    assert_eq!(deviations, [error]);
    assert_eq!(dataset.databases[&2][&b"k"[..]].value, Value::List(vec!["c".into()]));
}

#[test]
fn a_name_that_stands_twice_in_a_value_is_refused_or_the_first_one_counts() {
    let cases: &[(&[u8], &str, Value)] = &[
        (b"\x02\x01k\x03\x01a\x01b\x01a", "a member once in its set", Value::Set(vec!["a".into(), "b".into()])),
        (b"\x04\x01k\x02\x01f\x01v\x01f\x01w", "a field once in its hash", {
            Value::Hash(vec![HashField { field: "f".into(), value: "v".into(), expires_at_ms: None }])
        }),
        (b"\x03\x01k\x02\x01m\x011\x01m\x012", "a member once in its set", {
            Value::Zset(vec![aikv::model::ScoredMember { member: "m".into(), score: 1.0 }])
        }),
    ];
    for (record, expected, value) in cases {
        let file = [b"REDIS0006\xfe\x00", *record, b"\xff\0\0\0\0\0\0\0\0"].concat();
        let error = Dataset::decode(&file).unwrap_err();
        assert_eq!(error.code(), "duplicate");
        let text = error.to_string();
        assert!(text.contains(expected) && text.contains("key \"k\"") && text.contains(", element "), "{text}");
        let (dataset, deviations) = Dataset::decode_leniently(&file, DecodeLimits::default()).unwrap();
        assert_eq!(deviations, [error]);
        assert_eq!(dataset.databases[&0][&b"k"[..]].value, *value);
    }
}

#[test]
fn a_key_without_elements_and_bytes_behind_the_end_are_refused_or_passed_over() {
    let file = b"REDIS0006\xfe\x00\x01\x01e\x00\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0more";
    assert_eq!(Dataset::decode(file).unwrap_err().code(), "bad-value");
    let (dataset, deviations) = Dataset::decode_leniently(file, DecodeLimits::default()).unwrap();
    assert!(deviations.iter().all(|error| error.code() == "bad-value"), "{deviations:?}");
    assert_eq!((deviations.len(), deviations[1].offset()), (2, 29));
    assert!(dataset.databases[&0].keys().eq([&b"k"[..]]));
    assert_eq!(Dataset::decode(&TWICE[..20]).unwrap_err().code(), "truncated");
}

#[test]
fn data_larger_than_its_limit_is_refused_before_it_is_held() {
    /// Elements of one byte, most of them in one compressed listpack.
    fn bomb() -> Vec<u8> {
        let elements = 200_000;
        let items = (0..elements).map(|_| "x".into()).collect();
        let list = Dataset { databases: [(0, [("list".into(), Value::List(items).into())].into())].into(), ..Dataset::default() };
        let mut options = EncodeOptions::new(Version::redis(11));
        options.thresholds.list_node = aikv::model::NodeLimit::Bytes(1 << 30);
        list.encode(&options).unwrap()
    }
    let bomb = bomb();
    assert!(bomb.len() < 16 << 10, "{}", bomb.len());
    let limit = 1 << 20;
    let limits = DecodeLimits { item: Limits::default(), max_total_bytes: limit };
    let mut error = None;
    let peak = counting::peak(|| error = Dataset::decode_within(&bomb, limits).err());
    let error = error.unwrap();
    assert_eq!(error.code(), "limit-exceeded");
    assert!(error.to_string().contains("key \"list\""), "{error}");
    // The expanded listpack, and a list that grows to twice its size while it still has the old room.
    assert!(peak < 600_000 + 2 * limit as usize, "{peak}");
    Dataset::decode(&bomb).unwrap();
}

#[test]
fn small_things_in_great_number_keep_to_the_limit() {
    let limits = DecodeLimits { item: Limits::default(), max_total_bytes: 1 << 20 };
    let file = |records: &dyn Fn(u32) -> Vec<u8>| {
        let records: Vec<u8> = (0..50_000).flat_map(records).collect();
        [b"REDIS0011".to_vec(), records, b"\xff\0\0\0\0\0\0\0\0".to_vec()].concat()
    };
    let empty_functions = file(&|_| b"\xf5\x00".to_vec());
    let databases = file(&|db| [b"\xfe\x80", &db.to_be_bytes()[..], b"\x00\x01k\x01v"].concat());
    let empty_keys = file(&|_| b"\x02\x01k\x00".to_vec());
    for (what, file, is_lenient) in
        [("functions", empty_functions, false), ("databases", databases, false), ("deviations", empty_keys, true)]
    {
        let mut error = None;
        let peak = counting::peak(|| {
            error = match is_lenient {
                true => Dataset::decode_leniently(&file, limits).err(),
                false => Dataset::decode_within(&file, limits).err(),
            };
        });
        assert_eq!(error.map(|error| error.code()), Some("limit-exceeded"), "{what}");
        // A list that grows has its old room too.
        assert!(peak < 2 << 20, "{what}: {peak}");
    }
}

#[test]
fn what_cannot_be_read_of_a_value_costs_neither_the_rest_of_it_nor_the_file() {
    let field = HashField { field: "f".into(), value: "v".into(), expires_at_ms: None };
    let with_end = b"\x10\x01k\x0f\x0f\0\0\0\x03\0\x81f\x02\x81v\x02\xf5\x01\xff";
    let nothing = b"\x10\x01k\x09\x09\0\0\0\x01\0\xf5\x01\xff";
    let cases: [(&[u8], Option<Value>); 2] = [(with_end, Some(Value::Hash(vec![field]))), (nothing, None)];
    for (record, value) in cases {
        let file = [b"REDIS0010\xfe\x00", record, b"\x00\x01z\x01v\xff\0\0\0\0\0\0\0\0"].concat();
        let error = Dataset::decode(&file).unwrap_err();
        assert_eq!(error.code(), "bad-encoding");
        let (dataset, deviations) = Dataset::decode_leniently(&file, DecodeLimits::default()).unwrap();
        assert_eq!(deviations, [error]);
        let database = &dataset.databases[&0];
        assert_eq!(database.get(&b"k"[..]).map(|entry| &entry.value), value.as_ref());
        assert!(database.contains_key(&b"z"[..]));
    }
}

#[test]
fn an_entry_of_a_stream_that_cannot_be_read_is_told_of_once() {
    let master = b"\x10\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01";
    // One live entry, of flags that there are not.
    let node = b"\x17\x17\0\0\0\x08\0\x01\x01\x00\x01\x00\x01\x00\x01\x09\x01\x00\x01\x00\x01\x03\x01\xff";
    let file = [&b"REDIS0009\x0f\x01s\x01"[..], master, node, b"\x01\x01\x01\x00\xff\0\0\0\0\0\0\0\0"].concat();
    let (dataset, deviations) = Dataset::decode_leniently(&file, DecodeLimits::default()).unwrap();
    let told: Vec<_> = deviations.iter().map(|error| (error.code(), error.offset())).collect();
    // The stated length has no entry that could be counted.
    assert_eq!(told, [("bad-encoding", 45), ("bad-value", 54)]);
    assert!(dataset.databases[&0].contains_key(&b"s"[..]));
}

#[test]
fn an_index_that_stands_twice_is_named_by_its_place() {
    let file = b"REDIS0014\x1c\x01a\x03\x00\x05\x00\x01a\x07\x00\x01b\x05\x00\x01c\xff\0\0\0\0\0\0\0\0";
    let error = Dataset::decode(file).unwrap_err();
    assert_eq!((error.code(), error.place().element), ("duplicate", Some(2)));
}
