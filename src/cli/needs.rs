//! What a server must have to start on a file that was written, beyond what its version says.

use super::print::plural;
use crate::jobs::{LoadsIn, is_for_valkey};
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
    valkey_libraries: u64,
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
                self.valkey_libraries += u64::from(code.with_text(is_for_valkey));
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
            eprintln!("aikv: {}", valkey_libraries(self.valkey_libraries));
        }
    }
}

/// That so many function libraries may keep Redis from starting.
pub(super) fn valkey_libraries(count: u64) -> String {
    let libraries = plural(count, "function library");
    format!(
        "{libraries} with the word `server`: only Valkey has it as another name of `redis`, and Redis does not start on a library that uses it"
    )
}
