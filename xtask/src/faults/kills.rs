//! Writers that are killed at any moment.

use super::Cases;
use super::driver::{Driver, Running};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// A way to write, and to verify what was written.
pub struct Way {
    pub name: &'static str,
    write: &'static [&'static str],
    verify: &'static str,
}

/// One command at a time, many threads, transactions; an engine whose log is rewritten meanwhile.
pub const WAYS: [Way; 4] = [
    Way { name: "a log", write: &["append", "1000000"], verify: "verify" },
    Way { name: "a log of many threads", write: &["append", "1000000", "--threads", "8"], verify: "verify" },
    Way { name: "transactions", write: &["append", "1000000", "--transactions"], verify: "verify" },
    Way { name: "rewrites", write: &["engine", "1000000", "--threads", "4"], verify: "verify-engine" },
];

impl Way {
    pub fn start(&self, driver: &Driver, folder: &Path) -> Result<Running> {
        Running::start(driver.call(self.write, folder))
    }

    pub fn verify(&self, driver: &Driver, folder: &Path, acked: &[u64]) -> Result<Vec<u64>> {
        driver.verify(self.verify, folder, acked, &[]).with_context(|| self.name)
    }
}

/// One in so many writers is not waited for: it may die while it opens the log.
pub const UNAWAITED: u32 = 5;

/// Kills before a log is begun anew, so that opening it takes no longer than writing.
const ROUND: u32 = 10;

pub fn run(cases: &mut Cases<'_>, driver: &Driver, kills: u32) {
    cases.run("writers that are killed lose nothing that was acknowledged", |folder| {
        let mut acked = 0;
        for round in 0..kills.div_ceil(ROUND) {
            let folder = folder.join(round.to_string());
            let way = &WAYS[round as usize % WAYS.len()];
            let in_round = ROUND.min(kills - round * ROUND);
            acked += kill(driver, &folder, way, in_round)?;
        }
        Ok(format!("{kills} kills in {acked} writes, 0 lost"))
    });
}

/// Kills writers of one log; gives how many writes there are in the end.
fn kill(driver: &Driver, folder: &Path, way: &Way, kills: u32) -> Result<u64> {
    let mut last: Vec<u64> = Vec::new();
    for kill in 0..kills {
        let running = way.start(driver, folder)?;
        if kill % UNAWAITED != 0 {
            running.wait_for_write()?;
        }
        thread::sleep(moment(1, 50));
        let said = running.kill()?;
        ensure!(said.errors.is_empty(), "{said:?}");
        take_over(&mut last, &said.acked);
        last = way.verify(driver, folder, &last)?;
    }
    Ok(last.iter().sum())
}

/// Where a thread has acknowledged more, that is what has to be there.
pub fn take_over(last: &mut Vec<u64>, acked: &[u64]) {
    last.resize(last.len().max(acked.len()), 0);
    for (last, acked) in last.iter_mut().zip(acked) {
        *last = (*last).max(*acked);
    }
}

/// A random time between two bounds, in milliseconds.
pub fn moment(from: u64, to: u64) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(from);
    Duration::from_micros(from * 1000 + random % ((to - from) * 1000))
}
