#!/usr/bin/env bash
# usage: scripts/test.sh [--lane NAME] [OPTION...]
#
# Lanes:
#   default   installs what is missing (MySQL's server and clang too), builds the release preset, runs every test of
#             ctest, and beside them the fuzz lane, then rehearsals: one seed for each pairing of servers, and each planted fault once
#   asan      unit and integration tests with the address and undefined-behaviour sanitizers
#   tsan      the same with the thread sanitizer
#   tidy      clang-tidy and clang-format over all sources, shellcheck over all scripts
#   fuzz      builds the fuzz targets with clang and sanitizers and runs each for 30 seconds (--seconds N), as many at a
#             time as there are processors
#   mapping   every operator and function of the mapping language against both servers, 20,000 cases each (--cases N)
#   live      live verification under writers: 20 seeds of 60 seconds, then one of 600 (--seeds N, --seconds S; with
#             --seconds the long one is left out), with either server first
#   torture   many rehearsals; the list in build/torture/runs.tsv grows by a line for each, and runs that passed with the
#             same program are not repeated
#
# Options of lane torture: --seeds N (20 for each pairing), --rows N (60000), --large-rows N (300000, one run for each
#             pairing; 0: none), --pairing P (mariadb:mariadb, mysql:mysql, mariadb:mysql), --fresh (forget the list)
#
# Ends non-zero if anything fails, if there is no test to run, and, with CI=true, if a test was skipped.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

lane=default
seeds=20
rows=60000
large_rows=300000
pairings=(mariadb:mariadb mysql:mysql mariadb:mysql)
fresh=no
fuzz_seconds=30
live_seconds=
mapping_cases=20000
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage_of "$0" && exit 0 ;;
    --fresh) fresh=yes && shift && continue ;;
    --lane | --seeds | --rows | --large-rows | --pairing | --seconds | --cases) ;;
    *) say "test.sh: unknown option $1 (see --help)" && exit 2 ;;
  esac
  [ $# -ge 2 ] || { say "test.sh: $1 needs a value" && exit 2; }
  case "$1" in
    --lane) lane=$2 ;;
    --seeds) seeds=$2 ;;
    --rows) rows=$2 ;;
    --large-rows) large_rows=$2 ;;
    --pairing) pairings=("$2") ;;
    --seconds) fuzz_seconds=$2 live_seconds=$2 ;;
    --cases) mapping_cases=$2 ;;
  esac
  shift 2
done

began=$SECONDS
failures=()
summary=()
note() { summary+=("$(printf '%-9s %s' "$1" "$2")"); }

finish() {
  say ""
  printf '%s\n' "${summary[@]}" >&2
  if [ "${#failures[@]}" -gt 0 ]; then
    printf 'FAILED    %s\n' "${failures[@]}" >&2
    exit 1
  fi
  say "passed    lane $lane in $((SECONDS - began)) s"
}

launcher=()  # before ctest
# ctest_in PRESET [CTEST OPTION...]: every test it selects must pass; skips are counted.
ctest_in() {
  local preset=$1 status=0 cases skipped total log="$top/build/$1/Testing/Temporary/LastTest.log"
  shift
  rm -f "$log"
  run "${launcher[@]}" ctest --test-dir "$top/build/$preset" --no-tests=error --output-on-failure -j "$(($(nproc) * 2))" "$@" || status=$?
  [ -e "$log" ] || fail "ctest did not run in build/$preset"
  total=$(grep -c '^Test Passed\.$' "$log" || true)
  cases=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) tests\{0,1\}\.$/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
  skipped=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) tests\{0,1\}.*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
  note "$preset" "$total programs passed, $cases cases passed, $skipped skipped"
  [ "$status" -eq 0 ] || failures+=("ctest in build/$preset; its log: ${log#"$top"/}")
  mapfile -t -O "${#failures[@]}" failures < <(sed -n 's/^\[  FAILED  \] \(.*\) ([0-9]* ms)$/  \1/p' "$log")
  [ "$cases" -gt 0 ] || failures+=("build/$preset: no test case ran")
  if grep -q '^\[==========\] Running 0 tests' "$log"; then failures+=("build/$preset: a test program has no test"); fi
  if [ "$skipped" -gt 0 ] && [ "${CI:-}" = true ]; then failures+=("build/$preset: $skipped tests were skipped"); fi
}

# rehearsal SEED PAIRING ROWS FAULTS clean|planted DIRECTORY: sets line; the directory stays when it fails.
line=
rehearsal() {
  local seed=$1 pairing=$2 row_count=$3 faults=$4 wanted=$5 directory=$6 status=0 ok=0
  rm -rf "$directory"
  mkdir -p "$directory"
  local arguments=(--seed "$seed" --pairing "$pairing" --rows "$row_count" --report "$directory")
  if [ "$faults" != default ]; then arguments+=(--faults "$faults"); fi
  run timeout -k 60 3600 "$top/build/release/shardlift" rehearse "${arguments[@]}" >"$directory/output.txt" 2>&1 || status=$?
  line=$(/usr/bin/python3 "$top/scripts/rehearsal_line.py" "$directory" "$status" "$wanted") || ok=1
  if [ "$ok" -eq 0 ]; then
    rm -rf "$directory"
  else
    failures+=("rehearse ${arguments[*]}$([ "$faults" = default ] || echo " --faults $faults"): ${line##*$'\t'}")
    tail -n 25 "$directory/output.txt" >&2
  fi
  return "$ok"
}

