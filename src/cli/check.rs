//! `aikv check`: everything that is wrong with a file.

use super::args::ReadArgs;
use super::failure::{Failure, within};
use super::input::{FileEnding, FileFacts, Input, Task};
use super::output::Output;
use super::print::{plural, safe};
use super::progress::Progress;
use super::repair::Damaged;
use super::source::Packing;
use super::{Outcome, Result, random_seed};
use crate::aof;
use crate::error::{Error, ErrorKind, Escaped, Fault, Place};
use crate::jobs::{Check, Finding, Flow, Job, Json, KeepReadable, LogDamage, RepairPlan, Severity};
use crate::kind::{Codec, FileKind};
use crate::persistence::open_log::OpenLog;
use crate::persistence::recover;
use crate::persistence::{PersistenceError, PersistenceErrorKind};
use crate::rdb::Event;
use crate::wire::Scalar;
use std::io::Write;
use std::path::Path;
use std::prelude::rust_2024::*;

pub(super) fn run(args: &ReadArgs) -> Result {
    let filter = args.filter.filter()?;
    let file = &args.input.file;
    let input = match Input::open(file) {
        // What is wrong with a manifest is a finding like any other.
        Err(Failure::Log(error)) if error.format().is_some() => Err(error),
        opened => Ok(opened?),
    };
    let path = args.input.output.as_deref();
    let output = if args.json { Output::open_json(path)? } else { Output::open(path)? };
    let mut progress = Progress::new(&output);
    let mut task = Findings {
        is_whole: filter.is_open(),
        keys: 0,
        check: Check::new(random_seed()?, Check::LIMIT_BYTES).with_filter(filter),
        is_json: args.json,
        part: None,
        errors: 0,
        warnings: 0,
        last_s: None,
        log_findings: Vec::new(),
        text: Vec::new(),
        output,
    };
    let mut commands = None;
    match input {
        Ok(input) => {
            if let Some(parts) = input.parts() {
                task.manifest(parts)?;
            }
            let ending = input.leniently(args.input.lenient).read(&mut task, &mut progress)?;
            if let [FileEnding { file: FileFacts { part: None, .. }, .. }] = &ending.files[..]
                && ending.files[0].damage().is_some_and(|damage| is_unreadable(&damage.error))
            {
                ending.check()?;
                return Ok(Outcome::Found);
            }
            commands = ending.log().map(|log| log.commands);
        }
        Err(error) => task.bad_manifest(&error),
    }
    task.finish(&safe(file), commands);
    task.output.write(&mut task.text)?;
    task.output.finish()?;
    Ok(if task.errors + task.warnings > 0 { Outcome::Found } else { Outcome::Clean })
}

/// Whether nothing of the file could be read, so that there is nothing to check.
fn is_unreadable(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::BadMagic { .. } | ErrorKind::UnsupportedVersion { .. })
}

/// What stands in front of the findings in JSON.
const OPENING: &[u8] = b"{\"findings\":[";

struct Findings {
    check: Check,
    /// Whether all keys are looked at.
    is_whole: bool,
    /// Whole keys behind damage.
    keys: u64,
    is_json: bool,
    /// The file of a multi-part log that is read.
    part: Option<Vec<u8>>,
    errors: u64,
    warnings: u64,
    /// The last time that a log names.
    last_s: Option<u64>,
    log_findings: Vec<Finding>,
    text: Vec<u8>,
    output: Output,
}

impl Job for Findings {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        self.check.push(event, raw)
    }

    fn note(&mut self, error: Error) -> std::result::Result<(), Error> {
        self.check.note(error)
    }

    fn deviation(&mut self, error: Error) -> Option<Error> {
        self.check.deviation(error)
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> std::result::Result<(), Fault> {
        /// The longest line that servers read, `#` and CR LF included.
        const SERVER_LINE: usize = 1024;
        match event {
            aof::Event::Timestamp { unix_s } => {
                if let Some(last) = self.last_s.filter(|last| last > unix_s) {
                    self.warn("bad-value", offset, format!("expected a time at or after {last}, found {unix_s}"));
                }
                self.last_s = Some(*unix_s);
            }
            aof::Event::Annotation(text) if text.starts_with(b"TS:") => {
                self.warn("bad-value", offset, "expected Unix seconds behind #TS:, found other text".into());
            }
            aof::Event::Annotation(text) if text.len() + 3 > SERVER_LINE => {
                self.warn(
                    "bad-length",
                    offset,
                    format!("expected a line of at most {SERVER_LINE} bytes, found {}", text.len() + 3),
                );
            }
            _ => {}
        }
        Ok(())
    }
}

