//! Every server loads what is converted for it from every other: the data that a source saved, minus exactly what was reported.
//!
//! Sources are written by the servers themselves. A target runs with its strict checks, saves what it holds, and that is
//! compared key by key.

#![cfg(unix)]

mod common;
mod converting;
mod datasets;

use aikv::aof::{BaseFormat, Manifest, ManifestFile, Names, Role};
use aikv::jobs::Container;
use aikv::model::{Dataset, DumpEmitter, EncodeOptions, Loss, OnLoss, Value};
use aikv::rdb::{LoadedBy, Server as ServerName, Target as Named, Version};
use common::{Reply, Server, TempDir};
use converting::{convert, forget_counters, forget_times, without};
use datasets::everything::{Target, comparable, everything};
use datasets::{content, encode_what_fits, fixtures};
use std::fs;
use std::path::Path;

/// A larger value says nothing more here, and takes long to compare eighty times.
const MAX_VALUE_BYTES: usize = 3000;

fn target(name: &'static str) -> Target {
    Target { name, version: Named::from_name(name).unwrap().version() }
}

/// A snapshot that a server saved of all it can hold.
fn saved_by(source: &Target, program: &Path) -> Vec<u8> {
    let mut entries = everything(source);
    let mut dumps = DumpEmitter::new(&EncodeOptions::new(Version::redis(15))).unwrap();
    let mut payload = Vec::new();
    entries.retain(|name, entry| {
        let is_own = name.starts_with(b"edge") || name.starts_with(source.name.as_bytes());
        let is_small = dumps.write(entry, &mut payload).is_err() || payload.len() <= MAX_VALUE_BYTES;
        // Another server has other modules.
        is_own && is_small && !matches!(entry.value, Value::Module(_))
    });
    let some = entries.iter().take(20).map(|(key, entry)| (key.clone(), entry.clone())).collect();
    let mut dataset = Dataset { databases: [(0, entries), (9, some)].into(), ..Dataset::default() };
    if source.is_since(10) {
        let functions = fixtures().into_iter().find(|fixture| fixture.name() == "redis-7.0/functions").unwrap();
        dataset.functions = functions.dataset().functions;
    }
    let (snapshot, _) = encode_what_fits(&mut dataset, &EncodeOptions::new(source.version));
    let folder = TempDir::new();
    let server = source.start(program, &folder, &snapshot);
    saved(&server, &folder)
}

fn saved(server: &Server, folder: &TempDir) -> Vec<u8> {
    assert_eq!(server.client().ask(&["SAVE"]), Reply::Status("OK".into()), "{}", server.log());
    fs::read(folder.join("dump.rdb")).unwrap()
}

/// What two servers must agree in.
fn facts(dataset: Dataset) -> Dataset {
    let mut dataset = content(dataset);
    dataset.aux.clear();
    for database in dataset.databases.values_mut() {
        for entry in database.values_mut() {
            *entry = aikv::model::Entry { expires_at_ms: entry.expires_at_ms, ..comparable(entry) };
        }
    }
    dataset
}

fn assert_holds(place: &str, found: Dataset, expected: Dataset) {
    let (found, expected) = (facts(found), facts(expected));
    assert_eq!(found.databases.keys().collect::<Vec<_>>(), expected.databases.keys().collect::<Vec<_>>(), "{place}");
    for (db, database) in &expected.databases {
        for (key, entry) in database {
            assert_eq!(found.databases[db].get(key), Some(entry), "{place}: {}", key.escape_ascii());
        }
        assert_eq!(found.databases[db].len(), database.len(), "{place}");
    }
    assert_eq!(found.functions, expected.functions, "{place}");
}

/// The content of a server that has started on what `prepare` puts into its folder.
fn content_of(target: &Target, program: &Path, more: &[&str], prepare: impl FnOnce(&TempDir)) -> Dataset {
    let folder = TempDir::new();
    prepare(&folder);
    let mut options = target.options();
    options.extend(more);
    let server = Server::start(program, folder.path(), &options).unwrap_or_else(|log| panic!("{}: {log}", target.name));
    Dataset::decode(&saved(&server, &folder)).unwrap()
}

fn folder_with(base: &[u8], folder: &TempDir) {
    let names = Names::new(b"appendonly.aof").unwrap();
    let path = folder.join("appendonlydir");
    fs::create_dir(&path).unwrap();
    let (base_name, incr) = (names.base(1, BaseFormat::Rdb), names.incr(1));
    let write = |name: &[u8], bytes: &[u8]| fs::write(path.join(std::str::from_utf8(name).unwrap()), bytes).unwrap();
    write(&base_name, base);
    write(&incr, b"");
    let files = vec![ManifestFile::new(base_name, 1, Role::Base), ManifestFile::new(incr, 1, Role::Incr)];
    let mut manifest = Vec::new();
    Manifest { files }.write(&names.manifest(), &mut manifest).unwrap();
    write(&names.manifest(), &manifest);
}

