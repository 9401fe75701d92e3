//! Every command there is: what replays it, or that it is passed over.

use super::args::{Arguments, Done};
use super::keyspace::Space;
use super::report::SkippedEffect;
use super::{
    expiry, geo, hashes, keys, lists, sets, stream_entries, stream_groups, stream_producers, strings, zset_ranges, zset_stores,
    zsets,
};

/// What is done with a command.
#[derive(Clone, Copy)]
pub(super) enum Action {
    /// It is applied to the data.
    Data(fn(&mut Space, &mut Arguments<'_>) -> Done),
    Multi,
    Exec,
    /// Never in a log: a server logs a transaction when it is done.
    Discard,
    Skip(SkippedEffect),
}

use Action::{Data, Discard, Exec, Multi, Skip};
use SkippedEffect::{MayChangeData, None as Harmless};

/// No command's name is longer.
pub(super) const LONGEST_NAME: usize = 24;

macro_rules! commands {
    ($($name:literal => $action:expr,)*) => {
        /// The command of this name, which is in capital letters.
        pub(super) fn find(name: &[u8]) -> Option<(&'static [u8], Action)> {
            match name {
                $($name => Some(($name, $action)),)*
                _ => None,
            }
        }

        #[cfg(test)]
        const NAMES: &[&[u8]] = &[$($name),*];
    };
}

commands! {
    // Transactions.
    b"DISCARD" => Discard,
    b"EXEC" => Exec,
    b"MULTI" => Multi,

    // Databases.
    b"FLUSHALL" => Data(keys::flushall),
    b"FLUSHDB" => Data(keys::flushdb),
    b"SELECT" => Data(keys::select),
    b"SWAPDB" => Data(keys::swapdb),

    // Keys.
    b"COPY" => Data(keys::copy),
    b"DEL" => Data(keys::del),
    b"EXPIRE" => Data(expiry::expire),
    b"EXPIREAT" => Data(expiry::expireat),
    b"MOVE" => Data(keys::move_key),
    b"PERSIST" => Data(expiry::persist),
    b"PEXPIRE" => Data(expiry::pexpire),
    b"PEXPIREAT" => Data(expiry::pexpireat),
    b"RENAME" => Data(keys::rename),
    b"RENAMENX" => Data(keys::renamenx),
    b"RESTORE" => Data(keys::restore),
    b"RESTORE-ASKING" => Data(keys::restore),
    b"UNLINK" => Data(keys::del),

    // Strings.
    b"APPEND" => Data(strings::append),
    b"DECR" => Data(strings::decr),
    b"DECRBY" => Data(strings::decrby),
    b"DELEX" => Data(strings::delex),
    b"DELIFEQ" => Data(strings::delifeq),
    b"GETDEL" => Data(strings::getdel),
    b"GETEX" => Data(strings::getex),
    b"GETSET" => Data(strings::getset),
    b"INCR" => Data(strings::incr),
    b"INCRBY" => Data(strings::incrby),
    b"INCRBYFLOAT" => Data(strings::incrbyfloat),
    b"MSET" => Data(strings::mset),
    b"MSETEX" => Data(strings::msetex),
    b"MSETNX" => Data(strings::msetnx),
    b"PSETEX" => Data(strings::psetex),
    b"SET" => Data(strings::set),
    b"SETEX" => Data(strings::setex),
    b"SETNX" => Data(strings::setnx),
    b"SETRANGE" => Data(strings::setrange),

    // Hashes.
    b"HDEL" => Data(hashes::hdel),
    b"HEXPIRE" => Data(hashes::hexpire),
    b"HEXPIREAT" => Data(hashes::hexpireat),
    b"HGETDEL" => Data(hashes::hgetdel),
    b"HGETEX" => Data(hashes::hgetex),
    b"HINCRBY" => Data(hashes::hincrby),
    b"HINCRBYFLOAT" => Data(hashes::hincrbyfloat),
    b"HMSET" => Data(hashes::hset),
    b"HPERSIST" => Data(hashes::hpersist),
    b"HPEXPIRE" => Data(hashes::hpexpire),
    b"HPEXPIREAT" => Data(hashes::hpexpireat),
    b"HSET" => Data(hashes::hset),
    b"HSETEX" => Data(hashes::hsetex),
    b"HSETNX" => Data(hashes::hsetnx),

    // Lists.
    b"BLMOVE" => Data(lists::blmove),
    b"BLMPOP" => Data(lists::blmpop),
    b"BLPOP" => Data(lists::blpop),
    b"BRPOP" => Data(lists::brpop),
    b"BRPOPLPUSH" => Data(lists::brpoplpush),
    b"LINSERT" => Data(lists::linsert),
    b"LMOVE" => Data(lists::lmove),
    b"LMPOP" => Data(lists::lmpop),
    b"LPOP" => Data(lists::lpop),
    b"LPUSH" => Data(lists::lpush),
    b"LPUSHX" => Data(lists::lpushx),
    b"LREM" => Data(lists::lrem),
    b"LSET" => Data(lists::lset),
    b"LTRIM" => Data(lists::ltrim),
    b"RPOP" => Data(lists::rpop),
    b"RPOPLPUSH" => Data(lists::rpoplpush),
    b"RPUSH" => Data(lists::rpush),
    b"RPUSHX" => Data(lists::rpushx),

    // Sets.
    b"SADD" => Data(sets::sadd),
    b"SDIFFSTORE" => Data(sets::sdiffstore),
    b"SINTERSTORE" => Data(sets::sinterstore),
    b"SMOVE" => Data(sets::smove),
    b"SPOP" => Data(sets::spop),
    b"SREM" => Data(sets::srem),
    b"SUNIONSTORE" => Data(sets::sunionstore),

    // Sorted sets.
    b"BZMPOP" => Data(zset_ranges::bzmpop),
    b"BZPOPMAX" => Data(zset_ranges::bzpopmax),
    b"BZPOPMIN" => Data(zset_ranges::bzpopmin),
    b"GEOADD" => Data(geo::geoadd),
    b"ZADD" => Data(zsets::zadd),
    b"ZDIFFSTORE" => Data(zset_stores::zdiffstore),
    b"ZINCRBY" => Data(zsets::zincrby),
    b"ZINTERSTORE" => Data(zset_stores::zinterstore),
    b"ZMPOP" => Data(zset_ranges::zmpop),
    b"ZPOPMAX" => Data(zset_ranges::zpopmax),
    b"ZPOPMIN" => Data(zset_ranges::zpopmin),
    b"ZRANGESTORE" => Data(zset_ranges::zrangestore),
    b"ZREM" => Data(zsets::zrem),
    b"ZREMRANGEBYLEX" => Data(zset_ranges::zremrangebylex),
    b"ZREMRANGEBYRANK" => Data(zset_ranges::zremrangebyrank),
    b"ZREMRANGEBYSCORE" => Data(zset_ranges::zremrangebyscore),
    b"ZUNIONSTORE" => Data(zset_stores::zunionstore),

    // Streams.
    b"XACK" => Data(stream_groups::xack),
    b"XACKDEL" => Data(stream_groups::xackdel),
    b"XADD" => Data(stream_entries::xadd),
    b"XCFGSET" => Data(stream_producers::xcfgset),
    b"XCLAIM" => Data(stream_groups::xclaim),
    b"XDEL" => Data(stream_entries::xdel),
    b"XDELEX" => Data(stream_entries::xdelex),
    b"XGROUP" => Data(stream_groups::xgroup),
    b"XIDMPRECORD" => Data(stream_producers::xidmprecord),
    b"XSETID" => Data(stream_entries::xsetid),
    b"XTRIM" => Data(stream_entries::xtrim),

    // What may change data, by itself or by what it runs.
    b"DEBUG" => Skip(MayChangeData),
    b"EVAL" => Skip(MayChangeData),
    b"EVALSHA" => Skip(MayChangeData),
    b"FCALL" => Skip(MayChangeData),
    b"GEORADIUS" => Skip(MayChangeData),
    b"GEORADIUSBYMEMBER" => Skip(MayChangeData),
    b"GEOSEARCHSTORE" => Skip(MayChangeData),
    b"MIGRATE" => Skip(MayChangeData),
    b"MODULE" => Skip(MayChangeData),
    b"XAUTOCLAIM" => Skip(MayChangeData),
    b"XREADGROUP" => Skip(MayChangeData),

    // What servers log or were seen to run, and what changes no data.
    b"ACL" => Skip(Harmless),
    b"CONFIG" => Skip(Harmless),
    b"PING" => Skip(Harmless),
    b"PUBLISH" => Skip(Harmless),
    b"REPLICAOF" => Skip(Harmless),
    b"SCRIPT" => Skip(Harmless),
    b"SHUTDOWN" => Skip(Harmless),
    b"SLAVEOF" => Skip(Harmless),
    b"SPUBLISH" => Skip(Harmless),
}

/// A name of the table as text.
pub(super) fn text(name: &'static [u8]) -> &'static str {
    core::str::from_utf8(name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_capital_letters_and_fit() {
        for name in NAMES {
            assert!(
                name.len() <= LONGEST_NAME && name.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'_' | b'-' | b'0'..=b'9'))
            );
            assert_eq!(text(name).as_bytes(), *name);
        }
    }
}
