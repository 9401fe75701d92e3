//! Random commands: a grammar for each, in which a server's version decides what there is.
//!
//! A template is words. `$name` is a random argument, `[a|b c|]` one of some alternatives,
//! `{a b}` the same one to three times. `7.0+` in front of a template or an alternative says since when
//! it is there, `r7.4+` that it is Redis alone, `v9.0+` Valkey alone.

use super::Target;

/// Numbers that look random, the same ones for the same seed.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// A command with its arguments.
pub(crate) type Command = Vec<Vec<u8>>;

/// Commands of one kind of value. Kinds take turns, so that each is met as often.
pub(crate) const KINDS: [(&str, &[&str]); 8] = [
    ("keys", KEYS),
    ("strings", STRINGS),
    ("lists", LISTS),
    ("sets", SETS),
    ("zsets", ZSETS),
    ("hashes", HASHES),
    ("streams", STREAMS),
    ("bits", BITS),
];

const KEYS: &[&str] = &[
    "DEL {$k}",
    "4.0+ UNLINK {$k}",
    "EXPIRE $k $ttls [|7.0+ NX|7.0+ XX|7.0+ GT|7.0+ LT|7.0+ XX GT|7.0+ NX LT]",
    "PEXPIRE $k $ttl [|7.0+ NX|7.0+ XX|7.0+ GT|7.0+ LT]",
    "EXPIREAT $k $ats [|7.0+ NX|7.0+ XX|7.0+ GT|7.0+ LT]",
    "PEXPIREAT $k $at [|7.0+ NX|7.0+ XX|7.0+ GT|7.0+ LT|7.0+ GT XX|7.0+ LT LT]",
    "PEXPIREAT $k $at",
    "PERSIST $k",
    "RENAME $k $k",
    "RENAMENX $k $k",
    // Redis 2.8 leaves the expiry behind.
    "3.0+ MOVE $k $db",
    "6.2+ COPY $k $k [|DB $db] [|REPLACE]",
    "SELECT [0|1|2]",
    "SELECT 0",
    "4.0+ SWAPDB [0|1] [0|1|2]",
    // Valkey 9 takes no empty text for 0.
    "r2.8+ SORT $l STORE $k",
    "[SORT $l ALPHA STORE $k|SORT $e ALPHA DESC STORE $k|SORT $l LIMIT 1 2 ALPHA STORE $k|SORT $e BY nosort STORE $k\
     |SORT $z BY nosort LIMIT 0 3 STORE $k|SORT $z ALPHA STORE $k|SORT $e BY weight_* GET # STORE $k]",
];

/// Seldom ones.
pub(crate) const FLUSHES: &[&str] = &["FLUSHDB [|4.0+ ASYNC|6.2+ SYNC]", "FLUSHALL [|4.0+ ASYNC|6.2+ SYNC]"];

const STRINGS: &[&str] = &[
    "SET $s $v",
    "SET $s $v [|NX|XX|EX $ttls|PX $ttl|6.2+ PXAT $at|6.2+ EXAT $ats|6.0+ KEEPTTL|NX EX $ttls|6.2+ XX GET|7.0+ NX GET|6.2+ GET PXAT $at]",
    "SET $k $v",
    "SETNX $s $v",
    "SETEX $s $ttls $v",
    "PSETEX $s $ttl $v",
    "MSET {$s $v}",
    "MSETNX {$s $v}",
    "APPEND $s $v",
    "SETRANGE $s $offset $v",
    "3.0+ INCR $s",
    "3.0+ DECR $s",
    "3.0+ INCRBY $s $n",
    "7.0+ DECRBY $s $n",
    "3.0+ DECRBY $s $i",
    // Redis 2.8 takes many texts for numbers.
    "INCR $j",
    "DECRBY $j $i",
    "INCRBY $j $i",
    "GETSET $s $v",
    "6.2+ GETDEL $s",
    "6.2+ GETEX $s [|PERSIST|PXAT $at|EXAT $ats|EX $ttls|PX $ttl]",
    "r8.4+ MSETEX [1 $s $v|2 $s $v $s $v] [|NX|XX] [|PXAT $at|KEEPTTL|EX $ttls]",
    "r8.4+ DELEX $s [|IFEQ $v|IFNE $v]",
    "v9.0+ DELIFEQ $s $v",
    "r8.4+ SET $s $v [IFEQ|IFNE] $v",
    "v8.1+ SET $s $v IFEQ $v",
];

