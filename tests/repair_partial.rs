//! Keys whose values are broken inside, kept with what of these is readable: real servers load them.

#![cfg(feature = "cli")]

mod common;
#[path = "common/counting.rs"]
mod counting;
mod rewriting;
mod support;

use aikv::error::Fault;
use aikv::jobs::{Flow, Job, KeepReadable, Reader, Repair, Rows};
use aikv::model::{Dataset, Entry, Value};
use aikv::rdb::{Event, Eviction, Kind};
use aikv::wire::Limits;
use common::{Client, Reply, Server, TempDir, data};
use rewriting::{aikv_ends, errors, repair};
use std::collections::BTreeSet;
use std::fs;
use std::time::SystemTime;

/// 2033-05-18.
const EXPIRES_AT_MS: i64 = 2_000_000_000_000;
/// What stands in front of keys and is no value type.
const FIRST_OPCODE: u8 = 0xf0;

/// A key of a snapshot: its record, and how its value is stored.
struct Found {
    db: u64,
    key: Vec<u8>,
    kind: Kind,
    encoding: &'static str,
    start: usize,
    end: usize,
}

fn found(file: &[u8]) -> Vec<Found> {
    struct Keys(Rows, Vec<Found>);
    impl Job for Keys {
        fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
            if let Some(row) = self.0.push(event)? {
                let (kind, encoding) = (row.value_type.kind(), row.value_type.name());
                let (start, end) = (row.span.start as usize, row.span.end as usize);
                self.1.push(Found { db: row.db, key: row.key.to_vec(), kind, encoding, start, end });
            }
            Ok(Flow::Continue)
        }
    }
    let (mut keys, mut reader) = (Keys(Rows::new(), Vec::new()), Reader::new(Limits::default()));
    reader.feed(file, &mut keys).unwrap();
    reader.finish().unwrap();
    keys.1
}

/// The record with its last bytes lost, if its value is packed and stands there as it is; else with its last score no number.
fn broken(record: &[u8], found: &Found) -> Option<Vec<u8>> {
    let is_packed = ["listpack", "ziplist", "quicklist"].iter().any(|form| found.encoding.contains(form));
    let value = record.len() - found.key.len();
    let mut broken = record.to_vec();
    match record.last() {
        Some(0xff) if is_packed && value > 24 => broken[record.len() - value / 4..].fill(0),
        Some(_) if found.kind == Kind::Zset && !is_packed && record.len() > 40 => {
            broken[record.len() - 8..].copy_from_slice(&f64::NAN.to_le_bytes());
        }
        _ => return None,
    }
    Some(broken)
}

/// The file with every `step`th of the keys whose values can be damaged so, and an expiry in front of each that has no head of its own.
fn damaged(file: &[u8], step: usize, phase: usize) -> (Vec<u8>, Vec<(u64, Vec<u8>)>) {
    let (mut out, mut end, mut number) = (Vec::new(), 0, 0);
    let mut keys = Vec::new();
    for found in found(file) {
        let record = &file[found.start..found.end];
        let Some(broken) = broken(record, &found) else { continue };
        number += 1;
        if number % step != phase {
            continue;
        }
        out.extend_from_slice(&file[end..found.start]);
        if record[0] < FIRST_OPCODE {
            out.push(0xfc);
            out.extend_from_slice(&EXPIRES_AT_MS.to_le_bytes());
        }
        out.extend_from_slice(&broken);
        end = found.end;
        keys.push((found.db, found.key));
    }
    out.extend_from_slice(&file[end..]);
    (out, keys)
}

fn texts(reply: Reply) -> Vec<Vec<u8>> {
    let Reply::Array(list) = reply else { panic!("{reply:?}") };
    let text = |reply| if let Reply::Bytes(text) = reply { text } else { panic!("{reply:?}") };
    list.into_iter().map(text).collect()
}

