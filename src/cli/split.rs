//! `aikv split`: a snapshot cut into several.

use super::args::{SplitArgs, SplitRule};
use super::failure::Failure;
use super::filter::open_snapshot;
use super::input::Task;
use super::progress::Progress;
use super::staged_folder::StagedFolder;
use super::{Outcome, Result};
use crate::aof;
use crate::error::Fault;
use crate::jobs::{Flow, Job, Partition, Share, SlotMap, SplitBy};
use crate::rdb::Event;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use std::fs;
use std::prelude::rust_2024::*;

pub(super) fn run(args: &SplitArgs) -> Result {
    let by = rule(args)?;
    let partition = Partition::new(args.filter.filter()?, by);
    let input = open_snapshot(&args.file)?.leniently(args.lenient);
    let folder = StagedFolder::create(&args.folder)?;
    let mut progress = Progress::until_interrupted(folder.interrupt());
    let mut parts = Parts { rule: args.by, partition, folder, names: Vec::new() };
    input.read(&mut parts, &mut progress)?.check()?;
    parts.write(0)?;
    parts.names.iter().try_for_each(|name| parts.folder.sync(name))?;
    parts.folder.finish()?;
    Ok(Outcome::Clean)
}

fn rule(args: &SplitArgs) -> Result<SplitBy> {
    let slots = match (&args.slots, &args.slots_from) {
        (Some(text), _) => Some((text.clone(), "--slots")),
        (None, Some(file)) => {
            let text = fs::read_to_string(file).map_err(|error| Failure::Input { file: file.clone(), error })?;
            Some((text, "--slots-from"))
        }
        (None, None) => None,
    };
    match (args.by, slots) {
        (SplitRule::Slot, Some((text, option))) => {
            let map = SlotMap::parse(&text).map_err(|error| Failure::Usage(format!("{option}: {error}")))?;
            Ok(SplitBy::Slots(map))
        }
        (SplitRule::Slot, None) => Err(Failure::Usage(
            "--by slot: who has which slots is told by --slots or --slots-from; for parts of one size give their number".into(),
        )),
        (_, Some((_, option))) => Err(Failure::Usage(format!("{option} goes with --by slot"))),
        (SplitRule::Db, None) => Ok(SplitBy::Db),
        (SplitRule::Parts(parts), None) => Ok(SplitBy::Slots(SlotMap::even(parts))),
        (SplitRule::Prefix, None) if args.separator.is_empty() => {
            Err(Failure::Usage("--separator: expected a text, found an empty one".into()))
        }
        (SplitRule::Prefix, None) => Ok(SplitBy::Prefix(args.separator.as_encoded_bytes().to_vec())),
    }
}

struct Parts {
    rule: SplitRule,
    partition: Partition,
    folder: StagedFolder,
    /// Of the outputs that were begun, in their order.
    names: Vec<String>,
}

impl Parts {
    /// Writes the outputs that have so many bytes, and more.
    fn write(&mut self, bytes_wanted: usize) -> std::result::Result<(), Failure> {
        for (number, (share, bytes)) in self.partition.outputs().enumerate() {
            if number == self.names.len() {
                let name = file_name(self.rule, share, number);
                self.folder.begin(&name)?;
                self.names.push(name);
            }
            if bytes.len() > bytes_wanted {
                self.folder.append(&self.names[number], bytes)?;
            }
        }
        Ok(())
    }
}

/// A name of letters, digits and `-_.%`, so that no prefix names a folder or speaks to a terminal. One that would be too
/// long for a file is cut, and numbered behind a `~`, which stands in no other.
fn file_name(rule: SplitRule, share: &Share, number: usize) -> String {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
    const LONGEST: usize = 200;
    let mut name = match share {
        Share::All => "all".into(),
        Share::Db(db) => format!("db-{db}"),
        Share::Prefix(None) => "no-prefix".into(),
        Share::Prefix(Some(prefix)) => format!("prefix-{}", percent_encode(prefix, ESCAPED)),
        Share::Slots(name) => match rule {
            SplitRule::Parts(_) => format!("part-{name}"),
            _ => format!("slots-{name}"),
        },
    };
    if name.len() > LONGEST {
        name.truncate(LONGEST);
        name.push_str(&format!("~{}", number + 1));
    }
    name.push_str(".rdb");
    name
}

impl Job for Parts {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        self.partition.push(event, raw)
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> std::result::Result<(), Fault> {
        self.partition.log(event, offset)
    }
}

impl Task for Parts {
    fn drain(&mut self) -> std::result::Result<(), Failure> {
        /// Bytes that wait for more, of each output.
        const WAITING: usize = 32 * 1024;
        self.write(WAITING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_safe_and_distinct() {
        let name = |prefix: &[u8]| file_name(SplitRule::Prefix, &Share::Prefix(Some(prefix.to_vec())), 6);
        assert_eq!(name(b"user"), "prefix-user.rdb");
        assert_eq!(name(b"../a b\x1b\xff"), "prefix-..%2Fa%20b%1B%FF.rdb");
        assert_eq!(name(b""), "prefix-.rdb");
        let long = name(&[b'/'; 300]);
        assert!(long.len() < 220 && long.ends_with("~7.rdb"), "{long}");
        assert_eq!(file_name(SplitRule::Prefix, &Share::Prefix(None), 0), "no-prefix.rdb");
    }
}
