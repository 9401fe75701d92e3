//! `aikv merge`: several snapshots made one.

use super::args::{ConflictRule, MergeArgs};
use super::failure::Failure;
use super::filter::open_snapshot;
use super::input::{FileEnding, Task};
use super::output::Output;
use super::print::{plural, push_escaped, safe};
use super::progress::Progress;
use super::{Outcome, Result, random_seed};
use crate::aof;
use crate::error::Fault;
use crate::jobs::{Conflict, Flow, Job, Json, Merge, MergePlan, OnConflict, SharedName};
use crate::rdb::{Event, ModuleId};
use crate::wire::Scalar;
use std::io::Write;
use std::path::PathBuf;
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
    let mut output = Output::open(Some(out))?;
    let mut plan = Plan(MergePlan::new(random_seed()?, rule, NAMES_BYTES));
    read_all(inputs, args.lenient, &mut plan, &mut Progress::new(&output))?;
    let Plan(plan) = plan;
    if !plan.conflicts().is_empty() {
        list(plan.conflicts(), inputs, args.json)?;
        return Ok(Outcome::Refused);
    }
    let failed = |error: crate::Error| Failure::kind(out, error.to_string());
    let mut merge = Merge::new(plan).map_err(failed)?;
    let mut progress = Progress::new(&output);
    let mut writing = Writing { merge: &mut merge, output: &mut output };
    read_all(inputs, args.lenient, &mut writing, &mut progress)?;
    merge.finish().map_err(failed)?;
    if let Some(bytes) = merge.out() {
        output.write(bytes)?;
    }
    output.finish()?;
    Ok(Outcome::Clean)
}

fn read_all<T: Task>(inputs: &[PathBuf], is_lenient: bool, task: &mut T, progress: &mut Progress) -> Result<()> {
    inputs.iter().try_for_each(|file| open_snapshot(file)?.leniently(is_lenient).read(task, progress)?.check())
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

impl Task for Plan {
    fn end(&mut self, _ending: &FileEnding) {
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

    fn end(&mut self, _ending: &FileEnding) {
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
