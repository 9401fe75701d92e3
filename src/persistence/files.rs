//! Files: reading them in chunks, and replacing them whole or not at all.

use super::error::{PersistenceError, PersistenceErrorKind, Task};
use super::storage::{Folder, StoredFile};
use crate::aof::MAX_NAME_BYTES;
use std::boxed::Box;
use std::ffi::{OsStr, OsString};
use std::format;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::vec;

/// Files are read this many bytes at a time.
const READ_BYTES: usize = 256 * 1024;

/// Says no to folders, pipes and devices: opening a pipe would wait, and
/// replacing a device would remove it.
pub(super) fn demand_regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(no_file(metadata.is_dir())) }
}

/// Why something cannot be used as a file.
pub(super) fn no_file(is_folder: bool) -> io::Error {
    if is_folder {
        io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")
    } else {
        io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
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
pub(super) fn read_chunks<E: From<PersistenceError>>(
    file: &mut dyn Read,
    task: Task<'_>,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => take(&buffer[..len])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(task.io(error).into()),
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

/// The folder and the name of the file that a path names, through links, whether it is there or not.
pub(super) fn resolve(path: &Path) -> io::Result<(PathBuf, OsString)> {
    let target = match fs::symlink_metadata(path) {
        // What a link points to is meant, not the link.
        Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path)?,
        _ => path.into(),
    };
    match target.file_name() {
        Some(name) => Ok((folder_of(&target).into(), name.into())),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "it names no file")),
    }
}

/// What names of files begin with that are not whole yet; a random number follows, and the name they are to have.
const TEMPORARY: &str = "temp-aikv-";

/// Digits of that number.
const NUMBER_DIGITS: usize = 32;

/// A name nobody can guess for a file that is not whole yet. Where there is no room, the name it is to have is left out.
fn temporary_name(target: &OsStr) -> io::Result<OsString> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    let mut name = OsString::from(format!("{TEMPORARY}{:0NUMBER_DIGITS$x}", u128::from_le_bytes(random)));
    if name.len() + 1 + target.len() <= MAX_NAME_BYTES {
        name.push("-");
        name.push(target);
    }
    Ok(name)
}

/// The name that a file was to have which is called as a [`Replacement`] calls it.
pub(super) fn target_of(temporary: &OsStr) -> Option<&[u8]> {
    let (number, target) = temporary.as_encoded_bytes().strip_prefix(TEMPORARY.as_bytes())?.split_at_checked(NUMBER_DIGITS)?;
    let is_number = number.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    target.strip_prefix(b"-").filter(|_| is_number)
}

/// A name of a file as the operating system takes it. Elsewhere than on Unix it is text, and what is not names nothing.
pub(super) fn os_name(name: &[u8]) -> OsString {
    #[cfg(unix)]
    return std::os::unix::ffi::OsStringExt::from_vec(name.to_vec());
    #[cfg(not(unix))]
    return std::string::String::from_utf8_lossy(name).into_owned().into();
}

/// A file being written that takes the place of another one when it is whole.
/// Dropped before that, it is removed and the other one is as it was.
pub(super) struct Replacement<'a> {
    task: Task<'a>,
    folder: &'a dyn Folder,
    target: &'a OsStr,
    temporary: OsString,
    file: Box<dyn StoredFile>,
    written_bytes: u64,
    is_placed: bool,
}

impl<'a> Replacement<'a> {
    /// Creates the new file, under a name nobody can guess, beside the target.
    pub(super) fn new(task: Task<'a>, folder: &'a dyn Folder, target: &'a OsStr) -> Result<Self, PersistenceError> {
        Self::create(task, folder, target).map_err(|error| task.io(error))
    }

    fn create(task: Task<'a>, folder: &'a dyn Folder, target: &'a OsStr) -> io::Result<Self> {
        is_there(folder, target)?;
        let temporary = temporary_name(target)?;
        let file = folder.create(&temporary)?;
        Ok(Self { task, folder, target, temporary, file, written_bytes: 0, is_placed: false })
    }

