//! Failures as JavaScript errors with `code`, `offset`, `db`, `key`, `keyText` and `compression`.

use super::object::{self, ObjectExt};
use crate::error::{Error, Place};
#[cfg(feature = "wasm-tools")]
use crate::jobs::Finding;
use alloc::string::ToString;
use js_sys::Object;
use wasm_bindgen::prelude::*;

/// The error to throw for `error`.
pub(super) fn to_js(error: &Error) -> JsValue {
    with_code(error.code(), error.offset(), &error.to_string(), error.place())
}

/// An error that is not about a place in a snapshot; `offset` counts in what the caller gave.
pub(super) fn coded(code: &str, offset: u64, message: &str) -> JsValue {
    with_code(code, offset, message, &Place::default())
}

/// A call that no file could make right: an option of the wrong type or name.
pub(super) fn usage(message: &str) -> JsValue {
    js_sys::TypeError::new(message).into()
}

pub(super) fn with_code(code: &str, offset: u64, message: &str, place: &Place) -> JsValue {
    let error = js_sys::Error::new(message);
    let members: &Object = error.as_ref();
    members.set("code", code);
    members.set("offset", object::number(offset));
    put_place(members, place);
    error.into()
}

/// Sets `db`, `key` and `keyText`, where they are known.
pub(super) fn put_place(object: &Object, place: &Place) {
    object.maybe("db", place.db.map(object::number));
    if let Some(key) = &place.key {
        object.set("key", object::bytes(key.bytes()));
        object.set("keyText", key.to_string());
    }
}

/// A finding of a job.
#[cfg(feature = "wasm-tools")]
pub(super) fn of_finding(one: &Finding) -> Object {
    finding(one.severity.name(), one.code, one.offset, &one.place, &one.text, one.is_repairable)
}

/// What is wrong with a file, to be listed.
pub(super) fn finding(severity: &str, code: &str, offset: u64, place: &Place, text: &str, is_repairable: bool) -> Object {
    let object = Object::new();
    object.set("severity", severity);
    object.set("code", code);
    object.set("offset", object::number(offset));
    put_place(&object, place);
    object.maybe("element", place.element.map(object::number));
    object.maybe("encoding", place.value_type);
    object.set("text", text);
    object.set("repairable", is_repairable);
    object
}
