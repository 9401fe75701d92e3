//! The only code that indexes raw bytes and survives chunk ends.

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

#[cfg(feature = "unpack")]
pub(crate) mod crc32;
pub(crate) mod crc64;
pub(crate) mod cursor;
pub(crate) mod feed;
pub(crate) mod length;
pub(crate) mod lzf;
pub(crate) mod number;
pub(crate) mod scalar;

pub use feed::{Limits, Step};
pub use scalar::Scalar;

pub use crate::error::Fault;
