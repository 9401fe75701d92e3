//! JSON text that others wrote: whether it is some, and its tokens.
//!
//! Numbers keep their digits and objects their repeated names: nothing is parsed
//! into values. Source: RFC 8259.

use alloc::vec::Vec;

/// Arrays and objects in each other, at most. The servers' modules stop there too: RedisJSON 2.x and
/// `json.max-path-limit` of Valkey's module.
pub(crate) const MAX_DEPTH: usize = 128;

/// A token of a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'t> {
    /// One of `{}[]:,`.
    Sign(u8),
    /// A string with its quotes.
    String(&'t [u8]),
    /// Anything else up to the next sign, quote or blank: a number or a word.
    Word(&'t [u8]),
}

/// The tokens of `text`. A string that has no end goes on to the end of the text.
pub(crate) fn tokens(text: &[u8]) -> impl Iterator<Item = Token<'_>> + Clone {
    let mut rest = text;
    core::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        let (token, len) = match rest.first()? {
            sign @ (b'{' | b'}' | b'[' | b']' | b':' | b',') => return take(&mut rest, 1).map(|_| Token::Sign(*sign)),
            b'"' => (Token::String as fn(_) -> _, string_len(rest)),
            _ => (Token::Word as fn(_) -> _, rest.iter().position(|byte| ends_word(*byte)).unwrap_or(rest.len())),
        };
        take(&mut rest, len).map(token)
    })
}

fn take<'t>(rest: &mut &'t [u8], len: usize) -> Option<&'t [u8]> {
    let (token, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(token)
}

fn ends_word(byte: u8) -> bool {
    matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"') || byte.is_ascii_whitespace()
}

/// Length of the string at the front of `text`, quotes included.
fn string_len(text: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = text.iter().skip(1).position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |end| end.saturating_add(2))
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Value,
    /// A value, or the end of the array just opened.
    FirstValue,
    Name,
    /// A name, or the end of the object just opened.
    FirstName,
    Colon,
    /// A comma or the end of what is open; nothing if nothing is.
    Behind,
}

/// Whether `text` is UTF-8 and one JSON value, no deeper than [`MAX_DEPTH`].
pub(crate) fn is_json(text: &[u8]) -> bool {
    // A form feed is white space to ASCII, but not to JSON.
    core::str::from_utf8(text).is_ok() && !text.contains(&b'\x0c') && is_value(text)
}

fn is_value(text: &[u8]) -> bool {
    const _: () = assert!(MAX_DEPTH <= u128::BITS as usize);
    // One bit for each array or object that is open, the innermost lowest: whether it is an object.
    let mut objects = 0u128;
    let mut depth = 0usize;
    let mut want = Want::Value;
    for token in tokens(text) {
        let is_object = objects & 1 == 1;
        want = match (want, token) {
            (Want::Value | Want::FirstValue, Token::Sign(open @ (b'{' | b'['))) if depth < MAX_DEPTH => {
                depth = depth.saturating_add(1);
                objects = objects << 1 | u128::from(open == b'{');
                if open == b'{' { Want::FirstName } else { Want::FirstValue }
            }
            (Want::Value | Want::FirstValue, Token::String(string)) if is_string(string) => Want::Behind,
            (Want::Value | Want::FirstValue, Token::Word(word)) if is_word(word) => Want::Behind,
            (Want::Name | Want::FirstName, Token::String(string)) if is_string(string) => Want::Colon,
            (Want::Colon, Token::Sign(b':')) => Want::Value,
            (Want::Behind, Token::Sign(b',')) if depth > 0 => {
                if is_object {
                    Want::Name
                } else {
                    Want::Value
                }
            }
            (Want::FirstValue | Want::Behind, Token::Sign(b']')) if depth > 0 && !is_object => {
                depth = depth.saturating_sub(1);
                objects >>= 1;
                Want::Behind
            }
            (Want::FirstName | Want::Behind, Token::Sign(b'}')) if depth > 0 && is_object => {
                depth = depth.saturating_sub(1);
                objects >>= 1;
                Want::Behind
            }
            _ => return false,
        };
    }
    depth == 0 && want == Want::Behind
}

/// Whether the token is a whole string without raw control characters and with escapes that JSON knows.
fn is_string(token: &[u8]) -> bool {
    let Some(mut rest) = token.strip_prefix(b"\"") else { return false };
    loop {
        rest = match rest {
            [b'"'] => return true,
            [b'\\', b'u', a, b, c, d, rest @ ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) => rest,
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', rest @ ..] => rest,
            [..0x20 | b'"' | b'\\', ..] | [] => return false,
            [_, rest @ ..] => rest,
        };
    }
}

