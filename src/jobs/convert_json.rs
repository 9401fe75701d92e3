//! What a conversion tells, as JSON.

use super::{Converted, Json};
use crate::model::{Loss, OnLoss};
use crate::rdb::{Target, Version};
use crate::wire::Scalar;

/// Writes a loss as an object: `code`, `what`, `found_in`, `outcome`, `count`, and where they are known `db` and `key`, or
/// `name`.
pub fn write_loss(loss: &Loss, json: &mut Json<'_>) {
    json.open(b'{').name("code").text(loss.lost.code()).name("what").text(loss.lost.what());
    json.name("found_in").text(loss.lost.found_in()).name("outcome").text(loss.outcome.code()).name("count").int(loss.count);
    if let Some((db, key)) = &loss.key {
        json.name("db").int(*db).name("key").bytes(Scalar::Bytes(key));
    }
    if let Some(name) = &loss.name {
        json.name("name").bytes(Scalar::Bytes(name));
    }
    json.close(b'}');
}

/// Writes what was asked for into an object that is open: `to`, `rdb`, `on_loss`.
pub fn write_wish(to: Target, on_loss: OnLoss, json: &mut Json<'_>) {
    json.name("to").text(&alloc::format!("{to}")).name("rdb");
    write_version(to.version(), json);
    json.name("on_loss").text(on_loss.name());
}

/// Writes what came of it into an object that is open: `source`, `refused`, `keys`, `copied_keys`, `unmatched_keys`,
/// `is_distinct`, `written_bytes`, `last_db`.
pub fn write_converted(converted: &Converted, json: &mut Json<'_>) {
    if let Some(source) = converted.source {
        json.name("source");
        write_version(source, json);
    }
    json.name("refused").bool(converted.is_refused);
    json.name("keys").int(converted.keys).name("copied_keys").int(converted.copied_keys);
    json.name("unmatched_keys").int(converted.unmatched_keys).name("is_distinct").bool(converted.is_distinct);
    json.name("written_bytes").int(if converted.is_refused { 0 } else { converted.written_bytes });
    if let Some(db) = converted.last_db {
        json.name("last_db").int(db);
    }
}

fn write_version(version: Version, json: &mut Json<'_>) {
    json.open(b'{').name("dialect").text(version.dialect().name()).name("version").int(version.number()).close(b'}');
}
