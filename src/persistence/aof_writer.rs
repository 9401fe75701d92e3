//! Appends commands to a log.

use super::aof_file;
use super::config::AofSyncPolicy;
use super::error::{PersistenceError, PersistenceErrorKind, Result, Task};
use super::files::resolve;
use super::storage::{Disk, Folder, StoredFile};
use crate::aof::{Transaction, write_command};
use crate::error::{Error, ErrorKind, Place};
use std::boxed::Box;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::string::String;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::vec::Vec;

/// The longest time between a write and the start of the sync that covers it.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Capacity that the buffer for one command keeps.
const KEEP_BYTES: usize = 64 * 1024;

const LOG: &str = "append to the log";

/// Appends commands to a log; shared by reference between threads.
///
/// A command is written to the file before [`AofWriter::log_command`] returns,
/// whole or not at all. When it is forced to the disk is the policy's matter:
///
/// - [`AofSyncPolicy::Always`]: before the call returns.
/// - [`AofSyncPolicy::EverySecond`]: a thread of the writer begins to sync at the
///   latest one second after the oldest byte that is not on the disk, or as soon
///   as the sync before has ended.
/// - [`AofSyncPolicy::No`]: by [`AofWriter::flush`] and [`AofWriter::close`] only.
///
/// The first sync that fails poisons the writer: the operating system may have
/// dropped the bytes, and would say at the next sync that all is well. Every
/// later call fails with that first error. A write that fails is cut off again,
/// and the writer goes on.
///
/// Between `MULTI` and `EXEC` a log does not end whole. Closed there, it is
/// refused when it is opened or loaded again.
pub struct AofWriter {
    log: Arc<Log>,
    thread: Option<JoinHandle<()>>,
    is_closed: bool,
}

/// What the writer and its thread share.
struct Log {
    path: PathBuf,
    policy: AofSyncPolicy,
    storage: Box<dyn StoredFile>,
    state: Mutex<State>,
    /// Something of the state has changed that somebody waits for.
    changed: Condvar,
}

struct State {
    /// The command being written.
    buffer: Vec<u8>,
    /// Bytes of whole commands in the file.
    len: u64,
    /// Bytes that were written when a sync began that has succeeded.
    durable: u64,
    transaction: Transaction,
    /// When the oldest byte was written that no sync has begun to cover.
    oldest_unsynced: Option<Instant>,
    is_syncing: bool,
    is_closing: bool,
    poison: Option<Poison>,
}

#[derive(Clone)]
struct Poison {
    first: Arc<io::Error>,
    doubtful_from: u64,
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
        let open = || {
            let (folder, name) = resolve(path)?;
            let folder = Disk::open(&folder)?;
            let file = match folder.create(&name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => folder.append_to(&name)?,
                created => created?,
            };
            Ok((folder.read(&name)?, file, folder))
        };
        let (mut reader, file, folder) = open().map_err(|error| task.io(error))?;
        let len = aof_file::read(&mut reader, task, |_, _| Ok(()))?.valid_up_to;
        // From here on everything in the log is known to be on the disk, its name included.
        let sync = || {
            file.sync()?;
            folder.sync()
        };
        sync().map_err(|error| task.io(error))?;
        Ok(Self::over(file, path, policy, len).map_err(|error| task.io(error))?)
    }

    /// A writer behind the first `len` bytes of `storage`, all of them durable.
    fn over(storage: Box<dyn StoredFile>, path: &Path, policy: AofSyncPolicy, len: u64) -> io::Result<Self> {
        let state = State {
            buffer: Vec::new(),
            len,
            durable: len,
            transaction: Transaction::Closed,
            oldest_unsynced: None,
            is_syncing: false,
            is_closing: false,
            poison: None,
        };
        let log = Arc::new(Log { path: path.into(), policy, storage, state: Mutex::new(state), changed: Condvar::new() });
        let thread = if policy == AofSyncPolicy::EverySecond {
            let log = Arc::clone(&log);
            Some(thread::Builder::new().name("aikv-aof-sync".into()).spawn(move || log.sync_in_time())?)
        } else {
            None
        };
        Ok(Self { log, thread, is_closed: false })
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
        Ok(self.log.append(args)?)
    }

    /// Forces everything to the disk that was logged before.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::AikvError::Persistence) of kind `Poisoned`
    /// where this or an earlier sync failed.
    pub fn flush(&self) -> Result<()> {
        Ok(self.log.flush("sync the log")?)
    }

    /// Forces everything to the disk and closes the log. A writer that is
    /// dropped does the same, but its errors are lost.
    ///
    /// # Errors
    /// As [`AofWriter::flush`].
    pub fn close(mut self) -> Result<()> {
        Ok(self.shut()?)
    }

    fn shut(&mut self) -> Result<(), PersistenceError> {
        self.is_closed = true;
        self.log.lock().is_closing = true;
        self.log.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            return Err(self.log.task("close the log").io(io::Error::other("the thread that syncs has panicked")));
        }
        self.log.flush("close the log")
    }
}

