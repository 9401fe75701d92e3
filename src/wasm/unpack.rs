//! The bytes of a file, unpacked where it is compressed as a whole: what
//! `unpack()` of the package and the viewer are made of.

use super::error;
use crate::unpack;
use alloc::vec::Vec;
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

/// Largest window of a zstd frame: half of what the command takes, since a
/// page has to live with far less memory.
pub(super) const MAX_WINDOW_BYTES: u64 = 64 << 20;

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
            Err(failure) => Err(error::packed(self.unpacker.codec(), &failure)),
        }
    }

    /// Says that no chunk follows.
    ///
    /// # Errors
    /// `truncated` where the file is not whole, or what a piece said before.
    pub fn finish(&self) -> Result<(), JsValue> {
        self.unpacker.finish().map_err(|failure| error::packed(self.unpacker.codec(), &failure))
    }

    /// Whether the file is known not to be compressed: then pieces are its chunks.
    #[wasm_bindgen(getter, js_name = isPlain)]
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.unpacker.is_plain()
    }
}
