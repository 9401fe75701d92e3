//! Keys or commands of a file in another format, as the command line writes them.

use super::super::error;
use super::super::object::{self, ObjectExt};
use super::super::option;
use super::super::seed;
use super::super::wanted::Wanted;
use super::commands;
use crate::aof;
use crate::error::{Error, Fault};
use crate::jobs::{
    Container, Convert, ConvertOptions, Export, ExportCommands, ExportKeys, Filter, Flow, Job, KeyForm, Partition, Pattern,
    Reader, SplitBy, glob_literal,
};
use crate::rdb::{Event, Version};
use crate::wire::Limits;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::convert::Infallible;
use js_sys::{Object, Uint8Array};
use wasm_bindgen::prelude::*;

/// Writes the keys of a snapshot that are meant, or commands of a log. Begin each file, feed its chunks in order and
/// take what is settled after each, end it; then finish, and take the rest.
#[wasm_bindgen(skip_typescript)]
pub struct KeyExport {
    limits: Limits,
    is_lenient: bool,
    reader: Reader,
    writing: Writing,
    ready: Vec<u8>,
    written_bytes: u64,
    keys: u64,
}

enum Writing {
    Keys(Box<ExportKeys>),
    /// A snapshot of the same version.
    Copy(Box<Partition>),
    /// A snapshot of the version that the log comes from.
    Converted(Box<Convert>),
    Done,
}

impl Job for Writing {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        match self {
            Self::Keys(keys) => keys.push(event, raw),
            Self::Copy(copy) => copy.push(event, raw),
            Self::Converted(convert) => convert.push(event, raw),
            Self::Done => Ok(Flow::Stop),
        }
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> Result<(), Fault> {
        match self {
            Self::Keys(keys) => keys.log(event, offset),
            Self::Copy(copy) => copy.log(event, offset),
            Self::Converted(_) | Self::Done => Ok(()),
        }
    }
}

impl Writing {
    /// What ended the export says more than what ended the reading.
    fn failure(&self) -> Option<&Error> {
        match self {
            Self::Keys(keys) => keys.failure(),
            Self::Converted(convert) => convert.failure(),
            Self::Copy(_) | Self::Done => None,
        }
    }
}

