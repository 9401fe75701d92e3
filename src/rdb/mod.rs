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
mod decode_stream;
mod decode_value;
mod decoder;
mod dump;
mod encode;
mod encode_stream;
mod encode_value;
mod event;
mod head;
mod key_meta;
mod known;
mod module;
pub(crate) mod opcode;
#[cfg(test)]
mod rebuild_tests;
mod record;
mod skip;
mod slots;
mod stream;
mod target;
mod template;
mod value_type;
mod version;

pub use crate::pack::listpack::backlen::BacklenForm;
pub use decoder::{Decoder, Summary};
pub use dump::{DumpEncoder, DumpPayload, ZeroChecksum, seal};
pub use encode::Encoder;
pub use event::{ArrayHead, Checksum, Element, Elements, Event, Eviction, Key, Part, SlotValue, Span};
pub use key_meta::{KeyMeta, MetaClass};
pub use module::{ModuleAux, ModuleId, ModuleItem};
pub use slots::SlotImport;
pub use stream::{
    Consumer, Group, Idempotency, NodeEntries, Pending, Producer, StreamCounters, StreamEntry, StreamFields, StreamId,
    StreamMeta, StreamNode, StreamPart,
};
pub(crate) use target::backlen_of;
pub use target::{LoadedBy, Server, Target};
pub use template::{HashTemplate, Names, Template, Templates};
pub use value_type::{ExpiryForm, Generation, Kind, Layout, Shape, Unit, ValueType};
pub use version::{Dialect, Version};

pub use crate::pack::{Container, Packed, Reading};

pub(crate) use decode::{RdbGrammar, State};
pub(crate) use event::LAST_FIELD_EXPIRY_MS;
pub(crate) use head::repeats_itself;
pub(crate) use key_meta::MAX_CLASSES;
pub(crate) use known::{known, known_eviction, known_expiry, known_key, known_length, known_type, seconds};
pub(crate) use module::read_item as read_module_item;
pub(crate) use slots::is_hint_field;
