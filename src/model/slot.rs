//! Slots of a cluster: which one a key is in.

/// Slots of a cluster.
pub(crate) const SLOTS: u16 = 16_384;

/// CRC-16/XMODEM of each byte.
static TABLE: [u16; 256] = table();

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::cast_possible_truncation)] // when compiled
const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// The slot of a key, 0 to 16383: of what stands between the first `{` and the next `}`, if that is
/// anything, else of the whole key.
///
/// Source: Redis 8.0 `cluster.h` `keyHashSlot()`; the cluster specification.
#[must_use]
pub fn key_slot(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let behind = key.get(open..)?.get(1..)?;
        let close = behind.iter().position(|byte| *byte == b'}').filter(|len| *len > 0)?;
        behind.get(..close)
    });
    let crc = tag.unwrap_or(key).iter().fold(0u16, |crc, byte| {
        let [high, low] = crc.to_be_bytes();
        let entry = TABLE.get(usize::from(high ^ byte)).copied().unwrap_or_default();
        u16::from_be_bytes([low, 0]) ^ entry
    });
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots that Redis 7.0 answers to `CLUSTER KEYSLOT`, and the check value of CRC-16/XMODEM.
    #[test]
    fn slots_are_those_of_the_servers() {
        assert_eq!(key_slot(b"123456789"), 0x31c3);
        for (key, slot) in [(&b""[..], 0), (b"foo", 12182), (b"hello", 866), (b"somekey", 11058)] {
            assert_eq!(key_slot(key), slot, "{key:?}");
        }
        for (key, tag) in [
            (&b"{user1000}.following"[..], &b"user1000"[..]),
            (b"foo{{bar}}zap", b"{bar"),
            (b"foo{bar}{zap}", b"bar"),
            (b"a}b{c}", b"c"),
        ] {
            assert_eq!(key_slot(key), key_slot(tag), "{key:?}");
        }
        // Nothing between the first pair: the whole key counts.
        assert_ne!(key_slot(b"foo{}{bar}"), key_slot(b"bar"));
        assert_ne!(key_slot(b"foo{bar"), key_slot(b"bar"));
    }
}
