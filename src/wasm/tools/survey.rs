//! What a conversion would lose, for every target in one pass.

use super::super::error;
use super::super::object::{self, ObjectExt};
use super::super::option;
use super::intake::{Intake, Task};
use super::{container, seed, target};
use crate::aof;
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::jobs::{Container, Flow, Job, ModuleUse, Prospect, Survey, Surveyed, SurveyedLoss};
use crate::model::ReplayReport;
use crate::rdb::{Event, Version};
use alloc::string::{String, ToString};
use js_sys::{Array, Object, Uint32Array};
use wasm_bindgen::prelude::*;

static LOG: Cause = Cause::new(FaultKind::Command, "a snapshot and nothing behind it", Form::Text("a command"));

/// A file being surveyed. Feed it the file's chunks in order, unpacked, then finish it and go on with `more`.
#[wasm_bindgen(skip_typescript)]
pub struct Surveyor {
    intake: Intake,
    work: Work,
}

struct Work {
    survey: Survey,
    /// Whether the events are of a snapshot made of the file's data.
    is_handed_over: bool,
    is_listing: bool,
}

#[wasm_bindgen]
impl Surveyor {
    /// Has read nothing yet. Options: `container`, `lenient`; `databases`, of a log; `rowsOf`, the keys to list.
    ///
    /// # Errors
    /// An `Error` where the machine gives no random numbers, a `TypeError` for an option that is none.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<Self, JsValue> {
        let is_lenient = option::flag(options, "lenient")?;
        let container = container(options)?.unwrap_or(Container::Snapshot);
        let mut survey = Survey::new(container, is_lenient, seed()?).map_err(|failure| error::to_js(&failure))?;
        let rows_of = option::member(options, "rowsOf")?;
        let is_listing = !rows_of.is_undefined() && !rows_of.is_null();
        if is_listing {
            let (to, code) = (target(&rows_of)?, option::string(&rows_of, "code")?);
            let (to, code) = to.zip(code).ok_or_else(|| error::usage("rowsOf: expected `to` and `code`"))?;
            survey.list(to.version(), &code);
        }
        Ok(Self { intake: Intake::new(options)?, work: Work { survey, is_handed_over: false, is_listing } })
    }

    /// Reads the next chunk, of any size.
    ///
    /// # Errors
    /// Where the file is damaged.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), JsValue> {
        self.intake.feed(chunk, &mut self.work)
    }

    /// Says that no chunk follows.
    ///
    /// # Errors
    /// `truncated` where the file is not whole.
    pub fn finish(&mut self) -> Result<(), JsValue> {
        self.intake.finish(&mut self.work)
    }

    /// Goes on once the file is finished; `false` when all is done.
    ///
    /// # Errors
    /// As [`Surveyor::feed`].
    pub fn more(&mut self) -> Result<bool, JsValue> {
        self.intake.advance(&mut self.work)
    }

    /// What was learned: `keys`, `modules`, `loadsIn`, for every version a prospect, and the `rows` to be listed.
    ///
    /// # Errors
    /// None but what a conversion says.
    pub fn result(self) -> Result<Object, JsValue> {
        let Self { intake, work } = self;
        let surveyed = work.survey.finish().map_err(|failure| error::to_js(&failure))?;
        let object = object(&surveyed, work.is_handed_over);
        object.maybe("rows", work.is_listing.then(|| Uint32Array::from(surveyed.rows.as_slice())));
        intake.report(&object);
        Ok(object)
    }
}

impl Job for Work {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.survey.push(event, raw)
    }

    fn log(&mut self, _event: &aof::Event<'_>, _offset: u64) -> Result<(), Fault> {
        Err(Fault::new(&LOG, 0))
    }
}

impl Task for Work {
    fn handed_over(&mut self, source: Option<Version>, _is_log: bool) {
        self.is_handed_over = true;
        self.survey.of_version(source);
    }

    fn replayed(&mut self, replay: &ReplayReport) {
        self.survey.passed_over(replay);
    }
}

fn object(surveyed: &Surveyed, is_handed_over: bool) -> Object {
    let object = Object::new();
    object.set("keys", object::number(surveyed.keys));
    object.put("source", surveyed.source.map(version));
    // A log and JSON Lines are not loaded by what they are handed over in.
    let servers = surveyed.loaded_by.servers().filter(|_| !is_handed_over);
    object.set("loadsIn", servers.map(|server| JsValue::from_str(server.name())).collect::<Array>());
    object.set("modules", surveyed.modules.iter().map(module).collect::<Array>());
    object.set("prospects", surveyed.prospects.iter().map(prospect).collect::<Array>());
    object
}

fn version(version: Version) -> Object {
    let object = Object::new();
    object.set("dialect", version.dialect().name());
    object.set("version", object::number(version.number()));
    object
}

fn module(module: &ModuleUse) -> Object {
    let object = Object::new();
    object.set("module", module.id.to_string());
    object.set("keys", object::number(module.keys));
    object.set("bytes", object::number(module.bytes));
    object
}

fn prospect(prospect: &Prospect) -> Object {
    let object = version(prospect.version);
    object.set("lossyKeys", object::number(prospect.lossy_keys));
    object.set("leftOutKeys", object::number(prospect.left_out_keys));
    object.set("rewrittenKeys", object::number(prospect.rewritten_keys));
    object.set("losses", prospect.losses.iter().map(loss).collect::<Array>());
    object
}

fn loss(loss: &SurveyedLoss) -> Object {
    let object = Object::new();
    object.set("code", loss.lost.code());
    object.set("what", loss.lost.what());
    object.set("foundIn", loss.lost.found_in());
    object.set("outcome", loss.outcome.code());
    object.set("count", object::number(loss.count));
    object.set("keys", object::number(loss.keys));
    object.maybe("name", loss.name.as_deref().map(|name| String::from_utf8_lossy(name).into_owned()));
    if let Some(most) = &loss.most {
        let found = Object::new();
        found.set("db", object::number(most.db));
        found.set("key", object::bytes(&most.key));
        found.set("row", object::number(most.row));
        found.set("count", object::number(most.count));
        object.set("most", found);
    }
    object
}