/// What a server says of a key's value, and what it should say: the elements in an order of their own where they have none.
fn answers(client: &mut Client, key: &[u8], value: &Value) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut pairs = |command: &[&[u8]]| texts(client.ask(command));
    let (mut said, mut expected): (Vec<Vec<u8>>, Vec<Vec<u8>>) = match value {
        Value::List(list) => {
            return (pairs(&[b"LRANGE", key, b"0", b"-1"]), list.iter().map(|item| item.to_vec()).collect());
        }
        Value::Set(list) => (pairs(&[b"SMEMBERS", key]), list.iter().map(|item| item.to_vec()).collect()),
        Value::Hash(list) => {
            let said = pairs(&[b"HGETALL", key]).chunks(2).map(<[Vec<u8>]>::concat).collect();
            (said, list.iter().map(|field| [&field.field[..], &field.value].concat()).collect())
        }
        Value::Zset(list) => {
            let said = pairs(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]);
            let pair = |pair: &[Vec<u8>]| [&pair[0][..], b" ", score(&pair[1]).as_bytes()].concat();
            let expected = list.iter().map(|one| [&one.member[..], format!(" {}", one.score).as_bytes()].concat());
            (said.chunks(2).map(pair).collect(), expected.collect())
        }
        other => panic!("{other:?}"),
    };
    said.sort();
    expected.sort();
    (said, expected)
}

fn score(text: &[u8]) -> String {
    std::str::from_utf8(text).unwrap().parse::<f64>().unwrap().to_string()
}

/// Elements of the value, and whether all of them are those of another one, in its order where there is one.
fn is_part(part: &Value, whole: &Value) -> (usize, bool) {
    match (part, whole) {
        (Value::List(part), Value::List(whole)) => (part.len(), whole.starts_with(part)),
        (Value::Set(part), Value::Set(whole)) => (part.len(), part.iter().all(|one| whole.contains(one))),
        (Value::Zset(part), Value::Zset(whole)) => (part.len(), part.iter().all(|one| whole.contains(one))),
        (Value::Hash(part), Value::Hash(whole)) => (part.len(), part.iter().all(|one| whole.contains(one))),
        _ => panic!("{part:?}, {whole:?}"),
    }
}

fn entry<'d>(dataset: &'d Dataset, (db, key): &(u64, Vec<u8>)) -> Option<&'d Entry> {
    dataset.databases.get(db).and_then(|database| database.get(&key[..]))
}

/// Whether anything stands in front of the key.
fn has_head(entry: &Entry) -> bool {
    entry.expires_at_ms.is_some() || entry.eviction != Eviction::None || !entry.metadata.is_empty()
}

/// Whether a time to live is one that ends then: a minute is time enough for the server and the test.
fn is_at(time_to_live: Reply, expires_at_ms: i64) -> bool {
    let Reply::Int(left) = time_to_live else { panic!("{time_to_live:?}") };
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    left > 0 && (now + left - expires_at_ms).abs() < 60_000
}

const FIXTURES: [&str; 10] =
    ["hashes", "lists", "sets", "zsets", "field_expiry", "expiry", "lru", "lfu", "nocompress", "metadata"];

