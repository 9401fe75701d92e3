//! What a host's configuration asks for, done: recovery, log, snapshots and rewrites.

mod growth;
mod worker;

use super::aof_folder::{AofFolder, AofFolderOptions, AofFolderStatus, AofReport, Rewritten};
use super::config::PersistenceConfig;
use super::content::{self, Form, Frozen};
use super::error::{PersistenceError, Result, Task};
use super::files::{open, read_chunks, resolve};
use super::storage::Disk;
use crate::aof::BaseFormat;
use crate::error::{Error, ErrorKind, Found, Place};
use crate::model::{Dataset, DatasetBuilder};
use crate::rdb::{Decoder, Target};
use std::boxed::Box;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::SystemTime;

/// Holds the data that are kept.
pub trait Host: Send + Sync {
    /// Takes over what was recovered, before anything is logged.
    ///
    /// # Errors
    /// The host's own; the engine is not opened then.
    fn restore(&self, data: Dataset) -> Result<()>;

    /// Gives the data as of one moment. The host calls `cut` exactly once, at that moment: when every change that is in the
    /// data has been logged, every change that was logged is in the data, and none is under way. A command that is logged
    /// behind `cut` is applied to these data when they are recovered, one before it is not.
    ///
    /// It is called by a thread of the engine, and by those that call [`Persistence::save`] and [`Persistence::rewrite`].
    ///
    /// # Errors
    /// That of `cut`, or the host's own.
    fn freeze(&self, cut: &mut dyn FnMut() -> Result<()>) -> Result<Box<dyn Frozen>>;
}

/// What [`PersistenceConfig`] leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersistenceOptions {
    /// By how many percent of its size behind the last rewrite, or when it was opened, a log has to grow to be
    /// rewritten: servers' `auto-aof-rewrite-percentage`. 0: only [`Persistence::rewrite`] does.
    pub rewrite_percentage: u64,
    /// A log of at most so many bytes is not rewritten: servers' `auto-aof-rewrite-min-size`.
    pub rewrite_min_bytes: u64,
    /// Who is to load snapshots. `None`: they have the oldest version that holds the data, from RDB 10 on, which Redis from 7.0
    /// and Valkey load.
    pub snapshot_target: Option<Target>,
    /// How the log is kept.
    pub log: AofFolderOptions,
}

impl Default for PersistenceOptions {
    /// As servers do: a log of more than 64 MiB is rewritten when it is twice as large as before.
    fn default() -> Self {
        Self {
            rewrite_percentage: 100,
            rewrite_min_bytes: 64 * 1024 * 1024,
            snapshot_target: None,
            log: AofFolderOptions::default(),
        }
    }
}

/// Where the data came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoverySource {
    /// The log.
    Log,
    /// The snapshot, since there was no log.
    Snapshot,
    /// There was neither.
    Nothing,
}

/// What was found when the engine was opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Where the data came from.
    pub source: RecoverySource,
    /// What was found of the log and done about it, if one is kept.
    pub log: Option<AofReport>,
}

/// What the engine does, and how that goes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PersistenceStatus {
    /// The log, if one is kept: its sizes, how far it is durable, what failed.
    pub log: Option<AofFolderStatus>,
    /// When the last snapshot was saved by this engine.
    pub last_save: Option<SystemTime>,
    /// Why the last snapshot that the engine's thread tried to save was not; `None` when one was saved since.
    pub save_error: Option<super::AikvError>,
    /// Snapshots saved by this engine.
    pub saves: u64,
    /// When the log was last rewritten by this engine.
    pub last_rewrite: Option<SystemTime>,
    /// Why the last rewrite that the engine's thread tried failed; `None` when one succeeded since.
    pub rewrite_error: Option<super::AikvError>,
    /// Rewrites done by this engine.
    pub rewrites: u64,
}

