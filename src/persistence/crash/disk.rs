//! A disk in memory that writes down what is asked of it, and fails or forgets when told to.

use super::super::appender::Appender;
use super::super::storage::{Folder, StoredFile};
use super::mutant::Mutant;
use std::any::Any;
use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::format;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::string::String;
use std::sync::{Arc, Mutex, MutexGuard};
use std::vec::Vec;

/// A file's number: its names come and go.
pub(super) type FileId = usize;

/// What stands under a name. Names are paths from the disk's root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    File(FileId),
    Folder,
}

/// What reached the disk, in order.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// A name means something, or nothing any more.
    Name(NameChange),
    Append {
        file: FileId,
        bytes: Arc<[u8]>,
    },
    Truncate {
        file: FileId,
        len: usize,
    },
    Sync {
        file: FileId,
    },
    /// From here on nobody knows what of the file's unsynced bytes is on the disk.
    FailedSync {
        file: FileId,
    },
    SyncFolder {
        folder: String,
    },
    /// The writer has said that so many units are safe.
    Ack(usize),
}

/// One atomic change of names: a rename is two of them.
#[derive(Clone, Debug)]
pub(super) struct NameChange {
    pub(super) set: Vec<(String, Option<Node>)>,
}

/// The names and bytes that a crash leaves.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    pub(super) names: BTreeMap<String, Node>,
    pub(super) files: BTreeMap<FileId, Arc<[u8]>>,
    /// Whether there are bytes that were never written.
    pub(super) is_garbled: bool,
}

/// When calls fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    /// The first call that fails, counted from 0.
    pub(super) at: usize,
    /// Whether every call behind it fails too.
    pub(super) lasts: bool,
}

#[derive(Default)]
struct State {
    names: BTreeMap<String, Node>,
    files: Vec<Vec<u8>>,
    operations: Vec<Operation>,
    locks: BTreeSet<String>,
    mutant: Option<Mutant>,
    fault: Option<Fault>,
    calls: usize,
    /// How many operations there were when a call failed first.
    failed_behind: Option<usize>,
    /// A write that was cut short: the next one finds no room.
    is_full: bool,
}

/// A folder of the disk. Clones share the disk.
#[derive(Clone, Default)]
pub(in crate::persistence) struct Recorder {
    disk: Arc<Mutex<State>>,
    /// Empty for the root, else it ends with a slash.
    prefix: String,
}

struct Handle {
    disk: Arc<Mutex<State>>,
    file: FileId,
    /// What stands in a lock's file is a hint to people: what becomes of it is nobody's matter.
    is_lock: bool,
}

impl Recorder {
    /// A disk that a crash left.
    pub(super) fn of(image: &Image) -> Self {
        let mut state = State::default();
        let mut numbers = BTreeMap::new();
        for (name, node) in &image.names {
            let node = match node {
                Node::Folder => Node::Folder,
                Node::File(id) => {
                    let number = *numbers.entry(*id).or_insert_with(|| {
                        state.files.push(image.files.get(id).map(|bytes| bytes.to_vec()).unwrap_or_default());
                        state.files.len() - 1
                    });
                    Node::File(number)
                }
            };
            state.names.insert(name.clone(), node);
        }
        // What is there has survived: it is on the disk.
        for (name, node) in state.names.clone() {
            state.change([(name, Some(node))]);
        }
        for (file, bytes) in state.files.clone().into_iter().enumerate() {
            state.operations.push(Operation::Append { file, bytes: bytes.into() });
            state.operations.push(Operation::Sync { file });
        }
        let folders: BTreeSet<_> = state.names.keys().map(|name| folder_of(name)).collect();
        state.operations.extend(folders.into_iter().map(|folder| Operation::SyncFolder { folder }));
        Self { disk: Arc::new(Mutex::new(state)), prefix: String::new() }
    }

    pub(super) fn with_mutant(self, mutant: Option<Mutant>) -> Self {
        self.lock().mutant = mutant;
        self
    }

    pub(super) fn with_fault(self, fault: Fault) -> Self {
        self.lock().fault = Some(fault);
        self
    }

    /// A folder of the disk; the disk itself for an empty name.
    pub(super) fn folder(&self, name: &str) -> Self {
        let prefix = if name.is_empty() { String::new() } else { format!("{name}/") };
        Self { disk: self.disk.clone(), prefix }
    }

