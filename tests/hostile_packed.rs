//! Hostile packed values: section 4.4 of the project's list of hostile inputs, whose numbers stand here.

mod support;

use aikv::rdb::{Element, Elements, Event, Part};
use aikv::wire::{Limits, Scalar};
use support::cases::{BAD_ENCODING, BAD_PACKED, Cases};
use support::{VALUE_AT, cut_value, file, hex, intset, listpack, outcome, read, string, value, ziplist};

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

/// Fields with their expiries: the entries of types 23 and 25.
#[test]
fn dated_listpacks() {
    let mut cases = Cases::default();
    // A field of one byte, value 1 and an expiry of 8 bytes take 3 + 2 + 10 bytes.
    let never = |field: u8| [&[0x81, field][..], &hex("02 0101 0001")].concat();
    let at = |field: u8, ms: i64| [&[0x81, field][..], &hex("02 0101"), &[0xf4], &ms.to_le_bytes(), &[9]].concat();
    let mut hash = |what: &str, count: u16, entries: &[Vec<u8>], entry: Option<u64>| {
        let blob = listpack(count, &entries.concat());
        let pre_ga = file(12, &[&b"\x17\x01k"[..], &string(&blob)].concat());
        let ga = file(12, &[&b"\x19\x01k"[..], &4_102_444_800_000i64.to_le_bytes(), &string(&blob)].concat());
        for (bytes, blob_at) in [(pre_ga, VALUE_AT + 1), (ga, VALUE_AT + 9)] {
            match entry {
                None => cases.good(62, what, bytes),
                Some(entry) => cases.bad(62, what, bytes, BAD_PACKED, blob_at + entry),
            }
        }
    };
    const MAX: i64 = (1 << 48) - 1;
    hash("sound", 9, &[at(b'a', 1), at(b'b', MAX), never(b'c')], None);
    hash("no expiry at all", 3, &[never(b'a')], None);
    hash("the same expiry twice", 6, &[at(b'a', 5), at(b'b', 5)], None);
    // The first entry stands behind the header of 6 bytes, an expiry 5 bytes behind its field.
    hash("not ascending", 6, &[at(b'a', 6), at(b'b', 5)], Some(6 + 15 + 5));
    hash("behind one that never expires", 6, &[never(b'a'), at(b'b', 5)], Some(6 + 7 + 5));
    hash("the last behind one that never expires", 6, &[never(b'a'), at(b'b', MAX)], Some(6 + 7 + 5));
    hash("beyond the last", 3, &[at(b'a', MAX + 1)], Some(6 + 5));
    hash("negative", 3, &[at(b'a', -1)], Some(6 + 5));
    hash("text", 3, &[hex("81 61 02 0101 81 78 02")], Some(6 + 5));
    hash("no expiry", 2, &[hex("81 61 02 0101")], Some(6 + 5));
    hash("no value", 4, &[never(b'a'), hex("81 62 02")], Some(6 + 7 + 3));
    hash("nothing", 0, &[], Some(0));
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
            for value_type in [9, 11, 12, 13, 16, 17, 23] {
                let bytes = cut_value(value_type, &string(blob));
                let error = outcome(&bytes).expect_err("the file is cut");
                assert!(error.offset() <= bytes.len() as u64, "{error}: outside of {bytes:02x?}");
            }
        }
    }
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
            if let Event::Value(Part::Elements { elements: elements @ Elements::Packed { .. }, .. }) = event {
                elements
                    .each(|element| {
                        if let Element::Member(member) = element {
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
