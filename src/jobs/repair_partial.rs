//! What is readable of a value that is broken inside, and its key written anew with just that.
//!
//! An element is readable where it stands in front of the first fault and its own bytes tell that it is whole. An entry of a
//! listpack has its size behind it. That of a ziplist stands in the entry behind it, and a member of an intset is known by the next
//! one only, so the last of them in front of a fault is let go; a zipmap has nothing to tell a whole entry by.

use super::explain::{Readable, per_unit, stated_elements};
use crate::model::{Collected, Collector, Emitter, EncodeOptions, Entry, PackedLimit, Thresholds, Value};
use crate::pack::ziplist::ZiplistEntries;
use crate::pack::{Entries, Reading};
use crate::rdb::{Container, Decoder, Elements, Event, Kind, Packed, Part, Shape, Span, Templates, Version};
use crate::wire::Limits;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use bytes::Bytes;

/// Which keys whose values are broken inside are kept with what of these is readable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeepReadable {
    /// None: they are left out whole.
    #[default]
    None,
    /// All of which an element is readable.
    All,
    /// Those of them in whose record one of these bytes of the file stands, such as its first.
    At(BTreeSet<u64>),
}

impl KeepReadable {
    pub(super) fn takes(&self, record: Span) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::At(offsets) => offsets.range(record.start..record.end).next().is_some(),
        }
    }
}

/// What has to be known to read a record of a snapshot by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) version: Version,
    pub(crate) db: u64,
    pub(crate) templates: Templates,
    pub(crate) limits: Limits,
}

/// A list of a longer element has a node of its own for it where there are such nodes: which form the backward lengths of the
/// server have is not known, and below this one there is but one.
const PLAIN_NODE_BYTES: u64 = 8192;
const NOT_PACKED: PackedLimit = PackedLimit { entries: 0, value_bytes: 0 };

/// Reads the record of a key whose value is broken, up to the fault. What is readable may take as much memory as an item may.
pub(crate) struct Remnant {
    version: Version,
    decoder: Decoder,
    collector: Collector,
    shape: Option<Shape>,
    stated: Option<u64>,
    found: Option<(Bytes, Entry)>,
    is_over: bool,
}

/// Elements in front of the fault of a part that nothing tells to be whole.
enum Doubt {
    None,
    Last,
    All,
}

impl Remnant {
    /// Of the record that starts `start` bytes into the file.
    pub(crate) fn new(record: &Record, start: u64) -> Self {
        let Record { version, db, templates, limits } = record;
        let decoder = Decoder::resume(*version, *db, start, *limits).with_templates(templates.clone());
        Self {
            version: *version,
            decoder: decoder.past_frames(),
            collector: Collector::new(limits.max_item_bytes).leniently(),
            shape: None,
            stated: None,
            found: None,
            is_over: false,
        }
    }

