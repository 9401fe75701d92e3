//! Strings.
//!
//! Source: Redis 8.6 `t_string.c`, Valkey 9.1 `t_string.c`. The limit of 512 MB on a string does not hold while a log is
//! loaded (`checkStringLength()`, `mustObeyClient()`); that on memory does.

use super::super::store::Store;
use super::args::{Arguments, Done, Halt, NOT_AN_INTEGER, OVERFLOW, SYNTAX, WRONG_TYPE, is_word};
use super::expiry::{Expiry, Time};
use super::keyspace::Space;
use super::long_double;
use super::text::SlotText;
use super::value::{Slot, Value};
use crate::wire::number;
use alloc::boxed::Box;
use alloc::vec::Vec;

const BAD_OFFSET: Halt = Halt::Answer("an offset out of range");

/// What happens to a key's expiry.
#[derive(Clone, Copy)]
enum Change {
    Clear,
    Keep,
    At(i64),
}

/// What must hold for a command to do anything.
enum Condition<'a> {
    None,
    Missing,
    Present,
    /// The key is there and has this value, or the key may be missing or has another.
    Equal(&'a [u8]),
    Unequal(&'a [u8]),
}

impl Value {
    /// A string.
    #[inline]
    pub(super) fn string(text: &[u8], memory: &mut Store) -> Result<Self, Halt> {
        Ok(Self::String(SlotText::new(text, memory)?))
    }

    /// Calls `f` with the bytes of a string.
    pub(super) fn with_string<T>(&self, f: impl FnOnce(&[u8]) -> T) -> Result<T, Halt> {
        match self {
            Self::String(text) => Ok(f(text.as_slice())),
            Self::Int(int) => Ok(f(itoa::Buffer::new().format(*int).as_bytes())),
            Self::Buffer(buffer) => Ok(f(buffer)),
            _ => Err(WRONG_TYPE),
        }
    }

    pub(super) fn is_string(&self) -> bool {
        matches!(self, Self::String(_) | Self::Int(_) | Self::Buffer(_))
    }

    /// The bytes of a string, to be changed in place. What they grow by counts as memory.
    pub(super) fn buffer(&mut self, memory: &mut Store) -> Result<&mut Vec<u8>, Halt> {
        let bytes = match core::mem::replace(self, Self::Int(0)) {
            Self::String(text) => {
                memory.give_back(text.heap_bytes());
                text.into_vec()
            }
            Self::Int(int) => itoa::Buffer::new().format(int).as_bytes().to_vec(),
            Self::Buffer(bytes) => {
                memory.give_back(bytes.capacity());
                *bytes
            }
            other => {
                *self = other;
                return Err(WRONG_TYPE);
            }
        };
        memory.take(bytes.capacity())?;
        *self = Self::Buffer(Box::new(bytes));
        match self {
            Self::Buffer(bytes) => Ok(bytes),
            _ => Err(WRONG_TYPE),
        }
    }
}

/// Makes bytes at least this long, with zeros.
pub(super) fn grow(bytes: &mut Vec<u8>, len: usize, memory: &mut Store) -> Done {
    /// Room to spare for what grows byte by byte.
    const MOST_SPARE: usize = 1 << 20;
    if len > bytes.capacity() {
        let more = len.saturating_sub(bytes.len());
        let spare = bytes.len().min(MOST_SPARE);
        // Without room to spare where there is none.
        if more >= spare || memory.grow(bytes, spare).is_err() {
            memory.grow(bytes, more)?;
        }
    }
    if len > bytes.len() {
        bytes.resize(len, 0);
    }
    Ok(())
}

impl Space {
    /// A key that is a string, if it is there.
    pub(super) fn string(&mut self, key: &[u8]) -> Result<Option<&mut Slot>, Halt> {
        match self.slot(key) {
            Some(slot) if !slot.value.is_string() => Err(WRONG_TYPE),
            slot => Ok(slot),
        }
    }

    fn set(&mut self, key: &[u8], value: &[u8], expiry: Change) -> Done {
        let value = Value::string(value, &mut self.memory)?;
        let expiry = match expiry {
            Change::Clear => Expiry::NEVER,
            Change::Keep => self.slot(key).map_or(Expiry::NEVER, |slot| slot.expiry),
            Change::At(at_ms) => Expiry::at(at_ms),
        };
        self.put(key, value, expiry)
    }
}

/// `SET key value [NX | XX | IFEQ v | IFNE v] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]`
pub(super) fn set(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, value) = (args.key()?, args.text()?);
    if args.left() == 0 {
        let value = Value::string(value, &mut space.memory)?;
        return space.put(key, value, Expiry::NEVER);
    }
    let mut condition = Condition::None;
    let mut expiry = None;
    let mut time = None;
    let mut gets = false;
    while let Some(word) = args.next() {
        let is_free = matches!(condition, Condition::None);
        if is_word(word, "GET") {
            gets = true;
        } else if is_word(word, "NX") && is_free {
            condition = Condition::Missing;
        } else if is_word(word, "XX") && is_free {
            condition = Condition::Present;
        } else if is_word(word, "IFEQ") && is_free {
            condition = Condition::Equal(args.text()?);
        } else if is_word(word, "IFNE") && is_free {
            condition = Condition::Unequal(args.text()?);
        } else if is_word(word, "KEEPTTL") && expiry.is_none() {
            expiry = Some(Change::Keep);
        } else if let Some(unit) = Time::option(word)
            && expiry.is_none()
        {
            time = Some((unit, args.text()?));
            expiry = Some(Change::Clear);
        } else {
            return Err(SYNTAX);
        }
    }
    let mut expiry = expiry.unwrap_or(Change::Clear);
    if let Some((unit, text)) = time {
        let number = number::parse_int(text).ok_or(NOT_AN_INTEGER)?;
        expiry = Change::At(unit.positive(number, space.now_ms)?);
    }
    if gets {
        space.string(key)?;
    }
    if holds(space, key, &condition)? { space.set(key, value, expiry) } else { Ok(()) }
}

