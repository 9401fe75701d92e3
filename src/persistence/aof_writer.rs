//! Appends commands to a log that is one file.

use super::appender::{self, Appender, Start};
use super::config::{AofOptions, AofSyncPolicy};
use super::error::{PersistenceError, PersistenceErrorKind, Result, Task};
use super::files::resolve;
use super::recover::{AofRecovery, recover};
use super::storage::{Disk, Folder};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::Path;
use std::string::String;
use std::sync::Arc;
use std::time::Duration;

/// Appends commands to a log; shared by reference between threads, or cloned: clones are handles to the same log.
///
/// Commands of all threads stand in the log whole, and those of one thread in the order in which it logged them. What
/// survives a crash is a beginning of what was logged, to the end of a command and of a transaction. What may be lost
/// is the policy's matter:
///
/// - [`AofSyncPolicy::Always`]: nothing that [`AofWriter::log_command`] has returned `Ok` for. It returns when the command
///   and the log's name are on the disk. Threads that log at the same time share one sync.
/// - [`AofSyncPolicy::EverySecond`]: when the machine crashes, the commands of at most one second and of the duration of
///   one sync before; a sync begins at the latest one second after the oldest command that none covers, or as soon as the
///   one before has ended. While a command waits for longer than a second for its sync to begin, `log_command` waits too,
///   so the window does not grow. When only the process crashes, what a thread of the writer had not written yet:
///   it begins as soon as there is something, and `log_command` waits where it is over a mebibyte behind.
/// - [`AofSyncPolicy::No`]: when the machine crashes, everything that was logged since the last [`AofWriter::flush`];
///   when the process crashes, as above.
///
/// A `flush` that has returned `Ok` makes everything as safe as `Always` does.
///
/// The first sync that fails poisons the log: the operating system may have dropped the bytes, and would say at
/// the next sync that all is well. Every later call, of any handle, fails with that first error. To open the file again
/// before the machine was restarted is to read what may not be on the disk: go on in a new one, from memory.
///
/// A write that fails is cut off again. Under `Always` the commands that were not written are refused, and the log goes on.
/// Under the other policies they were accepted before: they are kept in memory, and the next call writes them first. As long as
/// that fails, nothing new is accepted. Where the failed write cannot be cut off, the log is poisoned.
///
/// The log is closed with its last handle. [`AofWriter::close`] says what became of it; a last handle that is dropped does the
/// same, and counts what it could not tell anybody: [`AofWriter::lost_errors`].
///
/// A limit on the size of files (`ulimit -f`) kills a process that does not ignore the signal `SIGXFSZ`. That is the host's matter;
/// with the signal ignored, such a write fails like any other.
#[derive(Clone)]
pub struct AofWriter {
    pub(super) appender: Appender,
    recovery: Arc<AofRecovery>,
}

impl AofWriter {
    /// As [`AofWriter::with_options`], with the defaults of all but the policy.
    ///
    /// # Errors
    /// As [`AofWriter::with_options`].
    pub fn new<P: AsRef<Path>>(path: P, policy: AofSyncPolicy) -> Result<Self> {
        Self::with_options(path, AofOptions { policy, ..AofOptions::default() })
    }

    /// Opens a log to append to it, or creates it, readable by its owner only.
    ///
    /// An existing log is read once. If a crash has torn its end, that is cut off, before a `MULTI` without `EXEC`, and saved
    /// beside the log first: [`AofWriter::recovery`] says so. An end is torn if it is the beginning of a command, or zeros, or
    /// both, or what stands behind the last integrity mark that was verified, and no whole command follows.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::AikvError::Persistence), and the log is left as it is: `Locked` while another
    /// writer has it; `MidFileCorruption` where it is damaged in any other way; `Format` where the damage is in the
    /// snapshot in front, or where it is the manifest of a multi-part log; `Io`.
    pub fn with_options<P: AsRef<Path>>(path: P, options: AofOptions) -> Result<Self> {
        let path = path.as_ref();
        let task = Task { doing: "open the log", path };
        let folder = resolve(path).and_then(|(folder, name)| Ok((Disk::open(&folder)?, name)));
        let (folder, name) = folder.map_err(|error| task.io(error))?;
        Ok(Self::open_in(&folder, &name, task, options)?)
    }

    pub(super) fn open_in(
        folder: &dyn Folder,
        name: &OsStr,
        task: Task<'_>,
        options: AofOptions,
    ) -> Result<Self, PersistenceError> {
        // The log itself is locked, so that another writer finds the lock by any of its names. Elsewhere than on Unix nobody,
        // not even who has the lock, could write to it by another handle.
        let mut lock_name = OsString::from(name);
        if cfg!(not(unix)) {
            lock_name.push(".lock");
        }
        let Some(lock) = folder.lock(&lock_name).map_err(|error| task.io(error))? else {
            return Err(PersistenceError::new(task.doing, task.path, PersistenceErrorKind::Locked { pid: None }));
        };
        match folder.create(name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => created.map(drop).map_err(|error| task.io(error))?,
        }
        let recovery = recover(folder, name, task, options.keeps_cut_tail, |_, _| Ok(()))?;
        let start = || {
            let file = folder.append_to(name)?;
            // From here on everything in the log is known to be on the disk, its name included.
            file.sync()?;
            folder.sync()?;
            let len = recovery.summary.valid_up_to;
            let unmarked = options.writes_marks.then(|| len.saturating_sub(recovery.summary.verified_up_to));
            let start = Start { file, path: task.path.into(), len, db: None, unmarked };
            Appender::new(start, options.policy, Some(lock))
        };
        let appender = start().map_err(|error| task.io(error))?;
        Ok(Self { appender, recovery: Arc::new(recovery) })
    }

    /// What was found when the log was opened.
    #[must_use]
    pub fn recovery(&self) -> &AofRecovery {
        &self.recovery
    }

    /// Appends a command: its name, then its arguments.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::AikvError::Persistence), and the command is not accepted: `Io` where it, or one before
    /// it, could not be written; `Format` for one without a name, with over a million arguments or a gibibyte, or a
    /// `MULTI`, `EXEC` or `DISCARD` out of place. `Poisoned` after a sync has failed: under [`AofSyncPolicy::Always`] the command
    /// may be in the log then.
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
    /// [`AikvError::Persistence`](super::AikvError::Persistence): `Poisoned` where this or an earlier sync failed; `Io` where
    /// something accepted could not be written, and is kept.
    pub fn flush(&self) -> Result<()> {
        Ok(self.appender.flush("sync the log")?)
    }

    /// Forces everything to the disk, and closes the log if this is its last handle.
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
