//! What a log's opening and its state tell.

use super::super::error::PersistenceError;
use super::super::recover::AofCut;
use crate::aof::{Role, Summary};
use crate::error::Error;
use crate::model::ReplayReport;
use std::ffi::OsString;
use std::time::Duration;
use std::vec::Vec;

/// What was found when a log was opened, and what was done about it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AofReport {
    /// There was no log: one was begun.
    pub is_new: bool,
    /// A log of one file was moved into the folder.
    pub is_taken_over: bool,
    /// The base that the manifest names was missing, and what it was made from was still there: the log goes on from that.
    pub is_previous_base: bool,
    /// The files read, in order.
    pub parts: Vec<PartReport>,
    /// What was cut off from the last one, if anything.
    pub cut: Option<AofCut>,
    /// What became of the commands.
    pub replay: ReplayReport,
    /// What is odd about the manifest.
    pub deviations: Vec<Error>,
    /// Files removed: histories and temporary files.
    pub removed: Vec<OsString>,
    /// Why not all that the manifest calls history was removed. It is when the log is rewritten or opened again.
    pub history_error: Option<PersistenceError>,
    /// Files in the folder that are no part of the log. They are left alone.
    pub unlisted: Vec<OsString>,
}

/// A file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartReport {
    /// Its name in the folder.
    pub name: OsString,
    /// What it is to the log.
    pub role: Role,
    /// What was read of it. It ends at [`Summary::valid_up_to`].
    pub summary: Summary,
}

/// A log's sizes, and how far it is durable.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AofFolderStatus {
    /// Size of the base in bytes.
    pub base_bytes: u64,
    /// Size of all increments together in bytes.
    pub incr_bytes: u64,
    /// Bytes logged, counted from the first one of the increment that was gone on in when the log was opened, or
    /// when it was rewritten after it had been poisoned. Under
    /// [`AofSyncPolicy::Always`](crate::persistence::AofSyncPolicy::Always) this goes back when a write fails.
    pub accepted_offset: u64,
    /// Bytes known to be on the disk, counted in the same way: a sync that began after they were written has succeeded.
    pub durable_offset: u64,
    /// How long ago the oldest byte was logged that is not known to be on the disk.
    pub oldest_unsynced_age: Option<Duration>,
    /// The failure that holds: what poisoned the log, or why the last write failed.
    pub last_error: Option<PersistenceError>,
}

impl AofFolderStatus {
    /// Size of the whole log in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.base_bytes + self.incr_bytes
    }
}
