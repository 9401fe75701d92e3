//! One file being read, and the index of its keys.

use super::MAX_ITEM_BYTES;
use super::damage::Damage;
use super::error;
use super::object::{self, ObjectExt};
use super::option;
use super::prefixes::Counting;
use super::query::{Facets, Query, Rules};
use super::report::{self, Around};
use super::value::ValueReader;
use super::wanted::Wanted;
use crate::error::{Error, ErrorKind, Fault, FaultKind, KeyPreview, Place};
use crate::jobs::{self, Analyse, Expiry, Explain, Flow, Job, Reader, Resync, Search};
use crate::model::{Index, Row, Selection};
use crate::rdb::{Decoder, Event, Eviction, LoadedBy, Span, Version};
use crate::wire::Limits;
use alloc::string::ToString;
use alloc::vec::Vec;
use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;

/// One file being read, and the index of its keys. Feed it the file's chunks in
/// order, then finish it; rows can be asked for at any time.
#[wasm_bindgen(skip_typescript)]
pub struct Session {
    limits: Limits,
    is_lenient: bool,
    reader: Reader,
    content: Content,
    /// Bytes that were read.
    offset: u64,
    is_finished: bool,
    lost: Option<Lost>,
    rereads_left: u32,
    view: View,
    tally: Tally,
    counting: Option<Counting>,
}

/// Bytes that no record explains, behind which records are looked for.
struct Lost {
    resync: Resync,
    failure: Error,
    /// Of a value that was passed over: the first byte behind that of its key. Its lengths lead to where records should go on.
    passed: Option<u64>,
    /// Whether none were found.
    is_over: bool,
}

/// What was read.
#[derive(Default)]
struct Content {
    index: Index,
    analyse: Analyse,
    loaded_by: LoadedBy,
    /// Bytes and id of the largest row.
    largest: Option<(u64, u32)>,
    damage: Damage,
    /// Whether there was no memory for another row.
    is_full: bool,
    is_lenient: bool,
    /// A key whose value was passed over just now, or that stands twice in a row, and what is wrong with it.
    passed: Option<(Span, Error)>,
    nameless: Nameless,
}

/// Keys without a name: zeros look like one behind the other.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Nameless {
    #[default]
    No,
    Once,
    /// Two of the same database, one behind the other.
    Again,
}

/// What is looked at.
struct View {
    /// What the rows of the selection were chosen by.
    chosen: Option<(Wanted, Rules, Facets)>,
    selection: Selection,
    is_sorted: bool,
}

/// Expiries counted so far against one clock.
#[derive(Default)]
struct Tally {
    now_ms: i64,
    rows: u32,
    counts: Expiry,
}

