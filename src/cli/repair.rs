//! `aikv repair`: a new file of all that is whole.

use super::args::RepairArgs;
use super::failure::{Damage, Failure};
use super::output::Output;
use super::print::{plural, push_escaped};
use super::progress::Progress;
use super::repair_log;
use super::scratch::Scratch;
use super::source::{Packing, Source};
use super::{Outcome, Result, random_seed};
use crate::jobs::{Json, KeepReadable, Readable, Repair, RepairPlan, RepairRange, RepairSum};
use crate::kind::FileKind;
use crate::persistence::open_log;
use crate::wire::Limits;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

pub(super) fn run(args: &RepairArgs) -> Result {
    if args.file.as_os_str() == "-" {
        return Err(Failure::Usage("repair reads its file more than once, so it cannot be stdin".into()));
    }
    let is_same = fs::canonicalize(&args.file).ok().zip(fs::canonicalize(&args.output).ok()).is_some_and(|(a, b)| a == b);
    if is_same || args.output.as_os_str() == "-" {
        return Err(Failure::Usage("OUT has to be another file than IN, and no pipe: the damaged file stays as it is".into()));
    }
    match open_log::find(&args.file) {
        Ok(Some((folder, manifest))) => return repair_log::run(args, &folder, &manifest),
        Err(error) if args.file.is_dir() => return Err(Failure::Input { file: args.file.clone(), error }),
        // What is no regular file is told by the one who opens it.
        Ok(None) | Err(_) => {}
    }
    let mut input = Damaged::open(&args.file)?;
    let kind = input.unpack(&args.output)?;
    let mut output = Output::open(Some(&args.output))?;
    let mut progress = Progress::new(&output);
    progress.start(Some(input.bytes));
    let plan = input.examine(kind, keeps(args), &mut progress)?;
    if plan.is_empty() {
        let reason = plan.ranges.first().and_then(|range| range.reason.clone());
        return Err(Failure::kind(&args.file, format!("nothing of it can be read: {}", reason.unwrap_or_default())));
    }
    input.mend(&plan, &mut output, &mut progress)?;
    progress.finish();
    output.finish()?;
    let packing = input.packing.as_ref();
    report(&plan, input.bytes, packing, args.json)?;
    let is_whole = plan.is_whole() && packing.is_none_or(|packing| packing.error.is_none());
    Ok(if is_whole { Outcome::Clean } else { Outcome::Found })
}

/// Which broken values are kept with what of them is readable.
pub(super) fn keeps(args: &RepairArgs) -> KeepReadable {
    if args.keep_readable { KeepReadable::All } else { KeepReadable::None }
}

/// The file that is read, and its size when it was opened.
pub(super) struct Damaged {
    path: PathBuf,
    file: File,
    pub(super) bytes: u64,
    /// Of a compressed file: the file that is read has what is in it.
    packing: Option<Packing>,
    _unpacked: Option<Scratch>,
}

