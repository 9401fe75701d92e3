//! What a lenient decoder passes over: each deviation is told with its code and place, and what
//! stands around it is read. A strict decoder stops at the first of them, with the same code and place.

mod support;

use aikv::Error;
use aikv::error::KeyPreview;
use aikv::rdb::{Checksum, Decoder, Encoder, Event, Eviction, Version};
use serde_json::{Value, json};
use support::content::{Collector, Content, exact_score};
use support::newer::{self, key_meta};
use support::{
    VALUE_AT, crc64, file, head, hex, intset, length, listpack, outcome, read_leniently, string, valkey_file, value, ziplist,
};

type Told = Vec<(&'static str, u64)>;

fn told(errors: &[Error]) -> Told {
    errors.iter().map(|error| (error.code(), error.offset())).collect()
}

/// Reads leniently in chunks of any size: what was passed over, and what was read.
fn read(name: &str, bytes: &[u8]) -> (Vec<Error>, Result<Content, Error>) {
    let one = |chunk: usize| {
        let mut collector = Collector::default();
        let (deviations, end) = read_leniently(bytes, chunk, |event, raw| collector.add(event, raw));
        (deviations, end.map(|summary| collector.finish(summary)))
    };
    let whole = one(usize::MAX);
    for chunk in [1, 2, 3, 7, 64] {
        let cut = one(chunk);
        assert_eq!(cut.0, whole.0, "{name}: deviations in chunks of {chunk}");
        match (&cut.1, &whole.1) {
            (Ok(cut), Ok(whole)) => {
                assert_eq!(cut.summary, whole.summary, "{name} in chunks of {chunk}");
                assert_eq!(shown(cut), shown(whole), "{name} in chunks of {chunk}");
                assert_eq!(cut.records, whole.records, "{name} in chunks of {chunk}");
            }
            (cut, whole) => assert_eq!(cut.as_ref().err(), whole.as_ref().err(), "{name} in chunks of {chunk}"),
        }
    }
    whole
}

fn shown(content: &Content) -> Vec<(String, Value)> {
    content.keys.iter().map(|key| (String::from_utf8_lossy(&key.key).into_owned(), key.value.clone())).collect()
}

/// Reads leniently what a strict decoder refuses with the first of these deviations.
fn tolerated(name: &str, bytes: &[u8], expected: &[(&'static str, u64)]) -> Content {
    let strict = outcome(bytes).expect_err(name);
    assert_eq!(Some(&(strict.code(), strict.offset())), expected.first(), "{name}: {strict}");
    let (deviations, content) = read(name, bytes);
    let content = content.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(told(&deviations), expected, "{name}: {deviations:?}");
    content
}

/// As [`tolerated`], for a file whose only key is [`value`]'s.
fn tolerated_value(name: &str, value_type: u8, bytes: &[u8], expected: &[(&'static str, u64)]) -> Value {
    let content = tolerated(name, &value(value_type, bytes), expected);
    assert_eq!(content.summary.checksum, Checksum::Verified, "{name}");
    content.keys.into_iter().next().expect("a key").value
}

/// What is sound has no deviations, and is read as by a strict decoder, in chunks of any size.
#[test]
fn sound_files_have_nothing_to_tell() {
    for (name, bytes) in newer::files() {
        let strict = support::content::content(&bytes).unwrap();
        let (deviations, content) = read(name, &bytes);
        let content = content.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(deviations, [], "{name}");
        assert_eq!(
            (shown(&content), content.records, content.summary),
            (shown(&strict), strict.records, strict.summary),
            "{name}"
        );
    }
}

#[test]
fn fixtures_have_nothing_to_tell() {
    for path in support::fixtures() {
        let bytes = std::fs::read(&path).unwrap();
        for chunk in [usize::MAX, 7] {
            let (mut strict, mut lenient) = (Vec::new(), Vec::new());
            let line = |event: &Event<'_>, raw: &[u8]| (format!("{event:?}").len(), raw.len());
            let end = support::read(&bytes, chunk, Default::default(), |event, raw| strict.push(line(event, raw)));
            let (deviations, summary) = read_leniently(&bytes, chunk, |event, raw| lenient.push(line(event, raw)));
            assert_eq!((deviations, summary), (vec![], end), "{} in chunks of {chunk}", path.display());
            assert!(strict == lenient, "{} in chunks of {chunk}", path.display());
        }
    }
}

/// Item 5: a later version is read as the last that is known, up to what it does not know.
#[test]
fn later_versions() {
    let body = b"\x00\x01k\x01v";
    for version in [16, 99, 9999] {
        let content = tolerated("later", &file(version, body), &[("unsupported-version", 5)]);
        assert_eq!((content.summary.version, content.summary.checksum), (Version::redis(version), Checksum::Verified));
        assert_eq!(shown(&content), [("k".to_owned(), json!("v"))]);
    }
    let later = [b"VALKEY999", &valkey_file(body)[9..15]].concat();
    let later = [&later[..], &crc64(&later).to_le_bytes()].concat();
    let content = tolerated("later Valkey", &later, &[("unsupported-version", 6)]);
    assert_eq!(shown(&content), [("k".to_owned(), json!("v"))]);
    // Meanings that came with a version stay in later ones.
    let meta = [&key_meta("KMT1", 1, 1, b"")[..], body].concat();
    assert_eq!(tolerated("metadata", &file(16, &meta), &[("unsupported-version", 5)]).records.len(), 3);

    for unknown in [&b"\xf0\x01"[..], b"\xf1"] {
        let (deviations, end) = read("unknown opcode", &file(16, &[body, unknown].concat()));
        assert_eq!(told(&deviations), [("unsupported-version", 5)]);
        let error = end.err().expect("it ends there");
        assert_eq!((error.code(), error.offset()), ("unknown-opcode", 14));
    }
    for never in [&b"REDIS0000"[..], b"VALKEY079", b"VALKEY011"] {
        let (deviations, end) = read("no version", never);
        assert_eq!((deviations, end.err().unwrap().code()), (vec![], "unsupported-version"));
    }
}

/// Item 42: keys without elements are skipped, as servers do in files, with all that stood before them.
#[test]
fn values_without_elements() {
    let empty_listpack = string(&listpack(0, b""));
    let empty_ziplist = string(&ziplist(0, 10, b""));
    let dated = |rest: &[u8]| [&[0; 8], rest].concat();
    let nodes = |count: u64, node: &[u8]| [&length(count)[..], &node.repeat(count as usize)].concat();
    let packed_node = [&[2][..], &empty_listpack].concat();
    // The strict code and where it points, from the value's start.
    let cases: &[(u8, Vec<u8>, &str, u64)] = &[
        (1, vec![0], "bad-value", 0),
        (2, vec![0], "bad-value", 0),
        (3, vec![0], "bad-value", 0),
        (4, vec![0], "bad-value", 0),
        (5, vec![0], "bad-value", 0),
        (9, string(b"\x00\xff"), "bad-packed", 1),
        (10, empty_ziplist.clone(), "bad-packed", 1),
        (11, string(&intset(2, 0, b"")), "bad-packed", 1),
        (12, empty_ziplist.clone(), "bad-packed", 1),
        (13, empty_ziplist.clone(), "bad-packed", 1),
        (14, vec![0], "bad-value", 0),
        (14, nodes(1, &empty_ziplist), "bad-packed", 2),
        (14, nodes(16, &empty_ziplist), "bad-packed", 2),
        (16, empty_listpack.clone(), "bad-packed", 1),
        (17, empty_listpack.clone(), "bad-packed", 1),
        (18, vec![0], "bad-value", 0),
        (18, nodes(1, &packed_node), "bad-packed", 3),
        (18, nodes(2, &packed_node), "bad-packed", 3),
        (20, empty_listpack.clone(), "bad-packed", 1),
        (22, vec![0], "bad-value", 0),
        (23, empty_listpack.clone(), "bad-packed", 1),
        (24, dated(&[0]), "bad-value", 8),
        (25, dated(&empty_listpack), "bad-packed", 9),
    ];
    let expiry = [&[0xfc][..], &4_102_444_800_000i64.to_le_bytes(), b"\xf8\x07"].concat();
    for (value_type, bytes, code, at) in cases {
        for before in [&b""[..], &expiry] {
            let name = format!("type {value_type}: {bytes:02x?}");
            let body = [b"\xfe\x03\x00\x01a\x01v", before, &[*value_type, 5], b"empty", bytes, b"\x00\x01b\x01w"].concat();
            let bytes = file(12, &body);
            let value_at = 9 + 7 + before.len() as u64 + 7;
            let strict = outcome(&bytes).expect_err(&name);
            assert_eq!((strict.code(), strict.offset()), (*code, value_at + at), "{name}: {strict}");
            let (deviations, content) = read(&name, &bytes);
            let content = content.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(told(&deviations), [("bad-value", value_at)], "{name}");
            let place = deviations[0].place();
            assert_eq!(place.key.as_ref().map(KeyPreview::bytes), Some(&b"empty"[..]), "{name}");
            assert_eq!((place.db, place.value_type), (Some(3), strict.place().value_type), "{name}");
            assert_eq!(content.records, [format!("empty {} empty in db 3", strict.place().value_type.unwrap())], "{name}");
            assert_eq!(shown(&content), [("a".to_owned(), json!("v")), ("b".to_owned(), json!("w"))], "{name}");
            // Nothing of its head passes to the next key.
            let next = &content.keys[1];
            assert_eq!((next.expires_at_ms, next.eviction), (None, Eviction::None), "{name}");
            assert_eq!(content.summary.checksum, Checksum::Verified, "{name}");
        }
    }
    // An empty array is no empty key: servers refuse the file.
    let (deviations, end) = read("array", &file(14, b"\x1c\x01k\x00\x00"));
    assert_eq!((deviations, end.err().unwrap().code()), (vec![], "bad-value"));
}

/// A value that is wrong in another way than being empty is told as such, where it is wrong.
#[test]
fn what_is_behind_a_key_is_judged_in_its_own_place() {
    for (value_type, bytes, code, at) in [
        (1u8, &b"\xc0\x01"[..], "bad-encoding", 0),
        (1, b"\x82", "bad-encoding", 0),
        (16, b"\xc5\x01", "bad-encoding", 0),
        (14, b"\x01\xc5", "bad-encoding", 1),
        (18, b"\x01\x05\x01a", "bad-encoding", 1),
        (16, b"\x02ab", "bad-packed", 1),
    ] {
        let (deviations, end) = read("wrong", &value(value_type, bytes));
        let error = end.err().expect("it is refused");
        assert_eq!((told(&deviations), error.code(), error.offset()), (vec![], code, VALUE_AT + at), "type {value_type}");
        assert_eq!(error.place().key.as_ref().map(KeyPreview::bytes), Some(&b"k"[..]), "type {value_type}");
    }
    for cut in [&b"\x10\x01k"[..], b"\x10\x01k\x07\x07\x00"] {
        let (_, end) = read("cut", &head(11, cut));
        let error = end.err().expect("it is cut");
        assert_eq!((error.code(), error.offset()), ("truncated", VALUE_AT), "{cut:02x?}");
    }
}

/// Servers pass over nodes of a list that hold nothing.
#[test]
fn empty_nodes_among_others() {
    let node = |value_type: u8, blob: &[u8]| if value_type == 18 { [&[2][..], &string(blob)].concat() } else { string(blob) };
    for (value_type, empty, full) in
        [(14, ziplist(0, 10, b""), ziplist(1, 10, &hex("00 01 61"))), (18, listpack(0, b""), listpack(1, &hex("816102")))]
    {
        let (empty, full) = (node(value_type, &empty), node(value_type, &full));
        let list = [&[4][..], &empty, &full, &empty, &full].concat();
        let blob = if value_type == 18 { 2 } else { 1 };
        let (first, second) = (VALUE_AT + 1 + blob, VALUE_AT + 1 + (empty.len() + full.len()) as u64 + blob);
        let found = tolerated_value("nodes", value_type, &list, &[("bad-packed", first), ("bad-packed", second)]);
        assert_eq!(found, json!(["a", "a"]), "type {value_type}");
    }
}

#[test]
fn a_wrong_checksum() {
    let mut bytes = file(11, b"\x00\x01k\x01v");
    let end = bytes.len() as u64 - 8;
    *bytes.last_mut().unwrap() ^= 1;
    let content = tolerated("checksum", &bytes, &[("bad-checksum", end)]);
    assert_eq!(content.summary.checksum, Checksum::Wrong);
    assert_eq!(shown(&content), [("k".to_owned(), json!("v"))]);
}

/// Item 26: the slot is a hint.
/// As Redis 8.6.3 loads it: the expiry is that of the next key, whatever database that is in.
#[test]
fn an_expiry_without_its_key() {
    let expiry = [&[0xfc][..], &4_102_444_800_000i64.to_le_bytes()].concat();
    let body = [&expiry[..], b"\xfe\x01\x00\x01k\x01v\x00\x01l\x01w"].concat();
    let content = tolerated("expiry, SELECTDB", &file(11, &body), &[("bad-value", 18)]);
    let keys: Vec<_> = content.keys.iter().map(|key| (key.db, &key.key[..], key.expires_at_ms)).collect();
    assert_eq!(keys, [(1, &b"k"[..], Some(4_102_444_800_000)), (1, b"l", None)]);
    let content = tolerated("expiry, EOF", &file(11, &expiry), &[("bad-value", 18)]);
    assert_eq!((content.keys.len(), content.summary.checksum), (0, Checksum::Verified));
}

#[test]
fn a_slot_out_of_range() {
    let content = tolerated("slot", &file(12, b"\xf4\x80\xff\xff\xff\xff\x01\x00\x00\x01k\x01v"), &[("bad-length", 10)]);
    assert_eq!(content.records, ["slot 4294967295: 1 keys, 0 expire"]);
    assert_eq!(shown(&content), [("k".to_owned(), json!("v"))]);
}

/// Blobs that contradict themselves, but whose entries can be told apart.
#[test]
fn contradictions_of_packed_values() {
    const BLOB_AT: u64 = VALUE_AT + 1;
    let list = json!(["a", "b"]);
    let ints = json!(["1", "2"]);
    let hash = json!({ "f": "v" });
    let cases: &[(&str, u8, Vec<u8>, u64, &Value)] = &[
        ("listpack length", 20, b"\x0f\0\0\0\x02\0\x81a\x02\x81b\x02\xff".to_vec(), 0, &list),
        ("listpack count", 20, listpack(3, &hex("816102 816202")), 4, &list),
        ("listpack backward length", 20, listpack(2, &hex("816109 816202")), 6, &list),
        ("ziplist length", 10, b"\x99\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\x01b\xff".to_vec(), 0, &list),
        ("ziplist tail", 10, ziplist(2, 10, &hex("000161 030162")), 4, &list),
        ("ziplist count", 10, ziplist(9, 13, &hex("000161 030162")), 8, &list),
        ("ziplist size before", 10, ziplist(2, 13, &hex("000161 070162")), 13, &list),
        ("intset count", 11, intset(2, 9, &[1, 0, 2, 0]), 4, &ints),
        ("intset order", 11, intset(2, 2, &[2, 0, 1, 0]), 10, &ints),
        ("zipmap count", 9, b"\x05\x01f\x01\0v\xff".to_vec(), 0, &hash),
        ("zipmap length form", 9, b"\x01\xfe\x01\0\0\0f\x01\0v\xff".to_vec(), 1, &hash),
    ];
    for (name, value_type, blob, at, expected) in cases {
        let found = tolerated_value(name, *value_type, &string(blob), &[("bad-packed", BLOB_AT + at)]);
        assert_eq!(found, **expected, "{name}");
    }
    // The same in a node of a list, and behind a first expiry.
    let node = [&[1, 2][..], &string(&listpack(3, &hex("816102 816202")))].concat();
    assert_eq!(tolerated_value("node", 18, &node, &[("bad-packed", VALUE_AT + 3 + 4)]), list);
    let dated = [&[0; 8][..], &string(&listpack(4, &hex("816602 817602 0001")))].concat();
    assert_eq!(tolerated_value("dated", 25, &dated, &[("bad-packed", VALUE_AT + 9 + 4)]), hash);
    // Inside of a compressed blob nothing has an offset of its own: that of the string is told.
    let blob = listpack(3, &hex("816102 816202"));
    let compressed = [&[0xc3, blob.len() as u8 + 1, blob.len() as u8, blob.len() as u8 - 1][..], &blob].concat();
    assert_eq!(tolerated_value("compressed", 20, &compressed, &[("bad-packed", VALUE_AT)]), list);
}

/// Item 62: fields that stand in another order than that of their expiries.
#[test]
fn the_order_of_field_expiries() {
    let entries = hex("816102 0101 0601 816202 0201 0501 816302 0301 0001 816402 0401 0701");
    let blob = string(&listpack(12, &entries));
    // 3 + 2 + 2 bytes a field: the expiry of the second stands at 6 + 7 + 5.
    let found = tolerated_value("order", 23, &blob, &[("bad-packed", VALUE_AT + 1 + 6 + 7 + 5)]);
    let field = |value: &str, ms: i64| json!({ "value": value, "expires_at_ms": ms });
    assert_eq!(found, json!({ "a": field("1", 6), "b": field("2", 5), "c": "3", "d": field("4", 7) }));
}

/// What cannot be read is refused where it stands, and is no deviation.
#[test]
fn what_no_decoder_can_read() {
    let cases: &[(&str, u8, Vec<u8>, &str, u64)] = &[
        ("listpack encoding", 20, string(&listpack(2, &hex("816102 F501"))), "bad-encoding", 1 + 9),
        ("listpack end", 20, string(b"\x0a\0\0\0\x01\0\x81a\x02\0"), "bad-packed", 1 + 9),
        ("ziplist entry", 10, string(&ziplist(1, 10, &hex("000561"))), "bad-packed", 1 + 10),
        ("half a pair", 16, string(&listpack(1, &hex("816102"))), "bad-packed", 1 + 9),
        ("score", 17, string(&listpack(2, &hex("816102 816202"))), "bad-packed", 1 + 9),
        ("expiry", 23, string(&listpack(3, &hex("816102 0101 816202"))), "bad-packed", 1 + 11),
        ("node kind", 18, hex("01 03 01 61"), "bad-encoding", 1),
    ];
    for (name, value_type, bytes, code, at) in cases {
        let bytes = value(*value_type, bytes);
        let (deviations, end) = read(name, &bytes);
        let error = end.err().expect(name);
        assert_eq!((told(&deviations), error.code(), error.offset()), (vec![], *code, VALUE_AT + at), "{name}: {error}");
        let strict = outcome(&bytes).unwrap_err();
        assert_eq!((strict.code(), strict.offset()), (*code, VALUE_AT + at), "{name}: {strict}");
    }
}

/// Item 25: a key that stands twice is for those to find who know all keys.
#[test]
fn keys_that_stand_twice_are_both_read() {
    let (deviations, content) = read("twice", &file(11, b"\x00\x01k\x01v\x00\x01k\x01w"));
    assert_eq!(deviations, []);
    assert_eq!(shown(&content.unwrap()), [("k".to_owned(), json!("v")), ("k".to_owned(), json!("w"))]);
}

/// Where the parts of [`newer::stream`] stand.
const NODES: usize = 1;
const NODE: usize = 1 + 17 + 2 + 64;
const BLOB: usize = NODES + 17 + 2;

fn stream(generation: u8, at: usize, old: &str, new: &str) -> Vec<u8> {
    let stream = newer::stream(generation);
    let (old, new) = (hex(old), hex(new));
    assert_eq!(stream[at..at + old.len()], old, "at {at}");
    [&stream[..at], &new, &stream[at + old.len()..]].concat()
}

#[test]
fn streams() {
    let sound = support::content::content(&value(26, &newer::stream(4))).unwrap().keys.remove(0).value;
    let idempotency = newer::stream(4).len() - hex("4E10 4064 02 | 027031 02 0161 0101 C00C 0102 | 027032 00 | 03 01").len();
    // length, last id, first id, highest deleted id, entries added, groups, name, last id, entries read
    let cases = [
        ("length", stream(4, NODE, "03", "02"), NODE, ("length", json!(2))),
        ("last id", stream(4, NODE + 1, "0200", "0100"), NODE + 1, ("last_id", json!("1-0"))),
        ("entries added", stream(4, NODE + 7, "03", "02"), NODE + 7, ("entries_added", json!(2))),
    ];
    for (name, bytes, at, (member, changed)) in cases {
        let found = tolerated_value(name, 26, &bytes, &[("bad-value", VALUE_AT + at as u64)]);
        let mut expected = sound.clone();
        expected[member] = changed;
        assert_eq!(found, expected, "{name}");
    }
    let bytes = stream(4, NODE + 13, "02", "81 8000000000000007");
    let found = tolerated_value("entries read", 26, &bytes, &[("bad-value", VALUE_AT + NODE as u64 + 13)]);
    assert_eq!(found["groups"][0]["entries_read"], (1u64 << 63) + 7);
    let bytes = stream(4, idempotency, "4E10 4064", "00 6719");
    let at = VALUE_AT + idempotency as u64;
    let found = tolerated_value("idempotency", 26, &bytes, &[("bad-value", at), ("bad-value", at + 1)]);
    assert_eq!((&found["idempotency"]["duration_s"], &found["idempotency"]["max_ids"]), (&json!(0), &json!(0x2719)));

    // Inside of a node: live entries, the size of an entry beside it.
    let blob_at = VALUE_AT + BLOB as u64;
    let bytes = stream(4, BLOB + 6, "0301 0001", "0201 0001");
    // The third entry is one too many: its flags stand at 6 + 11 + 11 + 12.
    let found = tolerated_value("live entries", 26, &bytes, &[("bad-packed", blob_at + 6 + 11 + 11 + 12)]);
    assert_eq!(found, sound);
    let bytes = stream(4, BLOB + 6 + 11, "0201 0001 0001 817602 0401", "0201 0001 0001 817602 0501");
    assert_eq!(tolerated_value("size", 26, &bytes, &[("bad-packed", blob_at + 6 + 11 + 9)]), sound);
}

#[test]
fn stream_nodes_out_of_order() {
    let node = |id: &str| {
        let blob = listpack(10, &hex("0101 0001 0101 816602 0001 0201 0001 0001 817602 0401"));
        [&[16][..], &hex(id), &string(&blob)].concat()
    };
    let (first, second) = (node("0000000000000005 0000000000000000"), node("0000000000000003 0000000000000000"));
    // Two entries, the last 5-0; no groups.
    let bytes = [&[2][..], &first, &second, &hex("02 0500 00")].concat();
    let at = VALUE_AT + 1 + first.len() as u64;
    let found = tolerated_value("order", 15, &bytes, &[("bad-value", at)]);
    assert_eq!(found["entries"], json!([["5-0", ["f", "v"]], ["3-0", ["f", "v"]]]));
}

/// Copying leaves out keys without elements; what is copied is sound.
#[test]
fn copies_have_no_empty_keys() {
    let copied = |bytes: &[u8], version: u64| {
        let mut decoder = Decoder::new().leniently();
        let mut encoder = Encoder::new(Version::redis(version));
        let (mut input, mut copy) = (bytes, Vec::new());
        while !decoder.is_done() {
            let step = decoder.step(input).unwrap();
            input = &input[step.consumed..];
            encoder.copy(&step, &mut copy)?;
        }
        encoder.finish()?;
        Ok::<_, Error>(copy)
    };
    let with = file(11, b"\xfe\x00\x00\x01a\x01v\xf8\x05\x01\x05empty\x00\x00\x01b\x01v");
    let without = file(11, b"\xfe\x00\x00\x01a\x01v\x00\x01b\x01v");
    assert_eq!(copied(&with, 11).unwrap(), without);
    // The metadata of such a key is in the copy before it is known that the key is left out.
    let meta = file(13, &[&key_meta("KMT1", 1, 1, b"")[..], b"\x01\x05empty\x00\x00\x01b\x01v"].concat());
    assert_eq!(copied(&meta, 13).unwrap_err().code(), "out-of-order");
}

/// Deviations are told once, in the order of the file, whenever they are asked for.
#[test]
fn deviations_are_told_once() {
    let mut bytes = file(16, b"\x01\x01a\x00\x0b\x01b\x0c\x02\0\0\0\x02\0\0\0\x02\0\x01\0\x00\x01c\x01v");
    *bytes.last_mut().unwrap() ^= 1;
    let end = bytes.len() as u64 - 8;
    let expected = [("unsupported-version", 5u64), ("bad-value", 12), ("bad-packed", 17 + 10), ("bad-checksum", end)];
    let (deviations, content) = read("all", &bytes);
    assert_eq!(told(&deviations), expected);
    assert_eq!(shown(&content.unwrap()), [("b".to_owned(), json!(["1", "2"])), ("c".to_owned(), json!("v"))]);
    for chunk in [usize::MAX, 1] {
        let mut decoder = Decoder::new().leniently();
        let mut found = Vec::new();
        for mut input in bytes.chunks(chunk) {
            loop {
                let step = decoder.step(input).unwrap();
                input = &input[step.consumed..];
                let is_drained = step.event.is_none() && input.is_empty();
                found.extend(decoder.deviations());
                if is_drained {
                    break;
                }
            }
        }
        assert_eq!(told(&found), expected, "asked after every step, in chunks of {chunk}");
    }
}

/// A score that is read leniently is the same double.
#[test]
fn scores_behind_a_wrong_count() {
    let blob = string(&listpack(9, &hex("816102 83312E3504")));
    let found = tolerated_value("scores", 17, &blob, &[("bad-packed", VALUE_AT + 1 + 4)]);
    assert_eq!(found, json!([["a", exact_score(1.5)]]));
}
