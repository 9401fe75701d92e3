//! What a crash leaves at the end of a log: told from other damage, saved, and cut off.

use super::aof_file::{Broken, read, read_what_is_whole};
use super::error::{PersistenceError, PersistenceErrorKind, Task};
use super::files::{read_chunks, resolve};
use super::storage::{Disk, Folder, StoredFile};
use crate::aof::{CommandSearch, Decoder, Event, Summary};
use crate::error::{Error, ErrorKind};
use std::boxed::Box;
use std::ffi::{OsStr, OsString};
use std::format;
use std::io::{self, Read};
use std::path::Path;

/// What was found when a log was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AofRecovery {
    /// What is in the log now; it ends at [`Summary::valid_up_to`].
    pub summary: Summary,
    /// What was cut off, if anything.
    pub cut: Option<AofCut>,
}

/// The torn tail of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AofCut {
    /// Where it started, in bytes from the file's start.
    pub offset: u64,
    /// Its length.
    pub bytes: u64,
    /// The file beside the log that holds it now, if it was to be kept.
    pub saved_as: Option<OsString>,
}

/// Reads a log as far as it is whole, and cuts off what a crash has left behind that: a torn tail, but
/// nothing else. `take` gets every event with its offset, also of a transaction or span that is cut off then.
///
/// What is cut off is saved beside the log first, unless `keeps_tail` says not to. Both are on the disk when this returns.
///
/// # Errors
/// `Format` where the snapshot in front is damaged or a limit is exceeded, and for errors of `take`;
/// `MidFileCorruption`; `Io`.
pub(super) fn recover(
    folder: &dyn Folder,
    name: &OsStr,
    task: Task<'_>,
    keeps_tail: bool,
    take: impl FnMut(Event<'_>, u64) -> Result<(), Error>,
) -> Result<AofRecovery, PersistenceError> {
    let mut torn = match find_tail(folder, name, task, take)? {
        Ok(summary) => return Ok(AofRecovery { summary, cut: None }),
        Err(torn) => torn,
    };
    let cut = || {
        if keeps_tail {
            torn.saved_as = Some(save(folder, name, torn.offset)?);
        }
        let file = folder.append_to(name)?;
        file.truncate(torn.offset)?;
        file.sync()?;
        Ok(torn)
    };
    let cut = cut().map_err(|error| task.io(error))?;
    // What counts is what the next reader finds.
    let mut file = folder.read(name).map_err(|error| task.io(error))?;
    let summary = read(Decoder::new(), &mut *file, task, |_, _| Ok(()))?;
    Ok(AofRecovery { summary, cut: Some(cut) })
}

/// Reads a log as far as it is whole, and finds the torn tail behind that, which nobody has saved yet.
///
/// # Errors
/// As [`recover`].
fn find_tail(
    folder: &dyn Folder,
    name: &OsStr,
    task: Task<'_>,
    take: impl FnMut(Event<'_>, u64) -> Result<(), Error>,
) -> Result<Result<Summary, AofCut>, PersistenceError> {
    let mut file = folder.read(name).map_err(|error| task.io(error))?;
    let broken = match read_what_is_whole(&mut *file, task, take)? {
        Ok(summary) => return Ok(Ok(summary)),
        Err(broken) => broken,
    };
    let offset = broken.summary.valid_up_to;
    let len = folder.len(name).map_err(|error| task.io(error))?;
    demand_torn(folder, name, task, broken, len)?;
    Ok(Err(AofCut { offset, bytes: len.saturating_sub(offset), saved_as: None }))
}

/// What opening a log that is one file, or the last one of several, would cut off. Nothing is changed.
///
/// # Errors
/// As opening it.
#[cfg_attr(not(feature = "cli"), allow(dead_code))]
pub(crate) fn examine(path: &Path) -> Result<Option<AofCut>, PersistenceError> {
    let task = Task { doing: "check the log", path };
    let open = || {
        let (folder, name) = resolve(path)?;
        Ok((Disk::open(&folder)?, name))
    };
    let (folder, name) = open().map_err(|error| task.io(error))?;
    Ok(find_tail(&folder, &name, task, |_, _| Ok(()))?.err())
}

/// Demands that what breaks a log is what a torn write leaves: nothing whole stands behind it, and it is the
/// beginning of a record or zeros or both, or something behind the last integrity mark that was verified.
fn demand_torn(folder: &dyn Folder, name: &OsStr, task: Task<'_>, broken: Broken, len: u64) -> Result<(), PersistenceError> {
    let Broken { error, summary, offset, is_cut_short, is_in_snapshot } = broken;
    if is_in_snapshot || matches!(error.kind(), ErrorKind::LimitExceeded { .. }) {
        return Err(task.format(error));
    }
    // Behind the last whole record: a transaction that was not finished holds whole ones.
    let mut search = CommandSearch::new(offset, len);
    let mut zeros = 0;
    let tail = || tail(folder, name, offset).map_err(|error| task.io(error));
    read_chunks(&mut *tail()?, task, |chunk| {
        search.feed(chunk);
        zeros = match chunk.iter().rposition(|byte| *byte != 0) {
            Some(last) => chunk.len() as u64 - 1 - last as u64,
            None => zeros + chunk.len() as u64,
        };
        Ok::<_, PersistenceError>(())
    })?;
    let next_good = search.found();
    let is_torn = next_good.is_none()
        && (is_cut_short || summary.marks > 0 || {
            let mut before_zeros = tail()?.take(len.saturating_sub(offset).saturating_sub(zeros));
            is_beginning(&mut before_zeros, task)?
        });
    if is_torn {
        return Ok(());
    }
    let kind = PersistenceErrorKind::MidFileCorruption { damage: error, offset: summary.valid_up_to, next_good };
    Err(PersistenceError::new(task.doing, task.path, kind))
}

/// Whether bytes are the beginning of a record.
fn is_beginning(bytes: &mut dyn Read, task: Task<'_>) -> Result<bool, PersistenceError> {
    let mut decoder = Decoder::new();
    let mut is_so = None;
    read_chunks(bytes, task, |mut chunk| {
        let mut is_one = is_so.unwrap_or(matches!(chunk, [b'*' | b'#', ..]));
        while is_one && !chunk.is_empty() {
            match decoder.step(chunk) {
                Ok(step) if step.event.is_none() => chunk = chunk.get(step.consumed..).unwrap_or_default(),
                _ => is_one = false,
            }
        }
        is_so = Some(is_one);
        Ok::<_, PersistenceError>(())
    })?;
    Ok(is_so == Some(true))
}

/// The bytes of a file behind the first `offset`.
fn tail(folder: &dyn Folder, name: &OsStr, offset: u64) -> io::Result<Box<dyn Read + Send>> {
    let mut file = folder.read(name)?;
    io::copy(&mut (&mut *file).take(offset), &mut io::sink())?;
    Ok(file)
}

/// Copies the bytes of a log behind the first `offset` into a new file beside it, and gives its name.
fn save(folder: &dyn Folder, name: &OsStr, offset: u64) -> io::Result<OsString> {
    let mut number = 0;
    let (saved_as, saved) = loop {
        let mut saved_as = OsString::from(name);
        saved_as.push(format!(".cut.{offset}"));
        if number > 0 {
            saved_as.push(format!(".{number}"));
        }
        match folder.create(&saved_as) {
            // An earlier crash has left another tail there, or a part of this one.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            created => break (saved_as, created?),
        }
    };
    io::copy(&mut tail(folder, name, offset)?, &mut Appending(&*saved))?;
    saved.sync_all()?;
    folder.sync()?;
    Ok(saved_as)
}

struct Appending<'a>(&'a dyn StoredFile);

impl io::Write for Appending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
