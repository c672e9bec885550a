#!/usr/bin/env bash
# The same bits on AArch64: cross-builds the programs, computes logits and vectors of the committed golden models under
# qemu-user and natively, and compares the bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/packages.sh
need_packages "${aarch64_packages[@]}"
# The kernels have optimization levels of their own; the rest takes longer to compile than it will run.
configure aarch64 -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG"
cmake --build build/aarch64 --target quern-logits quern-embed
[ -f build/CMakeCache.txt ] || configure release ${CI:+-DQUERN_WERROR=ON}
cmake --build build --target quern-logits quern-embed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
same=0 different=0
for model in tests/data/models/*.gguf tests/data/quantized/*.gguf; do
  [ -f "$model" ] || continue
  # The program and its words: a model that is read whole makes a vector, one with a source has two lists of tokens.
  mapfile -t words < <(python3 - "${model%.gguf}.tokens.json" <<'PY'
import json, sys
golden = json.load(open(sys.argv[1]))
listed = lambda tokens: ",".join(map(str, tokens))
if "pooling" in golden:
    words = ["quern-embed", "--tokens", listed(golden["prompt"]), "--format", "f32", "--no-normalize"]
else:
    words = ["quern-logits", "--tokens", listed(golden["prompt"] + golden["greedy"])]
    if "encoder" in golden:
        words += ["--encoder-tokens", listed(golden["encoder"])]
print("\n".join(words))
PY
  )
  build/bin/"${words[0]}" -m "$model" "${words[@]:1}" --out "$work/native"
  qemu-aarch64-static -L /usr/aarch64-linux-gnu build/aarch64/bin/"${words[0]}" -m "$model" "${words[@]:1}" \
    --out "$work/aarch64" -t 2
  if cmp -s "$work/native" "$work/aarch64"; then
    same=$((same + 1))
  else
    different=$((different + 1))
    echo "different bits: $model"
  fi
done
echo "$same models with the same bytes on both, $different without"
[ $different -eq 0 ] && [ $same -gt 0 ]
