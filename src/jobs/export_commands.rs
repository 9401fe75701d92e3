//! The commands that make the keys of a snapshot anew, for a pipe into a server.

use crate::error::{Cause, Error, Fault, FaultKind, Form};
use crate::model::{Collected, Collector, EncodeOptions, LogEmitter};
use crate::rdb::{Event, Eviction, Version};
use crate::wire::Limits;
use alloc::vec::Vec;

static HALTED: Cause = Cause::new(FaultKind::Value, "data that the commands of this version make", Form::Number);

/// Writes commands of the events of a snapshot, as [`LogEmitter`] has them: every length comes from the data, so no key or
/// value can bring in a command. Memory is that of the largest value.
///
/// What the version has no command for ends the export and says more than a fault can: after an error, ask
/// [`ExportCommands::failure`] first.
pub struct ExportCommands {
    collector: Collector,
    options: Option<EncodeOptions>,
    emitter: Option<LogEmitter>,
    db: Option<u64>,
    left_out: LeftOut,
    failure: Option<Error>,
}

/// What commands have no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Blocks of module data outside of keys.
    pub module_data: u64,
    /// Descriptions of function libraries of Redis 7.0 RC1 and RC2.
    pub descriptions: u64,
    /// Idle times and frequencies of keys.
    pub evictions: u64,
}

impl ExportCommands {
    /// An export for servers of these options; without, for those that write the snapshot's own version, or the latest of
    /// Redis where there is none.
    #[must_use]
    pub fn new(options: Option<EncodeOptions>) -> Self {
        let limit = Limits::default().max_item_bytes.saturating_mul(2);
        Self { collector: Collector::new(limit), options, emitter: None, db: None, left_out: LeftOut::default(), failure: None }
    }

    /// Goes on behind faults in values, as [`Collector::leniently`] says; of one event the first is told.
    #[must_use]
    pub fn leniently(self) -> Self {
        Self { collector: self.collector.leniently(), ..self }
    }

    /// What was left out so far.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// The error that ended the export.
    #[must_use]
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Says that the caller took back what the last key gave: the commands go on without it.
    pub fn take_back(&mut self) {
        self.db = None;
    }

    /// Appends the commands of what is whole with `event` to `out`.
    ///
    /// # Errors
    /// As [`Collector::push`]; what the version has no command for.
    #[inline]
    pub fn push(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        if let Event::Start(version) = event {
            self.options.get_or_insert(EncodeOptions::new(*version));
        }
        let Some(collected) = self.collector.push(event)? else { return self.told() };
        self.collector.forget();
        if let Err(error) = self.emit(collected, out) {
            self.failure = Some(error);
            return Err(Fault::new(&HALTED, 0));
        }
        self.told()
    }

    /// What a lenient collector passed over.
    fn told(&mut self) -> Result<(), Fault> {
        self.collector.faults().first().map_or(Ok(()), |fault| Err(*fault))
    }

    fn emit(&mut self, collected: Collected, out: &mut Vec<u8>) -> Result<(), Error> {
        let emitter = match &mut self.emitter {
            Some(emitter) => emitter,
            none => {
                let latest = EncodeOptions::new(Version::redis(Version::REDIS_MAX));
                none.insert(LogEmitter::new(&self.options.unwrap_or(latest))?)
            }
        };
        match collected {
            // Of the file, not of the data.
            Collected::Aux(_) => Ok(()),
            Collected::ModuleData(_) => {
                self.left_out.module_data = self.left_out.module_data.saturating_add(1);
                Ok(())
            }
            Collected::Function(mut function) => {
                let described = function.description.take().is_some();
                self.left_out.descriptions = self.left_out.descriptions.saturating_add(u64::from(described));
                emitter.function(&function, out)
            }
            Collected::Entry { db, key, entry } => {
                if self.db != Some(db) {
                    emitter.select_db(db, out)?;
                    self.db = Some(db);
                }
                let knows = entry.eviction != Eviction::None;
                self.left_out.evictions = self.left_out.evictions.saturating_add(u64::from(knows));
                emitter.entry(&key, &entry, out)
            }
        }
    }
}
