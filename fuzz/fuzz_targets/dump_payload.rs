//! Any bytes as a `DUMP` payload, as they are and with the checksum put right:
//! one that is read is the same when its value is sealed again, and written
//! from its events it says the same, under its own version and the newest. What
//! a check finds wrong with it is what keeps it from becoming data.
#![no_main]

use aikv::error::{Error, ErrorKind, Place};
use aikv::jobs::{Check, Job, Severity};
use aikv::model::{EncodeOptions, Entry};
use aikv::rdb::{Dialect, DumpEncoder, DumpPayload, Event, Version, ZeroChecksum, seal};
use aikv::wire::Limits;
use aikv_fuzz::Meaning;
use libfuzzer_sys::fuzz_target;

/// What is read may be larger when it is written than it was compressed.
const LIMITS: Limits = Limits { max_item_bytes: 1 << 20 };
const WRITTEN_LIMITS: Limits = Limits { max_item_bytes: 4 << 20 };

fn meaning(payload: DumpPayload<'_>, limits: Limits) -> Result<Meaning, Error> {
    let mut meaning = Meaning::default();
    payload.each_within(limits, |event, _| {
        meaning.add(event).expect("its elements were checked");
        Ok(())
    })?;
    Ok(meaning)
}

/// The payload as `version` writes it, if it can.
fn write(payload: DumpPayload<'_>, version: Version) -> Option<Vec<u8>> {
    let mut encoder = DumpEncoder::new(version);
    let mut written = Vec::new();
    let result = payload.each_within(LIMITS, |event, _| encoder.write(event, &mut written));
    match result {
        Ok(()) => encoder.finish(&mut written).expect("the value is whole"),
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Unrepresentable { .. }), "{error}");
            return None;
        }
    }
    Some(written)
}

/// Whether a check of the value finds nothing that a server would refuse.
fn is_sound(payload: DumpPayload<'_>) -> bool {
    let mut check = Check::new([1, 2], 1 << 20);
    let read = payload.each_within(LIMITS, |event, raw| {
        check.push(event, raw).expect("its elements were checked");
        Ok(())
    });
    read.expect("it was read before");
    check.take_findings().iter().all(|finding| finding.severity != Severity::Error)
}

/// Data that is decoded again from what it was encoded to is the same data.
fn data(bytes: &[u8], payload: DumpPayload<'_>, newest: Version) {
    let entry = Entry::from_dump(bytes, ZeroChecksum::Compared);
    // Servers take the last slot of an index, so a check only warns of the ones before it.
    let is_slot_twice = |error: &Error| *error.kind() == ErrorKind::Duplicate { expected: "an index once in its array" };
    assert_eq!(entry.as_ref().err().is_none_or(is_slot_twice), is_sound(payload), "{:?}", entry.err());
    let Ok(mut entry) = entry else { return };
    let options = EncodeOptions::new(newest);
    let encoded = entry.to_dump(&options).expect("the newest version has a form for everything");
    let mut again = Entry::from_dump(&encoded, ZeroChecksum::Compared).expect("what was encoded is decoded");
    entry.canonicalize();
    again.canonicalize();
    assert_eq!(again, entry);
}

fn check(bytes: &[u8]) {
    let payload = match DumpPayload::parse(bytes, ZeroChecksum::Compared) {
        Ok(payload) => payload,
        Err(error) => return assert!(error.offset() <= bytes.len() as u64, "{error}"),
    };
    assert_eq!(DumpPayload::parse(bytes, ZeroChecksum::Absent).as_ref(), Ok(&payload));
    let mut raw = Vec::new();
    let read = payload.each_within(LIMITS, |_, bytes| {
        raw.extend_from_slice(bytes);
        Ok(())
    });
    if let Err(error) = read {
        return assert!(error.offset() <= payload.body().len() as u64, "{error}");
    }
    assert_eq!(raw, payload.body(), "the steps are the value");
    seal(&mut raw, payload.version());
    assert_eq!(raw, bytes, "sealed again");

    let expected = meaning(payload, LIMITS).expect("it was read before");
    let newest = match payload.version().dialect() {
        Dialect::Redis => Version::redis(Version::REDIS_MAX),
        Dialect::Valkey => Version::valkey(Version::VALKEY_MAX),
    };
    // Small values may expand to much.
    if bytes.len() < 4096 {
        data(bytes, payload, newest);
    }
    for version in [payload.version(), newest] {
        let Some(written) = write(payload, version) else {
            assert_ne!(version, newest, "the newest version knows every type");
            continue;
        };
        let again = DumpPayload::parse(&written, ZeroChecksum::Compared).expect("it was sealed");
        assert_eq!(meaning(again, WRITTEN_LIMITS).expect("what was written is read"), expected, "{version}");
        if again.body().len() < 1 << 20 {
            assert_eq!(write(again, version).as_ref(), Some(&written), "writing it once more changes nothing");
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    // A stop in the middle is the caller's own error.
    let error = Error::new(ErrorKind::Truncated { needed: 1 }, 0, Place::default());
    if let Ok(payload) = DumpPayload::parse(bytes, ZeroChecksum::Absent) {
        let result = payload.each_within(LIMITS, |event, _| if let Event::Key(_) = event { Ok(()) } else { Err(error.clone()) });
        assert!(result.is_err());
    }
    check(bytes);
    let Some((body, [low, high, ..])) = bytes.split_last_chunk::<10>() else { return };
    let number = u64::from(u16::from_le_bytes([*low, *high]));
    let version = if number < Version::VALKEY_MIN { Version::redis(number) } else { Version::valkey(number) };
    let mut sealed = body.to_vec();
    seal(&mut sealed, version);
    check(&sealed);
});
