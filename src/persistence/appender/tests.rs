//! The appender over a disk that fails when told to.

use super::fake::Fake;
use super::*;
use std::path::Path;
use std::thread;

const POLICIES: [AofSyncPolicy; 3] = [AofSyncPolicy::Always, AofSyncPolicy::EverySecond, AofSyncPolicy::No];

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

fn append<A: AsRef<[u8]>>(log: &Appender, args: &[A]) -> Result<(), PersistenceError> {
    log.append(|records| records.push(args))
}

fn ping(log: &Appender) -> Result<(), PersistenceError> {
    append(log, &["PING"])
}

/// Kind of the first failure and the byte from which the file is doubtful.
fn poison(error: &PersistenceError) -> (io::ErrorKind, u64) {
    match error.kind() {
        PersistenceErrorKind::Poisoned { first, doubtful_from } => (first.kind(), *doubtful_from),
        other => panic!("{other:?}"),
    }
}

fn poisoned(result: Result<(), PersistenceError>) -> (io::ErrorKind, u64) {
    poison(&result.unwrap_err())
}

fn io_kind(error: &PersistenceError) -> io::ErrorKind {
    match error.kind() {
        PersistenceErrorKind::Io(error) => error.kind(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_policy_syncs_when_it_says() {
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::Always);
    ping(&log).unwrap();
    ping(&log).unwrap();
    assert_eq!(disk.get(|disk| (disk.syncs, disk.synced)), (2, 2 * PING.len()));
    log.close().unwrap();
    assert_eq!(disk.get(|disk| disk.syncs), 2, "nothing was left to sync");

    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::No);
    ping(&log).unwrap();
    assert_eq!(disk.written(PING.len()), PING);
    assert_eq!(disk.get(|disk| disk.syncs), 0);
    log.flush("test").unwrap();
    log.flush("test").unwrap();
    assert_eq!(disk.get(|disk| disk.syncs), 1);
    ping(&log).unwrap();
    drop(log);
    assert_eq!(disk.get(|disk| (disk.syncs, disk.synced)), (2, 2 * PING.len()), "a log that is dropped is synced");

    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::EverySecond);
    ping(&log).unwrap();
    disk.await_state(|disk| disk.syncs == 1);
    ping(&log).unwrap();
    disk.await_state(|disk| disk.syncs == 2);
    log.close().unwrap();
    assert_eq!(disk.get(|disk| (disk.syncs, disk.synced)), (2, 2 * PING.len()));
}

#[test]
fn what_is_known_of_the_log_can_be_seen() {
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::No);
    assert_eq!((log.accepted_offset(), log.durable_offset(), log.oldest_unsynced_age()), (0, 0, None));
    ping(&log).unwrap();
    assert_eq!((log.accepted_offset(), log.durable_offset()), (14, 0));
    let age = log.oldest_unsynced_age().unwrap();
    assert!(log.oldest_unsynced_age().unwrap() >= age);
    log.flush("test").unwrap();
    assert_eq!((log.accepted_offset(), log.durable_offset(), log.oldest_unsynced_age()), (14, 14, None));
    assert!(log.last_error().is_none());
    disk.set(|disk| disk.room = Some(0));
    ping(&log).unwrap();
    assert_eq!(io_kind(&log.flush("test").unwrap_err()), io::ErrorKind::StorageFull);
    assert_eq!(io_kind(&log.last_error().unwrap()), io::ErrorKind::StorageFull);
    assert!(log.oldest_unsynced_age().is_some());
    disk.set(|disk| disk.room = None);
    log.flush("test").unwrap();
    assert!(log.last_error().is_none(), "the write has succeeded since");
    disk.set(|disk| disk.failing_sync = Some(disk.syncs));
    ping(&log).unwrap();
    assert_eq!(poisoned(log.flush("test")), (io::ErrorKind::Other, 28));
    assert_eq!(poison(&log.last_error().unwrap()), (io::ErrorKind::Other, 28));
    assert_eq!((log.accepted_offset(), log.durable_offset()), (42, 28));
    assert!(log.oldest_unsynced_age().is_some());
}