const LISTS: &[&str] = &[
    "LPUSH $l {$v}",
    "RPUSH $l {$v}",
    "LPUSHX $l [$v|4.0+ $v $v]",
    "RPUSHX $l [$v|4.0+ $v $v]",
    "LINSERT $l [BEFORE|AFTER|after] $v $v",
    "LSET $l $i $v",
    "LREM $l $i $v",
    "LTRIM $l $i $i",
    "LPOP $l [|6.2+ $u]",
    "RPOP $l [|6.2+ $u]",
    "RPOPLPUSH $l $l",
    "6.2+ LMOVE $l $l [LEFT|RIGHT] [LEFT|right]",
    "7.0+ LMPOP [1 $l|2 $l $l] [LEFT|RIGHT] [|COUNT 2]",
];

const SETS: &[&str] = &[
    "SADD $e {$m}",
    "SADD $e {$n}",
    "SREM $e {$m}",
    "SMOVE $e $e $m",
    // Whether a key that is not there or one of another type comes first counts since 7.0 only.
    "7.0+ SINTERSTORE $e {$e}",
    "SINTERSTORE $e $e",
    "SUNIONSTORE $e {$e}",
    "SDIFFSTORE $e {$e}",
];

const ZSETS: &[&str] = &[
    "ZADD $z {$score $m}",
    "3.0+ ZADD $z [|NX|XX] [|CH] [|INCR] [|6.2+ GT|6.2+ LT] [$score $m|$score $m $score $m]",
    "ZINCRBY $z $score $m",
    "ZREM $z {$m}",
    "ZREMRANGEBYRANK $z $i $i",
    "ZREMRANGEBYSCORE $z $min $max",
    // Ranges of members mean something among equal scores only.
    "ZADD $y {0 $m}",
    "ZADD $y {0 $m}",
    "ZREMRANGEBYLEX $y $lexmin $lexmax",
    "6.2+ ZRANGESTORE $y $y [$lexmin $lexmax BYLEX|$lexmax $lexmin BYLEX REV|$lexmin $lexmax BYLEX LIMIT 1 2|$lexmax $lexmin BYLEX REV LIMIT 0 2]",
    "[ZUNIONSTORE|ZINTERSTORE] $z [1 $z|2 $z $e|2 $z $z WEIGHTS $weight $weight|3 $z $z $e AGGREGATE [SUM|MIN|MAX]|2 $z $z WEIGHTS 1 $weight AGGREGATE max]",
    "6.2+ ZDIFFSTORE $z [1 $z|2 $z $z|2 $z $e|3 $z $z $z]",
    "6.2+ ZRANGESTORE $z $z [$i $i|$i $i REV|$min $max BYSCORE|$max $min BYSCORE REV|$min $max BYSCORE LIMIT $i $i]",
    "5.0+ [ZPOPMIN|ZPOPMAX] $z [|$u]",
    "7.0+ ZMPOP [1 $z|2 $z $z] [MIN|MAX] [|COUNT 2]",
    // No server finds all that is near the date line and the poles, Redis 6.2 still less.
    "7.0+ GEORADIUS $w $lon $lat $radius [km|m|mi|ft] [|COUNT 2] [|ASC|DESC] [STORE $z|STOREDIST $d]",
    "7.0+ GEORADIUSBYMEMBER $w $m $radius [km|mi] [STORE $z|STOREDIST $d]",
    "7.0+ GEOSEARCHSTORE $z $w [FROMMEMBER $m|FROMLONLAT $lon $lat] [BYRADIUS $radius km|BYBOX $radius $radius km] [|ASC|DESC] [|COUNT 2]",
    "7.0+ GEOSEARCHSTORE $d $w FROMLONLAT $lon $lat [BYRADIUS $radius km|BYBOX $radius $radius mi] STOREDIST",
    "3.2+ GEOADD $w {$lon $lat $m}",
    "3.2+ GEOADD $z [|6.2+ NX|6.2+ XX|6.2+ CH] {$lon $lat $m}",
];

