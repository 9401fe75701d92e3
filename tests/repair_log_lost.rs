//! Repair of a log goes on behind damage: nothing is made up, and what may be half of a transaction or of another database goes.

#![cfg(feature = "cli")]

mod common;
mod rewriting;

use aikv::aof::{Decoder, Event, write_command, write_marked};
use aikv::jobs::{KeepReadable, RepairPlan};
use common::{Reply, Server, TempDir, data};
use rewriting::{Random, aikv_ends, damaged, repair_counting};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// What becomes of a file, the new one, and how many bytes were read for it.
fn repair_in(file: &[u8], chunk: usize) -> (RepairPlan, Vec<u8>, usize) {
    repair_counting(file, chunk, KeepReadable::None)
}

/// As [`repair_in`]; the new file has to be whole, and is what is repaired of it.
fn repair(file: &[u8]) -> (RepairPlan, Vec<u8>) {
    let (plan, out, _) = repair_in(file, 1 << 16);
    assert_eq!(repair_in(file, 61).0, plan, "in pieces");
    let (again, same, _) = repair_in(&out, 1 << 16);
    assert!(again.is_whole() && same == out, "{plan:?}, again: {again:?}");
    assert_eq!(commands(&out).len() as u64, plan.commands, "{plan:?}");
    (plan, out)
}

/// A command: where it starts, the database that it is of, its words.
#[derive(Clone, Debug)]
struct Told {
    start: u64,
    db: Vec<u8>,
    words: Vec<Vec<u8>>,
}

impl Told {
    fn is(&self, name: &str) -> bool {
        self.words.len() == 1 && self.words[0].eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The commands of a log that is whole.
fn commands(log: &[u8]) -> Vec<Told> {
    let mut decoder = Decoder::new();
    let (mut left, mut told, mut db) = (log, Vec::new(), b"0".to_vec());
    while !left.is_empty() {
        let start = decoder.offset();
        let step = decoder.step(left).unwrap_or_else(|_| panic!("{}", log.escape_ascii()));
        left = &left[step.consumed..];
        if let Some(Event::Command(command)) = step.event {
            let words: Vec<_> = command.args().map(<[u8]>::to_vec).collect();
            if words.len() == 2 && words[0].eq_ignore_ascii_case(b"SELECT") {
                db.clone_from(&words[1]);
            }
            told.push(Told { start, db: db.clone(), words });
        }
    }
    decoder.finish().unwrap();
    told
}

/// Why ranges are dropped.
fn reasons(plan: &RepairPlan) -> Vec<((u64, u64), &str)> {
    plan.ranges.iter().filter_map(|range| Some(((range.span.start, range.span.end), range.reason.as_deref()?))).collect()
}

fn text(log: &[u8]) -> String {
    let words =
        |told: &Told| told.words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>().join(" ");
    commands(log).iter().map(words).collect::<Vec<_>>().join(", ")
}

fn command(words: &[&str]) -> Vec<u8> {
    let mut command = Vec::new();
    write_command(words, &mut command).unwrap();
    command
}

/// A log of these commands, by words.
fn log_of(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| command(&line.split(' ').collect::<Vec<_>>())).collect()
}

const HOLE: &[u8] = &[0xff; 40];

/// A log with a hole between two parts.
fn holed(before: &[&str], behind: &[&str]) -> Vec<u8> {
    [&log_of(before)[..], HOLE, &log_of(behind)].concat()
}

/// The logs of all servers, and those of several files one by one.
fn logs() -> Vec<(PathBuf, Vec<u8>)> {
    let mut logs = Vec::new();
    for server in common::SERVERS {
        for folder in [data().join(server), data().join(server).join("appendonlydir")] {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            let paths =
                entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "aof"));
            logs.extend(paths.map(|path| (path.clone(), fs::read(path).unwrap())));
        }
    }
    logs.sort();
    assert!(logs.len() > 20, "{}", logs.len());
    logs
}

/// The commands of a log, all of them in database 0.
fn in_one_database(log: &[u8]) -> Vec<u8> {
    let mut one = Vec::new();
    for mut told in commands(log) {
        if told.words[0].eq_ignore_ascii_case(b"SELECT") {
            told.words[1] = b"0".to_vec();
        }
        write_command(&told.words, &mut one).unwrap();
    }
    one
}

