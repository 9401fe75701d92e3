//! Opening a log: what its files hold, and what is done about what a crash left.
//!
//! ```text
//! our temporary files go  ->  the manifest, or an older log taken over  ->  all files read
//!   ->  a torn tail cut  ->  everything synced  ->  what the manifest calls history goes
//! ```

use super::super::aof_file;
use super::super::content::{self, Form};
use super::super::error::{PersistenceError, PersistenceErrorKind, Result, Task};
use super::super::files::os_name;
use super::super::open_log::may_be_empty;
use super::super::recover::recover as recover_file;
use super::super::storage::Folder;
use super::home::Home;
use super::{AofFolderOptions, AofReport, PartReport};
use crate::aof::{Event, Manifest, ManifestFile, NameKind, Role};
use crate::error::{Error, Fault, Place};
use crate::model::{Collector, Dataset, Replay, ReplayOptions};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use std::vec::Vec;

/// Where a log of one file stands that servers before 7.0 wrote: beside the folder.
pub(in super::super) struct Single {
    pub(in super::super) parent: Arc<dyn Folder>,
    /// The folder's own name in `parent`.
    pub(in super::super) folder_name: OsString,
    pub(in super::super) path: PathBuf,
}

/// What is there when a log has been opened.
pub(super) struct Recovered {
    pub(super) manifest: Manifest,
    pub(super) dataset: Dataset,
    pub(super) report: AofReport,
}

/// Reads a log, or begins one with `initial` where there is none.
pub(super) fn recover(
    home: &Home,
    single: Option<&Single>,
    options: &AofFolderOptions,
    initial: impl FnOnce() -> Result<Dataset>,
) -> Result<Recovered> {
    let mut report = AofReport { removed: home.remove_temporaries()?, ..AofReport::default() };
    let Some(mut manifest) = find(home, single, &mut report)? else {
        return begin(home, options, initial()?, report);
    };
    if let Some(before) = generation_before(home, &manifest)? {
        home.place(&before)?;
        manifest = before;
        report.is_previous_base = true;
    }
    demand_all(home, &manifest)?;
    let dataset = read_all(home, &manifest, options, &mut report)?;
    make_durable(home, &manifest)?;
    if manifest.incrs().next().is_none() {
        manifest = home.with_new_incr(&manifest)?;
    }
    match home.remove_histories(&mut manifest) {
        Ok(removed) => report.removed.extend(removed),
        // The log is whole with its history too.
        Err(error) => report.history_error = Some(error),
    }
    report.unlisted = unlisted(home, &manifest)?;
    Ok(Recovered { manifest, dataset, report })
}

/// The manifest, or that of a log of one file, which is taken over as servers do: the manifest comes first.
fn find(home: &Home, single: Option<&Single>, report: &mut AofReport) -> Result<Option<Manifest>, PersistenceError> {
    let stem = home.stem();
    let found = home.read_manifest()?;
    let is_there = |single: &Single| match single.parent.len(&os_name(&stem)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Task { doing: "take over the log", path: &single.path }.io(error)),
    };
    let manifest = match (found, single) {
        (Some((manifest, deviations)), single) => {
            report.deviations = deviations;
            let is_only = matches!(&manifest.files[..], [file] if file.role == Role::Base && file.name == stem);
            match single {
                // The move was all that was missing.
                Some(single) if is_only && home.len(&stem)?.is_none() && is_there(single)? => take_over(home, single)?,
                _ => return Ok(Some(manifest)),
            }
            manifest
        }
        (None, Some(single)) if is_there(single)? => {
            demand_no_log(home)?;
            if home.len(&stem)?.is_some() {
                // The move would remove it.
                let error = io::Error::new(io::ErrorKind::AlreadyExists, "a file of this name is in the folder of the log too");
                return Err(Task { doing: "take over the log", path: &home.path_of(&stem) }.io(error));
            }
            let manifest = Manifest { files: [ManifestFile::new(stem, 1, Role::Base)].into() };
            home.place(&manifest)?;
            take_over(home, single)?;
            manifest
        }
        (None, _) => {
            demand_no_log(home)?;
            return Ok(None);
        }
    };
    report.is_taken_over = true;
    Ok(Some(manifest))
}

