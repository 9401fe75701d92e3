//! A folder of outputs, which appears with all of them or not at all.

use super::failure::Failure;
use super::output::{Output, folder_of, staged_name, watch_signals};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A folder beside the one that it becomes.
pub(super) struct StagedFolder {
    path: PathBuf,
    staged: PathBuf,
    interrupt: Arc<AtomicBool>,
    is_done: bool,
}

impl StagedFolder {
    /// Begins a folder that is not there yet, or empty.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let failed = |error| Failure::Output { file: Some(path.into()), error };
        match fs::read_dir(path) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(failed(io::Error::new(io::ErrorKind::DirectoryNotEmpty, "the folder is there and not empty")));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let staged = staged_name(path).map_err(failed)?;
        let interrupt = watch_signals().map_err(failed)?;
        fs::create_dir(&staged).map_err(failed)?;
        // A slash behind the name is no part of it.
        Ok(Self { path: path.components().collect(), staged, interrupt, is_done: false })
    }

    /// What tells that a signal asked to stop.
    pub(super) fn interrupt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupt)
    }

    pub(super) fn failed(&self, error: io::Error) -> Failure {
        Failure::Output { file: Some(self.path.clone()), error }
    }

    fn failed_at(&self, name: &str, error: io::Error) -> Failure {
        Failure::Output { file: Some(self.path.join(name)), error }
    }

    /// Opens a file of the folder that lasts when it is finished.
    pub(super) fn output(&self, name: &str) -> Result<Output, Failure> {
        Output::open_staged(&self.staged.join(name), self.interrupt())
    }

    /// Begins a file, of which there is none of this name.
    pub(super) fn begin(&self, name: &str) -> Result<(), Failure> {
        let created = OpenOptions::new().write(true).create_new(true).open(self.staged.join(name));
        created.map(drop).map_err(|error| self.failed_at(name, error))
    }

    /// Appends to a file that was begun, and empties `bytes`. No file stays open: there may be more than the system has room for.
    pub(super) fn append(&self, name: &str, bytes: &mut Vec<u8>) -> Result<(), Failure> {
        let opened = OpenOptions::new().append(true).open(self.staged.join(name));
        opened.and_then(|mut file| file.write_all(bytes)).map_err(|error| self.failed_at(name, error))?;
        bytes.clear();
        Ok(())
    }

    /// Makes a file that was begun last.
    pub(super) fn sync(&self, name: &str) -> Result<(), Failure> {
        let synced = File::open(self.staged.join(name)).and_then(|file| file.sync_all());
        synced.map_err(|error| self.failed_at(name, error))
    }

    /// Makes the folder appear, when all that is in it lasts. Without this it never does.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.place().map_err(|error| self.failed(error))
    }

    fn place(&mut self) -> io::Result<()> {
        if cfg!(unix) {
            File::open(&self.staged)?.sync_all()?;
        } else if self.path.exists() {
            // Only Unix puts a folder in the place of an empty one.
            fs::remove_dir(&self.path)?;
        }
        fs::rename(&self.staged, &self.path)?;
        self.is_done = true;
        // The new name must last as well.
        if cfg!(unix) {
            File::open(folder_of(&self.path))?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for StagedFolder {
    fn drop(&mut self) {
        if !self.is_done {
            // Whatever made the command fail is what gets told.
            let _ = fs::remove_dir_all(&self.staged);
        }
    }
}
