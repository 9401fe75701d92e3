//! A new base, made while the log goes on in a new increment.
//!
//! ```text
//! new increment created, folder synced
//!   ->  no command under way: old increment synced, manifest with the new one placed, the log goes on in it
//!   ->  new base written, synced, named, folder synced
//!   ->  manifest placed that calls the old base and increments history
//!   ->  these removed, manifest placed without them
//! ```
//! A manifest is placed by a temporary file, sync, rename and sync of the folder. Once it was renamed,
//! either manifest may be on the disk, so nothing that one of them names is removed before a sync of the folder has succeeded.

use super::super::appender::{Appender, Start};
use super::super::content::{self, Form, Frozen};
use super::super::error::{PersistenceError, PersistenceErrorKind, Result, Task};
use super::super::files::os_name;
use super::{AofFolder, Listed};
use crate::aof::{Manifest, ManifestFile, Role};
use std::ffi::OsString;
use std::io;
use std::sync::atomic::Ordering;
use std::vec::Vec;

/// A rewrite under way: the log goes on in a new increment, and what came before it waits for a base.
///
/// Dropped, it leaves the log as it is, with one increment more.
pub struct Rewrite<'a> {
    log: &'a AofFolder,
    /// The increment that the log goes on in.
    seq: u64,
    /// The increment where the log is poisoned: it goes on there when the base is in place.
    next: Option<Next>,
}

/// An increment that no manifest lists yet.
struct Next {
    incr: ManifestFile,
    appender: Appender,
}

/// What a rewrite has done.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rewritten {
    /// Size of the new base in bytes.
    pub base_bytes: u64,
    /// Files that were removed.
    pub removed: Vec<OsString>,
    /// Why not all that the new base replaces was removed. It is when the log is rewritten or opened again.
    pub history_error: Option<PersistenceError>,
}

impl AofFolder {
    /// Goes on in a new increment. Commands wait meanwhile.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::super::AikvError::Persistence): `Poisoned` where the log could not be
    /// synced; for any other kind but `CommittedDurabilityUnknown` the log goes on as before. With that one the
    /// new increment may be lost by a crash, so nothing is logged any more.
    pub fn rotate(&self) -> Result<()> {
        Ok(self.go_on().map(|_| ())?)
    }

