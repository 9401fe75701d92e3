//! Hostile snapshots: what each must give, and at which byte.
//!
//! The numbers are those of the project's list of hostile inputs. Every case is
//! read whole and in chunks; kind and offset must be the same each time.

mod support;

use aikv::error::{ErrorKind, KeyPreview};
use aikv::rdb::{Checksum, Event, Eviction, Part, Span};
use aikv::wire::{Limits, Scalar};
use support::{
    VALUE_AT, cut_value, file, head, hex, intset, length, listpack, long_length, outcome, read, string, value, ziplist,
};

struct Case {
    item: u32,
    what: String,
    bytes: Vec<u8>,
    /// Code and offset, or nothing where the file is good.
    expected: Option<(&'static str, u64)>,
}

#[derive(Default)]
struct Cases(Vec<Case>);

impl Cases {
    fn bad(&mut self, item: u32, what: impl Into<String>, bytes: impl Into<Vec<u8>>, code: &'static str, offset: u64) {
        self.0.push(Case { item, what: what.into(), bytes: bytes.into(), expected: Some((code, offset)) });
    }

    fn good(&mut self, item: u32, what: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push(Case { item, what: what.into(), bytes: bytes.into(), expected: None });
    }

    fn hold(self) {
        let mut wrong = Vec::new();
        for Case { item, what, bytes, expected } in &self.0 {
            for chunk in [usize::MAX, 1, 3, 7] {
                let result = read(bytes, chunk, Limits::default(), |_, _| ());
                let found = result.as_ref().err().map(|error| (error.code(), error.offset()));
                if found != *expected {
                    let message = result.err().map_or("nothing".to_owned(), |error| error.to_string());
                    let size = bytes.len().min(chunk);
                    wrong.push(format!("{item}. {what}, in chunks of {size}: expected {expected:?}, found {found:?}: {message}"));
                    break;
                }
            }
        }
        assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), self.0.len(), wrong.join("\n"));
    }
}

const TRUNCATED: &str = "truncated";
const BAD_MAGIC: &str = "bad-magic";
const UNSUPPORTED: &str = "unsupported-version";
const BAD_LENGTH: &str = "bad-length";
const BAD_ENCODING: &str = "bad-encoding";
const BAD_PACKED: &str = "bad-packed";
const BAD_VALUE: &str = "bad-value";
const BAD_CHECKSUM: &str = "bad-checksum";
const UNKNOWN_OPCODE: &str = "unknown-opcode";
const UNKNOWN_TYPE: &str = "unknown-type";

/// First byte behind the header.
const BODY_AT: u64 = 9;
/// First byte behind an opcode at the body's start.
const ARGUMENT_AT: u64 = 10;

