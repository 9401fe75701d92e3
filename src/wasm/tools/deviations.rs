//! What a lenient reading passed over, kept for its report.

use crate::error::Error;
use alloc::vec::Vec;

/// The first deviations, and how many there were beyond them.
#[derive(Default)]
pub(super) struct Deviations {
    pub(super) kept: Vec<Error>,
    pub(super) left_out: u64,
}

impl Deviations {
    /// Deviations kept.
    const KEPT: usize = 1000;

    pub(super) fn take(&mut self, deviations: Vec<Error>) {
        for error in deviations {
            if self.kept.len() < Self::KEPT {
                self.kept.push(error);
            } else {
                self.left_out = self.left_out.saturating_add(1);
            }
        }
    }
}
