"""What a server says about its own content, in the JSON form that the README describes."""
import base64
import itertools
import json
import os
import time

FAR = 4102444800000  # 2100-01-01T00:00:00Z


def text(data):
    """Bytes as JSON: a string if they are UTF-8, else base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"$b64": base64.b64encode(data).decode()}


def field_name(data):
    try:
        name = data.decode()
        if not name.startswith("$b64:"):
            return name
    except UnicodeDecodeError:
        pass
    return "$b64:" + base64.b64encode(data).decode()


def score(data):
    value = float(data)
    if value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    if value == int(value) and abs(value) < 2**53 and data != b"-0":
        return int(value)
    return value


def pairs(flat):
    return list(zip(flat[::2], flat[1::2]))


def table(flat):
    return {name.decode(): value for name, value in pairs(flat)}


def an_id(data):
    return data.decode()


def stream_full(server, key):
    """XINFO STREAM FULL, of Redis 6.0 and later."""
    told = table(server("XINFO", "STREAM", key, "FULL", "COUNT", 0))
    value = {
        "entries": [[an_id(i), [text(part) for part in parts]] for i, parts in told["entries"]],
        "last_id": an_id(told["last-generated-id"]),
    }
    for name, told_name in (("first_id", "recorded-first-entry-id"), ("max_deleted_id", "max-deleted-entry-id")):
        if told_name in told:
            value[name] = an_id(told[told_name])
    if "entries-added" in told:
        value["entries_added"] = told["entries-added"]
    value["groups"] = []
    for group in map(table, told["groups"]):
        shown = {"name": text(group["name"]), "last_id": an_id(group["last-delivered-id"])}
        if "entries-read" in group:
            shown["entries_read"] = group["entries-read"]
        # Redis up to 8.6 calls the list `pending` (6.0: `pel`) in the group; take whichever is the list.
        pending = next(group[n] for n in ("pel", "pending") if isinstance(group.get(n), list))
        shown["pending"] = [[an_id(i), text(consumer), ms, count] for i, consumer, ms, count in pending]
        shown["consumers"] = []
        for consumer in map(table, group["consumers"]):
            one = {"name": text(consumer["name"]), "seen_at_ms": consumer["seen-time"]}
            if "active-time" in consumer:
                one["active_at_ms"] = consumer["active-time"]
            shown["consumers"].append(one)
        value["groups"].append(shown)
    idempotency = {n.replace("-", "_"): told[n] for n in told if n.startswith(("idmp", "iids", "pids"))}
    if idempotency:
        value["idempotency"] = {n: v if isinstance(v, int) else plain(v) for n, v in idempotency.items()}
    return value


def plain(told):
    if isinstance(told, list):
        return [plain(t) for t in told]
    return told if told is None or isinstance(told, int) else text(told)


def stream_parts(server, key):
    """Redis 5.0: without times of the consumers, and with delivery times only where the filler set them (XCLAIM TIME)."""
    told = table(server("XINFO", "STREAM", key))
    value = {
        "entries": [[an_id(i), [text(part) for part in parts]] for i, parts in server("XRANGE", key, "-", "+")],
        "last_id": an_id(told["last-generated-id"]),
        "groups": [],
    }
    for group in map(table, server("XINFO", "GROUPS", key)):
        pending = server("XPENDING", key, group["name"], "-", "+", 100000)
        consumers = server("XINFO", "CONSUMERS", key, group["name"])
        now = int(time.time() * 1000)
        value["groups"].append({
            "name": text(group["name"]),
            "last_id": an_id(group["last-delivered-id"]),
            "pending": [[an_id(i), text(name), known_delivery(server, i, now - idle), count]
                        for i, name, idle, count in pending],
            "consumers": [{"name": text(table(c)["name"])} for c in consumers],
        })
    return value


def known_delivery(server, entry_id, about):
    known = server.known_deliveries.get(entry_id)
    if known is None:
        return {"about_ms": about}
    assert abs(known - about) < 5000, (entry_id, known, about)
    return known


def value_of(server, key, kind):
    if kind == "string":
        return text(server("GET", key))
    if kind == "list":
        return [text(e) for e in server("LRANGE", key, 0, -1)]
    if kind == "set":
        return [text(e) for e in server("SMEMBERS", key)]
    if kind == "zset":
        return [[text(m), score(s)] for m, s in pairs(server("ZRANGE", key, 0, -1, "WITHSCORES"))]
    if kind == "hash":
        return hash_of(server, key)
    if kind == "stream":
        return stream_full(server, key) if server.kind.at_least(6, 0) else stream_parts(server, key)
    return {"module": kind, "dump": text(server("DUMP", key))}


def hash_of(server, key):
    told = pairs(server("HGETALL", key))
    value = {field_name(f): text(v) for f, v in told}
    if server.kind.field_expiry and told:
        times = server("HPEXPIRETIME", key, "FIELDS", len(told), *[f for f, _ in told])
        for (f, v), ms in zip(told, times):
            if ms != -1:
                value[field_name(f)] = {"value": text(v), "expires_at_ms": ms}
    return value


def expiry_of(server, key):
    left = server("PTTL", key)
    if left == -1:
        return None
    if server.kind.at_least(7, 0):
        return server("PEXPIRETIME", key)
    known = server.known_expiries[server.db, key]
    assert abs(known - time.time() * 1000 - left) < 5000, (key, known, left)
    return known


def databases(server):
    return sorted(int(name[2:]) for name in server.info("keyspace") if name.startswith("db"))


def hints(server):
    """Idle times and access frequencies by (db, key); reading values would change them."""
    policy = server("CONFIG", "GET", "maxmemory-policy")[1]
    word = "FREQ" if policy.endswith(b"lfu") else "IDLETIME" if policy.endswith(b"lru") else None
    found = {}
    if word:
        for db in databases(server):
            server.select(db)
            for key in server("KEYS", "*"):
                found[db, key] = word, server("OBJECT", word, key)
    return found


def keys(server, before, after):
    """Every key with its value. `before` and `after` are the hints taken on both sides of the save."""
    shown = []
    for db in databases(server):
        server.select(db)
        for key in sorted(server("KEYS", "*")):
            kind = server("TYPE", key).decode()
            known = kind in ("string", "list", "set", "zset", "hash", "stream")
            one = {"db": db, "key": text(key), "type": kind if known else "module",
                   "object_encoding": server("OBJECT", "ENCODING", key).decode()}
            expires = expiry_of(server, key)
            if expires is not None:
                one["expires_at_ms"] = expires
            word, number = before.get((db, key), (None, None))
            if word == "FREQ":
                one["freq"] = number
            elif word == "IDLETIME":
                one["idle_s"], one["idle_s_at_most"] = number, after[db, key][1]
            one["value"] = value_of(server, key, kind)
            if server.kind.key_metadata and server.has_module:
                told = server("AIKVFIX.METAOF", key)
                if told:
                    one["metadata"] = [[text(name), version, number, text(t)] for name, version, number, t in told]
                    one["dump"] = text(server("DUMP", key))
            shown.append(one)
    return shown


def functions(server):
    if not server.kind.at_least(7, 0):
        return []
    return [text(table(library)["library_code"]) for library in server("FUNCTION", "LIST", "WITHCODE")]


def heading(kind):
    with open(os.path.join(kind.folder, "origin")) as f:
        return {"server": kind.family, "version": kind.version, "made_by": "tests/data/make.sh", "origin": f.read().strip()}


def write(path, head, rows):
    """JSON with a line for each member, and for each item of the members in `rows`."""
    with open(path, "w") as f:
        lines = ["%s:%s" % (json.dumps(n), json.dumps(v)) for n, v in head.items()]
        for name, items in rows.items():
            body = ",\n".join(json.dumps(item, separators=(",", ":")) for item in items)
            lines.append("%s:[\n%s\n]" % (json.dumps(name), body) if items else "%s:[]" % json.dumps(name))
        f.write("{\n%s\n}\n" % ",\n".join(lines))


def difference(told, again):
    """The first key that did not survive a reload, or None. Hints, in-memory encodings and the order of sets may change."""
    def stripped(shown):
        shown = {n: v for n, v in shown.items() if n not in ("object_encoding", "freq", "idle_s", "idle_s_at_most", "dump")}
        if shown["type"] == "module":  # it may come back in another order
            shown["value"] = shown["value"]["module"]
        if shown["type"] == "set":
            shown["value"] = sorted(shown["value"], key=json.dumps)
        return shown
    for one, other in itertools.zip_longest(map(stripped, told), map(stripped, again)):
        if one != other:
            return "%s\n%s" % (json.dumps(one)[:600], json.dumps(other)[:600])
    return None


def must_agree(name, told, again):
    """Compares (keys, functions) before and after a reload."""
    found = difference(told[0], again[0])
    if found or sorted(told[1]) != sorted(again[1]):
        raise SystemExit("%s: the server reads something else from its own file\n%s" % (name, found or "in its functions"))