/// Commands kept of those that are there, by what is damaged how.
fn damage_many(name: &str, tenths: usize, change: fn(&[u8]) -> Vec<u8>) {
    let mut random = Random(0x5eed);
    let (mut cases, mut there, mut kept, mut before, mut changed, mut moved) = (0, 0_usize, 0_usize, 0_usize, 0, 0);
    for (path, file) in logs() {
        let file = change(&file);
        let all = commands(&file);
        let first = all[0].start as usize;
        for how in 0..4 {
            for _ in 0..40 {
                let start = first + random.below(file.len() - first);
                let most = [1, 8, 64, 600][random.below(4)];
                let end = (start + 1 + random.below(most)).min(file.len());
                let broken = damaged(&file, start, end, how, &mut random);
                let case = format!("{}: bytes {start} to {end}, way {how}", path.display());
                let (plan, out, _) = repair_in(&broken, 1 << 16);
                if plan.is_empty() {
                    continue;
                }
                let found = commands(&out);
                assert_eq!(found.len() as u64, plan.commands, "{case}: {plan:?}");
                let shift = if how == 3 { end - start } else { 0 };
                // The commands of the file by where they start in the damaged one, with their transaction.
                let mut starts = BTreeMap::new();
                let mut transaction = None;
                for (number, told) in all.iter().enumerate() {
                    if told.is("MULTI") {
                        transaction = Some(number);
                    }
                    let at = told.start as usize;
                    if at < start || at >= end {
                        starts.insert((if at >= end { at - shift } else { at }) as u64, (told, transaction));
                    }
                    if told.is("EXEC") {
                        transaction = None;
                    }
                }
                // Where the new file's commands stand in the damaged one.
                let mut offsets =
                    plan.ranges.iter().filter(|range| range.reason.is_none()).flat_map(|range| range.span.start..range.span.end);
                let mut read = 0;
                let mut of_transactions: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
                let mut selects_otherwise = false;
                for told in &found {
                    let at = offsets.nth((told.start - read) as usize).unwrap();
                    read = told.start + 1;
                    let Some((original, transaction)) = starts.get(&at) else {
                        panic!("{case}: byte {at} starts no command: {told:?}: {plan:?}")
                    };
                    // What has changed in a value, and is framed as before, nothing tells.
                    let is_same = original.words == told.words;
                    changed += usize::from(!is_same);
                    selects_otherwise |= !is_same && [original, told].iter().any(|told| told.words[0] == b"SELECT");
                    // In front of its own SELECT a MULTI does nothing in any database.
                    if !selects_otherwise && original.db != told.db && !told.is("MULTI") {
                        // Nothing that is left tells of another database.
                        let is_lost = |told: &&Told| (told.start as usize) < end && told.start as usize + 24 > start;
                        let left = all.iter().filter(|told| told.words[0] == b"SELECT" && !is_lost(told));
                        let names: BTreeSet<_> = left.map(|told| &told.db).collect();
                        assert_eq!(names.len(), 1, "{case}: {told:?} was of {:?}: {plan:?}", original.db);
                        moved += 1;
                    }
                    if let Some(transaction) = transaction {
                        of_transactions.entry(*transaction).or_default().push(is_same || how != 3 && original.words.len() > 1);
                    }
                }
                for (first, kept) in of_transactions {
                    let whole = all[first..].iter().position(|told| told.is("EXEC")).unwrap() + 1;
                    // Its MULTI or EXEC is another word now, or two commands became one.
                    let is_other = kept.contains(&false);
                    assert!(is_other || kept.len() == whole, "{case}: half of a transaction: {plan:?}");
                }
                there += starts.len();
                kept += found.len();
                before += starts.range(..start as u64).count();
                cases += 1;
            }
        }
    }
    println!(
        "{name}: {cases} cases: {kept} of {there} commands are kept, {before} of them stand before the damage; {changed} changed within, {moved} moved"
    );
    assert!(cases > 3000 && kept * 10 > there * tenths, "{cases} cases: {kept} of {there} kept");
}

#[test]
fn whatever_range_is_lost_commands_stay_whole_and_in_their_database() {
    damage_many("several databases", 6, <[u8]>::to_vec);
}

#[test]
fn of_a_log_of_one_database_most_commands_stay() {
    damage_many("one database", 9, in_one_database);
}

/// The reason of the only range that is dropped, but for what is broken.
fn other_reasons(plan: &RepairPlan) -> Vec<&str> {
    reasons(plan).into_iter().map(|(_, reason)| reason).filter(|reason| !reason.starts_with("expected ")).collect()
}

#[test]
fn commands_go_on_behind_a_hole_in_a_log_of_one_database() {
    let (before, behind) = (["SELECT 0", "SET a 1"], ["SET b 2", "SET c 3", "DEL a"]);
    let file = holed(&before, &behind);
    let (plan, out) = repair(&file);
    assert_eq!(text(&out), "SELECT 0, SET a 1, SET b 2, SET c 3, DEL a");
    let hole = log_of(&before).len() as u64;
    let [(span, reason)] = reasons(&plan)[..] else { panic!("{plan:?}") };
    assert_eq!(span, (hole, hole + HOLE.len() as u64));
    assert!(reason.starts_with("expected a command's *") && reason.contains(&format!("byte {hole}")), "{reason}");
}

