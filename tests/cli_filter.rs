//! `aikv filter`: what matches is there byte for byte, and servers load it.

#![cfg(feature = "cli")]

mod common;
mod rewriting;

use aikv::model::Dataset;
use common::{TempDir, data};
use rewriting::{Record, aikv, aikv_ends, records, snapshots};
use std::fs;

fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn without_a_rule_every_key_is_there_byte_for_byte_and_so_is_what_is_no_key() {
    let folder = TempDir::new();
    let (once, twice) = (folder.join("once"), folder.join("twice"));
    for path in snapshots() {
        aikv_ends(&["filter", text(&path), text(&once)], 0);
        let (original, copy) = (fs::read(&path).unwrap(), fs::read(&once).unwrap());
        assert_eq!(&copy[..9], &original[..9], "{}", path.display());
        assert_eq!(records(&copy), records(&original), "{}", path.display());
        let (original, copied) = (Dataset::decode(&original).unwrap(), Dataset::decode(&copy).unwrap());
        assert_eq!(copied, original, "{}", path.display());
        aikv_ends(&["check", text(&once)], 0);
        aikv_ends(&["filter", text(&once), text(&twice)], 0);
        assert!(fs::read(&twice).unwrap() == copy, "{}: filtered again it is the same", path.display());
    }
}

#[test]
fn what_matches_is_what_other_commands_say_matches() {
    type Rule = (&'static [&'static str], fn(&Record) -> bool);
    let rules: [Rule; 7] = [
        (&["-t", "hash", "-t", "zset"], |record| matches!(record.kind, "hash" | "zset")),
        (&["-d", "0"], |record| record.db == 0),
        (&["--glob", "*1*"], |record| record.key.contains(&b'1')),
        (&["-K", "1"], |record| !record.key.contains(&b'1')),
        (&["--bytes", "40~400"], |record| (40..=400).contains(&record.bytes.len())),
        (&["--bytes", "~60"], |record| record.bytes.len() <= 60),
        (&["--bytes", "61~"], |record| record.bytes.len() >= 61),
    ];
    let folder = TempDir::new();
    let out = folder.join("out");
    for name in [
        "redis-2.8/zsets",
        "redis-7.0/hashes",
        "redis-8.6/metadata",
        "redis-8.6/field_expiry",
        "valkey-9.1/streams",
        "redis-6.2/databases",
    ] {
        let path = data().join(name).with_extension("rdb");
        let all = records(&fs::read(&path).unwrap());
        for (args, is_meant) in rules {
            aikv_ends(&[&["filter", text(&path), text(&out)], args].concat(), 0);
            let expected: Vec<_> = all.iter().filter(|record| is_meant(record)).cloned().collect();
            assert_eq!(records(&fs::read(&out).unwrap()), expected, "{name}: {args:?}");
            aikv_ends(&["check", text(&out)], 0);
        }
    }
}

#[test]
fn a_log_is_refused_and_says_what_to_do() {
    let folder = TempDir::new();
    let out = folder.join("out");
    for name in ["redis-7.0/plain.aof", "redis-6.2/preamble.aof", "redis-7.0/appendonlydir"] {
        let told = aikv_ends(&["filter", text(&data().join(name)), text(&out)], 3);
        assert!(told.contains("aikv convert"), "{name}: {told}");
        assert!(folder.names().is_empty(), "{name}: {:?}", folder.names());
    }
}

#[test]
fn json_lines_have_no_bytes_to_keep() {
    let folder = TempDir::new();
    let (lines, out) = (folder.join("lines.jsonl"), folder.join("out"));
    aikv_ends(&["export", text(&data().join("redis-7.0/hashes.rdb")), "-o", text(&lines)], 0);
    let told = aikv_ends(&["filter", text(&lines), text(&out)], 3);
    assert!(told.contains("aikv convert"), "{told}");
    assert_eq!(folder.names(), ["lines.jsonl"]);
}

#[test]
fn an_output_that_cannot_be_made_leaves_the_old_one_alone() {
    let folder = TempDir::new();
    let (input, out) = (folder.join("in"), folder.join("out"));
    let original = fs::read(data().join("redis-7.0/hashes.rdb")).unwrap();
    fs::write(&out, "old").unwrap();
    for cut in [0, 5, 9, 40, original.len() / 2, original.len() - 1] {
        fs::write(&input, &original[..cut]).unwrap();
        aikv_ends(&["filter", text(&input), text(&out)], 3);
        assert_eq!((fs::read(&out).unwrap(), folder.names().len()), (b"old".to_vec(), 2), "{cut}");
    }
    aikv_ends(&["filter", text(&folder.join("none")), text(&out)], 3);
    let told = aikv_ends(&["filter", text(&input), text(&folder.join("no/such"))], 3);
    assert!(told.contains("cannot be written"), "{told}");
    if std::path::Path::new("/dev/full").exists() {
        fs::write(&input, &original).unwrap();
        assert_eq!(aikv(&["filter", text(&input), "/dev/full"]).status.code(), Some(3));
    }
    assert_eq!(fs::read(&out).unwrap(), b"old");
}
