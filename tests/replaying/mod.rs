//! What a server makes of a log, and how that differs from what we make of it.

pub(crate) mod commands;

use super::common::{self, Client, Reply, Server, TempDir};
use aikv::aof;
use aikv::model::{Dataset, Entry, Value};
use aikv::rdb::StreamId;
use commands::Command;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A server and what it has.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    is_valkey: bool,
    /// 602 is 6.2.
    pub(crate) number: u32,
    /// Names of its commands, in lower case.
    pub(crate) commands: BTreeSet<Vec<u8>>,
}

impl Target {
    pub(crate) fn find(name: &'static str) -> Option<Self> {
        let program = common::server(name)?;
        let (dialect, version) = name.split_once('-').unwrap();
        let number = ordinal(version);
        let folder = TempDir::new();
        let server = Server::start(&program, folder.path(), &[]).unwrap();
        let Reply::Array(commands) = server.client().ask(&["COMMAND"]) else { panic!("{name} lists no commands") };
        let name_of = |command| match command {
            Reply::Array(mut facts) => match facts.swap_remove(0) {
                Reply::Bytes(name) => name,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        let commands = commands.into_iter().map(name_of).collect();
        Some(Self { name, program, is_valkey: dialect == "valkey", number, commands })
    }

    /// A template without its condition, if that holds.
    pub(crate) fn knows<'t>(&self, template: &'t str) -> Option<&'t str> {
        let (condition, rest) = template.split_once(' ').unwrap_or((template, ""));
        let Some(since) =
            condition.strip_suffix('+').filter(|since| since.starts_with(['r', 'v']) || since.as_bytes()[0].is_ascii_digit())
        else {
            return Some(template);
        };
        let holds = match (since.as_bytes()[0], self.is_valkey) {
            (b'r', is_valkey) => !is_valkey && ordinal(&since[1..]) <= self.number,
            (b'v', is_valkey) => is_valkey && ordinal(&since[1..]) <= self.number,
            // Where the two parted.
            (_, true) => ordinal(since) <= 702,
            (_, false) => ordinal(since) <= self.number,
        };
        holds.then_some(rest)
    }

    /// Options to log with.
    pub(crate) fn options(&self, has_preamble: bool) -> Vec<&'static str> {
        let mut options = vec!["--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"];
        if self.number >= 400 {
            options.extend(["--aof-use-rdb-preamble", if has_preamble { "yes" } else { "no" }]);
        }
        if self.is_multi_part() {
            options.extend(["--enable-debug-command", "yes"]);
        }
        options
    }

    pub(crate) fn is_multi_part(&self) -> bool {
        self.number >= 700
    }

    /// Has a fresh server load `logs`, the files of one log in order, and save what it holds before anything of it expires.
    pub(crate) fn load(&self, logs: &[Vec<u8>]) -> Result<Dataset, String> {
        let folder = TempDir::new();
        let (last, before) = logs.split_last().expect("a log");
        // A log is a program: its last command saves.
        let last = [&last[..], &log(&[vec![b"SAVE".to_vec()]])].concat();
        if before.is_empty() {
            fs::write(folder.join("appendonly.aof"), last).unwrap();
        } else {
            let parts = folder.join("appendonlydir");
            fs::create_dir(&parts).unwrap();
            let mut manifest = String::new();
            for (at, log) in before.iter().chain([&last]).enumerate() {
                let (name, kind) = if at == 0 { ("a.1.base.aof".into(), 'b') } else { (format!("a.{at}.incr.aof"), 'i') };
                fs::write(parts.join(&name), log).unwrap();
                manifest += &format!("file {name} seq {} type {kind}\n", at.max(1));
            }
            fs::write(parts.join("appendonly.aof.manifest"), manifest).unwrap();
        }
        let _server = Server::start(&self.program, folder.path(), &self.options(true))?;
        Ok(self.snapshot(&folder.join("dump.rdb")))
    }

    /// What a server holds now.
    pub(crate) fn save(&self, client: &mut Client, folder: &TempDir) -> Dataset {
        assert_eq!(client.ask(&["SAVE"]), Reply::Status("OK".into()));
        self.snapshot(&folder.join("dump.rdb"))
    }

    fn snapshot(&self, path: &Path) -> Dataset {
        let bytes = fs::read(path).unwrap();
        Dataset::decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The files of the log that a server writes in `folder`, in the order in which they are loaded.
    pub(crate) fn logs(&self, folder: &TempDir) -> Vec<Vec<u8>> {
        if !self.is_multi_part() {
            return vec![fs::read(folder.join("appendonly.aof")).unwrap()];
        }
        let parts = folder.join("appendonlydir");
        let manifest = fs::read_to_string(parts.join("appendonly.aof.manifest")).unwrap();
        let mut files: Vec<Vec<&str>> = manifest.lines().map(|line| line.split(' ').collect()).collect();
        files.retain(|words| words[5] != "h");
        files.sort_by_key(|words| words[5] != "b");
        files.iter().map(|words| fs::read(parts.join(words[1])).unwrap()).collect()
    }
}

