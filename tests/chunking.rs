//! What a snapshot says does not depend on how its bytes arrive.

mod support;

use aikv::Error;
use aikv::rdb::{Event, Part, StreamPart, Summary};
use aikv::wire::Limits;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use support::{file, fixtures, head, hex, length, listpack, newer, read, read_leniently, string, value};

const SIZES: [usize; 6] = [1, 2, 3, 7, 64, 4096];

/// Hashes of every event with all its elements, and the bytes of all steps.
#[derive(Debug, PartialEq)]
struct Told {
    events: Vec<u64>,
    raw: Vec<u8>,
    end: Result<Summary, Error>,
}

fn told(bytes: &[u8], chunk: usize, limits: Limits) -> Told {
    let mut events = Vec::new();
    let mut all = Vec::new();
    let end = read(bytes, chunk, limits, |event, raw| {
        let mut hash = DefaultHasher::new();
        // Debug text of a packed part holds its blob, so the entries need no hashing of their own.
        format!("{event:?}").hash(&mut hash);
        raw.hash(&mut hash);
        events.push(hash.finish());
        all.extend_from_slice(raw);
    });
    Told { events, raw: all, end }
}

fn must_not_depend_on_chunks(name: &str, bytes: &[u8], limits: Limits) -> Told {
    let whole = told(bytes, usize::MAX, limits);
    for size in SIZES {
        let cut = told(bytes, size, limits);
        let first = whole.events.iter().zip(&cut.events).position(|(a, b)| a != b);
        assert_eq!(first, None, "{name}: first event that differs in chunks of {size}");
        assert_eq!(whole.events.len(), cut.events.len(), "{name}: number of events in chunks of {size}");
        assert_eq!(whole.end, cut.end, "{name}: the end in chunks of {size}");
        assert!(whole.raw == cut.raw, "{name}: raw bytes in chunks of {size}");
    }
    whole
}

#[test]
fn every_fixture_says_the_same_at_every_chunk_size() {
    for path in fixtures() {
        let bytes = fs::read(&path).unwrap();
        let whole = must_not_depend_on_chunks(&path.display().to_string(), &bytes, Limits::default());
        if whole.end.is_ok() {
            assert!(whole.raw == bytes, "{}: the steps are the file", path.display());
        }
    }
}

/// A file with most of what a snapshot can hold, small enough to be cut everywhere.
fn small_file() -> Vec<u8> {
    let stream = [
        &hex("01 10 0000000000000001 0000000000000001")[..],
        &string(&listpack(10, &hex("0101 0001 0101 816602 0001 0201 0001 0001 817602 0401"))),
        &hex("01 0101 0101 0000 01 01 0167 0101 01 01 0000000000000001 0000000000000001 0100000000000000 01"),
        &hex("01 0163 0200000000000000 0300000000000000 01 0000000000000001 0000000000000001"),
    ]
    .concat();
    let body = [
        &b"\xfa\x09redis-ver\x057.2.5\xfa\x04bits\xc0\x40\xf5\x0d#!lua name=f\n\xfe\x00\xfb\x09\x01"[..],
        &[0xfc],
        &4_102_444_800_000i64.to_le_bytes(),
        b"\xf9\x05\x00\x01s\x05hello",
        b"\xf8\x0a\x00\x01i\xc2\x40\xe2\x01\x00",
        &hex("00 016c C3 12 43E8 01 6161 E0FF00 E0FF00 E0FF00 E0C300 01 6161"),
        b"\x01\x01l\x02\x01a\x01b\x02\x01t\x01\x01m\x04\x01h\x01\x01f\x01v",
        b"\x03\x01y\x02\x01a\x031.5\x01b\xfe\x05\x01z\x01\x01a",
        &1.5f64.to_le_bytes(),
        b"\x10\x01p",
        &string(&listpack(2, &hex("816602 817602"))),
        b"\x12\x01q\x02\x01\x05plain\x02",
        &string(&listpack(1, &hex("0701"))),
        b"\x15\x01x",
        &stream,
        b"\x07\x01m\x81\x12\x34\x56\x78\x9a\xbc\xde\xf0\x01\x05\x02\x06\x03\0\0\x80\x3f\x04\0\0\0\0\0\0\xf0\x3f\x05\x01v\x00",
        b"\xf7\x81\x12\x34\x56\x78\x9a\xbc\xde\xf0\x02\x02\x02\x07\x00",
    ]
    .concat();
    file(11, &body)
}

