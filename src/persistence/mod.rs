//! Snapshots and logs as files.
//!
//! [`save_rdb`] and [`load_rdb`] keep databases of strings in a snapshot,
//! [`AofWriter`] and [`load_aof`] keep commands in a log. They take keys and
//! arguments as `String`; the functions whose names end in `_bytes` take any bytes.
//! What they cannot hold they refuse by name; [`crate::rdb`] and [`crate::aof`] read everything.
//!
//! [`Persistence`] does all that a [`PersistenceConfig`] asks for: it recovers a host's data, logs its commands,
//! saves snapshots and rewrites the log. The log is an [`AofFolder`], which servers from 7.0 on start on.
//!
//! ```
//! use aikv::persistence::{AofSyncPolicy, AofWriter, load_aof};
//! # let folder = std::env::temp_dir().join(format!("aikv-doc-{}", std::process::id()));
//! # let _ = std::fs::remove_dir_all(&folder);
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("appendonly.aof");
//!
//! let writer = AofWriter::new(&path, AofSyncPolicy::EverySecond)?;
//! writer.log_command(&["SET".to_string(), "key1".to_string(), "value1".to_string()])?;
//! writer.close()?;
//! assert_eq!(load_aof(&path)?, [["SET", "key1", "value1"]]);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aof_file;
mod aof_folder;
mod aof_writer;
mod appender;
mod config;
mod content;
#[cfg(test)]
mod crash;
mod engine;
mod error;
mod files;
#[cfg_attr(not(feature = "cli"), allow(dead_code))]
pub(crate) mod open_log;
mod rdb_file;
pub(crate) mod recover;
mod storage;
mod sync;

pub use aof_file::{load_aof, load_aof_bytes};
pub use aof_folder::{AofFolder, AofFolderOptions, AofFolderStatus, AofReport, PartReport, Rewrite, Rewritten};
pub use aof_writer::AofWriter;
pub use config::{AofOptions, AofSyncPolicy, PersistenceConfig};
pub use content::{Frozen, Sink};
pub use engine::{Host, Persistence, PersistenceOptions, PersistenceStatus, RecoveryReport, RecoverySource};
pub use error::{AikvError, PersistenceError, PersistenceErrorKind, Result};
pub use rdb_file::{BytesDatabaseData, DatabaseData, load_rdb, load_rdb_bytes, save_rdb, save_rdb_bytes};
pub use recover::{AofCut, AofRecovery};
