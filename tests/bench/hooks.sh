#!/bin/sh
# What a hooked call costs: tests/bench/hooks.sh [libnlhook.so]
# Builds the release library unless one is given. Compare the lines of one run only.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
if [ $# -gt 0 ]; then
    shim=$1
else
    (cd "$root" && cargo build --quiet --release -p nlhook)
    shim=${CARGO_TARGET_DIR:-$root/target}/release/libnlhook.so
fi
work=$(mktemp -d)
viewer=
trap 'kill $viewer 2>/dev/null || :; rm -rf "$work"' EXIT
cc -O2 -o "$work/hooks" "$root/tests/bench/hooks.c"
"$work/hooks" viewer "$work/viewer.sock" &
viewer=$!
sleep 0.2

line() {
    name=$1
    shift
    printf '%-22s' "$name"
    env -u NLHOOK_SOCKET -u NLHOOK_FILE "$@" "$work/hooks" run
}
line 'without the shim'
line 'shim, no viewer' LD_PRELOAD="$shim" NLHOOK_SOCKET="$work/nobody.sock"
line 'shim, viewer' LD_PRELOAD="$shim" NLHOOK_SOCKET="$work/viewer.sock"
line 'shim, file' LD_PRELOAD="$shim" NLHOOK_FILE="$work/x.nlcap"
