//! Every command there is: what replays it, or that it is passed over.

use super::args::{Arguments, Done};
use super::keyspace::Space;
use super::report::SkippedEffect;
use super::{
    arrays, bits, expiry, functions, geo, geo_search, hashes, hyperloglog, keys, lists, sets, slots, sorting, stream_entries,
    stream_groups, stream_producers, strings, zset_ranges, zset_stores, zsets,
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

    // Slots of a cluster.
    b"CLUSTER" => Data(slots::cluster),
    b"TRIMSLOTS" => Data(slots::trimslots),

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
    b"SORT" => Data(sorting::sort),
    b"UNLINK" => Data(keys::del),

    // Strings.
    b"APPEND" => Data(strings::append),
    b"BITFIELD" => Data(bits::bitfield),
    b"BITOP" => Data(bits::bitop),
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
    b"PFADD" => Data(hyperloglog::pfadd),
    b"PFCOUNT" => Data(hyperloglog::pfcount),
    b"PFMERGE" => Data(hyperloglog::pfmerge),
    b"SET" => Data(strings::set),
    b"SETBIT" => Data(bits::setbit),
    b"SETEX" => Data(strings::setex),
    b"SETNX" => Data(strings::setnx),
    b"SETRANGE" => Data(strings::setrange),

    // Arrays.
    b"ARMSET" => Data(arrays::armset),
    b"ARSEEK" => Data(arrays::arseek),

    // Function libraries.
    b"FUNCTION" => Data(functions::function),

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
    b"GEORADIUS" => Data(geo_search::georadius),
    b"GEORADIUSBYMEMBER" => Data(geo_search::georadiusbymember),
    b"GEOSEARCHSTORE" => Data(geo_search::geosearchstore),
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
    b"MIGRATE" => Skip(MayChangeData),
    b"MODULE" => Skip(MayChangeData),
    b"PFDEBUG" => Skip(MayChangeData),
    b"XAUTOCLAIM" => Skip(MayChangeData),
    b"XREADGROUP" => Skip(MayChangeData),

    // What changes no data: nothing that servers log, but for what they run of it when it is there.
    b"ACL" => Skip(Harmless),
    b"ASKING" => Skip(Harmless),
    b"AUTH" => Skip(Harmless),
    b"BGREWRITEAOF" => Skip(Harmless),
    b"BGSAVE" => Skip(Harmless),
    b"BITCOUNT" => Skip(Harmless),
    b"BITFIELD_RO" => Skip(Harmless),
    b"BITPOS" => Skip(Harmless),
    b"CLIENT" => Skip(Harmless),
    b"COMMAND" => Skip(Harmless),
    b"COMMANDLOG" => Skip(Harmless),
    b"CONFIG" => Skip(Harmless),
    b"DBSIZE" => Skip(Harmless),
    b"DIGEST" => Skip(Harmless),
    b"DUMP" => Skip(Harmless),
    b"ECHO" => Skip(Harmless),
    b"EVALSHA_RO" => Skip(Harmless),
    b"EVAL_RO" => Skip(Harmless),
    b"EXISTS" => Skip(Harmless),
    b"EXPIRETIME" => Skip(Harmless),
    b"FAILOVER" => Skip(Harmless),
    b"FCALL_RO" => Skip(Harmless),
    b"GEODIST" => Skip(Harmless),
    b"GEOHASH" => Skip(Harmless),
    b"GEOPOS" => Skip(Harmless),
    b"GEORADIUSBYMEMBER_RO" => Skip(Harmless),
    b"GEORADIUS_RO" => Skip(Harmless),
    b"GEOSEARCH" => Skip(Harmless),
    b"GET" => Skip(Harmless),
    b"GETBIT" => Skip(Harmless),
    b"GETRANGE" => Skip(Harmless),
    b"HELLO" => Skip(Harmless),
    b"HEXISTS" => Skip(Harmless),
    b"HEXPIRETIME" => Skip(Harmless),
    b"HGET" => Skip(Harmless),
    b"HGETALL" => Skip(Harmless),
    b"HKEYS" => Skip(Harmless),
    b"HLEN" => Skip(Harmless),
    b"HMGET" => Skip(Harmless),
    b"HPEXPIRETIME" => Skip(Harmless),
    b"HPTTL" => Skip(Harmless),
    b"HRANDFIELD" => Skip(Harmless),
    b"HSCAN" => Skip(Harmless),
    b"HSTRLEN" => Skip(Harmless),
    b"HTTL" => Skip(Harmless),
    b"HVALS" => Skip(Harmless),
    b"INFO" => Skip(Harmless),
    b"KEYS" => Skip(Harmless),
    b"LASTSAVE" => Skip(Harmless),
    b"LATENCY" => Skip(Harmless),
    b"LCS" => Skip(Harmless),
    b"LINDEX" => Skip(Harmless),
    b"LLEN" => Skip(Harmless),
    b"LOLWUT" => Skip(Harmless),
    b"LPOS" => Skip(Harmless),
    b"LRANGE" => Skip(Harmless),
    b"MEMORY" => Skip(Harmless),
    b"MGET" => Skip(Harmless),
    b"MONITOR" => Skip(Harmless),
    b"OBJECT" => Skip(Harmless),
    b"PEXPIRETIME" => Skip(Harmless),
    b"PFSELFTEST" => Skip(Harmless),
    b"PING" => Skip(Harmless),
    b"PSUBSCRIBE" => Skip(Harmless),
    b"PSYNC" => Skip(Harmless),
    b"PTTL" => Skip(Harmless),
    b"PUBLISH" => Skip(Harmless),
    b"PUBSUB" => Skip(Harmless),
    b"PUNSUBSCRIBE" => Skip(Harmless),
    b"QUIT" => Skip(Harmless),
    b"RANDOMKEY" => Skip(Harmless),
    b"READONLY" => Skip(Harmless),
    b"READWRITE" => Skip(Harmless),
    b"REPLCONF" => Skip(Harmless),
    b"REPLICAOF" => Skip(Harmless),
    b"RESET" => Skip(Harmless),
    b"ROLE" => Skip(Harmless),
    b"SAVE" => Skip(Harmless),
    b"SCAN" => Skip(Harmless),
    b"SCARD" => Skip(Harmless),
    b"SCRIPT" => Skip(Harmless),
    b"SDIFF" => Skip(Harmless),
    b"SHUTDOWN" => Skip(Harmless),
    b"SINTER" => Skip(Harmless),
    b"SINTERCARD" => Skip(Harmless),
    b"SISMEMBER" => Skip(Harmless),
    b"SLAVEOF" => Skip(Harmless),
    b"SLOWLOG" => Skip(Harmless),
    b"SMEMBERS" => Skip(Harmless),
    b"SMISMEMBER" => Skip(Harmless),
    b"SORT_RO" => Skip(Harmless),
    b"SPUBLISH" => Skip(Harmless),
    b"SRANDMEMBER" => Skip(Harmless),
    b"SSCAN" => Skip(Harmless),
    b"SSUBSCRIBE" => Skip(Harmless),
    b"STRALGO" => Skip(Harmless),
    b"STRLEN" => Skip(Harmless),
    b"SUBSCRIBE" => Skip(Harmless),
    b"SUBSTR" => Skip(Harmless),
    b"SUNION" => Skip(Harmless),
    b"SUNSUBSCRIBE" => Skip(Harmless),
    b"SYNC" => Skip(Harmless),
    b"TIME" => Skip(Harmless),
    b"TOUCH" => Skip(Harmless),
    b"TTL" => Skip(Harmless),
    b"TYPE" => Skip(Harmless),
    b"UNSUBSCRIBE" => Skip(Harmless),
    b"UNWATCH" => Skip(Harmless),
    b"WAIT" => Skip(Harmless),
    b"WAITAOF" => Skip(Harmless),
    b"WATCH" => Skip(Harmless),
    b"XINFO" => Skip(Harmless),
    b"XLEN" => Skip(Harmless),
    b"XPENDING" => Skip(Harmless),
    b"XRANGE" => Skip(Harmless),
    b"XREAD" => Skip(Harmless),
    b"XREVRANGE" => Skip(Harmless),
    b"ZCARD" => Skip(Harmless),
    b"ZCOUNT" => Skip(Harmless),
    b"ZDIFF" => Skip(Harmless),
    b"ZINTER" => Skip(Harmless),
    b"ZINTERCARD" => Skip(Harmless),
    b"ZLEXCOUNT" => Skip(Harmless),
    b"ZMSCORE" => Skip(Harmless),
    b"ZRANDMEMBER" => Skip(Harmless),
    b"ZRANGE" => Skip(Harmless),
    b"ZRANGEBYLEX" => Skip(Harmless),
    b"ZRANGEBYSCORE" => Skip(Harmless),
    b"ZRANK" => Skip(Harmless),
    b"ZREVRANGE" => Skip(Harmless),
    b"ZREVRANGEBYLEX" => Skip(Harmless),
    b"ZREVRANGEBYSCORE" => Skip(Harmless),
    b"ZREVRANK" => Skip(Harmless),
    b"ZSCAN" => Skip(Harmless),
    b"ZSCORE" => Skip(Harmless),
    b"ZUNION" => Skip(Harmless),
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
