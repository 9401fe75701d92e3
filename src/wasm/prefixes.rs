//! Keys by the beginnings of their names: one level of the tree, counted in steps.

use super::error;
use super::object::{self, ObjectExt};
use super::option::{self, bytes, string};
use super::query::{Query, Rules};
use super::seed;
use super::session::row_object;
use super::wanted::separators;
use crate::model::{Index, PrefixLevel, PrefixOrder, PrefixTally};
use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;

/// Branches and leaves that are named unless the caller says otherwise.
const NAMED: u64 = 200;

/// A level that is being counted.
pub(super) struct Counting {
    level: PrefixLevel,
    rules: Rules,
}

impl Counting {
    /// Begins to count the keys of a query; its own prefix is left out of account.
    pub(super) fn new(index: &Index, query: &JsValue, options: &JsValue) -> Result<Self, JsValue> {
        let order = match string(options, "by")?.as_deref() {
            None | Some("bytes") => PrefixOrder::Bytes,
            Some("keys") => PrefixOrder::Keys,
            Some(_) => return Err(error::usage("by: expected bytes or keys")),
        };
        let most = usize::try_from(option::whole(options, "most")?.unwrap_or(NAMED)).unwrap_or(usize::MAX);
        let prefix = bytes(options, "prefix")?.unwrap_or_default();
        let rules = Query::parse(query)?.wanted.rules()?;
        let level = PrefixLevel::new(index, prefix, separators(options)?, order, most, seed()?);
        Ok(Self { level, rules })
    }

    /// Looks at further rows; the level, once all were counted.
    pub(super) fn step(&mut self, index: &Index, rows: u32) -> Result<Option<Object>, JsValue> {
        let Self { level, rules } = self;
        let is_done = level.advance(index, rows, |row| rules.keep_under_any_prefix(row)).map_err(|error| error::to_js(&error))?;
        Ok(is_done.then(|| self.object(index)))
    }

    fn object(&self, index: &Index) -> Object {
        let Self { level, .. } = self;
        let branches = level.branches().iter().map(|branch| {
            let object = tally(&branch.tally);
            object.set("name", object::bytes(level.piece(index, branch)));
            object
        });
        let leaves = level.leaves().iter().filter_map(|id| index.row(*id)).map(|row| row_object(&row));
        let object = Object::new();
        object.set("branches", branches.collect::<Array>());
        object.set("leaves", leaves.collect::<Array>());
        let all = tally(level.in_branches());
        all.set("count", object::number(level.branch_count()));
        object.set("inBranches", all);
        object.set("inLeaves", tally(level.in_leaves()));
        object
    }
}

fn tally(tally: &PrefixTally) -> Object {
    let object = Object::new();
    object.set("keys", tally.keys);
    object.set("bytes", object::number(tally.bytes()));
    object.set("type", tally.kind().name());
    object
}
