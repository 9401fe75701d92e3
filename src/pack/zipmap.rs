//! Zipmap, the small hash of Redis 2.4 and before.
//!
//! ```text
//! u8 pairs (254 = unknown) | pairs | FF
//! pair = length field length u8-free value free-bytes
//! length: 0..253 in one byte, or FE + u32 LE
//! ```
//! Source: Redis 8.0 `zipmap.c` `zipmapValidateIntegrity()`.

use super::{END, Entries, Head, MAX_BYTES, Reading, low_u32};
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::Scalar;
use alloc::vec::Vec;

/// As the count: walk to know.
const UNKNOWN: u8 = 254;
/// Lengths from here on take five bytes.
const LONG: u32 = 254;

static TOO_SHORT: Cause = Cause::inside(FaultKind::Packed, "a zipmap of at least 2 bytes", Form::Number);
static NO_END: Cause = Cause::inside(FaultKind::Packed, "the zipmap's end byte FF", Form::Byte);
static EARLY_END: Cause = Cause::inside(FaultKind::Packed, "a zipmap pair", Form::Text("its end byte"));
static PAST_END: Cause =
    Cause::inside(FaultKind::Packed, "a zipmap string inside the zipmap", Form::Text("one that reaches past its end"));
static LONG_FORM: Cause = Cause::inside(FaultKind::Packed, "a zipmap length of 254 or more in five bytes", Form::Number);
static COUNT: Cause = Cause::inside(FaultKind::Packed, "as many zipmap pairs as its header states", Form::Number);

/// Checks the frame; says whether the zipmap is empty.
#[inline(always)]
pub(crate) fn open(blob: &[u8]) -> Result<bool, Fault> {
    match blob {
        [_, .., 0xff] => Ok(blob.len() == 2),
        [_, .., end] => Err(Fault::located(&NO_END, blob.len().wrapping_sub(1), u64::from(*end))),
        _ => Err(Fault::located(&TOO_SHORT, 0, blob.len() as u64)),
    }
}

/// Entries stated: fields and values counted apart.
pub(crate) fn stated(blob: &[u8]) -> Option<u64> {
    blob.first().filter(|pairs| **pairs != UNKNOWN).map(|pairs| u64::from(*pairs).wrapping_mul(2))
}

/// Iterates a zipmap whose frame was checked: field, value, field, value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ZipmapEntries<'a> {
    blob: &'a [u8],
    rest: &'a [u8],
    seen: u64,
    reading: Reading,
}

impl<'a> ZipmapEntries<'a> {
    #[inline(always)]
    pub(crate) fn new(blob: &'a [u8], reading: Reading) -> Self {
        Self { blob, rest: blob.get(1..).unwrap_or_default(), seen: 0, reading }
    }

    #[cold]
    #[inline(never)]
    fn fault(&self, cause: &'static Cause, found: u64) -> Fault {
        Fault::located(cause, self.at(), found)
    }

    fn end(&self) -> Result<(), Fault> {
        if self.rest.len() != 1 || !self.seen.is_multiple_of(2) {
            return Err(self.fault(&EARLY_END, 0));
        }
        match stated(self.blob) {
            Some(stated) if stated != self.seen && self.reading == Reading::Strict => {
                Err(Fault::located(&COUNT, 0, self.seen / 2))
            }
            _ => Ok(()),
        }
    }
}

impl<'a> Entries<'a> for ZipmapEntries<'a> {
    #[inline(always)]
    fn next(&mut self) -> Result<Option<Scalar<'a>>, Fault> {
        let is_value = self.seen % 2 == 1;
        let (len, rest) = match self.rest {
            [0xff, ..] => return self.end().map(|()| None),
            [0xfe, a, b, c, d, rest @ ..] => {
                let len = u32::from_le_bytes([*a, *b, *c, *d]);
                if len < LONG && self.reading == Reading::Strict {
                    return Err(self.fault(&LONG_FORM, u64::from(len)));
                }
                (len, rest)
            }
            [0xfe, ..] | [] => return Err(self.fault(&PAST_END, 0)),
            [len, rest @ ..] => (u32::from(*len), rest),
        };
        let (free, rest) = match rest.split_first() {
            Some((free, rest)) if is_value => (usize::from(*free), rest),
            _ if is_value => return Err(self.fault(&PAST_END, 0)),
            _ => (0, rest),
        };
        let split = usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len));
        let Some((text, rest)) = split else {
            return Err(self.fault(&PAST_END, u64::from(len)));
        };
        let Some(rest) = rest.get(free..) else {
            return Err(self.fault(&PAST_END, u64::from(len)));
        };
        self.rest = rest;
        self.seen = self.seen.wrapping_add(1);
        Ok(Some(Scalar::Bytes(text)))
    }

    #[inline(always)]
    fn at(&self) -> usize {
        self.blob.len().wrapping_sub(self.rest.len())
    }
}

/// Builds zipmaps.
#[derive(Debug)]
pub(crate) struct ZipmapBuilder {
    /// Count, pairs and end byte; the count is written last.
    blob: Vec<u8>,
    pairs: u64,
}

impl ZipmapBuilder {
    /// An empty zipmap; none is legal without a pair.
    pub(crate) fn new() -> Self {
        let mut empty = Self { blob: Vec::new(), pairs: 0 };
        empty.clear();
        empty
    }

    /// Starts anew in the same buffer.
    pub(crate) fn clear(&mut self) {
        self.blob.clear();
        self.blob.extend_from_slice(&[0, END]);
        self.pairs = 0;
    }

    /// Appends a pair, no bytes left free behind its value. False, and nothing
    /// appended, if the zipmap became too large.
    #[must_use]
    pub(crate) fn push(&mut self, field: Scalar<'_>, value: Scalar<'_>) -> bool {
        field.with_text(|field| value.with_text(|value| self.push_text(field, value)))
    }

