//! JSON Lines of a file, chunk by chunk: what `entries()` of the package parses.

use super::error;
use super::session::MAX_ITEM_BYTES;
use crate::error::{Error, Fault};
use crate::jobs::{Export, Flow, Job, Pass};
use crate::rdb::{Decoder, Event};
use crate::wire::Limits;
use alloc::string::String;
use alloc::vec::Vec;
use wasm_bindgen::prelude::*;

/// Writes a file as JSON Lines. Feed it the file's chunks in order and take the
/// lines that are whole after each.
#[wasm_bindgen(skip_typescript)]
pub struct Lines {
    decoder: Option<Decoder>,
    pass: Pass,
    writer: Writer,
    failure: Option<Error>,
}

struct Writer {
    export: Export,
    text: Vec<u8>,
    /// Bytes of `text` up to the end of the last line that is whole.
    whole: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

#[wasm_bindgen]
impl Lines {
    /// Has read nothing yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        let limits = Limits { max_item_bytes: MAX_ITEM_BYTES };
        let decoder = Some(Decoder::with_limits(limits));
        let writer = Writer { export: Export::with_limits(limits), text: Vec::new(), whole: 0 };
        Self { decoder, pass: Pass::new(), writer, failure: None }
    }

    /// Reads the next chunk, of any size.
    ///
    /// # Errors
    /// Where the file is damaged; said again by every later call. Lines before
    /// can be taken.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), JsValue> {
        let Some(decoder) = &mut self.decoder else {
            return Err(error::usage("feed: the lines were finished"));
        };
        if self.failure.is_none() {
            self.failure = self.pass.feed(decoder, chunk, &mut self.writer).err();
        }
        self.failure.as_ref().map_or(Ok(()), |failure| Err(error::to_js(failure)))
    }

    /// Says that no chunk follows.
    ///
    /// # Errors
    /// `truncated` where the file is not whole, or what a chunk said before.
    pub fn finish(&mut self) -> Result<(), JsValue> {
        if let (None, Some(decoder)) = (&self.failure, self.decoder.take()) {
            self.failure = decoder.finish().err();
        }
        self.failure.as_ref().map_or(Ok(()), |failure| Err(error::to_js(failure)))
    }

    /// The lines that became whole since the last call, each with its `\n`.
    #[must_use]
    pub fn take(&mut self) -> String {
        let lines = self.writer.text.drain(..self.writer.whole).collect();
        self.writer.whole = 0;
        // Every line is UTF-8 by the way it is written.
        String::from_utf8(lines).unwrap_or_default()
    }
}

impl Job for Writer {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.export.push(event, raw, &mut self.text)?;
        // Text is escaped, so a line feed is always a line's end.
        if !matches!(event, Event::Value(_)) && self.text.last() == Some(&b'\n') {
            self.whole = self.text.len();
        }
        Ok(Flow::Continue)
    }
}
