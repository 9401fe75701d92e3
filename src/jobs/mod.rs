//! One-pass consumers of events: each keeps what it has learned in bounded
//! memory and gives a typed report.

#![cfg_attr(
    not(test),
    deny(
        clippy::alloc_instead_of_core,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::std_instead_of_core,
        clippy::unwrap_used
    )
)]

mod analyse;
mod changes;
mod check;
mod check_stream;
mod command_match;
mod convert;
mod convert_json;
mod diff;
mod explain;
mod export;
mod export_commands;
mod export_csv;
mod export_keys;
mod export_log;
mod export_stream;
mod filter;
mod fingerprint;
mod glob;
mod hand_over;
mod import;
mod json;
pub(crate) mod json_text;
mod load_log;
mod loads_in;
mod lost_select;
mod merge;
mod module_value;
mod partition;
mod pending;
mod reader;
mod repair;
mod repair_log;
mod repair_partial;
mod repair_plan;
mod resync;
mod row;
mod seen;
mod slots;
mod splice;
mod survey;
mod text;

pub use crate::model::slot::key_slot;
pub use analyse::{Analyse, Count, Encoding, Expiry, LargeKey, Library, Report};
pub use changes::{Aspect, Change, Item};
pub use check::{Check, Finding, Severity};
pub use command_match::CommandMatch;
pub use convert::{Container, Convert, ConvertOptions, Converted};
pub use convert_json::{write_converted, write_loss, write_wish};
pub use diff::{Differences, KeyDifference, Pick, Picks, Presence, details};
pub use explain::{Explain, Meaning, Readable};
pub use export::Export;
pub use export_commands::{ExportCommands, LeftOut};
pub use export_csv::ExportCsv;
pub use export_keys::{ExportKeys, KeyForm};
pub use export_log::{ExportLog, Transactions};
pub use filter::{BadPattern, ExpiryRule, Filter, Pattern, SizeRule};
pub use fingerprint::Fingerprints;
pub use glob::{glob_literal, glob_matches};
pub use hand_over::HandOver;
pub use import::{Import, Imported};
pub use json::Json;
pub use load_log::LoadLog;
pub use loads_in::LoadsIn;
#[cfg(feature = "cli")]
pub(crate) use loads_in::is_for_valkey;
pub use merge::{Conflict, Merge, MergePlan, OnConflict, SharedName};
pub use module_value::ModuleJson;
pub use partition::{Partition, Share, SplitBy};
pub use reader::{Log, Reader, is_preamble};
pub use repair::Repair;
pub use repair_partial::KeepReadable;
#[cfg(feature = "wasm-tools")]
pub(crate) use repair_partial::{Record, Remnant};
pub use repair_plan::{LogDamage, Mend, RepairPlan, RepairRange, RepairSum};
#[cfg(feature = "wasm")]
pub(crate) use resync::{Resync, Search};
pub use row::{Row, Rows};
pub use seen::Seed;
pub use slots::{BadSlots, SlotMap};
pub use survey::{ModuleUse, Most, Prospect, Survey, Surveyed, SurveyedLoss};
pub use text::Text;

use crate::aof;
use crate::error::{Error, Fault, FaultKind};
use crate::rdb::{Decoder, Event};
use alloc::vec::Vec;

/// What a job wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next event.
    Continue,
    /// The next event after the value of this key, of which only the key end is handed on: see
    /// [`Decoder::skip_value`].
    SkipValue,
    /// Nothing more.
    Stop,
}

/// A consumer of the events of one snapshot, and of the log behind it.
pub trait Job {
    /// Takes one event and the bytes it was read from, [`Step::raw`](crate::wire::Step::raw).
    ///
    /// # Errors
    /// A fault of the elements in the event.
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault>;

    /// Takes a command or annotation of a log that starts `offset` bytes into the file.
    ///
    /// # Errors
    /// A limit of the job.
    fn log(&mut self, _event: &aof::Event<'_>, _offset: u64) -> Result<(), Fault> {
        Ok(())
    }

    /// Says whether reading goes on behind a fault that [`Job::push`] returned. It is
    /// one inside of the event: what follows can be read.
    ///
    /// # Errors
    /// The error itself, unless the job has noted it.
    fn note(&mut self, error: Error) -> Result<(), Error> {
        Err(error)
    }