#[wasm_bindgen]
impl Session {
    /// A session that has read nothing yet. Options: `maxItemBytes`, `lenient`.
    ///
    /// # Errors
    /// A `TypeError` where an option is of the wrong type.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<Self, JsValue> {
        let max_item_bytes = option::whole(options, "maxItemBytes")?.unwrap_or(MAX_ITEM_BYTES);
        let limits = Limits { max_item_bytes };
        let is_lenient = option::flag(options, "lenient")?;
        let reader = Reader::new(limits);
        Ok(Self {
            limits,
            is_lenient,
            reader: if is_lenient { reader.leniently() } else { reader },
            content: Content { is_lenient, ..Content::default() },
            offset: 0,
            is_finished: false,
            lost: None,
            rereads_left: Resync::REREADS,
            view: View { chosen: None, selection: Selection::all(), is_sorted: false },
            tally: Tally::default(),
            counting: None,
        })
    }

    /// Reads the next chunk of the file, of any size.
    ///
    /// # Errors
    /// Where the file is damaged; said again by every later call. Rows read
    /// before stay.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), JsValue> {
        if self.is_finished {
            return Err(error::usage("feed: the session was finished"));
        }
        if self.lost.is_some() { self.look(chunk) } else { self.read(chunk) }
    }

    /// Says that no chunk follows.
    ///
    /// # Errors
    /// `truncated` where the file is not whole, or what a chunk said before.
    pub fn finish(&mut self) -> Result<(), JsValue> {
        self.is_finished = true;
        while let Some(mut lost) = self.lost.take() {
            let Search::Found(resumed) = lost.resync.finish() else { return Err(self.found_none(lost)) };
            self.resume(&lost, self.version()?, resumed.start);
            self.read(&lost.resync.into_bytes_from(resumed.start))?;
        }
        let result = self.reader.finish();
        self.content.note_all(self.reader.deviations());
        result.map_err(|failure| self.thrown(&failure))
    }

    /// Where reading can go on behind the failure that ended it: the byte from which the file is to be fed again. A value that is
    /// broken is passed over where its lengths lead to further records; else records are looked for behind its first byte.
    /// `undefined` where there are none, where nothing failed, and unless the session is lenient.
    #[wasm_bindgen(js_name = goOn)]
    pub fn go_on(&mut self) -> Option<f64> {
        let version = self.content.analyse.report().version?;
        if !self.is_lenient || self.content.is_full {
            return None;
        }
        match self.lost.take() {
            Some(Lost { passed: Some(behind), is_over: true, failure, .. }) => self.look_from(version, behind, failure),
            Some(lost) => {
                self.lost = Some(lost);
                return None;
            }
            None => self.go_on_behind(version)?,
        }
        self.is_finished = false;
        Some(self.offset as f64)
    }

    /// What the bytes mean that stand `start` bytes into the file, where a record of database `db` begins:
    /// `{ meanings: [{ start, end, text, readable }], elements, stated }`, of the ranges in `[from, to)`. `elements`
    /// before the fault can be read of a broken value that is among them, of `stated`.
    ///
    /// # Errors
    /// Where no header was read.
    pub fn explain(&self, start: f64, bytes: &[u8], db: u32, from: f64, to: f64) -> Result<Object, JsValue> {
        let window = Span { start: option::to_u64(from), end: option::to_u64(to) };
        let explain = Explain::new(self.version()?, u64::from(db), self.reader.templates(), window);
        let (meanings, readable) = explain.read(option::to_u64(start), bytes);
        Ok(report::explained(&meanings, readable))
    }

    /// Whether there is memory for so many more bytes in one piece.
    #[wasm_bindgen(js_name = hasRoom)]
    #[must_use]
    pub fn has_room(&self, bytes: u32) -> bool {
        Vec::<u8>::new().try_reserve_exact(bytes as usize).is_ok()
    }

    /// Whether reading ended because there was no memory for another row.
    #[wasm_bindgen(getter, js_name = isFull)]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.content.is_full
    }

    /// Keys read so far.
    #[wasm_bindgen(getter, js_name = rowCount)]
    #[must_use]
    pub fn row_count(&self) -> u32 {
        self.content.index.rows()
    }

    /// Bytes that were read.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn offset(&self) -> f64 {
        self.offset as f64
    }

    /// What was read so far: counts, aux fields, findings.
    #[must_use]
    pub fn report(&self) -> Object {
        let snapshot = self.reader.snapshot();
        let around = Around {
            largest: self.content.largest.map(|(_, id)| id),
            log: self.reader.log(),
            failure: self.failure(),
            damage: &self.content.damage,
            loaded_by: &self.content.loaded_by,
            checksum: snapshot.map(|summary| summary.checksum),
            trailing: snapshot.and_then(|summary| summary.trailing),
        };
        report::report(self.content.analyse.report(), &around)
    }

    /// Keys by when they expire, seen from `now_ms`.
    #[must_use]
    pub fn expiry(&mut self, now_ms: f64) -> Object {
        let now_ms = option::millis(now_ms);
        if self.tally.now_ms != now_ms {
            self.tally = Tally { now_ms, ..Tally::default() };
        }
        for row in self.content.index.scan(self.tally.rows) {
            self.tally.counts.add(row.expires_at_ms(), now_ms);
        }
        self.tally.rows = self.content.index.rows();
        report::expiry(&self.tally.counts)
    }

    /// Puts the rows read so far in the order of a query. In file order and with
    /// the filter of the call before, only rows that came since are looked at.
    ///
    /// # Errors
    /// `bad-pattern`; `limit-exceeded` where memory ends; a `TypeError` for a
    /// query that is none.
    pub fn select(&mut self, query: &JsValue) -> Result<Object, JsValue> {
        let Query { wanted, sort, is_descending } = Query::parse(query)?;
        let index = &self.content.index;
        let goes_on = !self.view.is_sorted && self.view.chosen.as_ref().is_some_and(|(chosen, ..)| *chosen == wanted);
        if !goes_on {
            // A bad pattern leaves the rows before as they are.
            let rules = wanted.rules()?;
            let selection = if wanted.is_everything() { Selection::all() } else { Selection::filtered() };
            let facets = wanted.facets();
            self.view = View { chosen: Some((wanted, rules, facets)), selection, is_sorted: false };
        }
        let View { chosen, selection, is_sorted } = &mut self.view;
        let ordered = match chosen {
            Some((_, rules, facets)) => selection.extend(index, |row| rules.keep(row, facets)),
            None => Ok(()),
        };
        let ordered = ordered.and_then(|()| match sort {
            Some(column) => {
                *is_sorted = true;
                selection.sort(index, column, is_descending)
            }
            None => Ok(()),
        });
        if let Err(failure) = ordered {
            *chosen = None;
            return Err(error::to_js(&failure));
        }
        let object = Object::new();
        object.set("count", selection.len());
        object.set("bytes", object::number(selection.bytes()));
        object.set("total", selection.scanned());
        if let Some((_, _, facets)) = chosen.as_ref().filter(|(wanted, ..)| !wanted.is_everything()) {
            facets.put(&object);
        }
        Ok(object)
    }

    /// Begins to count the keys of a query by how their names go on behind a prefix;
    /// `countStep` goes on with it. Options: `prefix`, `separators`, `by`, `most`.
    ///
    /// # Errors
    /// `bad-pattern`; a `TypeError` for a query or options that are none; an `Error`
    /// where the machine gives no random numbers.
    #[wasm_bindgen(js_name = countPrefixes)]
    pub fn count_prefixes(&mut self, query: &JsValue, options: &JsValue) -> Result<(), JsValue> {
        self.counting = Some(Counting::new(&self.content.index, query, options)?);
        Ok(())
    }

    /// Counts `rows` further rows. The level once all were counted, else `undefined`.
    ///
    /// # Errors
    /// A `TypeError` where no counting was begun; `limit-exceeded` where memory ends.
    #[wasm_bindgen(js_name = countStep)]
    pub fn count_step(&mut self, rows: u32) -> Result<Option<Object>, JsValue> {
        let counting = self.counting.as_mut().ok_or_else(|| error::usage("countStep: nothing is being counted"))?;
        let step = counting.step(&self.content.index, rows);
        if !matches!(step, Ok(None)) {
            self.counting = None;
        }
        step
    }

    /// Rows of the selection, at most `count` of them from position `from` on.
    #[must_use]
    pub fn rows(&self, from: u32, count: u32) -> Array {
        let rows = Array::new();
        for position in from..from.saturating_add(count) {
            let Some(row) = self.view.selection.id(position).and_then(|id| self.content.index.row(id)) else { break };
            rows.push(&row_object(&row));
        }
        rows
    }

    /// Where row `id` stands in the selection, -1 where it does not.
    #[must_use]
    pub fn find(&self, id: u32) -> f64 {
        self.view.selection.find(id).map_or(-1.0, f64::from)
    }

    /// The row of this id: its position in the file.
    ///
    /// # Errors
    /// A `RangeError` where there is none.
    pub fn row(&self, id: u32) -> Result<Object, JsValue> {
        Ok(row_object(&self.get(id)?))
    }

    /// A reader for the value of row `id`, to be fed the row's bytes of the file.
    /// Options: `from`, `count`, `maxBytes`; for pending entries of a stream, or entries by hour,
    /// `pending` or `hours` instead of its entries.
    ///
    /// # Errors
    /// A `RangeError` where there is no such row, a `TypeError` where an option
    /// is of the wrong type.
    #[wasm_bindgen(js_name = valueReader)]
    pub fn value_reader(&self, id: u32, options: &JsValue) -> Result<ValueReader, JsValue> {
        let row = self.get(id)?;
        ValueReader::new(self.decoder(&row)?, &row, options)
    }

    /// What another module needs to know to read row `id` again: `dialect`, `version`, `db`, `offset`, `lenient`,
    /// `maxItemBytes`, and `templates`, pairs of number and names.
    ///
    /// # Errors
    /// A `RangeError` where there is no such row.
    #[wasm_bindgen(js_name = readAgain)]
    pub fn read_again(&self, id: u32) -> Result<Object, JsValue> {
        let row = self.get(id)?;
        let version = self.version()?;
        let object = Object::new();
        object.set("dialect", version.dialect().name());
        object.set("version", object::number(version.number()));
        object.set("db", row.db());
        object.set("offset", object::number(row.offset()));
        object.set("lenient", self.is_lenient);
        object.set("maxItemBytes", object::number(self.limits.max_item_bytes));
        let template = |(id, names): (u64, &[u8])| Array::of2(&object::number(id), &object::bytes(names));
        object.set("templates", self.reader.templates().encoded().map(template).collect::<Array>());
        Ok(object)
    }
}

