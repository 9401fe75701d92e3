//! `aikv info`: what a file is and what it holds.

use super::args::ReadArgs;
use super::info_log::{self, Layout, LogFacts};
use super::input::{Ending, FileFacts, Input, Task};
use super::needs;
use super::output::Output;
use super::print::{count, now_ms, plural, push_escaped, safe, size, time};
use super::progress::Progress;
use super::{Outcome, Result};
use crate::aof;
use crate::error::{Escaped, Fault};
use crate::jobs::{Analyse, Count, Expiry, Flow, Job, Json, LoadsIn, Report};
use crate::rdb::{Checksum, Dialect, Event, Version};
use crate::wire::Scalar;
use comfy_table::{CellAlignment, Table, presets};
use std::io::Write;
use std::path::Path;
use std::prelude::rust_2024::*;

/// Largest keys that are named.
const LARGEST: usize = 10;

pub(super) fn run(args: &ReadArgs) -> Result {
    let filter = args.filter.filter()?;
    let file = &args.input.file;
    let input = Input::open(file)?.leniently(args.input.lenient);
    let (is_log, is_lines) = (input.is_log(), input.is_lines());
    let layout = input.parts().map(Layout::of).transpose()?;
    let mut output = Output::open(args.input.output.as_deref())?;
    let now_ms = now_ms();
    let mut task = Info {
        analyse: Analyse::new().with_clock(now_ms).with_largest(LARGEST).with_filter(filter),
        loads_in: LoadsIn::new(),
        is_left_out: false,
        source: None,
        files: Vec::new(),
    };
    let mut progress = Progress::until_done();
    let ending = input.read(&mut task, &mut progress)?;
    let is_log = is_log || ending.log().is_some();
    let is_sound = ending.is_whole() && ending.deviations == 0;
    let facts = Facts {
        file,
        is_log,
        is_lines,
        loads_in: Some(task.loads_in).filter(|_| is_sound && !is_log && !is_lines),
        now_ms,
        files: task.files,
        layout,
        report: task.analyse.into_report(),
        ending: &ending,
    };
    let mut text = Vec::new();
    if args.json {
        facts.push_json(&mut text)
    } else {
        facts.push_text(&mut text)
    }
    output.write(&mut text)?;
    output.finish()?;
    ending.check()?;
    Ok(Outcome::Clean)
}

struct Info {
    analyse: Analyse,
    loads_in: LoadsIn,
    /// Whether the value in hand is one that the rules for keys leave out.
    is_left_out: bool,
    /// Of JSON Lines.
    source: Option<Option<Version>>,
    /// Of each file that was read.
    files: Vec<LogFacts>,
}

impl Job for Info {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        self.loads_in.push(event);
        match (event, self.source) {
            (Event::Start(_), Some(None)) => Ok(Flow::Continue),
            (Event::Start(_), Some(Some(source))) => self.analyse.push(&Event::Start(source), raw),
            (Event::Value(_), _) if self.is_left_out => Ok(Flow::Continue),
            (Event::Key(key), _) => {
                let flow = self.analyse.push(event, raw)?;
                // Servers load every value, whichever are meant here.
                self.is_left_out = flow == Flow::SkipValue && LoadsIn::looks_at(key);
                Ok(if self.is_left_out { Flow::Continue } else { flow })
            }
            _ => self.analyse.push(event, raw),
        }
    }

    fn log(&mut self, event: &aof::Event<'_>, _offset: u64) -> std::result::Result<(), Fault> {
        if let Some(file) = self.files.last_mut() {
            file.note(event);
        }
        Ok(())
    }
}

impl Task for Info {
    fn begin(&mut self, _file: &FileFacts) {
        self.files.push(LogFacts::default());
    }

    fn of_version(&mut self, source: Option<Version>) {
        self.source = Some(source);
    }

    fn reads_on(&self) -> bool {
        true
    }
}

