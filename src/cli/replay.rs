//! The keys of a log: its commands applied, and the result handed to a job like a snapshot.

use super::failure::{Damage, Failure};
use super::input::{FileEnding, Input, Task};
use super::print::{now_ms, plural, safe};
use super::progress::Progress;
use super::random_seed;
use crate::aof;
use crate::error::{Error, Fault};
use crate::jobs::{Flow, HandOver, Job, LoadLog};
use crate::model::{Dataset, ReplayOptions, ReplayReport, SkippedEffect};
use crate::rdb::Event;
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

/// Reads a log, and hands the keys that it makes to `task`, in order of database and name.
pub(super) fn read<T: Task>(input: Input, file: &Path, task: &mut T, progress: &mut Progress) -> Result<(), Failure> {
    let (mut dataset, _) = load(input, file, progress)?;
    (dataset.aux, dataset.functions, dataset.module_data) = Default::default();
    hand_over(dataset, file, task)
}

/// As [`read`], with all that a snapshot holds beside keys.
pub(super) fn read_whole<T: Task>(input: Input, file: &Path, task: &mut T, progress: &mut Progress) -> Result<(), Failure> {
    let (dataset, report) = load(input, file, progress)?;
    task.replayed(&report, file)?;
    hand_over(dataset, file, task)
}

fn load(input: Input, file: &Path, progress: &mut Progress) -> Result<(Dataset, ReplayReport), Failure> {
    let mut options = ReplayOptions::new(now_ms(), random_seed()?);
    options.databases = input.databases().unwrap_or(options.databases);
    let mut load = LoadLog::new(options);
    if input.is_lenient() {
        load = load.leniently();
    }
    let mut loading = Loading { load, halted: None };
    let ending = input.read(&mut loading, progress)?;
    if let Some((file, error)) = loading.halted {
        return Err(Failure::Format { file, damage: Damage { error, codec: None } });
    }
    ending.check()?;
    let (dataset, report) = loading.load.finish().map_err(|error| failed(file, error))?;
    tell(&report, file);
    Ok((dataset, report))
}

fn failed(file: &Path, error: Error) -> Failure {
    Failure::Format { file: file.into(), damage: Damage { error, codec: None } }
}

/// A reading of a log, and the file and error that ended it.
struct Loading {
    load: LoadLog,
    halted: Option<(PathBuf, Error)>,
}

impl Job for Loading {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.load.push(event, raw)
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> Result<(), Fault> {
        self.load.log(event, offset)
    }
}

impl Task for Loading {
    fn end(&mut self, ending: &FileEnding) {
        // Commands wait to be applied together: what is wrong with the last ones is said here.
        if ending.error.is_none() {
            self.load.end_file();
        }
        if let (Some(error), None) = (self.load.failure(), &self.halted) {
            self.halted = Some((ending.file.path.clone(), error.clone()));
        }
    }
}

/// Says what of a log is not in its keys.
fn tell(report: &ReplayReport, file: &Path) {
    for skipped in &report.skipped {
        let what = match skipped.effect {
            SkippedEffect::None => "",
            SkippedEffect::MayChangeData => ", which may have changed keys",
        };
        eprintln!(
            "aikv: {}: passed over {} {}{what}: byte {}",
            safe(file),
            plural(skipped.count, "command"),
            skipped.name,
            skipped.first_offset
        );
    }
    for failed in &report.failed {
        eprintln!(
            "aikv: {}: {} {} had no effect, as on a server: {}: byte {}",
            safe(file),
            plural(failed.count, "command"),
            failed.name,
            failed.reason,
            failed.first_offset
        );
    }
}

/// Hands over the data as a snapshot, piece by piece.
fn hand_over<T: Task>(dataset: Dataset, file: &Path, task: &mut T) -> Result<(), Failure> {
    let failed = |error| failed(file, error);
    task.of_version(dataset.source);
    let mut hand_over = HandOver::new(dataset.source).map_err(failed)?;
    for item in dataset.into_items() {
        if hand_over.push(&item, task).map_err(failed)? {
            task.drain()?;
        }
        if hand_over.is_stopped() {
            return Ok(());
        }
    }
    hand_over.finish(task).map_err(failed)?;
    task.drain()
}
