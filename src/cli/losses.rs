//! Where the losses of a conversion are told: on stderr, or as JSON.

use super::Result;
use super::failure::Failure;
use super::output::Output;
use super::print::{count, push_escaped};
use crate::jobs::{Converted, Json};
use crate::model::{Loss, OnLoss};
use crate::rdb::{Target, Version};
use crate::wire::Scalar;
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
                    push_json(loss, &mut Json::new(&mut self.text));
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
        self.end(|json| {
            if let Some(source) = converted.source {
                json.name("source");
                push_version(source, json);
            }
            json.name("refused").bool(converted.is_refused);
            json.name("keys").int(converted.keys).name("copied_keys").int(converted.copied_keys);
            json.name("unmatched_keys").int(converted.unmatched_keys).name("is_distinct").bool(converted.is_distinct);
            json.name("written_bytes").int(if converted.is_refused { 0 } else { converted.written_bytes });
            if let Some(db) = converted.last_db {
                json.name("last_db").int(db);
            }
        })
    }

    /// Ends the object with why there is no output.
    pub(super) fn fail(self, failure: &Failure) -> Result<()> {
        self.end(|json| {
            json.name("error").text(&failure.to_string());
        })
    }

    fn end(mut self, push: impl FnOnce(&mut Json<'_>)) -> Result<()> {
        let Some(mut output) = self.json else { return Ok(()) };
        self.text.extend_from_slice(b"],");
        let mut json = Json::new(&mut self.text);
        json.name("to").text(&self.to.to_string()).name("rdb");
        push_version(self.to.version(), &mut json);
        json.name("on_loss").text(match self.on_loss {
            OnLoss::Fail => "fail",
            OnLoss::Drop => "drop",
            OnLoss::Degrade => "degrade",
        });
        push(&mut json);
        json.close(b'}').end_line();
        output.write(&mut self.text)?;
        output.finish()
    }
}

fn push_version(version: Version, json: &mut Json<'_>) {
    json.open(b'{').name("dialect").text(version.dialect().name()).name("version").int(version.number()).close(b'}');
}

fn push_json(loss: &Loss, json: &mut Json<'_>) {
    json.open(b'{').name("code").text(loss.lost.code()).name("what").text(loss.lost.what());
    json.name("found_in").text(loss.lost.found_in()).name("outcome").text(loss.outcome.code()).name("count").int(loss.count);
    if let Some((db, key)) = &loss.key {
        json.name("db").int(*db).name("key").bytes(Scalar::Bytes(key));
    }
    if let Some(name) = &loss.name {
        json.name("name").bytes(Scalar::Bytes(name));
    }
    json.close(b'}');
}

/// A loss in words.
fn line(loss: &Loss) -> String {
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
