//! What the writers ask of a file system, and the real one.
//!
//! A writer works in one folder and names files in it, so that nothing outside of it can be meant.
//! Names are taken literally: a link is never followed.

use super::files::demand_regular;
use std::any::Any;
use std::boxed::Box;
use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::vec::Vec;

/// A folder and the files in it.
pub(super) trait Folder: Send + Sync {
    /// Creates a file, readable by its owner only, that must not be there yet.
    fn create(&self, name: &OsStr) -> io::Result<Box<dyn StoredFile>>;
    /// Opens a regular file to append to it.
    fn append_to(&self, name: &OsStr) -> io::Result<Box<dyn StoredFile>>;
    /// Opens a regular file to read it from its start.
    fn read(&self, name: &OsStr) -> io::Result<Box<dyn Read + Send>>;
    /// The size of a regular file in bytes.
    fn len(&self, name: &OsStr) -> io::Result<u64>;
    /// Gives a file another name, and removes what had it.
    fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &OsStr) -> io::Result<()>;
    /// Names of all that is in the folder, in no order.
    fn list(&self) -> io::Result<Vec<OsString>>;
    /// Forces the names in the folder to the disk.
    fn sync(&self) -> io::Result<()>;
    /// Gives `to` the rights of `from`, and its owner where allowed.
    fn copy_rights(&self, from: &OsStr, to: &OsStr) -> io::Result<()>;
    /// Takes the lock that a file of this name stands for, until it is dropped; `None` where another has it.
    fn lock(&self, name: &OsStr) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;
}

/// A file that is appended to.
pub(super) trait StoredFile: Send + Sync {
    /// Appends some of `bytes` and says how many.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts the file off behind its first `len` bytes.
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Forces its bytes to the disk. The first sync after a failure of the disk hears of it, a later one may not.
    fn sync(&self) -> io::Result<()>;
    /// As [`StoredFile::sync`], its rights and owner as well.
    fn sync_all(&self) -> io::Result<()>;
}

impl StoredFile for File {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        (&mut &*self).write(bytes)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        Self::sync_all(self)
    }
}

#[cfg(not(unix))]
pub(super) use elsewhere::Disk;
#[cfg(unix)]
pub(super) use unix::Disk;

#[cfg(unix)]
mod unix {
    use super::super::files::no_file;
    use super::*;
    use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Uid};
    use rustix::io::Errno;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;

    /// A folder of the real file system, held open: that its path comes to mean another one changes nothing.
    pub(in super::super) struct Disk(OwnedFd);

    impl Disk {
        /// Opens a folder.
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
        }

        fn file(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
            // A pipe must not make the caller wait for its other end.
            let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let file = match rustix::fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR) {
                // A pipe without a reader, or a link.
                Err(Errno::NXIO | Errno::LOOP) => return Err(no_file(false)),
                opened => File::from(opened?),
            };
            demand_regular(&file.metadata()?)?;
            Ok(file)
        }
    }

    impl Folder for Disk {
        fn create(&self, name: &OsStr) -> io::Result<Box<dyn StoredFile>> {
            Ok(Box::new(self.file(name, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL)?))
        }

        fn append_to(&self, name: &OsStr) -> io::Result<Box<dyn StoredFile>> {
            Ok(Box::new(self.file(name, OFlags::WRONLY | OFlags::APPEND)?))
        }

        fn read(&self, name: &OsStr) -> io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(self.file(name, OFlags::RDONLY)?))
        }

        fn len(&self, name: &OsStr) -> io::Result<u64> {
            let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Ok(stat.st_size.unsigned_abs()),
                FileType::Directory => Err(no_file(true)),
                _ => Err(no_file(false)),
            }
        }

        fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
        }

        fn remove(&self, name: &OsStr) -> io::Result<()> {
            Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
        }

        fn list(&self) -> io::Result<Vec<OsString>> {
            let mut names = Vec::new();
            for entry in Dir::read_from(&self.0)? {
                let entry = entry?;
                let name = OsStr::from_bytes(entry.file_name().to_bytes());
                if name != "." && name != ".." {
                    names.push(name.into());
                }
            }
            Ok(names)
        }

        fn sync(&self) -> io::Result<()> {
            Ok(rustix::fs::fsync(&self.0)?)
        }

        fn copy_rights(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            let old = rustix::fs::statat(&self.0, from, AtFlags::SYMLINK_NOFOLLOW)?;
            let file = self.file(to, OFlags::WRONLY)?;
            let new = rustix::fs::fstat(&file)?;
            if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid) {
                match rustix::fs::fchown(&file, Some(Uid::from_raw(old.st_uid)), Some(Gid::from_raw(old.st_gid))) {
                    // Only the superuser may give a file away.
                    Err(Errno::PERM) => {}
                    done => done?,
                }
            }
            Ok(rustix::fs::fchmod(&file, Mode::from_raw_mode(old.st_mode))?)
        }

        fn lock(&self, name: &OsStr) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
            let file = self.file(name, OFlags::RDWR | OFlags::CREATE)?;
            let opened = rustix::fs::fstat(&file)?;
            let Some(lock) = locked(file)? else { return Ok(None) };
            // Who had the lock may have given the file another name before letting go: then this is not the one that is there.
            let there = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
            Ok(((opened.st_dev, opened.st_ino) == (there.st_dev, there.st_ino)).then_some(lock))
        }
    }
}

