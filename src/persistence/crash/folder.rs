//! A log of several files that is written, rotated and rewritten: what was acknowledged is there.

use super::super::aof_folder::{AofFolder, AofFolderOptions, Home, Single};
use super::super::config::AofSyncPolicy;
use super::super::error::{AikvError, PersistenceError, PersistenceErrorKind, Task};
use super::super::files::target_of;
use super::super::storage::Folder;
use super::disk::{Fault, Recorder};
use super::mutant::Mutant;
use super::states::{Bounds, Names};
use super::survey::{Refusal, Subject, Survey, look, wanted_states};
use super::units::{commands, count, data};
use crate::aof::{self, write_command};
use crate::model::Dataset;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

/// Units in the log of one file that is taken over.
const OLD_UNITS: usize = 3;

struct Log {
    policy: AofSyncPolicy,
    count: usize,
    /// Units between two rewrites.
    rewrite_every: usize,
    /// Units between two flushes, where the policy is not [`AofSyncPolicy::Always`].
    flush_every: usize,
    writes_marks: bool,
    /// The folder of the disk that the log is in; empty for the disk itself.
    folder: &'static str,
}

fn add(log: &AofFolder, unit: usize) -> Result<(), AikvError> {
    let (db, commands) = commands(unit);
    match &commands[..] {
        [command] => log.log(db, command),
        commands => log.transaction(db, commands),
    }
}

impl Log {
    /// Opens the log. Where it stands in a folder of the disk, one of a single file may stand beside it.
    fn open(&self, disk: &Recorder, policy: AofSyncPolicy) -> Result<(AofFolder, Dataset), PersistenceError> {
        if !self.folder.is_empty() {
            let made = disk.make_folder(self.folder).and_then(|()| disk.sync());
            made.map_err(|error| Task { doing: "open the log", path: Path::new(self.folder) }.io(error))?;
        }
        let names = aof::Names::new(b"a").unwrap();
        let home = Home { folder: Arc::new(disk.folder(self.folder)), path: PathBuf::new(), names };
        let single = Single { parent: Arc::new(disk.clone()), folder_name: self.folder.into(), path: PathBuf::from("a") };
        let single = (!self.folder.is_empty()).then_some(single);
        let options = AofFolderOptions { writes_marks: self.writes_marks, ..AofFolderOptions::default() };
        let opened = AofFolder::open_in(home, single.as_ref(), policy, &options, || Ok(Dataset::default()));
        match opened {
            Ok((log, dataset, _)) => Ok((log, dataset)),
            Err(AikvError::Persistence(error)) => Err(error),
        }
    }

    fn prefix(&self) -> String {
        if self.folder.is_empty() { String::new() } else { std::format!("{}/", self.folder) }
    }

    /// Tries the next unit, and acknowledges what is safe then.
    fn step(&self, disk: &Recorder, log: &AofFolder, units: &mut usize) {
        if add(log, *units).is_err() {
            return;
        }
        *units += 1;
        disk.await_written(&log.appender());
        let is_safe = match self.policy {
            AofSyncPolicy::Always => true,
            _ => units.is_multiple_of(self.flush_every) && log.flush().is_ok(),
        };
        if is_safe {
            disk.ack(*units);
        }
    }
}

impl Subject for Log {
    /// Where the log is in a folder, one of a single file stands beside it.
    fn prepare(&self, disk: &Recorder) {
        if self.folder.is_empty() {
            return;
        }
        let mut log = Vec::new();
        for unit in 0..OLD_UNITS {
            let (db, commands) = commands(unit);
            write_command(["SELECT".to_string(), db.to_string()], &mut log).unwrap();
            commands.into_iter().for_each(|command| write_command(command, &mut log).unwrap());
        }
        let file = disk.create(OsStr::new("a")).unwrap();
        file.append(&log).unwrap();
        file.sync().unwrap();
        disk.sync().unwrap();
        disk.ack(OLD_UNITS);
    }

    fn work(&self, disk: &Recorder) -> usize {
        let mut units = if self.folder.is_empty() { 0 } else { OLD_UNITS };
        let Ok((log, _)) = self.open(disk, self.policy) else { return units };
        for turn in 0..self.count {
            self.step(disk, &log, &mut units);
            let is_poisoned = log.status().last_error.is_some();
            if is_poisoned || turn % self.rewrite_every == self.rewrite_every - 1 {
                let frozen = data(units);
                if let Ok(rewrite) = log.begin_rewrite() {
                    self.step(disk, &log, &mut units);
                    // What comes of it is seen on the disk.
                    let _ = rewrite.finish(&frozen);
                }
            }
        }
        // One may be in the log although its sync has failed.
        units + 1
    }

    fn open(&self, disk: &Recorder, add_one: bool) -> Result<usize, Refusal> {
        let (log, found) = self.open(disk, AofSyncPolicy::Always).map_err(|error| match error.kind() {
            PersistenceErrorKind::MidFileCorruption { offset, .. } => {
                Refusal::Damage { name: std::format!("{}{}", self.prefix(), error.path().display()), offset: *offset }
            }
            _ => Refusal::Other(error.to_string()),
        })?;
        let units = count(&found).map_err(Refusal::Other)?;
        if add_one {
            let added = add(&log, units).and_then(|()| log.close());
            added.map_err(|error| Refusal::Other(error.to_string()))?;
        }
        Ok(units)
    }
}

