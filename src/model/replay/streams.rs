//! Streams.

use super::super::store::Store;
use super::super::stream;
use crate::error::Fault;

/// A stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream(stream::Stream);

impl Stream {
    pub(super) fn from_model(stream: stream::Stream, memory: &mut Store) -> Result<Self, Fault> {
        let stream = Self(stream);
        memory.take(stream.heap_bytes())?;
        Ok(stream)
    }

    pub(super) fn into_model(self) -> stream::Stream {
        self.0
    }

    /// A stream without entries stays.
    #[allow(clippy::unused_self)]
    pub(super) fn is_empty(&self) -> bool {
        false
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.entries.len().saturating_mul(size_of::<stream::StreamEntry>())
    }
}
