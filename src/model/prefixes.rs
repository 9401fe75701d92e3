//! Keys counted by the beginnings of their names, one level at a time.

use super::columns::Row;
use super::index::Index;
use super::selection::no_memory;
use super::sort::{self, Column};
use crate::error::Error;
use crate::rdb::Kind;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::hash::Hasher;
use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

/// Prefixes counted at once. Where a level has more of them, the rows are looked at
/// again for every further part.
pub(super) const MOST_AT_ONCE: usize = 1 << 19;

/// Texts that part the names of keys, such as `:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Separators {
    texts: Vec<Vec<u8>>,
    /// Whether some text begins with the byte.
    begins: [bool; 256],
}

impl Separators {
    /// Separators of any length. Empty ones part nothing.
    #[must_use]
    pub fn new(texts: Vec<Vec<u8>>) -> Self {
        let mut begins = [false; 256];
        for byte in texts.iter().filter_map(|text| text.first()) {
            if let Some(begins) = begins.get_mut(usize::from(*byte)) {
                *begins = true;
            }
        }
        Self { texts, begins }
    }

    /// Bytes of `name` up to the end of its first separator, `None` where it has none.
    /// Where several begin at one place, the longest counts.
    #[must_use]
    #[inline]
    pub fn first_end(&self, name: &[u8]) -> Option<usize> {
        let begins = |byte: &u8| self.begins.get(usize::from(*byte)).is_some_and(|begins| *begins);
        let mut from = 0;
        loop {
            let at = name.get(from..)?.iter().position(begins)?.saturating_add(from);
            let here = name.get(at..)?;
            let fitting = self.texts.iter().filter(|text| here.starts_with(text));
            match fitting.map(Vec::len).max() {
                Some(len) if len > 0 => return Some(at.saturating_add(len)),
                _ => from = at.saturating_add(1),
            }
        }
    }
}

/// What comes first in a level; ties stand in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixOrder {
    /// The most bytes in the file.
    Bytes,
    /// The most keys.
    Keys,
}

/// Keys, and their bytes in the file by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrefixTally {
    /// Number of keys.
    pub keys: u32,
    /// Bytes by kind, in the order of [`Kind::ALL`].
    pub bytes_by_kind: [u64; Kind::ALL.len()],
}

impl PrefixTally {
    /// Bytes in the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes_by_kind.iter().copied().fold(0, u64::saturating_add)
    }

    /// The kind with the most bytes; of equal ones the first of [`Kind::ALL`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        let pairs = Kind::ALL.into_iter().zip(self.bytes_by_kind);
        pairs.max_by_key(|(kind, bytes)| (*bytes, Reverse(*kind))).map_or(Kind::String, |(kind, _)| kind)
    }

    #[inline]
    fn add(&mut self, row: &Row<'_>) {
        self.keys = self.keys.saturating_add(1);
        let kind = row.value_type().and_then(|value_type| usize::try_from(value_type.kind() as u64).ok());
        if let Some(bytes) = kind.and_then(|kind| self.bytes_by_kind.get_mut(kind)) {
            *bytes = bytes.saturating_add(row.bytes());
        }
    }

    fn merge(&mut self, other: &Self) {
        self.keys = self.keys.saturating_add(other.keys);
        for (bytes, more) in self.bytes_by_kind.iter_mut().zip(other.bytes_by_kind) {
            *bytes = bytes.saturating_add(more);
        }
    }
}

/// Keys whose names go on alike up to the next separator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixBranch {
    /// One of the keys.
    pub row: u32,
    /// Bytes of its name up to the end of that separator, those of the level's prefix included.
    pub name_bytes: usize,
    /// The keys.
    pub tally: PrefixTally,
}

