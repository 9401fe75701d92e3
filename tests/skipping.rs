//! Values that are passed over: what is told beside them stays the same, wherever the skipping
//! begins and however the bytes arrive; and nothing of them is held or looked at.

mod support;

use aikv::Error;
use aikv::rdb::{Checksum, Decoder, Encoder, Event, Summary, Version};
use aikv::wire::Limits;
use std::fs;
use support::{file, fixtures, hex, length, listpack, newer, outcome, string, value};

const SIZES: [usize; 7] = [1, 2, 3, 7, 64, 4096, usize::MAX];

/// When a value is passed over.
#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    /// Never; but its parts are left out of what is told.
    Nowhere,
    /// From its key on.
    Key,
    /// From its part of this number on, 0 for the first.
    Part(usize),
}

/// What was told beside values.
#[derive(Debug, PartialEq)]
struct Told {
    events: Vec<String>,
    end: Result<Summary, Error>,
    /// Parts of values that came.
    parts: usize,
}

fn told(bytes: &[u8], chunk: usize, limits: Limits, from: From) -> Told {
    let mut decoder = Decoder::with_limits(limits);
    let mut told = Told { events: Vec::new(), end: Err(outcome(b"").unwrap_err()), parts: 0 };
    let mut part = 0;
    for mut input in bytes.chunks(chunk) {
        loop {
            let step = match decoder.step(input) {
                Ok(step) => step,
                Err(fault) => return Told { end: Err(decoder.dress(fault)), ..told },
            };
            input = &input[step.consumed..];
            match &step.event {
                None if input.is_empty() => break,
                None => {}
                Some(Event::Value(_)) => {
                    told.parts += 1;
                    if from == From::Part(part) {
                        decoder.skip_value();
                    }
                    part += 1;
                }
                Some(event) => {
                    told.events.push(format!("{event:?}"));
                    part = 0;
                    if matches!(event, Event::Key(_)) && from == From::Key {
                        decoder.skip_value();
                    }
                }
            }
        }
    }
    told.end = decoder.finish();
    told
}

/// Everything but the values is the same, and the values are not told of.
fn must_be_passed_over(name: &str, bytes: &[u8]) {
    let read = told(bytes, usize::MAX, Limits::default(), From::Nowhere);
    assert!(read.end.is_ok(), "{name}: {:?}", read.end);
    for from in [From::Key, From::Part(0), From::Part(1), From::Part(3)] {
        for size in SIZES {
            let skipped = told(bytes, size, Limits::default(), from);
            let first = read.events.iter().zip(&skipped.events).find(|(a, b)| a != b);
            assert_eq!(first, None, "{name}: first event that differs, from {from:?} in chunks of {size}");
            assert_eq!(skipped.events.len(), read.events.len(), "{name}: events, from {from:?} in chunks of {size}");
            assert_eq!(skipped.end, read.end, "{name}: the end, from {from:?} in chunks of {size}");
            assert!(from != From::Key || skipped.parts == 0, "{name}: parts of values came in chunks of {size}");
        }
    }
}

#[test]
fn every_fixture_says_the_same_beside_its_values() {
    let mut verified = 0;
    for path in fixtures() {
        let bytes = fs::read(&path).unwrap();
        if let Ok(summary) = outcome(&bytes) {
            must_be_passed_over(&path.display().to_string(), &bytes);
            verified += usize::from(summary.checksum == Checksum::Verified);
        }
    }
    assert!(verified > 100, "{verified} snapshots with a checksum");
}

#[test]
fn newer_files_say_the_same_beside_their_values() {
    for (name, bytes) in newer::files() {
        must_be_passed_over(name, &bytes);
    }
}

/// A value of every length that takes another form, with what is behind it.
#[test]
fn strings_of_every_form_are_passed_over() {
    for len in [0, 1, 63, 64, 16_383, 16_384, 65_536, 200_000] {
        let text = vec![b'x'; len];
        must_be_passed_over("string", &value(0, &string(&text)));
        must_be_passed_over("list", &value(1, &[&length(2)[..], &string(&text), b"\x01a"].concat()));
        must_be_passed_over("hash", &value(4, &[&length(1)[..], b"\x01f", &string(&text)].concat()));
    }
    for text in ["C0 7b", "C1 0080", "C2 ffffff7f", "C3 12 43E8 01 6161 E0FF00 E0FF00 E0FF00 E0C300 01 6161", "8000000003 616263"]
    {
        must_be_passed_over(text, &value(0, &hex(text)));
        must_be_passed_over(text, &value(2, &[&length(1)[..], &hex(text)].concat()));
    }
    let scores = [&b"\x03\x01a\x031.5\x01b\xfe\x01c\xff"[..]].concat();
    must_be_passed_over("scores as text", &value(3, &scores));
}

/// A limit on items does not hold for what is not held.
#[test]
fn values_beyond_the_limit_are_passed_over() {
    let limits = Limits { max_item_bytes: 100 };
    let long = string(&[b'x'; 1000]);
    let list = [&length(3)[..], &long, &long, &long].concat();
    for bytes in [value(0, &long), value(1, &list), value(16, &long), value(18, &[&b"\x01\x02"[..], &long].concat())] {
        for size in SIZES {
            let skipped = told(&bytes, size, limits, From::Key);
            assert_eq!(skipped.end.map(|summary| summary.checksum), Ok(Checksum::Verified), "chunks of {size}");
        }
    }
}

