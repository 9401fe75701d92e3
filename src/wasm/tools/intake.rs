//! Reads a file from front to back, whatever its data are in: a snapshot, a log, whose commands are applied, or JSON Lines.

use super::super::error;
use super::super::logs::replayed;
use super::super::object::{self, ObjectExt};
use super::super::option;
use super::deviations::Deviations;
use super::seed;
use crate::error::Error;
use crate::jobs::{HandOver, Import, Imported, Job, LoadLog, Reader, is_preamble};
use crate::kind::FileKind;
use crate::model::{Collected, ReplayOptions, ReplayReport};
use crate::rdb::Version;
use crate::wire::Limits;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use js_sys::{Array, Date, Object};
use wasm_bindgen::prelude::*;

/// A job that is told what it reads.
pub(super) trait Task: Job {
    /// What comes is handed over in a snapshot made for it; the data come from one of this version, or from none. A log
    /// is such data, and so are JSON Lines.
    fn handed_over(&mut self, source: Option<Version>, is_log: bool);

    /// What comes is what the commands of a log made, but for what this says.
    fn replayed(&mut self, _replay: &ReplayReport) {}

    /// Whether it copies the bytes of what it reads.
    fn is_copying(&self) -> bool {
        false
    }
}

/// Begins to hand over data that come from a snapshot of this version, or from none.
fn hand_over(source: Option<Version>, is_log: bool, task: &mut dyn Task) -> Result<HandOver, Error> {
    task.handed_over(source, is_log);
    let hand_over = HandOver::new(source)?;
    Ok(if task.is_copying() { hand_over.in_one_dialect() } else { hand_over })
}

/// A file being read. Feed it the file's chunks, unpacked, say that no more follow, then go on until all is handed over.
pub(super) struct Intake {
    is_lenient: bool,
    /// Of the server whose log it is, where that was said.
    databases: Option<u64>,
    state: State,
    deviations: Deviations,
    replay: Option<ReplayReport>,
}

enum State {
    /// The first bytes, until they tell what the file is.
    Head(Vec<u8>),
    Snapshot(Box<Reader>),
    Log(Box<Reader>, Box<LoadLog>),
    Lines(Box<Lines>),
    /// The data that a log makes, piece by piece.
    HandingOver(Box<dyn Iterator<Item = Collected>>, Box<HandOver>),
    Over,
}

impl Intake {
    /// Has read nothing yet. Options: `lenient`; `databases`, how many the server of a log has.
    ///
    /// # Errors
    /// A `TypeError` for an option that is none.
    pub(super) fn new(options: &JsValue) -> Result<Self, JsValue> {
        let databases = option::whole(options, "databases")?;
        if databases.is_some_and(|databases| !(1..=ReplayOptions::MAX_DATABASES).contains(&databases)) {
            return Err(error::usage("databases: expected a number from 1 to 2147483647"));
        }
        Ok(Self { databases, ..Self::begun(option::flag(options, "lenient")?, State::Head(Vec::new())) })
    }

    /// An intake of JSON Lines, whatever they begin with.
    pub(super) fn of_lines() -> Self {
        Self::begun(false, State::Lines(Box::default()))
    }

    fn begun(is_lenient: bool, state: State) -> Self {
        Self { is_lenient, databases: None, state, deviations: Deviations::default(), replay: None }
    }

    pub(super) fn feed(&mut self, chunk: &[u8], task: &mut dyn Task) -> Result<(), JsValue> {
        if let State::Head(head) = &mut self.state {
            head.extend_from_slice(chunk);
            return if head.len() < FileKind::PREFIX_BYTES { Ok(()) } else { self.begin(task) };
        }
        self.read(chunk, task)
    }

    /// Finds out what the file is by what was read of it, and reads that.
    fn begin(&mut self, task: &mut dyn Task) -> Result<(), JsValue> {
        let State::Head(head) = &mut self.state else { return Ok(()) };
        let head = core::mem::take(head);
        let reader = Reader::new(Limits::default());
        let reader = Box::new(if self.is_lenient { reader.leniently() } else { reader });
        self.state = match FileKind::sniff(&head) {
            FileKind::Jsonl => State::Lines(Box::default()),
            FileKind::Aof => State::Log(reader, Box::new(self.load()?)),
            FileKind::Rdb { .. } if is_preamble(&head) => State::Log(reader, Box::new(self.load()?)),
            // What is none of these is refused by its first bytes.
            _ => State::Snapshot(reader),
        };
        self.read(&head, task)
    }

    fn load(&self) -> Result<LoadLog, JsValue> {
        let mut options = ReplayOptions::new(option::millis(Date::now()), seed()?);
        options.databases = self.databases.unwrap_or(options.databases);
        let load = LoadLog::new(options);
        Ok(if self.is_lenient { load.leniently() } else { load })
    }

