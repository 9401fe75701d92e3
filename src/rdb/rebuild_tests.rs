//! Packed blobs of real servers, read and built again, are the same bytes.

use super::{Decoder, Elements, Event, Part, StreamPart};
use crate::pack::intset::{IntsetBuilder, IntsetEntries};
use crate::pack::listpack::backlen::BacklenForm;
use crate::pack::listpack::{ListpackBuilder, ListpackEntries};
use crate::pack::ziplist::{Integers, ZiplistBuilder, ZiplistEntries};
use crate::pack::{Container, Entries, Reading};
use crate::wire::Scalar;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use std::fs;
use std::path::{Path, PathBuf};

/// Keys whose blob a server left in a longer form than it would write anew:
/// an intset that lost the member which made it wide.
const LONGER: [&str; 1] = ["upgraded"];

fn each<'a>(mut entries: impl Entries<'a>, mut push: impl FnMut(Scalar<'a>) -> bool) {
    while let Some(entry) = entries.next().unwrap() {
        assert!(push(entry));
    }
}

fn rebuild(container: Container, blob: &[u8]) -> Vec<u8> {
    match container {
        Container::Listpack => {
            let mut builder = ListpackBuilder::new(BacklenForm::Wide);
            each(ListpackEntries::new(blob, Reading::Strict), |entry| builder.push(entry));
            builder.finish().to_vec()
        }
        Container::Ziplist => {
            let mut builder = ZiplistBuilder::new(Integers::All);
            each(ZiplistEntries::new(blob, Reading::Strict), |entry| builder.push(entry));
            builder.finish().to_vec()
        }
        Container::Intset => {
            let mut builder = IntsetBuilder::new();
            each(IntsetEntries::new(blob, Reading::Strict), |entry| builder.push(entry.as_int().unwrap()));
            builder.finish().to_vec()
        }
        Container::Zipmap => panic!("no server from 2.6 on writes zipmaps"),
    }
}

/// Every packed blob of a snapshot, with its key.
fn blobs(bytes: &[u8], mut visit: impl FnMut(&str, Container, &[u8])) -> Result<(), crate::Error> {
    let mut decoder = Decoder::new();
    let mut input = bytes;
    let mut key = String::new();
    loop {
        let step = match decoder.step(input) {
            Ok(step) => step,
            Err(fault) => return Err(decoder.dress(fault)),
        };
        input = &input[step.consumed..];
        match step.event {
            Some(Event::Key(head)) => key = String::from_utf8_lossy(&head.key.to_vec()).into_owned(),
            Some(Event::Value(Part::Elements { elements: Elements::Packed { packed, .. }, .. })) => {
                visit(&key, packed.container(), packed.blob());
            }
            Some(Event::Value(Part::Stream(StreamPart::Node(node)))) => visit(&key, Container::Listpack, node.blob()),
            None if input.is_empty() => return decoder.finish().map(|_| ()),
            _ => {}
        }
    }
}

fn snapshots(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            snapshots(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rdb") {
            found.push(path);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "reads every fixture")]
fn packed_blobs_of_real_servers_are_built_byte_by_byte() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files = Vec::new();
    snapshots(&root, &mut files);
    let mut same = BTreeMap::new();
    let mut longer = BTreeSet::new();
    for file in &files {
        let read = blobs(&fs::read(file).unwrap(), |key, container, blob| {
            if rebuild(container, blob) == blob {
                *same.entry(container.name()).or_insert(0u64) += 1;
            } else {
                longer.insert(String::from(key));
            }
        });
        if let Err(error) = read {
            assert_eq!(error.code(), "unsupported-version", "{}: {error}", file.display());
        }
    }
    assert!(longer.iter().eq(&LONGER), "{longer:?}");
    assert!(same["listpack"] > 600 && same["ziplist"] > 200 && same["intset"] > 50, "{same:?}");
}
