//! Commands straight from the parts of a value, for values that need not be whole to become commands.

use super::dataset::{DecodeLimits, Entry};
use super::distinct::Suspects;
use super::emit_log::{ITEMS, Log, LogEmitter, is_negative_zero};
use super::held_stream::{HeldEntry, HeldStream};
use super::plan::stream_generation;
use super::store::Store;
use super::value::{ScoredMember, Value};
use crate::error::{Fault, Result};
use crate::rdb::{Container, Element, Elements, Eviction, Key, Part, Shape, Unit, ValueType};
use crate::wire::Scalar;
use crate::wire::number::{Buffer, score_text};
use alloc::vec::Vec;
use bytes::Bytes;
use core::ops::Range;

/// The key whose value is being written, part by part.
pub(super) struct OpenKey {
    key: Vec<u8>,
    value_type: ValueType,
    db: u64,
    expires_at_ms: Option<i64>,
    eviction: Eviction,
    shown: Shown,
    /// Whether parts say how many elements are to come; of lists, nodes are counted.
    is_counted: bool,
    /// Elements that the command in hand still has room for.
    room: u64,
    held: Option<HeldZset>,
    stream: Option<HeldStream>,
    /// Of a packed value: commands would keep the last of two alike, where servers see the first.
    suspects: Suspects,
}

impl Default for OpenKey {
    fn default() -> Self {
        Self {
            key: Vec::new(),
            value_type: ValueType::STRING,
            db: 0,
            expires_at_ms: None,
            eviction: Eviction::None,
            shown: Shown::default(),
            is_counted: false,
            room: 0,
            held: None,
            stream: None,
            suspects: Suspects::new(),
        }
    }
}

/// What the commands for a value are made of.
#[derive(Clone, Copy, Default)]
struct Shown {
    command: &'static [u8],
    /// Arguments that an element takes.
    width: u64,
}

fn shown(unit: Unit) -> Option<Shown> {
    Some(match unit {
        Unit::Item => Shown { command: b"RPUSH", width: 1 },
        Unit::Member => Shown { command: b"SADD", width: 1 },
        Unit::ScoreText | Unit::ScoreBinary => Shown { command: b"ZADD", width: 2 },
        Unit::Pair => Shown { command: b"HMSET", width: 2 },
        Unit::PairExpiry(_) | Unit::Triplet => return None,
    })
}

impl LogEmitter {
    /// Begins a key whose value comes in parts, if commands can be made of them: strings, lists, sets, sorted sets, hashes
    /// without expiries, for servers from RDB 8 on, and streams. What the eviction policy knew of the key has no command.
    pub(crate) fn begin_key(&mut self, key: &Key<'_>) -> bool {
        let layout = key.value_type.layout();
        if let Shape::Stream(generation) = layout.shape {
            self.open.stream = stream_generation(self.version()).map(|_| HeldStream::new(generation));
            self.open.begin_key(key);
            return self.open.stream.is_some();
        }
        let has_form = matches!(layout.shape, Shape::Single | Shape::Nodes { .. } | Shape::Counted | Shape::Packed(_));
        let Some(shown) = shown(layout.unit).filter(|_| has_form && self.version().number() >= 8) else { return false };
        let is_counted = layout.shape == Shape::Counted;
        // Whether a score is -0 is known at the end.
        let is_held = is_counted && shown.command == b"ZADD" && self.has_negative_zero();
        let open = &mut self.open;
        open.begin_key(key);
        (open.shown, open.is_counted, open.room) = (shown, is_counted, 0);
        open.held = is_held.then(HeldZset::new);
        true
    }

    /// The key that was begun last, if it is a stream, behind its last part. It may be given to [`LogEmitter::held`] then.
    pub(crate) fn take_held(&mut self) -> Option<HeldEntry> {
        let stream = self.open.stream.take()?;
        Some(stream.finish(&self.open_key()))
    }

    /// Whether commands change a score of -0.
    fn has_negative_zero(&self) -> bool {
        self.version().number() >= 10
    }

