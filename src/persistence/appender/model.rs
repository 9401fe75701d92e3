//! The appender in every order in which its threads may run, as far as a model checker tries them.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test --lib model`, with a target folder of its own; `AIKV_MODEL_RUNS`
//! says how many orders are tried of each kind.

use super::state::Mistake;
use super::*;
use shuttle::thread;

/// Orders that are tried by each of the two schedulers, unless `AIKV_MODEL_RUNS` says otherwise.
const RUNS: usize = 1000;

/// A file that remembers what a sync has covered that began behind it.
#[derive(Clone, Default)]
struct Modelled(Arc<shuttle::sync::Mutex<File>>);

#[derive(Default)]
struct File {
    bytes: Vec<u8>,
    synced: usize,
    syncs: usize,
    failing_sync: Option<usize>,
    is_syncing: bool,
    is_writing: bool,
}

impl Modelled {
    fn log(&self, policy: AofSyncPolicy) -> Appender {
        let start = Start { file: Box::new(self.clone()), path: "model.aof".into(), len: 0, db: Some(0), unmarked: None };
        Appender::new(start, policy, None).unwrap()
    }

    fn synced(&self) -> Vec<u8> {
        let file = self.0.lock().unwrap();
        file.bytes[..file.synced].to_vec()
    }

    /// Whether the disk holds all that is said to be durable.
    fn holds_what_is_durable(&self, log: &Appender) -> bool {
        let durable = log.durable_offset();
        durable <= self.synced().len() as u64
    }
}

impl StoredFile for Modelled {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!std::mem::replace(&mut self.0.lock().unwrap().is_writing, true), "two threads write");
        thread::yield_now();
        let mut file = self.0.lock().unwrap();
        file.is_writing = false;
        file.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn truncate(&self, _len: u64) -> io::Result<()> {
        unreachable!("no write fails here")
    }

    fn sync(&self) -> io::Result<()> {
        let covered = {
            let mut file = self.0.lock().unwrap();
            assert!(!std::mem::replace(&mut file.is_syncing, true), "two threads sync");
            file.bytes.len()
        };
        thread::yield_now();
        let mut file = self.0.lock().unwrap();
        file.is_syncing = false;
        file.syncs += 1;
        match file.failing_sync {
            Some(failing) if file.syncs > failing => {
                assert_eq!(file.syncs, failing + 1, "no sync follows one that has failed");
                Err(io::ErrorKind::Other.into())
            }
            _ => {
                file.synced = covered;
                Ok(())
            }
        }
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }
}

fn echo(number: u32) -> Vec<u8> {
    std::format!("*2\r\n$4\r\nECHO\r\n$1\r\n{number}\r\n").into_bytes()
}

fn append(log: &Appender, number: u32) -> Result<(), PersistenceError> {
    log.append(|records| records.push(&["ECHO", &std::format!("{number}")]))
}

fn holds(bytes: &[u8], number: u32) -> bool {
    bytes.windows(echo(number).len()).any(|window| window == echo(number))
}

