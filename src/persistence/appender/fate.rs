//! What becomes of commands that are written and synced together under [`AofSyncPolicy::Always`], and who waits to hear it.
//!
//! Each group has a place of its own to wait at. So nobody wakes for the end of another group, and those who do wake
//! need nothing that the next group is busy with.
//!
//! [`AofSyncPolicy::Always`]: super::super::config::AofSyncPolicy::Always

use super::super::sync::{Condvar, Mutex, MutexGuard};
use super::state::same;
use std::io;
use std::sync::{Arc, PoisonError};

/// How a group has ended.
#[derive(Clone)]
pub(super) enum Outcome {
    Durable,
    /// None of it is in the log.
    NotWritten(Arc<io::Error>),
    Poisoned,
}

#[derive(Default)]
pub(super) struct Fate {
    outcome: Mutex<Option<Outcome>>,
    told: Condvar,
}

impl Fate {
    fn lock(&self) -> MutexGuard<'_, Option<Outcome>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the group's end.
    pub(super) fn wait(&self) -> Outcome {
        let mut outcome = self.lock();
        loop {
            match &*outcome {
                Some(outcome) => return outcome.clone(),
                None => outcome = self.told.wait(outcome).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Tells how the group has ended; the first time counts.
    pub(super) fn end(&self, outcome: Outcome) {
        self.lock().get_or_insert(outcome);
        self.told.notify_all();
    }

    /// Why none of the group is in the log, if it is so.
    pub(super) fn failure(&self) -> Option<io::Error> {
        match &*self.lock() {
            Some(Outcome::NotWritten(error)) => Some(same(error)),
            _ => None,
        }
    }
}
