#!/usr/bin/env bash
# From a bare Debian machine to text: installs what is missing, builds, and runs quern-run on the shipped model.
# usage: bash cmake/demo.sh [PROMPT] [quern-run options...]
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/packages.sh
need_packages "${build_packages[@]}"
# The demo's own build folder: programs only, so that it is ready sooner; the tests' build finds its own.
configure release -DQUERN_BUILD_EXAMPLES=ON ${QUERN_DEMO_CMAKE_FLAGS:-} \
  $([ -f build/CMakeCache.txt ] || echo -DQUERN_BUILD_TESTS=OFF -DQUERN_BUILD_BENCH=OFF)
cmake --build build --target quern-run >&2
if [ $# -eq 0 ]; then
  set -- "DEMO_PROMPT"
fi
exec build/bin/quern-run -m examples/model/quern-valley.gguf "$@"