    /// Makes a folder, if it is not there.
    pub(super) fn make_folder(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.demand(broken)?;
        if !state.names.contains_key(name) {
            state.change([(name.into(), Some(Node::Folder))]);
        }
        Ok(())
    }

    /// Writes down that so many units are safe.
    pub(super) fn ack(&self, units: usize) {
        self.lock().operations.push(Operation::Ack(units));
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        self.lock().operations.clone()
    }

    /// How many operations there were when a call failed first.
    pub(super) fn failed_behind(&self) -> Option<usize> {
        self.lock().failed_behind
    }

    /// How many calls could have failed so far.
    pub(super) fn calls(&self) -> usize {
        self.lock().calls
    }

    /// Waits until the thread that writes has written a log's bytes, so that every run is the same; it never
    /// does where it has failed.
    pub(super) fn await_written(&self, log: &Appender) {
        for _ in 0..100_000 {
            let state = self.lock();
            let is_log = |name: &&String| name.ends_with(".aof");
            let files = state.names.iter().filter(|(name, _)| is_log(name)).filter_map(|(_, node)| match node {
                Node::File(file) => Some(*file),
                Node::Folder => None,
            });
            // The one that was created last is the one that is written to.
            let written = files.max().map_or(0, |file| state.files[file].len() as u64);
            drop(state);
            if written == log.file_len() || log.last_error().is_some() {
                return;
            }
            std::thread::yield_now();
        }
    }

    /// What a reader sees without a crash.
    pub(super) fn image(&self) -> Image {
        let state = self.lock();
        let files = state.files.iter().enumerate().map(|(id, bytes)| (id, Arc::from(&bytes[..])));
        Image { names: state.names.clone(), files: files.collect(), is_garbled: false }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.disk.lock().unwrap()
    }

    fn path(&self, name: &OsStr) -> String {
        format!("{}{}", self.prefix, name.to_str().unwrap())
    }

    fn handle(&self, file: FileId, name: &OsStr) -> Box<dyn StoredFile> {
        let is_lock = Path::new(name).extension() == Some(OsStr::new("lock"));
        Box::new(Handle { disk: self.disk.clone(), file, is_lock })
    }
}

