//! Any bytes as a log, or as lines of commands whose words are apart: replay never panics and keeps to
//! its limit on memory, and what it makes is a data set that newest servers have a form for, which reads back as the same.
#![no_main]

use aikv::aof::{Decoder, Event, write_command};
use aikv::error::ErrorKind;
use aikv::model::{Collector, Dataset, DecodeLimits, EncodeOptions, Replay, ReplayOptions, Value};
use aikv::rdb::Version;
use aikv::wire::Limits;
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { max_item_bytes: 1 << 20 };
const MAX_BYTES: u64 = 16 << 20;

/// Replays a log until something of it is wrong.
fn replay(log: &[u8]) -> Option<Dataset> {
    let options = ReplayOptions { max_total_bytes: MAX_BYTES, ..ReplayOptions::new(1_700_000_000_000, [1, 2]) };
    let mut replay = Replay::new(options);
    let mut decoder = Decoder::with_limits(LIMITS);
    let mut collector = Collector::new(MAX_BYTES);
    let mut rest = log;
    loop {
        let offset = decoder.offset();
        let Ok(step) = decoder.step(rest) else { break };
        rest = &rest[step.consumed..];
        match step.event {
            Some(Event::Command(command)) => replay.command(command, offset).ok()?,
            Some(Event::Snapshot(event)) => match collector.push(&event) {
                Ok(Some(collected)) => replay.load(collected).ok()?,
                Ok(None) => {}
                Err(_) => break,
            },
            None if rest.is_empty() => break,
            _ => {}
        }
    }
    replay.finish().ok().map(|(dataset, _)| dataset)
}

/// Lines of words as a log.
fn log_of(lines: &[u8]) -> Vec<u8> {
    let mut log = Vec::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        write_command(&words, &mut log).expect("a command has a word");
    }
    log
}

/// Whether a group says that it has read more entries than there ever were, which servers take and save, and then do not load.
fn has_read_too_much(value: &Value) -> bool {
    match value {
        Value::Stream(stream) => stream.groups.iter().any(|group| group.entries_read > Some(stream.entries_added)),
        _ => false,
    }
}

fn check(mut dataset: Dataset) {
    for database in dataset.databases.values_mut() {
        database.retain(|_, entry| !has_read_too_much(&entry.value));
    }
    dataset.databases.retain(|_, database| !database.is_empty());
    dataset.canonicalize();
    let newest = Version::all().filter(|version| version.dialect() == Version::redis(9).dialect()).last();
    let encoded = match dataset.encode(&EncodeOptions::new(newest.expect("a version"))) {
        Ok(encoded) => encoded,
        Err(error) => return assert!(matches!(error.kind(), ErrorKind::Unrepresentable { .. }), "{error}"),
    };
    let limits = DecodeLimits { max_total_bytes: 4 * MAX_BYTES, ..DecodeLimits::default() };
    let mut again = Dataset::decode_within(&encoded, limits).unwrap_or_else(|error| panic!("{error}: {dataset:?}"));
    again.source = dataset.source;
    again.canonicalize();
    assert_eq!(again, dataset);
}

fuzz_target!(|bytes: &[u8]| {
    let dataset = match bytes.first() {
        Some(b'*' | b'#' | b'R' | b'V') => replay(bytes),
        _ => replay(&log_of(bytes)),
    };
    if let Some(dataset) = dataset {
        check(dataset);
    }
});