#[test]
fn always_a_write_that_fails_is_cut_off_and_the_log_goes_on() {
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::Always);
    ping(&log).unwrap();
    for room in 0..PING.len() {
        disk.set(|disk| disk.room = Some(room));
        assert_eq!(io_kind(&ping(&log).unwrap_err()), io::ErrorKind::StorageFull);
        assert_eq!(disk.get(|disk| disk.bytes.clone()), PING, "{room} bytes fitted");
        assert_eq!((log.accepted_offset(), log.durable_offset(), log.oldest_unsynced_age()), (14, 14, None));
    }
    disk.set(|disk| disk.room = None);
    ping(&log).unwrap();
    assert_eq!(disk.get(|disk| disk.bytes.clone()), [PING, PING].concat());
}

#[test]
fn what_was_accepted_and_could_not_be_written_is_kept() {
    for policy in [AofSyncPolicy::EverySecond, AofSyncPolicy::No] {
        for room in 0..2 * PING.len() {
            let disk = Fake::default();
            let log = disk.writer(policy);
            disk.set(|disk| (disk.room, disk.is_slow) = (Some(room), true));
            ping(&log).unwrap();
            append(&log, &["ECHO", "1"]).unwrap();
            let accepted = log.accepted_offset();
            disk.set(|disk| disk.is_slow = false);
            // The thread may have taken one command or both.
            while log.last_error().is_none() && disk.get(|disk| disk.bytes.len() as u64) < accepted {
                thread::yield_now();
            }
            if log.last_error().is_some() {
                assert_eq!(io_kind(&append(&log, &["ECHO", "2"]).unwrap_err()), io::ErrorKind::StorageFull);
                assert_eq!(io_kind(&log.flush("test").unwrap_err()), io::ErrorKind::StorageFull);
                let len = disk.get(|disk| disk.bytes.len());
                assert!(len == 0 || len == PING.len(), "{policy:?}: {len} bytes are no whole records");
            }
            assert_eq!(log.accepted_offset(), accepted, "what is refused is not accepted");
            disk.set(|disk| disk.room = None);
            append(&log, &["ECHO", "3"]).unwrap();
            log.close().unwrap();
            let echo = |number: &str| std::format!("*2\r\n$4\r\nECHO\r\n$1\r\n{number}\r\n").into_bytes();
            assert_eq!(disk.get(|disk| disk.bytes.clone()), [PING, &echo("1"), &echo("3")].concat(), "{policy:?} {room}");
            assert_eq!(disk.get(|disk| disk.synced), disk.get(|disk| disk.bytes.len()));
        }
    }
}

#[test]
fn a_transaction_that_was_not_written_is_not_open() {
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::Always);
    disk.set(|disk| disk.room = Some(3));
    assert_eq!(io_kind(&append(&log, &["MULTI"]).unwrap_err()), io::ErrorKind::StorageFull);
    disk.set(|disk| disk.room = None);
    assert!(append(&log, &["EXEC"]).is_err());
    append(&log, &["MULTI"]).unwrap();
    disk.set(|disk| disk.room = Some(3));
    assert_eq!(io_kind(&append(&log, &["EXEC"]).unwrap_err()), io::ErrorKind::StorageFull);
    disk.set(|disk| disk.room = None);
    assert!(append(&log, &["MULTI"]).is_err(), "it is open still");
    append(&log, &["EXEC"]).unwrap();
    assert_eq!(disk.get(|disk| disk.bytes.clone()), [MULTI, EXEC].concat());
}

#[test]
fn a_transaction_that_is_kept_is_open() {
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::No);
    disk.set(|disk| disk.room = Some(3));
    append(&log, &["MULTI"]).unwrap();
    assert!(log.flush("test").is_err());
    disk.set(|disk| disk.room = None);
    append(&log, &["EXEC"]).unwrap();
    log.close().unwrap();
    assert_eq!(disk.get(|disk| disk.bytes.clone()), [MULTI, EXEC].concat());
}

#[test]
fn interrupted_writes_are_tried_again() {
    for policy in POLICIES {
        let disk = Fake::default();
        let log = disk.writer(policy);
        disk.set(|disk| disk.interruptions = 3);
        ping(&log).unwrap();
        log.flush("test").unwrap();
        assert_eq!(disk.get(|disk| disk.bytes.clone()), PING);
    }
}

