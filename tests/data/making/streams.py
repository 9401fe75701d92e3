"""The case of streams, for servers that have them (Redis 5.0 and later)."""
from cases import case
from report import FAR
from values import BINARY, INTEGERS, NAMES, letters, prose

READ_AT = 1700000000000  # delivery times are set to this and later


def claim(s, key, group, consumer, entry, ms, count):
    """Gives a pending entry the delivery time and count of our choice."""
    s("XCLAIM", key, group, consumer, 0, entry, "TIME", ms, "RETRYCOUNT", count, "JUSTID")
    s.known_deliveries[entry.encode()] = ms


def add(s, key, ids, *fields):
    s.many(("XADD", key, i) + (fields or ("f", "v")) for i in ids)


@case(since=(5, 0))
def streams(s):
    entries(s)
    edges(s)
    removals(s)
    groups(s)


def entries(s):
    add(s, "one", ["1-1"])
    s.many(("XADD", "same-fields", "%d-%d" % (1000 + n // 3, n % 3), "temperature", n, "host", "h%d" % (n % 4)) for n in range(230))
    s.many(("XADD", "other-fields", "%d-0" % (n + 1), *["f%d" % (n % 5), n] * (n % 3 + 1)) for n in range(120))
    # The second part of an id falls while the first rises, and the reverse.
    add(s, "id-steps", ["1-5", "2-0", "2-18446744073709551615", "3-0", "3-1", "4-9223372036854775808"])
    # Fields in another order, or more of them, than those of the first entry.
    for n, fields in enumerate((["a", 1, "b", 2], ["b", 2, "a", 1], ["a", 1, "b", 2, "c", 3], ["a", 1], ["a", 5, "b", 6])):
        s("XADD", "field-order", "%d-0" % (n + 1), *fields)
    s("XADD", "repeated-field", "1-0", "f", 1, "f", 2)
    s("XADD", "integers", "1-0", *[part for n in INTEGERS for part in ("n", n)])
    s.many(("XADD", "integers-by-line", "%d-0" % (n + 1), "n", i) for n, i in enumerate(INTEGERS))
    s("XADD", "binary", "1-0", *[part for v in BINARY.values() for part in (v, v)])
    s.many(("XADD", "names", "%d-0" % (n + 1), name, name) for n, name in enumerate(NAMES))
    s.many(("XADD", "lengths", "%d-0" % (n + 1), "f", letters(length, length))
           for n, length in enumerate((0, 62, 63, 64, 124, 125, 126, 127, 128, 255, 256, 4096)))
    s("XADD", "long", "1-0", "f", prose(1000), *[part for n in s.kind.bulky(16383, 16384) for part in (n, prose(n))])
    s.config(stream_node_max_bytes=300)
    s.many(("XADD", "nodes-by-bytes", "%d-0" % (n + 1), "f", letters(40, n)) for n in range(30))
    s.config(stream_node_max_bytes=4096, stream_node_max_entries=3)
    add(s, "nodes-by-entries", ["%d-0" % n for n in range(1, 32)])
    s.config(stream_node_max_entries=0, stream_node_max_bytes=0)
    add(s, "single-node", ["%d-0" % n for n in range(1, 200)], "f", 1)
    s.config(stream_node_max_entries=100, stream_node_max_bytes=4096)
    s("XADD", "expires", "1-1", "f", "v")
    s.expire_at("expires", FAR)


def edges(s):
    add(s, "lowest-id", ["0-1"])
    add(s, "highest-id", ["18446744073709551615-18446744073709551614", "18446744073709551615-18446744073709551615"])
    add(s, "wide-ids", ["0-18446744073709551615", "18446744073709551615-0"])
    add(s, "set-id", ["1-1"])
    if s.kind.at_least(7, 0):
        s("XSETID", "set-id", "9-9", "ENTRIESADDED", 7, "MAXDELETEDID", "5-5")
    else:
        s("XSETID", "set-id", "9-9")


def removals(s):
    ids = ["%d-0" % n for n in range(1, 251)]
    add(s, "deleted-some", ids)
    s("XDEL", "deleted-some", *ids[3:90:2])
    add(s, "deleted-first", ids[:5])
    s("XDEL", "deleted-first", ids[0])
    add(s, "deleted-last", ids[:5])
    s("XDEL", "deleted-last", ids[4])
    add(s, "deleted-node", ids)
    s("XDEL", "deleted-node", *ids[100:200])
    add(s, "trimmed", ids[:60])
    s("XTRIM", "trimmed", "MAXLEN", 30)
    add(s, "trimmed-roughly", ids)
    s("XTRIM", "trimmed-roughly", "MAXLEN", "~", 120)
    add(s, "empty", ["5-5"])
    s("XDEL", "empty", "5-5")
    s("XGROUP", "CREATE", "never-filled", "group", "$", "MKSTREAM")
    if s.kind.at_least(6, 2):
        add(s, "trimmed-by-id", ids[:70])
        s("XTRIM", "trimmed-by-id", "MINID", "42-0")


def groups(s):
    def read(key, group, consumer, count, *options):
        s("XREADGROUP", "GROUP", group, consumer, "COUNT", count, *options, "STREAMS", key, ">")

    add(s, "no-reader", ["1-1", "2-1"])
    s("XGROUP", "CREATE", "no-reader", "from-start", "0")
    s("XGROUP", "CREATE", "no-reader", "from-end", "$")
    s("XGROUP", "CREATE", "no-reader", "from-middle", "1-1")

    add(s, "readers", ["10-%d" % n for n in range(1, 41)])
    for group in ("workers", "auditors"):
        s("XGROUP", "CREATE", "readers", group, "0")
    read("readers", "workers", "alice", 12)
    read("readers", "workers", "bob", 8)
    read("readers", "workers", "carol", 2)
    read("readers", "auditors", "alice", 5)
    s("XACK", "readers", "workers", "10-1", "10-2", "10-13", "10-21", "10-22")
    for n in (*range(3, 13), *range(14, 21)):
        claim(s, "readers", "workers", "alice" if n < 13 else "bob", "10-%d" % n, READ_AT + n, n)
    for n in range(1, 6):
        claim(s, "readers", "auditors", "alice", "10-%d" % n, READ_AT + n, 2 ** n)
    # `dave` takes over what others were given.
    claim(s, "readers", "workers", "dave", "10-3", READ_AT + 3, 100000)
    claim(s, "readers", "workers", "dave", "10-20", READ_AT + 20, 1)

    add(s, "pending-deleted", ["20-%d" % n for n in range(1, 6)])
    s("XGROUP", "CREATE", "pending-deleted", "group", "0")
    read("pending-deleted", "group", "reader", 4)
    for n in range(1, 5):
        claim(s, "pending-deleted", "group", "reader", "20-%d" % n, READ_AT + n, 1)
    s("XDEL", "pending-deleted", "20-2", "20-3")

    add(s, "all-read", ["30-%d" % n for n in range(1, 4)])
    s("XGROUP", "CREATE", "all-read", "group", "0")
    read("all-read", "group", "no-ack", 3, "NOACK")

    add(s, "odd-names", ["40-1"])
    for n, name in enumerate((b"", b"\xff\x00", b"__proto__", "bidi \u202e".encode(), b"12345", b"g" * 300)):
        s("XGROUP", "CREATE", "odd-names", name, "0")
        read("odd-names", name, name, 1)
        claim(s, "odd-names", name, name, "40-1", READ_AT, 1)

    add(s, "many-readers", ["50-%d" % n for n in range(1, 31)])
    s("XGROUP", "CREATE", "many-readers", "group", "0")
    for n in range(30):
        read("many-readers", "group", "consumer-%02d" % (29 - n), 1)
        claim(s, "many-readers", "group", "consumer-%02d" % (29 - n), "50-%d" % (n + 1), READ_AT + n, 1)

    if s.kind.at_least(6, 2):
        s("XGROUP", "CREATECONSUMER", "no-reader", "from-start", "idle")
        s("XAUTOCLAIM", "readers", "workers", "eve", 0, "10-15", "COUNT", 3)
    if s.kind.at_least(7, 0):
        s("XGROUP", "CREATE", "no-reader", "counted", "1-1", "ENTRIESREAD", 1)
        s("XGROUP", "CREATE", "no-reader", "beyond", "9-9", "ENTRIESREAD", 2)
    if s.kind.family == "redis" and s.kind.at_least(8, 6):
        idempotent(s)


def idempotent(s):
    """Producers whose repeated entries the server leaves out."""
    add(s, "idempotent", ["1-1"])
    s("XCFGSET", "idempotent", "IDMP-DURATION", 86400, "IDMP-MAXSIZE", 10000)
    s("XADD", "idempotent", "IDMP", "producer-1", "first", "*", "f", "v")
    s("XADD", "idempotent", "IDMP", "producer-1", "first", "*", "f", "v")
    s("XADD", "idempotent", "IDMP", b"producer-\xff", b"\x00", "*", "f", "v")
    s("XADD", "idempotent", "IDMPAUTO", "producer-1", "*", "f", "w")
