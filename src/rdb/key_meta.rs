//! Metadata that modules attach to keys (Redis 8.6).
//!
//! ```text
//! F3 | length classes (1..7) | classes x { u32 LE class, module items, 0 }
//! class: 24 bits name (4 characters of 6 bits), 5 bits version, 3 bits flags
//! ```
//! It stands before the value type, behind expiry and idle time as servers write and read it, and
//! before the type of a `DUMP` payload.
//! Source: Redis 8.6 `keymeta.c` `rdbSaveKeyMetadata()`, `rdbLoadKeyMetadata()`.

use super::module::{self, ModuleItem};
use super::opcode;
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::cursor::Cursor;
use crate::wire::length;
use crate::wire::scalar::Strings;
use alloc::vec::Vec;
use core::fmt;

/// As many classes as a server has room for.
pub(crate) const MAX_CLASSES: u64 = 7;

static CLASSES: Cause = Cause::new(FaultKind::Length, "1 to 7 classes of key metadata", Form::Number);

/// A share of a key's metadata.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KeyMeta<'a> {
    /// How many classes follow, 1 to 7.
    Classes(u64),
    /// A class; its items follow.
    Class(MetaClass),
    /// An item; [`ModuleItem::End`] closes the class.
    Item(ModuleItem<'a>),
}

impl KeyMeta<'_> {
    /// Appends the share as it stands in a snapshot, its strings not compressed.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_with(&mut Strings::new(false), out);
    }

    pub(crate) fn write_with(&self, strings: &mut Strings, out: &mut Vec<u8>) {
        match self {
            Self::Classes(classes) => {
                out.push(opcode::KEY_META);
                length::write(*classes, out);
            }
            Self::Class(class) => out.extend_from_slice(&class.0.to_le_bytes()),
            Self::Item(item) => item.write(strings, out),
        }
    }
}

/// Name, version and flags of a class of key metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MetaClass(pub u32);

impl MetaClass {
    /// The four characters of the name.
    #[must_use]
    pub fn name(self) -> [u8; 4] {
        // The last two stand the other way round than in the names of module types.
        module::characters(u64::from(self.0 >> 8), b"_-")
    }

    /// The version of the encoding, 0 to 31.
    #[must_use]
    pub fn version(self) -> u32 {
        self.0 >> 3 & 31
    }

    /// Whether a server that does not know the class may leave it out.
    #[must_use]
    pub fn may_be_ignored(self) -> bool {
        self.0 & 1 != 0
    }
}

impl fmt::Display for MetaClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().into_iter().try_for_each(|character| fmt::Write::write_char(f, char::from(character)))
    }
}

/// Reads the count of classes; the cursor stays where it is on a fault.
pub(crate) fn read_classes(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    let mut ahead = *cursor;
    match length::read(&mut ahead)? {
        count @ 1..=MAX_CLASSES => {
            *cursor = ahead;
            Ok(count)
        }
        other => Err(Fault::new(&CLASSES, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Classes of Redis 8.6.3, as it wrote them.
    #[test]
    fn a_class_is_four_characters_a_version_and_flags() {
        let told = |bytes: [u8; 4]| {
            let class = MetaClass(u32::from_le_bytes(bytes));
            (class.to_string(), class.version(), class.may_be_ignored())
        };
        assert_eq!(told([0x09, 0xf5, 0xc4, 0x28]), ("KMT1".into(), 1, true));
        assert_eq!(told([0xf8, 0xfd, 0xef, 0x6b]), ("a_-9".into(), 31, false));
    }
}
