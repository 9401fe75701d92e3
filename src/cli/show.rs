//! `aikv show`: one value, for people, as JSON, or as the bytes of a string.

use super::args::ShowArgs;
use super::failure::Failure;
use super::input::{Ending, Input, Task};
use super::output::Output;
use super::print::safe;
use super::progress::Progress;
use super::replay;
use super::show_text::ShowText;
use super::{Outcome, Result, random_seed};
use crate::error::{Escaped, Fault};
use crate::jobs::{Export, Flow, Job, ModuleJson};
use crate::rdb::{Event, Key, Kind, ModuleItem, Part};
use crate::wire::Limits;
use std::prelude::rust_2024::*;

pub(super) fn run(args: &ShowArgs) -> Result {
    let file = &args.input.file;
    let input = Input::open(file)?.leniently(args.input.lenient).replayed_by(&args.replay);
    let is_log = input.is_log();
    let is_unencoded = input.is_unencoded();
    let path = args.input.output.as_deref();
    let (form, output) = match (args.json, args.raw) {
        (true, _) => {
            let export = Export::new().refusing_duplicates(random_seed()?);
            let export = if is_unencoded { export.without_encoding() } else { export };
            (Form::Json(Box::new(export)), Output::open_json(path)?)
        }
        (_, true) => (Form::Raw(ModuleJson::new(Limits::default().max_item_bytes)), Output::open(path)?),
        _ => (Form::Text(ShowText::new(is_unencoded)), Output::open_paged(path)?),
    };
    let mut progress = Progress::until_done();
    let mut show =
        Show { key: args.key.as_encoded_bytes().to_vec(), db: args.db, state: State::Seeking, form, text: Vec::new(), output };
    let ending = if is_log {
        replay::read(input, file, &mut show, &mut progress)?;
        None
    } else {
        let ending = input.read(&mut show, &mut progress)?;
        ending.warn_of_commands();
        Some(ending)
    };
    match show.state {
        State::NoString(kind) => {
            let what = if kind == Kind::Module { "no JSON document that can be read".into() } else { format!("of type {kind}") };
            Err(Failure::Usage(format!(
                "--raw is for strings and JSON documents, and this key is {what}; --json gives it exactly"
            )))
        }
        State::Found => {
            show.output.finish()?;
            Ok(Outcome::Clean)
        }
        // Damage ends a value in the middle, or hides whether the key is there.
        State::Seeking | State::Showing => {
            ending.map_or(Ok(()), Ending::check)?;
            let place = args.db.map_or(String::new(), |db| format!(" in db {db}"));
            eprintln!("aikv: {}: no key \"{}\"{place}", safe(file), Escaped(&show.key));
            Ok(Outcome::Found)
        }
    }
}

enum Form {
    Json(Box<Export>),
    /// The bytes of a string, or the text of a document, which is known once it is whole.
    Raw(ModuleJson),
    Text(ShowText),
}

impl Form {
    /// Says that the key that comes is not the one, or has nothing to show.
    fn skip_key(&mut self) {
        match self {
            Self::Json(export) => export.skip_key(),
            Self::Text(text) => text.skip_key(),
            Self::Raw(_) => {}
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Seeking,
    Showing,
    Found,
    /// The bytes of a string or document were asked for, and this is none.
    NoString(Kind),
}

struct Show {
    key: Vec<u8>,
    db: Option<u64>,
    state: State,
    form: Form,
    text: Vec<u8>,
    output: Output,
}

impl Show {
    fn is_meant(&self, key: &Key<'_>) -> bool {
        self.state == State::Seeking
            && self.db.is_none_or(|db| db == key.db)
            && key.key.with_text(|text| text == self.key.as_slice())
    }

    fn open(&mut self, key: &Key<'_>) -> Flow {
        if !self.is_meant(key) {
            return Flow::SkipValue;
        }
        let kind = key.value_type.kind();
        if matches!(self.form, Form::Raw(_)) && !matches!(kind, Kind::String | Kind::Module) {
            self.state = State::NoString(kind);
            return Flow::Stop;
        }
        self.state = State::Showing;
        Flow::Continue
    }
}

impl Job for Show {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        match event {
            Event::Key(key) => match self.open(key) {
                Flow::Continue => {}
                other => {
                    self.form.skip_key();
                    return Ok(other);
                }
            },
            Event::EmptyKey(_) => self.form.skip_key(),
            _ => {}
        }
        // Metadata stands in front of the key that it is about.
        let may_be_of_it = self.state == State::Seeking && matches!(event, Event::KeyMeta(_));
        if self.state != State::Showing && !may_be_of_it {
            return Ok(Flow::Continue);
        }
        match &mut self.form {
            Form::Json(export) => export.push(event, raw, &mut self.text)?,
            Form::Text(text) => text.push(event, &mut self.text)?,
            Form::Raw(module) => match event {
                Event::Value(Part::Bytes { piece, .. }) => piece.push_to(&mut self.text),
                Event::Value(Part::Module(item)) => {
                    module.push(item);
                    if let Some(document) = module.document() {
                        self.text.extend_from_slice(document);
                    } else if !module.is_promising() || *item == ModuleItem::End {
                        self.state = State::NoString(Kind::Module);
                        return Ok(Flow::Stop);
                    }
                }
                _ => {}
            },
        }
        if matches!(event, Event::KeyEnd { .. }) {
            self.state = State::Found;
            return Ok(Flow::Stop);
        }
        Ok(Flow::Continue)
    }
}

impl Task for Show {
    fn drain(&mut self) -> std::result::Result<(), Failure> {
        self.output.write(&mut self.text)
    }
}