#[test]
fn frame() {
    let mut cases = Cases::default();
    cases.bad(1, "empty file", b"", TRUNCATED, 0);
    for len in 1..9 {
        cases.bad(2, format!("the first {len} bytes of a header"), &b"REDIS0011"[..len], TRUNCATED, len as u64);
        cases.bad(2, format!("the first {len} bytes of a Valkey header"), &b"VALKEY080"[..len], TRUNCATED, len as u64);
    }
    cases.bad(3, "wrong magic", b"REDIX0011", BAD_MAGIC, 0);
    cases.bad(3, "wrong magic and no more", b"REDIX", BAD_MAGIC, 0);
    cases.bad(3, "lower case", b"redis0011", BAD_MAGIC, 0);
    for digits in ["00A1", "-001", "+011", " 011", "0x11", "00\u{0}1"] {
        cases.bad(4, format!("digits {digits:?}"), format!("REDIS{digits}"), BAD_MAGIC, 5);
    }
    for digits in ["0000", "0012", "0080", "1011", "9999"] {
        cases.bad(5, format!("version {digits}"), format!("REDIS{digits}"), UNSUPPORTED, 5);
    }
    cases.bad(6, "VALKEY080", b"VALKEY080", UNSUPPORTED, 6);
    cases.bad(6, "VALKEY011", b"VALKEY011", UNSUPPORTED, 6);
    cases.bad(6, "Valkey's magic with wrong digits", b"VALKEY0A0", BAD_MAGIC, 6);
    cases.bad(6, "Valkey's magic misspelt", b"VALKEX080", BAD_MAGIC, 0);
    cases.good(7, "no keys, checksum off", [b"REDIS0011\xff", &[0; 8][..]].concat());
    cases.bad(8, "half a checksum", [b"REDIS0011\xff", &[0; 4][..]].concat(), TRUNCATED, 10);
    cases.bad(8, "no checksum", b"REDIS0011\xff", TRUNCATED, 10);
    let mut wrong = file(11, b"");
    wrong[10] ^= 1;
    cases.bad(9, "wrong checksum", wrong, BAD_CHECKSUM, 10);
    cases.bad(10, "no EOF opcode", head(11, b"\x00\x01k\x01v"), TRUNCATED, 14);
    cases.bad(10, "no EOF opcode behind the header", head(11, b""), TRUNCATED, BODY_AT);
    cases.bad(10, "key without value", head(11, b"\x00\x01k"), TRUNCATED, 12);
    cases.bad(10, "type without key", head(11, b"\x00"), TRUNCATED, 10);
    cases.good(11, "bytes behind the checksum", [&file(11, b"")[..], b"*1\r\n"].concat());
    for byte in [0xf0, 0xf1, 0xf2, 0xf3, 0xf4] {
        cases.bad(12, format!("opcode {byte:02X}"), head(11, &[byte, 1, b'k', 0]), UNKNOWN_OPCODE, BODY_AT);
    }
    for byte in [6, 8, 22, 28, 99, 0xef] {
        cases.bad(13, format!("type {byte}"), value(byte, b"\x01v"), UNKNOWN_TYPE, BODY_AT);
    }
    for db in [1 << 32, 1 << 63, u64::MAX] {
        cases.bad(14, format!("SELECTDB {db}"), file(11, &[&[0xfe][..], &long_length(db)].concat()), BAD_LENGTH, ARGUMENT_AT);
    }
    cases.good(14, "SELECTDB 2^32 - 1", file(11, &[&[0xfe][..], &length(u32::MAX.into())].concat()));
    cases.good(15, "SELECTDB twice", file(11, b"\xfe\x03\xfe\x03\x00\x01k\x01v"));
    cases.good(16, "RESIZEDB 2^63", file(11, &[&[0xfb][..], &long_length(1 << 63), &long_length(1 << 63)].concat()));
    cases.good(17, "aux with an empty key", file(11, b"\xfa\x00\x03abc"));
    cases.good(17, "aux with a value that is no UTF-8", file(11, b"\xfa\x01x\x02\xff\xfe"));
    cases.good(18, "aux ctime that is no number", file(11, b"\xfa\x05ctime\x03abc"));
    for ms in [-1, i64::MIN, i64::MAX] {
        cases.good(19, format!("expiry {ms} ms"), file(11, &[&[0xfc][..], &ms.to_le_bytes(), b"\x00\x01k\x01v"].concat()));
    }
    for s in [-1, i32::MIN, i32::MAX] {
        cases.good(19, format!("expiry {s} s"), file(11, &[&[0xfd][..], &s.to_le_bytes(), b"\x00\x01k\x01v"].concat()));
    }
    cases.good(
        20,
        "frequency and idle time",
        file(11, &[b"\xf9\xff\xf8", &long_length(1 << 63)[..], b"\x00\x01k\x01v"].concat()),
    );
    cases.bad(21, "expiry, then EOF", file(11, &[&[0xfc][..], &[0; 8]].concat()), BAD_VALUE, 18);
    cases.bad(21, "expiry, then SELECTDB", file(11, &[&[0xfc][..], &[0; 8], b"\xfe\x00"].concat()), BAD_VALUE, 18);
    cases.bad(21, "frequency, then EOF", file(11, b"\xf9\x05"), BAD_VALUE, 11);
    cases.bad(22, "function longer than the file", head(11, b"\xf5\x50#!lua name=x\n"), TRUNCATED, ARGUMENT_AT);
    cases.good(22, "function of a release candidate", file(11, b"\xf6\x01f\x03lua\x01\x04text\x08return 1"));
    cases.good(22, "the same without description", file(11, b"\xf6\x01f\x03lua\x00\x08return 1"));
    cases.bad(22, "description mark 2", file(11, b"\xf6\x01f\x03lua\x02\x04text\x08return 1"), BAD_VALUE, 16);
    let id = long_length(0x1234_5678_9abc_def0);
    cases.good(23, "module data of an unknown module", file(11, &[&[0xf7][..], &id, b"\x02\x01\x01\x05\x05\x01x\x00"].concat()));
    cases.bad(23, "wrong opcode before the time", file(11, &[&[0xf7][..], &id, b"\x01\x01\x00"].concat()), BAD_VALUE, 19);
    for (what, next) in [("EOF", 0xffu8), ("SELECTDB", 0xfe), ("an expiry", 0xfc)] {
        let bytes = value(7, &[&id[..], b"\x02\x05", &[next], &[0; 9]].concat());
        cases.bad(24, format!("module value without end, then {what}"), bytes, BAD_VALUE, VALUE_AT + 11);
    }
    for opcode in [6, 7, 63] {
        let bytes = value(7, &[&id[..], b"\x02\x05", &[opcode], &[0; 9]].concat());
        cases.bad(24, format!("module opcode {opcode}"), bytes, BAD_ENCODING, VALUE_AT + 11);
    }
    cases.bad(24, "module value cut", cut_value(7, &[&id[..], b"\x02\x05"].concat()), TRUNCATED, VALUE_AT + 11);
    cases.hold();
}

