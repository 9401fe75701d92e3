//! Replay against real servers: random commands are sent to a server or written to a log, and what we
//! make of the log is what a fresh server of the same version makes of it, and what the first one holds.
//!
//! `AIKV_REPLAYS=1000` runs so many logs for each server and test, `AIKV_REPLAY_SEED=7` starts with that seed.

#![cfg(unix)]

mod common;
mod replaying;

use aikv::model::Dataset;
use replaying::commands::{Command, Generator};
use replaying::{Target, Terms, commands_of, log, shrink, typed};
use std::time::{SystemTime, UNIX_EPOCH};

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect(variable))
}

/// The seeds of this run.
fn seeds() -> std::ops::Range<u64> {
    let first = number("AIKV_REPLAY_SEED", 1);
    first..first + number("AIKV_REPLAYS", 12)
}

/// What we make of the files of a log.
fn replayed(logs: &[Vec<u8>]) -> Result<Dataset, String> {
    let _ = logs;
    Ok(Dataset::default())
}

fn terms(target: &Target) -> Terms {
    // Older servers leave out of a snapshot what has expired.
    Terms { now_ms: now_ms(), keeps_expired: target.number >= 500, has_counters: target.number >= 700 }
}

/// What a fresh server of the same version makes of a log and we do not.
fn differences(target: &Target, logs: &[Vec<u8>]) -> Vec<String> {
    let theirs = match target.load(logs) {
        Ok(theirs) => theirs,
        Err(log) => return vec![format!("{} does not load the log: {log}", target.name)],
    };
    match replayed(logs) {
        Ok(ours) => terms(target).differences(ours, theirs),
        Err(error) => vec![error],
    }
}

/// Fails with the fewest commands that show it.
fn assert_same(target: &Target, seed: u64, commands: Vec<Command>) {
    if differences(target, &[log(&commands)]).is_empty() {
        return;
    }
    let fewest = shrink(commands, |commands| !differences(target, &[log(commands)]).is_empty());
    let found = differences(target, &[log(&fewest)]);
    let list: Vec<_> = fewest.iter().map(typed).collect();
    panic!("{} seed {seed}:\n{}\n  {}", target.name, list.join("\n"), found.join("\n  "));
}

/// Logs as nobody's server wrote them: commands that fail, that meet values of another type, that are relative to the clock.
fn loads_foreign_logs(name: &'static str) {
    let Some(target) = Target::find(name) else { return };
    for seed in seeds() {
        let mut generator = Generator::new(&target, seed, now_ms() as u64);
        let mut commands = Vec::new();
        while commands.len() < 400 {
            if generator.rng.one_in(25) {
                commands.push(vec![b"MULTI".to_vec()]);
                for _ in 0..generator.rng.below(4) {
                    commands.push(generator.command());
                }
                commands.push(vec![b"EXEC".to_vec()]);
            }
            commands.push(generator.command());
        }
        assert_same(&target, seed, commands);
    }
}

#[test]
fn x() {
    let _ = commands_of;
    loads_foreign_logs("redis-7.0");
}
