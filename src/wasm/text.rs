//! Search for a part of a key without regard to case.

use alloc::vec::Vec;

/// A text to be found anywhere in a key. Bytes that are no UTF-8 stand for themselves.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    folded: Vec<u8>,
}

impl Text {
    pub(super) fn new(text: &str) -> Self {
        let mut folded = Vec::new();
        fold(text.as_bytes(), &mut folded);
        Self { folded }
    }

    /// Whether `key` holds the text. `buffer` is room to be used again.
    pub(super) fn is_in(&self, key: &[u8], buffer: &mut Vec<u8>) -> bool {
        let Some((first, rest)) = self.folded.split_first() else { return true };
        if !key.is_ascii() {
            buffer.clear();
            fold(key, buffer);
            return buffer.windows(self.folded.len()).any(|window| window == self.folded);
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

/// Appends `bytes` in lower case, character by character.
fn fold(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars().flat_map(char::to_lowercase) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        out.extend_from_slice(chunk.invalid());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &str, key: &[u8]) -> bool {
        Text::new(text).is_in(key, &mut Vec::new())
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
        // U+212A, the Kelvin sign, is a K.
        assert!(finds("k", "\u{212a}".as_bytes()));
        assert!(finds("b", b"\xffB\xfe") && !finds("\u{ff}", b"\xff"));
    }
}
