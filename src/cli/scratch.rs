//! A file that only the command itself reads.

use super::output::staged_name;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

/// A file beside an output, which is gone when the command is.
pub(super) struct Scratch {
    pub(super) file: File,
    path: PathBuf,
}

impl Scratch {
    pub(super) fn create(beside: &Path) -> io::Result<Self> {
        let path = staged_name(beside)?;
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        let this = Self { file, path };
        // Where a file without a name can be written to, nothing is left behind however the command ends.
        if cfg!(unix) {
            fs::remove_file(&this.path)?;
        }
        Ok(this)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !cfg!(unix) {
            // Whatever made the command fail is what gets told.
            let _ = fs::remove_file(&self.path);
        }
    }
}
