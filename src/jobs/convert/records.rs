//! What of a snapshot is no key: aux fields, functions, module data, sizes, records of clusters.

use super::Convert;
use crate::error::Fault;
use crate::model::{AuxField, Function, Lost, ModuleData, Outcome, Writer};
use crate::rdb::{Dialect, Event, KeyMeta, SlotImport, Version, known};
use bytes::Bytes;

impl Convert {
    /// Takes what is no part of a value.
    #[inline(never)]
    pub(super) fn record(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<(), Fault> {
        let version = self.fit.version;
        match event {
            Event::Start(source) => self.start(*source),
            Event::SelectDb(db) => {
                self.source_db = Some(*db);
                self.sizes = None;
            }
            Event::ResizeDb { keys, expires } => self.sizes = Some((*keys, *expires)).filter(|_| !self.is_filtering()),
            Event::SlotInfo { .. } => self.slot_sizes(known(version, event).is_ok(), raw)?,
            Event::Aux { key, .. } if key.with_text(|name| name.eq_ignore_ascii_case(b"slot-info")) => {
                // Valkey 8 has the version of Redis 7.2, which passes over fields that it does not know.
                self.slot_sizes(version == Version::redis(11) || version.dialect() == Dialect::Valkey, raw)?;
            }
            Event::SlotImport(import) => {
                if known(version, event).is_ok() && !self.fit.is_log {
                    self.copy(raw);
                } else if let SlotImport::Open { job, .. } = import {
                    let name = job.with_text(Bytes::copy_from_slice);
                    self.lose(Lost::SlotMove, 1, Outcome::ItemLeftOut, None, Some(name));
                }
            }
            // Values that refer to one are written with its names where the target has none.
            Event::HashTemplate(_) if self.may_copy && known(version, event).is_ok() => self.copy(raw),
            Event::HashTemplate(_) | Event::End(_) => {}
            Event::Enterprise { .. } => self.enterprise = self.enterprise.saturating_add(1),
            Event::KeyMeta(meta) => {
                self.has_metadata |= !matches!(meta, KeyMeta::Classes(0));
                self.collect(event)?;
            }
            Event::EmptyKey(_) => {
                (self.has_metadata, self.enterprise) = (false, 0);
                self.collect(event)?;
            }
            Event::Aux { .. } | Event::Function { .. } | Event::FunctionPreGa { .. } | Event::ModuleAux(_) => {
                self.collect(event)?;
            }
            // Handled by the caller.
            Event::Key(_) | Event::Value(_) | Event::KeyEnd { .. } => {}
        }
        Ok(())
    }
    pub(super) fn function(&mut self, mut function: Function) -> Result<(), Fault> {
        let is_kept = self.fit.function(&mut function, &mut self.scratch);
        let first_line = function.code.split(|byte| *byte == b'\n').next().unwrap_or_default();
        for (lost, count, outcome) in core::mem::take(&mut self.scratch) {
            self.lose(lost, count, outcome, None, Some(Bytes::copy_from_slice(first_line)));
        }
        if is_kept {
            self.write(|writer, out| writer.function(&function, out))?;
        }
        Ok(())
    }

    pub(super) fn module_data(&mut self, data: &ModuleData) -> Result<(), Fault> {
        if self.fit.has_module_data() {
            return self.write(|writer, out| writer.module_data(data, out));
        }
        let name = Bytes::copy_from_slice(&data.id.name());
        self.lose(Lost::ModuleData, 1, Outcome::ItemLeftOut, None, Some(name));
        Ok(())
    }

    pub(super) fn aux(&mut self, field: &AuxField) -> Result<(), Fault> {
        let version = self.fit.version;
        let number = version.number();
        let name = field.name.to_ascii_lowercase();
        let has_room = !self.fit.is_log && number >= 7;
        let (is_kept, lost) = match &name[..] {
            b"redis-ver" | b"valkey-ver" | b"aikv-ver" | b"redis-bits" | b"ctime" | b"used-mem" => (has_room, None),
            // Of the file that it was, and of the stream that it stood in.
            b"aof-preamble" | b"aof-base" | b"repl-stream-db" | b"repl-id" | b"repl-offset" => (false, None),
            b"lua" => (has_room && matches!(number, 8 | 9), Some(Lost::Script)),
            b"cluster-asm-task" if field.value.is_empty() => (false, None),
            b"cluster-asm-task" => (has_room && version.dialect() == Dialect::Redis && number >= 12, Some(Lost::SlotMove)),
            // Facts that servers only log.
            [b'%', ..] => (has_room, None),
            _ => (has_room, Some(Lost::HeadField)),
        };
        if is_kept {
            return self.write(|writer, out| match writer {
                Writer::Snapshot(emitter) => emitter.aux(&field.name, &field.value, out),
                Writer::Commands(_) => Ok(()),
            });
        }
        if let Some(lost) = lost {
            self.lose(lost, 1, Outcome::ItemLeftOut, None, Some(field.name.clone()));
        }
        Ok(())
    }

    /// Takes the sizes of a slot, in the form of either lineage.
    fn slot_sizes(&mut self, is_known: bool, raw: &[u8]) -> Result<(), Fault> {
        if self.is_filtering() {
            return Ok(());
        }
        if !is_known || self.fit.is_log {
            self.slot_sizes = self.slot_sizes.saturating_add(1);
            return Ok(());
        }
        if let Some(db) = self.source_db.filter(|db| self.db != Some(*db)) {
            self.select(db)?;
        }
        self.copy(raw);
        Ok(())
    }

    fn is_filtering(&self) -> bool {
        !self.options.filter.is_open()
    }
}
