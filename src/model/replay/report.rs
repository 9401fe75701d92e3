//! What a replay tells beside the data.

use super::args::{Done, Halt};
use super::table;
use alloc::vec::Vec;

/// What a command that is passed over does on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkippedEffect {
    /// Nothing to the data.
    None,
    /// Perhaps something to the data, as a script does: the data set may lack it.
    MayChangeData,
}

/// Commands of one name that were passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedCommand {
    /// The name, in capital letters.
    pub name: &'static str,
    /// What it does on a server.
    pub effect: SkippedEffect,
    /// How many there were.
    pub count: u64,
    /// Where the first one starts, as given to [`Replay::command`](super::Replay::command).
    pub first_offset: u64,
}

/// Commands of one name that a server answers with the same error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedCommand {
    /// The name, in capital letters.
    pub name: &'static str,
    /// What was wrong.
    pub reason: &'static str,
    /// How many there were.
    pub count: u64,
    /// Where the first one starts, as given to [`Replay::command`](super::Replay::command).
    pub first_offset: u64,
}

/// What was replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Commands applied to the data, whether or not they changed any.
    pub applied: u64,
    /// Transactions applied.
    pub transactions: u64,
    /// Commands of a last transaction that has no `EXEC`, which were not applied.
    pub unfinished: u64,
    /// Commands passed over, by name in the order in which they first came.
    pub skipped: Vec<SkippedCommand>,
    /// Commands that a server answers with an error, by name and error in the order in which they first came.
    pub failed: Vec<FailedCommand>,
    /// Keys left out at the end since they had expired.
    pub expired_keys: u64,
    /// Fields of other keys' hashes left out at the end since they had expired.
    pub expired_fields: u64,
}

impl ReplayReport {
    /// Whether a command was passed over that may have changed data.
    #[must_use]
    pub fn may_lack_data(&self) -> bool {
        self.skipped.iter().any(|skipped| skipped.effect == SkippedEffect::MayChangeData)
    }

    #[cold]
    pub(super) fn skip(&mut self, name: &'static str, effect: SkippedEffect, offset: u64) {
        match self.skipped.iter_mut().find(|skipped| skipped.name == name) {
            Some(skipped) => skipped.count = skipped.count.saturating_add(1),
            None => self.skipped.push(SkippedCommand { name, effect, count: 1, first_offset: offset }),
        }
    }

    #[cold]
    pub(super) fn fail(&mut self, name: &'static str, reason: &'static str, offset: u64) {
        match self.failed.iter_mut().find(|failed| failed.name == name && failed.reason == reason) {
            Some(failed) => failed.count = failed.count.saturating_add(1),
            None => self.failed.push(FailedCommand { name, reason, count: 1, first_offset: offset }),
        }
    }

    /// Notes how a command on data ended; gives back what stops the replay.
    #[inline]
    pub(super) fn note(&mut self, name: &'static [u8], done: Done, offset: u64) -> Done {
        self.applied = self.applied.wrapping_add(1);
        if let Err(Halt::Answer(reason)) = done {
            self.fail(table::text(name), reason, offset);
            return Ok(());
        }
        done
    }
}