#[test]
fn the_small_file_is_good() {
    let whole = must_not_depend_on_chunks("small file", &small_file(), Limits::default());
    assert!(whole.end.is_ok(), "{:?}", whole.end);
}

/// Strings longer than a piece come in the same pieces however they arrive.
#[test]
fn long_strings_come_in_fixed_pieces() {
    const PIECE: usize = 65536;
    for len in [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 17] {
        let content: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let bytes = value(0, &string(&content));
        let mut expected: Vec<usize> = content.chunks(PIECE).map(<[u8]>::len).collect();
        for chunk in [usize::MAX, 1000, PIECE, PIECE + 1] {
            let mut pieces = Vec::new();
            let mut found = Vec::new();
            read(&bytes, chunk, Limits::default(), |event, _| {
                if let Event::Value(Part::Bytes { piece, left }) = event {
                    piece.push_to(&mut found);
                    pieces.push(piece.text_len() as usize);
                    assert_eq!(*left as usize + found.len(), len);
                }
            })
            .unwrap();
            assert_eq!(pieces, expected, "{len} bytes in chunks of {chunk}");
            assert!(found == content);
        }
        must_not_depend_on_chunks(&format!("string of {len} bytes"), &bytes, Limits::default());
        expected.clear();
    }
}

#[test]
fn newer_files_say_the_same_at_every_chunk_size() {
    for (name, bytes) in newer::files() {
        let whole = must_not_depend_on_chunks(name, &bytes, Limits::default());
        assert!(whole.end.is_ok(), "{name}: {:?}", whole.end);
        assert!(whole.raw == bytes, "{name}: the steps are the file");
    }
}

/// The small file, and those of newer servers.
fn small_files() -> Vec<(&'static str, Vec<u8>)> {
    [vec![("small file", small_file())], newer::files()].concat()
}

/// A file that ends too early is never taken for a whole one.
#[test]
fn every_prefix_is_cut_or_refused() {
    for (name, bytes) in small_files() {
        for len in 0..bytes.len() {
            let cut = &bytes[..len];
            let whole = read(cut, usize::MAX, Limits::default(), |_, _| ());
            let error = whole.expect_err("a prefix is not whole");
            assert_eq!(error.code(), "truncated", "{name}, {len} bytes: {error}");
            assert!(error.offset() <= len as u64, "{name}, {len} bytes: {error}");
            for chunk in [1, 3, 64] {
                let again = read(cut, chunk, Limits::default(), |_, _| ()).expect_err("a prefix is not whole");
                assert_eq!(again, error, "{name}, {len} bytes in chunks of {chunk}");
            }
            for chunk in [usize::MAX, 1, 7] {
                let (_, end) = read_leniently(cut, chunk, |_, _| ());
                assert_eq!(end.map_err(|error| error.code()), Err("truncated"), "{name}, {len} bytes read leniently");
            }
        }
    }
}