#[test]
fn what_is_readable_of_broken_values_is_loaded_by_the_server_that_wrote_them() {
    let (mut all_kinds, mut heads, mut expiring) = (BTreeSet::new(), 0, 0);
    for server in common::SERVERS {
        let (mut partial, mut kinds) = (0, BTreeSet::new());
        for name in FIXTURES {
            let path = data().join(server).join(format!("{name}.rdb"));
            let Ok(file) = fs::read(&path) else { continue };
            let before = Dataset::decode(&file).unwrap();
            for phase in 0..2 {
                let place = format!("{server}/{name}, {phase}");
                let (broken, keys) = damaged(&file, 2, phase);
                if keys.is_empty() {
                    continue;
                }
                let (plan, out) = repair(&broken, 1 << 16, KeepReadable::All);
                let pieces = repair(&broken, 61, KeepReadable::All);
                assert_eq!((&pieces.0, &pieces.1), (&plan, &out), "{place}");
                assert_eq!(errors(&out), [], "{place}");
                let after = Dataset::decode(&out).unwrap();
                let held: usize = after.databases.values().map(|database| database.len()).sum();
                assert_eq!(held as u64, plan.keys, "{place}");

                // Those that are not kept have nothing readable.
                let kept: Vec<_> = keys.iter().filter(|key| entry(&after, key).is_some()).collect();
                assert_eq!(kept.len() as u64, plan.partial_keys, "{place}: {plan:?}");
                let readable = plan.ranges.iter().filter_map(|range| range.readable);
                for (key, readable) in kept.iter().zip(readable) {
                    let place = format!("{place}: {}", key.1.escape_ascii());
                    let (old, new) = (entry(&before, key).unwrap(), entry(&after, key).unwrap());
                    let (elements, is_part) = is_part(&new.value, &old.value);
                    assert!(is_part, "{place}: {new:?}");
                    assert_eq!(elements as u64, readable.elements, "{place}");
                    assert!(readable.stated.is_none_or(|stated| stated > readable.elements), "{place}: {readable:?}");
                    assert_eq!((new.eviction, &new.metadata), (old.eviction, &old.metadata), "{place}");
                    let expiry = if has_head(old) { old.expires_at_ms } else { Some(EXPIRES_AT_MS) };
                    assert_eq!(new.expires_at_ms, expiry, "{place}");
                    heads += usize::from(has_head(old));
                    kinds.insert(new.value.kind().name());
                }
                partial += kept.len();

                // Its module is another project's.
                let Some(program) = common::server(server).filter(|_| name != "metadata") else { continue };
                let home = TempDir::new();
                fs::write(home.join("dump.rdb"), &out).unwrap();
                let running = Server::start(&program, home.path(), &[]).unwrap_or_else(|log| panic!("{place}: {log}"));
                let mut client = running.client();
                for key in kept {
                    let place = format!("{place}: {}", key.1.escape_ascii());
                    client.ask(&["SELECT", &key.0.to_string()]);
                    let (said, expected) = answers(&mut client, &key.1, &entry(&after, key).unwrap().value);
                    assert_eq!(said, expected, "{place}");
                    let entry = entry(&after, key).unwrap();
                    if let Some(expires_at_ms) = entry.expires_at_ms {
                        assert!(is_at(client.ask(&[b"PTTL", &key.1[..]]), expires_at_ms), "{place}");
                    }
                    if let Value::Hash(fields) = &entry.value {
                        for field in fields {
                            let Some(expires_at_ms) = field.expires_at_ms else { continue };
                            let reply = client.ask(&[b"HPTTL", &key.1[..], b"FIELDS", b"1", &field.field]);
                            let Reply::Array(mut replies) = reply else { panic!("{place}: {reply:?}") };
                            assert!(is_at(replies.remove(0), expires_at_ms), "{place}");
                            expiring += 1;
                        }
                    }
                }
            }
        }
        println!("{server}: {partial} keys in part: {kinds:?}");
        assert!(partial > 5 && kinds.is_superset(&BTreeSet::from(["hash", "list", "zset"])), "{server}: {partial}, {kinds:?}");
        all_kinds.extend(kinds);
    }
    assert!(all_kinds.contains("set"), "{all_kinds:?}");
    assert!(heads > 10 && expiring > 0, "{heads} with something in front of them, {expiring} fields that expire");
}

/// A snapshot of these records in database 0, without a checksum.
fn snapshot(records: &[&[u8]]) -> Vec<u8> {
    [b"REDIS0011\xfe\x00", records.concat().as_slice(), b"\xff\0\0\0\0\0\0\0\0"].concat()
}

/// Three pairs in a listpack, the last without its value.
const HALF_PAIR: &[u8] = b"\x10\x01h\x16\x16\0\0\0\x05\0\x81f\x02\x81v\x02\x81g\x02\x81w\x02\x81x\x02\xff";
/// One whose second pair was zeroed.
const ZEROED: &[u8] = b"\xfd\x00\x94\x35\x77\x10\x01z\x13\x13\0\0\0\x04\0\x81f\x02\x81v\x02\0\0\0\0\0\0\0";
const STRING: &[u8] = b"\0\x01s\x01v";

