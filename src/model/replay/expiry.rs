//! When keys and fields expire: units of time, and the rules under which an expiry is changed.

use super::args::{Arguments, BAD_TIME, Done, Halt, NOT_AN_INTEGER, is_word};
use super::keyspace::Space;
use crate::wire::number;

/// When something expires, if it does: Unix milliseconds, in one word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expiry(i64);

impl Expiry {
    /// No time: the first one there is stands for it, and is taken for the one behind it.
    pub(super) const NEVER: Self = Self(i64::MIN);

    #[inline]
    pub(super) fn at(at_ms: i64) -> Self {
        Self(at_ms.max(i64::MIN + 1))
    }

    #[inline]
    pub(super) fn get(self) -> Option<i64> {
        (self.0 != i64::MIN).then_some(self.0)
    }

    /// Whether it has passed by this clock.
    ///
    /// Source: Redis 8.6 `db.c` `keyIsExpired()`, `t_hash.c` `hashTypeIsExpired()`.
    pub(super) fn has_passed(self, now_ms: i64) -> bool {
        self.get().is_some_and(|at_ms| now_ms > at_ms)
    }
}

impl From<Option<i64>> for Expiry {
    fn from(at_ms: Option<i64>) -> Self {
        at_ms.map_or(Self::NEVER, Self::at)
    }
}

/// What the number of an expiry counts.
#[derive(Clone, Copy)]
pub(super) enum Time {
    /// `EX`
    Seconds,
    /// `PX`
    Milliseconds,
    /// `EXAT`
    UnixSeconds,
    /// `PXAT`
    UnixMilliseconds,
}

impl Time {
    /// The unit that an option names.
    pub(super) fn option(word: &[u8]) -> Option<Self> {
        let options =
            [("EX", Self::Seconds), ("PX", Self::Milliseconds), ("EXAT", Self::UnixSeconds), ("PXAT", Self::UnixMilliseconds)];
        options.into_iter().find(|(name, _)| is_word(word, name)).map(|(_, unit)| unit)
    }

    /// As [`Time::option`], of the next argument, which is taken if it is one.
    pub(super) fn taken(args: &mut Arguments<'_>) -> Option<Self> {
        let mut ahead = args.clone();
        let unit = Self::option(ahead.next()?)?;
        *args = ahead;
        Some(unit)
    }

    /// The time in Unix milliseconds that `number` of these units are. Only positive numbers are times.
    ///
    /// Source: Redis 8.6 `t_string.c` `getExpireMillisecondsOrReply()`.
    pub(super) fn positive(self, number: i64, now_ms: i64) -> Result<i64, Halt> {
        if number <= 0 {
            return Err(BAD_TIME);
        }
        self.at(number, now_ms).ok_or(BAD_TIME)
    }

    /// The time in Unix milliseconds, if it has 64 bits.
    pub(super) fn at(self, number: i64, now_ms: i64) -> Option<i64> {
        let ms = match self {
            Self::Seconds | Self::UnixSeconds => number.checked_mul(1000)?,
            Self::Milliseconds | Self::UnixMilliseconds => number,
        };
        match self {
            Self::Seconds | Self::Milliseconds => ms.checked_add(now_ms),
            Self::UnixSeconds | Self::UnixMilliseconds => Some(ms),
        }
    }
}

/// `NX`, `XX`, `GT` and `LT` of the commands that change an expiry.
#[derive(Clone, Copy, Default)]
pub(super) struct Rule {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Rule {
    /// Takes the next argument if it is one of the words.
    pub(super) fn take(&mut self, args: &mut Arguments<'_>) -> Result<bool, Halt> {
        if args.word("NX") {
            self.nx = true;
        } else if args.word("XX") {
            self.xx = true;
        } else if args.word("GT") {
            self.gt = true;
        } else if args.word("LT") {
            self.lt = true;
        } else {
            return Ok(false);
        }
        if self.nx && (self.xx || self.gt || self.lt) || self.gt && self.lt {
            return Err(Halt::Answer("options that exclude each other"));
        }
        Ok(true)
    }

    /// Whether an expiry may become another. None at all is later than any.
    pub(super) fn allows(self, before: Expiry, after: i64) -> bool {
        match before.get() {
            None => !self.xx && !self.gt,
            Some(before) => !(self.nx || self.gt && after <= before || self.lt && after >= before),
        }
    }
}

/// `EXPIRE key s [NX | XX | GT | LT]`
pub(super) fn expire(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    change(space, args, Time::Seconds)
}

/// `PEXPIRE key ms [NX | XX | GT | LT]`
pub(super) fn pexpire(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    change(space, args, Time::Milliseconds)
}

/// `EXPIREAT key s [NX | XX | GT | LT]`
pub(super) fn expireat(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    change(space, args, Time::UnixSeconds)
}

/// `PEXPIREAT key ms [NX | XX | GT | LT]`
pub(super) fn pexpireat(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    change(space, args, Time::UnixMilliseconds)
}

fn change(space: &mut Space, args: &mut Arguments<'_>, unit: Time) -> Done {
    let (key, time) = (args.key()?, args.text()?);
    let mut rule = Rule::default();
    while args.left() > 0 && rule.take(args)? {}
    args.end()?;
    let time = number::parse_int(time).ok_or(NOT_AN_INTEGER)?;
    let at = unit.at(time, space.now_ms).ok_or(BAD_TIME)?;
    if let Some(slot) = space.slot(key)
        && rule.allows(slot.expiry, at)
    {
        slot.expiry = Expiry::at(at);
    }
    Ok(())
}

/// `PERSIST key`
pub(super) fn persist(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    args.end()?;
    if let Some(slot) = space.slot(key) {
        slot.expiry = Expiry::NEVER;
    }
    Ok(())
}