/// 602 of `6.2`.
fn ordinal(version: &str) -> u32 {
    let (major, minor) = version.split_once('.').unwrap();
    major.parse::<u32>().unwrap() * 100 + minor.parse::<u32>().unwrap()
}

/// Commands as a log has them.
pub(crate) fn log(commands: &[Command]) -> Vec<u8> {
    let mut log = Vec::new();
    for command in commands {
        aof::write_command(command, &mut log).unwrap();
    }
    log
}

/// The commands of a log, unless a snapshot stands in front.
pub(crate) fn commands_of(log: &[u8]) -> Option<Vec<Command>> {
    let mut decoder = aof::Decoder::new();
    let mut rest = log;
    let mut commands = Vec::new();
    while !rest.is_empty() {
        let step = decoder.step(rest).unwrap();
        rest = &rest[step.consumed..];
        match step.event {
            Some(aof::Event::Command(command)) => commands.push(command.args().map(<[u8]>::to_vec).collect()),
            Some(aof::Event::Timestamp { .. } | aof::Event::Annotation(_) | aof::Event::Mark(_)) => {}
            Some(aof::Event::Snapshot(_)) => return None,
            None => {}
        }
    }
    Some(commands)
}

/// A command as a person would type it.
pub(crate) fn typed(command: &Command) -> String {
    let words = command.iter().map(|word| {
        let is_plain = !word.is_empty() && word.iter().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(byte));
        if is_plain { String::from_utf8(word.clone()).unwrap() } else { format!("\"{}\"", word.escape_ascii()) }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Where two ways to the same data may part.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) now_ms: i64,
    /// Whether both saw each key and field run out, or neither.
    pub(crate) keeps_expired: bool,
    /// Whether the server keeps counters of streams.
    pub(crate) has_counters: bool,
    /// Whether `XCLAIM` makes a consumer that gets nothing.
    pub(crate) keeps_idle_consumers: bool,
    /// Whether streams are compared: a server that rewrites them as commands leaves out what it knows of deleted entries.
    pub(crate) has_streams: bool,
}

impl Terms {
    /// Times within this are the same: what a log gives relative to the clock is taken at two moments.
    const SLACK_MS: i64 = 120_000;

    fn is_past(self, expiry: Option<i64>) -> bool {
        !self.keeps_expired && expiry.is_some_and(|at| at <= self.now_ms)
    }

    fn about(self, ours: &mut i64, theirs: i64) {
        if ours.abs_diff(theirs) < Self::SLACK_MS as u64 {
            *ours = theirs;
        }
    }

