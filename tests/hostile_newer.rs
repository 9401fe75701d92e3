//! Hostile values and records of Redis 7.4 to 8.10 and Valkey 9: what each must give, and at which byte.
//!
//! Numbers are those of the project's list of hostile inputs, where it has the case. Which of them
//! a server of Redis 8.8 or Valkey 9.1 was seen to refuse stands beside them.

mod support;

use support::cases::{BAD_ENCODING, BAD_LENGTH, BAD_PACKED, BAD_VALUE, Cases, DUPLICATE, TRUNCATED};
use support::newer::{JOB, key_meta, template};
use support::{VALUE_AT, file, head, hex, length, listpack, long_length, string, valkey_file};

/// A file of `version` whose only key is `k`, as [`VALUE_AT`] counts.
fn value(version: u64, value_type: u8, parts: &[&[u8]]) -> Vec<u8> {
    file(version, &[&[value_type, 1, b'k'], &parts.concat()[..]].concat())
}

/// As [`value`], but the file ends behind the value's bytes.
fn cut(version: u64, value_type: u8, parts: &[&[u8]]) -> Vec<u8> {
    head(version, &[&[value_type, 1, b'k'], &parts.concat()[..]].concat())
}

const LAST: u64 = (1 << 48) - 1;
const HUGE: [u64; 3] = [1 << 32, 1 << 60, u64::MAX];

#[test]
fn hashes_whose_fields_expire() {
    let mut cases = Cases::default();
    let field = b"\x01f\x01v";
    let dated = |first: i64, ttl: &[u8]| value(12, 24, &[&first.to_le_bytes(), b"\x01", ttl, field]);
    for first in [i64::MIN, -1, (1 << 48) + 1, i64::MAX] {
        cases.bad(46, format!("first expiry {first}"), dated(first, b"\x01"), BAD_VALUE, VALUE_AT);
    }
    cases.good(46, "first expiry 0, no expiry", dated(0, b"\x00"));
    cases.good(46, "the last millisecond", dated(LAST as i64, b"\x01"));
    cases.good(46, "no expiry behind the mark of none", dated(1 << 48, b"\x00"));
    const TTL_AT: u64 = VALUE_AT + 9;
    for (first, ttl) in [(1 << 48, 1), (LAST as i64, 2), (1, LAST + 1), (1, 1 << 63), (1, u64::MAX), (0, u64::MAX)] {
        cases.bad(46, format!("{first} and {ttl}"), dated(first, &long_length(ttl)), BAD_VALUE, TTL_AT);
    }
    cases.bad(34, "encoded expiry", dated(1, b"\xc0\x05"), BAD_ENCODING, TTL_AT);
    cases.bad(42, "no fields behind the first expiry", value(12, 24, &[&[0; 8], b"\x00"]), BAD_VALUE, VALUE_AT + 8);
    cases.bad(46, "first expiry cut", cut(12, 24, &[&[0; 5]]), TRUNCATED, VALUE_AT);
    cases.bad(46, "first expiry of a packed hash", value(12, 25, &[&(-1i64).to_le_bytes(), b"\x00"]), BAD_VALUE, VALUE_AT);

    let pre_ga = |ttl: &[u8]| value(12, 22, &[b"\x01", ttl, field]);
    cases.good(46, "last millisecond, pre-GA", pre_ga(&long_length(LAST)));
    for ttl in [LAST + 1, 1 << 63, u64::MAX] {
        cases.bad(46, format!("{ttl}, pre-GA"), pre_ga(&long_length(ttl)), BAD_VALUE, VALUE_AT + 1);
    }
    // -2 was refused by Valkey 9.1.2.
    let valkey = |ms: i64| valkey_file(&[&b"\x16\x01k\x01\x01f\x01v"[..], &ms.to_le_bytes()].concat());
    for ms in [-1, 0, i64::MAX] {
        cases.good(46, format!("{ms}, Valkey"), valkey(ms));
    }
    for ms in [-2, i64::MIN] {
        // Behind the magic, which is longer by a byte, but has a digit less.
        cases.bad(46, format!("{ms}, Valkey"), valkey(ms), BAD_VALUE, VALUE_AT + 5);
    }
    for count in HUGE {
        let bytes = cut(12, 24, &[&[0; 8], &long_length(count), b"\x00", field]);
        let end = bytes.len() as u64;
        cases.bad(41, format!("{count} fields, 1 there"), bytes, TRUNCATED, end);
        let bytes = cut(12, 22, &[&long_length(count), b"\x00", field]);
        let end = bytes.len() as u64;
        cases.bad(41, format!("{count} fields, 1 there, pre-GA"), bytes, TRUNCATED, end);
    }
    cases.hold();
}

