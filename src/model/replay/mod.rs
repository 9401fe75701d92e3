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
mod expiry;
mod hashes;
mod keys;
mod keyspace;
mod lists;
mod named;
mod queue;
mod report;
mod sets;
mod streams;
mod strings;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod zsets;

pub use report::{Applied, FailedCommand, ReplayReport, SkippedCommand, SkippedEffect};

use super::build::Collected;
use super::dataset::Dataset;
use crate::aof::Command;
use crate::error::{Error, ErrorKind, Fault, KeyPreview, Place, Result};
use args::{Arguments, Halt};
use keyspace::Space;
use queue::Queue;
use table::Action;

/// How commands are replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayOptions {
    /// Memory that the data may take, as they lie in memory, and a transaction that waits for its `EXEC`.
    pub max_total_bytes: u64,
    /// The clock against which relative times (`EXPIRE`, `SET .. EX`) count, as a server takes them when
    /// it loads a log: Unix milliseconds. Servers since 7.0 log absolute times only.
    pub now_ms: i64,
    /// Databases are numbered below this.
    pub databases: u64,
    /// Leaves out at the end what has expired by this clock, Unix milliseconds.
    pub drop_expired_at_ms: Option<i64>,
    /// Two random words for the tables of names. Whoever makes a log must not know them.
    pub seed: [u64; 2],
}

impl ReplayOptions {
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
/// let (dataset, report) = replay.finish();
/// assert_eq!(dataset.databases[&0][&b"k"[..]].value, Value::String("v".into()));
/// assert_eq!(report.applied, 2);
/// # Ok::<(), aikv::Error>(())
/// ```
pub struct Replay {
    space: Space,
    /// What a snapshot holds beside databases and functions.
    head: Dataset,
    queue: Option<Queue>,
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
            queue: None,
            report: ReplayReport::default(),
            drop_expired_at_ms,
        }
    }

    /// Takes over what a snapshot in front of the commands holds. A key that is there gives way.
    ///
    /// # Errors
    /// `LimitExceeded`, dressed with the database and the key, without an offset.
    pub fn load(&mut self, collected: Collected) -> Result<()> {
        match collected {
            Collected::Aux(field) => self.head.aux.push(field),
            Collected::Function(function) => self.space.functions.push(function),
            Collected::ModuleData(data) => self.head.module_data.push(data),
            Collected::Entry { db, key, entry } => {
                let selected = self.space.selected();
                let done = self.space.select(db).and_then(|()| self.space.load(&key, entry));
                if let Err(halt) = done.and_then(|()| self.space.select(selected)) {
                    return Err(self.dress(halt, &[], Some(&key), 0));
                }
            }
        }
        Ok(())
    }

    /// Applies a command that starts at `offset`, counted as the caller likes: it stands in errors and in the report.
    ///
    /// # Errors
    /// `UnsupportedCommand` for a command that is not known or has arguments that it does not take;
    /// `BadCommand` for a database that is none, and for `MULTI`, `EXEC` and `DISCARD` where no server logs
    /// them; `LimitExceeded`. The data are in between then, and the replay of no further use but [`Replay::finish`].
    pub fn command(&mut self, command: Command<'_>, offset: u64) -> Result<Applied> {
        self.report.commands = self.report.commands.wrapping_add(1);
        let Some((name, action)) = find(command) else {
            return Err(self.dress(Halt::Form("a command that can be replayed"), command.name(), None, offset));
        };
        match (action, &mut self.queue) {
            (Action::Multi | Action::Exec | Action::Discard, _) => self.transaction(name, action, offset),
            (_, Some(queue)) => match queue.push(command, offset, &mut self.space.memory) {
                Ok(()) => Ok(Applied::Queued),
                Err(fault) => Err(self.dress(fault.into(), name, None, offset)),
            },
            _ => self.apply(name, action, command, offset),
        }
    }

    /// Says that the next command is the first of another file of the log. Its transactions are its own, and database 0 is selected.
    ///
    /// # Errors
    /// `BadCommand` if a transaction has no `EXEC`: a log of several files goes on only behind whole ones.
    pub fn next_file(&mut self) -> Result<()> {
        if let Some(queue) = &self.queue {
            return Err(self.dress(Halt::Fault(queue::unfinished()), b"MULTI", None, queue.offset()));
        }
        self.space.select(0).map_err(|halt| self.dress(halt, &[], None, 0))
    }

    /// The data, and what is to be told of them. Of a transaction without `EXEC` nothing is in it.
    #[must_use]
    pub fn finish(self) -> (Dataset, ReplayReport) {
        let Self { mut space, head, queue, mut report, drop_expired_at_ms } = self;
        if let Some(queue) = queue {
            report.unfinished = queue.len() as u64;
        }
        if let Some(now_ms) = drop_expired_at_ms {
            (report.expired_keys, report.expired_fields) = space.drop_expired(now_ms);
        }
        let (databases, functions) = space.into_databases();
        (Dataset { databases, functions, ..head }, report)
    }

    #[inline]
    fn apply(&mut self, name: &'static [u8], action: Action, command: Command<'_>, offset: u64) -> Result<Applied> {
        let apply = match action {
            Action::Data(apply) => apply,
            Action::Skip(effect) => return Ok(self.report.skip(table::text(name), effect, offset)),
            // Stopped before; within a transaction they are not queued.
            Action::Multi | Action::Exec | Action::Discard => return Ok(Applied::Data),
        };
        let mut arguments = Arguments::new(command);
        let done = apply(&mut self.space, &mut arguments);
        match self.report.note(name, done, offset) {
            Ok(applied) => Ok(applied),
            Err(halt) => Err(self.dress(halt, name, arguments.noted_key(), offset)),
        }
    }

    /// `MULTI` opens, `EXEC` applies all that came between.
    #[cold]
    fn transaction(&mut self, name: &'static [u8], action: Action, offset: u64) -> Result<Applied> {
        let is_open = self.queue.is_some();
        match (action, self.queue.take()) {
            (Action::Multi, None) => {
                self.queue = Some(Queue::new(offset));
                Ok(Applied::Queued)
            }
            (Action::Exec, Some(queue)) => {
                queue.give_back(&mut self.space.memory);
                for (command, offset) in queue.commands() {
                    if let Some((name, action)) = find(command) {
                        self.apply(name, action, command, offset)?;
                    }
                }
                self.report.transactions = self.report.transactions.wrapping_add(1);
                Ok(Applied::Data)
            }
            _ => Err(self.dress(Halt::Fault(queue::misplaced(is_open)), name, None, offset)),
        }
    }

    #[cold]
    fn dress(&self, halt: Halt, name: &[u8], key: Option<&[u8]>, offset: u64) -> Error {
        let place = Place { db: Some(self.space.selected()), key: key.map(KeyPreview::new), ..Place::default() };
        let kind = match halt {
            Halt::Fault(fault) => fault.error_kind(0),
            Halt::Form(expected) | Halt::Answer(expected) => {
                ErrorKind::UnsupportedCommand { name: KeyPreview::new(name), expected }
            }
        };
        Error::new(kind, offset, place)
    }
}

/// The row of a command, whatever the case of its name.
#[inline]
fn find(command: Command<'_>) -> Option<(&'static [u8], Action)> {
    let name = command.name();
    let mut capitals = [0; table::LONGEST_NAME];
    let capitals = capitals.get_mut(..name.len())?;
    capitals.copy_from_slice(name);
    capitals.make_ascii_uppercase();
    table::find(capitals)
}
