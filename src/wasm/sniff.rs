//! What a file is, by its first bytes.

use super::object::{self, ObjectExt};
use crate::error::ErrorKind;
use crate::rdb::{Decoder, Event, Version};
use js_sys::Object;
use wasm_bindgen::prelude::*;

/// Says what begins with `prefix`: at least 16 bytes, or all there are.
#[wasm_bindgen(skip_typescript)]
#[must_use]
pub fn sniff(prefix: &[u8]) -> Object {
    let sniffed = Object::new();
    if let Some((dialect, version, is_supported)) = header(prefix) {
        sniffed.set("kind", "rdb");
        sniffed.set("dialect", dialect);
        sniffed.set("version", object::number(version));
        sniffed.set("supported", is_supported);
    } else if is_log(prefix) {
        sniffed.set("kind", "aof");
    } else if prefix.starts_with(b"file ") {
        sniffed.set("kind", "manifest");
    } else if prefix.starts_with(b"{\"snapshot\":") || prefix.starts_with(b"{\"db\":") {
        sniffed.set("kind", "jsonl");
    } else {
        sniffed.set("kind", "unknown");
        sniffed.maybe("looksLike", other_format(prefix));
    }
    sniffed
}

fn header(prefix: &[u8]) -> Option<(&'static str, u64, bool)> {
    let header = prefix.get(..Version::HEADER_LEN)?;
    let mut decoder = Decoder::new();
    match decoder.step(header) {
        Ok(step) => match step.event {
            Some(Event::Start(version)) => Some((version.dialect().name(), version.number(), true)),
            _ => None,
        },
        Err(fault) => match decoder.dress(fault).kind() {
            ErrorKind::UnsupportedVersion { dialect, version, .. } => Some((dialect, *version, false)),
            _ => None,
        },
    }
}

/// A log begins with a command or an annotation.
fn is_log(prefix: &[u8]) -> bool {
    matches!(prefix, [b'*', b'0'..=b'9', ..] | [b'#', ..])
}

/// Formats that people try to open instead, or in which they keep snapshots.
fn other_format(prefix: &[u8]) -> Option<&'static str> {
    const MAGICS: [(&[u8], &str); 7] = [
        (b"\x1f\x8b", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"SQLite format 3\0", "sqlite"),
    ];
    if prefix.is_empty() {
        return Some("empty");
    }
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| prefix.starts_with(magic)) {
        return Some(name);
    }
    matches!(prefix.trim_ascii_start().first(), Some(b'{' | b'[')).then_some("json")
}
