//! CRC-32 of gzip: polynomial `04c11db7`, reflected, complemented before and after.
//!
//! By the tables of CRC-64: those that crates bring are 16 KiB that cannot be packed.
//!
//! Source: RFC 1952, section 8.

use super::crc64::{Tables, tables, update_by_tables};

/// The polynomial with its bits reversed.
const POLYNOMIAL: u64 = 0xedb8_8320;

#[cfg(not(any(feature = "wasm", feature = "wasm-tools")))]
static TABLES: Tables = tables(POLYNOMIAL);
/// As for CRC-64.
#[cfg(any(feature = "wasm", feature = "wasm-tools"))]
static TABLES: std::sync::LazyLock<Tables> = std::sync::LazyLock::new(|| tables(POLYNOMIAL));

/// The CRC after `bytes`, continuing from `crc` (0 at the start).
pub(crate) fn update(crc: u32, bytes: &[u8]) -> u32 {
    let [a, b, c, d, ..] = update_by_tables(&TABLES, u64::from(!crc), bytes).to_le_bytes();
    !u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value() {
        // As published for CRC-32/ISO-HDLC, in one piece and in pieces of either side of a block.
        assert_eq!(update(0, b"123456789"), 0xcbf4_3926);
        assert_eq!(update(0, b""), 0);
        let long = [b'a'; 100];
        for split in [0, 1, 15, 16, 17, 99] {
            assert_eq!(update(update(0, &long[..split]), &long[split..]), 0xaf70_7a64, "{split}");
        }
    }
}
