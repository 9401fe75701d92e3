#!/usr/bin/env python3
"""Makes the fixtures of one real server. Called by make.sh.

  fill.py SERVERS NAME OUT        SERVERS: the folder of servers.sh; NAME: one of its servers; OUT: the folder to write
"""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "making"))

import logs
import report
from cases import CASES
import streams  # noqa: F401  registers its case
from server import CLUSTER, Kind, Server


def magic_of(path):
    with open(path, "rb") as f:
        magic = f.read(9)
    if magic[:5] == b"REDIS":
        return "redis", int(magic[5:9])
    assert magic[:6] == b"VALKEY", magic
    return "valkey", int(magic[6:9])


def aux_of(server):
    """Aux fields that can be known from outside."""
    name = "valkey-ver" if server.kind.family == "valkey" and server.kind.series >= (8, 0) else "redis-ver"
    told = server.info("server")
    aux = [[name, server.kind.version], ["redis-bits", told["arch_bits"]]] if server.kind.at_least(3, 2) else []
    replication = server.info("replication")
    if server.kind.at_least(4, 0) and replication["connected_slaves"] != "0":
        aux.append(["repl-id", replication["master_replid"]])
    return aux + server.aux


def snapshot(kind, case, out):
    path = os.path.join(out, case.name + ".rdb")
    with tempfile.TemporaryDirectory() as folder:
        with Server(kind, folder, *case.options) as server:
            case.fill(server)
            before = report.hints(server)
            server("SAVE")
            after = report.hints(server)
            shutil.copyfile(os.path.join(folder, "dump.rdb"), path)
            keys, functions, aux = report.keys(server, before, after), report.functions(server), aux_of(server)
            known = server.known_expiries, server.known_deliveries
        dialect, version = magic_of(path)
        head = {**report.heading(kind), "dialect": dialect, "rdb_version": version,
                "options": list(case.options), "aux": aux, "functions": functions}
        report.write(os.path.join(out, case.name + ".json"), head, {"keys": keys})
        if case.reloads:
            with Server(kind, folder, *case.options) as server:
                server.known_expiries, server.known_deliveries = known
                if CLUSTER[0] in case.options:
                    server.cluster_ready()
                report.must_agree("%s %s.rdb" % (kind.name, case.name), (keys, functions),
                                  (report.keys(server, {}, {}), report.functions(server)))
    return os.path.getsize(path)


def main():
    servers, name, out = sys.argv[1:4]
    only = sys.argv[4:]
    kind = Kind(servers, name)
    os.makedirs(out, exist_ok=True)
    for case in CASES:
        if case.applies(kind) and (not only or case.name in only):
            print("%s %s.rdb: %d bytes" % (name, case.name, snapshot(kind, case, out)), flush=True)
    if not only:
        for log, size in logs.make(kind, out):
            print("%s %s: %d bytes" % (name, log, size), flush=True)


if __name__ == "__main__":
    main()
