//! Stands in for the appender.
use super::super::config::AofSyncPolicy;
use super::super::error::{PersistenceError, Task};
use super::super::storage::StoredFile;
use crate::aof::write_command;
use std::boxed::Box;
use std::path::PathBuf;
use std::sync::Mutex;
use std::vec::Vec;

pub(super) struct Appender(Mutex<State>);
struct State {
    file: Box<dyn StoredFile>,
    path: PathBuf,
    len: u64,
    db: Option<u64>,
    policy: AofSyncPolicy,
    dead: bool,
}
impl State {
    fn put(&mut self, bytes: &[u8]) -> Result<(), PersistenceError> {
        let task = Task { doing: "append to the log", path: &self.path };
        if self.dead {
            return Err(task.io(std::io::Error::other("poisoned")));
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.file.append(rest) {
                Ok(n) => rest = &rest[n..],
                Err(error) => {
                    if self.file.truncate(self.len).is_err() {
                        self.dead = true;
                    }
                    return Err(task.io(error));
                }
            }
        }
        self.len += bytes.len() as u64;
        if self.policy == AofSyncPolicy::Always { self.sync() } else { Ok(()) }
    }
    fn sync(&mut self) -> Result<(), PersistenceError> {
        let task = Task { doing: "append to the log", path: &self.path };
        if self.dead {
            return Err(task.io(std::io::Error::other("poisoned")));
        }
        self.file.sync().map_err(|error| {
            self.dead = true;
            task.io(error)
        })
    }
}
impl Appender {
    pub(super) fn new(file: Box<dyn StoredFile>, path: PathBuf, len: u64, policy: AofSyncPolicy) -> Self {
        Self(Mutex::new(State { file, path, len, db: None, policy, dead: false }))
    }
    pub(super) fn log<A: AsRef<[u8]>>(&self, db: u64, commands: &[&[A]]) -> Result<(), PersistenceError> {
        let mut state = self.0.lock().unwrap();
        let mut out = Vec::new();
        if state.db != Some(db) {
            write_command(["SELECT".as_bytes(), std::format!("{db}").as_bytes()], &mut out).unwrap();
        }
        for command in commands {
            write_command(*command, &mut out).unwrap();
        }
        state.put(&out)?;
        state.db = Some(db);
        Ok(())
    }
    pub(super) fn transaction<A: AsRef<[u8]>, C: AsRef<[A]>>(&self, db: u64, commands: &[C]) -> Result<(), PersistenceError> {
        let mut state = self.0.lock().unwrap();
        let mut out = Vec::new();
        if state.db != Some(db) {
            write_command(["SELECT".as_bytes(), std::format!("{db}").as_bytes()], &mut out).unwrap();
        }
        write_command(["MULTI"], &mut out).unwrap();
        for command in commands {
            write_command(command.as_ref(), &mut out).unwrap();
        }
        write_command(["EXEC"], &mut out).unwrap();
        state.put(&out)?;
        state.db = Some(db);
        Ok(())
    }
    pub(super) fn flush(&self) -> Result<(), PersistenceError> {
        self.0.lock().unwrap().sync()
    }
    pub(super) fn len(&self) -> u64 {
        self.0.lock().unwrap().len
    }
    pub(super) fn rotate(
        &self,
        file: Box<dyn StoredFile>,
        path: PathBuf,
        ready: impl FnOnce() -> Result<(), PersistenceError>,
    ) -> Result<u64, PersistenceError> {
        let mut state = self.0.lock().unwrap();
        state.sync()?;
        if let Err(error) = ready() {
            if matches!(error.kind(), super::PersistenceErrorKind::CommittedDurabilityUnknown(_)) {
                state.dead = true;
            }
            return Err(error);
        }
        state.file = file;
        state.path = path;
        state.db = None;
        Ok(std::mem::take(&mut state.len))
    }
}
