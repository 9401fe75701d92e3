//! A log of several files, as Redis from 7.0 on and Valkey keep it: a folder with a base, increments and a manifest.

mod home;
mod recover;
mod report;
mod rewrite;

pub use report::{AofFolderStatus, AofReport, PartReport};
pub use rewrite::{Rewrite, Rewritten};

use super::appender::{Appender, Records, Start};
use super::config::AofSyncPolicy;
use super::error::{PersistenceError, PersistenceErrorKind, Result, Task};
use super::files::{folder_of, os_name};
use super::open_log::only_manifest;
use super::storage::{Disk, Folder};
use crate::aof::{BaseFormat, Manifest, Names};
use crate::error::{Error, ErrorKind, Found, Place};
use crate::model::Dataset;
use crate::rdb::Target;
pub(super) use home::Home;
pub(super) use recover::Single;
use recover::{Recovered, recover};
use rewrite::is_committed;
use std::any::Any;
use std::boxed::Box;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::string::String;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::vec::Vec;

/// The folder that servers keep a log in, beside where one of a single file would be.
const FOLDER: &str = "appendonlydir";

/// What the names of a log's files begin with that nobody has named.
const STEM: &[u8] = b"appendonly.aof";

/// How a log in a folder is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AofFolderOptions {
    /// What bases are written in.
    pub base_format: BaseFormat,
    /// Who is to load bases. `None`: they have the oldest version that holds the data, from RDB 10 on, which
    /// Redis from 7.0 and Valkey load. Data that need a newer one (such as fields of hashes that expire, from RDB 12)
    /// bind the log to servers that load it; those of Valkey 9 are written for one of its servers.
    pub target: Option<Target>,
    /// Databases are numbered below this, as servers' `databases` says.
    pub databases: u64,
    /// Memory that the data of the log may take when it is opened.
    pub max_data_bytes: u64,
    /// Whether a torn tail is saved beside the log before it is cut off.
    pub keeps_cut_tails: bool,
    /// Whether what is written to increments at once has an [integrity mark](crate::aof::Mark) in front of it.
    pub writes_marks: bool,
}

impl Default for AofFolderOptions {
    /// Bases are snapshots that Redis from 7.0 and Valkey load, 16 databases, no bound on the
    /// data, cut tails kept, no marks.
    fn default() -> Self {
        Self {
            base_format: BaseFormat::Rdb,
            target: None,
            databases: 16,
            max_data_bytes: u64::MAX,
            keeps_cut_tails: true,
            writes_marks: false,
        }
    }
}

/// A log of several files that is written to; shared by reference between threads.
///
/// At every moment servers from 7.0 on could start on the folder. One program at a time writes to it: it holds the
/// lock that `<name>.lock` stands for, a file that servers pass over.
///
/// ```
/// use aikv::model::{Dataset, Value};
/// use aikv::persistence::{AofFolder, AofFolderOptions, AofSyncPolicy};
///
/// # let folder = std::env::temp_dir().join(format!("aikv-folder-{}", std::process::id()));
/// # let _ = std::fs::remove_dir_all(&folder);
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("appendonly.aof");
/// let open = || AofFolder::open(&path, AofSyncPolicy::Always, &AofFolderOptions::default(), || Ok(Dataset::default()));
/// let (log, _, report) = open()?;
/// assert!(report.is_new);
/// log.log(0, &["SET", "key", "value"])?;
/// log.transaction(1, &[["INCR", "a"], ["INCR", "b"]])?;
/// log.close()?;
///
/// let (log, data, _) = open()?;
/// assert_eq!(data.databases[&0][&b"key"[..]].value, Value::String("value".into()));
/// assert_eq!(data.databases[&1].len(), 2);
/// // What is logged from here on is not part of the new base.
/// let rewrite = log.begin_rewrite()?;
/// log.log(0, &["DEL", "key"])?;
/// rewrite.finish(&data)?;
/// log.close()?;
/// assert!(open()?.1.databases.get(&0).is_none_or(|database| database.is_empty()));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AofFolder {
    /// Another one when the log was poisoned and has been rewritten.
    appender: RwLock<Appender>,
    policy: AofSyncPolicy,
    home: Home,
    options: AofFolderOptions,
    listed: Mutex<Listed>,
    is_rewriting: AtomicBool,
    /// Held as long as the log is open.
    _lock: Box<dyn Any + Send + Sync>,
}

/// What the manifest says.
struct Listed {
    manifest: Manifest,
    /// Whether the manifest is known to be on the disk. Until it is, no file is removed.
    is_certain: bool,
    base_bytes: u64,
    /// Increments that are not written to any more: the number of the one behind each, and its bytes.
    closed: Vec<(u64, u64)>,
}