/// The folder that a path's name stands in, as [`Recorder`] writes it.
pub(super) fn folder_of(path: &str) -> String {
    path.rfind('/').map(|slash| path[..=slash].into()).unwrap_or_default()
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn broken() -> io::Error {
    io::Error::other("injected I/O error")
}

impl State {
    /// Counts a call, and says whether it fails.
    fn fails(&mut self) -> bool {
        let call = self.calls;
        self.calls += 1;
        let fails = self.fault.is_some_and(|fault| call == fault.at || fault.lasts && call > fault.at);
        if fails {
            self.failed_behind.get_or_insert(self.operations.len());
        }
        fails
    }

    fn demand(&mut self, error: fn() -> io::Error) -> io::Result<()> {
        if self.fails() { Err(error()) } else { Ok(()) }
    }

    fn change<const N: usize>(&mut self, set: [(String, Option<Node>); N]) {
        for (name, node) in set.clone() {
            match node {
                Some(node) => self.names.insert(name, node),
                None => self.names.remove(&name),
            };
        }
        self.operations.push(Operation::Name(NameChange { set: set.into() }));
    }

    fn file(&self, path: &str) -> io::Result<FileId> {
        match self.names.get(path) {
            Some(Node::File(file)) => Ok(*file),
            Some(Node::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(missing()),
        }
    }

    fn create(&mut self, path: String) -> FileId {
        let file = self.files.len();
        self.files.push(Vec::new());
        self.change([(path, Some(Node::File(file)))]);
        file
    }

    fn remove(&mut self, path: String) -> io::Result<()> {
        self.file(&path)?;
        self.change([(path, None)]);
        Ok(())
    }

    fn rename(&mut self, from: String, to: String) -> io::Result<()> {
        let file = self.file(&from)?;
        if let (Some(Mutant::RemovedTooEarly), true) = (self.mutant, to.ends_with(".manifest")) {
            for name in Mutant::histories(&self.files[file]) {
                // Gone already where the manifest before named it too.
                let _ = self.remove(format!("{}{name}", folder_of(&to)));
            }
        }
        self.change([(from, None), (to, Some(Node::File(file)))]);
        Ok(())
    }

    /// Whether the last change of names was the creation of an increment.
    fn has_just_made_incr(&self) -> bool {
        let last = self.operations.iter().rev().find_map(|operation| match operation {
            Operation::Name(change) => Some(change),
            _ => None,
        });
        last.is_some_and(|change| matches!(&change.set[..], [(name, Some(_))] if name.ends_with(".incr.aof")))
    }
}

impl Folder for Recorder {
    fn create(&self, name: &OsStr) -> io::Result<Box<dyn StoredFile>> {
        let mut state = self.lock();
        state.demand(|| io::ErrorKind::StorageFull.into())?;
        let path = self.path(name);
        if state.names.contains_key(&path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(self.handle(state.create(path), name))
    }

    fn append_to(&self, name: &OsStr) -> io::Result<Box<dyn StoredFile>> {
        let mut state = self.lock();
        state.demand(broken)?;
        Ok(self.handle(state.file(&self.path(name))?, name))
    }

    fn read(&self, name: &OsStr) -> io::Result<Box<dyn Read + Send>> {
        let mut state = self.lock();
        state.demand(broken)?;
        let file = state.file(&self.path(name))?;
        Ok(Box::new(Cursor::new(state.files[file].clone())))
    }

    fn len(&self, name: &OsStr) -> io::Result<u64> {
        let mut state = self.lock();
        state.demand(broken)?;
        let file = state.file(&self.path(name))?;
        Ok(state.files[file].len() as u64)
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let mut state = self.lock();
        state.demand(broken)?;
        state.rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &OsStr) -> io::Result<()> {
        let mut state = self.lock();
        state.demand(broken)?;
        state.remove(self.path(name))
    }

    fn list(&self) -> io::Result<Vec<OsString>> {
        let mut state = self.lock();
        state.demand(broken)?;
        let below = state.names.keys().filter_map(|path| path.strip_prefix(&self.prefix));
        Ok(below.filter(|name| !name.contains('/')).map(OsString::from).collect())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.demand(broken)?;
        match state.mutant {
            Some(Mutant::FolderNotSynced) => return Ok(()),
            Some(Mutant::IncrNotInFolder) if state.has_just_made_incr() => return Ok(()),
            _ => {}
        }
        state.operations.push(Operation::SyncFolder { folder: self.prefix.clone() });
        Ok(())
    }

    fn copy_rights(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let mut state = self.lock();
        state.demand(broken)?;
        state.file(&self.path(from))?;
        state.file(&self.path(to)).map(|_| ())
    }

    fn lock(&self, name: &OsStr) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let mut state = Self::lock(self);
        state.demand(broken)?;
        let path = self.path(name);
        if !state.names.contains_key(&path) {
            state.create(path.clone());
        }
        if !state.locks.insert(path.clone()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Lock { disk: self.disk.clone(), path })))
    }
}

struct Lock {
    disk: Arc<Mutex<State>>,
    path: String,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.disk.lock().unwrap().locks.remove(&self.path);
    }
}

impl StoredFile for Handle {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.lock().unwrap();
        let fails = state.fails();
        if std::mem::take(&mut state.is_full) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut len = bytes.len();
        if fails {
            // A disk takes what it has room for, and refuses only what comes then.
            len /= 2;
            if len == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.is_full = true;
        }
        if self.is_lock {
            return Ok(len);
        }
        state.files[self.file].extend_from_slice(&bytes[..len]);
        state.operations.push(Operation::Append { file: self.file, bytes: bytes[..len].into() });
        Ok(len)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.lock().unwrap();
        state.demand(broken)?;
        if self.is_lock || state.mutant == Some(Mutant::TailNotCut) {
            return Ok(());
        }
        let len = usize::try_from(len).unwrap();
        state.files[self.file].truncate(len);
        state.operations.push(Operation::Truncate { file: self.file, len });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.lock().unwrap();
        let file = self.file;
        if state.fails() {
            state.operations.push(Operation::FailedSync { file });
            return Err(broken());
        }
        if !state.mutant.is_some_and(|mutant| mutant.forgets(&state.files[file])) {
            state.operations.push(Operation::Sync { file });
        }
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }
}
