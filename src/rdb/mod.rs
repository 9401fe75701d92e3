//! RDB snapshots: the grammar, step by step.

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

mod decode;
mod decode_value;
mod encode;
mod encode_value;
mod event;
mod head;
mod module;
mod opcode;
#[cfg(test)]
mod rebuild_tests;
mod stream;
mod value_type;
mod version;

pub use decode::{Decoder, Summary};
pub use encode::Encoder;
pub use event::{Checksum, Element, Elements, Event, Eviction, Key, Part, Span};
pub use module::{ModuleAux, ModuleId, ModuleItem};
pub use stream::{
    Consumer, Group, NodeEntries, Pending, StreamEntry, StreamFields, StreamId, StreamMeta, StreamNode, StreamPart,
};
pub use value_type::{Generation, Kind, Layout, Shape, Unit, ValueType};
pub use version::{Dialect, Version};

pub use crate::pack::{Container, Packed, Reading};

pub(crate) use decode::{RdbGrammar, State};
pub(crate) use head::repeats_itself;
