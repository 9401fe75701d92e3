//! What a writer makes of a log that does not end whole.

#![cfg(feature = "std")]

mod common;

use aikv::aof::{write_command, write_marked};
use aikv::persistence::{AofOptions, AofSyncPolicy, AofWriter, PersistenceErrorKind, load_aof};
use common::{TempDir, failure, format_error};
use std::fs;
use std::path::Path;

/// A snapshot of one key, as Redis 2.6 and later load it.
const SNAPSHOT: &[u8] = b"REDIS0006\xfe\x00\x00\x01k\x01v\xff\xad\xa9\x76\x55\x98\x18\x18\x22";

const SELECT: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

fn open(path: &Path) -> aikv::Result<AofWriter> {
    AofWriter::new(path, AofSyncPolicy::Always)
}

/// Opens a log, demands that it is cut to its first `whole` bytes and the rest saved, that this is so once, and that it is appended to behind.
fn assert_cut(log: &[u8], whole: usize) {
    let folder = TempDir::new();
    let path = folder.join("a.aof");
    fs::write(&path, log).unwrap();
    let writer = open(&path).unwrap_or_else(|error| panic!("{}: {error}", log.escape_ascii()));
    let recovery = writer.recovery().clone();
    assert_eq!(recovery.summary.valid_up_to, whole as u64);
    assert_eq!(fs::read(&path).unwrap(), log[..whole], "{}", log.escape_ascii());
    if whole < log.len() {
        let cut = recovery.cut.expect("something was cut");
        assert_eq!((cut.offset, cut.bytes), (whole as u64, (log.len() - whole) as u64));
        let saved_as = cut.saved_as.unwrap();
        assert_eq!(saved_as.to_str(), Some(&*format!("a.aof.cut.{whole}")));
        assert_eq!(fs::read(folder.path().join(saved_as)).unwrap(), log[whole..]);
    } else {
        assert_eq!(recovery.cut, None);
        assert_eq!(folder.names(), ["a.aof"]);
    }
    writer.log_command_bytes(&["PING"]).unwrap();
    writer.close().unwrap();
    let again = open(&path).unwrap();
    assert_eq!(again.recovery().cut, None);
    assert_eq!(again.recovery().summary.commands, recovery.summary.commands + 1);
    assert_eq!(fs::read(&path).unwrap(), [&log[..whole], PING].concat());
}

/// Opens a log, demands that it is refused and left alone, and gives where it is whole, and where it goes on.
fn refused(log: &[u8]) -> (u64, Option<u64>) {
    let folder = TempDir::new();
    let path = folder.join("a.aof");
    fs::write(&path, log).unwrap();
    let error = failure(open(&path));
    assert_eq!(fs::read(&path).unwrap(), log);
    assert_eq!(folder.names(), ["a.aof"]);
    match error.kind() {
        PersistenceErrorKind::MidFileCorruption { offset, next_good, .. } => {
            assert_eq!(error.code(), "mid-file-corruption");
            (*offset, *next_good)
        }
        other => panic!("{}: {other:?}", log.escape_ascii()),
    }
}

