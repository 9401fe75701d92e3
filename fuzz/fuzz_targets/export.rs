//! Any bytes as a snapshot and as JSON Lines. What is exported of a snapshot is well formed to readers that are not
//! ours, and read back it is the same data. Lines that are read are the same in chunks, and written again they say the same.
#![no_main]

use aikv::aof;
use aikv::jobs::{Export, ExportCommands, ExportCsv, Flow, Import, Imported, Job, Pass};
use aikv::model::{Dataset, DecodeLimits};
use aikv::rdb::{Decoder, Event};
use aikv::wire::{Fault, Limits};
use aikv_fuzz::chunks;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

const LIMITS: Limits = Limits { max_item_bytes: 1 << 20 };

struct Formats {
    lines: (Export, Vec<u8>),
    csv: (ExportCsv, Vec<u8>),
    commands: (ExportCommands, Vec<u8>),
    /// Whether the version has commands for all.
    has_commands: bool,
}

impl Job for Formats {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.lines.0.push(event, raw, &mut self.lines.1)?;
        self.csv.0.push(event, raw, &mut self.csv.1)?;
        if self.has_commands && self.commands.0.push(event, &mut self.commands.1).is_err() {
            assert!(self.commands.0.failure().is_some(), "it was decoded");
            self.has_commands = false;
        }
        Ok(Flow::Continue)
    }
}

fn canonical(mut dataset: Dataset) -> Dataset {
    dataset.canonicalize();
    dataset.databases.retain(|_, database| !database.is_empty());
    dataset
}

fn snapshot(bytes: &[u8]) {
    let limits = DecodeLimits { item: LIMITS, max_total_bytes: 8 << 20 };
    let Ok(dataset) = Dataset::decode_within(bytes, limits) else { return };
    let mut job = Formats {
        lines: (Export::new(), Vec::new()),
        csv: (ExportCsv::new(), Vec::new()),
        commands: (ExportCommands::new(None), Vec::new()),
        has_commands: true,
    };
    let mut decoder = Decoder::with_limits(LIMITS);
    Pass::new().feed(&mut decoder, bytes, &mut job).expect("it was decoded");
    let lines = job.lines.1;
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        serde_json::from_slice::<IgnoredAny>(line).expect("a line is JSON");
    }
    let back = Dataset::from_json_lines(&lines).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(canonical(back), canonical(dataset));
    assert_rows(&job.csv.1);
    if job.has_commands {
        assert_commands(&job.commands.1);
    }
}

/// Rows of eight cells, by RFC 4180.
fn assert_rows(csv: &[u8]) {
    assert!(std::str::from_utf8(csv).is_ok());
    let (mut cells, mut is_quoted) = (1, false);
    let mut bytes = csv.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => cells += 1,
            b'\r' if !is_quoted => {
                assert_eq!((bytes.next(), cells), (Some(&b'\n'), 8));
                cells = 1;
            }
            b'\n' => assert!(is_quoted),
            _ => {}
        }
    }
    assert!(!is_quoted && cells == 1);
}

fn assert_commands(commands: &[u8]) {
    let mut decoder = aof::Decoder::new();
    let mut rest = commands;
    while !rest.is_empty() {
        match decoder.step(rest) {
            Ok(step) => rest = &rest[step.consumed..],
            Err(fault) => panic!("{}", decoder.dress(fault)),
        }
    }
    decoder.finish().expect("whole commands");
}

/// What lines say, in pieces, and how they end.
fn read<'c>(parts: impl Iterator<Item = &'c [u8]>) -> (Vec<Imported>, Option<(String, u64)>) {
    let mut import = Import::with_max_line_bytes(1 << 20);
    let mut found = Vec::new();
    let mut take = |line| {
        found.push(line);
        Ok(())
    };
    let mut parts = parts;
    let end = parts.try_for_each(|part| import.feed(part, &mut take)).and_then(|()| import.finish(&mut take));
    (found, end.err().map(|error| (format!("{:?}", error.kind()), error.offset())))
}

fn lines(bytes: &[u8]) {
    let whole = read(std::iter::once(bytes));
    if let Some((_, offset)) = &whole.1 {
        assert!(*offset <= bytes.len() as u64);
    }
    assert_eq!(whole, read(chunks(bytes)));
    let Ok(dataset) = Dataset::from_json_lines(bytes) else { return };
    // What no version has a form for is told.
    let Ok(again) = dataset.to_json_lines() else { return };
    let back = Dataset::from_json_lines(&again).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(canonical(back.clone()), canonical(dataset));
    assert_eq!(back.to_json_lines().as_ref(), Ok(&again));
}

fuzz_target!(|bytes: &[u8]| {
    snapshot(bytes);
    lines(bytes);
});
