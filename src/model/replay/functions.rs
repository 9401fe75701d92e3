//! Function libraries. Their code is kept and never run.
//!
//! Source: Redis 8.6 `functions.c`.

use super::super::build::{Collected, Collector};
use super::super::dataset::Function;
use super::args::{Arguments, Done, Halt, SYNTAX, is_word};
use super::keys::flush_mode;
use super::keyspace::Space;
use crate::error::{Error, ErrorKind, Place};
use crate::rdb::{DumpPayload, ZeroChecksum};
use crate::wire::Limits;
use alloc::vec::Vec;
use bytes::Bytes;

const NO_NAME: Halt = Halt::Answer("a library without a name");
const THERE: Halt = Halt::Answer("a library that is there already");

/// `FUNCTION LOAD [REPLACE] code | DELETE library | FLUSH [ASYNC | SYNC] | RESTORE payload [APPEND | FLUSH | REPLACE]`, and those
/// that change nothing
pub(super) fn function(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let word = args.text()?;
    match () {
        () if is_word(word, "LOAD") => {
            let replaces = args.left() > 1 && args.word("REPLACE");
            let code = args.text()?;
            args.end()?;
            load(space, code, replaces)
        }
        () if is_word(word, "DELETE") => {
            let name = args.text()?;
            args.end()?;
            if remove(space, name) { Ok(()) } else { Err(Halt::Answer("no such library")) }
        }
        () if is_word(word, "FLUSH") => {
            flush_mode(args)?;
            flush(space);
            Ok(())
        }
        () if is_word(word, "RESTORE") => restore(space, args),
        () if ["DUMP", "HELP", "KILL", "LIST", "STATS"].iter().any(|name| is_word(word, name)) => Ok(()),
        () => Err(SYNTAX),
    }
}

/// All libraries of a payload of `FUNCTION DUMP`, or none. A server that takes over slots of another one logs its libraries so.
fn restore(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let payload = args.text()?;
    let flushes = args.word("FLUSH");
    let replaces = !flushes && args.word("REPLACE");
    let _ = !flushes && !replaces && args.word("APPEND");
    args.end()?;
    let libraries = read(payload, space.memory.left())?;
    let is_there = |code: &[u8]| space.functions.iter().any(|function| library_name(&function.code) == library_name(code));
    if !flushes && !replaces && libraries.iter().any(|function| is_there(&function.code)) {
        return Err(THERE);
    }
    if flushes {
        flush(space);
    }
    libraries.iter().try_for_each(|function| load(space, &function.code, true))
}

/// The libraries of a payload, each with a name.
fn read(payload: &[u8], max_bytes: u64) -> Result<Vec<Function>, Halt> {
    let mut collector = Collector::new(max_bytes);
    let mut libraries = Vec::new();
    let mut full = None;
    // A checksum of zero is none to Redis 8.6, and no other server writes it.
    let read = DumpPayload::parse_libraries(payload, ZeroChecksum::Absent).and_then(|payload| {
        payload.each_library(Limits { max_item_bytes: max_bytes }, |event| {
            match collector.push(event) {
                Ok(Some(Collected::Function(function))) => libraries.push(function),
                Ok(_) => {}
                Err(fault) => {
                    full = Some(fault);
                    return Err(Error::new(fault.error_kind(0), 0, Place::default()));
                }
            }
            Ok(())
        })
    });
    match (read.map_err(|error| error.kind().clone()), full) {
        (_, Some(fault)) => Err(fault.into()),
        (Ok(()), None) if libraries.iter().all(|function| library_name(&function.code).is_some()) => Ok(libraries),
        (Ok(()), None) => Err(NO_NAME),
        (Err(ErrorKind::UnsupportedVersion { .. } | ErrorKind::LimitExceeded { .. }), None) => {
            Err(Halt::Form("a payload of a version that can be read"))
        }
        (Err(_), None) => Err(Halt::Answer("a payload that is damaged")),
    }
}

fn flush(space: &mut Space) {
    for function in core::mem::take(&mut space.functions) {
        give_back(space, &function);
    }
}

fn load(space: &mut Space, code: &[u8], replaces: bool) -> Done {
    let name = library_name(code).ok_or(NO_NAME)?;
    if !replaces && space.functions.iter().any(|function| library_name(&function.code) == Some(name)) {
        return Err(THERE);
    }
    remove(space, name);
    space.memory.take(code.len())?;
    let function = Function { code: Bytes::copy_from_slice(code), description: None };
    Ok(space.memory.push(&mut space.functions, function)?)
}

/// Removes a library; says whether it was there.
fn remove(space: &mut Space, name: &[u8]) -> bool {
    let at = space.functions.iter().position(|function| library_name(&function.code) == Some(name));
    if let Some(at) = at {
        let function = space.functions.remove(at);
        give_back(space, &function);
    }
    at.is_some()
}

fn give_back(space: &mut Space, function: &Function) {
    space.memory.give_back(function.code.len());
}

/// The name in the first line: `#!engine name=library`.
///
/// Source: `functionExtractLibMetaData()`.
fn library_name(code: &[u8]) -> Option<&[u8]> {
    let line = code.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).collect();
    words.into_iter().skip(1).find_map(|word| {
        let (key, name) = word.split_at_checked(b"name=".len())?;
        (key.eq_ignore_ascii_case(b"name=") && !name.is_empty()).then_some(name)
    })
}
