//! The bytes of a file, unpacked where it is compressed as a whole: what
//! `unpack()` of the package and the viewer are made of.

use super::super::error;
use super::super::object::{self, ObjectExt};
use crate::error::Error;
use crate::kind::Codec;
use crate::unpack;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use js_sys::{Object, Uint8Array};
use wasm_bindgen::prelude::*;

/// Largest window of a zstd frame: half of what the command takes, since a
/// page has to live with far less memory.
const MAX_WINDOW_BYTES: u64 = 64 << 20;

/// Unpacks a file. Feed it the file's chunks in order and take all pieces after each.
#[wasm_bindgen(skip_typescript)]
pub struct Unpacker {
    unpacker: unpack::Unpacker,
    input: Vec<u8>,
    /// Bytes of the input that were taken.
    taken: usize,
}

#[wasm_bindgen]
impl Unpacker {
    /// Has read nothing yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    #[allow(clippy::new_without_default)] // a constructor of JavaScript
    pub fn new() -> Self {
        Self { unpacker: unpack::Unpacker::with_max_window(MAX_WINDOW_BYTES), input: Vec::new(), taken: 0 }
    }

    /// Takes the next chunk.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.input.drain(..self.taken);
        self.taken = 0;
        self.input.extend_from_slice(chunk);
    }

    /// The next piece, `undefined` where another chunk is needed.
    ///
    /// # Errors
    /// Where the file is damaged; said again by every later call.
    pub fn piece(&mut self) -> Result<Option<Uint8Array>, JsValue> {
        let rest = self.input.get(self.taken..).unwrap_or_default();
        match self.unpacker.step(rest) {
            Ok(step) => {
                self.taken = self.taken.saturating_add(step.consumed);
                Ok(Some(step.output).filter(|output| !output.is_empty()).map(Uint8Array::from))
            }
            Err(failure) => Err(packed(self.unpacker.codec(), &failure)),
        }
    }

    /// Says that no chunk follows.
    ///
    /// # Errors
    /// `truncated` where the file is not whole, or what a piece said before.
    pub fn finish(&self) -> Result<(), JsValue> {
        self.unpacker.finish().map_err(|failure| packed(self.unpacker.codec(), &failure))
    }

    /// How the file is compressed, once its first bytes have told: `compression` and `unpackedBytes`, and as `finding`
    /// what is wrong with it if no chunk follows.
    #[must_use]
    pub fn facts(&self) -> Option<Object> {
        let codec = self.unpacker.codec()?;
        let facts = Object::new();
        facts.set("compression", codec.name());
        facts.set("unpackedBytes", object::number(self.unpacker.unpacked_bytes()));
        if let Err(failure) = self.unpacker.finish() {
            let text = within(codec, failure.kind());
            let finding = error::finding("error", failure.code(), failure.offset(), failure.place(), &text, false);
            finding.set("compression", codec.name());
            facts.set("finding", finding);
        }
        Some(facts)
    }

    /// Whether the file is known not to be compressed: then pieces are its chunks.
    #[wasm_bindgen(getter, js_name = isPlain)]
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.unpacker.is_plain()
    }
}

/// The error to throw for one of the compressed file; its offset counts there.
fn packed(codec: Option<Codec>, error: &Error) -> JsValue {
    let Some(codec) = codec else { return error::to_js(error) };
    let thrown = error::with_code(error.code(), error.offset(), &within(codec, error), error.place());
    Object::unchecked_from_js_ref(&thrown).set("compression", codec.name());
    thrown
}

/// What is wrong with a compressed file, and where.
fn within(codec: Codec, what: impl core::fmt::Display) -> String {
    format!("in the compressed file ({}): {what}", codec.name())
}
