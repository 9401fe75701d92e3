//! JavaScript objects, made member by member.

use js_sys::{BigInt, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

/// The largest integer below which every integer is a double of its own.
const MAX_SAFE: u64 = 1 << 53;

/// A number, or a `BigInt` beyond 2^53.
pub(super) fn number(value: u64) -> JsValue {
    if value <= MAX_SAFE { JsValue::from_f64(value as f64) } else { BigInt::from(value).into() }
}

/// As [`number`], for signed integers.
pub(super) fn signed(value: i64) -> JsValue {
    if value.unsigned_abs() <= MAX_SAFE { JsValue::from_f64(value as f64) } else { BigInt::from(value).into() }
}

/// A copy of the bytes.
pub(super) fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// Members of an object.
pub(super) trait ObjectExt {
    /// Sets a member.
    fn set(&self, name: &str, value: impl Into<JsValue>);

    /// Sets a member, to `null` where there is no value.
    fn put<T: Into<JsValue>>(&self, name: &str, value: Option<T>);

    /// Sets a member where there is a value.
    fn maybe<T: Into<JsValue>>(&self, name: &str, value: Option<T>);
}

impl ObjectExt for Object {
    fn set(&self, name: &str, value: impl Into<JsValue>) {
        // A fresh plain object takes every member.
        let _ = Reflect::set(self, &JsValue::from_str(name), &value.into());
    }

    fn put<T: Into<JsValue>>(&self, name: &str, value: Option<T>) {
        self.set(name, value.map_or(JsValue::NULL, Into::into));
    }

    fn maybe<T: Into<JsValue>>(&self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }
}
