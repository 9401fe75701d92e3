//! A disk that fails when told to.

use super::*;
use std::sync::Mutex;

/// A file of a disk that fails when told to.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) bytes: Vec<u8>,
    /// Bytes that still fit.
    pub(super) room: Option<usize>,
    /// Fails appends that often with `Interrupted` first.
    pub(super) interruptions: usize,
    pub(super) is_stuck: bool,
    pub(super) appends: usize,
    pub(super) syncs: usize,
    /// Bytes that a sync covered which has succeeded.
    pub(super) synced: usize,
    /// The sync that fails, counted from 0.
    pub(super) failing_sync: Option<usize>,
    /// While set, syncs wait.
    pub(super) is_held: bool,
    /// While set, appends wait.
    pub(super) is_slow: bool,
    pub(super) waiting: usize,
}

#[derive(Clone, Default)]
pub(super) struct Fake(Arc<(Mutex<Disk>, std::sync::Condvar)>);

impl Fake {
    pub(super) fn set(&self, change: impl FnOnce(&mut Disk)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    pub(super) fn get<T>(&self, read: impl FnOnce(&Disk) -> T) -> T {
        read(&self.0.0.lock().unwrap())
    }

    /// Waits until the disk is as it should be. The limit only ends a test that hangs.
    pub(super) fn await_state(&self, is_so: impl Fn(&Disk) -> bool) {
        let guard = self.0.0.lock().unwrap();
        let (_disk, timeout) = self.0.1.wait_timeout_while(guard, Duration::from_secs(60), |disk| !is_so(disk)).unwrap();
        assert!(!timeout.timed_out(), "waited in vain");
    }

    pub(super) fn writer(&self, policy: AofSyncPolicy) -> Appender {
        let start = Start { file: Box::new(self.clone()), path: "test.aof".into(), len: 0, db: Some(0), unmarked: None };
        Appender::new(start, policy, None).unwrap()
    }

    /// What was written so far, once that is `len` bytes.
    pub(super) fn written(&self, len: usize) -> Vec<u8> {
        self.await_state(|disk| disk.bytes.len() >= len);
        self.get(|disk| disk.bytes.clone())
    }
}

impl StoredFile for Fake {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let guard = self.0.0.lock().unwrap();
        let mut disk = self.0.1.wait_while(guard, |disk| disk.is_slow).unwrap();
        disk.appends += 1;
        if disk.interruptions > 0 {
            disk.interruptions -= 1;
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = disk.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        if len == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.room = disk.room.map(|room| room - len);
        disk.bytes.extend_from_slice(&bytes[..len]);
        self.0.1.notify_all();
        Ok(len)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut disk = self.0.0.lock().unwrap();
        if disk.is_stuck {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        disk.bytes.truncate(usize::try_from(len).unwrap());
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.set(|disk| disk.waiting += 1);
        let guard = self.0.0.lock().unwrap();
        let covered = guard.bytes.len();
        let mut disk = self.0.1.wait_while(guard, |disk| disk.is_held).unwrap();
        disk.waiting -= 1;
        disk.syncs += 1;
        self.0.1.notify_all();
        if disk.failing_sync == Some(disk.syncs - 1) {
            return Err(io::ErrorKind::Other.into());
        }
        disk.synced = covered;
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }
}
