//! The commands of values that need not be whole to be written: strings, lists, sets, sorted sets and hashes without
//! expiries of fields. The text of a value is written as its parts come.

use crate::aof::{write_argument, write_argument_count};
use crate::error::Fault;
use crate::rdb::{Element, Elements, Event, Key, Kind, Layout, Part, Shape, Unit, ValueType, Version};
use crate::wire::Scalar;
use crate::wire::number::{Buffer, score_text};
use alloc::vec::Vec;

/// Elements of a command, as servers have them that rewrite a log.
const ITEMS: u64 = 64;

/// The key in hand, of which only its value is still to come.
#[derive(Debug, Default)]
pub(super) struct PlainKey {
    key: Vec<u8>,
    command: &'static [u8],
    /// Arguments of an element.
    width: u64,
    /// Elements still to come of the command that is open.
    open: u64,
    /// Whether parts are nodes, whose number says nothing of elements to come.
    is_in_nodes: bool,
    expires_at_ms: Option<i64>,
    /// Whether a string has begun.
    is_begun: bool,
}

impl PlainKey {
    /// Whether the value of this key is written without holding it, for servers of `version`.
    pub(super) fn takes(value_type: ValueType, version: Version) -> bool {
        /// Lengths of more than 32 bits came with it.
        const FIRST: u64 = 8;
        let Layout { shape, unit } = value_type.layout();
        let is_plain = match (value_type.kind(), shape, unit) {
            (Kind::String, Shape::Single, _) | (Kind::List, ..) => true,
            // A score of -0 is found before anything is written where the value is one part.
            (Kind::Zset, Shape::Packed(_), _) => true,
            (Kind::Zset, Shape::Counted, _) => version.number() < 10,
            (Kind::Set, Shape::Packed(_) | Shape::Counted, _) => true,
            (Kind::Hash, Shape::Packed(_) | Shape::Counted, Unit::Pair) => true,
            _ => false,
        };
        is_plain && version.number() >= FIRST
    }

    /// Begins a key that is taken.
    pub(super) fn open(&mut self, key: &Key<'_>) {
        self.key.clear();
        key.key.push_to(&mut self.key);
        let (command, width): (&'static [u8], _) = match key.value_type.kind() {
            Kind::List => (b"RPUSH", 1),
            Kind::Set => (b"SADD", 1),
            Kind::Zset => (b"ZADD", 2),
            Kind::Hash => (b"HMSET", 2),
            _ => (b"SET", 1),
        };
        (self.command, self.width) = (command, width);
        self.open = 0;
        self.is_in_nodes = matches!(key.value_type.layout().shape, Shape::Nodes { .. });
        self.expires_at_ms = key.expires_at_ms;
        self.is_begun = false;
    }

    /// Its name.
    pub(super) fn name(&self) -> &[u8] {
        &self.key
    }

    /// Appends what the event gives of the value.
    ///
    /// # Errors
    /// A fault in a packed value, of which nothing is appended.
    #[inline]
    pub(super) fn push(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        match event {
            Event::Value(Part::Elements { elements: Elements::One(element), left }) => {
                if self.open == 0 {
                    let count = if self.is_in_nodes { 1 } else { left.saturating_add(1) };
                    self.begin(count, out);
                }
                self.open = self.open.saturating_sub(1);
                write_element(*element, out);
                Ok(())
            }
            Event::Value(Part::Elements { elements, .. }) => {
                let start = out.len();
                let mut left = elements.count()?;
                let result = elements.each(|element| {
                    if self.open == 0 {
                        self.begin(left, out);
                    }
                    self.open = self.open.saturating_sub(1);
                    left = left.saturating_sub(1);
                    write_element(element, out);
                });
                self.open = 0;
                if result.is_err() {
                    out.truncate(start);
                }
                result
            }
            Event::Value(Part::Bytes { piece, left }) => {
                self.string(*piece, *left, out);
                Ok(())
            }
            Event::KeyEnd { .. } => {
                if let Some(at) = self.expires_at_ms {
                    write_argument_count(3, out);
                    write_argument(b"PEXPIREAT", out);
                    write_argument(&self.key, out);
                    write_argument(itoa::Buffer::new().format(at).as_bytes(), out);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Begins a command of the elements that are left, or of as many as there may be in one.
    fn begin(&mut self, left: u64, out: &mut Vec<u8>) {
        self.open = left.min(ITEMS);
        write_argument_count(self.open.saturating_mul(self.width).saturating_add(2), out);
        write_argument(self.command, out);
        write_argument(&self.key, out);
    }

    fn string(&mut self, piece: Scalar<'_>, left: u64, out: &mut Vec<u8>) {
        if !self.is_begun {
            self.begin(1, out);
            out.push(b'$');
            let len = piece.text_len().saturating_add(left);
            out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
            out.extend_from_slice(b"\r\n");
            self.is_begun = true;
        }
        piece.push_to(out);
        if left == 0 {
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Whether a score is one that commands do not make.
pub(super) fn has_negative_zero(elements: Elements<'_>) -> Result<bool, Fault> {
    let mut is_there = false;
    elements.each(|element| {
        if let Element::Scored { score, .. } = element {
            is_there |= score == 0.0 && score.is_sign_negative();
        }
    })?;
    Ok(is_there)
}

#[inline]
fn write_element(element: Element<'_>, out: &mut Vec<u8>) {
    match element {
        Element::Item(text) | Element::Member(text) => write_text(text, out),
        Element::Scored { member, score } => {
            write_argument(score_text(score, &mut Buffer::new()), out);
            write_text(member, out);
        }
        Element::Field { field, value } | Element::ExpiringField { field, value, .. } => {
            write_text(field, out);
            write_text(value, out);
        }
        Element::Slot { value, .. } => value.with_text(|text| write_argument(text, out)),
    }
}

#[inline]
fn write_text(text: Scalar<'_>, out: &mut Vec<u8>) {
    match text {
        Scalar::Bytes(text) => write_argument(text, out),
        Scalar::Int(int) => write_argument(itoa::Buffer::new().format(int).as_bytes(), out),
    }
}