const HASHES: &[&str] = &[
    "HSET $h [$f $v|4.0+ $f $v $f $v]",
    "HMSET $h {$f $v}",
    "HSETNX $h $f $v",
    "HDEL $h {$f}",
    "3.0+ HINCRBY $h $f $n",
    "HINCRBY $j $f $i",
    "r7.4+ HPEXPIREAT $h $later [|NX|XX|GT|LT] FIELDS [1 $f|2 $f $f]",
    "v9.0+ HPEXPIREAT $h $at [|NX|XX|GT|LT] FIELDS [1 $f|2 $f $f]",
    "r7.4+ HEXPIREAT $h $laters [|NX|GT] FIELDS [1 $f|2 $f $f]",
    "v9.0+ HEXPIREAT $h $ats [|NX|GT] FIELDS [1 $f|2 $f $f]",
    "r7.4+ HEXPIRE $h 100000 FIELDS 1 $f",
    "v9.0+ HPEXPIRE $h $ttl FIELDS 1 $f",
    // While it loads a log, Redis takes a field whose time has passed for none in HPERSIST, HSETNX and HGETEX; Valkey
    // takes it for one, as does replay.
    "r7.4+ HPERSIST $h FIELDS [1 $f|2 $f $f]",
    "v9.0+ HPERSIST $h FIELDS [1 $f|2 $f $f]",
    "r8.0+ HGETDEL $h FIELDS [1 $f|2 $f $f]",
    "v9.1+ HGETDEL $h FIELDS [1 $f|2 $f $f]",
    // A field that stands twice confuses Redis 8.6 if its time has passed.
    // A time of 0 is none to Redis, one to Valkey, and makes Redis 8.6 end itself when it loads the log.
    "r8.0+ HGETEX $h [|PERSIST|PXAT $later|EXAT $laters|EX 100000] FIELDS [1 $f|2 $f $f]",
    "v9.0+ HGETEX $h [|PERSIST|PXAT $at|EXAT $ats|EX 100000] FIELDS [1 $f|2 $f $f]",
    "r8.0+ HSETEX $h [|FNX|FXX] [|PXAT $later|EXAT $laters|PX 100000000|KEEPTTL] FIELDS [1 $f $v|2 $f $v k $v]",
    "v9.0+ HSETEX $h [|FNX|FXX] [|PXAT $at|EXAT $ats|PX 100000000|KEEPTTL] FIELDS [1 $f $v|2 $f $v k $v]",
];

