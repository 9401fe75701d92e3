//! Which commands of a log are meant.

use super::Pattern;
use crate::aof::Command;
use alloc::string::String;
use alloc::vec::Vec;

/// A rule for commands: by name, and by a pattern. A glob matches one whole argument; other patterns look at the
/// arguments in order with a blank between any two.
#[derive(Clone, Debug, Default)]
pub struct CommandMatch {
    names: Vec<String>,
    pattern: Option<Pattern>,
    line: Vec<u8>,
}

impl CommandMatch {
    /// A rule for these names, in any case; none is no rule for names.
    #[must_use]
    pub fn new(names: Vec<String>, pattern: Option<Pattern>) -> Self {
        Self { names, pattern, line: Vec::new() }
    }

    /// Whether every command is meant.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.names.is_empty() && self.pattern.is_none()
    }

    /// Whether the rule holds for a command.
    #[must_use]
    pub fn matches(&mut self, command: Command<'_>) -> bool {
        let is_named = |name: &[u8]| self.names.iter().any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name));
        if !self.names.is_empty() && !is_named(command.name()) {
            return false;
        }
        match &self.pattern {
            None => true,
            Some(glob @ Pattern::Glob(_)) => command.args().any(|argument| glob.matches(argument)),
            Some(pattern) => {
                self.line.clear();
                for (index, argument) in command.args().enumerate() {
                    if index > 0 {
                        self.line.push(b' ');
                    }
                    self.line.extend_from_slice(argument);
                }
                pattern.matches(&self.line)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aof::{Decoder, Event, write_command};

    fn matches(rule: &CommandMatch, args: &[&str]) -> bool {
        let mut log = Vec::new();
        write_command(args, &mut log).unwrap();
        match Decoder::new().step(&log).unwrap().event {
            Some(Event::Command(command)) => rule.clone().matches(command),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_match_in_any_case_and_only_whole() {
        let rule = CommandMatch::new(["SET".into(), "DEL".into()].into(), None);
        assert!(matches(&rule, &["set", "a", "1"]) && matches(&rule, &["DEL", "a"]));
        assert!(!matches(&rule, &["SETEX", "a", "1", "b"]) && !matches(&rule, &["GET", "SET"]));
        assert!(!rule.is_open() && CommandMatch::default().is_open());
    }

    #[test]
    fn text_and_regex_see_arguments_side_by_side_and_a_glob_one_of_them() {
        let text = CommandMatch::new(Vec::new(), Some(Pattern::text("user:1 NAME")));
        assert!(matches(&text, &["HSET", "User:1", "name", "x"]));
        assert!(!matches(&text, &["HSET", "user:1", "x", "name"]));
        // What frames arguments is no part of them.
        let framing = CommandMatch::new(Vec::new(), Some(Pattern::text("$4")));
        assert!(!matches(&framing, &["HSET", "user:1", "name", "x"]));
        let regex = CommandMatch::new(Vec::new(), Some(Pattern::regex("^HSET user:[0-9]+ ").unwrap()));
        assert!(matches(&regex, &["HSET", "user:12", "name", "x"]) && !matches(&regex, &["HDEL", "user:12", "name"]));
        let glob = CommandMatch::new(Vec::new(), Some(Pattern::glob(b"user:*")));
        assert!(matches(&glob, &["DEL", "a", "user:1"]) && !matches(&glob, &["DEL", "a user:1"]));
    }

    #[test]
    fn an_empty_argument_stands_between_two_blanks() {
        let text = CommandMatch::new(Vec::new(), Some(Pattern::regex("^ECHO  x$").unwrap()));
        assert!(matches(&text, &["ECHO", "", "x"]));
    }
}
