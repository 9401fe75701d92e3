//! The viewer's query: which keys are shown, and in which order.

use super::error;
use super::option::{list, member, millis, number, string, to_u64, whole};
use crate::jobs::{ExpiryRule, Filter, Pattern, SizeRule};
use crate::model::{Column, Row};
use crate::rdb::Kind;
use crate::wire::Scalar;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use wasm_bindgen::prelude::*;

/// A query as it was asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    pub(super) wanted: Wanted,
    /// `None`: in file order.
    pub(super) sort: Option<Column>,
    pub(super) is_descending: bool,
}

/// Which keys are shown, as it was asked. Where two are equal, they keep the same keys.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    text: String,
    mode: Mode,
    types: Vec<String>,
    dbs: Vec<u64>,
    expiry: Option<ExpiryRule>,
    size: SizeRule,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Text,
    Glob,
    Regex,
}

impl Query {
    /// Reads a query object.
    pub(super) fn parse(query: &JsValue) -> Result<Self, JsValue> {
        let mode = match string(query, "mode")?.as_deref() {
            None | Some("text") => Mode::Text,
            Some("glob") => Mode::Glob,
            Some("regex") => Mode::Regex,
            Some(other) => return Err(error::usage(&format!("mode: expected text, glob or regex, found {other}"))),
        };
        let name = |name: JsValue| name.as_string().ok_or_else(|| error::usage("types: expected names"));
        let wanted = Wanted {
            text: string(query, "text")?.unwrap_or_default(),
            mode,
            types: list(query, "types")?.iter().map(name).collect::<Result<_, _>>()?,
            dbs: list(query, "dbs")?.iter().map(|db| database(&db)).collect::<Result<_, _>>()?,
            expiry: expiry(query)?,
            size: SizeRule { min: whole(query, "minBytes")?, max: whole(query, "maxBytes")? },
        };
        let is_descending = member(query, "descending")?.is_truthy();
        let sort = match string(query, "sort")?.as_deref() {
            // Turned round, file order is an order like any other.
            None | Some("file") => Some(Column::Offset).filter(|_| is_descending),
            Some("type") => Some(Column::Type),
            Some("db") => Some(Column::Db),
            Some("key") => Some(Column::Key),
            Some("elements") => Some(Column::Elements),
            Some("size") => Some(Column::Bytes),
            Some("encoding") => Some(Column::Encoding),
            Some("expires") => Some(Column::Expires),
            Some("offset") => Some(Column::Offset),
            Some(other) => return Err(error::usage(&format!("sort: there is no column {other}"))),
        };
        Ok(Self { wanted, sort, is_descending })
    }
}

impl Wanted {
    /// Whether every key is shown.
    pub(super) fn is_everything(&self) -> bool {
        let Self { text, mode: _, types, dbs, expiry, size } = self;
        text.is_empty() && types.is_empty() && dbs.is_empty() && expiry.is_none() && size.is_open()
    }

    /// The rules for it.
    pub(super) fn rules(&self) -> Result<Rules, JsValue> {
        let pattern = match self.mode {
            _ if self.text.is_empty() => None,
            Mode::Text => Some(Pattern::text(&self.text)),
            Mode::Glob => Some(Pattern::glob(self.text.as_bytes())),
            Mode::Regex => {
                let bad = |bad: crate::jobs::BadPattern| error::coded(bad.code(), bad.offset as u64, &bad.message);
                Some(Pattern::regex(&self.text).map_err(bad)?)
            }
        };
        let kinds: Vec<Kind> = self.types.iter().filter_map(|name| Kind::from_name(name)).collect();
        let filter = Filter {
            keys: pattern.into_iter().collect(),
            not_keys: Vec::new(),
            dbs: self.dbs.clone(),
            expiry: self.expiry,
            size: self.size,
            kinds,
        };
        // Types that no snapshot read so far can hold leave nothing to be shown.
        let is_nothing = filter.kinds.is_empty() && !self.types.is_empty();
        Ok(Rules { filter, is_nothing })
    }
}

/// Which keys are shown.
pub(super) struct Rules {
    filter: Filter,
    is_nothing: bool,
}

impl Rules {
    /// Whether `row` is shown.
    #[inline(always)]
    pub(super) fn keep(&self, row: &Row<'_>) -> bool {
        let Some(value_type) = row.value_type() else { return false };
        !self.is_nothing
            && self.filter.matches_facts(u64::from(row.db()), value_type.kind(), row.expires_at_ms())
            && (self.filter.size.is_open() || self.filter.size.matches(row.bytes()))
            && (self.filter.keys.is_empty() || self.filter.matches_name(Scalar::Bytes(row.key())))
    }
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
