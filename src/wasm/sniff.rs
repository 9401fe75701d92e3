//! What a file is, by its first bytes.

use super::object::{self, ObjectExt};
use crate::kind::{Codec, FileKind};
use js_sys::Object;
use wasm_bindgen::prelude::*;

/// Says what begins with `prefix`: at least 16 bytes, or all there are; more tell more.
#[wasm_bindgen(skip_typescript)]
#[must_use]
pub fn sniff(prefix: &[u8]) -> Object {
    let kind = FileKind::sniff(prefix);
    let sniffed = Object::new();
    sniffed.set("kind", kind.name());
    match kind {
        FileKind::Rdb { version } => {
            sniffed.maybe("dialect", version.map(|version| version.dialect().name()));
            sniffed.maybe("version", version.map(|version| object::number(version.number())));
            sniffed.maybe("supported", version.map(|version| version.is_supported()));
        }
        FileKind::Compressed { codec } => sniffed.set("compression", codec.name()),
        FileKind::Unknown { looks_like } => sniffed.maybe("looksLike", looks_like),
        _ => {}
    }
    sniffed
}

/// Whether what begins with `prefix` may be compressed as a whole; four bytes tell.
#[wasm_bindgen(js_name = mayBeCompressed, skip_typescript)]
#[must_use]
pub fn may_be_compressed(prefix: &[u8]) -> bool {
    Codec::may_begin(prefix)
}
