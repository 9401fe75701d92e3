//! What stands before a key, for those who want more than its meaning.

use super::opcode;
use crate::wire::cursor::Cursor;
use crate::wire::length;

/// Whether the head of a key, whose bytes are `raw`, says the same thing twice: two
/// expiries, or two of idle time and frequency. The last of a kind is the one that counts.
pub(crate) fn repeats_itself(raw: &[u8]) -> bool {
    let mut cursor = Cursor::new(raw);
    let (mut expiries, mut evictions) = (0u64, 0u64);
    loop {
        // The head was decoded before, so nothing of it is missing.
        let count = match cursor.byte() {
            Ok(opcode::EXPIRE_MS) if cursor.take(8).is_ok() => &mut expiries,
            Ok(opcode::EXPIRE_S) if cursor.take(4).is_ok() => &mut expiries,
            Ok(opcode::FREQ) if cursor.take(1).is_ok() => &mut evictions,
            Ok(opcode::IDLE) if length::read(&mut cursor).is_ok() => &mut evictions,
            _ => return expiries > 1 || evictions > 1,
        };
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_kind_is_no_repetition() {
        let expiry = b"\xfc\0\0\0\0\0\0\0\0";
        let head = |parts: &[&[u8]]| [parts.concat(), b"\x00\x01k".to_vec()].concat();
        assert!(!repeats_itself(&head(&[])));
        assert!(!repeats_itself(&head(&[expiry, b"\xf8\x05"])));
        assert!(repeats_itself(&head(&[b"\xf9\xff", b"\xf8\x05"])));
        assert!(repeats_itself(&head(&[expiry, b"\xfd\0\0\0\0"])));
    }
}