#[test]
fn a_write_that_cannot_be_cut_off_poisons() {
    for policy in POLICIES {
        let disk = Fake::default();
        let log = disk.writer(policy);
        ping(&log).unwrap();
        log.flush("test").unwrap();
        disk.set(|disk| (disk.room, disk.is_stuck) = (Some(5), true));
        let expected = (io::ErrorKind::StorageFull, PING.len() as u64);
        assert_eq!(poisoned(ping(&log).and_then(|()| log.flush("test"))), expected);
        disk.set(|disk| (disk.room, disk.is_stuck) = (None, false));
        assert_eq!(poisoned(ping(&log)), expected);
        assert_eq!(poisoned(log.flush("test")), expected);
        assert_eq!(disk.get(|disk| disk.bytes.len()), PING.len() + 5, "nothing was written behind the doubtful bytes");
        assert_eq!(poisoned(log.close()), expected);
    }
}

#[test]
fn after_the_first_sync_that_fails_nothing_succeeds() {
    for policy in POLICIES {
        for failing in 0..5 {
            let disk = Fake::default();
            let log = disk.writer(policy);
            disk.set(|disk| disk.failing_sync = Some(failing));
            let mut first = None;
            for number in 0..8 {
                let result = ping(&log).and_then(|()| log.flush("test"));
                assert_eq!(result.is_err(), number >= failing, "{policy:?}: command {number}");
                if let Err(error) = result {
                    assert_eq!(*first.get_or_insert(poison(&error)), poison(&error));
                }
                let durable = log.durable_offset();
                assert_eq!(durable, (PING.len() * failing.min(number + 1)) as u64, "{policy:?}");
                assert_eq!(durable, disk.get(|disk| disk.synced) as u64);
            }
            assert_eq!(first, Some((io::ErrorKind::Other, (PING.len() * failing) as u64)));
            let bytes = disk.get(|disk| disk.bytes.len());
            assert_eq!(Some(poisoned(log.close())), first);
            assert_eq!(
                disk.get(|disk| (disk.bytes.len(), disk.syncs)),
                (bytes, failing + 1),
                "{policy:?}: nothing is tried again"
            );
        }
    }
}

#[test]
fn a_sync_of_the_thread_that_fails_is_told_by_the_next_call() {
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::EverySecond);
    disk.set(|disk| disk.failing_sync = Some(0));
    ping(&log).unwrap();
    disk.await_state(|disk| disk.syncs == 1);
    while log.last_error().is_none() {
        thread::yield_now();
    }
    assert_eq!(poisoned(ping(&log)), (io::ErrorKind::Other, 0));
    assert_eq!(poisoned(log.close()), (io::ErrorKind::Other, 0));
    assert_eq!(disk.get(|disk| disk.syncs), 1);
}

#[test]
fn a_flush_hears_out_the_sync_that_is_under_way() {
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::EverySecond);
    disk.set(|disk| (disk.is_held, disk.failing_sync) = (true, Some(0)));
    ping(&log).unwrap();
    disk.await_state(|disk| disk.waiting == 1);
    thread::scope(|scope| {
        let flush = scope.spawn(|| log.flush("test"));
        ping(&log).unwrap();
        disk.set(|disk| disk.is_held = false);
        assert_eq!(poisoned(flush.join().unwrap()), (io::ErrorKind::Other, 0));
    });
    assert_eq!(disk.get(|disk| disk.syncs), 1);
}

/// Lets `count` threads append while a first sync is held, and gives what became of each.
fn behind_a_held_sync(disk: &Fake, log: &Appender, count: usize, meanwhile: impl FnOnce()) -> Vec<Result<(), PersistenceError>> {
    disk.set(|disk| disk.is_held = true);
    thread::scope(|scope| {
        let first = scope.spawn(|| ping(log));
        disk.await_state(|disk| disk.waiting == 1);
        let others: Vec<_> = (0..count).map(|_| scope.spawn(|| ping(log))).collect();
        while log.accepted_offset() < ((count + 1) * PING.len()) as u64 {
            thread::yield_now();
        }
        meanwhile();
        disk.set(|disk| disk.is_held = false);
        first.join().unwrap().unwrap();
        others.into_iter().map(|other| other.join().unwrap()).collect()
    })
}

#[test]
fn many_threads_share_one_sync() {
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::Always);
    for result in behind_a_held_sync(&disk, &log, 7, || ()) {
        result.unwrap();
    }
    assert_eq!(disk.get(|disk| (disk.appends, disk.syncs, disk.synced)), (2, 2, 8 * PING.len()));
}

