//! The commands of a log as rows.

use super::super::error;
use super::super::object::{self, ObjectExt};
use super::super::option;
use super::super::wanted;
use crate::aof;
use crate::error::{Cause, Error, Fault, FaultKind, Form};
use crate::jobs::{CommandMatch, Flow, Job, Reader};
use crate::model::{CommandIndex, CommandRow, Snapshot};
use crate::rdb::{Event, Version};
use crate::wire::Limits;
use alloc::string::String;
use alloc::vec::Vec;
use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;

static FULL: Cause = Cause::new(FaultKind::Limit, "memory for another row that was found", Form::Number);

/// The index of a log's commands. Begin each of its files, feed its chunks in order and end it; rows can be asked for
/// at any time. Arguments are not kept: the caller reads a row's bytes of the file again.
#[wasm_bindgen(skip_typescript)]
pub struct CommandLog {
    limits: Limits,
    is_lenient: bool,
    reader: Reader,
    content: Content,
    /// The files before the one in hand.
    files: Vec<Part>,
    part: Part,
    is_begun: bool,
    /// What is looked at: every row, or these.
    chosen: Option<Vec<u32>>,
    search: Option<Search>,
}

/// A file of the log, as far as it was read.
#[derive(Clone, Default)]
struct Part {
    bytes: u64,
    /// That of the snapshot in front.
    snapshot: Option<Version>,
    start: u64,
    commands: u64,
    annotations: u64,
}

#[derive(Default)]
struct Content {
    index: CommandIndex,
    /// A snapshot that has begun, and the keys in it; a row of it comes when it is known where it ends.
    snapshot: Option<(Version, u64)>,
}

impl Content {
    /// The snapshot in front ends at this byte.
    fn end_snapshot(&mut self, bytes: u64) -> Result<(), Fault> {
        match self.snapshot.take() {
            Some((version, keys)) => self.index.snapshot(Snapshot { version, bytes, keys }),
            None => Ok(()),
        }
    }
}

impl Job for Content {
    fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
        match event {
            Event::Start(version) => self.snapshot = Some((*version, 0)),
            Event::Key(_) => {
                if let Some((_, keys)) = &mut self.snapshot {
                    *keys = keys.saturating_add(1);
                }
                return Ok(Flow::SkipValue);
            }
            _ => {}
        }
        Ok(Flow::Continue)
    }

    #[inline]
    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> Result<(), Fault> {
        if self.snapshot.is_some() {
            self.end_snapshot(offset)?;
        }
        match event {
            aof::Event::Command(command) => self.index.command(*command, offset),
            aof::Event::Timestamp { unix_s } => self.index.timestamp(*unix_s, offset),
            aof::Event::Annotation(_) | aof::Event::Mark(_) | aof::Event::Snapshot(_) => {
                self.index.end_at(offset);
                Ok(())
            }
        }
    }
}

/// A second reading of the log, for what the rows themselves do not tell.
struct Search {
    rule: CommandMatch,
    /// The row that comes next.
    row: u32,
    found: Vec<u32>,
    reader: Reader,
    has_snapshot: bool,
    is_shown: bool,
    /// Whether there was no memory for another row.
    is_full: bool,
}

/// Takes the events of a second reading, in which rows are counted as in the first.
struct Looking<'a> {
    rule: &'a mut CommandMatch,
    row: &'a mut u32,
    has_snapshot: &'a mut bool,
    found: &'a mut Vec<u32>,
    is_full: &'a mut bool,
}

impl Job for Looking<'_> {
    fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
        match event {
            Event::Start(_) => *self.has_snapshot = true,
            Event::Key(_) => return Ok(Flow::SkipValue),
            _ => {}
        }
        Ok(Flow::Continue)
    }

    fn log(&mut self, event: &aof::Event<'_>, _offset: u64) -> Result<(), Fault> {
        if core::mem::take(self.has_snapshot) {
            *self.row = self.row.saturating_add(1);
        }
        if let aof::Event::Command(command) = event {
            if self.rule.matches(*command) {
                *self.is_full = self.found.try_reserve(1).is_err();
                if *self.is_full {
                    return Err(Fault::new(&FULL, u64::from(*self.row)));
                }
                self.found.push(*self.row);
            }
            *self.row = self.row.saturating_add(1);
        }
        Ok(())
    }
}

