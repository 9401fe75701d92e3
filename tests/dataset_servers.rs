//! Real servers take what is encoded for them: the content of every fixture, as a snapshot and as
//! `DUMP` payloads, with deep sanitising where the server has it. What they hold then is asked back by `DUMP`,
//! and compared by `DEBUG DIGEST-VALUE` with what they hold of their own snapshots.

#![cfg(unix)]

mod common;
mod datasets;

use aikv::model::{Dataset, DumpEmitter, EncodeOptions, Entry};
use aikv::rdb::{Version, ZeroChecksum};
use bytes::Bytes;
use common::{Client, Reply, TempDir};
use datasets::everything::{Target, comparable, digest, everything, is_known, name, now_ms};
use datasets::{encode_what_fits, fixtures};
use std::collections::BTreeMap;
use std::path::Path;

/// Asks for the value and expiry of every key.
fn assert_holds(target: &Target, client: &mut Client, expected: &BTreeMap<Bytes, Entry>) {
    assert_eq!(client.ask(&["DBSIZE"]), Reply::Int(expected.len() as i64), "{}", target.name);
    for (key, entry) in expected {
        let place = || format!("{}: {}", target.name, key.escape_ascii());
        let Reply::Bytes(payload) = client.ask(&[&b"DUMP"[..], key]) else { panic!("{}", place()) };
        let held = Entry::from_dump(&payload, ZeroChecksum::Compared).unwrap_or_else(|error| panic!("{}: {error}", place()));
        assert!(comparable(&held) == comparable(entry), "{}: {held:?} and not {entry:?}", place());
        let Reply::Int(ttl) = client.ask(&[&b"PTTL"[..], key]) else { panic!("{}", place()) };
        match entry.expires_at_ms {
            None => assert_eq!(ttl, -1, "{}", place()),
            Some(at) => assert!((now_ms() + ttl - at).abs() < 60_000, "{}: {ttl} for {at}", place()),
        }
    }
}

/// Compares what the server holds of its own snapshots with what it holds of ours. Gives the number of keys.
fn compare_with_originals(target: &Target, program: &Path, client: &mut Client, held: &BTreeMap<Bytes, Entry>) -> u64 {
    let mut compared = 0;
    for fixture in fixtures().iter().filter(|fixture| fixture.server == target.name) {
        let dataset = fixture.dataset();
        let has_modules = !dataset.module_data.is_empty()
            || dataset.databases.values().flat_map(BTreeMap::values).any(|entry| !is_known(target, fixture.server, entry));
        if has_modules {
            continue;
        }
        let folder = TempDir::new();
        let server = target.start(program, &folder, &fixture.bytes);
        let mut original = server.client();
        for (db, database) in &dataset.databases {
            assert_eq!(original.ask(&["SELECT", &db.to_string()]), Reply::Status("OK".into()));
            for key in database.keys() {
                let name = name(fixture, *db, key);
                if held.contains_key(&name) {
                    let theirs = digest(&mut original, key);
                    assert_eq!(digest(client, &name), theirs, "{}", name.escape_ascii());
                    compared += u64::from(theirs.is_some());
                }
            }
        }
    }
    compared
}

/// Has every key restored from a payload, in place of what is there.
fn restore(target: &Target, client: &mut Client, entries: &BTreeMap<Bytes, Entry>) {
    let mut dumps = DumpEmitter::new(&EncodeOptions::new(target.version)).unwrap();
    let mut payload = Vec::new();
    let has_replace = target.is_since(7);
    if !has_replace {
        assert_eq!(client.ask(&["FLUSHALL"]), Reply::Status("OK".into()));
    }
    for (key, entry) in entries {
        dumps.write(entry, &mut payload).unwrap();
        let ttl = entry.expires_at_ms.map_or(0, |at| at - now_ms()).to_string();
        let mut command = vec![&b"RESTORE"[..], key, ttl.as_bytes(), &payload];
        if has_replace {
            command.push(b"REPLACE");
        }
        assert_eq!(client.ask(&command), Reply::Status("OK".into()), "{}: {}", target.name, key.escape_ascii());
    }
}

fn takes_everything(server: &'static str) {
    let Some(program) = common::server(server) else { return };
    let version = fixtures().iter().find(|fixture| fixture.server == server).unwrap().version;
    let target = Target { name: server, version };
    let options = EncodeOptions::new(version);
    let mut dataset = Dataset { databases: [(0, everything(&target))].into(), ..Dataset::default() };
    if target.is_since(10) {
        let functions = fixtures().into_iter().find(|fixture| fixture.name() == "redis-7.0/functions").unwrap();
        dataset.functions = functions.dataset().functions;
        assert!(!dataset.functions.is_empty());
    }
    let (snapshot, refused) = encode_what_fits(&mut dataset, &options);
    let entries = &dataset.databases[&0];
    eprintln!("{server}: {} keys, {} refused, {} bytes", entries.len(), refused.len(), snapshot.len());

    let folder = TempDir::new();
    let running = target.start(&program, &folder, &snapshot);
    target.check(&program, &folder.join("dump.rdb"));
    let mut client = running.client();
    assert_holds(&target, &mut client, entries);
    if target.is_since(10) {
        let listed = format!("{:?}", client.ask(&["FUNCTION", "LIST", "WITHCODE"]));
        for function in &dataset.functions {
            assert!(listed.contains(&format!("{:?}", Reply::Bytes(function.code.to_vec()))), "{listed}");
        }
    }
    let compared = compare_with_originals(&target, &program, &mut client, entries);
    assert!(compared > 150 || !target.is_since(9), "{server}: only {compared} digests");

    let sums = |client: &mut Client| entries.keys().map(|key| digest(client, key)).collect::<Vec<_>>();
    let before = sums(&mut client);
    restore(&target, &mut client, entries);
    assert_holds(&target, &mut client, entries);
    assert_eq!(sums(&mut client), before, "{server}");
}

macro_rules! servers {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                takes_everything($name);
            }
        )*

        #[test]
        fn no_server_is_left_out() {
            assert_eq!([$($name),*], common::SERVERS);
        }
    };
}

servers! {
    redis_2_8_takes_everything: "redis-2.8",
    redis_3_2_takes_everything: "redis-3.2",
    redis_5_0_takes_everything: "redis-5.0",
    redis_6_2_takes_everything: "redis-6.2",
    redis_7_0_takes_everything: "redis-7.0",
    redis_8_0_takes_everything: "redis-8.0",
    redis_8_6_takes_everything: "redis-8.6",
    valkey_8_1_takes_everything: "valkey-8.1",
    valkey_9_1_takes_everything: "valkey-9.1",
}

/// Streams of Redis 5.0 to 6.2 lack counters. What later servers make of them is what a dataset says.
#[test]
fn later_servers_derive_the_counters_of_old_streams_as_we_do() {
    for name in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        let Some(program) = common::server(name) else { continue };
        let version = fixtures().iter().find(|fixture| fixture.server == name).unwrap().version;
        let target = Target { name, version };
        for fixture in fixtures().iter().filter(|fixture| fixture.version == Version::redis(9) && fixture.case == "streams") {
            let folder = TempDir::new();
            let server = target.start(&program, &folder, &fixture.bytes);
            let entries = fixture.dataset().databases.remove(&0).unwrap();
            assert!(entries.len() > 10);
            assert_holds(&target, &mut server.client(), &entries);
        }
    }
}
