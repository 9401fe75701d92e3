//! What a version may have no form for: the one table, which refusals and fits share.

use bytes::Bytes;
use core::fmt;

/// What becomes of a part that the target has no form for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLoss {
    /// Nothing is written, and every loss is listed.
    #[default]
    Fail,
    /// The smallest item that holds the part is left out: the field, the pending entry, the key.
    Drop,
    /// The item stays in its nearest form, without the part.
    Degrade,
}

impl OnLoss {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Fail, Self::Drop, Self::Degrade];

    /// `fail`, `drop` or `degrade`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Drop => "drop",
            Self::Degrade => "degrade",
        }
    }
}

/// A part that a version has no form for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lost {
    /// An array.
    Array,
    /// What a log's commands have changed that replay does not carry out, such as scripts.
    Commands,
    /// When consumers were last active.
    ConsumerActiveTime,
    /// When consumers last tried to read, and read.
    ConsumerTimes,
    /// Entries that groups have read.
    EntriesRead,
    /// A number that Redis Enterprise puts before keys.
    Enterprise,
    /// A key's expiry between two seconds.
    ExpiryMs,
    /// An access frequency.
    Freq,
    /// Expiries of fields.
    FieldExpiry,
    /// Expiries of fields outside of the range that the version has room for.
    FieldExpiryRange,
    /// A function library.
    Function,
    /// The description of a function library.
    FunctionDescription,
    /// A field about the snapshot that is no fact known to be one.
    HeadField,
    /// An idle time.
    Idle,
    /// Metadata that modules attached to a key.
    KeyMetadata,
    /// A length beyond 32 bits.
    Length,
    /// Module data outside of keys.
    ModuleData,
    /// A module value.
    ModuleValue,
    /// Ids of a stream's producers, and how they are remembered.
    ProducerIds,
    /// A script that the server had cached.
    Script,
    /// Sizes of slots.
    SlotSizes,
    /// A slot import or migration under way.
    SlotMove,
    /// A stream.
    Stream,
    /// Counters of a stream with deleted entries.
    StreamCounters,
    /// Pending entries without a consumer.
    UnownedPending,
}

impl Lost {
    /// Every part.
    pub const ALL: [Self; 25] = [
        Self::Array,
        Self::Commands,
        Self::ConsumerActiveTime,
        Self::ConsumerTimes,
        Self::EntriesRead,
        Self::Enterprise,
        Self::ExpiryMs,
        Self::Freq,
        Self::FieldExpiry,
        Self::FieldExpiryRange,
        Self::Function,
        Self::FunctionDescription,
        Self::HeadField,
        Self::Idle,
        Self::KeyMetadata,
        Self::Length,
        Self::ModuleData,
        Self::ModuleValue,
        Self::ProducerIds,
        Self::Script,
        Self::SlotSizes,
        Self::SlotMove,
        Self::Stream,
        Self::StreamCounters,
        Self::UnownedPending,
    ];

