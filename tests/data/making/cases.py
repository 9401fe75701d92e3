"""What is put into the snapshots. Each case fills an empty server; one snapshot is made of each."""
import time

from report import FAR
from server import CLUSTER, MODULE, Client
from values import BINARY, INTEGERS, NAMES, NEARLY_INTEGERS, SCORES, letters, noise, prose


class Case:
    def __init__(self, fill, options, applies, reloads):
        self.name = fill.__name__.strip("_")
        self.fill = fill
        self.options = options
        self.applies = applies
        self.reloads = reloads


CASES = []


def case(*options, since=(2, 8), only=None, reloads=True):
    """Registers a case, with the options the server is started with and the servers that can make it."""
    def register(fill):
        CASES.append(Case(fill, options, lambda kind: kind.at_least(*since) and (only is None or only(kind)), reloads))
        return fill
    return register


@case()
def empty(s):
    pass


@case()
def strings(s):
    s.many(("SET", "int:%d" % n, n) for n in INTEGERS)
    s.many(("SET", "text:%s" % t, t) for t in NEARLY_INTEGERS)
    s.many(("SET", "binary:%s" % n, v) for n, v in BINARY.items())
    s("SET", "empty", "")
    for size in (1, 11, 12, 19, 20, 21, 44, 45, 63, 64, 255, 256):
        s("SET", "letters:%d" % size, letters(size, size))
    for size in (20, 21, 22, 32, 33, 264, 265, *s.kind.bulky(8192, 8193, 8195)):
        s("SET", "run:%d" % size, b"a" * size)
    for size in (63, 64, 65, 4000, *s.kind.bulky(16383, 16384, 66000)):
        s("SET", "prose:%d" % size, prose(size))
    for size in (63, 64, 1000, *s.kind.bulky(16383, 16384)):
        s("SET", "noise:%d" % size, noise(size, size))
    # A match across the 8 KiB window that the compressor can reach, and one just beyond it.
    for distance in s.kind.bulky(8191, 8192, 8193):
        s("SET", "far-match:%d" % distance, letters(64, 1) + noise(distance - 64, 2) + letters(64, 1))
    s("APPEND", "number-by-append", "12")
    s("APPEND", "number-by-append", "34")
    s("SETRANGE", "padded", 40, "x")
    s("SETBIT", "bitmap", 1001, 1)
    s("INCRBYFLOAT", "float", "10.1")
    s("PFADD", "hll-sparse", *["visitor-%d" % n for n in range(50)])
    for count in s.kind.bulky(3000):
        s("PFADD", "hll-dense", *["visitor-%d" % n for n in range(count)])


