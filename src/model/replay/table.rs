//! Every command there is: what replays it, or that it is passed over.

use super::args::{Arguments, Done};
use super::keyspace::Space;
use super::report::SkippedEffect;
use super::{keys, strings};

/// What is done with a command.
#[derive(Clone, Copy)]
pub(super) enum Action {
    /// It is applied to the data.
    Data(fn(&mut Space, &mut Arguments<'_>) -> Done),
    Multi,
    Exec,
    /// Never in a log: a server logs a transaction when it is done.
    Discard,
    Skip(SkippedEffect),
}

use Action::{Data, Discard, Exec, Multi, Skip};
use SkippedEffect::{MayChangeData, None as Harmless};

/// No command's name is longer.
pub(super) const LONGEST_NAME: usize = 24;

macro_rules! commands {
    ($($name:literal => $action:expr,)*) => {
        /// The command of this name, which is in capital letters.
        pub(super) fn find(name: &[u8]) -> Option<(&'static [u8], Action)> {
            match name {
                $($name => Some(($name, $action)),)*
                _ => None,
            }
        }

        #[cfg(test)]
        const NAMES: &[&[u8]] = &[$($name),*];
    };
}

commands! {
    // Transactions.
    b"DISCARD" => Discard,
    b"EXEC" => Exec,
    b"MULTI" => Multi,

    // Databases.
    b"FLUSHALL" => Data(keys::flushall),
    b"FLUSHDB" => Data(keys::flushdb),
    b"SELECT" => Data(keys::select),
    b"SWAPDB" => Data(keys::swapdb),

    // Keys.
    b"DEL" => Data(keys::del),
    b"UNLINK" => Data(keys::del),

    // Strings.
    b"SET" => Data(strings::set),

    // What may change data, by itself or by what it runs.
    b"DEBUG" => Skip(MayChangeData),
    b"EVAL" => Skip(MayChangeData),
    b"EVALSHA" => Skip(MayChangeData),
    b"FCALL" => Skip(MayChangeData),
    b"MIGRATE" => Skip(MayChangeData),
    b"MODULE" => Skip(MayChangeData),

    // What servers log or were seen to run, and what changes no data.
    b"ACL" => Skip(Harmless),
    b"CONFIG" => Skip(Harmless),
    b"PING" => Skip(Harmless),
    b"PUBLISH" => Skip(Harmless),
    b"REPLICAOF" => Skip(Harmless),
    b"SCRIPT" => Skip(Harmless),
    b"SHUTDOWN" => Skip(Harmless),
    b"SLAVEOF" => Skip(Harmless),
    b"SPUBLISH" => Skip(Harmless),
}

/// A name of the table as text.
pub(super) fn text(name: &'static [u8]) -> &'static str {
    core::str::from_utf8(name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_capital_letters_and_fit() {
        for name in NAMES {
            assert!(
                name.len() <= LONGEST_NAME && name.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'_' | b'-' | b'0'..=b'9'))
            );
            assert_eq!(text(name).as_bytes(), *name);
        }
    }
}
