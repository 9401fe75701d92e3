//! Counts what test runners print: their output stays visible, their totals are added up.

use crate::run::line;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Lines of what a failed test says that are kept, and characters of each.
const KEPT_LINES: u32 = 8;
const KEPT_CHARS: usize = 240;

/// Tests by how they ended, and what those say that failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
    pub failures: Vec<String>,
    /// Lines still to keep of a failed test, while a runner tells of those.
    left: Option<u32>,
}

impl Tally {
    /// Runs a test runner and adds its totals. Fails if it does, or if nothing ran.
    pub fn run(&mut self, command: &mut Command) -> Result<()> {
        let line = line(command);
        println!("$ {line}");
        let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {line}"))?;
        let before = (self.passed, self.failed, self.skipped);
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
            if self.failed == before.1 {
                self.failed += 1;
            }
            bail!("{line}: {status}");
        }
        if (self.passed, self.failed, self.skipped) == before {
            bail!("{line}: no test ran");
        }
        Ok(())
    }

    /// Adds the totals a line gives: of `cargo test`, or of `node --test`. Keeps the first lines each tells of a failed test.
    fn read(&mut self, text: &str) {
        self.keep(text);
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

    fn keep(&mut self, text: &str) {
        if matches!(text.trim_end(), "failures:" | "✖ failing tests:") {
            self.left = Some(0);
        } else if text.starts_with("test result: ") {
            self.left = None;
        } else if let Some(left) = &mut self.left {
            if text.starts_with("---- ") || text.starts_with("test at ") {
                *left = KEPT_LINES;
            }
            if *left > 0 && !text.trim().is_empty() {
                *left -= 1;
                self.failures.push(text.chars().take(KEPT_CHARS).collect());
            }
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
        assert_eq!(tally, Tally { passed: 19, failed: 2, skipped: 3, ..Tally::default() });
    }

    #[test]
    fn what_failed_tests_say_is_kept() {
        let mut tally = Tally::default();
        let cargo = [
            "test a ... FAILED",
            "",
            "failures:",
            "",
            "---- a stdout ----",
            "panicked at src/a.rs:1:1:",
            "left: 1",
            "",
            "failures:",
        ];
        for line in cargo.into_iter().chain(["    a", "", "test result: FAILED. 0 passed; 1 failed", "Running b"]) {
            tally.read(line);
        }
        for line in ["✖ b (3ms)", "✖ failing tests:", "", "test at b.test.mjs:1:1", "✖ b (3ms)", "  Error: no"] {
            tally.read(line);
        }
        let expected =
            ["---- a stdout ----", "panicked at src/a.rs:1:1:", "left: 1", "test at b.test.mjs:1:1", "✖ b (3ms)", "  Error: no"];
        assert_eq!(tally.failures, expected);
    }
}
