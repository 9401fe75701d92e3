//! The one place where records are appended to a file, under a policy.
//!
//! Under [`AofSyncPolicy::Always`] a thread that is alone writes and syncs by itself. Those who come while it does are a group:
//! a thread of the log writes and syncs for all of them, then for those who have come since, until nobody has. It stays
//! awake meanwhile, so no sync waits for a thread to wake. Under the other policies commands go into a buffer, and that thread
//! writes it out as soon as there is something in it; under [`AofSyncPolicy::EverySecond`] another thread syncs, so that writing
//! goes on meanwhile.
//!
//! Only one thread writes at a time and only one syncs. A file is never synced twice at once: the
//! operating system tells of a failure once, and the other sync would hear that all is well.

mod fate;
mod state;

use self::fate::{Fate, Outcome};
use self::state::{Group, Next, Poison, State, same};
use super::config::AofSyncPolicy;
use super::error::{PersistenceError, PersistenceErrorKind};
use super::storage::StoredFile;
use super::sync::{Condvar, JoinHandle, Mutex, MutexGuard, now, spawn, wait_for};
use crate::error::{Error, ErrorKind, Place};
use std::any::Any;
use std::boxed::Box;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use std::vec::Vec;

pub(super) use self::state::{Records, Start};

const APPEND: &str = "append to the log";
const CLOSE: &str = "close the log";

/// Logs that were dropped with a failure that no call had returned.
static LOST_ERRORS: AtomicU64 = AtomicU64::new(0);

/// How often the last handle of a log was dropped while bytes of it could not be made durable, and no call had told so.
pub(super) fn lost_errors() -> u64 {
    LOST_ERRORS.load(Ordering::Relaxed)
}

/// A file that records are appended to. Clones are handles to the same one; it is closed with its last handle.
#[derive(Clone)]
pub(super) struct Appender(Arc<Owner>);

/// What all handles own together.
struct Owner {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Keeps other writers away for as long as the log is open.
    _lock: Option<Box<dyn Any + Send + Sync>>,
}

/// What the handles and the threads share.
struct Shared {
    state: Mutex<State>,
    /// Something has changed that callers wait for.
    changed: Condvar,
    /// There is something to write.
    to_write: Condvar,
    /// It may be time to sync.
    to_sync: Condvar,
}

type Guard<'a> = MutexGuard<'a, State>;