    /// Begins a rewrite: what is logged from here on is not part of the base to come. The caller sees to
    /// it that what has been logged and what is in the data it will hand over are the same.
    ///
    /// This is also the way on for a log that is poisoned: it goes on refusing commands until the rewrite is done, and then takes
    /// them in a new increment. Of what was accepted before, it has then what is in the data.
    ///
    /// # Errors
    /// As [`AofFolder::rotate`], but for a log that was poisoned before; `Io` with
    /// [`ResourceBusy`](io::ErrorKind::ResourceBusy) while another rewrite is under way.
    pub fn begin_rewrite(&self) -> Result<Rewrite<'_>> {
        if self.is_rewriting.swap(true, Ordering::Acquire) {
            let error = io::Error::new(io::ErrorKind::ResourceBusy, "it is being rewritten");
            return Err(Task { doing: REWRITE, path: &self.home.path }.io(error).into());
        }
        let mut rewrite = Rewrite { log: self, seq: 0, next: None };
        if self.is_poisoned() {
            let next = self.begin_anew()?;
            rewrite.seq = next.incr.seq;
            rewrite.next = Some(next);
        } else {
            rewrite.seq = self.go_on()?;
        }
        Ok(rewrite)
    }

    /// Makes an increment for a log that is poisoned.
    fn begin_anew(&self) -> Result<Next, PersistenceError> {
        let (file, incr) = self.home.new_incr(&self.listed().manifest)?;
        let path = self.home.path_of(&incr.name);
        let start = Start { file, path: path.clone(), len: 0, db: None, unmarked: self.options.writes_marks.then_some(0) };
        let appender = Appender::new(start, self.policy, None);
        let appender = appender.map_err(|error| {
            self.home.forget(&incr.name);
            Task { doing: REWRITE, path: &path }.io(error)
        })?;
        Ok(Next { incr, appender })
    }

    /// Goes on in a new increment, and gives its number.
    fn go_on(&self) -> Result<u64, PersistenceError> {
        let mut listed = self.listed();
        self.settle(&mut listed)?;
        let (file, incr) = self.home.new_incr(&listed.manifest)?;
        let path = self.home.path_of(&incr.name);
        let mut manifest = listed.manifest.clone();
        manifest.files.push(incr.clone());
        let mut is_placed = false;
        let before = self.appender().rotate("begin an increment of the log", || {
            let placed = self.home.place(&manifest);
            is_placed = placed.as_ref().err().is_none_or(is_committed);
            placed.map(|()| (file, path))
        });
        if is_placed {
            listed.manifest = manifest;
        }
        match before {
            Ok(bytes) => {
                listed.closed.push((incr.seq, bytes));
                Ok(incr.seq)
            }
            Err(error) => {
                listed.is_certain &= !is_placed;
                if !is_placed {
                    self.home.forget(&incr.name);
                }
                Err(error)
            }
        }
    }

    /// Makes sure that the manifest is on the disk.
    fn settle(&self, listed: &mut Listed) -> Result<(), PersistenceError> {
        if !listed.is_certain {
            let task = Task { doing: "sync the folder of the log", path: &self.home.path };
            self.home.folder.sync().map_err(|error| task.io(error))?;
            listed.is_certain = true;
        }
        Ok(())
    }

    fn write_base(&self, seq: u64, next: &mut Option<Next>, data: &dyn Frozen) -> Result<Rewritten> {
        let base_seq = self.home.free_seq(Role::Base, 0)?;
        let base = ManifestFile::new(self.home.names.base(base_seq, self.options.base_format), base_seq, Role::Base);
        let path = self.home.path_of(&base.name);
        let task = Task { doing: REWRITE, path: &path };
        let form = Form { format: self.options.base_format, target: self.options.target, is_base: true };
        let base_bytes = content::write(task, &*self.home.folder, &os_name(&base.name), form, data)?;

        let mut listed = self.listed();
        let mut replaced = replaced(&listed.manifest, &base, seq);
        replaced.files.extend(next.as_ref().map(|next| next.incr.clone()));
        let placed = self.settle(&mut listed).and_then(|()| self.home.place(&replaced));
        match placed {
            Ok(()) => {}
            Err(error) if is_committed(&error) => {
                // The new increment is listed now, and stays.
                *next = None;
                listed.manifest = replaced;
                listed.is_certain = false;
                return Err(error.into());
            }
            Err(error) => {
                self.home.forget(&base.name);
                return Err(error.into());
            }
        }
        let mut rewritten = Rewritten { base_bytes, removed: Vec::new(), history_error: None };
        listed.manifest = replaced;
        listed.base_bytes = base_bytes;
        // An increment's size was noted when the one behind it was begun.
        listed.closed.retain(|(behind, _)| *behind > seq);
        if let Some(next) = next.take() {
            self.go_on_with(next.appender);
        }
        match self.home.remove_histories(&mut listed.manifest) {
            Ok(removed) => rewritten.removed = removed,
            Err(error) => {
                listed.is_certain = !is_committed(&error);
                rewritten.history_error = Some(error);
            }
        }
        Ok(rewritten)
    }
}

const REWRITE: &str = "rewrite the log";

/// Whether a new manifest may be on the disk although it could not be placed.
pub(super) fn is_committed(error: &PersistenceError) -> bool {
    matches!(error.kind(), PersistenceErrorKind::CommittedDurabilityUnknown(_))
}

/// The manifest with a new base for all before the increment `seq`. The newest history stands first, as servers write
/// it: its increments in order, then its base.
fn replaced(manifest: &Manifest, base: &ManifestFile, seq: u64) -> Manifest {
    let as_history = |file: &ManifestFile| ManifestFile { role: Role::History, ..file.clone() };
    let (old, new): (Vec<_>, Vec<_>) = manifest.incrs().partition(|incr| incr.seq < seq);
    let mut files = [base.clone()].to_vec();
    files.extend(old.into_iter().chain(manifest.base()).map(as_history));
    files.extend(manifest.histories().cloned());
    files.extend(new.into_iter().cloned());
    Manifest { files }
}

impl Rewrite<'_> {
    /// Writes the new base from `data`, which are those of the moment the rewrite began, and removes what it replaces.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::super::AikvError::Persistence), or that of `data`. The log goes on in its
    /// new increment. With `CommittedDurabilityUnknown` a crash may leave the old base or the new
    /// one, and both are kept.
    pub fn finish(mut self, data: &dyn Frozen) -> Result<Rewritten> {
        self.log.write_base(self.seq, &mut self.next, data)
    }
}

impl Drop for Rewrite<'_> {
    fn drop(&mut self) {
        if let Some(next) = &self.next {
            self.log.home.forget(&next.incr.name);
        }
        self.log.is_rewriting.store(false, Ordering::Release);
    }
}
