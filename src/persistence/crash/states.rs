//! What a crash may leave: for every moment between two operations, every state that the disk may be found in.

use super::disk::{FileId, Image, NameChange, Node, Operation, folder_of};
use std::collections::{BTreeMap, BTreeSet};
use std::string::String;
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

/// What is known of names that no sync of their folder has covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// They reach the disk in order.
    Strict,
    /// Any of them may.
    Weak,
}

/// Which states are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) names: Names,
    /// At most so many of one moment.
    pub(super) per_moment: usize,
    /// Whether single pages of a write may be missing. A log without integrity marks cannot tell that from a value of zeros.
    pub(super) has_holes: bool,
}

const PAGE: usize = 4096;

/// Of more names than this only the last ones come in any combination.
const MAX_FREE_NAMES: usize = 10;

/// A file: what is on the disk for certain, and what came since.
#[derive(Default)]
struct Content {
    synced: Vec<u8>,
    pending: Vec<Change>,
    /// A sync has failed: none covers what came before it any more.
    is_doubtful: bool,
    remainders: Vec<Remainder>,
}

enum Change {
    Append(Arc<[u8]>),
    Truncate(usize),
}

#[derive(Clone, PartialEq)]
struct Remainder {
    bytes: Arc<[u8]>,
    is_garbled: bool,
}

/// The disk behind some operations.
#[derive(Default)]
pub(super) struct Walk {
    durable: BTreeMap<String, Node>,
    /// Changes, and the folders whose syncs they wait for.
    pending: Vec<(NameChange, BTreeSet<String>)>,
    files: BTreeMap<FileId, Content>,
    has_holes: bool,
    pub(super) acked: usize,
}

impl Walk {
    pub(super) fn new(has_holes: bool) -> Self {
        Self { has_holes, ..Self::default() }
    }

    pub(super) fn step(&mut self, operation: &Operation) {
        match operation {
            Operation::Name(change) => {
                let folders = change.set.iter().map(|(name, _)| folder_of(name)).collect();
                self.pending.push((change.clone(), folders));
            }
            Operation::SyncFolder { folder } => {
                for (change, mut folders) in std::mem::take(&mut self.pending) {
                    folders.remove(folder);
                    if folders.is_empty() {
                        apply(&mut self.durable, &change);
                    } else {
                        self.pending.push((change, folders));
                    }
                }
            }
            Operation::Append { file, bytes } => self.change(*file, Change::Append(bytes.clone())),
            Operation::Truncate { file, len } => self.change(*file, Change::Truncate(*len)),
            Operation::FailedSync { file } => self.files.entry(*file).or_default().is_doubtful = true,
            Operation::Sync { file } => {
                let content = self.files.entry(*file).or_default();
                if !content.is_doubtful {
                    content.sync();
                    content.remainders.clear();
                }
            }
            Operation::Ack(units) => self.acked = self.acked.max(*units),
        }
    }

    fn change(&mut self, file: FileId, change: Change) {
        let content = self.files.entry(file).or_default();
        content.pending.push(change);
        content.remainders.clear();
    }

    /// Only what is certain.
    pub(super) fn worst(&self) -> Image {
        let files = self.files.iter().map(|(id, content)| (*id, Arc::from(&content.synced[..])));
        Image { names: reachable(self.durable.clone()), files: files.collect(), is_garbled: false }
    }

    /// Calls `visit` with every state in the bounds.
    pub(super) fn each(&mut self, bounds: Bounds, mut visit: impl FnMut(&Image)) {
        let mut left = bounds.per_moment;
        for names in self.names(bounds.names) {
            let ids: BTreeSet<_> =
                names.values().filter_map(|node| if let Node::File(id) = node { Some(*id) } else { None }).collect();
            let has_holes = self.has_holes;
            for id in &ids {
                let content = self.files.entry(*id).or_default();
                if content.remainders.is_empty() {
                    content.remainders = content.remainders(has_holes);
                }
            }
            let choices: Vec<_> = ids.iter().map(|id| (*id, &self.files[id].remainders[..])).collect();
            let mut chosen = vec![0; choices.len()];
            loop {
                if left == 0 {
                    return;
                }
                left -= 1;
                let mut image = Image { names: names.clone(), ..Image::default() };
                for ((id, remainders), index) in choices.iter().zip(&chosen) {
                    let remainder = &remainders[*index];
                    image.is_garbled |= remainder.is_garbled;
                    image.files.insert(*id, remainder.bytes.clone());
                }
                visit(&image);
                // The next combination, as one counts.
                let Some(place) = (0..chosen.len()).find(|place| chosen[*place] + 1 < choices[*place].1.len()) else { break };
                chosen[..place].fill(0);
                chosen[place] += 1;
            }
        }
    }

