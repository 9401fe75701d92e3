#!/usr/bin/env python3
"""Makes the fixtures of module values with the modules of Redis Stack. Called by modules.sh.

  modules.py SERVERS MODULES OUT  SERVERS: the folder of servers.sh; MODULES: a folder with the modules; OUT: the folder to write
"""
import base64
import json
import os
import shutil
import struct
import sys
import tempfile

import report
from server import Kind, Server

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# Texts as `JSON.SET` takes them.
DOCUMENTS = [
    ("null", "null"),
    ("number", "-12.5e-3"),
    ("text", json.dumps("a\"\\/\n\u00e9\U0001f600\u2028</script>\u007f\u009b")),
    ("empty", "{}"),
    ("numbers", "[0, -1, 9223372036854775807, -9223372036854775808, 18446744073709551615, 0.1, 1e300, 5e-324, 1.0]"),
    ("nested", '{"a": [1, [2, {"b": {"c": [], "d": {}}}], true, false, null], "": "", "$b64:x": "__proto__", "__proto__": {"a": 1}}'),
    ("long", json.dumps({"text": "lorem ipsum " * 60, "list": list(range(100))})),
    ("deep", "[" * 100 + "]" * 100),
]


def length(n):
    """A length as snapshots have it, in the longest form."""
    return b"\x81" + n.to_bytes(8, "big")


def uint(n):
    return b"\x02" + length(n)


def text(s):
    s = s if isinstance(s, bytes) else s.encode()
    return b"\x05" + length(len(s)) + s


def double(x):
    return b"\x04" + struct.pack("<d", x)


def nodes(value):
    """A document as RedisJSON 1.0 stored it, by its `src/object_type.c`."""
    if value is None:
        return uint(1)
    if value is True or value is False:
        return uint(0x10) + text("1" if value else "0")
    if isinstance(value, str):
        return uint(2) + text(value)
    if isinstance(value, int):
        return uint(8) + uint(value % 2**64)  # RM_SaveSigned() saves an unsigned one
    if isinstance(value, float):
        return uint(4) + double(value)
    if isinstance(value, list):
        return uint(0x40) + uint(len(value)) + b"".join(map(nodes, value))
    pairs = [uint(0x80) + text(name) + nodes(member) for name, member in value.items()]
    return uint(0x20) + uint(len(value)) + b"".join(pairs)


NODES = [
    None, True, False, "", "a\"\u00e9</script>", 0, -1, 2**63 - 1, -2**63, 1.0, -0.5, 1e300, 5e-324, [], {}, [[]], [{}],
    {"a": [1, [2, {"b": {"c": [], "d": {}}}], True, None], "": ""}, [[[1], 2], [3, [4, []]]], {"a": {"b": {"c": 1}}, "d": 2},
]

INDEXED = [b"".join([text('{"a":[1,2]}'), uint(0)]), b"".join([text('["x", 1.5]'), uint(1), text("index"), text("path")])]


