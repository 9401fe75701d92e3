//! Reads a file from front to back, whatever it is: a snapshot, a log, or a
//! snapshot with a log behind it.

use super::{Job, Pass};
use crate::aof;
use crate::error::{Error, Fault};
use crate::rdb;
use crate::wire::{Limits, Step};
use alloc::boxed::Box;

/// The version of Redis 4.0, the first that puts a snapshot in front of a log.
const FIRST_PREAMBLE: u64 = 8;

/// Reads a file from chunks of any size and hands what is in it to a job: the
/// events of its snapshot, the commands of its log.
pub struct Reader {
    limits: Limits,
    state: State,
    pass: Pass,
    snapshot: Option<rdb::Summary>,
    log: Option<Log>,
    failure: Option<Error>,
}

/// What the next byte belongs to.
enum State {
    /// Nothing was read.
    Start,
    Snapshot(Box<rdb::Decoder>),
    /// Behind a snapshot, where nothing should be.
    Trailing(Box<rdb::Decoder>),
    Log(Box<aof::Decoder>),
    Finished,
}

/// The commands of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Where they begin: behind the snapshot, if there is one.
    pub start: u64,
    /// How many there are, those of transactions included.
    pub commands: u64,
    /// Annotations, timestamps included.
    pub annotations: u64,
}

impl Reader {
    /// A reader from the file's first byte on.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: State::Start, pass: Pass::new(), snapshot: None, log: None, failure: None }
    }

    /// Reads all of `chunk`, or less where the job wants nothing more.
    ///
    /// # Errors
    /// The first one, which stays: where the file is damaged, or a fault of the
    /// job that it did not note.
    pub fn feed<J: Job + ?Sized>(&mut self, chunk: &[u8], job: &mut J) -> Result<(), Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = self.read(chunk, job);
        self.failure = result.as_ref().err().cloned();
        result
    }

    fn read<J: Job + ?Sized>(&mut self, chunk: &[u8], job: &mut J) -> Result<(), Error> {
        let mut rest = chunk;
        while let Some(first) = rest.first().copied() {
            match &mut self.state {
                State::Finished => return Ok(()),
                State::Start => {
                    self.state = match first {
                        b'*' | b'#' => self.open_log(0),
                        _ => State::Snapshot(Box::new(rdb::Decoder::with_limits(self.limits))),
                    };
                }
                State::Snapshot(decoder) if !decoder.is_done() => {
                    let consumed = self.pass.feed_snapshot(decoder, rest, job)?;
                    if self.pass.is_stopped() {
                        return Ok(());
                    }
                    rest = rest.get(consumed..).unwrap_or_default();
                }
                State::Snapshot(decoder) => {
                    let decoder = core::mem::take(decoder);
                    let may_lead = decoder.version().is_some_and(|version| version.number() >= FIRST_PREAMBLE);
                    self.state = if may_lead && matches!(first, b'*' | b'#') {
                        let start = decoder.offset();
                        self.snapshot = Some(decoder.finish()?);
                        self.open_log(start)
                    } else {
                        State::Trailing(decoder)
                    };
                }
                State::Trailing(decoder) => {
                    return decoder.step(rest).map(drop).map_err(|fault| decoder.dress(fault));
                }
                State::Log(decoder) => {
                    let start = self.log.map_or(0, |log| log.start);
                    let result = commands(decoder, start, rest, job);
                    self.note_log();
                    return result;
                }
            }
        }
        Ok(())
    }

    fn open_log(&mut self, start: u64) -> State {
        self.log = Some(Log { start, commands: 0, annotations: 0 });
        // A command holds a key and a value, and each may be an item of its own.
        let limits = Limits { max_item_bytes: self.limits.max_item_bytes.saturating_mul(2) };
        State::Log(Box::new(aof::Decoder::with_limits(limits)))
    }

    fn note_log(&mut self) {
        if let (State::Log(decoder), Some(log)) = (&self.state, &mut self.log) {
            let summary = decoder.summary();
            log.commands = summary.commands;
            log.annotations = summary.annotations;
        }
    }

    /// Says that no bytes follow. Nothing can be read afterwards.
    ///
    /// # Errors
    /// `Truncated` where the file is not whole, with the offset where it stops
    /// being so; the error that [`Reader::feed`] has said already.
    pub fn finish(&mut self) -> Result<(), Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = match core::mem::replace(&mut self.state, State::Finished) {
            // A job that has seen enough says nothing of the rest.
            _ if self.pass.is_stopped() => Ok(()),
            State::Start => rdb::Decoder::with_limits(self.limits).finish().map(drop),
            State::Snapshot(decoder) | State::Trailing(decoder) => decoder.finish().map(|summary| self.snapshot = Some(summary)),
            State::Log(decoder) => {
                let start = self.log.map_or(0, |log| log.start);
                decoder.finish().map(drop).map_err(|error| moved(&error, start))
            }
            State::Finished => Ok(()),
        };
        self.failure = result.as_ref().err().cloned();
        result
    }

    /// The snapshot, once it was read to its end and what is behind it is known.
    #[must_use]
    pub fn snapshot(&self) -> Option<rdb::Summary> {
        self.snapshot
    }

    /// The commands read so far, where there are any.
    #[must_use]
    pub fn log(&self) -> Option<Log> {
        self.log
    }

    /// The error that ended the reading.
    #[must_use]
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Whether the job wants nothing more.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.pass.is_stopped()
    }
}

/// Reads a chunk of a log that begins `start` bytes into the file.
fn commands<J: Job + ?Sized>(decoder: &mut aof::Decoder, start: u64, chunk: &[u8], job: &mut J) -> Result<(), Error> {
    let mut rest = chunk;
    loop {
        let offset = start.saturating_add(decoder.offset());
        let step = match step(decoder, rest) {
            Ok(step) => step,
            Err(fault) => return Err(moved(&decoder.dress(fault), start)),
        };
        let consumed = step.consumed;
        match step.event {
            Some(event) => {
                if let Err(fault) = job.log(&event, offset) {
                    return Err(moved(&decoder.dress(fault), start));
                }
            }
            None if consumed == rest.len() => return Ok(()),
            None => {}
        }
        rest = rest.get(consumed..).unwrap_or_default();
    }
}

/// One copy of the step for every job: it holds the snapshot's grammar too.
#[inline(never)]
fn step<'a>(decoder: &'a mut aof::Decoder, input: &'a [u8]) -> Result<Step<'a, aof::Event<'a>>, Fault> {
    decoder.step(input)
}

/// An error of the commands, counted from the start of the file.
fn moved(error: &Error, start: u64) -> Error {
    Error::new(error.kind().clone(), start.saturating_add(error.offset()), error.place().clone())
}