lane_default() {
  "$top/scripts/deps.sh" --mysql --fuzz
  use_mysql_root
  run "$top/scripts/build.sh" release
  start_fuzz_beside
  ctest_in release
  local reports="$top/build/test-reports" seed=1 pairing kind
  for pairing in "${pairings[@]}"; do
    say "test.sh: rehearsal $pairing, seed $seed"
    rehearsal "$seed" "$pairing" 12000 default clean "$reports/${pairing/:/-}-$seed" || true
    note rehearsal "$(tr '\t' ' ' <<<"$line") (seed pairing rows changes kills differences seconds)"
    seed=$((seed + 1))
  done
  for kind in lost extra bit shard stale; do
    say "test.sh: rehearsal with a planted fault: $kind"
    rehearsal "$seed" mariadb:mariadb 5000 "plant:$kind" planted "$reports/plant-$kind-$seed" || true
    note planted "$kind: ${line##*$'\t'}"
    seed=$((seed + 1))
  done
  finish_fuzz_beside
}

lane_sanitizer() {
  local preset=$1
  "$top/scripts/deps.sh" --mysql
  use_mysql_root
  run "$top/scripts/build.sh" "$preset"
  export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
  export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1 second_deadlock_stack=1}"
  # The thread sanitizer of g++ 12 cannot place its shadow with the address randomisation of newer kernels.
  if [ "$preset" = tsan ] && setarch -R true 2>/dev/null; then launcher=(setarch -R); fi
  ctest_in "$preset" -L 'unit|integration' -LE project
}

lane_tidy() {
  "$top/scripts/deps.sh" --tools
  cd "$top"
  local sources headers scripts
  mapfile -t sources < <(find . -path ./build -prune -o -name '*.cc' -print | sort)
  mapfile -t headers < <(find . -path ./build -prune -o -name '*.h' -print | sort)
  mapfile -t scripts < <(find scripts .ci -type f \( -name '*.sh' -o -name run \) | sort)
  [ "${#sources[@]}" -gt 0 ] || fail "no sources found"
  clang-format-19 --dry-run -Werror "${sources[@]}" "${headers[@]}" || failures+=("clang-format: run clang-format-19 -i")
  shellcheck -x -P "$top" "${scripts[@]}" || failures+=("shellcheck")
  cmake --preset tidy >/dev/null
  printf '%s\0' "${sources[@]}" >build/tidy/sources
  run xargs -0 -a build/tidy/sources -n 1 -P "$(nproc)" clang-tidy-19 --quiet -p build/tidy 2>/dev/null ||
    failures+=("clang-tidy")
  note tidy "${#sources[@]} sources, ${#headers[@]} headers, ${#scripts[@]} scripts"
}

# Lane fuzz at the lowest priority, beside tests and rehearsals: these wait for servers most of the time.
fuzz_beside=
start_fuzz_beside() {
  setsid nice -n 19 "$top/scripts/test.sh" --lane fuzz >"$top/build/fuzz.log" 2>&1 &
  fuzz_beside=$!
  at_exit end_fuzz_beside
}
end_fuzz_beside() {
  [ -n "$fuzz_beside" ] || return 0
  kill -TERM "$fuzz_beside" 2>/dev/null || return 0
  wait "$fuzz_beside"
}
finish_fuzz_beside() {
  local status=0 line
  wait "$fuzz_beside" || status=$?
  fuzz_beside=
  while read -r line; do note fuzz "$line"; done < <(sed -n 's/^fuzz  *//p' "$top/build/fuzz.log")
  [ "$status" -eq 0 ] && return
  tail -n 40 "$top/build/fuzz.log" >&2
  failures+=("lane fuzz; its log: build/fuzz.log")
}

# Fuzz targets side by side, as many as there are processors.
fuzz() {
  "$top/scripts/deps.sh" --fuzz
  find "$top/build/fuzz/tests" -type f -name "*_fuzz" -delete 2>/dev/null || true
  run "$top/scripts/build.sh" fuzz fuzz_targets
  local results="$top/build/fuzz/results" targets line
  mapfile -t targets < <(find "$top/build/fuzz/tests" -type f -executable -name '*_fuzz' | sort)
  [ "${#targets[@]}" -gt 0 ] || failures+=("no fuzz target in build/fuzz")
  printf '%s\n' "${targets[@]}" >"$top/build/fuzz/targets"
  say "test.sh: fuzzing ${#targets[@]} targets for $fuzz_seconds s each"
  run xargs -d '\n' -a "$top/build/fuzz/targets" -n 1 -P "$(nproc)" "$top/scripts/fuzz_target.sh" "$fuzz_seconds" >"$results" || true
  while read -r line; do note fuzz "$line"; done < <(sort "$results")
  [ "$(wc -l <"$results")" -eq "${#targets[@]}" ] ||
    failures+=("fuzz: $(wc -l <"$results") of ${#targets[@]} targets ended well; see build/fuzz")
}

