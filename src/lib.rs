//! Reads, writes, checks and explains the persistence formats of Redis and
//! Valkey: RDB snapshots and AOF logs.
//!
//! The core needs only `alloc` and works on byte buffers: [`rdb`] and [`aof`]
//! hold a decoder each, which takes chunks of any size and answers with events.

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(any(feature = "std", feature = "wasm", feature = "wasm-tools", test))]
#[cfg_attr(feature = "cli", macro_use)]
extern crate std;

pub mod aof;
#[cfg(feature = "cli")]
pub mod cli;
pub mod error;
pub mod jobs;
pub mod kind;
pub mod model;
#[cfg(feature = "std")]
pub mod persistence;
pub mod rdb;
#[cfg(feature = "unpack")]
pub mod unpack;
#[cfg(any(feature = "wasm", feature = "wasm-tools"))]
pub mod wasm;
pub mod wire;

mod pack;

pub use error::{Error, ErrorKind};
pub use kind::FileKind;
#[cfg(feature = "std")]
pub use persistence::{AikvError, Result};
