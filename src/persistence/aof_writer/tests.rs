//! The writer over a disk that fails when told to.

use super::*;
use crate::persistence::AikvError;

/// A disk that fails when told to.
#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    /// Bytes that still fit.
    room: Option<usize>,
    /// Fails appends that often with `Interrupted` first.
    interruptions: usize,
    is_stuck: bool,
    syncs: usize,
    sync_error: Option<io::ErrorKind>,
    /// While set, syncs wait.
    is_held: bool,
    waiting: usize,
}

#[derive(Clone, Default)]
struct Fake(Arc<(Mutex<Disk>, Condvar)>);

impl Fake {
    fn set(&self, change: impl FnOnce(&mut Disk)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    fn get<T>(&self, read: impl FnOnce(&Disk) -> T) -> T {
        read(&self.0.0.lock().unwrap())
    }

    /// Waits until the disk is as it should be. The limit only ends a test that hangs.
    fn await_state(&self, is_so: impl Fn(&Disk) -> bool) {
        let guard = self.0.0.lock().unwrap();
        let (_disk, timeout) = self.0.1.wait_timeout_while(guard, Duration::from_secs(60), |disk| !is_so(disk)).unwrap();
        assert!(!timeout.timed_out(), "waited in vain");
    }

    fn writer(&self, policy: AofSyncPolicy) -> AofWriter {
        AofWriter::over(Box::new(self.clone()), Path::new("test.aof"), policy, 0).unwrap()
    }
}

impl StoredFile for Fake {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.0.0.lock().unwrap();
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
        let mut disk = self.0.1.wait_while(guard, |disk| disk.is_held).unwrap();
        disk.waiting -= 1;
        disk.syncs += 1;
        self.0.1.notify_all();
        disk.sync_error.take().map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }
}

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

fn ping(writer: &AofWriter) -> Result<()> {
    writer.log_command_bytes(&["PING"])
}

/// Kind of the first failure and the byte from which the file is doubtful.
fn poison(result: Result<()>) -> (io::ErrorKind, u64) {
    let AikvError::Persistence(error) = result.unwrap_err();
    match error.kind() {
        PersistenceErrorKind::Poisoned { first, doubtful_from } => (first.kind(), *doubtful_from),
        other => panic!("{other:?}"),
    }
}