#[test]
fn a_log_behind_a_snapshot_goes_on_too_and_offsets_count_from_the_start_of_the_file() {
    let file = fs::read(data().join("redis-6.2/preamble.aof")).unwrap();
    let all = commands(&file);
    let (at, next) = (all[1].start as usize, all[2].start);
    let mut broken = file.clone();
    broken[at] = 0;
    let (plan, out) = repair(&broken);
    let (span, reason) = reasons(&plan)[0];
    assert_eq!(span, (at as u64, next), "{plan:?}");
    assert!(reason.ends_with(&format!("byte {at}, db 0")), "{reason}");
    assert_eq!(out[..at], file[..at], "the snapshot and what is before the damage");
    assert_eq!(commands(&out).last().unwrap().words, all.last().unwrap().words, "{plan:?}");
}

#[test]
fn a_transaction_that_is_damaged_inside_goes_as_a_whole() {
    let log = [
        log_of(&["SELECT 0", "SET a 1", "MULTI", "SET t 1"]),
        HOLE.to_vec(),
        log_of(&["SET t 2", "EXEC", "SET b 2", "MULTI", "SET c 3", "EXEC", "SET d 4"]),
    ];
    let (plan, out) = repair(&log.concat());
    assert_eq!(text(&out), "SELECT 0, SET a 1, SET b 2, MULTI, SET c 3, EXEC, SET d 4");
    let starts = [log_of(&["SELECT 0", "SET a 1"]).len(), log[0].len(), log[0].len() + HOLE.len()].map(|start| start as u64);
    let told = reasons(&plan);
    assert_eq!(told.iter().map(|(span, _)| span.0).collect::<Vec<_>>(), starts, "{plan:?}");
    assert_eq!((told[0].1, told[2].1), ("a transaction whose end is lost", "a transaction whose start is lost"));
}

#[test]
fn the_end_of_a_transaction_behind_a_hole_takes_what_is_before_it_with_it() {
    for end in ["EXEC", "exec", "DISCARD"] {
        let (plan, out) = repair(&holed(&["SET a 1"], &["SET t 1", "SET t 2", end, "SET b 2", "MULTI", "SET c 3", "EXEC"]));
        assert_eq!(text(&out), "SET a 1, SET b 2, MULTI, SET c 3, EXEC", "{end}");
        assert_eq!(other_reasons(&plan), ["a transaction whose start is lost"]);
    }
    let (_, out) = repair(&holed(&["SET a 1"], &["SET b 1", "SET b 2", "MULTI", "SET c 3", "EXEC"]));
    assert_eq!(text(&out), "SET a 1, SET b 1, SET b 2, MULTI, SET c 3, EXEC", "none is open where one begins");
}

#[test]
fn transactions_that_do_not_fit_one_another_cost_no_others() {
    let (plan, out) = repair(&log_of(&["SET a 1", "MULTI", "SET t 1", "MULTI", "SET b 2", "EXEC", "SET c 3"]));
    assert_eq!(text(&out), "SET a 1, MULTI, SET b 2, EXEC, SET c 3", "{plan:?}");
    assert_eq!(reasons(&plan)[0].1, "a transaction whose end is lost");
    let (plan, out) = repair(&log_of(&["SET a 1", "EXEC", "SET b 2"]));
    assert_eq!(text(&out), "SET a 1, SET b 2", "{plan:?}");
    let (plan, out) = repair(&log_of(&["SET a 1", "MULTI", "SET t 1", "DISCARD", "SET b 2"]));
    assert_eq!(text(&out), "SET a 1, SET b 2", "{plan:?}");
}

#[test]
fn between_two_holes_nothing_is_kept_that_may_be_the_middle_of_a_transaction() {
    let middle = ["SET b 1", "SET b 2", "SET b 3", "SET b 4"];
    let log = |first: &[&str]| [&log_of(first)[..], HOLE, &log_of(&middle), HOLE, &log_of(&["SET c 1"])].concat();
    let (_, out) = repair(&log(&["SET a 1"]));
    assert_eq!(text(&out), "SET a 1, SET b 1, SET b 2, SET b 3, SET b 4, SET c 1", "this log has no transactions");
    let (plan, out) = repair(&log(&["MULTI", "SET a 1", "EXEC"]));
    assert_eq!(text(&out), "MULTI, SET a 1, EXEC, SET c 1");
    assert_eq!(other_reasons(&plan), ["it may be the middle of a transaction whose start and end are lost"]);
    // A few commands between two holes may be in a value.
    let (_, out) = repair(&[&log_of(&["SET a 1"])[..], HOLE, &log_of(&middle[..3]), HOLE, &log_of(&["SET c 1"])].concat());
    assert_eq!(text(&out), "SET a 1, SET c 1");
}

