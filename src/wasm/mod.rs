//! The JavaScript face: what the npm package and the viewer call.
//!
//! Only numbers, strings and byte arrays cross. Numbers beyond 2^53 arrive as
//! `BigInt`. Every failure is an `Error` with `code` and `offset`.

#![cfg_attr(
    not(test),
    deny(
        clippy::alloc_instead_of_core,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

mod deviations;
mod error;
mod lines;
mod object;
mod option;
mod query;
mod report;
mod session;
mod sniff;
mod unpack;
mod value;

pub use lines::{LineReader, Lines};
pub use session::Session;
pub use sniff::sniff;
pub use unpack::Unpacker;
pub use value::ValueReader;

use crate::rdb::Version;
use alloc::string::{String, ToString};
use js_sys::{Array, Object};
use object::ObjectExt;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
}

/// Says what went wrong before a panic ends the instance, which is of no use afterwards.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(std::boxed::Box::new(|panic| console_error(&panic.to_string())));
}

/// The version of this package.
#[wasm_bindgen(skip_typescript)]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_string()
}

/// The first and last snapshot version read of each dialect, `null` where none is.
#[wasm_bindgen(js_name = supportedVersions, skip_typescript)]
#[must_use]
pub fn supported_versions() -> Object {
    let range = |of: fn(u64) -> Version| {
        let mut numbers = (1..=9999).filter(|number| of(*number).is_supported());
        numbers.next().map(|first| {
            let last = numbers.next_back().unwrap_or(first);
            Array::of2(&object::number(first), &object::number(last))
        })
    };
    let versions = Object::new();
    versions.put("redis", range(Version::redis));
    versions.put("valkey", range(Version::valkey));
    versions
}