    fn read(&mut self, chunk: &[u8], task: &mut dyn Task) -> Result<(), JsValue> {
        let result = match &mut self.state {
            State::Head(_) | State::HandingOver(..) | State::Over => {
                return Err(error::usage("feed: the file was read to its end"));
            }
            State::Snapshot(reader) => {
                let result = reader.feed(chunk, task);
                self.deviations.take(reader.deviations());
                result
            }
            State::Log(reader, load) => {
                let result = reader.feed(chunk, &mut **load);
                self.deviations.take(reader.deviations());
                result.map_err(|error| load.failure().cloned().unwrap_or(error))
            }
            State::Lines(lines) => lines.feed(chunk, task),
        };
        result.map_err(|failure| error::to_js(&failure))
    }

    /// Says that no chunk follows.
    pub(super) fn finish(&mut self, task: &mut dyn Task) -> Result<(), JsValue> {
        self.begin(task)?;
        let ended = match core::mem::replace(&mut self.state, State::Over) {
            State::Head(_) | State::HandingOver(..) | State::Over => Ok(State::Over),
            State::Snapshot(mut reader) => {
                let result = reader.finish();
                self.deviations.take(reader.deviations());
                result.map(|()| State::Over)
            }
            State::Log(mut reader, load) => {
                let result = reader.finish();
                self.deviations.take(reader.deviations());
                result.and_then(|()| loaded(*load, task)).map(|(items, hand_over, replay)| {
                    self.replay = Some(replay);
                    State::HandingOver(items, hand_over)
                })
            }
            State::Lines(lines) => lines.finish(task).map(|()| State::Over),
        };
        self.state = ended.map_err(|failure| error::to_js(&failure))?;
        Ok(())
    }

    /// Hands over more of the data of a log; `false` once that is all, as it is at once for every other file.
    pub(super) fn advance(&mut self, task: &mut dyn Task) -> Result<bool, JsValue> {
        let State::HandingOver(items, hand_over) = &mut self.state else { return Ok(false) };
        for item in items {
            if hand_over.push(&item, task).map_err(|failure| error::to_js(&failure))? {
                return Ok(true);
            }
        }
        if let State::HandingOver(_, hand_over) = core::mem::replace(&mut self.state, State::Over) {
            hand_over.finish(task).map_err(|failure| error::to_js(&failure))?;
        }
        Ok(false)
    }

    /// Puts into `report` what a lenient reading passed over, as `deviations` and `deviationsLeftOut`, and of a log as
    /// `replay` what of it is not in its data.
    pub(super) fn report(&self, report: &Object) {
        let deviation = |error: &Error| {
            error::finding("warning", error.code(), error.offset(), error.place(), &error.kind().to_string(), true)
        };
        report.set("deviations", self.deviations.kept.iter().map(deviation).collect::<Array>());
        report.set("deviationsLeftOut", object::number(self.deviations.left_out));
        if let Some(replay) = &self.replay {
            report.set("replay", replayed(replay));
        }
    }
}

/// The data of a log, what hands them over, and what is not among them.
type Loaded = (Box<dyn Iterator<Item = Collected>>, Box<HandOver>, ReplayReport);

/// Ends a replay, and has its data handed over.
fn loaded(mut load: LoadLog, task: &mut dyn Task) -> Result<Loaded, Error> {
    // Commands wait to be applied together: what is wrong with the last ones is said here.
    load.end_file();
    if let Some(failure) = load.failure() {
        return Err(failure.clone());
    }
    let (dataset, replay) = load.finish()?;
    task.replayed(&replay);
    let hand_over = hand_over(dataset.source, true, task)?;
    Ok((Box::new(dataset.into_items()), Box::new(hand_over), replay))
}

/// JSON Lines, each handed over as it comes.
#[derive(Default)]
struct Lines {
    import: Import,
    source: Option<Version>,
    hand_over: Option<HandOver>,
}

impl Lines {
    fn feed(&mut self, chunk: &[u8], task: &mut dyn Task) -> Result<(), Error> {
        self.read(Some(chunk), task).map_err(|error| {
            // An error of the task is told in front of one that comes later.
            self.hand_over.as_mut().and_then(|hand_over| hand_over.flush(task).err()).unwrap_or(error)
        })
    }

    fn read(&mut self, chunk: Option<&[u8]>, task: &mut dyn Task) -> Result<(), Error> {
        let Self { import, source, hand_over: begun } = self;
        let mut take = |line| match line {
            Imported::Snapshot(version) => {
                *source = Some(version);
                Ok(())
            }
            Imported::Item(item) => {
                let begun = match &mut *begun {
                    Some(begun) => begun,
                    none => none.insert(hand_over(*source, false, task)?),
                };
                begun.push(&item, task).map(drop)
            }
        };
        match chunk {
            Some(chunk) => import.feed(chunk, &mut take),
            None => import.finish(&mut take),
        }
    }

    fn finish(mut self, task: &mut dyn Task) -> Result<(), Error> {
        self.read(None, task)?;
        match self.hand_over.take() {
            Some(hand_over) => hand_over.finish(task),
            None => hand_over(self.source, false, task)?.finish(task),
        }
    }
}
