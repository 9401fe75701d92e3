//! A log of one file: what was acknowledged is there.

use super::super::aof_file;
use super::super::aof_writer::AofWriter;
use super::super::config::{AofOptions, AofSyncPolicy};
use super::super::error::{PersistenceError, PersistenceErrorKind, Task};
use super::super::storage::Folder;
use super::disk::Recorder;
use super::mutant::Mutant;
use super::states::{Bounds, Names};
use super::survey::{Refusal, Subject, Survey, look};
use super::units::{commands, count};
use crate::aof::{Decoder, Event};
use crate::model::{Dataset, Replay, ReplayOptions};
use std::ffi::OsStr;
use std::path::Path;
use std::string::ToString;

struct Log {
    options: AofOptions,
    count: usize,
    /// Units between two flushes, where the policy is not [`AofSyncPolicy::Always`].
    flush_every: usize,
}

const NAME: &str = "a.aof";

fn open(disk: &Recorder, options: AofOptions) -> Result<AofWriter, PersistenceError> {
    AofWriter::open_in(disk, OsStr::new(NAME), Task { doing: "open the log", path: Path::new(NAME) }, options)
}

/// Logs a unit, a transaction or one behind its `SELECT` in several calls.
fn add(log: &AofWriter, unit: usize) -> super::super::error::Result<()> {
    let (db, commands) = commands(unit);
    log.log_command(&["SELECT".to_string(), db.to_string()])?;
    let is_transaction = commands.len() > 1;
    if is_transaction {
        log.log_command_bytes(&["MULTI"])?;
    }
    commands.iter().try_for_each(|command| log.log_command_bytes(command))?;
    if is_transaction { log.log_command_bytes(&["EXEC"]) } else { Ok(()) }
}

fn read(disk: &Recorder) -> Result<Dataset, Refusal> {
    let task = Task { doing: "read the log", path: Path::new(NAME) };
    let mut file = disk.read(OsStr::new(NAME)).map_err(|error| Refusal::Other(error.to_string()))?;
    let mut replay = Replay::new(ReplayOptions::new(0, [0; 2]));
    aof_file::read(Decoder::new(), &mut *file, task, |event, offset| match event {
        Event::Command(command) => replay.command(command, offset).map(|_| ()),
        _ => Ok(()),
    })
    .map_err(|error| Refusal::Other(error.to_string()))?;
    Ok(replay.finish().map_err(|error| Refusal::Other(error.to_string()))?.0)
}

impl Subject for Log {
    fn work(&self, disk: &Recorder) -> usize {
        let Ok(log) = open(disk, self.options) else { return 0 };
        let mut units = 0;
        // Behind a failure the unit is half there, or not known to be there: nothing more is logged.
        while units < self.count && add(&log, units).is_ok() {
            units += 1;
            disk.await_written(&log.appender);
            let is_safe = match self.options.policy {
                AofSyncPolicy::Always => true,
                _ => units.is_multiple_of(self.flush_every) && log.flush().is_ok(),
            };
            if is_safe {
                disk.ack(units);
            }
        }
        units + 1
    }

    fn open(&self, disk: &Recorder, add_one: bool) -> Result<usize, Refusal> {
        let log = open(disk, AofOptions { policy: AofSyncPolicy::Always, ..self.options });
        let log = log.map_err(|error| match error.kind() {
            PersistenceErrorKind::MidFileCorruption { offset, .. } => Refusal::Damage { name: NAME.into(), offset: *offset },
            _ => Refusal::Other(error.to_string()),
        })?;
        let units = count(&read(disk)?).map_err(Refusal::Other)?;
        if add_one {
            let added = add(&log, units).and_then(|()| log.close());
            added.map_err(|error| Refusal::Other(error.to_string()))?;
        }
        Ok(units)
    }
}

fn always(count: usize) -> Log {
    let options = AofOptions { policy: AofSyncPolicy::Always, ..AofOptions::default() };
    Log { options, count, flush_every: 1 }
}

fn flushed(count: usize) -> Log {
    let options = AofOptions { policy: AofSyncPolicy::No, ..AofOptions::default() };
    Log { options, count, flush_every: 5 }
}

fn marked(count: usize) -> Log {
    let flushed = flushed(count);
    Log { options: AofOptions { writes_marks: true, ..flushed.options }, ..flushed }
}

/// A crash of one file leaves fewer states than one of a folder.
const PART: usize = 10;

fn bounds() -> Bounds {
    Bounds { names: Names::Weak, per_moment: 2_000, has_holes: false }
}

#[test]
fn no_crash_loses_an_acknowledged_unit() {
    look(always, bounds(), PART);
}

#[test]
fn no_crash_loses_a_flushed_unit() {
    look(flushed, bounds(), PART);
}

#[test]
fn no_missing_page_is_taken_for_a_value_where_there_are_marks() {
    look(marked, Bounds { has_holes: true, ..bounds() }, PART);
}

#[test]
fn a_missing_page_is_taken_for_a_value_where_there_are_none() {
    let subject = flushed(8);
    let mut survey = Survey::new(&subject);
    survey.run(Bounds { has_holes: true, ..bounds() });
    assert_ne!(survey.violations, [""; 0]);
}

#[test]
fn no_crash_behind_a_fault_loses_an_acknowledged_unit() {
    for lasts in [false, true] {
        for subject in [always(4), flushed(6)] {
            let mut survey = Survey::new(&subject);
            survey.run_with_faults(lasts, bounds());
            assert_eq!(survey.violations, [""; 0]);
        }
    }
}

#[test]
fn every_mistake_is_found_out() {
    for mutant in [Mutant::LogNotSynced, Mutant::FolderNotSynced, Mutant::TailNotCut] {
        let subject = always(4);
        let mut survey = Survey::of_mutant(&subject, mutant);
        survey.run(Bounds { names: Names::Strict, ..bounds() });
        assert_ne!(survey.violations, [""; 0], "{mutant:?}");
    }
}
