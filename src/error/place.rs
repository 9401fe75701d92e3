//! Where it went wrong, and bytes of files shown as text.

use alloc::string::String;
use core::fmt;

/// Database, key and element that an error or finding speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The database number, once one was selected.
    pub db: Option<u64>,
    /// The beginning of the key.
    pub key: Option<KeyPreview>,
    /// Name of the value type, such as `hash-listpack`.
    pub value_type: Option<&'static str>,
    /// Position of the element in the value, from 0.
    pub element: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            write!(f, ", key \"{key}\"")?;
            if let Some(value_type) = self.value_type {
                write!(f, " ({value_type})")?;
            }
        }
        if let Some(element) = self.element {
            write!(f, ", element {element}")?;
        }
        if let Some(db) = self.db {
            write!(f, ", db {db}")?;
        }
        Ok(())
    }
}

/// The first bytes of a key, at most [`KeyPreview::MAX`].
#[derive(Clone, Copy)]
pub struct KeyPreview {
    /// Behind a short key stand whatever bytes came next in the chunk.
    bytes: [u8; Self::MAX],
    len: u64,
}

impl KeyPreview {
    /// Bytes kept of a key.
    pub const MAX: usize = 32;

    /// Keeps the first bytes of `key`.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let mut bytes = [0; Self::MAX];
        for (to, from) in bytes.iter_mut().zip(key) {
            *to = *from;
        }
        Self { bytes, len: key.len() as u64 }
    }

    /// A key of `len` bytes whose beginning stands at the start of `window`.
    #[inline(always)]
    pub(crate) fn from_window(window: &[u8; Self::MAX], len: u64) -> Self {
        Self { bytes: *window, len }
    }

    /// The kept bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let kept = usize::try_from(self.len).unwrap_or(Self::MAX).min(Self::MAX);
        self.bytes.get(..kept).unwrap_or_default()
    }

    /// Length of the whole key in bytes.
    #[must_use]
    pub fn key_len(&self) -> u64 {
        self.len
    }
}

impl PartialEq for KeyPreview {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.bytes() == other.bytes()
    }
}

impl Eq for KeyPreview {}

impl fmt::Debug for KeyPreview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Display for KeyPreview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.bytes();
        write!(f, "{}", Escaped(kept))?;
        if kept.len() as u64 != self.len {
            f.write_str("...")?;
        }
        Ok(())
    }
}

/// Shows bytes as text: valid UTF-8 as it is, but control, bidi and zero-width
/// characters, quotes, backslashes and invalid bytes escaped.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\\' => write!(f, "\\{c}")?,
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\t' => f.write_str("\\t")?,
                    c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                    c if is_disguising(c) => write!(f, "\\u{{{:04x}}}", u32::from(c))?,
                    c => f.write_char(c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Characters that change how the text around them looks: C1 controls, bidi
/// controls, zero-width and line separators.
#[must_use]
pub fn is_disguising(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

impl<'a> From<&'a Place> for String {
    fn from(place: &'a Place) -> Self {
        use alloc::string::ToString;
        place.to_string()
    }
}
