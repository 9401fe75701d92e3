//! `aikv diff`: what two files have apart, by value.

use super::args::DiffArgs;
use super::diff_text::{Counts, push_json, push_text};
use super::failure::Failure;
use super::input::{Input, Task};
use super::output::Output;
use super::progress::Progress;
use super::{Outcome, Result, random_seed, replay};
use crate::aof;
use crate::error::Fault;
use crate::jobs::{Differences, Filter, Fingerprints, Flow, Job, Pick, Picks, Seed, details};
use crate::rdb::Event;
use std::path::Path;
use std::prelude::rust_2024::*;
use std::thread;

/// Memory for the values of keys that changed, in each file.
const VALUES_BYTES: u64 = 256 << 20;

pub(super) fn run(args: &DiffArgs) -> Result {
    let filter = args.filter.filter()?;
    if args.first.as_os_str() == "-" || args.second.as_os_str() == "-" {
        return Err(Failure::Usage("diff reads its files twice, so neither can be stdin".into()));
    }
    let path = args.output.as_deref();
    let mut output = if args.json { Output::open_json(path)? } else { Output::open(path)? };
    let mut sides = Sides { args, progress: Progress::until_done() };
    let seed = random_seed()?;
    let (a, b) = sides.read(|| fingerprints(seed, &filter), |job: Fingerprints| job)?;
    let differences = Differences::between(a, b, seed);
    let (a, b) = if differences.keys() == 0 {
        (Picks::default(), Picks::default())
    } else {
        sides.read(|| Ok(Pick::new(&differences, filter.clone(), VALUES_BYTES)), Pick::finish)?
    };
    let details = &mut details(a, b);
    let mut text = Vec::new();
    let mut counts = Counts::of_equal(differences.equal);
    let push = if args.json { push_json } else { push_text };
    push(&differences, details, &mut counts, &mut |piece| {
        text.append(piece);
        if text.len() > 1 << 16 { output.write(&mut text) } else { Ok(()) }
    })?;
    output.write(&mut text)?;
    output.finish()?;
    Ok(if differences.is_empty() { Outcome::Clean } else { Outcome::Found })
}

fn fingerprints(seed: Seed, filter: &Filter) -> Result<Fingerprints> {
    Fingerprints::new(seed, filter.clone()).map_err(|error| Failure::Usage(error.to_string()))
}

/// The two files.
struct Sides<'a> {
    args: &'a DiffArgs,
    progress: Progress,
}

impl Sides<'_> {
    /// Reads both at once, each with a job of its own.
    fn read<J: Job + Send, T: Send>(
        &mut self,
        job: impl Fn() -> Result<J> + Sync,
        finish: impl Fn(J) -> T + Sync,
    ) -> Result<(T, T)> {
        let Self { args, progress } = self;
        let read = |file: &Path, progress: &mut Progress| {
            let mut side = Side(job()?);
            read(file, args, &mut side, progress)?;
            Ok(finish(side.0))
        };
        if cfg!(target_family = "wasm") {
            // There are no threads.
            return Ok((read(&args.first, progress)?, read(&args.second, &mut Progress::hidden())?));
        }
        thread::scope(|scope| {
            let second = scope.spawn(|| read(&args.second, &mut Progress::hidden()));
            let first = read(&args.first, progress);
            let second = second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok((first?, second?))
        })
    }
}

/// Hands the keys of a file to `task`, those of a log as its commands make them.
fn read<T: Task>(file: &Path, args: &DiffArgs, task: &mut T, progress: &mut Progress) -> Result<()> {
    let input = Input::open(file)?.leniently(args.lenient).replayed_by(&args.replay);
    if input.is_log() {
        return replay::read_whole(input, file, task, progress);
    }
    let ending = input.read(task, progress)?;
    ending.warn_of_commands();
    ending.check()
}

/// A job that has nothing to write.
struct Side<J>(J);

impl<J: Job> Job for Side<J> {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        self.0.push(event, raw)
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> std::result::Result<(), Fault> {
        self.0.log(event, offset)
    }
}

impl<J: Job> Task for Side<J> {}
