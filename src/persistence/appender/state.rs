//! What a log's appender knows: where its bytes are, how old they are, and what failed.
//!
//! Bytes go through four stages, and the oldest of each stage has its time:
//!
//! ```text
//! pending  ->  being written  ->  written  ->  being synced  ->  durable
//! ```
//! Nothing here reads a clock, waits or touches a file, so every order of events can be tried.

use super::super::config::AofSyncPolicy;
use super::super::storage::StoredFile;
use super::fate::{Fate, Outcome};
use crate::aof::{Decoder, Transaction, write_command, write_marked};
use crate::error::{ErrorKind, Found};
use std::boxed::Box;
use std::io;
use std::mem;
use std::path::PathBuf;
use std::str;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::vec::Vec;

/// The longest time between a byte's acceptance and the start of the sync that covers it.
pub(super) const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes that may wait to be written before commands have to.
pub(super) const MAX_PENDING: usize = 1024 * 1024;

/// The first failure, after which nothing more is written.
#[derive(Clone)]
pub(super) struct Poison {
    pub(super) first: Arc<io::Error>,
    /// Bytes of the file from here on may be lost or wrong.
    pub(super) doubtful_from: u64,
}

/// What a log means at one of its places.
#[derive(Clone, Copy)]
struct Context {
    transaction: Transaction,
    /// The database that commands are for, if it is known.
    db: Option<u64>,
    /// The database that whoever reads the file has selected.
    selected: Option<u64>,
}

/// Takes the records of one call, which are accepted together or not at all.
pub(in super::super) struct Records<'a> {
    out: &'a mut Vec<u8>,
    context: Context,
    multi: Option<usize>,
}

impl Records<'_> {
    /// Sees to it that the records that follow are for this database.
    pub(in super::super) fn select(&mut self, db: u64) -> Result<(), ErrorKind> {
        if self.context.selected != Some(db) {
            write_command(["SELECT", itoa::Buffer::new().format(db)], self.out)?;
        }
        (self.context.db, self.context.selected) = (Some(db), Some(db));
        Ok(())
    }

    /// Appends a command, its name first.
    pub(in super::super) fn push<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<(), ErrorKind> {
        let bytes: u64 = args.iter().map(|argument| argument.as_ref().len() as u64).sum();
        if bytes > Decoder::MAX_COMMAND_BYTES {
            return Err(ErrorKind::LimitExceeded { expected: "a command that can be read again", found: Found::Number(bytes) });
        }
        let is_select = matches!(args, [name, _] if name.as_ref().eq_ignore_ascii_case(b"SELECT"));
        if let Some(db) = self.context.db.filter(|_| !is_select) {
            self.select(db)?;
        }
        match args {
            [name] => {
                let before = self.context.transaction;
                self.context.transaction = before.after(name.as_ref()).map_err(|fault| fault.error_kind(0))?;
                if self.context.transaction != before {
                    self.multi = (before == Transaction::Closed).then_some(self.out.len());
                }
            }
            [_, db] if is_select => {
                // Servers refuse any other argument and stay where they are.
                let db = str::from_utf8(db.as_ref()).ok().and_then(|db| db.parse().ok());
                self.context.db = db.or(self.context.db);
                self.context.selected = self.context.db;
            }
            _ => {}
        }
        write_command(args, self.out)
    }
}

/// Whole records that are written at once.
pub(super) struct Group {
    pub(super) bytes: Vec<u8>,
    pub(super) fate: Arc<Fate>,
    behind: Context,
    unmarked_before: Option<u64>,
}

/// When the oldest byte of each stage was accepted.
#[derive(Clone, Copy, Default)]
struct Oldest {
    pending: Option<Instant>,
    being_written: Option<Instant>,
    written: Option<Instant>,
    being_synced: Option<Instant>,
}

impl Oldest {
    /// Of those that no sync has begun to cover.
    fn uncovered(&self) -> Option<Instant> {
        self.written.or(self.being_written).or(self.pending)
    }

    /// Of those that are not known to be durable.
    fn unsynced(&self) -> Option<Instant> {
        self.being_synced.or_else(|| self.uncovered())
    }
}

/// What the syncing thread has to do.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Wait until told.
    Told,
    /// Wait that long, or until told.
    In(Duration),
    Sync,
}