#[test]
fn lengths_and_strings() {
    let mut cases = Cases::default();
    for form in ["05", "4005", "80 00000005", "81 0000000000000005"] {
        cases.good(27, format!("length {form}"), value(0, &[&hex(form)[..], b"hello"].concat()));
    }
    for lead in 0x82..=0xbf {
        cases.bad(28, format!("length byte {lead:02X}"), value(0, &[lead, 0, 0, 0, 5]), BAD_ENCODING, VALUE_AT);
    }
    cases.bad(29, "half a 32-bit length", cut_value(0, &hex("80 0000")), TRUNCATED, VALUE_AT);
    cases.bad(29, "half a 64-bit length", cut_value(0, &hex("81 00000000")), TRUNCATED, VALUE_AT);
    cases.bad(29, "half a 14-bit length", cut_value(0, &hex("40")), TRUNCATED, VALUE_AT);
    for len in [1 << 63, u64::MAX, 1 << 32, 1 << 20, 64 * 1024] {
        let bytes = cut_value(0, &[&long_length(len)[..], b"abc"].concat());
        cases.bad(30, format!("string of {len} bytes, 3 there"), bytes, TRUNCATED, VALUE_AT);
        let key = head(11, &[&[0][..], &long_length(len), b"abc"].concat());
        cases.bad(30, format!("key of {len} bytes, 3 there"), key, TRUNCATED, ARGUMENT_AT);
        let blob = cut_value(16, &[&long_length(len)[..], b"abc"].concat());
        cases.bad(30, format!("listpack of {len} bytes, 3 there"), blob, TRUNCATED, VALUE_AT);
    }
    for lead in 0xc4..=0xff {
        cases.bad(32, format!("string encoding {lead:02X}"), value(0, &[lead, 1, 2, 3]), BAD_ENCODING, VALUE_AT);
        cases.bad(32, format!("key encoding {lead:02X}"), file(11, &[0, lead, 1, 2, 3]), BAD_ENCODING, ARGUMENT_AT);
    }
    for cut in ["c0", "c1 00", "c2 000000"] {
        cases.bad(33, format!("integer cut: {cut}"), cut_value(0, &hex(cut)), TRUNCATED, VALUE_AT);
    }
    for value_type in [1, 2, 3, 4, 5, 14, 15, 18] {
        let bytes = value(value_type, &hex("c0 01 01 61 01 62"));
        cases.bad(34, format!("encoded count of type {value_type}"), bytes, BAD_ENCODING, VALUE_AT);
    }
    cases.bad(34, "encoded database number", file(11, &hex("fe c0 01")), BAD_ENCODING, ARGUMENT_AT);
    cases.bad(34, "encoded hint", file(11, &hex("fb 01 c0 01")), BAD_ENCODING, 11);
    cases.bad(34, "encoded idle time", file(11, &hex("f8 c0 01")), BAD_ENCODING, ARGUMENT_AT);

    cases.bad(35, "LZF of nothing", value(0, &hex("c3 00 05")), BAD_ENCODING, VALUE_AT);
    cases.bad(35, "LZF to nothing", value(0, &hex("c3 05 00 04 6162636465")), BAD_ENCODING, VALUE_AT);
    cases.bad(36, "LZF to 4 GiB", value(0, &hex("c3 05 80 ffffffff 0102030405")), BAD_LENGTH, VALUE_AT);
    cases.bad(36, "LZF to 2^63", value(0, &hex("c3 05 81 8000000000000000 0102030405")), BAD_LENGTH, VALUE_AT);
    cases.bad(36, "LZF 89 times", value(0, &hex("c3 01 40 59 00")), BAD_LENGTH, VALUE_AT);
    cases.bad(
        36,
        "both LZF lengths 2^63",
        value(0, &[&[0xc3][..], &long_length(1 << 63), &long_length(1 << 63)].concat()),
        "limit-exceeded",
        VALUE_AT,
    );
    cases.bad(37, "LZF reference before the start", value(0, &hex("c3 02 03 20 00")), BAD_ENCODING, VALUE_AT + 3);
    cases.bad(37, "the same behind two literals", value(0, &hex("c3 05 05 01 61 62 20 02")), BAD_ENCODING, VALUE_AT + 6);
    cases.bad(38, "LZF literals past the input", value(0, &hex("c3 03 05 04 61 62")), BAD_ENCODING, VALUE_AT + 3);
    cases.bad(38, "LZF reference past the output", value(0, &hex("c3 05 05 00 61 e0 ff 00")), BAD_ENCODING, VALUE_AT);
    cases.bad(38, "LZF token without its length", value(0, &hex("c3 03 05 00 61 e0")), BAD_ENCODING, VALUE_AT + 5);
    cases.bad(38, "LZF token without its offset", value(0, &hex("c3 03 05 00 61 20")), BAD_ENCODING, VALUE_AT + 5);
    cases.bad(39, "LZF shorter than stated", value(0, &hex("c3 03 05 01 61 62")), BAD_ENCODING, VALUE_AT);
    cases.bad(39, "LZF longer than stated", value(0, &hex("c3 04 02 02 61 62 63")), BAD_ENCODING, VALUE_AT);
    cases.good(40, "LZF in LZF", value(0, &hex("c3 06 05 04 c3 01 01 00 61")));
    cases.hold();
}

