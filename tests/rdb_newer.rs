//! What came with RDB 12 to 15 and with Valkey 9, byte by byte: published vectors, and files built
//! by hand from the published layouts, for servers of RDB 14 and 15 cannot be obtained.

mod support;

use aikv::rdb::{Checksum, Encoder, Event, Eviction, Span, Version};
use serde_json::{Value, json};
use support::content::{Content, content};
use support::{file, hex, newer};

fn read(bytes: &[u8]) -> Content {
    content(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"))
}

/// Key, encoding and value of every key.
fn keys(content: &Content) -> Vec<(&str, &'static str, Value)> {
    let keys = content.keys.iter();
    keys.map(|key| (std::str::from_utf8(&key.key).unwrap(), key.encoding, key.value.clone())).collect()
}

#[test]
fn the_published_array() {
    let found = read(&newer::published_array());
    assert_eq!((found.summary.version, found.summary.checksum), (Version::redis(14), Checksum::Verified));
    let array = json!({ "insert_index": 2, "slots": [[0, "-5"], [1, "1.5"], [1_000_000, "abc"]] });
    assert_eq!(keys(&found), [("a", "array", array)]);
}

#[test]
fn the_published_hash_of_valkey_9() {
    let found = read(&newer::published_hash_2());
    assert_eq!((found.summary.version, found.summary.checksum), (Version::valkey(80), Checksum::Verified));
    let hash = json!({ "f": "v", "g": { "value": "w", "expires_at_ms": 4_102_444_800_000i64 } });
    assert_eq!(keys(&found), [("h", "hash-2", hash)]);
}

/// The first fields of hashes in dumps of other projects: a first expiry, and what is behind it.
#[test]
fn published_hashes_whose_fields_expire() {
    // Of eight fields, these three.
    let dated = hex("18 08 686173682D686665 55158D8F81020000 03 80000F544E 024632 025632 00 024635 025635 01 024631 025631");
    let first = 0x0281_8f8d_1555i64;
    let hash = json!({
        "F2": { "value": "V2", "expires_at_ms": first + 0x000f_544e - 1 },
        "F5": "V5",
        "F1": { "value": "V1", "expires_at_ms": first },
    });
    assert_eq!(keys(&read(&file(12, &dated))), [("hash-hfe", "hash-metadata", hash)]);
    // Of three fields, the first.
    let pre_ga = hex("16 06 6D7968617368 01 81 00003FFFFFFFE4A7 06 6669656C6431 06 76616C756531");
    let hash = json!({ "field1": { "value": "value1", "expires_at_ms": 0x3fff_ffff_e4a7i64 } });
    assert_eq!(keys(&read(&file(12, &pre_ga))), [("myhash", "hash-metadata-pre-ga", hash)]);
}

#[test]
fn redis_7_4() {
    let found = read(&newer::redis_7_4());
    let at = 2_755_482_478_325i64;
    let packed = json!({
        "a": { "value": "1", "expires_at_ms": at },
        "b": { "value": "x", "expires_at_ms": at + 1 },
        "c": "128",
    });
    assert_eq!(
        keys(&found),
        [
            ("pre-ga", "hash-metadata-pre-ga", json!({ "f": { "value": "v", "expires_at_ms": at }, "g": "5" })),
            ("packed-pre-ga", "hash-listpack-ex-pre-ga", packed.clone()),
            (
                "dated",
                "hash-metadata",
                json!({
                    "f": { "value": "v", "expires_at_ms": at },
                    "g": "5",
                    "h": { "value": "w", "expires_at_ms": at + 999 },
                })
            ),
            ("packed", "hash-listpack-ex", packed),
        ]
    );
    assert_eq!(found.records, ["slot 5: 5 keys, 3 expire"]);
}

/// Metadata may stand anywhere before the type; the last expiry and eviction of a head count.
#[test]
fn redis_8_6() {
    let bytes = newer::redis_8_6();
    let found = read(&bytes);
    let heads: Vec<_> = found.keys.iter().map(|key| (&key.key[..], key.expires_at_ms, key.eviction)).collect();
    let at = Some(4_102_444_800_000);
    assert_eq!(
        heads,
        [
            (&b"a"[..], at, Eviction::None),
            (b"b", at, Eviction::Idle(10)),
            (b"c", at, Eviction::Freq(7)),
            (b"d", None, Eviction::None),
            (b"e", None, Eviction::None),
            (b"stream", None, Eviction::None),
        ]
    );
    let one = [
        "1 classes",
        "class KMT1, version 1, may be ignored: true",
        "meta Uint(5)",
        "meta Bytes(Bytes([109, 101, 116, 97]))",
        "meta End",
    ];
    let two = [
        "2 classes",
        "class a_-9, version 31, may be ignored: false",
        "meta End",
        "class ABCD, version 0, may be ignored: true",
        "meta Sint(-1)",
        "meta End",
    ];
    assert_eq!(found.records, [&one[..], &one, &one, &two].concat());
    assert_eq!(found.keys[5].value["idempotency"], idempotency());
    // A key begins where the first byte of its head stands, so that it can be read again from there.
    let ends: Vec<u64> = found.keys.iter().map(|key| key.span.end).collect();
    let starts: Vec<u64> = found.keys.iter().map(|key| key.span.start).collect();
    assert_eq!((starts[0], &starts[1..]), (11, &ends[..5]));
    for key in &found.keys {
        assert_eq!(resumed(&bytes, key.span, Version::redis(13)), Some((key.key.clone(), key.expires_at_ms)));
    }
}

/// Key and expiry of the first key that is found from the start of a span on.
fn resumed(bytes: &[u8], span: Span, version: Version) -> Option<(Vec<u8>, Option<i64>)> {
    let mut decoder = aikv::rdb::Decoder::resume(version, 0, span.start, Default::default());
    let mut input = &bytes[span.start as usize..span.end as usize];
    loop {
        let step = decoder.step(input).unwrap();
        input = &input[step.consumed..];
        match step.event {
            Some(Event::Key(key)) => return Some((key.key.to_vec(), key.expires_at_ms)),
            None if input.is_empty() => return None,
            _ => {}
        }
    }
}

fn idempotency() -> Value {
    json!({
        "duration_s": 3600,
        "max_ids": 100,
        "producers": [
            { "name": "p1", "ids": [["a", "1-1"], ["12", "1-2"]] },
            { "name": "p2", "ids": [] },
        ],
        "added": 3,
        "duplicates": 1,
    })
}

#[test]
fn redis_8_8() {
    let found = read(&newer::redis_8_8());
    let stream = json!({
        "entries": [["1-1", ["f", "v"]], ["1-2", ["f", "v2"]], ["2-0", ["g", "h", "f", "i"]]],
        "length": 3,
        "last_id": "2-0",
        "first_id": "1-1",
        "max_deleted_id": "0-0",
        "entries_added": 3,
        "groups": [{
            "name": "g",
            "last_id": "1-2",
            "entries_read": 2,
            // The second has no consumer.
            "pending": [["1-1", "c", 1, 1], ["1-2", null, 2, 5]],
            "consumers": [{ "name": "c", "seen_at_ms": 3, "active_at_ms": -1 }],
            "returned": ["1-2"],
        }],
        "idempotency": idempotency(),
    });
    let long = "a".repeat(33);
    let slots = json!([[0, "-5"], [1, "1.5"], [2, "abc"], [3, "ins"], [4, long], [1_000_000, "zz"]]);
    assert_eq!(
        keys(&found),
        [
            ("stream", "stream-listpacks-5", stream),
            ("array", "array", json!({ "insert_index": 3, "slots": slots })),
            ("bare", "array", json!({ "insert_index": null, "slots": [[u64::MAX - 1, "123"]] })),
        ]
    );
}

#[test]
fn redis_8_10() {
    let found = read(&newer::redis_8_10());
    let hash = json!({ "field1": "1", "field2": "2" });
    assert_eq!(
        keys(&found),
        [
            ("packed-ref", "hash-tmpl-lp-ref", hash.clone()),
            ("array-ref", "hash-tmpl-array-ref", json!({ "age": "30", "name": "Bob", "email": "@" })),
            ("packed-own", "hash-tmpl-lp", hash.clone()),
            ("mixed1", "hash-tmpl-lp", hash.clone()),
            ("array-own", "hash-tmpl-array", hash.clone()),
            ("mixed2", "hash-tmpl-array", hash),
            ("z", "hash-tmpl-array-ref", json!({ "field1": "x", "field2": "y" })),
        ]
    );
    let templates =
        ["template 0: 3 fields", "name age", "name name", "name email", "template 7: 2 fields", "name field1", "name field2"];
    assert_eq!(found.records, templates);
}

/// A value can be read again without the head of the file, given the templates that stood there.
#[test]
fn templates_go_with_a_decoder_that_starts_later() {
    use aikv::rdb::{Decoder, Element, Part};
    let bytes = newer::redis_8_10();
    let mut whole = Decoder::new();
    let mut input = &bytes[..];
    let mut span = Span::default();
    while !whole.is_done() {
        let step = whole.step(input).unwrap();
        input = &input[step.consumed..];
        if let Some(Event::KeyEnd { span: found }) = step.event {
            span = found;
        }
    }
    let last = &bytes[span.start as usize..span.end as usize];
    let resume = || Decoder::resume(Version::redis(15), 0, span.start, Default::default());
    let mut decoder = resume().with_templates(whole.templates());
    let (mut input, mut fields) = (last, Vec::new());
    while !input.is_empty() {
        let step = decoder.step(input).unwrap();
        input = &input[step.consumed..];
        if let Some(Event::Value(Part::Elements { elements, .. })) = step.event {
            elements
                .each(|element| {
                    if let Element::Field { field, value } = element {
                        fields.push((field.to_vec(), value.to_vec()));
                    }
                })
                .unwrap();
        }
    }
    assert_eq!(fields, [(b"field1".to_vec(), b"x".to_vec()), (b"field2".to_vec(), b"y".to_vec())]);
    let mut without = resume();
    let key = without.step(last).unwrap().consumed;
    let fault = without.step(&last[key..]).unwrap_err();
    assert_eq!(without.dress(fault).code(), "bad-value");
}

#[test]
fn valkey_9() {
    let found = read(&newer::valkey_9());
    let hash = json!({ "f": "v", "g": { "value": "5", "expires_at_ms": 4_102_444_800_000i64 } });
    assert_eq!(keys(&found), [("h", "hash-2", hash), ("k", "string", json!("v"))]);
    let job = std::str::from_utf8(newer::JOB).unwrap();
    assert_eq!(found.records, [&format!("import {job}: 2 ranges")[..], "slots 0 to 5", "slots 10000 to 16383"]);
}

#[test]
fn redis_enterprise() {
    let bytes = newer::enterprise();
    let found = read(&bytes);
    let heads: Vec<_> = found.keys.iter().map(|key| (&key.key[..], key.expires_at_ms, key.eviction)).collect();
    let at = Some(4_102_444_800_000);
    assert_eq!(heads, [(&b"a"[..], None, Eviction::None), (b"b", at, Eviction::Freq(7)), (b"c", None, Eviction::None)]);
    assert_eq!(
        found.records,
        ["enterprise 121: 5", "enterprise 107: 2576", "enterprise 121: 4096", "enterprise 107: 1", "enterprise 121: 0"]
    );
    // The head of the second begins with its expiry.
    assert_eq!(found.keys[1].span.start, found.keys[0].span.end);
    assert_eq!(resumed(&bytes, found.keys[1].span, Version::redis(11)), Some((b"b".to_vec(), at)));
}

/// The events of a file, and the file that copying its steps gives.
fn copied(bytes: &[u8]) -> (Vec<String>, Vec<u8>) {
    let mut decoder = aikv::rdb::Decoder::new();
    let (mut input, mut told, mut copy) = (bytes, Vec::new(), Vec::new());
    let mut encoder = None::<Encoder>;
    while !decoder.is_done() {
        let step = decoder.step(input).unwrap();
        input = &input[step.consumed..];
        let event = step.event.as_ref().expect("the file is whole");
        if let Event::Start(version) = event {
            encoder = Some(Encoder::new(*version));
        }
        encoder.as_mut().unwrap().copy(&step, &mut copy).unwrap_or_else(|error| panic!("{error}"));
        told.push(if matches!(event, Event::KeyEnd { .. }) { "key end".into() } else { format!("{event:?}") });
    }
    encoder.unwrap().finish().unwrap();
    (told, copy)
}

#[test]
fn copying_every_step_gives_the_file_back() {
    for (name, bytes) in newer::files() {
        assert!(copied(&bytes).1 == bytes, "{name}");
    }
}

/// But for what has a place of its own in an encoder's output: metadata stands directly before the
/// type, a text under the tag of long ones gets that of short ones.
#[test]
fn encoded_events_decode_to_the_same_events() {
    for (name, bytes) in newer::files() {
        if name == "Redis Enterprise" {
            continue;
        }
        let mut decoder = aikv::rdb::Decoder::new();
        let (mut input, mut encoded) = (&bytes[..], Vec::new());
        let mut encoder = None::<Encoder>;
        while !decoder.is_done() {
            let step = decoder.step(input).unwrap();
            input = &input[step.consumed..];
            let event = step.event.as_ref().expect("the file is whole");
            if let Event::Start(version) = event {
                encoder = Some(Encoder::new(*version));
            }
            encoder.as_mut().unwrap().write(event, &mut encoded).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        encoder.unwrap().finish().unwrap();
        assert_eq!(copied(&encoded).0, copied(&bytes).0, "{name}");
        let checksum = read(&encoded).summary.checksum;
        assert_eq!(checksum, Checksum::Verified, "{name}");
    }
}

/// Redis 8.6 reads metadata only directly before the value type (`rdb.c`, `rdbResolveKeyType()`).
#[test]
fn metadata_is_written_behind_expiry_and_eviction() {
    use aikv::rdb::{Key, KeyMeta, MetaClass, ModuleItem, Part, ValueType};
    use aikv::wire::Scalar;
    let class = u32::from_le_bytes(newer::class("KMT1", 1, 1));
    let key = Key {
        key: Scalar::Bytes(b"k"),
        value_type: ValueType::STRING,
        db: 0,
        expires_at_ms: Some(1),
        eviction: Eviction::Idle(10),
    };
    let mut encoder = Encoder::new(Version::redis(13));
    let mut out = Vec::new();
    for event in [
        Event::Start(Version::redis(13)),
        Event::KeyMeta(KeyMeta::Classes(1)),
        Event::KeyMeta(KeyMeta::Class(MetaClass(class))),
        Event::KeyMeta(KeyMeta::Item(ModuleItem::Uint(5))),
        Event::KeyMeta(KeyMeta::Item(ModuleItem::End)),
        Event::Key(key),
        Event::Value(Part::Bytes { piece: Scalar::Bytes(b"v"), left: 0 }),
        Event::KeyEnd { span: Span::default() },
        Event::End(Checksum::Verified),
    ] {
        encoder.write(&event, &mut out).unwrap();
    }
    let meta = newer::key_meta("KMT1", 1, 1, &hex("0205"));
    let head = [&b"\xfc\x01\0\0\0\0\0\0\0\xf8\x0a"[..], &meta, b"\x00\x01k\x01v"].concat();
    assert_eq!(out, file(13, &head));
}
