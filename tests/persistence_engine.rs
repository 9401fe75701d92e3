//! The engine under a host with threads: saved, rewritten, killed and recovered.

#![cfg(all(feature = "std", unix))]

mod common;

use aikv::Result;
use aikv::model::{Dataset, Value};
use aikv::persistence::{
    AikvError, AofSyncPolicy, Frozen, Host, Persistence, PersistenceConfig, PersistenceErrorKind, PersistenceOptions,
    PersistenceStatus, RecoverySource,
};
use common::{Reply, Server, TempDir, failure, server};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

const AOF: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// Counters, each with a lock of its own. A change holds the gate for reading; a moment without one is a writer's.
struct Counters {
    gate: RwLock<()>,
    counters: Vec<Mutex<u64>>,
    /// How often the data were frozen.
    is_refusing: AtomicBool,
}

impl Counters {
    fn new(count: usize) -> Arc<Self> {
        let counters = (0..count).map(|_| Mutex::new(0)).collect();
        Arc::new(Self { gate: RwLock::new(()), counters, is_refusing: AtomicBool::new(false) })
    }

    /// Adds one, durably if the policy is that of always.
    fn incr(&self, number: usize, persistence: &Persistence) -> Result<()> {
        let _gate = self.gate.read().unwrap();
        let mut counter = self.counters[number].lock().unwrap();
        persistence.log(number as u64 % 3, &["INCR", &format!("counter{number}")])?;
        *counter += 1;
        Ok(())
    }

    fn values(&self) -> Vec<u64> {
        self.counters.iter().map(|counter| *counter.lock().unwrap()).collect()
    }

    fn data(&self) -> Dataset {
        let mut data = Dataset::default();
        for (number, value) in self.values().into_iter().enumerate().filter(|(_, value)| *value > 0) {
            let database = data.databases.entry(number as u64 % 3).or_default();
            database.insert(format!("counter{number}").into(), Value::String(value.to_string().into()).into());
        }
        data
    }
}

impl Host for Counters {
    fn restore(&self, data: Dataset) -> Result<()> {
        for (number, counter) in self.counters.iter().enumerate() {
            let database = data.databases.get(&(number as u64 % 3));
            let entry = database.and_then(|database| database.get(format!("counter{number}").as_bytes()));
            *counter.lock().unwrap() = match entry.map(|entry| &entry.value) {
                Some(Value::String(text)) => std::str::from_utf8(text).unwrap().parse().unwrap(),
                Some(other) => panic!("{other:?}"),
                None => 0,
            };
        }
        Ok(())
    }

    fn freeze(&self, cut: &mut dyn FnMut() -> Result<()>) -> Result<Box<dyn Frozen>> {
        let _gate = self.gate.write().unwrap();
        if !self.is_refusing.load(Ordering::Relaxed) {
            cut()?;
        }
        Ok(Box::new(self.data()))
    }
}

fn config(folder: &Path, policy: AofSyncPolicy) -> PersistenceConfig {
    PersistenceConfig {
        enable_rdb: true,
        rdb_path: folder.join("dump.rdb"),
        rdb_save_interval: 1,
        enable_aof: true,
        aof_path: folder.join("appendonly.aof"),
        aof_sync_policy: policy,
    }
}

/// Rewrites as often as the log has grown by half and more than 2 KiB.
fn eager() -> PersistenceOptions {
    PersistenceOptions { rewrite_percentage: 50, rewrite_min_bytes: 2048, ..PersistenceOptions::default() }
}

fn open(config: &PersistenceConfig, host: &Arc<Counters>, options: PersistenceOptions) -> Persistence {
    Persistence::open(config.clone(), host.clone(), options).unwrap()
}

