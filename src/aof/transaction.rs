//! Transactions: what `MULTI` opens, only `EXEC` closes.

use crate::error::{Cause, Fault, FaultKind, Form};

static NESTED: Cause = Cause::new(FaultKind::Command, "EXEC before the next MULTI", Form::Text("MULTI"));
static NOT_OPEN: Cause = Cause::new(FaultKind::Command, "MULTI before EXEC", Form::Text("EXEC"));
static DISCARDED: Cause = Cause::new(FaultKind::Command, "EXEC behind MULTI", Form::Text("DISCARD"));

/// Whether a `MULTI` waits for its `EXEC`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Transaction {
    #[default]
    Closed,
    Open,
    /// What stands before is lost, and may have held a `MULTI`.
    Unknown,
}

impl Transaction {
    /// What holds behind a command that consists of `name` alone. A server that
    /// writes a log never nests transactions and never logs one that it discarded.
    pub(crate) fn after(self, name: &[u8]) -> Result<Self, Fault> {
        match self {
            Self::Open if name.eq_ignore_ascii_case(b"EXEC") => Ok(Self::Closed),
            Self::Open if name.eq_ignore_ascii_case(b"MULTI") => Err(Fault::new(&NESTED, 0)),
            Self::Open if name.eq_ignore_ascii_case(b"DISCARD") => Err(Fault::new(&DISCARDED, 0)),
            Self::Closed | Self::Unknown if name.eq_ignore_ascii_case(b"MULTI") => Ok(Self::Open),
            Self::Unknown if name.eq_ignore_ascii_case(b"EXEC") || name.eq_ignore_ascii_case(b"DISCARD") => Ok(Self::Closed),
            Self::Closed if name.eq_ignore_ascii_case(b"EXEC") => Err(Fault::new(&NOT_OPEN, 0)),
            same => Ok(same),
        }
    }
}
