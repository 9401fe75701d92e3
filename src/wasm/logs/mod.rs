//! Logs: their files, their commands as rows, the keys that they make; and what of a file is exported.

mod commands;
mod export;
mod files;
mod keys;
mod replayed;

pub use commands::CommandLog;
pub use export::KeyExport;
pub use files::log_files;
pub use keys::LogKeys;
pub(super) use replayed::replayed;

use super::object::{self, ObjectExt};
use crate::jobs::Reader;
use crate::rdb::Version;
use crate::wire::Limits;
use js_sys::Object;

/// A reader for a file of a log.
fn reader(limits: Limits, is_lenient: bool, is_increment: bool) -> Reader {
    let reader = Reader::new(limits);
    let reader = if is_lenient { reader.leniently() } else { reader };
    if is_increment { reader.of_increment() } else { reader }
}

/// `{ dialect, version }`.
fn version(version: Version) -> Object {
    let object = Object::new();
    object.set("dialect", version.dialect().name());
    object.set("version", object::number(version.number()));
    object
}