    /// Takes what was passed over in the event before, where the decoder is lenient. A job that
    /// has no use for it gives it back, for [`Pass::deviations`].
    fn deviation(&mut self, error: Error) -> Option<Error> {
        Some(error)
    }
}

/// Runs a decoder over chunks and hands its events to a job.
///
/// With a lenient decoder it goes on behind every fault that [`Job::push`] returns, but for limits,
/// and hands it to [`Job::deviation`] among those that the decoder passed over.
#[derive(Debug, Default)]
pub struct Pass {
    is_stopped: bool,
    deviations: Vec<Error>,
}

impl Pass {
    /// A pass that has read nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the job wants nothing more.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// What was passed over since the last call and no job took.
    pub fn deviations(&mut self) -> Vec<Error> {
        core::mem::take(&mut self.deviations)
    }

    /// Reads all of `chunk`, or less where the job stops the pass. Bytes behind the
    /// snapshot are counted by the decoder.
    ///
    /// # Errors
    /// The decoder's error, which stays, or a fault of elements that the job did not note.
    pub fn feed<J: Job + ?Sized>(&mut self, decoder: &mut Decoder, chunk: &[u8], job: &mut J) -> Result<(), Error> {
        let read = self.feed_snapshot(decoder, chunk, job)?;
        match chunk.get(read..) {
            Some(behind @ [_, ..]) if !self.is_stopped => decoder.step(behind).map(drop).map_err(|fault| decoder.dress(fault)),
            _ => Ok(()),
        }
    }

    /// As [`Pass::feed`], but ends with the snapshot; gives the bytes read.
    ///
    /// # Errors
    /// As [`Pass::feed`].
    pub fn feed_snapshot<J: Job + ?Sized>(&mut self, decoder: &mut Decoder, chunk: &[u8], job: &mut J) -> Result<usize, Error> {
        let mut rest = chunk;
        while !self.is_stopped && !decoder.is_done() {
            let start = decoder.offset();
            let step = match decoder.step(rest) {
                Ok(step) => step,
                Err(fault) => {
                    let error = decoder.dress(fault);
                    self.pass_over(decoder, None, job);
                    return Err(error);
                }
            };
            let consumed = step.consumed;
            let Some(event) = step.event else {
                rest = rest.get(consumed..).unwrap_or_default();
                if rest.is_empty() {
                    break;
                }
                continue;
            };
            let mut found = None;
            match job.push(&event, step.raw) {
                Ok(Flow::Continue) => {}
                Ok(Flow::SkipValue) => decoder.skip_value(),
                Ok(Flow::Stop) => self.is_stopped = true,
                Err(fault) => {
                    let error = place(fault, start, decoder.dress(fault));
                    if decoder.is_lenient() && fault.kind() != FaultKind::Limit {
                        found = Some(error);
                    } else {
                        job.note(error)?;
                    }
                }
            }
            if decoder.is_lenient() {
                self.pass_over(decoder, found, job);
            }
            rest = rest.get(consumed..).unwrap_or_default();
        }
        Ok(chunk.len().saturating_sub(rest.len()))
    }

    /// Hands on what the decoder passed over in its last step, and what the job found in it.
    #[inline(never)]
    fn pass_over<J: Job + ?Sized>(&mut self, decoder: &mut Decoder, found: Option<Error>, job: &mut J) {
        let mut deviations = decoder.deviations();
        // The job may have come upon the same.
        let found = found.filter(|found| !deviations.contains(found));
        deviations.extend(found);
        for error in deviations {
            self.hand_on(error, job);
        }
    }

    /// Hands a deviation to the job, or keeps it.
    fn hand_on<J: Job + ?Sized>(&mut self, error: Error, job: &mut J) {
        self.deviations.extend(job.deviation(error));
    }
}

/// Puts a fault of a job where its step starts, unless it is one inside a packed blob.
#[cold]
fn place(fault: Fault, step_start: u64, error: Error) -> Error {
    match fault.blob_offset() {
        Some(_) => error,
        None => Error::new(error.kind().clone(), step_start, error.place().clone()),
    }
}
