//! Members of the objects that callers hand in, checked for their types.

use super::error;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use js_sys::{Array, Reflect, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::*;

/// A member of an object; `undefined` where the object or the member is missing.
pub(super) fn member(object: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    if object.is_object() { Reflect::get(object, &JsValue::from_str(name)) } else { Ok(JsValue::UNDEFINED) }
}

fn is_missing(value: &JsValue) -> bool {
    value.is_null() || value.is_undefined()
}

pub(super) fn string(object: &JsValue, name: &str) -> Result<Option<String>, JsValue> {
    let value = member(object, name)?;
    match value.as_string() {
        None if !is_missing(&value) => Err(error::usage(&format!("{name}: expected a string"))),
        text => Ok(text),
    }
}

pub(super) fn number(object: &JsValue, name: &str) -> Result<Option<f64>, JsValue> {
    let value = member(object, name)?;
    match value.as_f64() {
        None if is_missing(&value) => Ok(None),
        Some(number) if !number.is_nan() => Ok(Some(number)),
        _ => Err(error::usage(&format!("{name}: expected a number"))),
    }
}

/// Whether a switch is on.
pub(super) fn flag(object: &JsValue, name: &str) -> Result<bool, JsValue> {
    let value = member(object, name)?;
    match value.as_bool() {
        None if !is_missing(&value) => Err(error::usage(&format!("{name}: expected true or false"))),
        flag => Ok(flag.unwrap_or(false)),
    }
}

/// A number that is not negative; without its fraction.
pub(super) fn whole(object: &JsValue, name: &str) -> Result<Option<u64>, JsValue> {
    match number(object, name)? {
        Some(negative) if negative < 0.0 => Err(error::usage(&format!("{name}: expected a number that is not negative"))),
        number => Ok(number.map(to_u64)),
    }
}

/// The nearest whole number there is.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a cast stops at the ends
pub(super) fn to_u64(number: f64) -> u64 {
    number as u64
}

/// Unix milliseconds; the nearest there are.
#[allow(clippy::cast_possible_truncation)] // a cast stops at the ends
pub(super) fn millis(number: f64) -> i64 {
    number as i64
}

pub(super) fn bytes(object: &JsValue, name: &str) -> Result<Option<Vec<u8>>, JsValue> {
    let value = member(object, name)?;
    match value.dyn_ref::<Uint8Array>() {
        None if !is_missing(&value) => Err(error::usage(&format!("{name}: expected bytes"))),
        bytes => Ok(bytes.map(Uint8Array::to_vec)),
    }
}

/// Numbers from 0 to 2^32 - 1.
pub(super) fn numbers(object: &JsValue, name: &str) -> Result<Option<Vec<u32>>, JsValue> {
    let value = member(object, name)?;
    match value.dyn_ref::<Uint32Array>() {
        None if !is_missing(&value) => Err(error::usage(&format!("{name}: expected a Uint32Array"))),
        numbers => Ok(numbers.map(Uint32Array::to_vec)),
    }
}

/// An array, empty where the member is missing.
pub(super) fn list(object: &JsValue, name: &str) -> Result<Array, JsValue> {
    let value = member(object, name)?;
    if is_missing(&value) {
        return Ok(Array::new());
    }
    value.dyn_into().map_err(|_| error::usage(&format!("{name}: expected an array")))
}