#[test]
fn plain_collections() {
    let mut cases = Cases::default();
    for (value_type, element) in
        [(1, "01 61"), (2, "01 61"), (3, "01 61 01 31"), (4, "01 61 01 62"), (5, "01 61 0000000000000000")]
    {
        for count in [1 << 63, 1 << 32, u64::MAX] {
            let bytes = cut_value(value_type, &[&long_length(count)[..], &hex(element)].concat());
            let end = bytes.len() as u64;
            cases.bad(41, format!("type {value_type} of {count} elements, 1 there"), bytes, TRUNCATED, end);
        }
        cases.bad(42, format!("type {value_type} of no elements"), value(value_type, &[0]), BAD_VALUE, VALUE_AT);
    }
    let scored = |score: &str| value(3, &[&hex("01 01 61")[..], &hex(score)].concat());
    let text = |text: &str| value(3, &[&hex("01 01 61")[..], &[text.len() as u8], text.as_bytes()].concat());
    let binary = |bits: u64| value(5, &[&hex("01 01 61")[..], &bits.to_le_bytes()].concat());
    const SCORE_AT: u64 = VALUE_AT + 3;
    for bits in [0x7ff8_0000_0000_0000, 0xfff8_0000_0000_0000, 0x7ff0_0000_0000_0001, u64::MAX] {
        cases.bad(44, format!("score {bits:016x}"), binary(bits), BAD_VALUE, SCORE_AT);
    }
    for bits in [f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE / 2.0] {
        cases.good(44, format!("score {bits}"), binary(bits.to_bits()));
    }
    cases.bad(44, "score byte 253", scored("fd"), BAD_VALUE, SCORE_AT);
    for nan in ["nan", "NaN", "-nan"] {
        cases.bad(44, format!("score text {nan}"), text(nan), BAD_VALUE, SCORE_AT);
    }
    cases.good(45, "score byte 254", scored("fe"));
    cases.good(45, "score byte 255", scored("ff"));
    cases.bad(45, "252 bytes of score, 3 there", cut_value(3, &hex("01 01 61 fc 313131")), TRUNCATED, SCORE_AT);
    for wrong in ["1e999", "0x10", "1,5", &"1".repeat(251), "", " 1", "1 ", "1e", "--1", "١"] {
        cases.bad(45, format!("score text {wrong:?}"), text(wrong), BAD_VALUE, SCORE_AT);
    }
    for fine in ["1.5", "-0", "1e3", "17", "5e-324", "1.7976931348623157e+308", "inf", "-inf"] {
        cases.good(45, format!("score text {fine:?}"), text(fine));
    }

    let empty_ziplist = string(&ziplist(0, 10, b""));
    let empty_listpack = string(&listpack(0, b""));
    cases.bad(47, "quicklist of no nodes", value(14, &[0]), BAD_VALUE, VALUE_AT);
    cases.bad(47, "quicklist 2 of no nodes", value(18, &[0]), BAD_VALUE, VALUE_AT);
    cases.bad(47, "empty ziplist node", value(14, &[&[1][..], &empty_ziplist].concat()), BAD_PACKED, VALUE_AT + 2);
    cases.bad(47, "empty listpack node", value(18, &[&[1, 2][..], &empty_listpack].concat()), BAD_PACKED, VALUE_AT + 3);
    cases.bad(47, "node without bytes", value(18, &[1, 2, 0]), BAD_PACKED, VALUE_AT + 3);
    for kind in [0, 3, 63] {
        cases.bad(47, format!("node kind {kind}"), value(18, &[1, kind, 1, b'a']), BAD_ENCODING, VALUE_AT + 1);
    }
    cases.bad(47, "plain node of no bytes", value(18, &[1, 1, 0]), BAD_VALUE, VALUE_AT + 2);
    let bytes = cut_value(18, &[&long_length(1 << 40)[..], &[1, 1, b'a']].concat());
    cases.bad(47, "2^40 nodes, 1 there", bytes, TRUNCATED, VALUE_AT + 12);
    cases.hold();
}

/// A value of one packed blob of less than 64 bytes, and where the blob begins.
fn packed(value_type: u8, blob: &[u8]) -> Vec<u8> {
    assert!(blob.len() < 64);
    value(value_type, &string(blob))
}

const BLOB_AT: u64 = VALUE_AT + 1;

