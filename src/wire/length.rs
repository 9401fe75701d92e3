//! The RDB length encoding.
//!
//! ```text
//! 00xxxxxx                      6-bit length
//! 01xxxxxx yyyyyyyy             14-bit length, big-endian
//! 10000000 + 4 bytes            32-bit length, big-endian
//! 10000001 + 8 bytes            64-bit length, big-endian (RDB >= 8)
//! 11xxxxxx                      not a length: a string encoding
//! ```
//! Source: Redis 8.0 `rdb.c` `rdbLoadLenByRef()`.

use super::cursor::Cursor;
use crate::error::{Cause, Fault, FaultKind, Form};
use alloc::vec::Vec;

static UNDEFINED: Cause = Cause::new(FaultKind::Encoding, "a length byte", Form::Byte);
static ENCODED: Cause = Cause::new(FaultKind::Encoding, "a plain length (encoded length not allowed here)", Form::Byte);

/// Reads a plain length; the cursor stays where it is on a fault.
#[inline(always)]
pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    let mut ahead = *cursor;
    let lead = ahead.byte()?;
    let value = match lead >> 6 {
        0 => u64::from(lead),
        1 => u64::from(lead & 0x3f) << 8 | u64::from(ahead.byte()?),
        _ => read_long(lead, &mut ahead)?,
    };
    *cursor = ahead;
    Ok(value)
}

/// The forms behind a lead byte of `10xxxxxx`, or the refusal of the others.
#[inline(never)]
pub(crate) fn read_long(lead: u8, cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    match lead {
        0x80 => Ok(u64::from(u32::from_be_bytes(*cursor.array()?))),
        0x81 => Ok(u64::from_be_bytes(*cursor.array()?)),
        0xc0.. => Err(Fault::new(&ENCODED, u64::from(lead))),
        _ => Err(Fault::new(&UNDEFINED, u64::from(lead))),
    }
}

/// Appends `value` in its shortest form.
pub(crate) fn write(value: u64, out: &mut Vec<u8>) {
    match value {
        0..0x40 => out.push(value.to_be_bytes()[7]),
        0x40..0x4000 => {
            let [.., high, low] = value.to_be_bytes();
            out.extend_from_slice(&[0x40 | high, low]);
        }
        0x4000..=0xffff_ffff => {
            let [_, _, _, _, low @ ..] = value.to_be_bytes();
            out.push(0x80);
            out.extend_from_slice(&low);
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<(u64, u64), Fault> {
        let mut cursor = Cursor::new(bytes);
        read(&mut cursor).map(|value| (value, cursor.left()))
    }

    #[test]
    fn edges_take_the_form_of_the_reference() {
        let cases: &[(u64, &[u8])] = &[
            (0, &[0]),
            (63, &[63]),
            (64, &[0x40, 64]),
            (16383, &[0x7f, 0xff]),
            (16384, &[0x80, 0, 0, 0x40, 0]),
            (u64::from(u32::MAX), &[0x80, 255, 255, 255, 255]),
            (1 << 32, &[0x81, 0, 0, 0, 1, 0, 0, 0, 0]),
        ];
        for (value, bytes) in cases {
            let mut out = Vec::new();
            write(*value, &mut out);
            assert_eq!(&out, bytes);
            assert_eq!(decode(bytes).unwrap(), (*value, 0));
        }
    }

    #[test]
    fn longer_forms_of_a_small_number_are_read() {
        for bytes in [&[5u8][..], &[0x40, 5], &[0x80, 0, 0, 0, 5], &[0x81, 0, 0, 0, 0, 0, 0, 0, 5]] {
            assert_eq!(decode(bytes).unwrap().0, 5);
        }
    }

    #[test]
    fn undefined_and_encoded_leads_are_refused() {
        for lead in 0x82..=0xff {
            assert_eq!(decode(&[lead, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err().kind(), FaultKind::Encoding);
        }
    }

    #[test]
    fn a_cut_length_says_what_is_missing() {
        let fault = decode(&[0x80, 0, 0]).unwrap_err();
        assert_eq!((fault.kind(), fault.word()), (FaultKind::Short, 2));
    }
}
