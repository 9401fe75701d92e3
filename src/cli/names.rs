//! Hashes of more names than there is room for in memory, kept on the disk until all can be compared.

use super::failure::Failure;
use super::scratch::Scratch;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

/// Bytes of a hash.
const EACH: usize = size_of::<u128>();
/// Memory for reading all lists at once, 64 hashes of each at least.
const MEMORY: usize = 4 << 20;

/// Sorted lists of hashes in a file beside the output, which is gone when the command is.
pub(super) struct Names {
    output: PathBuf,
    scratch: Option<Scratch>,
    /// Where each list ends, in hashes.
    ends: Vec<u64>,
}

impl Names {
    /// None yet. Without a list there is no file.
    pub(super) fn new(output: &Path) -> Self {
        // A slash behind the name is no part of it.
        Self { output: output.components().collect(), scratch: None, ends: Vec::new() }
    }

    fn failed(&self, error: io::Error) -> Failure {
        Failure::Output { file: Some(self.output.clone()), error }
    }

    /// Keeps a list, in which no hash stands twice.
    pub(super) fn add(&mut self, sorted: &[u128]) -> Result<(), Failure> {
        self.write(sorted).map_err(|error| self.failed(error))
    }

    fn write(&mut self, sorted: &[u128]) -> io::Result<()> {
        let scratch = match &mut self.scratch {
            Some(scratch) => scratch,
            none => none.insert(Scratch::create(&self.output)?),
        };
        let bytes: Vec<u8> = sorted.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        scratch.file.write_all(&bytes)?;
        self.ends.push(self.ends.last().unwrap_or(&0) + sorted.len() as u64);
        Ok(())
    }

    /// Takes the last list of a file, if there is more than memory had room for, and fails where a hash stands in two of them.
    pub(super) fn finish(&mut self, last: Option<Vec<u128>>, file: &Path) -> Result<(), Failure> {
        if let Some(last) = last {
            self.add(&last)?;
        }
        match self.has_twice() {
            Ok(false) => Ok(()),
            Ok(true) => Err(Failure::kind(file, "has a key twice in a database; `aikv check` says which")),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn has_twice(&mut self) -> io::Result<bool> {
        let Some(Scratch { file, .. }) = &mut self.scratch else { return Ok(false) };
        let room = (MEMORY / EACH / self.ends.len()).max(64);
        let mut start = 0;
        let mut lists: Vec<List> = Vec::new();
        for end in &self.ends {
            lists.push(List { next: start, end: *end, read: VecDeque::new() });
            start = *end;
        }
        let mut heads = BinaryHeap::new();
        for (number, list) in lists.iter_mut().enumerate() {
            heads.extend(list.next(file, room)?.map(|hash| Reverse((hash, number))));
        }
        let mut before = None;
        while let Some(Reverse((hash, number))) = heads.pop() {
            if before.replace(hash) == Some(hash) {
                return Ok(true);
            }
            heads.extend(lists[number].next(file, room)?.map(|hash| Reverse((hash, number))));
        }
        Ok(false)
    }
}

/// A list that is read piece by piece.
struct List {
    /// The hash that is read next from the file.
    next: u64,
    end: u64,
    read: VecDeque<u128>,
}

impl List {
    fn next(&mut self, file: &mut File, room: usize) -> io::Result<Option<u128>> {
        if self.read.is_empty() {
            let count = room.min(usize::try_from(self.end - self.next).unwrap_or(room));
            let mut bytes = vec![0; count * EACH];
            file.seek(SeekFrom::Start(self.next * EACH as u64))?;
            file.read_exact(&mut bytes)?;
            self.next += count as u64;
            self.read.extend(bytes.as_chunks::<EACH>().0.iter().map(|hash| u128::from_le_bytes(*hash)));
        }
        Ok(self.read.pop_front())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_in_two_lists_is_found_wherever_it_stands() {
        let output = std::env::temp_dir().join(format!("aikv-names-{}", std::process::id()));
        // More than are read at once of each of many lists.
        let lists: Vec<Vec<u128>> = (0..50).map(|list| (0..6000).map(|name| name * 50 + list).collect()).collect();
        let has_twice = |more: Option<u128>| {
            let mut names = Names::new(&output);
            lists.iter().for_each(|list| names.add(list).unwrap());
            more.iter().for_each(|hash| names.add(&[*hash]).unwrap());
            names.has_twice().unwrap()
        };
        assert!(!has_twice(None));
        for hash in [0, 49, 5999 * 50, 5999 * 50 + 49, 3000 * 50 + 17] {
            assert!(has_twice(Some(hash)), "{hash}");
        }
        assert!(!has_twice(Some(u128::MAX)));
        assert!(!Names::new(&output).has_twice().unwrap());
    }
}
