//! Commands straight from the parts of a value, for values that need not be whole to become commands.

use super::emit_log::{ITEMS, Log, LogEmitter, is_negative_zero};
use crate::error::Fault;
use crate::rdb::{Element, Eviction, Key, Part, Shape, Unit, ValueType};
use crate::wire::Scalar;
use crate::wire::number::{Buffer, score_text};
use alloc::vec::Vec;

/// The key whose value is being written, part by part.
#[derive(Default)]
pub(super) struct OpenKey {
    key: Vec<u8>,
    value_type: Option<ValueType>,
    db: u64,
    expires_at_ms: Option<i64>,
    /// Elements that the command in hand still has room for.
    room: u64,
}

/// What the commands for a value are made of.
#[derive(Clone, Copy)]
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
    /// Begins a key whose value comes in parts, if commands can be made of them: strings, lists, sets, hashes
    /// without expiries and packed sorted sets, for servers from RDB 8 on.
    pub(crate) fn begin_key(&mut self, key: &Key<'_>) -> bool {
        let layout = key.value_type.layout();
        let is_made_of_parts = match layout.shape {
            Shape::Single | Shape::Nodes { .. } => true,
            // Whether a score is -0 is known at the end.
            Shape::Counted => matches!(layout.unit, Unit::Item | Unit::Member | Unit::Pair),
            Shape::Packed(_) => shown(layout.unit).is_some(),
            _ => false,
        };
        if !is_made_of_parts || key.eviction != Eviction::None || self.version().number() < 8 {
            return false;
        }
        let open = &mut self.open;
        open.key.clear();
        key.key.push_to(&mut open.key);
        (open.value_type, open.db, open.expires_at_ms, open.room) = (Some(key.value_type), key.db, key.expires_at_ms, 0);
        true
    }

    /// The key that was begun last.
    pub(crate) fn open_key(&self) -> Option<Key<'_>> {
        let OpenKey { key, value_type, db, expires_at_ms, .. } = &self.open;
        let value_type = (*value_type)?;
        Some(Key { key: Scalar::Bytes(key), value_type, db: *db, expires_at_ms: *expires_at_ms, eviction: Eviction::None })
    }

    /// Appends the commands of a part. `false`: these would not give the value back, and nothing was appended; that is only said
    /// of the first part of a key, and the key is to be written as a whole then.
    pub(crate) fn part(&mut self, part: &Part<'_>, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let start = out.len();
        let has_negative_zero = self.version().number() >= 10;
        let open = &mut self.open;
        let mut log = Log::new(out);
        let is_made = match part {
            Part::Bytes { piece, left } => {
                piece.with_text(|piece| {
                    if open.room == 0 {
                        let len = *left;
                        open.room = len;
                        log.command(3, b"SET").bytes(&open.key).begin_bytes(len.saturating_add(piece.len() as u64));
                    }
                    log.raw(piece);
                });
                if *left == 0 {
                    log.raw(b"\r\n");
                }
                true
            }
            Part::Elements { elements, left } => {
                let layout = open.value_type.map(ValueType::layout);
                let Some((layout, shown)) = layout.and_then(|layout| Some((layout, shown(layout.unit)?))) else {
                    return Ok(false);
                };
                let mut to_come = match (layout.shape, elements) {
                    (Shape::Counted, _) => left.saturating_add(1),
                    // Of lists, nodes are counted.
                    (_, elements) => elements.count()?,
                };
                if !matches!(layout.shape, Shape::Counted) {
                    open.room = 0;
                }
                let mut is_made = true;
                elements.each(|element| {
                    if open.room == 0 {
                        open.room = to_come.min(ITEMS as u64);
                        let argc = open.room.saturating_mul(shown.width).saturating_add(2);
                        log.command(usize::try_from(argc).unwrap_or(usize::MAX), shown.command).bytes(&open.key);
                    }
                    open.room = open.room.saturating_sub(1);
                    to_come = to_come.saturating_sub(1);
                    match element {
                        Element::Item(text) | Element::Member(text) => log.scalar(text),
                        Element::Field { field, value } => log.scalar(field).scalar(value),
                        Element::Scored { member, score } => {
                            is_made &= !(has_negative_zero && is_negative_zero(score));
                            log.bytes(score_text(score, &mut Buffer::new())).scalar(member)
                        }
                        // No unit that is shown has these.
                        Element::ExpiringField { .. } | Element::Slot { .. } => &mut log,
                    };
                })?;
                is_made
            }
            _ => false,
        };
        if !is_made {
            out.truncate(start);
        }
        self.count(out.len().saturating_sub(start));
        Ok(is_made)
    }

    /// Appends what the key has beside its value.
    pub(crate) fn end_key(&mut self, out: &mut Vec<u8>) {
        if let Some(at) = self.open.expires_at_ms {
            let start = out.len();
            Log::new(out).command(3, b"PEXPIREAT").bytes(&self.open.key).signed(at);
            self.count(out.len().saturating_sub(start));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EncodeOptions;
    use crate::rdb::{Elements, Version};

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
        emitter.end_key(&mut out);
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
        emitter.end_key(&mut out);
        let text = core::str::from_utf8(&out).unwrap();
        let heads: Vec<_> = text.lines().filter(|line| line.starts_with('*')).collect();
        assert_eq!(heads, ["*66", "*66", "*4"]);
        assert!(text.ends_with("$1\r\n1\r\n$1\r\n0\r\n"));
    }

    #[test]
    fn what_has_to_be_whole_is_not_begun() {
        let (mut emitter, _) = emitter();
        for name in ["zset-2", "zset", "hash-metadata", "hash-listpack-ex", "hash-2", "stream-listpacks", "module-2", "array"] {
            assert!(!emitter.begin_key(&key(name, None)), "{name}");
        }
        assert!(!emitter.begin_key(&Key { eviction: Eviction::Idle(1), ..key("string", None) }));
    }
}
