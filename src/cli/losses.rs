//! Where the losses of a conversion are told: on stderr, or as JSON.

use super::Result;
use super::failure::Failure;
use super::output::Output;
use super::print::{count, push_escaped};
use crate::jobs::{Converted, Json, write_converted, write_loss, write_wish};
use crate::model::{Loss, OnLoss};
use crate::rdb::Target;
use std::prelude::rust_2024::*;

/// Losses as they are found: lines on stderr, or an object on stdout that is whole whatever happens.
pub(super) struct Losses {
    json: Option<Output>,
    to: Target,
    on_loss: OnLoss,
    text: Vec<u8>,
    is_behind: bool,
}

impl Losses {
    pub(super) fn new(is_json: bool, to: Target, on_loss: OnLoss) -> Result<Self> {
        let mut text = Vec::new();
        let json = if is_json { Some(Output::open_json(None)?) } else { None };
        if is_json {
            text.extend_from_slice(b"{\"losses\":[");
        }
        Ok(Self { json, to, on_loss, text, is_behind: false })
    }

    pub(super) fn is_json(&self) -> bool {
        self.json.is_some()
    }

    pub(super) fn tell(&mut self, losses: &[Loss]) -> Result<()> {
        match &mut self.json {
            Some(output) => {
                for loss in losses {
                    if core::mem::replace(&mut self.is_behind, true) {
                        self.text.push(b',');
                    }
                    write_loss(loss, &mut Json::new(&mut self.text));
                }
                output.write(&mut self.text)
            }
            None => {
                for loss in losses {
                    eprintln!("aikv: {}", line(loss));
                }
                Ok(())
            }
        }
    }

    /// Ends the object.
    pub(super) fn finish(self, converted: &Converted) -> Result<()> {
        self.end(|json| write_converted(converted, json))
    }

    /// Ends the object with why there is no output.
    pub(super) fn fail(self, failure: &Failure) -> Result<()> {
        self.end(|json| {
            json.name("error").text(&failure.to_string());
        })
    }

    fn end(mut self, facts: impl FnOnce(&mut Json<'_>)) -> Result<()> {
        let Some(mut output) = self.json else { return Ok(()) };
        self.text.extend_from_slice(b"],");
        let mut json = Json::new(&mut self.text);
        write_wish(self.to, self.on_loss, &mut json);
        facts(&mut json);
        json.close(b'}').end_line();
        output.write(&mut self.text)?;
        output.finish()
    }
}

/// A loss in words.
pub(super) fn line(loss: &Loss) -> String {
    let mut text = Vec::new();
    if let Some((db, key)) = &loss.key {
        text.extend_from_slice(format!("db {db}, key \"").as_bytes());
        push_escaped(key, &mut text);
        text.extend_from_slice(b"\": ");
    }
    text.extend_from_slice(loss.lost.what().as_bytes());
    if let Some(name) = &loss.name {
        text.extend_from_slice(b" \"");
        push_escaped(name, &mut text);
        text.push(b'"');
    }
    if loss.count > 1 {
        text.extend_from_slice(format!(" ({} times)", count(loss.count)).as_bytes());
    }
    let end = format!(": {}; only {} have it", loss.outcome.text(), loss.lost.found_in());
    text.extend_from_slice(end.as_bytes());
    String::from_utf8_lossy(&text).into_owned()
}
