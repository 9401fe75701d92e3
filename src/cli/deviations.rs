//! What a lenient reading passed over, said on stderr.

use super::print::{count, safe};
use super::progress::Progress;
use crate::error::Error;
use std::path::Path;
use std::prelude::rust_2024::*;

/// Deviations that are told one by one.
const TOLD: u64 = 100;

/// Tells the first deviations, and how many there were.
pub(super) struct Deviations {
    file: String,
    count: u64,
}

impl Deviations {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: safe(file), count: 0 }
    }

    pub(super) fn tell(&mut self, error: &Error, progress: &Progress) {
        self.count += 1;
        if self.count <= TOLD {
            progress.say(&format!("aikv: {}: passed over: {error}", self.file));
        }
    }

    /// Says how many were not told, and gives the number of all.
    pub(super) fn finish(self) -> u64 {
        if self.count > TOLD {
            eprintln!("aikv: {}: {} in all were passed over", self.file, count(self.count));
        }
        self.count
    }
}
