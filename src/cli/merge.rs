//! `aikv merge`: several snapshots made one.

use super::args::{ConflictRule, MergeArgs};
use super::failure::Failure;
use super::filter::open_snapshot;
use super::input::Task;
use super::losses;
use super::output::Output;
use super::print::{plural, push_escaped, safe};
use super::progress::Progress;
use super::through;
use super::{Outcome, Result, random_seed};
use crate::aof;
use crate::error::Fault;
use crate::jobs::{
    Check, Conflict, Container, ConvertOptions, Flow, Job, Json, Merge, MergePlan, OnConflict, SharedName, write_loss,
};
use crate::model::Loss;
use crate::rdb::{Event, ModuleId, Target, Version};
use crate::wire::Scalar;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

/// Memory for the names of all keys.
const NAMES_BYTES: u64 = 2 << 30;

pub(super) fn run(args: &MergeArgs) -> Result {
    let [inputs @ .., out] = &args.files[..] else {
        return Err(Failure::Usage("expected snapshots and where to write".into()));
    };
    if inputs.iter().any(|file| file.as_os_str() == "-") {
        return Err(Failure::Usage("merge reads its files twice, so none can be stdin".into()));
    }
    let rule = match args.on_conflict {
        ConflictRule::Fail => OnConflict::Fail,
        ConflictRule::First => OnConflict::First,
        ConflictRule::Last => OnConflict::Last,
        ConflictRule::NewestExpiry => OnConflict::NewestExpiry,
    };
    let reading = Reading { args, inputs, out, to: target(args, inputs)? };
    let mut output = Output::open(Some(out))?;
    let mut plan = Plan(MergePlan::new(random_seed()?, rule, NAMES_BYTES));
    let refused = tell_losses(args.json, |tell| reading.read_all(&mut plan, tell, &mut Progress::new(&output)))?;
    if refused > 0 {
        return Err(Failure::Refused { losses: refused });
    }
    let Plan(plan) = plan;
    if !plan.conflicts().is_empty() {
        list(plan.conflicts(), inputs, args.json)?;
        return Ok(Outcome::Refused);
    }
    let failed = |error: crate::Error| Failure::kind(out, error.to_string());
    let mut merge = Merge::new(plan).map_err(failed)?;
    let mut progress = Progress::new(&output);
    let mut writing = Writing { merge: &mut merge, output: &mut output };
    // They were told when the files were read first.
    reading.read_all(&mut writing, &mut |_, _| Ok(()), &mut progress)?;
    merge.finish().map_err(failed)?;
    if let Some(bytes) = merge.out() {
        output.write(bytes)?;
    }
    output.finish()?;
    Ok(Outcome::Clean)
}

/// What all snapshots are converted to; none where they stay as they are.
fn target(args: &MergeArgs, inputs: &[PathBuf]) -> Result<Option<Target>> {
    if let Some(to) = args.to {
        return Ok(Some(to));
    }
    let mut dialects = Vec::new();
    for file in inputs {
        dialects.extend(open_snapshot(file)?.version().map(Version::dialect));
    }
    dialects.dedup();
    Ok((dialects.len() > 1).then_some(Version::LAST_COMMON.into()))
}

/// Takes losses, and the file that they are of.
type Tell<'t> = dyn FnMut(&[Loss], &Path) -> Result<()> + 't;

/// A reading of all snapshots, one behind the other.
struct Reading<'a> {
    args: &'a MergeArgs,
    inputs: &'a [PathBuf],
    out: &'a Path,
    to: Option<Target>,
}

impl Reading<'_> {
    /// Gives how many losses forbid any output.
    fn read_all<T: Merging>(&self, task: &mut T, tell: &mut Tell<'_>, progress: &mut Progress) -> Result<u64> {
        let mut refused = 0;
        for file in self.inputs {
            let input = open_snapshot(file)?.leniently(self.args.lenient);
            if let Some(to) = self.to {
                let mut options = ConvertOptions {
                    on_loss: self.args.on_loss.into(),
                    is_lenient: self.args.lenient,
                    hands_out_names: true,
                    ..ConvertOptions::new(to, Container::Snapshot, random_seed()?)
                };
                if self.args.lenient {
                    // As for convert: the first one of a name stands.
                    options.max_seen_bytes = Check::LIMIT_BYTES;
                }
                let tell = &mut |losses: &[Loss]| tell(losses, file);
                refused += through::read(input, options, (file, self.out), task, tell, progress)?;
            } else {
                input.read(task, progress)?.check()?;
            }
            task.next_input();
        }
        Ok(refused)
    }
}

