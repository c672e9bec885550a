#!/usr/bin/env bash
# From a bare Debian machine to text: installs what is missing, builds, and runs quern-run on the shipped model.
# usage: bash cmake/demo.sh [PROMPT] [quern-run options...]
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/packages.sh
need_packages "${build_packages[@]}"
# A first build leaves out what only the tests need; test.sh switches it on in the same folder.
[ -f build/CMakeCache.txt ] || configure release -DQUERN_BUILD_TESTS=OFF -DQUERN_BUILD_BENCH=OFF
cmake --build build --target quern-run >&2
model=examples/model/quern-valley.gguf
if [ $# -eq 0 ]; then
  # A story, and a question in the model's chat format. The seed makes it the same text on every machine.
  printf 'The millstone turned'
  build/bin/quern-run -m $model --seed 3 "The millstone turned"
  printf '\n> Where does Mira live?\n'
  exec build/bin/quern-run -m $model --temp 0 --special $'<|user|>\nWhere does Mira live?<|end|>\n<|assistant|>\n'
fi
exec build/bin/quern-run -m $model "$@"