/// Counts the keys whose names begin with a prefix, by how they go on: a branch for
/// every piece that ends in a separator, a leaf for every name that has no more of them.
/// Memory is bounded whatever the names are; counts are exact.
pub struct PrefixLevel {
    prefix: Vec<u8>,
    separators: Separators,
    by: PrefixOrder,
    most: usize,
    hasher: SipHasher13,
    /// Rows there were when the counting began, and the next one to look at.
    rows: u32,
    next: u32,
    is_first_pass: bool,
    part: Part,
    parts_left: Vec<Part>,
    pub(super) most_at_once: usize,
    /// Branches of the part, and where each stands among them by the hash of its piece.
    open: Vec<Hashed>,
    places: HashTable<u32>,
    branches: Vec<PrefixBranch>,
    branch_count: u64,
    leaves: Vec<u32>,
    /// Bytes a leaf needs to be among the first.
    threshold: u64,
    in_branches: PrefixTally,
    in_leaves: PrefixTally,
}

/// A branch with the hash of its piece.
type Hashed = (u64, PrefixBranch);

/// Prefixes whose hash ends in these bits.
#[derive(Clone, Copy)]
struct Part {
    mask: u64,
    bits: u64,
}

impl PrefixLevel {
    /// The level below `prefix`. At most `most` branches and as many leaves are named,
    /// those that come first. Names are hashed by `seed`.
    #[must_use]
    pub fn new(index: &Index, prefix: Vec<u8>, separators: Separators, by: PrefixOrder, most: usize, seed: [u64; 2]) -> Self {
        let [first, second] = seed;
        Self {
            prefix,
            separators,
            by,
            most,
            hasher: SipHasher13::new_with_keys(first, second),
            rows: index.rows(),
            next: 0,
            is_first_pass: true,
            part: Part { mask: 0, bits: 0 },
            parts_left: Vec::new(),
            most_at_once: MOST_AT_ONCE,
            open: Vec::new(),
            places: HashTable::new(),
            branches: Vec::new(),
            branch_count: 0,
            leaves: Vec::new(),
            threshold: 0,
            in_branches: PrefixTally::default(),
            in_leaves: PrefixTally::default(),
        }
    }

