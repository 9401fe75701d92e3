//! `aikv filter`: a new snapshot of the same version with only the keys that match.

use super::args::RewriteArgs;
use super::failure::Failure;
use super::input::{Input, Task};
use super::output::Output;
use super::progress::Progress;
use super::{Outcome, Result};
use crate::aof;
use crate::error::Fault;
use crate::jobs::{Flow, Job, Partition, SplitBy};
use crate::rdb::Event;
use std::path::Path;
use std::prelude::rust_2024::*;

pub(super) fn run(args: &RewriteArgs) -> Result {
    let partition = Partition::new(args.filter.filter()?, SplitBy::Nothing);
    let input = open_snapshot(&args.file)?.leniently(args.lenient);
    let output = Output::open(Some(&args.output))?;
    let mut progress = Progress::new(&output);
    let mut copy = Copied { partition, output };
    input.read(&mut copy, &mut progress)?.check()?;
    copy.output.finish()?;
    Ok(Outcome::Clean)
}

/// Opens a file whose keys are to be copied: which ones a command makes cannot be told from the command.
pub(super) fn open_snapshot(file: &Path) -> Result<Input> {
    let input = Input::open(file)?;
    if input.is_log() {
        let text = "is a log, whose keys are what its commands make: convert it to a snapshot first (aikv convert IN OUT.rdb --to TARGET)";
        return Err(Failure::kind(file, text));
    }
    if input.is_lines() {
        let text = "is a JSON Lines export, which has no bytes of values to keep: convert it to a snapshot first (aikv convert IN OUT.rdb --to TARGET)";
        return Err(Failure::kind(file, text));
    }
    Ok(input)
}

struct Copied {
    partition: Partition,
    output: Output,
}

impl Job for Copied {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        self.partition.push(event, raw)
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> std::result::Result<(), Fault> {
        self.partition.log(event, offset)
    }
}

impl Task for Copied {
    fn drain(&mut self) -> std::result::Result<(), Failure> {
        self.partition.outputs().try_for_each(|(_, bytes)| self.output.write(bytes))
    }
}
