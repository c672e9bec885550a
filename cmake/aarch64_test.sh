#!/usr/bin/env bash
# The same bits on AArch64: cross-builds the programs, runs quern-logits on the committed golden models under
# qemu-user and natively, and compares the bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/packages.sh
need_packages "${build_packages[@]}" g++-aarch64-linux-gnu qemu-user-static python3
configure aarch64
cmake --build build/aarch64 --target quern-logits
[ -f build/CMakeCache.txt ] || configure release
cmake --build build --target quern-logits
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
same=0 different=0
for model in tests/data/models/*.gguf tests/data/quantized/*.gguf; do
  [ -f "$model" ] || continue
  tokens=${model%.gguf}.tokens.json
  python3 - "$tokens" >"$work/tokens.json" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
print(json.dumps(d["prompt"] + d["greedy"]))
PY
  build/bin/quern-logits -m "$model" --tokens-file "$work/tokens.json" --out "$work/native"
  qemu-aarch64-static -L /usr/aarch64-linux-gnu build/aarch64/bin/quern-logits -m "$model" \
    --tokens-file "$work/tokens.json" --out "$work/aarch64" -t 2
  if cmp -s "$work/native" "$work/aarch64"; then
    same=$((same + 1))
  else
    different=$((different + 1))
    echo "different bits: $model"
  fi
done
echo "$same models with the same logits on both, $different without"
[ $different -eq 0 ] && [ $same -gt 0 ]