/// Elsewhere a folder cannot be opened as a file: it is its path, and its names are journalled by the file system.
#[cfg(not(unix))]
mod elsewhere {
    use super::*;
    use std::fs::{self, OpenOptions};
    use std::path::PathBuf;

    /// A folder of the real file system.
    pub(in super::super) struct Disk(PathBuf);

    impl Disk {
        /// Opens a folder.
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            if fs::metadata(path)?.is_dir() { Ok(Self(path.into())) } else { Err(io::ErrorKind::NotADirectory.into()) }
        }

        fn file(&self, name: &OsStr, options: &mut OpenOptions) -> io::Result<File> {
            let path = self.0.join(name);
            if let Ok(metadata) = fs::symlink_metadata(&path) {
                demand_regular(&metadata)?;
            }
            options.open(path)
        }
    }

    impl Folder for Disk {
        fn create(&self, name: &OsStr) -> io::Result<Box<dyn StoredFile>> {
            Ok(Box::new(self.file(name, OpenOptions::new().append(true).create_new(true))?))
        }

        fn append_to(&self, name: &OsStr) -> io::Result<Box<dyn StoredFile>> {
            Ok(Box::new(self.file(name, OpenOptions::new().append(true))?))
        }

        fn read(&self, name: &OsStr) -> io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(self.file(name, OpenOptions::new().read(true))?))
        }

        fn len(&self, name: &OsStr) -> io::Result<u64> {
            let metadata = fs::symlink_metadata(self.0.join(name))?;
            demand_regular(&metadata)?;
            Ok(metadata.len())
        }

        fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            fs::rename(self.0.join(from), self.0.join(to))
        }

        fn remove(&self, name: &OsStr) -> io::Result<()> {
            fs::remove_file(self.0.join(name))
        }

        fn list(&self) -> io::Result<Vec<OsString>> {
            fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name())).collect()
        }

        fn sync(&self) -> io::Result<()> {
            Ok(())
        }

        fn copy_rights(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            fs::set_permissions(self.0.join(to), fs::symlink_metadata(self.0.join(from))?.permissions())
        }

        fn lock(&self, name: &OsStr) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
            locked(self.file(name, OpenOptions::new().read(true).write(true).create(true).truncate(false))?)
        }
    }
}

/// A lock, until it is dropped.
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // A process that is being started has a handle of its own for a moment, with which the lock would stay. What
        // cannot be unlocked is when the last handle goes.
        let _ = self.0.unlock();
    }
}

/// The lock that an open file stands for. It goes with the process at the latest.
fn locked(file: File) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(Box::new(Held(file)))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    /// A process that is being started has such a copy for a moment.
    #[test]
    fn a_lock_goes_with_its_holder_though_there_are_copies_of_its_handle() {
        let path = std::env::temp_dir().join(format!("aikv-lock-{}", std::process::id()));
        let file = File::create(&path).unwrap();
        let copy = file.try_clone().unwrap();
        let held = locked(file).unwrap().unwrap();
        assert!(locked(File::open(&path).unwrap()).unwrap().is_none());
        drop(held);
        assert!(locked(File::open(&path).unwrap()).unwrap().is_some());
        drop(copy);
        std::fs::remove_file(&path).unwrap();
    }
}