#[wasm_bindgen]
impl CommandLog {
    /// Has read nothing yet. Options: `lenient`.
    ///
    /// # Errors
    /// A `TypeError` where an option is of the wrong type.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<Self, JsValue> {
        let limits = Limits { max_item_bytes: super::super::MAX_ITEM_BYTES };
        let is_lenient = option::flag(options, "lenient")?;
        let (content, reader) = (Content::default(), Reader::new(limits));
        let (files, part) = (Vec::new(), Part::default());
        Ok(Self { limits, is_lenient, reader, content, files, part, is_begun: false, chosen: None, search: None })
    }

    /// The next file of the log begins. An increment may be empty and holds commands only.
    ///
    /// # Errors
    /// `limit-exceeded` where memory ends.
    #[wasm_bindgen(js_name = beginFile)]
    pub fn begin_file(&mut self, is_increment: bool) -> Result<(), JsValue> {
        self.reader = super::reader(self.limits, self.is_lenient, is_increment);
        let part = core::mem::take(&mut self.part);
        if core::mem::replace(&mut self.is_begun, true) {
            self.files.push(part);
        }
        self.content.index.begin_file().map_err(|_| full())
    }

    /// Reads the next chunk, of any size.
    ///
    /// # Errors
    /// Where the file is damaged. Rows read before stay.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), JsValue> {
        let result = self.reader.feed(chunk, &mut self.content);
        drop(self.reader.deviations());
        let part = &mut self.part;
        part.bytes = match &result {
            Ok(()) => part.bytes.saturating_add(chunk.len() as u64),
            Err(failure) => failure.offset().max(part.bytes),
        };
        self.note(result)
    }

    /// No chunk of this file follows.
    ///
    /// # Errors
    /// `truncated` where the file is not whole, or what a chunk said before.
    #[wasm_bindgen(js_name = endFile)]
    pub fn end_file(&mut self) -> Result<(), JsValue> {
        let result = self.reader.finish();
        let end = result.as_ref().err().map_or(self.part.bytes, Error::offset);
        let ended = self.content.end_snapshot(end);
        if result.is_ok() {
            self.content.index.end_at(end);
        }
        ended.map_err(|_| error::coded("limit-exceeded", 0, "there is no memory for more rows"))?;
        self.note(result)
    }

    /// Rows read so far: commands, and a snapshot at the head of a file as one.
    #[wasm_bindgen(getter, js_name = rowCount)]
    #[must_use]
    pub fn row_count(&self) -> u32 {
        self.content.index.rows()
    }

    /// Bytes of all files that were read.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn offset(&self) -> f64 {
        self.parts().map(|part| part.bytes as f64).sum()
    }

    /// What was read so far: `{ rows, transactions, firstS, lastS, names, files }`.
    #[must_use]
    pub fn report(&self) -> Object {
        let index = &self.content.index;
        let report = Object::new();
        report.set("rows", index.rows());
        report.set("transactions", object::number(index.transactions() as u64));
        report.put("firstS", index.times().map(|(first, _)| object::number(first)));
        report.put("lastS", index.times().map(|(_, last)| object::number(last)));
        let name = |(name, rows): (&str, u32)| {
            let object = Object::new();
            object.set("name", name);
            object.set("rows", rows);
            object
        };
        report.set("names", index.names().skip(1).filter(|(_, rows)| *rows > 0).map(name).collect::<Array>());
        let part = |part: &Part| {
            let object = Object::new();
            object.set("bytes", object::number(part.bytes));
            object.set("start", object::number(part.start));
            object.set("commands", object::number(part.commands));
            object.set("annotations", object::number(part.annotations));
            object.put("snapshot", part.snapshot.map(super::version));
            object
        };
        report.set("files", self.parts().map(part).collect::<Array>());
        report
    }

    /// Looks at every row, or at those of these names; a search that goes on is ended. Gives how many there are.
    ///
    /// # Errors
    /// A `TypeError` for a query that is none; `limit-exceeded` where memory ends.
    pub fn select(&mut self, query: &JsValue) -> Result<u32, JsValue> {
        self.search = None;
        let wanted = names(query)?;
        if wanted.is_empty() {
            self.chosen = None;
            return Ok(self.row_count());
        }
        let index = &self.content.index;
        let is_wanted: Vec<bool> = index.names().map(|(name, _)| wanted.iter().any(|wanted| wanted == name)).collect();
        let mut rows = Vec::new();
        for id in 0..index.rows() {
            // The first number is that of snapshots, which have no name.
            let number = index.name_of(id).filter(|number| *number > 0);
            if number.and_then(|number| is_wanted.get(usize::from(number))) == Some(&true) {
                rows.try_reserve(1).map_err(|_| full())?;
                rows.push(id);
            }
        }
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        self.chosen = Some(rows);
        Ok(count)
    }

    /// Begins a search by `names`, `text` and `mode`: the files have to be read once more, each begun by
    /// [`CommandLog::search_file`]. What is looked at stays until [`CommandLog::found`].
    ///
    /// # Errors
    /// `bad-pattern`; a `TypeError` for a query that is none.
    #[wasm_bindgen(js_name = search)]
    pub fn search(&mut self, query: &JsValue) -> Result<(), JsValue> {
        let rule = rule(query)?;
        let reader = Reader::new(self.limits);
        self.search =
            Some(Search { rule, row: 0, found: Vec::new(), reader, has_snapshot: false, is_shown: false, is_full: false });
        Ok(())
    }

    /// The next file of the log is searched.
    #[wasm_bindgen(js_name = searchFile)]
    pub fn search_file(&mut self, is_increment: bool) {
        let reader = super::reader(self.limits, self.is_lenient, is_increment);
        if let Some(search) = &mut self.search {
            // A file that is a snapshot and nothing else.
            if core::mem::take(&mut search.has_snapshot) {
                search.row = search.row.saturating_add(1);
            }
            search.reader = reader;
        }
    }

    /// Searches the next chunk. Whether anything can be found behind it: behind a fault there is nothing.
    ///
    /// # Errors
    /// `limit-exceeded` where memory ends.
    #[wasm_bindgen(js_name = searchChunk)]
    pub fn search_chunk(&mut self, chunk: &[u8]) -> Result<bool, JsValue> {
        let Some(Search { rule, row, found, reader, has_snapshot, is_full, .. }) = &mut self.search else { return Ok(false) };
        // What is wrong with the file was told when it was read first.
        let result = reader.feed(chunk, &mut Looking { rule, row, has_snapshot, found, is_full });
        drop(reader.deviations());
        if *is_full { Err(full()) } else { Ok(result.is_ok()) }
    }

    /// Looks at what was found so far; gives how many rows these are.
    ///
    /// # Errors
    /// `limit-exceeded` where memory ends.
    pub fn found(&mut self) -> Result<u32, JsValue> {
        let Some(search) = &mut self.search else { return Ok(self.selected()) };
        let chosen = self.chosen.get_or_insert_with(Vec::new);
        if !core::mem::replace(&mut search.is_shown, true) {
            chosen.clear();
        }
        let more = search.found.get(chosen.len()..).unwrap_or_default();
        chosen.try_reserve(more.len()).map_err(|_| full())?;
        chosen.extend_from_slice(more);
        Ok(self.selected())
    }

    fn selected(&self) -> u32 {
        self.chosen.as_ref().map_or(self.row_count(), |rows| u32::try_from(rows.len()).unwrap_or(u32::MAX))
    }

    /// At most `count` of the rows that are looked at, from position `from` on.
    #[must_use]
    pub fn rows(&self, from: u32, count: u32) -> Array {
        let id = |position: u32| match &self.chosen {
            Some(rows) => rows.get(position as usize).copied(),
            None => Some(position),
        };
        let rows = (from..from.saturating_add(count)).map_while(|position| self.content.index.row(id(position)?));
        rows.map(|row| row_object(&row)).collect()
    }

    /// Where row `id`, or the first one behind it, stands among those that are looked at; -1 where there is none.
    #[must_use]
    pub fn find(&self, id: u32) -> f64 {
        match &self.chosen {
            Some(rows) => {
                let at = rows.partition_point(|row| *row < id);
                rows.get(at).map_or(-1.0, |_| at as f64)
            }
            None if id < self.row_count() => f64::from(id),
            None => -1.0,
        }
    }

    /// The first row behind the first time mark of this Unix second or a later one; -1 where there is none.
    #[wasm_bindgen(js_name = rowAt)]
    #[must_use]
    pub fn row_at(&self, unix_s: f64) -> f64 {
        self.content.index.row_at(option::to_u64(unix_s)).map_or(-1.0, f64::from)
    }
}

