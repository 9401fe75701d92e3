//! The engine's thread: snapshots in time, and rewrites when they are due.

use super::super::error::{PersistenceErrorKind, Result, Task};
use super::Shared;
use super::growth::{Patience, has_outgrown};
use std::format;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::String;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often the log's size is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// When a snapshot is tried again that could not be saved, as servers do (`CONFIG_BGSAVE_RETRY_DELAY`).
const RETRY: Duration = Duration::from_secs(5);

impl Shared {
    pub(super) fn run(&self) {
        let interval = Duration::from_secs(self.config.rdb_save_interval);
        let saves = self.config.enable_rdb && !interval.is_zero();
        // An interval that no clock reaches is none.
        let mut save_at = if saves { Instant::now().checked_add(interval) } else { None };
        let mut patience = Patience::default();
        let mut progress = self.progress();
        while !progress.is_closing {
            let look = self.log.as_ref().map(|_| LOOK);
            let until_save = save_at.map(|at| at.saturating_duration_since(Instant::now()));
            progress = match look.into_iter().chain(until_save).min() {
                Some(time) => self.told.wait_timeout(progress, time).unwrap_or_else(PoisonError::into_inner).0,
                None => self.told.wait(progress).unwrap_or_else(PoisonError::into_inner),
            };
            if progress.is_closing {
                return;
            }
            drop(progress);
            if save_at.is_some_and(|at| Instant::now() >= at) {
                let saved = unless_it_panics(Task { doing: "save the snapshot", path: &self.config.rdb_path }, || self.save());
                save_at = Instant::now().checked_add(if saved.is_ok() { interval } else { interval.min(RETRY) });
                if let Err(error) = saved {
                    self.progress().save_error = Some(error);
                }
            }
            if self.is_to_be_rewritten() && patience.allows(Instant::now()) {
                let task = Task { doing: "rewrite the log", path: &self.config.aof_path };
                match unless_it_panics(task, || self.rewrite()) {
                    Ok(_) => patience.succeeded(),
                    Err(error) => {
                        patience.failed(Instant::now());
                        self.progress().rewrite_error = Some(error);
                    }
                }
            }
            progress = self.progress();
        }
    }

    fn is_to_be_rewritten(&self) -> bool {
        let Some(log) = &self.log else { return false };
        let status = log.status();
        if status.last_error.as_ref().is_some_and(|error| matches!(error.kind(), PersistenceErrorKind::Poisoned { .. })) {
            return true;
        }
        let before = self.rewritten_bytes.load(Ordering::Relaxed);
        has_outgrown(status.bytes(), before, self.options.rewrite_percentage, self.options.rewrite_min_bytes)
    }
}

/// Makes an error of a panic of the host, so that the thread goes on. What a save or a rewrite had begun was undone
/// when it was dropped.
fn unless_it_panics<T>(task: Task<'_>, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("of its own");
        Err(task.io(io::Error::other(format!("the host has panicked: {text}"))).into())
    })
}