/// Moves a log of one file into the folder.
fn take_over(home: &Home, single: &Single) -> Result<(), PersistenceError> {
    let name = os_name(&home.stem());
    let target = Path::new(&single.folder_name).join(&name);
    let task = Task { doing: "take over the log", path: &single.path };
    // Whoever appends to a log of one file holds this lock.
    let Some(_lock) = single.parent.lock(&name).map_err(|error| task.io(error))? else {
        return Err(PersistenceError::new(task.doing, task.path, PersistenceErrorKind::Locked { pid: None }));
    };
    let moved = || {
        single.parent.rename(&name, target.as_os_str())?;
        home.folder.sync()?;
        single.parent.sync()
    };
    moved().map_err(|error| task.io(error))
}

/// Without a manifest there is no log, and so no increment either that holds anything: a log that is
/// begun gets its first command behind its manifest.
fn demand_no_log(home: &Home) -> Result<(), PersistenceError> {
    for name in home.list()? {
        let name = name.as_encoded_bytes();
        let is_incr = matches!(home.names.kind_of(name), Some(NameKind::Part { role: Role::Incr, .. }));
        if is_incr && home.len(name)? != Some(0) {
            let error = io::Error::new(io::ErrorKind::NotFound, "there is an increment, but no manifest");
            return Err(Task { doing: "open the log", path: &home.path_of(&home.names.manifest()) }.io(error));
        }
    }
    Ok(())
}

/// A new log.
fn begin(home: &Home, options: &AofFolderOptions, initial: Dataset, report: AofReport) -> Result<Recovered> {
    let seq = home.free_seq(Role::Base, 0)?;
    let base = ManifestFile::new(home.names.base(seq, options.base_format), seq, Role::Base);
    let path = home.path_of(&base.name);
    let task = Task { doing: "write the base of the log", path: &path };
    let form = Form { format: options.base_format, target: options.target, is_base: true };
    content::write(task, &*home.folder, &os_name(&base.name), form, &initial)?;
    let manifest = home.with_new_incr(&Manifest { files: [base].into() })?;
    let unlisted = unlisted(home, &manifest)?;
    Ok(Recovered { manifest, dataset: initial, report: AofReport { is_new: true, unlisted, ..report } })
}

/// Where the base is missing, but all that it was made from is still there: the manifest of that.
///
/// Servers up to Redis 8.0 leave this behind when the folder cannot be synced behind the rename of a manifest: they
/// remove the new base (`aof.c` `backgroundRewriteDoneHandler()`), and refuse to start.
fn generation_before(home: &Home, manifest: &Manifest) -> Result<Option<Manifest>, PersistenceError> {
    match manifest.base() {
        Some(base) if home.len(&base.name)?.is_none() => {}
        _ => return Ok(None),
    }
    // The newest generation stands first: its increments in order, then its base.
    let mut files = Vec::new();
    for file in manifest.histories() {
        let is_base = !matches!(home.names.kind_of(&file.name), Some(NameKind::Part { role: Role::Incr, .. }));
        let role = if is_base { Role::Base } else { Role::Incr };
        files.push(ManifestFile { role, ..file.clone() });
        if is_base {
            break;
        }
    }
    let is_whole = files.last().is_some_and(|file| file.role == Role::Base);
    for file in &files {
        if !is_whole || home.len(&file.name)?.is_none() {
            return Ok(None);
        }
    }
    let rest = manifest.histories().skip(files.len());
    Ok(Some(Manifest { files: files.iter().chain(manifest.incrs()).chain(rest).cloned().collect() }))
}