impl Drop for AofWriter {
    fn drop(&mut self) {
        if !self.is_closed {
            // Nobody is left to be told; `close` tells.
            let _ = self.shut();
        }
    }
}

impl fmt::Debug for AofWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AofWriter").field("path", &self.log.path).field("policy", &self.log.policy).finish_non_exhaustive()
    }
}

impl Log {
    fn task(&self, doing: &'static str) -> Task<'_> {
        Task { doing, path: &self.path }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two of its changes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn append<A: AsRef<[u8]>>(&self, args: &[A]) -> Result<(), PersistenceError> {
        let mut guard = self.lock();
        let state = &mut *guard;
        self.demand_sound(state, LOG)?;
        state.buffer.clear();
        state.buffer.shrink_to(KEEP_BYTES);
        let transaction = encode(args, state.transaction, &mut state.buffer)
            .map_err(|kind| self.task(LOG).format(Error::new(kind, state.len, Place::default())))?;
        self.write(state)?;
        state.transaction = transaction;
        match self.policy {
            AofSyncPolicy::Always => self.sync(state, LOG),
            AofSyncPolicy::EverySecond => {
                if state.oldest_unsynced.is_none() {
                    state.oldest_unsynced = Some(Instant::now());
                    self.changed.notify_all();
                }
                Ok(())
            }
            AofSyncPolicy::No => Ok(()),
        }
    }

    /// Appends the buffer to the file, or cuts off what was appended of it.
    fn write(&self, state: &mut State) -> Result<(), PersistenceError> {
        let mut rest = &state.buffer[..];
        while !rest.is_empty() {
            let error = match self.storage.append(rest) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(len) => {
                    rest = &rest[len..];
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            return Err(match self.storage.truncate(state.len) {
                Ok(()) => self.task(LOG).io(error),
                Err(_) => self.poison(state, error, state.len, LOG),
            });
        }
        state.len += state.buffer.len() as u64;
        Ok(())
    }

    /// Syncs while the state is locked, so that nothing is written meanwhile.
    fn sync(&self, state: &mut State, doing: &'static str) -> Result<(), PersistenceError> {
        match self.storage.sync() {
            Ok(()) => {
                state.durable = state.len;
                state.oldest_unsynced = None;
                Ok(())
            }
            Err(error) => Err(self.poison(state, error, state.durable, doing)),
        }
    }

    fn flush(&self, doing: &'static str) -> Result<(), PersistenceError> {
        let mut state = self.lock();
        // Only the first sync after a failed write to the disk hears of it,
        // so one that is under way has to be heard out.
        while state.is_syncing {
            state = self.wait(state);
        }
        self.demand_sound(&state, doing)?;
        if state.durable == state.len { Ok(()) } else { self.sync(&mut state, doing) }
    }

    /// The thread of [`AofSyncPolicy::EverySecond`].
    fn sync_in_time(&self) {
        let mut state = self.lock();
        while !state.is_closing {
            let Some(oldest) = state.oldest_unsynced else {
                state = self.wait(state);
                continue;
            };
            let left = SYNC_INTERVAL.saturating_sub(oldest.elapsed());
            if !left.is_zero() {
                state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let written = state.len;
            state.oldest_unsynced = None;
            state.is_syncing = true;
            drop(state);
            let result = self.storage.sync();
            state = self.lock();
            state.is_syncing = false;
            match result {
                Ok(()) => state.durable = written,
                Err(error) => {
                    let doubtful_from = state.durable;
                    self.poison(&mut state, error, doubtful_from, LOG);
                }
            }
            self.changed.notify_all();
        }
    }

    fn demand_sound(&self, state: &State, doing: &'static str) -> Result<(), PersistenceError> {
        match state.poison.clone() {
            None => Ok(()),
            Some(poison) => Err(self.poisoned(poison, doing)),
        }
    }

    fn poison(&self, state: &mut State, error: io::Error, doubtful_from: u64, doing: &'static str) -> PersistenceError {
        let poison = state.poison.get_or_insert(Poison { first: Arc::new(error), doubtful_from }).clone();
        state.oldest_unsynced = None;
        self.poisoned(poison, doing)
    }

    fn poisoned(&self, Poison { first, doubtful_from }: Poison, doing: &'static str) -> PersistenceError {
        PersistenceError::new(doing, &self.path, PersistenceErrorKind::Poisoned { first, doubtful_from })
    }
}

/// Encodes a command, and says whether a transaction is open behind it.
fn encode<A: AsRef<[u8]>>(args: &[A], before: Transaction, out: &mut Vec<u8>) -> Result<Transaction, ErrorKind> {
    write_command(args, out)?;
    match args {
        [name] => before.after(name.as_ref()).map_err(|fault| fault.error_kind(0)),
        _ => Ok(before),
    }
}

#[cfg(test)]
mod tests;