#[test]
fn ziplists() {
    let mut cases = Cases::default();
    let list = |blob: &[u8]| packed(10, blob);
    // "a" and "bc": entries at 10 and 13.
    let two = hex("00 01 61 | 03 02 62 63");
    cases.good(48, "a sound ziplist", list(&ziplist(2, 13, &two)));
    let mut wrong = ziplist(2, 13, &two);
    wrong[0] += 1;
    cases.bad(48, "bytes stated wrong", list(&wrong), BAD_PACKED, BLOB_AT);
    cases.bad(48, "shorter than a header", list(&hex("0a000000 0a000000 0000")), BAD_PACKED, BLOB_AT);
    cases.bad(48, "no bytes at all", list(b""), BAD_PACKED, BLOB_AT);
    for tail in [0, 9, 10, 12, 14, 17, 18, u32::MAX] {
        cases.bad(49, format!("tail at {tail}"), list(&ziplist(2, tail, &two)), BAD_PACKED, BLOB_AT + 4);
    }
    for count in [0, 1, 3, 65534] {
        cases.bad(50, format!("count {count}"), list(&ziplist(count, 13, &two)), BAD_PACKED, BLOB_AT + 8);
    }
    cases.good(50, "count unknown", list(&ziplist(65535, 13, &two)));
    cases.good(51, "long form of a small size", list(&ziplist(2, 13, &hex("00 01 61 | fe 03000000 01 62"))));
    cases.bad(51, "size before 255", list(&ziplist(2, 13, &hex("00 01 61 | ff 01 62"))), BAD_PACKED, BLOB_AT + 13);
    for before in [0, 2, 4, 253] {
        let blob = ziplist(2, 13, &[&hex("00 01 61")[..], &[before], &hex("01 62")].concat());
        cases.bad(51, format!("size before {before}"), list(&blob), BAD_PACKED, BLOB_AT + 13);
    }
    cases.bad(51, "size before the first", list(&ziplist(1, 10, &hex("01 01 61"))), BAD_PACKED, BLOB_AT + 10);
    let blob = ziplist(2, 13, &hex("00 01 61 | fe ffffffff 01 62"));
    cases.bad(51, "size before 2^32 - 1", list(&blob), BAD_PACKED, BLOB_AT + 13);
    cases.bad(52, "entry header at the last byte", list(&ziplist(2, 13, &hex("00 01 61 | 03"))), BAD_PACKED, BLOB_AT + 13);
    cases.bad(52, "string of 16383 bytes", list(&ziplist(1, 10, &hex("00 7fff 61"))), BAD_PACKED, BLOB_AT + 10);
    cases.bad(52, "string of 2^32 - 1 bytes", list(&ziplist(1, 10, &hex("00 80ffffffff 61"))), BAD_PACKED, BLOB_AT + 10);
    cases.bad(52, "half a 32-bit length", list(&ziplist(1, 10, &hex("00 80ff"))), BAD_PACKED, BLOB_AT + 10);
    cases.bad(52, "half an integer", list(&ziplist(1, 10, &hex("00 e0 0102"))), BAD_PACKED, BLOB_AT + 10);
    for lead in (0xc1..=0xff).filter(|lead| !matches!(lead, 0xd0 | 0xe0 | 0xf0..=0xfe)) {
        let blob = ziplist(1, 10, &[0, lead, 0, 0, 0, 0, 0, 0, 0, 0]);
        cases.bad(53, format!("encoding {lead:02X}"), list(&blob), BAD_ENCODING, BLOB_AT + 10);
    }
    let mut unended = ziplist(2, 13, &two);
    *unended.last_mut().unwrap() = 0;
    cases.bad(54, "no end byte", list(&unended), BAD_PACKED, BLOB_AT + 17);
    cases.bad(54, "end byte early", list(&ziplist(1, 10, &hex("00 01 61 | ff 01 62"))), BAD_PACKED, BLOB_AT + 13);
    cases.bad(54, "end byte twice", list(&ziplist(1, 10, &hex("00 01 61 | ff"))), BAD_PACKED, BLOB_AT + 13);
    for value_type in [10, 12, 13] {
        cases.bad(42, format!("nothing in type {value_type}"), packed(value_type, &ziplist(0, 10, b"")), BAD_PACKED, BLOB_AT);
    }
    for value_type in [12, 13] {
        let blob = ziplist(1, 10, &hex("00 01 61"));
        cases.bad(55, format!("odd count in type {value_type}"), packed(value_type, &blob), BAD_PACKED, BLOB_AT + 13);
    }
    for text in ["nan", "abc", "1,5", "0x1"] {
        let entries = [&hex("00 01 61 03")[..], &[text.len() as u8], text.as_bytes()].concat();
        cases.bad(55, format!("score {text}"), packed(12, &ziplist(2, 13, &entries)), BAD_PACKED, BLOB_AT + 13);
    }
    cases.hold();
}