#[test]
fn nobody_of_a_group_that_was_not_written_is_acknowledged() {
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::Always);
    let results = behind_a_held_sync(&disk, &log, 7, || disk.set(|disk| disk.room = Some(3 * PING.len() + 1)));
    for result in results {
        assert_eq!(io_kind(&result.unwrap_err()), io::ErrorKind::StorageFull);
    }
    assert_eq!(disk.get(|disk| disk.bytes.clone()), PING);
    disk.set(|disk| disk.room = None);
    ping(&log).unwrap();
    assert_eq!(disk.get(|disk| disk.bytes.clone()), [PING, PING].concat());
}

#[test]
fn a_log_goes_on_in_another_file_at_the_end_of_a_transaction() {
    for policy in POLICIES {
        let [old, new] = [Fake::default(), Fake::default()];
        let log = old.writer(policy);
        append(&log, &["SELECT", "3"]).unwrap();
        append(&log, &["MULTI"]).unwrap();
        let is_made = AtomicU64::new(0);
        thread::scope(|scope| {
            let rotation = scope.spawn(|| {
                log.rotate("test", || {
                    is_made.store(old.get(|disk| disk.synced) as u64, Ordering::Relaxed);
                    Ok((Box::new(new.clone()), "new.aof".into()))
                })
            });
            ping(&log).unwrap();
            append(&log, &["EXEC"]).unwrap();
            let len = rotation.join().unwrap().unwrap();
            assert_eq!(len, old.get(|disk| disk.bytes.len()) as u64);
        });
        let select = b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n";
        let before = [&select[..], MULTI, PING, EXEC].concat();
        assert_eq!(old.get(|disk| disk.bytes.clone()), before, "{policy:?}");
        assert_eq!(is_made.load(Ordering::Relaxed), before.len() as u64, "the old file is durable before there is a new one");
        ping(&log).unwrap();
        log.flush("test").unwrap();
        assert_eq!(new.get(|disk| disk.bytes.clone()), [&select[..], PING].concat(), "{policy:?}");
        assert_eq!(log.file_len(), (select.len() + PING.len()) as u64);
        assert_eq!(log.durable_offset(), (before.len() + select.len() + PING.len()) as u64);
        new.set(|disk| (disk.room, disk.is_stuck) = (Some(1), true));
        let error = ping(&log).and_then(|()| log.flush("test")).unwrap_err();
        assert_eq!(
            poison(&error),
            (io::ErrorKind::StorageFull, (select.len() + PING.len()) as u64),
            "offsets are of the new file"
        );
        assert_eq!(error.path(), Path::new("new.aof"));
    }
}

#[test]
fn records_of_one_call_are_accepted_together_and_for_their_database() {
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::No);
    let transaction = |db, last: &'static str| {
        log.append(|records| {
            records.select(db)?;
            records.push(&["MULTI"])?;
            records.push(&["PING"])?;
            records.push(&[last])
        })
    };
    transaction(0, "EXEC").unwrap();
    transaction(1, "EXEC").unwrap();
    assert_eq!(transaction(2, "MULTI").unwrap_err().code(), "bad-command");
    transaction(1, "EXEC").unwrap();
    log.close().unwrap();
    let whole = [MULTI, PING, EXEC].concat();
    let select = b"*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n";
    assert_eq!(disk.get(|disk| disk.bytes.clone()), [&whole[..], select, &whole, &whole].concat());
}

#[test]
fn a_file_that_could_not_be_made_leaves_the_log_where_it_is() {
    let failure = |kind: fn(io::Error) -> PersistenceErrorKind| {
        Err(PersistenceError::new("test", Path::new("new.aof"), kind(io::ErrorKind::StorageFull.into())))
    };
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::No);
    assert_eq!(io_kind(&log.rotate("test", || failure(PersistenceErrorKind::Io)).unwrap_err()), io::ErrorKind::StorageFull);
    ping(&log).unwrap();
    log.flush("test").unwrap();
    assert_eq!(disk.get(|disk| disk.bytes.clone()), PING);
    let error = log.rotate("test", || failure(PersistenceErrorKind::CommittedDurabilityUnknown)).unwrap_err();
    assert_eq!(error.code(), "committed-durability-unknown");
    assert_eq!(poisoned(ping(&log)), (io::ErrorKind::StorageFull, PING.len() as u64));
}

#[test]
fn a_log_is_closed_with_its_last_handle() {
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::No);
    let other = log.clone();
    ping(&log).unwrap();
    log.close().unwrap();
    assert_eq!(disk.get(|disk| disk.synced), PING.len());
    ping(&other).unwrap();
    drop(other);
    assert_eq!(disk.get(|disk| disk.synced), 2 * PING.len());
}

