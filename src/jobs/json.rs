//! JSON text: a writer that knows commas, and byte strings in both their forms.
//!
//! Bytes are a JSON string where they are valid UTF-8, else `{"$b64":"..."}`.
//! `</`, U+2028 and U+2029 are escaped, so that the text may stand in a page or
//! a script.

use crate::wire::Scalar;
use alloc::vec::Vec;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Writes JSON values one behind the other.
#[derive(Debug)]
pub struct Json<'o> {
    out: &'o mut Vec<u8>,
    /// Whether a comma goes before what comes next.
    is_behind: bool,
}

impl<'o> Json<'o> {
    /// Appends to `out`, which is at the beginning of a value.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, is_behind: false }
    }

    /// As [`Json::new`], within an array or object; `is_behind` says whether an
    /// item stands before this place.
    pub(crate) fn within(out: &'o mut Vec<u8>, is_behind: bool) -> Self {
        Self { out, is_behind }
    }

    #[inline(always)]
    fn comma(&mut self) {
        if self.is_behind {
            self.out.push(b',');
        }
        self.is_behind = true;
    }

    /// Opens an array or object: `[` or `{`.
    #[inline]
    pub fn open(&mut self, bracket: u8) -> &mut Self {
        self.comma();
        self.out.push(bracket);
        self.is_behind = false;
        self
    }

    /// Closes an array or object: `]` or `}`.
    #[inline]
    pub fn close(&mut self, bracket: u8) -> &mut Self {
        self.out.push(bracket);
        self.is_behind = true;
        self
    }

    /// The name of the member whose value comes next: text that needs no escapes.
    #[inline]
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.is_behind = false;
        self
    }

    /// The name of a member that is bytes: as text, or `"$b64:` and base64 where
    /// it is not UTF-8 or begins with `$b64:`.
    #[inline]
    pub fn name_bytes(&mut self, name: Scalar<'_>) -> &mut Self {
        self.comma();
        match name {
            Scalar::Bytes(bytes) if core::str::from_utf8(bytes).is_err() || bytes.starts_with(B64.as_bytes()) => {
                self.out.push(b'"');
                self.out.extend_from_slice(B64.as_bytes());
                push_base64(bytes, self.out);
                self.out.push(b'"');
            }
            name => name.with_text(|text| push_text(text, self.out)),
        }
        self.out.push(b':');
        self.is_behind = false;
        self
    }

    /// Bytes, in either form.
    #[inline]
    pub fn bytes(&mut self, scalar: Scalar<'_>) -> &mut Self {
        self.comma();
        match scalar {
            Scalar::Int(int) => {
                self.out.push(b'"');
                self.out.extend_from_slice(itoa::Buffer::new().format(int).as_bytes());
                self.out.push(b'"');
            }
            Scalar::Bytes(bytes) if core::str::from_utf8(bytes).is_ok() => push_text(bytes, self.out),
            Scalar::Bytes(bytes) => {
                self.out.extend_from_slice(b"{\"$b64\":\"");
                push_base64(bytes, self.out);
                self.out.extend_from_slice(b"\"}");
            }
        }
        self
    }

    /// Text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(Scalar::Bytes(text.as_bytes()))
    }

    /// Text that needs no escapes.
    #[inline]
    pub(crate) fn quoted(&mut self, text: &str) -> &mut Self {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
        self
    }

    /// Ends a line; what comes next is a new value.
    pub fn end_line(&mut self) {
        self.out.push(b'\n');
        self.is_behind = false;
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, int: impl itoa::Integer) -> &mut Self {
        self.comma();
        self.out.extend_from_slice(itoa::Buffer::new().format(int).as_bytes());
        self
    }

    /// A score: the shortest text that gives the same double, or `"inf"`, `"-inf"`.
    #[inline]
    pub fn score(&mut self, score: f64) -> &mut Self {
        self.comma();
        push_score(score, self.out);
        self
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.raw(if value { b"true" } else { b"false" })
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Self {
        self.raw(b"null")
    }

    /// A value that is JSON text already.
    pub(crate) fn raw(&mut self, json: &[u8]) -> &mut Self {
        self.comma();
        self.out.extend_from_slice(json);
        self
    }
}

/// What stands before the base64 of a name.
pub(super) const B64: &str = "$b64:";

/// The member of an object that is bytes: their base64.
pub(super) const B64_MEMBER: &str = "$b64";

