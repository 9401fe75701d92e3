//! The module that is loaded when something of it is needed first: what unpacks, writes and changes files.

mod lines;
mod unpack;

pub use lines::{LineReader, Lines};
pub use unpack::Unpacker;