/// A place to start from: an open file and what is known of it.
pub(in super::super) struct Start {
    pub(in super::super) file: Box<dyn StoredFile>,
    /// As it is named in errors.
    pub(in super::super) path: PathBuf,
    /// Its bytes, all of them durable; the next record comes behind them.
    pub(in super::super) len: u64,
    /// The database that is selected there, if it is known.
    pub(in super::super) db: Option<u64>,
    /// Its bytes behind the last integrity mark and what that covers, if marks are to be written.
    pub(in super::super) unmarked: Option<u64>,
}

/// A mistake that the model of the threads has to find.
#[cfg(shuttle)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mistake {
    /// What is written when a sync ends is called durable, not what was when it began.
    PublishesTooMuch,
    /// A group hears that it is durable before its sync.
    TellsTooEarly,
    /// The thread is not woken for the group that has come meanwhile.
    CallsNobody,
}

pub(super) struct State {
    pub(super) policy: AofSyncPolicy,
    pub(super) file: Arc<dyn StoredFile>,
    pub(super) path: PathBuf,
    /// Where in the log the file begins.
    file_start: u64,

    /// Records to be written, and behind them perhaps what a call has left that failed.
    pending: Vec<u8>,
    /// Bytes of whole records in `pending`.
    whole: usize,
    pending_fate: Arc<Fate>,
    /// A buffer that is not in use.
    spare: Vec<u8>,
    /// Where in `pending` the open transaction begins, if it begins there.
    multi: Option<usize>,
    /// What could not be written and has been accepted all the same.
    kept: Option<Group>,
    /// Something is kept, or is being written again.
    pub(super) is_failing: bool,

    // Places in the log, each at the end of a record.
    pub(super) accepted: u64,
    pub(super) written: u64,
    pub(super) durable: u64,
    context: Context,
    context_written: Context,
    oldest: Oldest,
    /// Bytes behind the last integrity mark and what that covers, if marks are written.
    unmarked: Option<u64>,

    pub(super) is_writing: bool,
    /// The file was cut back, which no sync has covered: a crash may bring back what was cut off.
    pub(super) was_cut: bool,
    pub(super) is_syncing: bool,
    /// A sync is due that cannot begin yet.
    is_late: bool,
    /// Somebody waits for the log to stand still.
    pub(super) is_rotating: bool,
    pub(super) is_closing: bool,
    /// A thread sleeps that has to be told of the next change.
    pub(super) writer_sleeps: bool,
    pub(super) syncer_sleeps: bool,
    /// Under [`AofSyncPolicy::Always`] the thread that writes takes every group that there is before it sleeps.
    pub(super) writer_leads: bool,

    pub(super) poison: Option<Poison>,
    pub(super) last_error: Option<Arc<io::Error>>,
    /// Whether a call has returned the failure that holds.
    pub(super) is_told: bool,
    #[cfg(shuttle)]
    pub(super) mistake: Option<Mistake>,
}

impl State {
    pub(super) fn new(start: Start, policy: AofSyncPolicy) -> Self {
        let Start { file, path, len, db, unmarked } = start;
        let context = Context { transaction: Transaction::Closed, db, selected: db };
        Self {
            policy,
            file: Arc::from(file),
            path,
            file_start: 0,
            pending: Vec::new(),
            whole: 0,
            pending_fate: Arc::default(),
            spare: Vec::new(),
            multi: None,
            kept: None,
            is_failing: false,
            accepted: len,
            written: len,
            durable: len,
            context,
            context_written: context,
            oldest: Oldest::default(),
            unmarked,
            is_writing: false,
            was_cut: false,
            is_syncing: false,
            is_late: false,
            is_rotating: false,
            is_closing: false,
            writer_sleeps: false,
            syncer_sleeps: false,
            writer_leads: false,
            poison: None,
            last_error: None,
            is_told: false,
            #[cfg(shuttle)]
            mistake: None,
        }
    }

    /// Where in the file a place of the log is.
    pub(super) fn in_file(&self, place: u64) -> u64 {
        place - self.file_start
    }

    pub(super) fn is_in_transaction(&self) -> bool {
        self.context.transaction == Transaction::Open
    }

