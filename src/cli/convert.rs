//! `aikv convert`: a snapshot or log that another server loads.

use super::args::ConvertArgs;
use super::export;
use super::failure::{Damage, Failure};
use super::input::{Input, Task};
use super::log_folder::LogFolder;
use super::losses::Losses;
use super::names::Names;
use super::needs::Needs;
use super::output::Output;
use super::print::{plural, safe};
use super::progress::Progress;
use super::replay;
use super::{Outcome, Result, random_seed};
use crate::aof;
use crate::error::{Error, Fault};
use crate::jobs::{Check, Container, Convert, ConvertOptions, Converted, Flow, Job, LoadsIn};
use crate::model::ReplayReport;
use crate::rdb::{Event, Target};
use std::ffi::OsStr;
use std::path::Path;
use std::prelude::rust_2024::*;

/// The oldest version whose servers keep a log in several files.
const FIRST_FOLDER: u64 = 10;

pub(super) fn run(args: &ConvertArgs) -> Result {
    let name = args.output.as_os_str();
    let is_folder = name.as_encoded_bytes().ends_with(b"/");
    let container = match args.output.extension().and_then(OsStr::to_str) {
        _ if is_folder => Container::Base,
        Some("rdb") => Container::Snapshot,
        Some("aof" | "resp") => Container::Commands,
        Some("jsonl") => return jsonl(args),
        _ => return Err(Failure::Usage("OUT: expected a name that ends in .rdb, .aof, .resp, .jsonl or /".into())),
    };
    let to = args.to.ok_or_else(|| Failure::Usage("--to: expected the server that is to load OUT".into()))?;
    if is_folder && to.version().number() < FIRST_FOLDER {
        return Err(Failure::Usage(format!("OUT: {to} keeps its log in one file, not in a folder")));
    }
    let mut options = ConvertOptions {
        on_loss: args.on_loss.into(),
        filter: args.filter.filter()?,
        is_lenient: args.lenient,
        hands_out_names: true,
        ..ConvertOptions::new(to, container, random_seed()?)
    };
    if args.lenient {
        // The first one of a name stands, so that the others have to be known when they come.
        options.max_seen_bytes = Check::LIMIT_BYTES;
    }
    let mut losses = Losses::new(args.json, to, options.on_loss)?;
    match convert(args, options, &mut losses) {
        Ok((converted, needs)) => {
            if !losses.is_json() {
                tell(&args.output, to, &converted, &needs);
            }
            losses.finish(&converted)?;
            if converted.is_refused { Err(Failure::Refused { losses: converted.losses }) } else { Ok(Outcome::Clean) }
        }
        Err(failure) => {
            // The failure is what gets told where stdout fails too.
            let _ = losses.fail(&failure);
            Err(failure)
        }
    }
}

/// Writes the output, unless it is refused.
fn convert(args: &ConvertArgs, options: ConvertOptions, losses: &mut Losses) -> Result<(Converted, Needs)> {
    let is_folder = options.container == Container::Base;
    let input = Input::open(&args.file)?.leniently(args.lenient).replayed_by(&args.replay);
    let (folder, output) = if is_folder {
        let (folder, output) = LogFolder::create(&args.output)?;
        (Some(folder), output)
    } else {
        (None, Output::open(Some(&args.output))?)
    };
    let mut progress = Progress::new(&output);
    let convert = Convert::new(options).map_err(|error| written_to(&args.output, error))?;
    let names = Names::new(&args.output);
    let mut task = Converting { convert, output, losses, names, has_commands: false, needs: Needs::default() };
    read(input, &args.file, &mut task, &mut progress)?;
    let Converting { mut convert, mut output, losses, mut names, needs, .. } = task;
    names.finish(convert.take_last_names(), &args.file)?;
    let (mut rest, last_losses, converted) = convert.finish().map_err(|error| written_to(&args.output, error))?;
    losses.tell(&last_losses)?;
    if !converted.is_refused {
        output.write(&mut rest)?;
        match folder {
            Some(folder) => folder.finish(output)?,
            None => output.finish()?,
        }
    }
    // What was handed out was compared.
    Ok((Converted { is_distinct: true, ..converted }, needs))
}

/// Reads a snapshot, or the data that a log makes.
fn read(input: Input, file: &Path, task: &mut Converting<'_>, progress: &mut Progress) -> Result<()> {
    let read = if input.is_log() {
        replay::read_whole(input, file, task, progress)
    } else {
        input.read(task, progress).and_then(|ending| {
            // What ended the conversion says more.
            if task.convert.failure().is_some() { Ok(()) } else { ending.check() }
        })
    };
    if let Some(error) = task.convert.failure() {
        return Err(written_to(file, error.clone()));
    }
    read?;
    if task.has_commands {
        return Err(Failure::kind(file, "is a snapshot with commands behind it, which does not say that it is a log"));
    }
    Ok(())
}

fn written_to(file: &Path, error: Error) -> Failure {
    Failure::Format { file: file.into(), damage: Damage { error, codec: None } }
}

/// The keys as JSON Lines.
fn jsonl(args: &ConvertArgs) -> Result {
    if args.to.is_some() || args.json {
        let option = if args.to.is_some() { "--to" } else { "--json" };
        return Err(Failure::Usage(format!("{option}: JSON Lines hold everything, whoever loads it later")));
    }
    let input = Input::open(&args.file)?.leniently(args.lenient).replayed_by(&args.replay);
    let output = Output::open_json(Some(&args.output))?;
    let mut progress = Progress::new(&output);
    let mut lines = export::Lines::new(args.filter.filter()?, output)?;
    if input.is_log() {
        lines = lines.without_encoding();
        replay::read_whole(input, &args.file, &mut lines, &mut progress)?;
    } else {
        input.read(&mut lines, &mut progress)?.check()?;
    }
    lines.finish()?;
    Ok(Outcome::Clean)
}

struct Converting<'l> {
    convert: Convert,
    output: Output,
    losses: &'l mut Losses,
    names: Names,
    /// Whether commands came, which nobody has asked for.
    has_commands: bool,
    needs: Needs,
}

impl Job for Converting<'_> {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        self.needs.push(event);
        self.convert.push(event, raw)
    }

    fn log(&mut self, _event: &aof::Event<'_>, _offset: u64) -> std::result::Result<(), Fault> {
        self.has_commands = true;
        Ok(())
    }
}

impl Task for Converting<'_> {
    fn replayed(&mut self, replay: &ReplayReport, _log: &Path) -> Result<()> {
        self.convert.passed_over(replay);
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        self.losses.tell(&self.convert.take_losses())?;
        for names in self.convert.take_names() {
            self.names.add(&names)?;
        }
        self.output.write(self.convert.output())
    }
}

/// Says what was written.
fn tell(file: &Path, to: Target, converted: &Converted, needs: &Needs) {
    if converted.is_refused {
        return;
    }
    if let Some(db) = converted.last_db.filter(|db| *db >= LoadsIn::DATABASES) {
        eprintln!("aikv: keys are in database {db}: a server needs `databases {}` or more to start on them", db + 1);
    }
    needs.tell(to.version());
    println!("{}: {} for {to} ({})", safe(file), plural(converted.keys, "key"), to.version());
}
