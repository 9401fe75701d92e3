//! `aikv repair`: what is whole is kept byte for byte, what is not is listed, and the two add up.

#![cfg(feature = "cli")]

mod common;
mod rewriting;

use aikv::jobs::{KeepReadable, RepairPlan};
use common::{TempDir, data};
use rewriting::{Record, aikv, aikv_ends, errors, records, snapshots};
use std::fs;
use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn repair(file: &[u8], chunk: usize) -> (RepairPlan, Vec<u8>) {
    rewriting::repair(file, chunk, KeepReadable::None)
}

/// Small snapshots and logs, and what the second part of a test may take for granted: that they are whole.
fn small() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for path in snapshots() {
        let bytes = fs::read(&path).unwrap();
        let name = path.strip_prefix(data()).unwrap().display().to_string();
        if bytes.len() < 1500
            && ["redis-2.8", "redis-7.0", "redis-8.6", "valkey-9.1"].iter().any(|server| name.starts_with(server))
        {
            files.push((name, bytes));
        }
    }
    let mut log = fs::read(data().join("redis-7.0/functions_only.rdb")).unwrap();
    let commands = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n*1\r\n$4\r\nEXEC\r\n";
    files.push(("commands".into(), commands.to_vec()));
    log.extend_from_slice(commands);
    files.push(("commands behind a snapshot".into(), log));
    assert!(files.len() > 12, "{}", files.len());
    files
}

#[test]
fn what_is_whole_stays_as_it_is() {
    for path in snapshots() {
        let file = fs::read(&path).unwrap();
        let (plan, out) = repair(&file, 1 << 16);
        assert!(plan.is_whole() && plan.ranges.len() == 1, "{}: {plan:?}", path.display());
        assert_eq!(plan.keys, records(&file).len() as u64, "{}", path.display());
        assert!(out == file, "{}", path.display());
    }
    for (name, file) in small() {
        assert!(repair(&file, 7).1 == file, "{name}");
    }
}

fn is_log(name: &str) -> bool {
    name.starts_with("commands")
}

#[test]
fn of_a_file_cut_at_any_byte_every_whole_key_is_kept_and_no_other() {
    for (name, file) in small() {
        let all = if is_log(&name) { Vec::new() } else { records(&file) };
        for cut in 0..file.len() {
            let (plan, out) = repair(&file[..cut], 64);
            if plan.is_empty() {
                assert!(cut < 9 || is_log(&name), "{name} cut at {cut}");
                continue;
            }
            assert_eq!(errors(&out), [], "{name} cut at {cut}: {plan:?}");
            if is_log(&name) {
                continue;
            }
            let kept = records(&out);
            assert_eq!(kept, all[..kept.len()], "{name} cut at {cut}");
            // Each key whose last byte is there.
            let mut from = 0;
            let whole = |record: &&Record| {
                let at = file[from..].windows(record.bytes.len()).position(|window| window == record.bytes).unwrap();
                from += at + record.bytes.len();
                from <= cut
            };
            assert_eq!(kept.len(), all.iter().take_while(whole).count(), "{name} cut at {cut}");
        }
    }
}

#[test]
fn a_log_is_cut_behind_its_last_whole_command_and_before_an_open_multi() {
    let log = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\na\r\n";
    let first = 27;
    for cut in first..log.len() {
        let (plan, out) = repair(&log[..cut], 5);
        assert!(out == log[..first], "{cut}");
        assert_eq!(plan.is_whole(), cut == first);
    }
    assert!(repair(&log[..first - 1], 5).0.is_empty());
}

#[test]
fn whatever_byte_is_flipped_the_output_is_sound_and_repaired_again_the_same() {
    let mut alone = 0;
    for (name, file) in small() {
        for at in 0..file.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut broken = file.clone();
                broken[at] ^= flip;
                let (plan, out) = repair(&broken, 1 << 12);
                let in_pieces = repair(&broken, 33);
                assert_eq!((&in_pieces.0, &in_pieces.1), (&plan, &out), "{name}, byte {at} flipped by {flip}, in pieces");
                if plan.is_empty() {
                    continue;
                }
                assert_eq!(errors(&out), [], "{name}, byte {at} flipped by {flip}: {plan:?}");
                let (again, same) = repair(&out, 1 << 12);
                assert!(again.is_whole() && same == out, "{name}, byte {at} flipped by {flip}: {again:?}");
                alone += plan.dropped_records;
            }
        }
    }
    assert!(alone > 1000, "records were dropped alone: {alone}");
}

/// A hash whose listpack says more entries than it has, between two strings.
#[test]
fn a_value_that_is_broken_inside_goes_alone() {
    let file = fs::read(data().join("redis-7.0/hashes.rdb")).unwrap();
    let all = records(&file);
    let mut dropped_alone = 0;
    let mut start = 0;
    for (number, record) in all.iter().enumerate().filter(|(_, record)| record.bytes.len() < 200) {
        start += file[start..].windows(record.bytes.len()).position(|window| window == record.bytes).unwrap();
        let mut broken = file.clone();
        // The last byte of a listpack ends it.
        let last = start + record.bytes.len() - 1;
        if broken[last] != 0xff {
            continue;
        }
        broken[last] = 0xfe;
        let (plan, out) = repair(&broken, 1 << 16);
        let mut expected = all.clone();
        expected.remove(number);
        assert_eq!(records(&out), expected);
        let dropped: Vec<_> = plan.ranges.iter().filter(|range| range.reason.is_some()).collect();
        assert_eq!((dropped[0].span.start, dropped[0].span.end), (start as u64, last as u64 + 1), "{plan:?}");
        assert_eq!((plan.dropped_records, dropped.len()), (1, 2), "the key, and the checksum: {plan:?}");
        dropped_alone += 1;
    }
    assert!(dropped_alone > 3, "{dropped_alone}");
}