/// Reads base and increments into the data they make.
fn read_all(
    home: &Home,
    manifest: &Manifest,
    options: &AofFolderOptions,
    report: &mut AofReport,
) -> Result<Dataset, PersistenceError> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).map_err(|error| Task { doing: "open the log", path: &home.path }.io(error.into()))?;
    let (first, second) = seed.split_at(8);
    let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let mut replay = Replay::new(ReplayOptions {
        max_total_bytes: options.max_data_bytes,
        databases: options.databases,
        ..ReplayOptions::new(i64::try_from(now.as_millis()).unwrap_or(i64::MAX), [word(first), word(second)])
    });
    let files: Vec<_> = manifest.loaded().collect();
    for (index, file) in files.iter().enumerate() {
        if index > 0 {
            let task = Task { doing: "read the log", path: &home.path_of(&file.name) };
            replay.next_file().map_err(|error| task.format(error))?;
        }
        if index + 1 == files.len() {
            let path = home.path_of(&file.name);
            let task = Task { doing: "open the log", path: &path };
            // The data get only what stays: this is read twice.
            report.cut = recover_file(&*home.folder, &os_name(&file.name), task, options.keeps_cut_tails, |_, _| Ok(()))?.cut;
        }
        report.parts.push(read_part(home, file, &mut replay, options)?);
    }
    let (dataset, replayed) = replay.finish().map_err(|error| Task { doing: "read the log", path: &home.path }.format(error))?;
    report.replay = replayed;
    Ok(dataset)
}

/// Demands that every file is there and may be as short as it is.
fn demand_all(home: &Home, manifest: &Manifest) -> Result<(), PersistenceError> {
    for file in manifest.loaded() {
        let (kind, reason) = match home.len(&file.name)? {
            None => (io::ErrorKind::NotFound, "the manifest lists it, but it is not there"),
            Some(0) if !may_be_empty(file) => (io::ErrorKind::UnexpectedEof, "it is empty"),
            Some(_) => continue,
        };
        return Err(Task { doing: "read the log", path: &home.path_of(&file.name) }.io(io::Error::new(kind, reason)));
    }
    Ok(())
}

fn read_part(
    home: &Home,
    file: &ManifestFile,
    replay: &mut Replay,
    options: &AofFolderOptions,
) -> Result<PartReport, PersistenceError> {
    let path = home.path_of(&file.name);
    let task = Task { doing: "read the log", path: &path };
    let mut collector = Collector::new(options.max_data_bytes);
    let take = |event: Event<'_>, offset: u64| {
        let placed = |fault: Fault| Error::new(fault.error_kind(0), offset, Place::default());
        match event {
            Event::Command(command) => replay.command(command, offset).map(|_| ()),
            Event::Snapshot(event) => match collector.push(&event).map_err(placed)? {
                Some(collected) => {
                    collector.forget();
                    replay.load(collected)
                }
                None => Ok(()),
            },
            Event::Annotation(_) | Event::Mark(_) | Event::Timestamp { .. } => Ok(()),
        }
    };
    let name = os_name(&file.name);
    let mut reader = home.folder.read(&name).map_err(|error| task.io(error))?;
    let summary = aof_file::read(aof_file::decoder_of(file.role), &mut *reader, task, take)?;
    Ok(PartReport { name, role: file.role, summary })
}

/// Forces to the disk what was read: what the program before had not synced may be in memory only.
fn make_durable(home: &Home, manifest: &Manifest) -> Result<(), PersistenceError> {
    for file in manifest.loaded() {
        let task = Task { doing: "sync the log", path: &home.path_of(&file.name) };
        home.folder.append_to(&os_name(&file.name)).and_then(|file| file.sync()).map_err(|error| task.io(error))?;
    }
    home.folder.sync().map_err(|error| Task { doing: "sync the folder of the log", path: &home.path }.io(error))
}

/// What is in the folder and no part of the log.
fn unlisted(home: &Home, manifest: &Manifest) -> Result<Vec<OsString>, PersistenceError> {
    let mut names = home.list()?;
    names.retain(|name| {
        let name = name.as_encoded_bytes();
        let is_own = matches!(home.names.kind_of(name), Some(NameKind::Manifest | NameKind::Lock));
        !is_own && manifest.files.iter().all(|file| file.name != name)
    });
    names.sort();
    Ok(names)
}