fn io_kind(result: Result<()>) -> io::ErrorKind {
    let AikvError::Persistence(error) = result.unwrap_err();
    match error.kind() {
        PersistenceErrorKind::Io(error) => error.kind(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_policy_syncs_when_it_says() {
    let disk = Fake::default();
    let writer = disk.writer(AofSyncPolicy::Always);
    ping(&writer).unwrap();
    ping(&writer).unwrap();
    assert_eq!(disk.get(|disk| disk.syncs), 2);
    writer.close().unwrap();
    assert_eq!(disk.get(|disk| disk.syncs), 2, "nothing was left to sync");

    let disk = Fake::default();
    let writer = disk.writer(AofSyncPolicy::No);
    ping(&writer).unwrap();
    assert_eq!(disk.get(|disk| (disk.syncs, disk.bytes.len())), (0, PING.len()));
    writer.flush().unwrap();
    writer.flush().unwrap();
    assert_eq!(disk.get(|disk| disk.syncs), 1);
    ping(&writer).unwrap();
    drop(writer);
    assert_eq!(disk.get(|disk| disk.syncs), 2, "a writer that is dropped syncs what it holds");

    let disk = Fake::default();
    let writer = disk.writer(AofSyncPolicy::EverySecond);
    ping(&writer).unwrap();
    disk.await_state(|disk| disk.syncs == 1);
    ping(&writer).unwrap();
    disk.await_state(|disk| disk.syncs == 2);
    writer.close().unwrap();
    assert_eq!(disk.get(|disk| disk.syncs), 2);
}

#[test]
fn a_write_that_fails_is_cut_off_again() {
    let disk = Fake::default();
    let writer = disk.writer(AofSyncPolicy::Always);
    ping(&writer).unwrap();
    for room in 0..PING.len() {
        disk.set(|disk| disk.room = Some(room));
        assert_eq!(io_kind(ping(&writer)), io::ErrorKind::StorageFull);
        assert_eq!(disk.get(|disk| disk.bytes.clone()), PING, "{room} bytes fitted");
    }
    disk.set(|disk| disk.room = None);
    ping(&writer).unwrap();
    assert_eq!(disk.get(|disk| disk.bytes.clone()), [PING, PING].concat());
}

#[test]
fn a_transaction_that_was_not_written_is_not_open() {
    let disk = Fake::default();
    let writer = disk.writer(AofSyncPolicy::No);
    disk.set(|disk| disk.room = Some(3));
    assert_eq!(io_kind(writer.log_command_bytes(&["MULTI"])), io::ErrorKind::StorageFull);
    disk.set(|disk| disk.room = None);
    assert!(writer.log_command_bytes(&["EXEC"]).is_err());
    writer.log_command_bytes(&["MULTI"]).unwrap();
    writer.log_command_bytes(&["EXEC"]).unwrap();
    assert_eq!(disk.get(|disk| disk.bytes.clone()), b"*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n");
}

#[test]
fn interrupted_writes_are_tried_again() {
    let disk = Fake::default();
    let writer = disk.writer(AofSyncPolicy::No);
    disk.set(|disk| disk.interruptions = 3);
    ping(&writer).unwrap();
    assert_eq!(disk.get(|disk| disk.bytes.clone()), PING);
}

#[test]
fn a_write_that_cannot_be_cut_off_poisons() {
    let disk = Fake::default();
    let writer = disk.writer(AofSyncPolicy::No);
    ping(&writer).unwrap();
    disk.set(|disk| (disk.room, disk.is_stuck) = (Some(5), true));
    let boundary = PING.len() as u64;
    assert_eq!(poison(ping(&writer)), (io::ErrorKind::StorageFull, boundary));
    disk.set(|disk| (disk.room, disk.is_stuck) = (None, false));
    assert_eq!(poison(ping(&writer)), (io::ErrorKind::StorageFull, boundary));
    assert_eq!(poison(writer.flush()), (io::ErrorKind::StorageFull, boundary));
    assert_eq!(disk.get(|disk| disk.bytes.len()), PING.len() + 5, "nothing was written behind the doubtful bytes");
    assert_eq!(poison(writer.close()), (io::ErrorKind::StorageFull, boundary));
}

#[test]
fn the_first_sync_that_fails_poisons_for_good() {
    for policy in [AofSyncPolicy::Always, AofSyncPolicy::EverySecond, AofSyncPolicy::No] {
        let disk = Fake::default();
        let writer = disk.writer(policy);
        ping(&writer).unwrap();
        writer.flush().unwrap();
        let syncs = disk.get(|disk| disk.syncs);
        disk.set(|disk| disk.sync_error = Some(io::ErrorKind::Other));
        let failed = ping(&writer).and_then(|()| writer.flush());
        let expected = (io::ErrorKind::Other, PING.len() as u64);
        assert_eq!(poison(failed), expected, "{policy:?}");
        let written = disk.get(|disk| disk.bytes.len());
        assert_eq!(poison(ping(&writer)), expected, "{policy:?}");
        assert_eq!(poison(writer.flush()), expected, "{policy:?}");
        assert_eq!(poison(writer.close()), expected, "{policy:?}");
        assert_eq!(disk.get(|disk| (disk.bytes.len(), disk.syncs)), (written, syncs + 1), "{policy:?}: nothing is tried again");
    }
}

#[test]
fn a_flush_hears_out_the_sync_that_is_under_way() {
    let disk = Fake::default();
    let writer = disk.writer(AofSyncPolicy::EverySecond);
    disk.set(|disk| disk.is_held = true);
    ping(&writer).unwrap();
    disk.await_state(|disk| disk.waiting == 1);
    thread::scope(|scope| {
        let flush = scope.spawn(|| writer.flush());
        ping(&writer).unwrap();
        disk.set(|disk| (disk.sync_error, disk.is_held) = (Some(io::ErrorKind::Other), false));
        assert_eq!(poison(flush.join().unwrap()), (io::ErrorKind::Other, 0));
    });
    assert_eq!(disk.get(|disk| disk.syncs), 1);
}

#[test]
fn commands_of_many_threads_stay_whole() {
    fn shared<T: Send + Sync>(_: &T) {}
    let disk = Fake::default();
    let writer = disk.writer(AofSyncPolicy::No);
    shared(&writer);
    thread::scope(|scope| {
        for name in 0..4u32 {
            let writer = &writer;
            scope.spawn(move || {
                for number in 0..500u32 {
                    writer.log_command(&[std::format!("{name}"), std::format!("{number}")]).unwrap();
                }
            });
        }
    });
    let bytes = disk.get(|disk| disk.bytes.clone());
    let mut decoder = crate::aof::Decoder::new();
    let mut input = &bytes[..];
    let mut next = [0; 4];
    while !input.is_empty() {
        let step = decoder.step(input).unwrap();
        input = &input[step.consumed..];
        if let Some(crate::aof::Event::Command(command)) = step.event {
            let numbers: Vec<usize> = command.args().map(|text| std::str::from_utf8(text).unwrap().parse().unwrap()).collect();
            assert_eq!(next[numbers[0]], numbers[1], "the commands of one thread stay in order");
            next[numbers[0]] += 1;
        }
    }
    assert_eq!(next, [500; 4]);
}