const STREAMS: &[&str] = &[
    "5.0+ XADD $x $next {$f $v}",
    "5.0+ XADD $x $next {$f $v}",
    "5.0+ XADD $x [|6.2+ NOMKSTREAM] [MAXLEN $u|MAXLEN = $u|6.2+ MINID $id|6.2+ MINID = $id] $next {$f $v}",
    "5.0+ XADD $x $id $f $v",
    "5.0+ XDEL $x {$id}",
    "5.0+ XTRIM $x [MAXLEN $u|MAXLEN = $u|6.2+ MINID $id]",
    // Redis 7.0 goes below the highest id that was deleted; later servers answer with an error.
    "5.0+ XSETID $x [$next|7.1+ $id|7.0+ $next ENTRIESADDED $u MAXDELETEDID $id|7.1+ $id ENTRIESADDED 100 MAXDELETEDID $id]",
    "5.0+ XGROUP CREATE $x $g [$id|0|$$|0-0] [|MKSTREAM|7.0+ ENTRIESREAD 0|r8.6+ ENTRIESREAD $u|7.0+ MKSTREAM ENTRIESREAD -1]",
    "5.0+ XGROUP CREATE $x $g [0|$$] MKSTREAM",
    "5.0+ XGROUP SETID $x $g [$id|0|$$] [|7.0+ ENTRIESREAD 0|r8.6+ ENTRIESREAD $u|7.0+ ENTRIESREAD -1]",
    "5.0+ XGROUP DELCONSUMER $x $g $c",
    "6.2+ XGROUP CREATECONSUMER $x $g $c",
    "5.0+ XACK $x $g {$id}",
    "5.0+ XCLAIM $x $g $c [0|0|1000] {$id} [TIME 1600000000000|IDLE 1000|] [|RETRYCOUNT $u] [|FORCE|FORCE|FORCE] [|JUSTID] [|LASTID $id]",
    "5.0+ XCLAIM $x $g $c 0 $id TIME 1700000000000 RETRYCOUNT $u FORCE JUSTID LASTID $id",
    "5.0+ XCLAIM $x $g $c 0 $id TIME 1700000000000 RETRYCOUNT $u FORCE JUSTID LASTID $id",
    "r8.2+ XDELEX $x [|KEEPREF|DELREF|ACKED] IDS [1 $id|2 $id $id]",
    "r8.2+ XACKDEL $x $g [|KEEPREF|DELREF|ACKED] IDS [1 $id|2 $id $id]",
    "r8.2+ XADD $x [KEEPREF|DELREF|ACKED] MAXLEN $u $next $f $v",
    "r8.2+ XTRIM $x [MAXLEN $u|MINID $id] [KEEPREF|DELREF|ACKED]",
    "r8.6+ XCFGSET $x [IDMP-DURATION 500|IDMP-MAXSIZE 20|IDMP-DURATION 100 IDMP-MAXSIZE 100]",
    "r8.6+ XIDMPRECORD $x $g $c $id",
    "r8.6+ XADD $x IDMP $g $c $next $f $v",
    "DEL $x",
];

const BITS: &[&str] = &[
    "SETBIT $s $offset [0|1]",
    "BITOP [AND|OR|XOR] $s {$s}",
    "BITOP NOT $s $s",
    "r8.2+ BITOP [DIFF|DIFF1|ANDOR|ONE] $s $s {$s}",
    "3.2+ BITFIELD $s SET [u8|i5|u3|i64] [0|3|#2] $n",
    "3.2+ BITFIELD $s OVERFLOW [WRAP|SAT] INCRBY [u2|i8|u63] [1|#1] $n [|GET u4 0] [|SET i4 7 3]",
    "PFADD $p {$v}",
    "PFADD $p {$m}",
    "PFADD $p",
    "5.0+ PFMERGE $p {$p}",
];

/// What no server logs, or not all it does: only ever written into a log.
pub(crate) const FOREIGN: &[&str] = &[
    "3.2+ BITFIELD $s OVERFLOW FAIL INCRBY [u2|i8|u63] [1|#1] $n [|SET i4 7 3]",
    "6.2+ XADD $x MAXLEN = 3 LIMIT 2 $next $f $v",
    "SELECT 0",
];

/// What servers log in another form, or in that of what it did: sent to a server only.
pub(crate) const SENT: &[&str] = &[
    // Before, it is logged as a SET that drops the expiry.
    "6.0+ INCRBYFLOAT $s $float",
    // It is logged as a HSET that drops the expiry of the field, so it is sent where there are none.
    "HINCRBYFLOAT $j $f $float",
    "SPOP $e [|3.2+ $u]",
    "5.0+ XADD $x * {$f $v}",
    "5.0+ XADD $x [MAXLEN ~ $u|6.2+ MINID ~ $id|6.2+ MAXLEN ~ $u LIMIT 5] * $f $v",
    "7.0+ XADD $x 5000000000000-* $f $v",
    "PFCOUNT $p",
    "PFCOUNT $p $p",
    "r8.6+ XADD $x IDMP $g $c * $f $v",
    "6.2+ XAUTOCLAIM $x $g $c 0 [$id|-|0] [|COUNT 2] [|JUSTID]",
    "5.0+ XREADGROUP GROUP $g $c [|COUNT 2] [|NOACK] STREAMS $x [>|>|0|$id]",
    "5.0+ EVAL $script 0",
    "7.0+ FUNCTION LOAD [|REPLACE] $library",
    "7.0+ FUNCTION DELETE [one|two]",
    "7.0+ FCALL [one|two] 1 $s $v",
];