/// Appends the base64 of `bytes`, padded.
pub(super) fn push_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let Some(len) = base64::encoded_len(bytes.len(), true) else { return };
    out.resize(start.saturating_add(len), 0);
    // The room is what the engine says it needs.
    let written = STANDARD.encode_slice(bytes, out.get_mut(start..).unwrap_or_default());
    debug_assert_eq!(written.ok(), Some(len));
}

/// Base64 of bytes that come in pieces.
#[derive(Debug, Default)]
pub(crate) struct Base64 {
    /// Up to two bytes that make no whole group yet.
    rest: Vec<u8>,
}

impl Base64 {
    const GROUP: usize = 3;

    pub(crate) fn clear(&mut self) {
        self.rest.clear();
    }

    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut bytes = bytes;
        if !self.rest.is_empty() {
            let missing = Self::GROUP.saturating_sub(self.rest.len()).min(bytes.len());
            let (first, behind) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
            self.rest.extend_from_slice(first);
            bytes = behind;
            if self.rest.len() < Self::GROUP {
                return;
            }
            push_base64(&self.rest, out);
            self.rest.clear();
        }
        let spare = bytes.len() % Self::GROUP;
        let (whole, rest) = bytes.split_at_checked(bytes.len().saturating_sub(spare)).unwrap_or((bytes, &[]));
        push_base64(whole, out);
        self.rest.extend_from_slice(rest);
    }

    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        push_base64(&self.rest, out);
        self.rest.clear();
    }
}

/// The score without a needless `.0`; negative zero keeps it, since readers take `-0` for an integer.
pub(super) fn push_score(score: f64, out: &mut Vec<u8>) {
    if !score.is_finite() {
        let name: &[u8] = if score > 0.0 { b"\"inf\"" } else { b"\"-inf\"" };
        return out.extend_from_slice(name);
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(score).as_bytes();
    let short = text.strip_suffix(b".0").filter(|short| *short != b"-0").unwrap_or(text);
    out.extend_from_slice(short);
}

/// Appends valid UTF-8 as a JSON string.
#[inline]
fn push_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    loop {
        let (clean, special) = rest.split_at_checked(clean_len(rest)).unwrap_or((rest, &[]));
        out.extend_from_slice(clean);
        if special.is_empty() {
            break;
        }
        rest = push_special(special, out);
    }
    out.push(b'"');
}

/// Appends the special byte in front of `text`, escaped if need be; gives the rest.
fn push_special<'t>(text: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let (escape, rest): (&[u8], &[u8]) = match text {
        [b'"', rest @ ..] => (b"\\\"", rest),
        [b'\\', rest @ ..] => (b"\\\\", rest),
        [b'\n', rest @ ..] => (b"\\n", rest),
        [b'\r', rest @ ..] => (b"\\r", rest),
        [b'\t', rest @ ..] => (b"\\t", rest),
        [b'<', b'/', rest @ ..] => (b"<\\/", rest),
        [0xe2, 0x80, 0xa8, rest @ ..] => (b"\\u2028", rest),
        [0xe2, 0x80, 0xa9, rest @ ..] => (b"\\u2029", rest),
        [control @ ..0x20, rest @ ..] => {
            let digit = |nibble: u8| HEX.get(usize::from(nibble & 15)).copied().unwrap_or(b'0');
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[digit(control >> 4), digit(*control)]);
            (&[], rest)
        }
        [other, rest @ ..] => (core::slice::from_ref(other), rest),
        [] => (&[], &[]),
    };
    out.extend_from_slice(escape);
    rest
}

