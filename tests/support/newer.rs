//! Whole files with what came with RDB 12 to 15 and with Valkey 9.
//!
//! No server that writes RDB 14 or 15 is at hand, and release candidates wrote types 22 and 23. So
//! these are built byte by byte from the published layouts. Two files were published whole.

use super::{file, hex, length, listpack, string, valkey_file};

/// The name of a slot import's job.
pub(crate) const JOB: &[u8; 40] = b"0123456789abcdef0123456789abcdef01234567";

/// An array with three slots of the forms integer, float and short text, as Redis 8.8 loaded it.
pub(crate) fn published_array() -> Vec<u8> {
    hex("524544495330303134 FE00 1C 0161 03 01 02 00 01 FBFFFFFFFFFFFFFF 01 02 000000000000F83F \
         80000F4240 03 03616263 FF 89FC00D42D436C33")
}

/// A hash of Valkey 9 with a field that expires, as Valkey 9.1.2 loaded it.
pub(crate) fn published_hash_2() -> Vec<u8> {
    hex("56414C4B4559303830 FE00 16 0168 02 0166 0176 FFFFFFFFFFFFFFFF 0167 0177 00D8C32CBB030000 FF 5830C67BF690036C")
}

/// The record of a template at the head of a file.
pub(crate) fn template(id: u64, names: &[&str]) -> Vec<u8> {
    let names: Vec<u8> = names.iter().flat_map(|name| string(name.as_bytes())).collect();
    let count = if names.is_empty() { 0 } else { count_of(&names) };
    [&[0xf2][..], &length(id), &length(count), &names].concat()
}

/// How many strings of less than 64 bytes stand in `strings`.
fn count_of(mut strings: &[u8]) -> u64 {
    let mut count = 0;
    while let [len, rest @ ..] = strings {
        strings = &rest[usize::from(*len)..];
        count += 1;
    }
    count
}

/// The four bytes of a class of key metadata: 24 bits name, 5 bits version, 3 bits flags.
pub(crate) fn class(name: &str, version: u32, flags: u32) -> [u8; 4] {
    /// As `keymeta.c` of Redis 8.6 has it: the last two stand the other way round than for modules.
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    let name = name.chars().fold(0, |bits, c| bits << 6 | ALPHABET.find(c).expect("a character of a class") as u32);
    (name << 8 | version << 3 | flags).to_le_bytes()
}

/// Metadata of one class, with these items before the end.
pub(crate) fn key_meta(name: &str, version: u32, flags: u32, items: &[u8]) -> Vec<u8> {
    [&[0xf3, 1][..], &class(name, version, flags), items, &[0]].concat()
}

/// A stream of three entries and a group with two pending ones, the second without a consumer
/// where `returned` says so; then two producers, from the fourth generation on.
pub(crate) fn stream(generation: u8) -> Vec<u8> {
    // As Redis 7.0.15 dumped them: 1-1 f v, 1-2 f v2, 2-0 g h f i.
    let nodes = "01 10 0000000000000001 0000000000000001 4040 \
                 40000000 1800 0301 0001 0101 816602 0001 0201 0001 0001 817602 0401 0201 0001 0101 82763203 0401 \
                 0001 0101 DFFF02 0201 816702 816802 816602 816902 0801 FF";
    let group = "03 0200 0101 0000 03 01 0167 0102 02 \
                 02 0000000000000001 0000000000000001 0100000000000000 01 \
                 0000000000000001 0000000000000002 0200000000000000 05";
    let consumers = match generation {
        // The consumer has both.
        4 => "01 0163 0300000000000000 FFFFFFFFFFFFFFFF 02 0000000000000001 0000000000000001 0000000000000001 0000000000000002",
        // It has one, the other was handed back.
        5 => {
            "01 0163 0300000000000000 FFFFFFFFFFFFFFFF 01 0000000000000001 0000000000000001 \
             01 0000000000000001 0000000000000002"
        }
        other => panic!("generation {other}"),
    };
    // 3600 seconds, 100 ids each; p1 with ids "a" and 12, p2 with none; 3 added, 1 refused.
    let producers = "4E10 4064 02 | 027031 02 0161 0101 C00C 0102 | 027032 00 | 03 01";
    [hex(nodes), hex(group), hex(consumers), hex(producers)].concat()
}

/// Redis 7.4: hashes whose fields expire, in all their forms, and the size of a slot.
pub(crate) fn redis_7_4() -> Vec<u8> {
    // a = 1 and b = x expire at 2755482478325 and a millisecond later, c = 128 never.
    let packed = "816102 0101 F4F5E68D8F8102000009 816202 817802 F4F6E68D8F8102000009 816302 C08002 0001";
    let packed = string(&listpack(9, &hex(packed)));
    let body = [
        &b"\xfe\x00\xf4\x05\x05\x03"[..],
        // The expiry itself, or 0.
        b"\x16\x06pre-ga",
        &hex("02 81000002818F8DE6F5 0166 0176 00 0167 C005"),
        b"\x17\x0dpacked-pre-ga",
        &packed,
        // Milliseconds behind the first expiry, plus 1.
        b"\x18\x05dated",
        &hex("F5E68D8F81020000 03 01 0166 0176 00 0167 C005 43E8 0168 0177"),
        b"\x19\x06packed",
        &hex("F5E68D8F81020000"),
        &packed,
    ]
    .concat();
    file(12, &body)
}

