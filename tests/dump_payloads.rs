//! `DUMP` payloads: vectors of real servers, layouts built by hand, and hostile ones.

mod support;

use aikv::Error;
use aikv::rdb::{DumpEncoder, DumpPayload, Event, Version, ZeroChecksum};
use serde_json::json;
use support::content::{exact_score, payload as read};
use support::newer::{self, key_meta};
use support::{hex, intset, listpack, payload, string, ziplist};

/// Encoding and value of a payload whose checksum is right.
fn value(bytes: &[u8]) -> (&'static str, serde_json::Value) {
    let (_, key) = read(bytes, ZeroChecksum::Compared).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"));
    (key.encoding, key.value)
}

fn failure(bytes: &[u8]) -> (&'static str, u64) {
    let error = read(bytes, ZeroChecksum::Compared).map(|(_, key)| key.value).expect_err("it is refused");
    (error.code(), error.offset())
}

#[test]
fn vectors_of_real_servers() {
    // Redis 2.6 to 3.0, 7.0.15.
    assert_eq!(value(&hex("00 0178 0600 B46DEEDF48BD7443")), ("string", json!("x")));
    assert_eq!(value(&hex("00 05 68656C6C6F 0A00 6372DF766534200A")), ("string", json!("hello")));
    assert_eq!(value(&hex("00 C07B 0A00 48E253E1007A67B9")), ("string", json!("123")));
    let payload = DumpPayload::parse(&hex("00 0178 0600 B46DEEDF48BD7443"), ZeroChecksum::Compared).map(DumpPayload::version);
    assert_eq!(payload.unwrap(), Version::redis(6));
}

/// Values as Redis 7.0.15 and 8.8 dumped them, the checksums computed here.
#[test]
fn values_of_real_servers() {
    let hash = payload(10, &hex("10 12|12000000 0400 816602 817602 816E02 0101 FF"));
    assert_eq!(value(&hash), ("hash-listpack", json!({ "f": "v", "n": "1" })));
    let zset = payload(10, &hex("11 14|14000000 0400 816102 83312E3504 816202 0201 FF"));
    assert_eq!(value(&zset), ("zset-listpack", json!([["a", exact_score(1.5)], ["b", exact_score(2.0)]])));
    let list = payload(10, &hex("12 01 02 1B|1B000000 0700 816102 816202 816302 0101 0201 C12C02 F178EC03 FF"));
    assert_eq!(value(&list), ("list-quicklist-2", json!(["a", "b", "c", "1", "2", "300", "-5000"])));
    let set = payload(10, &hex("0B 14|04000000 03000000 01000000 02000000 70110100"));
    assert_eq!(value(&set), ("set-intset", json!(["1", "2", "70000"])));
    let text = payload(10, &hex("00 C3 12 43E8 01 6161 E0FF00 E0FF00 E0FF00 E0C300 01 6161"));
    assert_eq!(value(&text), ("string", json!("a".repeat(1000))));
    // The long text is not that of the server's dump, which was published without it.
    let array = "1C 06 01 03 | 00 01 FBFFFFFFFFFFFFFF | 01 02 000000000000F83F | 02 03 03616263 | 03 03 03696E73 | \
                 04 00 C3 05 21 00 61 E0 17 00 | 80000F4240 03 027A7A";
    let slots = json!([[0, "-5"], [1, "1.5"], [2, "abc"], [3, "ins"], [4, "a".repeat(33)], [1_000_000, "zz"]]);
    assert_eq!(value(&payload(14, &hex(array))), ("array", json!({ "insert_index": 3, "slots": slots })));
}

/// From Redis' own tests: version 15 and a checksum of zero, which Redis takes for none from 8.6 on.
#[test]
fn published_templates() {
    let values = "0D|0D000000 0300 0501 0101 0201 FF";
    let packed = hex(&format!("1D 00 17|17000000 0200 866669656C643107 866669656C643207 FF {values} 0F00 0000000000000000"));
    let counted = hex("1F 01 02 066669656C6431 066669656C6432 C001 C002 0F00 0000000000000000");
    let hash = json!({ "field1": "1", "field2": "2" });
    for (bytes, encoding) in [(packed, "hash-tmpl-lp"), (counted, "hash-tmpl-array")] {
        let (_, key) = read(&bytes, ZeroChecksum::Absent).unwrap();
        assert_eq!((key.encoding, &key.value), (encoding, &hash));
        assert_eq!(failure(&bytes), ("bad-checksum", bytes.len() as u64 - 8), "a checksum like any other");
    }
}

