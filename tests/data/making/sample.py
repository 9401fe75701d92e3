#!/usr/bin/env python3
"""Makes the sample of the viewer: a small shop as it might live in Valkey 8.1, with every value type of RDB 11.

  sample.py SERVERS OUT        SERVERS: the folder of servers.sh; OUT: the file to write
"""
import json
import os
import random
import shutil
import sys
import tempfile

from server import Kind, Server

DAY = 86400000
DEC_2026 = 1796083200000  # 2026-12-01T00:00:00Z
YEAR_2027 = 1798761600000
YEAR_2100 = 4102444800000

FIRST = "Ada Bo Chen Dara Elif Femi Goro Hana Ivo Jun Kofi Lena Mina Nils Omar Pia Quin Rosa Sami Tove Zoë Łukasz".split()
LAST = "Abara Berg Castro Dubois Eriksen Fischer García Haddad Ito Jansen Kowalski Lindqvist Moreau Novák Okafor Petrov Șerban Tanaka".split()
CITIES = "Lagos Lima Oslo Pune Quito Rīga Seoul Tunis Utrecht Vilnius Warszawa Xi'an Yerevan Zagreb 東京 München".split()
GOODS = ("Merino scarf|Oak desk lamp|Enamel mug|Linen apron|Cast iron pan|Field notebook|Wool blanket|Brass compass|Ceramic planter|"
         "Canvas tote|Walnut tray|Beeswax candle|Steel bottle|Paper lantern|Cork coaster|Leather strap|Glass carafe|Rain jacket").split("|")
WORDS = ("order parcel arrived late friendly quick soft sturdy colour smaller than expected gift wrapped again would buy lovely "
         "box dented refund service helpful size runs large perfect daily kitchen quiet warm bright").split()


