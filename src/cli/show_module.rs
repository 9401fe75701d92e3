//! A module value as text for people: laid out where it can be read, else its items.

use super::show_text::{push_quoted, say};
use crate::error::is_disguising;
use crate::jobs::ModuleJson;
use crate::jobs::json_text::{Token, tokens};
use crate::rdb::ModuleItem;
use crate::wire::{Limits, Scalar};
use std::mem::take;
use std::prelude::rust_2024::*;

/// Bytes of items held back while the value may still prove to be one that can be read.
const HELD_BYTES: usize = 64 << 20;

/// Writes the text of one module value from its items.
#[derive(Debug)]
pub(super) struct ShowModule {
    readable: ModuleJson,
    held: Vec<Held>,
    held_bytes: usize,
    is_holding: bool,
}

/// An item, kept.
#[derive(Debug)]
enum Held {
    Number(ModuleItem<'static>),
    Bytes(Vec<u8>),
}

impl Default for ShowModule {
    fn default() -> Self {
        Self { readable: ModuleJson::new(Limits::default().max_item_bytes), held: Vec::new(), held_bytes: 0, is_holding: true }
    }
}

impl ShowModule {
    /// Appends the text of an item, or holds it back.
    pub(super) fn push(&mut self, item: &ModuleItem<'_>, out: &mut Vec<u8>) {
        if let ModuleItem::Id(id) = item {
            say(out, format_args!("module {id}, encoding version {}", id.encver()));
        }
        self.readable.push(item);
        if let Some(json) = self.readable.json().filter(|_| self.is_holding) {
            self.held.clear();
            push_pretty(json, out);
            return;
        }
        self.is_holding &= self.readable.is_promising() && self.held_bytes < HELD_BYTES;
        if self.is_holding {
            self.hold(item);
            return;
        }
        for held in take(&mut self.held) {
            match held {
                Held::Number(item) => line(&item, out),
                Held::Bytes(bytes) => line(&ModuleItem::Bytes(Scalar::Bytes(&bytes)), out),
            }
        }
        line(item, out);
    }

    fn hold(&mut self, item: &ModuleItem<'_>) {
        let held = match item {
            ModuleItem::Id(_) | ModuleItem::End => return,
            ModuleItem::Sint(int) => Held::Number(ModuleItem::Sint(*int)),
            ModuleItem::Uint(int) => Held::Number(ModuleItem::Uint(*int)),
            ModuleItem::Float(float) => Held::Number(ModuleItem::Float(*float)),
            ModuleItem::Double(double) => Held::Number(ModuleItem::Double(*double)),
            ModuleItem::Bytes(bytes) => Held::Bytes(bytes.to_vec()),
        };
        let bytes = if let Held::Bytes(bytes) = &held { bytes.len() } else { 0 };
        self.held_bytes = self.held_bytes.saturating_add(size_of::<Held>()).saturating_add(bytes);
        self.held.push(held);
    }
}

fn line(item: &ModuleItem<'_>, out: &mut Vec<u8>) {
    match item {
        ModuleItem::Sint(int) => say(out, format_args!("int     {int}")),
        ModuleItem::Uint(int) => say(out, format_args!("uint    {int}")),
        ModuleItem::Float(float) => say(out, format_args!("float   {float}")),
        ModuleItem::Double(double) => say(out, format_args!("double  {double}")),
        ModuleItem::Bytes(bytes) => {
            out.extend_from_slice(b"string  ");
            push_quoted(*bytes, out);
            out.push(b'\n');
        }
        ModuleItem::Id(_) | ModuleItem::End => {}
    }
}

/// Appends JSON with a line for each member and element; arrays of nothing but numbers, words and strings are one line.
fn push_pretty(json: &[u8], out: &mut Vec<u8>) {
    let mut depth = 0;
    let mut is_flat = false;
    let mut last = None;
    let mut tokens = tokens(json);
    while let Some(token) = tokens.next() {
        let opens = matches!(token, Token::Sign(b'{' | b'['));
        let closes = matches!(token, Token::Sign(b'}' | b']'));
        let is_behind_open = matches!(last, Some(Token::Sign(b'{' | b'[')));
        let is_behind_comma = last == Some(Token::Sign(b','));
        if closes {
            depth -= 1;
        }
        if is_flat {
            if is_behind_comma {
                out.push(b' ');
            }
            is_flat = !closes;
        } else if closes != is_behind_open || is_behind_comma {
            break_line(depth, out);
        }
        match token {
            Token::Sign(b':') => out.extend_from_slice(b": "),
            Token::Sign(sign) => out.push(sign),
            Token::String(text) | Token::Word(text) => push_text(text, out),
        }
        if opens {
            depth += 1;
            is_flat = token == Token::Sign(b'[') && ends_flat(tokens.clone());
        }
        last = Some(token);
    }
    out.push(b'\n');
}

/// A string, with JSON's escape for every character that a terminal would obey.
fn push_text(text: &[u8], out: &mut Vec<u8>) {
    let mut utf8 = [0; 4];
    for character in String::from_utf8_lossy(text).chars() {
        if character == '\x7f' || is_disguising(character) {
            out.extend_from_slice(format!("\\u{:04x}", u32::from(character)).as_bytes());
        } else {
            out.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
        }
    }
}

fn break_line(depth: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}

/// Whether the array that was opened before `tokens` has no other one in it, and no object.
fn ends_flat<'t>(mut tokens: impl Iterator<Item = Token<'t>>) -> bool {
    tokens.find(|token| matches!(token, Token::Sign(b'{' | b'[' | b']'))) == Some(Token::Sign(b']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_laid_out_by_lines() {
        let text = |json: &str| {
            let mut out = Vec::new();
            push_pretty(json.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text("12"), "12\n");
        assert_eq!(text("[]"), "[]\n");
        assert_eq!(text("{}"), "{}\n");
        assert_eq!(text("[1,\"a\",null]"), "[1, \"a\", null]\n");
        assert_eq!(
            text(r#"{"a":1,"b":{"c":[[],{},[1,2]],"d":[]},"e":[{"f":"g\\\"\\n"}]}"#),
            concat!(
                "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": [\n      [],\n      {},\n      [1, 2]\n    ],\n    \"d\": []\n  },\n",
                "  \"e\": [\n    {\n      \"f\": \"g\\\\\\\"\\\\n\"\n    }\n  ]\n}\n"
            )
        );
        // Nothing that a terminal would obey.
        assert_eq!(text("\"\u{9b}\u{7f}\u{202e}\""), "\"\\u009b\\u007f\\u202e\"\n");
    }
}
