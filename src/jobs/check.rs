//! Every finding in a snapshot, not only the first.
//!
//! The decoder stops where the frame of the file is broken; what is wrong inside
//! of a value, or stands twice, is noted and reading goes on.

use super::check_stream::CheckStream;
use super::seen::{Seed, Seen};
use super::{Filter, Flow, Job};
use crate::error::{Error, ErrorKind, Fault, KeyPreview, Place};
use crate::rdb::{self, Container, Element, Elements, Event, Key, Kind, Packed, Part, Span, Summary};
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
    /// Whether the file is whole but for this: nothing behind it is lost with it.
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
    /// Findings before it.
    findings: usize,
}

/// Looks at every element of a snapshot, and at what stands twice.
#[derive(Debug)]
pub struct Check {
    filter: Filter,
    findings: Vec<Finding>,
    /// Where the next event starts.
    offset: u64,
    open: Option<Open>,
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
            self.warn("limit-exceeded", self.offset, text);
        }
    }

    fn trailing(&mut self, trailing: Span) {
        let text = alloc::format!("expected the end of the file behind the snapshot, found {} more bytes", trailing.len());
        self.warn("trailing-data", trailing.start, text);
    }

    fn warn(&mut self, code: &'static str, offset: u64, text: String) {
        let place = self.open.as_ref().map(|open| open.place.clone()).unwrap_or_default();
        self.findings.push(Finding { severity: Severity::Warning, code, offset, place, text, is_repairable: true });
    }

    fn key(&mut self, key: &Key<'_>, raw: &[u8]) -> Flow {
        if !self.filter.matches_head(key) {
            return Flow::SkipValue;
        }
        let preview = key.key.with_text(KeyPreview::new);
        let value_type = Some(key.value_type.name());
        let place = Place { db: Some(key.db), key: Some(preview), value_type, element: None };
        self.open = Some(Open { place, kind: key.value_type.kind(), element: 0, findings: self.findings.len() });
        self.members.clear();
        if !key.key.with_text(|text| self.keys.is_new(key.db, text)) {
            self.found(&ErrorKind::Duplicate { expected: "a key once in its database" }, self.offset, None);
        }
        if rdb::repeats_itself(raw) {
            let text = "expected expiry, and idle time or frequency, once before a key, found one of them twice; the last counts";
            self.warn("repeated-metadata", self.offset, text.to_string());
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
        let result = elements.each(|element| {
            let name = match element {
                Element::Item(_) | Element::Slot { .. } => None,
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
            self.warn("limit-exceeded", span.start, text);
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
            Event::Key(key) => {
                result = Ok(self.key(key, raw));
                self.stream.open();
            }
            Event::KeyEnd { span } => {
                self.key_end(*span);
                // Values that were skipped are not told of.
                self.offset = span.end;
            }
            _ => {}
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{Pass, SizeRule};
    use crate::rdb::Decoder;

    /// Checks an RDB 11 with `body` between header and trailer, its checksum off.
    fn check_with(body: &[u8], filter: Filter, limit_bytes: u64) -> Vec<Finding> {
        let file = [b"REDIS0011", body, b"\xff\0\0\0\0\0\0\0\0"].concat();
        let mut decoder = Decoder::new();
        let mut check = Check::new([1, 2], limit_bytes).with_filter(filter);
        let result = Pass::new().feed(&mut decoder, &file, &mut check);
        let end = result.and_then(|()| decoder.finish());
        check.end(end.as_ref());
        check.take_findings()
    }

    fn check(body: &[u8]) -> Vec<(&'static str, u64, Option<u64>)> {
        let findings = check_with(body, Filter::default(), 1 << 20);
        findings.iter().map(|finding| (finding.code, finding.offset, finding.place.element)).collect()
    }

    const HEADER: u64 = 9;

    #[test]
    fn a_key_may_stand_once_in_each_database() {
        let twice = b"\xfe\x00\x00\x01k\x01v\x00\x01k\x01w";
        assert_eq!(check(twice), [("duplicate", HEADER + 7, None)]);
        assert_eq!(check(b"\xfe\x00\x00\x01k\x01v\xfe\x01\x00\x01k\x01w"), []);
        // An integer and its text are the same key.
        assert_eq!(check(b"\x00\xc0\x07\x01v\x00\x017\x01w"), [("duplicate", HEADER + 5, None)]);
    }

    #[test]
    fn duplicates_are_found_each() {
        let set = b"\x02\x01s\x04\x01a\x01b\x01a\x01b";
        assert_eq!(check(set), [("duplicate", HEADER + 8, Some(2)), ("duplicate", HEADER + 10, Some(3))]);
        let hash = b"\x04\x01h\x02\x01f\x011\x01f\x012";
        assert_eq!(check(hash), [("duplicate", HEADER + 8, Some(1))]);
        let zset = b"\x03\x01z\x02\x01m\x011\x01m\x012";
        assert_eq!(check(zset), [("duplicate", HEADER + 8, Some(1))]);
        // A list may hold what it likes, and so may two values.
        assert_eq!(check(b"\x01\x01l\x02\x01a\x01a\x02\x01s\x01\x01a\x02\x01t\x01\x01a"), []);
    }

    #[test]
    fn duplicates_in_a_packed_value_name_its_blob_and_their_number() {
        let listpack = b"\x13\0\0\0\x06\0\x81f\x02\x811\x02\x81g\x02\x812\x02\x81f";
        let mut blob = listpack.to_vec();
        blob.extend_from_slice(b"\x02\x813\x02\xff");
        blob[0] = blob.len() as u8;
        let mut body = b"\x10\x01h".to_vec();
        body.push(blob.len() as u8);
        body.extend_from_slice(&blob);
        assert_eq!(check(&body), [("duplicate", HEADER + 4, Some(2))]);
    }

    #[test]
    fn reading_goes_on_behind_a_damaged_packed_value() {
        // The second entry's backward length is 3 instead of 2; then a key twice.
        let blob = b"\x0d\0\0\0\x02\0\x81f\x02\x81v\x03\xff";
        let body = [b"\x10\x01h\x0d", &blob[..], b"\x00\x01k\x01v\x00\x01k\x01w"].concat();
        assert_eq!(check(&body), [("bad-packed", HEADER + 4 + 9, Some(0)), ("duplicate", HEADER + 22, None)]);
    }

    #[test]
    fn a_broken_frame_ends_the_findings() {
        let body = b"\x00\x01k\x01v\x63\x01x";
        let findings = check_with(body, Filter::default(), 1 << 20);
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((finding.code, finding.offset, finding.is_repairable), ("unknown-type", HEADER + 5, false));
        assert_eq!(finding.place.key.unwrap().bytes(), b"x");
    }

    #[test]
    fn what_a_key_head_says_twice_is_a_warning() {
        assert_eq!(check(b"\xf9\xff\xf8\x05\x00\x01k\x01v"), [("repeated-metadata", HEADER, None)]);
        assert_eq!(check(b"\xfd\0\0\0\0\xf8\x05\x00\x01k\x01v"), []);
    }

    #[test]
    fn bytes_behind_the_trailer_are_a_warning() {
        assert_eq!(check(b"\xff\0\0\0\0\0\0\0\0abc"), [("trailing-data", HEADER + 9, None)]);
    }

    #[test]
    fn memory_for_names_has_an_end_that_is_told() {
        let mut body = Vec::new();
        for key in 0..200u8 {
            body.extend_from_slice(&[0, 1, key, 1, b'v']);
        }
        let findings = check_with(&body, Filter::default(), 40 * 50);
        assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["limit-exceeded"]);
    }

    #[test]
    fn only_keys_that_are_meant_are_looked_at() {
        let body = b"\x02\x01s\x02\x01a\x01a\x02\x01t\x03\x01a\x01a\x01b";
        let small = Filter { size: SizeRule { min: None, max: Some(8) }, ..Filter::default() };
        let findings = check_with(body, small, 1 << 20);
        assert_eq!(findings.iter().map(|finding| finding.offset).collect::<Vec<_>>(), [HEADER + 6]);
        let named = Filter { keys: [crate::jobs::Pattern::glob(b"t")].into(), ..Filter::default() };
        assert_eq!(check_with(body, named, 1 << 20).len(), 1);
    }

    /// An empty stream of RDB 11 with `groups` behind its counters.
    fn stream(groups: &[u8]) -> Vec<u8> {
        let mut body = b"\x15\x01s\x00\x00\x09\x00\x00\x00\x00\x00\x00".to_vec();
        body.extend_from_slice(groups);
        body
    }

    const ID_1: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    const TIME: &[u8] = &[0; 8];

    fn group(pending: &[&[u8]], consumers: &[(&[u8], &[&[u8]])]) -> Vec<u8> {
        let mut bytes = b"\x01g\x01\x01\x00".to_vec();
        bytes.push(pending.len() as u8);
        for id in pending {
            bytes.extend_from_slice(&[id, TIME, b"\x01"].concat());
        }
        bytes.push(consumers.len() as u8);
        for (name, owned) in consumers {
            bytes.push(name.len() as u8);
            bytes.extend_from_slice(&[name, TIME, TIME].concat());
            bytes.push(owned.len() as u8);
            bytes.extend_from_slice(&owned.concat());
        }
        bytes
    }

    fn codes(body: &[u8]) -> Vec<&'static str> {
        check(body).into_iter().map(|(code, ..)| code).collect()
    }

    #[test]
    fn pending_entries_have_one_owner_in_their_group() {
        let one = |group: Vec<u8>| codes(&stream(&[b"\x01", &group[..]].concat()));
        assert_eq!(one(group(&[ID_1], &[(b"a", &[ID_1])])), [""; 0]);
        assert_eq!(one(group(&[], &[(b"a", &[ID_1])])), ["bad-value"], "not pending");
        assert_eq!(one(group(&[ID_1], &[(b"a", &[ID_1]), (b"b", &[ID_1])])), ["bad-value"], "two owners");
        assert_eq!(one(group(&[ID_1], &[(b"a", &[ID_1, ID_1])])), ["duplicate"], "twice with one owner");
        assert_eq!(
            one(group(&[ID_1, ID_1], &[(b"a", &[ID_1])])),
            ["duplicate", "bad-value"],
            "twice in the group, one is nobody's"
        );
        assert_eq!(one(group(&[ID_1], &[(b"a", &[])])), ["bad-value"], "no owner");
        assert_eq!(one(group(&[ID_1], &[])), ["bad-value"], "no consumer");
    }

    #[test]
    fn groups_and_consumers_have_names_of_their_own() {
        let plain = group(&[], &[(b"a", &[])]);
        assert_eq!(codes(&stream(&[b"\x02", &plain[..], &plain[..]].concat())), ["duplicate"]);
        let twins = group(&[], &[(b"a", &[]), (b"a", &[])]);
        assert_eq!(codes(&stream(&[b"\x01", &twins[..]].concat())), ["duplicate"]);
    }
}
