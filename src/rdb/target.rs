//! Servers by name: what each of them writes, and what it loads.
//!
//! Source: `rdb.h` `RDB_VERSION` and `listpack.c` `lpEncodeBacklen()` of each release line; Redis 8.0 `rdb.c`
//! `rdbLoadRioWithLoadingCtx()`; Valkey 9.1 `rdb.c` `rdbIsVersionAccepted()`, whose check is `strict` by default.

use super::event::{Event, Eviction, Key, Part};
use super::known::{known, known_key};
use super::version::{Dialect, Version};
use crate::pack::listpack::backlen::{self, BacklenForm};
use alloc::string::String;
use core::fmt;

/// A release line of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    name: &'static str,
    lineage: Dialect,
    version: Version,
    backlen: BacklenForm,
}

/// Oldest first within each lineage.
static SERVERS: [Server; 22] = [
    redis("redis-2.6", 6),
    redis("redis-2.8", 6),
    redis("redis-3.0", 6),
    redis("redis-3.2", 7),
    redis("redis-4.0", 8),
    redis("redis-5.0", 9),
    redis("redis-6.0", 9),
    redis("redis-6.2", 9),
    redis("redis-7.0", 10),
    redis("redis-7.2", 11),
    redis("redis-7.4", 12),
    redis("redis-8.0", 12),
    redis("redis-8.2", 12),
    redis("redis-8.4", 12),
    redis("redis-8.6", 13),
    redis("redis-8.8", 14),
    redis("redis-8.10", 15),
    valkey("valkey-7.2", Version::redis(11), BacklenForm::Wide),
    valkey("valkey-8.0", Version::redis(11), BacklenForm::Wide),
    valkey("valkey-8.1", Version::redis(11), BacklenForm::Wide),
    valkey("valkey-9.0", Version::valkey(80), BacklenForm::Wide),
    valkey("valkey-9.1", Version::valkey(80), BacklenForm::Narrow),
];

const fn redis(name: &'static str, number: u64) -> Server {
    // Redis 8.8 has it otherwise.
    let backlen = if number < 14 { BacklenForm::Wide } else { BacklenForm::Narrow };
    Server { name, lineage: Dialect::Redis, version: Version::redis(number), backlen }
}

const fn valkey(name: &'static str, version: Version, backlen: BacklenForm) -> Server {
    Server { name, lineage: Dialect::Valkey, version, backlen }
}

impl Server {
    /// Every release line from Redis 2.6 on, oldest first within each lineage.
    pub fn all() -> impl Iterator<Item = Self> {
        SERVERS.iter().copied()
    }

    /// Such as `redis-7.2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Whose server it is. Valkey wrote files of magic `REDIS` up to 8.1.
    #[must_use]
    pub fn lineage(self) -> Dialect {
        self.lineage
    }

    /// The version that it writes.
    #[must_use]
    pub fn version(self) -> Version {
        self.version
    }

    /// The form of backward lengths that it writes in listpacks, and the only one that it takes.
    #[must_use]
    pub fn backlen(self) -> BacklenForm {
        self.backlen
    }

    /// Whether it reads on behind a header of this version.
    #[must_use]
    pub fn accepts(self, header: Version) -> bool {
        let newest = match self.version.dialect() {
            Dialect::Redis => self.version.number(),
            Dialect::Valkey => Version::LAST_COMMON.number(),
        };
        let is_older = header.dialect() == Dialect::Redis && (Version::REDIS_MIN..=newest).contains(&header.number());
        is_older || header == self.version
    }
}

/// The form of backward lengths of the servers that write this version; none where they differ.
pub(crate) fn backlen_of(version: Version) -> Option<BacklenForm> {
    let mut forms = Server::all().filter(|server| server.version == version).map(Server::backlen);
    let form = forms.next().unwrap_or(BacklenForm::Wide);
    forms.all(|other| other == form).then_some(form)
}

/// What a file is written for: a server by its name, or a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A server, such as `redis-7.2`.
    Server(Server),
    /// The servers that read this version: `rdb-11`. Where servers that write it differ, the oldest of them is meant.
    Version(Version),
}

impl From<Server> for Target {
    fn from(server: Server) -> Self {
        Self::Server(server)
    }
}

impl From<Version> for Target {
    fn from(version: Version) -> Self {
        Self::Version(version)
    }
}