impl Session {
    fn read(&mut self, chunk: &[u8]) -> Result<(), JsValue> {
        let result = self.reader.feed(chunk, &mut self.content);
        self.content.note_all(self.reader.deviations());
        if self.reader.is_stopped() {
            return self.verify(chunk);
        }
        self.offset = match &result {
            Ok(()) => self.offset.saturating_add(chunk.len() as u64),
            Err(failure) => failure.offset().max(self.offset),
        };
        result.map_err(|failure| self.thrown(&failure))
    }

    /// A value was passed over: what follows in the chunk has to be records.
    fn verify(&mut self, chunk: &[u8]) -> Result<(), JsValue> {
        let Some((span, failure)) = self.content.passed.take() else { return Ok(()) };
        let done = usize::try_from(span.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let resync = Resync::pointed(self.version()?, self.reader.templates(), self.limits, span.end);
        self.offset = span.end;
        self.lost = Some(Lost { resync, failure, passed: Some(span.start.saturating_add(1)), is_over: false });
        self.look(chunk.get(done..).unwrap_or_default())
    }

    /// Goes on behind what the reader failed for, or looks for a place where it can.
    fn go_on_behind(&mut self, version: Version) -> Option<()> {
        let failure = self.reader.failure()?.clone();
        let Content { damage, .. } = &mut self.content;
        if damage.can_pass(&failure) {
            damage.pass(failure);
            let decoder = Decoder::resume(version, damage.db, damage.whole, self.limits).with_templates(self.reader.templates());
            self.offset = damage.whole;
            self.reader = Reader::resume(decoder.leniently(), self.limits);
            return Some(());
        }
        let is_behind_keys = self.reader.snapshot().is_some() || self.reader.log().is_some();
        if is_behind_keys || matches!(failure.kind(), ErrorKind::LimitExceeded { .. }) {
            return None;
        }
        if matches!(failure.kind(), ErrorKind::Truncated { .. }) {
            self.rereads_left = self.rereads_left.checked_sub(1)?;
        }
        let failure = damage.take_passed().unwrap_or(failure);
        let behind = damage.whole.saturating_add(1);
        self.look_from(version, behind, failure);
        Some(())
    }

    /// Looks for records from there on.
    fn look_from(&mut self, version: Version, start: u64, failure: Error) {
        let resync = Resync::new(version, self.reader.templates(), self.limits, start);
        self.lost = Some(Lost { resync, failure, passed: None, is_over: false });
        self.offset = start;
    }

    /// Reads on where records go on.
    fn resume(&mut self, lost: &Lost, version: Version, start: u64) {
        let Content { damage, index, .. } = &mut self.content;
        // Of a key that has a row it was told before.
        let lost_for = lost.passed.is_none().then(|| lost.failure.clone());
        damage.go_on(start, lost_for, index.rows());
        let decoder = Decoder::resume(version, damage.db, start, self.limits).with_templates(lost.resync.templates().clone());
        self.reader = Reader::resume(decoder.leniently(), self.limits);
        self.offset = start;
    }

    /// Looks for records.
    fn look(&mut self, chunk: &[u8]) -> Result<(), JsValue> {
        let Some(mut lost) = self.lost.take() else { return Ok(()) };
        let end = self.offset.saturating_add(chunk.len() as u64);
        match lost.resync.feed(chunk) {
            Search::Open => {
                self.offset = end;
                self.lost = Some(lost);
                Ok(())
            }
            Search::Found(resumed) => {
                self.resume(&lost, self.version()?, resumed.start);
                self.read(&lost.resync.into_bytes_from(resumed.start))
            }
            Search::Failed => Err(self.found_none(lost)),
        }
    }

    fn found_none(&mut self, lost: Lost) -> JsValue {
        let thrown = error::to_js(&lost.failure);
        self.lost = Some(Lost { is_over: true, ..lost });
        thrown
    }

    /// What ended the reading: the first thing wrong with a value that could not be passed over either.
    fn failure(&self) -> Option<&Error> {
        if let Some(lost) = self.lost.as_ref().filter(|lost| lost.passed.is_none()) {
            return Some(&lost.failure);
        }
        let failure = self.reader.failure()?;
        Some(self.content.damage.passed_for().unwrap_or(failure))
    }

    fn thrown(&self, failure: &Error) -> JsValue {
        error::to_js(self.failure().unwrap_or(failure))
    }

    fn version(&self) -> Result<Version, JsValue> {
        self.content.analyse.report().version.ok_or_else(|| error::usage("no header was read"))
    }

    /// A decoder that begins at the row.
    fn decoder(&self, row: &Row<'_>) -> Result<Decoder, JsValue> {
        let version = self.version()?;
        let decoder = Decoder::resume(version, u64::from(row.db()), row.offset(), self.limits);
        let decoder = decoder.with_templates(self.reader.templates());
        Ok(if self.is_lenient { decoder.leniently() } else { decoder })
    }

    fn get(&self, id: u32) -> Result<Row<'_>, JsValue> {
        self.content.index.row(id).ok_or_else(|| js_sys::RangeError::new("there is no row of this id").into())
    }
}