#[test]
fn arrays() {
    let mut cases = Cases::default();
    let array = |parts: &[&[u8]]| value(14, 28, parts);
    let slot = |slot: &[u8]| array(&[b"\x01\x00", slot]);
    const SLOT_AT: u64 = VALUE_AT + 2;
    cases.good(41, "a slot", slot(b"\x00\x03\x01v"));
    // No slots and a short text of 8 bytes were refused by Redis 8.8; a short text under tag 0 was not.
    cases.bad(42, "no slots", array(&[b"\x00\x00"]), BAD_VALUE, VALUE_AT);
    cases.good(41, "a short text under the tag of long ones", slot(b"\x00\x00\x01v"));
    cases.good(41, "a short text of 7 bytes", slot(b"\x00\x03\x071234567"));
    cases.bad(41, "a short text of 8 bytes", slot(b"\x00\x03\x0812345678"), BAD_VALUE, SLOT_AT + 1);
    cases.good(41, "the last index", slot(&[&long_length(u64::MAX - 1)[..], b"\x03\x01v"].concat()));
    cases.bad(41, "one beyond the last index", slot(&[&long_length(u64::MAX)[..], b"\x03\x01v"].concat()), BAD_LENGTH, SLOT_AT);
    cases.bad(34, "an encoded index", slot(b"\xc0\x05\x03\x01v"), BAD_ENCODING, SLOT_AT);
    for tag in [4, 63] {
        cases.bad(41, format!("tag {tag}"), slot(&[0, tag, 1, b'v']), BAD_ENCODING, SLOT_AT + 1);
    }
    cases.bad(34, "an encoded tag", slot(b"\x00\xc0\x01\x01v"), BAD_ENCODING, SLOT_AT + 1);
    cases.bad(41, "an integer cut", cut(14, 28, &[b"\x01\x00\x00\x01", &[0; 7]]), TRUNCATED, SLOT_AT + 1);
    cases.bad(41, "a float cut", cut(14, 28, &[b"\x01\x00\x00\x02", &[0; 7]]), TRUNCATED, SLOT_AT + 1);
    cases.bad(41, "insert index flag 2", array(&[b"\x01\x02\x00\x00\x03\x01v"]), BAD_ENCODING, VALUE_AT + 1);
    let inserted = |index: u64| array(&[b"\x01\x01", &long_length(index), b"\x00\x03\x01v"]);
    cases.good(41, "the last insert index", inserted(u64::MAX - 1));
    cases.bad(41, "one beyond the last insert index", inserted(u64::MAX), BAD_LENGTH, VALUE_AT + 2);
    for count in HUGE {
        let bytes = cut(14, 28, &[&long_length(count), b"\x00", b"\x00\x03\x01v"]);
        let end = bytes.len() as u64;
        cases.bad(41, format!("{count} slots, 1 there"), bytes, TRUNCATED, end);
    }
    cases.hold();
}