#[test]
fn listpacks() {
    let mut cases = Cases::default();
    let list = |blob: &[u8]| value(18, &[&[1, 2][..], &string(blob)].concat());
    const AT: u64 = BLOB_AT + 2;
    let two = hex("81 61 02 | 82 62 63 03");
    cases.good(56, "a sound listpack", list(&listpack(2, &two)));
    let mut wrong = listpack(2, &two);
    wrong[0] += 1;
    cases.bad(56, "bytes stated wrong", list(&wrong), BAD_PACKED, AT);
    cases.bad(56, "shorter than a header", list(&hex("06000000 0000")), BAD_PACKED, AT);
    for count in [0, 1, 3, 65534] {
        cases.bad(57, format!("count {count}"), list(&listpack(count, &two)), BAD_PACKED, AT + 4);
    }
    cases.good(57, "count unknown", list(&listpack(65535, &two)));
    for lead in 0xf5..=0xfe {
        let blob = listpack(2, &[&hex("81 61 02")[..], &[lead, 1]].concat());
        cases.bad(58, format!("encoding {lead:02X}"), list(&blob), BAD_ENCODING, AT + 9);
    }
    cases.bad(59, "string of 4095 bytes", list(&listpack(1, &hex("ef ff 61 03"))), BAD_PACKED, AT + 6);
    for len in ["f0ffffff", "ffffffff", "ffffff7f", "10000000"] {
        let blob = listpack(1, &[&[0xf0][..], &hex(len), b"a\x06"].concat());
        cases.bad(59, format!("string length {len} (LE)"), list(&blob), BAD_PACKED, AT + 6);
    }
    cases.bad(59, "half a 32-bit length", list(&listpack(1, &hex("f0 0100"))), BAD_PACKED, AT + 6);
    cases.bad(59, "half an integer", list(&listpack(1, &hex("f4 0102"))), BAD_PACKED, AT + 6);
    for back in ["00", "01", "03", "82", "8082"] {
        let blob = listpack(1, &[&hex("81 61")[..], &hex(back)].concat());
        cases.bad(60, format!("backward length {back}"), list(&blob), BAD_PACKED, AT + 6);
    }
    // 125 bytes of text and two of encoding fit one byte of backward length, one more takes two.
    let medium = |len: usize, back: &[u8]| {
        let blob = listpack(1, &[&[0xe0, len as u8][..], &[b'm'; 200][..len], back].concat());
        value(18, &[&[1, 2][..], &string(&blob)].concat())
    };
    cases.good(60, "backward length 127", medium(125, &[127]));
    cases.good(60, "backward length 128", medium(126, &[0x01, 0x80]));
    cases.bad(60, "backward length 128 reversed", medium(126, &[0x00, 0x81]), BAD_PACKED, AT + 1 + 6);
    cases.bad(60, "backward length in five bytes", medium(126, &[0x0f, 0x80, 0x80, 0x81, 0x80]), BAD_PACKED, AT + 1 + 6);
    let mut unended = listpack(2, &two);
    *unended.last_mut().unwrap() = 0;
    cases.bad(60, "no end byte", list(&unended), BAD_PACKED, AT + 13);
    cases.bad(60, "end byte early", list(&listpack(2, &hex("81 61 02 | ff 62 02"))), BAD_PACKED, AT + 9);
    cases.bad(60, "end byte first", list(&listpack(1, &hex("ff 61 02"))), BAD_PACKED, AT + 6);
    for value_type in [16, 17] {
        let blob = listpack(1, &hex("81 61 02"));
        cases.bad(60, format!("odd count in type {value_type}"), packed(value_type, &blob), BAD_PACKED, BLOB_AT + 9);
        cases.bad(60, format!("nothing in type {value_type}"), packed(value_type, &listpack(0, b"")), BAD_PACKED, BLOB_AT);
    }
    cases.bad(60, "nothing in type 20", packed(20, &listpack(0, b"")), BAD_PACKED, BLOB_AT);
    let blob = listpack(2, &hex("81 61 02 | 83 6e616e 04"));
    cases.bad(60, "score nan", packed(17, &blob), BAD_PACKED, BLOB_AT + 9);
    cases.hold();
}

