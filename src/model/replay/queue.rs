//! Commands that wait: for the `EXEC` of their transaction, or for a few others.
//!
//! A command on a key waits for memory several times, one place after the other. So a few commands are
//! looked at together before the first of them is applied: the places of all their keys are waited for at once.

use super::super::store::Store;
use super::args::Arguments;
use super::keyspace::Space;
use super::table::Action;
use crate::aof::Command;
use crate::error::{Cause, Fault, FaultKind, Form};
use alloc::vec::Vec;

static NOT_OPEN: Cause = Cause::new(FaultKind::Command, "MULTI before it", Form::Text("a command that ends a transaction"));
static OPEN: Cause = Cause::new(FaultKind::Command, "EXEC next of the commands around transactions", Form::Text("another"));
static UNFINISHED: Cause = Cause::new(FaultKind::Command, "EXEC behind MULTI", Form::Text("the end of the file"));

/// Commands in their order.
#[derive(Default)]
pub(super) struct Queue {
    /// Where the `MULTI` starts that waits for its `EXEC`.
    pub(super) multi: Option<u64>,
    /// The arguments behind the names, as they stood in the log.
    framed: Vec<u8>,
    commands: Vec<Queued>,
}

/// A command that waits.
pub(super) struct Queued {
    pub(super) name: &'static [u8],
    pub(super) action: Action,
    /// Where it starts.
    pub(super) offset: u64,
    /// Where its arguments end.
    end: usize,
    argc: u64,
}

impl Queue {
    /// Commands that are looked at together.
    const FEW: usize = 32;
    /// Bytes of commands that wait for others.
    const FEW_BYTES: usize = 32 * 1024;

    /// Adds a command.
    #[inline]
    pub(super) fn push(
        &mut self,
        name: &'static [u8],
        action: Action,
        args: Command<'_>,
        offset: u64,
        memory: &mut Store,
    ) -> Result<(), Fault> {
        memory.extend(&mut self.framed, args.framed())?;
        let queued = Queued { name, action, offset, end: self.framed.len(), argc: args.argc() };
        memory.push(&mut self.commands, queued)
    }

    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether enough commands wait.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.multi.is_none() && (self.commands.len() >= Self::FEW || self.framed.len() >= Self::FEW_BYTES)
    }

    /// Hands each command to `f` until it fails; none waits then.
    pub(super) fn drain<E>(
        &mut self,
        space: &mut Space,
        mut f: impl FnMut(&mut Space, &Queued, &mut Arguments<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut start = 0;
        let result = self.commands.chunks(Self::FEW).try_for_each(|few| {
            let mut at = start;
            let names = few.iter().map(|queued| {
                let mut args = arguments(&self.framed, &mut at, queued);
                let key = args.next().unwrap_or_default();
                let element = match queued.name {
                    // The score stands in front of the member.
                    b"ZADD" | b"ZINCRBY" => {
                        args.next();
                        args.next()
                    }
                    [b'H' | b'Z', ..] | b"SADD" | b"SREM" => args.next(),
                    _ => None,
                };
                (key, element.unwrap_or_default())
            });
            space.look_at::<{ Self::FEW }>(names);
            few.iter().try_for_each(|queued| f(space, queued, &mut arguments(&self.framed, &mut start, queued)))
        });
        self.clear(&mut space.memory);
        result
    }

    fn clear(&mut self, memory: &mut Store) {
        self.commands.clear();
        self.framed.clear();
        if self.framed.capacity() > 2 * Self::FEW_BYTES {
            memory.give_back(self.framed.capacity());
            self.framed = Vec::new();
        }
        if self.commands.capacity() > 2 * Self::FEW {
            memory.give_back(self.commands.capacity().saturating_mul(size_of::<Queued>()));
            self.commands = Vec::new();
        }
    }
}

/// The arguments of a command that start at `start`, which moves behind them.
#[inline]
fn arguments<'f>(framed: &'f [u8], start: &mut usize, queued: &Queued) -> Arguments<'f> {
    let args = framed.get(*start..queued.end).unwrap_or_default();
    *start = queued.end;
    Arguments::new(Command::new(args, queued.argc).args())
}

/// What is said where a file ends in a transaction.
pub(super) fn unfinished() -> Fault {
    Fault::new(&UNFINISHED, 0)
}

/// What is said of `MULTI`, `EXEC` and `DISCARD` where none is logged.
pub(super) fn misplaced(is_open: bool) -> Fault {
    Fault::new(if is_open { &OPEN } else { &NOT_OPEN }, 0)
}
