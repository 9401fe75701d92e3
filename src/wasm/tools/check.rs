//! Every finding in a file, chunk by chunk.

use super::super::error;
use super::super::option;
use super::super::seed;
use crate::jobs::{Check, Finding, Job, Reader};
use crate::wire::Limits;
use alloc::vec::Vec;
use js_sys::Array;
use wasm_bindgen::prelude::*;

/// A file being checked. Feed it the file's chunks in order, unpacked, and take the findings after each.
#[wasm_bindgen(skip_typescript)]
pub struct Checker {
    reader: Reader,
    check: Check,
    /// What ends a log.
    last: Vec<Finding>,
    has_failed: bool,
}

#[wasm_bindgen]
impl Checker {
    /// Has read nothing yet. Options: `lenient`.
    ///
    /// # Errors
    /// An `Error` where the machine gives no random numbers, a `TypeError` where an option is of the wrong type.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<Self, JsValue> {
        let reader = Reader::new(Limits::default());
        let reader = if option::flag(options, "lenient")? { reader.leniently() } else { reader };
        Ok(Self { reader, check: Check::new(seed()?, Check::LIMIT_BYTES), last: Vec::new(), has_failed: false })
    }

    /// Reads the next chunk, of any size; `false` once nothing behind it can be read.
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        let check: &mut dyn Job = &mut self.check;
        self.has_failed |= self.reader.feed(chunk, check).is_err();
        !self.has_failed
    }

    /// Says that no chunk follows.
    pub fn finish(&mut self) {
        match (self.reader.finish(), self.reader.snapshot()) {
            (Err(failure), snapshot) if self.reader.log().is_some() => {
                if let Some(summary) = snapshot {
                    self.check.end(Ok(&summary));
                }
                self.last.push(Finding::from_error(&failure, false));
            }
            (Err(failure), _) => self.check.end(Err(&failure)),
            (Ok(()), Some(summary)) => self.check.end(Ok(&summary)),
            (Ok(()), None) => {}
        }
    }

    /// The findings since the last call.
    #[must_use]
    pub fn findings(&mut self) -> Array {
        let mut findings = self.check.take_findings();
        findings.append(&mut self.last);
        findings.iter().map(error::of_finding).collect()
    }
}
