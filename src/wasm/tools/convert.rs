//! Conversion of a file, chunk by chunk: to what a server loads, to JSON Lines, or to fewer keys.

use super::super::error;
use super::super::object::{self, ObjectExt};
use super::super::option;
use super::super::wanted::Wanted;
use super::intake::{Intake, Task};
use super::{container, seed, target};
use crate::aof;
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::jobs::{
    Container, Convert, ConvertOptions, Export, Flow, Job, Json, Partition, Reader, SplitBy, write_converted, write_loss,
    write_wish,
};
use crate::model::{Loss, OnLoss, ReplayReport};
use crate::rdb::{Event, Server, Target, Version};
use crate::wire::Limits;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use js_sys::{Array, Object, Uint8Array};
use wasm_bindgen::prelude::*;

static LOG: Cause = Cause::new(FaultKind::Command, "a snapshot and nothing behind it", Form::Text("a command"));

/// Memory for hashes of names: room for some 1.6 million keys.
const MAX_SEEN_BYTES: u64 = 64 << 20;

/// Every server that can be a target: `name`, `lineage`, `dialect`, `version`, oldest first within each lineage.
#[wasm_bindgen(js_name = targets, skip_typescript)]
#[must_use]
pub fn servers() -> Array {
    let server = |server: Server| {
        let object = Object::new();
        object.set("name", server.name());
        object.set("lineage", server.lineage().name());
        object.set("dialect", server.version().dialect().name());
        object.set("version", object::number(server.version().number()));
        object
    };
    Server::all().map(server).collect()
}

/// A file being converted. Feed it the file's chunks in order, unpacked, then finish it and go on with `more`; take the
/// output after each.
#[wasm_bindgen(skip_typescript)]
pub struct Converter {
    intake: Intake,
    work: Work,
    losses: Vec<Loss>,
    /// What a conversion came to.
    report: Option<String>,
}

enum Work {
    Convert {
        convert: Box<Convert>,
        to: Target,
        on_loss: OnLoss,
    },
    /// A snapshot of the same version.
    Copy {
        partition: Box<Partition>,
        out: Vec<u8>,
    },
    Lines(Box<Written>),
    /// Lines of some keys.
    SomeLines {
        partition: Box<Partition>,
        reader: Box<Reader>,
        lines: Box<Written>,
    },
    /// There is nothing more to take.
    Done(Vec<u8>),
}

/// Lines being written.
struct Written {
    export: Export,
    /// What the data come from, where they are handed over in another snapshot.
    source: Option<Option<Version>>,
    text: Vec<u8>,
}

#[wasm_bindgen]
impl Converter {
    /// Has read nothing yet. Options: `to`, a server's name; `container`, one of `rdb`, `aof`, `resp`, `base`, `jsonl`;
    /// `onLoss`; `filter`, a query; `lenient`; `databases`, of a log; `lines` for a file that is known to be JSON Lines. Without `to` a snapshot keeps its version.
    ///
    /// # Errors
    /// An `Error` where the machine gives no random numbers, a `TypeError` for an option that is none; `bad-pattern`.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<Self, JsValue> {
        let is_lenient = option::flag(options, "lenient")?;
        let query = option::member(options, "filter")?;
        let filter = Wanted::parse(&query)?.filter(&query)?;
        let work = match (container(options)?, target(options)?) {
            (None, Some(_)) => return Err(error::usage("to: JSON Lines hold everything, whoever loads it later")),
            (None, None) => {
                let export = Export::with_limits(Limits::default()).refusing_duplicates(seed()?);
                let lines = Box::new(Written { export, source: None, text: Vec::new() });
                if filter.is_open() {
                    Work::Lines(lines)
                } else {
                    let partition = Box::new(Partition::new(filter, SplitBy::Nothing));
                    Work::SomeLines { partition, reader: Box::new(Reader::new(Limits::default())), lines }
                }
            }
            (Some(Container::Snapshot), None) => {
                Work::Copy { partition: Box::new(Partition::new(filter, SplitBy::Nothing)), out: Vec::new() }
            }
            (Some(_), None) => return Err(error::usage("to: expected the server that is to load the commands")),
            (Some(container), Some(to)) => {
                let on_loss = on_loss(options)?;
                let how = ConvertOptions {
                    on_loss,
                    filter,
                    is_lenient,
                    max_seen_bytes: MAX_SEEN_BYTES,
                    ..ConvertOptions::new(to, container, seed()?)
                };
                let convert = Convert::new(how).map_err(|failure| error::to_js(&failure))?;
                Work::Convert { convert: Box::new(convert), to, on_loss }
            }
        };
        let intake = if option::flag(options, "lines")? { Intake::of_lines() } else { Intake::new(options)? };
        Ok(Self { intake, work, losses: Vec::new(), report: None })
    }

    /// Reads the next chunk, of any size.
    ///
    /// # Errors
    /// Where the file is damaged, or has what cannot be written.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), JsValue> {
        let result = self.intake.feed(chunk, &mut self.work);
        self.work.carry_on(result)
    }

    /// Says that no chunk follows.
    ///
    /// # Errors
    /// `truncated` where the file is not whole; as [`Converter::feed`].
    pub fn finish(&mut self) -> Result<(), JsValue> {
        let result = self.intake.finish(&mut self.work);
        self.work.carry_on(result)
    }

    /// Goes on once the file is finished; `false` when all is done.
    ///
    /// # Errors
    /// As [`Converter::feed`].
    pub fn more(&mut self) -> Result<bool, JsValue> {
        let result = self.intake.advance(&mut self.work);
        let is_more = matches!(result, Ok(true));
        self.work.carry_on(result.map(drop))?;
        if !is_more {
            self.end()?;
        }
        Ok(is_more)
    }

    /// The output since the last call.
    #[must_use]
    pub fn take(&mut self) -> Uint8Array {
        let out = self.work.output();
        let taken = Uint8Array::from(out.as_slice());
        out.clear();
        taken
    }

    /// The losses since the last call, as JSON: an array of what `aikv convert --json` has in it.
    #[must_use]
    pub fn losses(&mut self) -> String {
        if let Work::Convert { convert, .. } = &mut self.work {
            self.losses.append(&mut convert.take_losses());
        }
        let mut text = Vec::new();
        let mut json = Json::new(&mut text);
        json.open(b'[');
        for loss in self.losses.drain(..) {
            write_loss(&loss, &mut json);
        }
        json.close(b']');
        // JSON is text.
        String::from_utf8(text).unwrap_or_default()
    }

    /// What a conversion came to, as JSON: what `aikv convert --json` says beside the losses.
    #[must_use]
    pub fn report(&self) -> Option<String> {
        self.report.clone()
    }

    /// What there is to be told of the reading: `deviations`, `deviationsLeftOut`, and `replay` of a log.
    #[must_use]
    pub fn told(&self) -> Object {
        let told = Object::new();
        self.intake.report(&told);
        told
    }
}