impl CommandLog {
    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.files.iter().chain(self.is_begun.then_some(&self.part))
    }

    /// Keeps what the reader has learned of the file in hand.
    fn note(&mut self, result: Result<(), Error>) -> Result<(), JsValue> {
        let log = self.reader.log();
        let snapshot = self.content.snapshot.map(|(version, _)| version);
        let snapshot = snapshot.or(self.reader.snapshot().map(|summary| summary.version));
        let part = &mut self.part;
        if let Some(log) = log {
            (part.start, part.commands, part.annotations) = (log.start, log.commands, log.annotations);
        }
        part.snapshot = snapshot.or(part.snapshot);
        result.map_err(|failure| error::to_js(&failure))
    }
}

/// No memory for another row.
fn full() -> JsValue {
    error::coded("limit-exceeded", 0, "there is no memory for more rows")
}

/// The names of a query.
fn names(query: &JsValue) -> Result<Vec<String>, JsValue> {
    let name = |name: JsValue| name.as_string().ok_or_else(|| error::usage("names: expected texts"));
    option::list(query, "names")?.iter().map(name).collect()
}

/// The commands that a query means.
pub(super) fn rule(query: &JsValue) -> Result<CommandMatch, JsValue> {
    Ok(CommandMatch::new(names(query)?, wanted::pattern(query)?))
}

fn row_object(row: &CommandRow<'_>) -> Object {
    let object = Object::new();
    object.set("id", row.id);
    object.set("file", row.file);
    object.set("offset", object::number(row.offset));
    object.set("bytes", object::number(row.bytes));
    object.put("name", row.name);
    object.set("db", object::number(row.db));
    object.put("unixS", row.unix_s.map(object::number));
    object.put(
        "transaction",
        row.transaction.map(|rows| {
            let object = Object::new();
            object.set("number", object::number(rows.number));
            object.set("first", rows.first);
            object.put("last", rows.last);
            object
        }),
    );
    object.put(
        "snapshot",
        row.snapshot.map(|snapshot| {
            let object = super::version(snapshot.version);
            object.set("keys", object::number(snapshot.keys));
            object
        }),
    );
    object
}