    /// The key that was begun last.
    pub(crate) fn open_key(&self) -> Key<'_> {
        let OpenKey { key, value_type, db, expires_at_ms, eviction, .. } = &self.open;
        Key { key: Scalar::Bytes(key), value_type: *value_type, db: *db, expires_at_ms: *expires_at_ms, eviction: *eviction }
    }

    /// Appends the commands of a part. `false`: these would not give the value back, and nothing was appended; that is only said
    /// of the first part of a key, and the key is to be written as a whole then. Nothing is appended of a part with a fault.
    #[inline]
    pub(crate) fn part(&mut self, part: &Part<'_>, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let start = out.len();
        let is_made = match part {
            Part::Bytes { piece, left } => {
                self.open.text(*piece, *left, &mut Log::new(out));
                Ok(true)
            }
            Part::Elements { elements: Elements::One(element), left } => {
                let open = &mut self.open;
                if let (Some(held), Element::Scored { member, score }) = (&mut open.held, element) {
                    return held.push(*member, *score).map(|()| true);
                }
                open.begin(if open.is_counted { left.saturating_add(1) } else { 1 }, &mut Log::new(out));
                write_element(*element, &mut Log::new(out));
                Ok(true)
            }
            Part::Elements { elements, .. } => self.elements(*elements, out),
            Part::Stream(part) => {
                let form = self.backlen();
                match &mut self.open.stream {
                    Some(stream) => stream.push(part, form).map(|()| true),
                    None => Ok(false),
                }
            }
            _ => Ok(false),
        };
        if !matches!(is_made, Ok(true)) {
            out.truncate(start);
        }
        self.count(out.len().saturating_sub(start));
        is_made
    }

    /// Appends the elements of a packed blob.
    fn elements(&mut self, elements: Elements<'_>, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let has_negative_zero = self.has_negative_zero();
        let open = &mut self.open;
        let mut log = Log::new(out);
        let mut to_come = elements.count()?;
        let mut is_made = true;
        // Integers of an intset ascend: that was checked.
        let is_intset = matches!(elements, Elements::Packed { packed, .. } if packed.container() == Container::Intset);
        open.room = 0;
        open.suspects.begin(to_come);
        elements.each(|element| {
            open.begin(to_come, &mut log);
            to_come = to_come.saturating_sub(1);
            if let Element::Scored { score, .. } = element {
                is_made &= !(has_negative_zero && is_negative_zero(score));
            }
            if let Element::Scored { member: name, .. } | Element::Member(name) | Element::Field { field: name, .. } = element {
                is_made &= is_intset || !open.suspects.may_repeat(name);
            }
            write_element(element, &mut log);
        })?;
        Ok(is_made)
    }

    /// Appends what the key has beside its value, and what of that had to wait.
    ///
    /// # Errors
    /// `Unrepresentable`, as [`LogEmitter::entry`].
    pub(crate) fn end_key(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if let Some(held) = self.take_held() {
            let key = core::mem::take(&mut self.open.key);
            return self.held(&key, &held, out);
        }
        if let Some(held) = self.open.held.take() {
            if held.has_negative_zero {
                let (key, expires_at_ms) = (core::mem::take(&mut self.open.key), self.open.expires_at_ms);
                return self.entry(&key, &Entry { expires_at_ms, ..Entry::from(held.into_value()) }, out);
            }
            let start = out.len();
            self.open.members(&held, &mut Log::new(out));
            self.count(out.len().saturating_sub(start));
        }
        if let Some(at) = self.open.expires_at_ms {
            let start = out.len();
            Log::new(out).command(3, b"PEXPIREAT").bytes(&self.open.key).signed(at);
            self.count(out.len().saturating_sub(start));
        }
        Ok(())
    }
}

impl OpenKey {
    fn begin_key(&mut self, key: &Key<'_>) {
        self.key.clear();
        key.key.push_to(&mut self.key);
        (self.value_type, self.db) = (key.value_type, key.db);
        (self.expires_at_ms, self.eviction) = (key.expires_at_ms, key.eviction);
    }