/// Length of the beginning of `text` that needs no look: no control character,
/// quote, backslash, `<` or lead byte of U+2028.
#[inline]
fn clean_len(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    /// The high bit of each byte that is zero; above the lowest such byte, of others too.
    fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGHS
    }
    fn equals(word: u64, byte: u8) -> u64 {
        zeros(word ^ ONES.wrapping_mul(u64::from(byte)))
    }
    let (words, tail) = text.as_chunks::<8>();
    let mut clean = 0usize;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let controls = word.wrapping_sub(ONES.wrapping_mul(0x20)) & !word & HIGHS;
        let found = controls | equals(word, b'"') | equals(word, b'\\') | equals(word, b'<') | equals(word, 0xe2);
        if found != 0 {
            return clean.saturating_add((found.trailing_zeros() / 8) as usize);
        }
        clean = clean.saturating_add(8);
    }
    let is_special = |byte: &u8| matches!(byte, ..0x20 | b'"' | b'\\' | b'<' | 0xe2);
    clean.saturating_add(tail.iter().position(is_special).unwrap_or(tail.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn json(write: impl FnOnce(&mut Json<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Json::new(&mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_escaped_where_json_or_a_page_demands_it() {
        let of = |text: &str| {
            json(|j| {
                j.text(text);
            })
        };
        assert_eq!(of(""), r#""""#);
        assert_eq!(of("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(of("\0\x01\x08\x0c\n\r\t\x1f\x7f"), "\"\\u0000\\u0001\\u0008\\u000c\\n\\r\\t\\u001f\x7f\"");
        assert_eq!(of("</script><b>a/b<"), r#""<\/script><b>a/b<""#);
        assert_eq!(of("\u{2027}\u{2028}\u{2029}\u{202a}"), "\"\u{2027}\\u2028\\u2029\u{202a}\"");
        assert_eq!(of("é日本😀"), "\"é日本😀\"");
    }

    /// Every special byte at every place of a word and in the tail behind it.
    #[test]
    #[cfg_attr(miri, ignore = "every place in strings of many lengths")]
    fn escapes_are_found_at_every_place() {
        for special in ["\"", "\\", "\n", "\u{1}", "</", "\u{2028}", "\u{2030}"] {
            let escaped = match special {
                "\"" => "\\\"",
                "\\" => "\\\\",
                "\n" => "\\n",
                "\u{1}" => "\\u0001",
                "</" => "<\\/",
                "\u{2028}" => "\\u2028",
                other => other,
            };
            for before in 0..20 {
                for behind in 0..20 {
                    let pad = |count| "~".repeat(count);
                    let text = alloc::format!("{}{special}{}", pad(before), pad(behind));
                    let expected = alloc::format!("\"{}{escaped}{}\"", pad(before), pad(behind));
                    assert_eq!(
                        json(|j| {
                            j.text(&text);
                        }),
                        expected
                    );
                }
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_base64() {
        for (bytes, expected) in [
            (&b"\xff"[..], r#"{"$b64":"/w=="}"#),
            (b"\xed\xa0\x80", r#"{"$b64":"7aCA"}"#),
            (b"\xc0\x80", r#"{"$b64":"wIA="}"#),
            (b"ok", r#""ok""#),
        ] {
            assert_eq!(
                json(|j| {
                    j.bytes(Scalar::Bytes(bytes));
                }),
                expected
            );
        }
    }

    #[test]
    fn base64_of_pieces_is_that_of_the_whole() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut whole = Vec::new();
        push_base64(&bytes, &mut whole);
        for size in [1, 2, 3, 4, 5, 7, 100] {
            let mut base64 = Base64::default();
            let mut out = Vec::new();
            for piece in bytes.chunks(size) {
                base64.push(piece, &mut out);
            }
            base64.finish(&mut out);
            assert_eq!(out, whole, "pieces of {size}");
        }
    }

    #[test]
    fn names_of_members_are_always_strings() {
        let of = |name: &[u8]| {
            json(|j| {
                j.open(b'{').name_bytes(Scalar::Bytes(name)).null().close(b'}');
            })
        };
        assert_eq!(of(b"f"), r#"{"f":null}"#);
        assert_eq!(of(b"__proto__"), r#"{"__proto__":null}"#);
        assert_eq!(of(b"\xff"), r#"{"$b64:/w==":null}"#);
        assert_eq!(of(b"$b64:x"), r#"{"$b64:JGI2NDp4":null}"#);
    }

    #[test]
    fn numbers_are_exact_and_short() {
        let of = |score: f64| {
            json(|j| {
                j.score(score);
            })
        };
        for (score, expected) in [
            (0.0, "0"),
            (-0.0, "-0.0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (f64::INFINITY, "\"inf\""),
            (f64::NEG_INFINITY, "\"-inf\""),
            (100.0, "100"),
        ] {
            assert_eq!(of(score), expected);
        }
        for score in [f64::MAX, f64::MIN_POSITIVE, 5e-324, 9_007_199_254_740_993.0, 1e21, 1e22, 1.0 / 3.0] {
            assert_eq!(of(score).parse::<f64>().unwrap().to_bits(), score.to_bits());
        }
        assert_eq!(
            json(|j| {
                j.open(b'[').int(u64::MAX).int(i64::MIN).bool(true).close(b']');
            }),
            "[18446744073709551615,-9223372036854775808,true]"
        );
    }
}
