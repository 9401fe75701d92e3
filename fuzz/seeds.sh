#!/usr/bin/env bash
# Fills the corpora with the small fixtures of real servers: fuzz/corpus/<target>/.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")"
data=../tests/data
mkdir -p corpus/rdb_stream corpus/aof corpus/lzf corpus/unpack

# Larger files slow every run down and hold nothing that smaller ones lack.
find "$data" -name '*.rdb' -size -4k | while read -r file; do
    name=${file#"$data"/}
    cp "$file" "corpus/rdb_stream/${name//\//-}"
done
find "$data" -name '*.aof' -size -16k | while read -r file; do
    name=${file#"$data"/}
    cp "$file" "corpus/aof/${name//\//-}"
done
cp "$data"/compressed/*.gz "$data"/compressed/*.lz4 "$data"/compressed/*.zst corpus/unpack
# A compressed string behind the length it states: 1000 times "a", as Redis 7.0.15 saves it.
printf '\xe8\x03\x01aa\xe0\xff\x00\xe0\xff\x00\xe0\xff\x00\xe0\xc3\x00\x01aa' >corpus/lzf/repeated
printf '\x0c\x00\x05abcabc\x20\x02\x02xyz' >corpus/lzf/mixed
for target in corpus/*; do echo "$target: $(find "$target" -type f | wc -l) files"; done
