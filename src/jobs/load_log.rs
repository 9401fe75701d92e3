//! A log put together to the data that a server has once it has loaded it.

use super::{Flow, Job};
use crate::aof;
use crate::error::{Cause, Error, Fault, FaultKind, Form};
use crate::model::{Collector, Dataset, Replay, ReplayOptions, ReplayReport};
use crate::rdb::{Event, Version};
use alloc::boxed::Box;

static HALTED: Cause = Cause::new(FaultKind::Command, "a command that can be applied", Form::Number);

/// Takes the snapshot at the head of a log, then applies the commands. For a log of several files
/// the same job reads one after the other.
///
/// What ends a replay says more than a fault can: after an error of the reader, ask [`LoadLog::failure`] first.
pub struct LoadLog {
    collector: Collector,
    replay: Box<Replay>,
    /// Of the snapshot in front.
    source: Option<Version>,
    failure: Option<Error>,
}

impl LoadLog {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(options: ReplayOptions) -> Self {
        let collector = Collector::new(options.max_total_bytes);
        Self { collector, replay: Box::new(Replay::new(options)), source: None, failure: None }
    }

    /// Goes on behind faults in values of the snapshot, as [`Collector::leniently`] says; of one event the first is told.
    #[must_use]
    pub fn leniently(self) -> Self {
        Self { collector: self.collector.leniently(), ..self }
    }

    /// The error that ended the replay.
    #[must_use]
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Says that a file was read to its end; another one may follow. What is wrong with its last
    /// commands is a [`LoadLog::failure`] then.
    pub fn end_file(&mut self) {
        if self.failure.is_none() {
            self.failure = self.replay.next_file().err();
        }
    }

    /// The data, their source the version of the snapshot in front, and what is to be told of them.
    ///
    /// # Errors
    /// As [`Replay::finish`].
    pub fn finish(self) -> Result<(Dataset, ReplayReport), Error> {
        let (dataset, report) = self.replay.finish()?;
        Ok((Dataset { source: self.source, ..dataset }, report))
    }

    fn note(&mut self, done: Result<(), Error>) -> Result<(), Fault> {
        done.map_err(|error| {
            self.failure = Some(error);
            Fault::new(&HALTED, 0)
        })
    }
}

impl Job for LoadLog {
    fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
        if let Event::Start(version) = event {
            self.source = Some(*version);
        }
        if let Some(collected) = self.collector.push(event)? {
            self.collector.forget();
            let done = self.replay.load(collected);
            self.note(done)?;
        }
        match self.collector.faults().first() {
            Some(fault) => Err(*fault),
            None => Ok(Flow::Continue),
        }
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> Result<(), Fault> {
        match event {
            // A replay that has failed takes nothing more.
            _ if self.failure.is_some() => Err(Fault::new(&HALTED, 0)),
            aof::Event::Command(command) => {
                let done = self.replay.command(*command, offset);
                self.note(done)
            }
            _ => Ok(()),
        }
    }
}
