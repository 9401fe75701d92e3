//! Reads the bytes of one file, whatever they are: a snapshot or log, or JSON Lines, whose keys are handed over like those
//! of a snapshot.

use super::input::Task;
use crate::error::Error;
use crate::jobs::{HandOver, Import, Imported, Log, Reader};
use crate::rdb::{Summary, Version};
use std::prelude::rust_2024::*;

/// A reading of one file.
pub(super) enum FileReader {
    Bytes(Box<Reader>),
    Lines(Box<Lines>),
}

/// A reading of JSON Lines.
pub(super) struct Lines {
    import: Import,
    source: Option<Version>,
    hand_over: Option<HandOver>,
    /// The first one, which stays.
    failure: Option<Error>,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { import: Import::new(), source: None, hand_over: None, failure: None }
    }

    fn read<T: Task>(&mut self, chunk: Option<&[u8]>, task: &mut T) -> Result<(), Error> {
        let Self { import, source, hand_over, .. } = self;
        let mut take = |line| match line {
            Imported::Snapshot(version) => {
                *source = Some(version);
                Ok(())
            }
            Imported::Item(item) => {
                let hand_over = match &mut *hand_over {
                    Some(hand_over) => hand_over,
                    none => {
                        task.of_version(*source);
                        none.insert(HandOver::new(*source)?)
                    }
                };
                if hand_over.is_stopped() { Ok(()) } else { hand_over.push(&item, task).map(drop) }
            }
        };
        match chunk {
            Some(chunk) => import.feed(chunk, &mut take),
            None => import.finish(&mut take),
        }
    }

    fn end<T: Task>(&mut self, task: &mut T) -> Result<(), Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.read(None, task)?;
        match self.hand_over.take() {
            Some(hand_over) => hand_over.finish(task),
            None => {
                task.of_version(self.source);
                HandOver::new(self.source)?.finish(task)
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.hand_over.as_ref().is_some_and(HandOver::is_stopped)
    }

    /// Hands over what was read in front of the error that ended the reading.
    fn fail<T: Task>(&mut self, error: Error, task: &mut T) -> Error {
        if let Some(hand_over) = &mut self.hand_over {
            // An error of the job is told in front of one that comes later.
            if let Err(earlier) = hand_over.flush(task) {
                self.failure = Some(earlier.clone());
                return earlier;
            }
        }
        self.failure = Some(error.clone());
        error
    }
}

impl FileReader {
    pub(super) fn feed<T: Task>(&mut self, chunk: &[u8], task: &mut T) -> Result<(), Error> {
        match self {
            Self::Bytes(reader) => reader.feed(chunk, task),
            Self::Lines(lines) => match &lines.failure {
                Some(failure) => Err(failure.clone()),
                None => lines.read(Some(chunk), task).map_err(|error| lines.fail(error, task)),
            },
        }
    }

    /// Says that no bytes follow.
    pub(super) fn finish<T: Task>(&mut self, task: &mut T) -> Result<(), Error> {
        match self {
            Self::Bytes(reader) => reader.finish(),
            Self::Lines(lines) if lines.is_stopped() => Ok(()),
            Self::Lines(lines) => lines.end(task),
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        match self {
            Self::Bytes(reader) => reader.is_stopped(),
            Self::Lines(lines) => lines.is_stopped(),
        }
    }

    pub(super) fn deviations(&mut self) -> Vec<Error> {
        match self {
            Self::Bytes(reader) => reader.deviations(),
            Self::Lines(_) => Vec::new(),
        }
    }

    pub(super) fn snapshot(&self) -> Option<Summary> {
        match self {
            Self::Bytes(reader) => reader.snapshot(),
            Self::Lines(_) => None,
        }
    }

    pub(super) fn log(&self) -> Option<Log> {
        match self {
            Self::Bytes(reader) => reader.log(),
            Self::Lines(_) => None,
        }
    }
}
