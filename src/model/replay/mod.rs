//! Replay: the commands of a log applied to a data set, as a server does when it loads the log.
//!
//! Nothing expires while a log is loaded: a time that has passed is set like any other, and a key
//! whose time has passed is there for every command. What a server answers is read by nobody: a
//! command that it answers with an error leaves the data as the server leaves them, and the report counts it.
//! Only commands on data are carried out. Others are listed, and a command that nobody knows ends the replay.
//!
//! Source: Redis 8.6 `aof.c` `loadSingleAppendOnlyFile()`; `db.c` `keyIsExpired()`, which says no while loading.

mod args;
mod arrays;
mod bits;
mod expiry;
mod functions;
mod geo;
mod geo_search;
mod hashes;
mod hll_sparse;
mod hyperloglog;
mod keys;
mod keyspace;
mod lists;
mod long_double;
mod named;
#[cfg(test)]
mod ordered_tests;
mod queue;
mod report;
mod scores;
mod sets;
mod slots;
mod sorted;
mod sorting;
mod stream_entries;
mod stream_groups;
mod stream_producers;
mod streams;
mod strings;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod zset_ranges;
mod zset_stores;
mod zsets;

pub use report::{FailedCommand, ReplayReport, SkippedCommand, SkippedEffect};

use super::build::Collected;
use super::dataset::Dataset;
use crate::aof::Command;
use crate::error::{Error, ErrorKind, KeyPreview, Place, Result};
use args::Halt;
use keyspace::Space;
use queue::{Queue, Queued};
use table::Action;

/// How commands are replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayOptions {
    /// Memory that the data may take, as they lie in memory, and a transaction that waits for its `EXEC`.
    pub max_total_bytes: u64,
    /// The clock against which relative times (`EXPIRE`, `SET .. EX`) count, as a server takes them when
    /// it loads a log: Unix milliseconds. Servers since 7.0 log absolute times only.
    pub now_ms: i64,
    /// Databases are numbered below this, as the `databases` of a server says.
    pub databases: u64,
    /// Leaves out at the end what has expired by this clock, Unix milliseconds.
    pub drop_expired_at_ms: Option<i64>,
    /// Two random words for the tables of names. Whoever makes a log must not know them.
    pub seed: [u64; 2],
}

impl ReplayOptions {
    /// No server takes a higher `databases`.
    pub const MAX_DATABASES: u64 = (1 << 31) - 1;

    /// 1 GiB of data in 16 databases, from which nothing is left out.
    #[must_use]
    pub fn new(now_ms: i64, seed: [u64; 2]) -> Self {
        Self { max_total_bytes: 1 << 30, now_ms, databases: 16, drop_expired_at_ms: None, seed }
    }
}

/// Applies commands to a data set.
///
/// ```
/// use aikv::aof::{Decoder, Event};
/// use aikv::model::{Replay, ReplayOptions, Value};
///
/// let log = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nDEL\r\n$1\r\nx\r\n";
/// let mut replay = Replay::new(ReplayOptions::new(0, [1, 2]));
/// let mut decoder = Decoder::new();
/// let mut rest = &log[..];
/// while !rest.is_empty() {
///     let offset = decoder.offset();
///     let step = decoder.step(rest).unwrap();
///     rest = &rest[step.consumed..];
///     if let Some(Event::Command(command)) = step.event {
///         replay.command(command, offset)?;
///     }
/// }
/// let (dataset, report) = replay.finish()?;
/// assert_eq!(dataset.databases[&0][&b"k"[..]].value, Value::String("v".into()));
/// assert_eq!(report.applied, 2);
/// # Ok::<(), aikv::Error>(())
/// ```
pub struct Replay {
    space: Space,
    /// What a snapshot holds beside databases and functions.
    head: Dataset,
    queue: Queue,
    report: ReplayReport,
    drop_expired_at_ms: Option<i64>,
}

impl Replay {
    /// A replay onto no data.
    #[must_use]
    pub fn new(options: ReplayOptions) -> Self {
        let ReplayOptions { max_total_bytes, now_ms, databases, drop_expired_at_ms, seed } = options;
        Self {
            space: Space::new(now_ms, seed, databases, max_total_bytes),
            head: Dataset::default(),
            queue: Queue::default(),
            report: ReplayReport::default(),
            drop_expired_at_ms,
        }
    }

    /// Takes over what a snapshot in front of the commands holds. A key that is there gives way.
    ///
    /// # Errors
    /// As [`Replay::command`]; `LimitExceeded` has the database and the key, and 0 for an offset.
    pub fn load(&mut self, collected: Collected) -> Result<()> {
        if self.queue.len() > 0 && self.queue.multi.is_none() {
            self.apply()?;
        }
        match collected {
            Collected::Aux(field) => self.head.aux.push(field),
            Collected::Function(function) => self.space.functions.push(function),
            Collected::ModuleData(data) => self.head.module_data.push(data),
            Collected::Entry { db, key, entry } => {
                let selected = self.space.selected();
                let done = self.space.select(db).and_then(|()| self.space.load(&key, entry));
                if let Err(halt) = done.and_then(|()| self.space.select(selected)) {
                    return Err(dress(&self.space, halt, &[], Some(&key), 0));
                }
            }
        }
        Ok(())
    }

