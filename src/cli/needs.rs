//! What a server must have to start on a file that was written, beyond what its version says.

use crate::jobs::LoadsIn;
use crate::rdb::{Dialect, Event, ModuleItem, Part, Version};
use std::collections::BTreeSet;
use std::prelude::rust_2024::*;

/// The oldest version of Redis that has module values.
const FIRST_MODULES: u64 = 8;
/// The oldest version of Redis that has function libraries.
const FIRST_FUNCTIONS: u64 = 10;
/// The module type that comes with Redis.
const VECTOR_SETS: &[u8; 9] = b"vectorset";

/// What values and libraries need.
#[derive(Default)]
pub(super) struct Needs {
    /// Names of the types of module values, as many as [`LoadsIn::NAMES`].
    modules: BTreeSet<[u8; 9]>,
    /// Function libraries that have the word `server` in their code.
    valkey_libraries: usize,
}

impl Needs {
    /// Takes the next event of what is kept.
    #[inline]
    pub(super) fn push(&mut self, event: &Event<'_>) {
        match event {
            Event::Value(Part::Module(ModuleItem::Id(id))) if self.modules.len() < LoadsIn::NAMES => {
                self.modules.insert(id.name());
            }
            Event::Function { code } => {
                self.valkey_libraries += usize::from(code.with_text(|code| has_word(code, b"server")));
            }
            _ => {}
        }
    }

    /// Says what servers of this version have or have not.
    pub(super) fn tell(&self, to: Version) {
        let is_redis = to.dialect() == Dialect::Redis;
        // Before, the values are losses, and so are libraries.
        if !self.modules.is_empty() && (!is_redis || to.number() >= FIRST_MODULES) {
            let names: Vec<_> = self.modules.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            let own = if self.modules.contains(VECTOR_SETS) { ", of which Redis from 8.0 on has vectorset itself" } else { "" };
            eprintln!("aikv: keys hold values of modules: a server needs {} to start on them{own}", names.join(" "));
        }
        if self.valkey_libraries > 0 && is_redis && to.number() >= FIRST_FUNCTIONS {
            let libraries = match self.valkey_libraries {
                1 => "1 function library".to_owned(),
                count => format!("{count} function libraries"),
            };
            eprintln!(
                "aikv: {libraries} with the word `server`: only Valkey has it as another name of `redis`, and Redis does not start on a library that uses it"
            );
        }
    }
}

/// Whether a name of a program stands in its code.
fn has_word(code: &[u8], word: &[u8]) -> bool {
    let is_name = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let mut before = None;
    (0..code.len()).filter_map(|at| code.get(at..)).any(|rest| {
        let is_whole = !is_name(before) && rest.starts_with(word) && !is_name(rest.get(word.len()));
        before = rest.first();
        is_whole
    })
}

#[cfg(test)]
mod tests {
    use super::has_word;

    #[test]
    fn a_word_stands_alone() {
        for code in ["server.call()", "x=server", "(server or redis)", "_server server"] {
            assert!(has_word(code.as_bytes(), b"server"), "{code}");
        }
        for code in ["", "redis.call()", "servers.x", "_server.x", "server_1", "myserver"] {
            assert!(!has_word(code.as_bytes(), b"server"), "{code}");
        }
    }
}
