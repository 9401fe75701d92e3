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
