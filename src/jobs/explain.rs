//! What the bytes of a snapshot mean, range by range: for looking at the place where one is damaged.

use crate::error::{Escaped, Fault};
use crate::pack::intset::IntsetEntries;
use crate::pack::listpack::ListpackEntries;
use crate::pack::ziplist::ZiplistEntries;
use crate::pack::zipmap::ZipmapEntries;
use crate::pack::{Entries, Reading};
use crate::rdb::{
    Container, Decoder, Element, Elements, Event, Key, Packed, Part, Shape, Span, StreamPart, Templates, Unit, Version,
};
use crate::wire::cursor::Cursor;
use crate::wire::{Limits, Scalar, scalar};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What a byte range means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The bytes.
    pub span: Span,
    /// What they are, in a few words.
    pub text: String,
    /// False where they do not decode.
    pub is_readable: bool,
}

/// Elements of a damaged value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readable {
    /// Those that can be read, in front of the fault.
    pub elements: u64,
    /// As many as the value says it has, if it says.
    pub stated: Option<u64>,
}

/// Says what stands where in the records of a snapshot from a byte on at which one begins, as far as the bytes go
/// that it is given.
pub struct Explain {
    version: Version,
    db: u64,
    templates: Templates,
    window: Span,
    meanings: Vec<Meaning>,
    readable: Option<Readable>,
}

/// Bytes of a text that are shown.
const SHOWN: usize = 32;

impl Explain {
    /// An explanation of what of `window` is told.
    #[must_use]
    pub fn new(version: Version, db: u64, templates: Templates, window: Span) -> Self {
        Self { version, db, templates, window, meanings: Vec::new(), readable: None }
    }

    /// Reads `bytes`, which stand `start` bytes into the file. Gives what was found out in the order of the
    /// file, and how much of the first damaged value is readable.
    #[must_use]
    pub fn read(mut self, start: u64, bytes: &[u8]) -> (Vec<Meaning>, Option<Readable>) {
        let mut at = start;
        let mut rest = bytes;
        while let Some(end) = self.records(at, rest) {
            let Some(behind) = usize::try_from(end.saturating_sub(at)).ok().and_then(|read| rest.get(read..)) else { break };
            (at, rest) = (end, behind);
        }
        (self.meanings, self.readable)
    }

    /// Reads records up to a value that is broken; gives its end where that can be told.
    fn records(&mut self, start: u64, bytes: &[u8]) -> Option<u64> {
        let decoder = Decoder::resume(self.version, self.db, start, Limits::default());
        let mut decoder = decoder.with_templates(self.templates.clone()).leniently();
        let mut rest = bytes;
        // The value in hand, and where its bytes begin.
        let mut value = None;
        loop {
            let at = decoder.offset();
            let Ok(step) = decoder.step(rest) else { break };
            if step.consumed == 0 && step.event.is_none() || at >= self.window.end {
                return None;
            }
            let span = Span { start: at, end: at.saturating_add(step.consumed as u64) };
            match &step.event {
                Some(Event::Key(key)) => value = Some((key.value_type.layout(), span.end)),
                Some(Event::KeyEnd { .. }) => value = None,
                Some(Event::SelectDb(db)) => self.db = *db,
                _ => {}
            }
            if let Some(event) = &step.event {
                self.event(event, span, step.raw);
            }
            rest = rest.get(step.consumed..).unwrap_or_default();
        }
        let (layout, at) = value?;
        let Shape::Packed(container) = layout.shape else { return None };
        let value = bytes.get(usize::try_from(at.saturating_sub(start)).ok()?..)?;
        let mut cursor = Cursor::new(value);
        let mut buffer = Vec::new();
        let content = scalar::read_bytes(&mut cursor, &mut buffer, Limits::default()).ok()?;
        let end = at.saturating_add((value.len() as u64).saturating_sub(cursor.left()));
        if content.is_plain {
            self.blob(container, layout.unit, Reading::Strict, content.bytes, end);
        }
        Some(end)
    }

    fn tell(&mut self, span: Span, is_readable: bool, text: impl FnOnce() -> String) {
        if span.start < self.window.end && span.end > self.window.start && !span.is_empty() {
            self.meanings.push(Meaning { span, text: text(), is_readable });
        }
    }