#[test]
fn persistence_recovery_cuts_every_torn_end_at_the_last_whole_command() {
    let commands = [SELECT, PING, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\nhello\r\nworld\r\n", b"#TS:1700000000\r\n", PING];
    let log = commands.concat();
    let mut ends = vec![0];
    for command in commands {
        ends.push(ends.last().unwrap() + command.len());
    }
    for cut in 0..=log.len() {
        let whole = ends.iter().copied().filter(|end| *end <= cut).max().unwrap();
        assert_cut(&log[..cut], whole);
        // A power cut leaves zeros up to the length that the file had got; here the torn value may be all of them.
        assert_cut(&[&log[..cut], &[0; 700]].concat(), whole);
    }
}

#[test]
fn persistence_recovery_cuts_before_an_open_transaction() {
    for tail in [
        MULTI,
        &[MULTI, PING].concat(),
        &[MULTI, PING, b"*3\r\n$3\r\nSET"].concat(),
        &[MULTI, PING, b"*1\r\n$4\r\nEX"].concat(),
        &[MULTI, PING, &[0; 40]].concat(),
        &[MULTI, PING, b"#TS:17"].concat(),
    ] {
        assert_cut(&[SELECT, MULTI, PING, EXEC, tail].concat(), 23 + 15 + 14 + 14);
        assert_cut(tail, 0);
    }
}

/// One digit of a length in the middle of a log reaches past its end: servers throw the rest away.
#[test]
fn persistence_recovery_refuses_what_goes_on_behind_the_damage() {
    let damaged = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9000\r\nv\r\n";
    assert_eq!(refused(&[SELECT, damaged, PING, PING].concat()), (23, Some(23 + damaged.len() as u64)));
    let rest = [&PING.repeat(1000)[..], &PING[..5]].concat();
    assert_eq!(refused(&[SELECT, damaged, &rest].concat()), (23, Some(23 + damaged.len() as u64)));
    for damage in [
        &b"\0\0\0\0"[..],
        b"\xa5\xa5\xa5",
        b"*0\r\n",
        b"*1\r\n$3\r\nPING\r\n",
        b"*1\r\n$-1\r\n",
        b"SET k v\r\n",
        b"*1\n$4\r\nPING\r\n",
    ] {
        assert_eq!(refused(&[SELECT, damage, PING].concat()), (23, Some(23 + damage.len() as u64)), "{}", damage.escape_ascii());
    }
    // What is well framed but cannot stand there.
    assert_eq!(refused(&[SELECT, EXEC].concat()), (23, Some(23)));
    assert_eq!(refused(&[SELECT, MULTI, PING, MULTI].concat()), (23, Some(23 + 15 + 14)));
    // In a transaction the whole commands of which are no sign that it goes on.
    assert_eq!(refused(&[SELECT, MULTI, PING, b"\0\0", PING].concat()), (23, Some(23 + 15 + 14 + 2)));
}

#[test]
fn persistence_recovery_refuses_an_end_that_no_torn_write_leaves() {
    for tail in [
        &b"\xa5"[..],
        &[0xa5; 600],
        b"*0\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$3\r\nPING\r\n",
        b"SET k v\r\n",
        b"\0\0x",
        b"*1\r\n\0\0x",
    ] {
        assert_eq!(refused(&[SELECT, tail].concat()), (23, None), "{}", tail.escape_ascii());
    }
    let folder = TempDir::new();
    let path = folder.join("a.aof");
    fs::write(&path, [SELECT, &b"*1\r\n$-1\r\n"[..]].concat()).unwrap();
    let error = failure(open(&path));
    assert_eq!(error.format().map(|error| (error.code(), error.offset())), Some(("bad-length", 27)));
    assert_eq!(refused(b"*2147483647\r\n"), (0, None));
}

#[test]
fn persistence_recovery_never_repairs_a_snapshot() {
    let folder = TempDir::new();
    let path = folder.join("a.aof");
    for cut in 1..SNAPSHOT.len() {
        // Zeros in place of the checksum say that there is none.
        let zeros = if cut < SNAPSHOT.len() - 8 { 600 } else { 0 };
        for tail in [&b""[..], &[0; 600][..zeros]] {
            let log = [&SNAPSHOT[..cut], tail].concat();
            fs::write(&path, &log).unwrap();
            format_error(open(&path));
            assert_eq!(fs::read(&path).unwrap(), log, "{cut}");
        }
    }
    let mut changed = SNAPSHOT.to_vec();
    changed[15] ^= 1;
    fs::write(&path, &changed).unwrap();
    assert_eq!(format_error(open(&path)).code(), "bad-checksum");
    assert_eq!(folder.names(), ["a.aof"]);
    assert_cut(SNAPSHOT, SNAPSHOT.len());
    assert_cut(&[SNAPSHOT, PING, &PING[..7]].concat(), SNAPSHOT.len() + PING.len());
    assert_cut(&[SNAPSHOT, &[0; 20]].concat(), SNAPSHOT.len());
}

#[test]
fn persistence_recovery_keeps_every_tail_or_none() {
    let folder = TempDir::new();
    let path = folder.join("a.aof");
    let tear = |tail: &[u8]| fs::write(&path, [SELECT, tail].concat()).unwrap();
    for tail in [&b"*1"[..], b"*2", b"*3"] {
        tear(tail);
        open(&path).unwrap().close().unwrap();
    }
    let kept = ["a.aof.cut.23", "a.aof.cut.23.1", "a.aof.cut.23.2"];
    assert_eq!(folder.names(), ["a.aof", kept[0], kept[1], kept[2]]);
    assert_eq!(kept.map(|name| fs::read(folder.join(name)).unwrap()), [b"*1", b"*2", b"*3"]);
    tear(b"*4");
    let options = AofOptions { policy: AofSyncPolicy::No, keeps_cut_tail: false, ..AofOptions::default() };
    let writer = AofWriter::with_options(&path, options).unwrap();
    let cut = writer.recovery().cut.clone().unwrap();
    assert_eq!((cut.offset, cut.bytes, cut.saved_as), (23, 2, None));
    writer.close().unwrap();
    assert_eq!(folder.names().len(), 4);
    assert_eq!(fs::read(&path).unwrap(), SELECT);
}

fn command(args: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    write_command(args, &mut out).unwrap();
    out
}

fn marked(records: &[u8], gap: u64, log: &mut Vec<u8>) {
    write_marked(records, gap, log);
}

#[test]
fn persistence_recovery_takes_anything_behind_a_verified_mark_for_torn() {
    let mut log = SELECT.to_vec();
    marked(PING, 23, &mut log);
    let whole = log.len();
    for tail in [&b"\xa5\xa5\xa5"[..], b"SET k v\r\n", b"*1\r\n$-1\r\n"] {
        let folder = TempDir::new();
        let path = folder.join("a.aof");
        fs::write(&path, [&log[..], tail].concat()).unwrap();
        let writer = open(&path).unwrap();
        assert_eq!(writer.recovery().cut.as_ref().unwrap().offset, whole as u64);
    }
    assert_eq!(refused(&[&log[..], b"\xa5", PING].concat()), (whole as u64, Some(whole as u64 + 1)));
    // A hole in a value that its mark does not let pass; the next command is whole.
    let mut holed = log.clone();
    marked(&command(&["SET", "k", "value"]), 0, &mut holed);
    let hole = holed.len() - 4;
    holed[hole] = 0;
    marked(PING, 0, &mut holed);
    assert_eq!(refused(&holed).0, whole as u64);
    // A span that is not all there is none.
    let mut torn = log.clone();
    marked(&[PING, PING].concat(), 0, &mut torn);
    for cut in whole + 1..torn.len() {
        let folder = TempDir::new();
        let path = folder.join("a.aof");
        fs::write(&path, &torn[..cut]).unwrap();
        open(&path).unwrap().close().unwrap();
        assert_eq!(fs::read(&path).unwrap(), log, "{cut}");
    }
}

/// Marks of several runs, with tears in between and inside of transactions, are verified in the end.
#[test]
fn persistence_recovery_of_a_marked_log_is_appended_to_with_marks() {
    let options = AofOptions { policy: AofSyncPolicy::Always, writes_marks: true, ..AofOptions::default() };
    let folder = TempDir::new();
    let path = folder.join("a.aof");
    fs::write(&path, [SNAPSHOT, PING].concat()).unwrap();
    let mut commands = 1;
    for tail in [&b""[..], b"*1\r\n$4", &[0; 30], b"\xa5\xa5"] {
        let writer = AofWriter::with_options(&path, options).unwrap();
        assert_eq!(writer.recovery().summary.commands, commands, "{}", tail.escape_ascii());
        writer.log_command_bytes(&["PING"]).unwrap();
        writer.log_command_bytes(&["SET", "k", "v"]).unwrap();
        assert_eq!(writer.durable_offset(), fs::metadata(&path).unwrap().len());
        commands += 2;
        writer.log_command_bytes(&["MULTI"]).unwrap();
        writer.log_command_bytes(&["PING"]).unwrap();
        writer.close().unwrap();
        let mut log = fs::read(&path).unwrap();
        log.extend_from_slice(tail);
        fs::write(&path, log).unwrap();
    }
    let writer = AofWriter::with_options(&path, options).unwrap();
    let summary = writer.recovery().summary;
    assert_eq!((summary.commands, summary.marks, summary.verified_up_to), (commands, 8, summary.valid_up_to));
    // Without marks in between, the next mark says how many bytes have none.
    writer.close().unwrap();
    let writer = AofWriter::new(&path, AofSyncPolicy::No).unwrap();
    writer.log_command_bytes(&["PING"]).unwrap();
    writer.close().unwrap();
    let writer = AofWriter::with_options(&path, options).unwrap();
    writer.log_command_bytes(&["PING"]).unwrap();
    writer.close().unwrap();
    let summary = open(&path).unwrap().recovery().summary;
    assert_eq!((summary.marks, summary.verified_up_to), (9, summary.valid_up_to));
    assert_eq!(summary.commands, commands + 2);
}

#[test]
fn persistence_recovery_leaves_a_whole_log_loadable() {
    let folder = TempDir::new();
    let path = folder.join("a.aof");
    fs::write(&path, [SELECT, PING, &PING[..3]].concat()).unwrap();
    drop(open(&path).unwrap());
    assert_eq!(load_aof(&path).unwrap(), [&["SELECT", "0"][..], &["PING"]]);
}
