//! What the tests of commands that write snapshots from snapshots share.

#![allow(dead_code)] // no test file uses all of it

use crate::common::data;
use aikv::error::{Error, Fault};
use aikv::jobs::{Check, Finding, Flow, Job, KeepReadable, Mend, Reader, Repair, RepairPlan, Rows, Severity};
use aikv::rdb::Event;
use aikv::wire::Limits;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Runs the command, with nothing on stdin.
pub(crate) fn aikv<A: AsRef<std::ffi::OsStr>>(args: &[A]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aikv")).args(args).stdin(Stdio::null()).output().unwrap()
}

/// Runs the command, which has to end with this exit code; gives what it printed.
#[track_caller]
pub(crate) fn aikv_ends<A: AsRef<std::ffi::OsStr> + std::fmt::Debug>(args: &[A], code: i32) -> String {
    let output = aikv(args);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {told}{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap() + &told
}

/// The snapshots of all servers.
pub(crate) fn snapshots() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for server in crate::common::SERVERS {
        for entry in fs::read_dir(data().join(server)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rdb") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 150, "the fixtures are not there: {}", found.len());
    found
}

/// A key of a snapshot, with the bytes it occupies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    pub(crate) db: u64,
    pub(crate) key: Vec<u8>,
    pub(crate) kind: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// The keys of a snapshot, in its order.
pub(crate) fn records(file: &[u8]) -> Vec<Record> {
    struct Records<'f>(&'f [u8], Rows, Vec<Record>);
    impl Job for Records<'_> {
        fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
            let Self(file, rows, records) = self;
            if let Some(row) = rows.push(event)? {
                let span = row.span.start as usize..row.span.end as usize;
                let (db, kind) = (row.db, row.value_type.kind().name());
                records.push(Record { db, key: row.key.to_vec(), kind, bytes: file[span].to_vec() });
            }
            Ok(Flow::Continue)
        }
    }
    let mut job = Records(file, Rows::new(), Vec::new());
    let mut reader = Reader::new(Limits::default());
    let read: Result<(), Error> = reader.feed(file, &mut job).and_then(|()| reader.finish());
    read.unwrap();
    job.2
}

/// What becomes of a file that is read in chunks of this size, and the new one.
pub(crate) fn repair(file: &[u8], chunk: usize, keeps: KeepReadable) -> (RepairPlan, Vec<u8>) {
    let (plan, out, _) = repair_counting(file, chunk, keeps);
    (plan, out)
}

/// As [`repair`], with the bytes that were read for it. What begins like no snapshot is a log, also one that is damaged there.
pub(crate) fn repair_counting(file: &[u8], chunk: usize, keeps: KeepReadable) -> (RepairPlan, Vec<u8>, usize) {
    let limits = Limits::default();
    let is_log = !matches!(file.first(), Some(b'R' | b'V'));
    let mut read = 0;
    let mut repair =
        if is_log { Repair::of_log([1, 2], limits) } else { Repair::of_snapshot([1, 2], limits) }.keeping_readable(keeps);
    while let Some(rest) = repair.wanted().map(|offset| &file[offset as usize..]) {
        if !rest.is_empty() {
            let piece = &rest[..rest.len().min(chunk)];
            read += piece.len();
            repair.feed(piece);
        } else if !repair.looks_again() {
            break;
        }
    }
    let plan = repair.finish(file.len() as u64);
    let mut end = 0;
    for range in &plan.ranges {
        assert_eq!(range.span.start, end, "{plan:?}");
        assert!(range.span.end > end, "{plan:?}");
        end = range.span.end;
    }
    assert_eq!(end, file.len() as u64, "kept and dropped are the file: {plan:?}");
    let mut out = Vec::new();
    let mut mend: Mend = plan.mend();
    for (number, piece) in file.chunks(chunk).enumerate() {
        mend.copy((number * chunk) as u64, piece, &mut out).unwrap();
    }
    if !plan.is_empty() {
        mend.finish(&mut out).unwrap();
    }
    (plan, out, read)
}

/// What `check` calls errors.
pub(crate) fn errors(file: &[u8]) -> Vec<Finding> {
    let mut check = Check::new([3, 4], 1 << 20);
    let mut reader = Reader::new(Limits::default());
    let ended = reader.feed(file, &mut check).and_then(|()| reader.finish());
    if let Err(error) = &ended {
        check.end(Err(error));
    }
    check.take_findings().into_iter().filter(|finding| finding.severity == Severity::Error).collect()
}

/// Numbers that look random and are the same each time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % end.max(1)
    }
}

/// Bytes `[start, end)` of the file, otherwise.
pub(crate) fn damaged(file: &[u8], start: usize, end: usize, how: usize, random: &mut Random) -> Vec<u8> {
    let mut broken = file[..start].to_vec();
    match how {
        0 => broken.resize(end, 0),
        1 => broken.extend((start..end).map(|_| random.below(256) as u8)),
        2 => broken.resize(end, 0xff),
        _ => {}
    }
    broken.extend_from_slice(&file[end..]);
    broken
}
