#!/usr/bin/env bash
# usage: scripts/fuzz_target.sh SECONDS PROGRAM
#
# Runs one fuzz target of build/fuzz, from its corpus in the tree and from what earlier runs have added to build/fuzz/corpus.
# Prints one line. What the program says is in build/fuzz/NAME.log, an input that stops it in build/fuzz/crashes.
#
# Ends non-zero if something was found, if there is no corpus, or if no input beyond the corpus was tried.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case "${1:-}" in
  -h | --help) usage_of "$0" && exit 0 ;;
esac
[[ $# -eq 2 && "$1" =~ ^[0-9]+$ && -x "$2" ]] || { say "fuzz_target.sh: needs SECONDS and a PROGRAM (see --help)" && exit 2; }

name=$(basename "$2" _fuzz)
given="$top/tests/binlog/fuzz/corpus/${name#binlog_}"
grown="$top/build/fuzz/corpus/$name"
crashes="$top/build/fuzz/crashes"
log="$top/build/fuzz/$name.log"
mkdir -p "$grown" "$crashes"
files=$(find "$given" "$grown" -type f | wc -l) || files=0
[ -n "$(find "$given" -type f -print -quit)" ] || fail "$name has no corpus in ${given#"$top"/}"

status=0
run "$2" -max_total_time="$1" -timeout=25 -print_final_stats=1 -artifact_prefix="$crashes/$name-" "$grown" "$given" \
  >"$log" 2>&1 || status=$?
inputs=$(sed -n 's/^stat::number_of_executed_units: *\([0-9]*\)$/\1/p' "$log")
if [ "$status" -ne 0 ]; then
  tail -n 40 "$log" >&2
  fail "$name ended with $status after ${inputs:-?} inputs; see ${log#"$top"/} and ${crashes#"$top"/}"
fi
[ "${inputs:-0}" -gt "$files" ] || fail "$name tried ${inputs:-0} inputs and has $files files to begin with; see ${log#"$top"/}"
printf '%s: %s inputs, nothing found\n' "$name" "$inputs"
