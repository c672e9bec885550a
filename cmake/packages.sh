# Sourced by the scripts beside it: makes sure that the Debian packages they need are there.

# need_packages NAME...: installs what is missing with apt; says what to install where that is not allowed.
need_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      echo "these packages are missing: ${missing[*]}" >&2
      echo "install them with: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
  fi
  echo "installing ${missing[*]}" >&2
  "${as_root[@]}" apt-get update -qq >&2 || return 1
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" </dev/null >&2 || return 1
}

build_packages=(g++ cmake ninja-build pkg-config libcli11-dev nlohmann-json3-dev libedit-dev)
test_packages=("${build_packages[@]}" libgtest-dev libgmock-dev libbenchmark-dev binutils make)
fuzz_packages=("${test_packages[@]}" clang libclang-rt-14-dev libopenblas-dev)
aarch64_packages=("${build_packages[@]}" g++-aarch64-linux-gnu qemu-user-static python3)

# configure PRESET [cmake options...]: configures once, with ccache where it is installed; quiet unless it fails.
configure() {
  local preset=$1 log
  shift
  command -v ccache >/dev/null && set -- "$@" -DCMAKE_CXX_COMPILER_LAUNCHER=ccache
  log=$(mktemp)
  if ! cmake --preset "$preset" "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}
