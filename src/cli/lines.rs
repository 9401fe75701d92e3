//! Reads the bytes of one file, whatever they are: a snapshot or log, or JSON Lines, whose keys are handed over like those
//! of a snapshot.

use crate::error::Error;
use crate::jobs::{HandOver, Import, Imported, Job, Log, Reader};
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

    fn read<J: Job + ?Sized>(&mut self, chunk: Option<&[u8]>, job: &mut J) -> Result<(), Error> {
        let Self { import, source, hand_over, .. } = self;
        let mut take = |line| match line {
            Imported::Snapshot(version) => {
                *source = Some(version);
                Ok(())
            }
            Imported::Item(item) => {
                let hand_over = match &mut *hand_over {
                    Some(hand_over) => hand_over,
                    none => none.insert(HandOver::new(*source)?),
                };
                if hand_over.is_stopped() { Ok(()) } else { hand_over.push(&item, job).map(drop) }
            }
        };
        match chunk {
            Some(chunk) => import.feed(chunk, &mut take),
            None => import.finish(&mut take),
        }
    }

    fn end<J: Job + ?Sized>(&mut self, job: &mut J) -> Result<(), Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.read(None, job)?;
        match self.hand_over.take() {
            Some(hand_over) => hand_over.finish(job),
            None => HandOver::new(self.source)?.finish(job),
        }
    }

    fn is_stopped(&self) -> bool {
        self.hand_over.as_ref().is_some_and(HandOver::is_stopped)
    }

    /// Hands over what was read in front of the error that ended the reading.
    fn fail<J: Job + ?Sized>(&mut self, error: Error, job: &mut J) -> Error {
        if let Some(hand_over) = &mut self.hand_over {
            // An error of the job is told in front of one that comes later.
            if let Err(earlier) = hand_over.flush(job) {
                self.failure = Some(earlier.clone());
                return earlier;
            }
        }
        self.failure = Some(error.clone());
        error
    }
}

impl FileReader {
    pub(super) fn feed<J: Job + ?Sized>(&mut self, chunk: &[u8], job: &mut J) -> Result<(), Error> {
        match self {
            Self::Bytes(reader) => reader.feed(chunk, job),
            Self::Lines(lines) => match &lines.failure {
                Some(failure) => Err(failure.clone()),
                None => lines.read(Some(chunk), job).map_err(|error| lines.fail(error, job)),
            },
        }
    }

    /// Says that no bytes follow.
    pub(super) fn finish<J: Job + ?Sized>(&mut self, job: &mut J) -> Result<(), Error> {
        match self {
            Self::Bytes(reader) => reader.finish(),
            Self::Lines(lines) if lines.is_stopped() => Ok(()),
            Self::Lines(lines) => lines.end(job),
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