class Shop:
    def __init__(self, s):
        self.s = s
        self.r = random.Random(20261201)

    def name(self):
        return "%s %s" % (self.r.choice(FIRST), self.r.choice(LAST))

    def token(self, n):
        return "".join(self.r.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=n))

    def sentence(self, least, most):
        return " ".join(self.r.choices(WORDS, k=self.r.randint(least, most))).capitalize() + "."

    def goods(self):
        n = self.r.randrange(len(GOODS))
        return {"sku": "SKU-%04d" % (1000 + n), "title": GOODS[n], "price": round(9.5 + n * 3.7, 2), "qty": self.r.randint(1, 4)}

    def set_json(self, key, value, *options):
        self.s("SET", key, json.dumps(value, ensure_ascii=False, separators=(",", ":")), *options)

    def sessions(self):
        for n in range(120):
            until = DEC_2026 + self.r.randrange(30) * DAY + self.r.randrange(DAY)
            self.set_json("session:%s" % self.token(20), {"user": 1000 + n % 90, "ip": "198.51.100.%d" % self.r.randrange(256),
                          "csrf": self.token(32), "theme": self.r.choice(["light", "dark"]), "started": until - 14 * DAY}, "PXAT", until)

    def users(self):
        for n in range(90):
            self.s("HSET", "user:%d" % (1000 + n), "name", self.name(), "email", "%s@mail.example" % self.token(8), "city",
                   self.r.choice(CITIES), "orders", self.r.randrange(60), "credit", round(self.r.random() * 80, 2), "joined",
                   1600000000 + self.r.getrandbits(27))
            if n % 6 == 0:
                self.s("SADD", "user:%d:roles" % (1000 + n), "customer", *self.r.sample(["editor", "support", "admin", "tester"], 2))
            if n % 3 == 0:
                self.s("SADD", "user:%d:wishlist" % (1000 + n), *self.r.sample(range(1000, 1400), self.r.randint(3, 30)))
        self.s("HSET", "user:1042", "about", self.sentence(200, 220), "avatar", bytes(self.r.randrange(256) for _ in range(900)))

    def carts(self):
        for n in range(60):
            key = "cart:%d" % (1000 + n)
            for item in (self.goods() for _ in range(self.r.randint(1, 6))):
                self.s("HSET", key, item["sku"], json.dumps(item, separators=(",", ":")))
            self.s("PEXPIREAT", key, YEAR_2027 + self.r.randrange(200) * DAY)

    def orders(self):
        for n in range(110):
            items = [self.goods() for _ in range(self.r.randint(1, 9))]
            self.set_json("order:%06d" % (480000 + n * 7), {
                "id": 480000 + n * 7, "customer": {"id": 1000 + n % 90, "name": self.name(), "city": self.r.choice(CITIES)}, "items": items,
                "total": round(sum(i["price"] * i["qty"] for i in items), 2), "paid": self.r.random() < .9, "coupon": None,
                "note": self.sentence(3, 30)})

    def counters(self):
        for n in range(40):
            self.s("SET", "stats:2026-11-%02d:%s" % (n % 30 + 1, ("visits", "orders")[n // 30]), self.r.randrange(100000))
        self.s("SET", "stats:total", 9223372036854775807)
        self.s("SET", "config:maintenance", "off")
        self.s("SET", "config:banner", "Free delivery 🎁 over 50 €", "PXAT", DEC_2026 + 24 * DAY)
        self.s("SET", "config:vat", "0.19")
        self.s("SET", "feature:новый-каталог", "on")
        self.s("PFADD", "visitors:2026-11", *["ip-%d" % n for n in range(400)])
        self.s("PFADD", "visitors:2026", *["ip-%d" % n for n in range(4000)])
        for n in range(0, 5000, 7):
            self.s("SETBIT", "active:2026-11-20", n, 1)
        self.s("GEOADD", "shops", *[part for place in (("10.75", "59.91", "Oslo"), ("13.40", "52.52", "Berlin"), ("-9.14", "38.72", "Lisboa"),
                                                     ("139.69", "35.69", "東京"), ("3.38", "6.52", "Lagos")) for part in place])
        for n in range(14):
            self.s("SET", "lock:warehouse:%d" % n, self.token(16), "PXAT", DEC_2026 + n * 1000)
            self.s("SET", "rate:203.0.113.%d" % n, self.r.randrange(60), "PXAT", DEC_2026 + n * 60000)
        self.s("SET", "licence:key", self.token(40), "PXAT", YEAR_2100)

    def caches(self):
        for n in range(24):
            body = "".join("<li class=\"card\"><h3>%s</h3><p>%s</p></li>" % (self.r.choice(GOODS), self.sentence(10, 40)) for _ in range(6))
            self.s("SET", "cache:page:/catalogue/%d" % n, "<!doctype html><ul>%s</ul>" % body, "PXAT", DEC_2026 + n * 3600000)
        self.s("SET", b"cache:image:logo\xff\x00", b"\x89PNG\r\n\x1a\n" + bytes(self.r.randrange(256) for _ in range(6000)))
        self.s("SET", b"cache:gzip:\x1f\x8b", b"\x1f\x8b\x08" + bytes(self.r.randrange(256) for _ in range(1200)), "PXAT", YEAR_2027)
        self.s("SET", "cache:reviews:all", "\n".join(self.sentence(5, 25) for _ in range(900)))

    def rankings(self):
        self.s("ZADD", "leaderboard:2026-11", *[part for n in range(50) for part in (self.r.randrange(5000), "user:%d" % (1000 + n))])
        self.s("ZADD", "leaderboard:all-time", *[part for n in range(1200) for part in (round(self.r.random() * 1e5, 2), "user:%d" % (1000 + n))])
        self.s("ZADD", "trending", *[part for title in GOODS for part in (round(self.r.random() * 10, 3), title)], "inf", "pinned", "-inf", "hidden")
        self.s("ZADD", "reminders", *[part for n in range(30) for part in (DEC_2026 + n * 3600000, "order:%06d" % (480000 + n * 7))])
        for n in range(20):
            self.s("ZADD", "search:%s" % WORDS[n], *[part for m in range(12) for part in (self.r.randrange(100), "SKU-%04d" % (1000 + m))])

    def queues(self):
        for queue in ("email", "invoices", "thumbnails", "webhooks"):
            for n in range(self.r.randint(5, 60)):
                self.s("RPUSH", "queue:%s" % queue, json.dumps({"job": self.r.getrandbits(30), "try": n % 3, "to": "user:%d" % (1000 + n)}))
        self.s("RPUSH", "queue:imports", *["row %d: %s" % (n, self.sentence(3, 12)) for n in range(700)])
        for n in range(40):
            self.s("RPUSH", "recent:%d" % (1000 + n), *["SKU-%04d" % (1000 + self.r.randrange(18)) for _ in range(self.r.randint(2, 15))])
        self.s("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "4K")
        self.s("RPUSH", "queue:documents", "header", "\n".join(self.sentence(10, 20) for _ in range(60)), "footer")
        self.s("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "0")

    def groups(self):
        self.s("SADD", "tags", *WORDS)
        self.s("SADD", "newsletter", *["%s@mail.example" % self.token(9) for _ in range(700)])
        self.s("SADD", "stock:empty", *range(1000, 1040, 3))
        self.s("SADD", "ids:legacy", *[self.r.getrandbits(45) for _ in range(200)])
        self.s("SADD", "ids:imported", *[self.r.getrandbits(30) for _ in range(700)])
        for sku in range(1000, 1018):
            self.s("SADD", "viewers:SKU-%d" % sku, *[1000 + self.r.randrange(90) for _ in range(25)])
        self.s("HSET", "prices", *[part for n in range(700) for part in ("SKU-%04d" % (1000 + n), "%.2f" % (5 + self.r.random() * 200))])
        self.s("HSET", "translations:ja", "cart", "カート", "checkout", "お会計", "thanks", "ありがとう")
        self.s("HSET", "translations:ar", "cart", "سلة", "thanks", "شكرا")

    def events(self):
        ms = 1794000000000
        for stream, count in (("events:orders", 420), ("events:audit", 60), ("events:sensor:warehouse", 260)):
            for n in range(count):
                ms += self.r.randrange(1, 60000)
                if stream.endswith("warehouse"):
                    fields = ["temperature", round(15 + self.r.random() * 8, 1), "humidity", self.r.randrange(30, 70)]
                elif n % 5 == 4:
                    fields = ["type", "refunded", "order", "%06d" % (480000 + n * 7), "reason", self.sentence(2, 6), "by", self.name()]
                else:
                    fields = ["type", self.r.choice(["created", "paid", "shipped"]), "order", "%06d" % (480000 + n * 7)]
                entry = self.s("XADD", stream, "%d-0" % ms, *fields)
                if n % 41 == 7:
                    self.s("XDEL", stream, entry)
        for group, consumers in (("billing", ("worker-1", "worker-2")), ("search-index", ("indexer",)), ("idle", ())):
            self.s("XGROUP", "CREATE", "events:orders", group, "0")
            for consumer in consumers:
                got = self.s("XREADGROUP", "GROUP", group, consumer, "COUNT", 30, "STREAMS", "events:orders", ">")[0][1]
                self.s("XACK", "events:orders", group, *[i for i, _ in got[:22]])
                for i, _ in got[22:]:
                    self.s("XCLAIM", "events:orders", group, consumer, 0, i, "TIME", ms, "RETRYCOUNT", 2, "JUSTID")
        self.s("XADD", "events:drained", "1-1", "f", "v")
        self.s("XDEL", "events:drained", "1-1")

    def other_databases(self):
        self.s.select(1)
        for n in range(30):
            self.set_json("job:%04d" % n, {"state": self.r.choice(["done", "waiting", "failed"]), "log": self.sentence(4, 30)}, "PXAT",
                          (DEC_2026, YEAR_2027, YEAR_2100)[n % 3] + n * DAY)
        self.s.select(5)
        self.s("SET", "experiment:<script>alert(1)</script>", "a name is only text")
        self.s("SET", "experiment:\u202efdp.exe", "so is a name that runs from right to left")
        self.s("SET", "", "the empty name is a name too")
        self.s.select(0)

    def fill(self):
        self.s("FUNCTION", "LOAD", "#!lua name=shop\nserver.register_function('stock', function(keys, args)\n"
               "  return server.call('HINCRBY', keys[1], args[1], -1)\nend)\n")
        for part in (self.sessions, self.users, self.carts, self.orders, self.counters, self.caches, self.rankings, self.queues, self.groups,
                     self.events, self.other_databases):
            part()


def main():
    servers, out = sys.argv[1:3]
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        with Server(Kind(servers, "valkey-8.1"), folder) as s:
            Shop(s).fill()
            s("SAVE")
            keys = sum(int(v.split(",")[0].split("=")[1]) for v in s.info("keyspace").values())
        shutil.copyfile(os.path.join(folder, "dump.rdb"), out)
    print("sample: %d keys, %d bytes" % (keys, os.path.getsize(out)))


if __name__ == "__main__":
    main()
