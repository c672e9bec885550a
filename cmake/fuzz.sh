#!/usr/bin/env bash
# Builds the libFuzzer targets and runs each for some seconds on its corpus, as many at once as there are cores.
# usage: bash cmake/fuzz.sh [SECONDS=60] [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/packages.sh
export seconds=${1:-60}
shift || true
need_packages "${fuzz_packages[@]}"
export OPENBLAS_NUM_THREADS=1  # a process of ours has no use for the threads that it starts
configure fuzz
cmake --build build/fuzz --target fuzzers
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(basename -a build/fuzz/bin/fuzz_*)

fuzz() {
  local target=$1 work log
  work=$(mktemp -d)   # new inputs go here, the committed corpus stays as it is
  log=$(mktemp)
  local status=0
  build/fuzz/bin/"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$work/" "$work" "tests/fuzz/corpus/${target#fuzz_}" >"$log" 2>&1 || status=$?
  echo "$target for $seconds s: exit $status"
  grep -aE 'stat::number_of|stat::peak|ERROR|SUMMARY|Test unit' "$log" || true
  if [ $status -ne 0 ]; then
    tail -n 40 "$log"
    echo "$target: what broke it is in $work"
  else
    rm -rf "$work"
  fi
  rm -f "$log"
  return $status
}
export -f fuzz
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'fuzz {}'