impl AofFolder {
    /// Opens the log that a server calls `path`, its `appendfilename` in its `dir`: the folder
    /// `appendonlydir` beside it, which is created if it is not there. If `path` is a folder, the log is in
    /// that one, called as its manifest says, or `appendonly.aof`.
    ///
    /// A log of one file at `path`, as servers before 7.0 keep it, is moved into the folder and is the base then, as
    /// servers do. Where there is no log, one is begun with the data that `initial` gives.
    ///
    /// The data are what a server has when it has loaded the log; expired keys are kept. The report says what was found and what
    /// was done about it: a torn tail of the last file is cut off, files that the manifest calls history are removed
    /// if their names are those of the log, and so are temporary files of this library. No other file is.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::AikvError::Persistence): `Locked` while another program
    /// writes to the log; `Format` for a damaged file, and `Io` for one that is listed and missing. Damaged files are
    /// as they were before.
    pub fn open<P: AsRef<Path>>(
        path: P,
        policy: AofSyncPolicy,
        options: &AofFolderOptions,
        initial: impl FnOnce() -> Result<Dataset>,
    ) -> Result<(Self, Dataset, AofReport)> {
        let path = path.as_ref();
        let task = Task { doing: "open the log", path };
        let found = locate(path).map_err(|error| task.io(error))?;
        let names = Names::new(&found.stem).map_err(|kind| task.format(Error::new(kind, 0, Place::default())))?;
        let home = Home { folder: found.folder, path: found.path, names };
        Self::open_in(home, found.single.as_ref(), policy, options, initial)
    }

    pub(super) fn open_in(
        home: Home,
        single: Option<&Single>,
        policy: AofSyncPolicy,
        options: &AofFolderOptions,
        initial: impl FnOnce() -> Result<Dataset>,
    ) -> Result<(Self, Dataset, AofReport)> {
        let lock = lock(&home)?;
        let Recovered { manifest, dataset, report } = recover(&home, single, options, initial)?;
        let base_bytes = match manifest.base() {
            Some(base) => home.len(&base.name)?.unwrap_or_default(),
            None => 0,
        };
        let mut closed = Vec::new();
        let mut last = None;
        for incr in manifest.incrs() {
            let len = home.len(&incr.name)?.unwrap_or_default();
            closed.extend(last.replace((&incr.name, len)).map(|(_, len)| (incr.seq, len)));
        }
        // Recovery leaves an increment to go on in.
        let (name, len) =
            last.ok_or_else(|| Task { doing: "open the log", path: &home.path }.io(io::ErrorKind::NotFound.into()))?;
        let path = home.path_of(name);
        let task = Task { doing: "open the log", path: &path };
        let file = home.folder.append_to(&os_name(name)).map_err(|error| task.io(error))?;
        let unmarked = options.writes_marks.then(|| {
            let read = report.parts.last().filter(|part| part.name == os_name(name));
            len.saturating_sub(read.map_or(0, |part| part.summary.verified_up_to))
        });
        let start = Start { file, path: path.clone(), len, db: None, unmarked };
        let appender = Appender::new(start, policy, None).map_err(|error| task.io(error))?;
        let is_certain = !report.history_error.as_ref().is_some_and(is_committed);
        let listed = Mutex::new(Listed { manifest, is_certain, base_bytes, closed });
        let is_rewriting = AtomicBool::new(false);
        let appender = RwLock::new(appender);
        let log = Self { appender, policy, home, options: *options, listed, is_rewriting, _lock: lock };
        Ok((log, dataset, report))
    }

    /// Appends a command on a database. When it is durable is the policy's matter, as [`AofWriter`](super::AofWriter) says.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::AikvError::Persistence): as
    /// [`AofWriter::log_command`](super::AofWriter::log_command); `Format` for a command that says where another belongs
    /// (`SELECT`, `MULTI`, `EXEC`, `DISCARD`), and for a database that the log is not opened with again.
    pub fn log<A: AsRef<[u8]>>(&self, db: u64, args: &[A]) -> Result<()> {
        let appender = self.appender.read().unwrap_or_else(PoisonError::into_inner);
        Ok(appender.append(|records| {
            self.select(records, db)?;
            push(records, args)
        })?)
    }

    /// Appends commands on a database that take effect together: all of them survive, or none does.
    ///
    /// # Errors
    /// As [`AofFolder::log`]. None of the commands is in the log then.
    pub fn transaction<A: AsRef<[u8]>, C: AsRef<[A]>>(&self, db: u64, commands: &[C]) -> Result<()> {
        let appender = self.appender.read().unwrap_or_else(PoisonError::into_inner);
        Ok(appender.append(|records| {
            self.select(records, db)?;
            records.push(&["MULTI"])?;
            commands.iter().try_for_each(|command| push(records, command.as_ref()))?;
            records.push(&["EXEC"])
        })?)
    }