/// Keys of the file that is kept, with their elements.
fn kept(file: &[u8], keeps: KeepReadable) -> Vec<(String, usize)> {
    let (_, out) = repair(file, 7, keeps);
    assert_eq!(errors(&out), []);
    let dataset = Dataset::decode(&out).unwrap();
    let keys = dataset.databases.get(&0).into_iter().flatten();
    let len = |value: &Value| if matches!(value, Value::String(_)) { 1 } else { is_part(value, value).0 };
    let mut keys: Vec<_> = keys.map(|(key, entry)| (String::from_utf8_lossy(key).into_owned(), len(&entry.value))).collect();
    keys.sort();
    keys
}

fn names(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
    expected.iter().map(|(key, elements)| ((*key).to_string(), *elements)).collect()
}

#[test]
fn broken_values_are_left_out_unless_they_are_chosen() {
    let file = snapshot(&[HALF_PAIR, ZEROED, STRING]);
    let second = 11 + HALF_PAIR.len() as u64;
    assert_eq!(kept(&file, KeepReadable::None), names(&[("s", 1)]));
    assert_eq!(kept(&file, KeepReadable::All), names(&[("h", 2), ("s", 1), ("z", 1)]));
    // A record begins with the expiry, and its row may be known by any of its bytes.
    for offset in [second, second + 5] {
        assert_eq!(kept(&file, KeepReadable::At([offset, 4].into())), names(&[("s", 1), ("z", 1)]));
    }
    assert_eq!(kept(&file, KeepReadable::At([second - 1].into())), names(&[("h", 2), ("s", 1)]));
}

#[test]
fn what_could_be_kept_is_said_of_what_is_not() {
    let file = snapshot(&[HALF_PAIR, ZEROED, STRING]);
    for (keeps, is_rewritten) in [(KeepReadable::None, false), (KeepReadable::All, true)] {
        let (plan, _) = repair(&file, 1 << 16, keeps);
        let told: Vec<_> = plan.ranges.iter().filter_map(|range| Some((range.readable?, range.is_rewritten()))).collect();
        let told: Vec<_> = told.iter().map(|(readable, is)| (readable.elements, readable.stated, *is)).collect();
        assert_eq!(told, [(2, Some(3), is_rewritten), (1, Some(2), is_rewritten)]);
        let partial = if is_rewritten { 2 } else { 0 };
        assert_eq!((plan.keys, plan.partial_keys, plan.dropped_records), (1 + partial, partial, 2 - partial));
    }
}

#[test]
fn what_stands_twice_in_a_value_is_kept_once_and_the_first_counts() {
    let hash: &[u8] = b"\x04\x01h\x03\x01f\x01v\x01g\x01w\x01f\x01x";
    let set: &[u8] = b"\x02\x01t\x03\x01a\x01b\x01a";
    let file = snapshot(&[hash, set, STRING]);
    assert_eq!(kept(&file, KeepReadable::All), names(&[("h", 2), ("s", 1), ("t", 2)]));
    let (plan, out) = repair(&file, 1 << 16, KeepReadable::All);
    let Value::Hash(fields) = &Dataset::decode(&out).unwrap().databases[&0][&b"h"[..]].value else { panic!() };
    assert_eq!(fields.iter().map(|field| &field.value[..]).collect::<Vec<_>>(), [b"v", b"w"]);
    assert_eq!(plan.ranges.iter().filter_map(|range| range.readable?.stated).collect::<Vec<_>>(), [3, 3]);
}

#[test]
fn a_key_that_stands_twice_is_not_kept_in_part_and_costs_no_other() {
    let whole: &[u8] = b"\x04\x01z\x01\x01a\x01b";
    for file in [
        snapshot(&[whole, ZEROED, STRING]),
        snapshot(&[whole, &HALF_PAIR.iter().map(|b| if *b == b'h' { b'z' } else { *b }).collect::<Vec<_>>(), STRING]),
    ] {
        assert_eq!(kept(&file, KeepReadable::All), names(&[("s", 1), ("z", 1)]));
        let (plan, _) = repair(&file, 1 << 16, KeepReadable::All);
        assert!(plan.ranges.iter().all(|range| range.readable.is_none()), "{plan:?}");
    }
}

