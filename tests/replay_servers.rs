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
use replaying::commands::{Command, FOREIGN, Generator, KINDS, SENT, WAITING};
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
        // Redis 5.0 puts a value without elements into a snapshot now and then.
        let mut decoder = Decoder::new().leniently();
        let mut collector = Collector::new(1 << 30).leniently();
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
        has_streams: true,
    }
}

/// What a fresh server of the same version makes of a log and we do not. `None`: it does not load the log at all.
fn differences(target: &Target, logs: &[Vec<u8>]) -> Option<Vec<String>> {
    let theirs = target.load(logs).ok()?;
    Some(match replayed(logs) {
        Ok(ours) => terms(target).differences(ours, theirs),
        Err(error) => vec![error],
    })
}

/// Fails with the fewest commands that show a difference. Says whether the server loads them.
fn assert_same(target: &Target, seed: u64, commands: Vec<Command>) -> bool {
    let Some(found) = differences(target, &[log(&commands)]) else { return false };
    if !found.is_empty() {
        let differ = |commands: &[Command]| differences(target, &[log(commands)]).is_some_and(|found| !found.is_empty());
        let fewest = shrink(commands, differ);
        let found = differences(target, &[log(&fewest)]).unwrap_or_default();
        let list: Vec<_> = fewest.iter().map(typed).collect();
        panic!("{} seed {seed}:\n{}\n  {}", target.name, list.join("\n"), found.join("\n  "));
    }
    true
}

/// Logs as nobody's server wrote them: commands that fail, that meet values of another type, that are relative to the clock.
fn loads_foreign_logs(name: &'static str) {
    let Some(target) = Target::find(name) else { return };
    let mut refused = 0;
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
            let is_foreign = generator.rng.one_in(20);
            commands.push(if is_foreign { generator.of(FOREIGN) } else { generator.command() });
        }
        refused += u64::from(!assert_same(&target, seed, commands));
    }
    // Of some commands in a log, such as `SET key value EX 0`, the oldest servers die.
    let count = seeds().count() as u64;
    assert!(
        refused <= if target.number < 500 { count * 3 / 4 } else { count / 10 },
        "{name} loads too few: not {refused} of {count}"
    );
}

/// Sends commands that wait for another client, and what that sends.
fn wait_and_serve(generator: &mut Generator<'_>, server: &Server, client: &mut Client) -> std::io::Result<()> {
    let (waiting, serving) = generator.rng.pick(WAITING);
    let Some(waiting) = generator.target.knows(waiting) else { return Ok(()) };
    let [waiting, serving] = [waiting, serving].map(|words| words.split(' ').collect::<Vec<_>>());
    let mut waits = server.client();
    waits.send(&waiting)?;
    std::thread::sleep(Duration::from_millis(5));
    client.try_ask(&["SELECT", "0"])?;
    client.try_ask(&serving)?;
    waits.read().map(drop)
}

/// Has a server dump a value, and restore it under another key.
fn dump_and_restore(generator: &mut Generator<'_>, client: &mut Client) -> std::io::Result<()> {
    let [from, to] = [(); 2].map(|()| generator.rng.pick(b"slezhxp")).map(|kind| generator.key(kind));
    if let Reply::Bytes(payload) = client.try_ask(&[&b"DUMP"[..], &from])? {
        let at = (now_ms() + 400_000_000).to_string();
        let options: &[(&str, &[&str])] = &[("0", &[]), ("500000000", &[]), ("0", &["REPLACE"]), (&at, &["REPLACE", "ABSTTL"])];
        let (time, words) = generator.rng.pick(options);
        let mut command = vec![&b"RESTORE"[..], &to, time.as_bytes(), &payload];
        command.extend(words.iter().map(|word| word.as_bytes()));
        client.try_ask(&command)?;
    }
    Ok(())
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

/// Sends random commands. The error is that of a server that ended.
fn send(generator: &mut Generator<'_>, server: &Server, client: &mut Client, rewrites: bool) -> std::io::Result<()> {
    for step in 0..600 {
        match generator.rng.below(100) {
            0..=1 => {
                client.try_ask(&["MULTI"])?;
                for _ in 0..generator.rng.below(6) {
                    client.try_ask(&generator.command())?;
                }
                client.try_ask(&["EXEC"])?;
            }
            2 => wait_and_serve(generator, server, client)?,
            3 => dump_and_restore(generator, client)?,
            4..=15 => drop(client.try_ask(&generator.of(SENT))?),
            _ => drop(client.try_ask(&generator.command())?),
        }
        if step == 300 && rewrites {
            rewrite(client);
        }
    }
    Ok(())
}

/// Logs that a server wrote of what clients sent it.
fn replays_the_logs_of(name: &'static str) {
    let Some(target) = Target::find(name) else { return };
    for seed in seeds() {
        let folder = TempDir::new();
        let (has_preamble, rewrites) = (seed.is_multiple_of(2), seed.is_multiple_of(3));
        let server = Server::start(&target.program, folder.path(), &target.options(has_preamble)).unwrap();
        let mut client = server.client();
        client.ask(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
        let mut generator = Generator::new(&target, kinds(), seed, now_ms() as u64);
        if let Err(error) = send(&mut generator, &server, &mut client, rewrites) {
            // Redis 3.2 dies of some strings that look like counters of distinct elements.
            assert!(target.number < 500, "{name} seed {seed}: {error}: {}", server.log());
            continue;
        }
        let held = target.save(&mut client, &folder);
        drop(server);
        let logs = target.logs(&folder);
        let found = differences(&target, &logs).expect("a server loads its own log");
        if !found.is_empty() {
            let commands: Vec<_> = logs.iter().filter_map(|log| commands_of(log)).flatten().collect();
            assert_same(&target, seed, commands);
            panic!("{name} seed {seed}: the log as a whole\n  {}", found.join("\n  "));
        }
        // A consumer that gets nothing is not always logged, and Redis 7.0 does not log how many entries were read.
        let has_counters = target.number > 700;
        let has_streams = has_preamble || !rewrites;
        let terms = Terms { keeps_expired: false, keeps_idle_consumers: false, has_counters, has_streams, ..terms(&target) };
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