#[test]
fn templates() {
    let mut cases = Cases::default();
    let bad = |parts: &[&[u8]]| file(15, &parts.concat());
    const AT: u64 = 9;
    cases.good(41, "a template", file(15, &template(1, &["age", "name", "email"])));
    cases.bad(42, "a template of no fields", bad(&[b"\xf2\x01\x00"]), BAD_VALUE, AT + 2);
    cases.bad(41, "longer before shorter", file(15, &template(1, &["name", "age"])), BAD_VALUE, AT + 3 + 5);
    cases.bad(41, "not by bytes", file(15, &template(1, &["b", "a"])), BAD_VALUE, AT + 3 + 2);
    cases.bad(43, "a name twice", file(15, &template(1, &["a", "a"])), BAD_VALUE, AT + 3 + 2);
    let first = template(1, &["a"]);
    cases.bad(43, "a number twice", bad(&[&first, &first]), DUPLICATE, AT + first.len() as u64 + 1);
    cases.bad(34, "an encoded number", bad(&[b"\xf2\xc0\x01"]), BAD_ENCODING, AT + 1);
    for count in HUGE {
        let bytes = head(15, &[&b"\xf2\x01"[..], &long_length(count), b"\x01a"].concat());
        let end = bytes.len() as u64;
        cases.bad(41, format!("{count} names, 1 there"), bytes, TRUNCATED, end);
    }

    // Two fields in a template of 1 + 1 + 1 + 2 + 2 bytes, then a key.
    let fields = template(1, &["a", "b"]);
    let with = |value_type: u8, value: &[u8]| file(15, &[&fields[..], &[value_type, 1, b'k'], value].concat());
    let value_at = VALUE_AT + fields.len() as u64;
    cases.good(41, "values of a template", with(32, b"\x01\x01v\x01w"));
    cases.bad(41, "an unknown template", with(32, b"\x02\x01v\x01w"), BAD_VALUE, value_at);
    cases.bad(41, "the template of no file", value(15, 32, &[b"\x01\x01v\x01w"]), BAD_VALUE, VALUE_AT);
    let packed = |count: u16, entries: &str| with(30, &string(&listpack(count, &hex(entries))));
    let entry_at = value_at + 1 + 6;
    cases.good(41, "packed values of a template", packed(3, "0101 817602 0501"));
    cases.bad(41, "packed values of an unknown template", packed(3, "0201 817602 0501"), BAD_PACKED, entry_at);
    cases.bad(41, "a template of a negative number", packed(3, "DFFF02 817602 0501"), BAD_PACKED, entry_at);
    cases.bad(41, "a template of no number", packed(3, "816102 817602 0501"), BAD_PACKED, entry_at);
    cases.bad(41, "no values", packed(1, "0101"), BAD_PACKED, entry_at + 2);
    cases.bad(41, "a value less", packed(2, "0101 817602"), BAD_PACKED, entry_at + 5);
    cases.bad(41, "a value more", packed(4, "0101 817602 0501 0601"), BAD_PACKED, entry_at + 7);
    cases.bad(41, "nothing packed", packed(0, ""), BAD_PACKED, value_at + 1);

    let own = |value_type: u8, parts: &[&[u8]]| value(15, value_type, parts);
    let names = |count: u16, entries: &str| string(&listpack(count, &hex(entries)));
    for value_type in [29, 31] {
        for form in [2, 63] {
            cases.bad(
                41,
                format!("form {form} of type {value_type}"),
                own(value_type, &[&[form, 1, 1, b'a']]),
                BAD_ENCODING,
                VALUE_AT,
            );
        }
        let unsorted = own(value_type, &[b"\x00", &names(2, "816202 816102")]);
        cases.bad(41, format!("packed names of type {value_type} unsorted"), unsorted, BAD_PACKED, VALUE_AT + 2 + 6 + 3);
        let empty = own(value_type, &[b"\x00", &names(0, "")]);
        cases.bad(42, format!("no packed names in type {value_type}"), empty, BAD_PACKED, VALUE_AT + 2);
        cases.bad(42, format!("no names in type {value_type}"), own(value_type, &[b"\x01\x00"]), BAD_VALUE, VALUE_AT + 1);
        let unsorted = own(value_type, &[b"\x01\x02\x01b\x01a"]);
        cases.bad(41, format!("names of type {value_type} unsorted"), unsorted, BAD_VALUE, VALUE_AT + 4);
        for count in HUGE {
            let bytes = cut(15, value_type, &[b"\x01", &long_length(count), b"\x01a"]);
            let end = bytes.len() as u64;
            cases.bad(41, format!("{count} names in type {value_type}, 1 there"), bytes, TRUNCATED, end);
        }
    }
    let bytes = cut(15, 31, &[b"\x01\x02\x01a\x01b\x01v"]);
    let end = bytes.len() as u64;
    cases.bad(41, "a value less behind names", bytes, TRUNCATED, end);
    let less = own(29, &[b"\x01\x02\x01a\x01b", &names(2, "0001 817602")]);
    cases.bad(41, "a packed value less behind names", less, BAD_PACKED, VALUE_AT + 6 + 1 + 6 + 5);
    cases.hold();
}