/// Version 22 is either of two types, which the version tells apart.
#[test]
fn type_22_goes_by_the_version() {
    let redis = hex("16 01 81000002818F8DE6F5 0166 0176");
    let hash = json!({ "f": { "value": "v", "expires_at_ms": 2_755_482_478_325i64 } });
    assert_eq!(value(&payload(12, &redis)), ("hash-metadata-pre-ga", hash.clone()));
    let valkey = hex("16 01 0166 0176 F5E68D8F81020000");
    assert_eq!(value(&payload(80, &valkey)), ("hash-2", hash));
    for version in [0, 1, 11] {
        assert_eq!(failure(&payload(version, &valkey)), ("unreadable-type", 0), "version {version}");
    }
}

#[test]
fn metadata_stands_before_the_type() {
    let meta = key_meta("KMT1", 1, 1, &hex("0205"));
    let bytes = payload(13, &[&meta[..], b"\x00\x01v"].concat());
    let (records, key) = read(&bytes, ZeroChecksum::Compared).unwrap();
    assert_eq!(records, ["1 classes", "class KMT1, version 1, may be ignored: true", "meta Uint(5)", "meta End"]);
    assert_eq!((key.value, key.span.start, key.span.end), (json!("v"), 0, bytes.len() as u64 - 10));
    let twice = payload(13, &[&meta[..], &meta, b"\x00\x01v"].concat());
    assert_eq!(failure(&twice), ("unknown-opcode", meta.len() as u64));
    for version in [12, 80] {
        assert_eq!(failure(&payload(version, &bytes)), ("unknown-opcode", 0), "version {version}");
    }
    assert_eq!(failure(&payload(13, &meta)), ("truncated", meta.len() as u64));
}

/// Item 81.
#[test]
fn payloads_that_are_too_short() {
    let whole = payload(10, b"\x00\x01v");
    for len in 0..11 {
        let error = DumpPayload::parse(&whole[..len], ZeroChecksum::Compared).unwrap_err();
        assert_eq!((error.code(), error.offset()), ("truncated", len as u64), "{error}");
    }
    // A type and nothing else has room for version and checksum.
    assert_eq!(failure(&payload(10, b"\x00")), ("truncated", 1));
    assert_eq!(failure(&payload(10, b"\x00\x05hell")), ("truncated", 1));
    assert_eq!(failure(&payload(10, b"\x01\x02\x01a")), ("truncated", 4));
}

/// Item 82: a newer version, an older one, a wrong checksum, none.
#[test]
fn versions_and_checksums() {
    let body = b"\x00\x01v";
    for version in [0, 1, 5, 6, 11, 12, 13, 14, 15, 80] {
        assert_eq!(value(&payload(version, body)), ("string", json!("v")), "version {version}");
    }
    for version in [16, 79, 81, 999, u16::MAX] {
        assert_eq!(failure(&payload(version, body)), ("unsupported-version", 3), "version {version}");
    }
    let whole = payload(10, body);
    for bit in 0..whole.len() * 8 {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let (code, offset) = failure(&changed);
        // A version that is none is said first.
        let expected = if offset == 3 { "unsupported-version" } else { "bad-checksum" };
        assert!(code == expected && [3, 5].contains(&offset), "bit {bit}: {code} at {offset}");
    }
    let none = [&whole[..whole.len() - 8], &[0; 8]].concat();
    assert_eq!(failure(&none), ("bad-checksum", 5));
    assert_eq!(read(&none, ZeroChecksum::Absent).unwrap().1.value, json!("v"));
    let wrong = [&whole[..whole.len() - 8], &[1; 8]].concat();
    assert_eq!(read(&wrong, ZeroChecksum::Absent).map(|_| ()).unwrap_err().code(), "bad-checksum");
}

