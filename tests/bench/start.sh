#!/bin/sh
# How long nlview takes to begin: tests/bench/start.sh
# Builds the release programs; runs commands alone and under nlview, by turns, and prints medians of 100.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
(cd "$root" && cargo build --quiet --release -p nlview)
nlview=$target/release/nlview
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
turns=100

# Adds how long a command takes, in microseconds, to a file.
time_into() {
    file=$1
    shift
    begun=$(date +%s%N)
    "$@" >/dev/null 2>&1
    echo "$((($(date +%s%N) - begun) / 1000))" >>"$file"
}

median() {
    sort -n "$1" | sed -n "$((turns / 2))p"
}

for command in 'true' 'ip link' 'ip route' 'tc qdisc'; do
    name=$(echo "$command" | tr ' ' '-')
    turn=0
    while [ "$turn" -lt "$turns" ]; do
        # shellcheck disable=SC2086 # words
        time_into "$work/$name" $command
        # shellcheck disable=SC2086 # words
        time_into "$work/$name-nlview" "$nlview" -o /dev/null $command
        turn=$((turn + 1))
    done
    alone=$(median "$work/$name")
    with=$(median "$work/$name-nlview")
    printf '%-10s alone %6d us, under nlview %+7d us\n' "$command" "$alone" "$((with - alone))"
done