/// All that is to be told.
struct Facts<'a> {
    file: &'a Path,
    is_log: bool,
    /// JSON Lines: their keys have no encoding and no place, and there is no checksum.
    is_lines: bool,
    /// Of a snapshot without a fault.
    loads_in: Option<LoadsIn>,
    now_ms: i64,
    /// Of each file that was read.
    files: Vec<LogFacts>,
    /// Of a multi-part log.
    layout: Option<Layout>,
    report: Report,
    ending: &'a Ending,
}

/// A word for what is known of the checksum.
fn checksum_word(checksum: Option<Checksum>) -> &'static str {
    match checksum {
        Some(Checksum::Absent) => "none",
        Some(Checksum::Off) => "off",
        Some(Checksum::Verified) => "matches",
        Some(Checksum::Wrong) => "mismatch",
        Some(Checksum::Unchecked) | None => "pending",
    }
}

/// The buckets of an expiry count, with their names in JSON and for people.
fn buckets(expiry: &Expiry) -> [(&'static str, &'static str, u64); 7] {
    [
        ("expired", "expired", expiry.expired),
        ("hour", "within 1 h", expiry.hour),
        ("day", "within 1 d", expiry.day),
        ("week", "within 7 d", expiry.week),
        ("month", "within 30 d", expiry.month),
        ("later", "later", expiry.later),
        ("never", "never", expiry.never),
    ]
}