#[test]
fn intsets_and_zipmaps() {
    let mut cases = Cases::default();
    for width in [0, 1, 3, 16, u32::MAX] {
        cases.bad(63, format!("width {width}"), packed(11, &intset(width, 1, &[0; 2])), BAD_PACKED, BLOB_AT);
    }
    cases.bad(63, "count too small", packed(11, &intset(2, 1, &[1, 0, 2, 0])), BAD_PACKED, BLOB_AT + 4);
    cases.bad(63, "count too large", packed(11, &intset(2, 3, &[1, 0, 2, 0])), BAD_PACKED, BLOB_AT + 4);
    cases.bad(63, "count that wraps 32 bits", packed(11, &intset(8, 0x2000_0000, b"")), BAD_PACKED, BLOB_AT + 4);
    cases.bad(63, "nothing", packed(11, &intset(2, 0, b"")), BAD_PACKED, BLOB_AT);
    cases.bad(63, "shorter than a header", packed(11, &[2, 0, 0, 0]), BAD_PACKED, BLOB_AT);
    cases.bad(63, "unsorted", packed(11, &intset(2, 2, &[2, 0, 1, 0])), BAD_PACKED, BLOB_AT + 10);
    cases.bad(63, "unsorted by sign", packed(11, &intset(2, 2, &[1, 0, 0xff, 0xff])), BAD_PACKED, BLOB_AT + 10);
    cases.bad(63, "a member twice", packed(11, &intset(2, 2, &[2, 0, 2, 0])), BAD_PACKED, BLOB_AT + 10);
    cases.good(63, "wider than needed", packed(11, &intset(8, 1, &[5, 0, 0, 0, 0, 0, 0, 0])));

    let map = |blob: &[u8]| packed(9, blob);
    cases.good(64, "a sound zipmap", map(b"\x02\x01f\x01\x00v\x01g\x01\x02w\0\0\xff"));
    cases.bad(64, "long form of a short length", map(b"\x01\xfe\x03\0\0\0abc\x01\x00v\xff"), BAD_PACKED, BLOB_AT + 1);
    for len in [0xffff_fffeu32, u32::MAX, 0x7fff_ffff, 254] {
        let bytes = len.to_le_bytes();
        cases.bad(
            64,
            format!("field of {len} bytes"),
            map(&[b"\x01\xfe", &bytes[..], b"f\xff"].concat()),
            BAD_PACKED,
            BLOB_AT + 1,
        );
        let blob = [b"\x01\x01f\xfe", &bytes[..], b"\0v\xff"].concat();
        cases.bad(64, format!("value of {len} bytes"), map(&blob), BAD_PACKED, BLOB_AT + 3);
    }
    cases.bad(64, "free bytes past the end", map(b"\x01\x01f\x01\x09v\xff"), BAD_PACKED, BLOB_AT + 3);
    cases.bad(64, "free bytes over the end byte", map(b"\x01\x01f\x01\x01v\xff"), BAD_PACKED, BLOB_AT + 7);
    cases.bad(64, "no end byte", map(b"\x01\x01f\x01\x00v"), BAD_PACKED, BLOB_AT + 5);
    cases.bad(64, "end byte early", map(b"\x01\xff\x01f\x01\x00v\xff"), BAD_PACKED, BLOB_AT + 1);
    cases.bad(64, "field without value", map(b"\x01\x01f\xff"), BAD_PACKED, BLOB_AT + 3);
    cases.good(64, "pairs unknown", map(b"\xfe\x01f\x01\x00v\xff"));
    cases.bad(64, "pairs stated 255", map(b"\xff\x01f\x01\x00v\xff"), BAD_PACKED, BLOB_AT);
    for pairs in [0, 2, 253] {
        cases.bad(64, format!("{pairs} pairs stated"), map(&[&[pairs][..], b"\x01f\x01\x00v\xff"].concat()), BAD_PACKED, BLOB_AT);
    }
    cases.bad(64, "nothing", map(b"\x00\xff"), BAD_PACKED, BLOB_AT);
    cases.bad(64, "a single byte", map(b"\xff"), BAD_PACKED, BLOB_AT);
    cases.hold();
}

/// Item 65: every packed blob of up to 6 bytes by its first two bytes, and
/// every beginning of the entries behind a right header.
#[test]
fn small_blobs_exhaustively() {
    for first in 0..=u16::MAX {
        let [a, b] = first.to_le_bytes();
        let mut blobs = vec![vec![a, b], vec![a, b, 0xff], vec![a, b, 0, 0, 0, 0xff]];
        blobs.push(vec![a, b, 0xff, 0xff, 0xff, 0xff]);
        blobs.push(listpack(1, &[a, b]));
        blobs.push(ziplist(1, 10, &[0, a, b]));
        blobs.push(ziplist(1, 10, &[a, b]));
        for blob in &blobs {
            for value_type in [9, 11, 12, 13, 16, 17] {
                let bytes = cut_value(value_type, &string(blob));
                let error = outcome(&bytes).expect_err("the file is cut");
                assert!(error.offset() <= bytes.len() as u64, "{error}: outside of {bytes:02x?}");
            }
        }
    }
}

/// Item 5: the number that is refused is told.
#[test]
fn a_refused_version_is_named() {
    for (header, dialect, version) in [("REDIS9999", "redis", 9999), ("REDIS0012", "redis", 12), ("VALKEY080", "valkey", 80)] {
        let error = outcome(header.as_bytes()).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::UnsupportedVersion { dialect: d, version: v, .. } if *d == dialect && *v == version),
            "{error}"
        );
    }
}

/// Items 7 and 11: what is known of the checksum, and what stands behind it.
#[test]
fn checksum_and_trailing_bytes_are_told() {
    assert_eq!(outcome(b"REDIS0011\xff\0\0\0\0\0\0\0\0").unwrap().checksum, Checksum::Off);
    let whole = file(11, b"");
    let summary = outcome(&whole).unwrap();
    assert_eq!((summary.checksum, summary.trailing), (Checksum::Verified, None));
    let log = [&whole[..], b"*1\r\n$4\r\nPING\r\n"].concat();
    assert_eq!(outcome(&log).unwrap().trailing, Some(Span { start: 18, end: 32 }));
}

/// Item 13: the key of a type that is not known helps to find it.
#[test]
fn the_key_of_an_unknown_type_is_named() {
    let error = outcome(&value(99, b"\x01v")).unwrap_err();
    assert_eq!(error.place().key.as_ref().map(KeyPreview::bytes), Some(&b"k"[..]));
    let error = outcome(&file(11, b"\x00\x01a\x01v\x63\x05other")).unwrap_err();
    assert_eq!(error.place().key.as_ref().map(KeyPreview::bytes), Some(&b"other"[..]));
}

