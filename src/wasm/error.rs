//! Failures as JavaScript errors with `code`, `offset`, `db`, `key`, `keyText` and `compression`.

use super::object::{self, ObjectExt};
use crate::error::{Error, Place};
use crate::kind::Codec;
use alloc::format;
use alloc::string::{String, ToString};
use js_sys::Object;
use wasm_bindgen::prelude::*;

/// The error to throw for `error`.
pub(super) fn to_js(error: &Error) -> JsValue {
    with_code(error.code(), error.offset(), &error.to_string(), error.place())
}

/// The error to throw for one of the compressed file; its offset counts there.
pub(super) fn packed(codec: Option<Codec>, error: &Error) -> JsValue {
    let Some(codec) = codec else { return to_js(error) };
    let thrown = with_code(error.code(), error.offset(), &within(codec, error), error.place());
    Object::unchecked_from_js_ref(&thrown).set("compression", codec.name());
    thrown
}

/// What is wrong with a compressed file, and where.
pub(super) fn within(codec: Codec, what: impl core::fmt::Display) -> String {
    format!("in the compressed file ({}): {what}", codec.name())
}

/// An error that is not about a place in a snapshot; `offset` counts in what the caller gave.
pub(super) fn coded(code: &str, offset: u64, message: &str) -> JsValue {
    with_code(code, offset, message, &Place::default())
}

/// A call that no file could make right: an option of the wrong type or name.
pub(super) fn usage(message: &str) -> JsValue {
    js_sys::TypeError::new(message).into()
}

fn with_code(code: &str, offset: u64, message: &str, place: &Place) -> JsValue {
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