/// Keeps a host's data as a [`PersistenceConfig`] says; shared by reference between threads.
///
/// Opening recovers the data: from the log if there is one, else from the snapshot, else there are none. Where a snapshot
/// was loaded and a log is kept, a base with its data is written before the first command (servers begin with an empty log
/// there). The log is that of a server whose `appendfilename` is `aof_path`, see [`AofFolder::open`].
///
/// A thread saves a snapshot every `rdb_save_interval` seconds (0: never of its own accord), and rewrites the log when it has
/// outgrown its base, or is poisoned: commands are refused until the host's data are in a new base then. When a rewrite has failed three times in a row, it is put off by a minute, then by twice as long each
/// time, up to an hour, as servers do; a snapshot that could not be saved is tried again after five seconds. A panic of the host
/// in that thread is such a failure too, told by [`Persistence::status`]; in a call it goes on to the caller.
///
/// ```
/// use aikv::model::{Dataset, Value};
/// use aikv::persistence::{Frozen, Host, Persistence, PersistenceConfig, PersistenceOptions};
/// use std::sync::{Arc, Mutex};
///
/// /// All data behind one lock, which is held while a change is made and logged.
/// #[derive(Default)]
/// struct Store(Mutex<Dataset>);
///
/// impl Host for Store {
///     fn restore(&self, data: Dataset) -> aikv::Result<()> {
///         *self.0.lock().unwrap() = data;
///         Ok(())
///     }
///
///     fn freeze(&self, cut: &mut dyn FnMut() -> aikv::Result<()>) -> aikv::Result<Box<dyn Frozen>> {
///         let data = self.0.lock().unwrap();
///         cut()?;
///         Ok(Box::new(data.clone()))
///     }
/// }
///
/// # let folder = std::env::temp_dir().join(format!("aikv-engine-{}", std::process::id()));
/// # let _ = std::fs::remove_dir_all(&folder);
/// # std::fs::create_dir_all(&folder)?;
/// let config = PersistenceConfig {
///     rdb_path: folder.join("dump.rdb"),
///     aof_path: folder.join("appendonly.aof"),
///     ..PersistenceConfig::default()
/// };
/// let store = Arc::new(Store::default());
/// let persistence = Persistence::open(config.clone(), store.clone(), PersistenceOptions::default())?;
/// {
///     let mut data = store.0.lock().unwrap();
///     data.databases.entry(0).or_default().insert("key".into(), Value::String("value".into()).into());
///     persistence.log(0, &["SET", "key", "value"])?;
/// }
/// persistence.save()?;
/// persistence.close()?;
///
/// let again = Arc::new(Store::default());
/// let persistence = Persistence::open(config, again.clone(), PersistenceOptions::default())?;
/// assert_eq!(again.0.lock().unwrap().databases, store.0.lock().unwrap().databases);
/// persistence.close()?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Persistence {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    recovery: RecoveryReport,
}

/// What the engine and its thread share.
struct Shared {
    config: PersistenceConfig,
    options: PersistenceOptions,
    host: Arc<dyn Host>,
    log: Option<AofFolder>,
    /// Held while a snapshot is saved or the log rewritten.
    work: Mutex<()>,
    progress: Mutex<Progress>,
    /// The engine is being closed.
    told: Condvar,
    /// Size of the log in bytes behind its last rewrite, or when it was opened.
    rewritten_bytes: AtomicU64,
}

#[derive(Default)]
struct Progress {
    is_closing: bool,
    last_save: Option<SystemTime>,
    save_error: Option<super::AikvError>,
    saves: u64,
    last_rewrite: Option<SystemTime>,
    rewrite_error: Option<super::AikvError>,
    rewrites: u64,
}