#[test]
fn key_metadata() {
    let mut cases = Cases::default();
    let key = b"\x00\x01k\x01v";
    let meta = key_meta("KMT1", 1, 1, &hex("0205"));
    cases.good(24, "a class", file(13, &[&meta[..], key].concat()));
    for count in [0u8, 8, 63] {
        cases.bad(24, format!("{count} classes"), file(13, &[0xf3, count, 0, 0, 0, 0, 0]), BAD_LENGTH, 10);
    }
    cases.bad(34, "an encoded count of classes", file(13, b"\xf3\xc0\x01"), BAD_ENCODING, 10);
    let end = 9 + meta.len() as u64;
    for (what, next) in [("EOF", &b"\xff"[..]), ("SELECTDB", b"\xfe\x00"), ("an aux field", b"\xfa\x01a\x01b")] {
        cases.bad(21, format!("metadata, then {what}"), file(13, &[&meta[..], next].concat()), BAD_VALUE, end);
    }
    // The items stand behind opcode, count and class.
    cases.bad(24, "opcode 6", file(13, &key_meta("KMT1", 1, 1, &hex("06"))), BAD_ENCODING, 15);
    cases.bad(24, "no end", file(13, &[&meta[..meta.len() - 1], b"\xfe\x00"].concat()), BAD_VALUE, end - 1);
    cases.bad(24, "class cut", head(13, &meta[..4]), TRUNCATED, 11);
    cases.bad(24, "metadata and no more", head(13, &meta), TRUNCATED, end);
    cases.hold();
}

#[test]
fn slot_imports() {
    let mut cases = Cases::default();
    let import = |parts: &[&[u8]]| valkey_file(&[&b"\xf3"[..], &string(JOB), &parts.concat()[..]].concat());
    const RANGES_AT: u64 = 9 + 1 + 1 + 40;
    cases.good(26, "slot import", import(&[b"\x02\x00\x05", &length(16383), &length(16383)]));
    cases.good(26, "slot import of nothing", import(&[b"\x00"]));
    for job in [&b""[..], &JOB[1..], &[&JOB[..], b"0"].concat()] {
        let bytes = valkey_file(&[&b"\xf3"[..], &string(job), b"\x00"].concat());
        cases.bad(26, format!("a job's name of {} bytes", job.len()), bytes, BAD_VALUE, 10);
    }
    cases.bad(26, "slot 16384", import(&[b"\x01\x00", &length(16384)]), BAD_LENGTH, RANGES_AT + 2);
    cases.bad(26, "first slot 2^63", import(&[b"\x01", &long_length(1 << 63), b"\x00"]), BAD_LENGTH, RANGES_AT + 1);
    cases.bad(26, "a range that ends before it begins", import(&[b"\x01\x05\x04"]), BAD_VALUE, RANGES_AT + 1);
    cases.bad(34, "an encoded count", import(&[b"\xc0\x01"]), BAD_ENCODING, RANGES_AT);
    for count in HUGE {
        let bytes = [&b"VALKEY080\xf3"[..], &string(JOB), &long_length(count), b"\x00\x05"].concat();
        let end = bytes.len() as u64;
        cases.bad(41, format!("{count} ranges, 1 there"), bytes, TRUNCATED, end);
    }
    cases.hold();
}
