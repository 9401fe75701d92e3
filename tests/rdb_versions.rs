//! Every version by hand: files byte by byte from the format's description,
//! for versions that no server at hand writes, and vectors that were published.

mod support;

use aikv::rdb::{Checksum, Span, Version};
use serde_json::{Value, json};
use support::content::{Content, content, exact_score};
use support::{crc64, file, head, hex, intset, length, listpack, string, valkey_file, value, ziplist};

fn read(bytes: &[u8]) -> Content {
    content(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"))
}

/// Database, key, encoding and value of every key.
fn keys(bytes: &[u8]) -> Vec<(u64, String, &'static str, Value)> {
    read(bytes).keys.into_iter().map(|key| (key.db, String::from_utf8(key.key).unwrap(), key.encoding, key.value)).collect()
}

/// The only key's encoding and value.
fn only(bytes: &[u8]) -> (&'static str, Value) {
    let mut keys = keys(bytes);
    assert_eq!(keys.len(), 1);
    let (_, _, encoding, value) = keys.remove(0);
    (encoding, value)
}

#[test]
fn the_checksum_is_the_published_one() {
    assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
}

/// `k` = `v`: the bytes that every server from 2.6 on loads.
#[test]
fn the_universal_file() {
    let bytes = hex("524544495330303036 FE00 00 016B 0176 FF ADA9765598181822");
    assert_eq!(bytes, file(6, b"\xfe\x00\x00\x01k\x01v"));
    let content = read(&bytes);
    assert_eq!((content.summary.version, content.summary.checksum), (Version::redis(6), Checksum::Verified));
    assert_eq!(keys(&bytes), [(0, "k".to_owned(), "string", json!("v"))]);
}

#[test]
fn every_version_is_read() {
    for version in 1..=15 {
        let bytes = file(version, b"\xfe\x02\x00\x01k\x01v");
        let content = read(&bytes);
        let expected = if version < 5 { Checksum::Absent } else { Checksum::Verified };
        assert_eq!(content.summary.version, Version::redis(version));
        assert_eq!((content.summary.checksum, content.summary.trailing), (expected, None), "version {version}");
        assert_eq!(keys(&bytes), [(2, "k".to_owned(), "string", json!("v"))], "version {version}");
    }
    let bytes = valkey_file(b"\xfe\x02\x00\x01k\x01v");
    let content = read(&bytes);
    assert_eq!((content.summary.version, content.summary.checksum), (Version::valkey(80), Checksum::Verified));
    assert_eq!(keys(&bytes), [(2, "k".to_owned(), "string", json!("v"))]);
}

/// RDB 1 to 4 end with the EOF opcode. Exactly eight bytes more are a checksum.
#[test]
fn what_follows_the_end_of_old_versions() {
    for version in 1..=4 {
        let bytes = file(version, b"\x00\x01k\x01v");
        let end = bytes.len() as u64;
        let with = |more: &[u8]| content(&[&bytes[..], more].concat()).map(|content| content.summary);

        let summary = with(&crc64(&bytes).to_le_bytes()).unwrap();
        assert_eq!((summary.checksum, summary.trailing), (Checksum::Verified, None), "version {version}");
        let summary = with(&[0; 8]).unwrap();
        assert_eq!((summary.checksum, summary.trailing), (Checksum::Off, None), "version {version}");
        let error = with(&(crc64(&bytes) ^ 1).to_le_bytes()).unwrap_err();
        assert_eq!((error.code(), error.offset()), ("bad-checksum", end), "version {version}");
        for more in [1, 7, 9, 100] {
            let summary = with(&vec![7; more]).unwrap();
            assert_eq!(summary.checksum, Checksum::Absent, "{more} bytes behind version {version}");
            assert_eq!(
                summary.trailing,
                Some(Span { start: end, end: end + more as u64 }),
                "{more} bytes behind version {version}"
            );
        }
    }
    for version in 5..=15 {
        let error = content(&head(version, b"\xff")).err().expect("no checksum");
        assert_eq!((error.code(), error.offset()), ("truncated", 10), "version {version}");
    }
}

/// Redis 1.x to 2.2: five types, expiries in seconds, several databases.
#[test]
fn version_1() {
    let list = [&b"\x01\x04list\x03\x01a\x01b"[..], &hex("c0 0c")].concat();
    let set = [&b"\x02\x03set\x02\x01x"[..], &hex("c1 e803")].concat();
    let zset = [&b"\x03\x04zset\x04\x01a\x031.5\x01b\xff\x01c\xfe\x01d\x02-0"[..]].concat();
    let hash = [&b"\x04\x04hash\x01\x01f"[..], &hex("c2 00000080")].concat();
    let compressed = [&b"\x00\x04long"[..], &hex("C3 12 43E8 01 6161 E0FF00 E0FF00 E0FF00 E0C300 01 6161")].concat();
    let body = [
        &b"\xfe\x00"[..],
        &list,
        &set,
        b"\xfe\x05",
        &zset,
        &hash,
        &[0xfd],
        &1_300_000_000i32.to_le_bytes(),
        b"\x00\x07expires\x01v",
        &compressed,
    ]
    .concat();
    let bytes = file(1, &body);
    let zset = json!([
        ["a", exact_score(1.5)],
        ["b", exact_score(f64::NEG_INFINITY)],
        ["c", exact_score(f64::INFINITY)],
        ["d", exact_score(-0.0)]
    ]);
    assert_eq!(
        keys(&bytes),
        [
            (0, "list".to_owned(), "list", json!(["a", "b", "12"])),
            (0, "set".to_owned(), "set", json!(["1000", "x"])),
            (5, "zset".to_owned(), "zset", zset),
            (5, "hash".to_owned(), "hash", json!({ "f": "-2147483648" })),
            (5, "expires".to_owned(), "string", json!("v")),
            (5, "long".to_owned(), "string", json!("a".repeat(1000))),
        ]
    );
    let expiries: Vec<Option<i64>> = read(&bytes).keys.iter().map(|key| key.expires_at_ms).collect();
    assert_eq!(expiries, [None, None, None, None, Some(1_300_000_000_000), None]);
}

/// Redis 2.4: zipmap, ziplist, intset. Its ziplists know integers of 16, 32 and 64 bits only.
#[test]
fn version_2() {
    let zipmap = hex("02 | 01 66 | 01 00 76 | 01 67 | 03 02 776f77 0000 | FF");
    let list = ziplist(4, 22, &hex("00 01 61 | 03 C0 2C01 | 04 D0 A0860100 | 06 03 656e64"));
    // The last entry starts behind 3 + 4 + 6 bytes.
    let list = [&list[..4], &(10u32 + 13).to_le_bytes(), &list[8..]].concat();
    let zset = ziplist(4, 21, &hex("00 01 61 | 03 03 312e35 | 05 01 62 | 03 C0 0200"));
    let set = intset(4, 3, &hex("01000000 02000000 70110100"));
    let body = [
        &b"\xfe\x00"[..],
        b"\x09\x04hash",
        &string(&zipmap),
        b"\x0a\x04list",
        &string(&list),
        b"\x0b\x03set",
        &string(&set),
        b"\x0c\x04zset",
        &string(&zset),
    ]
    .concat();
    assert_eq!(
        keys(&file(2, &body)),
        [
            (0, "hash".to_owned(), "hash-zipmap", json!({ "f": "v", "g": "wow" })),
            (0, "list".to_owned(), "list-ziplist", json!(["a", "300", "100000", "end"])),
            (0, "set".to_owned(), "set-intset", json!(["1", "2", "70000"])),
            (0, "zset".to_owned(), "zset-ziplist", json!([["a", exact_score(1.5)], ["b", exact_score(2.0)]])),
        ]
    );
}

/// Between 2.4 and 2.6: milliseconds (3), packed hashes (4), the checksum (5).
#[test]
fn versions_3_to_5() {
    let expires = [&[0xfc][..], &4_102_444_800_123i64.to_le_bytes(), b"\x00\x01k\x01v"].concat();
    assert_eq!(read(&file(3, &expires)).keys[0].expires_at_ms, Some(4_102_444_800_123));
    let hash = [&b"\x0d\x01h"[..], &string(&ziplist(2, 13, &hex("00 01 66 | 03 01 76")))].concat();
    assert_eq!(only(&file(4, &hash)), ("hash-ziplist", json!({ "f": "v" })));
    assert_eq!(only(&file(5, &hash)), ("hash-ziplist", json!({ "f": "v" })));
    let mut wrong = file(5, &hash);
    let end = wrong.len() as u64 - 8;
    wrong[end as usize - 3] ^= 0x20;
    let error = content(&wrong).err().expect("a changed byte");
    assert_eq!((error.code(), error.offset()), ("bad-checksum", end));
}

/// Redis 2.6 to 3.0: ziplists with every integer form.
#[test]
fn version_6() {
    let entries = "00 F1 | 02 FD | 02 FE 80 | 03 C0 0080 | 04 F0 000080 | 05 D0 00000080 | 06 E0 0000000000000080";
    let list = [&b"\x0a\x01l"[..], &string(&ziplist(7, 10 + 22, &hex(entries)))].concat();
    let expected = json!(["0", "12", "-128", "-32768", "-8388608", "-2147483648", "-9223372036854775808"]);
    assert_eq!(only(&file(6, &list)), ("list-ziplist", expected));
    // DUMP of "x" for a 2.6 to 3.0 server, without version and checksum.
    assert_eq!(only(&value(0, &hex("0178"))), ("string", json!("x")));
}

/// Redis 3.2: aux fields, sizes, lists of ziplists.
#[test]
fn version_7() {
    let nodes =
        [length(2), string(&ziplist(2, 13, &hex("00 01 61 | 03 01 62"))), string(&ziplist(1, 10, &hex("00 FE 64")))].concat();
    let body = [&b"\xfa\x09redis-ver\x053.2.6\xfa\x0aredis-bits\xc0\x40\xfe\x00\xfb\x01\x00\x0e\x01l"[..], &nodes].concat();
    let content = read(&file(7, &body));
    assert_eq!(content.aux, [(b"redis-ver".to_vec(), b"3.2.6".to_vec()), (b"redis-bits".to_vec(), b"64".to_vec())]);
    assert_eq!((content.keys[0].encoding, &content.keys[0].value), ("list-quicklist", &json!(["a", "b", "100"])));
}

/// Redis 4.0: binary scores, 64-bit lengths, modules.
#[test]
fn version_8() {
    let zset = [&b"\x05\x01z\x02\x01b"[..], &(-2.5f64).to_le_bytes(), b"\x01a", &0.1f64.to_le_bytes()].concat();
    assert_eq!(only(&file(8, &zset)), ("zset-2", json!([["a", exact_score(0.1)], ["b", exact_score(-2.5)]])));
    let long = hex("00 81 0000000000000001 6B 81 0000000000000001 76");
    assert_eq!(keys(&file(8, &long)), [(0, "k".to_owned(), "string", json!("v"))]);
    // The id of `vectorset`, encoding version 0, then an unsigned 5 and the end.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let name = "vectorset".chars().fold(0u64, |bits, c| bits << 6 | alphabet.find(c).unwrap() as u64);
    let module = [&b"\x07\x01m"[..], &support::long_length(name << 10), b"\x02\x05\x00"].concat();
    let content = read(&file(8, &module));
    assert_eq!(content.keys[0].encoding, "module-2");
    assert_eq!(content.keys[0].module.map(|id| (id.to_string(), id.encver())), Some(("vectorset".to_owned(), 0)));
}

/// A type is known by its byte, whatever the header says, as servers read it.
#[test]
fn newer_types_under_an_older_header() {
    let set = [&b"\x14\x01s"[..], &string(&listpack(2, &hex("816102 0501")))].concat();
    let dated = [&b"\x19\x01h"[..], &[0; 8], &string(&listpack(3, &hex("816602 817602 0001")))].concat();
    for version in [1, 6, 11] {
        assert_eq!(only(&file(version, &set)), ("set-listpack", json!(["5", "a"])), "version {version}");
        assert_eq!(only(&file(version, &dated)), ("hash-listpack-ex", json!({ "f": "v" })), "version {version}");
        let slot = [b"\xf4\x05\x01\x00", &set[..]].concat();
        assert_eq!(read(&file(version, &slot)).records, ["slot 5: 1 keys, 0 expire"], "version {version}");
    }
}

/// Values as Redis 7.0.15 dumped them.
#[test]
fn values_of_a_real_server() {
    let hash = hex("12|12000000 0400 816602 817602 816E02 0101 FF");
    assert_eq!(only(&value(16, &hash)), ("hash-listpack", json!({ "f": "v", "n": "1" })));
    let zset = hex("14|14000000 0400 816102 83312E3504 816202 0201 FF");
    assert_eq!(only(&value(17, &zset)), ("zset-listpack", json!([["a", exact_score(1.5)], ["b", exact_score(2.0)]])));
    let list = hex("01 02 1B|1B000000 0700 816102 816202 816302 0101 0201 C12C02 F178EC03 FF");
    assert_eq!(only(&value(18, &list)), ("list-quicklist-2", json!(["a", "b", "c", "1", "2", "300", "-5000"])));
    let set = hex("14|04000000 03000000 01000000 02000000 70110100");
    assert_eq!(only(&value(11, &set)), ("set-intset", json!(["1", "2", "70000"])));
    let text = hex("C3 12 43E8 01 6161 E0FF00 E0FF00 E0FF00 E0C300 01 6161");
    assert_eq!(only(&value(0, &text)), ("string", json!("a".repeat(1000))));
}

/// What only some versions of a server wrote.
#[test]
fn rare_records() {
    // A plain node beside a packed one.
    let list = [&length(2)[..], &[1], &string(b"plain"), &[2], &string(&listpack(1, &hex("0701")))].concat();
    assert_eq!(only(&value(18, &list)), ("list-quicklist-2", json!(["plain", "7"])));
    // A plain node may hold an integer as the string object allows it.
    assert_eq!(only(&value(18, &hex("01 01 C0 05"))).1, json!(["5"]));
    // A packed blob may be compressed.
    let blob = listpack(2, &hex("816602 817602"));
    let packed = [&[0xc3, blob.len() as u8 + 1, blob.len() as u8, blob.len() as u8 - 1][..], &blob].concat();
    assert_eq!(only(&value(16, &packed)), ("hash-listpack", json!({ "f": "v" })));
    // Lua scripts stand in aux fields behind the keys.
    let content = read(&file(9, b"\x00\x01k\x01v\xfa\x03lua\x08return 1"));
    assert_eq!(content.aux, [(b"lua".to_vec(), b"return 1".to_vec())]);
    // Valkey repeats its slot sizes inside a database.
    let content = read(&file(11, b"\xfe\x00\xfb\x01\x00\xfa\x09slot-info\x058,1,0\x00\x01k\x01v"));
    assert_eq!((content.aux.len(), content.keys.len()), (1, 1));
}
