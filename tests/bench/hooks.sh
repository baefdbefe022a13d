#!/bin/sh
# What the shim costs a program: tests/bench/hooks.sh [libnlhook.so]
# Builds the release programs; measures the library that is given, else the one that nlview carries.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
(cd "$root" && cargo build --quiet --release -p nlview)
nlview=$target/release/nlview
shim=${1:-$("$nlview" --shim-path)}
work=$(mktemp -d)
viewer=
trap 'kill $viewer 2>/dev/null || :; rm -rf "$work"' EXIT
cc -O2 -o "$work/hooks" "$root/tests/bench/hooks.c"
cc -shared -nostdlib -x c -o "$work/empty.so" /dev/null
"$nlview" --listen="$work/viewer.sock" --output=/dev/null 2>"$work/errors" &
viewer=$!
while [ ! -S "$work/viewer.sock" ]; do sleep 0.05; done
"$work/hooks" compare "$work/empty.so" "$(realpath "$shim")" "$work/viewer.sock"