/// Item 83: what stands between the keys of a file has no place in a payload, nor have references to its head.
#[test]
fn records_are_no_values() {
    for opcode in 0xf0..=0xff {
        for version in [11, 15, 80] {
            if opcode == 0xf3 && version == 15 {
                continue;
            }
            let bytes = payload(version, &[opcode, 1, b'a', 1, b'b']);
            assert_eq!(failure(&bytes), ("unknown-opcode", 0), "opcode {opcode:02X} in version {version}");
        }
    }
    for value_type in [30, 32, 8, 34, 107, 121, 200] {
        assert_eq!(failure(&payload(15, &[value_type, 1, 1, b'v'])), ("unknown-type", 0), "type {value_type}");
    }
    for (version, value_type) in [(15, 6), (13, 27), (13, 28), (14, 29), (15, 33)] {
        assert_eq!(failure(&payload(version, &[value_type, 1, b'v'])), ("unreadable-type", 0), "{value_type} in {version}");
    }
}

/// Item 84.
#[test]
fn bytes_behind_the_value() {
    let hash = string(&listpack(2, &hex("816602 817602")));
    for (value, name) in [(&b"\x00\x01v"[..], "string"), (&[&[16][..], &hash].concat(), "hash")] {
        for more in [&b"\0"[..], b"\xff", b"\x00\x01v"] {
            let bytes = payload(11, &[value, more].concat());
            assert_eq!(failure(&bytes), ("bad-value", value.len() as u64), "{name} and {more:02x?}");
        }
    }
}

/// Item 84: each packed type through this door, wrong in its frame and in an entry.
#[test]
fn packed_values_are_checked() {
    let two = hex("816602 817602");
    let list = hex("00 01 61 | 03 01 62");
    let cases: &[(u8, Vec<u8>, u64)] = &[
        (9, b"\x01\x01f\x09\x00v\xff".to_vec(), 3),
        (10, ziplist(2, 12, &list), 4),
        (10, ziplist(2, 13, &hex("00 01 61 | 04 01 62")), 13),
        (11, intset(2, 2, &[2, 0, 1, 0]), 10),
        (12, ziplist(2, 13, &list), 13),
        (13, ziplist(1, 10, &hex("00 01 61")), 13),
        (16, listpack(3, &two), 4),
        (16, listpack(1, &hex("816602")), 9),
        (17, listpack(2, &two), 9),
        (20, listpack(2, &hex("816602 817603")), 9),
        (23, listpack(2, &two), 12),
    ];
    for (value_type, blob, at) in cases {
        let bytes = payload(12, &[&[*value_type][..], &string(blob)].concat());
        let (code, offset) = failure(&bytes);
        assert_eq!((code, offset), ("bad-packed", 2 + at), "type {value_type}: {blob:02x?}");
    }
    let dated = [&[25][..], &[0; 8], &string(&listpack(2, &two))].concat();
    assert_eq!(failure(&payload(12, &dated)), ("bad-packed", 1 + 8 + 1 + 12));
    for (value_type, blob) in [(14, ziplist(2, 12, &list)), (18, listpack(3, &two))] {
        let kind: &[u8] = if value_type == 18 { &[1, 2] } else { &[1] };
        let bytes = payload(12, &[&[value_type][..], kind, &string(&blob)].concat());
        assert_eq!(failure(&bytes), ("bad-packed", 1 + kind.len() as u64 + 1 + 4), "type {value_type}");
    }
}

/// Item 42: in a payload even servers that skip such keys in files refuse them.
#[test]
fn values_without_elements() {
    for value_type in [1, 2, 3, 4, 5, 14, 18, 22] {
        assert_eq!(failure(&payload(12, &[value_type, 0])), ("bad-value", 1), "type {value_type}");
    }
    assert_eq!(failure(&payload(12, &[&[24][..], &[0; 8], &[0]].concat())), ("bad-value", 9));
    for value_type in [16, 17, 20, 23] {
        let bytes = payload(12, &[&[value_type][..], &string(&listpack(0, b""))].concat());
        assert_eq!(failure(&bytes), ("bad-packed", 2), "type {value_type}");
    }
}