/// What has to be read to know where the value ends is held, within the limit.
#[test]
fn what_is_read_to_skip_is_held_within_the_limit() {
    let limits = Limits { max_item_bytes: 100 };
    let module = [&hex("81123456789abcdef0 05")[..], &string(&[b'x'; 1000]), b"\x00"].concat();
    let whole = told(&value(7, &module), usize::MAX, limits, From::Key).end.unwrap_err();
    assert_eq!((whole.code(), whole.offset()), ("limit-exceeded", support::VALUE_AT + 9));
    for size in SIZES {
        assert_eq!(told(&value(7, &module), size, limits, From::Key).end.unwrap_err(), whole, "in chunks of {size}");
    }
}

/// What is wrong within a value is nobody's business; where it ends is.
#[test]
fn only_lengths_are_read() {
    let damaged = value(16, &string(b"no listpack"));
    assert_eq!(outcome(&damaged).unwrap_err().code(), "bad-packed");
    let bomb = value(0, &hex("C3 05 80ffffffff 0102030405"));
    assert_eq!(outcome(&bomb).unwrap_err().code(), "bad-length");
    for bytes in [damaged, bomb] {
        assert!(told(&bytes, usize::MAX, Limits::default(), From::Key).end.is_ok());
    }
    for (value_type, bytes, code) in [
        (0, hex("C4 00"), "bad-encoding"),
        (1, hex("00"), "bad-value"),
        (1, hex("02 0161 CA"), "bad-encoding"),
        (18, hex("01 C0 00"), "bad-encoding"),
        (2, hex("82 00"), "bad-encoding"),
    ] {
        let whole = told(&value(value_type, &bytes), usize::MAX, Limits::default(), From::Key).end.unwrap_err();
        for size in SIZES {
            let refused = told(&value(value_type, &bytes), size, Limits::default(), From::Key).end.unwrap_err();
            assert_eq!(refused, whole, "in chunks of {size}");
            assert_eq!(refused.code(), code, "type {value_type}, {bytes:02x?} in chunks of {size}: {refused}");
            assert_eq!(refused.place().key.as_ref().map(ToString::to_string).as_deref(), Some("k"));
        }
    }
}

/// A stream is passed over from any of its parts, though its entries are then not counted.
#[test]
fn streams_are_passed_over_from_every_part() {
    let node = [
        &hex("10 0000000000000001 0000000000000001")[..],
        &string(&listpack(10, &hex("0101 0001 0101 816602 0001 0201 0001 0001 817602 0401"))),
    ]
    .concat();
    let stream = [
        &hex("01")[..],
        &node,
        &hex("01 0101 0101 0000 01 01 0167 0101 01 01 0000000000000001 0000000000000001 0100000000000000 01"),
        &hex("01 0163 0200000000000000 0300000000000000 01 0000000000000001 0000000000000001"),
    ]
    .concat();
    let bytes = file(11, &[b"\x15\x01x", &stream[..], b"\x00\x01s\x01v"].concat());
    let read = told(&bytes, usize::MAX, Limits::default(), From::Nowhere);
    for part in 0..read.parts {
        for size in SIZES {
            let skipped = told(&bytes, size, Limits::default(), From::Part(part));
            assert_eq!((&skipped.events, &skipped.end), (&read.events, &read.end), "from part {part} in chunks of {size}");
        }
    }
}

#[test]
fn every_prefix_is_truncated() {
    let files = newer::files().into_iter().filter(|(_, bytes)| bytes.len() < 2000);
    for (name, bytes) in files {
        for len in 0..bytes.len() {
            let whole = told(&bytes[..len], usize::MAX, Limits::default(), From::Key).end;
            for size in [1, 3, 16] {
                let error = told(&bytes[..len], size, Limits::default(), From::Key).end.expect_err("a prefix is not whole");
                assert_eq!(Err(&error), whole.as_ref(), "{name}, {len} bytes in chunks of {size}");
                assert_eq!(error.code(), "truncated", "{name}, {len} bytes in chunks of {size}: {error}");
                assert!(error.offset() <= len as u64, "{name}, {len} bytes in chunks of {size}: {error}");
            }
        }
    }
}

/// Between keys there is nothing to pass over.
#[test]
fn without_a_value_in_hand_nothing_is_skipped() {
    let bytes = value(0, &string(b"v"));
    let read = told(&bytes, usize::MAX, Limits::default(), From::Nowhere);
    let mut decoder = Decoder::new();
    let mut input = &bytes[..];
    let mut events = Vec::new();
    while !input.is_empty() || !decoder.is_done() {
        decoder.skip_value();
        let step = decoder.step(input).unwrap();
        input = &input[step.consumed..];
        events.extend(step.event.map(|event| format!("{event:?}")));
    }
    assert_eq!(events, read.events, "the value was passed over, and nothing else");
}

/// The bytes of a skipped value come with no step, so a copy without them is refused, never written.
#[test]
fn a_skipped_value_is_not_copied_without_its_bytes() {
    for from in 1..3 {
        // A list of three items, skipped from its key or behind its first item.
        let bytes = value(1, &hex("03 0161 0162 0163"));
        for size in [1, 3, usize::MAX] {
            let mut decoder = Decoder::new();
            let mut encoder = Encoder::new(Version::from_header(&bytes).unwrap());
            let mut out = Vec::new();
            let mut events = 0;
            let mut copied = Ok(());
            'copy: for mut input in bytes.chunks(size.min(bytes.len())) {
                while !input.is_empty() {
                    let step = decoder.step(input).unwrap();
                    input = &input[step.consumed..];
                    copied = encoder.copy(&step, &mut out);
                    if copied.is_err() {
                        break 'copy;
                    }
                    let is_of_key = matches!(step.event, Some(Event::Key(_) | Event::Value(_)));
                    events += usize::from(is_of_key);
                    if is_of_key && events == from {
                        decoder.skip_value();
                    }
                }
            }
            assert_eq!(copied.unwrap_err().code(), "out-of-order", "after {from} events, in chunks of {size}");
        }
    }
}