/// Commands that wait for another client, and what that sends.
pub(crate) const WAITING: &[(&str, &str)] = &[
    ("BLPOP l8 l9 1", "RPUSH l9 a b"),
    ("BRPOP l8 l9 1", "RPUSH l9 a"),
    ("BRPOPLPUSH l9 l1 1", "LPUSH l9 a b"),
    ("6.2+ BLMOVE l9 l1 RIGHT LEFT 1", "RPUSH l9 a b"),
    ("7.0+ BLMPOP 1 2 l8 l9 LEFT COUNT 2", "RPUSH l9 a b c"),
    ("5.0+ BZPOPMIN z8 z9 1", "ZADD z9 1 a 2 b"),
    ("5.0+ BZPOPMAX z9 1", "ZADD z9 1 a"),
    ("7.0+ BZMPOP 1 2 z8 z9 MAX COUNT 2", "ZADD z9 1 a 2 b 3 c"),
];

/// Makes commands for one server.
pub(crate) struct Generator<'t> {
    pub(crate) rng: Rng,
    pub(crate) target: &'t Target,
    kinds: Vec<&'static [&'static str]>,
    /// The last number given out as a stream's id.
    last: u64,
    /// Whether the log must give the same at any time: no expiry is relative to the clock.
    now_ms: u64,
}