/// Every event of a payload written again gives a payload of the same content, whatever stood in the file.
#[test]
fn payloads_are_written_again() {
    let mut bodies = vec![
        (6, hex("00 0178")),
        (13, [key_meta("KMT1", 1, 1, &hex("0205")), hex("00 0176")].concat()),
        (13, [&[26][..], &newer::stream(4)].concat()),
        (14, [&[27][..], &newer::stream(5)].concat()),
        (80, hex("16 01 0166 0176 F5E68D8F81020000")),
    ];
    bodies.push((15, hex("1F 01 02 066669656C6431 066669656C6432 C001 C002")));
    for (version, body) in bodies {
        let bytes = payload(version, &body);
        let parsed = DumpPayload::parse(&bytes, ZeroChecksum::Compared).unwrap();
        let mut encoder = DumpEncoder::new(parsed.version());
        let mut written = Vec::new();
        parsed.each(|event, _| encoder.write(event, &mut written)).unwrap();
        encoder.finish(&mut written).unwrap();
        assert_eq!(written, bytes, "version {version}: {body:02x?}");
    }
}

/// A reference to the head of a file cannot be dumped.
#[test]
fn what_a_payload_has_no_form_for() {
    let mut refused = 0;
    let written = |event: &Event<'_>| -> Result<(), Error> {
        let mut encoder = DumpEncoder::new(Version::redis(15));
        let mut out = Vec::new();
        encoder.write(event, &mut out)
    };
    support::read(&newer::redis_8_10(), usize::MAX, Default::default(), |event, _| {
        if let Event::Key(key) = event {
            let is_reference = key.value_type.name().ends_with("-ref");
            let code = written(event).err().map(|error| error.code());
            assert_eq!(code, is_reference.then_some("unrepresentable"), "{}", key.value_type.name());
            refused += usize::from(is_reference);
        }
    })
    .unwrap();
    assert_eq!(refused, 3);
}

/// Nothing that is cut or changed is taken, the checksum made right.
#[test]
fn changed_payloads_are_read_or_refused() {
    let bodies: [(u16, Vec<u8>); 5] = [
        (13, [&key_meta("KMT1", 1, 1, &hex("0205"))[..], b"\x00\x01v"].concat()),
        (14, [&[27][..], &newer::stream(5)].concat()),
        (14, hex("1C 03 01 02 00 01 FBFFFFFFFFFFFFFF 01 02 000000000000F83F 80000F4240 03 03616263")),
        (15, hex("1D 00 17|17000000 0200 866669656C643107 866669656C643207 FF 0D|0D000000 0300 0501 0101 0201 FF")),
        (12, hex("18 F5E68D8F81020000 03 01 0166 0176 00 0167 C005 43E8 0168 0177")),
    ];
    for (version, body) in bodies {
        for len in 1..body.len() {
            assert_eq!(failure(&payload(version, &body[..len])).0, "truncated", "{len} bytes of {body:02x?}");
        }
        for bit in 0..body.len() * 8 {
            let mut changed = body.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let bytes = payload(version, &changed);
            let parsed = DumpPayload::parse(&bytes, ZeroChecksum::Compared).unwrap();
            if let Err(error) = parsed.each(|_, _| Ok(())) {
                assert!(error.offset() <= body.len() as u64, "bit {bit}: {error}");
            }
        }
    }
}

#[test]
fn what_a_payload_leaves_out_is_not_asked_of_its_version() {
    use aikv::rdb::{Eviction, Key, Part, Span, ValueType};
    use aikv::wire::Scalar;
    // As Redis 5.0 has it, in a payload of a version that knows neither idle times nor milliseconds.
    let key = Key {
        key: Scalar::Bytes(b"k"),
        value_type: ValueType::STRING,
        db: 0,
        expires_at_ms: Some(1_500),
        eviction: Eviction::Idle(5),
    };
    let mut encoder = DumpEncoder::new(Version::redis(2));
    let mut written = Vec::new();
    encoder.write(&Event::Key(key), &mut written).unwrap();
    encoder.write(&Event::Value(Part::Bytes { piece: Scalar::Bytes(b"x"), left: 0 }), &mut written).unwrap();
    encoder.write(&Event::KeyEnd { span: Span::default() }, &mut written).unwrap();
    encoder.finish(&mut written).unwrap();
    assert_eq!(written, payload(2, &hex("00 0178")));
}