#[test]
fn nothing_is_kept_where_no_element_is_sure() {
    let cases: &[(&str, &[u8])] = &[
        ("a listpack of zeros", b"\x10\x01h\x0d\x0d\0\0\0\x02\0\0\0\0\0\0\0\0"),
        ("an intset of no known width", b"\x0b\x01i\x0c\x03\0\0\0\x02\0\0\0\x01\0\x02\0"),
        ("a zipmap, whose entries nothing confirms", b"\x09\x01m\x0c\x02\x01f\x01\0v\x01g\x09\0w\xff"),
        ("the only entry of a ziplist in front of a fault", b"\x0a\x01l\x11\x11\0\0\0\x0d\0\0\0\x02\0\0\x01a\x07\x01b\xff"),
        ("a string", b"\0\x01c\xc3\x04\x06\0\0\0\xff"),
    ];
    for (what, record) in cases {
        let file = snapshot(&[record, STRING, b"\0\x01t\x01v"]);
        assert_eq!(kept(&file, KeepReadable::All), names(&[("s", 1), ("t", 1)]), "{what}");
        let (plan, _) = repair(&file, 1 << 16, KeepReadable::All);
        assert_eq!(plan.dropped_records, 1, "{what}: {plan:?}");
    }
}

#[test]
fn the_last_element_in_front_of_a_fault_is_kept_only_where_its_own_bytes_confirm_it() {
    // The third entry says another size of the second: either may be the damaged one.
    let ziplist: &[u8] = b"\x0a\x01l\x14\x14\0\0\0\x10\0\0\0\x03\0\0\x01a\x03\x01b\x07\x01c\xff";
    // 3 is not above 500: either may be the damaged one.
    let intset: &[u8] = b"\x0b\x01i\x10\x02\0\0\0\x04\0\0\0\x01\0\x02\0\xf4\x01\x03\0";
    // The header is wrong, and no entry.
    let count: &[u8] = b"\x0a\x01n\x11\x11\0\0\0\x0d\0\0\0\x09\0\0\x01a\x03\x01b\xff";
    let file = snapshot(&[ziplist, intset, count, STRING]);
    assert_eq!(kept(&file, KeepReadable::All), names(&[("i", 2), ("l", 1), ("n", 2), ("s", 1)]));
}

#[test]
fn a_hash_with_a_template_is_kept_as_a_plain_one() {
    let mut file = support::newer::redis_8_10();
    let record = found(&file).into_iter().find(|found| found.encoding == "hash-tmpl-lp-ref").unwrap();
    file[record.end - 3..record.end].fill(0);
    let (plan, out) = repair(&file, 1 << 16, KeepReadable::All);
    let readable: Vec<_> = plan.ranges.iter().filter_map(|range| range.readable).collect();
    assert_eq!((readable[0].elements, readable[0].stated, readable.len()), (1, Some(2), 1));
    let encodings: Vec<_> = found(&out).into_iter().filter(|found| found.key == record.key).map(|found| found.encoding).collect();
    assert_eq!(encodings, ["hash"]);
    let Value::Hash(fields) = &Dataset::decode(&out).unwrap().databases[&record.db][&record.key[..]].value else { panic!() };
    assert_eq!(
        fields.iter().map(|field| (&field.field[..], &field.value[..])).collect::<Vec<_>>(),
        [(&b"field1"[..], &b"1"[..])]
    );
}

/// A list of so many texts of 1000 bytes that take 18 in the file, and one that does not expand.
fn bomb(texts: u32) -> Vec<u8> {
    // One byte, and references that repeat it.
    let text: &[u8] = b"\xc3\x0e\x43\xe8\x00a\xe0\xff\x00\xe0\xff\x00\xe0\xff\x00\xe0\xc6\x00";
    let mut record = b"\x01\x01b\x80".to_vec();
    record.extend_from_slice(&(texts + 1).to_be_bytes());
    record.extend(text.repeat(texts as usize));
    record.extend_from_slice(b"\xc3\x04\x06\0\0\0\xff");
    record
}

