//! The module that is loaded when something of it is needed first: what unpacks, writes and changes files.

mod check;
mod convert;
mod deviations;
mod intake;
mod lines;
mod payload;
mod repair;
mod survey;
mod unpack;

pub use check::Checker;
pub use convert::{Converter, servers};
pub use lines::{LineReader, Lines};
pub use payload::{dump, restore};
pub use repair::{Mender, RemnantReader, Repairer};
pub use survey::Surveyor;
pub use unpack::Unpacker;

use super::error;
use super::option;
use super::seed;
use crate::jobs::Container;
use crate::rdb::Target;
use alloc::format;
use wasm_bindgen::prelude::*;

/// The member `to`, where there is one.
fn target(options: &JsValue) -> Result<Option<Target>, JsValue> {
    let Some(name) = option::string(options, "to")? else { return Ok(None) };
    let target = Target::from_name(&name);
    target.map(Some).ok_or_else(|| error::usage(&format!("to: expected one of {}, found {name}", Target::names())))
}

/// The member `container`: `rdb` unless it says otherwise; `None` for `jsonl`.
fn container(options: &JsValue) -> Result<Option<Container>, JsValue> {
    match option::string(options, "container")?.as_deref() {
        None | Some("rdb") => Ok(Some(Container::Snapshot)),
        Some("base") => Ok(Some(Container::Base)),
        Some("aof" | "resp") => Ok(Some(Container::Commands)),
        Some("jsonl") => Ok(None),
        Some(other) => Err(error::usage(&format!("container: expected rdb, aof, resp, base or jsonl, found {other}"))),
    }
}
