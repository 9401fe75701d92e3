//! What is left of a `SELECT` among bytes that are lost.

/// Its name with a line on either side of it: text of a value rarely has that.
const LEFT: [&[u8]; 2] = [b"$6\r\nselect", b"select\r\n$"];

/// Goes through bytes that follow one another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LostSelect {
    /// How much of each is there.
    matched: [usize; LEFT.len()],
    found: Option<u64>,
}

impl LostSelect {
    /// Goes through the next bytes, which start there.
    pub(super) fn feed(&mut self, mut offset: u64, bytes: &[u8]) {
        for byte in bytes {
            offset = offset.saturating_add(1);
            for (left, matched) in LEFT.iter().zip(&mut self.matched) {
                // The first byte of each stands nowhere else in it.
                let is_next = |at: usize| left.get(at).is_some_and(|next| next.eq_ignore_ascii_case(byte));
                *matched = if is_next(*matched) { matched.saturating_add(1) } else { usize::from(is_next(0)) };
                if *matched == left.len() && self.found.is_none() {
                    self.found = Some(offset);
                }
            }
        }
    }

    /// Other bytes come next.
    pub(super) fn jump(&mut self) {
        self.matched = Default::default();
    }

    /// A whole one was seen behind that byte.
    pub(super) fn is_seen(&mut self, offset: u64) {
        self.found = self.found.or(Some(offset));
    }

    /// Whether there is one that ends up to there.
    pub(super) fn is_before(&self, end: u64) -> bool {
        self.found.is_some_and(|found| found <= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_select_is_seen_however_it_is_cut() {
        for (bytes, found) in [
            (&b"*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n"[..], Some(114)),
            (b"*2\r\n$6\r\nselect\0\0\0", Some(114)),
            (b"\0\0\0LECT $SeSelect\r\n$1", Some(120)),
            (b"$6\r\n$6\r\nselect", Some(114)),
            (b"x\nSELECT a FROM b\r\n$6\r\nSELEC", None),
        ] {
            for size in [1, 3, 100] {
                let mut lost = LostSelect::default();
                for (number, piece) in bytes.chunks(size).enumerate() {
                    lost.feed(100 + (number * size) as u64, piece);
                }
                assert_eq!(lost.found, found, "{}", bytes.escape_ascii());
            }
        }
    }
}
