#!/usr/bin/env bash
# Builds with sanitizers and runs the tests. usage: bash cmake/sanitizer_test.sh fuzz|asan-ubsan|tsan [ctest options...]
# fuzz: the address and undefined behaviour sanitizers of clang, in the build that fuzz.sh uses; asan-ubsan: those of GCC
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/packages.sh
preset=${1:?usage: sanitizer_test.sh fuzz|asan-ubsan|tsan}
shift
if [ "$preset" = fuzz ]; then need_packages "${fuzz_packages[@]}"; else need_packages "${test_packages[@]}"; fi
export OPENBLAS_NUM_THREADS=1  # a process of ours has no use for the threads that it starts
# In CI without the programs: what they read and run, the tests of the library read and run too.
configure "$preset" ${CI:+-DQUERN_WERROR=ON -DQUERN_BUILD_EXAMPLES=OFF}
cmake --build "build/$preset"
exec ctest --test-dir "build/$preset" --output-on-failure -j "$(nproc)" -LE "install|slow" "$@"