/// Items 19 and 20: what stood before the key arrives with it, exactly.
#[test]
fn key_heads_keep_their_numbers() {
    let key = |head: &[u8]| {
        let mut found = None;
        let bytes = file(11, &[head, b"\x00\x01k\x01v"].concat());
        read(&bytes, usize::MAX, Limits::default(), |event, _| {
            if let Event::Key(key) = event {
                found = Some((key.expires_at_ms, key.eviction));
            }
        })
        .unwrap();
        found.unwrap()
    };
    for ms in [0, -1, i64::MIN, i64::MAX] {
        assert_eq!(key(&[&[0xfc][..], &ms.to_le_bytes()].concat()), (Some(ms), Eviction::None));
    }
    for s in [0, -1, i32::MIN, i32::MAX] {
        assert_eq!(key(&[&[0xfd][..], &s.to_le_bytes()].concat()).0, Some(i64::from(s) * 1000));
    }
    let idle = [&[0xf8][..], &long_length(1 << 63)].concat();
    assert_eq!(key(&[b"\xf9\xff", &idle[..]].concat()).1, Eviction::Idle(1 << 63));
    assert_eq!(key(&[&idle[..], b"\xf9\xff"].concat()).1, Eviction::Freq(255));
    // Nothing of it passes to the next key.
    let mut heads = Vec::new();
    read(&file(11, b"\xfc\x01\0\0\0\0\0\0\0\xf9\x07\x00\x01a\x01v\x00\x01b\x01v"), usize::MAX, Limits::default(), |event, _| {
        if let Event::Key(key) = event {
            heads.push((key.expires_at_ms, key.eviction));
        }
    })
    .unwrap();
    assert_eq!(heads, [(Some(1), Eviction::Freq(7)), (None, Eviction::None)]);
}

/// Item 24: a million small items are read one by one.
#[test]
fn a_long_module_value_is_read_item_by_item() {
    const ITEMS: usize = 1_000_000;
    let body = [&long_length(1 << 60)[..], &b"\x02\x05".repeat(ITEMS), &[0]].concat();
    let mut items = 0;
    read(&value(7, &body), 65536, Limits::default(), |event, _| {
        items += usize::from(matches!(event, Event::Value(Part::Module(_))));
    })
    .unwrap();
    assert_eq!(items, ITEMS + 2, "the id, the items and the end");
}

/// Opcodes that a server would never repeat must not cost more than linear time.
#[test]
fn a_key_head_has_an_end() {
    let head = b"\xf9\x01".repeat(500_000);
    let bytes = file(11, &[&head[..], b"\x00\x01k\x01v"].concat());
    for chunk in [usize::MAX, 4096, 1] {
        let error = read(&bytes, chunk, Limits::default(), |_, _| ()).unwrap_err();
        assert_eq!((error.code(), error.offset()), (BAD_VALUE, BODY_AT + 16 * 2), "{error}");
    }
    let few = file(11, &[&head[..8], b"\x00\x01k\x01v"].concat());
    assert!(outcome(&few).is_ok(), "the last of a kind counts");
}

/// Item 40: text that looks like an encoded string is text.
#[test]
fn strings_are_decoded_once() {
    let mut found = Vec::new();
    read(&value(0, &hex("c3 06 05 04 c3 01 01 00 61")), usize::MAX, Limits::default(), |event, _| {
        if let Event::Value(Part::Bytes { piece, .. }) = event {
            found.push(piece.to_vec());
        }
    })
    .unwrap();
    assert_eq!(found, [hex("c3 01 01 00 61")]);
}

/// Item 61: listpack integers of every width at their ends.
#[test]
fn packed_integers_keep_their_value() {
    let cases: &[(&str, i64)] = &[
        ("00", 0),
        ("7f", 127),
        ("c0 80", 128),
        ("cf ff", 4095),
        ("d0 00", -4096),
        ("df ff", -1),
        ("f1 ff7f", 32767),
        ("f1 0080", -32768),
        ("f2 ffff7f", 8_388_607),
        ("f2 000080", -8_388_608),
        ("f3 ffffff7f", 2_147_483_647),
        ("f3 00000080", -2_147_483_648),
        ("f4 ffffffffffffff7f", i64::MAX),
        ("f4 0000000000000080", i64::MIN),
    ];
    for (entry, expected) in cases {
        let entry = hex(entry);
        let blob = listpack(1, &[&entry[..], &[entry.len() as u8]].concat());
        let mut found = None;
        read(&packed(20, &blob), usize::MAX, Limits::default(), |event, _| {
            if let Event::Value(Part::Elements { elements, .. }) = event {
                elements
                    .each(|element| {
                        if let aikv::rdb::Element::Member(member) = element {
                            found = Some(member.to_vec());
                        }
                    })
                    .unwrap();
            }
        })
        .unwrap();
        assert_eq!(found, Some(Scalar::Int(*expected).to_vec()), "{entry:02x?}");
    }
}
