//! A host whose data are the writes of its threads, all of them that have come so far.

use super::{Ending, Options, Result, demand, say_counts, tell, write};
use aikv::model::{Dataset, Value};
use aikv::persistence::{AofSyncPolicy, Frozen, Host, Persistence, PersistenceConfig, PersistenceOptions, load_rdb_bytes};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

/// More threads than any call asks for.
const THREADS: usize = 16;

/// How many writes of each thread there are. Who writes holds the gate for reading; who wants them as of one moment closes it.
#[derive(Default)]
struct Writes {
    gate: RwLock<()>,
    counts: [Mutex<u64>; THREADS],
}

impl Writes {
    /// Logs the next write of a thread; gives its number.
    fn add(&self, persistence: &Persistence, thread: usize) -> aikv::Result<u64> {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut count = self.counts[thread].lock().unwrap_or_else(PoisonError::into_inner);
        persistence.log(0, &write(thread, *count + 1))?;
        *count += 1;
        Ok(*count)
    }

    /// Up to the last thread that has any.
    fn counts(&self) -> Vec<u64> {
        let counts = self.counts.iter().map(|count| *count.lock().unwrap_or_else(PoisonError::into_inner));
        let mut counts: Vec<_> = counts.collect();
        while counts.pop_if(|count| *count == 0).is_some() {}
        counts
    }
}

impl Host for Writes {
    fn restore(&self, data: Dataset) -> aikv::Result<()> {
        let mut keys: usize = 0;
        let there = data.databases.get(&0);
        for (thread, count) in self.counts.iter().enumerate() {
            let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
            *count = 0;
            loop {
                let [_, key, value] = write(thread, *count + 1);
                match there.and_then(|there| there.get(key.as_bytes())).map(|entry| &entry.value) {
                    None => break,
                    Some(found) => assert_eq!(*found, Value::String(value.into()), "{key}"),
                }
                *count += 1;
                keys += 1;
            }
        }
        assert_eq!(keys, data.databases.values().map(|database| database.len()).sum::<usize>(), "there is a gap");
        Ok(())
    }

    fn freeze(&self, cut: &mut dyn FnMut() -> aikv::Result<()>) -> aikv::Result<Box<dyn Frozen>> {
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        cut()?;
        let mut data = Dataset::default();
        let database = data.databases.entry(0).or_default();
        for (thread, count) in self.counts().into_iter().enumerate() {
            for number in 1..=count {
                let [_, key, value] = write(thread, number);
                database.insert(key.into(), Value::String(value.into()).into());
            }
        }
        Ok(Box::new(data))
    }
}

fn open(folder: &Path, policy: AofSyncPolicy) -> aikv::Result<(Arc<Writes>, Persistence)> {
    let config = PersistenceConfig {
        enable_rdb: true,
        rdb_path: folder.join("dump.rdb"),
        rdb_save_interval: 0,
        enable_aof: true,
        aof_path: folder.join("appendonly.aof"),
        aof_sync_policy: policy,
    };
    let writes = Arc::new(Writes::default());
    let persistence = Persistence::open(config, Arc::clone(&writes) as Arc<dyn Host>, PersistenceOptions::default())?;
    Ok((writes, persistence))
}

pub(super) fn run(folder: &Path, attempts: u64, options: &Options) -> Result<()> {
    let errors = AtomicU64::new(0);
    let told = |error: &aikv::AikvError| {
        errors.fetch_add(1, Ordering::Relaxed);
        tell(error);
    };
    let (writes, persistence) = match open(folder, options.policy) {
        Ok(opened) => opened,
        Err(error) => {
            told(&error);
            return Err(Ending::Told);
        }
    };
    let add = |thread| match writes.add(&persistence, thread) {
        Ok(number) => println!("ack {thread} {number}"),
        Err(error) => told(&error),
    };
    let work = || {
        for result in [persistence.rewrite().map(drop), persistence.save()] {
            if let Err(error) = result {
                told(&error);
            }
        }
    };
    if options.threads == 1 {
        for attempt in 1..=attempts {
            add(0);
            if attempt % 3 == 0 {
                work();
            }
        }
    } else {
        let running = AtomicU64::new(options.threads);
        thread::scope(|scope| {
            for thread in 0..usize::try_from(options.threads).unwrap_or(THREADS).min(THREADS) {
                let (add, running) = (&add, &running);
                scope.spawn(move || {
                    (0..attempts).for_each(|_| add(thread));
                    running.fetch_sub(1, Ordering::Relaxed);
                });
            }
            while running.load(Ordering::Relaxed) > 0 {
                work();
                thread::sleep(Duration::from_millis(1));
            }
        });
    }
    if let Err(error) = persistence.close() {
        told(&error);
    }
    if errors.into_inner() == 0 { Ok(()) } else { Err(Ending::Told) }
}

pub(super) fn verify(folder: &Path, acked: &[u64]) -> Result<()> {
    let snapshot = folder.join("dump.rdb");
    if snapshot.exists() {
        load_rdb_bytes(&snapshot)?;
    }
    let (writes, persistence) = open(folder, AofSyncPolicy::Always)?;
    let counts = writes.counts();
    demand(&counts, acked)?;
    writes.add(&persistence, 0)?;
    persistence.close()?;
    let (writes, persistence) = open(folder, AofSyncPolicy::Always)?;
    let again = writes.counts();
    persistence.close()?;
    say_counts(&counts, &again)
}
