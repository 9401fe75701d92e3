//! Every finding in a snapshot, not only the first.
//!
//! The decoder stops where the frame of the file is broken, a lenient one only where it cannot
//! be read on; what is wrong inside of a value, or stands twice, is noted and reading goes on.

use super::check_stream::CheckStream;
use super::seen::{Seed, Seen};
use super::{Filter, Flow, Job};
use crate::error::{Error, ErrorKind, Fault, KeyPreview, Place};
use crate::rdb::{self, Container, Element, Elements, Event, Key, Kind, Packed, Part, Shape, Span, Summary};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Odd, but every server reads it, and nothing is lost.
    Warning,
    /// A server that looks refuses it, or something is lost.
    Error,
}

impl Severity {
    /// `warning` or `error`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something wrong or odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A stable kebab-case word, see `docs/errors.md`.
    pub code: &'static str,
    /// Where it is, in bytes from the start of the file.
    pub offset: u64,
    /// Database, key and element.
    pub place: Place,
    /// What was expected and what was found.
    pub text: String,
    /// Whether what stands behind it can be read: all, or what is from the byte on that the text tells.
    pub is_repairable: bool,
}

impl Finding {
    /// An error of a decoder.
    #[must_use]
    pub fn from_error(error: &Error, is_repairable: bool) -> Self {
        Self {
            severity: Severity::Error,
            code: error.code(),
            offset: error.offset(),
            place: error.place().clone(),
            text: error.kind().to_string(),
            is_repairable,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: byte {}{}", self.severity, self.text, self.offset, self.place)
    }
}

/// The value in hand.
#[derive(Debug)]
struct Open {
    place: Place,
    kind: Kind,
    /// Elements of it that were read.
    element: u64,
    indices: Indices,
    /// Findings before it.
    findings: usize,
}

/// Indices of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Indices {
    /// Each above the one before, the last of them this.
    Ascend(Option<u64>),
    /// One is not, and that was told.
    Disordered,
}

impl Indices {
    /// Takes the next; whether it is the first that is not above the one before.
    fn break_at(&mut self, index: u64) -> bool {
        match self {
            Self::Ascend(Some(last)) if *last >= index => {
                *self = Self::Disordered;
                true
            }
            Self::Ascend(last) => {
                *last = Some(index);
                false
            }
            Self::Disordered => false,
        }
    }
}

/// Looks at every element of a snapshot, and at what stands twice.
#[derive(Debug)]
pub struct Check {
    filter: Filter,
    findings: Vec<Finding>,
    /// Where the next event starts.
    offset: u64,
    open: Option<Open>,
    /// Whether the key in hand is not meant.
    is_passing: bool,
    keys: Seen,
    members: Seen,
    stream: CheckStream,
    checked: u64,
}

impl Check {
    /// Memory for what was seen, with each of two sets: keys, and the members of one value.
    pub const LIMIT_BYTES: u64 = 512 << 20;

    /// A check that keeps hashes of names by `seed`, in at most `limit_bytes` for
    /// the keys and as much for the members of one value.
    #[must_use]
    pub fn new(seed: Seed, limit_bytes: u64) -> Self {
        Self {
            filter: Filter::default(),
            findings: Vec::new(),
            offset: 0,
            open: None,
            is_passing: false,
            keys: Seen::new(seed, limit_bytes),
            members: Seen::new(seed, limit_bytes),
            stream: CheckStream::new(seed, limit_bytes),
            checked: 0,
        }
    }