    fn select(&self, records: &mut Records<'_>, db: u64) -> Result<(), ErrorKind> {
        if db >= self.options.databases {
            let expected = "a database number below that of `databases`";
            return Err(ErrorKind::LimitExceeded { expected, found: Found::Number(db) });
        }
        records.select(db)
    }

    /// Forces to the disk what has been logged.
    ///
    /// # Errors
    /// As [`AofWriter::flush`](super::AofWriter::flush).
    pub fn flush(&self) -> Result<()> {
        Ok(self.appender().flush("sync the log")?)
    }

    /// Sizes, how far the log is durable, and the failure that holds.
    #[must_use]
    pub fn status(&self) -> AofFolderStatus {
        let appender = self.appender();
        let listed = self.listed();
        let closed: u64 = listed.closed.iter().map(|(_, bytes)| bytes).sum();
        AofFolderStatus {
            base_bytes: listed.base_bytes,
            incr_bytes: closed + appender.file_len(),
            accepted_offset: appender.accepted_offset(),
            durable_offset: appender.durable_offset(),
            oldest_unsynced_age: appender.oldest_unsynced_age(),
            last_error: appender.last_error(),
        }
    }

    /// Syncs the log and lets go of its folder. A log that is dropped does the same, but its errors are lost.
    ///
    /// # Errors
    /// As [`AofFolder::flush`].
    pub fn close(self) -> Result<()> {
        Ok(self.appender().close()?)
    }

    /// A handle to what is appended to now.
    pub(super) fn appender(&self) -> Appender {
        self.appender.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn go_on_with(&self, appender: Appender) {
        *self.appender.write().unwrap_or_else(PoisonError::into_inner) = appender;
    }

    /// Whether nothing more is appended before the log is rewritten.
    fn is_poisoned(&self) -> bool {
        self.appender().last_error().is_some_and(|error| matches!(error.kind(), PersistenceErrorKind::Poisoned { .. }))
    }

    fn listed(&self) -> MutexGuard<'_, Listed> {
        // It is whole between any two of its changes.
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AofFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AofFolder").field("path", &self.home.path).finish_non_exhaustive()
    }
}

/// Appends a command on data: those that say where another belongs are written here only.
fn push<A: AsRef<[u8]>>(records: &mut Records<'_>, args: &[A]) -> Result<(), ErrorKind> {
    let name = args.first().map_or(&b""[..], AsRef::as_ref);
    for own in ["SELECT", "MULTI", "EXEC", "DISCARD"] {
        if name.eq_ignore_ascii_case(own.as_bytes()) {
            return Err(ErrorKind::BadCommand { expected: "a command on data", found: Found::Text(own) });
        }
    }
    records.push(args)
}

/// Takes the lock of a log, which goes with its holder, and notes whose it is.
fn lock(home: &Home) -> Result<Box<dyn Any + Send + Sync>, PersistenceError> {
    let name = home.names.lock();
    let path = home.path_of(&name);
    let task = Task { doing: "lock the log", path: &path };
    let name = os_name(&name);
    let take = || {
        let Some(lock) = home.folder.lock(&name)? else {
            return Ok(None);
        };
        let file = home.folder.append_to(&name)?;
        file.truncate(0)?;
        file.append(std::format!("{}\n", std::process::id()).as_bytes())?;
        Ok(Some(lock))
    };
    match take().map_err(|error| task.io(error))? {
        Some(lock) => Ok(lock),
        None => {
            let mut text = String::new();
            // Only a hint: the holder may not have written it yet.
            let read = home.folder.read(&name).and_then(|file| file.take(32).read_to_string(&mut text));
            let pid = read.ok().and_then(|_| text.trim().parse().ok());
            Err(PersistenceError::new(task.doing, task.path, PersistenceErrorKind::Locked { pid }))
        }
    }
}

/// Where a log is.
struct Located {
    folder: Arc<dyn Folder>,
    path: PathBuf,
    stem: Vec<u8>,
    single: Option<Single>,
}

fn locate(path: &Path) -> io::Result<Located> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        let folder = Disk::open(path)?;
        let manifest = only_manifest(&folder)?;
        let stem = manifest.as_ref().and_then(|name| name.as_encoded_bytes().strip_suffix(b".manifest"));
        let stem = stem.unwrap_or(STEM).to_vec();
        return Ok(Located { folder: Arc::new(folder), path: path.into(), stem, single: None });
    }
    let stem = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let parent_path = folder_of(path);
    let parent = Disk::open(parent_path)?;
    let folder_path = parent_path.join(FOLDER);
    match fs::create_dir(&folder_path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        // One that is there may have been made a moment before a crash, or be another one's.
        _ => parent.sync()?,
    }
    let folder = Arc::new(Disk::open(&folder_path)?);
    let single = Single { parent: Arc::new(parent), folder_name: FOLDER.into(), path: path.into() };
    Ok(Located { folder, path: folder_path, stem: stem.as_encoded_bytes().to_vec(), single: Some(single) })
}
