//! A table for spreadsheets: a row for each element. Source: RFC 4180.
//!
//! Text that a spreadsheet would take for a formula has an apostrophe in front, unless it is a plain number.

use super::json::{B64, Base64, push_base64, push_score};
use super::json_text::{is_number, push_compact};
use super::module_value::ModuleJson;
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::rdb::{Element, Elements, Event, Key, Kind, ModuleItem, Part, StreamNode, StreamPart, ValueType};
use crate::wire::{Limits, Scalar};
use alloc::string::ToString;
use alloc::vec::Vec;

static TOO_LONG: Cause = Cause::new(FaultKind::Limit, "a string within the limit on an item's bytes", Form::Number);

/// Writes rows of the events of a snapshot: database, key, type and expiry, then of each element
///
/// | type | `id` | `field` | `value` | `field_expires_at_ms` |
/// | --- | --- | --- | --- | --- |
/// | string | | | the bytes | |
/// | list | its position, from 0 | | the element | |
/// | set | | | the member | |
/// | zset | | the member | its score | |
/// | hash | | the field | its value | when it expires |
/// | stream | the entry's | one of its fields | the value | |
/// | array | its index | | the value | |
/// | module | | | its readable form as JSON, or its payload | |
///
/// Consumer groups, functions and all else that is no element is left out; a stream without entries has one row.
/// Bytes that are no UTF-8, or begin with `$b64:`, are `$b64:` and their base64.
#[derive(Debug)]
pub struct ExportCsv {
    limits: Limits,
    is_raw: bool,
    value_type: Option<ValueType>,
    /// The cells that all rows of the key in hand begin with.
    head: Vec<u8>,
    rows: u64,
    /// The pieces of a long string.
    held: Vec<u8>,
    payload: Vec<u8>,
    base64: Base64,
    readable: ModuleJson,
}

impl Default for ExportCsv {
    fn default() -> Self {
        Self::new()
    }
}

impl ExportCsv {
    /// The names of the columns, which stand in front of all rows.
    pub const HEADER: &str = "db,key,type,expires_at_ms,id,field,value,field_expires_at_ms\r\n";

    /// A table of any keys.
    #[must_use]
    pub fn new() -> Self {
        let limits = Limits::default();
        Self {
            limits,
            is_raw: false,
            value_type: None,
            head: Vec::new(),
            rows: 0,
            held: Vec::new(),
            payload: Vec::new(),
            base64: Base64::default(),
            readable: ModuleJson::new(limits.max_item_bytes),
        }
    }

    /// Leaves text that looks like a formula as it is.
    #[must_use]
    pub fn raw(self) -> Self {
        Self { is_raw: true, ..self }
    }

    /// Appends the rows of `event`, which was read from `raw`, to `out`.
    ///
    /// # Errors
    /// A fault in a packed value: the rows in front of it are whole. A string beyond the limit.
    #[inline]
    pub fn push(&mut self, event: &Event<'_>, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        match event {
            Event::Key(key) => {
                self.open(key);
                Ok(())
            }
            Event::Value(Part::Elements { elements, .. }) => self.elements(*elements, out),
            Event::Value(Part::Bytes { piece, left }) => self.string(*piece, *left, out),
            Event::Value(Part::Stream(StreamPart::Node(node))) => self.node(node, out),
            Event::Value(Part::Module(item)) => {
                self.module(*item, raw, out);
                Ok(())
            }
            Event::KeyEnd { .. } => {
                let is_stream = self.value_type.take().is_some_and(|value_type| value_type.kind() == Kind::Stream);
                if is_stream && self.rows == 0 {
                    self.row(out).absent().absent().absent().end();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, key: &Key<'_>) {
        self.rows = 0;
        self.held.clear();
        self.payload.clear();
        self.base64.clear();
        self.value_type = Some(key.value_type);
        self.head.clear();
        let mut row = Row { out: &mut self.head, is_raw: self.is_raw };
        row.number(key.db).text(key.key).number(key.value_type.kind().name());
        match key.expires_at_ms {
            Some(at) => row.number(at),
            None => row.absent(),
        };
    }

    /// Begins a row.
    #[inline]
    fn row<'o>(&mut self, out: &'o mut Vec<u8>) -> Row<'o> {
        self.rows = self.rows.saturating_add(1);
        out.extend_from_slice(&self.head);
        Row { out, is_raw: self.is_raw }
    }

    fn elements(&mut self, elements: Elements<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        elements.each(|element| {
            let position = self.rows;
            let mut row = self.row(out);
            match element {
                Element::Item(item) => row.number(position).absent().text(item).end(),
                Element::Member(member) => row.absent().absent().text(member).end(),
                Element::Scored { member, score } => row.absent().text(member).score(score).end(),
                Element::Field { field, value } => row.absent().text(field).text(value).end(),
                Element::ExpiringField { field, value, expires_at_ms } => {
                    row.absent().text(field).text(value).end_at(expires_at_ms);
                }
                Element::Slot { index, value } => {
                    row.number(index).absent();
                    value.with_text(|text| row.text(Scalar::Bytes(text)).end());
                }
            }
        })
    }

    fn string(&mut self, piece: Scalar<'_>, left: u64, out: &mut Vec<u8>) -> Result<(), Fault> {
        if left == 0 && self.held.is_empty() {
            self.row(out).absent().absent().text(piece).end();
            return Ok(());
        }
        piece.push_to(&mut self.held);
        let len = self.held.len() as u64;
        if len > self.limits.max_item_bytes {
            return Err(Fault::new(&TOO_LONG, len.saturating_add(left)));
        }
        if left == 0 {
            let held = core::mem::take(&mut self.held);
            self.row(out).absent().absent().text(Scalar::Bytes(&held)).end();
        }
        Ok(())
    }