#[test]
fn commands_of_an_unknown_database_go_up_to_the_next_select() {
    const UNKNOWN: &str = "its database is not known: a SELECT may be lost";
    for (before, behind, kept, reason) in [
        (
            vec!["SELECT 3", "SET a 1"],
            vec!["SET b 2", "SELECT 3", "SET c 3"],
            "SELECT 3, SET a 1, SET b 2, SELECT 3, SET c 3",
            None,
        ),
        (
            vec!["SELECT 3", "SET a 1"],
            vec!["SET b 2", "SELECT 4", "SET c 3"],
            "SELECT 3, SET a 1, SELECT 4, SET c 3",
            Some(UNKNOWN),
        ),
        (vec!["SET a 1"], vec!["SET b 2", "SELECT 3", "SET c 3"], "SET a 1, SELECT 3, SET c 3", Some(UNKNOWN)),
        (vec!["SET a 1"], vec!["SELECT 3", "SET c 3"], "SET a 1, SELECT 3, SET c 3", None),
        (vec!["SELECT 1", "SELECT 2", "SET a 1"], vec!["SET b 2", "SET c 3"], "SELECT 1, SELECT 2, SET a 1", Some(UNKNOWN)),
        // What begins the new file is in database 0.
        (vec![], vec!["SET b 2", "SELECT 3", "SET c 3"], "SELECT 3, SET c 3", Some(UNKNOWN)),
        (vec![], vec!["SET b 2", "SELECT 0", "SET c 3"], "SET b 2, SELECT 0, SET c 3", None),
        // The transaction of another database is not halved.
        (
            vec!["SELECT 3", "SET a 1"],
            vec!["SET b 2", "MULTI", "SET b 3", "SELECT 4", "SET c 3", "EXEC", "SET c 4", "SELECT 3", "SET d 1"],
            "SELECT 3, SET a 1, SELECT 3, SET d 1",
            Some(UNKNOWN),
        ),
        (vec!["SELECT x", "SET a 1"], vec!["SET b 2", "SELECT 3"], "SELECT x, SET a 1, SELECT 3", Some(UNKNOWN)),
    ] {
        let (plan, out) = repair(&holed(&before, &behind));
        assert_eq!(text(&out), kept, "{plan:?}");
        assert_eq!(other_reasons(&plan).first().copied(), reason, "{plan:?}");
    }
    // For each of several holes.
    let part = |db: &str| log_of(&["SET x 1", "SET x 2", "SET x 3", "SET x 4", &format!("SELECT {db}"), "SET y 1"]);
    let file = [&log_of(&["SET a 1"])[..], HOLE, &part("1"), HOLE, &part("2")].concat();
    assert_eq!(text(&repair(&file).1), "SET a 1, SELECT 1, SET y 1, SELECT 2, SET y 1");
}

#[test]
fn where_no_select_is_left_that_commands_are_taken_for_those_of_database_0_is_said() {
    let (plan, out) = repair(&holed(&[], &["SET b 2", "SET c 3"]));
    assert_eq!(text(&out), "SET b 2, SET c 3");
    assert!(reasons(&plan)[0].1.ends_with("; what follows is taken for database 0, where a log begins"), "{plan:?}");
}

#[test]
fn a_select_of_which_something_is_left_is_a_lost_one() {
    let select = log_of(&["SELECT 1"]);
    for broken in [0, 1, 4, 5, 14, 15, 16, 19, 21, 22] {
        let mut damaged = select.clone();
        damaged[broken] = b'x';
        let file = [&log_of(&["SELECT 0", "SET a 1"])[..], &damaged, &log_of(&["SET b 2", "SELECT 0", "SET c 3"])].concat();
        let (plan, out) = repair(&file);
        assert_eq!(text(&out), "SELECT 0, SET a 1, SELECT 0, SET c 3", "byte {broken}: {plan:?}");
    }
}

/// Lines with holes: `-` is one.
fn log_with_holes(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| if *line == "-" { HOLE.to_vec() } else { log_of(&[line]) }).collect()
}

