//! The files of a multi-part log: found, named, read and listed.

use super::super::error::{PersistenceError, Task};
use super::super::files::{Replacement, os_name, target_of};
use super::super::open_log::read_manifest;
use super::super::storage::{Folder, StoredFile};
use crate::aof::{Manifest, ManifestFile, NameKind, Names, Role};
use crate::error::Error;
use std::boxed::Box;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::vec::Vec;

/// A folder that holds a log, and the names that its files have.
pub(in super::super) struct Home {
    pub(in super::super) folder: Arc<dyn Folder>,
    /// As it is named in errors.
    pub(in super::super) path: PathBuf,
    pub(in super::super) names: Names,
}

impl Home {
    pub(super) fn path_of(&self, name: &[u8]) -> PathBuf {
        self.path.join(os_name(name))
    }

    /// The manifest and what is odd about it, if there is one.
    pub(super) fn read_manifest(&self) -> Result<Option<(Manifest, Vec<Error>)>, PersistenceError> {
        let name = self.names.manifest();
        let path = self.path_of(&name);
        let task = Task { doing: "read the manifest", path: &path };
        if self.len(&name)?.is_none() {
            return Ok(None);
        }
        let text = read_manifest(&*self.folder, &os_name(&name), task)?;
        Manifest::parse(&text, &name).map(Some).map_err(|error| task.format(error))
    }

    /// Puts a manifest in the place of the one that is there, durably.
    pub(super) fn place(&self, manifest: &Manifest) -> Result<(), PersistenceError> {
        let name = self.names.manifest();
        let path = self.path_of(&name);
        let task = Task { doing: "write the manifest", path: &path };
        let mut text = Vec::new();
        manifest.write(&name, &mut text).map_err(|error| task.format(error))?;
        let name = os_name(&name);
        let mut file = Replacement::new(task, &*self.folder, &name)?;
        file.write(&text)?;
        file.place()
    }

    /// The size of a file in bytes, if it is there.
    pub(super) fn len(&self, name: &[u8]) -> Result<Option<u64>, PersistenceError> {
        match self.folder.len(&os_name(name)) {
            Ok(len) => Ok(Some(len)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Task { doing: "open the log", path: &self.path_of(name) }.io(error)),
        }
    }

    /// All names in the folder.
    pub(super) fn list(&self) -> Result<Vec<OsString>, PersistenceError> {
        self.folder.list().map_err(|error| Task { doing: "list the files of the log", path: &self.path }.io(error))
    }

    /// Removes what writers of this log left before it had its name. In the same folder another log, or a snapshot, may just be
    /// written.
    pub(super) fn remove_temporaries(&self) -> Result<Vec<OsString>, PersistenceError> {
        let mut names = self.list()?;
        names.retain(|name| target_of(name).is_some_and(|target| self.names.kind_of(target).is_some()));
        for name in &names {
            let task = Task { doing: "remove the temporary file", path: &self.path.join(name) };
            self.folder.remove(name).map_err(|error| task.io(error))?;
        }
        Ok(names)
    }

    /// The first number above `seq` that no file of the role has.
    pub(super) fn free_seq(&self, role: Role, above: u64) -> Result<u64, PersistenceError> {
        let taken = self.list()?;
        let seqs = taken.iter().filter_map(|name| match self.names.kind_of(name.as_encoded_bytes()) {
            Some(NameKind::Part { role: found, seq }) if found == role => Some(seq),
            _ => None,
        });
        Ok(seqs.max().unwrap_or(0).max(above) + 1)
    }

    /// Creates an increment behind those that the manifest lists.
    pub(super) fn new_incr(&self, manifest: &Manifest) -> Result<(Box<dyn StoredFile>, ManifestFile), PersistenceError> {
        let last = manifest.incrs().last().map_or(0, |file| file.seq);
        let seq = self.free_seq(Role::Incr, last)?;
        let incr = ManifestFile::new(self.names.incr(seq), seq, Role::Incr);
        let path = self.path_of(&incr.name);
        let task = Task { doing: "begin an increment of the log", path: &path };
        let file = self.folder.create(&os_name(&incr.name)).map_err(|error| task.io(error))?;
        // Its name has to be durable before a manifest has it.
        if let Err(error) = self.folder.sync() {
            self.forget(&incr.name);
            return Err(task.io(error));
        }
        Ok((file, incr))
    }

    /// The manifest with a new increment, placed.
    pub(super) fn with_new_incr(&self, manifest: &Manifest) -> Result<Manifest, PersistenceError> {
        let (_, incr) = self.new_incr(manifest)?;
        let mut manifest = manifest.clone();
        manifest.files.push(incr);
        self.place(&manifest)?;
        Ok(manifest)
    }

    /// Removes a file of this log that no manifest has ever listed.
    pub(super) fn forget(&self, name: &[u8]) {
        // The error that led here is the one to tell; a file that stays is unlisted.
        let _ = self.folder.remove(&os_name(name));
    }

    /// Removes what a manifest calls history, which is durable, and what it lists but may not be removed from
    /// its list. Gives the names of what is gone.
    pub(super) fn remove_histories(&self, manifest: &mut Manifest) -> Result<Vec<OsString>, PersistenceError> {
        let mut removed = Vec::new();
        for file in manifest.histories() {
            let name = os_name(&file.name);
            match if self.is_removable(&file.name) { self.folder.remove(&name) } else { continue } {
                Ok(()) => removed.push(name),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Task { doing: "remove the history", path: &self.path.join(name) }.io(error)),
            }
        }
        if manifest.histories().next().is_some() {
            let mut without = manifest.clone();
            without.files.retain(|file| file.role != Role::History);
            self.place(&without)?;
            *manifest = without;
        }
        Ok(removed)
    }

    /// Whether a file may be removed that a manifest calls history: only what has a name that the
    /// log's own files have.
    fn is_removable(&self, name: &[u8]) -> bool {
        // What was once a log of one file keeps its name.
        matches!(self.names.kind_of(name), Some(NameKind::Part { .. })) || name == self.stem()
    }

    /// The name that all others are made of, which a log of one file has.
    pub(super) fn stem(&self) -> Vec<u8> {
        let mut name = self.names.manifest();
        name.truncate(name.len().saturating_sub(b".manifest".len()));
        name
    }
}