/// Redis 8.6: metadata of keys among expiry and idle time, a stream with producers.
pub(crate) fn redis_8_6() -> Vec<u8> {
    let expiry = [&[0xfc][..], &4_102_444_800_000i64.to_le_bytes()].concat();
    let meta = key_meta("KMT1", 1, 1, &hex("0205 05046D657461"));
    let two = [&[0xf3, 2][..], &class("a_-9", 31, 0), &[0], &class("ABCD", 0, 7), &hex("01 81FFFFFFFFFFFFFFFF 00")].concat();
    let body = [
        &b"\xfe\x00"[..],
        // In the order of the server.
        &expiry,
        &meta,
        b"\x00\x01a\x01v",
        // In others.
        &meta,
        &expiry,
        b"\xf8\x0a\x00\x01b\x01v",
        b"\xf9\x07",
        &meta,
        &expiry,
        b"\x00\x01c\x01v",
        // Two classes, and nothing else.
        &two,
        b"\x02\x01d\x01\x01m",
        // Nothing of it passes to the next key.
        b"\x00\x01e\x01v",
        b"\x1a\x06stream",
        &stream(4),
    ]
    .concat();
    file(13, &body)
}

/// Redis 8.8: a stream whose group has a pending entry without a consumer, an array.
pub(crate) fn redis_8_8() -> Vec<u8> {
    // Slots: -5, 1.5, "abc", "ins", a text of 33 bytes, compressed, "zz"; the last insertion at 3.
    let array = "06 01 03 | 00 01 FBFFFFFFFFFFFFFF | 01 02 000000000000F83F | 02 03 03616263 | 03 03 03696E73 | \
                 04 00 C3 05 21 00 61 E0 17 00 | 80000F4240 03 027A7A";
    let bare = "01 00 | 81FFFFFFFFFFFFFFFE 00 C07B";
    let body = [&b"\xfe\x00\x1b\x06stream"[..], &stream(5), b"\x1c\x05array", &hex(array), b"\x1c\x04bare", &hex(bare)];
    file(14, &body.concat())
}

/// Redis 8.10: templates at the head of the file, and hashes in all four forms.
pub(crate) fn redis_8_10() -> Vec<u8> {
    let names = listpack(2, &hex("866669656C643107 866669656C643207"));
    let values = listpack(3, &hex("0701 0101 0201"));
    let body = [
        &template(0, &["age", "name", "email"])[..],
        &template(7, &["field1", "field2"]),
        b"\xfe\x00",
        b"\x1e\x0apacked-ref",
        &string(&values),
        b"\x20\x09array-ref\x00\xc0\x1e\x03Bob\x01@",
        b"\x1d\x0apacked-own\x00",
        &string(&names),
        &string(&values),
        b"\x1d\x06mixed1\x01\x02\x06field1\x06field2",
        &string(&values),
        b"\x1f\x09array-own\x01\x02\x06field1\x06field2\xc0\x01\xc0\x02",
        b"\x1f\x06mixed2\x00",
        &string(&names),
        b"\xc0\x01\xc0\x02",
        b"\x20\x01z\x07\x01x\x01y",
    ]
    .concat();
    file(15, &body)
}

/// Valkey 9: slot imports, sizes of slots, hashes whose fields expire.
pub(crate) fn valkey_9() -> Vec<u8> {
    let body = [
        &b"\xfa\x0avalkey-ver\x059.1.2\xf3"[..],
        &string(JOB),
        b"\x02\x00\x05",
        &length(10000),
        &length(16383),
        b"\xfe\x00\xfb\x02\x00\xfa\x09slot-info\x078,1,0,1\x16\x01h\x02\x01f\x01v",
        &(-1i64).to_le_bytes(),
        b"\x01g\xc0\x05",
        &4_102_444_800_000i64.to_le_bytes(),
        b"\x00\x01k\x01v",
    ]
    .concat();
    valkey_file(&body)
}

/// Redis Enterprise: numbers before a key, also between its expiry and its type.
pub(crate) fn enterprise() -> Vec<u8> {
    let expiry = [&[0xfc][..], &4_102_444_800_000i64.to_le_bytes()].concat();
    let body = [
        &b"\xfe\x00\x79\x05\x6b\x4a\x10\x00\x01a\x01v"[..],
        &expiry,
        b"\x79\x50\x00\x6b\x01\xf9\x07\x00\x01b\x01v",
        b"\x00\x01c\x01v\x79\x00",
    ]
    .concat();
    file(11, &body)
}

/// All of them, by name.
pub(crate) fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("published array", published_array()),
        ("published hash-2", published_hash_2()),
        ("Redis 7.4", redis_7_4()),
        ("Redis 8.6", redis_8_6()),
        ("Redis 8.8", redis_8_8()),
        ("Redis 8.10", redis_8_10()),
        ("Valkey 9", valkey_9()),
        ("Redis Enterprise", enterprise()),
    ]
}