#[test]
fn what_is_kept_of_a_value_takes_no_more_memory_than_an_item_may() {
    const MIB: usize = 1 << 20;
    let limits = Limits { max_item_bytes: MIB as u64 };
    for (texts, readable) in [(500, Some(500)), (20_000, None)] {
        let file = snapshot(&[&bomb(texts), STRING]);
        let mut plan = None;
        let peak = counting::peak(|| {
            let mut repair = Repair::of_snapshot([1, 2], limits).keeping_readable(KeepReadable::All);
            while let Some(rest) = repair.wanted().map(|offset| &file[offset as usize..]) {
                if rest.is_empty() && !repair.looks_again() {
                    break;
                }
                repair.feed(&rest[..rest.len().min(4096)]);
            }
            plan = Some(repair.finish(file.len() as u64));
        });
        let plan = plan.unwrap();
        assert_eq!(plan.ranges.iter().find_map(|range| range.readable).map(|readable| readable.elements), readable, "{plan:?}");
        assert!(peak < 4 * MIB, "{texts} texts: {peak} bytes");
    }
}

#[test]
fn whatever_byte_is_flipped_the_output_is_sound_and_has_nothing_left_to_repair() {
    let mut partial = 0;
    for server in ["redis-2.8", "redis-6.2", "redis-7.0", "redis-8.6", "valkey-9.1"] {
        for name in ["field_expiry", "lists", "expiry"] {
            let Ok(file) = fs::read(data().join(server).join(format!("{name}.rdb"))) else { continue };
            for at in 9..file.len().min(300) {
                for flip in [0x01, 0xff] {
                    let mut broken = file[..file.len().min(1500)].to_vec();
                    broken[at] ^= flip;
                    let place = format!("{server}/{name}, byte {at} flipped by {flip}");
                    let (plan, out) = repair(&broken, 1 << 12, KeepReadable::All);
                    assert_eq!(errors(&out), [], "{place}: {plan:?}");
                    let (again, same) = repair(&out, 1 << 12, KeepReadable::All);
                    assert!(again.is_whole() && same == out && again.keys == plan.keys, "{place}: {plan:?}, {again:?}");
                    partial += plan.partial_keys;
                }
            }
        }
    }
    assert!(partial > 100, "{partial} keys in part");
}

#[test]
fn the_command_keeps_what_is_readable_if_it_is_told_to() {
    let folder = TempDir::new();
    let (input, out) = (folder.join("in"), folder.join("out"));
    fs::write(&input, snapshot(&[HALF_PAIR, ZEROED, STRING])).unwrap();
    let (input, out) = (input.to_str().unwrap(), out.to_str().unwrap());
    let start = 11 + HALF_PAIR.len();
    let lines = aikv_ends(&["repair", input, out], 1);
    assert!(
        lines.contains(&format!("dropped bytes {start} to {}: 1 of 2 elements readable: expected", start + ZEROED.len())),
        "{lines}"
    );
    let lines = aikv_ends(&["repair", input, out, "--keep-readable"], 1);
    assert!(
        lines.contains(&format!("partly  bytes {start} to {}: 1 of 2 elements readable: expected", start + ZEROED.len())),
        "{lines}"
    );
    assert!(lines.contains(": 3 keys (2 in part), 0 commands, 0 records broken alone"), "{lines}");
    aikv_ends(&["check", out], 0);

    let told: serde_json::Value =
        serde_json::from_str(&aikv_ends(&["repair", input, out, "--keep-readable", "--json"], 1)).unwrap();
    assert_eq!(told["kept_bytes"].as_u64().unwrap() + told["dropped_bytes"].as_u64().unwrap(), told["bytes"].as_u64().unwrap());
    assert_eq!(
        (told["keys"].as_u64(), told["partial_keys"].as_u64(), told["dropped_records"].as_u64()),
        (Some(3), Some(2), Some(0))
    );
    let range = &told["ranges"][2];
    assert_eq!((range["start"].as_u64(), &range["kept"], &range["rewritten"]), (Some(start as u64), &false.into(), &true.into()));
    assert_eq!(range["readable"], serde_json::json!({ "elements": 1, "stated": 2 }));
}