impl<'t> Generator<'t> {
    pub(crate) fn new(target: &'t Target, kinds: Vec<&'static [&'static str]>, seed: u64, now_ms: u64) -> Self {
        Self { rng: Rng::new(seed), target, kinds, last: 0, now_ms }
    }

    /// A command of a kind.
    pub(crate) fn of(&mut self, templates: &[&str]) -> Command {
        loop {
            let template = self.rng.pick(templates);
            if let Some(template) = self.target.knows(template) {
                let mut out = Vec::new();
                self.expand(template, &mut out);
                if self.target.commands.contains(&out[0].to_ascii_lowercase()) {
                    return out;
                }
            }
        }
    }

    /// A command that a log may hold.
    pub(crate) fn command(&mut self) -> Command {
        if self.rng.one_in(150) {
            return self.of(FLUSHES);
        }
        loop {
            let templates = self.kinds[self.rng.below(self.kinds.len() as u64) as usize];
            if templates.iter().any(|template| self.target.knows(template).is_some()) {
                return self.of(templates);
            }
        }
    }

    fn expand(&mut self, template: &str, out: &mut Command) {
        let mut rest = template.trim_start();
        while let Some(first) = rest.chars().next() {
            match first {
                '[' => {
                    let (inner, after) = bracketed(rest);
                    let known: Vec<_> = alternatives(inner).into_iter().filter_map(|one| self.target.knows(one)).collect();
                    let one = self.rng.pick(&known);
                    self.expand(one, out);
                    rest = after;
                }
                '{' => {
                    let (inner, after) = bracketed(rest);
                    for _ in 0..=self.rng.below(3) {
                        self.expand(inner, out);
                    }
                    rest = after;
                }
                _ => {
                    let end = rest.find(' ').unwrap_or(rest.len());
                    out.push(self.word(&rest[..end]));
                    rest = &rest[end..];
                }
            }
            rest = rest.trim_start();
        }
    }

    fn word(&mut self, word: &str) -> Vec<u8> {
        let Some(name) = word.strip_prefix('$') else { return word.as_bytes().to_vec() };
        match name {
            "$" => b"$".to_vec(),
            "k" => {
                let kind = self.rng.pick(b"slezhxp");
                self.key(kind)
            }
            "d" | "j" | "w" | "y" => self.key(name.as_bytes()[0]),
            "s" | "l" | "e" | "z" | "h" | "x" | "p" => {
                let kind = if self.rng.one_in(20) { self.rng.pick(b"slezhxp") } else { name.as_bytes()[0] };
                self.key(kind)
            }
            "v" => self.value(),
            "m" | "f" => match self.rng.below(30) {
                0 => b"a member of more than sixty-four bytes, which is in no packed container".to_vec(),
                1 => b"".to_vec(),
                n => [b'a' + (n % 10) as u8].to_vec(),
            },
            "i" => (self.rng.below(9) as i64 - 4).to_string().into(),
            "u" => self.rng.below(5).to_string().into(),
            "n" => self.integer(),
            "offset" => self.rng.pick(&["0", "1", "7", "8", "30", "100", "-1", "x"]).into(),
            "float" => self.rng.pick(FLOATS).into(),
            "score" => self.rng.pick(SCORES).into(),
            "weight" => self.rng.pick(&["1", "2", "0", "-1", "0.5", "inf", "-inf", "nan", "x", "1e308"]).into(),
            "min" => self.rng.pick(&["-inf", "0", "(1", "1", "-5", "(-inf", "x", "1.5", "nan"]).into(),
            "max" => self.rng.pick(&["+inf", "inf", "3", "(3", "2", "(2.5", "1e400", "0", "-inf", "(", "1x"]).into(),
            "lexmin" => self.rng.pick(&["-", "[a", "(b", "[", "(", "+", "c", "[c"]).into(),
            "lexmax" => self.rng.pick(&["+", "[e", "(d", "-", "[c", "(", "[zz"]).into(),
            "lon" => self.rng.pick(&["13.361389", "15.087269", "-122.4", "0", "100", "-100", "181", "2.5e0"]).into(),
            "lat" => self.rng.pick(&["38.115556", "37.502669", "37.7", "0", "85", "-85.05112878", "86"]).into(),
            "radius" => self.rng.pick(&["200", "1", "0", "5000", "100.5", "-1", "20000"]).into(),
            "db" => self.rng.pick(&["0", "1", "2", "1", "0", "15", "16", "-1", "x"]).into(),
            "at" => self.at_ms().to_string().into(),
            "later" => (self.now_ms + 100_000_000 * (1 + self.rng.below(9))).to_string().into(),
            "laters" => (self.now_ms / 1000 + 100_000 * (1 + self.rng.below(9))).to_string().into(),
            "ats" => match self.at_ms() / 1000 {
                0 => b"1".to_vec(),
                seconds => seconds.to_string().into(),
            },
            // The oldest servers die of times that are none in a log.
            "ttl" if self.target.number < 500 => b"100000000".to_vec(),
            "ttls" if self.target.number < 500 => b"100000".to_vec(),
            // What is beyond all times is refused since 7.0.
            "ttl" if self.target.number >= 700 && self.rng.one_in(9) => b"9223372036854775807".to_vec(),
            "ttls" if self.target.number >= 700 && self.rng.one_in(9) => b"9223372036854775807".to_vec(),
            "ttl" => self.rng.pick(&["100000000", "900000000", "-1", "0", "5000000000", "x"]).into(),
            "ttls" => self.rng.pick(&["100000", "900000", "-1", "0", "5000000", "x"]).into(),
            "next" => {
                self.last += 1 + self.rng.below(3);
                self.id(self.last)
            }
            "id" => {
                let id = self.last.saturating_sub(self.rng.below(12)) + self.rng.below(2);
                self.id(id)
            }
            "g" => self.rng.pick(&["g1", "g2", "g3"]).into(),
            "c" => self.rng.pick(&["alice", "bob", "carol", ""]).into(),
            "script" => self.script(),
            "library" => {
                let name = self.rng.pick(&["one", "two"]);
                let body = self.rng.pick(&["redis.call('SET', keys[1], args[1])", "redis.call('APPEND', keys[1], args[1])"]);
                format!("#!lua name={name}\nredis.register_function('{name}', function(keys, args) return {body} end)").into()
            }
            _ => panic!("{word} stands for nothing"),
        }
    }

    pub(crate) fn key(&mut self, kind: u8) -> Vec<u8> {
        vec![kind, b'0' + self.rng.below(4) as u8]
    }

    fn value(&mut self) -> Vec<u8> {
        match self.rng.below(12) {
            0 => self.rng.pick(FLOATS).into(),
            // Redis 2.8 counts on from it as from 0.
            1 if self.target.number >= 300 => b"".to_vec(),
            2 => b"x\0\r\n\xff".to_vec(),
            3 => vec![b'a' + self.rng.below(26) as u8; 70 + self.rng.below(60) as usize],
            4..=7 => self.integer(),
            _ => self.rng.pick(&["a", "b", "c", "10", "20", "hello"]).into(),
        }
    }

    fn integer(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0 => self.rng.pick(INTEGERS).into(),
            _ => (self.rng.below(40) as i64 - 15).to_string().into(),
        }
    }

