//! The viewer's query: which keys are shown, and in which order.

use super::error;
use super::object::ObjectExt;
use super::option::{member, string};
use super::report;
use super::wanted::Wanted;
use crate::jobs::{Count, Expiry, Filter};
use crate::model::{Column, Row, Separators};
use crate::rdb::Kind;
use crate::wire::Scalar;
use alloc::format;
use alloc::vec::Vec;
use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;

/// A query as it was asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    pub(super) wanted: Wanted,
    /// `None`: in file order.
    pub(super) sort: Option<Column>,
    pub(super) is_descending: bool,
}

impl Query {
    /// Reads a query object.
    pub(super) fn parse(query: &JsValue) -> Result<Self, JsValue> {
        let wanted = Wanted::parse(query)?;
        let is_descending = member(query, "descending")?.is_truthy();
        let sort = match string(query, "sort")?.as_deref() {
            // Turned round, file order is an order like any other.
            None | Some("file") => Some(Column::Offset).filter(|_| is_descending),
            Some("type") => Some(Column::Type),
            Some("db") => Some(Column::Db),
            Some("key") => Some(Column::Key),
            Some("elements") => Some(Column::Elements),
            Some("size") => Some(Column::Bytes),
            Some("memory") => Some(Column::Memory),
            Some("encoding") => Some(Column::Encoding),
            Some("expires") => Some(Column::Expires),
            Some("idle") => Some(Column::Eviction),
            Some("offset") => Some(Column::Offset),
            Some(other) => return Err(error::usage(&format!("sort: there is no column {other}"))),
        };
        Ok(Self { wanted, sort, is_descending })
    }
}

impl Wanted {
    /// The rules for it.
    pub(super) fn rules(&self) -> Result<Rules, JsValue> {
        let filter = self.facts()?;
        Ok(Rules { filter, prefix: self.prefix.clone(), leaf_of: self.leaf_of.clone(), rows: self.rows.clone() })
    }

    /// Counts of the rows these rules keep, nothing counted yet.
    pub(super) fn facets(&self) -> Facets {
        Facets { now_ms: self.now_ms, by_kind: [Count::default(); Kind::ALL.len()], expiry: Expiry::default() }
    }
}

/// Which keys are shown.
pub(super) struct Rules {
    filter: Filter,
    prefix: Vec<u8>,
    leaf_of: Option<Separators>,
    rows: Option<Vec<u32>>,
}

impl Rules {
    /// Whether `row` is shown. It is counted by its kind where all rules but those for kinds
    /// hold, and by its expiry where all but the one for expiries do.
    #[inline(always)]
    pub(super) fn keep(&self, row: &Row<'_>, facets: &mut Facets) -> bool {
        let Some(rest) = row.key().strip_prefix(&*self.prefix) else { return false };
        if self.leaf_of.as_ref().is_some_and(|separators| separators.first_end(rest).is_some()) {
            return false;
        }
        let (is_kind, is_expiry) = self.judge(row);
        if is_expiry {
            facets.count(row);
        }
        if is_kind {
            facets.expiry.add(row.expires_at_ms(), facets.now_ms);
        }
        is_kind && is_expiry
    }

    /// Whether `row` would be shown if there was no rule for the prefix.
    pub(super) fn keep_under_any_prefix(&self, row: &Row<'_>) -> bool {
        self.judge(row) == (true, true)
    }

    /// Whether the rules for kinds and the one for expiries hold; neither where another does not.
    #[inline(never)] // two loops call it
    fn judge(&self, row: &Row<'_>) -> (bool, bool) {
        let Filter { dbs, kinds, expiry, size, .. } = &self.filter;
        let Some(value_type) = row.value_type() else { return (false, false) };
        let is_kind = kinds.is_empty() || kinds.contains(&value_type.kind());
        let is_expiry = expiry.is_none_or(|rule| rule.matches(row.expires_at_ms()));
        let others = (is_kind || is_expiry)
            && (dbs.is_empty() || dbs.contains(&u64::from(row.db())))
            && (size.is_open() || size.matches(row.bytes()))
            && self.rows.as_ref().is_none_or(|rows| rows.binary_search(&row.id()).is_ok())
            && (self.filter.keys.is_empty() || self.filter.matches_name(Scalar::Bytes(row.key())));
        (others && is_kind, others && is_expiry)
    }
}

/// Keys by kind and by expiry, each as if there was no rule for it.
pub(super) struct Facets {
    now_ms: i64,
    /// In the order of [`Kind::ALL`].
    by_kind: [Count; Kind::ALL.len()],
    expiry: Expiry,
}

impl Facets {
    #[inline]
    fn count(&mut self, row: &Row<'_>) {
        let Some(value_type) = row.value_type() else { return };
        let mut pairs = Kind::ALL.into_iter().zip(&mut self.by_kind);
        if let Some((_, count)) = pairs.find(|(kind, _)| *kind == value_type.kind()) {
            count.keys = count.keys.saturating_add(1);
            count.bytes = count.bytes.saturating_add(row.bytes());
        }
    }

    /// As members `types` and `expiry`.
    pub(super) fn put(&self, object: &Object) {
        let pairs = Kind::ALL.into_iter().zip(&self.by_kind).filter(|(_, count)| count.keys > 0);
        let types = pairs.map(|(kind, count)| {
            let object = report::counted(count);
            object.set("type", kind.name());
            object
        });
        object.set("types", types.collect::<Array>());
        object.set("expiry", report::expiry(&self.expiry));
    }
}
