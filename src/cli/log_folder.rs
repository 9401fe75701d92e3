//! The folder of a multi-part log, which appears whole or not at all.

use super::failure::Failure;
use super::output::{Output, folder_of, staged_name, watch_signals};
use crate::aof::{BaseFormat, Manifest, ManifestFile, Names, Role};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

/// What servers call a log that nobody has named.
const STEM: &[u8] = b"appendonly.aof";

/// A folder beside the one that it becomes.
pub(super) struct StagedFolder {
    staged: PathBuf,
    path: PathBuf,
    is_done: bool,
}

impl StagedFolder {
    /// Begins a log with a base that is a snapshot, which is written to the output.
    pub(super) fn create(path: &Path) -> Result<(Self, Output), Failure> {
        let failed = |error| Failure::Output { file: Some(path.into()), error };
        let interrupt = watch_signals().map_err(failed)?;
        let staged = Self::stage(path).map_err(failed)?;
        let base = staged.staged.join(name(&names()?.base(1, BaseFormat::Rdb)));
        let output = Output::open_staged(&base, interrupt)?;
        Ok((staged, output))
    }

    fn stage(path: &Path) -> io::Result<Self> {
        if let Ok(mut names) = fs::read_dir(path)
            && names.next().is_some()
        {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the folder is there and not empty"));
        }
        let staged = staged_name(path)?;
        fs::create_dir(&staged)?;
        // A slash behind the name is no part of it.
        Ok(Self { staged, path: path.components().collect(), is_done: false })
    }

    /// Takes the base, which is whole, adds an increment without commands and the manifest, and makes the folder appear.
    pub(super) fn finish(mut self, base: Output) -> Result<(), Failure> {
        base.finish()?;
        let names = names()?;
        let files = vec![
            ManifestFile::new(names.base(1, BaseFormat::Rdb), 1, Role::Base),
            ManifestFile::new(names.incr(1), 1, Role::Incr),
        ];
        let mut text = Vec::new();
        let manifest = Manifest { files }.write(&names.manifest(), &mut text);
        manifest.map_err(|error| self.failed(io::Error::other(error.to_string())))?;
        self.place(&names, &text).map_err(|error| self.failed(error))
    }

    fn place(&mut self, names: &Names, manifest: &[u8]) -> io::Result<()> {
        let write = |own: &[u8], bytes: &[u8]| -> io::Result<()> {
            let path = self.staged.join(name(own));
            fs::write(&path, bytes)?;
            File::open(&path)?.sync_all()
        };
        write(&names.incr(1), &[])?;
        write(&names.manifest(), manifest)?;
        sync(&self.staged)?;
        // An empty folder of this name gives way, any other does not.
        fs::rename(&self.staged, &self.path)?;
        self.is_done = true;
        sync(folder_of(&self.path))
    }

    fn failed(&self, error: io::Error) -> Failure {
        Failure::Output { file: Some(self.path.clone()), error }
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

fn names() -> Result<Names, Failure> {
    Names::new(STEM).map_err(|kind| Failure::Usage(kind.to_string()))
}

/// These names are text.
fn name(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Makes the names in a folder last.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
