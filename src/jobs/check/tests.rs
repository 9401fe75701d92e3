use super::*;
use crate::jobs::{Pass, SizeRule};
use crate::rdb::Decoder;

/// Checks an RDB 11 with `body` between header and trailer, its checksum off.
fn check_with(body: &[u8], filter: Filter, limit_bytes: u64) -> Vec<Finding> {
    check_file(b"REDIS0011", body, Decoder::new(), filter, limit_bytes)
}

fn check_file(header: &[u8], body: &[u8], mut decoder: Decoder, filter: Filter, limit_bytes: u64) -> Vec<Finding> {
    let file = [header, body, b"\xff\0\0\0\0\0\0\0\0"].concat();
    let mut check = Check::new([1, 2], limit_bytes).with_filter(filter);
    let mut pass = Pass::new();
    let result = pass.feed(&mut decoder, &file, &mut check);
    assert_eq!(pass.deviations(), [], "a check takes them all");
    let end = result.and_then(|()| decoder.finish());
    check.end(end.as_ref());
    check.take_findings()
}

fn check(body: &[u8]) -> Vec<(&'static str, u64, Option<u64>)> {
    let findings = check_with(body, Filter::default(), 1 << 20);
    findings.iter().map(|finding| (finding.code, finding.offset, finding.place.element)).collect()
}

const HEADER: u64 = 9;

#[test]
fn a_key_may_stand_once_in_each_database() {
    let twice = b"\xfe\x00\x00\x01k\x01v\x00\x01k\x01w";
    assert_eq!(check(twice), [("duplicate", HEADER + 7, None)]);
    assert_eq!(check(b"\xfe\x00\x00\x01k\x01v\xfe\x01\x00\x01k\x01w"), []);
    // An integer and its text are the same key.
    assert_eq!(check(b"\x00\xc0\x07\x01v\x00\x017\x01w"), [("duplicate", HEADER + 5, None)]);
}

#[test]
fn duplicates_are_found_each() {
    let set = b"\x02\x01s\x04\x01a\x01b\x01a\x01b";
    assert_eq!(check(set), [("duplicate", HEADER + 8, Some(2)), ("duplicate", HEADER + 10, Some(3))]);
    let hash = b"\x04\x01h\x02\x01f\x011\x01f\x012";
    assert_eq!(check(hash), [("duplicate", HEADER + 8, Some(1))]);
    let zset = b"\x03\x01z\x02\x01m\x011\x01m\x012";
    assert_eq!(check(zset), [("duplicate", HEADER + 8, Some(1))]);
    // A list may hold what it likes, and so may two values.
    assert_eq!(check(b"\x01\x01l\x02\x01a\x01a\x02\x01s\x01\x01a\x02\x01t\x01\x01a"), []);
}

#[test]
fn duplicates_in_a_packed_value_name_its_blob_and_their_number() {
    let listpack = b"\x13\0\0\0\x06\0\x81f\x02\x811\x02\x81g\x02\x812\x02\x81f";
    let mut blob = listpack.to_vec();
    blob.extend_from_slice(b"\x02\x813\x02\xff");
    blob[0] = blob.len() as u8;
    let mut body = b"\x10\x01h".to_vec();
    body.push(blob.len() as u8);
    body.extend_from_slice(&blob);
    assert_eq!(check(&body), [("duplicate", HEADER + 4, Some(2))]);
}

#[test]
fn reading_goes_on_behind_a_damaged_packed_value() {
    // The second entry's backward length is 3 instead of 2; then a key twice.
    let blob = b"\x0d\0\0\0\x02\0\x81f\x02\x81v\x03\xff";
    let body = [b"\x10\x01h\x0d", &blob[..], b"\x00\x01k\x01v\x00\x01k\x01w"].concat();
    assert_eq!(check(&body), [("bad-packed", HEADER + 4 + 9, Some(0)), ("duplicate", HEADER + 22, None)]);
}

#[test]
fn a_broken_frame_ends_the_findings() {
    let body = b"\x00\x01k\x01v\x63\x01x";
    let findings = check_with(body, Filter::default(), 1 << 20);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((finding.code, finding.offset, finding.is_repairable), ("unknown-type", HEADER + 5, false));
    assert_eq!(finding.place.key.unwrap().bytes(), b"x");
}

#[test]
fn what_a_key_head_says_twice_is_a_warning() {
    assert_eq!(check(b"\xf9\xff\xf8\x05\x00\x01k\x01v"), [("repeated-metadata", HEADER, None)]);
    assert_eq!(check(b"\xfd\0\0\0\0\xf8\x05\x00\x01k\x01v"), []);
}

#[test]
fn bytes_behind_the_trailer_are_a_warning() {
    assert_eq!(check(b"\xff\0\0\0\0\0\0\0\0abc"), [("trailing-data", HEADER + 9, None)]);
}

#[test]
fn memory_for_names_has_an_end_that_is_told() {
    let mut body = Vec::new();
    for key in 0..200u8 {
        body.extend_from_slice(&[0, 1, key, 1, b'v']);
    }
    let findings = check_with(&body, Filter::default(), 40 * 50);
    assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["limit-exceeded"]);
}

