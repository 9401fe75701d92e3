//! The commands of a log as JSON Lines.

use super::Json;
use crate::aof::{Command, Event};
use crate::wire::Scalar;
use alloc::vec::Vec;

/// Numbers the transactions of a log, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transactions {
    count: u64,
    is_open: bool,
}

impl Transactions {
    /// The transaction that the next command stands in; `MULTI` and `EXEC` stand in it too.
    pub fn of(&mut self, command: Command<'_>) -> Option<u64> {
        let is = |name: &[u8]| command.argc() == 1 && command.name().eq_ignore_ascii_case(name);
        if is(b"MULTI") {
            self.count = self.count.saturating_add(1);
            self.is_open = true;
        }
        let number = self.is_open.then_some(self.count);
        if is(b"EXEC") {
            self.is_open = false;
        }
        number
    }

    /// Those that have begun.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Writes a line for each command of a log:
/// `{"command":[S,...],"offset":N,"file":S,"timestamp_s":N,"transaction":N}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportLog {
    timestamp_s: Option<u64>,
    transactions: Transactions,
}

impl ExportLog {
    /// At the start of a log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a command that starts `offset` bytes into the file of this name. `timestamp_s` is the last time
    /// that the log has named, `transaction` the number of that which the command stands in.
    pub fn push(&mut self, event: &Event<'_>, offset: u64, file: Option<&[u8]>, out: &mut Vec<u8>) {
        match event {
            Event::Command(command) => {
                let transaction = self.transactions.of(*command);
                self.line(*command, offset, file, transaction, out);
            }
            Event::Timestamp { unix_s } => self.timestamp_s = Some(*unix_s),
            Event::Annotation(_) | Event::Mark(_) | Event::Snapshot(_) => {}
        }
    }

    fn line(&self, command: Command<'_>, offset: u64, file: Option<&[u8]>, transaction: Option<u64>, out: &mut Vec<u8>) {
        let mut json = Json::new(out);
        json.open(b'{').name("command").open(b'[');
        for argument in command.args() {
            json.bytes(Scalar::Bytes(argument));
        }
        json.close(b']').name("offset").int(offset);
        if let Some(file) = file {
            json.name("file").bytes(Scalar::Bytes(file));
        }
        if let Some(seconds) = self.timestamp_s {
            json.name("timestamp_s").int(seconds);
        }
        if let Some(number) = transaction {
            json.name("transaction").int(number);
        }
        json.close(b'}').end_line();
    }
}
