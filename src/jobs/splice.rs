//! A snapshot made of bytes of others.

use crate::error::Error;
use crate::rdb::{BacklenForm, Checksum, Encoder, Event, Layout, Part, Version};
use alloc::vec::Vec;

/// Writes records of snapshots as they are, under a header and a checksum of its own.
pub(crate) struct Splice {
    encoder: Encoder,
    db: Option<u64>,
    out: Vec<u8>,
}

impl Splice {
    /// Begins a snapshot of `version`.
    pub(crate) fn new(version: Version) -> Result<Self, Error> {
        let mut this = Self { encoder: Encoder::new(version), db: None, out: Vec::new() };
        this.encoder.write(&Event::Start(version), &mut this.out)?;
        Ok(this)
    }

    /// Says which database the keys that follow are in.
    #[inline]
    pub(crate) fn select_db(&mut self, db: u64) -> Result<(), Error> {
        if self.db != Some(db) {
            self.encoder.write(&Event::SelectDb(db), &mut self.out)?;
            self.db = Some(db);
        }
        Ok(())
    }

    /// Appends bytes of records.
    #[inline]
    pub(crate) fn copy(&mut self, raw: &[u8]) {
        self.encoder.splice(raw, &mut self.out);
    }

    /// Appends a part of a value of this layout, the backward lengths of its listpack in this form.
    pub(crate) fn copy_part(&mut self, layout: Layout, part: &Part<'_>, form: BacklenForm, is_first: bool) -> Result<(), Error> {
        self.encoder.splice_part(layout, part, form, is_first, &mut self.out)
    }

    /// Appends the end, with a checksum where the version has one.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.encoder.write(&Event::End(Checksum::Verified), &mut self.out)
    }

    /// What is written and was not taken yet, for the caller to take.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
}
