//! The commands of a transaction, kept until its `EXEC`.

use super::super::store::Store;
use crate::aof::Command;
use crate::error::{Cause, Fault, FaultKind, Form};
use alloc::vec::Vec;

static NOT_OPEN: Cause = Cause::new(FaultKind::Command, "MULTI before it", Form::Text("a command that ends a transaction"));
static OPEN: Cause = Cause::new(FaultKind::Command, "EXEC next of the commands around transactions", Form::Text("another"));
static UNFINISHED: Cause = Cause::new(FaultKind::Command, "EXEC behind MULTI", Form::Text("the end of the file"));

/// A transaction that is open.
pub(super) struct Queue {
    /// Where its `MULTI` starts.
    offset: u64,
    /// The arguments of all commands as they stood in the log.
    framed: Vec<u8>,
    commands: Vec<Queued>,
}

struct Queued {
    end: usize,
    argc: u64,
    offset: u64,
}

impl Queue {
    pub(super) fn new(offset: u64) -> Self {
        Self { offset, framed: Vec::new(), commands: Vec::new() }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    pub(super) fn push(&mut self, command: Command<'_>, offset: u64, memory: &mut Store) -> Result<(), Fault> {
        memory.extend(&mut self.framed, command.framed())?;
        let queued = Queued { end: self.framed.len(), argc: command.argc(), offset };
        memory.push(&mut self.commands, queued)
    }

    /// The commands with their offsets.
    pub(super) fn commands(&self) -> impl Iterator<Item = (Command<'_>, u64)> {
        let mut start = 0;
        self.commands.iter().map(move |Queued { end, argc, offset }| {
            let framed = self.framed.get(start..*end).unwrap_or_default();
            start = *end;
            (Command::new(framed, *argc), *offset)
        })
    }

    /// Counts its memory no more.
    pub(super) fn give_back(&self, memory: &mut Store) {
        memory.give_back(self.framed.capacity());
        memory.give_back(self.commands.capacity().saturating_mul(size_of::<Queued>()));
    }
}

/// What is said where a file ends in a transaction.
pub(super) fn unfinished() -> Fault {
    Fault::new(&UNFINISHED, 0)
}

/// What is said of `MULTI`, `EXEC` and `DISCARD` where none is logged.
pub(super) fn misplaced(is_open: bool) -> Fault {
    Fault::new(if is_open { &OPEN } else { &NOT_OPEN }, 0)
}