    fn event(&mut self, event: &Event<'_>, span: Span, raw: &[u8]) {
        match event {
            Event::Key(key) => self.tell(span, true, || head(key)),
            Event::Value(Part::Bytes { piece, .. }) => self.tell(span, true, || shown(*piece)),
            Event::Value(Part::Elements { elements: Elements::One(element), .. }) => self.tell(span, true, || one(*element)),
            Event::Value(Part::Elements { elements: Elements::Packed { packed, unit }, .. }) => {
                let Packed { container, reading, blob } = *packed;
                if raw.ends_with(blob) {
                    self.blob(container, *unit, reading, blob, span.end);
                } else {
                    self.tell(span, true, || format!("a compressed {}", container.name()));
                }
            }
            Event::Value(Part::Elements { .. } | Part::Array(_) | Part::FirstExpiry(_) | Part::Template(_)) => {
                self.tell(span, true, || "in front of the elements".into());
            }
            Event::Value(Part::Stream(part)) => self.tell(span, true, || stream(part).into()),
            Event::Value(Part::Module(_)) => self.tell(span, true, || "of the module's value".into()),
            Event::EmptyKey(key) => self.tell(span, true, || format!("{}, no elements", head(key))),
            Event::KeyEnd { .. } => {}
            Event::Start(version) => self.tell(span, true, || version.to_string()),
            Event::Aux { key, value } => self.tell(span, true, || format!("{} = {}", shown(*key), shown(*value))),
            Event::SelectDb(db) => self.tell(span, true, || format!("database {db}")),
            Event::ResizeDb { keys, .. } => self.tell(span, true, || format!("{keys} keys are announced")),
            Event::End(_) => self.tell(span, true, || "the end of the snapshot, its checksum".into()),
            _ => self.tell(span, true, || "a record between keys".into()),
        }
    }

    /// A packed blob that ends at `end` of the file.
    fn blob(&mut self, container: Container, unit: Unit, reading: Reading, blob: &[u8], end: u64) {
        let base = end.saturating_sub(blob.len() as u64);
        match container {
            Container::Intset => self.entries(IntsetEntries::new(blob, reading), container, unit, base, end),
            Container::Listpack => self.entries(ListpackEntries::new(blob, reading), container, unit, base, end),
            Container::Ziplist => self.entries(ZiplistEntries::new(blob, reading), container, unit, base, end),
            Container::Zipmap => self.entries(ZipmapEntries::new(blob, reading), container, unit, base, end),
        }
        if let Some(Readable { stated, .. }) = &mut self.readable {
            *stated = stated.or(stated_elements(&Packed::unframed(container, blob), unit));
        }
    }

    fn entries<'a>(&mut self, mut entries: impl Entries<'a>, container: Container, unit: Unit, base: u64, end: u64) {
        let place = |at: usize| base.saturating_add(at as u64);
        self.tell(Span { start: base, end: place(entries.at()) }, true, || format!("header of the {}", container.name()));
        let mut elements = 0u64;
        loop {
            let start = place(entries.at());
            match self.element(&mut entries, unit) {
                Ok(Some(texts)) => {
                    let span = Span { start, end: place(entries.at()) };
                    self.tell(span, true, || texts.join(" = "));
                    elements = elements.saturating_add(1);
                }
                Ok(None) => return self.tell(Span { start, end }, true, || format!("end of the {}", container.name())),
                Err(_) => {
                    self.readable = self.readable.or(Some(Readable { elements, stated: None }));
                    return self.tell(Span { start, end }, false, || "does not decode".into());
                }
            }
        }
    }

    /// The entries of one element.
    fn element<'a>(&self, entries: &mut impl Entries<'a>, unit: Unit) -> Result<Option<Vec<String>>, Fault> {
        let mut texts = Vec::new();
        for _ in 0..per_unit(unit) {
            match entries.next()? {
                Some(entry) => texts.push(shown(entry)),
                None => break,
            }
        }
        Ok(Some(texts).filter(|texts| !texts.is_empty()))
    }
}

/// Elements that a packed blob says it has, of which the last may not be whole.
pub(super) fn stated_elements(packed: &Packed<'_>, unit: Unit) -> Option<u64> {
    packed.stated_entries().map(|entries| entries.div_ceil(per_unit(unit)))
}

/// Entries of a packed blob that make up an element.
pub(super) fn per_unit(unit: Unit) -> u64 {
    match unit {
        Unit::Item | Unit::Member => 1,
        Unit::Pair | Unit::PairExpiry(_) | Unit::ScoreBinary | Unit::ScoreText => 2,
        Unit::Triplet => 3,
    }
}

