//! Data that is kept: the content of a snapshot as owned values, and the columnar index of its keys.

#![cfg_attr(
    not(test),
    deny(
        clippy::alloc_instead_of_core,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::std_instead_of_core,
        clippy::unwrap_used
    )
)]

mod build;
mod build_stream;
mod columns;
mod commands;
mod dataset;
mod distinct;
mod emit;
mod emit_log;
mod emit_log_parts;
mod emit_parts;
mod emit_value;
mod fit;
mod held_stream;
mod index;
mod items;
mod loss;
mod memory;
mod pack_value;
mod plan;
mod prefixes;
#[cfg(test)]
mod prefixes_tests;
mod replay;
mod selection;
pub(crate) mod slot;
mod sort;
mod store;
mod stream;
#[cfg(test)]
mod tests;
mod value;
mod writer;

pub use build::{Collected, Collector};
pub use columns::Row;
pub use commands::{CommandIndex, CommandRow, Snapshot, TransactionRows};
pub use dataset::{AuxField, Database, Dataset, DatasetBuilder, DecodeLimits, Entry, Function, KeyMetadata, ModuleData};
pub(crate) use distinct::repeats;
pub use emit::{DumpEmitter, Emitter};
pub use emit_log::LogEmitter;
pub use fit::{EntryLoss, Fit};
pub use index::Index;
pub use items::ModuleItems;
pub use loss::{Loss, Lost, OnLoss, Outcome};
pub use plan::{EncodeOptions, NodeLimit, PackedLimit, Thresholds};
pub use prefixes::{PrefixBranch, PrefixLevel, PrefixOrder, PrefixTally, Separators};
pub use replay::{FailedCommand, Replay, ReplayOptions, ReplayReport, SkippedCommand, SkippedEffect};
pub use selection::Selection;
pub use sort::Column;
pub use stream::{Stream, StreamConsumer, StreamEntry, StreamGroup, StreamIdempotency, StreamPending, StreamProducer};
pub use value::{Array, ArrayValue, HashField, ModuleValue, ScoredMember, Value};

pub(crate) use writer::Writer;