impl Persistence {
    /// Recovers the data, gives them to the host, and begins to keep them.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::AikvError::Persistence): as [`AofFolder::open`]; `Format` for a
    /// damaged snapshot, with its offset; `Io`; and errors of the host.
    pub fn open(config: PersistenceConfig, host: Arc<dyn Host>, options: PersistenceOptions) -> Result<Self> {
        let mut source = RecoverySource::Nothing;
        let mut snapshot = || {
            let loaded = if config.enable_rdb { load(&config.rdb_path, options.log.max_data_bytes)? } else { None };
            source = loaded.as_ref().map_or(RecoverySource::Nothing, |_| RecoverySource::Snapshot);
            Ok(loaded.unwrap_or_default())
        };
        let (log, data, report) = if config.enable_aof {
            let (log, data, report) = AofFolder::open(&config.aof_path, config.aof_sync_policy, &options.log, snapshot)?;
            (Some(log), data, Some(report))
        } else {
            (None, snapshot()?, None)
        };
        if report.as_ref().is_some_and(|report| !report.is_new) {
            source = RecoverySource::Log;
        }
        host.restore(data)?;
        let rewritten_bytes = AtomicU64::new(log.as_ref().map_or(0, |log| log.status().bytes()));
        let shared = Arc::new(Shared {
            config,
            options,
            host,
            log,
            work: Mutex::default(),
            progress: Mutex::default(),
            told: Condvar::new(),
            rewritten_bytes,
        });
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("aikv-persistence".into()).spawn(move || worker.run());
        let task = Task { doing: "start the thread that saves", path: &shared.config.rdb_path };
        let thread = Some(thread.map_err(|error| task.io(error))?);
        Ok(Self { shared, thread, recovery: RecoveryReport { source, log: report } })
    }

    /// What was found when the engine was opened.
    #[must_use]
    pub fn recovery(&self) -> &RecoveryReport {
        &self.recovery
    }

    /// Logs a command on a database, if a log is kept. When it is durable is the policy's matter, as
    /// [`AofWriter`](super::AofWriter) says. Commands are logged as servers log them: times absolute, random effects spelled out.
    ///
    /// # Errors
    /// As [`AofFolder::log`]. The host does not make the change then, or takes it back.
    pub fn log<A: AsRef<[u8]>>(&self, db: u64, args: &[A]) -> Result<()> {
        self.shared.log.as_ref().map_or(Ok(()), |log| log.log(db, args))
    }

    /// Logs commands on a database that take effect together.
    ///
    /// # Errors
    /// As [`AofFolder::transaction`].
    pub fn transaction<A: AsRef<[u8]>, C: AsRef<[A]>>(&self, db: u64, commands: &[C]) -> Result<()> {
        self.shared.log.as_ref().map_or(Ok(()), |log| log.transaction(db, commands))
    }

    /// Forces to the disk what has been logged.
    ///
    /// # Errors
    /// As [`AofFolder::flush`].
    pub fn flush(&self) -> Result<()> {
        self.shared.log.as_ref().map_or(Ok(()), AofFolder::flush)
    }

    /// Saves a snapshot now, whether the configuration has them saved or not. Commands are logged meanwhile.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::AikvError::Persistence): `Io`, `Format` for what the version cannot hold, and the
    /// snapshot is as it was before; `CommittedDurabilityUnknown`. Errors of the host.
    pub fn save(&self) -> Result<()> {
        self.shared.save()
    }

    /// Rewrites the log now, if one is kept. Commands are logged meanwhile.
    ///
    /// # Errors
    /// As [`AofFolder::begin_rewrite`] and [`Rewrite::finish`](super::Rewrite::finish), and errors of the host.
    pub fn rewrite(&self) -> Result<Option<Rewritten>> {
        self.shared.rewrite()
    }

    /// What the engine has done and what failed.
    #[must_use]
    pub fn status(&self) -> PersistenceStatus {
        let progress = self.shared.progress();
        PersistenceStatus {
            log: self.shared.log.as_ref().map(AofFolder::status),
            last_save: progress.last_save,
            save_error: progress.save_error.clone(),
            saves: progress.saves,
            last_rewrite: progress.last_rewrite,
            rewrite_error: progress.rewrite_error.clone(),
            rewrites: progress.rewrites,
        }
    }

    /// Ends what is under way, syncs the log, saves a last snapshot if the configuration has them saved, and lets go of all files.
    /// An engine that is dropped does so without the snapshot, and its errors are lost.
    ///
    /// # Errors
    /// That of the log or of the last snapshot; else the one that [`Persistence::status`] would still tell.
    pub fn close(mut self) -> Result<()> {
        let stopped = self.stop();
        // What the thread left undone is done all the same.
        let flushed = self.flush();
        let saved = if self.shared.config.enable_rdb { self.shared.save() } else { Ok(()) };
        stopped?;
        flushed.and(saved)?;
        let mut progress = self.shared.progress();
        progress.save_error.take().or(progress.rewrite_error.take()).map_or(Ok(()), Err)
    }

