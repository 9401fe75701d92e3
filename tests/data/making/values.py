"""Values that sit on the edges of the encodings. All are the same on every run."""
import random
import string

LONG_WORDS = ("the quick brown fox jumps over the lazy dog while seven wizards vex and the five boxing "
              "champions look on from a distant hill ").encode()

INTEGERS = sorted({
    sign * (2 ** bits + d) for bits in (7, 8, 12, 13, 15, 16, 23, 24, 31, 32, 63) for d in (-2, -1, 0, 1) for sign in (1, -1)
    if -2 ** 63 <= sign * (2 ** bits + d) < 2 ** 63
} | set(range(-2, 15)) | {10, 99, 100, 999, 1000, 10 ** 10, 10 ** 18, -(10 ** 18), 4095, 4096, -4096, -4097})

# Texts that look like numbers and are none to a server, or are beyond its 64 bits.
NEARLY_INTEGERS = ["007", "-0", "+1", "00", "-", "+", " 1", "1 ", "1e3", "1.0", "0x10", "--1", "1_000", "٣", "9223372036854775808",
                   "-9223372036854775809", "18446744073709551615", "12345678901234567890", "99999999999999999999", "-00000000001",
                   "3.0e3", "nan", "inf", "-inf", "\t1", "1\n"]

BINARY = {
    "all-bytes": bytes(range(256)),
    "nul": b"\x00",
    "nul-inside": b"left\x00right",
    "not-utf8": b"\xff\xfe\xfd",
    "cut-utf8": "é".encode()[:1],
    "overlong": b"\xc0\x80",
    "surrogate": b"\xed\xa0\x80",
    "beyond-unicode": b"\xf4\x90\x80\x80",
    "crlf": b"a\r\nb\r\n",
    "looks-like-a-command": b"*1\r\n$4\r\nPING\r\n",
    "looks-like-a-dump": b"REDIS0009\xfe\x00\x00\x01a\x01b\xff",
    "ff": b"\xff",
    "utf8": "naïve 東京 данные 🦀".encode(),
    "bom": b"\xef\xbb\xbftext",
}

# Unusual names for keys, fields, members, groups and consumers.
NAMES = [
    b"", b" ", b"\x00", b"\xff\xff", bytes(range(128, 160)), b"a\x00b", b"line\nbreak", b"tab\there", b"cr\r\n",
    b"__proto__", b"constructor", b"toString", b"hasOwnProperty", b"length", b"0", b"-1", b"12345", b"2147483648", b"007",
    b"9223372036854775807", b"<script>alert(1)</script>", b"<img src=x onerror=alert(1)>", b"&amp;\"'`", b"';DROP TABLE keys;--",
    b"=1+1", b"@SUM(A1)", b"../../etc/passwd", b"C:\\temp\\x", b"%s%n%x", b"{tag}rest", b"user:{42}:cart", b"$b64:AAEC", b"$b64:",
    b"{\"$b64\":\"AA==\"}", b"\x1b[31mred\x1b[0m", b"\x1b]0;title\x07", b"\x7f", b"\xc2\x9b31m", "bidi \u202egnp.exe\u202c".encode(),
    "\u2066isolate\u2069".encode(), "\u200bzero\u200dwidth".encode(), "\ufeffbom".encode(), "\u2028line".encode(), "e\u0301 combining".encode(),
    "\u00e9 composed".encode(), "🦀".encode(), "👩\u200d👩\u200d👧".encode(), "東京:данные:naïve".encode(), "\U0010ffff".encode(), "\ufffd".encode(),
    b"a*b?[c]", b"*", b"k" * 300, b"n" * 63, b"n" * 64, b"random:" + bytes(random.Random(5).randrange(256) for _ in range(293)),
]

SCORES = ["0", "-0", "1", "-1", "1.5", "-1.5", "0.1", "0.30000000000000004", "3.0000000000000004", "1e-7", "1e-5", "5e-324", "-5e-324",
          "2.2250738585072014e-308", "1.7976931348623157e308", "-1.7976931348623157e308", "1e21", "-1e21", "1e22", "1e17", "123456789012345680",
          "4503599627370496", "4503599627370497", "9007199254740991", "9007199254740992", "9007199254740994", "-9007199254740992",
          "9223372036854775807", "-9223372036854775808", "9223372036854774784", "18446744073709551616", "127", "128", "4095", "4096", "-4097",
          "2147483647", "-2147483648", "2147483648", "16777216.5", "3.141592653589793", "100.25", "inf", "-inf"]


def noise(count, seed):
    """Bytes that do not compress."""
    return random.Random(seed).getrandbits(8 * count).to_bytes(count, "little") if count else b""


def letters(count, seed):
    """Text that hardly compresses."""
    return "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=count)).encode()


def prose(count):
    """Text that compresses well."""
    return (LONG_WORDS * (count // len(LONG_WORDS) + 1))[:count]
