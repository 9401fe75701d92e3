//! AOF logs: commands as RESP arrays, annotations, and the snapshot that may
//! stand before them; and the manifest of a log of several files.

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
mod encode;
mod event;
mod manifest;
mod mark;
mod names;
mod resp;
mod search;
mod summary;
mod transaction;
mod words;

pub use decode::Decoder;
pub use encode::{Encoder, write_command};
pub use event::{Args, Command, Event};
pub use manifest::{Manifest, ManifestFile, Role};
pub use mark::{Mark, write_marked};
pub use names::{BaseFormat, NameKind, Names};
pub use summary::{Preamble, Summary};

pub(crate) use decode::is_line_end;
pub(crate) use encode::{write_argument, write_argument_count, write_argument_length};
#[cfg(feature = "std")]
pub(crate) use names::MAX_NAME_BYTES;
pub(crate) use search::{CommandSearch, LengthSearch};
#[cfg(feature = "std")]
pub(crate) use transaction::Transaction;
