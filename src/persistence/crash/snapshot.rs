//! A snapshot that is replaced again and again: there is the old one or the new one, whole.

use super::super::error::{PersistenceErrorKind, Task};
use super::super::files::Replacement;
use super::super::storage::Folder;
use super::disk::{Fault, Recorder};
use super::mutant::Mutant;
use super::states::{Bounds, Names};
use super::survey::{Refusal, Subject, Survey};
use std::ffi::OsStr;
use std::format;
use std::io::{self, Read};
use std::path::Path;
use std::string::{String, ToString};
use std::vec::Vec;

/// Snapshot number n is there when n + 1 units are.
struct Snapshots {
    count: usize,
}

const NAME: &str = "dump.rdb";

/// More than a sector, so that it is torn in many ways.
fn content(unit: usize) -> Vec<u8> {
    let mut content = b"REDIS".to_vec();
    content.resize(600, b'0' + u8::try_from(unit).unwrap());
    content
}

/// Whether the new snapshot stands in place. Any other error leaves the old one.
fn save(disk: &Recorder, unit: usize) -> Result<bool, String> {
    let task = Task { doing: "save the snapshot", path: Path::new(NAME) };
    let save = || {
        let mut file = Replacement::new(task, disk, OsStr::new(NAME))?;
        let content = content(unit);
        let (head, rest) = content.split_at(100);
        file.write(head)?;
        file.write(rest)?;
        file.place()
    };
    match save() {
        Ok(()) => {
            disk.ack(unit + 1);
            Ok(true)
        }
        Err(error) => match error.kind() {
            PersistenceErrorKind::CommittedDurabilityUnknown(_) => Ok(true),
            _ => Err(error.to_string()),
        },
    }
}

fn read(disk: &Recorder) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    match disk.read(OsStr::new(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?.read_to_end(&mut content)?,
    };
    Ok(Some(content))
}

impl Subject for Snapshots {
    fn work(&self, disk: &Recorder) -> usize {
        let mut units = 0;
        for _ in 0..self.count {
            if save(disk, units) == Ok(true) {
                units += 1;
            }
        }
        units
    }

    fn open(&self, disk: &Recorder, add: bool) -> Result<usize, Refusal> {
        let found = read(disk).map_err(|error| Refusal::Other(error.to_string()))?;
        let units = match found {
            None => 0,
            Some(found) => match (0..9).find(|unit| content(*unit) == found) {
                Some(unit) => unit + 1,
                None => return Err(Refusal::Other(format!("{} bytes that are no snapshot", found.len()))),
            },
        };
        if add {
            save(disk, units).map_err(Refusal::Other)?;
        }
        Ok(units)
    }
}

fn bounds(names: Names) -> Bounds {
    Bounds { names, per_moment: 100_000, has_holes: true }
}

#[test]
fn a_snapshot_survives_every_crash_whole() {
    for names in [Names::Strict, Names::Weak] {
        let subject = Snapshots { count: 4 };
        let mut survey = Survey::new(&subject);
        survey.run(bounds(names));
        assert_eq!(survey.violations, [""; 0]);
        assert!(survey.distinct() > 300, "{} states", survey.distinct());
    }
}

#[test]
fn a_snapshot_survives_every_crash_behind_every_fault() {
    for lasts in [false, true] {
        let subject = Snapshots { count: 3 };
        let mut survey = Survey::new(&subject);
        survey.run_with_faults(lasts, bounds(Names::Weak));
        assert_eq!(survey.violations, [""; 0]);
    }
}

#[test]
fn a_snapshot_that_is_not_synced_is_found_out() {
    for mutant in [Mutant::BaseNotSynced, Mutant::FolderNotSynced] {
        let subject = Snapshots { count: 3 };
        let mut survey = Survey::of_mutant(&subject, mutant);
        survey.run(bounds(Names::Strict));
        assert_ne!(survey.violations, [""; 0], "{mutant:?}");
    }
}

#[test]
fn a_failed_save_removes_what_it_wrote() {
    let mut at = 0;
    loop {
        let disk = Recorder::default();
        save(&disk, 0).unwrap();
        let calls = disk.calls();
        let disk = disk.with_fault(Fault { at: calls + at, lasts: false });
        let outcome = save(&disk, 1);
        let behind = Recorder::of(&disk.image());
        let names = behind.list().unwrap();
        match outcome {
            Ok(_) => assert_eq!((names, read(&behind).unwrap()), ([NAME.into()].into(), Some(content(1))), "call {at}"),
            Err(_) => assert_eq!((names, read(&behind).unwrap()), ([NAME.into()].into(), Some(content(0))), "call {at}"),
        }
        if disk.calls() <= calls + at {
            return;
        }
        at += 1;
    }
}
