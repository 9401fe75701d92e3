//! A value as text for people: every element on a line, nothing that a terminal would obey.

use super::print::{count, plural, push_escaped, size, time};
use super::show_module::ShowModule;
use crate::error::Fault;
use crate::rdb::{
    Consumer, Element, Event, Eviction, Generation, Group, Key, KeyMeta, MetaClass, Part, Pending, Shape, StreamNode, StreamPart,
};
use crate::wire::Scalar;
use std::io::Write;
use std::prelude::rust_2024::*;

/// Writes the text of one key from its events.
#[derive(Debug, Default)]
pub(super) struct ShowText {
    /// Whether the key was not read from a snapshot.
    is_of_log: bool,
    elements: u64,
    /// Whether the snapshot says when a consumer was last active.
    has_active: bool,
    /// The beginning of a character whose rest is in the next piece of a string.
    cut: Vec<u8>,
    ends_line: bool,
    module: ShowModule,
    /// Classes of metadata of the key that comes.
    meta: Vec<MetaClass>,
}

impl ShowText {
    /// For a key that a log makes, whose representation is nobody's.
    pub(super) fn new(is_of_log: bool) -> Self {
        Self { is_of_log, ..Self::default() }
    }

    /// Says that the key that comes is not shown.
    pub(super) fn skip_key(&mut self) {
        self.meta.clear();
    }

    /// Appends the text of an event.
    ///
    /// # Errors
    /// A fault in a packed value.
    pub(super) fn push(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        match event {
            Event::Key(key) => {
                let generation = match key.value_type.layout().shape {
                    Shape::Stream(generation) => generation,
                    _ => Generation::V1,
                };
                self.has_active = generation >= Generation::V3;
                heading(key, self.is_of_log, out);
                for class in self.meta.drain(..) {
                    say(out, format_args!("metadata of class {class}, version {}", class.version()));
                }
            }
            Event::KeyMeta(KeyMeta::Class(class)) => self.meta.push(*class),
            Event::Value(Part::Bytes { piece, left }) => self.string(*piece, *left == 0, out),
            Event::Value(Part::Elements { elements, .. }) => {
                return elements.each(|element| {
                    line(element, self.elements, out);
                    self.elements += 1;
                });
            }
            Event::Value(Part::Stream(part)) => return self.stream(part, out),
            Event::Value(Part::Array(head)) => {
                if let Some(index) = head.insert_index {
                    say(out, format_args!("last insertion at index {index}"));
                }
            }
            Event::Value(Part::Module(item)) => self.module.push(item, out),
            Event::KeyEnd { span } => {
                let elements = if self.elements > 0 { format!("{}, ", plural(self.elements, "element")) } else { String::new() };
                let place = if self.is_of_log { "a snapshot" } else { "the file" };
                say(out, format_args!("({elements}{} in {place})", size(span.len())));
            }
            _ => {}
        }
        Ok(())
    }

    /// Lines of a string stay lines; a character may begin in one piece and end in the next.
    fn string(&mut self, piece: Scalar<'_>, is_last: bool, out: &mut Vec<u8>) {
        let mut text = std::mem::take(&mut self.cut);
        piece.push_to(&mut text);
        if !is_last {
            self.cut = text.split_off(text.len() - unfinished(&text));
        }
        for (at, part) in text.split(|byte| *byte == b'\n').enumerate() {
            if at > 0 {
                out.push(b'\n');
            }
            for (at, part) in part.split(|byte| *byte == b'\t').enumerate() {
                if at > 0 {
                    out.push(b'\t');
                }
                push_text(part, out);
            }
        }
        self.ends_line = text.last().map_or(self.ends_line, |last| *last == b'\n');
        if is_last && !self.ends_line {
            out.push(b'\n');
        }
    }

    fn stream(&mut self, part: &StreamPart<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        match part {
            StreamPart::Node(node) => return self.node(node, out),
            StreamPart::Meta(meta) => say(out, format_args!("last id {}", meta.last_id)),
            StreamPart::Counters(counters) => say(
                out,
                format_args!(
                    "first id {}, highest deleted id {}, {} ever added",
                    counters.first_id,
                    counters.max_deleted_id,
                    plural(counters.entries_added, "entry")
                ),
            ),
            StreamPart::Group(group) => push_group(group, out),
            StreamPart::Pending(pending) => push_pending(pending, out),
            StreamPart::Consumer(consumer) => push_consumer(consumer, self.has_active, out),
            StreamPart::Owned(id) => say(out, format_args!("    {id}")),
            StreamPart::Returned(id) => say(out, format_args!("  handed back {id}")),
            StreamPart::Idempotency(idempotency) => say(
                out,
                format_args!(
                    "producers' ids kept for {} s, {} of each producer",
                    count(idempotency.duration_s),
                    count(idempotency.max_ids)
                ),
            ),
            StreamPart::Producer(producer) => {
                out.extend_from_slice(b"producer ");
                push_quoted(producer.name, out);
                say(out, format_args!(": {}", plural(producer.ids, "id")));
            }
            StreamPart::Produced { iid, id } => {
                out.extend_from_slice(b"  ");
                push_quoted(*iid, out);
                say(out, format_args!(" = {id}"));
            }
            StreamPart::IdempotencyCounters { added, duplicates } => {
                say(out, format_args!("producers' ids: {} added, {} refused", count(*added), count(*duplicates)));
            }
            StreamPart::Groups(_) | StreamPart::Consumers(_) | StreamPart::Returns(_) => {}
        }
        Ok(())
    }

