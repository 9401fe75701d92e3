//! Owned values that no fixture holds, or that stand at a limit: the form they take in every version.

use aikv::Error;
use aikv::model::{
    Array, ArrayValue, Dataset, DecodeLimits, DumpEmitter, Emitter, EncodeOptions, Entry, Function, HashField, KeyMetadata,
    ModuleData, ModuleItems, ModuleValue, NodeLimit, ScoredMember, Stream, StreamConsumer, StreamEntry, StreamGroup,
    StreamIdempotency, StreamPending, StreamProducer, Value,
};
use aikv::rdb::{
    Decoder, Elements, Event, Eviction, MetaClass, ModuleId, ModuleItem, Part, StreamId, Version, ZeroChecksum, seal,
};
use aikv::wire::Scalar;
use bytes::Bytes;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !b" |".contains(byte)).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

fn texts<const N: usize>(texts: [&'static str; N]) -> Vec<Bytes> {
    texts.into_iter().map(Bytes::from).collect()
}

fn field(field: &'static str, value: &'static str, expires_at_ms: Option<i64>) -> HashField {
    HashField { field: field.into(), value: value.into(), expires_at_ms }
}

fn scored(member: &'static str, score: f64) -> ScoredMember {
    ScoredMember { member: member.into(), score }
}

/// A snapshot of one key, `k`.
fn file(version: Version, entry: &Entry) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let mut emitter = Emitter::new(&EncodeOptions::new(version), &mut out)?;
    emitter.select_db(0, &mut out)?;
    emitter.entry(b"k", entry, &mut out)?;
    emitter.finish(&mut out)?;
    Ok(out)
}

fn decode(file: &[u8]) -> Entry {
    Dataset::decode(file).unwrap().databases[&0][&b"k"[..]].clone()
}

/// The type of the only value, and how many elements each of its parts holds.
fn form(file: &[u8]) -> (&'static str, Vec<u64>) {
    let (mut name, mut parts) = ("", Vec::new());
    let mut decoder = Decoder::new();
    let mut rest = file;
    loop {
        let step = decoder.step(rest).unwrap();
        match step.event {
            Some(Event::Key(key)) => name = key.value_type.name(),
            Some(Event::Value(Part::Elements { elements, .. })) => parts.push(match elements {
                Elements::One(_) => 1,
                packed => packed.count().unwrap(),
            }),
            Some(Event::Value(Part::Stream(aikv::rdb::StreamPart::Node(node)))) => parts.push(node.entries().count() as u64),
            None if step.consumed == rest.len() => return (name, parts),
            _ => {}
        }
        rest = &rest[step.consumed..];
    }
}

