//! `aikv keys`: a line for each key.

use super::args::KeysArgs;
use super::failure::Failure;
use super::input::{Input, Task};
use super::output::Output;
use super::print::{IsoTime, push_escaped};
use super::progress::Progress;
use super::replay;
use super::{Outcome, Result};
use crate::error::Fault;
use crate::jobs::{Flow, Job, Json, Row, Rows};
use crate::rdb::Event;
use crate::wire::Scalar;
use std::io::Write;
use std::prelude::rust_2024::*;

pub(super) fn run(KeysArgs { read: args, replay: applied }: &KeysArgs) -> Result {
    let filter = args.filter.filter()?;
    let file = &args.input.file;
    let input = Input::open(file)?.leniently(args.input.lenient).replayed_by(applied);
    let path = args.input.output.as_deref();
    let output = if args.json { Output::open_json(path)? } else { Output::open(path)? };
    let mut progress = Progress::new(&output);
    let is_log = input.is_log();
    let is_unencoded = input.is_unencoded();
    let mut lines = Lines { rows: Rows::with_filter(filter), is_json: args.json, is_unencoded, text: Vec::new(), output };
    if !args.json && lines.output.is_terminal() {
        lines.text.extend_from_slice(HEADING.as_bytes());
    }
    if is_log {
        replay::read(input, file, &mut lines, &mut progress)?;
    } else {
        let ending = input.read(&mut lines, &mut progress)?;
        ending.warn_of_commands();
        ending.check()?;
    }
    lines.output.finish()?;
    Ok(Outcome::Clean)
}

/// Over the columns, for people.
const HEADING: &str = " db  type    encoding             elements         bytes  expires                   key\n";

struct Lines {
    rows: Rows,
    is_json: bool,
    /// Then keys have no encoding: they are no bytes of the file.
    is_unencoded: bool,
    text: Vec<u8>,
    output: Output,
}

impl Job for Lines {
    #[inline]
    fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> std::result::Result<Flow, Fault> {
        if let Some(row) = self.rows.push(event)? {
            let encoding = (!self.is_unencoded).then_some(row.value_type.name());
            if self.is_json {
                push_json(&row, encoding, &mut self.text);
            } else {
                push_line(&row, encoding, &mut self.text);
            }
        } else if matches!(event, Event::Key(_)) && !self.rows.wants_value() {
            return Ok(Flow::SkipValue);
        }
        Ok(Flow::Continue)
    }
}

impl Task for Lines {
    fn drain(&mut self) -> std::result::Result<(), Failure> {
        self.output.write(&mut self.text)
    }
}

/// Columns with blanks between them, none of which is ever empty; the key is the rest of the line.
fn push_line(row: &Row<'_>, encoding: Option<&str>, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    push_right(digits.format(row.db), 3, out);
    push_left(row.value_type.kind().name(), 6, out);
    push_left(encoding.unwrap_or("-"), 19, out);
    match row.elements {
        Some(elements) => push_right(digits.format(elements), 10, out),
        None => push_right("-", 10, out),
    }
    push_right(digits.format(row.span.len()), 12, out);
    match row.expires_at_ms {
        // A vector takes every byte.
        Some(at) => drop(write!(out, "{:<24}  ", IsoTime(at))),
        None => push_left("-", 24, out),
    }
    push_escaped(row.key, out);
    out.push(b'\n');
}

fn push_left(text: &str, width: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    out.resize(out.len() + width.saturating_sub(text.len()) + 2, b' ');
}

fn push_right(text: &str, width: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + width.saturating_sub(text.len()), b' ');
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"  ");
}

fn push_json(row: &Row<'_>, encoding: Option<&str>, out: &mut Vec<u8>) {
    let mut json = Json::new(out);
    json.open(b'{').name("db").int(row.db);
    json.name("type").text(row.value_type.kind().name());
    if let Some(encoding) = encoding {
        json.name("encoding").text(encoding);
    }
    if let Some(elements) = row.elements {
        json.name("elements").int(elements);
    }
    json.name("bytes").int(row.span.len());
    if let Some(at) = row.expires_at_ms {
        json.name("expires_at_ms").int(at);
    }
    json.name("key").bytes(Scalar::Bytes(row.key)).close(b'}').end_line();
}
