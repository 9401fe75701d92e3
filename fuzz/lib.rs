//! What the fuzz targets share.

use aikv::rdb::{Element, Event, Part, StreamPart};
use aikv::wire::{Fault, Scalar};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Cuts `bytes` into chunks whose sizes follow from the bytes themselves, so
/// that a corpus file is a plain snapshot or log. Small chunks are the rule.
pub fn chunks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let mut seed = hasher.finish() | 1;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let size = match seed % 8 {
            0 => 1,
            7 => 1 + (seed >> 8) as usize % 5000,
            _ => 1 + (seed >> 8) as usize % 24,
        };
        let (chunk, left) = rest.split_at(size.min(rest.len()));
        rest = left;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Walks everything inside an event of a snapshot and adds it to `hash`.
///
/// # Errors
/// The first entry that is wrong.
pub fn walk(event: &Event<'_>, hash: &mut impl Hasher) -> Result<(), Fault> {
    match event {
        Event::Value(Part::Elements { elements, .. }) => {
            let mut count = 0;
            elements.each(|element| {
                count += 1;
                match element {
                    Element::Item(item) | Element::Member(item) => add(item, hash),
                    Element::Scored { member, score } => {
                        add(member, hash);
                        score.to_bits().hash(hash);
                    }
                    Element::Field { field, value } => {
                        add(field, hash);
                        add(value, hash);
                    }
                }
            })?;
            assert_eq!(elements.count().ok(), Some(count), "a sound blob has the count it states");
        }
        Event::Value(Part::Stream(StreamPart::Node(node))) => {
            for entry in node.entries() {
                let entry = entry?;
                let mut fields = 0;
                for (field, value) in entry.fields {
                    fields += 1;
                    add(field, hash);
                    add(value, hash);
                }
                assert_eq!(fields, entry.fields.size_hint().0, "a checked entry has all its fields");
                (entry.id, entry.is_deleted).hash(hash);
            }
        }
        Event::Value(Part::Bytes { piece, left }) => {
            add(*piece, hash);
            left.hash(hash);
        }
        Event::KeyEnd { span } => span.hash(hash),
        event => format!("{event:?}").hash(hash),
    }
    Ok(())
}

fn add(scalar: Scalar<'_>, hash: &mut impl Hasher) {
    match scalar {
        Scalar::Bytes(bytes) => bytes.hash(hash),
        Scalar::Int(int) => int.hash(hash),
    }
}

/// What became of an input: how many events, their hash, the bytes of all
/// steps, and how it ended.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub events: u64,
    pub hash: u64,
    pub raw_bytes: u64,
    pub end: String,
}

/// An [`Outcome`] while it grows.
#[derive(Default)]
pub struct Growing {
    pub hasher: DefaultHasher,
    pub events: u64,
    pub raw_bytes: u64,
}

impl Growing {
    /// Ends with a summary, or the code and offset of an error.
    #[must_use]
    pub fn end(self, result: Result<String, aikv::Error>, len: usize) -> Outcome {
        let end = match result {
            Ok(summary) => summary,
            Err(error) => {
                assert!(error.offset() <= len as u64, "{error}: outside of {len} bytes");
                format!("{:?} at {}", error.kind(), error.offset())
            }
        };
        Outcome { events: self.events, hash: self.hasher.finish(), raw_bytes: self.raw_bytes, end }
    }
}
