//! The viewer's query: which keys are shown, and in which order.

use super::error;
use super::text::Text;
use crate::model::{Column, Row};
use crate::rdb::Kind;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use js_sys::{Array, Reflect};
use wasm_bindgen::prelude::*;

/// A query as it was asked.
pub(super) struct Query {
    pub(super) filter: Filter,
    /// `None`: in file order.
    pub(super) sort: Option<Column>,
    pub(super) is_descending: bool,
}

/// Which keys are shown. Equal filters keep the same keys.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    text: Option<Text>,
    kinds: Option<Vec<Kind>>,
    dbs: Option<Vec<u32>>,
    expiry: Expiry,
    min_bytes: u64,
    max_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expiry {
    /// Keys with and without one.
    All,
    Never,
    /// Keys that expire from the first to the last of these Unix milliseconds.
    Within(i64, i64),
}

impl Filter {
    /// Whether every key is shown.
    pub(super) fn keeps_all(&self) -> bool {
        let Self { text, kinds, dbs, expiry, min_bytes, max_bytes } = self;
        text.is_none()
            && kinds.is_none()
            && dbs.is_none()
            && *expiry == Expiry::All
            && (*min_bytes, *max_bytes) == (0, u64::MAX)
    }

    /// Whether `row` is shown. `buffer` is room to be used again.
    #[inline(always)]
    pub(super) fn keeps(&self, row: &Row<'_>, buffer: &mut Vec<u8>) -> bool {
        let is_kind = |kinds: &Vec<Kind>| row.value_type().is_some_and(|value_type| kinds.contains(&value_type.kind()));
        let is_expiry = match self.expiry {
            Expiry::All => true,
            Expiry::Never => row.expires_at_ms().is_none(),
            Expiry::Within(from, to) => row.expires_at_ms().is_some_and(|at| (from..=to).contains(&at)),
        };
        is_expiry
            && (self.min_bytes..=self.max_bytes).contains(&row.bytes())
            && self.kinds.as_ref().is_none_or(is_kind)
            && self.dbs.as_ref().is_none_or(|dbs| dbs.contains(&row.db()))
            && self.text.as_ref().is_none_or(|text| text.is_in(row.key(), buffer))
    }
}

impl Query {
    /// Reads a query object.
    pub(super) fn parse(query: &JsValue) -> Result<Self, JsValue> {
        let text = match string(query, "text")? {
            Some(text) if !text.is_empty() => Some(Text::new(&text)),
            _ => None,
        };
        let kinds = list(query, "types")?.map(|types| types.iter().map(|name| kind(&name)).collect()).transpose()?;
        let dbs = list(query, "dbs")?.map(|dbs| dbs.iter().map(|db| database(&db)).collect()).transpose()?;
        let filter = Filter {
            text,
            kinds: kinds.map(|kinds: Vec<Option<Kind>>| kinds.into_iter().flatten().collect()),
            dbs,
            expiry: expiry(query)?,
            min_bytes: whole(query, "minBytes")?.unwrap_or(0),
            max_bytes: whole(query, "maxBytes")?.unwrap_or(u64::MAX),
        };
        let sort = match string(query, "sort")?.as_deref() {
            None | Some("file") => None,
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
        let is_descending = member(query, "descending")?.is_truthy();
        let sort = if is_descending { sort.or(Some(Column::Offset)) } else { sort };
        Ok(Self { filter, sort, is_descending })
    }
}

/// `None` for a type that no snapshot read so far can hold.
fn kind(name: &JsValue) -> Result<Option<Kind>, JsValue> {
    match name.as_string() {
        Some(name) => Ok(Kind::from_name(&name)),
        None => Err(error::usage("types: expected names")),
    }
}

fn database(number: &JsValue) -> Result<u32, JsValue> {
    match number.as_f64() {
        Some(db) if (0.0..=f64::from(u32::MAX)).contains(&db) => Ok(to_u64(db) as u32),
        _ => Err(error::usage("dbs: expected database numbers")),
    }
}

fn expiry(query: &JsValue) -> Result<Expiry, JsValue> {
    let wanted = member(query, "expiry")?;
    match wanted.as_string().as_deref() {
        Some("none") => return Ok(Expiry::Never),
        Some("any") => return Ok(Expiry::Within(i64::MIN, i64::MAX)),
        Some("expired") => {
            let now = number(query, "nowMs")?.ok_or_else(|| error::usage("nowMs: expected the time that keys expired by"))?;
            return Ok(Expiry::Within(i64::MIN, now as i64));
        }
        Some(other) => return Err(error::usage(&format!("expiry: expected none, any, expired or a span, found {other}"))),
        None => {}
    }
    if wanted.is_null() || wanted.is_undefined() {
        return Ok(Expiry::All);
    }
    let from = number(&wanted, "fromMs")?.map_or(i64::MIN, |ms| ms.ceil() as i64);
    let to = number(&wanted, "toMs")?.map_or(i64::MAX, |ms| ms.floor() as i64);
    Ok(Expiry::Within(from, to))
}

/// A member of an object; `undefined` where the object or the member is missing.
pub(super) fn member(object: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    if object.is_object() { Reflect::get(object, &JsValue::from_str(name)) } else { Ok(JsValue::UNDEFINED) }
}

fn string(object: &JsValue, name: &str) -> Result<Option<String>, JsValue> {
    let value = member(object, name)?;
    match value.as_string() {
        None if !value.is_null() && !value.is_undefined() => Err(error::usage(&format!("{name}: expected a string"))),
        text => Ok(text),
    }
}

fn number(object: &JsValue, name: &str) -> Result<Option<f64>, JsValue> {
    let value = member(object, name)?;
    match value.as_f64() {
        None if !value.is_null() && !value.is_undefined() => Err(error::usage(&format!("{name}: expected a number"))),
        Some(number) if number.is_nan() => Err(error::usage(&format!("{name}: expected a number"))),
        number => Ok(number),
    }
}

/// A number without a fraction and a sign.
pub(super) fn whole(object: &JsValue, name: &str) -> Result<Option<u64>, JsValue> {
    match number(object, name)? {
        Some(negative) if negative < 0.0 => Err(error::usage(&format!("{name}: expected a number that is not negative"))),
        number => Ok(number.map(to_u64)),
    }
}

/// The nearest `u64`; a cast does not wrap.
pub(super) fn to_u64(number: f64) -> u64 {
    number as u64
}

fn list(object: &JsValue, name: &str) -> Result<Option<Array>, JsValue> {
    let value = member(object, name)?;
    if value.is_null() || value.is_undefined() {
        return Ok(None);
    }
    match value.dyn_into::<Array>() {
        Ok(list) => Ok(Some(list).filter(|list| list.length() > 0)),
        Err(_) => Err(error::usage(&format!("{name}: expected an array"))),
    }
}