impl Task for Findings {
    fn drain(&mut self) -> std::result::Result<(), Failure> {
        self.take();
        self.output.write(&mut self.text)
    }

    fn begin(&mut self, file: &FileFacts) {
        self.part = file.part.as_ref().map(|part| part.name.clone());
    }

    fn end(&mut self, ending: &FileEnding) {
        match (&ending.error, &ending.snapshot) {
            // Then there is nothing to check.
            (Some(error), _) if ending.file.part.is_none() && is_unreadable(error) => return,
            (Some(error), snapshot) if ending.log.is_some() && ending.packing.is_none() => {
                if let Some(summary) = snapshot {
                    self.check.end(Ok(summary));
                }
                self.log_findings.extend(of_log(&ending.file, error));
            }
            (Some(error), _) => {
                let later = self.behind(ending, error);
                if later.is_empty() {
                    self.check.end(Err(error));
                } else {
                    self.take();
                    self.log_findings.extend(later);
                }
            }
            (None, Some(summary)) => self.check.end(Ok(summary)),
            (None, None) => {}
        }
        self.take();
        if let Some(Packing { codec, error: Some(error), .. }) = &ending.packing {
            self.add(&packed(*codec, error), Some(*codec));
        }
    }

    fn reads_on(&self) -> bool {
        true
    }
}

impl Findings {
    fn warn(&mut self, code: &'static str, offset: u64, text: String) {
        let place = Place::default();
        let severity = Severity::Warning;
        self.log_findings.push(Finding { severity, code, offset, place, text, is_repairable: true });
    }

    /// What is wrong with a snapshot that cannot be read from there on in one go, and with what stands behind the damage: for that it
    /// is read again. Nothing where it cannot be, or only some keys are looked at.
    fn behind(&mut self, FileEnding { file, packing, .. }: &FileEnding, error: &Error) -> Vec<Finding> {
        if file.path.as_os_str() == "-" || packing.is_some() || !self.is_whole {
            return Vec::new();
        }
        let Ok(plan) = examine(&file.path) else { return Vec::new() };
        let findings = plan.findings_from(error.code(), error.offset(), file.part.as_ref().is_none_or(|part| part.is_last));
        if !findings.is_empty() {
            self.keys = self.keys.saturating_add(plan.keys_behind);
        }
        findings
    }

    /// Tells what is odd about a manifest that can be read, and about its folder.
    fn manifest(&mut self, parts: &OpenLog) -> Result<()> {
        let path = parts.manifest_path();
        self.part = path.file_name().map(|name| name.as_encoded_bytes().to_vec());
        for error in &parts.deviations {
            self.warn(error.code(), error.offset(), error.kind().to_string());
        }
        self.take();
        let unlisted = parts.unlisted().map_err(|error| Failure::Input { file: path, error })?;
        for name in unlisted.into_iter().filter(|name| !parts.is_lock(name)) {
            self.part = Some(name.as_encoded_bytes().to_vec());
            self.warn("unlisted-file", 0, "it is in the folder of the log, and the manifest does not list it".into());
            self.take();
        }
        Ok(())
    }

    /// Tells what keeps a manifest from being read.
    fn bad_manifest(&mut self, error: &PersistenceError) {
        self.part = error.path().file_name().map(|name| name.as_encoded_bytes().to_vec());
        if let Some(format) = error.format() {
            self.add(&Finding::from_error(format, false), None);
        }
    }

    /// Writes the findings that are settled.
    fn take(&mut self) {
        let mut findings = self.check.take_findings();
        findings.append(&mut self.log_findings);
        for finding in findings {
            self.add(&finding, None);
        }
    }

    /// Writes a finding; one of the compressed file rather than of what is in it has a codec.
    fn add(&mut self, finding: &Finding, codec: Option<Codec>) {
        if self.is_json {
            // Not earlier: of a file that is not read, nothing is written.
            self.text.extend_from_slice(if self.errors + self.warnings > 0 { b"," } else { OPENING });
            push_json(finding, self.part.as_deref(), codec, &mut self.text);
        } else {
            if let Some(part) = &self.part {
                // A vector takes every byte.
                let _ = write!(self.text, "{}: ", Escaped(part));
            }
            let repair = if finding.is_repairable { "" } else { "; reading ended there" };
            // A vector takes every byte.
            let _ = writeln!(self.text, "{finding} [{}]{repair}", finding.code);
        }
        match finding.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
    }

