//! What `aikv info` tells of a log's commands, and of the files that a multi-part log consists of.

use super::failure::Failure;
use super::info::table;
use super::input::{Ending, FileEnding, PartFacts};
use super::print::{count, plural, safe, size, time};
use crate::aof::{self, Role};
use crate::error::{Error, Escaped};
use crate::jobs::{Json, Log, Transactions};
use crate::persistence::open_log::OpenLog;
use crate::wire::Scalar;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

/// What a file's commands say beside their number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LogFacts {
    /// First and last time that is named, Unix seconds.
    times: Option<(u64, u64)>,
    transactions: Transactions,
}

impl LogFacts {
    pub(super) fn note(&mut self, event: &aof::Event<'_>) {
        match event {
            aof::Event::Timestamp { unix_s } => self.times = Some((self.times.map_or(*unix_s, |(first, _)| first), *unix_s)),
            aof::Event::Command(command) => {
                self.transactions.of(*command);
            }
            aof::Event::Annotation(_) | aof::Event::Mark(_) | aof::Event::Snapshot(_) => {}
        }
    }

    fn push_json(&self, json: &mut Json<'_>) {
        json.name("transactions").int(self.transactions.count());
        if let Some((first, last)) = self.times {
            json.name("first_timestamp_s").int(first).name("last_timestamp_s").int(last);
        }
    }
}

/// What is known of all files' commands.
fn total(files: &[LogFacts]) -> (u64, Option<(u64, u64)>) {
    let transactions = files.iter().map(|file| file.transactions.count()).sum();
    let times = files.iter().filter_map(|file| file.times);
    (transactions, times.reduce(|(first, _), (_, last)| (first, last)))
}

/// Members for the commands of all files.
pub(super) fn push_commands_json(files: &[LogFacts], ending: &Ending, is_parted: bool, json: &mut Json<'_>) {
    if let Some(log) = ending.log() {
        push_log(log, json);
        if !is_parted {
            json.name("commands_start").int(log.start);
        }
        let (transactions, times) = total(files);
        json.name("transactions").int(transactions);
        if let Some((first, last)) = times {
            json.name("first_timestamp_s").int(first).name("last_timestamp_s").int(last);
        }
    }
}

fn push_log(log: Log, json: &mut Json<'_>) {
    json.name("commands").int(log.commands).name("annotations").int(log.annotations);
    json.name("marks").int(log.marks).name("verified_bytes").int(log.verified_bytes);
}

/// A line on the commands of all files.
pub(super) fn commands_line(files: &[LogFacts], ending: &Ending) -> Option<String> {
    let log = ending.log()?;
    let (transactions, times) = total(files);
    let mut words = plural(log.commands, "command");
    if log.start > 0 {
        words.push_str(&format!(" from byte {} on", log.start));
    }
    if log.start > 0 || ending.snapshot().is_some() {
        words.push_str(", not applied to the keys below");
    }
    if transactions > 0 {
        words.push_str(&format!(", {}", plural(transactions, "transaction")));
    }
    if log.marks > 0 {
        words.push_str(&format!(", {} in {} verified", size(log.verified_bytes), plural(log.marks, "mark")));
    }
    if let Some((first, last)) = times {
        words.push_str(&format!(", written {} to {}", seconds(first), seconds(last)));
    }
    Some(words)
}

fn seconds(unix_s: u64) -> String {
    time(i64::try_from(unix_s).unwrap_or(i64::MAX).saturating_mul(1000))
}

/// What is told of a multi-part log beside what is in its files.
pub(super) struct Layout {
    manifest: PathBuf,
    manifest_bytes: u64,
    /// What a base has replaced: name, number, and size where it is still there.
    histories: Vec<(Vec<u8>, u64, Option<u64>)>,
    unlisted: Vec<Vec<u8>>,
    deviations: Vec<Error>,
}

impl Layout {
    pub(super) fn of(parts: &OpenLog) -> Result<Self, Failure> {
        let manifest = parts.manifest_path();
        let unlisted = parts.unlisted().map_err(|error| Failure::Input { file: manifest.clone(), error })?;
        Ok(Self {
            manifest,
            manifest_bytes: parts.manifest_bytes,
            histories: parts.manifest.histories().map(|file| (file.name.clone(), file.seq, parts.len_of(file))).collect(),
            unlisted: unlisted.into_iter().map(|name| name.as_encoded_bytes().to_vec()).collect(),
            deviations: parts.deviations.clone(),
        })
    }