    /// Takes an element's place in the command in hand; begins one of as many of those to come as it may have, where it is full.
    #[inline]
    fn begin(&mut self, to_come: u64, log: &mut Log<'_>) {
        if self.room == 0 {
            self.room = to_come.min(ITEMS as u64);
            let argc = self.room.saturating_mul(self.shown.width).saturating_add(2);
            log.command(usize::try_from(argc).unwrap_or(usize::MAX), self.shown.command).bytes(&self.key);
        }
        self.room = self.room.saturating_sub(1);
    }

    fn text(&mut self, piece: Scalar<'_>, left: u64, log: &mut Log<'_>) {
        piece.with_text(|piece| {
            if self.room == 0 {
                self.room = left;
                log.command(3, b"SET").bytes(&self.key).begin_bytes(left.saturating_add(piece.len() as u64));
            }
            log.raw(piece);
        });
        if left == 0 {
            log.raw(b"\r\n");
        }
    }

    fn members(&mut self, held: &HeldZset, log: &mut Log<'_>) {
        let mut to_come = held.scores.len() as u64;
        held.each(|name, score| {
            self.begin(to_come, log);
            to_come = to_come.saturating_sub(1);
            let (member, score) = (Scalar::Bytes(held.names.get(name).unwrap_or_default()), score);
            write_element(Element::Scored { member, score }, log);
        });
    }
}

#[inline(always)]
fn write_element(element: Element<'_>, log: &mut Log<'_>) {
    match element {
        Element::Item(text) | Element::Member(text) => log.scalar(text),
        Element::Field { field, value } => log.scalar(field).scalar(value),
        Element::Scored { member, score } => log.bytes(score_text(score, &mut Buffer::new())).scalar(member),
        // No unit that is shown has these.
        Element::ExpiringField { .. } | Element::Slot { .. } => log,
    };
}

/// A sorted set whose commands wait until it is whole.
struct HeldZset {
    store: Store,
    /// Names of the members, one behind the other.
    names: Vec<u8>,
    /// Of each member, where its name ends, and its score.
    scores: Vec<(usize, f64)>,
    has_negative_zero: bool,
}

impl HeldZset {
    fn new() -> Self {
        let store = Store::new(DecodeLimits::default().max_total_bytes);
        Self { store, names: Vec::new(), scores: Vec::new(), has_negative_zero: false }
    }

    fn push(&mut self, member: Scalar<'_>, score: f64) -> Result<(), Fault> {
        self.has_negative_zero |= is_negative_zero(score);
        member.with_text(|name| self.store.extend(&mut self.names, name))?;
        self.store.push(&mut self.scores, (self.names.len(), score))
    }

    /// Calls `f` with every member: the place of its name, and its score.
    fn each(&self, mut f: impl FnMut(Range<usize>, f64)) {
        let mut start = 0;
        for (end, score) in &self.scores {
            f(start..*end, *score);
            start = *end;
        }
    }