/// Tries orders at random, and such that differ in few decisions at unlikely places.
fn check(run: impl Fn() + Send + Sync + Clone + 'static) {
    let runs = std::env::var("AIKV_MODEL_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    shuttle::check_random(run.clone(), runs);
    shuttle::check_pct(run, runs, 3);
}

/// Three threads log under `Always`, each twice; says whether what they were told to be durable was.
fn is_durable_when_acknowledged(mistake: Option<Mistake>) -> bool {
    let file = Modelled::default();
    let log = file.log(AofSyncPolicy::Always);
    log.0.shared.lock().mistake = mistake;
    let threads: Vec<_> = (0..3)
        .map(|name| {
            let (file, log) = (file.clone(), log.clone());
            thread::spawn(move || {
                let is_durable = [2 * name, 2 * name + 1].map(|number| {
                    append(&log, number).unwrap();
                    holds(&file.synced(), number)
                });
                is_durable == [true; 2] && file.holds_what_is_durable(&log)
            })
        })
        .collect();
    let mut is_durable = true;
    for thread in threads {
        is_durable &= thread.join().unwrap();
    }
    is_durable && log.durable_offset() == log.accepted_offset()
}

#[test]
fn model_what_always_has_acknowledged_is_covered() {
    check(|| assert!(is_durable_when_acknowledged(None)));
}

/// The check above finds a group that is told too early.
#[test]
fn model_a_group_that_is_told_too_early_is_caught() {
    assert!(is_caught(|| !is_durable_when_acknowledged(Some(Mistake::TellsTooEarly))));
}

/// The check above finds a group that nobody is called for: all wait then.
#[test]
#[should_panic(expected = "deadlock")]
fn model_a_group_that_nobody_is_called_for_is_caught() {
    check(|| assert!(is_durable_when_acknowledged(Some(Mistake::CallsNobody))));
}

/// Whether any order shows a mistake.
fn is_caught(shows: impl Fn() -> bool + Send + Sync + Clone + 'static) -> bool {
    let caught = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&caught);
    check(move || {
        if shows() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    caught.load(Ordering::Relaxed) > 0
}

/// Two threads log, flush and look, while the threads of the log write and sync; says whether what they saw was durable.
fn is_durable_when_said(policy: AofSyncPolicy, prepare: impl Fn(&Appender)) -> bool {
    let file = Modelled::default();
    let log = file.log(policy);
    prepare(&log);
    let threads: Vec<_> = (0..2)
        .map(|name| {
            let (file, log) = (file.clone(), log.clone());
            thread::spawn(move || {
                append(&log, 2 * name).unwrap();
                let mut is_durable = file.holds_what_is_durable(&log);
                append(&log, 2 * name + 1).unwrap();
                is_durable &= file.holds_what_is_durable(&log);
                if name == 0 {
                    log.flush("test").unwrap();
                    is_durable &= holds(&file.synced(), 0) && holds(&file.synced(), 1);
                }
                is_durable && file.holds_what_is_durable(&log)
            })
        })
        .collect();
    let mut is_durable = true;
    for thread in threads {
        is_durable &= thread.join().unwrap();
    }
    is_durable &= file.holds_what_is_durable(&log);
    drop(log);
    is_durable && file.synced().len() == 4 * echo(0).len()
}

#[test]
fn model_nothing_is_called_durable_too_early() {
    check(|| assert!(is_durable_when_said(AofSyncPolicy::EverySecond, |_| ())));
    check(|| assert!(is_durable_when_said(AofSyncPolicy::No, |_| ())));
}

/// The check above finds a log that calls durable what is written when a sync ends, not what was when it began.
#[test]
fn model_a_log_that_publishes_too_much_is_caught() {
    let mistake = |log: &Appender| log.0.shared.lock().mistake = Some(Mistake::PublishesTooMuch);
    assert!(is_caught(move || !is_durable_when_said(AofSyncPolicy::EverySecond, mistake)));
}

#[test]
fn model_after_a_failed_sync_nobody_is_told_that_all_is_well() {
    for policy in [AofSyncPolicy::Always, AofSyncPolicy::EverySecond] {
        check(move || {
            let file = Modelled::default();
            file.0.lock().unwrap().failing_sync = Some(1);
            let log = file.log(policy);
            let threads: Vec<_> = (0..3)
                .map(|number| {
                    let (file, log) = (file.clone(), log.clone());
                    thread::spawn(move || {
                        let is_told = append(&log, number).and_then(|()| log.flush("test")).is_ok();
                        assert!(!is_told || holds(&file.synced(), number), "{number} was acknowledged");
                        assert!(file.holds_what_is_durable(&log));
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }
}

#[test]
fn model_a_rotation_splits_the_log_in_two() {
    for policy in [AofSyncPolicy::Always, AofSyncPolicy::EverySecond] {
        check(move || {
            let [old, new] = [Modelled::default(), Modelled::default()];
            let log = old.log(policy);
            let threads: Vec<_> = (0..2)
                .map(|name| {
                    let log = log.clone();
                    thread::spawn(move || {
                        log.append(|records| records.push(&["MULTI"]).and_then(|()| records.push(&["EXEC"]))).unwrap();
                        append(&log, name).unwrap();
                    })
                })
                .collect();
            let rotated = log.rotate("test", || {
                let file = old.0.lock().unwrap();
                assert_eq!(file.bytes.len(), file.synced, "the old file is durable before there is a new one");
                drop(file);
                Ok((Box::new(new.clone()), "new.aof".into()))
            });
            let old_len = rotated.unwrap();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            log.close().unwrap();
            assert_eq!(old.synced().len() as u64, old_len);
            let all = [old.synced(), new.synced()].concat();
            assert!(holds(&all, 0) && holds(&all, 1));
            assert_eq!(all.len(), 2 * (echo(0).len() + 29));
        });
    }
}