fn is_word(word: &[u8]) -> bool {
    matches!(word, b"true" | b"false" | b"null") || is_number(word)
}

/// Whether the text is a number as JSON has them: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
pub(super) fn is_number(word: &[u8]) -> bool {
    fn digits(text: &[u8]) -> (usize, &[u8]) {
        let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (len, text.get(len..).unwrap_or_default())
    }
    let whole = word.strip_prefix(b"-").unwrap_or(word);
    let (len, mut rest) = digits(whole);
    if len == 0 || (len > 1 && whole.first() == Some(&b'0')) {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        let (len, behind) = digits(fraction);
        if len == 0 {
            return false;
        }
        rest = behind;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let unsigned = match exponent {
            [b'+' | b'-', unsigned @ ..] => unsigned,
            unsigned => unsigned,
        };
        let (len, behind) = digits(unsigned);
        return len > 0 && behind.is_empty();
    }
    rest.is_empty()
}

/// Appends the JSON `text` without blanks between tokens, and with the escapes that
/// [`Json`](super::Json) has: on one line, fit for a page or a script.
pub(crate) fn push_compact(text: &[u8], out: &mut Vec<u8>) {
    for token in tokens(text) {
        match token {
            Token::Sign(sign) => out.push(sign),
            Token::Word(word) => out.extend_from_slice(word),
            Token::String(string) => push_string(string, out),
        }
    }
}

fn push_string(string: &[u8], out: &mut Vec<u8>) {
    let mut rest = string;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'<' | 0xe2)) {
        let (clean, special) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(clean);
        let (escape, behind): (&[u8], &[u8]) = match special {
            [b'<', b'/', behind @ ..] => (b"<\\/", behind),
            [0xe2, 0x80, 0xa8, behind @ ..] => (b"\\u2028", behind),
            [0xe2, 0x80, 0xa9, behind @ ..] => (b"\\u2029", behind),
            [other, behind @ ..] => (core::slice::from_ref(other), behind),
            [] => (&[], &[]),
        };
        out.extend_from_slice(escape);
        rest = behind;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    #[test]
    fn what_is_json_is_told_from_what_is_not() {
        for good in [
            "0",
            " -0.5e+10\n",
            "true",
            "null",
            "\"\"",
            "[]",
            "{}",
            "[[],{}]",
            "{\"a\":[1,2,{\"b\":null}],\"a\":\"\"}",
            "1E5",
            "\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
            "\"é\u{2028}\u{7f}\"",
            "\t[ 1 ,\r\n2 ]",
            "12345678901234567890",
            "\"\\ud800\"",
        ] {
            assert!(is_json(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            " ",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "tru",
            "True",
            "nul l",
            "nan",
            "[1,]",
            "[,]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{1:1}",
            "[",
            "]",
            "{",
            "}",
            "[}",
            "{]",
            "[1]]",
            "1 2",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u123",
            "\"\n\"",
            "\"\x01\"",
            "[1]x",
            "\x0c1",
            "1\x0c",
            "\u{feff}1",
            "\"a\"\"b\"",
            "{\"a\":1 \"b\":2}",
            "{\"a\" 1}",
            "[1:2]",
            "//",
            "'a'",
        ] {
            assert!(!is_json(bad.as_bytes()), "{bad}");
        }
        assert!(!is_json(b"\"\xff\""));
        assert!(!is_json(b"\"\xed\xa0\x80\""));
    }

    #[test]
    fn depth_has_a_limit_and_costs_no_stack() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_json(nested(128).as_bytes()));
        assert!(!is_json(nested(129).as_bytes()));
        assert!(!is_json("[".repeat(1_000_000).as_bytes()));
        let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert!(is_json(objects(128).as_bytes()));
        assert!(!is_json(objects(129).as_bytes()));
        // Behind the deepest one, what was open before is still known.
        let mixed = format!("{}1{}", "[{\"a\":".repeat(64), "}]".repeat(64));
        assert!(is_json(mixed.as_bytes()));
        assert!(!is_json(mixed.replacen("}]", "]}", 1).as_bytes()));
    }

    #[test]
    fn compact_text_has_no_blanks_and_is_fit_for_a_page() {
        let compact = |text: &str| {
            let mut out = Vec::new();
            push_compact(text.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(compact(" { \"a b\" :\n[ 1 , true ] } "), r#"{"a b":[1,true]}"#);
        assert_eq!(compact(r#""</script><b><\/x\"""#), r#""<\/script><b><\/x\"""#);
        assert_eq!(compact("\"\u{2028}\u{2029}\u{202a}é\""), "\"\\u2028\\u2029\u{202a}é\"");
        assert_eq!(compact("12345678901234567890.10"), "12345678901234567890.10");
    }
}