fn bounds(names: Names) -> Bounds {
    Bounds { names, per_moment: 2_000, has_holes: false }
}

fn always(count: usize) -> Log {
    Log { policy: AofSyncPolicy::Always, count, rewrite_every: 6, flush_every: 1, writes_marks: false, folder: "" }
}

fn flushed(count: usize) -> Log {
    Log { policy: AofSyncPolicy::No, rewrite_every: 12, flush_every: 5, ..always(count) }
}

fn marked(count: usize) -> Log {
    Log { writes_marks: true, ..flushed(count) }
}

/// A log of one file is taken over first.
fn taken_over(count: usize) -> Log {
    Log { folder: "appendonlydir", ..always(count) }
}

#[test]
fn no_crash_loses_an_acknowledged_unit() {
    look(always, bounds(Names::Strict), 1);
}

#[test]
fn no_crash_loses_an_acknowledged_unit_where_names_come_in_any_order() {
    look(always, bounds(Names::Weak), 1);
}

#[test]
fn no_crash_loses_a_flushed_unit() {
    look(flushed, bounds(Names::Strict), 1);
}

#[test]
fn no_crash_loses_a_flushed_unit_where_names_come_in_any_order() {
    look(flushed, bounds(Names::Weak), 1);
}

#[test]
fn no_missing_page_is_taken_for_a_value_where_there_are_marks() {
    look(marked, Bounds { has_holes: true, ..bounds(Names::Weak) }, 4);
}

#[test]
fn no_crash_loses_a_log_of_one_file_that_is_taken_over() {
    look(taken_over, bounds(Names::Weak), 4);
}

#[test]
fn no_crash_behind_a_fault_loses_an_acknowledged_unit() {
    let per_moment = (wanted_states() / 20).min(200);
    for lasts in [false, true] {
        for subject in [always(3), flushed(3), taken_over(2)] {
            let subject = Log { rewrite_every: 2, flush_every: 1, ..subject };
            let mut survey = Survey::new(&subject);
            survey.run_with_faults(lasts, Bounds { per_moment, ..bounds(Names::Weak) });
            assert_eq!(survey.violations, [""; 0]);
        }
    }
}

#[test]
fn every_mistake_is_found_out() {
    for mutant in [
        Mutant::LogNotSynced,
        Mutant::ManifestNotSynced,
        Mutant::BaseNotSynced,
        Mutant::FolderNotSynced,
        Mutant::RemovedTooEarly,
        Mutant::TailNotCut,
    ] {
        let subject = always(8);
        let mut survey = Survey::of_mutant(&subject, mutant);
        survey.run(bounds(Names::Strict));
        assert_ne!(survey.violations, [""; 0], "{mutant:?}");
    }
}

#[test]
fn that_a_manifest_names_what_its_folder_may_lack_is_found_out_where_names_come_in_any_order() {
    let subject = always(8);
    for (names, is_found) in [(Names::Strict, false), (Names::Weak, true)] {
        let mut survey = Survey::of_mutant(&subject, Mutant::IncrNotInFolder);
        survey.run(bounds(names));
        assert_eq!(!survey.violations.is_empty(), is_found, "{:?}", survey.violations);
    }
}

#[test]
fn a_rewrite_that_fails_leaves_a_log_that_goes_on() {
    let (mut at, mut unknown) = (0, 0);
    loop {
        let disk = Recorder::default();
        let subject = always(4);
        let (log, _) = subject.open(&disk, AofSyncPolicy::Always).unwrap();
        (0..3).for_each(|unit| add(&log, unit).unwrap());
        let (before, parts) = (disk.calls(), disk.image().names);
        let disk = disk.with_fault(Fault { at: before + at, lasts: false });
        let rewritten = log.begin_rewrite().and_then(|rewrite| rewrite.finish(&data(3)));
        if disk.failed_behind().is_none() {
            assert!(rewritten.is_ok());
            assert_eq!(unknown, 3, "one for each manifest that is renamed, and one for the base");
            return;
        }
        if let Err(AikvError::Persistence(error)) = rewritten
            && let PersistenceErrorKind::CommittedDurabilityUnknown(_) = error.kind()
        {
            // Either manifest may be on the disk.
            unknown += 1;
            let left = disk.image().names;
            assert!(parts.keys().all(|name| left.contains_key(name)), "call {at}");
        }
        // A log that cannot be synced any more, or whose folder cannot, says so; any other takes the next command.
        let is_poisoned =
            log.status().last_error.is_some_and(|error| matches!(error.kind(), PersistenceErrorKind::Poisoned { .. }));
        assert_eq!(add(&log, 3).is_err(), is_poisoned, "call {at}");
        if is_poisoned {
            // From memory it goes on in a new file.
            log.begin_rewrite().and_then(|rewrite| rewrite.finish(&data(3))).unwrap();
            add(&log, 3).unwrap();
        }
        log.close().unwrap();
        let units = Subject::open(&subject, &Recorder::of(&disk.image()), true);
        assert!(units.is_ok_and(|units| units == 4), "call {at}");
        let mut names = disk.list().unwrap();
        names.retain(|name| target_of(name).is_some());
        assert_eq!(names, [""; 0], "call {at}");
        at += 1;
    }
}
