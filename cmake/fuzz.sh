#!/usr/bin/env bash
# Builds the libFuzzer targets and runs each for some seconds on its corpus.
# usage: bash cmake/fuzz.sh [SECONDS=60] [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/packages.sh
seconds=${1:-60}
shift || true
need_packages "${test_packages[@]}" clang libclang-rt-14-dev
configure fuzz
cmake --build build/fuzz --target fuzzers
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(basename -a build/fuzz/bin/fuzz_*)
for target in "${targets[@]}"; do
  name=${target#fuzz_}
  work=$(mktemp -d)   # new inputs go here, the committed corpus stays as it is
  echo "$target for $seconds s"
  build/fuzz/bin/"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$work/" "$work" "tests/fuzz/corpus/$name" 2>&1 | grep -E 'stat::|ERROR|SUMMARY|Test unit' || true
  if ls "$work" | grep -qE "^(crash|leak|timeout|oom)-"; then
    echo "$target found something: see $work" >&2
    exit 1
  fi
  rm -rf "$work"
done
