//! JSON Lines of a file, chunk by chunk: what `entries()` of the package parses; and of single keys.

use super::super::MAX_ITEM_BYTES;
use super::super::error;
use super::super::{option, seed};
use crate::aof;
use crate::error::{Error, ErrorKind, Fault, Place};
use crate::jobs::{Export, ExportLog, Flow, Job, Json, Pass, Reader, Record};
use crate::rdb::{Decoder, Dialect, Event, Templates, Version};
use crate::wire::{Limits, Scalar};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem::take;
use js_sys::{Array, Uint8Array};
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
    /// What was passed over since the last line that is whole.
    deviations: Vec<Error>,
    log: ExportLog,
}

/// An export that has no member twice in an object, and no file can be made to slow the search for one.
fn export(limits: Limits) -> Result<Export, JsValue> {
    Ok(Export::with_limits(limits).refusing_duplicates(seed()?))
}

#[wasm_bindgen]
impl Lines {
    /// Has read nothing yet. Options: `lenient`.
    ///
    /// # Errors
    /// An `Error` where the machine gives no random numbers, a `TypeError` where an option is of the wrong type.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<Self, JsValue> {
        let limits = Limits { max_item_bytes: MAX_ITEM_BYTES };
        let writer =
            Writer { export: export(limits)?, text: Vec::new(), whole: 0, deviations: Vec::new(), log: ExportLog::new() };
        let reader = Reader::new(limits);
        let reader = if option::flag(options, "lenient")? { reader.leniently() } else { reader };
        Ok(Self { reader, writer, is_finished: false })
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
        let result = self.reader.finish();
        self.writer.deviations.append(&mut self.reader.deviations());
        // A line that is begun stays cut.
        self.writer.text.truncate(self.writer.whole);
        self.writer.end_line();
        result.map_err(|failure| error::to_js(&failure))
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

impl Writer {
    /// Behind a line that is whole: what was passed over in it, a line each.
    fn end_line(&mut self) {
        for error in take(&mut self.deviations) {
            push_deviation(&error, &mut self.text);
        }
        self.whole = self.text.len();
    }

    /// Whether no line is begun. Text is escaped, so a line feed is always a line's end.
    fn is_between(&self) -> bool {
        self.text.last().is_none_or(|last| *last == b'\n')
    }
}

/// `{"deviation":{"code","offset","db","key","key_bytes","encoding","element","text"}}`.
fn push_deviation(error: &Error, out: &mut Vec<u8>) {
    let mut json = Json::new(out);
    json.open(b'{').name("deviation").open(b'{').name("code").text(error.code()).name("offset").int(error.offset());
    let Place { db, key, value_type, element } = error.place();
    if let Some(db) = db {
        json.name("db").int(*db);
    }
    if let Some(key) = key {
        json.name("key").bytes(Scalar::Bytes(key.bytes())).name("key_bytes").int(key.key_len());
    }
    if let Some(encoding) = value_type {
        json.name("encoding").text(encoding);
    }
    if let Some(element) = element {
        json.name("element").int(*element);
    }
    json.name("text").text(&error.kind().to_string()).close(b'}').close(b'}').end_line();
}

impl Job for Writer {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.export.push(event, raw, &mut self.text)?;
        if !matches!(event, Event::Value(_)) && self.is_between() {
            self.end_line();
        }
        Ok(Flow::Continue)
    }

    fn deviation(&mut self, error: Error) -> Option<Error> {
        self.deviations.push(error);
        if self.is_between() {
            self.end_line();
        }
        None
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> Result<(), Fault> {
        self.log.push(event, offset, None, &mut self.text);
        self.whole = self.text.len();
        Ok(())
    }
}

/// Writes the line of one key from the row's bytes of the file, in any chunks.
#[wasm_bindgen(skip_typescript)]
pub struct LineReader {
    decoder: Decoder,
    pass: Pass,
    line: Line,
}

struct Line {
    export: Export,
    text: Vec<u8>,
    is_whole: bool,
}

#[wasm_bindgen]
impl LineReader {
    /// A reader of the row that `Session.readAgain` told of.
    ///
    /// # Errors
    /// An `Error` where the machine gives no random numbers, a `TypeError` where a member is of the wrong type.
    #[wasm_bindgen(constructor)]
    pub fn new(row: &JsValue) -> Result<Self, JsValue> {
        let (Record { version, db, templates, limits }, offset) = record(row)?;
        let decoder = Decoder::resume(version, db, offset, limits).with_templates(templates);
        let decoder = if option::flag(row, "lenient")? { decoder.leniently() } else { decoder };
        let line = Line { export: export(limits)?, text: Vec::new(), is_whole: false };
        Ok(Self { decoder, pass: Pass::new(), line })
    }

    /// Reads the next bytes; `true` once the line is whole.
    ///
    /// # Errors
    /// Where the value is damaged, or differs from what was read before.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<bool, JsValue> {
        let line: &mut dyn Job = &mut self.line;
        self.pass.feed(&mut self.decoder, chunk, line).map_err(|failure| error::to_js(&failure))?;
        Ok(self.line.is_whole)
    }

    /// The line, with its `\n`.
    ///
    /// # Errors
    /// `truncated` where bytes are missing.
    pub fn finish(&mut self) -> Result<String, JsValue> {
        if !self.line.is_whole {
            let missing = Error::new(ErrorKind::Truncated { needed: 1 }, self.decoder.offset(), Place::default());
            return Err(error::to_js(&missing));
        }
        // Every line is UTF-8 by the way it is written.
        Ok(String::from_utf8(take(&mut self.line.text)).unwrap_or_default())
    }
}

/// What `Session.readAgain` told of a row, and where the row starts.
pub(super) fn record(row: &JsValue) -> Result<(Record, u64), JsValue> {
    let limits = Limits { max_item_bytes: option::whole(row, "maxItemBytes")?.unwrap_or(MAX_ITEM_BYTES) };
    let number = option::whole(row, "version")?.unwrap_or_default();
    let is_valkey = option::string(row, "dialect")?.is_some_and(|name| name == Dialect::Valkey.name());
    let version = if is_valkey { Version::valkey(number) } else { Version::redis(number) };
    let db = option::whole(row, "db")?.unwrap_or_default();
    let templates = option::list(row, "templates")?.iter().map(|pair| template(&pair)).collect::<Result<Vec<_>, _>>()?;
    let templates = Templates::from_encoded(templates.into_iter());
    Ok((Record { version, db, templates, limits }, option::whole(row, "offset")?.unwrap_or_default()))
}

fn template(pair: &JsValue) -> Result<(u64, Vec<u8>), JsValue> {
    let wrong = || error::usage("templates: expected pairs of number and bytes");
    let pair: &Array = pair.dyn_ref().ok_or_else(wrong)?;
    let id = pair.get(0).as_f64().map(option::to_u64).ok_or_else(wrong)?;
    let names: Uint8Array = pair.get(1).dyn_into().map_err(|_| wrong())?;
    Ok((id, names.to_vec()))
}

impl Job for Line {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.export.push(event, raw, &mut self.text)?;
        self.is_whole = matches!(event, Event::KeyEnd { .. });
        Ok(if self.is_whole { Flow::Stop } else { Flow::Continue })
    }

    /// The session has told of it when the row was read.
    fn deviation(&mut self, _error: Error) -> Option<Error> {
        None
    }
}