    /// Looks only at the values of these keys.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Keys looked at.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.checked
    }

    /// Takes the findings that are settled so far: those of a key whose size is asked
    /// for are at its end.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        if self.filter.size.is_open() {
            if let Some(open) = &mut self.open {
                open.findings = 0;
            }
            return core::mem::take(&mut self.findings);
        }
        let settled = self.open.as_ref().map_or(self.findings.len(), |open| open.findings);
        let rest = self.findings.split_off(settled.min(self.findings.len()));
        if let Some(open) = &mut self.open {
            open.findings = 0;
        }
        core::mem::replace(&mut self.findings, rest)
    }

    /// Notes what the end of the file, or an error that ended the pass, says.
    pub fn end(&mut self, end: Result<&Summary, &Error>) {
        self.open = None;
        match end {
            Err(error) => {
                // A wrong checksum says that something is damaged, but not what.
                let is_repairable = matches!(error.kind(), ErrorKind::BadChecksum { .. });
                self.findings.push(Finding::from_error(error, is_repairable));
            }
            Ok(summary) => {
                if let Some(trailing) = summary.trailing {
                    self.trailing(trailing);
                }
            }
        }
        if self.keys.is_full() {
            let text = alloc::format!("a key that stands twice is known only among the first {} keys", self.keys.len());
            self.warn("limit-exceeded", self.offset, None, text);
        }
    }

    fn trailing(&mut self, trailing: Span) {
        let text = alloc::format!("expected the end of the file behind the snapshot, found {} more bytes", trailing.len());
        self.warn("trailing-data", trailing.start, None, text);
    }

    fn warn(&mut self, code: &'static str, offset: u64, element: Option<u64>, text: String) {
        let place = self.open.as_ref().map(|open| Place { element, ..open.place.clone() }).unwrap_or_default();
        self.findings.push(Finding { severity: Severity::Warning, code, offset, place, text, is_repairable: true });
    }

    fn key(&mut self, key: &Key<'_>, raw: &[u8]) -> Flow {
        self.is_passing = !self.filter.matches_head(key);
        if self.is_passing {
            return Flow::SkipValue;
        }
        let preview = key.key.with_text(KeyPreview::new);
        let value_type = Some(key.value_type.name());
        let place = Place { db: Some(key.db), key: Some(preview), value_type, element: None };
        let (kind, indices) = (key.value_type.kind(), Indices::Ascend(None));
        self.open = Some(Open { place, kind, element: 0, indices, findings: self.findings.len() });
        self.members.clear();
        if let Shape::Stream(generation) = key.value_type.layout().shape {
            self.stream.open(generation);
        }
        if !key.key.with_text(|text| self.keys.is_new(key.db, text)) {
            self.found(&ErrorKind::Duplicate { expected: "a key once in its database" }, self.offset, None);
        }
        if rdb::repeats_itself(raw) {
            let text = "expected expiry, and idle time or frequency, once before a key, found one of them twice; the last counts";
            self.warn("repeated-metadata", self.offset, None, text.to_string());
        }
        Flow::Continue
    }

    fn found(&mut self, kind: &ErrorKind, offset: u64, element: Option<u64>) {
        let place = self.open.as_ref().map(|open| Place { element, ..open.place.clone() }).unwrap_or_default();
        self.findings.push(Finding {
            severity: Severity::Error,
            code: kind.code(),
            offset,
            place,
            text: kind.to_string(),
            is_repairable: true,
        });
    }

    fn elements(&mut self, elements: Elements<'_>, raw: &[u8]) -> Result<(), Fault> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if matches!(elements, Elements::Packed { packed: Packed { container: Container::Intset, .. }, .. }) {
            // Its order is checked, so no member stands twice.
            return elements.each(|_| open.element = open.element.saturating_add(1));
        }
        let members = &mut self.members;
        let mut twice = Vec::new();
        let mut breaks = None;
        let result = elements.each(|element| {
            let name = match element {
                Element::Item(_) => None,
                Element::Slot { index, .. } => {
                    if open.indices.break_at(index) {
                        breaks = Some(open.element);
                    }
                    None
                }
                Element::Member(name)
                | Element::Scored { member: name, .. }
                | Element::Field { field: name, .. }
                | Element::ExpiringField { field: name, .. } => Some(name),
            };
            if name.is_some_and(|name| !name.with_text(|text| members.is_new(0, text))) {
                twice.push(open.element);
            }
            open.element = open.element.saturating_add(1);
        });
        if !twice.is_empty() {
            self.duplicates(&twice, elements, raw);
        }
        if breaks.is_some() {
            let text = "expected the array's indices in ascending order, found one not above the one before; the later of two values counts";
            self.warn("bad-value", self.offset, breaks, text.to_string());
        }
        result
    }

    #[cold]
    fn duplicates(&mut self, twice: &[u64], elements: Elements<'_>, raw: &[u8]) {
        let expected = match self.open.as_ref().map(|open| open.kind) {
            Some(Kind::Hash) => "a field once in its hash",
            _ => "a member once in its set",
        };
        // A blob that stands in the file as it is ends its step.
        let inner = match elements {
            Elements::Packed { packed, .. } if raw.ends_with(packed.blob()) => raw.len().saturating_sub(packed.blob().len()),
            _ => 0,
        };
        let offset = self.offset.saturating_add(inner as u64);
        for element in twice {
            self.found(&ErrorKind::Duplicate { expected }, offset, Some(*element));
        }
    }

    fn key_end(&mut self, span: Span) {
        if self.members.is_full() {
            let text = alloc::format!("a member that stands twice is known only among the first {} members", self.members.len());
            self.warn("limit-exceeded", span.start, None, text);
        }
        if let Some(open) = self.open.take() {
            if self.filter.size.matches(span.len()) {
                self.checked = self.checked.saturating_add(1);
            } else {
                self.findings.truncate(open.findings);
            }
        }
    }
}

impl Job for Check {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        let mut result = Ok(Flow::Continue);
        match event {
            Event::Value(Part::Elements { elements, .. }) => result = self.elements(*elements, raw).map(|()| Flow::Continue),
            Event::Value(Part::Stream(part)) => {
                let Self { stream, findings, open, offset, .. } = self;
                let place = open.as_ref().map(|open| &open.place);
                result = stream.push(part, *offset, place, findings).map(|()| Flow::Continue);
            }
            Event::Key(key) => result = Ok(self.key(key, raw)),
            Event::EmptyKey(key) => {
                self.is_passing = !(self.filter.matches_head(key) && self.filter.size.matches(raw.len() as u64));
            }
            Event::KeyEnd { span } => {
                self.is_passing = false;
                self.key_end(*span);
                // Values that were skipped are not told of.
                self.offset = span.end;
            }
            _ => self.is_passing = false,
        }
        self.offset = self.offset.saturating_add(raw.len() as u64);
        result
    }

    fn note(&mut self, error: Error) -> Result<(), Error> {
        let mut finding = Finding::from_error(&error, true);
        if let Some(open) = &self.open {
            finding.place.db = open.place.db;
            finding.place.element = Some(open.element).filter(|_| open.kind != Kind::Stream);
        }
        self.findings.push(finding);
        Ok(())
    }

    fn deviation(&mut self, error: Error) -> Option<Error> {
        if !self.is_passing {
            self.findings.push(Finding::from_error(&error, true));
        }
        None
    }
}

#[cfg(test)]
mod tests;
