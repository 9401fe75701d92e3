//! The keys that a log makes, written as a snapshot: whatever reads snapshots shows them.

use super::super::error;
use super::super::object::ObjectExt;
use super::super::option;
use crate::aof;
use crate::error::{Error, Fault};
use crate::jobs::{Flow, HandOver, Job, LoadLog, Reader};
use crate::model::{Collected, ReplayOptions};
use crate::rdb::Event;
use crate::wire::Limits;
use alloc::boxed::Box;
use alloc::vec::Vec;
use js_sys::{Object, Uint8Array};
use wasm_bindgen::prelude::*;

/// Memory of the data, unless the caller says otherwise: half of what a module can have.
const MAX_TOTAL_BYTES: u64 = 2 << 30;

/// Applies the commands of a log. Begin each of its files, feed its chunks in order and end it; then finish, and take
/// the pieces of the snapshot until there is none.
#[wasm_bindgen(skip_typescript)]
pub struct LogKeys {
    limits: Limits,
    is_lenient: bool,
    reader: Reader,
    loading: Loading,
    state: State,
}

enum State {
    Reading,
    Writing { items: Box<dyn Iterator<Item = Collected>>, hand_over: Box<HandOver> },
    Done,
}

struct Loading {
    load: Option<LoadLog>,
    /// Bytes of the files before the one in hand. Offsets in what a replay tells count through all files.
    before: u64,
    /// Bytes of the one in hand.
    bytes: u64,
}

impl Loading {
    /// What ended the replay says more than what ended the reading.
    fn failure(&self) -> Option<&Error> {
        self.load.as_ref().and_then(LoadLog::failure)
    }
}

impl Job for Loading {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.load.as_mut().map_or(Ok(Flow::Stop), |load| load.push(event, raw))
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> Result<(), Fault> {
        let offset = self.before.saturating_add(offset);
        self.load.as_mut().map_or(Ok(()), |load| load.log(event, offset))
    }
}

/// The bytes of what is handed over.
#[derive(Default)]
struct Written(Vec<u8>);

impl Job for Written {
    fn push(&mut self, _event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.0.extend_from_slice(raw);
        Ok(Flow::Continue)
    }
}

#[wasm_bindgen]
impl LogKeys {
    /// Has read nothing yet. Options: `nowMs`, against which relative expiries count, `lenient`, `maxTotalBytes`.
    ///
    /// # Errors
    /// An `Error` where the machine gives no random numbers, a `TypeError` where an option is of the wrong type.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<Self, JsValue> {
        let limits = Limits { max_item_bytes: super::super::MAX_ITEM_BYTES };
        let is_lenient = option::flag(options, "lenient")?;
        let now_ms = option::number(options, "nowMs")?.map_or(0, option::millis);
        let max_total_bytes = option::whole(options, "maxTotalBytes")?.unwrap_or(MAX_TOTAL_BYTES);
        let replay = ReplayOptions { max_total_bytes, ..ReplayOptions::new(now_ms, super::super::seed()?) };
        let load = LoadLog::new(replay);
        let load = if is_lenient { load.leniently() } else { load };
        let loading = Loading { load: Some(load), before: 0, bytes: 0 };
        Ok(Self { limits, is_lenient, reader: Reader::new(limits), loading, state: State::Reading })
    }

    /// The next file of the log begins. An increment may be empty and holds commands only.
    #[wasm_bindgen(js_name = beginFile)]
    pub fn begin_file(&mut self, is_increment: bool) {
        self.reader = super::reader(self.limits, self.is_lenient, is_increment);
        self.loading.before = self.loading.before.saturating_add(core::mem::take(&mut self.loading.bytes));
    }

    /// Applies the next chunk, of any size.
    ///
    /// # Errors
    /// Where the file is damaged, or a command cannot be applied.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), JsValue> {
        let result = self.reader.feed(chunk, &mut self.loading);
        self.loading.bytes = self.loading.bytes.saturating_add(chunk.len() as u64);
        drop(self.reader.deviations());
        self.told(result)
    }

    /// No chunk of this file follows.
    ///
    /// # Errors
    /// `truncated` where the file is not whole; what is wrong with its last commands.
    #[wasm_bindgen(js_name = endFile)]
    pub fn end_file(&mut self) -> Result<(), JsValue> {
        let result = self.reader.finish();
        if let (Ok(()), Some(load)) = (&result, &mut self.loading.load) {
            load.end_file();
        }
        self.told(result)
    }

    /// Whether the commands could be applied up to where the reading has ended: then the data up to there are to be had.
    #[wasm_bindgen(getter, js_name = isApplied)]
    #[must_use]
    pub fn is_applied(&self) -> bool {
        self.loading.failure().is_none()
    }

    /// No file follows: gives what is to be told beside the keys, `{ source, applied, transactions, unfinished, skipped, failed }`;
    /// offsets in it count through all files.
    ///
    /// # Errors
    /// What ended the replay.
    pub fn finish(&mut self) -> Result<Object, JsValue> {
        let Some(load) = self.loading.load.take() else { return Err(error::usage("finish: the log was finished")) };
        let (dataset, told) = load.finish().map_err(|failure| error::to_js(&failure))?;
        let source = dataset.source;
        // Its bytes are the snapshot.
        let hand_over = HandOver::new(source).map_err(|failure| error::to_js(&failure))?.in_one_dialect();
        self.state = State::Writing { items: Box::new(dataset.into_items()), hand_over: Box::new(hand_over) };
        let told = super::replayed(&told);
        told.put("source", source.map(super::version));
        Ok(told)
    }

    /// The next piece of the snapshot; `undefined` behind its end.
    ///
    /// # Errors
    /// What a snapshot has no form for.
    pub fn piece(&mut self) -> Result<Option<Uint8Array>, JsValue> {
        let mut written = Written::default();
        loop {
            let State::Writing { items, hand_over } = &mut self.state else { return Ok(None) };
            let handed = match items.next() {
                Some(item) => hand_over.push(&item, &mut written),
                None => match core::mem::replace(&mut self.state, State::Done) {
                    State::Writing { hand_over, .. } => hand_over.finish(&mut written).map(|()| true),
                    State::Reading | State::Done => Ok(true),
                },
            };
            if handed.map_err(|failure| error::to_js(&failure))? && !written.0.is_empty() {
                return Ok(Some(Uint8Array::from(written.0.as_slice())));
            }
        }
    }
}

impl LogKeys {
    fn told(&self, result: Result<(), Error>) -> Result<(), JsValue> {
        match (self.loading.failure(), result) {
            (Some(failure), _) => {
                // In the file in hand: no command waits when another one begins.
                let offset = failure.offset().saturating_sub(self.loading.before);
                Err(error::to_js(&Error::new(failure.kind().clone(), offset, failure.place().clone())))
            }
            (None, result) => result.map_err(|failure| error::to_js(&failure)),
        }
    }
}
