//! CRC-64/REDIS: Jones polynomial `ad93d23594c935a9`, reflected, initial value 0.
//!
//! With `std`, `crc-fast` takes long blocks (SIMD) and `crc64` short runs;
//! elsewhere a table of ours does both. All are held to the same vectors.

/// Table polynomial: the Jones polynomial with its bits reversed.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// `tables[k][b]` is the CRC of byte `b` followed by `k` zero bytes.
pub(super) type Tables = [[u64; 256]; 16];

#[cfg(not(any(feature = "wasm", feature = "wasm-tools")))]
static TABLES: Tables = tables(POLYNOMIAL);
/// Made when first needed: nothing packs as badly as such a table, and the package is fetched packed.
#[cfg(any(feature = "wasm", feature = "wasm-tools"))]
static TABLES: std::sync::LazyLock<Tables> = std::sync::LazyLock::new(|| tables(POLYNOMIAL));

/// The tables of a reflected CRC of at most 64 bits.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)] // indices are below 256 and 16
pub(super) const fn tables(polynomial: u64) -> Tables {
    let mut tables = [[0; 256]; 16];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut k = 1;
    while k < 16 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[k - 1][byte];
            tables[k][byte] = crc >> 8 ^ tables[0][(crc & 0xff) as usize];
            byte += 1;
        }
        k += 1;
    }
    tables
}

/// The CRC after `bytes`, continuing from `crc` (0 at the start).
#[cfg(feature = "std")]
pub(crate) fn update(crc: u64, bytes: &[u8]) -> u64 {
    /// Below this, setting up the SIMD kernel costs more than it saves.
    const BLOCK: usize = 512;
    if bytes.len() >= BLOCK {
        let mut digest = crc_fast::Digest::new_with_init_state(crc_fast::CrcAlgorithm::Crc64Redis, crc);
        digest.update(bytes);
        digest.finalize()
    } else {
        crc64::crc64(crc, bytes)
    }
}

/// The CRC after `bytes`, continuing from `crc` (0 at the start).
#[cfg(not(feature = "std"))]
pub(crate) fn update(crc: u64, bytes: &[u8]) -> u64 {
    update_by_tables(&TABLES, crc, bytes)
}

/// The CRC after `bytes` by its tables.
#[cfg(any(test, feature = "unpack", not(feature = "std")))]
pub(super) fn update_by_tables(tables: &Tables, mut crc: u64, bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<16>();
    let [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, ta, tb, tc, td, te, tf] = tables;
    for &[b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, ba, bb, bc, bd, be, bf] in blocks {
        let [c0, c1, c2, c3, c4, c5, c6, c7] = (crc ^ u64::from_le_bytes([b0, b1, b2, b3, b4, b5, b6, b7])).to_le_bytes();
        crc = at(tf, c0)
            ^ at(te, c1)
            ^ at(td, c2)
            ^ at(tc, c3)
            ^ at(tb, c4)
            ^ at(ta, c5)
            ^ at(t9, c6)
            ^ at(t8, c7)
            ^ at(t7, b8)
            ^ at(t6, b9)
            ^ at(t5, ba)
            ^ at(t4, bb)
            ^ at(t3, bc)
            ^ at(t2, bd)
            ^ at(t1, be)
            ^ at(t0, bf);
    }
    for &byte in rest {
        let [low, ..] = crc.to_le_bytes();
        crc = crc >> 8 ^ at(t0, low ^ byte);
    }
    crc
}

#[inline(always)]
fn at(table: &[u64; 256], byte: u8) -> u64 {
    table.get(usize::from(byte)).copied().unwrap_or_default()
}

/// The CRC before `bytes`, given the CRC after them: a CRC runs backwards too,
/// since the top bytes of the table's 256 entries are all different.
pub(crate) fn undo(mut crc: u64, bytes: &[u8]) -> u64 {
    let tables: &Tables = &TABLES;
    let [t0, ..] = tables;
    for &byte in bytes.iter().rev() {
        let [.., top] = crc.to_le_bytes();
        let low = at_top(top);
        crc = (crc ^ at(t0, low)) << 8 | u64::from(low ^ byte);
    }
    crc
}

/// The byte whose table entry has `top` as its highest byte.
fn at_top(top: u8) -> u8 {
    static BY_TOP: [u8; 256] = by_top();
    BY_TOP.get(usize::from(top)).copied().unwrap_or_default()
}

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)] // evaluated by the compiler
const fn by_top() -> [u8; 256] {
    let [table, ..] = tables(POLYNOMIAL);
    let mut inverse = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        inverse[(table[byte] >> 56) as usize] = byte as u8;
        byte += 1;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Value published with the algorithm and observed on Redis 7.0.15.
    #[test]
    fn check_value() {
        assert_eq!(update(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(update_by_tables(&TABLES, 0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(update(0, b""), 0);
    }

    #[test]
    fn all_engines_agree_at_every_length_and_split() {
        let bytes: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let longest = if cfg!(miri) { 64 } else { 20_000 };
        for len in (0..64).chain([4095, 4096, 4097, 16_384, 20_000]).filter(|len| *len <= longest) {
            let whole = update(0, &bytes[..len]);
            assert_eq!(whole, update_by_tables(&TABLES, 0, &bytes[..len]), "length {len}");
            for split in [0, 1, len / 2, len.saturating_sub(1)] {
                let split = split.min(len);
                assert_eq!(whole, update(update(0, &bytes[..split]), &bytes[split..len]), "length {len} split {split}");
            }
        }
    }

    #[test]
    fn undo_takes_bytes_out_again() {
        let bytes = b"REDIS0011 and some bytes that were read too early";
        for kept in 0..bytes.len() {
            assert_eq!(undo(update(0, bytes), &bytes[kept..]), update(0, &bytes[..kept]));
        }
    }
}