    fn node(&mut self, node: &StreamNode<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        for entry in node.entries() {
            let entry = entry?;
            if entry.is_deleted {
                continue;
            }
            self.elements += 1;
            put(out, format_args!("{}", entry.id));
            for (field, value) in entry.fields {
                out.extend_from_slice(b"  ");
                push_quoted(field, out);
                out.extend_from_slice(b" = ");
                push_quoted(value, out);
            }
            out.push(b'\n');
        }
        Ok(())
    }
}

fn heading(key: &Key<'_>, is_of_log: bool, out: &mut Vec<u8>) {
    push_quoted(key.key, out);
    let expiry = key.expires_at_ms.map_or("never expires".into(), |at| format!("expires {}", time(at)));
    let hint = match key.eviction {
        Eviction::None => String::new(),
        Eviction::Freq(freq) => format!(", frequency {freq}"),
        Eviction::Idle(seconds) => format!(", idle for {} s", count(seconds)),
    };
    let value_type = key.value_type;
    let encoding = if is_of_log { String::new() } else { format!(" ({})", value_type.name()) };
    say(out, format_args!("  {}{encoding}, db {}, {expiry}{hint}", value_type.kind(), key.db));
}

fn line(element: Element<'_>, index: u64, out: &mut Vec<u8>) {
    match element {
        Element::Item(item) => {
            put(out, format_args!("{index:>10}  "));
            push_quoted(item, out);
        }
        Element::Member(member) => push_quoted(member, out),
        Element::Scored { member, score } => {
            put(out, format_args!("{score:>20}  "));
            push_quoted(member, out);
        }
        Element::Field { field, value } => {
            push_quoted(field, out);
            out.extend_from_slice(b" = ");
            push_quoted(value, out);
        }
        Element::ExpiringField { field, value, expires_at_ms } => {
            push_quoted(field, out);
            out.extend_from_slice(b" = ");
            push_quoted(value, out);
            put(out, format_args!("  expires {}", time(expires_at_ms)));
        }
        Element::Slot { index, value } => {
            put(out, format_args!("{index:>10}  "));
            value.with_text(|text| push_quoted(Scalar::Bytes(text), out));
        }
    }
    out.push(b'\n');
}

fn push_group(group: &Group<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"group ");
    push_quoted(group.name, out);
    let read = if group.entries_read == Group::UNKNOWN { "an unknown number".into() } else { count(group.entries_read) };
    say(out, format_args!(": last id {}, {read} read, {} pending", group.last_id, count(group.pending)));
}

fn push_pending(pending: &Pending, out: &mut Vec<u8>) {
    let times = plural(pending.deliveries, "time");
    say(out, format_args!("  pending {}, delivered {times}, last {}", pending.id, time(pending.delivered_at_ms)));
}

fn push_consumer(consumer: &Consumer<'_>, has_active: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"  consumer ");
    push_quoted(consumer.name, out);
    let active = match consumer.active_at_ms {
        _ if !has_active => String::new(),
        -1 => ", never active".into(),
        at => format!(", active {}", time(at)),
    };
    let (seen, pending) = (time(consumer.seen_at_ms), count(consumer.pending));
    say(out, format_args!(": seen {seen}{active}, {pending} pending"));
}

pub(super) fn push_quoted(scalar: Scalar<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    scalar.with_text(|text| push_escaped(text, out));
    out.push(b'"');
}

/// As [`push_escaped`], but quotes and backslashes of text stay as they are.
fn push_text(text: &[u8], out: &mut Vec<u8>) {
    for part in text.split_inclusive(|byte| matches!(byte, b'"' | b'\\')) {
        match part {
            [rest @ .., quote @ (b'"' | b'\\')] => {
                push_escaped(rest, out);
                out.push(*quote);
            }
            rest => push_escaped(rest, out),
        }
    }
}

/// Bytes at the end of `text` that begin a character without ending it.
fn unfinished(text: &[u8]) -> usize {
    for (behind, byte) in text.iter().rev().take(3).enumerate() {
        let len = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => 1,
        };
        return if behind + 1 < len { behind + 1 } else { 0 };
    }
    0
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // A vector takes every byte.
    let _ = out.write_fmt(text);
}

pub(super) fn say(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    put(out, text);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_across_pieces_stay_whole() {
        let text = "a€\n\t\"\\\x1b\u{202e}😀".as_bytes();
        let expected = "a€\n\t\"\\\\x1b\\u{202e}😀\n";
        for cut in 0..=text.len() {
            let (first, second) = text.split_at(cut);
            let mut show = ShowText::default();
            let mut out = Vec::new();
            show.string(Scalar::Bytes(first), false, &mut out);
            show.string(Scalar::Bytes(second), true, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "cut at {cut}");
        }
    }
}
