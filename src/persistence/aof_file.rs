//! Logs as lists of commands.

use super::error::{PersistenceError, Result, Task};
use super::files::{open, read_chunks};
use super::open_log::{self, OpenLog};
use crate::aof::{Command, Decoder, Event, Role, Summary};
use crate::error::{Error, ErrorKind, Fault, Place};
use crate::kind::FileKind;
use crate::model::{DatasetBuilder, EncodeOptions};
use crate::rdb::{self, Version};
use bytes::Bytes;
use std::io::Read;
use std::path::Path;
use std::string::String;
use std::vec::Vec;

/// Loads all commands of a log, the name of each first. `SELECT`, `MULTI` and
/// `EXEC` are commands as well; annotations are passed over.
///
/// `path` is a file, or the folder or manifest of a multi-part log: then its files are
/// read in the order of the manifest. Each file, and what follows a snapshot, begins with
/// database 0: a `SELECT` says so where the commands before have left another one.
///
/// A snapshot at the head of the log is given as the commands that make its data, as
/// [`LogEmitter`](crate::model::LogEmitter) writes them for the snapshot's own version. They may have
/// payloads of `RESTORE`, which are no text; there is no room in them for fields about the snapshot, for
/// what an eviction policy knew of its keys, and for when consumers of streams were seen.
///
/// # Errors
/// [`AikvError::Persistence`](super::AikvError::Persistence), and no command: where
/// the log, or any file of it, is damaged or does not end whole, with the offset where it
/// stops being whole; where a snapshot at its head holds what commands cannot make; where an
/// argument is not UTF-8 (see [`load_aof_bytes`]). Of a manifest, `Format` stands for a line that cannot be
/// read, for an empty snapshot and for a file that is not there or no regular one.
pub fn load_aof<P: AsRef<Path>>(path: P) -> Result<Vec<Vec<String>>> {
    load(path.as_ref(), |argument| String::from_utf8(argument.to_vec()).ok())
}

/// As [`load_aof`], with arguments of any bytes.
///
/// # Errors
/// As [`load_aof`].
pub fn load_aof_bytes<P: AsRef<Path>>(path: P) -> Result<Vec<Vec<Bytes>>> {
    load(path.as_ref(), |argument| Some(Bytes::copy_from_slice(argument)))
}

fn load<A>(path: &Path, own: impl Fn(&[u8]) -> Option<A>) -> Result<Vec<Vec<A>>> {
    let task = Task { doing: "load the log", path };
    let mut commands = Commands { own, list: Vec::new(), is_in_first_db: true, snapshot: None };
    match open_log::find(path).map_err(|error| task.io(error))? {
        None => {
            let read = read_what_is_whole(&mut open(task)?, task, |event, offset| commands.take(event, offset))?;
            read.map_err(|broken| task.format(broken.error))?;
        }
        Some((folder, manifest)) => {
            for mut part in OpenLog::open(task.doing, folder, manifest)?.files {
                let task = Task { path: &part.path, ..task };
                commands.begin().map_err(|error| task.format(error))?;
                read(decoder_of(part.role), &mut part.content, task, |event, offset| commands.take(event, offset))?;
            }
        }
    }
    Ok(commands.list)
}

/// Gathers the commands of a log.
struct Commands<A, O> {
    own: O,
    list: Vec<Vec<A>>,
    /// Whether database 0 is selected behind the last command.
    is_in_first_db: bool,
    /// The snapshot that is being read.
    snapshot: Option<DatasetBuilder>,
}

impl<A, O: Fn(&[u8]) -> Option<A>> Commands<A, O> {
    /// Takes an event that begins at `offset`.
    fn take(&mut self, event: Event<'_>, offset: u64) -> Result<(), Error> {
        match event {
            Event::Command(command) => self.push(command, offset),
            Event::Snapshot(event) => self.snapshot(&event, offset),
            Event::Annotation(_) | Event::Mark(_) | Event::Timestamp { .. } => Ok(()),
        }
    }

    fn push(&mut self, command: Command<'_>, offset: u64) -> Result<(), Error> {
        if command.name().eq_ignore_ascii_case(b"SELECT") {
            self.is_in_first_db = command.args().nth(1) == Some(b"0");
        }
        let what = "an argument that is not UTF-8 (load_aof_bytes takes any)";
        let command = command.args().map(&self.own).collect::<Option<_>>().ok_or_else(|| refuse(what, offset))?;
        self.list.push(command);
        Ok(())
    }

