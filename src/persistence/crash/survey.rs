//! Looks at all states, each once, and keeps what is wrong with them.

use super::disk::{Fault, Image, Node, Operation, Recorder};
use super::mutant::Mutant;
use super::states::{Bounds, Walk};
use std::collections::HashMap;
use std::format;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::string::String;
use std::vec::Vec;

/// States that are looked at where nobody says how many: a test of an unoptimised build takes seconds.
const FEW: usize = 500;

/// More findings say no more.
const MAX_VIOLATIONS: usize = 5;

/// A writer whose units (commands, transactions, snapshots) are numbered from 0 in the order it accepts them.
pub(super) trait Subject {
    /// Puts on the disk what is there before, and acknowledges the units in it.
    fn prepare(&self, _disk: &Recorder) {}

    /// Writes units and acknowledges on the disk what is safe, going on behind errors as a program would.
    /// Gives how many units there may be.
    fn work(&self, disk: &Recorder) -> usize;

    /// Opens what is there as a program does, and gives how many units there are, first to last without a gap.
    /// With `add`, one more is written, safely, before it is closed.
    fn open(&self, disk: &Recorder, add: bool) -> Result<usize, Refusal>;
}

/// Why the writer would not open what it found.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// Damage that is no torn tail, and where it begins: cutting it off is for somebody to decide.
    Damage {
        name: String,
        offset: u64,
    },
    Other(String),
}

/// How many different states a workload is to be seen in.
pub(super) fn wanted_states() -> usize {
    std::env::var("AIKV_CRASH_STATES").map_or(FEW, |states| states.parse().expect("AIKV_CRASH_STATES: a number"))
}

/// Looks at longer and longer runs, until so many different states were seen as `AIKV_CRASH_STATES` says, or that part of them.
pub(super) fn look<S: Subject>(of: fn(usize) -> S, bounds: Bounds, part: usize) {
    let wanted = wanted_states();
    let mut count = 8;
    loop {
        let subject = of(count);
        let mut survey = Survey::new(&subject);
        survey.run(bounds);
        assert_eq!(survey.violations, [""; 0]);
        if survey.distinct() >= wanted / part {
            std::println!(
                "{:?} names, {count} units: {} states, {} of them different",
                bounds.names,
                survey.states,
                survey.distinct()
            );
            return;
        }
        count += count / 2;
    }
}

/// All states seen so far.
pub(super) struct Survey<'a> {
    subject: &'a dyn Subject,
    mutant: Option<Mutant>,
    /// How many units each state has.
    seen: HashMap<u64, usize>,
    /// States with those seen before.
    pub(super) states: u64,
    pub(super) violations: Vec<String>,
}

impl<'a> Survey<'a> {
    pub(super) fn new(subject: &'a dyn Subject) -> Self {
        Self { subject, mutant: None, seen: HashMap::new(), states: 0, violations: Vec::new() }
    }

    pub(super) fn of_mutant(subject: &'a dyn Subject, mutant: Mutant) -> Self {
        Self { mutant: Some(mutant), ..Self::new(subject) }
    }

    /// Different states seen so far.
    pub(super) fn distinct(&self) -> usize {
        self.seen.len()
    }

    /// Looks at all crashes of an undisturbed run.
    pub(super) fn run(&mut self, bounds: Bounds) {
        let disk = Recorder::default();
        self.subject.prepare(&disk);
        let first = disk.operations().len();
        let disk = disk.with_mutant(self.mutant);
        let accepted = self.subject.work(&disk);
        self.crash(&disk.operations(), first, accepted, bounds);
    }

    /// Looks at all crashes of runs in which one call fails, each call once.
    pub(super) fn run_with_faults(&mut self, lasts: bool, bounds: Bounds) {
        let mut at = 0;
        loop {
            let disk = Recorder::default();
            self.subject.prepare(&disk);
            let before = disk.calls();
            let disk = disk.with_fault(Fault { at: before + at, lasts });
            let accepted = self.subject.work(&disk);
            let Some(first) = disk.failed_behind() else { return };
            self.crash(&disk.operations(), first.saturating_sub(1), accepted, bounds);
            at += 1;
        }
    }

