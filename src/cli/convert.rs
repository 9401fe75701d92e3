//! `aikv convert`: a snapshot or log that another server loads.

use super::args::ConvertArgs;
use super::export;
use super::failure::{Damage, Failure};
use super::input::{Input, Task};
use super::output::Output;
use super::output_folder::StagedFolder;
use super::print::{count, plural, push_escaped, safe};
use super::progress::Progress;
use super::replay;
use super::{Outcome, Result, random_seed};
use crate::aof;
use crate::error::{Error, Fault};
use crate::jobs::{Container, Convert, ConvertOptions, Converted, Flow, Job, Json};
use crate::model::{Loss, OnLoss};
use crate::rdb::{Event, Target, Version};
use crate::wire::Scalar;
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
    let options = ConvertOptions {
        on_loss: args.on_loss.into(),
        filter: args.filter.filter()?,
        is_lenient: args.lenient,
        ..ConvertOptions::new(to.version(), container, random_seed()?)
    };
    let input = Input::open(&args.file)?.leniently(args.lenient);
    let (folder, output) = if is_folder {
        let (folder, output) = StagedFolder::create(&args.output)?;
        (Some(folder), output)
    } else {
        (None, Output::open(Some(&args.output))?)
    };
    let mut progress = Progress::new(&output);
    let convert = Convert::new(options).map_err(|error| written_to(&args.output, error))?;
    let report = if args.json { Some(Output::open_json(None)?) } else { None };
    let mut task = Converting { convert, output, losses: Losses::new(report), has_commands: false };
    read(input, &args.file, &mut task, &mut progress)?;
    let Converting { convert, mut output, mut losses, .. } = task;
    let (mut rest, last_losses, converted) = convert.finish().map_err(|error| written_to(&args.output, error))?;
    losses.tell(&last_losses)?;
    if !converted.is_refused {
        output.write(&mut rest)?;
        match folder {
            Some(folder) => folder.finish(output)?,
            None => output.finish()?,
        }
    }
    losses.finish(args, to, &converted)?;
    if converted.is_refused { Err(Failure::Refused { losses: converted.losses }) } else { Ok(Outcome::Clean) }
}

/// Reads a snapshot, or the data that a log makes.
fn read(input: Input, file: &Path, task: &mut Converting, progress: &mut Progress) -> Result<()> {
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
    let input = Input::open(&args.file)?.leniently(args.lenient);
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

struct Converting {
    convert: Convert,
    output: Output,
    losses: Losses,
    /// Whether commands came, which nobody has asked for.
    has_commands: bool,
}

impl Job for Converting {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        self.convert.push(event, raw)
    }

    fn log(&mut self, _event: &aof::Event<'_>, _offset: u64) -> std::result::Result<(), Fault> {
        self.has_commands = true;
        Ok(())
    }
}

impl Task for Converting {
    fn drain(&mut self) -> Result<()> {
        self.losses.tell(&self.convert.take_losses())?;
        self.output.write(self.convert.output())
    }
}

/// Where losses are told: on stderr, or as JSON.
struct Losses {
    json: Option<Output>,
    text: Vec<u8>,
    is_behind: bool,
}

impl Losses {
    fn new(json: Option<Output>) -> Self {
        Self { json, text: Vec::new(), is_behind: false }
    }

    fn tell(&mut self, losses: &[Loss]) -> Result<()> {
        match &mut self.json {
            Some(output) => {
                for loss in losses {
                    self.text.extend_from_slice(if self.is_behind { b"," } else { b"{\"losses\":[" });
                    self.is_behind = true;
                    push_json(loss, &mut Json::new(&mut self.text));
                }
                output.write(&mut self.text)
            }
            None => {
                for loss in losses {
                    eprintln!("aikv: {}", line(loss));
                }
                Ok(())
            }
        }
    }

    fn finish(self, args: &ConvertArgs, to: Target, converted: &Converted) -> Result<()> {
        let Self { json, mut text, is_behind } = self;
        let Some(mut output) = json else {
            tell(&args.output, to, converted);
            return Ok(());
        };
        text.extend_from_slice(if is_behind { b"]," } else { b"{\"losses\":[]," });
        let mut json = Json::new(&mut text);
        json.name("to").text(&to.to_string()).name("rdb");
        push_version(to.version(), &mut json);
        json.name("on_loss").text(match args.on_loss.into() {
            OnLoss::Fail => "fail",
            OnLoss::Drop => "drop",
            OnLoss::Degrade => "degrade",
        });
        if let Some(source) = converted.source {
            json.name("source");
            push_version(source, &mut json);
        }
        json.name("refused").bool(converted.is_refused);
        json.name("keys").int(converted.keys).name("copied_keys").int(converted.copied_keys);
        json.name("unmatched_keys").int(converted.unmatched_keys).name("is_distinct").bool(converted.is_distinct);
        json.name("written_bytes").int(if converted.is_refused { 0 } else { converted.written_bytes });
        if let Some(db) = converted.last_db {
            json.name("last_db").int(db);
        }
        json.close(b'}').end_line();
        output.write(&mut text)?;
        output.finish()
    }
}

fn push_version(version: Version, json: &mut Json<'_>) {
    json.open(b'{').name("dialect").text(version.dialect().name()).name("version").int(version.number()).close(b'}');
}

fn push_json(loss: &Loss, json: &mut Json<'_>) {
    json.open(b'{').name("code").text(loss.lost.code()).name("what").text(loss.lost.what());
    json.name("found_in").text(loss.lost.found_in()).name("outcome").text(loss.outcome.code()).name("count").int(loss.count);
    if let Some((db, key)) = &loss.key {
        json.name("db").int(*db).name("key").bytes(Scalar::Bytes(key));
    }
    if let Some(name) = &loss.name {
        json.name("name").bytes(Scalar::Bytes(name));
    }
    json.close(b'}');
}

/// A loss in words.
fn line(loss: &Loss) -> String {
    let mut text = Vec::new();
    if let Some((db, key)) = &loss.key {
        text.extend_from_slice(format!("db {db}, key \"").as_bytes());
        push_escaped(key, &mut text);
        text.extend_from_slice(b"\": ");
    }
    text.extend_from_slice(loss.lost.what().as_bytes());
    if let Some(name) = &loss.name {
        text.extend_from_slice(b" \"");
        push_escaped(name, &mut text);
        text.push(b'"');
    }
    if loss.count > 1 {
        text.extend_from_slice(format!(" ({} times)", count(loss.count)).as_bytes());
    }
    let end = format!(": {}; only {} have it", loss.outcome.text(), loss.lost.found_in());
    text.extend_from_slice(end.as_bytes());
    String::from_utf8_lossy(&text).into_owned()
}

/// Says what was written.
fn tell(file: &Path, to: Target, converted: &Converted) {
    /// Databases that servers have unless they are told otherwise.
    const DATABASES: u64 = 16;
    if !converted.is_distinct {
        eprintln!("aikv: there are too many keys to look for all that stand twice; `aikv check` does");
    }
    if converted.is_refused {
        return;
    }
    if let Some(db) = converted.last_db.filter(|db| *db >= DATABASES) {
        eprintln!("aikv: keys are in database {db}: a server needs `databases {}` or more to start on them", db + 1);
    }
    println!("{}: {} for {to} ({})", safe(file), plural(converted.keys, "key"), to.version());
}