impl Job for Content {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        let passed_for = self.damage.passed_for().cloned();
        self.damage.follow(event, raw, self.index.rows());
        self.index.push(event).inspect_err(|fault| self.is_full |= fault.kind() == FaultKind::Limit)?;
        match event {
            Event::Key(key) => {
                self.nameless = match self.nameless {
                    _ if key.key.text_len() > 0 => Nameless::No,
                    Nameless::No => Nameless::Once,
                    Nameless::Once | Nameless::Again => Nameless::Again,
                };
                if passed_for.is_some() {
                    return Ok(Flow::SkipValue);
                }
                self.loaded_by.push(event);
            }
            Event::Value(_) => self.loaded_by.push(event),
            Event::KeyEnd { span } => {
                self.count();
                if let Some(error) = passed_for {
                    self.passed = Some((*span, error));
                    return Ok(Flow::Stop);
                }
                if self.nameless == Nameless::Again && self.is_lenient {
                    let place = Place { db: Some(self.damage.db), key: Some(KeyPreview::new(b"")), ..Place::default() };
                    let error = Error::new(ErrorKind::Duplicate { expected: "a key once in its database" }, span.start, place);
                    self.damage.note(error.clone(), self.index.rows());
                    self.passed = Some((*span, error));
                    return Ok(Flow::Stop);
                }
            }
            record => {
                self.nameless = Nameless::No;
                self.loaded_by.push(record);
                self.analyse.record(record);
            }
        }
        Ok(Flow::Continue)
    }

    fn deviation(&mut self, error: Error) -> Option<Error> {
        self.damage.note(error, self.index.rows());
        None
    }
}