lane_mapping() {
  "$top/scripts/deps.sh" --mysql
  use_mysql_root
  run "$top/scripts/build.sh" release mapping_servers_test
  local log="$top/build/release/mapping.log" status=0
  (cd "$top" && SHARDLIFT_MAPPING_CASES="$mapping_cases" \
    run "$top/build/release/tests/mapping/mapping_servers_test" --gtest_filter='*MappingProperties*') >"$log" 2>&1 || status=$?
  grep -E ' cases, | entries, ' "$log" >&2 || failures+=("mapping: nothing was compared")
  note mapping "$(grep -c ' entries, ' "$log" || true) servers; $(grep ' entries, ' "$log" | tr '\n' ' ')"
  [ "$status" -eq 0 ] || failures+=("mapping; see build/release/mapping.log")
}

# live_run SEEDS SECONDS
live_run() {
  local log="$top/build/release/live-$1x$2.log" status=0
  (cd "$top" && SHARDLIFT_LIVE_SEEDS=$1 SHARDLIFT_LIVE_SECONDS=$2 \
    run "$top/build/release/tests/repair/repair_servers_test" --gtest_filter='*LiveWriters*') >"$log" 2>&1 || status=$?
  grep '^live: ' "$log" >&2 || failures+=("live: nothing was verified")
  note live "$1 seeds of $2 s: $(grep -c '^\[       OK \]' "$log" || true) of 2 passed"
  [ "$status" -eq 0 ] || failures+=("live, $1 seeds of $2 s; see ${log#"$top"/}")
}

lane_live() {
  "$top/scripts/deps.sh" --mysql
  use_mysql_root
  run "$top/scripts/build.sh" release repair_servers_test
  live_run "$seeds" "${live_seconds:-60}"
  if [ -z "$live_seconds" ]; then live_run 1 600; fi
}

# Runs one of the torture list unless this program has passed it already.
torture_run() {
  local seed=$1 pairing=$2 row_count=$3 program=$4 list=$5
  if grep -qP "^\Q$program\E\t$row_count\t$seed\t\Q$pairing\E\t.*\tok$" "$list"; then
    skipped=$((skipped + 1))
    return
  fi
  local ok=0
  rehearsal "$seed" "$pairing" "$row_count" default clean "$top/build/torture/${pairing/:/-}-$row_count-$seed" || ok=1
  if [ "${line%%$'\t'*}" = '?' ]; then line="$seed"$'\t'"$pairing"$'\t'"${line#*$'\t'*$'\t'}"; fi
  printf '%s\t%s\t%s\n' "$program" "$row_count" "$line" >>"$list"
  say "$(printf '%s\t%s' "$row_count" "$line")"
  [ "$ok" -eq 0 ] && passed=$((passed + 1)) || failed=$((failed + 1))
}

lane_torture() {
  "$top/scripts/deps.sh" --mysql
  use_mysql_root
  run "$top/scripts/build.sh" release shardlift
  local list="$top/build/torture/runs.tsv" program pairing seed
  passed=0 failed=0 skipped=0
  mkdir -p "$top/build/torture"
  if [ "$fresh" = yes ]; then rm -f "$list"; fi
  [ -s "$list" ] ||
    printf 'program\trows_wanted\tseed\tpairing\trows\tchanges\tkills\tdifferences\tseconds\tresult\n' >"$list"
  program=$(sha256sum "$top/build/release/shardlift" | cut -c1-12)
  for ((seed = 1; seed <= seeds; ++seed)); do
    for pairing in "${pairings[@]}"; do torture_run "$seed" "$pairing" "$rows" "$program" "$list"; done
  done
  if [ "$large_rows" -gt 0 ]; then
    for pairing in "${pairings[@]}"; do torture_run 1001 "$pairing" "$large_rows" "$program" "$list"; done
  fi
  note torture "$passed passed, $failed failed, $skipped had passed before; list: build/torture/runs.tsv"
  [ $((passed + failed + skipped)) -gt 0 ] || failures+=("torture: nothing to run")
}

case "$lane" in
  default) lane_default ;;
  asan) lane_sanitizer asan-ubsan ;;
  tsan) lane_sanitizer tsan ;;
  tidy) lane_tidy ;;
  fuzz) fuzz ;;
  mapping) lane_mapping ;;
  live) lane_live ;;
  torture) lane_torture ;;
  *) say "test.sh: no lane $lane (see --help)" && exit 2 ;;
esac
finish
