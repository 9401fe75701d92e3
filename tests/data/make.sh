#!/usr/bin/env bash
# Makes all fixtures in this folder, and the sample of the viewer, with real servers. See README.md.
#
#   tests/data/make.sh [NAME ...]           default: all servers of servers.sh
#
# Needs what servers.sh needs. A server that cannot be had is reported as SKIPPED and its fixtures stay as they are.
# Exit code 1 if a fixture could not be made, or, with CI=true, if a server was skipped.
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export AIKV_SERVERS=${AIKV_SERVERS:-$here/../../.servers}
export PYTHONDONTWRITEBYTECODE=1

status=0
names=$("$here/servers.sh" "$@") || status=1
grep '^SKIPPED' <<<"$names"
for name in $(sed -n 's/^ok \([^ ]*\) .*/\1/p' <<<"$names" | sort); do
    new=$(mktemp -d)
    if python3 "$here/fill.py" "$AIKV_SERVERS" "$name" "$new"; then
        rm -rf "${here:?}/$name"
        mv "$new" "$here/$name"
        chmod 755 "$here/$name"
    else
        echo "FAILED $name"
        rm -rf "$new"
        status=1
    fi
    if [ "$name" = valkey-8.1 ]; then
        python3 "$here/making/sample.py" "$AIKV_SERVERS" "$here/../../www/sample.rdb" || status=1
    fi
done
exit "$status"
