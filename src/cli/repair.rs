//! `aikv repair`: a new file of all that is whole.

use super::args::RepairArgs;
use super::failure::Failure;
use super::output::Output;
use super::print::{plural, push_escaped};
use super::progress::Progress;
use super::{Outcome, Result, random_seed};
use crate::jobs::{Json, Repair, RepairPlan, RepairRange};
use crate::kind::FileKind;
use crate::wire::Limits;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::prelude::rust_2024::*;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

pub(super) fn run(args: &RepairArgs) -> Result {
    let mut input = Damaged::open(&args.file)?;
    let is_same = fs::canonicalize(&args.file).ok().zip(fs::canonicalize(&args.output).ok()).is_some_and(|(a, b)| a == b);
    if is_same || args.output.as_os_str() == "-" {
        return Err(Failure::Usage("OUT has to be another file than IN, and no pipe: the damaged file stays as it is".into()));
    }
    let mut output = Output::open(Some(&args.output))?;
    let mut progress = Progress::new(&output);
    progress.start(Some(input.bytes));
    let plan = input.examine(&mut progress)?;
    if plan.is_empty() {
        let reason = plan.ranges.first().and_then(|range| range.reason.clone());
        return Err(Failure::kind(&args.file, format!("nothing of it can be read: {}", reason.unwrap_or_default())));
    }
    input.mend(&plan, &mut output, &mut progress)?;
    progress.finish();
    output.finish()?;
    report(&plan, input.bytes, args.json)?;
    Ok(if plan.is_whole() { Outcome::Clean } else { Outcome::Found })
}

/// The file that is read, and its size when it was opened.
struct Damaged<'p> {
    path: &'p Path,
    file: File,
    bytes: u64,
}

impl<'p> Damaged<'p> {
    fn open(path: &'p Path) -> Result<Self> {
        let failed = |error| Failure::Input { file: path.into(), error };
        if path.as_os_str() == "-" {
            return Err(Failure::Usage("repair reads its file more than once, so it cannot be stdin".into()));
        }
        // Asked before it is opened: to open a pipe is to wait for its other end.
        let facts = fs::metadata(path).map_err(failed)?;
        if facts.is_dir() {
            return Err(Failure::kind(path, "is a folder: repair the files of a multi-part log one by one"));
        }
        if !facts.is_file() {
            return Err(Failure::kind(path, "is not a regular file"));
        }
        Ok(Self { path, file: File::open(path).map_err(failed)?, bytes: facts.len() })
    }

    fn failed(&self, error: std::io::Error) -> Failure {
        Failure::Input { file: self.path.into(), error }
    }

    /// Reads up to a buffer of bytes, but none behind the size that the file had.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let end = buffer.len().min(left);
        let read = self.file.seek(SeekFrom::Start(offset)).and_then(|_| {
            loop {
                match self.file.read(&mut buffer[..end]) {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    other => break other,
                }
            }
        });
        read.map_err(|error| self.failed(error))
    }

    fn examine(&mut self, progress: &mut Progress) -> Result<RepairPlan> {
        let mut buffer = vec![0; CHUNK_BYTES];
        let len = self.read_at(0, &mut buffer)?;
        let (seed, limits) = (random_seed()?, Limits::default());
        let mut repair = match FileKind::sniff(&buffer[..len.min(FileKind::PREFIX_BYTES)]) {
            FileKind::Rdb { .. } => Repair::of_snapshot(seed, limits),
            FileKind::Aof => Repair::of_log(seed, limits),
            FileKind::Compressed { codec } => {
                return Err(Failure::kind(self.path, format!("is compressed as a whole ({}): unpack it first", codec.name())));
            }
            _ => return Err(Failure::kind(self.path, "does not begin like an RDB or AOF file: byte 0")),
        };
        while let Some(offset) = repair.wanted() {
            let len = self.read_at(offset, &mut buffer)?;
            if len == 0 {
                break;
            }
            repair.feed(&buffer[..len]);
            progress.at(offset)?;
        }
        Ok(repair.finish(self.bytes))
    }

    fn mend(&mut self, plan: &RepairPlan, output: &mut Output, progress: &mut Progress) -> Result<()> {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut text = Vec::new();
        let mut mend = plan.mend();
        let mut offset = 0;
        let out_of_order = |error: crate::Error| Failure::kind(self.path, error.to_string());
        while offset < self.bytes {
            let len = self.read_at(offset, &mut buffer)?;
            if len == 0 {
                return Err(Failure::kind(self.path, "became shorter while it was read"));
            }
            mend.copy(offset, &buffer[..len], &mut text).map_err(out_of_order)?;
            output.write(&mut text)?;
            offset += len as u64;
            progress.at(offset)?;
        }
        mend.finish(&mut text).map_err(out_of_order)?;
        output.write(&mut text)
    }
}

/// Lists what was kept and dropped, on stdout.
fn report(plan: &RepairPlan, file_bytes: u64, is_json: bool) -> Result<()> {
    let mut output = if is_json { Output::open_json(None)? } else { Output::open(None)? };
    let mut text = Vec::new();
    let dropped_bytes = file_bytes - plan.kept_bytes();
    if is_json {
        let mut json = Json::new(&mut text);
        plan.write_json(file_bytes, &mut json);
        json.end_line();
        output.write(&mut text)?;
        return output.finish();
    }
    for RepairRange { span, reason } in &plan.ranges {
        let verb = if reason.is_none() { "kept" } else { "dropped" };
        // A vector takes every byte.
        let _ = write!(text, "{verb:7} bytes {} to {}", span.start, span.end);
        if let Some(reason) = reason {
            text.extend_from_slice(b": ");
            push_escaped(reason.as_bytes(), &mut text);
        }
        text.push(b'\n');
    }
    if plan.adds_end {
        text.extend_from_slice(b"added   the end of the snapshot, and its checksum\n");
    }
    let _ = writeln!(
        text,
        "{} kept, {} dropped: {}, {}, {} broken alone",
        plural(plan.kept_bytes(), "byte"),
        plural(dropped_bytes, "byte"),
        plural(plan.keys, "key"),
        plural(plan.commands, "command"),
        plural(plan.dropped_records, "record"),
    );
    output.write(&mut text)?;
    output.finish()
}
