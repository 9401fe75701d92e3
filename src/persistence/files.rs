//! Files: reading them in chunks, and replacing them whole or not at all.

use super::error::{PersistenceError, PersistenceErrorKind, Task};
use std::ffi::OsString;
use std::format;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::vec;

/// Files are read this many bytes at a time.
const READ_BYTES: usize = 256 * 1024;

/// Says no to folders, pipes and devices: opening a pipe would wait, and
/// replacing a device would remove it.
pub(super) fn demand_regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        Ok(())
    } else if metadata.is_dir() {
        Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"))
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
    }
}

/// Opens a file that the caller named, through links, for reading.
pub(super) fn open(task: Task<'_>) -> Result<File, PersistenceError> {
    let open = || {
        demand_regular(&fs::metadata(task.path)?)?;
        File::open(task.path)
    };
    open().map_err(|error| task.io(error))
}

/// Reads `file` to its end and hands it over in chunks.
pub(super) fn read_chunks(
    file: &mut File,
    task: Task<'_>,
    mut take: impl FnMut(&[u8]) -> Result<(), PersistenceError>,
) -> Result<(), PersistenceError> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => take(&buffer[..len])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(task.io(error)),
        }
    }
}

/// The folder that a file's name stands in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Forces a folder's names to the disk.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file; its names are journalled by the file system.
#[cfg(not(unix))]
pub(super) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes new files readable by their owner only.
#[cfg(unix)]
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

/// Elsewhere a new file takes the rights of its folder.
#[cfg(not(unix))]
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Gives a new file the rights of the one it replaces, and its owner where allowed.
#[cfg(unix)]
fn take_over_rights(file: &File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        match fchown(file, Some(old.uid()), Some(old.gid())) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            done => done?,
        }
    }
    file.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn take_over_rights(file: &File, old: &fs::Metadata) -> io::Result<()> {
    file.set_permissions(old.permissions())
}

/// A file being written that takes the place of another one when it is whole.
/// Dropped before that, it is removed and the other one is as it was.
pub(super) struct Replacement<'a> {
    task: Task<'a>,
    target: PathBuf,
    old: Option<fs::Metadata>,
    temporary: PathBuf,
    file: File,
    written_bytes: u64,
    is_placed: bool,
}

impl<'a> Replacement<'a> {
    /// Creates the new file, under a name nobody can guess, beside the target.
    pub(super) fn new(task: Task<'a>) -> Result<Self, PersistenceError> {
        Self::create(task).map_err(|error| task.io(error))
    }

    fn create(task: Task<'a>) -> io::Result<Self> {
        let target = match fs::symlink_metadata(task.path) {
            // What a link points to is replaced, not the link.
            Ok(metadata) if metadata.is_symlink() => fs::canonicalize(task.path)?,
            _ => task.path.into(),
        };
        let old = match fs::metadata(&target) {
            Ok(metadata) => {
                demand_regular(&metadata)?;
                Some(metadata)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if target.file_name().is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it names no file"));
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let name = OsString::from(format!("temp-aikv-{:032x}", u128::from_le_bytes(random)));
        let temporary = folder_of(&target).join(name);
        let file = private(OpenOptions::new().write(true).create_new(true)).open(&temporary)?;
        Ok(Self { task, target, old, temporary, file, written_bytes: 0, is_placed: false })
    }

    /// Appends bytes to the new file.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), PersistenceError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(self.fail(io::ErrorKind::WriteZero.into())),
                Ok(len) => {
                    rest = &rest[len..];
                    self.written_bytes += len as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fail(error)),
            }
        }
        Ok(())
    }

    /// Puts the new file in the target's place, durably.
    pub(super) fn place(mut self) -> Result<(), PersistenceError> {
        let ready = || {
            if let Some(old) = &self.old {
                take_over_rights(&self.file, old)?;
            }
            self.file.sync_all()?;
            fs::rename(&self.temporary, &self.target)
        };
        ready().map_err(|error| self.fail(error))?;
        self.is_placed = true;
        sync_folder(folder_of(&self.target)).map_err(|error| {
            PersistenceError::new(self.task.doing, self.task.path, PersistenceErrorKind::CommittedDurabilityUnknown(error))
        })
    }

    fn fail(&self, error: io::Error) -> PersistenceError {
        self.task.io(error).with_written(self.written_bytes)
    }
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            // The error that led here is the one to tell.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
