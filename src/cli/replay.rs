//! The keys of a log: its commands applied, and the result handed to a job like a snapshot.

use super::failure::{Damage, Failure};
use super::input::{FileEnding, Input, Task};
use super::output::Progress;
use super::print::{now_ms, plural, safe};
use super::random_seed;
use crate::aof;
use crate::error::{Error, Fault};
use crate::jobs::{Flow, Job, LoadLog, Reader};
use crate::model::{AuxField, Dataset, Emitter, EncodeOptions, ReplayOptions, ReplayReport, SkippedEffect};
use crate::rdb::{Event, Version};
use crate::wire::Limits;
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

/// A version whose snapshots have a form for everything that a log can make.
const VERSION: Version = Version::redis(Version::REDIS_MAX);

/// Bytes handed over at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Reads a log, and hands the keys that it makes to `task`, in order of database and name.
pub(super) fn read<T: Task>(input: Input, file: &Path, task: &mut T, progress: &mut Progress) -> Result<(), Failure> {
    let mut dataset = load(input, file, progress)?;
    (dataset.aux, dataset.functions, dataset.module_data) = Default::default();
    hand_over(dataset, file, task)
}

/// As [`read`], with all that a snapshot holds beside keys.
pub(super) fn read_whole<T: Task>(input: Input, file: &Path, task: &mut T, progress: &mut Progress) -> Result<(), Failure> {
    hand_over(load(input, file, progress)?, file, task)
}

fn load(input: Input, file: &Path, progress: &mut Progress) -> Result<Dataset, Failure> {
    let mut load = LoadLog::new(ReplayOptions::new(now_ms(), random_seed()?));
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
    Ok(dataset)
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

/// Writes the data as a snapshot, piece by piece, for `task` to read.
fn hand_over<T: Task>(dataset: Dataset, file: &Path, task: &mut T) -> Result<(), Failure> {
    let failed = |error| failed(file, error);
    let mut text = Vec::new();
    let mut reader = Reader::new(Limits::default());
    let options = EncodeOptions { is_compressing: false, ..EncodeOptions::new(VERSION) };
    let mut emitter = Emitter::new(&options, &mut text).map_err(failed)?;
    for AuxField { name, value } in &dataset.aux {
        emitter.aux(name, value, &mut text).map_err(failed)?;
    }
    for data in &dataset.module_data {
        emitter.module_data(data, &mut text).map_err(failed)?;
    }
    for function in &dataset.functions {
        emitter.function(function, &mut text).map_err(failed)?;
    }
    for (db, database) in dataset.databases {
        emitter.select_db(db, &mut text).map_err(failed)?;
        for (key, entry) in database {
            emitter.entry(&key, &entry, &mut text).map_err(failed)?;
            if text.len() >= CHUNK_BYTES {
                reader.feed(&text, task).map_err(failed)?;
                text.clear();
                task.drain()?;
            }
            if reader.is_stopped() {
                return Ok(());
            }
        }
    }
    emitter.finish(&mut text).map_err(failed)?;
    reader.feed(&text, task).and_then(|()| reader.finish()).map_err(failed)?;
    task.drain()
}