impl Damaged {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |error| Failure::Input { file: path.into(), error };
        // Asked before it is opened: to open a pipe is to wait for its other end.
        let facts = fs::metadata(path).map_err(failed)?;
        if !facts.is_file() {
            return Err(Failure::kind(path, "is not a regular file"));
        }
        let file = File::open(path).map_err(failed)?;
        Ok(Self { path: path.into(), file, bytes: facts.len(), packing: None, _unpacked: None })
    }

    /// Its first bytes, and what they say that it is. What a file has that is compressed as a whole is put aside, as far as it can be
    /// unpacked, and read instead.
    fn unpack(&mut self, output: &Path) -> Result<FileKind> {
        let kind = self.sniff()?;
        if !matches!(kind, FileKind::Compressed { .. }) {
            return Ok(kind);
        }
        let aside = |error| Failure::Output { file: Some(output.into()), error };
        let mut source = Source::open(&self.path)?;
        let (head, kind) = source.head()?;
        let mut scratch = Scratch::create(output).map_err(aside)?;
        let mut written = scratch.file.write_all(&head);
        while written.is_ok() && source.advance(|bytes| written = scratch.file.write_all(bytes))? {}
        written.map_err(aside)?;
        self.packing = source.packing();
        self.file = scratch.file.try_clone().map_err(aside)?;
        self.bytes = self.file.metadata().map_err(aside)?.len();
        self._unpacked = Some(scratch);
        Ok(kind)
    }

    /// What its first bytes say that it is.
    pub(super) fn sniff(&mut self) -> Result<FileKind> {
        let mut head = [0; FileKind::PREFIX_BYTES];
        let mut len = 0;
        loop {
            match self.read_at(len as u64, &mut head[len..])? {
                0 => return Ok(FileKind::sniff(&head[..len])),
                read => len += read,
            }
        }
    }

    fn failed(&self, error: io::Error) -> Failure {
        Failure::Input { file: self.path.clone(), error }
    }

    /// Reads up to a buffer of bytes, but none behind the size that the file had.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let end = buffer.len().min(left);
        let read = self.file.seek(SeekFrom::Start(offset)).and_then(|_| {
            loop {
                match self.file.read(&mut buffer[..end]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other,
                }
            }
        });
        read.map_err(|error| self.failed(error))
    }

    /// What of it is whole, if it is of this kind.
    pub(super) fn examine(&mut self, kind: FileKind, keeps: KeepReadable, progress: &mut Progress) -> Result<RepairPlan> {
        let mut buffer = vec![0; CHUNK_BYTES];
        let (seed, limits) = (random_seed()?, Limits::default());
        let mut repair = match kind {
            FileKind::Rdb { .. } => Repair::of_snapshot(seed, limits).keeping_readable(keeps),
            FileKind::Aof => Repair::of_log(seed, limits),
            _ => return Err(Failure::kind(&self.path, "does not begin like an RDB or AOF file: byte 0")),
        };
        while let Some(offset) = repair.wanted() {
            let len = self.read_at(offset, &mut buffer)?;
            if len == 0 && repair.looks_again() {
                continue;
            }
            if len == 0 {
                break;
            }
            repair.feed(&buffer[..len]);
            progress.at(offset)?;
        }
        Ok(repair.finish(self.bytes))
    }

    pub(super) fn mend(&mut self, plan: &RepairPlan, output: &mut Output, progress: &mut Progress) -> Result<()> {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut text = Vec::new();
        let mut mend = plan.mend();
        let mut offset = 0;
        let path = self.path.clone();
        let out_of_order = |error: crate::Error| Failure::kind(&path, error.to_string());
        while offset < self.bytes {
            let len = self.read_at(offset, &mut buffer)?;
            if len == 0 {
                return Err(Failure::kind(&self.path, "became shorter while it was read"));
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
fn report(plan: &RepairPlan, file_bytes: u64, packing: Option<&Packing>, is_json: bool) -> Result<()> {
    let mut output = if is_json { Output::open_json(None)? } else { Output::open(None)? };
    let mut text = Vec::new();
    let damage = packing.and_then(|packing| {
        let error = packing.error.clone()?;
        Some(Damage { error, codec: Some(packing.codec) })
    });
    if is_json {
        let mut json = Json::new(&mut text);
        json.open(b'{');
        plan.write_members(file_bytes, &mut json);
        if let Some(packing) = packing {
            json.name("compression").text(packing.codec.name());
        }
        if let Some(damage) = damage {
            json.name("compression_error").text(&damage.to_string());
        }
        json.close(b'}').end_line();
    } else {
        push_ranges(plan, &mut text);
        if let Some(damage) = damage {
            text.extend_from_slice(b"dropped what stands behind these bytes: ");
            push_escaped(damage.to_string().as_bytes(), &mut text);
            text.push(b'\n');
        }
        push_sum(&RepairSum::of(plan, file_bytes), &mut text);
    }
    output.write(&mut text)?;
    output.finish()
}

/// What becomes of each byte, in lines.
pub(super) fn push_ranges(plan: &RepairPlan, text: &mut Vec<u8>) {
    for range in &plan.ranges {
        let RepairRange { span, reason, readable, .. } = range;
        let verb = match reason {
            None => "kept",
            Some(_) if range.is_rewritten() => "partly",
            Some(_) => "dropped",
        };
        // A vector takes every byte.
        let _ = write!(text, "{verb:7} bytes {} to {}", span.start, span.end);
        if let Some(Readable { elements, stated }) = readable {
            let of = stated.map(|stated| format!(" of {stated}")).unwrap_or_default();
            let _ = write!(text, ": {elements}{of} elements readable");
        }
        if let Some(reason) = reason {
            text.extend_from_slice(b": ");
            push_escaped(reason.as_bytes(), text);
        }
        text.push(b'\n');
    }
    if plan.adds_end {
        text.extend_from_slice(b"added   the end of the snapshot, and its checksum\n");
    }
}

/// Counts of what was kept and dropped, in a line.
pub(super) fn push_sum(sum: &RepairSum, text: &mut Vec<u8>) {
    let _ = writeln!(
        text,
        "{} kept, {} dropped: {}{}, {}, {} broken alone",
        plural(sum.kept_bytes, "byte"),
        plural(sum.dropped_bytes(), "byte"),
        plural(sum.keys, "key"),
        if sum.partial_keys == 0 { String::new() } else { format!(" ({} in part)", sum.partial_keys) },
        plural(sum.commands, "command"),
        plural(sum.dropped_records, "record"),
    );
}