fn head(key: &Key<'_>) -> String {
    let expiry = if key.expires_at_ms.is_some() { "expiry, " } else { "" };
    format!("key {}: {expiry}{}", shown(key.key), key.value_type.name())
}

fn one(element: Element<'_>) -> String {
    match element {
        Element::Item(item) | Element::Member(item) => shown(item),
        Element::Scored { member, score } => format!("{} = {score}", shown(member)),
        Element::Field { field, value } | Element::ExpiringField { field, value, .. } => {
            format!("{} = {}", shown(field), shown(value))
        }
        Element::Slot { index, value } => format!("{index} = {}", value.with_text(text)),
    }
}

fn stream(part: &StreamPart<'_>) -> &'static str {
    match part {
        StreamPart::Node(_) => "a node of the stream's entries",
        _ => "of the stream's counters and groups",
    }
}

fn shown(scalar: Scalar<'_>) -> String {
    scalar.with_text(text)
}

/// A text, shortened.
fn text(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN) {
        Some(head) if bytes.len() > SHOWN => format!("{}… ({} bytes)", Escaped(head), bytes.len()),
        _ => Escaped(bytes).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const DB: u64 = 0;

    /// Start, end, words, and whether the bytes decode.
    type Flat = (u64, u64, String, bool);

    fn explain(start: u64, bytes: &[u8]) -> (Vec<Flat>, Option<Readable>) {
        let window = Span { start: 0, end: u64::MAX };
        let (meanings, readable) = Explain::new(Version::redis(11), DB, Templates::default(), window).read(start, bytes);
        let flat = |one: Meaning| (one.span.start, one.span.end, one.text, one.is_readable);
        (meanings.into_iter().map(flat).collect(), readable)
    }

    /// Two fields in a listpack, behind the key `h`.
    const HASH: &[u8] = b"\x10\x01h\x13\x13\0\0\0\x04\0\x81f\x02\x81v\x02\x81g\x02\x81w\x02\xff";

    #[test]
    fn every_byte_of_a_whole_record_has_a_meaning() {
        let (meanings, readable) = explain(100, &[HASH, b"\x00\x01k\x03abc"].concat());
        let expected = vec![
            (100, 103, "key h: hash-listpack".into(), true),
            (104, 110, "header of the listpack".into(), true),
            (110, 116, "f = v".into(), true),
            (116, 122, "g = w".into(), true),
            (122, 123, "end of the listpack".into(), true),
            (123, 126, "key k: string".into(), true),
            (126, 130, "abc".into(), true),
        ];
        assert_eq!((meanings, readable), (expected, None));
    }

    #[test]
    fn a_value_without_its_end_is_told_up_to_there_and_what_is_behind_it_too() {
        let mut broken = HASH.to_vec();
        // The second pair and the end byte are zeros.
        broken[16..].fill(0);
        let (meanings, readable) = explain(0, &[&broken, &b"\x00\x01k\x01v"[..]].concat());
        assert_eq!(readable, Some(Readable { elements: 1, stated: Some(2) }));
        let told: Vec<_> = meanings.iter().map(|(start, end, text, is)| (*start, *end, text.as_str(), *is)).collect();
        assert_eq!(
            told,
            [
                (0, 3, "key h: hash-listpack", true),
                (4, 10, "header of the listpack", true),
                (10, 16, "f = v", true),
                (16, 23, "does not decode", false),
                (23, 26, "key k: string", true),
                (26, 28, "v", true),
            ]
        );
    }

    #[test]
    fn only_the_window_is_told() {
        let window = Span { start: 11, end: 12 };
        let (meanings, _) = Explain::new(Version::redis(11), DB, Templates::default(), window).read(0, HASH);
        assert_eq!(meanings.iter().map(|one| one.text.as_str()).collect::<Vec<_>>(), ["f = v"]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "thousands of values")]
    fn whatever_bytes_stand_there_it_comes_to_an_end() {
        for at in 0..HASH.len() {
            for byte in 0..=255 {
                let mut bytes = HASH.to_vec();
                bytes[at] = byte;
                let (meanings, _) = explain(0, &[&bytes, HASH].concat());
                assert!(meanings.iter().all(|(start, end, ..)| start < end), "{bytes:02x?}");
            }
        }
    }
}
