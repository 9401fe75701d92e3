//! What fuzzing found, each by its smallest input.

use aikv::Error;
use aikv::error::ErrorKind;
use aikv::jobs::{Check, Job};
use aikv::model::{EncodeOptions, Entry, Value};
use aikv::rdb::{Decoder, DumpPayload, Encoder, Event, Version, ZeroChecksum};

/// Bytes from hexadecimal digits; blanks and bars are for the reader.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A snapshot without a checksum.
fn file(version: &str, records: &str) -> Vec<u8> {
    [version.as_bytes(), &hex(records), b"\xff\0\0\0\0\0\0\0\0"].concat()
}

/// The bytes of every step that has some.
fn steps(bytes: &[u8], mut decoder: Decoder, chunk: usize) -> Result<Vec<Vec<u8>>, Error> {
    let mut steps = Vec::new();
    for mut input in bytes.chunks(chunk) {
        loop {
            let step = match decoder.step(input) {
                Ok(step) => step,
                Err(fault) => return Err(decoder.dress(fault)),
            };
            input = &input[step.consumed..];
            if !step.raw.is_empty() {
                steps.push(step.raw.to_vec());
            }
            if step.event.is_none() && input.is_empty() {
                break;
            }
        }
    }
    decoder.finish().map(|_| steps)
}

/// A lenient decoder looks into a value to see whether it is empty. What it saw
/// belongs to the steps behind the key, in whichever chunk it came.
#[test]
fn a_lenient_look_ahead_takes_no_bytes() {
    let bytes = file("REDIS0012", "14 016B 09 | 09000000 0100 8001 FF");
    let whole = steps(&bytes, Decoder::new().leniently(), usize::MAX).unwrap();
    assert_eq!(whole, [&bytes[..9], &bytes[9..12], &bytes[12..22], &bytes[22..]]);
    for chunk in [1, 2, 3, 7] {
        let cut = steps(&bytes, Decoder::new().leniently(), chunk);
        assert_eq!(cut.as_ref(), Ok(&whole), "in chunks of {chunk}");
    }
}

/// What was passed over in a step that ran short is told once, when the step is whole.
#[test]
fn deviations_are_told_once() {
    // A stream of no entries with a group that has read 2^63, which is below -1 as servers read it.
    let bytes = file("REDIS0010", "13 016B 00 00 0000 0000 0000 00 01 | 0167 0000 818000000000000000 00 00");
    let told = |chunk: usize| {
        let mut decoder = Decoder::new().leniently();
        let mut told = Vec::new();
        for mut input in bytes.chunks(chunk) {
            loop {
                let step = decoder.step(input).unwrap();
                input = &input[step.consumed..];
                let has_event = step.event.is_some();
                told.extend(decoder.deviations());
                if !has_event && input.is_empty() {
                    break;
                }
            }
        }
        decoder.finish().map(|_| told)
    };
    let whole = told(usize::MAX).unwrap();
    assert_eq!(whole.iter().map(|error| (error.code(), error.offset())).collect::<Vec<_>>(), [("bad-value", 26)]);
    for chunk in [1, 2, 3, 7] {
        assert_eq!(told(chunk).as_ref(), Ok(&whole), "in chunks of {chunk}");
    }
}

/// What an encoder makes of the events of a file.
fn rewritten(bytes: &[u8], mut encoder: Encoder) -> Vec<u8> {
    let mut written = Vec::new();
    let mut decoder = Decoder::new();
    let mut input = bytes;
    while !input.is_empty() {
        let step = decoder.step(input).unwrap();
        input = &input[step.consumed..];
        if let Some(event) = &step.event {
            encoder.write(event, &mut written).unwrap();
        }
    }
    encoder.finish().unwrap();
    written
}