    fn about_expiry(self, ours: &mut Option<i64>, theirs: Option<i64>) {
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            self.about(ours, theirs);
        }
    }

    /// Leaves out what the comparison is not about.
    fn strip(self, dataset: &mut Dataset) {
        for database in dataset.databases.values_mut() {
            for entry in database.values_mut() {
                if let Value::Hash(fields) = &mut entry.value {
                    fields.retain(|field| !self.is_past(field.expires_at_ms));
                }
                self.strip_entry(entry);
            }
            database.retain(|_, entry| {
                let is_empty = matches!(&entry.value, Value::Hash(fields) if fields.is_empty());
                let is_compared = self.has_streams || !matches!(&entry.value, Value::Stream(_));
                is_compared && !is_empty && !self.is_past(entry.expires_at_ms)
            });
        }
        dataset.databases.retain(|_, database| !database.is_empty());
        dataset.canonicalize();
    }

    fn strip_entry(self, entry: &mut Entry) {
        entry.eviction = aikv::rdb::Eviction::None;
        match &mut entry.value {
            // Small sorted sets of Redis 7.0 and later keep -0 as 0.
            Value::Zset(members) => members.iter_mut().for_each(|member| member.score += 0.0),
            Value::Stream(stream) => {
                for group in &mut stream.groups {
                    if !self.has_counters {
                        group.entries_read = None;
                    }
                    // A running server may count more than it takes from a log.
                    group.entries_read = group.entries_read.map(|read| read.min(stream.entries_added));
                    if !self.keeps_idle_consumers {
                        group.consumers.retain(|consumer| !consumer.pending.is_empty());
                    }
                    // Of the moment when the log was loaded.
                    for consumer in &mut group.consumers {
                        (consumer.seen_at_ms, consumer.active_at_ms) = (0, 0);
                    }
                }
                if !self.has_counters {
                    (stream.entries_added, stream.max_deleted_id) = (0, StreamId::default());
                }
            }
            _ => {}
        }
    }

    /// Sets our times to theirs where they are about the same, and distances on a sphere, which keys with a `d` hold: their
    /// last bit depends on the C library.
    fn align(self, key: &[u8], ours: &mut Entry, theirs: &Entry) {
        self.about_expiry(&mut ours.expires_at_ms, theirs.expires_at_ms);
        match (&mut ours.value, &theirs.value) {
            (Value::Hash(ours), Value::Hash(theirs)) => {
                for (ours, theirs) in ours.iter_mut().zip(theirs) {
                    self.about_expiry(&mut ours.expires_at_ms, theirs.expires_at_ms);
                }
            }
            (Value::Zset(ours), Value::Zset(theirs)) if key.starts_with(b"d") => {
                for (ours, theirs) in ours.iter_mut().zip(theirs) {
                    if (ours.score - theirs.score).abs() <= theirs.score * 1e-14 {
                        ours.score = theirs.score;
                    }
                }
            }
            (Value::Stream(ours), Value::Stream(theirs)) => {
                for (ours, theirs) in ours.groups.iter_mut().zip(&theirs.groups) {
                    for (ours, theirs) in ours.consumers.iter_mut().zip(&theirs.consumers) {
                        for (ours, theirs) in ours.pending.iter_mut().zip(&theirs.pending) {
                            self.about(&mut ours.delivered_at_ms, theirs.delivered_at_ms);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// What differs, one line each.
    pub(crate) fn differences(self, mut ours: Dataset, mut theirs: Dataset) -> Vec<String> {
        self.strip(&mut ours);
        self.strip(&mut theirs);
        let mut found = Vec::new();
        if ours.functions != theirs.functions {
            found.push(format!("functions: {:?} and not {:?}", ours.functions, theirs.functions));
        }
        let databases: BTreeSet<u64> = ours.databases.keys().chain(theirs.databases.keys()).copied().collect();
        for db in databases {
            let empty = BTreeMap::new();
            let (ours, theirs) = (ours.databases.get(&db).unwrap_or(&empty), theirs.databases.get(&db).unwrap_or(&empty));
            let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
            for key in keys {
                let (mut ours, theirs) = (ours.get(key).cloned(), theirs.get(key));
                if let (Some(ours), Some(theirs)) = (&mut ours, theirs) {
                    self.align(key, ours, theirs);
                }
                if ours.as_ref() != theirs {
                    let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
                    let [ours, theirs] = from_difference(&ours, &theirs);
                    found.push(format!("{db} {}: {ours}\n     and not {theirs}", key.escape_ascii()));
                }
            }
        }
        found
    }
}

/// Two texts from a little in front of where they part, and not all that follows.
fn from_difference<'t>(ours: &'t str, theirs: &'t str) -> [&'t str; 2] {
    const BEFORE: usize = 150;
    const LONGEST: usize = 500;
    let same = ours.bytes().zip(theirs.bytes()).take_while(|(a, b)| a == b).count();
    // What is shown is ASCII.
    [ours, theirs].map(|text| &text[same.saturating_sub(BEFORE)..text.len().min(same + LONGEST)])
}

/// The fewest commands that still differ: cuts out runs of them, shorter and shorter ones.
pub(crate) fn shrink(mut commands: Vec<Command>, mut differs: impl FnMut(&[Command]) -> bool) -> Vec<Command> {
    // Without brackets every cut is a log.
    let loose: Vec<_> = commands.iter().filter(|command| !is_bracket(command)).cloned().collect();
    if differs(&loose) {
        commands = loose;
    } else if commands.iter().any(is_bracket) {
        return commands;
    }
    let mut len = commands.len() / 2;
    while len > 0 {
        let mut at = 0;
        while at < commands.len() {
            let end = (at + len).min(commands.len());
            let fewer = [&commands[..at], &commands[end..]].concat();
            if differs(&fewer) {
                commands = fewer;
            } else {
                at = end;
            }
        }
        len /= 2;
    }
    commands
}

fn is_bracket(command: &Command) -> bool {
    command.len() == 1 && ["MULTI", "EXEC"].iter().any(|name| command[0].eq_ignore_ascii_case(name.as_bytes()))
}
