//! Hostile snapshots: what each must give, and at which byte.
//!
//! The numbers are those of the project's list of hostile inputs. Every case is
//! read whole and in chunks; kind and offset must be the same each time. Packed values
//! have their cases in `hostile_packed`, streams in `streams`, `DUMP` payloads in `dump_payloads`.

mod support;

use aikv::error::{ErrorKind, KeyPreview};
use aikv::rdb::{Checksum, Event, Eviction, Part, Span};
use aikv::wire::Limits;
use support::cases::{
    BAD_CHECKSUM, BAD_ENCODING, BAD_LENGTH, BAD_MAGIC, BAD_PACKED, BAD_VALUE, Cases, TRUNCATED, UNKNOWN_OPCODE, UNKNOWN_TYPE,
    UNREADABLE_TYPE, UNSUPPORTED,
};
use support::{
    VALUE_AT, cut_value, file, head, hex, length, listpack, long_length, outcome, read, string, valkey_file, value, ziplist,
};

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
    for digits in ["0000", "0016", "0080", "1011", "9999"] {
        cases.bad(5, format!("version {digits}"), format!("REDIS{digits}"), UNSUPPORTED, 5);
    }
    cases.good(6, "VALKEY080", valkey_file(b""));
    for digits in ["000", "011", "079", "081", "999"] {
        cases.bad(6, format!("Valkey version {digits}"), format!("VALKEY{digits}"), UNSUPPORTED, 6);
    }
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
    // 242 and 243 have a meaning only from some version on, and in one dialect.
    for byte in [0xf0, 0xf1] {
        cases.bad(12, format!("opcode {byte:02X}"), head(15, &[byte, 1, b'k', 0]), UNKNOWN_OPCODE, BODY_AT);
        cases.bad(12, format!("opcode {byte:02X} of Valkey"), valkey_file(&[byte, 1, b'k', 0]), UNKNOWN_OPCODE, BODY_AT);
    }
    for version in [1, 11, 12] {
        cases.bad(12, format!("opcode F3 in version {version}"), head(version, b"\xf3\x01k\0"), UNKNOWN_OPCODE, BODY_AT);
    }
    for version in [1, 13, 14] {
        cases.bad(12, format!("opcode F2 in version {version}"), head(version, b"\xf2\x01k\0"), UNKNOWN_OPCODE, BODY_AT);
    }
    cases.bad(12, "opcode F2 of Valkey", valkey_file(b"\xf2\x01k\0"), UNKNOWN_OPCODE, BODY_AT);
    for byte in [8, 33, 34, 99, 0xef] {
        cases.bad(13, format!("type {byte}"), value(byte, b"\x01v"), UNKNOWN_TYPE, BODY_AT);
        let behind_expiry = [&[0xfc][..], &[0; 8], &[byte, 1, b'k', 1, b'v']].concat();
        cases.bad(13, format!("type {byte} behind an expiry"), file(11, &behind_expiry), UNKNOWN_TYPE, BODY_AT + 9);
    }
    // Numbers that meant other things in development versions, or one thing to each dialect.
    for (version, byte) in [(15, 6), (11, 6), (11, 22), (1, 22), (13, 27), (13, 28), (14, 29), (13, 29), (15, 33)] {
        let body = [byte, 1, b'k', 1, b'v'];
        cases.bad(13, format!("type {byte} in version {version}"), file(version, &body), UNREADABLE_TYPE, BODY_AT);
        let behind_idle = [&[0xf8, 7][..], &body].concat();
        cases.bad(13, format!("type {byte} behind an idle time"), file(version, &behind_idle), UNREADABLE_TYPE, BODY_AT + 2);
    }
    for byte in 23..=33 {
        cases.bad(13, format!("type {byte} of Valkey"), valkey_file(&[byte, 1, b'k', 1, b'v']), UNKNOWN_TYPE, BODY_AT);
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
    for opcode in [0xf0, 0xf1, 0xf2, 0xf3] {
        let body = [&[0xfc][..], &[0; 8], &[opcode, 1]].concat();
        cases.bad(21, format!("expiry, then opcode {opcode:02X}"), file(11, &body), BAD_VALUE, 18);
    }
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
    for slot in [16384, 1 << 63, u64::MAX] {
        let body = [&[0xf4][..], &long_length(slot), b"\x01\x01"].concat();
        cases.bad(26, format!("slot {slot}"), file(12, &body), BAD_LENGTH, ARGUMENT_AT);
    }
    let absurd = [&[0xf4][..], &length(16383), &long_length(1 << 63), &long_length(u64::MAX), b"\x00\x01k\x01v"].concat();
    cases.good(26, "absurd numbers of keys in a slot", file(12, &absurd));
    cases.good(26, "a slot-info of Valkey that is no number", valkey_file(b"\xfa\x09slot-info\x01x"));
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
        let behind_expiry = [&[0xfc][..], &[0; 8], &[value_type, 1, b'k', 0]].concat();
        cases.bad(42, format!("type {value_type} of none behind an expiry"), file(11, &behind_expiry), BAD_VALUE, VALUE_AT + 9);
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

/// Item 5: the number that is refused is told.
#[test]
fn a_refused_version_is_named() {
    for (header, dialect, version) in [("REDIS9999", "redis", 9999), ("REDIS0016", "redis", 16), ("VALKEY081", "valkey", 81)] {
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
    let error = outcome(&file(11, b"\xf9\x05\x06\x01k\x01v")).unwrap_err();
    assert!(error.to_string().contains("module-pre-ga") && error.to_string().contains("\"k\""), "{error}");
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