def crc64(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
    return crc


def payload(name, encver, items):
    """What `RESTORE` takes."""
    bits = 0
    for character in name:
        bits = bits << 6 | ALPHABET.index(character)
    body = b"\x07" + length(bits << 10 | encver) + items + b"\x00" + (10).to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


def told(reply):
    """A reply as JSON; flat lists of names and values become objects."""
    if isinstance(reply, list):
        named = len(reply) % 2 == 0 and reply and all(isinstance(name, bytes) for name in reply[::2])
        if named and reply[0][:1].isalpha() and not isinstance(reply[0], int):
            return {name.decode(): told(value) for name, value in zip(reply[::2], reply[1::2])}
        return [told(one) for one in reply]
    return reply if reply is None or isinstance(reply, int) else report.text(reply)


def series_7(key):
    """A series as RedisTimeSeries 1.8 stored it, by its `src/rdb.c`: no bounds below which samples are ignored. One empty chunk."""
    head = [text(key), uint(1000), uint(128), uint(1), uint(0), double(0.0), uint(0), uint(6), uint(0)]
    labels = [uint(2), text("a"), text("b"), text("c"), text("\u00e9")]
    chunk = [uint(128), uint(0), uint(0), text(bytes(128))]
    return b"".join([*head, *labels, uint(0), uint(1), uint(0), uint(0), uint(128), text(bytes(128))])


def fill(ask):
    for name, document in DOCUMENTS:
        ask("JSON.SET", "json:" + name, "$", document)
    ask("BF.RESERVE", "bloom:scaled", 0.01, 10)
    ask("BF.MADD", "bloom:scaled", *range(25))
    ask("BF.RESERVE", "bloom:fixed", 0.001, 100, "NONSCALING")
    ask("BF.RESERVE", "bloom:wide", 0.25, 3, "EXPANSION", 4)
    ask("BF.MADD", "bloom:wide", *range(200))
    ask("CF.RESERVE", "cuckoo:small", 8)
    ask("CF.RESERVE", "cuckoo:grown", 8, "BUCKETSIZE", 2, "MAXITERATIONS", 5, "EXPANSION", 2)
    for n in range(40):
        ask("CF.ADD", "cuckoo:grown", n)
    ask("CF.DEL", "cuckoo:grown", 7)
    ask("CMS.INITBYDIM", "sketch", 7, 3)
    ask("CMS.INCRBY", "sketch", "a", 3, "b", 1000)
    ask("TOPK.RESERVE", "top", 4, 8, 3, 0.9)
    ask("TOPK.ADD", "top", "a", "b", "a", "c\u00e9", "a")
    ask("TOPK.RESERVE", "top:empty", 2, 4, 2, 0.5)
    ask("TDIGEST.CREATE", "digest", "COMPRESSION", 20)
    ask("TDIGEST.ADD", "digest", 1, 2, 3.5, -4, 0.1, 2)
    ask("TDIGEST.CREATE", "digest:empty")
    ask("TS.CREATE", "series", "RETENTION", 60000, "LABELS", "sensor", "a", "place", "\u00e9")
    ask("TS.MADD", "series", 1000, 1.5, "series", 2000, -2.25, "series", 3000, 1e300)
    ask("TS.CREATE", "series:plain", "ENCODING", "UNCOMPRESSED", "CHUNK_SIZE", 128, "DUPLICATE_POLICY", "MAX", "IGNORE", 10, 0.5)
    ask("TS.CREATE", "series:empty")
    ask("TS.CREATE", "series:source")
    ask("TS.CREATE", "series:sum")
    ask("TS.CREATERULE", "series:source", "series:sum", "AGGREGATION", "avg", 1000)
    ask("TS.ADD", "series:source", 500, 3)
    ask("TS.ADD", "series:source", 1500, 4)


def fill_vectors(ask):
    for quantization in ("NOQUANT", "Q8", "BIN"):
        key = "vectors:" + quantization.lower()
        ask("VADD", key, "VALUES", 3, "1.0", "0.5", "-2.25", "a", quantization)
        ask("VADD", key, "VALUES", 3, "0.1", "0.2", "0.3", "b\u00e9", quantization, "SETATTR", '{"year":1999}')
        ask("VADD", key, "VALUES", 3, "-7", "1e-3", "123456.789", "", quantization)
    ask("VADD", "vectors:reduced", "REDUCE", 2, "VALUES", 4, 1, 2, 3, 4, "r", "NOQUANT", "M", 5)
    wide = [(n * 37 % 71) - 35 for n in range(130)]
    ask("VADD", "vectors:wide", "VALUES", len(wide), *wide, "w", "BIN")


INFO = {"MBbloom--": "BF.INFO", "MBbloomCF": "CF.INFO", "CMSk-TYPE": "CMS.INFO", "TopK-TYPE": "TOPK.INFO",
        "TDIS-TYPE": "TDIGEST.INFO", "TSDB-TYPE": "TS.INFO", "vectorset": "VINFO"}


def said(ask, name, key):
    """What the server says of the value."""
    if name == "ReJSON-RL":
        return {"document": ask("JSON.GET", key).decode()}
    answers = {"info": told(ask(INFO[name], key))}
    if name == "MBbloom--":
        answers["debug"] = [line.decode() for line in ask("BF.DEBUG", key)]
    if name == "TopK-TYPE":
        answers["list"] = told([one for one in ask("TOPK.LIST", key) if one is not None])
    if name == "TDIS-TYPE" and answers["info"]["Observations"]:
        answers["min"], answers["max"] = told(ask("TDIGEST.MIN", key)), told(ask("TDIGEST.MAX", key))
    if name == "vectorset":
        elements = ask("VRANDMEMBER", key, 1000)
        answers["elements"] = [
            {"element": report.text(element), "vector": [float(x) for x in ask("VEMB", key, element)],
             "attributes": told(ask("VGETATTR", key, element))} for element in sorted(elements)]
    return answers


def name_of(dump):
    bits = int.from_bytes(dump[2:10], "big")
    return "".join(ALPHABET[bits >> 10 + 6 * place & 63] for place in range(8, -1, -1)), bits & 1023


def keys_of(ask):
    keys = []
    for key in sorted(ask("KEYS", "*")):
        dump = ask("DUMP", key)
        name, encver = name_of(dump)
        keys.append({"key": key.decode(), "module": name, "encver": encver, "dump": report.text(dump), **said(ask, name, key)})
    return keys


def with_libraries(kind, modules):
    """The server, with the libraries that the modules need behind its own."""
    lib = os.path.join(kind.folder, "lib")
    kind.folder = tempfile.mkdtemp()
    with open(os.path.join(kind.folder, "server"), "w") as f:
        f.write('#!/bin/sh\nexec "%s/ld.so" --argv0 redis-server --library-path "%s:%s:/usr/lib/x86_64-linux-gnu" "%s/redis" "$@"\n' % (lib, lib, modules, lib))
    os.chmod(f.name, 0o755)
    return kind


def main():
    servers, modules, out = (os.path.abspath(path) for path in sys.argv[1:4])
    loads = []
    for name in ("rejson.so", "redisbloom.so", "redistimeseries.so"):
        loads += ["--loadmodule", os.path.join(modules, name)]
    kind = with_libraries(Kind(servers, "redis-7.0"), modules)
    with tempfile.TemporaryDirectory() as folder:
        with Server(kind, folder, *loads) as server:
            fill(server)
            # Layouts of older modules, put together here: this server loads them, and says what they are.
            restored = []
            cases = [("ReJSON-RL", 0, nodes(value)) for value in NODES] + [("ReJSON-RL", 2, items) for items in INDEXED]
            cases.append(("TSDB-TYPE", 7, series_7("old")))
            for name, encver, items in cases:
                dump = payload(name, encver, items)
                server("RESTORE", "old", 0, dump)
                restored.append({"module": name, "encver": encver, "dump": report.text(dump), **said(server, name, "old")})
                server("DEL", "old")
            server("SAVE")
            keys = keys_of(server)
            versions = {m["name"]: m["ver"] for m in map(told, server("MODULE", "LIST"))}
        shutil.copyfile(os.path.join(folder, "dump.rdb"), os.path.join(out, "modules.rdb"))
        with Server(kind, folder, *loads) as server:
            assert [(k["key"], k["module"]) for k in keys_of(server)] == [(k["key"], k["module"]) for k in keys]
    shutil.rmtree(kind.folder)
    newer = Kind(servers, "redis-8.0")
    with tempfile.TemporaryDirectory() as folder, Server(newer, folder) as server:
        fill_vectors(server)
        vectors = keys_of(server)
    head = {"server": "redis " + kind.version, "modules": versions, "vectors_server": "redis " + newer.version}
    with open(os.path.join(out, "modules.json"), "w") as f:
        json.dump({**head, "keys": keys, "vectors": vectors, "restored": restored}, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