/// Bodies of payloads that Redis 7.0.15 dumped.
#[test]
fn payloads_are_those_of_a_real_server() {
    let mut dumps = DumpEmitter::new(&EncodeOptions::new(Version::redis(10))).unwrap();
    let stream = Stream {
        entries: vec![
            StreamEntry { id: id(1, 1), fields: vec![("f".into(), "v".into())] },
            StreamEntry { id: id(1, 2), fields: vec![("f".into(), "v2".into())] },
            StreamEntry { id: id(2, 0), fields: vec![("g".into(), "h".into()), ("f".into(), "i".into())] },
        ],
        last_id: id(2, 0),
        entries_added: 3,
        groups: vec![StreamGroup {
            name: "g".into(),
            last_id: id(1, 1),
            entries_read: Some(1),
            consumers: vec![StreamConsumer {
                name: "c".into(),
                seen_at_ms: 7,
                active_at_ms: 7,
                pending: vec![StreamPending { id: id(1, 1), delivered_at_ms: 5, deliveries: 1 }],
            }],
            unowned: vec![],
        }],
        ..Stream::default()
    };
    let stream_body = "13 01 10 0000000000000001 0000000000000001 4040 | 40000000 1800 0301 0001 0101 816602 0001 \
        0201 0001 0001 817602 0401 | 0201 0001 0101 82763203 0401 | 0001 0101 DFFF02 0201 816702 816802 816602 816902 0801 FF \
        03 0200 0101 0000 03 01 0167 0101 01 | 01 0000000000000001 0000000000000001 0500000000000000 01 \
        01 0163 0700000000000000 01 0000000000000001 0000000000000001";
    let cases = [
        (Value::String("hello".into()), "00 05 68656C6C6F"),
        (Value::String("123".into()), "00 C07B"),
        (Value::Hash(vec![field("f", "v", None), field("n", "1", None)]), "10 12|12000000 0400 816602 817602 816E02 0101 FF"),
        (Value::Zset(vec![scored("b", 2.0), scored("a", 1.5)]), "11 14|14000000 0400 816102 83312E3504 816202 0201 FF"),
        (
            Value::List(texts(["a", "b", "c", "1", "2", "300", "-5000"])),
            "12 01 02 1B|1B000000 0700 816102 816202 816302 0101 0201 C12C02 F178EC03 FF",
        ),
        (Value::Set(texts(["70000", "2", "1"])), "0B 14|04000000 03000000 01000000 02000000 70110100"),
        (Value::Stream(Box::new(stream)), stream_body),
    ];
    for (value, body) in cases {
        let mut payload = Vec::new();
        dumps.write(&value.clone().into(), &mut payload).unwrap();
        let (found, footer) = payload.split_at(payload.len() - 10);
        assert_eq!(found, hex(body), "{value:?}");
        assert_eq!(footer[..2], [10, 0]);
    }
    let x = Entry::from(Value::String("x".into())).to_dump(&EncodeOptions::new(Version::redis(6))).unwrap();
    assert_eq!(x, hex("00 0178 0600 B46DEEDF48BD7443"));
}

/// Files that Valkey 9.1.2, and a server that writes RDB 14, loaded.
#[test]
fn files_are_those_that_real_servers_load() {
    let single = |version, key: &str, value: Value| {
        let mut out = Vec::new();
        let mut emitter = Emitter::new(&EncodeOptions::new(version), &mut out).unwrap();
        emitter.select_db(0, &mut out).unwrap();
        emitter.entry(key.as_bytes(), &value.into(), &mut out).unwrap();
        emitter.finish(&mut out).unwrap();
        out
    };
    let hash = Value::Hash(vec![field("f", "v", None), field("g", "w", Some(4_102_444_800_000))]);
    let expected = "56414C4B4559303830 FE00 16 0168 02 0166 0176 FFFFFFFFFFFFFFFF 0167 0177 00D8C32CBB030000 FF 5830C67BF690036C";
    assert_eq!(single(Version::valkey(80), "h", hash), hex(expected));
    let array = Value::Array(Array {
        insert_index: Some(2),
        slots: vec![(0, ArrayValue::Text("-5".into())), (1, ArrayValue::Float(1.5)), (1_000_000, ArrayValue::Text("abc".into()))],
    });
    let expected = "524544495330303134 FE00 1C 0161 03 01 02 00 01 FBFFFFFFFFFFFFFF 01 02 000000000000F83F \
        80000F4240 03 03616263 FF 89FC00D42D436C33";
    assert_eq!(single(Version::redis(14), "a", array), hex(expected));
}

/// The payloads of hashes with a template in the tests of Redis 8.10.
#[test]
fn a_hash_with_a_template_becomes_a_hash() {
    let payload = hex("1F 01 02 066669656C6431 066669656C6432 C001 C002 0F00 0000000000000000");
    let entry = Entry::from_dump(&payload, ZeroChecksum::Absent).unwrap();
    assert_eq!(entry.value, Value::Hash(vec![field("field1", "1", None), field("field2", "2", None)]));
    assert_eq!(form(&file(Version::redis(15), &entry).unwrap()).0, "hash-listpack");
    assert_eq!(Entry::from_dump(&payload, ZeroChecksum::Compared).unwrap_err().code(), "bad-checksum");
}

