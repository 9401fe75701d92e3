//! What loads a snapshot as it is: servers by name, and what they must have.

use super::analyse::shebang;
use crate::rdb::{Container, Dialect, Event, Key, LoadedBy, ModuleAux, ModuleId, ModuleItem, Part, Server, Shape};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Which servers load a snapshot as it is, and what they need for that: modules, engines of functions, databases. Memory is
/// bounded.
///
/// It says something of a snapshot that was read to its end without an error or deviation.
#[derive(Clone, Debug, Default)]
pub struct LoadsIn {
    loaded_by: LoadedBy,
    modules: BTreeSet<[u8; 9]>,
    engines: BTreeSet<Vec<u8>>,
    /// Function libraries that have the word `server`.
    valkey_libraries: u64,
    last_db: Option<u64>,
    has_more: bool,
}

impl LoadsIn {
    /// Module types that are kept, and as many engines.
    pub const NAMES: usize = 256;
    /// Bytes of an engine's name that are kept.
    pub const NAME_BYTES: usize = 64;
    /// Databases that a server has unless its `databases` says more.
    pub const DATABASES: u64 = 16;

    /// Nothing was read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the value of a key may say something: the first part of module values does, and large listpacks
    /// ([`BacklenForm`](crate::rdb::BacklenForm)).
    #[must_use]
    pub fn looks_at(key: &Key<'_>) -> bool {
        match key.value_type.layout().shape {
            Shape::Module | Shape::Stream(_) | Shape::Template { .. } => true,
            Shape::Packed(container) | Shape::PackedBehindExpiry(container) | Shape::Nodes { container, .. } => {
                container == Container::Listpack
            }
            Shape::Single | Shape::Counted | Shape::CountedBehindExpiry | Shape::Array => false,
        }
    }

    /// Takes the next event of the snapshot. Values that [`LoadsIn::looks_at`] says nothing of need not be given.
    #[inline]
    pub fn push(&mut self, event: &Event<'_>) {
        match event {
            Event::Value(Part::Module(ModuleItem::Id(id))) | Event::ModuleAux(ModuleAux::Open { id, .. }) => self.module(*id),
            Event::KeyEnd { .. } => return,
            Event::Key(key) => self.last_db = self.last_db.max(Some(key.db)),
            Event::Function { code } => code.with_text(|code| self.library(code)),
            _ => {}
        }
        self.loaded_by.push(event);
    }

    fn module(&mut self, id: ModuleId) {
        if self.modules.len() < Self::NAMES {
            self.modules.insert(id.name());
        } else {
            self.has_more |= !self.modules.contains(&id.name());
        }
    }

    fn library(&mut self, code: &[u8]) {
        self.engine(shebang(code).0);
        self.valkey_libraries = self.valkey_libraries.saturating_add(u64::from(is_for_valkey(code)));
    }

    fn engine(&mut self, engine: &[u8]) {
        // Servers compare them in any case.
        let engine = engine.get(..Self::NAME_BYTES).unwrap_or(engine).to_ascii_lowercase();
        if self.engines.len() < Self::NAMES {
            self.engines.insert(engine);
        } else {
            self.has_more |= !self.engines.contains(&engine);
        }
    }

    /// The oldest and the newest server of a lineage that load the snapshot; all between them do too.
    #[must_use]
    pub fn range(&self, lineage: Dialect) -> Option<(Server, Server)> {
        self.loaded_by.range(lineage)
    }

    /// Names of the module types that a server must know, in order.
    pub fn modules(&self) -> impl Iterator<Item = &[u8; 9]> {
        self.modules.iter()
    }

    /// Engines of function libraries, in lower case and in order; every server that has functions has `lua`.
    pub fn engines(&self) -> impl Iterator<Item = &[u8]> {
        self.engines.iter().map(Vec::as_slice)
    }

    /// Function libraries that have the word `server` in their code. Valkey has it as another name of `redis`; Redis does not
    /// start on a library that uses it, which the word alone does not say, so that [`LoadsIn::range`] does not go by it.
    #[must_use]
    pub fn valkey_libraries(&self) -> u64 {
        self.valkey_libraries
    }

    /// Whether there are more module types or engines than were kept.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// How many databases a server must have, where those that it has by default are too few.
    #[must_use]
    pub fn databases(&self) -> Option<u64> {
        self.last_db.map(|db| db.saturating_add(1)).filter(|databases| *databases > Self::DATABASES)
    }
}

/// Whether the code of a function library has the word `server`: Valkey alone has it as another name of `redis`, and Redis does
/// not start on a library that uses it.
pub(crate) fn is_for_valkey(code: &[u8]) -> bool {
    has_word(code, b"server")
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