#[test]
fn only_keys_that_are_meant_are_looked_at() {
    let body = b"\x02\x01s\x02\x01a\x01a\x02\x01t\x03\x01a\x01a\x01b";
    let small = Filter { size: SizeRule { min: None, max: Some(8) }, ..Filter::default() };
    let findings = check_with(body, small, 1 << 20);
    assert_eq!(findings.iter().map(|finding| finding.offset).collect::<Vec<_>>(), [HEADER + 6]);
    let named = Filter { keys: [crate::jobs::Pattern::glob(b"t")].into(), ..Filter::default() };
    assert_eq!(check_with(body, named, 1 << 20).len(), 1);
}

/// An empty stream of RDB 11 with `groups` behind its counters.
fn stream(groups: &[u8]) -> Vec<u8> {
    let mut body = b"\x15\x01s\x00\x00\x09\x00\x00\x00\x00\x00\x00".to_vec();
    body.extend_from_slice(groups);
    body
}

const ID_1: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
const TIME: &[u8] = &[0; 8];

fn group(pending: &[&[u8]], consumers: &[(&[u8], &[&[u8]])]) -> Vec<u8> {
    let mut bytes = b"\x01g\x01\x01\x00".to_vec();
    bytes.push(pending.len() as u8);
    for id in pending {
        bytes.extend_from_slice(&[id, TIME, b"\x01"].concat());
    }
    bytes.push(consumers.len() as u8);
    for (name, owned) in consumers {
        bytes.push(name.len() as u8);
        bytes.extend_from_slice(&[name, TIME, TIME].concat());
        bytes.push(owned.len() as u8);
        bytes.extend_from_slice(&owned.concat());
    }
    bytes
}

fn codes(body: &[u8]) -> Vec<&'static str> {
    check(body).into_iter().map(|(code, ..)| code).collect()
}

#[test]
fn pending_entries_have_one_owner_in_their_group() {
    let one = |group: Vec<u8>| codes(&stream(&[b"\x01", &group[..]].concat()));
    assert_eq!(one(group(&[ID_1], &[(b"a", &[ID_1])])), [""; 0]);
    assert_eq!(one(group(&[], &[(b"a", &[ID_1])])), ["bad-value"], "not pending");
    assert_eq!(one(group(&[ID_1], &[(b"a", &[ID_1]), (b"b", &[ID_1])])), ["bad-value"], "two owners");
    assert_eq!(one(group(&[ID_1], &[(b"a", &[ID_1, ID_1])])), ["duplicate"], "twice with one owner");
    assert_eq!(one(group(&[ID_1, ID_1], &[(b"a", &[ID_1])])), ["duplicate", "bad-value"], "twice in the group, one is nobody's");
    assert_eq!(one(group(&[ID_1], &[(b"a", &[])])), ["bad-value"], "no owner");
    assert_eq!(one(group(&[ID_1], &[])), ["bad-value"], "no consumer");
}

#[test]
fn groups_and_consumers_have_names_of_their_own() {
    let plain = group(&[], &[(b"a", &[])]);
    assert_eq!(codes(&stream(&[b"\x02", &plain[..], &plain[..]].concat())), ["duplicate"]);
    let twins = group(&[], &[(b"a", &[]), (b"a", &[])]);
    assert_eq!(codes(&stream(&[b"\x01", &twins[..]].concat())), ["duplicate"]);
}

#[test]
fn a_lenient_check_finds_what_was_passed_over_and_goes_on() {
    // A set without members, a hash with a wrong size of an entry, a key twice.
    let body = b"\x02\x01e\x00\x10\x01h\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x03\xff\x00\x01k\x01v\x00\x01k\x01w";
    let strict = check_with(body, Filter::default(), 1 << 20);
    assert_eq!(strict.iter().map(|finding| (finding.code, finding.is_repairable)).collect::<Vec<_>>(), [("bad-value", false)]);
    let lenient = |filter| check_file(b"REDIS0011", body, Decoder::new().leniently(), filter, 1 << 20);
    let findings = lenient(Filter::default());
    let told: Vec<_> = findings.iter().map(|finding| (finding.code, finding.offset, finding.is_repairable)).collect();
    assert_eq!(told, [("bad-value", HEADER + 3, true), ("bad-packed", HEADER + 17, true), ("duplicate", HEADER + 26, true)]);
    let keys: Vec<_> = findings.iter().map(|finding| finding.place.key.unwrap().bytes().to_vec()).collect();
    assert_eq!(keys, [b"e", b"h", b"k"]);
    let named = |name: &[u8]| Filter { keys: [crate::jobs::Pattern::glob(name)].into(), ..Filter::default() };
    assert_eq!(lenient(named(b"h")).len(), 1);
    assert_eq!(lenient(named(b"e")).len(), 1);
    let large = Filter { size: SizeRule { min: Some(10), max: None }, ..Filter::default() };
    assert_eq!(lenient(large).iter().map(|finding| finding.code).collect::<Vec<_>>(), ["bad-packed"]);
}