    fn node(&mut self, node: &StreamNode<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        for entry in node.entries() {
            let entry = entry?;
            let id = entry.id.to_string();
            for (field, value) in entry.fields.filter(|_| !entry.is_deleted) {
                self.row(out).number(id.as_str()).text(field).text(value).end();
            }
        }
        Ok(())
    }

    fn module(&mut self, item: ModuleItem<'_>, raw: &[u8], out: &mut Vec<u8>) {
        if let (ModuleItem::Id(_), Some(value_type)) = (item, self.value_type) {
            self.base64.push(&[value_type.byte()], &mut self.payload);
        }
        self.base64.push(raw, &mut self.payload);
        self.readable.push(&item);
        if item != ModuleItem::End {
            return;
        }
        self.base64.finish(&mut self.payload);
        let mut text = Vec::new();
        match self.readable.json() {
            Some(readable) => push_compact(readable, &mut text),
            None => {
                text.extend_from_slice(B64.as_bytes());
                text.append(&mut self.payload);
            }
        }
        let mut row = self.row(out);
        row.absent().absent().plain(&text).end();
    }
}

/// The cells of a row, each with the comma behind it.
struct Row<'o> {
    out: &'o mut Vec<u8>,
    is_raw: bool,
}

impl Row<'_> {
    fn absent(&mut self) -> &mut Self {
        self.out.push(b',');
        self
    }

    /// What needs neither quotes nor an apostrophe.
    fn number(&mut self, number: impl ToString) -> &mut Self {
        self.out.extend_from_slice(number.to_string().as_bytes());
        self.absent()
    }

    fn score(&mut self, score: f64) -> &mut Self {
        if score.is_finite() {
            push_score(score, self.out);
        } else {
            self.out.extend_from_slice(if score > 0.0 { b"inf" } else { b"-inf" });
        }
        self.absent()
    }

    #[inline]
    fn text(&mut self, text: Scalar<'_>) -> &mut Self {
        text.with_text(|text| {
            if core::str::from_utf8(text).is_ok() && !text.starts_with(B64.as_bytes()) {
                self.plain(text);
            } else {
                self.out.extend_from_slice(B64.as_bytes());
                push_base64(text, self.out);
                self.absent();
            }
        });
        self
    }

    /// UTF-8, in quotes where it has to be, or where it is empty, which tells it from what is absent.
    fn plain(&mut self, text: &[u8]) -> &mut Self {
        let apostrophe: &[u8] = if !self.is_raw && is_formula(text) { b"'" } else { b"" };
        if !text.is_empty() && !text.iter().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n')) {
            self.out.extend_from_slice(apostrophe);
            self.out.extend_from_slice(text);
            return self.absent();
        }
        self.out.push(b'"');
        self.out.extend_from_slice(apostrophe);
        for (at, part) in text.split(|byte| *byte == b'"').enumerate() {
            if at > 0 {
                self.out.extend_from_slice(b"\"\"");
            }
            self.out.extend_from_slice(part);
        }
        self.out.push(b'"');
        self.absent()
    }

    /// The last cell is absent.
    fn end(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }

    fn end_at(&mut self, expires_at_ms: i64) {
        self.out.extend_from_slice(itoa::Buffer::new().format(expires_at_ms).as_bytes());
        self.end();
    }
}

/// Whether a spreadsheet would work on the text.
fn is_formula(text: &[u8]) -> bool {
    const FULL_WIDTH: [&str; 4] = ["\u{ff1d}", "\u{ff0b}", "\u{ff0d}", "\u{ff20}"];
    let starts = match text.first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n' | b'\0') => true,
        Some(0xef) => FULL_WIDTH.iter().any(|sign| text.starts_with(sign.as_bytes())),
        _ => false,
    };
    starts && !is_number(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn cell(text: &[u8], is_raw: bool) -> String {
        let mut out = Vec::new();
        Row { out: &mut out, is_raw }.text(Scalar::Bytes(text));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_quoted_where_it_has_to_be_and_is_never_a_formula() {
        for (text, expected) in [
            (&b"a b"[..], "a b,"),
            (b"", "\"\","),
            (b"a,b", "\"a,b\","),
            (b"a\"b\r\n", "\"a\"\"b\r\n\","),
            (b"=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\","),
            (b"+1", "'+1,"),
            (b"-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0,"),
            (b"@SUM", "'@SUM,"),
            (b"\tx", "'\tx,"),
            (b"\nx", "\"'\nx\","),
            (b"\0x", "'\0x,"),
            ("\u{ff1d}1".as_bytes(), "'\u{ff1d}1,"),
            ("\u{ff21}1".as_bytes(), "\u{ff21}1,"),
            (b"-15", "-15,"),
            (b"-1.5e-7", "-1.5e-7,"),
            (b"--1", "'--1,"),
            (b"\xff", "$b64:/w==,"),
            (b"$b64:x", "$b64:JGI2NDp4,"),
        ] {
            assert_eq!(cell(text, false), expected, "{}", text.escape_ascii());
            assert_eq!(cell(text, true), expected.replacen('\'', "", usize::from(is_formula(text))), "{}", text.escape_ascii());
        }
        assert_eq!(cell(b"=1", true), "=1,");
    }
}
