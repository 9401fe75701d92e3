//! What a replay tells beside the data.

use super::super::object::{self, ObjectExt};
use crate::model::{ReplayReport, SkippedEffect};
use js_sys::{Array, Object};

/// `{ applied, transactions, unfinished, skipped, failed }`, the last two with a row for each name of a command.
pub(in super::super) fn replayed(report: &ReplayReport) -> Object {
    let object = Object::new();
    object.set("applied", object::number(report.applied));
    object.set("transactions", object::number(report.transactions));
    object.set("unfinished", object::number(report.unfinished));
    let row = |command: &str, count: u64, first_offset: u64| {
        let object = Object::new();
        object.set("command", command);
        object.set("count", object::number(count));
        object.set("offset", object::number(first_offset));
        object
    };
    let skipped = report.skipped.iter().map(|skipped| {
        let row = row(skipped.name, skipped.count, skipped.first_offset);
        row.set("mayChangeData", skipped.effect == SkippedEffect::MayChangeData);
        row
    });
    object.set("skipped", skipped.collect::<Array>());
    let failed = report.failed.iter().map(|failed| {
        let row = row(failed.name, failed.count, failed.first_offset);
        row.set("reason", failed.reason);
        row
    });
    object.set("failed", failed.collect::<Array>());
    object
}