    /// Far enough from now that nothing runs out while a test runs.
    fn at_ms(&mut self) -> i64 {
        let now = self.now_ms as i64;
        match self.rng.below(12) {
            0 => 1,
            2 => now - 10_000_000,
            // Redis 8.6 loses sight of times before 1970: BITOP leaves them with its result.
            3 if self.target.number != 806 => -5,
            n => now + 100_000_000 * n as i64,
        }
    }

    /// Ids of a stream ascend with their numbers; several share their milliseconds.
    fn id(&mut self, number: u64) -> Vec<u8> {
        let (ms, seq) = (1 + number / 4, number % 4);
        if seq == 0 && self.rng.one_in(2) { ms.to_string().into() } else { format!("{ms}-{seq}").into() }
    }

    /// A script of some commands, whose effects are logged.
    fn script(&mut self) -> Vec<u8> {
        let mut script = b"redis.replicate_commands() ".to_vec();
        for _ in 0..=self.rng.below(3) {
            let mut command = self.command();
            while command[0].starts_with(b"SWAP") {
                command = self.command();
            }
            let quoted = command.iter().map(|argument| {
                let bytes: String = argument.iter().map(|byte| format!("\\{byte:03}")).collect();
                format!("\"{bytes}\"")
            });
            let quoted: Vec<_> = quoted.collect();
            script.extend(format!("redis.pcall({}) ", quoted.join(",")).into_bytes());
        }
        script
    }
}

const INTEGERS: &[&str] = &[
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "007",
    "+1",
    " 1",
    "1 ",
    "-0",
    "1e3",
    "abc",
    "4294967296",
];

const FLOATS: &[&str] = &[
    "0.1",
    "1.5",
    "-2.25",
    "3",
    "1e5",
    "5.0e3",
    "1e-3",
    "inf",
    "nan",
    "0",
    "-0",
    "123456789.123456789",
    "1e17",
    "1e400",
    "x",
    "",
    " 1",
    "0.30000000000000004",
    "10.500",
    "1e-20",
    "-1e300",
    "0x10",
];

const SCORES: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "4",
    "-1",
    "1.5",
    "2.5",
    "-0",
    "inf",
    "-inf",
    "+inf",
    "1e308",
    "-1e308",
    "0.1",
    "0.30000000000000004",
    "1e-320",
    "9007199254740993",
    "123456789012345678",
    "nan",
    "x",
    " 1",
    "1e400",
    "5e-1",
    "0.1e1",
    "+3",
    "infinity",
    "3.0000000000000004",
];

/// What is between the bracket in front and its partner, and what follows.
fn bracketed(text: &str) -> (&str, &str) {
    let mut depth = 0;
    for (at, char) in text.char_indices() {
        match char {
            '[' | '{' => depth += 1,
            ']' | '}' => {
                depth -= 1;
                if depth == 0 {
                    return (&text[1..at], &text[at + 1..]);
                }
            }
            _ => {}
        }
    }
    panic!("{text}: a bracket has no partner")
}

fn alternatives(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(|char| {
        match char {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        char == '|' && depth == 0
    })
    .collect()
}