impl Content {
    /// Takes what was read on past outside of events, such as in a log.
    fn note_all(&mut self, deviations: Vec<Error>) {
        for error in deviations {
            self.damage.note(error, self.index.rows());
        }
    }

    /// Counts the row that was read last.
    fn count(&mut self) {
        let id = self.index.rows().saturating_sub(1);
        let Some((row, value_type)) = self.index.row(id).and_then(|row| Some((row, row.value_type()?))) else { return };
        let span = Span { start: row.offset(), end: row.offset().saturating_add(row.bytes()) };
        if self.largest.is_none_or(|(bytes, _)| bytes < span.len()) {
            self.largest = Some((span.len(), id));
        }
        self.analyse.row(&jobs::Row {
            db: u64::from(row.db()),
            key: row.key(),
            value_type,
            expires_at_ms: row.expires_at_ms(),
            eviction: row.eviction(),
            elements: row.elements(),
            module: row.module(),
            span,
        });
    }
}

pub(super) fn row_object(row: &Row<'_>) -> Object {
    let object = Object::new();
    object.set("id", row.id());
    object.set("db", row.db());
    object.put("type", row.value_type().map(|value_type| value_type.kind().name()));
    object.put("encoding", row.value_type().map(|value_type| value_type.name()));
    object.set("key", object::bytes(row.key()));
    object.put("elements", row.elements().map(object::number));
    object.set("bytes", object::number(row.bytes()));
    object.set("offset", object::number(row.offset()));
    object.put("memoryBytes", row.memory_bytes().map(object::number));
    object.put("expiresAtMs", row.expires_at_ms().map(object::signed));
    let (idle, freq) = match row.eviction() {
        Eviction::None => (None, None),
        Eviction::Idle(seconds) => (Some(seconds), None),
        Eviction::Freq(freq) => (None, Some(freq)),
    };
    object.put("idleSeconds", idle.map(object::number));
    object.put("freq", freq.map(object::number));
    object.maybe("module", row.module().map(|module| module.to_string()));
    object
}
