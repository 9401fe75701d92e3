//! JSON Lines of a file, chunk by chunk: what `entries()` of the package parses.

use super::error;
use super::session::MAX_ITEM_BYTES;
use crate::aof;
use crate::error::Fault;
use crate::jobs::{Export, Flow, Job, Reader};
use crate::rdb::Event;
use crate::wire::Limits;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use wasm_bindgen::prelude::*;

/// Writes a file as JSON Lines. Feed it the file's chunks in order and take the
/// lines that are whole after each.
#[wasm_bindgen(skip_typescript)]
pub struct Lines {
    reader: Reader,
    writer: Writer,
    is_finished: bool,
}

struct Writer {
    export: Export,
    text: Vec<u8>,
    /// Bytes of `text` up to the end of the last line that is whole.
    whole: usize,
    /// The last time that a log has named.
    timestamp_s: Option<u64>,
}

#[wasm_bindgen]
impl Lines {
    /// Has read nothing yet.
    ///
    /// # Errors
    /// An `Error` where the machine gives no random numbers.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<Self, JsValue> {
        let limits = Limits { max_item_bytes: MAX_ITEM_BYTES };
        // An object has no member twice, and no file can be made to slow the search for one.
        let word = || getrandom::u64().map_err(|error| js_sys::Error::new(&error.to_string()));
        let export = Export::with_limits(limits).refusing_duplicates([word()?, word()?]);
        let writer = Writer { export, text: Vec::new(), whole: 0, timestamp_s: None };
        Ok(Self { reader: Reader::new(limits), writer, is_finished: false })
    }

    /// Reads the next chunk, of any size.
    ///
    /// # Errors
    /// Where the file is damaged; said again by every later call. Lines before
    /// can be taken.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), JsValue> {
        if self.is_finished {
            return Err(error::usage("feed: the lines were finished"));
        }
        // One copy of the decoder serves all but the hottest job.
        let writer: &mut dyn Job = &mut self.writer;
        self.reader.feed(chunk, writer).map_err(|failure| error::to_js(&failure))
    }

    /// Says that no chunk follows.
    ///
    /// # Errors
    /// `truncated` where the file is not whole, or what a chunk said before.
    pub fn finish(&mut self) -> Result<(), JsValue> {
        self.is_finished = true;
        self.reader.finish().map_err(|failure| error::to_js(&failure))
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

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> Result<(), Fault> {
        match event {
            aof::Event::Command(command) => {
                Export::command(*command, offset, None, self.timestamp_s, &mut self.text);
                self.whole = self.text.len();
            }
            aof::Event::Timestamp { unix_s } => self.timestamp_s = Some(*unix_s),
            aof::Event::Annotation(_) | aof::Event::Snapshot(_) => {}
        }
        Ok(())
    }
}