impl Converter {
    fn end(&mut self) -> Result<(), JsValue> {
        let rest = core::mem::take(self.work.output());
        match core::mem::replace(&mut self.work, Work::Done(rest)) {
            Work::Convert { convert, to, on_loss } => {
                let (mut last, mut losses, converted) = convert.finish().map_err(|failure| error::to_js(&failure))?;
                self.work.output().append(&mut last);
                self.losses.append(&mut losses);
                let mut text = Vec::new();
                let mut json = Json::new(&mut text);
                json.open(b'{');
                write_wish(to, on_loss, &mut json);
                write_converted(&converted, &mut json);
                json.name("losses").int(converted.losses).close(b'}');
                // JSON is text.
                self.report = String::from_utf8(text).ok();
            }
            Work::SomeLines { mut reader, mut lines, .. } => {
                reader.finish().map_err(|failure| error::to_js(&failure))?;
                self.work.output().append(&mut lines.text);
            }
            Work::Copy { .. } | Work::Lines(_) | Work::Done(_) => {}
        }
        Ok(())
    }
}

impl Work {
    fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Convert { convert, .. } => convert.output(),
            Self::Copy { out, .. } => out,
            Self::Lines(lines) | Self::SomeLines { lines, .. } => &mut lines.text,
            Self::Done(rest) => rest,
        }
    }

    /// Takes up what came of a step of the reading.
    fn carry_on(&mut self, result: Result<(), JsValue>) -> Result<(), JsValue> {
        match self {
            // What ended the conversion says more.
            Self::Convert { convert, .. } => match convert.failure() {
                Some(failure) => Err(error::to_js(failure)),
                None => result,
            },
            Self::SomeLines { partition, reader, lines } => {
                for (_, bytes) in partition.outputs() {
                    reader.feed(bytes, &mut **lines).map_err(|failure| error::to_js(&failure))?;
                    bytes.clear();
                }
                result
            }
            Self::Copy { partition, out } => {
                partition.outputs().for_each(|(_, bytes)| out.append(bytes));
                result
            }
            Self::Lines(_) | Self::Done(_) => result,
        }
    }
}

impl Job for Work {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        match self {
            Self::Convert { convert, .. } => convert.push(event, raw),
            Self::Copy { partition, .. } | Self::SomeLines { partition, .. } => partition.push(event, raw),
            Self::Lines(lines) => lines.push(event, raw),
            Self::Done(_) => Ok(Flow::Stop),
        }
    }

    /// Of a snapshot that does not say that it is a log.
    fn log(&mut self, _event: &aof::Event<'_>, _offset: u64) -> Result<(), Fault> {
        Err(Fault::new(&LOG, 0))
    }
}

impl Task for Work {
    fn handed_over(&mut self, source: Option<Version>, is_log: bool) {
        if let Self::Lines(lines) | Self::SomeLines { lines, .. } = self {
            lines.source = Some(source);
            if is_log {
                let export = core::mem::take(&mut lines.export);
                lines.export = export.without_encoding();
            }
        }
    }

    fn replayed(&mut self, replay: &ReplayReport) {
        if let Self::Convert { convert, .. } = self {
            convert.passed_over(replay);
        }
    }

    fn is_copying(&self) -> bool {
        matches!(self, Self::Copy { .. } | Self::SomeLines { .. })
    }
}

impl Job for Written {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        match (event, self.source) {
            (Event::Start(_), Some(Some(source))) => self.export.push(&Event::Start(source), raw, &mut self.text)?,
            (Event::Start(_), Some(None)) => {}
            _ => self.export.push(event, raw, &mut self.text)?,
        }
        Ok(Flow::Continue)
    }
}

pub(super) fn on_loss(options: &JsValue) -> Result<OnLoss, JsValue> {
    let Some(name) = option::string(options, "onLoss")? else { return Ok(OnLoss::Fail) };
    let found = OnLoss::ALL.into_iter().find(|on_loss| on_loss.name() == name);
    found.ok_or_else(|| error::usage(&format!("onLoss: expected fail, drop or degrade, found {name}")))
}
