//! The arguments of a command, taken one by one, and why a command stops.

use crate::aof::Args;
use crate::error::Fault;
use crate::wire::number;

/// What a command did: all it does, or why not.
pub(super) type Done = Result<(), Halt>;

/// Why a command stops.
#[derive(Clone, Copy, Debug)]
pub(super) enum Halt {
    /// A server answers with this error, which nobody reads while a log is loaded.
    Answer(&'static str),
    /// No server has a command of this form; this is what it would have to be.
    Form(&'static str),
    /// Replay cannot go on.
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

pub(super) const WRONG_TYPE: Halt = Halt::Answer("a value of another type");
pub(super) const NOT_AN_INTEGER: Halt = Halt::Answer("not an integer or out of range");
pub(super) const BAD_TIME: Halt = Halt::Answer("an expire time that is none");
pub(super) const OVERFLOW: Halt = Halt::Answer("a sum beyond 64 bits");
pub(super) const NO_KEY: Halt = Halt::Answer("no such key");
pub(super) const BAD_COUNT: Halt = Halt::Answer("a count out of range");
pub(super) const SYNTAX: Halt = Halt::Form("arguments that the command has");

/// The arguments behind a command's name.
#[derive(Clone)]
pub(super) struct Arguments<'a> {
    args: Args<'a>,
    key: Option<&'a [u8]>,
}

impl<'a> Arguments<'a> {
    #[inline]
    pub(super) fn new(args: Args<'a>) -> Self {
        Self { args, key: None }
    }

    /// Arguments that were not taken yet.
    #[inline]
    pub(super) fn left(&self) -> usize {
        self.args.len()
    }

    /// The key that was taken first, for messages.
    pub(super) fn noted_key(&self) -> Option<&'a [u8]> {
        self.key
    }

    /// The next argument, which must be there.
    #[inline]
    pub(super) fn text(&mut self) -> Result<&'a [u8], Halt> {
        self.args.next().ok_or(Halt::Form("more arguments"))
    }

    /// The next argument, which names a key.
    #[inline]
    pub(super) fn key(&mut self) -> Result<&'a [u8], Halt> {
        let key = self.text()?;
        self.key.get_or_insert(key);
        Ok(key)
    }

    /// The next argument, if there is one.
    #[inline]
    pub(super) fn next(&mut self) -> Option<&'a [u8]> {
        self.args.next()
    }

    /// The next argument, if there is one, without taking it.
    #[inline]
    pub(super) fn peek(&self) -> Option<&'a [u8]> {
        self.args.clone().next()
    }

    /// The next argument as an integer of 64 bits in its canonical form.
    #[inline]
    pub(super) fn int(&mut self) -> Result<i64, Halt> {
        number::parse_int(self.text()?).ok_or(NOT_AN_INTEGER)
    }

    /// The next argument as a count of others, one at least.
    pub(super) fn count(&mut self) -> Result<usize, Halt> {
        let count = usize::try_from(self.int()?).ok().filter(|count| *count > 0);
        count.ok_or(BAD_COUNT)
    }

    /// The next argument as the time that a blocking command waits.
    pub(super) fn timeout(&mut self) -> Done {
        let is_time = number::parse_score(self.text()?).is_some_and(|seconds| seconds >= 0.0);
        if is_time { Ok(()) } else { Err(Halt::Answer("a timeout that is none")) }
    }

    /// As [`Arguments::timeout`], of the last argument, which is still to be taken.
    pub(super) fn last_timeout(&self) -> Done {
        let mut ahead = self.clone();
        while ahead.left() > 1 {
            ahead.next();
        }
        ahead.timeout()
    }

    /// Takes the next argument if it is this word, whatever its case.
    pub(super) fn word(&mut self, word: &str) -> bool {
        let mut ahead = self.args.clone();
        let is_it = ahead.next().is_some_and(|text| is_word(text, word));
        if is_it {
            self.args = ahead;
        }
        is_it
    }

    /// Demands that no argument is left.
    #[inline]
    pub(super) fn end(&self) -> Done {
        if self.left() == 0 { Ok(()) } else { Err(Halt::Form("fewer arguments")) }
    }

    /// Demands so many arguments more at least.
    #[inline]
    pub(super) fn at_least(&self, count: usize) -> Done {
        if self.left() >= count { Ok(()) } else { Err(Halt::Form("more arguments")) }
    }

    /// Demands arguments in pairs, one at least.
    #[inline]
    pub(super) fn pairs(&self) -> Done {
        self.at_least(2)?;
        if self.left().is_multiple_of(2) { Ok(()) } else { Err(Halt::Form("arguments in pairs")) }
    }
}

/// Whether an argument is this word, whatever its case.
#[inline]
pub(super) fn is_word(text: &[u8], word: &str) -> bool {
    text.eq_ignore_ascii_case(word.as_bytes())
}
