//! What a host configures. Nothing here acts on its own.

use std::path::PathBuf;

/// When a log's bytes are forced to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AofSyncPolicy {
    /// Before [`log_command`](super::AofWriter::log_command) returns.
    Always,
    /// By a thread of the writer, one second after the oldest byte that is not on the disk.
    #[default]
    EverySecond,
    /// Only by [`flush`](super::AofWriter::flush) and [`close`](super::AofWriter::close);
    /// else the operating system decides.
    No,
}

/// How a log that is one file is opened and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AofOptions {
    /// When bytes are forced to the disk.
    pub policy: AofSyncPolicy,
    /// Whether a torn tail is kept beside the log, as `<name>.cut.<offset>`, when it is cut off.
    pub keeps_cut_tail: bool,
    /// Whether what is written at once has an [integrity mark](crate::aof::Mark) in front of it. Servers before Redis 7.0 do not
    /// load such a log.
    pub writes_marks: bool,
}

impl Default for AofOptions {
    /// Synced every second, a tail is kept, no marks.
    fn default() -> Self {
        Self { policy: AofSyncPolicy::default(), keeps_cut_tail: true, writes_marks: false }
    }
}

/// Where a host keeps its snapshot and its log, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistenceConfig {
    /// Whether snapshots are saved.
    pub enable_rdb: bool,
    /// The snapshot.
    pub rdb_path: PathBuf,
    /// Seconds between two snapshots.
    pub rdb_save_interval: u64,
    /// Whether commands are logged.
    pub enable_aof: bool,
    /// The log.
    pub aof_path: PathBuf,
    /// When the log's bytes are forced to the disk.
    pub aof_sync_policy: AofSyncPolicy,
}

impl Default for PersistenceConfig {
    /// Both on, in the working folder: `dump.rdb` every 300 seconds and
    /// `appendonly.aof`, synced every second.
    fn default() -> Self {
        Self {
            enable_rdb: true,
            rdb_path: PathBuf::from("dump.rdb"),
            rdb_save_interval: 300,
            enable_aof: true,
            aof_path: PathBuf::from("appendonly.aof"),
            aof_sync_policy: AofSyncPolicy::default(),
        }
    }
}
