//! What of a damaged file is whole, and a new file of it.

use super::super::error;
use super::super::object::{self, ObjectExt};
use super::super::option::{self, to_u64};
use super::lines::record;
use super::seed;
use crate::jobs::{Json, KeepReadable, Mend, Readable, Record, Remnant, Repair, RepairPlan};
use crate::kind::FileKind;
use crate::wire::Limits;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use js_sys::{Array, Object, Uint8Array};
use wasm_bindgen::prelude::*;

/// Finds what of a damaged file is whole. Feed it bytes from where they are wanted, until none are.
#[wasm_bindgen(skip_typescript)]
pub struct Repairer {
    /// Until the plan is made.
    repair: Option<Repair>,
    plan: Option<(RepairPlan, u64)>,
}

#[wasm_bindgen]
impl Repairer {
    /// A repair of the file that begins with `prefix`: 16 bytes of it, or all there are. Option `keepReadable`: `true`, or the
    /// offsets of records.
    ///
    /// # Errors
    /// `bad-magic` for what is no snapshot or log; an `Error` where the machine gives no random numbers; a `TypeError` where the option is
    /// of the wrong type.
    #[wasm_bindgen(constructor)]
    pub fn new(prefix: &[u8], options: &JsValue) -> Result<Self, JsValue> {
        let keeps = keeps(options)?;
        let repair = match FileKind::sniff(prefix) {
            FileKind::Rdb { .. } => Repair::of_snapshot(seed()?, Limits::default()).keeping_readable(keeps),
            FileKind::Aof => Repair::of_log(seed()?, Limits::default()),
            FileKind::Compressed { .. } => return Err(error::coded("bad-magic", 0, "is compressed as a whole: unpack it first")),
            _ => return Err(error::coded("bad-magic", 0, "does not begin like an RDB or AOF file: byte 0")),
        };
        Ok(Self { repair: Some(repair), plan: None })
    }

    /// Where the bytes that come next have to start, which may have been read before. `undefined`: the rest is not looked at.
    #[must_use]
    pub fn wanted(&self) -> Option<f64> {
        self.repair.as_ref().and_then(Repair::wanted).map(|offset| offset as f64)
    }

    /// Reads bytes that start where they are wanted.
    pub fn feed(&mut self, chunk: &[u8]) {
        if let Some(repair) = &mut self.repair {
            repair.feed(chunk);
        }
    }

    /// Says that no bytes follow those that were fed. Whether some of them are wanted again.
    #[wasm_bindgen(js_name = looksAgain)]
    pub fn looks_again(&mut self) -> bool {
        self.repair.as_mut().is_some_and(Repair::looks_again)
    }

    /// What becomes of each byte of the file, which has so many, as `aikv repair --json` says it.
    pub fn plan(&mut self, file_bytes: f64) -> String {
        let bytes = to_u64(file_bytes);
        let plan = match (self.plan.take(), self.repair.take()) {
            (Some((plan, _)), _) => plan,
            (None, Some(repair)) => repair.finish(bytes),
            // One of the two is always there.
            (None, None) => return String::new(),
        };
        let mut text = Vec::new();
        plan.write_json(bytes, &mut Json::new(&mut text));
        self.plan = Some((plan, bytes));
        // JSON is text.
        String::from_utf8(text).unwrap_or_default()
    }

    /// What is wrong from the error in a snapshot on that ended a reading in one go, once the plan was asked for; empty where that
    /// error is not among it.
    #[must_use]
    #[wasm_bindgen(js_name = findingsFrom)]
    pub fn findings_from(&self, code: &str, offset: f64) -> Array {
        let findings = self.plan.as_ref().map(|(plan, _)| plan.findings_from(code, to_u64(offset), true)).unwrap_or_default();
        findings.iter().map(error::of_finding).collect()
    }

    /// Makes the new file, once the plan was asked for.
    ///
    /// # Errors
    /// A `TypeError` before that.
    pub fn mender(&self) -> Result<Mender, JsValue> {
        let (plan, _) = self.plan.as_ref().ok_or_else(|| error::usage("mender: expected a plan to have been made"))?;
        Ok(Mender { mend: Some(plan.mend()), offset: 0, out: Vec::new() })
    }
}

fn keeps(options: &JsValue) -> Result<KeepReadable, JsValue> {
    let value = option::member(options, "keepReadable")?;
    let usage = || error::usage("keepReadable: expected true, false or offsets");
    if let Some(offsets) = value.dyn_ref::<Array>() {
        let offset = |value: JsValue| value.as_f64().filter(|offset| *offset >= 0.0).map(to_u64);
        return offsets.iter().map(offset).collect::<Option<BTreeSet<_>>>().map(KeepReadable::At).ok_or_else(usage);
    }
    match value.as_bool() {
        Some(true) => Ok(KeepReadable::All),
        Some(false) => Ok(KeepReadable::None),
        None if value.is_null() || value.is_undefined() => Ok(KeepReadable::None),
        None => Err(usage()),
    }
}

/// Finds out how much of a row is readable whose value is broken, as a repair does that may keep it.
#[wasm_bindgen(skip_typescript)]
pub struct RemnantReader {
    remnant: Option<Remnant>,
}

#[wasm_bindgen]
impl RemnantReader {
    /// A reader of the row that `Session.readAgain` told of.
    ///
    /// # Errors
    /// A `TypeError` where a member is of the wrong type.
    #[wasm_bindgen(constructor)]
    pub fn new(row: &JsValue) -> Result<Self, JsValue> {
        let (record, offset) = record(row)?;
        // A repair has limits of its own.
        let record = Record { limits: Limits::default(), ..record };
        Ok(Self { remnant: Some(Remnant::new(&record, offset)) })
    }

    /// Reads the next bytes of the row; `true` once no more are needed.
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        self.remnant.as_mut().is_none_or(|remnant| !remnant.feed(chunk))
    }

    /// `{ elements, stated }`, or `undefined` where nothing of it can be kept.
    pub fn finish(&mut self) -> Option<Object> {
        let Readable { elements, stated } = self.remnant.take()?.finish(&mut Vec::new())?;
        let object = Object::new();
        object.set("elements", object::number(elements));
        object.put("stated", stated.map(object::number));
        Some(object)
    }
}

/// Makes a new file of what is whole. Feed it all of the old file, in order.
#[wasm_bindgen(skip_typescript)]
pub struct Mender {
    mend: Option<Mend>,
    offset: u64,
    out: Vec<u8>,
}

#[wasm_bindgen]
impl Mender {
    /// Reads the next chunk of the old file; gives what of the new one it makes.
    ///
    /// # Errors
    /// None but what an encoder gives whose events are out of order.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Uint8Array, JsValue> {
        if let Some(mend) = &mut self.mend {
            mend.copy(self.offset, chunk, &mut self.out).map_err(|failure| error::to_js(&failure))?;
        }
        self.offset = self.offset.saturating_add(chunk.len() as u64);
        Ok(self.take())
    }

    /// Says that no chunk follows; gives the end of the new file.
    ///
    /// # Errors
    /// As [`Mender::feed`].
    pub fn finish(&mut self) -> Result<Uint8Array, JsValue> {
        if let Some(mend) = self.mend.take() {
            mend.finish(&mut self.out).map_err(|failure| error::to_js(&failure))?;
        }
        Ok(self.take())
    }
}

impl Mender {
    fn take(&mut self) -> Uint8Array {
        let taken = Uint8Array::from(self.out.as_slice());
        self.out.clear();
        taken
    }
}
