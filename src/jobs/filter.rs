//! Which keys are meant: by name, database, type, expiry and size.

use super::Row;
use super::glob::glob_matches;
use super::text::Text;
use crate::rdb::{Key, Kind};
use crate::wire::Scalar;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use regex::bytes::Regex;

/// A rule for the name of a key.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// The servers' glob; it matches the whole key.
    Glob(Vec<u8>),
    /// A regular expression over bytes; it matches any part of the key.
    Regex(Regex),
    /// A part of the key, in any case.
    Text(Text),
}

impl Pattern {
    /// A glob. Every text is one.
    #[must_use]
    pub fn glob(pattern: &[u8]) -> Self {
        Self::Glob(pattern.to_vec())
    }

    /// A regular expression.
    ///
    /// # Errors
    /// Where it is not well formed, or too large to be compiled.
    pub fn regex(pattern: &str) -> Result<Self, BadPattern> {
        // The compiler's own message has no position that a field could show.
        regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern).map_err(|error| BadPattern::of(&error))?;
        let too_large = |error: regex::Error| BadPattern { offset: 0, message: error.to_string() };
        Regex::new(pattern).map(Self::Regex).map_err(too_large)
    }

    /// Keys that have `text` in them, in any case.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(Text::new(text))
    }

    /// Whether the rule holds for `key`.
    #[must_use]
    pub fn matches(&self, key: &[u8]) -> bool {
        match self {
            Self::Glob(pattern) => glob_matches(pattern, key),
            Self::Regex(regex) => regex.is_match(key),
            Self::Text(text) => text.is_in(key),
        }
    }
}

/// A pattern that is not well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern {
    /// Byte of the pattern, from 0.
    pub offset: usize,
    /// What is wrong there.
    pub message: String,
}

impl BadPattern {
    fn of(error: &regex_syntax::Error) -> Self {
        let (offset, message) = match error {
            regex_syntax::Error::Parse(error) => (error.span().start.offset, error.kind().to_string()),
            regex_syntax::Error::Translate(error) => (error.span().start.offset, error.kind().to_string()),
            other => (0, other.to_string()),
        };
        Self { offset, message }
    }

    /// The stable word for this error in other languages than Rust.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "bad-pattern"
    }
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} of the pattern", self.message, self.offset)
    }
}

impl core::error::Error for BadPattern {}

/// A rule for when a key expires. Times are Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryRule {
    /// Never.
    Never,
    /// Some time.
    Some,
    /// Within these, both included; an open end has no bound.
    Between(Option<i64>, Option<i64>),
}

impl ExpiryRule {
    /// Whether the rule holds for a key that expires then.
    #[must_use]
    pub fn matches(self, expires_at_ms: Option<i64>) -> bool {
        match self {
            Self::Never => expires_at_ms.is_none(),
            Self::Some => expires_at_ms.is_some(),
            Self::Between(from, to) => {
                expires_at_ms.is_some_and(|at| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at <= to))
            }
        }
    }
}

/// Bytes a key occupies in the file, from key head to value end; both bounds included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeRule {
    /// At least.
    pub min: Option<u64>,
    /// At most.
    pub max: Option<u64>,
}

impl SizeRule {
    /// Whether the rule holds for a key of `bytes`.
    #[must_use]
    pub fn matches(self, bytes: u64) -> bool {
        self.min.is_none_or(|min| bytes >= min) && self.max.is_none_or(|max| bytes <= max)
    }

    /// Whether there is any bound.
    #[must_use]
    pub fn is_open(self) -> bool {
        self == Self::default()
    }
}

/// Which keys are meant. All rules must hold; an empty list is no rule.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Rules that the name must keep.
    pub keys: Vec<Pattern>,
    /// Rules of which the name must keep none.
    pub not_keys: Vec<Pattern>,
    /// Databases.
    pub dbs: Vec<u64>,
    /// Types.
    pub kinds: Vec<Kind>,
    /// When the key expires.
    pub expiry: Option<ExpiryRule>,
    /// How large it is.
    pub size: SizeRule,
}