    /// Says that what follows begins with database 0.
    fn begin(&mut self) -> Result<(), Error> {
        if self.is_in_first_db {
            return Ok(());
        }
        self.push_all(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", 0)
    }

    fn snapshot(&mut self, event: &rdb::Event<'_>, offset: u64) -> Result<(), Error> {
        let builder = self.snapshot.get_or_insert_with(|| DatasetBuilder::new(u64::MAX));
        builder.push(event).map_err(|fault| Error::new(fault.error_kind(0), offset, Place::default()))?;
        match event {
            rdb::Event::End(_) => {
                let data = self.snapshot.take().map(DatasetBuilder::finish).unwrap_or_default();
                let version = data.source.unwrap_or(Version::redis(1));
                let log = data
                    .to_log(&EncodeOptions::new(version))
                    .map_err(|error| Error::new(error.kind().clone(), offset, error.place().clone()))?;
                self.push_all(&log, offset)?;
                self.begin()
            }
            _ => Ok(()),
        }
    }

    /// Takes commands that were made of what stands at `offset`.
    fn push_all(&mut self, mut log: &[u8], offset: u64) -> Result<(), Error> {
        let mut decoder = Decoder::new();
        while !log.is_empty() {
            let step = decoder.step(log).map_err(|fault| Error::new(fault.error_kind(0), offset, Place::default()))?;
            log = log.get(step.consumed..).unwrap_or_default();
            if let Some(Event::Command(command)) = step.event {
                self.push(command, offset)?;
            }
        }
        Ok(())
    }
}

/// What reads a file of a multi-part log: only its base may have a snapshot.
pub(super) fn decoder_of(role: Role) -> Decoder {
    match role {
        Role::Incr => Decoder::new().without_snapshot(),
        Role::Base | Role::History => Decoder::new(),
    }
}

fn refuse(what: &'static str, offset: u64) -> Error {
    Error::new(ErrorKind::Unrepresentable { what, target: "a list of commands" }, offset, Place::default())
}

/// How a log is read that does not end whole.
pub(super) struct Broken {
    /// What is wrong, and where.
    pub(super) error: Error,
    /// What was read.
    pub(super) summary: Summary,
    /// The end of the last whole record.
    pub(super) offset: u64,
    /// The log ends there in the beginning of a record, in zeros, or in a transaction or span of an integrity mark.
    pub(super) is_cut_short: bool,
    /// It is not the commands that are broken but the snapshot in front of them.
    pub(super) is_in_snapshot: bool,
}

/// Why reading stopped.
enum Stop {
    Failed(PersistenceError),
    At(Fault),
}

impl From<PersistenceError> for Stop {
    fn from(error: PersistenceError) -> Self {
        Self::Failed(error)
    }
}

/// Reads a log to its end, which must be whole. `take` gets every event with
/// the offset at which it begins.
pub(super) fn read(
    decoder: Decoder,
    file: &mut dyn Read,
    task: Task<'_>,
    take: impl FnMut(Event<'_>, u64) -> Result<(), Error>,
) -> Result<Summary, PersistenceError> {
    read_with(decoder, file, task, take)?.map_err(|broken| task.format(broken.error))
}

/// Reads a log that is one file, as far as it is whole. `take` gets every event with the offset at which it
/// begins, also of a transaction or span that turns out not to be whole.
pub(super) fn read_what_is_whole(
    file: &mut dyn Read,
    task: Task<'_>,
    take: impl FnMut(Event<'_>, u64) -> Result<(), Error>,
) -> Result<Result<Summary, Broken>, PersistenceError> {
    let mut head = Vec::new();
    let mut start = file.take(FileKind::PREFIX_BYTES as u64);
    start.read_to_end(&mut head).map_err(|error| task.io(error))?;
    if FileKind::sniff(&head) == FileKind::Manifest {
        return Err(task.format(refuse("the manifest of a multi-part log", 0)));
    }
    read_with(Decoder::new(), &mut head.chain(file), task, take)
}

/// As [`read_what_is_whole`], with a decoder that has read nothing yet.
fn read_with(
    mut decoder: Decoder,
    file: &mut dyn Read,
    task: Task<'_>,
    mut take: impl FnMut(Event<'_>, u64) -> Result<(), Error>,
) -> Result<Result<Summary, Broken>, PersistenceError> {
    let mut first = None;
    let read = read_chunks(file, task, |mut chunk| {
        first = first.or(chunk.first().copied());
        loop {
            let offset = decoder.offset();
            let step = decoder.step(chunk).map_err(Stop::At)?;
            chunk = chunk.get(step.consumed..).unwrap_or_default();
            match step.event {
                Some(event) => take(event, offset).map_err(|error| task.format(error))?,
                None if chunk.is_empty() => return Ok(()),
                None => {}
            }
        }
    });
    let (summary, offset) = (decoder.summary(), decoder.offset());
    let is_whole = summary.preamble.is_some_and(|preamble| preamble.bytes > 0);
    let broken = |error, is_cut_short| {
        let is_in_snapshot = matches!(first, Some(b'R' | b'V')) && !is_whole;
        Ok(Err(Broken { error, summary, offset, is_cut_short, is_in_snapshot }))
    };
    match read {
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::At(fault)) => broken(decoder.dress(fault), false),
        Ok(()) => match decoder.finish() {
            Ok(summary) => Ok(Ok(summary)),
            Err(error) => broken(error, true),
        },
    }
}