    /// Whether a command has to wait: for a file being changed, for room, or because the window of
    /// what a crash would take may not grow any more.
    pub(super) fn has_to_wait(&self, now: impl FnOnce() -> Instant) -> bool {
        if self.is_rotating && !self.is_in_transaction() {
            return true;
        }
        match self.policy {
            AofSyncPolicy::Always => false,
            AofSyncPolicy::No => self.is_full(),
            AofSyncPolicy::EverySecond => {
                self.is_full()
                    || self.is_late
                    || (self.is_syncing
                        && self.oldest.uncovered().is_some_and(|oldest| now().saturating_duration_since(oldest) > SYNC_INTERVAL))
            }
        }
    }

    /// Whether no more may be pending.
    pub(super) fn is_full(&self) -> bool {
        self.whole >= MAX_PENDING
    }

    /// Appends records to what is pending; none on an error.
    pub(super) fn accept(
        &mut self,
        write: impl FnOnce(&mut Records<'_>) -> Result<(), ErrorKind>,
        now: impl FnOnce() -> Instant,
    ) -> Result<(), ErrorKind> {
        // What stands behind `whole` is of a call that has failed.
        self.pending.truncate(self.whole);
        let mut records = Records { out: &mut self.pending, context: self.context, multi: self.multi };
        write(&mut records)?;
        (self.context, self.multi) = (records.context, records.multi);
        if self.pending.len() > self.whole {
            self.accepted += (self.pending.len() - self.whole) as u64;
            self.whole = self.pending.len();
            self.oldest.pending.get_or_insert_with(now);
        }
        Ok(())
    }

    /// What happens to commands that are accepted now.
    pub(super) fn fate(&self) -> Arc<Fate> {
        Arc::clone(&self.pending_fate)
    }

    /// Whether whole records wait to be written.
    pub(super) fn has_pending(&self) -> bool {
        self.whole > 0
    }

    /// Whether something is pending that can be taken now, and nobody has to be told of a failure first. Under
    /// [`AofSyncPolicy::Always`] who waits for a group waits for its sync as well, so the next one waits for both.
    pub(super) fn has_group(&self) -> bool {
        let is_busy = self.is_writing || (self.is_syncing && self.policy == AofSyncPolicy::Always);
        self.has_pending() && !is_busy && !self.is_failing
    }

    /// As [`State::take`], where there is such a group.
    pub(super) fn take_group(&mut self) -> Option<Group> {
        if self.has_group() { self.take() } else { None }
    }

    /// As [`State::take_group`], for another than the thread that writes: none while that leads.
    pub(super) fn take_alone(&mut self) -> Option<Group> {
        if self.writer_leads { None } else { self.take_group() }
    }

    /// Takes what is to be written. The caller writes it, then says what came of it.
    pub(super) fn take(&mut self) -> Option<Group> {
        if self.is_writing || self.poison.is_some() {
            return None;
        }
        let group = match self.kept.take() {
            Some(kept) => kept,
            None if self.whole == 0 => return None,
            None => {
                self.oldest.being_written = self.oldest.pending.take();
                Group {
                    unmarked_before: self.unmarked,
                    bytes: self.take_pending(),
                    fate: mem::take(&mut self.pending_fate),
                    behind: self.context,
                }
            }
        };
        self.is_writing = true;
        Some(group)
    }

    /// Empties what is pending. Its integrity mark makes the log longer than what was accepted; whoever waits for a
    /// place in the group waits for its end, since nothing becomes durable in between.
    fn take_pending(&mut self) -> Vec<u8> {
        self.pending.truncate(self.whole);
        let mut bytes = mem::take(&mut self.spare);
        match &mut self.unmarked {
            None => mem::swap(&mut bytes, &mut self.pending),
            Some(unmarked) => {
                // A transaction that is not finished may be cut off, and then its mark with it but no other record.
                let (before, since) = self.pending.split_at(self.multi.unwrap_or(0));
                write_marked(before, *unmarked, &mut bytes);
                write_marked(since, if before.is_empty() { *unmarked } else { 0 }, &mut bytes);
                *unmarked = 0;
                self.pending.clear();
                self.accepted += (bytes.len() - self.whole) as u64;
            }
        }
        self.whole = 0;
        self.multi = None;
        bytes
    }

    /// A group is in the file.
    pub(super) fn wrote(&mut self, mut group: Group) {
        self.is_writing = false;
        self.written += group.bytes.len() as u64;
        self.context_written = group.behind;
        let oldest = self.oldest.being_written.take();
        self.oldest.written = self.oldest.written.or(oldest);
        group.bytes.clear();
        group.bytes.shrink_to(2 * MAX_PENDING);
        self.spare = group.bytes;
        self.is_failing = false;
        if self.poison.is_none() {
            self.last_error = None;
            self.is_told = false;
        }
    }

    /// A group is not in the file, which ends where it did before. Under [`AofSyncPolicy::Always`]
    /// nobody was told of a command that is not durable, so all that are not written are dropped;
    /// else they are kept.
    pub(super) fn not_written(&mut self, group: Group, error: io::Error) {
        self.is_writing = false;
        self.was_cut = true;
        let error = Arc::new(error);
        if self.policy == AofSyncPolicy::Always {
            for fate in [group.fate, mem::take(&mut self.pending_fate)] {
                fate.end(Outcome::NotWritten(Arc::clone(&error)));
            }
            self.pending.clear();
            self.whole = 0;
            self.multi = None;
            self.accepted = self.written;
            self.context = self.context_written;
            self.unmarked = group.unmarked_before;
            self.oldest.being_written = None;
            self.oldest.pending = None;
        } else {
            self.kept = Some(group);
            self.is_failing = true;
        }
        self.last_error = Some(error);
    }

    /// Begins a sync, which covers what is written now; the caller syncs, then says what came of it.
    pub(super) fn begin_sync(&mut self) -> Option<u64> {
        if self.is_syncing || self.poison.is_some() || (self.oldest.written.is_none() && !self.was_cut) {
            return None;
        }
        self.is_syncing = true;
        self.was_cut = false;
        self.is_late = false;
        self.oldest.being_synced = self.oldest.written.take();
        Some(self.written)
    }

    /// The sync that covers the log up to there has succeeded.
    pub(super) fn synced(&mut self, covered: u64) {
        self.is_syncing = false;
        self.oldest.being_synced = None;
        self.durable = covered;
        #[cfg(shuttle)]
        if self.mistake == Some(Mistake::PublishesTooMuch) {
            self.durable = self.written;
        }
    }

    /// A sync has failed.
    pub(super) fn not_synced(&mut self, error: io::Error) {
        self.is_syncing = false;
        self.poison_from(self.durable, error);
    }

    /// Nothing is written or synced any more; the file is doubtful from a place of the log on.
    pub(super) fn poison_from(&mut self, place: u64, error: io::Error) {
        self.is_writing = false;
        if self.poison.is_none() {
            let first = Arc::new(error);
            self.last_error = Some(Arc::clone(&first));
            self.is_told = false;
            self.poison = Some(Poison { first, doubtful_from: self.in_file(place) });
            self.pending = Vec::new();
            self.whole = 0;
            self.pending_fate.end(Outcome::Poisoned);
            self.kept = None;
            self.is_failing = false;
        }
    }

    /// What the syncing thread has to do.
    pub(super) fn next_sync(&mut self, now: Instant) -> Next {
        let Some(oldest) = self.oldest.uncovered().filter(|_| self.poison.is_none()) else {
            return Next::Told;
        };
        let left = SYNC_INTERVAL.saturating_sub(now.saturating_duration_since(oldest));
        if !left.is_zero() {
            return Next::In(left);
        }
        if self.is_syncing || self.oldest.written.is_none() {
            self.is_late = true;
            return Next::Told;
        }
        Next::Sync
    }

    /// Age of the oldest accepted byte that is not known to be durable.
    pub(super) fn oldest_unsynced_age(&self, now: Instant) -> Option<Duration> {
        self.oldest.unsynced().map(|oldest| now.saturating_duration_since(oldest))
    }

    /// Goes on in another file, which is empty. The log stands still and is durable.
    pub(super) fn go_on_in(&mut self, file: Box<dyn StoredFile>, path: PathBuf) {
        self.file = Arc::from(file);
        self.path = path;
        self.file_start = self.accepted;
        // Whoever reads a file begins with database 0.
        self.context.selected = Some(0);
        self.context_written = self.context;
        self.unmarked = self.unmarked.map(|_| 0);
    }
}

/// An error that is told twice.
pub(super) fn same(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), std::format!("{error}")),
    }
}