    /// Waits for the thread to end.
    fn stop(&mut self) -> Result<(), PersistenceError> {
        self.shared.progress().is_closing = true;
        self.shared.told.notify_all();
        match self.thread.take().map(JoinHandle::join) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(_)) => {
                let task = Task { doing: "save and rewrite", path: &self.shared.config.aof_path };
                Err(task.io(io::Error::other("the thread has panicked")))
            }
        }
    }
}

impl Drop for Persistence {
    fn drop(&mut self) {
        // Nobody is left to be told; `close` tells.
        let _ = self.stop();
    }
}

impl fmt::Debug for Persistence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Persistence").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl Shared {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        // It is whole between any two of its changes.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> MutexGuard<'_, ()> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self) -> Result<()> {
        let _work = self.work();
        let path = &self.config.rdb_path;
        let task = Task { doing: "save the snapshot", path };
        let frozen = self.host.freeze(&mut || Ok(()))?;
        let place = || {
            let (folder, name) = resolve(path)?;
            Ok((Disk::open(&folder)?, name))
        };
        let (folder, name) = place().map_err(|error| task.io(error))?;
        let form = Form { format: BaseFormat::Rdb, target: self.options.snapshot_target, is_base: false };
        content::write(task, &folder, &name, form, &*frozen)?;
        let mut progress = self.progress();
        progress.saves += 1;
        progress.last_save = Some(SystemTime::now());
        progress.save_error = None;
        Ok(())
    }

    fn rewrite(&self) -> Result<Option<Rewritten>> {
        let Some(log) = &self.log else { return Ok(None) };
        let _work = self.work();
        let mut begun = None;
        let frozen = self.host.freeze(&mut || {
            begun = Some(log.begin_rewrite()?);
            Ok(())
        })?;
        let Some(rewrite) = begun else {
            let task = Task { doing: "rewrite the log", path: &self.config.aof_path };
            return Err(task.io(io::Error::other("the host has given data of no moment: it has not called `cut`")).into());
        };
        let rewritten = rewrite.finish(&*frozen)?;
        self.rewritten_bytes.store(log.status().bytes(), Ordering::Relaxed);
        let mut progress = self.progress();
        progress.rewrites += 1;
        progress.last_rewrite = Some(SystemTime::now());
        progress.rewrite_error = rewritten.history_error.clone().map(Into::into);
        Ok(Some(rewritten))
    }
}

/// Loads a snapshot, if there is one.
fn load(path: &Path, max_bytes: u64) -> Result<Option<Dataset>, PersistenceError> {
    let task = Task { doing: "load the snapshot", path };
    let mut file = match open(task) {
        Err(error) if matches!(error.kind(), super::PersistenceErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound) =>
        {
            return Ok(None);
        }
        opened => opened?,
    };
    let mut decoder = Decoder::new();
    let mut builder = DatasetBuilder::new(max_bytes);
    read_chunks(&mut file, task, |mut chunk| {
        loop {
            let step = match decoder.step(chunk) {
                Ok(step) => step,
                Err(fault) => return Err(task.format(decoder.dress(fault))),
            };
            chunk = chunk.get(step.consumed..).unwrap_or_default();
            match &step.event {
                Some(event) => {
                    if let Err(fault) = builder.push(event) {
                        return Err(task.format(decoder.dress(fault)));
                    }
                }
                None if chunk.is_empty() => return Ok(()),
                None => {}
            }
        }
    })?;
    let summary = decoder.finish().map_err(|error| task.format(error))?;
    if let Some(trailing) = summary.trailing {
        let kind = ErrorKind::BadValue { expected: "nothing behind the snapshot", found: Found::Text("more bytes") };
        return Err(task.format(Error::new(kind, trailing.start, Place::default())));
    }
    Ok(Some(builder.finish()))
}
