//! Hostile files, each with what must become of it: read whole and in chunks, always the same.

use super::read;
use aikv::wire::Limits;

struct Case {
    item: u32,
    what: String,
    bytes: Vec<u8>,
    /// Code and offset, or nothing where the file is good.
    expected: Option<(&'static str, u64)>,
}

#[derive(Default)]
pub(crate) struct Cases(Vec<Case>);

impl Cases {
    pub(crate) fn bad(&mut self, item: u32, what: impl Into<String>, bytes: impl Into<Vec<u8>>, code: &'static str, offset: u64) {
        self.0.push(Case { item, what: what.into(), bytes: bytes.into(), expected: Some((code, offset)) });
    }

    pub(crate) fn good(&mut self, item: u32, what: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push(Case { item, what: what.into(), bytes: bytes.into(), expected: None });
    }

    pub(crate) fn hold(self) {
        let mut wrong = Vec::new();
        for Case { item, what, bytes, expected } in &self.0 {
            for chunk in [usize::MAX, 1, 3, 7] {
                let result = read(bytes, chunk, Limits::default(), |_, _| ());
                let found = result.as_ref().err().map(|error| (error.code(), error.offset()));
                if found != *expected {
                    let message = result.err().map_or("nothing".to_owned(), |error| error.to_string());
                    let size = bytes.len().min(chunk);
                    wrong.push(format!("{item}. {what}, in chunks of {size}: expected {expected:?}, found {found:?}: {message}"));
                    break;
                }
            }
        }
        assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), self.0.len(), wrong.join("\n"));
    }
}

pub(crate) const TRUNCATED: &str = "truncated";
pub(crate) const BAD_MAGIC: &str = "bad-magic";
pub(crate) const UNSUPPORTED: &str = "unsupported-version";
pub(crate) const BAD_LENGTH: &str = "bad-length";
pub(crate) const BAD_ENCODING: &str = "bad-encoding";
pub(crate) const BAD_PACKED: &str = "bad-packed";
pub(crate) const BAD_VALUE: &str = "bad-value";
pub(crate) const BAD_CHECKSUM: &str = "bad-checksum";
pub(crate) const UNKNOWN_OPCODE: &str = "unknown-opcode";
pub(crate) const UNKNOWN_TYPE: &str = "unknown-type";
pub(crate) const UNREADABLE_TYPE: &str = "unreadable-type";
pub(crate) const DUPLICATE: &str = "duplicate";
