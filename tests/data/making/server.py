"""A throw-away server on a unix socket, and a small client of its protocol."""
import os
import shutil
import socket
import subprocess
import tempfile
import time


CLUSTER = "--cluster-enabled", "yes"
MODULE = "module.so"  # as an option: module.c, built


class ReplyError(Exception):
    """The server answered with an error."""


def encode(*args):
    out = [b"*%d\r\n" % len(args)]
    for arg in args:
        if not isinstance(arg, bytes):
            arg = str(arg).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(out)


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            return ReplyError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        return rest

    def many(self, commands):
        """Sends all commands at once; the first error among the replies is raised."""
        commands = list(commands)
        self.socket.sendall(b"".join(encode(*c) for c in commands))
        replies = [self.reply() for _ in commands]
        for command, got in zip(commands, replies):
            if isinstance(got, ReplyError):
                raise ReplyError("%r: %s" % (command[:4], got))
        return replies

    def __call__(self, *args):
        return self.many([args])[0]


class Kind:
    """What a server of this name can do."""

    def __init__(self, folder, name):
        self.folder = os.path.join(folder, name)
        self.name = name
        self.family = name.partition("-")[0]
        with open(os.path.join(self.folder, "version")) as f:
            self.version = f.read().strip()
        self.series = tuple(int(n) for n in self.version.split(".")[:2])
        # Valkey began as Redis 7.2; what it has added since is asked for by name below.
        self.as_redis = (7, 2) if self.family == "valkey" else self.series
        self.field_expiry = self.as_redis >= (7, 4) or (self.family == "valkey" and self.series >= (9, 0))
        self.key_metadata = self.as_redis >= (8, 6)

    def at_least(self, *series):
        return self.as_redis >= series

    def bulky(self, *sizes, also=None):
        """These sizes for Redis 7.0 (and one more server), none for the others: it keeps the fixtures small."""
        return sizes if self.name in ("redis-7.0", also) else ()


class Server:
    """Runs a server of one kind in a folder; use it with `with`. Options are given as on its command line."""

    def __init__(self, kind, folder, *options):
        self.kind = kind
        self.folder = folder
        self.known_expiries = {}  # (db, key) -> Unix ms, for servers that cannot tell it themselves
        self.known_deliveries = {}  # stream id -> Unix ms, likewise
        self.aux = []  # aux fields that a case knows of
        self.db = 0
        self.run = tempfile.mkdtemp(prefix="aikv-")  # short, for the limit on socket paths
        self.path = os.path.join(self.run, "s")
        options = ["--port", "0", "--unixsocket", self.path, "--dir", folder, "--save", "",
                   "--logfile", os.path.join(self.run, "log"), "--loglevel", "notice", *options]
        if kind.at_least(7, 0):
            # Without the latter a server waits for its replica before it stops.
            options += ["--enable-debug-command", "yes", "--shutdown-timeout", "0"]
        if CLUSTER[0] in options:  # the one thing that needs a port
            with socket.create_server(("127.0.0.1", 0)) as free:
                options += ["--bind", "127.0.0.1", "--cluster-port", str(free.getsockname()[1])]
        self.has_module = MODULE in options
        options = [self.module() if option == MODULE else option for option in options]
        self.process = subprocess.Popen([os.path.join(kind.folder, "server"), *options], stdout=subprocess.DEVNULL)
        try:
            self.client = self.wait()
        except BaseException:
            self.kill()
            raise

    def module(self):
        """Builds the module with the header that came with the sources of Redis 5.0: newer servers load it too."""
        built = os.path.join(self.run, MODULE)
        header = os.path.join(self.kind.folder, os.pardir, "redis-5.0")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "module.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-fno-common", "-O1", "-I", header, "-o", built, source], check=True)
        return built

    def wait(self):
        for _ in range(1200):
            if self.process.poll() is not None:
                break
            try:
                client = Client(self.path)
                if client("PING") == b"PONG":
                    return client
            except (OSError, ReplyError):  # not listening yet, or still loading
                pass
            time.sleep(0.025)
        raise RuntimeError("%s did not start: %s" % (self.kind.name, self.log()[-500:]))

    def log(self):
        with open(os.path.join(self.run, "log"), errors="replace") as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error is None:
            self.stop()
        else:
            self.kill()

    def stop(self):
        try:
            self.client("SHUTDOWN", "NOSAVE")
        except OSError:
            pass
        self.process.wait()
        self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.run, ignore_errors=True)

    def __call__(self, *args):
        return self.client(*args)

    def many(self, commands):
        return self.client.many(commands)

    def select(self, db):
        self("SELECT", db)
        self.db = db

    def config(self, **options):
        for name, value in options.items():
            self("CONFIG", "SET", name.replace("_", "-"), value)

    def info(self, section):
        lines = self("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def expire_at(self, key, ms):
        key = key if isinstance(key, bytes) else key.encode()
        assert self("PEXPIREAT", key, ms) == 1
        self.known_expiries[self.db, key] = ms

    def cluster_ready(self):
        for _ in range(400):
            if b"cluster_state:ok" in self("CLUSTER", "INFO"):
                return
            time.sleep(0.025)
        raise RuntimeError("%s: the cluster does not come up" % self.kind.name)

    def idle_until(self, field):
        """Waits until the background work named by a field of INFO persistence is done."""
        for _ in range(2400):
            if self.info("persistence")[field] == "0":
                return
            time.sleep(0.025)
        raise RuntimeError("%s: %s stays" % (self.kind.name, field))