    fn push_text(&mut self, field: &[u8], value: &[u8]) -> bool {
        let (field_len, value_len) = (length(field), length(value));
        let heads = field_len.len.wrapping_add(value_len.len).wrapping_add(1);
        let size = heads.saturating_add(field.len()).saturating_add(value.len());
        if self.blob.len().saturating_add(size) > MAX_BYTES {
            return false;
        }
        self.blob.pop();
        field_len.push_to(&mut self.blob);
        self.blob.extend_from_slice(field);
        value_len.push_to(&mut self.blob);
        self.blob.push(0);
        self.blob.extend_from_slice(value);
        self.blob.push(END);
        self.pairs = self.pairs.wrapping_add(1);
        true
    }

    /// The zipmap so far, whole; more pairs may follow.
    pub(crate) fn finish(&mut self) -> &[u8] {
        if let Some(count) = self.blob.first_mut() {
            *count = u8::try_from(self.pairs).map_or(UNKNOWN, |pairs| pairs.min(UNKNOWN));
        }
        &self.blob
    }
}

/// A length in its only form.
///
/// Source: Redis 2.4 `zipmap.c` `zipmapEncodeLength()`.
fn length(text: &[u8]) -> Head {
    let len = low_u32(text.len());
    let [l0, l1, l2, l3] = len.to_le_bytes();
    if len < LONG { Head::new([l0]) } else { Head::new([0xfe, l0, l1, l2, l3]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn decode(blob: &[u8]) -> Result<Vec<Vec<u8>>, u64> {
        open(blob).map_err(|f| f.blob_offset().unwrap())?;
        let mut entries = ZipmapEntries::new(blob, Reading::Strict);
        let mut out = Vec::new();
        while let Some(value) = entries.next().map_err(|f| f.blob_offset().unwrap())? {
            out.push(value.to_vec());
        }
        Ok(out)
    }

    #[test]
    fn free_bytes_stand_behind_values_only() {
        let blob = b"\x02\x03foo\x03\x02bar\0\0\x01k\x01\0v\xff";
        assert_eq!(decode(blob).unwrap(), [&b"foo"[..], b"bar", b"k", b"v"]);
        let mut long = b"\x01\x01f\xfe\x2c\x01\0\0\0".to_vec();
        long.extend_from_slice(&[b'x'; 300]);
        long.push(0xff);
        assert_eq!(decode(&long).unwrap()[1], [b'x'; 300]);
        let mut short = b"\x01\x01f\xfd\0".to_vec();
        short.extend_from_slice(&[b'x'; 253]);
        short.push(0xff);
        assert_eq!(decode(&short).unwrap()[1], [b'x'; 253]);
    }

    fn build(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut builder = ZipmapBuilder::new();
        for (field, value) in pairs {
            assert!(builder.push(Scalar::Bytes(field), Scalar::Bytes(value)));
        }
        builder.finish().to_vec()
    }

    /// The example of the published description of the format
    /// (<https://rdb.fnordig.de/file_format.html>, zipmap encoding).
    #[test]
    fn a_zipmap_is_built_as_published() {
        assert_eq!(build(&[(b"MKD1G6", b"2"), (b"YNNXK", b"F7TI")]), b"\x02\x06MKD1G6\x01\x002\x05YNNXK\x04\x00F7TI\xff");
    }

    #[test]
    fn lengths_of_254_and_more_take_five_bytes() {
        for (len, head) in
            [(253, &[253][..]), (254, &[254, 254, 0, 0, 0]), (255, &[254, 255, 0, 0, 0]), (300, &[254, 44, 1, 0, 0])]
        {
            let text = alloc::vec![b'x'; len];
            let built = build(&[(&text, b"v"), (b"f", &text)]);
            assert_eq!(&built[1..][..head.len()], head);
            assert_eq!(decode(&built).unwrap(), [&text[..], b"v", b"f", &text]);
        }
    }

    #[test]
    fn a_count_that_does_not_fit_is_unknown() {
        let mut builder = ZipmapBuilder::new();
        for count in 1..=300u64 {
            assert!(builder.push(Scalar::Int(7), Scalar::Bytes(b"")));
            assert_eq!(u64::from(builder.finish()[0]), count.min(254));
        }
        assert_eq!(decode(builder.finish()).unwrap().len(), 600);
        builder.clear();
        assert_eq!(builder.finish(), [0, 0xff]);
        assert!(builder.push(Scalar::Int(-7), Scalar::Int(0)));
        assert_eq!(builder.finish(), b"\x01\x02-7\x01\x000\xff");
    }

    #[test]
    fn faults_name_their_byte() {
        assert_eq!(decode(b"\x01\x01f\xfe\x03\0\0\0\0abc\xff"), Err(3), "long form of a short length");
        assert_eq!(decode(b"\x01\xfe\xfe\xff\xff\xff\x01f\xff"), Err(1), "length that wraps 32 bits");
        assert_eq!(decode(b"\x02\x01f\x01\0v\xff"), Err(0), "count");
        assert_eq!(decode(b"\xfe\x01f\x01\0v\xff").unwrap().len(), 2, "count unknown");
        assert_eq!(decode(b"\xff\x01f\x01\0v\xff"), Err(0), "a count no writer gives");
        assert_eq!(decode(b"\x01\x01f\x01\x09v\xff"), Err(3), "free bytes past the end");
        assert_eq!(decode(b"\x01\x01f\x01\0v"), Err(5), "no end byte");
        assert_eq!(decode(b"\x01\x01f\xff"), Err(3), "field without value");
        assert_eq!(decode(b"\xff"), Err(0), "too short");
    }
}
