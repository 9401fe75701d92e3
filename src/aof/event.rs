//! What a log consists of.

use super::mark::Mark;
use super::resp;
use crate::error::Escaped;
use crate::rdb;
use crate::wire::cursor::Cursor;
use core::fmt;
use core::iter::FusedIterator;

/// One step of a log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// A line that servers skip: its text between `#` and the line's end.
    Annotation(&'a [u8]),
    /// A command.
    Command(Command<'a>),
    /// An annotation with the checksum of the records behind it.
    Mark(Mark),
    /// A step of the snapshot that stands before the commands.
    Snapshot(rdb::Event<'a>),
    /// When the commands behind it were written: the annotation `#TS:<seconds>`.
    Timestamp {
        /// Unix time in seconds.
        unix_s: u64,
    },
}

/// A command and its arguments, read in place. It has at least one argument, its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Command<'a> {
    /// From the first argument's `$` to the end of the last one.
    framed: &'a [u8],
    argc: u64,
}

impl<'a> Command<'a> {
    /// `framed` holds exactly `argc` arguments that [`resp::argument`] or [`resp::lax_argument`] has read.
    #[inline(always)]
    pub(crate) fn new(framed: &'a [u8], argc: u64) -> Self {
        Self { framed, argc }
    }

    /// Number of arguments, the name included.
    #[must_use]
    pub fn argc(self) -> u64 {
        self.argc
    }

    /// The first argument, as it is written; servers do not look at its case.
    #[must_use]
    pub fn name(self) -> &'a [u8] {
        self.args().next().unwrap_or_default()
    }

    /// All arguments in order, the name first.
    #[must_use]
    pub fn args(self) -> Args<'a> {
        Args { cursor: Cursor::new(self.framed), left: self.argc }
    }

    /// The name, and the arguments behind it as if they were a command.
    #[inline]
    pub(crate) fn split_name(self) -> (&'a [u8], Self) {
        let mut args = self.args();
        let name = args.next().unwrap_or_default();
        (name, Self { framed: args.cursor.rest(), argc: args.left })
    }

    /// The arguments with their lengths, without the command's count.
    pub(crate) fn framed(self) -> &'a [u8] {
        self.framed
    }
}

impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.args().fmt(f)
    }
}

/// Iterates over the arguments of a [`Command`].
#[derive(Clone)]
pub struct Args<'a> {
    cursor: Cursor<'a>,
    left: u64,
}

impl<'a> Iterator for Args<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        // What is left was read before, by a lenient reader perhaps.
        resp::argument(&mut self.cursor).or_else(|_| resp::lax_argument(&mut self.cursor)).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // Every argument has six bytes at least, so their number fits.
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Args<'_> {}
impl FusedIterator for Args<'_> {}

impl fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, argument) in self.clone().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}\"{}\"", Escaped(argument))?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Step;

    /// A log's steps are not wider than a snapshot's.
    #[test]
    fn sizes_stay_near_those_measured() {
        assert_eq!(size_of::<Command>(), 24);
        assert_eq!(size_of::<Event>(), size_of::<rdb::Event>());
        assert_eq!(size_of::<Step<Event>>(), size_of::<Step<rdb::Event>>());
    }
}