/// Has losses told on stderr, or as JSON on stdout.
fn tell_losses(is_json: bool, read: impl FnOnce(&mut Tell<'_>) -> Result<u64>) -> Result<u64> {
    if !is_json {
        return read(&mut |losses, file| {
            losses.iter().for_each(|loss| eprintln!("aikv: {}: {}", safe(file), losses::line(loss)));
            Ok(())
        });
    }
    let mut output = Output::open_json(None)?;
    let mut text = Vec::new();
    let refused = read(&mut |losses, file| {
        for loss in losses {
            let mut json = Json::new(&mut text);
            json.open(b'{').name("file").bytes(Scalar::Bytes(file.as_os_str().as_encoded_bytes())).name("loss");
            write_loss(loss, &mut json);
            json.close(b'}').end_line();
        }
        output.write(&mut text)
    })?;
    output.finish()?;
    Ok(refused)
}

/// A task that takes several snapshots.
trait Merging: Task {
    /// Says that a snapshot was read to its end; another one may follow.
    fn next_input(&mut self);
}

/// The first reading.
struct Plan(MergePlan);

impl Job for Plan {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        self.0.push(event, raw)
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> std::result::Result<(), Fault> {
        self.0.log(event, offset)
    }
}

impl Task for Plan {}

impl Merging for Plan {
    fn next_input(&mut self) {
        self.0.next_input();
    }
}

/// The second one.
struct Writing<'a> {
    merge: &'a mut Merge,
    output: &'a mut Output,
}

impl Job for Writing<'_> {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        self.merge.push(event, raw)
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> std::result::Result<(), Fault> {
        self.merge.log(event, offset)
    }
}

impl Task for Writing<'_> {
    fn drain(&mut self) -> std::result::Result<(), Failure> {
        self.merge.out().map_or(Ok(()), |bytes| self.output.write(bytes))
    }
}

impl Merging for Writing<'_> {
    fn next_input(&mut self) {
        self.merge.next_input();
    }
}

/// Lists what several snapshots have, on stdout.
fn list(conflicts: &[Conflict], inputs: &[PathBuf], is_json: bool) -> Result<()> {
    let mut output = if is_json { Output::open_json(None)? } else { Output::open(None)? };
    let mut text = Vec::new();
    for conflict in conflicts {
        let (Conflict::Key { input, .. } | Conflict::Shared { input, .. }) = conflict;
        let file = inputs.get(*input).map(PathBuf::as_path).unwrap_or(std::path::Path::new(""));
        if is_json {
            push_json(conflict, file.as_os_str().as_encoded_bytes(), &mut text);
        } else {
            push_text(conflict, &safe(file), &mut text);
        }
        if text.len() > 1 << 16 {
            output.write(&mut text)?;
        }
    }
    output.write(&mut text)?;
    eprintln!(
        "aikv: {}; nothing was written. --on-conflict first, last or newest-expiry says which one stands",
        plural(conflicts.len() as u64, "conflict")
    );
    output.finish()
}

fn push_text(conflict: &Conflict, file: &str, text: &mut Vec<u8>) {
    // A vector takes every byte.
    let _ = match conflict {
        Conflict::Key { db, .. } => write!(text, "db {db} \""),
        Conflict::Shared { name: SharedName::Function(_), .. } => write!(text, "function library \""),
        Conflict::Shared { name: SharedName::ModuleData(id, _), .. } => write!(text, "module data of {}", ModuleId(*id)),
    };
    if let Conflict::Key { key: name, .. } | Conflict::Shared { name: SharedName::Function(name), .. } = conflict {
        push_escaped(name, text);
        text.push(b'"');
    }
    let _ = writeln!(text, " is in {file} too");
}

fn push_json(conflict: &Conflict, file: &[u8], text: &mut Vec<u8>) {
    let mut json = Json::new(text);
    json.open(b'{');
    match conflict {
        Conflict::Key { db, key, .. } => json.name("db").int(*db).name("key").bytes(Scalar::Bytes(key)),
        Conflict::Shared { name: SharedName::Function(name), .. } => json.name("function").bytes(Scalar::Bytes(name)),
        Conflict::Shared { name: SharedName::ModuleData(id, when), .. } => {
            json.name("module_data").text(&ModuleId(*id).to_string()).name("when").int(*when)
        }
    };
    json.name("file").bytes(Scalar::Bytes(file)).close(b'}').end_line();
}
