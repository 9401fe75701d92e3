//! Replay against real servers: random commands are sent to a server or written to a log, and what we
//! make of the log is what a fresh server of the same version makes of it, and what the first one holds.
//!
//! `AIKV_REPLAYS=1000` runs so many logs for each server and test, `AIKV_REPLAY_SEED=7` starts with that seed,
//! `AIKV_REPLAY_KINDS=keys,zsets` sends commands of these kinds only.

#![cfg(unix)]

mod common;
mod replaying;

use aikv::aof::{Decoder, Event};
use aikv::model::{Collector, Dataset, Replay, ReplayOptions};
use common::{Client, Reply, Server, TempDir};
use replaying::commands::{Command, Generator, KINDS, SENT, WAITING};
use replaying::{Target, Terms, commands_of, log, shrink, typed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// The kinds of commands of this run.
fn kinds() -> Vec<&'static [&'static str]> {
    let wanted = std::env::var("AIKV_REPLAY_KINDS").ok();
    let is_wanted = |kind: &str| wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|one| one == kind));
    KINDS.into_iter().filter(|(kind, _)| is_wanted(kind)).map(|(_, templates)| templates).collect()
}

/// What we make of the files of a log.
fn replayed(logs: &[Vec<u8>]) -> Result<Dataset, String> {
    let mut replay = Replay::new(ReplayOptions::new(now_ms(), [1, 2]));
    for (at, log) in logs.iter().enumerate() {
        if at > 0 {
            replay.next_file().map_err(|error| error.to_string())?;
        }
        let mut decoder = Decoder::new();
        let mut collector = Collector::new(1 << 30);
        let mut rest = &log[..];
        while !rest.is_empty() {
            let offset = decoder.offset();
            let step = decoder.step(rest).unwrap();
            rest = &rest[step.consumed..];
            match step.event {
                Some(Event::Command(command)) => {
                    replay.command(command, offset).map_err(|error| format!("{error}: {command:?}"))?;
                }
                Some(Event::Snapshot(event)) => {
                    if let Some(collected) = collector.push(&event).unwrap() {
                        replay.load(collected).map_err(|error| error.to_string())?;
                    }
                }
                _ => {}
            }
        }
    }
    Ok(replay.finish().map_err(|error| error.to_string())?.0)
}

fn terms(target: &Target) -> Terms {
    // Older servers leave out of a snapshot what has expired.
    Terms {
        now_ms: now_ms(),
        keeps_expired: target.number >= 500,
        has_counters: target.number >= 700,
        keeps_idle_consumers: !(602..=700).contains(&target.number),
    }
}

/// What a fresh server of the same version makes of a log and we do not.
fn differences(target: &Target, logs: &[Vec<u8>]) -> Vec<String> {
    let theirs = match target.load(logs) {
        Ok(theirs) => theirs,
        // Of some commands in a log, such as `SET key value EX 0`, the oldest servers die.
        Err(_) if target.number < 500 => return Vec::new(),
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
        let mut generator = Generator::new(&target, kinds(), seed, now_ms() as u64);
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

/// Sends commands that wait for another client, and what that sends.
fn wait_and_serve(generator: &mut Generator<'_>, server: &Server, client: &mut Client) {
    let (waiting, serving) = generator.rng.pick(WAITING);
    let Some(waiting) = generator.target.knows(waiting) else { return };
    let [waiting, serving] = [waiting, serving].map(|words| words.split(' ').collect::<Vec<_>>());
    let mut waits = server.client();
    waits.send(&waiting).unwrap();
    std::thread::sleep(Duration::from_millis(5));
    client.ask(&["SELECT", "0"]);
    client.ask(&serving);
    waits.read().unwrap();
}

fn rewrite(client: &mut Client) {
    assert!(matches!(client.ask(&["BGREWRITEAOF"]), Reply::Status(_)));
    let is_done = |client: &mut Client| match client.ask(&["INFO", "persistence"]) {
        Reply::Bytes(info) => {
            let info = String::from_utf8(info).unwrap();
            info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0")
        }
        other => panic!("{other:?}"),
    };
    while !is_done(client) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Logs that a server wrote of what clients sent it.
fn replays_the_logs_of(name: &'static str) {
    let Some(target) = Target::find(name) else { return };
    for seed in seeds() {
        let folder = TempDir::new();
        let has_preamble = seed.is_multiple_of(2);
        let server = Server::start(&target.program, folder.path(), &target.options(has_preamble)).unwrap();
        let mut client = server.client();
        client.ask(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
        let mut generator = Generator::new(&target, kinds(), seed, now_ms() as u64);
        for step in 0..600 {
            match generator.rng.below(100) {
                0..=1 => {
                    client.ask(&["MULTI"]);
                    for _ in 0..generator.rng.below(6) {
                        client.ask(&generator.command());
                    }
                    client.ask(&["EXEC"]);
                }
                2 => wait_and_serve(&mut generator, &server, &mut client),
                3..=15 => {
                    client.ask(&generator.of(SENT));
                }
                _ => {
                    client.ask(&generator.command());
                }
            }
            if step == 300 && seed.is_multiple_of(3) {
                rewrite(&mut client);
            }
        }
        let held = target.save(&mut client, &folder);
        drop(server);
        let logs = target.logs(&folder);
        let found = differences(&target, &logs);
        if !found.is_empty() {
            let commands: Vec<_> = logs.iter().filter_map(|log| commands_of(log)).flatten().collect();
            assert_same(&target, seed, commands);
            panic!("{name} seed {seed}: the log as a whole\n  {}", found.join("\n  "));
        }
        // A consumer that gets nothing is not always logged.
        let terms = Terms { keeps_expired: false, keeps_idle_consumers: false, ..terms(&target) };
        let found = terms.differences(replayed(&logs).unwrap(), held);
        assert!(found.is_empty(), "{name} seed {seed}: what the server held\n  {}", found.join("\n  "));
    }
}

macro_rules! servers {
    ($($module:ident: $name:literal,)*) => {
        $(
            mod $module {
                #[test]
                fn loads_foreign_logs_as_we_do() {
                    super::loads_foreign_logs($name);
                }

                #[test]
                fn holds_what_its_log_replays_to() {
                    super::replays_the_logs_of($name);
                }
            }
        )*

        #[test]
        fn no_server_is_left_out() {
            assert_eq!([$($name),*], common::SERVERS);
        }
    };
}

servers! {
    redis_2_8: "redis-2.8",
    redis_3_2: "redis-3.2",
    redis_5_0: "redis-5.0",
    redis_6_2: "redis-6.2",
    redis_7_0: "redis-7.0",
    redis_8_0: "redis-8.0",
    redis_8_6: "redis-8.6",
    valkey_8_1: "valkey-8.1",
    valkey_9_1: "valkey-9.1",
}