/// A text of `len` bytes that is no number, another for every `n`.
fn text(len: usize, n: usize) -> Bytes {
    let mut text = format!("{n}-");
    text.extend(std::iter::repeat_n('x', len.saturating_sub(text.len())));
    Bytes::from(text)
}

fn list(count: usize, len: usize) -> Value {
    Value::List((0..count).map(|n| text(len, n)).collect())
}

fn set(count: usize, len: usize) -> Value {
    Value::Set((0..count).map(|n| text(len, n)).collect())
}

fn integers(count: usize) -> Value {
    Value::Set((0..count).map(|n| Bytes::from(n.to_string())).collect())
}

fn zset(count: usize, len: usize) -> Value {
    Value::Zset((0..count).map(|n| ScoredMember { member: text(len, n), score: n as f64 }).collect())
}

fn hash(count: usize, len: usize) -> Value {
    Value::Hash((0..count).map(|n| HashField { field: text(len, n), value: text(len, n), expires_at_ms: None }).collect())
}

fn expiring(count: usize, len: usize) -> Value {
    let field = |n| HashField { field: text(len, n), value: text(len, n), expires_at_ms: (n > 0).then_some(5000 - n as i64) };
    Value::Hash((0..count).map(field).collect())
}

/// The thresholds are the defaults of the servers: 512 / 64 for lists and hashes, 128 / 64 for sets and
/// sorted sets, 512 for intsets. The types come and go with the versions that wrote them first.
#[test]
fn values_at_and_above_their_limits_take_the_types_of_their_version() {
    let type_of = |version, value: &Value| {
        let file = file(version, &value.clone().into()).unwrap();
        let (mut before, mut after) = (value.clone(), decode(&file).value);
        before.canonicalize();
        after.canonicalize();
        assert!(before == after, "{version}");
        form(&file).0
    };
    for version in Version::all() {
        let by_version =
            |steps: &[(u64, &'static str)]| steps.iter().rfind(|(since, _)| *since <= version.number()).expect("a type").1;
        let list_small = by_version(&[(1, "list"), (2, "list-ziplist"), (7, "list-quicklist"), (10, "list-quicklist-2")]);
        let list_large = by_version(&[(1, "list"), (7, "list-quicklist"), (10, "list-quicklist-2")]);
        let intset = by_version(&[(1, "set"), (2, "set-intset")]);
        let set_small = by_version(&[(1, "set"), (11, "set-listpack")]);
        let zset_small = by_version(&[(1, "zset"), (2, "zset-ziplist"), (10, "zset-listpack")]);
        let zset_large = by_version(&[(1, "zset"), (8, "zset-2")]);
        let hash_small = by_version(&[(1, "hash"), (2, "hash-zipmap"), (4, "hash-ziplist"), (10, "hash-listpack")]);
        for (value, expected) in [
            (list(512, 64), list_small),
            (list(513, 64), list_large),
            (list(2, 65), list_large),
            (integers(512), intset),
            (integers(513), "set"),
            (set(128, 64), set_small),
            (set(129, 64), "set"),
            (set(2, 65), "set"),
            (zset(128, 64), zset_small),
            (zset(129, 64), zset_large),
            (zset(2, 65), zset_large),
            (hash(512, 64), hash_small),
            (hash(513, 64), "hash"),
            (hash(2, 65), "hash"),
        ] {
            assert_eq!(type_of(version, &value), expected, "{version}: a {}", value.kind());
        }
        let (small, large) = match version {
            _ if version == Version::valkey(80) => ("hash-2", "hash-2"),
            _ if version.number() >= 12 => ("hash-listpack-ex", "hash-metadata"),
            _ => continue,
        };
        for (value, expected) in [(expiring(512, 64), small), (expiring(513, 64), large), (expiring(2, 65), large)] {
            assert_eq!(type_of(version, &value), expected, "{version}");
        }
    }
}

#[test]
fn limits_are_those_of_the_caller() {
    let mut options = EncodeOptions::new(Version::redis(12));
    options.thresholds.hash.entries = 1;
    options.thresholds.set.value_bytes = 70;
    options.thresholds.intset_entries = 2;
    let type_of = |options: &EncodeOptions, value: Value| {
        let payload = Entry::from(value).to_dump(options).unwrap();
        aikv::rdb::ValueType::from_byte(Version::redis(12), payload[0]).unwrap().name()
    };
    assert_eq!(type_of(&options, hash(2, 8)), "hash");
    assert_eq!(type_of(&options, set(2, 70)), "set-listpack");
    assert_eq!(type_of(&options, integers(3)), "set-listpack");
    options.thresholds.set.entries = 2;
    assert_eq!(type_of(&options, integers(3)), "set");
}

#[test]
fn lists_are_cut_into_nodes_as_servers_cut_them() {
    let nodes = |version, limit, value: Value| {
        let mut options = EncodeOptions::new(version);
        options.thresholds.list_node = limit;
        let dataset = Dataset { databases: [(0, [("k".into(), value.into())].into())].into(), ..Dataset::default() };
        form(&dataset.encode(&options).unwrap()).1
    };
    for version in [Version::redis(7), Version::redis(10), Version::redis(12), Version::valkey(80)] {
        assert_eq!(nodes(version, NodeLimit::Entries(5), list(12, 8)), [5, 5, 2], "{version}");
        // Each takes 1004 bytes of a listpack, up to 1007 of a ziplist: the eighth still fits, a ninth would not.
        assert_eq!(nodes(version, NodeLimit::Bytes(8192), list(17, 1000)), [8, 8, 1], "{version}");
        assert_eq!(nodes(version, NodeLimit::Entries(100), list(10, 1000)), [8, 2], "{version}: 8 KiB at most");
        assert_eq!(nodes(version, NodeLimit::Bytes(4096), list(6, 1000)), [4, 2], "{version}");
    }
    // What is larger than a node is plain where servers have such nodes.
    let mixed =
        |version| nodes(version, NodeLimit::Bytes(8192), Value::List(vec!["a".into(), text(8193, 0), text(8192, 1), "b".into()]));
    assert_eq!(mixed(Version::redis(9)), [1, 1, 1, 1]);
    assert_eq!(mixed(Version::redis(12)), [1, 1, 1, 1]);
    let payload = |version, len| Entry::from(list(1, len)).to_dump(&EncodeOptions::new(version)).unwrap();
    assert_eq!(payload(Version::redis(12), 8193)[..3], [18, 1, 1], "a plain node");
    assert_eq!(payload(Version::redis(12), 8192)[..3], [18, 1, 2], "a packed one");
    assert_eq!(payload(Version::redis(10), 8193)[..3], [18, 1, 2], "up to 1 GiB before Redis 7.4");
}

#[test]
fn streams_are_cut_into_nodes_as_servers_cut_them() {
    let entry = |n: u64, len| StreamEntry { id: id(10 + n, 5), fields: vec![("f".into(), text(len, 0))] };
    let stream = |count: u64, len| {
        let entries: Vec<_> = (0..count).map(|n| entry(n, len)).collect();
        Value::Stream(Box::new(Stream { last_id: id(10 + count, 0), entries_added: count, entries, ..Stream::default() }))
    };
    let nodes = |options: &EncodeOptions, value: Value| {
        let dataset = Dataset { databases: [(0, [("k".into(), value.into())].into())].into(), ..Dataset::default() };
        form(&dataset.encode(options).unwrap()).1
    };
    let mut options = EncodeOptions::new(Version::redis(10));
    assert_eq!(nodes(&options, stream(201, 1)), [100, 100, 1]);
    // 7 + 12 bytes of a node, and 1013 of an entry: a fifth would make it larger than 4096.
    assert_eq!(nodes(&options, stream(5, 1000)), [4, 1]);
    options.thresholds.stream_node_entries = 0;
    options.thresholds.stream_node_bytes = 0;
    assert_eq!(nodes(&options, stream(5000, 1)), [5000]);
}

fn module_items() -> ModuleItems {
    let mut items = ModuleItems::default();
    for item in [
        ModuleItem::Uint(u64::MAX),
        ModuleItem::Sint(-1),
        ModuleItem::Double(-0.5),
        ModuleItem::Float(f32::NAN),
        ModuleItem::Bytes(Scalar::Bytes(b"12")),
        ModuleItem::Bytes(Scalar::Bytes(&[7; 100])),
    ] {
        items.push(&item);
    }
    items
}

fn rich_stream() -> Stream {
    let pending = |ms, deliveries| StreamPending { id: id(ms, 0), delivered_at_ms: 77, deliveries };
    Stream {
        entries: vec![StreamEntry { id: id(u64::MAX, 1), fields: vec![("f".into(), "v".into())] }],
        last_id: id(u64::MAX, u64::MAX),
        max_deleted_id: id(9, 9),
        entries_added: 12,
        groups: vec![StreamGroup {
            name: "g".into(),
            last_id: id(3, 3),
            entries_read: None,
            consumers: vec![StreamConsumer {
                name: "c".into(),
                seen_at_ms: 5,
                active_at_ms: -1,
                pending: vec![pending(4, 1), pending(2, 9)],
            }],
            unowned: vec![pending(7, 2), pending(1, 3)],
        }],
        idempotency: Some(StreamIdempotency {
            duration_s: 86_400,
            max_ids: 10_000,
            producers: vec![StreamProducer { name: "p".into(), ids: vec![("i".into(), id(u64::MAX, 1))] }],
            added: 1,
            duplicates: 0,
        }),
    }
}

/// Takes out of a value what a version lacks, one thing after the other: it is refused until all of it is out.
#[test]
fn what_only_new_versions_have_is_kept_there_and_refused_elsewhere() {
    let with = |change: fn(&mut Entry)| {
        let mut entry = Entry::from(Value::String("v".into()));
        change(&mut entry);
        entry
    };
    let stream = |change: fn(&mut Stream)| {
        let mut stream = rich_stream();
        change(&mut stream);
        Entry::from(Value::Stream(Box::new(stream)))
    };
    type Case = (Entry, u64, bool, &'static str);
    let cases: &[Case] = &[
        (with(|entry| entry.expires_at_ms = Some(-1)), 3, true, "an expiry in milliseconds"),
        (with(|entry| entry.eviction = Eviction::Idle(7)), 9, true, "an idle time"),
        (with(|entry| entry.eviction = Eviction::Freq(255)), 9, true, "an access frequency"),
        (
            with(|entry| entry.metadata = vec![KeyMetadata { class: MetaClass(0x0012_3409), items: module_items() }]),
            13,
            false,
            "key metadata",
        ),
        (
            with(|entry| entry.value = Value::Module(ModuleValue { id: ModuleId(99 << 10), items: module_items() })),
            8,
            true,
            "a module value",
        ),
        (
            with(|entry| {
                entry.value = Value::Array(Array {
                    insert_index: None,
                    slots: vec![
                        (u64::MAX - 1, ArrayValue::Text("007".into())),
                        (5, ArrayValue::Float(-0.0)),
                        (6, ArrayValue::Text("9223372036854775807".into())),
                    ],
                })
            }),
            14,
            false,
            "an array",
        ),
        (stream(|_| {}), 14, false, "a pending entry without a consumer"),
        (stream(|stream| stream.groups[0].unowned.clear()), 13, false, "the ids of a stream's producers"),
        (
            stream(|stream| {
                stream.groups[0].unowned.clear();
                stream.idempotency = None;
            }),
            11,
            true,
            "the time at which a consumer was active",
        ),
        (
            stream(|stream| {
                stream.groups[0].unowned.clear();
                stream.groups[0].consumers[0].active_at_ms = 5;
                stream.idempotency = None;
            }),
            10,
            true,
            "the counters of a stream with deleted entries",
        ),
        (
            stream(|stream| {
                stream.groups[0].consumers.clear();
                stream.groups[0].unowned.clear();
                stream.idempotency = None;
                (stream.max_deleted_id, stream.entries_added) = (id(0, 0), 1);
            }),
            10,
            true,
            "the number of entries that a group has read",
        ),
        (
            stream(|stream| {
                stream.groups.clear();
                stream.idempotency = None;
                (stream.max_deleted_id, stream.entries_added) = (id(0, 0), 1);
            }),
            9,
            true,
            "a stream",
        ),
    ];
    for (entry, first, has_valkey, reason) in cases {
        let mut canonical = entry.clone();
        canonical.canonicalize();
        for version in Version::all() {
            let has = if version == Version::valkey(80) { *has_valkey } else { version.number() >= *first };
            match file(version, entry) {
                Ok(file) => {
                    assert!(has, "{version} has no form for {reason}");
                    let mut again = decode(&file);
                    again.canonicalize();
                    assert_eq!(again, canonical, "{version}");
                }
                Err(error) => {
                    assert!(!has, "{version}: {error}");
                    let text = error.to_string();
                    assert!(text.contains(" has no form for ") && text.contains("key \"k\""), "{text}");
                    let is_next = version.number() + 1 == *first;
                    assert!(!is_next || text.contains(reason), "{version}: {text}");
                }
            }
        }
    }
}

#[test]
fn what_no_server_holds_is_refused_and_the_emitter_goes_on() {
    let stream = |change: fn(&mut Stream)| {
        let mut stream = rich_stream();
        change(&mut stream);
        Value::Stream(Box::new(stream))
    };
    let slots = |insert_index, slots| Value::Array(Array { insert_index, slots });
    let cases = [
        (Value::List(vec![]), "a value without elements"),
        (Value::Set(vec![]), "a value without elements"),
        (Value::Zset(vec![]), "a value without elements"),
        (Value::Hash(vec![]), "a value without elements"),
        (slots(None, vec![]), "a value without elements"),
        (slots(None, vec![(u64::MAX, ArrayValue::Float(0.0))]), "index 2^64 - 1"),
        (slots(Some(u64::MAX), vec![(0, ArrayValue::Float(0.0))]), "index 2^64 - 1"),
        (Value::Zset(vec![scored("a", 1.0), scored("b", f64::NAN)]), "a score that is no number"),
        (Value::Hash(vec![field("f", "v", Some(0))]), "this expiry of a field"),
        (Value::Hash(vec![field("f", "v", Some(1 << 48))]), "this expiry of a field"),
        (stream(|stream| stream.entries.push(stream.entries[0].clone())), "whose ids do not ascend"),
        (stream(|stream| stream.last_id = id(5, 5)), "a stream entry above the last id"),
        (stream(|stream| stream.entries_added = 0), "fewer entries ever added"),
        (stream(|stream| stream.groups[0].entries_read = Some(1 << 63)), "read more than 2^63 - 1"),
        (stream(|stream| stream.idempotency.as_mut().unwrap().duration_s = 0), "producers' ids"),
    ];
    let options = EncodeOptions::new(Version::redis(15));
    let mut out = Vec::new();
    let mut emitter = Emitter::new(&options, &mut out).unwrap();
    emitter.select_db(3, &mut out).unwrap();
    for (value, reason) in cases {
        let before = out.clone();
        let error = emitter.entry(b"bad", &value.into(), &mut out).unwrap_err();
        assert_eq!(error.code(), "unrepresentable");
        assert!(error.to_string().contains(reason) && error.to_string().contains("key \"bad\""), "{error}");
        assert_eq!(error.place().db, Some(3));
        assert!(out == before, "{reason}");
    }
    emitter.entry(b"good", &Value::String("v".into()).into(), &mut out).unwrap();
    emitter.finish(&mut out).unwrap();
    assert!(Dataset::decode(&out).unwrap().databases[&3].keys().eq([&b"good"[..]]));
}

/// The emitter takes names as they come; who reads them sees that one stands twice.
#[test]
fn names_and_ids_that_stand_twice_in_a_stream_or_array_are_refused_or_the_first_one_counts() {
    let stream = |change: fn(&mut Stream)| {
        let mut stream = rich_stream();
        change(&mut stream);
        Value::Stream(Box::new(stream))
    };
    let slots = vec![(5, ArrayValue::Text("a".into())), (7, ArrayValue::Float(0.5)), (5, ArrayValue::Text("b".into()))];
    let cases = [
        (stream(|stream| stream.groups.push(stream.groups[0].clone())), "a group once in its stream"),
        (
            stream(|stream| {
                let consumer = StreamConsumer { pending: vec![], ..stream.groups[0].consumers[0].clone() };
                stream.groups[0].consumers.push(consumer);
            }),
            "a consumer once in its group",
        ),
        (
            stream(|stream| {
                let idempotency = stream.idempotency.as_mut().unwrap();
                idempotency.producers.push(idempotency.producers[0].clone());
            }),
            "a producer once in its stream",
        ),
        (
            stream(|stream| {
                let pending = stream.groups[0].consumers[0].pending[0];
                stream.groups[0].unowned.push(pending);
            }),
            "a pending entry once in its group",
        ),
        (Value::Array(Array { insert_index: None, slots }), "an index once in its array"),
    ];
    for (value, expected) in cases {
        let file = file(Version::redis(14), &value.into()).unwrap();
        let error = Dataset::decode(&file).unwrap_err();
        assert_eq!(error.code(), "duplicate");
        assert!(error.to_string().contains(expected) && error.to_string().contains("key \"k\""), "{error}");
        let (dataset, deviations) = Dataset::decode_leniently(&file, DecodeLimits::default()).unwrap();
        assert_eq!(deviations[0], error);
        match &dataset.databases[&0][&b"k"[..]].value {
            Value::Array(array) => {
                assert_eq!(array.slots, [(5, ArrayValue::Text("a".into())), (7, ArrayValue::Float(0.5))]);
            }
            Value::Stream(found) => assert_eq!(**found, rich_stream(), "{expected}"),
            other => panic!("{other:?}"),
        }
    }
}

/// A stream of Redis 7.0 with a group `g`, whose only pending entry 1-1 the consumer `c` has.
#[test]
fn a_pending_entry_has_one_consumer_and_a_consumer_only_pending_entries() {
    let payload = |consumers: &str| {
        let stream = "13 00 00 0201 0000 0000 01 01 0167 0101 01 | 01 0000000000000001 0000000000000001 0500000000000000 01";
        let mut payload = [hex(stream), hex(consumers)].concat();
        seal(&mut payload, Version::redis(10));
        Entry::from_dump(&payload, ZeroChecksum::Compared)
    };
    let owner = "0163 0700000000000000 01 0000000000000001 0000000000000001";
    let stranger = "0164 0700000000000000 01 0000000000000001 0000000000000002";
    assert!(payload(&format!("01 {owner}")).is_ok());
    let refused = |consumers: &str, expected: &str| {
        let error = payload(consumers).unwrap_err();
        assert_eq!(error.code(), "bad-value");
        assert!(error.to_string().contains(expected), "{error}");
    };
    refused("00", "a consumer for every pending entry");
    refused("01 0163 0700000000000000 00", "a consumer for every pending entry");
    refused(&format!("02 {owner} {stranger}"), "among the pending entries of the group");
    refused(&format!("02 {owner} {owner}"), "with one consumer only");
}

#[test]
fn a_refused_element_is_named_by_its_position() {
    let hash = Value::Hash(vec![field("a", "1", None), field("b", "2", Some(9)), field("c", "3", Some(9))]);
    let error = file(Version::redis(11), &hash.into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this RDB version has no form for the expiry of a field: byte 11, key \"k\" (hash), element 1, db 0"
    );
    let error = file(Version::redis(15), &Value::Zset(vec![scored("a", 0.0), scored("b", f64::NAN)]).into()).unwrap_err();
    assert_eq!(error.place().element, Some(1));
}

#[test]
fn records_outside_of_keys_stand_where_servers_write_them() {
    let data = |when| ModuleData { id: ModuleId(5 << 10), when, items: module_items() };
    let dataset = Dataset {
        aux: vec![aikv::model::AuxField { name: "redis-ver".into(), value: "8.8.0".into() }],
        functions: vec![Function { code: "#!lua name=a\n".into(), description: None }],
        module_data: vec![data(2), data(1)],
        databases: [(7, [("k".into(), Value::String("v".into()).into())].into()), (2, Default::default())].into(),
        ..Dataset::default()
    };
    let file = dataset.encode(&EncodeOptions::new(Version::redis(11))).unwrap();
    let mut order = Vec::new();
    let mut decoder = Decoder::new();
    let mut rest = &file[..];
    while !rest.is_empty() {
        let step = decoder.step(rest).unwrap();
        order.push(match step.event {
            Some(Event::Aux { .. }) => "aux",
            Some(Event::ModuleAux(aikv::rdb::ModuleAux::Open { when: 1, .. })) => "module data before",
            Some(Event::ModuleAux(aikv::rdb::ModuleAux::Open { when: 2, .. })) => "module data after",
            Some(Event::Function { .. }) => "function",
            Some(Event::SelectDb(7)) => "database 7",
            Some(Event::ResizeDb { keys: 1, expires: 0 }) => "sizes",
            Some(Event::Key(_)) => "key",
            Some(Event::End(_)) => "end",
            _ => "",
        });
        rest = &rest[step.consumed..];
    }
    order.retain(|name| !name.is_empty());
    assert_eq!(order, ["aux", "module data before", "function", "database 7", "sizes", "key", "module data after", "end"]);
    let again = Dataset::decode(&file).unwrap();
    assert_eq!(again.module_data, [data(1), data(2)]);
    let described = Function { code: "#!lua name=a\n".into(), description: Some("about".into()) };
    let dataset = Dataset { functions: vec![described], ..Dataset::default() };
    let error = dataset.encode(&EncodeOptions::new(Version::redis(10))).unwrap_err();
    assert!(error.to_string().contains("the description of a function library"), "{error}");
}

/// As a release candidate of Redis 7.0 wrote it: name, engine, description, code.
#[test]
fn a_function_of_a_release_candidate_gets_the_line_that_names_it() {
    let file = b"REDIS0010\xf6\x03lib\x03lua\x01\x05about\x08return 1\xff\0\0\0\0\0\0\0\0";
    let function = Function { code: "#!lua name=lib\nreturn 1".into(), description: Some("about".into()) };
    assert_eq!(Dataset::decode(file).unwrap().functions, [function]);
}

#[test]
fn a_version_that_is_not_known_is_refused() {
    for version in [Version::redis(0), Version::redis(16), Version::valkey(79)] {
        let error = Dataset::default().encode(&EncodeOptions::new(version)).unwrap_err();
        assert_eq!(error.code(), "unsupported-version");
        assert_eq!(DumpEmitter::new(&EncodeOptions::new(version)).err().unwrap().code(), "unsupported-version");
    }
}

#[test]
fn zeros_of_both_signs_are_kept_apart() {
    let zset = Value::Zset(vec![scored("a", 0.0), scored("b", -0.0)]);
    let swapped = Value::Zset(vec![scored("a", -0.0), scored("b", 0.0)]);
    assert_ne!(zset, swapped);
    for version in Version::all() {
        let mut again = decode(&file(version, &zset.clone().into()).unwrap()).value;
        again.canonicalize();
        assert_eq!(again, zset, "{version}");
    }
}
