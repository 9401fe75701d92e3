//! Protocols with one mistake each. A check of crashes that does not find it is broken itself.

use std::string::String;
use std::vec::Vec;

/// A mistake, made by the disk behind the writer's back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutant {
    /// Commands are acknowledged before they are synced.
    LogNotSynced,
    ManifestNotSynced,
    BaseNotSynced,
    FolderNotSynced,
    /// What a manifest calls history is removed before that manifest is durable.
    RemovedTooEarly,
    /// A torn tail is appended to.
    TailNotCut,
    /// A manifest names an increment that its folder may not have yet.
    IncrNotInFolder,
}

/// What a file is, by its first bytes.
#[derive(PartialEq)]
enum Kind {
    Base,
    Log,
    Manifest,
}

impl Kind {
    fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"file ") {
            Self::Manifest
        } else if bytes.starts_with(b"REDIS") {
            Self::Base
        } else {
            Self::Log
        }
    }
}

impl Mutant {
    /// Whether syncs of a file of this content do nothing.
    pub(super) fn forgets(self, content: &[u8]) -> bool {
        match self {
            Self::LogNotSynced => Kind::of(content) == Kind::Log,
            Self::ManifestNotSynced => Kind::of(content) == Kind::Manifest,
            Self::BaseNotSynced => Kind::of(content) == Kind::Base,
            Self::FolderNotSynced | Self::RemovedTooEarly | Self::TailNotCut | Self::IncrNotInFolder => false,
        }
    }

    /// Names of the files that a manifest calls history.
    pub(super) fn histories(manifest: &[u8]) -> Vec<String> {
        let lines = std::str::from_utf8(manifest).unwrap_or_default().lines();
        let words = lines.filter(|line| line.ends_with(" type h")).filter_map(|line| line.split(' ').nth(1));
        words.map(String::from).collect()
    }
}
