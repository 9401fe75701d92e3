//! A snapshot converted on its way to a task.

use super::Result;
use super::failure::{Damage, Failure};
use super::input::{Input, Task};
use super::names::Names;
use super::progress::Progress;
use crate::aof;
use crate::error::{Error, Fault};
use crate::jobs::{Convert, ConvertOptions, Flow, Job, Reader};
use crate::model::Loss;
use crate::rdb::Event;
use crate::wire::Limits;
use std::path::Path;
use std::prelude::rust_2024::*;

/// Reads a snapshot and hands it, converted, to `task`, and its losses to `tell`. Gives how many losses forbid any output; where
/// there is one, the task has not got all.
pub(super) fn read<T: Task>(
    input: Input,
    options: ConvertOptions,
    (file, output): (&Path, &Path),
    task: &mut T,
    tell: &mut dyn FnMut(&[Loss]) -> Result<()>,
    progress: &mut Progress,
) -> Result<u64> {
    let failed = |error| Failure::Format { file: file.into(), damage: Damage { error, codec: None } };
    let convert = Convert::new(options).map_err(failed)?;
    let reader = Reader::new(Limits::default());
    let mut through = Through { file, convert, reader, task, tell, names: Names::new(output) };
    let ending = input.read(&mut through, progress);
    if let Some(error) = through.convert.failure() {
        return Err(failed(error.clone()));
    }
    ending?.check()?;
    through.drain()?;
    let Through { mut convert, mut reader, task, tell, mut names, .. } = through;
    names.finish(convert.take_last_names(), file)?;
    let (rest, losses, converted) = convert.finish().map_err(failed)?;
    tell(&losses)?;
    if converted.is_refused {
        return Ok(converted.losses);
    }
    reader.feed(&rest, task).and_then(|()| reader.finish()).map_err(failed)?;
    task.drain()?;
    Ok(0)
}

struct Through<'t, T> {
    file: &'t Path,
    convert: Convert,
    reader: Reader,
    task: &'t mut T,
    tell: &'t mut dyn FnMut(&[Loss]) -> Result<()>,
    names: Names,
}

impl<T: Task> Job for Through<'_, T> {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        self.convert.push(event, raw)
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> std::result::Result<(), Fault> {
        self.task.log(event, offset)
    }
}

impl<T: Task> Task for Through<'_, T> {
    fn drain(&mut self) -> Result<()> {
        (self.tell)(&self.convert.take_losses())?;
        for names in self.convert.take_names() {
            self.names.add(&names)?;
        }
        let output = self.convert.output();
        let fed = self.reader.feed(output, self.task);
        output.clear();
        fed.map_err(|error: Error| Failure::Format { file: self.file.into(), damage: Damage { error, codec: None } })?;
        self.task.drain()
    }
}