#[test]
fn exit_codes_and_the_report_say_what_became_of_the_file() {
    let folder = TempDir::new();
    let (input, out) = (folder.join("in"), folder.join("out"));
    let file = fs::read(data().join("redis-7.0/hashes.rdb")).unwrap();
    fs::write(&input, &file).unwrap();
    aikv_ends(&["repair", text(&input), text(&out)], 0);
    assert!(fs::read(&out).unwrap() == file);

    fs::write(&input, &file[..file.len() / 2]).unwrap();
    let told: serde_json::Value = serde_json::from_str(&aikv_ends(&["repair", text(&input), text(&out), "--json"], 1)).unwrap();
    assert_eq!(told["bytes"].as_u64(), Some(file.len() as u64 / 2));
    assert_eq!(told["kept_bytes"].as_u64().unwrap() + told["dropped_bytes"].as_u64().unwrap(), file.len() as u64 / 2);
    assert_eq!(told["keys"].as_u64(), Some(records(&fs::read(&out).unwrap()).len() as u64));
    aikv_ends(&["check", text(&out)], 0);
    let lines = aikv_ends(&["repair", text(&input), text(&out)], 1);
    assert!(lines.contains("dropped bytes ") && lines.contains(" to "), "{lines}");

    // Nothing can be read: what was there stays.
    let before = fs::read(&out).unwrap();
    for bytes in [&b""[..], b"REDIS", b"REDIS9999 and more", b"*3\r\n$3\r\nSET\r\n$1", b"PK\x03\x04 and more"] {
        fs::write(&input, bytes).unwrap();
        aikv_ends(&["repair", text(&input), text(&out)], 3);
        assert!(fs::read(&out).unwrap() == before);
    }
    aikv_ends(&["repair", text(&folder.join("none")), text(&out)], 3);
    aikv_ends(&["repair", text(&folder.join("")), text(&out)], 3);
    aikv_ends(&["repair", text(&input), text(&input)], 2);
    aikv_ends(&["repair", "-", text(&out)], 2);
    aikv_ends(&["repair", text(&input), "-"], 2);
    assert_eq!(folder.names(), ["in", "out"]);
    if Path::new("/dev/full").exists() {
        fs::write(&input, &file).unwrap();
        assert_eq!(aikv(&["repair", text(&input), "/dev/full"]).status.code(), Some(3));
    }
}

#[test]
fn a_check_goes_on_behind_broken_values_and_lost_bytes() {
    let dir = TempDir::new();
    let path = dir.path().join("damaged.rdb");
    let file = fs::read(data().join("redis-7.0/nocompress.rdb")).unwrap();
    let records = records(&file);
    let at = |key: &[u8]| {
        let record = records.iter().find(|record| record.key == key).unwrap();
        let start = file.windows(record.bytes.len()).position(|window| window == record.bytes).unwrap();
        start..start + record.bytes.len()
    };
    // The end of a hash's listpack, and the middle of a stream's.
    let (hash, stream) = (at(b"hash"), at(b"stream"));
    let mut broken = file.clone();
    broken[hash.end - 20..hash.end].fill(0);
    broken[stream.start + 120] ^= 0x55;
    fs::write(&path, &broken).unwrap();
    let told: Vec<String> = aikv_ends(&["check", text(&path)], 1).lines().map(String::from).collect();
    assert!(
        told[0].contains(&format!("byte {}", hash.end - 1))
            && told[0].ends_with("key \"hash\" (hash-listpack), db 0 [bad-packed]"),
        "{told:?}"
    );
    assert!(told[1].contains("key \"stream\"") && told[1].ends_with("[bad-packed]"), "{told:?}");
    assert_eq!(told[2], format!("{}: {} keys read, 2 errors, 0 warnings", text(&path), records.len() - 2));
    // A length that claims the rest of the file: the keys in front of the lost bytes are told by the next that is sure.
    let mut lost = file.clone();
    lost[hash.start + 1..hash.start + 6].copy_from_slice(&[0x80, 0x7f, 0xff, 0xff, 0xff]);
    fs::write(&path, &lost).unwrap();
    let told = aikv_ends(&["check", text(&path)], 1);
    let sure = told.split("; keys are sure again at byte ").nth(1).unwrap().split(|c: char| !c.is_ascii_digit()).next().unwrap();
    let sure: usize = sure.parse().unwrap();
    assert!(records.iter().any(|record| at(&record.key).start == sure), "{told}");
    assert!(told.contains("1 error, 0 warnings"), "{told}");
    // Only some keys, and what cannot be read twice: as far as it goes.
    let some = aikv_ends(&["check", text(&path), "--key", "x"], 1);
    assert!(some.contains("; reading ended there"), "{some}");
}
