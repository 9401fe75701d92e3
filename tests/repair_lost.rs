//! Repair behind bytes that nothing explains: records that go on there are found, and none is made up.

#![cfg(feature = "cli")]

mod common;
mod rewriting;

use aikv::jobs::{KeepReadable, RepairPlan};
use common::{Reply, Server, TempDir, data};
use rewriting::{Random, Record, damaged, records, snapshots};
use std::collections::BTreeSet;
use std::fs;

fn repair(file: &[u8]) -> (RepairPlan, Vec<u8>) {
    rewriting::repair(file, 1 << 16, KeepReadable::None)
}

#[test]
fn whatever_range_is_lost_no_key_is_made_up_and_most_others_stay() {
    let mut random = Random(0x5eed);
    let (mut cases, mut whole, mut kept) = (0, 0_usize, 0_usize);
    let mut made_up = 0;
    for path in snapshots() {
        let file = fs::read(&path).unwrap();
        let all = records(&file);
        if all.len() < 8 || file.len() > 100_000 {
            continue;
        }
        for how in 0..4 {
            for _ in 0..6 {
                let start = 9 + random.below(file.len() - 9);
                let most = [8, 64, 600][random.below(3)];
                let end = (start + 1 + random.below(most)).min(file.len());
                let broken = damaged(&file, start, end, how, &mut random);
                let (_, out) = repair(&broken);
                let found = records(&out);
                // Where records of the file begin, as far as their first byte is there still.
                let shift = if how == 3 { end - start } else { 0 };
                let mut starts = BTreeSet::new();
                let mut from = 0;
                for record in &all {
                    let at = from + file[from..].windows(record.bytes.len()).position(|bytes| bytes == record.bytes).unwrap();
                    from = at + record.bytes.len();
                    starts.insert(if at >= end { at - shift } else { at });
                }
                let same: BTreeSet<&Record> = all.iter().collect();
                for record in &found {
                    if same.contains(record) {
                        kept += 1;
                    } else if !starts.iter().any(|at| broken[*at..].starts_with(&record.bytes)) {
                        made_up += 1;
                        println!(
                            "{}: bytes {start} to {end}, way {how}: {} of {} bytes",
                            path.display(),
                            record.kind,
                            record.bytes.len()
                        );
                    }
                }
                whole += all.len();
                cases += 1;
            }
        }
    }
    // Bytes that are cut out move what follows, and what a strict reader takes for records then, this one does too.
    println!("{cases} cases: {kept} of {whole} keys are kept, {made_up} made up");
    assert!(
        cases > 2500 && kept * 100 > whole * 75 && made_up * 1000 < kept,
        "{cases} cases: {kept} of {whole} kept, {made_up} made up"
    );
}

/// Spans that are dropped, but for that of the checksum.
fn dropped(plan: &RepairPlan) -> Vec<(u64, u64)> {
    let spans = plan.ranges.iter().filter(|range| range.reason.as_ref().is_some_and(|reason| !reason.contains("checksum")));
    spans.map(|range| (range.span.start, range.span.end)).collect()
}

fn names(file: &[u8]) -> Vec<String> {
    records(file).into_iter().map(|record| String::from_utf8(record.key).unwrap()).collect()
}

/// A snapshot of these records in database 0, without a checksum.
fn snapshot(records: &[&[u8]]) -> Vec<u8> {
    [b"REDIS0011\xfe\x00\xfb\x07\x01", records.concat().as_slice(), b"\xff\0\0\0\0\0\0\0\0"].concat()
}

const PACKED: &[u8] = b"\x10\x01h\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x02\xff";
/// 2033-05-18.
const EXPIRING: &[u8] = b"\xfc\x00\x90\xf6\xcb\xd1\x01\x00\x00\x00\x01e\x01v";