/// Adds to all counters from as many threads, while snapshots are saved and the log is rewritten.
fn run(host: &Arc<Counters>, persistence: &Persistence, rounds: usize) {
    let (threads, done) = (host.counters.len(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|number| scope.spawn(move || (0..rounds).for_each(|_| host.incr(number, persistence).unwrap())))
            .collect();
        scope.spawn(|| {
            // Once at least, also where all is logged before this thread runs.
            loop {
                persistence.rewrite().unwrap();
                persistence.save().unwrap();
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for worker in workers {
            worker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_threads_log_while_saves_and_rewrites_run_is_recovered_once() {
    for policy in [AofSyncPolicy::Always, AofSyncPolicy::EverySecond, AofSyncPolicy::No] {
        let folder = TempDir::new();
        let config = config(folder.path(), policy);
        let host = Counters::new(6);
        let persistence = open(&config, &host, PersistenceOptions::default());
        assert_eq!(persistence.recovery().source, RecoverySource::Nothing);
        run(&host, &persistence, 200);
        let status = persistence.status();
        assert!(status.saves > 0 && status.rewrites > 0, "{status:?}");
        assert!(status.save_error.is_none() && status.rewrite_error.is_none(), "{status:?}");
        persistence.close().unwrap();
        assert_eq!(host.values(), [200; 6]);

        let again = Counters::new(6);
        let persistence = open(&config, &again, PersistenceOptions::default());
        assert_eq!(persistence.recovery().source, RecoverySource::Log);
        assert_eq!(again.values(), [200; 6], "{policy:?}");
        persistence.close().unwrap();

        // The snapshot has the same: it was saved at last when the engine was closed.
        fs::remove_dir_all(folder.join("appendonlydir")).unwrap();
        let again = Counters::new(6);
        let persistence = open(&config, &again, PersistenceOptions::default());
        assert_eq!(persistence.recovery().source, RecoverySource::Snapshot);
        assert_eq!(again.values(), [200; 6], "{policy:?}");
        // Its data are in the log before anything else is.
        drop(persistence);
        fs::remove_file(folder.join("dump.rdb")).unwrap();
        let again = Counters::new(6);
        open(&config, &again, PersistenceOptions::default());
        assert_eq!(again.values(), [200; 6], "{policy:?}");
    }
}

/// Where the process that is killed finds its folder.
const FOLDER: &str = "AIKV_TEST_KILLED_IN";

/// Runs in a process of its own, until it is killed: prints a counter's number when it has been added to.
#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let host = Counters::new(4);
    let persistence = open(&config(Path::new(&folder), AofSyncPolicy::Always), &host, eager());
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (host, persistence) = (&host, &persistence);
            scope.spawn(move || {
                loop {
                    host.incr(number, persistence).unwrap();
                    println!("ack {number}");
                }
            });
        }
        loop {
            persistence.rewrite().unwrap();
            persistence.save().unwrap();
        }
    });
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed_again_and_again() {
    let folder = TempDir::new();
    let mut acked = [0u64; 4];
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writes_until_it_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // It is killed at another moment each time: as many lines later.
        let mut count = 0;
        while let Some(Ok(line)) = lines.next() {
            // On a machine with one processor the name of the test stands in front of the first.
            if let Some(number) = line.rsplit("ack ").next().and_then(|number| number.parse::<usize>().ok()) {
                acked[number] += 1;
                count += 1;
            }
            if count == 40 + round * 7 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();

        let host = Counters::new(4);
        let persistence = open(&config(folder.path(), AofSyncPolicy::Always), &host, PersistenceOptions::default());
        for (number, value) in host.values().into_iter().enumerate() {
            // One may have been under way.
            assert!((acked[number]..=acked[number] + 1).contains(&value), "round {round}: {value} of {}", acked[number]);
            acked[number] = value;
        }
        persistence.close().unwrap();
    }
    for name in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        let Some(program) = server(name) else { continue };
        let copy = TempDir::new();
        fs::create_dir(copy.join("appendonlydir")).unwrap();
        for entry in fs::read_dir(folder.join("appendonlydir")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.join("appendonlydir").join(entry.file_name())).unwrap();
        }
        let server = Server::start(&program, copy.path(), &AOF).unwrap_or_else(|log| panic!("{name}: {log}"));
        let mut client = server.client();
        for (number, value) in acked.into_iter().enumerate() {
            client.ask(&["SELECT", &(number % 3).to_string()]);
            assert_eq!(client.ask(&["GET", &format!("counter{number}")]), Reply::Bytes(value.to_string().into()), "{name}");
        }
    }
}

#[test]
fn the_thread_saves_in_time_and_rewrites_what_has_grown() {
    let folder = TempDir::new();
    let host = Counters::new(2);
    let persistence = open(&config(folder.path(), AofSyncPolicy::No), &host, eager());
    // The limit only ends a test that hangs.
    let until = |is_so: &dyn Fn() -> bool| {
        for _ in 0..3000 {
            if is_so() {
                return;
            }
            host.incr(0, &persistence).unwrap();
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("waited in vain: {:?}", persistence.status());
    };
    until(&|| persistence.status().saves > 1 && persistence.status().rewrites > 1);
    let status = persistence.status();
    assert!(status.last_save.is_some() && status.last_rewrite.is_some(), "{status:?}");

    // A folder in the place of the snapshot, unless one is saved just then.
    let snapshot = folder.join("dump.rdb");
    while fs::create_dir(&snapshot).is_err() {
        fs::remove_file(&snapshot).unwrap();
    }
    until(&|| persistence.status().save_error.is_some());
    // A host that gives data of no moment.
    host.is_refusing.store(true, Ordering::Relaxed);
    until(&|| persistence.status().rewrite_error.is_some());
    host.is_refusing.store(false, Ordering::Relaxed);
    let error = failure(persistence.close());
    assert_eq!(error.path(), snapshot);
    assert!(matches!(error.kind(), PersistenceErrorKind::Io(_)), "{error}");
    let again = Counters::new(2);
    fs::remove_dir(&snapshot).unwrap();
    open(&config(folder.path(), AofSyncPolicy::No), &again, eager());
    assert_eq!(again.values(), host.values());
}

#[test]
fn without_a_log_there_are_snapshots_only() {
    let folder = TempDir::new();
    let config = PersistenceConfig { enable_aof: false, rdb_save_interval: 0, ..config(folder.path(), AofSyncPolicy::No) };
    let host = Counters::new(2);
    let persistence = open(&config, &host, PersistenceOptions::default());
    assert!(persistence.status().log.is_none());
    host.incr(1, &persistence).unwrap();
    assert!(persistence.rewrite().unwrap().is_none());
    persistence.close().unwrap();
    assert_eq!(folder.names(), ["dump.rdb"]);
    let again = Counters::new(2);
    let persistence = open(&config, &again, PersistenceOptions::default());
    assert_eq!((again.values(), persistence.recovery().source), (vec![0, 1], RecoverySource::Snapshot));

    let damaged = [&fs::read(folder.join("dump.rdb")).unwrap()[..], b"x"].concat();
    drop(persistence);
    fs::write(folder.join("dump.rdb"), &damaged).unwrap();
    let error = failure(Persistence::open(config, again, PersistenceOptions::default()));
    assert_eq!(error.format().unwrap().offset(), damaged.len() as u64 - 1);
}

/// Panics where it is asked for its data, that often.
struct Panicking(AtomicU32);

impl Host for Panicking {
    fn restore(&self, _: Dataset) -> Result<()> {
        Ok(())
    }

    fn freeze(&self, cut: &mut dyn FnMut() -> Result<()>) -> Result<Box<dyn Frozen>> {
        cut()?;
        let panics = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        assert!(panics.is_err(), "the host's own");
        Ok(Box::new(Dataset::default()))
    }
}

#[test]
fn a_panic_of_the_host_is_an_error_and_the_thread_goes_on() {
    let folder = TempDir::new();
    let host = Arc::new(Panicking(AtomicU32::new(1)));
    let snapshots = PersistenceConfig { enable_aof: false, ..config(folder.path(), AofSyncPolicy::No) };
    let persistence = Persistence::open(snapshots, host.clone(), PersistenceOptions::default()).unwrap();
    let until = |persistence: &Persistence, is_so: &dyn Fn(PersistenceStatus) -> bool| {
        // The limit only ends a test that hangs.
        for _ in 0..3000 {
            if is_so(persistence.status()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("waited in vain: {:?}", persistence.status());
    };
    let tells = |error: Option<AikvError>| error.is_some_and(|error| error.to_string().contains("the host's own"));
    until(&persistence, &|status| tells(status.save_error));
    until(&persistence, &|status| status.saves > 0 && status.save_error.is_none());
    persistence.close().unwrap();

    host.0.store(1, Ordering::Relaxed);
    let log = PersistenceConfig { enable_rdb: false, ..config(folder.path(), AofSyncPolicy::Always) };
    let persistence = Persistence::open(log, host, eager()).unwrap();
    persistence.log(0, &["SET", "key", &"v".repeat(4096)]).unwrap();
    until(&persistence, &|status| tells(status.rewrite_error));
    persistence.log(0, &["SET", "key", "behind the panic"]).unwrap();
    until(&persistence, &|status| status.rewrites > 0 && status.rewrite_error.is_none());
    persistence.close().unwrap();
}

#[test]
fn an_interval_that_no_clock_reaches_does_not_end_the_thread() {
    let folder = TempDir::new();
    let config = PersistenceConfig { rdb_save_interval: u64::MAX, ..config(folder.path(), AofSyncPolicy::No) };
    open(&config, &Counters::new(1), PersistenceOptions::default()).close().unwrap();
}
