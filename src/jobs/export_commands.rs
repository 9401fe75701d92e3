//! The commands that make the keys of a snapshot anew, for a pipe into a server.

use crate::error::{Cause, Error, Fault, FaultKind, Form};
use crate::model::{Collected, Collector, EncodeOptions, LogEmitter};
use crate::rdb::{Event, Eviction, Key, Version};
use crate::wire::Limits;
use alloc::vec::Vec;

static HALTED: Cause = Cause::new(FaultKind::Value, "data that the commands of this version make", Form::Number);

/// Writes commands of the events of a snapshot, as [`LogEmitter`] has them: every length comes from the data, so no key or
/// value can bring in a command. Values that need no other form than elements are written as their parts come, and a member
/// or field that stands twice in them is not looked for; for others memory is that of the largest value.
///
/// What the version has no command for ends the export and says more than a fault can: after an error, ask
/// [`ExportCommands::failure`] first.
pub struct ExportCommands {
    collector: Collector,
    options: Option<EncodeOptions>,
    emitter: Option<LogEmitter>,
    db: Option<u64>,
    is_lenient: bool,
    /// Whether metadata came, which is that of the next key.
    has_metadata: bool,
    /// Whether the value of the key in hand is written as it comes.
    is_plain: bool,
    /// Whether there is something about that key that has no command.
    has_eviction: bool,
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
        Self {
            collector: Collector::new(limit),
            options,
            emitter: None,
            db: None,
            is_lenient: false,
            has_metadata: false,
            is_plain: false,
            has_eviction: false,
            left_out: LeftOut::default(),
            failure: None,
        }
    }

    /// Goes on behind faults in values, as [`Collector::leniently`] says; of one event the first is told.
    #[must_use]
    pub fn leniently(self) -> Self {
        Self { collector: self.collector.leniently(), is_lenient: true, ..self }
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
        match event {
            Event::Value(_) | Event::KeyEnd { .. } if self.is_plain => return self.plain(event, out),
            Event::Start(version) => {
                self.options.get_or_insert(EncodeOptions::new(*version));
            }
            Event::KeyMeta(_) => self.has_metadata = true,
            Event::EmptyKey(_) => self.has_metadata = false,
            Event::Key(key) => {
                let may_be_plain = !core::mem::take(&mut self.has_metadata) && !self.is_lenient;
                self.is_plain = may_be_plain && self.begin(key, out)?;
                if self.is_plain {
                    return Ok(());
                }
            }
            _ => {}
        }
        self.collect(event, out)
    }

    fn options(&self) -> EncodeOptions {
        self.options.unwrap_or(EncodeOptions::new(Version::redis(Version::REDIS_MAX)))
    }

    /// Begins a key whose value is written as it comes, if there are commands for that.
    #[inline]
    fn begin(&mut self, key: &Key<'_>, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let is_begun = match self.emitter() {
            Ok(emitter) => emitter.begin_key(key),
            Err(error) => return self.fail(error).map(|()| false),
        };
        if is_begun && self.db != Some(key.db) {
            self.select(key.db, out)?;
        }
        self.has_eviction = key.eviction != Eviction::None;
        Ok(is_begun)
    }

    /// Takes a part of such a value, or its key's end.
    #[inline]
    fn plain(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let Some(emitter) = &mut self.emitter else { return Ok(()) };
        let Event::Value(part) = event else {
            self.is_plain = false;
            self.left_out.evictions = self.left_out.evictions.saturating_add(u64::from(self.has_eviction));
            let ended = emitter.end_key(out);
            return ended.or_else(|error| self.fail(error));
        };
        if emitter.part(part, out)? {
            return Ok(());
        }
        self.is_plain = false;
        self.collector.push(&Event::Key(emitter.open_key()))?;
        self.collect(event, out)
    }

    /// Says which database the commands that follow are for.
    fn select(&mut self, db: u64, out: &mut Vec<u8>) -> Result<(), Fault> {
        let selected = self.emitter().and_then(|emitter| emitter.select_db(db, out));
        self.db = Some(db);
        selected.or_else(|error| self.fail(error))
    }

    fn fail(&mut self, error: Error) -> Result<(), Fault> {
        self.failure = Some(error);
        Err(Fault::new(&HALTED, 0))
    }

    fn emitter(&mut self) -> Result<&mut LogEmitter, Error> {
        let options = self.options();
        match &mut self.emitter {
            Some(emitter) => Ok(emitter),
            none => Ok(none.insert(LogEmitter::new(&options)?)),
        }
    }

    /// Collects a value that has to be whole.
    fn collect(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let Some(collected) = self.collector.push(event)? else { return self.told() };
        self.collector.forget();
        match self.emit(collected, out) {
            Ok(()) => self.told(),
            Err(error) => self.fail(error),
        }
    }

    /// What a lenient collector passed over.
    fn told(&mut self) -> Result<(), Fault> {
        self.collector.faults().first().map_or(Ok(()), |fault| Err(*fault))
    }

    fn emit(&mut self, collected: Collected, out: &mut Vec<u8>) -> Result<(), Error> {
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
                self.emitter()?.function(&function, out)
            }
            Collected::Entry { db, key, entry } => {
                if self.db != Some(db) {
                    self.emitter()?.select_db(db, out)?;
                    self.db = Some(db);
                }
                let knows = entry.eviction != Eviction::None;
                self.left_out.evictions = self.left_out.evictions.saturating_add(u64::from(knows));
                self.emitter()?.entry(&key, &entry, out)
            }
        }
    }
}