impl Filter {
    /// Whether there is no rule: every key is meant.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let Self { keys, not_keys, dbs, kinds, expiry, size } = self;
        keys.is_empty() && not_keys.is_empty() && dbs.is_empty() && kinds.is_empty() && expiry.is_none() && size.is_open()
    }

    /// Whether the key may be meant, by all that its head tells: everything but the size.
    #[must_use]
    #[inline]
    pub fn matches_head(&self, key: &Key<'_>) -> bool {
        self.matches_facts(key.db, key.value_type.kind(), key.expires_at_ms) && self.matches_name(key.key)
    }

    /// Whether the key is meant.
    #[must_use]
    pub fn matches_row(&self, row: &Row<'_>) -> bool {
        self.matches_facts(row.db, row.value_type.kind(), row.expires_at_ms)
            && self.size.matches(row.span.len())
            && self.matches_name(Scalar::Bytes(row.key))
    }

    /// Whether the rules for database, type and expiry hold.
    #[must_use]
    #[inline]
    pub fn matches_facts(&self, db: u64, kind: Kind, expires_at_ms: Option<i64>) -> bool {
        (self.dbs.is_empty() || self.dbs.contains(&db))
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
            && self.expiry.is_none_or(|rule| rule.matches(expires_at_ms))
    }

    /// Whether the rules for the name hold.
    #[must_use]
    #[inline]
    pub fn matches_name(&self, key: Scalar<'_>) -> bool {
        if self.keys.is_empty() && self.not_keys.is_empty() {
            return true;
        }
        key.with_text(|key| self.keys.iter().all(|rule| rule.matches(key)) && !self.not_keys.iter().any(|rule| rule.matches(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "compiles regular expressions")]
    fn regular_expressions_see_bytes() {
        let matches = |pattern: &str, key: &[u8]| Pattern::regex(pattern).unwrap().matches(key);
        assert!(matches("^user:[0-9]+$", b"user:12"));
        assert!(!matches("^user:[0-9]+$", b"user:x"));
        assert!(matches("b", b"abc"));
        assert!(matches(r"(?-u)^\xff\x00$", b"\xff\x00"));
        assert!(matches("(?i)É", "é".as_bytes()));
        assert!(matches(r"^\w+$", "日本".as_bytes()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "compiles regular expressions")]
    fn bad_patterns_say_where() {
        let error = Pattern::regex("ab[c").unwrap_err();
        assert_eq!((error.offset, error.message.as_str()), (2, "unclosed character class"));
        assert_eq!(Pattern::regex("a)").unwrap_err().offset, 1);
        assert!(Pattern::regex(r"\p{Foo}").is_err());
        assert!(Pattern::regex("a{1000}{1000}{1000}").is_err());
    }

    #[test]
    #[cfg_attr(miri, ignore = "compiles regular expressions")]
    fn every_rule_must_hold() {
        let filter = Filter {
            keys: [Pattern::glob(b"a*")].into(),
            not_keys: [Pattern::glob(b"*z")].into(),
            dbs: [0, 3].into(),
            kinds: [Kind::Hash].into(),
            expiry: Some(ExpiryRule::Some),
            size: SizeRule::default(),
        };
        let facts = |db, kind, at| filter.matches_facts(db, kind, at);
        assert!(facts(3, Kind::Hash, Some(1)));
        assert!(!facts(1, Kind::Hash, Some(1)));
        assert!(!facts(3, Kind::Set, Some(1)));
        assert!(!facts(3, Kind::Hash, None));
        assert!(filter.matches_name(Scalar::Bytes(b"ab")));
        assert!(!filter.matches_name(Scalar::Bytes(b"az")));
        assert!(!filter.matches_name(Scalar::Int(12)));
    }

    #[test]
    fn ends_of_a_range_belong_to_it() {
        let rule = ExpiryRule::Between(Some(10), Some(20));
        for (at, expected) in [(None, false), (Some(9), false), (Some(10), true), (Some(20), true), (Some(21), false)] {
            assert_eq!(rule.matches(at), expected);
        }
        assert!(ExpiryRule::Between(None, Some(5)).matches(Some(i64::MIN)));
        assert!(SizeRule { min: Some(2), max: None }.matches(2));
        assert!(!SizeRule { min: None, max: Some(2) }.matches(3));
    }
}