    /// Reads further bytes of the record; whether those behind them are needed, too.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> bool {
        let mut rest = chunk;
        while !self.is_over {
            let Ok(step) = self.decoder.step(rest) else {
                self.break_off(&Doubt::None);
                break;
            };
            rest = rest.get(step.consumed..).unwrap_or_default();
            let Some(event) = step.event else {
                if rest.is_empty() {
                    break;
                }
                continue;
            };
            let mut doubt = None;
            match &event {
                Event::Key(key) => {
                    self.is_over = !matches!(key.value_type.kind(), Kind::List | Kind::Set | Kind::Zset | Kind::Hash);
                    self.shape = Some(key.value_type.layout().shape);
                }
                Event::Value(Part::Elements { elements, left }) => {
                    if self.stated.is_none() {
                        self.stated = stated(self.shape, elements, *left);
                    }
                    doubt = doubt_of(elements);
                }
                // Of Redis Enterprise: no version has a form for it.
                Event::Enterprise { .. } => self.is_over = true,
                _ => {}
            }
            match self.collector.push(&event) {
                Ok(Some(Collected::Entry { key, entry, .. })) => {
                    // Of a record without a fault nothing has to be kept.
                    self.found = Some((key, entry)).filter(|_| !self.collector.faults().is_empty());
                    self.is_over = true;
                }
                Ok(_) => {}
                // There is no room for it.
                Err(_) => self.is_over = true,
            }
            if let Some(doubt) = doubt {
                self.break_off(&doubt);
            }
        }
        !self.is_over
    }

    /// No more of the value is read.
    fn break_off(&mut self, doubt: &Doubt) {
        self.is_over = true;
        let Ok(Some(Collected::Entry { key, mut entry, .. })) = self.collector.break_off() else { return };
        let sure = match doubt {
            Doubt::None => elements(&entry.value),
            Doubt::Last => elements(&entry.value).saturating_sub(1),
            Doubt::All => 0,
        };
        truncate(&mut entry.value, sure);
        self.found = Some((key, entry)).filter(|_| sure > 0);
    }

    /// Appends the record with what of its value is readable, in plain form; says how much that is. Nothing where no element is
    /// readable, or the version has no form for what is.
    pub(crate) fn finish(self, out: &mut Vec<u8>) -> Option<Readable> {
        let (key, entry) = self.found?;
        let elements = elements(&entry.value) as u64;
        let options = EncodeOptions::new(self.version);
        let plain_node_bytes = options.thresholds.plain_node_bytes.min(PLAIN_NODE_BYTES);
        let thresholds = Thresholds {
            list: NOT_PACKED,
            plain_node_bytes,
            intset_entries: 0,
            set: NOT_PACKED,
            zset: NOT_PACKED,
            hash: NOT_PACKED,
            ..options.thresholds
        };
        // The file has a header.
        let mut header = Vec::new();
        let mut emitter = Emitter::new(&EncodeOptions { thresholds, ..options }, &mut header).ok()?;
        emitter.entry(&key, &entry, out).ok()?;
        Some(Readable { elements, stated: self.stated.filter(|stated| *stated >= elements) })
    }
}

/// Elements that a value says it has, by its first part; `left` further parts come.
fn stated(shape: Option<Shape>, elements: &Elements<'_>, left: u64) -> Option<u64> {
    if matches!(shape, Some(Shape::Nodes { .. })) && left > 0 {
        return None;
    }
    match elements {
        Elements::One(_) => left.checked_add(1),
        Elements::Packed { packed, unit } => stated_elements(packed, *unit),
        Elements::Templated { names, .. } => Some(names.count() as u64),
    }
}

/// Of a part that is broken: what of the elements in front of its fault is in doubt.
fn doubt_of(elements: &Elements<'_>) -> Option<Doubt> {
    let (packed, unit) = match elements {
        Elements::One(_) => return None,
        Elements::Packed { packed, unit } => (packed, per_unit(*unit)),
        Elements::Templated { packed, .. } => (packed, 1),
    };
    let has_frame = Packed::open(packed.container(), packed.blob()).is_ok();
    if has_frame && elements.check().is_ok() {
        return None;
    }
    Some(match packed.container() {
        Container::Listpack => Doubt::None,
        Container::Ziplist => ziplist_doubt(packed.blob(), unit),
        Container::Intset if has_frame => Doubt::Last,
        Container::Intset | Container::Zipmap => Doubt::All,
    })
}

fn ziplist_doubt(blob: &[u8], unit: u64) -> Doubt {
    let mut entries = ZiplistEntries::new(blob, Reading::Strict);
    let mut read = 0u64;
    while let Ok(Some(_)) = entries.next() {
        read = read.saturating_add(1);
    }
    // What is wrong at the end byte is the header.
    let is_at_end = blob.get(entries.at()..) == Some(&[0xff]);
    let is_last_known = is_at_end || !read.is_multiple_of(unit.max(1));
    if read == 0 || is_last_known { Doubt::None } else { Doubt::Last }
}

fn elements(value: &Value) -> usize {
    match value {
        Value::List(list) | Value::Set(list) => list.len(),
        Value::Zset(list) => list.len(),
        Value::Hash(list) => list.len(),
        Value::String(_) | Value::Stream(_) | Value::Module(_) | Value::Array(_) => 0,
    }
}

fn truncate(value: &mut Value, len: usize) {
    match value {
        Value::List(list) | Value::Set(list) => list.truncate(len),
        Value::Zset(list) => list.truncate(len),
        Value::Hash(list) => list.truncate(len),
        Value::String(_) | Value::Stream(_) | Value::Module(_) | Value::Array(_) => {}
    }
}
