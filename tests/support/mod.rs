//! What the tests of the snapshot decoder share: files made by hand and one
//! loop that reads a file in chunks and walks everything it holds.

#![allow(dead_code)] // every test uses its own share

pub(crate) mod cases;
pub(crate) mod content;
pub(crate) mod newer;

use aikv::Error;
use aikv::rdb::{Decoder, Event, Part, StreamPart, Summary};
use aikv::wire::{Fault, Limits};
use std::fs;
use std::path::{Path, PathBuf};

/// A checksum that owes nothing to the library: one bit at a time.
pub(crate) fn crc64(bytes: &[u8]) -> u64 {
    let mut crc = 0u64;
    for byte in bytes {
        crc ^= u64::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x95ac_9329_ac4b_c9b5 } else { crc >> 1 };
        }
    }
    crc
}

/// A whole file: header, body, EOF opcode and, from version 5, the checksum.
pub(crate) fn file(version: u64, body: &[u8]) -> Vec<u8> {
    let mut file = head(version, body);
    file.push(0xff);
    if version >= 5 {
        let crc = crc64(&file);
        file.extend_from_slice(&crc.to_le_bytes());
    }
    file
}

/// As [`file`], with the magic of Valkey 9 and RDB 80.
pub(crate) fn valkey_file(body: &[u8]) -> Vec<u8> {
    let mut file = [b"VALKEY080", body, &[0xff]].concat();
    let crc = crc64(&file);
    file.extend_from_slice(&crc.to_le_bytes());
    file
}

/// What `DUMP` gives of a value behind its type byte, by a server of that version.
pub(crate) fn payload(version: u16, body: &[u8]) -> Vec<u8> {
    let mut payload = [body, &version.to_le_bytes()].concat();
    let crc = crc64(&payload);
    payload.extend_from_slice(&crc.to_le_bytes());
    payload
}

/// A whole file of RDB 11 whose writer had checksums off.
pub(crate) fn unsummed(body: &[u8]) -> Vec<u8> {
    [&head(11, body)[..], &[0xff], &[0; 8]].concat()
}

/// A file that ends behind its body.
pub(crate) fn head(version: u64, body: &[u8]) -> Vec<u8> {
    let mut file = format!("REDIS{version:04}").into_bytes();
    file.extend_from_slice(body);
    file
}

/// Where the value of [`value`] and [`cut_value`] begins.
pub(crate) const VALUE_AT: u64 = 12;

/// A whole file of RDB 11 whose only key is `k`.
pub(crate) fn value(value_type: u8, bytes: &[u8]) -> Vec<u8> {
    file(11, &[&[value_type, 1, b'k'], bytes].concat())
}

/// As [`value`], but the file ends behind the value's bytes.
pub(crate) fn cut_value(value_type: u8, bytes: &[u8]) -> Vec<u8> {
    head(11, &[&[value_type, 1, b'k'], bytes].concat())
}

/// A length in its shortest form.
pub(crate) fn length(len: u64) -> Vec<u8> {
    match len {
        0..0x40 => vec![len as u8],
        0x40..0x4000 => vec![0x40 | (len >> 8) as u8, len as u8],
        0x4000..=0xffff_ffff => [&[0x80][..], &(len as u32).to_be_bytes()].concat(),
        _ => long_length(len),
    }
}

/// A length of 64 bits.
pub(crate) fn long_length(len: u64) -> Vec<u8> {
    [&[0x81][..], &len.to_be_bytes()].concat()
}

/// A plain string.
pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    [&length(bytes.len() as u64)[..], bytes].concat()
}

/// A listpack with a right frame around `entries`, which state their count.
pub(crate) fn listpack(count: u16, entries: &[u8]) -> Vec<u8> {
    let total = (entries.len() + 7) as u32;
    [&total.to_le_bytes()[..], &count.to_le_bytes(), entries, &[0xff]].concat()
}

/// A ziplist with a right frame; `tail` is where the last entry starts.
pub(crate) fn ziplist(count: u16, tail: u32, entries: &[u8]) -> Vec<u8> {
    let total = (entries.len() + 11) as u32;
    [&total.to_le_bytes()[..], &tail.to_le_bytes(), &count.to_le_bytes(), entries, &[0xff]].concat()
}

/// An intset with a right frame.
pub(crate) fn intset(width: u32, count: u32, members: &[u8]) -> Vec<u8> {
    [&width.to_le_bytes()[..], &count.to_le_bytes(), members].concat()
}

/// The bytes of a hexadecimal text; blanks and `|` are passed over.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|b| !b.is_ascii_whitespace() && *b != b'|')
        .map(|digit| (digit as char).to_digit(16).expect("a hexadecimal digit") as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Reads `bytes` in chunks of `chunk`, walks the elements of every value, and
/// hands every event with its raw bytes to `visit`.
pub(crate) fn read(bytes: &[u8], chunk: usize, limits: Limits, visit: impl FnMut(&Event<'_>, &[u8])) -> Result<Summary, Error> {
    read_with(Decoder::with_limits(limits), bytes, chunk, visit).1
}

/// As [`read`] with a lenient decoder; gives also what it passed over.
pub(crate) fn read_leniently(
    bytes: &[u8],
    chunk: usize,
    visit: impl FnMut(&Event<'_>, &[u8]),
) -> (Vec<Error>, Result<Summary, Error>) {
    read_with(Decoder::new().leniently(), bytes, chunk, visit)
}

fn read_with(
    mut decoder: Decoder,
    bytes: &[u8],
    chunk: usize,
    mut visit: impl FnMut(&Event<'_>, &[u8]),
) -> (Vec<Error>, Result<Summary, Error>) {
    let end = feed(&mut decoder, bytes, chunk, &mut visit);
    let deviations = decoder.deviations();
    (deviations, end.and_then(|()| decoder.finish()))
}

fn feed(decoder: &mut Decoder, bytes: &[u8], chunk: usize, visit: &mut impl FnMut(&Event<'_>, &[u8])) -> Result<(), Error> {
    for mut input in bytes.chunks(chunk) {
        loop {
            let step = match decoder.step(input) {
                Ok(step) => step,
                Err(fault) => return Err(decoder.dress(fault)),
            };
            input = &input[step.consumed..];
            let Some(event) = &step.event else {
                if input.is_empty() {
                    break;
                }
                continue;
            };
            visit(event, step.raw);
            let walked = walk(event);
            if let Err(fault) = walked {
                return Err(decoder.dress(fault));
            }
        }
    }
    Ok(())
}

/// Walks everything inside an event, so that every entry is checked.
pub(crate) fn walk(event: &Event<'_>) -> Result<(), Fault> {
    match event {
        Event::Value(Part::Elements { elements, .. }) => elements.check(),
        Event::Value(Part::Stream(StreamPart::Node(node))) => {
            for entry in node.entries() {
                let entry = entry?;
                assert_eq!(entry.fields.count() as u64, entry.fields.size_hint().0 as u64, "a checked entry has all its fields");
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Reads `bytes` whole and gives what became of it.
pub(crate) fn outcome(bytes: &[u8]) -> Result<Summary, Error> {
    read(bytes, usize::MAX, Limits::default(), |_, _| ())
}

/// The folder of the fixtures.
pub(crate) fn data() -> PathBuf {
    std::env::var_os("AIKV_FIXTURES").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"), PathBuf::from)
}

/// Every snapshot that a real server wrote.
pub(crate) fn fixtures() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![data()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rdb") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 100, "only {} snapshots under {}", found.len(), data().display());
    found
}