impl Facts<'_> {
    /// What the trailer, or the bytes behind it, said in the end.
    fn checksum(&self) -> Option<Checksum> {
        self.ending.snapshot().map(|summary| summary.checksum).or(self.report.checksum)
    }

    fn trailing_bytes(&self) -> u64 {
        self.ending.snapshot().and_then(|summary| summary.trailing).map_or(0, |span| span.len())
    }

    fn push_json(&self, out: &mut Vec<u8>) {
        let report = &self.report;
        let mut json = Json::new(out);
        let format = match (self.is_lines, self.is_log) {
            (true, _) => "jsonl",
            (_, true) => "aof",
            _ => "rdb",
        };
        json.open(b'{').name("format").text(format);
        if let Some(version) = report.version {
            json.name("dialect").text(version.dialect().name()).name("version").int(version.number());
        }
        if let Some(producer) = report.producer() {
            json.name("producer").text(&producer);
        }
        if let Some(at) = report.saved_at_ms() {
            json.name("saved_at_ms").int(at);
        }
        json.name("file_bytes").int(self.ending.bytes()).name("is_whole").bool(self.ending.is_whole());
        if let Some(packing) = self.ending.packing() {
            json.name("compression").text(packing.codec.name()).name("unpacked_bytes").int(packing.unpacked_bytes);
        }
        if report.version.is_some() && !self.is_lines {
            json.name("checksum").text(checksum_word(self.checksum())).name("trailing_bytes").int(self.trailing_bytes());
        }
        if let Some(loads_in) = &self.loads_in {
            push_loads_in(loads_in, &mut json);
        }
        info_log::push_commands_json(&self.files, self.ending, self.layout.is_some(), &mut json);
        if let Some(layout) = &self.layout {
            layout.push_json(&self.files, self.ending, &mut json);
        }
        let total = report.total;
        json.name("keys").int(total.keys).name("elements").int(total.elements);
        json.name("bytes").int(total.bytes).name("expiring").int(total.expiring);
        json.name("databases").open(b'[');
        for (db, count) in &report.databases {
            json.open(b'{').name("db").int(*db);
            push_count(&mut json, *count);
            json.close(b'}');
        }
        json.close(b']').name("types").open(b'[');
        for (kind, count) in report.kinds() {
            json.open(b'{').name("type").text(kind.name());
            push_count(&mut json, count);
            json.close(b'}');
        }
        json.close(b']').name("encodings").open(b'[');
        for encoding in report.encodings.iter().filter(|_| !self.is_lines) {
            json.open(b'{').name("encoding").text(encoding.value_type.name());
            json.name("type").text(encoding.value_type.kind().name());
            push_count(&mut json, encoding.count);
            json.close(b'}');
        }
        json.close(b']').name("expiry").open(b'{').name("now_ms").int(self.now_ms);
        for (name, _, keys) in buckets(&report.expiry.unwrap_or_default()) {
            json.name(name).int(keys);
        }
        json.close(b'}').name("largest").open(b'[');
        for large in &report.largest {
            json.open(b'{').name("db").int(large.db).name("key").bytes(Scalar::Bytes(&large.key));
            if large.key.len() as u64 != large.key_bytes {
                json.name("key_bytes").int(large.key_bytes);
            }
            json.name("type").text(large.value_type.kind().name());
            if !self.is_lines {
                json.name("encoding").text(large.value_type.name());
            }
            if let Some(elements) = large.elements {
                json.name("elements").int(elements);
            }
            json.name("bytes").int(large.span.len());
            if !self.is_lines {
                json.name("offset").int(large.span.start);
            }
            json.close(b'}');
        }
        json.close(b']').name("aux").open(b'[');
        for (key, value) in &report.aux {
            json.open(b'[').bytes(Scalar::Bytes(key)).bytes(Scalar::Bytes(value)).close(b']');
        }
        json.close(b']').name("aux_left_out").int(report.aux_left_out).name("functions").open(b'[');
        for library in &report.functions {
            json.open(b'{').name("name").bytes(Scalar::Bytes(&library.name));
            json.name("engine").bytes(Scalar::Bytes(&library.engine)).name("source_bytes").int(library.source_bytes).close(b'}');
        }
        json.close(b']').name("functions_left_out").int(report.functions_left_out);
        json.name("module_aux").int(report.module_aux).name("key_metadata").int(report.key_metadata);
        json.name("hash_templates").int(report.hash_templates).name("slots").int(report.slots);
        json.name("slot_imports").int(report.slot_imports).name("deviations").int(self.ending.deviations);
        json.close(b'}').end_line();
    }

    fn push_text(&self, out: &mut Vec<u8>) {
        let report = &self.report;
        // A vector takes every byte.
        let _ = writeln!(out, "{}", self.heading());
        let _ = writeln!(out, "{}, {}", self.sizes(), self.ending_words());
        if let Some(loads_in) = &self.loads_in {
            let _ = writeln!(out, "{}", loads_in_words(loads_in));
        }
        if let Some(line) = info_log::commands_line(&self.files, self.ending) {
            let _ = writeln!(out, "{line}");
        }
        let total = report.total;
        let _ = writeln!(
            out,
            "{} in {}, {} of them with an expiry, {}",
            plural(total.keys, "key"),
            plural(report.databases.len() as u64, "database"),
            count(total.expiring),
            size(total.bytes)
        );
        if let Some(layout) = &self.layout {
            layout.push_text(&self.files, self.ending, out);
        }
        self.push_tables(out);
        for (title, items) in [("Aux fields", self.aux_lines()), ("Function libraries", self.library_lines())] {
            if !items.is_empty() {
                let _ = writeln!(out, "\n{title}");
                for item in items {
                    let _ = writeln!(out, "  {item}");
                }
            }
        }
        let others = self.other_lines();
        if !others.is_empty() {
            let _ = writeln!(out, "\n{}", others.join("\n"));
        }
    }

    /// What is there only in some files.
    fn other_lines(&self) -> Vec<String> {
        let report = &self.report;
        let counts = [
            (report.module_aux, "module block", "of data outside of keys"),
            (report.key_metadata, "key", "with metadata of modules"),
            (report.hash_templates, "template", "of hash fields"),
            (report.slots, "slot", "of a cluster, their sizes stated"),
            (report.slot_imports, "slot import", "in progress"),
            (self.ending.deviations, "deviation", "passed over"),
        ];
        let there = counts.into_iter().filter(|(count, ..)| *count > 0);
        there.map(|(count, noun, what)| format!("{} {what}", plural(count, noun))).collect()
    }

    fn heading(&self) -> String {
        let report = &self.report;
        let what = match (self.is_log, report.version) {
            (_, Some(version)) if self.is_lines => format!("JSON Lines of a {version} snapshot"),
            (_, None) if self.is_lines => "JSON Lines".into(),
            (true, Some(version)) if self.layout.is_some() => format!("multi-part AOF log with {version} as its base"),
            (true, None) if self.layout.is_some() => "multi-part AOF log".into(),
            (true, Some(version)) => format!("AOF log with {version} in front"),
            (true, None) => "AOF log".into(),
            (false, Some(version)) => format!("{version} snapshot"),
            (false, None) => "snapshot".into(),
        };
        let by = report.producer().map_or(String::new(), |producer| format!(", written by {}", Escaped(producer.as_bytes())));
        let at = report.saved_at_ms().map_or(String::new(), |at| format!(", {}", time(at)));
        format!("{}: {what}{by}{at}", safe(self.layout.as_ref().map_or(self.file, Layout::manifest)))
    }

    fn sizes(&self) -> String {
        let file = size(self.ending.bytes());
        match self.ending.packing() {
            Some(packing) => format!("{file}, {}, unpacked to {}", packing.codec.name(), size(packing.unpacked_bytes)),
            None => file,
        }
    }

    fn ending_words(&self) -> String {
        let checksum = match self.checksum() {
            _ if self.report.version.is_none() || self.is_lines => "read to the end",
            Some(Checksum::Absent) => "no checksum in this version",
            Some(Checksum::Off) => "checksum switched off by the writer",
            Some(Checksum::Verified) => "checksum matches",
            Some(Checksum::Wrong) => "checksum does not match",
            Some(Checksum::Unchecked) | None => "checksum not reached",
        };
        let mut words = String::from(checksum);
        if !self.ending.is_whole() {
            words = "not read to the end".into();
        }
        if self.trailing_bytes() > 0 {
            words.push_str(&format!(", {} behind the snapshot", plural(self.trailing_bytes(), "byte")));
        }
        words
    }

    fn push_tables(&self, out: &mut Vec<u8>) {
        let report = &self.report;
        if report.total.keys == 0 {
            return;
        }
        let share = |bytes: u64| match (bytes as f64 / report.total.bytes.max(1) as f64 * 100.0).round() as u64 {
            0 => "<1 %".into(),
            percent => format!("{percent} %"),
        };
        let cells = |counts: Count| [count(counts.keys), count(counts.elements), size(counts.bytes), share(counts.bytes)];
        let mut types = table(&["Type", "Keys", "Elements", "Bytes", "Share"], 1);
        for (kind, counts) in report.kinds() {
            types.add_row([kind.name().into()].into_iter().chain(cells(counts)));
        }
        let mut encodings = table(&["Encoding", "Keys", "Elements", "Bytes", "Share"], 1);
        let mut sorted = report.encodings.clone();
        sorted.sort_by_key(|encoding| std::cmp::Reverse(encoding.count.bytes));
        for encoding in sorted {
            encodings.add_row([encoding.value_type.name().into()].into_iter().chain(cells(encoding.count)));
        }
        let mut databases = table(&["Database", "Keys", "With expiry", "Bytes", "Share"], 1);
        for (db, counts) in &report.databases {
            let cells = [count(counts.keys), count(counts.expiring), size(counts.bytes), share(counts.bytes)];
            databases.add_row([db.to_string()].into_iter().chain(cells));
        }
        let title = format!("Expiry as of {}", time(self.now_ms));
        let mut expiry = table(&[&title, "Keys"], 1);
        for (_, name, keys) in buckets(&report.expiry.unwrap_or_default()) {
            if keys > 0 {
                expiry.add_row([name.into(), count(keys)]);
            }
        }
        let mut largest = table(&["Bytes", "Elements", "Type", "db", "Largest keys"], 0);
        for index in [2, 4] {
            if let Some(column) = largest.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Left);
            }
        }
        for large in &report.largest {
            let elements = large.elements.map_or("-".into(), count);
            let kind = large.value_type.kind().name().to_string();
            largest.add_row([size(large.span.len()), elements, kind, large.db.to_string(), short(&large.key, large.key_bytes)]);
        }
        let encodings = Some(encodings).filter(|_| !self.is_lines);
        for table in [types].into_iter().chain(encodings).chain([databases, expiry, largest]) {
            let _ = writeln!(out, "\n{}", table.trim_fmt());
        }
    }

    fn aux_lines(&self) -> Vec<String> {
        let aux = self.report.aux.iter();
        let mut lines: Vec<_> = aux.map(|(key, value)| format!("{} = {}", Escaped(key), Escaped(value))).collect();
        if self.report.aux_left_out > 0 {
            lines.push(format!("and {} more", count(self.report.aux_left_out)));
        }
        lines
    }

    fn library_lines(&self) -> Vec<String> {
        let libraries = self.report.functions.iter();
        let mut lines: Vec<_> = libraries
            .map(|library| format!("{} ({}, {})", Escaped(&library.name), Escaped(&library.engine), size(library.source_bytes)))
            .collect();
        if self.report.functions_left_out > 0 {
            lines.push(format!("and {} more", count(self.report.functions_left_out)));
        }
        lines
    }
}

