//! Values of well-known modules as JSON.
//!
//! What is not exactly as documented stays what it is: a sequence of typed items.
//!
//! | name | encver | written by | gives |
//! | --- | --- | --- | --- |
//! | `ReJSON-RL` | 0, 2, 3 | RedisJSON, Valkey's JSON module | the document |
//! | `vectorset` | 0 | Redis 8 | the elements with their vectors and attributes |
//! | `MBbloom--`, `MBbloomCF` | 4 | RedisBloom | sizes, counts and rates of the filters |
//! | `CMSk-TYPE`, `TopK-TYPE`, `TDIS-TYPE` | 0 | RedisBloom | sizes and counts; items; centroids |
//! | `TSDB-TYPE` | 6, 7, 8 | RedisTimeSeries | settings and labels of the series |
//! | `bloomfltr` | 1 | Valkey's bloom filter module | sizes, counts and rates of the filters |
//!
//! The sources stand in the files of the layouts.

mod document;
mod facts;
mod vectors;

use super::json::Json;
use crate::rdb::{ModuleId, ModuleItem};
use alloc::vec::Vec;
use document::{Nodes, Text};
use facts::Facts;
use vectors::Vectors;

/// Reads a module value and writes it as JSON text, where it can be read without the module.
#[derive(Debug)]
pub struct ModuleJson {
    max_bytes: usize,
    text: Vec<u8>,
    state: State,
}

/// A layout, as far as it was read. `None` from one of its steps: the value has another.
#[derive(Debug)]
enum Layout {
    Text(Text),
    Nodes(Nodes),
    Facts(Facts),
    Vectors(Vectors),
}

#[derive(Debug)]
enum State {
    /// No value, or one that stays a sequence of items.
    Opaque,
    Reading(Layout),
    Whole {
        is_document: bool,
    },
}

impl ModuleJson {
    /// Gives up on text of more than `max_bytes`.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        Self { max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX), text: Vec::new(), state: State::Opaque }
    }

    /// Takes the next item. [`ModuleItem::Id`] begins a new value.
    pub fn push(&mut self, item: &ModuleItem<'_>) {
        if let ModuleItem::Id(id) = item {
            return self.open(*id);
        }
        let State::Reading(layout) = &mut self.state else { return };
        let step = match item {
            ModuleItem::Bytes(bytes) if bytes.text_len() > self.max_bytes as u64 && !layout.skips_text() => None,
            item => layout.push(item, &mut self.text),
        };
        if step.is_none() || self.text.len() > self.max_bytes {
            self.state = State::Opaque;
            self.text = Vec::new();
        } else if *item == ModuleItem::End {
            self.state = State::Whole { is_document: layout.is_document() };
        }
    }

    fn open(&mut self, id: ModuleId) {
        /// Capacity kept between values.
        const KEEP: usize = 256 * 1024;
        self.text.clear();
        self.text.shrink_to(KEEP);
        self.state = Layout::of(id, &mut self.text).map_or(State::Opaque, State::Reading);
    }

    /// Whether the value in hand is, so far, one that can be read.
    #[must_use]
    pub fn is_promising(&self) -> bool {
        matches!(self.state, State::Reading(_))
    }

    /// JSON text, once the value has come to its end: the document, or an object of what is known.
    #[must_use]
    pub fn json(&self) -> Option<&[u8]> {
        matches!(self.state, State::Whole { .. }).then_some(&self.text)
    }

    /// As [`ModuleJson::json`], only of a JSON document. One that was stored as text is given as it was stored.
    #[must_use]
    pub fn document(&self) -> Option<&[u8]> {
        matches!(self.state, State::Whole { is_document: true }).then_some(&self.text)
    }
}

impl Layout {
    fn of(id: ModuleId, out: &mut Vec<u8>) -> Option<Self> {
        match (&id.name(), id.encver()) {
            (b"ReJSON-RL", 0) => Some(Self::Nodes(Nodes::new())),
            (b"ReJSON-RL", 2) => Some(Self::Text(Text::with_index())),
            (b"ReJSON-RL", 3) => Some(Self::Text(Text::new())),
            (b"vectorset", 0) => Some(Self::Vectors(Vectors::new())),
            (name, encver) => Some(Self::Facts(Facts::open(facts::fields(name, encver)?, out))),
        }
    }

    fn push(&mut self, item: &ModuleItem<'_>, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Text(text) => text.push(item, out),
            Self::Nodes(nodes) => nodes.push(item, out),
            Self::Facts(facts) => facts.push(item, out),
            Self::Vectors(vectors) => vectors.push(item, out),
        }
    }

    /// Whether of a string that comes next no more than its length is told.
    fn skips_text(&self) -> bool {
        match self {
            Self::Text(_) | Self::Nodes(_) => false,
            Self::Facts(facts) => facts.skips_text(),
            Self::Vectors(vectors) => vectors.skips_text(),
        }
    }

    fn is_document(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Nodes(_))
    }
}

/// Goes on with the JSON in `out`.
fn json(out: &mut Vec<u8>) -> Json<'_> {
    let is_behind = !matches!(out.last(), None | Some(b'{' | b'[' | b':'));
    Json::within(out, is_behind)
}