#[test]
fn what_is_let_go_between_two_holes_tells_of_databases_and_transactions_too() {
    let last = ["SET d 1", "SET e 1", "SET f 1", "SET g 1", "SET h 1"];
    let many = ["SET t 1", "SET u 1", "SET v 1", "SET w 1", "SET x 1"];
    let begin = ["SELECT 0", "SET a 1", "-"];
    for (between, expected) in [
        (&["SET x 1", "SELECT 5", "SET y 1"][..], "SELECT 0, SET a 1"),
        (&["MULTI", "SELECT 5", "SET t 1"], "SELECT 0, SET a 1"),
        (&["SET x 1"], "SELECT 0, SET a 1, SET d 1, SET e 1, SET f 1, SET g 1, SET h 1"),
    ] {
        let (plan, out) = repair(&log_with_holes(&[&begin[..], between, &["-"], &last].concat()));
        assert_eq!(text(&out), expected, "{between:?}: {plan:?}");
    }
    // What stands behind a transaction's start that is broken may be its middle.
    let (plan, out) = repair(&log_with_holes(&[&begin[..], &["MULTI"], &many, &["-"], &many, &["-"], &last].concat()));
    assert_eq!(text(&out), "SELECT 0, SET a 1, SET d 1, SET e 1, SET f 1, SET g 1, SET h 1", "{plan:?}");
}

#[test]
fn a_select_within_a_transaction_tells_the_database_and_one_of_none_does_not() {
    let behind = |lines: &[&str]| text(&repair(&log_with_holes(&[&["SELECT 0", "SET a 1", "-"][..], lines].concat())).1);
    assert_eq!(
        behind(&["MULTI", "SELECT 1", "SET b 1", "EXEC", "SET c 1"]),
        "SELECT 0, SET a 1, MULTI, SELECT 1, SET b 1, EXEC, SET c 1"
    );
    // In front of the SELECT it is not known, and what is left out leaves its SELECT out.
    assert_eq!(
        behind(&["MULTI", "SET b 1", "SELECT 1", "EXEC", "SET c 1", "SELECT 0", "SET d 1"]),
        "SELECT 0, SET a 1, SELECT 0, SET d 1"
    );
    for bad in ["SELECT -1", "SELECT q"] {
        assert_eq!(behind(&[bad, "SET b 1", "SET c 1", "SELECT 0", "SET d 1"]), "SELECT 0, SET a 1, SELECT 0, SET d 1");
    }
}

#[test]
fn a_select_in_what_a_mark_covers_and_does_not_verify_is_a_lost_one() {
    let mut file = log_of(&["SELECT 0", "SET a 1"]);
    write_marked(&log_of(&["SET b 1", "SELECT 5"]), file.len() as u64, &mut file);
    let changed = file.windows(9).rposition(|bytes| bytes == b"b\r\n$1\r\n1\r").unwrap();
    file[changed + 7] = b'2';
    file.extend(log_of(&["SET c 1", "SET d 1", "SET e 1", "SET f 1", "SET g 1"]));
    let (plan, out) = repair(&file);
    assert_eq!(text(&out), "SELECT 0, SET a 1", "{plan:?}");
}

#[test]
fn a_torn_value_that_holds_a_command_is_cut_wherever_it_is_torn() {
    let held = format!("{}\r\n{}{}", "x".repeat(33), stored(&["FLUSHALL", "SET a 2"]), "y".repeat(100));
    let value = command(&["SET", "log", &held[..83]]);
    for end in value.len() - 60..value.len() {
        for damage in [&b""[..], HOLE] {
            let file = [&log_of(&["SELECT 0", "SET a 1"]), damage, &value[..end]].concat();
            let (plan, out) = repair(&file);
            assert_eq!(text(&out), "SELECT 0, SET a 1", "{end}: {plan:?}");
        }
    }
}

#[test]
fn the_databases_of_the_snapshot_in_front_count() {
    let snapshot = |db: u8| [b"REDIS0011\xfe", &[db][..], b"\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0"].concat();
    let log = holed(&["SELECT 0", "SET a 1"], &["SET b 2", "SET c 3"]);
    assert_eq!(text(&repair(&[snapshot(0), log.clone()].concat()).1), "SELECT 0, SET a 1, SET b 2, SET c 3");
    assert_eq!(text(&repair(&[snapshot(1), log].concat()).1), "SELECT 0, SET a 1");
}

/// Commands as text.
fn stored(commands: &[&str]) -> String {
    String::from_utf8(log_of(commands)).unwrap()
}

