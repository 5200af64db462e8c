#!/usr/bin/env bash
# usage: scripts/build.sh [PRESET [TARGET...]]
#
# Configures and builds into build/PRESET. Presets: release (default), dev, asan-ubsan, tsan, fuzz, tidy.
# Uses ccache when it is installed. Prints where the program is.
# Environment: SHARDLIFT_JOBS   parallel compilations; default: the number of processors
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case "${1:-}" in
  -h | --help) usage_of "$0" && exit 0 ;;
  -*) say "build.sh: unknown option $1 (see --help)" && exit 2 ;;
esac
preset=${1:-release}
shift || true
targets=()
if [ $# -gt 0 ]; then targets=(--target "$@"); fi

options=()
if command -v ccache >/dev/null; then
  export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$top CCACHE_SLOPPINESS=pch_defines,time_macros
  options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
cd "$top"
cmake --preset "$preset" "${options[@]}" >/dev/null || fail "cmake cannot configure preset $preset (scripts/deps.sh installs what is needed)"
cmake --build "build/$preset" --parallel "${SHARDLIFT_JOBS:-$(nproc)}" "${targets[@]}" >&2
if [ -x "build/$preset/shardlift" ]; then say "build.sh: built $top/build/$preset/shardlift"; fi