    fn into_value(mut self) -> Value {
        let names = Bytes::from(core::mem::take(&mut self.names));
        let mut members = Vec::with_capacity(self.scores.len());
        self.each(|name, score| members.push(ScoredMember { member: names.slice(name), score }));
        Value::Zset(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EncodeOptions;
    use crate::model::emit_value::packed;
    use crate::rdb::Version;

    fn emitter() -> (LogEmitter, Vec<u8>) {
        let mut out = Vec::new();
        let mut emitter = LogEmitter::new(&EncodeOptions::new(Version::redis(11))).unwrap();
        emitter.select_db(0, &mut out).unwrap();
        out.clear();
        (emitter, out)
    }

    fn key(name: &str, expires_at_ms: Option<i64>) -> Key<'static> {
        let value_type = ValueType::from_name(name).unwrap();
        Key { key: Scalar::Bytes(b"k"), value_type, db: 0, expires_at_ms, eviction: Eviction::None }
    }

    #[test]
    fn a_long_string_is_one_command_whatever_its_pieces() {
        let (mut emitter, mut out) = emitter();
        assert!(emitter.begin_key(&key("string", Some(7))));
        for (piece, left) in [(b"ab", 3), (b"cd", 1)] {
            assert!(emitter.part(&Part::Bytes { piece: Scalar::Bytes(piece), left }, &mut out).unwrap());
        }
        assert!(emitter.part(&Part::Bytes { piece: Scalar::Int(5), left: 0 }, &mut out).unwrap());
        emitter.end_key(&mut out).unwrap();
        let expected = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nabcd5\r\n*3\r\n$9\r\nPEXPIREAT\r\n$1\r\nk\r\n$1\r\n7\r\n";
        assert_eq!(core::str::from_utf8(&out), Ok(expected));
    }

    #[test]
    fn commands_have_at_most_64_elements() {
        let (mut emitter, mut out) = emitter();
        assert!(emitter.begin_key(&key("set", None)));
        for left in (0..130).rev() {
            let elements = Elements::One(Element::Member(Scalar::Int(left)));
            let left = u64::try_from(left).unwrap();
            assert!(emitter.part(&Part::Elements { elements, left }, &mut out).unwrap());
        }
        emitter.end_key(&mut out).unwrap();
        let text = core::str::from_utf8(&out).unwrap();
        let heads: Vec<_> = text.lines().filter(|line| line.starts_with('*')).collect();
        assert_eq!(heads, ["*66", "*66", "*4"]);
        assert!(text.ends_with("$1\r\n1\r\n$1\r\n0\r\n"));
    }

    #[test]
    fn a_large_sorted_set_is_restored_where_a_score_is_negative_zero() {
        let written = |score| {
            let (mut emitter, mut out) = emitter();
            assert!(emitter.begin_key(&key("zset-2", Some(7))));
            for (member, score, left) in [(b"a", 2.0, 1), (b"b", score, 0)] {
                let elements = Elements::One(Element::Scored { member: Scalar::Bytes(member), score });
                assert!(emitter.part(&Part::Elements { elements, left }, &mut out).unwrap());
            }
            emitter.end_key(&mut out).unwrap();
            alloc::string::String::from_utf8_lossy(&out).into_owned()
        };
        let expiry = "*3\r\n$9\r\nPEXPIREAT\r\n$1\r\nk\r\n$1\r\n7\r\n";
        let added = "*6\r\n$4\r\nZADD\r\n$1\r\nk\r\n$1\r\n2\r\n$1\r\na\r\n$3\r\n1.5\r\n$1\r\nb\r\n";
        assert_eq!(written(1.5), alloc::format!("{added}{expiry}"));
        let restored = written(-0.0);
        assert!(
            restored.starts_with("*4\r\n$7\r\nRESTORE\r\n$1\r\nk\r\n$1\r\n0\r\n") && restored.ends_with(expiry),
            "{restored}"
        );
    }

    #[test]
    fn a_packed_value_in_which_a_name_stands_twice_is_to_be_compared() {
        let (mut emitter, mut out) = emitter();
        for (is_made, blob) in [
            (true, b"\x13\0\0\0\x04\0\x81f\x02\x81a\x02\x81g\x02\x81b\x02\xff"),
            (false, b"\x13\0\0\0\x04\0\x81f\x02\x81a\x02\x81f\x02\x81b\x02\xff"),
        ] {
            assert!(emitter.begin_key(&key("hash-listpack", None)));
            let elements = packed(Container::Listpack, Unit::Pair, blob);
            assert_eq!(emitter.part(&Part::Elements { elements, left: 0 }, &mut out).unwrap(), is_made);
        }
    }

    #[test]
    fn what_has_to_be_whole_is_not_begun() {
        let (mut emitter, _) = emitter();
        for name in ["hash-metadata", "hash-listpack-ex", "hash-2", "module-2", "array"] {
            assert!(!emitter.begin_key(&key(name, None)), "{name}");
        }
    }
}
