//! Any snapshot, log or JSON Lines converted to a version that follows from its bytes, as a snapshot or as commands: what comes
//! out is read again, and is what went in but for exactly the losses that are told; or it is refused, and they are told too.
#![no_main]

#[path = "../../tests/converting/mod.rs"]
mod converting;

use aikv::aof::write_command;
use aikv::error::ErrorKind;
use aikv::jobs::{Container, ConvertOptions, LoadLog, Reader};
use aikv::model::{ArrayValue, Dataset, DecodeLimits, OnLoss, ReplayOptions, Value};
use aikv::rdb::{SlotValue, Version};
use aikv::wire::Limits;
use aikv_fuzz::{read, seed};
use bytes::Bytes;
use converting::{Conversion, convert_data, convert_in, forget_counters, forget_times, options, without};
use libfuzzer_sys::fuzz_target;

const LIMITS: DecodeLimits = DecodeLimits { item: Limits { max_item_bytes: 1 << 20 }, max_total_bytes: 8 << 20 };

/// The data of a log, and whether servers would refuse a function library in it. The clock is later than all times: `XCLAIM` takes
/// none that is to come.
fn loaded(log: &[u8]) -> Option<(Dataset, bool)> {
    if log.is_empty() {
        return Some((Dataset::default(), false));
    }
    let options = ReplayOptions { databases: u64::MAX, max_total_bytes: 16 << 20, ..ReplayOptions::new(i64::MAX, [1, 2]) };
    let mut load = LoadLog::new(options);
    let mut reader = Reader::new(LIMITS.item);
    reader.feed(log, &mut load).ok()?;
    reader.finish().ok()?;
    load.end_file();
    let (dataset, report) = load.finish().ok()?;
    Some((dataset, report.failed.iter().any(|failed| failed.name == "FUNCTION")))
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

/// A snapshot with its checksum put right, which is out of a fuzzer's reach, and without what follows it.
fn whole(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    let decoder = || aikv::rdb::Decoder::with_limits(LIMITS.item);
    let mut end = read(&bytes, decoder(), |_| Ok(()));
    if let Err(error) = &end
        && let ErrorKind::BadChecksum { computed, .. } = error.kind()
    {
        let at = error.offset() as usize;
        bytes[at..at + 8].copy_from_slice(&computed.to_le_bytes());
        end = read(&bytes, decoder(), |_| Ok(()));
    }
    bytes.truncate(end.ok()?);
    Some(bytes)
}

/// What is compared: data, without fields about a snapshot.
fn data(mut dataset: Dataset) -> Dataset {
    (dataset.source, dataset.aux) = Default::default();
    dataset.databases.retain(|_, database| !database.is_empty());
    dataset.canonicalize();
    dataset
}

/// Commands have the text of a slot; whether a server makes a double of it is its own affair.
fn forget_doubles(dataset: &mut Dataset) {
    for entry in dataset.databases.values_mut().flat_map(|database| database.values_mut()) {
        let Value::Array(array) = &mut entry.value else { continue };
        for (_, slot) in &mut array.slots {
            if let ArrayValue::Float(float) = slot {
                *slot = ArrayValue::Text(SlotValue::Float(*float).with_text(Bytes::copy_from_slice));
            }
        }
    }
}

fn check(source: Dataset, version: Version, container: Container, convert: impl Fn(ConvertOptions) -> Option<Conversion>) {
    let [Some(refused), Some(dropped), Some(degraded)] =
        [OnLoss::Fail, OnLoss::Drop, OnLoss::Degrade].map(|on_loss| convert(options(version, container, on_loss)))
    else {
        return;
    };
    assert_eq!(refused.losses, degraded.losses, "refusing lists what degrading loses");
    assert_eq!(refused.bytes.is_some(), refused.losses.is_empty());
    let what = |conversion: &Conversion| -> Vec<_> {
        conversion.losses.iter().map(|loss| (loss.lost, loss.count, loss.key.clone(), loss.name.clone())).collect()
    };
    assert_eq!(what(&dropped), what(&degraded), "policies differ in what becomes of a loss");
    for Conversion { bytes, losses, .. } in [dropped, degraded] {
        let bytes = bytes.expect("only refusals write nothing");
        let mut expected = without(source.clone(), &losses, version);
        let mut held = if container == Container::Commands {
            let (mut held, refuses_functions) = loaded(&bytes).expect("commands that load");
            if refuses_functions {
                // No server loads the source either: its first line is none that libraries have.
                (held.functions, expected.functions) = Default::default();
            }
            held
        } else {
            Dataset::decode(&bytes).unwrap_or_else(|error| panic!("as {version}: {error}"))
        };
        if container == Container::Commands {
            for dataset in [&mut held, &mut expected] {
                forget_times(dataset, &losses);
                forget_doubles(dataset);
                if version.number() < 10 {
                    forget_counters(dataset);
                }
            }
        } else {
            assert_eq!(Version::from_header(&bytes), Some(version));
        }
        assert_eq!(data(held), data(expected), "as {version}: {losses:?}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let seed = seed(bytes) as usize;
    let versions: Vec<_> = Version::all().collect();
    let version = versions[seed % versions.len()];
    let container = match seed / 256 % 3 {
        // Older servers keep a log in one file.
        0 if version.number() >= 10 => Container::Base,
        1 => Container::Commands,
        _ => Container::Snapshot,
    };
    let dataset = match bytes.first() {
        Some(b'R' | b'V') => {
            let Some(bytes) = whole(bytes) else { return };
            // A name that stands twice is refused by both.
            let Ok(dataset) = Dataset::decode_within(&bytes, LIMITS) else { return };
            return check(dataset, version, container, |options| {
                let converted = convert_in(&bytes, 1 + seed / 1024 % 99, options);
                Some(converted.unwrap_or_else(|error| panic!("as {version}: {error}")))
            });
        }
        Some(b'{') => Dataset::from_json_lines(bytes).ok(),
        Some(b'*' | b'#') => loaded(bytes).map(|(dataset, _)| dataset),
        _ => loaded(&log_of(bytes)).map(|(dataset, _)| dataset),
    };
    let Some(dataset) = dataset else { return };
    let source = dataset.clone();
    check(source, version, container, |options| match convert_data(dataset.clone(), options) {
        Ok(conversion) => Some(conversion),
        // What no version has a form for is told.
        Err(error) if matches!(error.kind(), ErrorKind::Unrepresentable { .. }) => None,
        Err(error) => panic!("as {version}: {error}"),
    });
});