#[test]
fn commands_that_a_value_holds_are_not_carried_out() {
    let held = stored(&["FLUSHALL"; 20]);
    let value = |value: &str| command(&["SET", "k", value]);
    let (before, behind) = (log_of(&["SET a 1"]), log_of(&["SET b 2", "SET c 3"]));
    // The line with its length, or its command, is lost.
    for (value, lost) in [
        (value(&held), 27),
        (value(&format!("text {held}")), 27),
        (value(&held), 9),
        (command(&["RPUSH", "k", &held, &held]), 20),
        (command(&["RPUSH", "k", &held, &held]), 40),
    ] {
        let mut broken = value;
        broken[..lost].fill(0xff);
        let (plan, out) = repair(&[&before[..], &broken, &behind].concat());
        assert_eq!(text(&out), "SET a 1, SET b 2, SET c 3", "{plan:?}");
    }
    // A command that holds them is whole behind a hole.
    let whole = value(&held);
    let (_, out) = repair(&[&before[..], HOLE, &whole, &behind].concat());
    assert_eq!(commands(&out).len(), 4);
    // A tail is torn within them: it is cut, as ever.
    for cut in [30, 100, 200, whole.len() - 1] {
        for file in [[&before[..], &whole[..cut]].concat(), [&before[..], &whole[..cut], &[0; 100]].concat()] {
            let (plan, out) = repair(&file);
            assert_eq!(text(&out), "SET a 1", "{plan:?}");
            assert_eq!(reasons(&plan).len(), 1, "{plan:?}");
        }
    }
}

#[test]
fn a_damaged_length_that_reaches_past_the_end_costs_its_own_command() {
    let commands: Vec<String> = (0..1000).map(|number| format!("SET key:{number:06} value:{number}")).collect();
    let lines: Vec<&str> = commands.iter().map(String::as_str).collect();
    let file = log_of(&lines);
    let at = log_of(&lines[..500]).len();
    // `$10` of the key, `$9` of the value: `*3 $3 SET $10 key:000500 $9 value:500`.
    for (line, digits) in [(&b"$10\r"[..], &b"$90\r"[..]), (b"$9\r", b"$8\r")] {
        let mut broken = file.clone();
        let place = at + file[at..].windows(line.len()).position(|bytes| bytes == line).unwrap();
        broken[place..place + digits.len()].copy_from_slice(digits);
        let (plan, out) = repair(&broken);
        assert_eq!(plan.commands, 999, "{:?}", reasons(&plan));
        let expected: Vec<&str> = [&lines[..500], &lines[501..]].concat();
        assert_eq!(text(&out), expected.join(", "));
    }
    // One that claims more than there is: it looks like a torn tail.
    let long = "x".repeat(5000);
    let mut lines = lines;
    let line = format!("SET long {long}");
    lines.insert(500, &line);
    for (before, replacement) in [("$5000\r", "$9000000\r"), ("$5000\r", "$9000\r")] {
        let file = log_of(&lines[..if replacement.len() > 6 { 1001 } else { 520 }]);
        let place = file.windows(6).position(|bytes| bytes == before.as_bytes()).unwrap();
        let broken = [&file[..place], replacement.as_bytes(), &file[place + 6..]].concat();
        let (plan, _) = repair(&broken);
        let told = reasons(&plan);
        // With one digit changed the next command is found; with more of them it may be a torn value that holds commands.
        if replacement.len() > 6 {
            assert_eq!((plan.commands, told.len()), (500, 1), "{told:?}");
        } else {
            assert_eq!((plan.commands, told.len()), (519, 1), "{told:?}");
            assert!(told[0].1.ends_with("; one digit of its length may be wrong"), "{told:?}");
        }
    }
}

#[test]
fn a_mark_behind_a_hole_is_made_anew_and_what_it_covers_stays_verified() {
    let mut file = Vec::new();
    for number in 0..40 {
        write_marked(&log_of(&[&format!("SET a{number} 1"), &format!("SET b{number} 2")]), 0, &mut file);
    }
    let spans = |log: &[u8]| {
        let mut decoder = Decoder::new();
        let mut left = log;
        while !left.is_empty() {
            left = &left[decoder.step(left).unwrap().consumed..];
        }
        let summary = decoder.finish().unwrap();
        (summary.marks, summary.commands)
    };
    assert_eq!(spans(&file), (40, 80));
    let lines: Vec<usize> = (0..file.len()).filter(|at| file[*at] == b'#').collect();
    // Within a value, where only the mark tells; over a frame, and what is lost reaches to the next command; over a mark's line.
    let within = file.windows(5).rposition(|bytes| bytes == b"a20\r\n").unwrap();
    let broken = |holes: &[(usize, usize)]| {
        let mut broken = file.clone();
        holes.iter().for_each(|(at, len)| broken[*at..at + len].fill(b'x'));
        broken
    };
    for (holes, kept) in [
        (vec![(within, 1)], (39, 78)),
        (vec![(lines[20] + 120, 9)], (38, 78)),
        (vec![(lines[20] + 30, 1)], (39, 80)),
        (vec![(lines[20], 300)], (37, 76)),
        (vec![(lines[10] + 120, 9), (within, 1), (lines[30], 5)], (36, 76)),
        (vec![(0, 3)], (39, 80)),
    ] {
        let (plan, out) = repair(&broken(&holes));
        let (marks, commands) = spans(&out);
        assert_eq!((marks, commands), kept, "{holes:?}: {:?}", reasons(&plan));
    }
}