/// Whether a condition on a key holds.
fn holds(space: &mut Space, key: &[u8], condition: &Condition<'_>) -> Result<bool, Halt> {
    let slot = space.slot(key);
    match (condition, slot) {
        (Condition::None, _) => Ok(true),
        (Condition::Missing, slot) => Ok(slot.is_none()),
        (Condition::Present, slot) => Ok(slot.is_some()),
        (Condition::Equal(_), None) => Ok(false),
        (Condition::Unequal(_), None) => Ok(true),
        (Condition::Equal(wanted), Some(slot)) => slot.value.with_string(|text| text == *wanted),
        (Condition::Unequal(wanted), Some(slot)) => slot.value.with_string(|text| text != *wanted),
    }
}

/// `SETNX key value`
pub(super) fn setnx(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, value) = (args.key()?, args.text()?);
    args.end()?;
    if space.contains(key) { Ok(()) } else { space.set(key, value, Change::Clear) }
}

/// `SETEX key s value`
pub(super) fn setex(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    set_for(space, args, Time::Seconds)
}

/// `PSETEX key ms value`
pub(super) fn psetex(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    set_for(space, args, Time::Milliseconds)
}

fn set_for(space: &mut Space, args: &mut Arguments<'_>, unit: Time) -> Done {
    let (key, number, value) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    let number = number::parse_int(number).ok_or(NOT_AN_INTEGER)?;
    let at = unit.positive(number, space.now_ms)?;
    space.set(key, value, Change::At(at))
}

/// `GETSET key value`
pub(super) fn getset(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, value) = (args.key()?, args.text()?);
    args.end()?;
    space.string(key)?;
    space.set(key, value, Change::Clear)
}

/// `GETDEL key`
pub(super) fn getdel(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    args.end()?;
    if space.string(key)?.is_some() {
        space.remove(key);
    }
    Ok(())
}

/// `GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]`
pub(super) fn getex(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let Some(word) = args.next() else { return space.string(key).map(drop) };
    let time = match Time::option(word) {
        Some(unit) => Some((unit, args.text()?)),
        None if is_word(word, "PERSIST") => None,
        None => return Err(SYNTAX),
    };
    args.end()?;
    let now_ms = space.now_ms;
    let Some(slot) = space.string(key)? else { return Ok(()) };
    slot.expiry = match time {
        None => Expiry::NEVER,
        Some((unit, text)) => {
            let number = number::parse_int(text).ok_or(NOT_AN_INTEGER)?;
            Expiry::at(unit.positive(number, now_ms)?)
        }
    };
    Ok(())
}

/// `DELIFEQ key value` (Valkey 9.0)
pub(super) fn delifeq(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, value) = (args.key()?, args.text()?);
    args.end()?;
    delete_if(space, key, &Condition::Equal(value))
}

/// `DELEX key [IFEQ value | IFNE value]` (Redis 8.4)
pub(super) fn delex(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let condition = match args.next() {
        None => Condition::None,
        Some(word) if is_word(word, "IFEQ") => Condition::Equal(args.text()?),
        Some(word) if is_word(word, "IFNE") => Condition::Unequal(args.text()?),
        Some(_) => return Err(SYNTAX),
    };
    args.end()?;
    delete_if(space, key, &condition)
}

fn delete_if(space: &mut Space, key: &[u8], condition: &Condition<'_>) -> Done {
    if holds(space, key, condition)? {
        space.remove(key);
    }
    Ok(())
}

/// `MSET key value [key value ..]`
pub(super) fn mset(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    args.pairs()?;
    set_all(space, args, Change::Clear, usize::MAX)
}

