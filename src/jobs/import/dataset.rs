//! Whole data sets from and to JSON Lines.

use super::{Import, Imported};
use crate::error::{Error, ErrorKind, KeyPreview, Place, Result};
use crate::jobs::{Export, Flow, HandOver, Job};
use crate::model::{Collected, Dataset};
use crate::rdb::{Event, Version};
use crate::wire::Fault;
use alloc::vec::Vec;

impl Dataset {
    /// Reads a JSON Lines export, as [`Import`] does.
    ///
    /// ```
    /// use aikv::model::Dataset;
    ///
    /// let lines = b"{\"db\":3,\"key\":\"z\",\"type\":\"zset\",\"value\":[[\"a\",1.5],[\"b\",\"inf\"]]}\n";
    /// let dataset = Dataset::from_json_lines(lines)?;
    /// assert_eq!(dataset.to_json_lines()?, lines);
    /// # Ok::<(), aikv::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Import::feed`]; `Duplicate` for a key that stands twice in its database. Memory is a multiple of `lines`.
    pub fn from_json_lines(lines: &[u8]) -> Result<Self> {
        let mut dataset = Self::default();
        let mut import = Import::with_max_line_bytes(u64::MAX);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let offset = import.offset();
            import.feed(line, &mut |item| dataset.add(item, offset))?;
        }
        let offset = import.offset();
        import.finish(&mut |item| dataset.add(item, offset))?;
        Ok(dataset)
    }

    /// Takes what the line at `offset` says.
    fn add(&mut self, line: Imported, offset: u64) -> Result<()> {
        let item = match line {
            Imported::Item(item) => item,
            Imported::Snapshot(version) => {
                self.source = Some(version);
                return Ok(());
            }
        };
        match item {
            Collected::Aux(field) => self.aux.push(field),
            Collected::Function(function) => self.functions.push(function),
            Collected::ModuleData(data) => self.module_data.push(data),
            Collected::Entry { db, key, entry } => {
                let place = Place { db: Some(db), key: Some(KeyPreview::new(&key)), ..Place::default() };
                if self.databases.entry(db).or_default().insert(key, entry).is_some() {
                    let kind = ErrorKind::Duplicate { expected: "a key once in its database" };
                    return Err(Error::new(kind, offset, place));
                }
            }
        }
        Ok(())
    }

    /// Writes JSON Lines, as [`Export`] does, without encodings: aux fields, functions and module data first, then the keys
    /// in order of database and name.
    ///
    /// # Errors
    /// `Unrepresentable` for what no version has a form for, as [`HandOver`] says.
    pub fn to_json_lines(&self) -> Result<Vec<u8>> {
        let mut lines = Lines { source: self.source, export: Export::new().without_encoding(), out: Vec::new() };
        let mut hand_over = HandOver::new(self.source)?;
        // Texts are shared, not copied.
        for item in self.clone().into_items() {
            hand_over.push(&item, &mut lines)?;
        }
        hand_over.finish(&mut lines)?;
        Ok(lines.out)
    }
}

struct Lines {
    /// The version that is told, rather than that of the snapshot which is handed over.
    source: Option<Version>,
    export: Export,
    out: Vec<u8>,
}

impl Job for Lines {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> core::result::Result<Flow, Fault> {
        match (event, self.source) {
            (Event::Start(_), None) => {}
            (Event::Start(_), Some(source)) => self.export.push(&Event::Start(source), raw, &mut self.out)?,
            _ => self.export.push(event, raw, &mut self.out)?,
        }
        Ok(Flow::Continue)
    }
}