impl Target {
    /// The target of a name: `redis-2.6` to `redis-8.10`, `valkey-7.2` to `valkey-9.1`, `rdb-1` to `rdb-15`, `rdb-80`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some(number) = name.strip_prefix("rdb-") {
            let is_plain = number.bytes().all(|digit| digit.is_ascii_digit()) && !number.starts_with('0');
            let number = number.parse::<u64>().ok().filter(|_| is_plain)?;
            return Version::all().find(|version| version.number() == number).map(Self::Version);
        }
        Server::all().find(|server| server.name == name).map(Self::Server)
    }

    /// The version to write.
    #[must_use]
    pub fn version(self) -> Version {
        match self {
            Self::Server(server) => server.version,
            Self::Version(version) => version,
        }
    }

    /// The form of backward lengths in listpacks.
    #[must_use]
    pub fn backlen(self) -> BacklenForm {
        match self {
            Self::Server(server) => server.backlen,
            Self::Version(version) => {
                let oldest = Server::all().find(|server| server.version == version);
                oldest.map_or(BacklenForm::Wide, Server::backlen)
            }
        }
    }

    /// Every name, in words.
    #[must_use]
    pub fn names() -> String {
        let mut names = String::new();
        for server in Server::all() {
            names.push_str(server.name);
            names.push(' ');
        }
        names.push_str("rdb-1 to rdb-15 rdb-80");
        names
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(server) => f.write_str(server.name),
            Self::Version(version) => write!(f, "rdb-{}", version.number()),
        }
    }
}

/// Which servers load a snapshot as it is, found from its events.
///
/// Module values and module data count as loaded by every server that knows of modules: whether it has the module is not
/// said by the file.
///
/// ```
/// use aikv::rdb::{Dialect, Event, LoadedBy, Version};
///
/// let mut loaded_by = LoadedBy::new();
/// loaded_by.push(&Event::Start(Version::redis(10)));
/// let (oldest, newest) = loaded_by.range(Dialect::Redis).unwrap();
/// assert_eq!((oldest.name(), newest.name()), ("redis-7.0", "redis-8.10"));
/// let (oldest, newest) = loaded_by.range(Dialect::Valkey).unwrap();
/// assert_eq!((oldest.name(), newest.name()), ("valkey-7.2", "valkey-9.1"));
/// ```
#[derive(Clone, Debug)]
pub struct LoadedBy {
    /// A bit for each of [`Server::all`] that refuses something.
    refused: u32,
    /// Bits of value types, and of what eviction knew, that were looked at.
    types: u64,
    evictions: u8,
    /// Whether a listpack had backward lengths of the wide form, and of the narrow one.
    backlens: [bool; 2],
}

impl Default for LoadedBy {
    fn default() -> Self {
        Self::new()
    }
}

impl LoadedBy {
    /// Nothing was read yet: every server.
    #[must_use]
    pub fn new() -> Self {
        Self { refused: 0, types: 0, evictions: 0, backlens: [false; 2] }
    }

    /// Takes the next event of the snapshot. Of values, only large listpacks say something: see [`BacklenForm`].
    #[inline]
    pub fn push(&mut self, event: &Event<'_>) {
        match event {
            Event::Value(part) => self.part(part),
            Event::KeyEnd { .. } => {}
            Event::Key(key) => self.key(key),
            Event::Start(header) => self.keep(|server| server.accepts(*header)),
            // Servers refuse it since Redis 7.0.0.
            Event::FunctionPreGa { .. } => self.keep(|_| false),
            // A key without elements: servers skip it.
            Event::EmptyKey(_) => {}
            other => self.keep(|server| known(server.version, other).is_ok()),
        }
    }

    fn key(&mut self, key: &Key<'_>) {
        let type_bit = 1u64.checked_shl(u32::from(key.value_type.byte())).unwrap_or(0);
        let eviction_bit = match key.eviction {
            Eviction::None => 1,
            Eviction::Freq(_) => 2,
            Eviction::Idle(_) => 4,
        };
        if self.types & type_bit == 0 || self.evictions & eviction_bit == 0 {
            self.types |= type_bit;
            self.evictions |= eviction_bit;
            self.keep(|server| known_key(server.version, key).is_ok());
        }
    }

    #[inline]
    fn part(&mut self, part: &Part<'_>) {
        let Some(blob) = part.listpack() else { return };
        for (at, form) in [BacklenForm::Wide, BacklenForm::Narrow].into_iter().enumerate() {
            if let Some(is_found @ false) = self.backlens.get_mut(at)
                && backlen::has_form(blob, form)
            {
                *is_found = true;
                self.keep(|server| server.backlen == form);
            }
        }
    }

    fn keep(&mut self, loads: impl Fn(Server) -> bool) {
        let mut bit = 1u32;
        for server in Server::all() {
            if self.refused & bit == 0 && !loads(server) {
                self.refused |= bit;
            }
            bit = bit.rotate_left(1);
        }
    }