/// `MSETNX key value [key value ..]`: all or nothing.
pub(super) fn msetnx(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    args.pairs()?;
    if any(space, args, usize::MAX, true) { Ok(()) } else { set_all(space, args, Change::Clear, usize::MAX) }
}

/// Whether a key of these pairs is there, or is not.
fn any(space: &Space, args: &Arguments<'_>, pairs: usize, is_there: bool) -> bool {
    let mut ahead = args.clone();
    let mut left = pairs;
    while left > 0
        && let Some(key) = ahead.next()
    {
        ahead.next();
        if space.contains(key) == is_there {
            return true;
        }
        left = left.saturating_sub(1);
    }
    false
}

fn set_all(space: &mut Space, args: &mut Arguments<'_>, expiry: Change, pairs: usize) -> Done {
    let mut left = pairs;
    while left > 0 && args.left() > 0 {
        let (key, value) = (args.key()?, args.text()?);
        space.set(key, value, expiry)?;
        left = left.saturating_sub(1);
    }
    Ok(())
}

/// `MSETEX count key value [key value ..] [NX | XX] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]` (Redis 8.4)
pub(super) fn msetex(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let count = args.count()?;
    args.at_least(count.saturating_mul(2))?;
    let mut options = args.clone();
    for _ in 0..count.saturating_mul(2) {
        options.next();
    }
    let mut must_be_there = None;
    let mut expiry = None;
    while let Some(word) = options.next() {
        if is_word(word, "NX") && must_be_there.is_none() {
            must_be_there = Some(false);
        } else if is_word(word, "XX") && must_be_there.is_none() {
            must_be_there = Some(true);
        } else if is_word(word, "KEEPTTL") && expiry.is_none() {
            expiry = Some(Change::Keep);
        } else if let Some(unit) = Time::option(word)
            && expiry.is_none()
        {
            expiry = Some(Change::At(unit.positive(options.int()?, space.now_ms)?));
        } else {
            return Err(SYNTAX);
        }
    }
    if must_be_there.is_some_and(|must| any(space, args, count, !must)) {
        return Ok(());
    }
    set_all(space, args, expiry.unwrap_or(Change::Clear), count)
}

/// `APPEND key value`
pub(super) fn append(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, value) = (args.key()?, args.text()?);
    args.end()?;
    let (string, memory, _) = space.keys().or_add(key, || Value::String(SlotText::EMPTY))?;
    let bytes = string.buffer(memory)?;
    Ok(memory.extend(bytes, value)?)
}

/// `SETRANGE key offset value`
pub(super) fn setrange(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, offset, value) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    let offset = number::parse_int(offset).ok_or(NOT_AN_INTEGER)?;
    let offset = u64::try_from(offset).map_err(|_| BAD_OFFSET)?;
    if space.string(key)?.is_none() && value.is_empty() || value.is_empty() {
        return Ok(());
    }
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = start.saturating_add(value.len());
    let (string, memory, _) = space.keys().or_add(key, || Value::String(SlotText::EMPTY))?;
    let bytes = string.buffer(memory)?;
    grow(bytes, end, memory)?;
    if let Some(range) = bytes.get_mut(start..end) {
        range.copy_from_slice(value);
    }
    Ok(())
}

/// `INCR key`
pub(super) fn incr(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    args.end()?;
    add(space, key, 1)
}

/// `DECR key`
pub(super) fn decr(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    args.end()?;
    add(space, key, -1)
}

/// `INCRBY key increment`
pub(super) fn incrby(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, increment) = (args.key()?, args.text()?);
    args.end()?;
    add(space, key, number::parse_int(increment).ok_or(NOT_AN_INTEGER)?)
}

/// `DECRBY key decrement`
pub(super) fn decrby(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, decrement) = (args.key()?, args.text()?);
    args.end()?;
    let decrement = number::parse_int(decrement).ok_or(NOT_AN_INTEGER)?;
    add(space, key, decrement.checked_neg().ok_or(OVERFLOW)?)
}

fn add(space: &mut Space, key: &[u8], increment: i64) -> Done {
    let Some(slot) = space.slot(key) else { return space.put(key, Value::Int(increment), Expiry::NEVER) };
    let int = match &slot.value {
        Value::Int(int) => Some(*int),
        other => other.with_string(number::parse_int)?,
    };
    let sum = int.ok_or(NOT_AN_INTEGER)?.checked_add(increment).ok_or(OVERFLOW)?;
    let before = core::mem::replace(&mut slot.value, Value::Int(sum));
    space.memory.give_back(before.heap_bytes());
    Ok(())
}

/// `INCRBYFLOAT key increment`
pub(super) fn incrbyfloat(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, increment) = (args.key()?, args.text()?);
    args.end()?;
    let sum = match space.string(key)? {
        Some(slot) => slot.value.with_string(|text| long_double::sum(text, increment))??,
        None => long_double::sum(b"0", increment)?,
    };
    space.set(key, &sum, Change::Keep)
}
