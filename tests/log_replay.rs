//! Data written as a log and replayed are the same data: every fixture, for every version that holds it.

mod common;
mod datasets;

use aikv::aof::{Decoder, Event};
use aikv::model::{Collected, Collector, Dataset, EncodeOptions, Entry, LogEmitter, Replay, ReplayOptions, Value};
use aikv::rdb::{self, Eviction, Version};
use datasets::{content, fixtures};
use std::collections::BTreeMap;

fn replay(log: &[u8]) -> Dataset {
    // Behind every delivery in a fixture: a later one would be put to this time.
    let mut replay = Replay::new(ReplayOptions::new(1_900_000_000_000, [1, 2]));
    let mut decoder = Decoder::new();
    let mut input = log;
    while !input.is_empty() {
        let offset = decoder.offset();
        let step = decoder.step(input).unwrap();
        input = &input[step.consumed..];
        if let Some(Event::Command(command)) = step.event {
            replay.command(command, offset).unwrap();
        }
    }
    decoder.finish().unwrap();
    let (dataset, report) = replay.finish().unwrap();
    assert!(report.skipped.is_empty() && report.failed.is_empty(), "{report:?}");
    dataset
}

/// What a log of commands keeps of a dataset, if it is written for this version.
fn kept(dataset: &Dataset, version: Version) -> Dataset {
    let mut kept = content(dataset.clone());
    kept.aux.clear();
    for entry in kept.databases.values_mut().flat_map(BTreeMap::values_mut) {
        entry.eviction = Eviction::None;
        if let Value::Stream(stream) = &mut entry.value {
            for consumer in stream.groups.iter_mut().flat_map(|group| &mut group.consumers) {
                (consumer.seen_at_ms, consumer.active_at_ms) = (0, 0);
            }
            if version.number() < 10 {
                // A server with counters is not told what they are: it counts an entry that is trimmed at once.
                stream.entries_added = 0;
                stream.groups.iter_mut().for_each(|group| group.entries_read = None);
            }
        }
    }
    kept
}

#[test]
fn a_replayed_log_is_the_data_that_was_written() {
    let redis = [6, 7, 8, 9, 10, 11, 12, 13, 15].map(Version::redis);
    for fixture in fixtures() {
        let mut written = 0;
        for version in redis.into_iter().chain([Version::valkey(80)]) {
            let options = EncodeOptions::new(version);
            let mut dataset = fixture.dataset();
            dataset.module_data.clear();
            // What the version has no form for is left out, as other tests show.
            let mut emitter = LogEmitter::new(&options).unwrap();
            let mut out = Vec::new();
            dataset.functions.retain(|function| emitter.function(function, &mut out).is_ok());
            for (db, database) in &mut dataset.databases {
                emitter.select_db(*db, &mut out).unwrap();
                database.retain(|key, entry: &mut Entry| emitter.entry(key, entry, &mut out).is_ok());
            }
            assert_eq!(emitter.offset(), out.len() as u64);
            let log = dataset.to_log(&options).unwrap();
            let (found, expected) = (kept(&replay(&log), version), kept(&dataset, version));
            assert!(found == expected, "{} as {version}: {}", fixture.name(), first_difference(&found, &expected));
            written += expected.databases.values().map(BTreeMap::len).sum::<usize>();
        }
        assert!(written > 0 || fixture.dataset().databases.values().all(BTreeMap::is_empty), "{}", fixture.name());
    }
}

fn first_difference(found: &Dataset, expected: &Dataset) -> String {
    for (db, database) in &expected.databases {
        for (key, entry) in database {
            let other = found.databases.get(db).and_then(|database| database.get(key));
            if other != Some(entry) {
                return format!("{db} {}: {other:?} and not {entry:?}", key.escape_ascii());
            }
        }
    }
    "something beside the keys".into()
}

/// A snapshot becomes a log one entry at a time, in the order of the snapshot.
#[test]
fn a_snapshot_is_rewritten_as_it_is_read() {
    for fixture in fixtures().iter().filter(|fixture| fixture.server == "redis-8.6" && fixture.dataset().module_data.is_empty()) {
        let mut emitter = LogEmitter::new(&EncodeOptions::new(fixture.version)).unwrap();
        let mut collector = Collector::new(1 << 30);
        let mut decoder = rdb::Decoder::new();
        let mut log = Vec::new();
        let mut selected = None;
        let mut input = &fixture.bytes[..];
        while !decoder.is_done() {
            let step = decoder.step(input).unwrap();
            input = &input[step.consumed..];
            let Some(event) = &step.event else { continue };
            match collector.push(event).unwrap() {
                Some(Collected::Entry { db, key, entry }) => {
                    if selected != Some(db) {
                        emitter.select_db(db, &mut log).unwrap();
                        selected = Some(db);
                    }
                    emitter.entry(&key, &entry, &mut log).unwrap();
                }
                Some(Collected::Function(function)) => emitter.function(&function, &mut log).unwrap(),
                _ => {}
            }
        }
        let (found, expected) = (kept(&replay(&log), fixture.version), kept(&fixture.dataset(), fixture.version));
        assert!(found == expected, "{}: {}", fixture.name(), first_difference(&found, &expected));
    }
}