    /// Appends bytes to the new file.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), PersistenceError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.file.append(rest) {
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
            if is_there(self.folder, self.target)? {
                self.folder.copy_rights(self.target, &self.temporary)?;
            }
            self.file.sync_all()
        };
        ready().map_err(|error| self.fail(error))?;
        if let Err(error) = self.folder.rename(&self.temporary, self.target) {
            // It may have been done all the same, as where a server of files has carried it out and its answer was lost.
            if self.folder.len(&self.temporary).is_ok() {
                return Err(self.fail(error));
            }
            self.is_placed = true;
            return Err(self.committed(error));
        }
        self.is_placed = true;
        self.folder.sync().map_err(|error| self.committed(error))
    }

    fn committed(&self, error: io::Error) -> PersistenceError {
        PersistenceError::new(self.task.doing, self.task.path, PersistenceErrorKind::CommittedDurabilityUnknown(error))
    }

    fn fail(&self, error: io::Error) -> PersistenceError {
        self.task.io(error).with_written(self.written_bytes)
    }
}

/// Whether there is a regular file of this name; anything else of that name is refused.
fn is_there(folder: &dyn Folder, name: &OsStr) -> io::Result<bool> {
    match folder.len(name) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            // The error that led here is the one to tell.
            let _ = self.folder.remove(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::storage::Disk;
    use super::*;
    use std::any::Any;
    use std::vec::Vec;

    /// Renames, and says that it has not.
    struct Deaf(Disk);

    impl Folder for Deaf {
        fn create(&self, name: &OsStr) -> io::Result<Box<dyn StoredFile>> {
            self.0.create(name)
        }
        fn append_to(&self, name: &OsStr) -> io::Result<Box<dyn StoredFile>> {
            self.0.append_to(name)
        }
        fn read(&self, name: &OsStr) -> io::Result<Box<dyn Read + Send>> {
            self.0.read(name)
        }
        fn len(&self, name: &OsStr) -> io::Result<u64> {
            self.0.len(name)
        }
        fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            self.0.rename(from, to)?;
            Err(io::ErrorKind::NotFound.into())
        }
        fn remove(&self, name: &OsStr) -> io::Result<()> {
            self.0.remove(name)
        }
        fn list(&self) -> io::Result<Vec<OsString>> {
            self.0.list()
        }
        fn sync(&self) -> io::Result<()> {
            self.0.sync()
        }
        fn copy_rights(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            self.0.copy_rights(from, to)
        }
        fn lock(&self, name: &OsStr) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
            self.0.lock(name)
        }
    }

    #[test]
    fn a_temporary_name_tells_what_the_file_is_to_be_called_if_there_is_room() {
        let temporary = temporary_name(OsStr::new("dump.rdb")).unwrap();
        assert_eq!(target_of(&temporary), Some(&b"dump.rdb"[..]));
        for (len, has_room) in [(212, true), (213, false)] {
            let target = "x".repeat(len);
            let temporary = temporary_name(OsStr::new(&target)).unwrap();
            assert_eq!(target_of(&temporary), has_room.then_some(target.as_bytes()));
            assert!(temporary.len() <= MAX_NAME_BYTES);
        }
        for other in ["temp-aikv-", "temp-aikv-0123-dump.rdb", "temp-aikv-0011223344556677889900112233445G-dump.rdb", "dump.rdb"]
        {
            assert_eq!(target_of(OsStr::new(other)), None, "{other}");
        }
    }

    /// What the new file names would else be removed as never named.
    #[test]
    fn a_rename_that_fails_and_was_done_is_no_failure_before_it() {
        let path = std::env::temp_dir().join(format!("aikv-rename-{}", std::process::id()));
        // Numbers of processes come again, and a test that was killed leaves its folder.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        let folder = Deaf(Disk::open(&path).unwrap());
        let task = Task { doing: "write the manifest", path: &path };
        let mut file = Replacement::new(task, &folder, OsStr::new("target")).unwrap();
        file.write(b"new").unwrap();
        let error = file.place().unwrap_err();
        assert_eq!(error.code(), "committed-durability-unknown");
        assert_eq!(fs::read(path.join("target")).unwrap(), b"new");
        fs::remove_dir_all(&path).unwrap();
    }
}