/// Item 9 of the hostile list: no bit can change unseen.
#[test]
fn no_flipped_bit_is_taken_for_good() {
    let mut wrong = Vec::new();
    for (name, bytes) in small_files() {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match read(&flipped, usize::MAX, Limits::default(), |_, _| ()) {
                Ok(summary) => wrong.push(format!("{name}, bit {bit}: {summary:?}")),
                Err(error) => {
                    assert!(error.offset() <= bytes.len() as u64, "{name}, bit {bit}: {error}");
                    let again = read(&flipped, 1, Limits::default(), |_, _| ()).expect_err("the same file");
                    let same = (error.kind(), error.offset());
                    assert_eq!((again.kind(), again.offset()), same, "{name}, bit {bit} in chunks of 1");
                }
            }
            // A lenient decoder says so, if it goes on to the end.
            let whole = read_leniently(&flipped, usize::MAX, |_, _| ());
            assert!(whole.1.is_err() || !whole.0.is_empty(), "{name}, bit {bit}: nothing is said");
            // The key of a value that cannot be read is told only if it is at hand.
            let told = |(deviations, end): (Vec<Error>, Result<Summary, Error>)| {
                (deviations, end.map_err(|error| (error.kind().clone(), error.offset())))
            };
            let again = read_leniently(&flipped, 1, |_, _| ());
            assert_eq!(told(again), told(whole), "{name}, bit {bit}, leniently in chunks of 1");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The limit on an item is one on its bytes, not on the chunks they come in.
#[test]
fn a_limit_holds_however_the_file_is_cut() {
    let limits = Limits { max_item_bytes: 100 };
    let element = |len: usize| value(1, &[&length(1)[..], &string(&vec![b'x'; len])].concat());
    // The step holds the count, the element's length and the element.
    for (len, is_good) in [(10, true), (97, true), (98, false), (1000, false), (100_000, false)] {
        let told = must_not_depend_on_chunks(&format!("element of {len} bytes"), &element(len), limits);
        match told.end {
            Ok(_) => assert!(is_good, "{len} bytes"),
            Err(error) => {
                assert!(!is_good, "{len} bytes: {error}");
                assert_eq!((error.code(), error.offset()), ("limit-exceeded", support::VALUE_AT), "{len} bytes");
            }
        }
    }
    // What is only promised is not too large, but missing.
    let promised = head(11, &[&b"\x01\x01k\x01"[..], &length(1 << 40), b"abc"].concat());
    let told = must_not_depend_on_chunks("promised element", &promised, limits);
    assert_eq!(told.end.unwrap_err().code(), "truncated");
    // Compressed strings count expanded.
    let bomb = value(1, &hex("01 C3 12 43E8 01 6161 E0FF00 E0FF00 E0FF00 E0C300 01 6161"));
    let told = must_not_depend_on_chunks("compressed element", &bomb, limits);
    assert_eq!(told.end.unwrap_err().code(), "limit-exceeded");
}

/// An event that needs no bytes comes also where a chunk ends.
#[test]
fn key_ends_come_with_the_last_byte_of_their_value() {
    let bytes = file(11, b"\x00\x01a\x01v\x00\x01b\x01w");
    let mut decoder = aikv::rdb::Decoder::new();
    let mut ends = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        let mut input = std::slice::from_ref(byte);
        loop {
            let step = decoder.step(input).unwrap();
            input = &input[step.consumed..];
            match step.event {
                Some(Event::KeyEnd { span }) => ends.push((at, span.start, span.end)),
                Some(_) => {}
                None if input.is_empty() => break,
                None => {}
            }
        }
    }
    assert_eq!(ends, [(13, 9, 14), (18, 14, 19)]);
}

/// Streams have no end in themselves: none of their lists may run into the next.
#[test]
fn empty_lists_in_streams_are_passed_over() {
    let empty =
        hex("00 00 0101 0000 0000 00 02 | 0167 0000 00 00 00 | 0168 0000 00 00 01 0163 0200000000000000 0300000000000000 00");
    let mut parts = Vec::new();
    read(&value(21, &empty), 1, Limits::default(), |event, _| {
        if let Event::Value(Part::Stream(part)) = event {
            parts.push(match part {
                StreamPart::Node(_) => "node",
                StreamPart::Meta(_) => "meta",
                StreamPart::Counters(_) => "counters",
                StreamPart::Groups(_) => "groups",
                StreamPart::Group(_) => "group",
                StreamPart::Pending(_) => "pending",
                StreamPart::Consumers(_) => "consumers",
                StreamPart::Consumer(_) => "consumer",
                StreamPart::Owned(_) => "owned",
                other => panic!("{other:?} in a stream of Redis 7.2"),
            });
        }
    })
    .unwrap();
    assert_eq!(parts, ["meta", "counters", "groups", "group", "consumers", "group", "consumers", "consumer"]);
}

/// A log that begins nearly like a snapshot is refused as soon as it can be.
/// Found by fuzzing: `REDq`, then end.
#[test]
fn a_log_that_begins_nearly_like_a_snapshot() {
    let ends = |bytes: &[u8], chunk: usize| {
        let mut decoder = aikv::aof::Decoder::new();
        for mut input in bytes.chunks(chunk) {
            while !input.is_empty() {
                match decoder.step(input) {
                    Ok(step) => input = &input[step.consumed..],
                    Err(fault) => return decoder.dress(fault),
                }
            }
        }
        decoder.finish().expect_err("no whole log")
    };
    for (bytes, code) in [
        (&b"REDq"[..], "bad-command"),
        (b"VA.EE", "bad-command"),
        (b"REDIX0011", "bad-command"),
        (b"RED", "truncated"),
        (b"VALKE", "truncated"),
        (b"REDIS0", "truncated"),
        (b"REDISX", "bad-magic"),
    ] {
        let whole = ends(bytes, usize::MAX);
        assert_eq!(whole.code(), code, "{}", bytes.escape_ascii());
        for chunk in [1, 2, 3] {
            assert_eq!(ends(bytes, chunk), whole, "{} in chunks of {chunk}", bytes.escape_ascii());
        }
    }
}