fn is_taken_by_all(source: &'static str) {
    let Some(program) = common::server(source) else { return };
    let source = target(source);
    let snapshot = saved_by(&source, &program);
    let held = Dataset::decode(&snapshot).unwrap();
    let keys: usize = held.databases.values().map(|database| database.len()).sum();
    assert!(keys > 100, "{}: {keys} keys", source.name);
    let loaded_by = loaded_by(&snapshot);
    let mut told = Vec::new();
    for name in common::SERVERS {
        let Some(program) = common::server(name) else { return };
        let target = target(name);
        let version = target.version;
        let place = |what: &str| format!("{} to {name}: {what}", source.name);

        let degraded = convert(&snapshot, version, Container::Snapshot, OnLoss::Degrade);
        let expected = |losses: &[Loss]| without(held.clone(), losses, version);
        let bytes = degraded.bytes.unwrap();
        let found = content_of(&target, &program, &[], |folder| fs::write(folder.join("dump.rdb"), &bytes).unwrap());
        assert_holds(&place("degrade"), found, expected(&degraded.losses));

        let refused = convert(&snapshot, version, Container::Snapshot, OnLoss::Fail);
        assert_eq!(refused.bytes.is_some(), degraded.losses.is_empty(), "{}", place("fail"));
        assert_eq!(refused.losses, degraded.losses, "{}", place("fail"));
        if !degraded.losses.is_empty() {
            let dropped = convert(&snapshot, version, Container::Snapshot, OnLoss::Drop);
            let bytes = dropped.bytes.unwrap();
            let found = content_of(&target, &program, &[], |folder| fs::write(folder.join("dump.rdb"), &bytes).unwrap());
            assert_holds(&place("drop"), found, expected(&dropped.losses));
        } else if loaded_by.contains(&name) {
            // What a server loads as it is, it loads the same.
            let found = content_of(&target, &program, &[], |folder| fs::write(folder.join("dump.rdb"), &snapshot).unwrap());
            assert_holds(&place("as it is"), found, held.clone());
        }

        let commands = convert(&snapshot, version, Container::Commands, OnLoss::Degrade);
        let log = commands.bytes.unwrap();
        let options = ["--appendonly", "yes", "--appendfilename", "a.aof"];
        let mut found = content_of(&target, &program, &options, |folder| fs::write(folder.join("a.aof"), &log).unwrap());
        let mut expected = expected(&commands.losses);
        for dataset in [&mut found, &mut expected] {
            forget_times(dataset, &commands.losses);
            if !target.is_since(10) {
                forget_counters(dataset);
            }
        }
        assert_holds(&place("commands"), found, expected);

        if target.is_since(10) {
            let base = convert(&snapshot, version, Container::Base, OnLoss::Degrade);
            let bytes = base.bytes.unwrap();
            let found = content_of(&target, &program, &["--appendonly", "yes"], |folder| folder_with(&bytes, folder));
            assert_holds(&place("folder"), found, without(held.clone(), &base.losses, version));
        }
        told.push(format!("{name} {}", degraded.losses.len()));
    }
    eprintln!("{}: {keys} keys, losses: {}", source.name, told.join(", "));
}

/// Names of the servers that load a snapshot as it is.
fn loaded_by(snapshot: &[u8]) -> Vec<&'static str> {
    let mut loaded_by = LoadedBy::new();
    let mut decoder = aikv::rdb::Decoder::new();
    let mut rest = snapshot;
    while !rest.is_empty() {
        let step = decoder.step(rest).unwrap();
        rest = &rest[step.consumed..];
        if let Some(event) = step.event {
            loaded_by.push(&event);
        }
    }
    loaded_by.servers().map(ServerName::name).collect()
}

/// What is said of each fixture, asked of each server: it starts on exactly the files that it is said to load.
#[test]
fn servers_load_as_it_is_what_they_are_said_to() {
    let mut refused = 0;
    for name in common::SERVERS {
        let Some(program) = common::server(name) else { return };
        let target = target(name);
        for fixture in fixtures() {
            // Whether it has a module is not said by a file, and some are about other errors.
            if !["field_expiry", "streams", "functions", "lfu", "sets", "lists", "cluster"].contains(&&*fixture.case) {
                continue;
            }
            let is_said = loaded_by(&fixture.bytes).contains(&name);
            let folder = TempDir::new();
            fs::write(folder.join("dump.rdb"), &fixture.bytes).unwrap();
            let started = Server::start(&program, folder.path(), &target.options());
            assert_eq!(started.is_ok(), is_said, "{} by {name}: {:?}", fixture.name(), started.err());
            refused += u64::from(!is_said);
        }
    }
    assert!(refused > 100, "{refused}");
}

macro_rules! sources {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                is_taken_by_all($name);
            }
        )*

        #[test]
        fn no_server_is_left_out() {
            assert_eq!([$($name),*], common::SERVERS);
        }
    };
}

sources! {
    redis_2_8_is_taken_by_all: "redis-2.8",
    redis_3_2_is_taken_by_all: "redis-3.2",
    redis_5_0_is_taken_by_all: "redis-5.0",
    redis_6_2_is_taken_by_all: "redis-6.2",
    redis_7_0_is_taken_by_all: "redis-7.0",
    redis_8_0_is_taken_by_all: "redis-8.0",
    redis_8_6_is_taken_by_all: "redis-8.6",
    valkey_8_1_is_taken_by_all: "valkey-8.1",
    valkey_9_1_is_taken_by_all: "valkey-9.1",
}
