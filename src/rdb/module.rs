//! Module values: typed opcodes that can be read without the module.
//!
//! ```text
//! length module-id, then items until opcode 0
//! 1 length   signed integer      2 length   unsigned integer
//! 3 f32 LE                       4 f64 LE                        5 string
//! ```
//! Source: Redis 8.0 `rdb.c` `rdbLoadCheckModuleValue()`, `module.c` `moduleTypeEncodeId()`.

use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::cursor::Cursor;
use crate::wire::feed::Limits;
use crate::wire::scalar::Strings;
use crate::wire::{Scalar, length, scalar};
use alloc::vec::Vec;
use core::fmt;

/// Name and encoding version of a module type, in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModuleId(pub u64);

impl ModuleId {
    /// The type of this name and encoding version; none where the name is not of the characters that names
    /// have, or the version is above 1023.
    #[must_use]
    pub fn new(name: &[u8; 9], encver: u64) -> Option<Self> {
        let bits = name.iter().try_fold(0u64, |bits, byte| Some(bits << 6 | digit(*byte)?))?;
        (encver <= 1023).then_some(Self(bits << 10 | encver))
    }

    /// The nine characters of the name.
    #[must_use]
    pub fn name(self) -> [u8; 9] {
        characters(self.0 >> 10, b"-_")
    }

    /// The encoding version, 0 to 1023.
    #[must_use]
    pub fn encver(self) -> u64 {
        self.0 & 1023
    }
}

impl fmt::Display for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.name() {
            fmt::Write::write_char(f, char::from(character))?;
        }
        Ok(())
    }
}

/// What a character of a module type's name stands for, the inverse of [`characters`].
fn digit(character: u8) -> Option<u64> {
    (0..64).find(|bits| characters::<1>(*bits, b"-_") == [character])
}

/// The characters that six bits each stand for, the last in the lowest bits: letters, digits and
/// the two of `last`.
pub(crate) fn characters<const N: usize>(mut bits: u64, last: &[u8; 2]) -> [u8; N] {
    const FIRST: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut name = [0; N];
    for character in name.iter_mut().rev() {
        let index = usize::try_from(bits & 63).unwrap_or(0);
        *character = FIRST.iter().chain(last).nth(index).copied().unwrap_or(b'_');
        bits >>= 6;
    }
    name
}

/// A share of a module value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ModuleItem<'a> {
    /// Which module type wrote the value; comes first.
    Id(ModuleId),
    /// A signed integer.
    Sint(i64),
    /// An unsigned integer.
    Uint(u64),
    /// A 32-bit float.
    Float(f32),
    /// A 64-bit float.
    Double(f64),
    /// A string.
    Bytes(Scalar<'a>),
    /// The end opcode.
    End,
}

impl ModuleItem<'_> {
    /// Appends the item: an id as a length, everything else behind its opcode.
    pub(crate) fn write(&self, strings: &mut Strings, out: &mut Vec<u8>) {
        match self {
            Self::Id(id) => length::write(id.0, out),
            Self::Sint(int) => {
                length::write(1, out);
                length::write(int.cast_unsigned(), out);
            }
            Self::Uint(int) => {
                length::write(2, out);
                length::write(*int, out);
            }
            Self::Float(float) => {
                length::write(3, out);
                out.extend_from_slice(&float.to_le_bytes());
            }
            Self::Double(double) => {
                length::write(4, out);
                out.extend_from_slice(&double.to_le_bytes());
            }
            Self::Bytes(bytes) => {
                length::write(5, out);
                strings.write(*bytes, out);
            }
            Self::End => length::write(0, out),
        }
    }
}

/// A share of module data outside of keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ModuleAux<'a> {
    /// The beginning.
    Open {
        /// Which module type wrote it.
        id: ModuleId,
        /// 1: before the keys, 2: after them.
        when: u64,
    },
    /// An item; [`ModuleItem::End`] closes.
    Item(ModuleItem<'a>),
}

static OPCODE: Cause = Cause::new(FaultKind::Encoding, "a module opcode of 0 to 5", Form::Number);
static NO_END: Cause = Cause::new(FaultKind::Value, "a module opcode or the end of the module's data", Form::Byte);
static WHEN_OPCODE: Cause = Cause::new(FaultKind::Value, "module opcode 2 before the time of module data", Form::Number);

/// Reads one item. On a fault the cursor stands at it, or at its string.
pub(crate) fn read_item<'i: 'e, 'e>(
    cursor: &mut Cursor<'i>,
    buffer: &'e mut Vec<u8>,
    limits: Limits,
) -> Result<ModuleItem<'e>, Fault> {
    let mut ahead = *cursor;
    if let Some(lead @ 0xc0..) = ahead.rest().first() {
        // No length: an opcode of the snapshot stands where the end opcode is missing.
        return Err(Fault::new(&NO_END, u64::from(*lead)));
    }
    let item = match length::read(&mut ahead)? {
        0 => ModuleItem::End,
        1 => ModuleItem::Sint(length::read(&mut ahead)?.cast_signed()),
        2 => ModuleItem::Uint(length::read(&mut ahead)?),
        3 => ModuleItem::Float(f32::from_le_bytes(*ahead.array()?)),
        4 => ModuleItem::Double(f64::from_le_bytes(*ahead.array()?)),
        5 => {
            *cursor = ahead;
            ModuleItem::Bytes(scalar::read(&mut ahead, buffer, limits)?)
        }
        other => return Err(Fault::new(&OPCODE, other)),
    };
    *cursor = ahead;
    Ok(item)
}

/// Reads the head of module data outside of keys: id, opcode 2, time.
pub(crate) fn read_aux_head<'a>(cursor: &mut Cursor<'_>) -> Result<ModuleAux<'a>, Fault> {
    let id = ModuleId(length::read(cursor)?);
    let mut ahead = *cursor;
    match length::read(&mut ahead)? {
        2 => {}
        other => return Err(Fault::new(&WHEN_OPCODE, other)),
    }
    let when = length::read(&mut ahead)?;
    *cursor = ahead;
    Ok(ModuleAux::Open { id, when })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_are_nine_characters_of_six_bits() {
        // "ReJSON-RL" with encoding version 3, by the alphabet of `moduleTypeEncodeId()`.
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits = "ReJSON-RL".chars().fold(0u64, |bits, c| bits << 6 | alphabet.find(c).unwrap() as u64);
        let id = ModuleId(bits << 10 | 3);
        assert_eq!(id.to_string(), "ReJSON-RL");
        assert_eq!(id.encver(), 3);
        assert_eq!(ModuleId::new(b"ReJSON-RL", 3), Some(id));
        assert_eq!(ModuleId::new(b"_________", 1023), Some(ModuleId(u64::MAX)));
        assert_eq!((ModuleId::new(b"ReJSON.RL", 3), ModuleId::new(b"ReJSON-RL", 1024)), (None, None));
    }
}