#[wasm_bindgen]
impl KeyExport {
    /// Has read nothing yet. Options: `format` (`jsonl`, `csv`, `resp`, `rdb`); `query`, of which the part for rows holds, or
    /// `key` and `db` for one key; `commands` (`names`, `text`, `mode`): these commands of a log and no keys; `made`, where the
    /// snapshot was made of a log, whose data come from one of `made.source` or from none; `lenient`.
    ///
    /// # Errors
    /// `bad-pattern`; an `Error` where the machine gives no random numbers, a `TypeError` where an option is of the wrong type.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<Self, JsValue> {
        let limits = Limits { max_item_bytes: super::super::MAX_ITEM_BYTES };
        let is_lenient = option::flag(options, "lenient")?;
        let made = option::member(options, "made")?;
        let source = version(&option::member(&made, "source")?)?;
        let filter = filter(options)?;
        let keys = |form| {
            let mut keys = ExportKeys::new(filter.clone(), form);
            if made.is_object() {
                keys.of_version(source);
                keys = keys.without_encoding();
            }
            keys
        };
        let writing = match option::string(options, "format")?.as_deref() {
            Some("jsonl") => {
                let json = KeyForm::Json(Box::new(Export::with_limits(limits).refusing_duplicates(seed()?)));
                let commands = option::member(options, "commands")?;
                let keys = keys(json);
                Writing::Keys(Box::new(match commands.is_object() {
                    true => keys.only_commands(commands::rule(&commands)?),
                    false => keys,
                }))
            }
            Some("csv") => Writing::Keys(Box::new(keys(KeyForm::Csv(Box::default())))),
            Some("resp") => {
                let commands = ExportCommands::new(None);
                let commands = if is_lenient { commands.leniently() } else { commands };
                Writing::Keys(Box::new(keys(KeyForm::Commands(Box::new(commands)))))
            }
            Some("rdb") if made.is_object() => {
                let version = source.unwrap_or(Version::redis(Version::REDIS_MAX));
                let options = ConvertOptions { filter, is_lenient, ..ConvertOptions::new(version, Container::Snapshot, seed()?) };
                Writing::Converted(Box::new(Convert::new(options).map_err(|failure| error::to_js(&failure))?))
            }
            Some("rdb") => Writing::Copy(Box::new(Partition::new(filter, SplitBy::Nothing))),
            _ => return Err(error::usage("format: expected jsonl, csv, resp or rdb")),
        };
        Ok(Self { limits, is_lenient, reader: Reader::new(limits), writing, ready: Vec::new(), written_bytes: 0, keys: 0 })
    }

    /// The next file begins; lines of commands name it. An increment of a log may be empty and holds commands only.
    #[wasm_bindgen(js_name = beginFile)]
    pub fn begin_file(&mut self, name: &str, is_increment: bool) {
        self.reader = super::reader(self.limits, self.is_lenient, is_increment);
        if let Writing::Keys(keys) = &mut self.writing {
            keys.of_file(Some(name.as_bytes()));
        }
    }

    /// Reads the next chunk, of any size.
    ///
    /// # Errors
    /// Where the file is damaged, or a key has no form.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), JsValue> {
        let result = self.reader.feed(chunk, &mut self.writing);
        drop(self.reader.deviations());
        self.told(result)
    }

    /// No chunk of this file follows.
    ///
    /// # Errors
    /// `truncated` where the file is not whole, or what a chunk said before.
    #[wasm_bindgen(js_name = endFile)]
    pub fn end_file(&mut self) -> Result<(), JsValue> {
        let result = self.reader.finish();
        self.told(result)
    }

    /// What is settled since the last call.
    pub fn take(&mut self) -> Uint8Array {
        let ready = &mut self.ready;
        let move_all = |bytes: &mut Vec<u8>| {
            ready.append(bytes);
            Ok::<(), Infallible>(())
        };
        match &mut self.writing {
            Writing::Keys(keys) => {
                let Ok(()) = keys.drain(move_all);
            }
            Writing::Copy(copy) => copy.outputs().for_each(|(_, bytes)| ready.append(bytes)),
            Writing::Converted(convert) => {
                // Only how many there are is told, at the end.
                drop(convert.take_losses());
                ready.append(convert.output());
            }
            Writing::Done => {}
        }
        let taken = Uint8Array::from(ready.as_slice());
        self.written_bytes = self.written_bytes.saturating_add(ready.len() as u64);
        ready.clear();
        taken
    }

    /// No file follows. Gives `{ keys, losses }`: of `losses`, nothing is to be kept of what was written.
    ///
    /// # Errors
    /// What ended the export.
    pub fn finish(&mut self) -> Result<Object, JsValue> {
        let mut losses = 0;
        self.keys = match core::mem::replace(&mut self.writing, Writing::Done) {
            Writing::Keys(mut keys) => {
                let ready = &mut self.ready;
                let Ok(()) = keys.drain(|bytes| {
                    ready.append(bytes);
                    Ok::<(), Infallible>(())
                });
                keys.written()
            }
            Writing::Copy(mut copy) => {
                copy.outputs().for_each(|(_, bytes)| self.ready.append(bytes));
                copy.kept()
            }
            Writing::Converted(convert) => {
                let (mut rest, _, converted) = convert.finish().map_err(|failure| error::to_js(&failure))?;
                self.ready.append(&mut rest);
                losses = if converted.is_refused { converted.losses } else { 0 };
                converted.keys
            }
            Writing::Done => self.keys,
        };
        let object = Object::new();
        object.set("keys", object::number(self.keys));
        object.set("losses", object::number(losses));
        Ok(object)
    }
}

impl KeyExport {
    fn told(&self, result: Result<(), Error>) -> Result<(), JsValue> {
        match (self.writing.failure(), result) {
            (Some(failure), _) => Err(error::to_js(failure)),
            (None, result) => result.map_err(|failure| error::to_js(&failure)),
        }
    }
}

/// The keys that are meant: those that the query shows, or one.
fn filter(options: &JsValue) -> Result<Filter, JsValue> {
    let Some(key) = option::bytes(options, "key")? else {
        let query = option::member(options, "query")?;
        return Wanted::parse(&query)?.filter(&query);
    };
    let dbs = option::whole(options, "db")?.into_iter().collect();
    Ok(Filter { keys: [Pattern::Glob(glob_literal(&key))].into(), dbs, ..Filter::default() })
}

/// `{ dialect, version }`, or nothing.
fn version(source: &JsValue) -> Result<Option<Version>, JsValue> {
    let Some(number) = option::whole(source, "version")? else { return Ok(None) };
    Ok(Some(match option::string(source, "dialect")?.as_deref() {
        Some("valkey") => Version::valkey(number),
        _ => Version::redis(number),
    }))
}
