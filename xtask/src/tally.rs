//! Counts what test runners print: their output stays visible, their totals are added up.

use crate::run::line;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Tests by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Tally {
    /// Runs a test runner and adds its totals. Fails if it does, or if nothing ran.
    pub fn run(&mut self, command: &mut Command) -> Result<()> {
        let line = line(command);
        println!("$ {line}");
        let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {line}"))?;
        let before = *self;
        if let Some(output) = child.stdout.take() {
            // Bytes that are no UTF-8 are a test's own matter.
            for text in BufReader::new(output).split(b'\n') {
                let text = text?;
                let text = String::from_utf8_lossy(&text);
                println!("{text}");
                self.read(&text);
            }
        }
        let status = child.wait()?;
        if !status.success() {
            if self.failed == before.failed {
                self.failed += 1;
            }
            bail!("{line}: {status}");
        }
        if *self == before {
            bail!("{line}: no test ran");
        }
        Ok(())
    }

    /// Adds the totals a line gives: of `cargo test`, or of `node --test`.
    fn read(&mut self, text: &str) {
        if let Some((_, totals)) = text.split_once("test result: ") {
            for total in totals.split([';', '.']) {
                match *total.split_whitespace().collect::<Vec<_>>() {
                    [number, "passed"] => self.passed += number.parse().unwrap_or(0),
                    [number, "failed"] => self.failed += number.parse().unwrap_or(0),
                    [number, "ignored"] => self.skipped += number.parse().unwrap_or(0),
                    _ => {}
                }
            }
            return;
        }
        match *text.split_whitespace().collect::<Vec<_>>() {
            ["ℹ" | "#", "pass", number] => self.passed += number.parse().unwrap_or(0),
            ["ℹ" | "#", "fail" | "cancelled", number] => self.failed += number.parse().unwrap_or(0),
            ["ℹ" | "#", "skipped" | "todo", number] => self.skipped += number.parse().unwrap_or(0),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_of_both_runners_add_up() {
        let mut tally = Tally::default();
        tally.read("test result: ok. 9 passed; 1 failed; 2 ignored; 0 measured; 36 filtered out; finished in 0.24s");
        for line in ["ℹ tests 12", "ℹ pass 10", "ℹ fail 1", "# skipped 1", "test a ... ok"] {
            tally.read(line);
        }
        assert_eq!(tally, Tally { passed: 19, failed: 2, skipped: 3 });
    }
}