/// Pieces of logs, whole and broken, in any order.
#[test]
fn whatever_a_log_consists_of_the_new_one_is_whole_and_repaired_again_the_same() {
    let seed = std::env::var("AIKV_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut random = Random(0x5eed_0000 + seed);
    let marked = |records: &[u8], gap| {
        let mut out = Vec::new();
        write_marked(records, gap, &mut out);
        out
    };
    for _ in 0..3000 {
        let mut file = Vec::new();
        let mut gap = 0;
        for _ in 0..random.below(24) {
            let piece = match random.below(18) {
                0 => log_of(&["MULTI"]),
                1 => log_of(&["EXEC"]),
                2 => log_of(&["DISCARD"]),
                3 | 4 => log_of(&[&format!("SELECT {}", random.below(2))]),
                5 => marked(&log_of(&["SET m 1", "SET m 2"]), gap as u64),
                6 => marked(&log_of(&["MULTI", "SET m 1"]), gap as u64),
                7 => marked(&log_of(&["SELECT 1", "EXEC"]), 0),
                8 => b"#TS:1700000000\r\n".to_vec(),
                9 => vec![0; 1 + random.below(9)],
                10 => (0..1 + random.below(9)).map(|_| random.below(256) as u8).collect(),
                11 => command(&["SET", "k", &stored(&["SET x 1", "SELECT 1", "EXEC"][..random.below(4)])]),
                12 => {
                    let command = log_of(&["SET key value"]);
                    command[..random.below(command.len())].to_vec()
                }
                13 => b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$90\r\n".to_vec(),
                _ => log_of(&["SET a 1", "SET b 2", "SET c 3", "SET d 4", "SET e 5"][..1 + random.below(5)]),
            };
            let is_marked = piece.starts_with(b"#AIKV");
            gap = if is_marked { 0 } else { gap + piece.len() };
            file.extend_from_slice(&piece);
        }
        for _ in 0..random.below(3) {
            let at = random.below(file.len());
            if let Some(byte) = file.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        repair(&file);
    }
}

#[test]
fn false_starts_without_end_are_read_again_only_so_often() {
    let start: &[u8] = b"*3\r\n$3\r\nGET\r\n$90000\r\n";
    let whole = log_of(&["SET a 1"]);
    for unit in [
        start.to_vec(),
        [start, &whole].concat(),
        [&whole[..], start].concat(),
        b"*9\r\n*1".to_vec(),
        [&whole[..], b"\xff"].concat(),
    ] {
        for len in [300_000, 3_000_000] {
            let file = unit.repeat(len / unit.len());
            let (plan, _, read) = repair_in(&file, 1 << 12);
            let most = 11 * file.len() + (4 << 20);
            assert!(read < most, "{}: {read} of {len} bytes: {:?}", unit.escape_ascii(), reasons(&plan).last());
        }
    }
}

/// How many keys each database has.
fn sizes(server: &Server) -> Vec<(String, Reply)> {
    let mut client = server.client();
    let mut size = |db: u8| {
        assert_eq!(client.ask(&["SELECT", &db.to_string()]), Reply::Status("OK".into()));
        (db.to_string(), client.ask(&["DBSIZE"]))
    };
    (0..16).map(&mut size).collect()
}

#[test]
fn servers_load_what_is_left_and_hold_what_its_commands_make() {
    for name in ["redis-2.8", "redis-6.2", "redis-7.0", "redis-8.6", "valkey-9.1"] {
        let file = fs::read(data().join(name).join("plain.aof")).unwrap();
        let mut went_on = 0;
        for (case, parts) in
            [vec![(2, 300)], vec![(5, 40)], vec![(8, 600)], vec![(3, 50), (6, 50)], vec![(1, 1), (4, 9), (7, 200)]]
                .iter()
                .enumerate()
        {
            let mut broken = file.clone();
            parts.iter().for_each(|(tenth, len)| broken[file.len() * tenth / 10..][..*len].fill([0xff, 0][case % 2]));
            let (plan, out) = repair(&broken);
            went_on += usize::from(plan.ranges.last().unwrap().reason.is_none() && !plan.is_whole());
            let Some(program) = common::server(name) else { continue };
            let home = TempDir::new();
            fs::write(home.join("appendonly.aof"), &out).unwrap();
            let options: &[&str] = if name == "redis-2.8" { &[] } else { &["--aof-load-truncated", "no"] };
            let loaded = Server::start(&program, home.path(), &[&["--appendonly", "yes"], options].concat());
            let loaded = loaded.unwrap_or_else(|log| panic!("{name}, case {case}: {log}: {plan:?}"));
            let other = TempDir::new();
            let replayed = Server::start(&program, other.path(), &[]).unwrap_or_else(|log| panic!("{name}: {log}"));
            let mut client = replayed.client();
            for told in commands(&out) {
                let reply = client.ask(&told.words);
                assert!(!matches!(reply, Reply::Error(_)), "{name}, case {case}: {told:?}: {reply:?}");
            }
            let sizes = sizes(&loaded);
            assert_eq!(sizes, self::sizes(&replayed), "{name}, case {case}: {plan:?}");
            assert!(matches!(sizes[0].1, Reply::Int(20..)), "{name}, case {case}: {sizes:?}");
        }
        assert!(went_on > 3, "{name}: {went_on}");
    }
}

#[test]
fn check_tells_of_every_damage_and_where_commands_go_on() {
    let folder = TempDir::new();
    let path = folder.join("log").to_str().unwrap().to_string();
    let part = log_of(&["SET a 1", "SET b 2", "SET c 3", "SET d 4"]);
    let check = |file: &[u8], args: &[&str]| {
        fs::write(folder.join("log"), file).unwrap();
        aikv_ends(&[&["check", &path], args].concat(), 1)
    };
    let torn = &part[..part.len() - 3];
    let told: serde_json::Value =
        serde_json::from_str(&check(&[&part[..], HOLE, &part, HOLE, &part, torn].concat(), &["--json"])).unwrap();
    let (len, hole) = (part.len(), HOLE.len());
    let findings: Vec<_> = told["findings"].as_array().unwrap().iter().collect();
    let places: Vec<_> = findings.iter().map(|finding| finding["offset"].as_u64().unwrap() as usize).collect();
    // Of a torn tail, what is behind the last whole command.
    assert_eq!(places, [len, 2 * len + hole, 4 * len + 2 * hole - len / 4], "{told}");
    for (finding, end) in findings.iter().zip([
        format!("; no torn tail: commands go on at byte {}", len + hole),
        format!("; commands go on at byte {}", 2 * (len + hole)),
        "; a torn tail".into(),
    ]) {
        assert!(finding["text"].as_str().unwrap().ends_with(&end) && finding["repairable"] == true, "{finding}");
    }
    // A torn value that holds commands.
    let held = command(&["SET", "k", &stored(&["FLUSHALL"; 20])]);
    let lines = check(&[&part[..], &held[..200]].concat(), &[]);
    assert!(lines.contains("; a whole command stands at byte ") && lines.contains("; reading ended there"), "{lines}");
}

#[test]
fn each_file_of_a_log_of_several_goes_on_behind_its_own_damage() {
    let folder = TempDir::new();
    let log = folder.join("log");
    fs::create_dir(&log).unwrap();
    for entry in fs::read_dir(data().join("redis-7.0/appendonlydir")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), log.join(entry.file_name())).unwrap();
    }
    let mut expected = Vec::new();
    for name in ["appendonly.aof.2.incr.aof", "appendonly.aof.3.incr.aof"] {
        let mut file = fs::read(log.join(name)).unwrap();
        let all = commands(&file);
        // The one behind the first SELECT.
        let broken = all[1].start as usize;
        file[broken] = 0;
        fs::write(log.join(name), &file).unwrap();
        expected.push((name, all.len() as u64, broken as u64, all[2].start));
    }
    let path = |name: &str| folder.join(name).to_str().unwrap().to_string();
    let told: serde_json::Value = serde_json::from_str(&aikv_ends(&["repair", &path("log"), &path("out"), "--json"], 1)).unwrap();
    for (name, commands, start, end) in expected {
        let file = told["files"].as_array().unwrap().iter().find(|file| file["file"] == name).unwrap();
        let dropped: Vec<_> = file["ranges"].as_array().unwrap().iter().filter(|range| range["kept"] == false).collect();
        assert_eq!((dropped[0]["start"].as_u64(), dropped[0]["end"].as_u64()), (Some(start), Some(end)), "{file}");
        let last = file["ranges"].as_array().unwrap().last().unwrap();
        assert!(last["kept"] == true && file["commands"].as_u64().unwrap() < commands, "{file}");
    }
    aikv_ends(&["check", &path("out")], 0);
    if let Some(program) = common::server("redis-7.0") {
        let home = TempDir::new();
        fs::rename(folder.join("out"), home.join("appendonlydir")).unwrap();
        let server = Server::start(&program, home.path(), &["--appendonly", "yes"]).unwrap_or_else(|log| panic!("{log}"));
        assert!(matches!(server.client().ask(&["DBSIZE"]), Reply::Int(1..)), "{}", server.log());
    }
}
