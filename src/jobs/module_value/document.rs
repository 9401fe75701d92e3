//! JSON documents.
//!
//! ```text
//! encver 3   string                                          the document as JSON text
//! encver 2   string, uint n, n > 0: string, string           as 3; then an index and a path for RediSearch
//! encver 0   one node:
//!            uint 0x01                                       null
//!            uint 0x02, string                               string
//!            uint 0x04, double                               number
//!            uint 0x08, uint                                 integer, by its 64 bits a signed one
//!            uint 0x10, string "0" or "1"                    boolean
//!            uint 0x20, uint n, n × (uint 0x80, string, node)  object
//!            uint 0x40, uint n, n × node                     array
//! ```
//! Servers save signed integers of modules as unsigned ones (Redis 8.0 `module.c` `RM_SaveSigned()`).
//! Encoding versions 1 and those above 3 were never written.
//!
//! Sources: RedisJSON 1.0 `src/object_type.c` `ObjectTypeRdbLoad()`, `src/json_type.h`; RedisJSON 2.8
//! `redis_json/src/redisjson.rs` `value_rdb_load_json()`, `redis_json/src/backward.rs` `json_rdb_load()`;
//! valkey-json (unstable branch of 2025) `src/json/dom.cc` `dom_load()`, `store_JValue()`, which writes 0 and 3 likewise.

use super::super::json_text::{MAX_DEPTH, is_json};
use super::json;
use crate::rdb::ModuleItem;
use crate::wire::Scalar;
use alloc::vec::Vec;

/// A document that is stored as JSON text.
#[derive(Debug)]
pub(super) struct Text {
    want: WantText,
    has_index: bool,
}

#[derive(Debug)]
enum WantText {
    Document,
    HasIndex,
    Index { left: u8 },
    End,
}

impl Text {
    pub(super) fn new() -> Self {
        Self { want: WantText::Document, has_index: false }
    }

    /// With what encoding version 2 has behind the text.
    pub(super) fn with_index() -> Self {
        Self { want: WantText::Document, has_index: true }
    }

    pub(super) fn push(&mut self, item: &ModuleItem<'_>, out: &mut Vec<u8>) -> Option<()> {
        self.want = match (&self.want, item) {
            (WantText::Document, ModuleItem::Bytes(text)) => {
                text.push_to(out);
                if !is_json(out) {
                    return None;
                }
                if self.has_index { WantText::HasIndex } else { WantText::End }
            }
            (WantText::HasIndex, ModuleItem::Uint(0)) => WantText::End,
            (WantText::HasIndex, ModuleItem::Uint(_)) => WantText::Index { left: 2 },
            (WantText::Index { left: 2 }, ModuleItem::Bytes(_)) => WantText::Index { left: 1 },
            (WantText::Index { .. }, ModuleItem::Bytes(_)) | (WantText::End, ModuleItem::End) => WantText::End,
            _ => return None,
        };
        Some(())
    }
}

/// A document that is stored as typed nodes.
#[derive(Debug)]
pub(super) struct Nodes {
    want: WantNode,
    /// Arrays and objects that are open, the innermost last.
    open: Vec<Container>,
}

#[derive(Debug)]
struct Container {
    is_object: bool,
    /// Values to come.
    left: u64,
}

#[derive(Clone, Copy, Debug)]
enum WantNode {
    Type,
    String,
    Number,
    Integer,
    Boolean,
    Count { is_object: bool },
    Pair,
    Name,
    End,
}

impl Nodes {
    pub(super) fn new() -> Self {
        Self { want: WantNode::Type, open: Vec::new() }
    }

    pub(super) fn push(&mut self, item: &ModuleItem<'_>, out: &mut Vec<u8>) -> Option<()> {
        self.want = match (self.want, item) {
            (WantNode::Type, ModuleItem::Uint(node)) => match node {
                0x01 => {
                    json(out).null();
                    self.next(out)
                }
                0x02 => WantNode::String,
                0x04 => WantNode::Number,
                0x08 => WantNode::Integer,
                0x10 => WantNode::Boolean,
                0x20 => WantNode::Count { is_object: true },
                0x40 => WantNode::Count { is_object: false },
                _ => return None,
            },
            (WantNode::String, ModuleItem::Bytes(text)) => {
                json(out).bytes(utf8(text)?);
                self.next(out)
            }
            (WantNode::Number, ModuleItem::Double(number)) => {
                if !number.is_finite() {
                    return None;
                }
                // With the `.0` that tells it from an integer.
                json(out).raw(zmij::Buffer::new().format_finite(*number).as_bytes());
                self.next(out)
            }
            (WantNode::Integer, ModuleItem::Uint(int)) => {
                json(out).int(int.cast_signed());
                self.next(out)
            }
            (WantNode::Boolean, ModuleItem::Bytes(bit)) => {
                let value = bit.with_text(|bit| match bit {
                    b"0" => Some(false),
                    b"1" => Some(true),
                    _ => None,
                })?;
                json(out).bool(value);
                self.next(out)
            }
            (WantNode::Count { is_object }, ModuleItem::Uint(count)) => {
                if self.open.len() >= MAX_DEPTH {
                    return None;
                }
                json(out).open(if is_object { b'{' } else { b'[' });
                // One more than there are: `next` counts the value that has come.
                self.open.push(Container { is_object, left: count.checked_add(1)? });
                self.next(out)
            }
            (WantNode::Pair, ModuleItem::Uint(0x80)) => WantNode::Name,
            (WantNode::Name, ModuleItem::Bytes(name)) => {
                json(out).bytes(utf8(name)?);
                out.push(b':');
                WantNode::Type
            }
            (WantNode::End, ModuleItem::End) => WantNode::End,
            _ => return None,
        };
        Some(())
    }

    /// What follows a value; closes what is full.
    fn next(&mut self, out: &mut Vec<u8>) -> WantNode {
        while let Some(container) = self.open.last_mut() {
            container.left = container.left.saturating_sub(1);
            let is_object = container.is_object;
            if container.left > 0 {
                return if is_object { WantNode::Pair } else { WantNode::Type };
            }
            json(out).close(if is_object { b'}' } else { b']' });
            self.open.pop();
        }
        WantNode::End
    }
}

/// The text, unless it is none.
fn utf8<'a>(text: &Scalar<'a>) -> Option<Scalar<'a>> {
    match text {
        Scalar::Bytes(bytes) if core::str::from_utf8(bytes).is_err() => None,
        text => Some(*text),
    }
}
