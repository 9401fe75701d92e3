#!/usr/bin/env bash
# Makes the compressed files in this folder, with gzip, Python's zlib, zstd and lz4.
# Run with gzip 1.12, Python 3.11.7, zstd 1.5.4 and lz4 1.9.4. Other releases give other bytes of the same content.
#
#   *.rdb.*, *.aof.*  a snapshot and a log of the fixtures
#   the others        the numbers i * i % 997 for i of 1 to 60000, a line each (232,892 bytes): several blocks in each format
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
squares=$temp/squares
awk 'BEGIN { for (i = 1; i <= 60000; i++) print (i * i) % 997 }' >"$squares"
head -c 100000 "$squares" >"$temp/front"
tail -c +100001 "$squares" >"$temp/back"
# Magic 184D2A53, length 5.
skippable() { printf '\x53\x2a\x4d\x18\x05\x00\x00\x00hello'; }

# A name in the header; several members.
touch -d @1700000000 "$squares"
gzip -9c "$squares" >squares.gz
{ gzip -1nc "$temp/front"; gzip -9nc "$temp/back"; } >members.gz
# Every field that a header can have.
python3 - "$squares" >fields.gz <<'PYTHON'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
flags = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4
header = struct.pack("<4BI2B", 0x1F, 0x8B, 8, flags, 1700000000, 2, 3) + struct.pack("<H", 6) + b"AB\2\0xy" + b"squares\0" + b"a comment\0"
packer = zlib.compressobj(9, zlib.DEFLATED, -15)
sys.stdout.buffer.write(header + struct.pack("<H", zlib.crc32(header) & 0xFFFF) + packer.compress(data) + packer.flush())
sys.stdout.buffer.write(struct.pack("<2I", zlib.crc32(data), len(data) & 0xFFFFFFFF))
PYTHON

# Content size and checksum; several frames without a size, the first without a checksum; a window smaller than the content.
zstd -q -19 -c "$squares" >squares.zst
{ skippable; zstd -q -1 --no-check <"$temp/front"; skippable; zstd -q -5 <"$temp/back"; } >frames.zst
zstd -q -3 --zstd=wlog=15 <"$squares" >window.zst

# Independent blocks of 64 KiB; linked ones with block checksums and content size; several frames, the first without a checksum.
lz4 -q -9 -B4 -c "$squares" >squares.lz4
lz4 -q -9 -B4 -BD -BX --content-size -c "$squares" >linked.lz4
{ lz4 -q -1 -B5 --no-frame-crc <"$temp/front"; skippable; lz4 -q -9 -B4 -BD <"$temp/back"; } >frames.lz4

snapshot=../redis-7.0/nocompress.rdb
gzip -9nc "$snapshot" >nocompress.rdb.gz
zstd -q -19 -c "$snapshot" >nocompress.rdb.zst
lz4 -q -9 -c "$snapshot" >nocompress.rdb.lz4
gzip -9nc ../redis-7.0/rewritten.aof >rewritten.aof.gz