    fn names(&self, model: Names) -> Vec<BTreeMap<String, Node>> {
        let changes: Vec<_> = self.pending.iter().map(|(change, _)| change).collect();
        let combined = |chosen: &dyn Fn(usize) -> bool| {
            let mut names = self.durable.clone();
            for (_, change) in changes.iter().enumerate().filter(|(index, _)| chosen(*index)) {
                apply(&mut names, change);
            }
            reachable(names)
        };
        match model {
            Names::Strict => (0..=changes.len()).map(|count| combined(&|index| index < count)).collect(),
            Names::Weak => {
                let certain = changes.len().saturating_sub(MAX_FREE_NAMES);
                let free = changes.len() - certain;
                (0..1usize << free).map(|set| combined(&|index| index < certain || set >> (index - certain) & 1 == 1)).collect()
            }
        }
    }
}

fn apply(names: &mut BTreeMap<String, Node>, change: &NameChange) {
    for (name, node) in &change.set {
        match node {
            Some(node) => names.insert(name.clone(), *node),
            None => names.remove(name),
        };
    }
}

/// Without what is in folders that are not there.
fn reachable(mut names: BTreeMap<String, Node>) -> BTreeMap<String, Node> {
    let folders: BTreeSet<_> = names.iter().filter(|(_, node)| **node == Node::Folder).map(|(name, _)| name.clone()).collect();
    names.retain(|name, _| name.rsplit_once('/').is_none_or(|(folder, _)| folders.contains(folder)));
    names
}

impl Content {
    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            match change {
                Change::Append(bytes) => self.synced.extend_from_slice(&bytes),
                Change::Truncate(len) => self.synced.truncate(len),
            }
        }
    }

    /// What may be found of the file.
    fn remainders(&self, has_holes: bool) -> Vec<Remainder> {
        let mut found = Vec::new();
        let mut add = |bytes: &[u8], is_garbled| {
            let remainder = Remainder { bytes: bytes.into(), is_garbled };
            if !found.contains(&remainder) {
                found.push(remainder);
            }
        };
        let mut content = self.synced.clone();
        add(&content, false);
        for change in &self.pending {
            match change {
                Change::Truncate(len) => content.truncate(*len),
                Change::Append(bytes) => {
                    let start = content.len();
                    let end = start + bytes.len();
                    for cut in cuts(bytes.len()) {
                        content.truncate(start);
                        content.extend_from_slice(&bytes[..cut]);
                        add(&content, false);
                        content.resize(end, 0);
                        add(&content, true);
                        content.truncate(start + cut);
                        content.resize(end, 0xa5);
                        add(&content, true);
                    }
                    content.truncate(start);
                    content.extend_from_slice(bytes);
                    if has_holes && bytes.len() > PAGE {
                        for page in start / PAGE..=(end - 1) / PAGE {
                            let mut holed = content.clone();
                            holed[(page * PAGE).max(start)..((page + 1) * PAGE).min(end)].fill(0);
                            add(&holed, true);
                        }
                    }
                }
            }
            add(&content, false);
        }
        self.add_missing_writes(&mut add);
        found
    }

    /// One write is missing before others that are there.
    fn add_missing_writes(&self, add: &mut impl FnMut(&[u8], bool)) {
        let mut content = self.synced.clone();
        let mut written = Vec::new();
        for change in &self.pending {
            match change {
                Change::Append(bytes) => {
                    written.push(content.len()..content.len() + bytes.len());
                    content.extend_from_slice(bytes);
                }
                // What is behind a cut is gone with it.
                Change::Truncate(len) => {
                    content.truncate(*len);
                    written.retain(|range| range.end <= *len);
                }
            }
        }
        for range in written.iter().take(written.len().saturating_sub(1)) {
            let mut holed = content.clone();
            holed[range.clone()].fill(0);
            add(&holed, true);
        }
    }
}

/// Where a write may be torn: anywhere in a short one.
fn cuts(len: usize) -> Vec<usize> {
    if len <= 64 {
        return (0..len).collect();
    }
    let sectors = (1..).map(|sector| sector * 512).take_while(|cut| *cut < len);
    let mut cuts: Vec<_> = (0..8).chain(sectors).chain(len - 8..len).collect();
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}
