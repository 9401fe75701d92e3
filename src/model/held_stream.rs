//! A stream that is written anew with its nodes as they are: the texts of its entries are not put together.

use super::build_stream::StreamBuilder;
use super::dataset::{DecodeLimits, Entry};
use super::pack_value::Nodes;
use super::store::Store;
use super::value::Value;
use crate::error::Fault;
use crate::pack::listpack::backlen::{self, BacklenForm};
use crate::rdb::{Generation, Key, StreamPart};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Such a stream while its parts come.
pub(super) struct HeldStream {
    builder: StreamBuilder,
    store: Store,
    nodes: Nodes,
}

/// A key whose value is such a stream: it has the ids of its entries, and an empty field in place of theirs, which stand in
/// the nodes.
pub(crate) struct HeldEntry {
    pub(crate) entry: Entry,
    pub(super) nodes: Nodes,
}

impl HeldStream {
    pub(super) fn new(generation: Generation) -> Self {
        let store = Store::new(DecodeLimits::default().max_total_bytes);
        Self { builder: StreamBuilder::without_texts(generation), store, nodes: Nodes::default() }
    }

    /// Takes a part; backward lengths of a node get the form that is written.
    pub(super) fn push(&mut self, part: &StreamPart<'_>, form: BacklenForm) -> Result<(), Fault> {
        let Self { builder, store, nodes } = self;
        builder.push(part, store, &mut Err)?;
        let StreamPart::Node(node) = part else { return Ok(()) };
        store.take(node.blob().len())?;
        if backlen::has_form(node.blob(), form.other()) {
            let mut blob = Vec::new();
            backlen::rewrite(node.blob(), form, &mut blob);
            nodes.push(&blob, node.master);
        } else {
            nodes.push(node.blob(), node.master);
        }
        Ok(())
    }

    /// The key, behind its last part.
    pub(super) fn finish(self, key: &Key<'_>) -> HeldEntry {
        let Self { builder, nodes, .. } = self;
        let value = Value::Stream(Box::new(builder.finish()));
        let entry = Entry { expires_at_ms: key.expires_at_ms, eviction: key.eviction, ..Entry::from(value) };
        HeldEntry { entry, nodes }
    }
}