/// The lineages of servers, with their names in JSON.
const LINEAGES: [(Dialect, &str); 2] = [(Dialect::Redis, "redis"), (Dialect::Valkey, "valkey")];

fn push_loads_in(loads_in: &LoadsIn, json: &mut Json<'_>) {
    json.name("loads_in").open(b'{');
    for (lineage, name) in LINEAGES {
        if let Some((oldest, newest)) = loads_in.range(lineage) {
            json.name(name).open(b'{').name("oldest").text(oldest.name()).name("newest").text(newest.name()).close(b'}');
        }
    }
    json.close(b'}').name("needs").open(b'{').name("modules").open(b'[');
    for module in loads_in.modules() {
        json.bytes(Scalar::Bytes(module));
    }
    json.close(b']').name("function_engines").open(b'[');
    for engine in loads_in.engines() {
        json.bytes(Scalar::Bytes(engine));
    }
    json.close(b']');
    if let Some(databases) = loads_in.databases() {
        json.name("databases").int(databases);
    }
    if loads_in.valkey_libraries() > 0 {
        json.name("valkey_libraries").int(loads_in.valkey_libraries());
    }
    json.close(b'}');
}

/// The servers that load the file, and what they need for it.
fn loads_in_words(loads_in: &LoadsIn) -> String {
    let ranges: Vec<String> = LINEAGES
        .into_iter()
        .filter_map(|(lineage, _)| loads_in.range(lineage))
        .map(
            |(oldest, newest)| {
                if oldest == newest { oldest.name().into() } else { format!("{} to {}", oldest.name(), newest.name()) }
            },
        )
        .collect();
    if ranges.is_empty() {
        return "no server loads it as it is".into();
    }
    let modules = loads_in.modules().map(|name| format!("module type {}", Escaped(name)));
    let engines = loads_in.engines().map(|engine| format!("functions in {}", Escaped(engine)));
    let databases = loads_in.databases().map(|databases| format!("{} databases", count(databases)));
    let more = loads_in.has_more().then(|| "more of these".into());
    let needs: Vec<String> = modules.chain(engines).chain(databases).chain(more).collect();
    let needs = if needs.is_empty() { String::new() } else { format!("; needs {}", needs.join(", ")) };
    let valkey_libraries = match loads_in.valkey_libraries() {
        libraries if libraries > 0 && loads_in.range(Dialect::Redis).is_some() => {
            format!("\n{}", needs::valkey_libraries(libraries))
        }
        _ => String::new(),
    };
    format!("loads in {}{needs}{valkey_libraries}", ranges.join(" and "))
}

fn push_count(json: &mut Json<'_>, count: Count) {
    json.name("keys").int(count.keys).name("elements").int(count.elements);
    json.name("bytes").int(count.bytes).name("expiring").int(count.expiring);
}

/// A table without lines, its columns from `first_right` on aligned to the right.
pub(super) fn table(heading: &[&str], first_right: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(heading.iter().copied());
    for column in table.column_iter_mut().skip(first_right) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The beginning of a long key.
fn short(key: &[u8], key_bytes: u64) -> String {
    const SHOWN: usize = 64;
    let shown = &key[..key.len().min(SHOWN)];
    let mut text = Vec::new();
    push_escaped(shown, &mut text);
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if shown.len() as u64 != key_bytes {
        text.push_str("...");
    }
    text
}