    /// The stable word, what is lost, and which targets have it.
    const fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Array => ("array", "an array", "Redis 8.8 (RDB 14) and later"),
            Self::Commands => {
                ("commands", "what commands that are not carried out may have changed", "servers that load the log")
            }
            Self::ConsumerActiveTime => {
                ("consumer-active-time", "the time at which a consumer was active", "Redis 7.2 and Valkey 7.2 (RDB 11) and later")
            }
            Self::ConsumerTimes => ("consumer-times", "the times at which a consumer was seen and active", "snapshots"),
            Self::EntriesRead => {
                ("entries-read", "the number of entries that a group has read", "Redis 7.0 (RDB 10) and Valkey 7.2 and later")
            }
            Self::Enterprise => ("enterprise", "a number of Redis Enterprise", "Redis Enterprise"),
            Self::ExpiryMs => ("expiry-ms", "an expiry that is no whole seconds", "Redis 2.6 (RDB 3) and later"),
            Self::Freq => ("freq", "an access frequency", "snapshots of Redis 5.0 (RDB 9) and Valkey 7.2 and later"),
            Self::FieldExpiry => ("field-expiry", "the expiry of a field", "Redis 7.4 (RDB 12) and Valkey 9.0 and later"),
            Self::FieldExpiryRange => (
                "field-expiry-range",
                "this expiry of a field",
                "Redis from 1 to 2^48 - 1, Valkey from 0 to 2^63 - 1, in Unix milliseconds",
            ),
            Self::Function => ("function", "a function library", "Redis 7.0 (RDB 10) and Valkey 7.2 and later"),
            Self::FunctionDescription => {
                ("function-description", "the description of a function library", "release candidates of Redis 7.0")
            }
            Self::HeadField => ("head-field", "an aux field", "snapshots of Redis 3.2 (RDB 7) and Valkey 7.2 and later"),
            Self::Idle => ("idle", "an idle time", "snapshots of Redis 5.0 (RDB 9) and Valkey 7.2 and later"),
            Self::KeyMetadata => ("key-metadata", "key metadata", "Redis 8.6 (RDB 13) and later"),
            Self::Length => ("length", "a length beyond 32 bits", "Redis 4.0 (RDB 8) and Valkey 7.2 and later"),
            Self::ModuleData => {
                ("module-data", "module data outside of keys", "snapshots of Redis 5.0 (RDB 9) and Valkey 7.2 and later")
            }
            Self::ModuleValue => ("module-value", "a module value", "Redis 4.0 (RDB 8) and Valkey 7.2 and later"),
            Self::ProducerIds => ("producer-ids", "the ids of a stream's producers", "Redis 8.6 (RDB 13) and later"),
            Self::Script => ("script", "a cached script", "snapshots of Redis 4.0 to 6.2 (RDB 8 and 9)"),
            Self::SlotSizes => {
                ("slot-sizes", "the size of a slot", "Redis 7.4 (RDB 12) and Valkey 8.0 and later, in their own forms")
            }
            Self::SlotMove => ("slot-move", "a slot import or migration", "Redis 8.4 and Valkey 9.0, in their own forms"),
            Self::Stream => ("stream", "a stream", "Redis 5.0 (RDB 9) and Valkey 7.2 and later"),
            Self::StreamCounters => (
                "stream-counters",
                "the counters of a stream with deleted entries",
                "Redis 7.0 (RDB 10) and Valkey 7.2 and later",
            ),
            Self::UnownedPending => ("unowned-pending", "a pending entry without a consumer", "Redis 8.8 (RDB 14) and later"),
        }
    }

    /// The stable word, such as `field-expiry`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// What it is, in words.
    #[must_use]
    pub fn what(self) -> &'static str {
        self.row().1
    }

    /// Which targets have it, in words.
    #[must_use]
    pub fn found_in(self) -> &'static str {
        self.row().2
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what())
    }
}

/// What became of the item that held a lost part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there without the part.
    Stripped,
    /// It is there in another form: an array as a hash, an expiry in whole seconds.
    Changed,
    /// The field, pending entry, library or record was left out.
    ItemLeftOut,
    /// The key was left out.
    KeyLeftOut,
}

impl Outcome {
    /// The stable word: `stripped`, `changed`, `item-left-out`, `key-left-out`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Stripped => "stripped",
            Self::Changed => "changed",
            Self::ItemLeftOut => "item-left-out",
            Self::KeyLeftOut => "key-left-out",
        }
    }

    /// What became of it, in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Stripped => "left out alone",
            Self::Changed => "changed to the nearest form",
            Self::ItemLeftOut => "left out with what it belongs to",
            Self::KeyLeftOut => "left out with its key",
        }
    }
}

/// Parts of one kind and one key that the target has no form for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What is lost.
    pub lost: Lost,
    /// What became of what held it; under [`OnLoss::Fail`] what [`OnLoss::Degrade`] would make of it.
    pub outcome: Outcome,
    /// How many there are: commands, fields, groups, consumers, pending entries; else 1.
    pub count: u64,
    /// Number and name of the key they belong to.
    pub key: Option<(u64, Bytes)>,
    /// What belongs to no key by its name: an aux field, the first line of a library, a module type, a command.
    pub name: Option<Bytes>,
}
