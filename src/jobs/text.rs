//! Search for a part of a key in any case. Millions of keys are looked at
//! while somebody types, so plain keys are compared without another copy.

use alloc::vec::Vec;

/// A text to be found anywhere in a key. Bytes that are no UTF-8 stand for themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    folded: Vec<u8>,
}

impl Text {
    /// Takes the text in upper or lower case.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { folded: fold(text.as_bytes()) }
    }

    /// Whether `key` has the text in it.
    #[must_use]
    pub fn is_in(&self, key: &[u8]) -> bool {
        let Some((first, rest)) = self.folded.split_first() else { return true };
        if !key.is_ascii() {
            return fold(key).windows(self.folded.len()).any(|window| window == self.folded);
        }
        let mut tail = key;
        while let Some(at) = tail.iter().position(|byte| byte.to_ascii_lowercase() == *first) {
            tail = tail.get(at.saturating_add(1)..).unwrap_or_default();
            match tail.get(..rest.len()) {
                Some(same) if same.eq_ignore_ascii_case(rest) => return true,
                Some(_) => {}
                None => return false,
            }
        }
        false
    }
}

/// The bytes with every character in one case: that of the lower case of its upper
/// case, since some characters share only the upper one.
fn fold(bytes: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase) {
            folded.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        folded.extend_from_slice(chunk.invalid());
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &str, key: &[u8]) -> bool {
        Text::new(text).is_in(key)
    }

    #[test]
    fn any_part_in_any_case() {
        assert!(finds("", b"") && finds("", b"key"));
        assert!(finds("SER:1", b"user:17") && finds("user", b"USER") && finds("er", b"eeer"));
        assert!(!finds("user", b"use") && !finds("a", b"") && !finds("aab", b"aaa"));
    }

    #[test]
    fn beyond_ascii_too() {
        assert!(finds("größe", "Hutgröße:1".as_bytes()) && finds("GRÖ", "größe".as_bytes()));
        assert!(finds("ключ", "МОЙ-КЛЮЧ".as_bytes()) && !finds("ключ", "клуч".as_bytes()));
        // Both small sigmas, and U+212A, the Kelvin sign, which is a K.
        assert!(finds("ΟΔΌΣ", "οδός".as_bytes()) && finds("όσ", "ΌΣ".as_bytes()));
        assert!(finds("k", "\u{212a}".as_bytes()));
        assert!(finds("b", b"\xffB\xfe") && !finds("\u{ff}", b"\xff"));
    }
}
