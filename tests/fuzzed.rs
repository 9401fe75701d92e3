//! What fuzzing found, each by its smallest input.

use aikv::Error;
use aikv::rdb::{Decoder, Encoder, Version};

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
    // A stream of no entries with a group that has read one.
    let bytes = file("REDIS0010", "13 016B 00 00 0000 0000 0000 00 01 | 0167 0000 01 00 00");
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

/// Metadata is held back until its key comes, but not past a number of Redis Enterprise: what is written
/// says the same in the same order.
#[test]
fn metadata_stays_before_a_number_of_redis_enterprise() {
    let bytes = file("REDIS0013", "F3 01 00000000 00 | 6B 05 | 00 016B 0176");
    let mut encoder = Encoder::with_checksum(Version::redis(13)).without_compression();
    let mut written = Vec::new();
    let mut decoder = Decoder::new();
    let mut input = &bytes[..];
    while !input.is_empty() {
        let step = decoder.step(input).unwrap();
        input = &input[step.consumed..];
        if let Some(event) = &step.event {
            encoder.write(event, &mut written).unwrap();
        }
    }
    encoder.finish().unwrap();
    assert_eq!(written, bytes);
}
