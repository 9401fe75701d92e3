//! What the fuzz targets share.

use aikv::error::Error;
use aikv::rdb::{Decoder, Element, Event, KeyMeta, ModuleAux, ModuleItem, Part, SlotValue, StreamPart, Template};
use aikv::wire::{Fault, Scalar, Step};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Cuts `bytes` into chunks whose sizes follow from the bytes themselves, so
/// that a corpus file is a plain snapshot or log. Small chunks are the rule.
pub fn chunks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut seed = seed(bytes) | 1;
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

/// A number that follows from `bytes`.
#[must_use]
pub fn seed(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Walks everything inside an event of a snapshot and adds it to `hash`: what it says, and of
/// packed values their elements. Numbers and the same number as text are the same.
///
/// # Errors
/// The first entry that is wrong.
pub fn walk(event: &Event<'_>, hash: &mut impl Hasher) -> Result<(), Fault> {
    std::mem::discriminant(event).hash(hash);
    match event {
        Event::Aux { key, value } => [key, value].into_iter().for_each(|text| add(*text, hash)),
        Event::Function { code } => add(*code, hash),
        Event::Key(key) | Event::EmptyKey(key) => {
            add(key.key, hash);
            format!("{:?}", (key.value_type, key.db, key.expires_at_ms, key.eviction)).hash(hash);
        }
        Event::KeyEnd { span } => span.hash(hash),
        Event::KeyMeta(KeyMeta::Item(item)) | Event::ModuleAux(ModuleAux::Item(item)) => add_item(item, hash),
        Event::Value(part) => {
            std::mem::discriminant(part).hash(hash);
            walk_part(part, hash)?;
        }
        // Short, and without packed values and doubles.
        Event::End(_)
        | Event::Enterprise { .. }
        | Event::FunctionPreGa { .. }
        | Event::HashTemplate(_)
        | Event::KeyMeta(_)
        | Event::ModuleAux(_)
        | Event::ResizeDb { .. }
        | Event::SelectDb(_)
        | Event::SlotImport(_)
        | Event::SlotInfo { .. }
        | Event::Start(_) => as_text(event).hash(hash),
    }
    Ok(())
}

fn walk_part(part: &Part<'_>, hash: &mut impl Hasher) -> Result<(), Fault> {
    match part {
        Part::Elements { elements, left } => {
            left.hash(hash);
            let mut count = 0;
            elements.each(|element| {
                count += 1;
                add_element(element, hash);
            })?;
            assert_eq!(elements.count().ok(), Some(count), "a sound blob has the count it states");
        }
        Part::Stream(StreamPart::Node(node)) => {
            (node.master, node.left).hash(hash);
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
        Part::Bytes { piece, left } => {
            add(*piece, hash);
            left.hash(hash);
        }
        Part::Module(item) => add_item(item, hash),
        Part::Template(Template::Packed(packed)) => packed.blob().hash(hash),
        Part::Array(_) | Part::FirstExpiry(_) | Part::Stream(_) | Part::Template(_) => as_text(part).hash(hash),
    }
    Ok(())
}

fn add_element(element: Element<'_>, hash: &mut impl Hasher) {
    std::mem::discriminant(&element).hash(hash);
    match element {
        Element::Item(item) | Element::Member(item) => add(item, hash),
        Element::Scored { member, score } => {
            assert!(!score.is_nan());
            add(member, hash);
            score.to_bits().hash(hash);
        }
        Element::Field { field, value } => {
            add(field, hash);
            add(value, hash);
        }
        Element::ExpiringField { field, value, expires_at_ms } => {
            add(field, hash);
            add(value, hash);
            expires_at_ms.hash(hash);
        }
        Element::Slot { index, value } => {
            index.hash(hash);
            match value {
                SlotValue::Text(text) => add(text, hash),
                SlotValue::Float(float) => float.to_bits().hash(hash),
            }
        }
    }
}

fn add_item(item: &ModuleItem<'_>, hash: &mut impl Hasher) {
    std::mem::discriminant(item).hash(hash);
    match item {
        ModuleItem::Bytes(bytes) => add(*bytes, hash),
        ModuleItem::Double(double) => double.to_bits().hash(hash),
        ModuleItem::Float(float) => float.to_bits().hash(hash),
        ModuleItem::Id(id) => id.hash(hash),
        ModuleItem::Sint(int) => int.hash(hash),
        ModuleItem::Uint(int) => int.hash(hash),
        ModuleItem::End => {}
    }
}

fn add(scalar: Scalar<'_>, hash: &mut impl Hasher) {
    scalar.with_text(|text| text.hash(hash));
}

/// Debug output in which a number and its text look the same.
fn as_text(shown: &impl std::fmt::Debug) -> String {
    let shown = format!("{shown:?}");
    let mut out = String::new();
    let mut rest = shown.as_str();
    while let Some(at) = rest.find("Int(") {
        let (before, int) = rest.split_at(at);
        let (int, behind) = int[4..].split_once(')').expect("closed");
        out += &format!("{before}Bytes({:?})", int.as_bytes());
        rest = behind;
    }
    out + rest
}

/// What a snapshot or payload says, an event a number: versions, checksums and spans left out,
/// the pieces of a string joined.
#[derive(Debug, Default, PartialEq)]
pub struct Meaning {
    pub events: Vec<u64>,
    piece: Vec<u8>,
}

impl Meaning {
    /// Adds an event.
    ///
    /// # Errors
    /// As [`walk`].
    pub fn add(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        let mut hasher = DefaultHasher::new();
        match event {
            Event::Start(_) | Event::End(_) | Event::KeyEnd { .. } => std::mem::discriminant(event).hash(&mut hasher),
            Event::Value(Part::Bytes { piece, left }) => {
                piece.push_to(&mut self.piece);
                if *left > 0 {
                    return Ok(());
                }
                self.piece.hash(&mut hasher);
                self.piece.clear();
            }
            event => walk(event, &mut hasher)?,
        }
        self.events.push(hasher.finish());
        Ok(())
    }
}

/// Reads a whole snapshot, hands on every step, and says where it ends.
///
/// # Errors
/// The first one, also of `f`.
pub fn read(
    bytes: &[u8],
    mut decoder: Decoder,
    mut f: impl FnMut(&Step<'_, Event<'_>>) -> Result<(), Fault>,
) -> Result<usize, Error> {
    let mut input = bytes;
    while !(input.is_empty() && decoder.is_done()) {
        let step = match decoder.step(input) {
            Ok(step) => step,
            Err(fault) => return Err(decoder.dress(fault)),
        };
        input = &input[step.consumed..];
        let has_event = step.event.is_some();
        f(&step).map_err(|fault| decoder.dress(fault))?;
        if !has_event && input.is_empty() {
            break;
        }
    }
    let end = decoder.offset() as usize;
    decoder.finish().map(|_| end)
}

/// What became of an input: how many events, their hash, the bytes of all
/// steps, what was passed over, and how it ended.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub events: u64,
    pub hash: u64,
    pub raw_bytes: u64,
    pub deviations: Vec<Error>,
    pub end: Result<String, (String, u64)>,
}

/// An [`Outcome`] while it grows.
#[derive(Default)]
pub struct Growing {
    pub hasher: DefaultHasher,
    pub events: u64,
    pub raw_bytes: u64,
    pub deviations: Vec<Error>,
}

impl Growing {
    /// Ends with a summary, or the code and offset of an error.
    #[must_use]
    pub fn end(self, result: Result<String, Error>, len: usize) -> Outcome {
        let Self { hasher, events, raw_bytes, deviations } = self;
        for error in deviations.iter().chain(result.as_ref().err()) {
            assert!(error.offset() <= len as u64, "{error}: outside of {len} bytes");
        }
        let end = result.map_err(|error| (format!("{:?}", error.kind()), error.offset()));
        Outcome { events, hash: hasher.finish(), raw_bytes, deviations, end }
    }
}
