//! Commands and JSON Lines of what a real server saved make the same in that server again: `DUMP` and
//! `DEBUG DIGEST-VALUE` say so for every key of every fixture.

#![cfg(unix)]

mod common;
mod datasets;

use aikv::error::Fault;
use aikv::jobs::{Export, ExportCommands, Flow, Job, Pass};
use aikv::model::{Dataset, EncodeOptions, Entry, Value};
use aikv::rdb::{Decoder, Event, ZeroChecksum};
use common::{Client, Reply, TempDir};
use datasets::everything::{Target, comparable, digest, is_known, lasts};
use datasets::{Fixture, fixtures};
use std::collections::BTreeMap;
use std::path::Path;

struct Commands(ExportCommands, Vec<u8>);

impl Job for Commands {
    fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
        self.0.push(event, &mut self.1)?;
        Ok(Flow::Continue)
    }
}

struct Lines(Export, Vec<u8>);

impl Job for Lines {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.0.push(event, raw, &mut self.1)?;
        Ok(Flow::Continue)
    }
}

/// What every key of the fixture is in a server: its value by `DUMP`, the server's own sum, and whether it expires.
type Held = BTreeMap<(u64, Vec<u8>), Fact>;
type Fact = (Entry, Option<Vec<u8>>, bool);

/// No command says when a consumer was seen.
fn untimed((entry, sum, expires): &Fact) -> Fact {
    let mut entry = entry.clone();
    if let Value::Stream(stream) = &mut entry.value {
        for consumer in stream.groups.iter_mut().flat_map(|group| &mut group.consumers) {
            (consumer.seen_at_ms, consumer.active_at_ms) = (0, 0);
        }
    }
    (entry, sum.clone(), *expires)
}

fn held(client: &mut Client, fixture: &Fixture, dataset: &Dataset) -> Held {
    let mut held = Held::new();
    for (db, database) in &dataset.databases {
        assert_eq!(client.ask(&["SELECT", &db.to_string()]), Reply::Status("OK".into()));
        for (key, entry) in database.iter().filter(|(_, entry)| lasts(entry)) {
            let place = || format!("{}: {}", fixture.name(), key.escape_ascii());
            let Reply::Bytes(payload) = client.ask(&[&b"DUMP"[..], key]) else { panic!("{}", place()) };
            let value = Entry::from_dump(&payload, ZeroChecksum::Compared).unwrap_or_else(|error| panic!("{}: {error}", place()));
            let Reply::Int(ttl) = client.ask(&[&b"PTTL"[..], key]) else { panic!("{}", place()) };
            assert_eq!(ttl > 0, entry.expires_at_ms.is_some(), "{}", place());
            held.insert((*db, key.to_vec()), (comparable(&value), digest(client, key), ttl > 0));
        }
    }
    held
}

/// Pipes commands into a server without a key.
fn piped(target: &Target, program: &Path, commands: &[u8]) -> (TempDir, common::Server) {
    let folder = TempDir::new();
    let server = common::Server::start(program, folder.path(), &target.options()).unwrap();
    let mut decoder = aikv::aof::Decoder::new();
    let (mut rest, mut count) = (commands, 0);
    while !rest.is_empty() {
        let step = decoder.step(rest).unwrap();
        count += u64::from(step.event.is_some());
        rest = &rest[step.consumed..];
    }
    let mut client = server.client();
    client.send_raw(commands);
    for at in 0..count {
        if let Reply::Error(error) = client.read().unwrap() {
            panic!("{}: command {at}: {error}", target.name);
        }
    }
    (folder, server)
}

fn comes_back(name: &'static str) {
    let Some(program) = common::server(name) else { return };
    let (mut keys, mut sums) = (0, 0);
    for fixture in fixtures().iter().filter(|fixture| fixture.server == name) {
        let target = Target { name, version: fixture.version };
        let dataset = fixture.dataset();
        let entries = || dataset.databases.values().flat_map(BTreeMap::values);
        if !dataset.module_data.is_empty() || entries().any(|entry| !is_known(&target, fixture.server, entry)) {
            continue;
        }
        let folder = TempDir::new();
        let server = target.start(&program, &folder, &fixture.bytes);
        let expected = held(&mut server.client(), fixture, &dataset);
        keys += expected.len();
        sums += expected.values().filter(|(_, sum, _)| sum.is_some()).count();

        let mut job = Commands(ExportCommands::new(None), Vec::new());
        Pass::new().feed(&mut Decoder::new(), &fixture.bytes, &mut job).unwrap();
        let (_folder, server) = piped(&target, &program, &job.1);
        let made = held(&mut server.client(), fixture, &dataset);
        for (key, value) in &made {
            assert!(untimed(value) == untimed(&expected[key]), "{}: {}", fixture.name(), key.1.escape_ascii());
        }

        let mut job = Lines(Export::new(), Vec::new());
        Pass::new().feed(&mut Decoder::new(), &fixture.bytes, &mut job).unwrap();
        let again = Dataset::from_json_lines(&job.1).unwrap().encode(&EncodeOptions::new(fixture.version)).unwrap();
        let folder = TempDir::new();
        let server = target.start(&program, &folder, &again);
        assert!(held(&mut server.client(), fixture, &dataset) == expected, "{}: JSON Lines", fixture.name());
    }
    eprintln!("{name}: {keys} keys, {sums} digests");
    assert!(keys > 100, "{name}: only {keys} keys");
}

macro_rules! servers {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                comes_back($name);
            }
        )*

        #[test]
        fn no_server_is_left_out() {
            assert_eq!([$($name),*], common::SERVERS);
        }
    };
}

servers! {
    what_redis_2_8_saved_comes_back: "redis-2.8",
    what_redis_3_2_saved_comes_back: "redis-3.2",
    what_redis_5_0_saved_comes_back: "redis-5.0",
    what_redis_6_2_saved_comes_back: "redis-6.2",
    what_redis_7_0_saved_comes_back: "redis-7.0",
    what_redis_8_0_saved_comes_back: "redis-8.0",
    what_redis_8_6_saved_comes_back: "redis-8.6",
    what_valkey_8_1_saved_comes_back: "valkey-8.1",
    what_valkey_9_1_saved_comes_back: "valkey-9.1",
}