    fn finish(&mut self, file: &str, commands: Option<u64>) {
        let keys = self.check.keys().saturating_add(self.keys);
        if self.is_json {
            if self.errors + self.warnings == 0 {
                self.text.extend_from_slice(OPENING);
            }
            self.text.extend_from_slice(b"],");
            let mut numbers = Vec::new();
            let mut json = Json::new(&mut numbers);
            json.open(b'{').name("errors").int(self.errors).name("warnings").int(self.warnings).name("keys").int(keys);
            if let Some(commands) = commands {
                json.name("commands").int(commands);
            }
            json.close(b'}').end_line();
            self.text.extend_from_slice(&numbers[1..]);
            return;
        }
        let mut read = plural(keys, "key");
        if let Some(commands) = commands {
            read.push_str(&format!(" and {}", plural(commands, "command")));
        }
        let found = match (self.errors, self.warnings) {
            (0, 0) => "no findings".into(),
            (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
        };
        let _ = writeln!(self.text, "{file}: {read} read, {found}");
    }
}

/// What is wrong with a log from its first damage on: that is a torn tail, which the next writer cuts off, or damage that it
/// leaves alone, behind which there may be more.
fn of_log(file: &FileFacts, error: &Error) -> Vec<Finding> {
    let mut finding = Finding::from_error(error, false);
    if file.path.as_os_str() == "-" {
        return vec![finding];
    }
    let is_last = file.part.as_ref().is_none_or(|part| part.is_last);
    let mut later = Vec::new();
    match recover::examine(&file.path) {
        Ok(Some(cut)) if is_last => {
            let bytes = plural(cut.bytes, "byte");
            finding
                .text
                .push_str(&format!("; a torn tail of {bytes} from byte {} on, which the next writer cuts off", cut.offset));
            finding.is_repairable = true;
        }
        Ok(Some(_)) => finding.text.push_str("; only the last file of a log may be torn"),
        // Where it is whole by now, or cannot be read again, there is no more to say.
        Ok(None) => {}
        Err(refused) => {
            if let PersistenceErrorKind::MidFileCorruption { next_good, .. } = refused.kind() {
                // What a lenient reading has passed over is told already.
                let mut all =
                    damage(&file.path).unwrap_or_default().into_iter().filter(|one| one.error.offset() >= error.offset());
                let goes_on_at = all.next().and_then(|first| first.goes_on_at);
                finding.is_repairable = goes_on_at.is_some();
                finding.text.push_str(&match (goes_on_at, next_good) {
                    (Some(next), _) => format!("; no torn tail: commands go on at byte {next}"),
                    (None, Some(next)) => format!("; a whole command stands at byte {next}, and may be a part of a torn value"),
                    (None, None) => "; no torn tail: a torn write leaves no such bytes".into(),
                });
                later.extend(all.map(|one| one.finding(is_last)));
            }
        }
    }
    later.insert(0, finding);
    later
}

/// Each damage to a log, in its order.
fn damage(path: &Path) -> Result<Vec<LogDamage>> {
    Ok(examine(path)?.log_damage)
}

/// What becomes of each byte of a damaged file.
fn examine(path: &Path) -> Result<RepairPlan> {
    let mut input = Damaged::open(path)?;
    let kind = match input.sniff()? {
        kind @ FileKind::Rdb { .. } => kind,
        // Its first bytes may be the damaged ones.
        _ => FileKind::Aof,
    };
    input.examine(kind, KeepReadable::None, &mut Progress::hidden())
}

/// What is wrong with a compressed file.
fn packed(codec: Codec, error: &Error) -> Finding {
    Finding {
        severity: Severity::Error,
        code: error.code(),
        offset: error.offset(),
        place: Place::default(),
        text: format!("{}: {}", within(codec), error.kind()),
        is_repairable: false,
    }
}

fn push_json(finding: &Finding, file: Option<&[u8]>, codec: Option<Codec>, out: &mut Vec<u8>) {
    let mut json = Json::new(out);
    json.open(b'{').name("severity").text(finding.severity.name()).name("code").text(finding.code);
    if let Some(file) = file {
        json.name("file").bytes(Scalar::Bytes(file));
    }
    if let Some(codec) = codec {
        json.name("compression").text(codec.name());
    }
    json.name("offset").int(finding.offset);
    if let Some(db) = finding.place.db {
        json.name("db").int(db);
    }
    if let Some(key) = &finding.place.key {
        json.name("key").bytes(Scalar::Bytes(key.bytes()));
        if key.bytes().len() as u64 != key.key_len() {
            json.name("key_bytes").int(key.key_len());
        }
    }
    if let Some(encoding) = finding.place.value_type {
        json.name("encoding").text(encoding);
    }
    if let Some(element) = finding.place.element {
        json.name("element").int(element);
    }
    json.name("text").text(&finding.text).name("repairable").bool(finding.is_repairable).close(b'}');
}