    /// Takes the next command, which starts at `offset`, counted as the caller likes: it stands in errors and in the report.
    ///
    /// Commands are applied a few at a time, so an error may be that of a command before: its offset says so.
    ///
    /// # Errors
    /// `UnsupportedCommand` for a command that is not known or has arguments that it does not take;
    /// `BadCommand` for a database that is none, and for `MULTI`, `EXEC` and `DISCARD` where no server logs
    /// them; `LimitExceeded`. Some of the commands taken were not applied then: the replay is of no further use.
    #[inline]
    pub fn command(&mut self, command: Command<'_>, offset: u64) -> Result<()> {
        let (name, args) = command.split_name();
        let Some((name, action)) = find(name) else { return Err(self.unknown(name, offset)) };
        if matches!(action, Action::Multi | Action::Exec | Action::Discard) {
            return self.transaction(name, action, offset);
        }
        if let Err(fault) = self.queue.push(name, action, args, offset, &mut self.space.memory) {
            return Err(dress(&self.space, fault.into(), name, None, offset));
        }
        if self.queue.is_full() { self.apply() } else { Ok(()) }
    }

    /// Says that the next command is the first of another file of the log. Its transactions are its own, and database 0 is selected.
    ///
    /// # Errors
    /// As [`Replay::command`]; `BadCommand` if a transaction has no `EXEC`: a log goes on in another file only behind whole ones.
    pub fn next_file(&mut self) -> Result<()> {
        if let Some(offset) = self.queue.multi {
            return Err(dress(&self.space, Halt::Fault(queue::unfinished()), b"MULTI", None, offset));
        }
        self.apply()?;
        self.space.select(0).map_err(|halt| dress(&self.space, halt, b"SELECT", None, 0))
    }

    /// The data, and what is to be told of them. Of a transaction without `EXEC` nothing is in it.
    ///
    /// # Errors
    /// As [`Replay::command`].
    pub fn finish(mut self) -> Result<(Dataset, ReplayReport)> {
        if self.queue.multi.is_some() {
            self.report.unfinished = self.queue.len() as u64;
        } else {
            self.apply()?;
        }
        let Self { mut space, head, mut report, drop_expired_at_ms, .. } = self;
        if let Some(now_ms) = drop_expired_at_ms {
            (report.expired_keys, report.expired_fields) = space.drop_expired(now_ms);
        }
        let (databases, functions) = space.into_databases();
        Ok((Dataset { databases, functions, ..head }, report))
    }

    /// Applies the commands that wait.
    fn apply(&mut self) -> Result<()> {
        let Self { space, queue, report, .. } = self;
        queue.drain(space, |space, queued, args| {
            let Queued { name, offset, action, .. } = *queued;
            let done = match action {
                Action::Data(apply) => apply(space, args),
                Action::Skip(effect) => {
                    report.skip(table::text(name), effect, offset);
                    return Ok(());
                }
                // Not among those that wait.
                Action::Multi | Action::Exec | Action::Discard => Ok(()),
            };
            report.note(name, done, offset).map_err(|halt| dress(space, halt, name, args.noted_key(), offset))
        })
    }

    /// `MULTI` opens, `EXEC` applies all that came between.
    #[cold]
    fn transaction(&mut self, name: &'static [u8], action: Action, offset: u64) -> Result<()> {
        match (action, self.queue.multi) {
            (Action::Multi, None) => {
                self.apply()?;
                self.queue.multi = Some(offset);
            }
            (Action::Exec, Some(_)) => {
                self.apply()?;
                self.queue.multi = None;
                self.report.transactions = self.report.transactions.wrapping_add(1);
            }
            (_, multi) => return Err(dress(&self.space, Halt::Fault(queue::misplaced(multi.is_some())), name, None, offset)),
        }
        Ok(())
    }

    #[cold]
    fn unknown(&mut self, name: &[u8], offset: u64) -> Error {
        // An error of a command before comes first.
        let before = if self.queue.multi.is_some() { Ok(()) } else { self.apply() };
        let unknown = || dress(&self.space, Halt::Form("a command that can be replayed"), name, None, offset);
        before.err().unwrap_or_else(unknown)
    }
}

#[cold]
fn dress(space: &Space, halt: Halt, name: &[u8], key: Option<&[u8]>, offset: u64) -> Error {
    let place = Place { db: Some(space.selected()), key: key.map(KeyPreview::new), ..Place::default() };
    let kind = match halt {
        Halt::Fault(fault) => fault.error_kind(0),
        Halt::Form(expected) | Halt::Answer(expected) => ErrorKind::UnsupportedCommand { name: KeyPreview::new(name), expected },
    };
    Error::new(kind, offset, place)
}

/// The row of a command, whatever the case of its name.
#[inline]
fn find(name: &[u8]) -> Option<(&'static [u8], Action)> {
    let mut capitals = [0; table::LONGEST_NAME];
    let capitals = capitals.get_mut(..name.len())?;
    capitals.copy_from_slice(name);
    capitals.make_ascii_uppercase();
    table::find(capitals)
}