    /// Looks at the crashes behind the operation `first`.
    fn crash(&mut self, operations: &[Operation], first: usize, accepted: usize, bounds: Bounds) {
        let mut walk = Walk::new(bounds.has_holes);
        for (moment, operation) in operations.iter().enumerate() {
            walk.step(operation);
            if moment < first {
                continue;
            }
            let acked = walk.acked;
            walk.each(bounds, |image| {
                if self.violations.len() >= MAX_VIOLATIONS {
                    return;
                }
                self.states += 1;
                if let Err(violation) = self.look(image, acked, accepted) {
                    self.violations.push(format!("behind operation {moment}, {operation:?}: {violation}; {}", image.describe()));
                }
            });
        }
    }

    fn look(&mut self, image: &Image, acked: usize, accepted: usize) -> Result<(), String> {
        let hash = image.hash();
        let units = match self.seen.get(&hash) {
            Some(units) => *units,
            None => {
                let units = self.recover(image)?;
                self.seen.insert(hash, units);
                units
            }
        };
        if units < acked {
            Err(format!("{acked} units were acknowledged, {units} are there"))
        } else if units > accepted {
            Err(format!("{accepted} units were accepted, {units} are there"))
        } else {
            Ok(())
        }
    }

    /// Opens a state, writes one unit, and opens what that left, with and without a second crash.
    fn recover(&self, image: &Image) -> Result<usize, String> {
        let disk = Recorder::of(image).with_mutant(self.mutant);
        let units = match self.subject.open(&disk, true) {
            Ok(units) => units,
            // Refusing is right, if cutting at the offset it gave brings back the rest.
            Err(Refusal::Damage { name, offset }) if image.is_garbled => {
                let mut cut = image.cut(&name, offset)?;
                cut.is_garbled = false;
                return self.recover(&cut);
            }
            Err(Refusal::Damage { name, offset }) => return Err(format!("{name} is called damaged from byte {offset} on")),
            Err(Refusal::Other(reason)) => return Err(format!("it is refused: {reason}")),
        };
        let mut walk = Walk::default();
        disk.operations().iter().for_each(|operation| walk.step(operation));
        for (how, image) in [("as it is", disk.image()), ("behind a second crash", walk.worst())] {
            match self.subject.open(&Recorder::of(&image).with_mutant(self.mutant), false) {
                Ok(again) if again == units + 1 => {}
                again => return Err(format!("{units} units and one more are {again:?} when opened again {how}")),
            }
        }
        Ok(units)
    }
}

impl Image {
    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (name, node) in &self.names {
            // Random names are no difference.
            let name = name.find("temp-aikv-").map_or(&name[..], |start| &name[..start]);
            name.hash(&mut hasher);
            if let Node::File(id) = node {
                self.files.get(id).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    fn cut(&self, name: &str, offset: u64) -> Result<Self, String> {
        let mut image = self.clone();
        let Some(Node::File(id)) = image.names.get(name) else { return Err(format!("{name} is said to be damaged")) };
        let bytes = image.files.get_mut(id).ok_or("a file without bytes")?;
        let len = usize::try_from(offset).unwrap();
        *bytes = bytes.get(..len).ok_or_else(|| format!("{name} is said to be damaged at {offset}"))?.into();
        Ok(image)
    }

    fn describe(&self) -> String {
        let files = self.names.iter().map(|(name, node)| match node {
            Node::Folder => format!("{name}/"),
            Node::File(id) => {
                let bytes = self.files.get(id).map(|bytes| &bytes[..]).unwrap_or_default();
                format!("{name}: \"{}\"", bytes.escape_ascii())
            }
        });
        files.collect::<Vec<_>>().join(", ")
    }
}
