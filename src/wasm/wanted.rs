//! Which keys are meant, as JavaScript says it: a part of a query, and the filter of a conversion.

use super::error;
use super::option::{bytes, flag, list, member, millis, number, numbers, string, to_u64, whole};
#[cfg(feature = "wasm-tools")]
use crate::jobs::glob_literal;
use crate::jobs::{ExpiryRule, Filter, Pattern, SizeRule};
use crate::model::Separators;
use crate::rdb::Kind;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use wasm_bindgen::prelude::*;

/// Which keys are shown, as it was asked. Where two are equal, they keep the same keys.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    text: String,
    mode: Mode,
    kinds: Vec<Kind>,
    dbs: Vec<u64>,
    expiry: Option<ExpiryRule>,
    size: SizeRule,
    pub(super) prefix: Vec<u8>,
    /// Only names that no separator parts behind the prefix.
    pub(super) leaf_of: Option<Separators>,
    /// Only these rows of a session, ascending.
    pub(super) rows: Option<Vec<u32>>,
    /// What the counts beside the rows see expiries from.
    pub(super) now_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Text,
    Glob,
    Regex,
}

impl Wanted {
    /// Reads a query object.
    pub(super) fn parse(query: &JsValue) -> Result<Self, JsValue> {
        let mode = match string(query, "mode")?.as_deref() {
            None | Some("text") => Mode::Text,
            Some("glob") => Mode::Glob,
            Some("regex") => Mode::Regex,
            Some(other) => return Err(error::usage(&format!("mode: expected text, glob or regex, found {other}"))),
        };
        let kind = |name: JsValue| match name.as_string() {
            Some(name) => Kind::from_name(&name).ok_or_else(|| error::usage(&format!("types: there is no type {name}"))),
            None => Err(error::usage("types: expected names")),
        };
        Ok(Self {
            text: string(query, "text")?.unwrap_or_default(),
            mode,
            kinds: list(query, "types")?.iter().map(kind).collect::<Result<_, _>>()?,
            dbs: list(query, "dbs")?.iter().map(|db| database(&db)).collect::<Result<_, _>>()?,
            expiry: expiry(query)?,
            size: SizeRule { min: whole(query, "minBytes")?, max: whole(query, "maxBytes")? },
            prefix: bytes(query, "prefix")?.unwrap_or_default(),
            rows: ascending(numbers(query, "rows")?),
            leaf_of: if flag(query, "leaves")? { Some(separators(query)?) } else { None },
            now_ms: millis(number(query, "nowMs")?.unwrap_or_default()),
        })
    }

    /// Whether every key is shown.
    pub(super) fn is_everything(&self) -> bool {
        let Self { text, mode: _, kinds, dbs, expiry, size, prefix, leaf_of, rows, now_ms: _ } = self;
        let is_any_name = text.is_empty() && prefix.is_empty() && leaf_of.is_none();
        is_any_name && kinds.is_empty() && dbs.is_empty() && expiry.is_none() && size.is_open() && rows.is_none()
    }

    /// The rules of it but those for prefixes.
    pub(super) fn facts(&self) -> Result<Filter, JsValue> {
        let pattern = match self.mode {
            _ if self.text.is_empty() => None,
            Mode::Text => Some(Pattern::text(&self.text)),
            Mode::Glob => Some(Pattern::glob(self.text.as_bytes())),
            Mode::Regex => {
                let bad = |bad: crate::jobs::BadPattern| error::coded(bad.code(), bad.offset as u64, &bad.message);
                Some(Pattern::regex(&self.text).map_err(bad)?)
            }
        };
        Ok(Filter {
            keys: pattern.into_iter().collect(),
            not_keys: Vec::new(),
            dbs: self.dbs.clone(),
            expiry: self.expiry,
            size: self.size,
            kinds: self.kinds.clone(),
        })
    }
}

#[cfg(feature = "wasm-tools")]
impl Wanted {
    /// All rules of it; those for prefixes as globs.
    pub(super) fn filter(&self, query: &JsValue) -> Result<Filter, JsValue> {
        if self.rows.is_some() {
            return Err(error::usage("rows: only a session has rows to be picked from"));
        }
        let mut filter = self.facts()?;
        let prefix = glob_literal(&self.prefix);
        if !prefix.is_empty() {
            filter.keys.push(Pattern::glob(&[&prefix, &b"*"[..]].concat()));
        }
        if self.leaf_of.is_some() {
            for separator in texts(query)?.iter().filter(|separator| !separator.is_empty()) {
                filter.not_keys.push(Pattern::glob(&[&prefix, &b"*"[..], &glob_literal(separator), b"*"].concat()));
            }
        }
        Ok(filter)
    }
}

/// The pattern that a query looks for, by its members `text` and `mode`.
#[cfg(feature = "wasm-tools")]
pub(super) fn pattern(query: &JsValue) -> Result<Option<Pattern>, JsValue> {
    Ok(Wanted::parse(query)?.facts()?.keys.pop())
}

/// The member `separators`.
pub(super) fn separators(object: &JsValue) -> Result<Separators, JsValue> {
    texts(object).map(Separators::new)
}

fn texts(object: &JsValue) -> Result<Vec<Vec<u8>>, JsValue> {
    let text = |text: JsValue| text.as_string().map(|text| text.into_bytes());
    let texts: Option<Vec<_>> = list(object, "separators")?.iter().map(text).collect();
    texts.ok_or_else(|| error::usage("separators: expected strings"))
}

fn ascending(rows: Option<Vec<u32>>) -> Option<Vec<u32>> {
    rows.map(|mut rows| {
        rows.sort_unstable();
        rows
    })
}

fn database(number: &JsValue) -> Result<u64, JsValue> {
    match number.as_f64() {
        Some(db) if (0.0..=f64::from(u32::MAX)).contains(&db) => Ok(to_u64(db)),
        _ => Err(error::usage("dbs: expected database numbers")),
    }
}

fn expiry(query: &JsValue) -> Result<Option<ExpiryRule>, JsValue> {
    let wanted = member(query, "expiry")?;
    if wanted.is_null() || wanted.is_undefined() {
        return Ok(None);
    }
    Ok(Some(match wanted.as_string().as_deref() {
        Some("none") => ExpiryRule::Never,
        Some("any") => ExpiryRule::Some,
        Some("expired") => {
            let now = number(query, "nowMs")?.ok_or_else(|| error::usage("nowMs: expected the time that keys expired by"))?;
            ExpiryRule::Between(None, Some(millis(now)))
        }
        Some(other) => return Err(error::usage(&format!("expiry: expected none, any, expired or a span, found {other}"))),
        None => {
            let from = number(&wanted, "fromMs")?.map(f64::ceil).map(millis);
            let to = number(&wanted, "toMs")?.map(f64::floor).map(millis);
            ExpiryRule::Between(from, to)
        }
    }))
}
