//! A log of several files that is written, rotated and rewritten: what was acknowledged is there.

use super::super::aof_folder::{AofFolder, AofFolderOptions, Home};
use super::super::config::AofSyncPolicy;
use super::super::error::{AikvError, PersistenceError, PersistenceErrorKind};
use super::disk::Recorder;
use super::mutant::Mutant;
use super::states::{Bounds, Names};
use super::survey::{Refusal, Subject, Survey};
use crate::aof;
use crate::model::{Dataset, Value};
use std::format;
use std::path::PathBuf;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

/// Units are appended to texts, so that one missing and one applied twice are both seen.
struct Log {
    policy: AofSyncPolicy,
    count: usize,
    /// Units between two rewrites.
    rewrite_every: usize,
    /// Units between two flushes, where the policy is not [`AofSyncPolicy::Always`].
    flush_every: usize,
}

/// Every third unit is a transaction, and every fourth goes to another database.
fn commands(unit: usize) -> (u64, Vec<[String; 3]>) {
    let db = u64::from(unit % 4 == 3);
    let append = |text: String| ["APPEND".to_string(), "log".to_string(), text];
    match unit % 3 {
        2 => (db, [append(format!("{unit}a,")), append(format!("{unit}b,"))].into()),
        _ => (db, [append(format!("{unit},"))].into()),
    }
}

/// What so many units make.
fn data(units: usize) -> Dataset {
    let mut dataset = Dataset::default();
    for db in 0..2 {
        let commands = (0..units).map(commands).filter(|(of, _)| *of == db).flat_map(|(_, commands)| commands);
        let text: String = commands.map(|[_, _, text]| text).collect();
        if !text.is_empty() {
            dataset.databases.entry(db).or_default().insert("log".into(), Value::String(text.into()).into());
        }
    }
    dataset
}

fn add(log: &AofFolder, unit: usize) -> Result<(), AikvError> {
    let (db, commands) = commands(unit);
    match &commands[..] {
        [command] => log.log(db, command),
        commands => log.transaction(db, commands),
    }
}

fn open(disk: &Recorder) -> Result<(AofFolder, Dataset), PersistenceError> {
    open_with(disk, AofSyncPolicy::Always)
}

fn open_with(disk: &Recorder, policy: AofSyncPolicy) -> Result<(AofFolder, Dataset), PersistenceError> {
    let names = aof::Names::new(b"a").unwrap();
    let home = Home { folder: Arc::new(disk.clone()), path: PathBuf::new(), names };
    let options = AofFolderOptions::default();
    let opened = AofFolder::open_in(home, None, policy, &options, || Ok(Dataset::default()));
    match opened {
        Ok((log, dataset, _)) => Ok((log, dataset)),
        Err(AikvError::Persistence(error)) => Err(error),
    }
}

impl Log {
    /// Tries the next unit. Gives whether the log has taken it.
    fn step(&self, disk: &Recorder, log: &AofFolder, units: &mut usize) {
        if add(log, *units).is_err() {
            return;
        }
        *units += 1;
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
    fn work(&self, disk: &Recorder) -> usize {
        let Ok((log, _)) = open_with(disk, self.policy) else { return 0 };
        let mut units = 0;
        for turn in 0..self.count {
            self.step(disk, &log, &mut units);
            if turn % self.rewrite_every == self.rewrite_every - 1 {
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
        let (log, found) = open(disk).map_err(|error| match error.kind() {
            PersistenceErrorKind::MidFileCorruption { offset, .. } => {
                Refusal::Damage { name: error.path().to_str().unwrap().into(), offset: *offset }
            }
            _ => Refusal::Other(error.to_string()),
        })?;
        let units = (0..=self.count * 2).find(|units| data(*units).databases == found.databases);
        let units = units.ok_or_else(|| Refusal::Other(format!("no prefix of the units: {:?}", found.databases)))?;
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
    Log { policy: AofSyncPolicy::Always, count, rewrite_every: 6, flush_every: 1 }
}

fn flushed(count: usize) -> Log {
    Log { policy: AofSyncPolicy::No, count, rewrite_every: 12, flush_every: 5 }
}

/// Looks at longer and longer runs, until enough states were seen.
fn look(of: fn(usize) -> Log, names: Names) {
    let mut count = 8;
    loop {
        let subject = of(count);
        let mut survey = Survey::new(&subject);
        survey.run(bounds(names));
        assert_eq!(survey.violations, [""; 0]);
        if survey.distinct() >= super::wanted_states() {
            std::eprintln!("{names:?}, {count} units: {} states, {} of them different", survey.states, survey.distinct());
            return;
        }
        count *= 2;
    }
}

#[test]
fn no_crash_loses_an_acknowledged_unit() {
    look(always, Names::Strict);
}

#[test]
fn no_crash_loses_an_acknowledged_unit_where_names_come_in_any_order() {
    look(always, Names::Weak);
}

#[test]
fn no_crash_loses_a_flushed_unit() {
    look(flushed, Names::Strict);
}

#[test]
fn no_crash_loses_a_flushed_unit_where_names_come_in_any_order() {
    look(flushed, Names::Weak);
}

#[test]
fn no_crash_behind_a_fault_loses_an_acknowledged_unit() {
    for lasts in [false, true] {
        let subject = Log { count: 3, rewrite_every: 2, ..always(3) };
        let mut survey = Survey::new(&subject);
        survey.run_with_faults(lasts, Bounds { per_moment: 100, ..bounds(Names::Weak) });
        assert_eq!(survey.violations, [""; 0]);
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