    /// Looks at `rows` further rows; `true` once all were counted. `keep` says which
    /// keys count, and must say the same of one in every call.
    ///
    /// # Errors
    /// `LimitExceeded` where memory ends.
    pub fn advance(&mut self, index: &Index, rows: u32, mut keep: impl FnMut(&Row<'_>) -> bool) -> Result<bool, Error> {
        let end = self.next.saturating_add(rows).min(self.rows);
        for row in index.scan(self.next).take_while(|row| row.id() < end) {
            if row.key().starts_with(&self.prefix) && keep(&row) {
                self.count(index, &row).ok_or_else(|| no_memory(index, "memory for the prefixes of the keys"))?;
            }
        }
        self.next = end;
        if self.next == self.rows {
            self.end_pass(index)?;
            let Some(part) = self.parts_left.pop() else { return Ok(true) };
            self.part = part;
            self.next = 0;
        }
        Ok(false)
    }

    /// `None` where memory ends.
    fn count(&mut self, index: &Index, row: &Row<'_>) -> Option<()> {
        let skipped = self.prefix.len();
        let rest = row.key().get(skipped..)?;
        let Some(piece) = self.separators.first_end(rest).and_then(|end| rest.get(..end)) else {
            return self.leaf(index, row);
        };
        let hash = hash_of(self.hasher, piece);
        if hash & self.part.mask != self.part.bits {
            return Some(());
        }
        let open = &self.open;
        let is_same = |(other, branch): &Hashed| *other == hash && piece_of(index, branch, skipped) == piece;
        match self.places.find(hash, |place| open.get(*place as usize).is_some_and(is_same)).copied() {
            Some(place) => self.open.get_mut(place as usize)?.1.tally.add(row),
            None => {
                let name_bytes = skipped.saturating_add(piece.len());
                let mut branch = PrefixBranch { row: row.id(), name_bytes, tally: PrefixTally::default() };
                branch.tally.add(row);
                self.open.try_reserve(1).ok()?;
                self.open.push((hash, branch));
                self.place()?;
            }
        }
        while self.open.len() > self.most_at_once && self.part.mask < u64::MAX {
            self.halve()?;
        }
        Some(())
    }

    /// Notes the places of the branches that have none.
    fn place(&mut self) -> Option<()> {
        let Self { open, places, .. } = self;
        let hash = |place: &u32| open.get(*place as usize).map_or(0, |(hash, _)| *hash);
        while places.len() < open.len() {
            let place = u32::try_from(places.len()).ok()?;
            places.try_reserve(1, hash).ok()?;
            places.insert_unique(hash(&place), place, hash);
        }
        Some(())
    }

    /// Leaves half of the prefixes to a pass of its own.
    #[cold]
    fn halve(&mut self) -> Option<()> {
        let Part { mask, bits } = &mut self.part;
        let half = mask.saturating_add(1);
        *mask |= half;
        self.parts_left.push(Part { mask: *mask, bits: *bits | half });
        self.open.retain(|(hash, _)| hash & *mask == *bits);
        self.places.clear();
        self.place()
    }

    fn leaf(&mut self, index: &Index, row: &Row<'_>) -> Option<()> {
        if !self.is_first_pass {
            return Some(());
        }
        self.in_leaves.add(row);
        if row.bytes() > self.threshold {
            self.leaves.try_reserve(1).ok()?;
            self.leaves.push(row.id());
            if self.leaves.len() >= self.most.saturating_mul(2).max(64) {
                return self.keep_leaves(index);
            }
        }
        Some(())
    }

    /// Drops the leaves that do not come first.
    fn keep_leaves(&mut self, index: &Index) -> Option<()> {
        sort::sort(index, &mut self.leaves, Column::Bytes, true).ok()?;
        if self.leaves.len() >= self.most {
            self.leaves.truncate(self.most);
            self.threshold = self.leaves.last().and_then(|id| index.row(*id)).map_or(u64::MAX, |row| row.bytes());
        }
        Some(())
    }

    fn end_pass(&mut self, index: &Index) -> Result<(), Error> {
        self.keep_leaves(index).ok_or_else(|| no_memory(index, "memory for the order of the leaves"))?;
        self.is_first_pass = false;
        self.branch_count = self.branch_count.saturating_add(self.open.len() as u64);
        for (_, branch) in core::mem::take(&mut self.open) {
            self.in_branches.merge(&branch.tally);
            self.branches.push(branch);
        }
        self.places.clear();
        let rank = |branch: &PrefixBranch| match self.by {
            PrefixOrder::Bytes => branch.tally.bytes(),
            PrefixOrder::Keys => u64::from(branch.tally.keys),
        };
        let mut order: Vec<(u64, u32)> = self.branches.iter().map(|branch| !rank(branch)).zip(0..).collect();
        order.sort_unstable();
        order.truncate(self.most);
        self.branches = order.iter().filter_map(|(_, place)| self.branches.get(*place as usize).copied()).collect();
        Ok(())
    }

    /// The first branches.
    #[must_use]
    pub fn branches(&self) -> &[PrefixBranch] {
        &self.branches
    }

    /// Number of branches, those that are not named included.
    #[must_use]
    pub fn branch_count(&self) -> u64 {
        self.branch_count
    }

    /// The keys in all branches.
    #[must_use]
    pub fn in_branches(&self) -> &PrefixTally {
        &self.in_branches
    }

    /// Rows of the first leaves, by the most bytes.
    #[must_use]
    pub fn leaves(&self) -> &[u32] {
        &self.leaves
    }

    /// The keys that are leaves.
    #[must_use]
    pub fn in_leaves(&self) -> &PrefixTally {
        &self.in_leaves
    }

    /// What the names of a branch go on with behind the level's prefix.
    #[must_use]
    pub fn piece<'a>(&self, index: &'a Index, branch: &PrefixBranch) -> &'a [u8] {
        piece_of(index, branch, self.prefix.len())
    }
}

fn hash_of(mut hasher: SipHasher13, piece: &[u8]) -> u64 {
    hasher.write(piece);
    hasher.finish()
}

fn piece_of<'a>(index: &'a Index, branch: &PrefixBranch, skipped: usize) -> &'a [u8] {
    index.row(branch.row).and_then(|row| row.key().get(skipped..branch.name_bytes)).unwrap_or_default()
}
