//! Any bytes as a snapshot: one that is read is copied byte by byte, and written
//! from its events it says the same, under its own version and under another.
//! The same for what it holds as data.
//!
//! Checksums are out of a fuzzer's reach: a wrong one is put right first.
#![no_main]

use aikv::error::ErrorKind;
use aikv::model::{Dataset, DecodeLimits, EncodeOptions};
use aikv::rdb::{Decoder, Encoder, Event, Version};
use aikv::wire::{Fault, Limits, Step};
use aikv_fuzz::{Meaning, read, seed};
use libfuzzer_sys::fuzz_target;

/// What is written again may be larger than what was compressed well.
const LIMITS: Limits = Limits { max_item_bytes: 4 << 20 };

fn decoder() -> Decoder {
    Decoder::with_limits(LIMITS)
}

/// What an encoder makes of the events it is given.
struct Written {
    /// None once its version cannot represent an event.
    encoder: Option<Encoder>,
    version: Version,
    bytes: Vec<u8>,
}

impl Written {
    fn new(encoder: Encoder, version: Version) -> Self {
        Self { encoder: Some(encoder), version, bytes: Vec::new() }
    }

    fn add(&mut self, event: &Event<'_>) {
        let Some(encoder) = &mut self.encoder else { return };
        let before = self.bytes.len();
        let event = match event {
            Event::Start(_) => Event::Start(self.version),
            event => *event,
        };
        if let Err(error) = encoder.write(&event, &mut self.bytes) {
            assert!(matches!(error.kind(), ErrorKind::Unrepresentable { .. }), "{error}");
            assert_eq!(self.bytes.len(), before, "nothing was appended");
            self.encoder = None;
        }
    }

    fn finish(self) -> Option<Vec<u8>> {
        self.encoder?.finish().expect("the end was written");
        Some(self.bytes)
    }
}

/// A snapshot that was read to its end.
struct Seen {
    meaning: Meaning,
    copied: Vec<u8>,
    own: Option<Vec<u8>>,
    forced: Option<Vec<u8>>,
    other: Option<Vec<u8>>,
    end: usize,
}

fn see(bytes: &[u8], decoder: Decoder, other: Version) -> Result<Seen, aikv::Error> {
    let version = Version::from_header(bytes).unwrap_or(other);
    let mut meaning = Meaning::default();
    let mut copied = Vec::new();
    let mut copier = Encoder::new(version);
    let mut own = Written::new(Encoder::new(version), version);
    let mut forced = Written::new(Encoder::with_checksum(version).without_compression(), version);
    let mut other = Written::new(Encoder::new(other), other);
    let end = read(bytes, decoder, |step: &Step<'_, Event<'_>>| -> Result<(), Fault> {
        if let Some(event) = &step.event {
            meaning.add(event)?;
            for written in [&mut own, &mut forced, &mut other] {
                written.add(event);
            }
        }
        copier.copy(step, &mut copied).expect("every step is copied");
        Ok(())
    })?;
    copier.finish().expect("the end was copied");
    Ok(Seen { meaning, copied, own: own.finish(), forced: forced.finish(), other: other.finish(), end })
}

/// Data that is decoded again from what it was encoded to is the same data.
fn data(bytes: &[u8], versions: [Version; 2]) {
    let limits = |max_total_bytes| DecodeLimits { item: LIMITS, max_total_bytes };
    let Ok(mut dataset) = Dataset::decode_within(bytes, limits(16 << 20)) else { return };
    dataset.canonicalize();
    for version in versions {
        let options = EncodeOptions::new(version);
        let encoded = match dataset.encode(&options) {
            Ok(encoded) => encoded,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Unrepresentable { .. }), "{error}");
                continue;
            }
        };
        let again = Dataset::decode_within(&encoded, limits(64 << 20));
        let mut again = again.unwrap_or_else(|error| panic!("{error}: {encoded:02x?}"));
        assert_eq!(again.source, Some(version));
        again.source = dataset.source;
        again.canonicalize();
        assert_eq!(again, dataset, "as {version}");
        assert_eq!(again.encode(&options).as_ref(), Ok(&encoded), "encoding it once more changes nothing");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    let versions: Vec<_> = Version::all().collect();
    let other = versions[seed(&bytes) as usize % versions.len()];
    let mut seen = see(&bytes, decoder(), other);
    if let Err(error) = &seen
        && let ErrorKind::BadChecksum { computed, .. } = error.kind()
    {
        let at = error.offset() as usize;
        bytes[at..at + 8].copy_from_slice(&computed.to_le_bytes());
        seen = see(&bytes, decoder(), other);
        assert!(seen.is_ok(), "the checksum is right now");
    }
    let Ok(seen) = seen else { return };
    assert_eq!(seen.copied, bytes[..seen.end], "a copy");
    assert!(seen.forced.is_some(), "what is read can be written");
    for (what, written) in [("own", &seen.own), ("forced", &seen.forced), ("other", &seen.other)] {
        let Some(written) = written else { continue };
        let again = see(written, decoder(), other).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(again.meaning, seen.meaning, "{what}: the events again");
        if what == "own" {
            assert_eq!(again.own.as_ref(), Some(written), "writing it once more changes nothing");
        }
    }
    if let Some(version) = Version::from_header(&bytes) {
        data(&bytes[..seen.end], [version, other]);
    }
});
