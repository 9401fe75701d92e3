//! The servers' glob: `*` any bytes, `?` one byte, `[abc]`, `[a-z]`, `[^a]`,
//! `\` takes the next byte as it is. It matches the whole of a key.
//!
//! Its odd corners are the servers' too: a class without `]` ends with the
//! pattern, `[]` matches nothing, and in `[a-]` the range ends at `]`.
//! Source: Redis 8.0 `util.c` `stringmatchlen()`, `KEYS` on a running server.

use alloc::vec::Vec;

/// Whether `pattern` matches all of `text`. Takes at most the product of their
/// lengths in time, and no memory.
#[must_use]
pub fn glob_matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut pattern = pattern;
    let mut text = text;
    // Behind the last star: the pattern there, and where its match was tried last.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', behind @ ..] = pattern {
            star = Some((behind, text));
            pattern = behind;
            continue;
        }
        if let Some((byte, rest)) = text.split_first() {
            if let Some(behind) = match_one(pattern, *byte) {
                (pattern, text) = (behind, rest);
                continue;
            }
        } else if pattern.is_empty() {
            return true;
        }
        // Let the last star take one byte more.
        let Some((behind, [_, rest @ ..])) = star else { return false };
        star = Some((behind, rest));
        (pattern, text) = (behind, rest);
    }
}

/// Matches one byte with the item in front of the pattern; gives what is behind the item.
fn match_one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', behind @ ..] => Some(behind),
        [b'[', b'^', class @ ..] => match_class(class, byte).filter_by(false),
        [b'[', class @ ..] => match_class(class, byte).filter_by(true),
        [b'\\', literal, behind @ ..] => (*literal == byte).then_some(behind),
        [literal, behind @ ..] => (*literal == byte).then_some(behind),
    }
}

struct ClassMatch<'p> {
    is_in: bool,
    behind: &'p [u8],
}

impl<'p> ClassMatch<'p> {
    fn filter_by(self, wanted: bool) -> Option<&'p [u8]> {
        (self.is_in == wanted).then_some(self.behind)
    }
}

fn match_class(class: &[u8], byte: u8) -> ClassMatch<'_> {
    let mut rest = class;
    let mut is_in = false;
    loop {
        rest = match rest {
            [] => return ClassMatch { is_in, behind: rest },
            [b'\\', literal, behind @ ..] => {
                is_in |= *literal == byte;
                behind
            }
            [b']', behind @ ..] => return ClassMatch { is_in, behind },
            [from, b'-', to, behind @ ..] => {
                is_in |= (*from.min(to)..=*from.max(to)).contains(&byte);
                behind
            }
            [literal, behind @ ..] => {
                is_in |= *literal == byte;
                behind
            }
        };
    }
}

/// A glob that matches `text` and nothing else.
#[must_use]
pub fn glob_literal(text: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(text.len());
    for byte in text {
        if matches!(byte, b'*' | b'?' | b'[' | b'\\') {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_matches_itself_alone() {
        for text in [&b""[..], b"a", b"*", b"a?b[c]d\\e", b"[^a-z]", b"\\", b"\xff\0*"] {
            assert!(glob_matches(&glob_literal(text), text), "{}", text.escape_ascii());
            assert!(!glob_matches(&glob_literal(text), &[text, b"a"].concat()), "{}", text.escape_ascii());
        }
        assert!(!glob_matches(&glob_literal(b"a?c"), b"abc") && !glob_matches(&glob_literal(b"a*"), b"ab"));
    }

    /// Each line was asked of Redis 7.0.15 with `KEYS`.
    #[test]
    fn matches_what_the_servers_match() {
        for (pattern, matching, others) in CASES {
            for text in *matching {
                assert!(glob_matches(pattern.as_bytes(), text.as_bytes()), "{pattern} must match {text:?}");
            }
            for text in *others {
                assert!(!glob_matches(pattern.as_bytes(), text.as_bytes()), "{pattern} must not match {text:?}");
            }
        }
    }

    const CASES: &[(&str, &[&str], &[&str])] = &[
        ("h?llo", &["hello", "hallo"], &["hllo", "heello"]),
        ("h*llo", &["hllo", "heeeello", "hello"], &["hell", "ohllo"]),
        ("h[ae]llo", &["hello", "hallo"], &["hillo", "haello"]),
        ("h[^e]llo", &["hallo", "hbllo", "h^llo"], &["hello"]),
        ("h[a-b]llo", &["hallo", "hbllo"], &["hcllo", "h-llo"]),
        ("h[b-a]llo", &["hallo", "hbllo"], &["hcllo"]),
        ("*", &["a", "a:b/c\nd"], &[]),
        ("**", &["a"], &[]),
        ("*a", &["a", "ba", "aa"], &["ab"]),
        ("a*b*c", &["abc", "aXbYc", "abcbc"], &["ab", "acb"]),
        ("a*a*a*a*b", &["aaaab", "aXaXaXaXb"], &["aaab", "aaaaa"]),
        ("\\*", &["*"], &["a", "\\*"]),
        ("a\\", &["a\\"], &["a"]),
        ("[a", &["a"], &["b", "[a"]),
        ("[]", &[], &["a", "[]", "]"]),
        ("[^]", &["a", "]"], &["ab"]),
        ("[]a]", &[], &["a", "]", "]a]"]),
        ("[a-]", &["a", "]", "^"], &["-", "b"]),
        ("[\\]]", &["]"], &["\\", "a"]),
        ("[\\", &["\\"], &["[", "a"]),
        ("[a-c", &["a", "b", "c"], &["d", "-"]),
        ("a[b]*", &["ab", "abc"], &["a", "ac"]),
        ("user:*", &["user:1", "user:1:2"], &["user", "users:1"]),
    ];

    #[test]
    fn bytes_need_not_be_text() {
        assert!(glob_matches(b"\xff?[\x80-\x90]", b"\xff\x00\x85"));
        assert!(!glob_matches(b"?", "é".as_bytes()));
        assert!(glob_matches(b"*", b""));
        assert!(!glob_matches(b"?", b""));
        assert!(glob_matches(b"", b""));
        assert!(!glob_matches(b"", b"a"));
    }

    /// A pattern of many stars takes seconds where each star tries every rest again.
    #[test]
    #[cfg_attr(miri, ignore = "a long search")]
    fn many_stars_stay_quick() {
        let pattern = b"a*".repeat(1000);
        let text = alloc::vec![b'a'; 20_000];
        let mut failing = pattern.clone();
        failing.push(b'b');
        assert!(glob_matches(&pattern, &text));
        assert!(!glob_matches(&failing, &text));
    }
}