#[test]
fn an_error_that_nobody_was_told_is_counted() {
    for policy in [AofSyncPolicy::EverySecond, AofSyncPolicy::No] {
        let disk = Fake::default();
        let log = disk.writer(policy);
        disk.set(|disk| disk.failing_sync = Some(0));
        ping(&log).unwrap();
        let before = lost_errors();
        drop(log);
        assert!(lost_errors() > before, "{policy:?}");
    }
}

#[test]
fn a_command_whose_arguments_panic_leaves_no_trace() {
    struct Panics;
    impl AsRef<[u8]> for Panics {
        fn as_ref(&self) -> &[u8] {
            panic!("as it should")
        }
    }
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::No);
    let handle = log.clone();
    let argument: [Box<dyn AsRef<[u8]> + Send>; 2] = [Box::new("SET"), Box::new(Panics)];
    struct Any(Box<dyn AsRef<[u8]> + Send>);
    impl AsRef<[u8]> for Any {
        fn as_ref(&self) -> &[u8] {
            (*self.0).as_ref()
        }
    }
    assert!(thread::spawn(move || append(&handle, &argument.map(Any))).join().is_err());
    ping(&log).unwrap();
    log.close().unwrap();
    assert_eq!(disk.get(|disk| disk.bytes.clone()), PING);
}

#[test]
fn a_command_too_large_to_be_read_again_is_refused() {
    let part = std::vec![b'x'; 64 << 20];
    let disk = Fake::default();
    let log = disk.writer(AofSyncPolicy::No);
    let error = append(&log, &[&part[..]; 17]).unwrap_err();
    assert_eq!((error.code(), log.accepted_offset()), ("limit-exceeded", 0));
}

#[test]
fn commands_of_many_threads_stay_whole() {
    fn shared<T: Send + Sync>(_: &T) {}
    for policy in POLICIES {
        let disk = Fake::default();
        let log = disk.writer(policy);
        shared(&log);
        thread::scope(|scope| {
            for name in 0..4u32 {
                let log = log.clone();
                scope.spawn(move || {
                    for number in 0..500u32 {
                        append(&log, &[std::format!("{name}"), std::format!("{number}")]).unwrap();
                    }
                });
            }
        });
        log.close().unwrap();
        let bytes = disk.get(|disk| disk.bytes.clone());
        let mut decoder = crate::aof::Decoder::new();
        let mut input = &bytes[..];
        let mut next = [0; 4];
        while !input.is_empty() {
            let step = decoder.step(input).unwrap();
            input = &input[step.consumed..];
            if let Some(crate::aof::Event::Command(command)) = step.event {
                let numbers: Vec<usize> =
                    command.args().map(|text| std::str::from_utf8(text).unwrap().parse().unwrap()).collect();
                assert_eq!(next[numbers[0]], numbers[1], "the commands of one thread stay in order");
                next[numbers[0]] += 1;
            }
        }
        assert_eq!(next, [500; 4], "{policy:?}");
    }
}

/// Integrity marks stand in front of what was written at once, and never cover the beginning of a transaction and
/// what stands before it, so that a transaction can be cut off alone.
#[test]
fn what_is_written_at_once_has_a_mark() {
    let disk = Fake::default();
    let start = Start { file: Box::new(disk.clone()), path: "test.aof".into(), len: 0, db: None, unmarked: Some(0) };
    let log = Appender::new(start, AofSyncPolicy::Always, None).unwrap();
    let mut expected = Vec::new();
    let mut mark = |records: &[&[u8]]| crate::aof::write_marked(&records.concat(), 0, &mut expected);
    ping(&log).unwrap();
    mark(&[PING]);
    log.append(|records| {
        records.push(&["PING"])?;
        records.push(&["MULTI"])?;
        records.push(&["EXEC"])?;
        records.push(&["MULTI"])?;
        records.push(&["PING"])
    })
    .unwrap();
    mark(&[PING, MULTI, EXEC]);
    mark(&[MULTI, PING]);
    disk.set(|disk| disk.room = Some(30));
    assert!(ping(&log).is_err());
    disk.set(|disk| disk.room = None);
    append(&log, &["EXEC"]).unwrap();
    mark(&[EXEC]);
    assert_eq!(disk.get(|disk| disk.bytes.clone()), expected);
    assert_eq!((log.accepted_offset(), log.durable_offset()), (expected.len() as u64, expected.len() as u64));
}
