#!/usr/bin/env bash
# Installs what is missing, builds everything, and runs every test. usage: bash cmake/test.sh [ctest options...]
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/packages.sh
need_packages "${test_packages[@]}"
configure release -DQUERN_BUILD_TESTS=ON -DQUERN_BUILD_BENCH=ON ${CI:+-DQUERN_WERROR=ON}
cmake --build build
exec ctest --test-dir build --output-on-failure -j "$(nproc)" "$@"
