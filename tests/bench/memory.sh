#!/bin/sh
# What the viewer takes to read a long capture: tests/bench/memory.sh [MESSAGES]
# Memory and time of each format, filtered and not; ends with a failure if any of them is not flat.
set -eu
cd "$(dirname "$0")/../.."
NLTESTS_MESSAGES=${1:-1000000} cargo test --quiet --release -p nltests --test suite \
    memory_does_not_grow -- --nocapture