impl Appender {
    /// Goes on behind what an open file holds. The lock is held until the log is closed.
    pub(super) fn new(start: Start, policy: AofSyncPolicy, lock: Option<Box<dyn Any + Send + Sync>>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(start, policy)),
            changed: Condvar::new(),
            to_write: Condvar::new(),
            to_sync: Condvar::new(),
        });
        let mut owner = Owner { shared: Arc::clone(&shared), threads: Vec::new(), _lock: lock };
        owner.threads.push({
            let shared = Arc::clone(&shared);
            spawn("aikv-aof-write", move || shared.write_what_comes())?
        });
        if policy == AofSyncPolicy::EverySecond {
            owner.threads.push(spawn("aikv-aof-sync", move || shared.sync_in_time())?);
        }
        Ok(Self(Arc::new(owner)))
    }

    /// Appends what `write` gives, whole or not at all. Under [`AofSyncPolicy::Always`] it is durable then.
    ///
    /// # Errors
    /// Nothing is accepted: `Format` where `write` fails or gives what cannot be read again, `Io` where this or something
    /// before it could not be written. `Poisoned` where that is not known.
    pub(super) fn append(&self, write: impl FnOnce(&mut Records<'_>) -> Result<(), ErrorKind>) -> Result<(), PersistenceError> {
        let shared = &*self.0.shared;
        let mut state = shared.lock();
        loop {
            shared.demand_sound(&mut state, APPEND)?;
            if state.is_failing {
                state = shared.write_kept(state, APPEND)?;
            } else if state.has_to_wait(now) {
                state = shared.wait(state);
            } else {
                break;
            }
        }
        let was_in_transaction = state.is_in_transaction();
        if let Err(kind) = state.accept(write, now) {
            let error = Error::new(kind, state.in_file(state.accepted), Place::default());
            return Err(PersistenceError::new(APPEND, &state.path, PersistenceErrorKind::Format(error)));
        }
        if state.policy == AofSyncPolicy::Always {
            return if state.has_pending() {
                shared.commit_together(state, APPEND)
            } else {
                shared.commit(state, APPEND).map(drop)
            };
        }
        if was_in_transaction && state.is_rotating {
            shared.changed.notify_all();
        }
        shared.tell_threads(&mut state);
        Ok(())
    }

    /// Makes all durable that was accepted before.
    ///
    /// # Errors
    /// `Io` where it cannot be written, and is kept; `Poisoned`.
    pub(super) fn flush(&self, doing: &'static str) -> Result<(), PersistenceError> {
        let shared = &*self.0.shared;
        let mut state = shared.lock();
        shared.demand_sound(&mut state, doing)?;
        shared.commit(state, doing).map(drop)
    }

    /// As [`Appender::flush`], and gives up this handle.
    ///
    /// # Errors
    /// As [`Appender::flush`].
    pub(super) fn close(self) -> Result<(), PersistenceError> {
        self.flush(CLOSE)
    }

    /// Goes on in another file, at the end of a record and of a transaction, and gives the length of the old one. First
    /// makes all durable that was accepted before; then `make` gives the new, empty file and its name in errors, while
    /// nothing is accepted; what is accepted later goes there, behind a `SELECT` where a database other than 0 is selected.
    ///
    /// Waits for the `EXEC` of a transaction that is open: the thread that is to write it must not call this.
    ///
    /// # Errors
    /// As [`Appender::flush`], and those of `make`. The log goes on in the old file then; but where `make` says
    /// `CommittedDurabilityUnknown`, neither file would do, and it is poisoned.
    pub(super) fn rotate(
        &self,
        doing: &'static str,
        make: impl FnOnce() -> Result<(Box<dyn StoredFile>, PathBuf), PersistenceError>,
    ) -> Result<u64, PersistenceError> {
        let shared = &*self.0.shared;
        let mut state = shared.lock();
        while state.is_rotating {
            state = shared.wait(state);
        }
        state.is_rotating = true;
        while state.is_in_transaction() && state.poison.is_none() {
            state = shared.wait(state);
        }
        let made = match shared.demand_sound(&mut state, doing) {
            Ok(()) => shared.commit(state, doing).and_then(|state| shared.sync_cut(state, doing)).and_then(|state| {
                drop(state);
                make()
            }),
            Err(error) => {
                drop(state);
                Err(error)
            }
        };
        let mut state = shared.lock();
        state.is_rotating = false;
        let old_len = state.in_file(state.accepted);
        let result = made.map(|(file, path)| {
            state.go_on_in(file, path);
            old_len
        });
        if let Err(error) = &result
            && let PersistenceErrorKind::CommittedDurabilityUnknown(error) = error.kind()
        {
            let durable = state.durable;
            state.poison_from(durable, same(error));
        }
        shared.tell(&mut state);
        result
    }

    /// Bytes of the log that are accepted, counted over all its files from the first byte of the one it began with.
    /// Under [`AofSyncPolicy::Always`] this goes back when a write fails.
    pub(super) fn accepted_offset(&self) -> u64 {
        self.0.shared.lock().accepted
    }

    /// Bytes of the file in hand that are accepted.
    pub(super) fn file_len(&self) -> u64 {
        let state = self.0.shared.lock();
        state.in_file(state.accepted)
    }

    /// Bytes of the log that are known to be durable, counted in the same way as the accepted ones.
    pub(super) fn durable_offset(&self) -> u64 {
        self.0.shared.lock().durable
    }

    /// Age of the oldest accepted byte that is not known to be durable.
    pub(super) fn oldest_unsynced_age(&self) -> Option<Duration> {
        self.0.shared.lock().oldest_unsynced_age(now())
    }

    /// The failure that holds: what poisoned the log, or why the last write failed.
    pub(super) fn last_error(&self) -> Option<PersistenceError> {
        let state = self.0.shared.lock();
        match &state.poison {
            Some(poison) => Some(state.poisoned(poison, APPEND)),
            None => state.last_error.as_ref().map(|error| state.io(same(error), APPEND)),
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let shared = &*self.shared;
        let state = shared.lock();
        let was_told = state.is_told;
        // Where all is durable there is nothing to lose.
        if shared.commit(state, CLOSE).is_err() && !was_told {
            LOST_ERRORS.fetch_add(1, Ordering::Relaxed);
        }
        shared.lock().is_closing = true;
        shared.to_write.notify_all();
        shared.to_sync.notify_all();
        for thread in self.threads.drain(..) {
            // What a thread that panicked left undone was not durable, and counted above.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Appender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.shared.lock();
        f.debug_struct("Appender").field("path", &state.path).field("policy", &state.policy).finish_non_exhaustive()
    }
}

impl State {
    fn io(&self, error: io::Error, doing: &'static str) -> PersistenceError {
        PersistenceError::new(doing, &self.path, PersistenceErrorKind::Io(error))
    }

    fn poisoned(&self, poison: &Poison, doing: &'static str) -> PersistenceError {
        let Poison { first, doubtful_from } = poison.clone();
        PersistenceError::new(doing, &self.path, PersistenceErrorKind::Poisoned { first, doubtful_from })
    }
}

impl Shared {
    fn lock(&self) -> Guard<'_> {
        // The state is whole between any two of its changes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: Guard<'a>) -> Guard<'a> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn demand_sound(&self, state: &mut State, doing: &'static str) -> Result<(), PersistenceError> {
        let Some(poison) = &state.poison else { return Ok(()) };
        let error = state.poisoned(poison, doing);
        state.is_told = true;
        Err(error)
    }

    /// Tells the threads that sleep and have something to do, and only those: it is a call of the operating system.
    fn tell_threads(&self, state: &mut State) {
        #[cfg(shuttle)]
        if state.mistake == Some(state::Mistake::CallsNobody) {
            return;
        }
        if state.writer_sleeps && state.has_group() {
            state.writer_sleeps = false;
            state.writer_leads = true;
            self.to_write.notify_one();
        }
        if state.syncer_sleeps {
            state.syncer_sleeps = false;
            self.to_sync.notify_one();
        }
    }

    fn tell(&self, state: &mut State) {
        self.tell_threads(state);
        self.changed.notify_all();
    }

    /// Makes durable what the caller has just had accepted under [`AofSyncPolicy::Always`]: by itself where nobody else
    /// has come, else with the others of its group.
    fn commit_together<'a>(&'a self, mut state: Guard<'a>, doing: &'static str) -> Result<(), PersistenceError> {
        let fate = state.fate();
        match state.take_alone() {
            Some(group) => self.lead(state, group),
            None => drop(state),
        }
        match fate.wait() {
            Outcome::Durable => Ok(()),
            Outcome::NotWritten(error) => {
                let mut state = self.lock();
                state.is_told = true;
                Err(state.io(same(&error), doing))
            }
            Outcome::Poisoned => self.demand_sound(&mut self.lock(), doing),
        }
    }

    /// Writes a group and syncs it, then tells those who wait for it.
    fn lead<'a>(&'a self, state: Guard<'a>, group: Group) {
        let fate = Arc::clone(&group.fate);
        let end = state.written + group.bytes.len() as u64;
        let mut state = self.write(state, group);
        #[cfg(shuttle)]
        if state.mistake == Some(state::Mistake::TellsTooEarly) {
            fate.end(Outcome::Durable);
        }
        if state.written >= end
            && let Some(covered) = state.begin_sync()
        {
            state = self.sync(state, covered);
        } else {
            self.tell(&mut state);
        }
        // Who waits for a group that was not written has been told already.
        let outcome = if state.durable >= end { Outcome::Durable } else { Outcome::Poisoned };
        // Those who wake get at once what they need for their next command.
        drop(state);
        fate.end(outcome);
    }

    /// Makes all durable that is accepted: does what is to do, or waits for who does it.
    fn commit<'a>(&'a self, mut state: Guard<'a>, doing: &'static str) -> Result<Guard<'a>, PersistenceError> {
        let end = state.accepted;
        let fate: Arc<Fate> = state.fate();
        loop {
            if let Some(error) = fate.failure() {
                state.is_told = true;
                return Err(state.io(error, doing));
            }
            if state.durable >= end {
                return Ok(state);
            }
            self.demand_sound(&mut state, doing)?;
            if state.written >= end {
                if let Some(covered) = state.begin_sync() {
                    state = self.sync(state, covered);
                    continue;
                }
            } else if state.is_failing {
                state = self.write_kept(state, doing)?;
                continue;
            } else if state.policy != AofSyncPolicy::Always {
                self.tell_threads(&mut state);
            } else if let Some(group) = state.take_alone() {
                self.lead(state, group);
                state = self.lock();
                continue;
            }
            state = self.wait(state);
        }
    }

    /// Sees to it that a crash brings nothing back that was cut off: only the last file of a log may have a torn tail.
    fn sync_cut<'a>(&'a self, mut state: Guard<'a>, doing: &'static str) -> Result<Guard<'a>, PersistenceError> {
        while state.was_cut || state.is_syncing {
            self.demand_sound(&mut state, doing)?;
            state = match state.begin_sync() {
                Some(covered) => self.sync(state, covered),
                None => self.wait(state),
            };
        }
        self.demand_sound(&mut state, doing)?;
        Ok(state)
    }

    /// Tries again to write what is kept; waits where another does.
    fn write_kept<'a>(&'a self, mut state: Guard<'a>, doing: &'static str) -> Result<Guard<'a>, PersistenceError> {
        let Some(group) = state.take() else { return Ok(self.wait(state)) };
        state = self.write_and_tell(state, group);
        match &state.last_error {
            Some(error) if state.is_failing => {
                let error = state.io(same(error), doing);
                state.is_told = true;
                Err(error)
            }
            _ => Ok(state),
        }
    }

    /// Writes a group, whole or not at all, with the state unlocked meanwhile.
    fn write<'a>(&'a self, state: Guard<'a>, group: Group) -> Guard<'a> {
        let file = Arc::clone(&state.file);
        let start = state.in_file(state.written);
        drop(state);
        let written = append_all(&*file, &group.bytes);
        let cut = if written.is_err() { file.truncate(start) } else { Ok(()) };
        let mut state = self.lock();
        match (written, cut) {
            (Ok(()), _) => state.wrote(group),
            (Err(error), Ok(())) => state.not_written(group, error),
            (Err(error), Err(_)) => {
                let place = state.written;
                state.poison_from(place, error);
            }
        }
        state
    }

    fn write_and_tell<'a>(&'a self, state: Guard<'a>, group: Group) -> Guard<'a> {
        let mut state = self.write(state, group);
        self.tell(&mut state);
        state
    }

    /// Does a sync that has begun, with the state unlocked meanwhile.
    fn sync<'a>(&'a self, state: Guard<'a>, covered: u64) -> Guard<'a> {
        let file = Arc::clone(&state.file);
        drop(state);
        let result = file.sync();
        let mut state = self.lock();
        match result {
            Ok(()) => state.synced(covered),
            Err(error) => state.not_synced(error),
        }
        self.tell(&mut state);
        state
    }

    /// The thread that writes what is pending, and under [`AofSyncPolicy::Always`] syncs it.
    fn write_what_comes(&self) {
        let mut state = self.lock();
        while !state.is_closing {
            match state.take_group() {
                Some(group) if state.policy == AofSyncPolicy::Always => {
                    state.writer_leads = true;
                    self.lead(state, group);
                    state = self.lock();
                }
                Some(group) => state = self.write_and_tell(state, group),
                None => {
                    state.writer_leads = false;
                    state.writer_sleeps = true;
                    state = self.to_write.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.writer_sleeps = false;
                }
            }
        }
    }

    /// The thread of [`AofSyncPolicy::EverySecond`].
    fn sync_in_time(&self) {
        let mut state = self.lock();
        while !state.is_closing {
            match state.next_sync(now()) {
                Next::Told => {
                    state.syncer_sleeps = true;
                    state = self.to_sync.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.syncer_sleeps = false;
                }
                Next::In(time) => state = wait_for(&self.state, &self.to_sync, state, time),
                Next::Sync => {
                    if let Some(covered) = state.begin_sync() {
                        // Who waits because the window had grown need not wait any more.
                        self.changed.notify_all();
                        state = self.sync(state, covered);
                    }
                }
            }
        }
    }
}

/// Appends all of `bytes`, or some of them and says why no more.
fn append_all(file: &dyn StoredFile, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match file.append(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => rest = &rest[len..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(all(test, not(shuttle)))]
mod fake;
#[cfg(all(test, shuttle))]
mod model;
#[cfg(all(test, not(shuttle)))]
mod tests;
#[cfg(all(test, not(shuttle)))]
mod window;
