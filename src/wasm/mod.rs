//! The JavaScript face: what the npm package and the viewer call.
//!
//! It is built as two modules: one for looking at a file, which a page needs at once and which has to be small, and one
//! of `tools`, loaded when a file is to be unpacked, exported, converted or mended.
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

#[cfg(feature = "wasm")]
mod damage;
// Of these each module uses a part.
#[cfg_attr(not(all(feature = "wasm", feature = "wasm-tools")), allow(dead_code))]
mod error;
#[cfg(feature = "wasm-tools")]
mod logs;
#[cfg_attr(not(all(feature = "wasm", feature = "wasm-tools")), allow(dead_code))]
mod object;
#[cfg_attr(not(all(feature = "wasm", feature = "wasm-tools")), allow(dead_code))]
mod option;
#[cfg(feature = "wasm")]
mod prefixes;
#[cfg(feature = "wasm")]
mod query;
#[cfg(feature = "wasm")]
mod report;
#[cfg(feature = "wasm")]
mod session;
#[cfg(feature = "wasm")]
mod sniff;
#[cfg(feature = "wasm-tools")]
mod tools;
#[cfg(feature = "wasm")]
mod value;
#[cfg_attr(not(all(feature = "wasm", feature = "wasm-tools")), allow(dead_code))]
mod wanted;

#[cfg(feature = "wasm-tools")]
pub use logs::*;
#[cfg(feature = "wasm")]
pub use session::Session;
#[cfg(feature = "wasm")]
pub use sniff::{may_be_compressed, sniff};
#[cfg(feature = "wasm-tools")]
pub use tools::*;
#[cfg(feature = "wasm")]
pub use value::ValueReader;

use alloc::string::ToString;
use wasm_bindgen::prelude::*;
#[cfg(feature = "wasm")]
use {
    crate::rdb::Version,
    alloc::string::String,
    js_sys::{Array, Object},
    object::ObjectExt,
};

/// Largest item held at once unless the caller says otherwise: a page has to live with far less memory than a server.
const MAX_ITEM_BYTES: u64 = 64 << 20;

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

/// For hashes of names, so that no file can be made to slow them.
///
/// # Errors
/// An `Error` where the machine gives no random numbers.
fn seed() -> Result<crate::jobs::Seed, JsValue> {
    let word = || getrandom::u64().map_err(|error| js_sys::Error::new(&error.to_string()));
    Ok([word()?, word()?])
}

/// The version of this package.
#[cfg(feature = "wasm")]
#[wasm_bindgen(skip_typescript)]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_string()
}

/// The first and last snapshot version read of each dialect, `null` where none is.
#[cfg(feature = "wasm")]
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
