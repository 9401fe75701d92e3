//! Appends commands to a log that is one file.

use super::aof_file;
use super::appender::{self, Appender, Start};
use super::config::AofSyncPolicy;
use super::error::{PersistenceError, PersistenceErrorKind, Result, Task};
use super::files::resolve;
use super::storage::{Disk, Folder};
use std::fmt;
use std::path::Path;
use std::string::String;
use std::time::Duration;

/// Appends commands to a log; shared by reference between threads.
#[derive(Clone)]
pub struct AofWriter {
    appender: Appender,
}

impl AofWriter {
    /// Opens a log to append to it, or creates it, readable by its owner only.
    /// An existing log is read once, to its end.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::AikvError::Persistence). An existing log
    /// that does not end whole is left as it is: the format error's offset is
    /// where it stops being whole. The manifest of a multi-part log is refused.
    pub fn new<P: AsRef<Path>>(path: P, policy: AofSyncPolicy) -> Result<Self> {
        let path = path.as_ref();
        let task = Task { doing: "open the log", path };
        let (folder, name) = resolve(path).map_err(|error| task.io(error))?;
        let folder = Disk::open(&folder).map_err(|error| task.io(error))?;
        // The file that is locked is the log itself, so that another writer finds the lock by any of its names.
        let lock = folder.lock(&name).map_err(|error| task.io(error))?;
        let Some(lock) = lock else {
            return Err(PersistenceError::new(task.doing, path, PersistenceErrorKind::Locked { pid: None }).into());
        };
        let open = || Ok((folder.read(&name)?, folder.append_to(&name)?));
        let (mut reader, file) = open().map_err(|error| task.io(error))?;
        let len = aof_file::read(&mut reader, task, |_, _| Ok(()))?.valid_up_to;
        // From here on everything in the log is known to be on the disk, its name included.
        let sync = || {
            file.sync()?;
            folder.sync()
        };
        sync().map_err(|error| task.io(error))?;
        let start = Start { file, path: path.into(), len, db: None };
        Ok(Self { appender: Appender::new(start, policy, Some(lock)).map_err(|error| task.io(error))? })
    }

    /// Appends a command: its name, then its arguments.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::AikvError::Persistence), and the log ends
    /// with the command before: `Io` where it could not be written, `Format` for a
    /// command without a name, with over a million arguments, or a `MULTI`, `EXEC`
    /// or `DISCARD` out of place. `Poisoned` after a failed sync: the command may
    /// be in the log or not.
    pub fn log_command(&self, args: &[String]) -> Result<()> {
        self.log_command_bytes(args)
    }

    /// As [`AofWriter::log_command`], with arguments of any bytes.
    ///
    /// # Errors
    /// As [`AofWriter::log_command`].
    pub fn log_command_bytes<A: AsRef<[u8]>>(&self, args: &[A]) -> Result<()> {
        Ok(self.appender.append(|records| records.push(args))?)
    }

    /// Forces everything to the disk that was logged before.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::AikvError::Persistence) of kind `Poisoned`
    /// where this or an earlier sync failed.
    pub fn flush(&self) -> Result<()> {
        Ok(self.appender.flush("sync the log")?)
    }

    /// Forces everything to the disk and closes the log. A writer that is
    /// dropped does the same, but its errors are lost.
    ///
    /// # Errors
    /// As [`AofWriter::flush`].
    pub fn close(self) -> Result<()> {
        Ok(self.appender.close()?)
    }

    /// Bytes of the log that are accepted. Under [`AofSyncPolicy::Always`] this goes back when a write fails.
    #[must_use]
    pub fn accepted_offset(&self) -> u64 {
        self.appender.accepted_offset()
    }

    /// Bytes of the log that are known to be on the disk: a sync that began after they were written has succeeded.
    #[must_use]
    pub fn durable_offset(&self) -> u64 {
        self.appender.durable_offset()
    }

    /// How long ago the oldest byte was accepted that is not known to be on the disk.
    #[must_use]
    pub fn oldest_unsynced_age(&self) -> Option<Duration> {
        self.appender.oldest_unsynced_age()
    }

    /// The failure that holds: what poisoned the writer, or why the last write failed.
    #[must_use]
    pub fn last_error(&self) -> Option<PersistenceError> {
        self.appender.last_error()
    }

    /// How often, in this process, the last handle of a log was dropped while commands of it could not be made durable and no
    /// call had said so.
    #[must_use]
    pub fn lost_errors() -> u64 {
        appender::lost_errors()
    }
}

impl fmt::Debug for AofWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AofWriter").field(&self.appender).finish()
    }
}