/// Codes and severities of an RDB of this version.
fn told(header: &[u8], body: &[u8]) -> Vec<(&'static str, Severity)> {
    let findings = check_file(header, body, Decoder::new(), Filter::default(), 1 << 20);
    findings.iter().map(|finding| (finding.code, finding.severity)).collect()
}

#[test]
fn a_field_stands_once_whether_it_expires_or_not() {
    // hash-2 of Valkey: f without an expiry, f with one.
    let mut body = b"\x16\x01h\x02".to_vec();
    body.extend_from_slice(b"\x01f\x011\xff\xff\xff\xff\xff\xff\xff\xff\x01f\x012\x05\0\0\0\0\0\0\0");
    assert_eq!(told(b"VALKEY080", &body), [("duplicate", Severity::Error)]);
}

#[test]
fn indices_of_an_array_ascend() {
    let array = |indices: &[u8]| {
        let mut body = Vec::from([0x1c, 1, b'a', indices.len() as u8, 0]);
        for index in indices {
            body.extend_from_slice(&[*index, 0, 1, b'x']);
        }
        check_file(b"REDIS0014", &body, Decoder::new(), Filter::default(), 1 << 20)
    };
    assert_eq!(array(&[0, 1, 9]), []);
    for (indices, element) in [(&[5, 5][..], 1), (&[0, 7, 3, 2, 2], 2)] {
        let findings = array(indices);
        let [finding] = &findings[..] else { panic!("told once: {findings:?}") };
        assert_eq!((finding.code, finding.severity), ("bad-value", Severity::Warning));
        assert_eq!(finding.place.element, Some(element));
    }
}

/// A stream of Redis 8.8 without entries, with one group and `idempotency` behind it.
fn newest_stream(group: &[u8], returned: &[&[u8]], producers: &[u8]) -> Vec<u8> {
    let mut body = b"\x1b\x01s\x00\x00\x09\x00\x00\x00\x00\x00\x00\x01".to_vec();
    body.extend_from_slice(group);
    body.push(returned.len() as u8);
    body.extend_from_slice(&returned.concat());
    body.extend_from_slice(b"\x01\x01");
    body.extend_from_slice(producers);
    body.extend_from_slice(b"\x00\x00");
    body
}

const ID_2: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1];

#[test]
fn pending_entries_without_a_consumer_are_those_that_were_handed_back() {
    let check = |group: Vec<u8>, returned: &[&[u8]]| told(b"REDIS0014", &newest_stream(&group, returned, b"\x00"));
    let error = |code| (code, Severity::Error);
    assert_eq!(check(group(&[ID_1, ID_2], &[(b"a", &[ID_1])]), &[ID_2]), []);
    assert_eq!(check(group(&[ID_1], &[]), &[ID_1]), [], "no consumer is left");
    assert_eq!(check(group(&[ID_1, ID_2], &[(b"a", &[ID_1])]), &[]), [error("bad-value")], "nobody's");
    assert_eq!(check(group(&[ID_1], &[(b"a", &[ID_1])]), &[ID_1]), [error("bad-value")], "handed back, and owned");
    assert_eq!(check(group(&[], &[]), &[ID_1]), [error("bad-value")], "not pending");
    assert_eq!(check(group(&[ID_1], &[]), &[ID_1, ID_1]), [error("duplicate")], "twice");
}

#[test]
fn producers_and_their_ids_have_names_of_their_own() {
    let check = |producers: &[u8]| told(b"REDIS0014", &newest_stream(&group(&[], &[]), &[], producers));
    // A producer has the name of its group, two producers the same ids.
    assert_eq!(check(b"\x02\x01g\x01\x01i\x01\x00\x01h\x01\x01i\x02\x00"), []);
    // As Redis 8.6.3 restores them: not at all, and without the second id.
    assert_eq!(check(b"\x02\x01g\x00\x01g\x00"), [("duplicate", Severity::Error)]);
    assert_eq!(check(b"\x01\x01g\x02\x01i\x01\x00\x01i\x02\x00"), [("duplicate", Severity::Warning)]);
}

#[test]
fn a_length_of_the_first_streams_that_is_not_that_of_their_nodes_is_a_warning() {
    // Redis 5.0: one node, master 1-1 with one live entry; the length says two.
    let node = b"\x10\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01";
    let entries = b"\x01\x01\x00\x01\x01\x01\x81f\x02\x00\x01\x02\x01\x00\x01\x00\x01\x81v\x02\x04\x01\xff";
    let total = entries.len() as u8 + 6;
    let mut body = b"\x0f\x01s\x01".to_vec();
    body.extend_from_slice(node);
    body.extend_from_slice(&[total, total, 0, 0, 0, 10, 0]);
    body.extend_from_slice(entries);
    let with_length = |length: u8| told(b"REDIS0009", &[&body[..], &[length, 1, 1, 0]].concat());
    assert_eq!(with_length(1), []);
    assert_eq!(with_length(2), [("bad-value", Severity::Warning)]);
}
