//! Bits of strings.
//!
//! Source: Redis 8.6 `bitops.c`. Bit 0 is the highest one of the first byte. The limit on offsets does not hold while
//! a log is loaded (`getBitOffsetFromArgument()`, `mustObeyClient()`); that on memory does.

use super::args::{Arguments, Done, Halt, NOT_AN_INTEGER, SYNTAX, WRONG_TYPE, is_word};
use super::expiry::Expiry;
use super::keyspace::Space;
use super::strings::grow;
use super::text::SlotText;
use super::value::Value;
use crate::wire::number;
use alloc::boxed::Box;
use alloc::vec::Vec;

const BAD_OFFSET: Halt = Halt::Answer("a bit offset out of range");

/// `SETBIT key offset 0 | 1`
pub(super) fn setbit(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, offset, bit) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    let offset = number::parse_int(offset).and_then(|offset| u64::try_from(offset).ok()).ok_or(BAD_OFFSET)?;
    let bit = match bit {
        b"0" => 0,
        b"1" => 1,
        _ => return Err(Halt::Answer("a bit that is none")),
    };
    let bytes = bytes(space, key, offset.saturating_add(1))?;
    Field { offset, bits: 1 }.set(bytes, bit);
    Ok(())
}

/// The bytes of a string, which is made if it is not there, so many bits long at least.
fn bytes<'s>(space: &'s mut Space, key: &[u8], bits: u64) -> Result<&'s mut [u8], Halt> {
    space.string(key)?;
    let (string, memory, _) = space.keys().or_add(key, || Value::String(SlotText::EMPTY))?;
    let bytes = string.buffer(memory)?;
    let len = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
    grow(bytes, len, memory)?;
    Ok(bytes)
}

/// Bits in a row.
#[derive(Clone, Copy)]
struct Field {
    offset: u64,
    /// 1 to 64.
    bits: u32,
}

impl Field {
    fn places(self) -> impl Iterator<Item = (usize, u32)> {
        (self.offset..self.offset.saturating_add(u64::from(self.bits)))
            .map(|bit| (usize::try_from(bit / 8).unwrap_or(usize::MAX), 7u32.wrapping_sub((bit & 7) as u32)))
    }

    /// The bits as a number; those behind the end are 0.
    fn get(self, bytes: &[u8]) -> u64 {
        self.places().fold(0, |number, (at, shift)| {
            let byte = bytes.get(at).copied().unwrap_or(0);
            number << 1 | u64::from(byte >> shift & 1)
        })
    }

    fn set(self, bytes: &mut [u8], number: u64) {
        for ((at, shift), from) in self.places().zip((0..self.bits).rev()) {
            if let Some(byte) = bytes.get_mut(at) {
                let bit = u8::from(number >> from & 1 == 1);
                *byte = *byte & !(1 << shift) | bit << shift;
            }
        }
    }
}

/// How strings are combined bit by bit.
#[derive(Clone, Copy)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
    /// In the first, but in none of the others (Redis 8.2).
    Diff,
    /// In one of the others, but not in the first.
    Diff1,
    /// In the first and in one of the others.
    AndOr,
    /// In exactly one.
    One,
}

/// `BITOP operation destination key [key ..]`
pub(super) fn bitop(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let word = args.text()?;
    let operations = [
        ("AND", Operation::And),
        ("OR", Operation::Or),
        ("XOR", Operation::Xor),
        ("NOT", Operation::Not),
        ("DIFF", Operation::Diff),
        ("DIFF1", Operation::Diff1),
        ("ANDOR", Operation::AndOr),
        ("ONE", Operation::One),
    ];
    let operation = operations.into_iter().find(|(name, _)| is_word(word, name)).map(|(_, operation)| operation);
    let operation = operation.ok_or(SYNTAX)?;
    let destination = args.key()?;
    args.at_least(1)?;
    match operation {
        Operation::Not if args.left() > 1 => return Err(Halt::Answer("one source key for NOT")),
        Operation::Diff | Operation::Diff1 | Operation::AndOr if args.left() < 2 => {
            return Err(Halt::Answer("more than one source key"));
        }
        _ => {}
    }
    let mut longest = 0;
    let mut ahead = args.clone();
    while let Some(key) = ahead.next() {
        if let Some(slot) = space.string(key)? {
            longest = slot.value.with_string(<[u8]>::len)?.max(longest);
        }
    }
    if longest == 0 {
        space.remove(destination);
        return Ok(());
    }
    // The result, and the bits that were in one string before.
    let (mut result, mut seen) = (Vec::new(), Vec::new());
    grow(&mut result, longest, &mut space.memory)?;
    grow(&mut seen, longest, &mut space.memory)?;
    let mut is_first = true;
    while let Some(key) = args.next() {
        let mut combine = |text: &[u8]| combine(operation, is_first, text, &mut result, &mut seen);
        match space.slot(key) {
            Some(slot) => slot.value.with_string(combine)?,
            None => combine(&[]),
        }
        is_first = false;
    }
    space.memory.give_back(seen.capacity());
    space.put(destination, Value::Buffer(Box::new(result)), Expiry::NEVER)
}

