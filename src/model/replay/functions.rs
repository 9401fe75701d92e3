//! Function libraries. Their code is kept and never run.
//!
//! Source: Redis 8.6 `functions.c`.

use super::super::dataset::Function;
use super::args::{Arguments, Done, Halt, SYNTAX, is_word};
use super::keys::flush_mode;
use super::keyspace::Space;
use alloc::vec::Vec;
use bytes::Bytes;

const NO_NAME: Halt = Halt::Answer("a library without a name");
const THERE: Halt = Halt::Answer("a library that is there already");

/// `FUNCTION LOAD [REPLACE] code | DELETE library | FLUSH [ASYNC | SYNC]`, and those that change nothing
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
            for function in core::mem::take(&mut space.functions) {
                give_back(space, &function);
            }
            Ok(())
        }
        () if ["DUMP", "HELP", "KILL", "LIST", "STATS"].iter().any(|name| is_word(word, name)) => Ok(()),
        () => Err(SYNTAX),
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
