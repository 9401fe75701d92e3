//! Single values as `DUMP` payloads, for use with any client library.

use super::super::error;
use super::super::object::{self, ObjectExt};
use super::convert::on_loss;
use super::target;
use crate::error::{Error, Place};
use crate::jobs::{Export, Import, Imported, Json, write_loss};
use crate::model::{Collected, EncodeOptions, Fit, Loss};
use crate::rdb::{DumpPayload, Eviction, ZeroChecksum};
use alloc::string::String;
use alloc::vec::Vec;
use js_sys::Object;
use wasm_bindgen::prelude::*;

/// The `DUMP` payload of a key that `line` has as a line of JSON: `payload` and `losses`, as JSON. Options: `to`, `onLoss`.
/// Expiry, idle time and frequency are arguments of `RESTORE` and no part of it. Under `fail` a loss leaves no payload.
///
/// # Errors
/// `bad-json`; `unrepresentable`; a `TypeError` for an option that is none.
#[wasm_bindgen(skip_typescript)]
pub fn dump(line: &str, options: &JsValue) -> Result<Object, JsValue> {
    let to = target(options)?.ok_or_else(|| error::usage("to: expected the server that is to restore the payload"))?;
    let fit = Fit { version: to.version(), is_log: false, on_loss: on_loss(options)? };
    let mut found = None;
    let mut take = |line| {
        if let Imported::Item(Collected::Entry { db, key, entry }) = line {
            found = Some((db, key, entry));
        }
        Ok(())
    };
    let mut import = Import::new();
    let read = import.feed(line.as_bytes(), &mut take).and_then(|()| import.finish(&mut take));
    read.map_err(|failure| error::to_js(&failure))?;
    let (db, key, mut entry) = found.ok_or_else(|| error::usage("entry: expected a key with its value"))?;
    (entry.expires_at_ms, entry.eviction) = (None, Eviction::None);
    let mut lost = Vec::new();
    let is_kept = fit.entry(&mut entry, &mut lost);
    let mut text = Vec::new();
    let mut json = Json::new(&mut text);
    json.open(b'[');
    for (lost, count, outcome) in &lost {
        let loss = Loss { lost: *lost, outcome: *outcome, count: *count, key: Some((db, key.clone())), name: None };
        write_loss(&loss, &mut json);
    }
    json.close(b']');
    let dumped = Object::new();
    // JSON is text.
    dumped.set("losses", String::from_utf8(text).unwrap_or_default());
    if is_kept && (lost.is_empty() || fit.on_loss != crate::model::OnLoss::Fail) {
        let payload = entry.to_dump(&EncodeOptions::new(to)).map_err(|failure| error::to_js(&failure))?;
        dumped.set("payload", object::bytes(&payload));
    }
    Ok(dumped)
}

/// What a `DUMP` payload holds, as the line of a key without a name.
///
/// # Errors
/// Where the payload is damaged, or of a version that is not read.
#[wasm_bindgen(skip_typescript)]
pub fn restore(payload: &[u8]) -> Result<String, JsValue> {
    let mut export = Export::new();
    let mut text = Vec::new();
    let read = DumpPayload::parse(payload, ZeroChecksum::Absent).and_then(|payload| {
        payload.each(|event, raw| {
            let pushed = export.push(event, raw, &mut text);
            pushed.map_err(|fault| Error::new(fault.error_kind(0), 0, Place::default()))
        })
    });
    read.map_err(|failure| error::to_js(&failure))?;
    // Every line is UTF-8 by the way it is written.
    Ok(String::from_utf8(text).unwrap_or_default())
}