#[test]
fn records_go_on_behind_zeros_where_a_key_expires_and_behind_a_packed_value() {
    let first: &[u8] = PACKED;
    let other = &PACKED.iter().map(|byte| if *byte == b'h' { b'i' } else { *byte }).collect::<Vec<_>>();
    let zeros: &[u8] = &[0; 40];
    let string: &[u8] = b"\0\x01s\x01v";
    for (behind, kept) in
        [([EXPIRING, string], vec!["h", "e", "s"]), ([string, EXPIRING], vec!["h", "e"]), ([other, string], vec!["h", "s"])]
    {
        let file = snapshot(&[first, zeros, behind[0], behind[1]]);
        let (plan, out) = repair(&file);
        assert_eq!(names(&out), kept, "{plan:?}");
        let from = 14 + first.len() as u64;
        assert_eq!(dropped(&plan).first().map(|span| span.0), Some(from), "{plan:?}");
    }
}

#[test]
fn a_length_that_claims_the_rest_of_the_file_costs_its_own_key() {
    let claiming: &[u8] = b"\0\x01c\x80\x10\0\0\0value";
    let file = snapshot(&[PACKED, claiming, EXPIRING, b"\0\x01s\x01v"]);
    let (plan, out) = repair(&file);
    assert_eq!(names(&out), ["h", "e", "s"], "{plan:?}");
    let from = 14 + PACKED.len() as u64;
    assert_eq!(dropped(&plan), [(from, from + claiming.len() as u64)]);
}

#[test]
fn the_end_of_a_lost_value_is_no_key() {
    // A field and a value behind a zero are the bytes of a string key.
    let tail: &[u8] = b"\x7f\x7f\0\x05field\x05value";
    let file = snapshot(&[PACKED, tail, EXPIRING]);
    let (plan, out) = repair(&file);
    assert_eq!(names(&out), ["h", "e"], "{plan:?}");
}

#[test]
fn a_string_in_front_of_lost_bytes_is_not_called_whole() {
    let cut: &[u8] = b"\0\x01c\x02ab\x7f\x7f";
    let file = snapshot(&[PACKED, cut, EXPIRING]);
    let (plan, out) = repair(&file);
    assert_eq!(names(&out), ["h", "e"], "{plan:?}");
    let from = 14 + PACKED.len() as u64;
    assert_eq!(dropped(&plan), [(from, from + 6), (from + 6, from + 8)]);
}

#[test]
fn string_keys_speak_for_one_another_where_no_value_looks_like_them() {
    let strings: Vec<Vec<u8>> = (b'k'..=b't').map(|name| vec![0, 1, name, 1, b'v']).collect();
    let mut records: Vec<&[u8]> = vec![PACKED, &[0x7f; 20]];
    records.extend(strings.iter().map(Vec::as_slice));
    let file = snapshot(&records);
    assert_eq!(names(&repair(&file).1), ["h", "l", "m", "n", "o", "p", "q", "r", "s", "t"], "all but the first");
    let mut later = file;
    later[5..9].copy_from_slice(b"0012");
    assert_eq!(names(&repair(&later).1), ["h"], "fields that expire look like them there");
}

#[test]
fn a_server_loads_all_that_is_kept_of_a_file_with_a_hole() {
    let mut resumed = 0;
    for server in ["redis-5.0", "redis-7.0", "redis-8.6", "valkey-9.1"] {
        for name in ["hashes.rdb", "lists.rdb", "sets.rdb", "strings.rdb", "zsets.rdb"] {
            let file = fs::read(data().join(server).join(name)).unwrap();
            let hole = file.len() / 4..file.len() / 4 + 300;
            let mut broken = file.clone();
            broken[hole.clone()].fill(0xff);
            let (plan, out) = repair(&broken);
            resumed += usize::from(dropped(&plan).len() > 1);
            let Some(program) = common::server(server) else { continue };
            let home = TempDir::new();
            fs::write(home.join("dump.rdb"), &out).unwrap();
            let running = Server::start(&program, home.path(), &[]).unwrap_or_else(|log| panic!("{server}/{name}: {log}"));
            assert_eq!(running.client().ask(&["DBSIZE"]), Reply::Int(plan.keys as i64), "{server}/{name}: {plan:?}");
        }
    }
    assert!(resumed > 5, "{resumed}");
}
