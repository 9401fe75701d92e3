//! The keys that are meant, in one form or another; and the commands of a log as JSON Lines.

use super::{CommandMatch, Export, ExportCommands, ExportCsv, ExportLog, Filter, Flow, Job};
use crate::aof;
use crate::error::{Error, Fault};
use crate::rdb::{Event, Key, Version};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What is written of keys.
pub enum KeyForm {
    /// JSON Lines.
    Json(Box<Export>),
    /// A table for spreadsheets.
    Csv(Box<ExportCsv>),
    /// The commands that make them.
    Commands(Box<ExportCommands>),
}

impl KeyForm {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Json(export) => export.push(event, raw, out),
            Self::Csv(csv) => csv.push(event, raw, out),
            Self::Commands(commands) => commands.push(event, out),
        }
    }

    /// Says that the key that comes is left out, and what stood in front of it with it.
    fn skip_key(&mut self, key: &Key<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Json(export) => export.skip_key(),
            Self::Csv(_) => {}
            Self::Commands(commands) => commands.push(&Event::EmptyKey(*key), out)?,
        }
        Ok(())
    }
}

/// Writes the keys that a filter means in one form or another. Behind each chunk, [`ExportKeys::drain`] hands out
/// what is settled.
///
/// Memory is that of the form. A rule for sizes takes more: what is written of a key is held until its size is known
/// to be right.
pub struct ExportKeys {
    filter: Filter,
    form: KeyForm,
    log: ExportLog,
    /// Which commands are written, and nothing else.
    only: Option<CommandMatch>,
    /// Of the file that is read.
    file_name: Option<Vec<u8>>,
    /// What the data come from, where they are handed over in another snapshot.
    source: Option<Option<Version>>,
    line: Line,
    text: Vec<u8>,
    written: u64,
}

/// The line of the key in hand.
#[derive(Clone, Copy, Debug)]
enum Line {
    /// Not wanted.
    Skipped,
    /// Goes out as it is written.
    Open,
    /// Held back until the size of its key is known to be right: where it starts in the text, and
    /// the bytes of the key that were read.
    Held { start: usize, bytes: u64 },
}

impl Job for ExportKeys {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        match (event, self.line) {
            (Event::Key(_), _) if self.only.is_some() => return Ok(Flow::SkipValue),
            _ if self.only.is_some() => return Ok(Flow::Continue),
            (Event::Key(key), _) => {
                if !self.filter.matches_head(key) {
                    self.line = Line::Skipped;
                    self.form.skip_key(key, &mut self.text)?;
                    return Ok(Flow::SkipValue);
                }
                self.written = self.written.saturating_add(1);
                let is_open = self.filter.size.is_open();
                self.line = if is_open { Line::Open } else { Line::Held { start: self.text.len(), bytes: 0 } };
            }
            (Event::Value(_), Line::Skipped) => return Ok(Flow::SkipValue),
            (Event::KeyEnd { .. }, Line::Skipped) => return Ok(Flow::Continue),
            (Event::Start(_), _) => return self.start(event, raw),
            _ => {}
        }
        let result = self.form.push(event, raw, &mut self.text);
        let flow = match self.line {
            Line::Held { start, bytes } => self.weigh(event, start, bytes.saturating_add(raw.len() as u64)),
            Line::Open | Line::Skipped => Flow::Continue,
        };
        result.map(|()| flow)
    }

    /// Writes a command as JSON, where that is the form; others are for keys only.
    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> Result<(), Fault> {
        let KeyForm::Json(_) = self.form else { return Ok(()) };
        let start = self.text.len();
        self.log.push(event, offset, self.file_name.as_deref(), &mut self.text);
        if let aof::Event::Command(command) = event {
            if self.only.as_mut().is_none_or(|only| only.matches(*command)) {
                self.written = self.written.saturating_add(1);
            } else {
                self.text.truncate(start);
            }
        }
        Ok(())
    }
}

impl ExportKeys {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(filter: Filter, form: KeyForm) -> Self {
        let text = if let KeyForm::Csv(_) = form { ExportCsv::HEADER.into() } else { Vec::new() };
        Self {
            filter,
            form,
            log: ExportLog::new(),
            only: None,
            file_name: None,
            source: None,
            line: Line::Open,
            text,
            written: 0,
        }
    }

    /// The keys were not read from a snapshot.
    #[must_use]
    pub fn without_encoding(mut self) -> Self {
        if let KeyForm::Json(export) = self.form {
            self.form = KeyForm::Json(Box::new(export.without_encoding()));
        }
        self
    }

    /// Writes these commands of a log, and no keys.
    #[must_use]
    pub fn only_commands(self, commands: CommandMatch) -> Self {
        Self { only: Some(commands), ..self }
    }

    /// What comes is handed over in a snapshot made for it; the data themselves come from one of this version, or from none.
    pub fn of_version(&mut self, source: Option<Version>) {
        self.source = Some(source);
    }

    /// The bytes of a file begin; commands name it.
    pub fn of_file(&mut self, name: Option<&[u8]>) {
        self.file_name = name.map(<[u8]>::to_vec);
    }

    /// Keys and commands written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The form, which knows what it left out.
    #[must_use]
    pub fn form(&self) -> &KeyForm {
        &self.form
    }

    /// What ended the export.
    #[must_use]
    pub fn failure(&self) -> Option<&Error> {
        match &self.form {
            KeyForm::Commands(commands) => commands.failure(),
            KeyForm::Json(_) | KeyForm::Csv(_) => None,
        }
    }

    /// Hands what is settled to `write`, which empties it.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn drain<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let Line::Held { start, bytes } = self.line else { return write(&mut self.text) };
        let held = self.text.split_off(start);
        let result = write(&mut self.text);
        self.text = held;
        self.line = Line::Held { start: 0, bytes };
        result
    }

    /// The head of a snapshot, or of what the data come from instead.
    fn start(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        match self.source {
            None => self.form.push(event, raw, &mut self.text)?,
            Some(Some(source)) => self.form.push(&Event::Start(source), raw, &mut self.text)?,
            Some(None) => {}
        }
        Ok(Flow::Continue)
    }

    /// Lets a line go, or takes it back, once its size says so.
    fn weigh(&mut self, event: &Event<'_>, start: usize, bytes: u64) -> Flow {
        let size = self.filter.size;
        let is_whole = matches!(event, Event::KeyEnd { .. });
        if size.max.is_some_and(|max| bytes > max) || is_whole && !size.matches(bytes) {
            self.text.truncate(start);
            self.written = self.written.saturating_sub(1);
            self.line = Line::Skipped;
            if let KeyForm::Commands(commands) = &mut self.form {
                commands.take_back();
            }
            return if is_whole { Flow::Continue } else { Flow::SkipValue };
        }
        let is_settled = is_whole || size.max.is_none() && size.matches(bytes);
        self.line = if is_settled { Line::Open } else { Line::Held { start, bytes } };
        Flow::Continue
    }
}