    pub(super) fn manifest(&self) -> &Path {
        &self.manifest
    }

    pub(super) fn push_json(&self, files: &[LogFacts], ending: &Ending, json: &mut Json<'_>) {
        let name = self.manifest.file_name().unwrap_or_default();
        json.name("manifest").open(b'{').name("file").bytes(Scalar::Bytes(name.as_encoded_bytes()));
        json.name("bytes").int(self.manifest_bytes).name("warnings").open(b'[');
        for error in &self.deviations {
            json.open(b'{').name("code").text(error.code()).name("offset").int(error.offset());
            json.name("text").text(&error.kind().to_string()).close(b'}');
        }
        json.close(b']').close(b'}').name("files").open(b'[');
        for (file, part, facts) in parts(files, ending) {
            push_head(&part.name, role_name(part.role), part.seq, Some(file.bytes), json);
            json.name("is_whole").bool(file.damage().is_none()).name("has_snapshot").bool(file.snapshot.is_some());
            if let Some(log) = file.log {
                push_log(log, json);
                json.name("commands_start").int(log.start);
                facts.push_json(json);
            }
            json.close(b'}');
        }
        for (name, seq, bytes) in &self.histories {
            push_head(name, role_name(Role::History), *seq, *bytes, json);
            json.close(b'}');
        }
        json.close(b']').name("unlisted").open(b'[');
        for name in &self.unlisted {
            json.bytes(Scalar::Bytes(name));
        }
        json.close(b']');
    }

    pub(super) fn push_text(&self, files: &[LogFacts], ending: &Ending, out: &mut Vec<u8>) {
        let mut rows = table(&["Role", "Number", "Bytes", "Commands", "Transactions", "Written", "File"], 1);
        for index in [5, 6] {
            if let Some(column) = rows.column_mut(index) {
                column.set_cell_alignment(comfy_table::CellAlignment::Left);
            }
        }
        for (file, part, facts) in parts(files, ending) {
            let commands = file.log.map_or("-".into(), |log| count(log.commands));
            let written = facts.times.map_or("-".into(), |(first, last)| format!("{} to {}", seconds(first), seconds(last)));
            let damage = if file.damage().is_some() { " (not read to the end)" } else { "" };
            rows.add_row([
                role_name(part.role).into(),
                part.seq.to_string(),
                size(file.bytes),
                commands,
                count(facts.transactions.count()),
                written,
                format!("{}{damage}", Escaped(&part.name)),
            ]);
        }
        for (name, seq, bytes) in &self.histories {
            let bytes = bytes.map_or("gone".into(), size);
            let none = || "-".to_string();
            let name = Escaped(name).to_string();
            rows.add_row([role_name(Role::History).into(), seq.to_string(), bytes, none(), none(), none(), name]);
        }
        // A vector takes every byte.
        let _ = writeln!(out, "\n{}", rows.trim_fmt());
        for name in &self.unlisted {
            let _ = writeln!(out, "not listed in the manifest: {}", Escaped(name));
        }
        for error in &self.deviations {
            let _ = writeln!(out, "{}: {error}", safe(&self.manifest));
        }
    }
}

/// The files that were read, what they are to the log, and what their commands say.
fn parts<'a>(files: &'a [LogFacts], ending: &'a Ending) -> impl Iterator<Item = (&'a FileEnding, &'a PartFacts, &'a LogFacts)> {
    ending.files.iter().zip(files).filter_map(|(file, facts)| Some((file, file.file.part.as_ref()?, facts)))
}

/// What a file is to its log.
pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Base => "base",
        Role::History => "history",
        Role::Incr => "incr",
    }
}

fn push_head(name: &[u8], role: &str, seq: u64, bytes: Option<u64>, json: &mut Json<'_>) {
    json.open(b'{').name("file").bytes(Scalar::Bytes(name)).name("role").text(role).name("seq").int(seq);
    if let Some(bytes) = bytes {
        json.name("bytes").int(bytes);
    }
}