/// Metadata is held back until its key comes, but not past a number of Redis Enterprise: what is written
/// says the same in the same order.
#[test]
fn metadata_stays_before_a_number_of_redis_enterprise() {
    let bytes = file("REDIS0013", "F3 01 00000000 00 | 6B 05 | 00 016B 0176");
    let written = rewritten(&bytes, Encoder::with_checksum(Version::redis(13)).without_compression());
    assert_eq!(written, bytes);
}

/// A file that ends between two parts of a value that is passed over lacks the same, whatever its chunks.
#[test]
fn a_cut_value_that_is_passed_over_lacks_the_same_in_chunks() {
    // A stream with a group that has a pending entry, up to that entry.
    let bytes = [&b"REDIS0010"[..], &hex("13 016B 00 00 0000 0000 0000 00 01 | 0167 0000 00 01")].concat();
    let ends = |chunk: usize| {
        let mut decoder = Decoder::new();
        for mut input in bytes.chunks(chunk) {
            while !input.is_empty() {
                let step = decoder.step(input).unwrap();
                input = &input[step.consumed..];
                if let Some(Event::Key(_)) = step.event {
                    decoder.skip_value();
                }
            }
        }
        decoder.finish().unwrap_err()
    };
    let whole = ends(usize::MAX);
    assert_eq!((whole.kind(), whole.offset()), (&ErrorKind::Truncated { needed: 1 }, bytes.len() as u64));
    for chunk in 1..bytes.len() {
        assert_eq!(ends(chunk), whole, "in chunks of {chunk}");
    }
}

/// Redis before 7.0 lets `XSETID` go back below entries that were deleted: those stand in their node
/// above the last id and out of order.
#[test]
fn deleted_entries_may_be_above_the_last_id() {
    // DUMP by Redis 6.2.14 behind XADD 1-1, XADD 2-2, XDEL 2-2, XSETID 1-1, XADD 1-2.
    let payload =
        hex("0F 01 10 0000000000000001 0000000000000001 C3 28 33 073300000014000201400007816602000102010020010581760204010340
         14800A4015800A0101FF 02 0102 00 0900 D9B3B21667109A84");
    let payload = DumpPayload::parse(&payload, ZeroChecksum::Compared).unwrap();
    let mut check = Check::new([1, 2], 1 << 20);
    payload.each(|event, raw| check.push(event, raw).map(drop).map_err(|_| unreachable!("its elements were checked"))).unwrap();
    assert_eq!(check.take_findings(), []);
}

/// A text that is an integer gets the tag that the server gives it, whatever tag and form it came in.
#[test]
fn integers_of_arrays_have_their_tag() {
    let ours = |slot: &str| file("REDIS0014", &format!("1C 016B 01 00 | 00 {slot}"));
    let own = ours("01 0A00000000000000");
    for slot in ["00 02 3130", "03 02 3130", "00 C0 0A", "03 C1 0A00", "01 0A00000000000000"] {
        assert_eq!(rewritten(&ours(slot), Encoder::with_checksum(Version::redis(14))), own, "{slot}");
    }
}

/// `XGROUP SETID` takes any number of entries that a group has read, and a server loads what it saved.
#[test]
fn a_group_may_have_read_more_entries_than_were_added() {
    // DUMP by Redis 7.0.15 behind XADD s 1-1 a b, XGROUP CREATE s g 0, XGROUP SETID s g 0 ENTRIESREAD 100.
    let payload = hex("13 01 10 0000000000000001 0000000000000001 1D 1D0000000A000101000101018161020001020100010001816202
         0401FF 01 0101 0101 0000 01 01 0167 0000 4064 00 00 0A00 B33C17E99B8DA7C4");
    let entry = Entry::from_dump(&payload, ZeroChecksum::Compared).unwrap();
    let Value::Stream(stream) = &entry.value else { panic!("a stream") };
    assert_eq!(stream.groups[0].entries_read, Some(100));
    let written = entry.to_dump(&EncodeOptions::new(Version::redis(10))).unwrap();
    assert_eq!(Entry::from_dump(&written, ZeroChecksum::Compared), Ok(entry));
}
