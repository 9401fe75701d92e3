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
mod tests {
    use super::*;
    use crate::jobs::{Pass, SizeRule};
    use crate::rdb::Decoder;

    /// Checks an RDB 11 with `body` between header and trailer, its checksum off.
    fn check_with(body: &[u8], filter: Filter, limit_bytes: u64) -> Vec<Finding> {
        check_file(b"REDIS0011", body, Decoder::new(), filter, limit_bytes)
    }

    fn check_file(header: &[u8], body: &[u8], mut decoder: Decoder, filter: Filter, limit_bytes: u64) -> Vec<Finding> {
        let file = [header, body, b"\xff\0\0\0\0\0\0\0\0"].concat();
        let mut check = Check::new([1, 2], limit_bytes).with_filter(filter);
        let mut pass = Pass::new();
        let result = pass.feed(&mut decoder, &file, &mut check);
        assert_eq!(pass.deviations(), [], "a check takes them all");
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

    #[test]
    fn a_lenient_check_finds_what_was_passed_over_and_goes_on() {
        // A set without members, a hash with a wrong size of an entry, a key twice.
        let body = b"\x02\x01e\x00\x10\x01h\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x03\xff\x00\x01k\x01v\x00\x01k\x01w";
        let strict = check_with(body, Filter::default(), 1 << 20);
        assert_eq!(
            strict.iter().map(|finding| (finding.code, finding.is_repairable)).collect::<Vec<_>>(),
            [("bad-value", false)]
        );
        let lenient = |filter| check_file(b"REDIS0011", body, Decoder::new().leniently(), filter, 1 << 20);
        let findings = lenient(Filter::default());
        let told: Vec<_> = findings.iter().map(|finding| (finding.code, finding.offset, finding.is_repairable)).collect();
        assert_eq!(told, [("bad-value", HEADER + 3, true), ("bad-packed", HEADER + 17, true), ("duplicate", HEADER + 26, true)]);
        let keys: Vec<_> = findings.iter().map(|finding| finding.place.key.unwrap().bytes().to_vec()).collect();
        assert_eq!(keys, [b"e", b"h", b"k"]);
        let named = |name: &[u8]| Filter { keys: [crate::jobs::Pattern::glob(name)].into(), ..Filter::default() };
        assert_eq!(lenient(named(b"h")).len(), 1);
        assert_eq!(lenient(named(b"e")).len(), 1);
        let large = Filter { size: SizeRule { min: Some(10), max: None }, ..Filter::default() };
        assert_eq!(lenient(large).iter().map(|finding| finding.code).collect::<Vec<_>>(), ["bad-packed"]);
    }

    /// Codes and severities of an RDB of this version.
    fn told(header: &[u8], body: &[u8]) -> Vec<(&'static str, Severity)> {
        let findings = check_file(header, body, Decoder::new(), Filter::default(), 1 << 20);
        findings.iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn a_field_stands_once_whether_it_expires_or_not() {
        // hash-2 of Valkey: f without an expiry, f with one.
        let mut body = b"\x16\x01h\x02".to_vec();
        body.extend_from_slice(b"\x01f\x011\xff\xff\xff\xff\xff\xff\xff\xff\x01f\x012\x05\0\0\0\0\0\0\0");
        assert_eq!(told(b"VALKEY080", &body), [("duplicate", Severity::Error)]);
    }

    #[test]
    fn indices_of_an_array_ascend() {
        let array = |indices: &[u8]| {
            let mut body = Vec::from([0x1c, 1, b'a', indices.len() as u8, 0]);
            for index in indices {
                body.extend_from_slice(&[*index, 0, 1, b'x']);
            }
            check_file(b"REDIS0014", &body, Decoder::new(), Filter::default(), 1 << 20)
        };
        assert_eq!(array(&[0, 1, 9]), []);
        for (indices, element) in [(&[5, 5][..], 1), (&[0, 7, 3, 2, 2], 2)] {
            let findings = array(indices);
            let [finding] = &findings[..] else { panic!("told once: {findings:?}") };
            assert_eq!((finding.code, finding.severity), ("bad-value", Severity::Warning));
            assert_eq!(finding.place.element, Some(element));
        }
    }

    /// A stream of Redis 8.8 without entries, with one group and `idempotency` behind it.
    fn newest_stream(group: &[u8], returned: &[&[u8]], producers: &[u8]) -> Vec<u8> {
        let mut body = b"\x1b\x01s\x00\x00\x09\x00\x00\x00\x00\x00\x00\x01".to_vec();
        body.extend_from_slice(group);
        body.push(returned.len() as u8);
        body.extend_from_slice(&returned.concat());
        body.extend_from_slice(b"\x01\x01");
        body.extend_from_slice(producers);
        body.extend_from_slice(b"\x00\x00");
        body
    }

    const ID_2: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1];

    #[test]
    fn pending_entries_without_a_consumer_are_those_that_were_handed_back() {
        let check = |group: Vec<u8>, returned: &[&[u8]]| told(b"REDIS0014", &newest_stream(&group, returned, b"\x00"));
        let error = |code| (code, Severity::Error);
        assert_eq!(check(group(&[ID_1, ID_2], &[(b"a", &[ID_1])]), &[ID_2]), []);
        assert_eq!(check(group(&[ID_1], &[]), &[ID_1]), [], "no consumer is left");
        assert_eq!(check(group(&[ID_1, ID_2], &[(b"a", &[ID_1])]), &[]), [error("bad-value")], "nobody's");
        assert_eq!(check(group(&[ID_1], &[(b"a", &[ID_1])]), &[ID_1]), [error("bad-value")], "handed back, and owned");
        assert_eq!(check(group(&[], &[]), &[ID_1]), [error("bad-value")], "not pending");
        assert_eq!(check(group(&[ID_1], &[]), &[ID_1, ID_1]), [error("duplicate")], "twice");
    }

    #[test]
    fn producers_and_their_ids_have_names_of_their_own() {
        let check = |producers: &[u8]| told(b"REDIS0014", &newest_stream(&group(&[], &[]), &[], producers));
        // A producer has the name of its group, two producers the same ids.
        assert_eq!(check(b"\x02\x01g\x01\x01i\x01\x00\x01h\x01\x01i\x02\x00"), []);
        // As Redis 8.6.3 restores them: not at all, and without the second id.
        assert_eq!(check(b"\x02\x01g\x00\x01g\x00"), [("duplicate", Severity::Error)]);
        assert_eq!(check(b"\x01\x01g\x02\x01i\x01\x00\x01i\x02\x00"), [("duplicate", Severity::Warning)]);
    }

    #[test]
    fn a_length_of_the_first_streams_that_is_not_that_of_their_nodes_is_a_warning() {
        // Redis 5.0: one node, master 1-1 with one live entry; the length says two.
        let node = b"\x10\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01";
        let entries = b"\x01\x01\x00\x01\x01\x01\x81f\x02\x00\x01\x02\x01\x00\x01\x00\x01\x81v\x02\x04\x01\xff";
        let total = entries.len() as u8 + 6;
        let mut body = b"\x0f\x01s\x01".to_vec();
        body.extend_from_slice(node);
        body.extend_from_slice(&[total, total, 0, 0, 0, 10, 0]);
        body.extend_from_slice(entries);
        let with_length = |length: u8| told(b"REDIS0009", &[&body[..], &[length, 1, 1, 0]].concat());
        assert_eq!(with_length(1), []);
        assert_eq!(with_length(2), [("bad-value", Severity::Warning)]);
    }
}
