#!/usr/bin/env bash
# Builds with sanitizers and runs the tests. usage: bash cmake/sanitizer_test.sh asan-ubsan|tsan [ctest options...]
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/packages.sh
preset=${1:?usage: sanitizer_test.sh asan-ubsan|tsan}
shift
need_packages "${test_packages[@]}"
# In CI without the programs: what they read and run, the tests of the library read and run too.
configure "$preset" ${CI:+-DQUERN_WERROR=ON -DQUERN_BUILD_EXAMPLES=OFF}
cmake --build "build/$preset"
exec ctest --test-dir "build/$preset" --output-on-failure -j "$(nproc)" -LE "install|slow" "$@"