/// Takes one more string, which ends in zeros, into the result.
fn combine(operation: Operation, is_first: bool, text: &[u8], result: &mut [u8], seen: &mut [u8]) {
    let bytes = text.iter().copied().chain(core::iter::repeat(0));
    for ((result, seen), byte) in result.iter_mut().zip(seen).zip(bytes) {
        *result = match operation {
            Operation::Not => !byte,
            Operation::One => {
                // In `seen` what was in more than one.
                *seen |= *result & byte;
                (*result | byte) & !*seen
            }
            _ if is_first => {
                *seen = byte;
                match operation {
                    Operation::AndOr | Operation::Diff1 => 0,
                    _ => byte,
                }
            }
            Operation::And => *result & byte,
            Operation::Or => *result | byte,
            Operation::Xor => *result ^ byte,
            Operation::Diff => *result & !byte,
            Operation::Diff1 => *result | byte & !*seen,
            Operation::AndOr => *result | byte & *seen,
        };
    }
}

/// What becomes of a number that its bits cannot hold.
#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

/// A part of `BITFIELD` that writes.
#[derive(Clone, Copy)]
struct Write {
    field: Field,
    is_signed: bool,
    adds: bool,
    number: i64,
    overflow: Overflow,
}

impl Write {
    fn apply(self, bytes: &mut [u8]) {
        let Self { field, is_signed, adds, number, overflow } = self;
        let below = 1i128 << field.bits;
        let (least, most) = match (is_signed, below >> 1) {
            (true, half) => (half.wrapping_neg(), half.wrapping_sub(1)),
            (false, _) => (0, below.wrapping_sub(1)),
        };
        let before = i128::from(field.get(bytes));
        let before = if is_signed && before > most { before.wrapping_sub(below) } else { before };
        let after = match (adds, is_signed) {
            (true, _) => before.wrapping_add(i128::from(number)),
            (false, true) => i128::from(number),
            // What is set is taken for a number without a sign.
            (false, false) => i128::from(number.cast_unsigned()),
        };
        let after = match overflow {
            Overflow::Fail if after < least || after > most => return,
            Overflow::Saturate => after.clamp(least, most),
            _ => after,
        };
        // The lower bits of a number in two's complement.
        let [a, b, c, d, e, f, g, h, ..] = after.to_le_bytes();
        field.set(bytes, u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// `BITFIELD key [GET type offset | OVERFLOW WRAP | SAT | FAIL | SET type offset value | INCRBY type offset increment] ..`
pub(super) fn bitfield(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let mut writes = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut end = 0;
    let result = loop {
        let Some(word) = args.next() else { break Ok(()) };
        match part(word, args, &mut overflow) {
            Ok(None) => {}
            Ok(Some(write)) => {
                end = write.field.offset.saturating_add(u64::from(write.field.bits)).max(end);
                if let Err(fault) = space.memory.push(&mut writes, write) {
                    break Err(fault.into());
                }
            }
            Err(halt) => break Err(halt),
        }
    };
    space.memory.give_back(writes.capacity().saturating_mul(size_of::<Write>()));
    result?;
    if space.slot(key).is_some_and(|slot| !slot.value.is_string()) {
        return Err(WRONG_TYPE);
    }
    if !writes.is_empty() {
        let bytes = bytes(space, key, end)?;
        for write in writes {
            write.apply(bytes);
        }
    }
    Ok(())
}

/// One part of `BITFIELD`, if it writes.
fn part(word: &[u8], args: &mut Arguments<'_>, overflow: &mut Overflow) -> Result<Option<Write>, Halt> {
    if is_word(word, "OVERFLOW") {
        *overflow = match args.text()? {
            word if is_word(word, "WRAP") => Overflow::Wrap,
            word if is_word(word, "SAT") => Overflow::Saturate,
            word if is_word(word, "FAIL") => Overflow::Fail,
            _ => return Err(SYNTAX),
        };
        return Ok(None);
    }
    let adds = is_word(word, "INCRBY");
    let sets = is_word(word, "SET");
    if !adds && !sets && !is_word(word, "GET") {
        return Err(SYNTAX);
    }
    let (is_signed, bits) = match args.text()?.split_first() {
        Some((b'i', bits)) => (true, bits),
        Some((b'u', bits)) => (false, bits),
        _ => return Err(SYNTAX),
    };
    let most = if is_signed { 64 } else { 63 };
    let bits = number::parse_int(bits).and_then(|bits| u32::try_from(bits).ok()).filter(|bits| (1..=most).contains(bits));
    let bits = bits.ok_or(Halt::Answer("a type of bits that is none"))?;
    let offset = args.text()?;
    let (offset, unit) = match offset.split_first() {
        Some((b'#', offset)) => (offset, u64::from(bits)),
        _ => (offset, 1),
    };
    let offset = number::parse_int(offset).and_then(|offset| u64::try_from(offset).ok()?.checked_mul(unit));
    let field = Field { offset: offset.ok_or(BAD_OFFSET)?, bits };
    if !adds && !sets {
        return Ok(None);
    }
    let number = number::parse_int(args.text()?).ok_or(NOT_AN_INTEGER)?;
    Ok(Some(Write { field, is_signed, adds, number, overflow: *overflow }))
}