@case()
def lists(s):
    s("RPUSH", "small", "a", "b", "c", 1, 2, 300, -5000)
    s("RPUSH", "one", "only")
    s("RPUSH", "one-empty", "")
    s("RPUSH", "integers", *INTEGERS)
    s("RPUSH", "nearly-integers", *NEARLY_INTEGERS)
    s("RPUSH", "binary", *BINARY.values())
    s("RPUSH", "empties", *[""] * 20)
    s("LPUSH", "left", *range(100))
    # Lengths at which a packed string or the length of an entry takes another form, each followed by a small entry.
    for length in (1, 62, 63, 64, 120, 124, 125, 126, 127, 128, 248, 249, 250, 251, 252, 253, 254, 255, 256):
        s("RPUSH", "lengths", letters(length, length), "x", 7)
    s("RPUSH", "long-elements", letters(4095, 1), letters(4096, 2), "end")
    s("RPUSH", "very-long-elements", "before", prose(9000), *map(prose, s.kind.bulky(16376, 16383, 16384)), "after")
    s("RPUSH", "at-limit", *[letters(64, n) for n in range(30)])
    s("RPUSH", "over-limit", *[letters(65, n) for n in range(30)])
    s("RPUSH", "512-elements", *range(512))
    s("RPUSH", "513-elements", *range(513))
    s("RPUSH", "many", *["element:%04d:%s" % (n, "abcdefgh"[:n % 9]) for n in range(600)])
    # Removing in the middle leaves wider back lengths behind in packed lists.
    s("RPUSH", "holes", "a", letters(300, 9), "b", letters(300, 10), "c", "d")
    s("LREM", "holes", 1, letters(300, 9))
    s("LINSERT", "holes", "BEFORE", "d", letters(260, 11))
    s("LSET", "holes", 0, letters(254, 12))
    if s.kind.at_least(3, 2):
        s.config(list_max_ziplist_size=5, list_compress_depth=1)
        s("RPUSH", "compressed-inside", *[prose(100 + n) for n in range(30)])
        s.config(list_compress_depth=0)
        for length in s.kind.bulky(9000):
            s.config(list_max_ziplist_size=-5)
            s("RPUSH", "nodes-of-64-kib", *["%05d" % n for n in range(length)])
        s.config(list_max_ziplist_size=-2)
    if s.kind.at_least(7, 0):
        s("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "1K")
        s("RPUSH", "plain-nodes", "small", letters(1100, 20), "x", "y", prose(2000), letters(1024, 21), letters(1025, 22), "last")
        s("RPUSH", "plain-only", noise(2000, 23))
        s("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "0")


@case()
def sets(s):
    s("SADD", "int16", *[n for n in INTEGERS if -2 ** 15 <= n < 2 ** 15])
    s("SADD", "int32", *[n for n in INTEGERS if -2 ** 31 <= n < 2 ** 31])
    s("SADD", "int64", *INTEGERS)
    s("SADD", "one-int", 0)
    s("SADD", "upgraded", 1, 2, 70000)
    s("SREM", "upgraded", 70000)
    s("SADD", "512-ints", *range(512))
    s("SADD", "513-ints", *range(513))
    s("SADD", "words", "a", "b", "c")
    s("SADD", "one-word", "only")
    s("SADD", "empty-member", "")
    s("SADD", "mixed", "word", 1, -1, 2 ** 40, *NEARLY_INTEGERS)
    s("SADD", "binary", *BINARY.values())
    s("SADD", "names", *NAMES)
    s("SADD", "128-words", *["w%d" % n for n in range(128)])
    s("SADD", "129-words", *["w%d" % n for n in range(129)])
    s("SADD", "member-of-64", "x", letters(64, 1))
    s("SADD", "member-of-65", "x", letters(65, 1))
    s("SADD", "large-table", *["member:%d" % n for n in range(600)])


@case()
def zsets(s):
    scored = [part for n, score in enumerate(SCORES) for part in (score, "m%02d" % n)]
    s("ZADD", "scores-packed", *scored)
    s("ZADD", "scores-table", *scored, "1", letters(65, 1))
    s("ZADD", "equal-scores", *[part for name in ("b", "a", "", "c", "ab", "B") for part in (1, name)])
    s("ZADD", "one", "2.5", "only")
    s("ZADD", "integers", *[part for n in INTEGERS for part in (n, n)])
    s("ZADD", "names", *[part for n, name in enumerate(NAMES) for part in (n / 2, name)])
    s("ZADD", "binary", *[part for n, v in enumerate(BINARY.values()) for part in (-n, v)])
    s("ZADD", "128-members", *[part for n in range(128) for part in (n, "m%d" % n)])
    s("ZADD", "129-members", *[part for n in range(129) for part in (n, "m%d" % n)])
    s("ZADD", "member-of-64", 1, letters(64, 1), 2, "x")
    s("ZADD", "member-of-65", 1, letters(65, 1), 2, "x")
    s("ZADD", "large-table", *[part for n in range(400) for part in ((n * 7919 % 1000) / 8, "player:%04d" % n)])


@case()
def hashes(s):
    s("HMSET", "small", "f", "v", "n", 1)
    s("HMSET", "one", "field", "value")
    s("HMSET", "empty-parts", "", "", "f", "", "g", "x")
    s("HMSET", "integers", *[part for n in INTEGERS for part in (n, -n if n != -2 ** 63 else n)])
    s("HMSET", "nearly-integers", *[part for t in NEARLY_INTEGERS for part in (t, t)])
    s("HMSET", "names-packed", *[part for name in NAMES if len(name) <= 64 for part in (name, name)])
    s("HMSET", "names-table", *[part for name in NAMES for part in (name, name)])
    s("HMSET", "binary", *[part for n, v in BINARY.items() for part in (v if len(v) <= 64 else n, v[:64])])
    s("HMSET", "512-fields", *[part for n in range(512) for part in ("f%d" % n, n)])
    s("HMSET", "513-fields", *[part for n in range(513) for part in ("f%d" % n, n)])
    s("HMSET", "value-of-64", "f", letters(64, 1), "x", "y")
    s("HMSET", "value-of-65", "f", letters(65, 1), "x", "y")
    s("HMSET", "field-of-64", letters(64, 2), "v", "x", "y")
    s("HMSET", "field-of-65", letters(65, 2), "v", "x", "y")
    s("HMSET", "long-values", *[part for n in (253, 254, 255, 256, 1000, *s.kind.bulky(16383, 16384)) for part in ("f%d" % n, prose(n))])
    s.config(hash_max_ziplist_value=20000)
    # Packed although its entries are long: lengths at which a packed string takes another form.
    s("HMSET", "long-values-packed", *[part for n in (63, 64, 253, 254, 4095, 4096, *s.kind.bulky(16378, 16383, 16384, also="redis-2.8"))
                                       for part in ("f%d" % n, prose(n) if n > 5000 else letters(n, n))])
    s.config(hash_max_ziplist_value=64)
    s("HINCRBYFLOAT", "float", "f", "0.1")


@case(only=lambda kind: kind.name in ("redis-2.8", "redis-7.0"))
def count_65535(s):
    """Packed forms whose 16-bit count has run out."""
    if s.kind.at_least(7, 0):
        s("XADD", "stream", "1-1", *[""] * 65536)
    else:
        s.config(list_max_ziplist_entries=70000)
        s.many(["RPUSH", "list"] + [""] * 1000 for _ in range(66))


@case()
def expiry(s):
    s("SET", "never", "v")
    far = {"at-2100": FAR, "ms": FAR + 123, "ms-1": FAR - 1, "over-32-bit-seconds": 4294967296000, "year-9999": 253402300799999,
           "2-to-48": 2 ** 48 - 1, "2-to-53": 2 ** 53, "2-to-53-and-1": 2 ** 53 + 1}
    for name, ms in far.items():
        s("SET", "string:" + name, name)
        s.expire_at("string:" + name, ms)
    s("SET", "seconds", "v")
    s("EXPIREAT", "seconds", FAR // 1000)
    s.known_expiries[0, b"seconds"] = FAR
    s("SET", "persisted", "v")
    s("PEXPIREAT", "persisted", FAR)
    s("PERSIST", "persisted")
    s("RPUSH", "list", "a", "b")
    s("SADD", "intset", 1, 2)
    s("SADD", "set", "a", "b")
    s("ZADD", "zset", 1, "a")
    s("HSET", "hash", "f", "v")
    for n, name in enumerate(("list", "intset", "set", "zset", "hash")):
        s.expire_at(name, FAR + n)
    if s.kind.at_least(5, 0):
        s("XADD", "stream", "1-1", "f", "v")
        s.expire_at("stream", FAR + 9)


@case(reloads=False)
def expired(s):
    """Saved just before their time: by the time anyone reads the file these keys have expired."""
    soon = int(time.time() * 1000) + 2000
    s("SET", "string", "was here")
    s("RPUSH", "list", "a")
    s("HSET", "hash", "f", "v")
    for n, name in enumerate(("string", "list", "hash")):
        s.expire_at(name, soon + n)
    s("SET", "stays", "v")


@case()
def databases(s):
    for db in (0, 3, 15):
        s.select(db)
        s("SET", "same-name", "in db %d" % db)
        s("SET", "only-in-%d" % db, db)
        s("RPUSH", "list", db, db)
    s.expire_at("only-in-15", FAR)
    s.select(7)
    s("SET", "gone", "v")
    s("DEL", "gone")


@case()
def names(s):
    s.many(("SET", name, "key %d" % n) for n, name in enumerate(NAMES))
    s("RPUSH", b"list:\xff", "a")
    s("HSET", b"hash:\x00", "f", "v")
    s("SET", prose(1000), "a name that compresses")
    for length in s.kind.bulky(20000):
        s("SET", noise(length, 77), "a name that does not compress")


def one_of_each(s):
    s("SET", "string", prose(500))
    s("SET", "number", 42)
    s("RPUSH", "list", "a", 1, prose(200))
    s("SADD", "intset", *range(50))
    s("SADD", "set", "a", "b")
    s("ZADD", "zset", 1, "a", "2.5", "b")
    s("HMSET", "hash", *[part for n in range(20) for part in ("field-%d" % n, "value-%d" % n)])
    s("HMSET", "hash-table", "f", prose(300), "g", "x")
    if s.kind.at_least(5, 0):
        s.many(("XADD", "stream", "%d-1" % n, "temperature", n) for n in range(1, 60))
    s.expire_at("string", FAR)


@case("--rdbcompression", "no")
def nocompress(s):
    one_of_each(s)


@case("--rdbchecksum", "no")
def nochecksum(s):
    one_of_each(s)


def restored(s, *hint):
    """Keys with a hint of our choice: RESTORE can set it, plain writes cannot."""
    one_of_each(s)
    for n, key in enumerate(sorted(s("KEYS", "*"))):
        payload = s("DUMP", key)
        expires = s.known_expiries.get((0, key), 0)
        s("RESTORE", key, expires, payload, "REPLACE", "ABSTTL", hint[0], hint[1 + n % (len(hint) - 1)])


@case("--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb", since=(5, 0))
def lru(s):
    restored(s, "IDLETIME", 1, 63, 64, 16383, 16384, 1000000)


@case("--maxmemory-policy", "allkeys-lfu", "--maxmemory", "100mb", "--lfu-decay-time", "0", since=(5, 0))
def lfu(s):
    restored(s, "FREQ", 0, 1, 5, 63, 64, 128, 255)


@case(since=(7, 0))
def functions(s):
    s("FUNCTION", "LOAD", "#!lua name=small\nredis.register_function('one', function(keys, args) return 1 end)\n")
    # Long enough to be compressed, and with bytes beyond ASCII.
    body = "\n".join("-- line %d of a library with the word naïve in it" % n for n in range(40))
    s("FUNCTION", "LOAD", "#!lua name=library_2\n%s\nredis.register_function{function_name='two', callback=function(keys, args) "
      "return redis.call('GET', keys[1]) end, flags={'no-writes'}, description='reads'}\n" % body)
    s("SET", "beside", "v")


@case(since=(7, 0))
def functions_only(s):
    s("FUNCTION", "LOAD", "#!lua name=alone\nredis.register_function('alone', function(keys, args) return #args end)\n")


@case()
def replication(s):
    """With a replica attached, a master writes its replication state, and up to 6.2 the cached scripts."""
    s.select(2)
    s("SET", "key", "value")
    scripts = ["return 1", "-- %s\nreturn redis.call('GET', KEYS[1])" % ("a comment " * 20)]
    s.many(("SCRIPT", "LOAD", script) for script in scripts)
    replica = Client(s.path)
    replica.socket.sendall(b"SYNC\r\n")
    line = b""
    while not line.startswith(b"$"):  # keep-alive newlines come first
        line = replica.file.readline()
    if line.startswith(b"$EOF:"):
        mark, got = line[5:45], b""
        while not got.endswith(mark):
            got += replica.file.read1(1 << 16)
    else:
        replica.file.read(int(line[1:]))
    s("SET", "key-2", "after the copy")
    s.replica = replica
    if not s.kind.at_least(7, 0) and s.kind.at_least(4, 0):
        s.aux = [["lua", script] for script in scripts]
    s.idle_until("rdb_bgsave_in_progress")


@case(*CLUSTER, since=(7, 0))
def cluster(s):
    """In cluster mode newer servers write what each slot holds."""
    s("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    s.cluster_ready()
    for n in range(12):
        s("SET", "{slot-%d}a" % (n % 5), n)
    s("HSET", "{slot-1}hash", "f", "v")
    s.expire_at("{slot-0}a", FAR)
    if s.kind.field_expiry:
        s("HSET", "{slot-2}hash", "f", "v", "g", "w")
        s("HPEXPIREAT", "{slot-2}hash", FAR, "FIELDS", 1, "f")


@case(only=lambda kind: kind.field_expiry)
def field_expiry(s):
    def fields(key, count, timed):
        s("HSET", key, *[part for n in range(count) for part in ("f%d" % n, "v%d" % n)])
        for n in timed:
            s("HPEXPIREAT", key, FAR + n, "FIELDS", 1, "f%d" % n)

    fields("none", 5, [])
    fields("first", 5, [0])
    fields("all", 5, range(5))
    fields("backwards", 8, [7, 5, 3, 1])
    fields("table", 600, range(0, 600, 3))
    fields("table-by-value", 3, range(3))
    s("HSET", "table-by-value", "long", letters(65, 2))
    s("HSET", "long-value", "f", letters(65, 1), "g", "x")
    s("HPEXPIREAT", "long-value", FAR, "FIELDS", 2, "f", "g")
    s("HSET", "edges", "far", 1, "furthest", 2, "equal-1", 3, "equal-2", 4, "number", 5)
    if s.kind.family == "valkey":  # Redis ends where the next line does
        s("HPEXPIREAT", "edges", 253402300799999, "FIELDS", 1, "far")
    s("HPEXPIREAT", "edges", (2 ** 48 - 1) >> 2, "FIELDS", 1, "furthest")
    s("HPEXPIREAT", "edges", FAR, "FIELDS", 2, "equal-1", "equal-2")
    s("HSET", "names", *[part for name in NAMES for part in (name, name[:64])])
    s("HPEXPIREAT", "names", FAR + 5, "FIELDS", len(NAMES) // 2, *NAMES[:len(NAMES) // 2])
    s("HSET", "binary", b"\xff", b"\x00", "f", "v")
    s("HPEXPIREAT", "binary", FAR, "FIELDS", 1, b"\xff")
    s("HSET", "persisted", "f", "v", "g", "w")
    s("HPEXPIREAT", "persisted", FAR, "FIELDS", 2, "f", "g")
    s("HPERSIST", "persisted", "FIELDS", 2, "f", "g")
    s("HSET", "key-too", "f", "v")
    s("HPEXPIREAT", "key-too", FAR + 7, "FIELDS", 1, "f")
    s.expire_at("key-too", FAR + 8)


@case("--loadmodule", MODULE, since=(5, 0))
def module(s):
    """Values, and data beside the keys, of a module made for this (module.c)."""
    s("AIKVFIX.SET", "items", 5, prose(300))
    s("AIKVFIX.SET", "few-items", 0, "")
    s("AIKVFIX.SET", "many-items", 300, noise(40, 3))
    s("AIKVFIX.NOTHING", "nothing")
    s("SET", "beside", "v")
    s.expire_at("few-items", FAR)


@case("--loadmodule", MODULE, only=lambda kind: kind.key_metadata)
def metadata(s):
    """Metadata that the module attaches to keys, of one class and of two, beside expiries and values of any type."""
    s("SET", "none", "v")
    s("SET", "one", "v")
    s("AIKVFIX.META", "one", 0, 7, "text")
    s("SET", "other", "v")
    s("AIKVFIX.META", "other", 1, 2 ** 40, prose(300))
    s("HSET", "both", "f", "v")
    s("AIKVFIX.META", "both", 1, 0, "")
    s("AIKVFIX.META", "both", 0, 300, b"\x00\xff")
    s("RPUSH", "expires", "a", "b")
    s("AIKVFIX.META", "expires", 0, 1, "12345")
    s.expire_at("expires", FAR)
    s("HSET", "fields", "f", "v", "g", "w")
    s("HPEXPIREAT", "fields", FAR, "FIELDS", 1, "f")
    s("AIKVFIX.META", "fields", 0, 2, "t")
    s("XADD", "stream", "1-1", "f", "v")
    s("AIKVFIX.META", "stream", 1, 4, "of a stream")


@case(only=lambda kind: kind.family == "redis" and kind.at_least(8, 0))
def vectors(s):
    """Values of the one module that is part of these servers."""
    s("VADD", "vectors", "VALUES", 3, "1.0", "0.5", "-2.25", "a")
    s("VADD", "vectors", "VALUES", 3, "0.1", "0.2", "0.3", "b", "SETATTR", "{\"year\":1999}")
    s("VADD", "exact", "VALUES", 2, "1", "2", "only", "NOQUANT")
    s("SET", "beside", "v")
    s.expire_at("exact", FAR)
