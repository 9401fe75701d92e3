"""Append-only logs as servers write them, taken apart by a small reader that shares nothing with the project's own."""
import os
import shutil
import signal
import tempfile
import time

import report
from report import FAR
from server import Server
from values import BINARY, INTEGERS, NAMES, SCORES, prose

SWITCHED_ON = "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"


def parts(path, at=0):
    """The commands of a file from an offset on, with their offsets, and the annotations with the number of commands before them."""
    with open(path, "rb") as f:
        data = f.read()
    commands, offsets, annotations = [], [], []

    def line():
        nonlocal at
        end = data.index(b"\r\n", at)
        start, at = at, end + 2
        return data[start:end]

    while at < len(data):
        start = at
        head = line()
        if head.startswith(b"#"):
            annotations.append([report.text(head), len(commands)])
            continue
        assert head[:1] == b"*", (path, start, head)
        command = []
        for _ in range(int(head[1:])):
            size = line()
            assert size[:1] == b"$"
            command.append(data[at:at + int(size[1:])])
            at += int(size[1:])
            assert data[at:at + 2] == b"\r\n"
            at += 2
        offsets.append(start)
        commands.append([report.text(argument) for argument in command])
    return {"commands": commands, "offsets": offsets, "annotations": annotations}


def scalar_commands(s):
    s("SET", "string", "value")
    s("SET", "", "empty key")
    s("SET", "empty", "")
    s.many(("SET", "binary:%s" % n, v) for n, v in BINARY.items())
    s.many(("SET", b"name:" + n, "v") for n in NAMES)
    s("SET", "resp-inside", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n")
    s("SET", "hash-sign", "#TS:1700000000\r\n")
    s("SET", "long", prose(1200))
    s("INCR", "counter")
    s("INCRBY", "counter", 41)
    s("INCRBYFLOAT", "float", "0.1")
    s("APPEND", "string", "+")
    s("SETRANGE", "string", 2, "XY")
    s("SETBIT", "bits", 100, 1)
    s("PFADD", "hll", "a", "b")
    s("MSET", "m1", 1, "m2", 2)
    s("SET", "doomed", "v")
    s("DEL", "doomed")
    s("DEL", "never-was")  # changes nothing and is not logged
    s("SET", "old-name", "v")
    s("RENAME", "old-name", "new-name")


def expiring_commands(s):
    for n, name in enumerate(("ex-1", "ex-2", "ex-3")):
        s("SET", name, "v")
        s.expire_at(name, FAR + n)
    s("SET", "ex-seconds", "v")
    s("EXPIREAT", "ex-seconds", FAR // 1000)
    s.known_expiries[0, b"ex-seconds"] = FAR
    s("PERSIST", "ex-3")
    if s.kind.at_least(7, 0):  # these servers can tell what a relative time came to
        s("SET", "relative", "v", "EX", 10 ** 9)
        s("SETEX", "relative-2", 10 ** 9, "v")
        s("GETEX", "string", "PX", 10 ** 12)
    s("SET", "at-once", "v")
    s("PEXPIREAT", "at-once", 1)  # in the past: logged as a removal


def collection_commands(s):
    s("RPUSH", "list", *range(10))
    s("LPOP", "list")
    s("LREM", "list", 1, 5)
    s("LTRIM", "list", 0, 5)
    s("RPOPLPUSH", "list", "list-2")
    s("LINSERT", "list", "AFTER", 3, "three and a half")
    s("RPUSH", "bulk-list", *INTEGERS)
    s("SADD", "set", *"abcdefghij")
    s("SPOP", "set")  # logged as the removal of the member that was drawn
    s("SREM", "set", "a", "zz")
    s("SUNIONSTORE", "union", "set", "set")
    s("ZADD", "zset", *[part for n, score in enumerate(SCORES) for part in (score, "m%d" % n)])
    s("ZINCRBY", "zset", "0.5", "m4")
    s("ZREM", "zset", "m0")
    s("HMSET", "hash", "f", 1, b"\xff", b"\x00", "", "")
    s("HINCRBY", "hash", "f", 5)
    s("HINCRBYFLOAT", "hash", "g", "1.5")
    s("HDEL", "hash", "")
    if s.kind.field_expiry:
        s("HSET", "timed", "f", 1, "g", 2, "h", 3)
        s("HPEXPIREAT", "timed", FAR, "FIELDS", 2, "f", "g")
        s("HPERSIST", "timed", "FIELDS", 1, "g")


def grouped_commands(s):
    """Transactions, scripts and several databases."""
    s.many([("MULTI",), ("SET", "in-multi", 1), ("INCR", "in-multi"), ("SELECT", 3), ("SET", "in-multi-db-3", "v"), ("SELECT", 0), ("EXEC",)])
    s.many([("MULTI",), ("EXEC",)])
    s.many([("MULTI",), ("SET", "dropped", 1), ("DISCARD",)])
    s("EVAL", "redis.call('SET', KEYS[1], ARGV[1]); redis.call('RPUSH', KEYS[2], ARGV[1])", 2, "script-1", "script-2", "x")
    if s.kind.at_least(7, 0):
        s("FUNCTION", "LOAD", "#!lua name=logged\nredis.register_function('put', function(k, a) return redis.call('SET', k[1], a[1]) end)")
        s("FCALL", "put", 1, "by-function", "v")
    for db in (9, 1):
        s.select(db)
        s("SET", "key", "db %d" % db)
    s("MOVE", "key", 4)
    if s.kind.at_least(4, 0):
        s("SWAPDB", 9, 10)
    s.select(5)
    s("SET", "flushed", "v")
    s("FLUSHDB")
    s.select(0)


def stream_commands(s):
    s.many(("XADD", "stream", "%d-1" % n, "f", n) for n in range(1, 11))
    s("XDEL", "stream", "5-1")
    s("XTRIM", "stream", "MAXLEN", 8)
    s("XGROUP", "CREATE", "stream", "group", "0")
    s("XREADGROUP", "GROUP", "group", "reader", "COUNT", 4, "STREAMS", "stream", ">")
    s("XACK", "stream", "group", "2-1")
    for n in (3, 4, 6):
        s("XCLAIM", "stream", "group", "reader", 0, "%d-1" % n, "TIME", 1700000000000 + n, "RETRYCOUNT", n, "JUSTID")
        s.known_deliveries[b"%d-1" % n] = 1700000000000 + n
    s("XADD", "capped", "MAXLEN", 2, "1-1", "f", "v")
    if s.kind.at_least(6, 2):
        s("XAUTOCLAIM", "stream", "group", "other", 0, "6-1")


def next_second(s):
    """Waits until a server that writes time stamps has a reason to write the next one."""
    if s.kind.at_least(7, 0):
        time.sleep(1.1)


def commands(s):
    scalar_commands(s)
    expiring_commands(s)
    next_second(s)
    collection_commands(s)
    grouped_commands(s)
    if s.kind.at_least(5, 0):
        stream_commands(s)


def after_rewrite(s):
    s("SET", "string", "changed since")
    s("RPUSH", "list", "appended")
    s("DEL", "m1")
    s.many([("MULTI",), ("SET", "m2", "second"), ("HSET", "hash", "since", "v"), ("EXEC",)])
    s.select(1)
    s("SET", "since", "v")
    s.select(0)


def rewrite(s):
    s("BGREWRITEAOF")
    s.idle_until("aof_rewrite_in_progress")
    assert s.info("persistence")["aof_last_bgrewrite_status"] == "ok"


def interrupted_rewrite(s):
    """A rewrite whose child dies: the log has been continued in a second incremental file by then."""
    s.config(rdb_key_save_delay=100000000)
    s("BGREWRITEAOF")
    while s.info("persistence")["aof_rewrite_in_progress"] == "0":
        pass
    with open("/proc/%d/task/%d/children" % (s.process.pid, s.process.pid)) as f:
        for child in f.read().split():
            os.kill(int(child), signal.SIGKILL)
    s.idle_until("aof_rewrite_in_progress")


def reloaded(kind, folder, options, known):
    """What the server holds after a restart on a copy of these files."""
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(folder, os.path.join(place, "d"))
        with Server(kind, os.path.join(place, "d"), *options) as s:
            s.known_expiries, s.known_deliveries = known
            return content_of(s), report.functions(s)


def content_of(s):
    """All keys, without the times at which readers of streams were seen: a replay sets them to its own."""
    keys = report.keys(s, {}, {})
    for key in keys:
        if key["type"] == "stream":
            for group in key["value"]["groups"]:
                group["consumers"] = [{"name": consumer["name"]} for consumer in group["consumers"]]
    return keys


def write(kind, out, name, options, more, rows, keys, functions):
    head = {**report.heading(kind), "options": list(options), "functions": functions, **more}
    report.write(os.path.join(out, name + ".json"), head, {**rows, "keys": keys})


def single(kind, out, name, fill, *options):
    """A log in one file: of a server that writes such, else an incremental file or RESP base of a newer one, copied out."""
    options = (*SWITCHED_ON, *options)
    with tempfile.TemporaryDirectory() as folder:
        with Server(kind, folder, *options) as s:
            preamble_bytes = fill(s, folder)
            keys, functions, known = content_of(s), report.functions(s), (s.known_expiries, s.known_deliveries)
        again, functions_again = reloaded(kind, folder, options, known)
        report.must_agree("%s %s.aof" % (kind.name, name), (keys, functions), (again, functions_again))
        path = os.path.join(out, name + ".aof")
        shutil.copyfile(the_log(folder), path)
    write(kind, out, name, options, {"preamble_bytes": preamble_bytes}, parts(path, preamble_bytes), again, functions)
    return os.path.getsize(path)


def the_log(folder):
    """The file that holds the content: of newer servers one of the parts, beside another that is empty or all but empty."""
    old = os.path.join(folder, "appendonly.aof")
    if os.path.exists(old):
        return old
    folder = os.path.join(folder, "appendonlydir")
    return max((os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".aof")), key=os.path.getsize)


# These fill a server and return the length of the preamble of its log.

def plain(s, _folder):
    commands(s)
    return 0


def rewritten(s, _folder):
    commands(s)
    rewrite(s)
    return 0


def preamble(s, folder):
    commands(s)
    rewrite(s)
    length = os.path.getsize(os.path.join(folder, "appendonly.aof"))
    after_rewrite(s)
    return length


def multi_part(kind, out):
    """A folder: an RDB base, and two incremental files because a second rewrite did not get to its end."""
    options = (*SWITCHED_ON, "--aof-timestamp-enabled", "yes")
    with tempfile.TemporaryDirectory() as folder:
        with Server(kind, folder, *options) as s:
            commands(s)
            rewrite(s)
            next_second(s)
            after_rewrite(s)
            interrupted_rewrite(s)
            next_second(s)
            s("SET", "string", "changed again")
            s("SADD", "set", "new")
            s.expire_at("list", FAR + 77)
            keys, functions, known = content_of(s), report.functions(s), (s.known_expiries, s.known_deliveries)
        again, functions_again = reloaded(kind, folder, options, known)
        report.must_agree("%s appendonlydir" % kind.name, (keys, functions), (again, functions_again))
        source, target = os.path.join(folder, "appendonlydir"), os.path.join(out, "appendonlydir")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        with open(os.path.join(target, "appendonly.aof.manifest")) as f:
            lines = f.read().splitlines()
        files = [{"file": n, **parts(os.path.join(target, n))} for n in sorted(os.listdir(target)) if n.endswith(".incr.aof")]
    write(kind, out, "appendonlydir", options, {"manifest": lines}, {"files": files}, again, functions)
    return sum(os.path.getsize(os.path.join(target, n)) for n in os.listdir(target))


def make(kind, out):
    """Yields the name and size of every log made."""
    no_rdb = ["--aof-use-rdb-preamble", "no"] if kind.at_least(4, 0) else []
    stamps = ["--aof-timestamp-enabled", "yes"] if kind.at_least(7, 0) else []
    yield "plain.aof", single(kind, out, "plain", plain, *no_rdb, *stamps)
    yield "rewritten.aof", single(kind, out, "rewritten", rewritten, *no_rdb, *stamps)
    if kind.at_least(7, 0):
        yield "appendonlydir/", multi_part(kind, out)
    elif kind.at_least(4, 0):
        yield "preamble.aof", single(kind, out, "preamble", preamble, "--aof-use-rdb-preamble", "yes")