    /// The servers that load the snapshot.
    pub fn servers(&self) -> impl Iterator<Item = Server> {
        let mut bits = self.refused.rotate_left(1);
        Server::all().filter(move |_| {
            bits = bits.rotate_right(1);
            bits & 1 == 0
        })
    }

    /// The oldest and the newest server of a lineage that load the snapshot; all between them do too.
    #[must_use]
    pub fn range(&self, lineage: Dialect) -> Option<(Server, Server)> {
        let mut of_lineage = self.servers().filter(|server| server.lineage == lineage);
        let oldest = of_lineage.next()?;
        Some((oldest, of_lineage.last().unwrap_or(oldest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rdb::ValueType;
    use crate::wire::Scalar;

    fn names(range: Option<(Server, Server)>) -> Option<(&'static str, &'static str)> {
        range.map(|(oldest, newest)| (oldest.name(), newest.name()))
    }

    fn key(value_type: &str, eviction: Eviction) -> Event<'static> {
        let value_type = ValueType::from_name(value_type).unwrap();
        Event::Key(Key { key: Scalar::Bytes(b"k"), value_type, db: 0, expires_at_ms: None, eviction })
    }

    fn loaded_by(header: Version, events: &[Event<'_>]) -> LoadedBy {
        let mut loaded_by = LoadedBy::new();
        loaded_by.push(&Event::Start(header));
        events.iter().for_each(|event| loaded_by.push(event));
        loaded_by
    }

    #[test]
    fn every_name_means_one_version() {
        for server in Server::all() {
            assert_eq!(Target::from_name(server.name()).map(Target::version), Some(server.version()));
        }
        assert_eq!(Target::from_name("redis-8.10").unwrap().version(), Version::redis(15));
        assert_eq!(Target::from_name("rdb-12").unwrap().version(), Version::redis(12));
        assert_eq!(Target::from_name("rdb-80").unwrap().version(), Version::valkey(80));
        for unknown in ["", "redis", "redis-2.4", "redis-7", "rdb-", "rdb-0", "rdb-011", "rdb-16", "rdb-79", "valkey-7.0"] {
            assert_eq!(Target::from_name(unknown), None, "{unknown}");
        }
    }

    /// Formats reference: Valkey 9 takes REDIS 1 to 11 and VALKEY 80, and refuses 12 to 79.
    #[test]
    fn headers_are_accepted_as_servers_do() {
        let range = |header, lineage| names(loaded_by(header, &[]).range(lineage));
        assert_eq!(range(Version::redis(6), Dialect::Redis), Some(("redis-2.6", "redis-8.10")));
        assert_eq!(range(Version::redis(6), Dialect::Valkey), Some(("valkey-7.2", "valkey-9.1")));
        assert_eq!(range(Version::redis(11), Dialect::Valkey), Some(("valkey-7.2", "valkey-9.1")));
        assert_eq!(range(Version::redis(12), Dialect::Redis), Some(("redis-7.4", "redis-8.10")));
        assert_eq!(range(Version::redis(12), Dialect::Valkey), None);
        assert_eq!(range(Version::valkey(80), Dialect::Redis), None);
        assert_eq!(range(Version::valkey(80), Dialect::Valkey), Some(("valkey-9.0", "valkey-9.1")));
    }

    #[test]
    fn a_type_newer_than_the_header_binds_the_file_to_servers_that_know_it() {
        let file = loaded_by(Version::redis(6), &[key("list-quicklist", Eviction::None)]);
        assert_eq!(names(file.range(Dialect::Redis)), Some(("redis-3.2", "redis-8.10")));
        let file = loaded_by(Version::redis(11), &[key("hash-listpack-ex", Eviction::None)]);
        assert_eq!(names(file.range(Dialect::Redis)), Some(("redis-7.4", "redis-8.10")));
        assert_eq!(file.range(Dialect::Valkey), None);
        let file = loaded_by(Version::redis(6), &[key("string", Eviction::None), key("string", Eviction::Idle(5))]);
        assert_eq!(names(file.range(Dialect::Redis)), Some(("redis-5.0", "redis-8.10")));
        let file = loaded_by(Version::redis(10), &[Event::SlotInfo { slot: 1, keys: 1, expires: 0 }]);
        assert_eq!(names(file.range(Dialect::Redis)), Some(("redis-7.4", "redis-8.10")));
        assert_eq!(names(file.range(Dialect::Valkey)), Some(("valkey-9.0", "valkey-9.1")));
    }
}
