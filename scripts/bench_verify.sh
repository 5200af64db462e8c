# Compares a migrated store with its sources in three ways; sourced by scripts/bench.sh, whose head says which.
# shellcheck shell=bash disable=SC2034,SC2154  # variables of bench.sh

# What the two methods cost, without the checks that both make besides.
rows_alone=(--skip bucket-counts --skip ids --skip conversations --skip derived --skip references --skip left-behind --skip dead-letters)

# verify_once METHOD DIRECTORY: adds "seconds, client CPU, largest RSS, server CPU" to DIRECTORY/verify.METHOD.
verify_once() {
  local method=$1 directory=$2 before
  before=$(server_cpu)
  run /usr/bin/python3 "$top/scripts/measured_run.py" "$directory/verify.log" \
    "$top/build/release/shardlift" verify -c "$directory/job.json" --method "$method" --threads 2 "${rows_alone[@]}" >"$directory/verify.figures" ||
    { tail -n 5 "$directory/verify.log" >&2 && fail "verify --method $method found differences"; }
  printf '%s %s\n' "$(cat "$directory/verify.figures")" "$(awk -v a="$before" -v b="$(server_cpu)" 'BEGIN { print b - a }')" \
    >>"$directory/verify.$method"
}

# Processor seconds of the server so far.
server_cpu() { awk '{ sub(/.*\) /, ""); print ($12 + $13) / 100 }' "/proc/$(cat "$server_pid_file")/stat"; }

# record_digests DIRECTORY: the digest statements of one run of verify, as the server saw them, in two scripts of equal length.
record_digests() {
  local directory=$1 log="$1/tmp/general.log"
  sql <<<"SET GLOBAL log_output = 'FILE', general_log_file = '$log', general_log = ON"
  verify_once server "$directory"
  rm -f "$directory/verify.server"
  sql <<<"SET GLOBAL general_log = OFF"
  local settings="SET NAMES utf8mb4 COLLATE utf8mb4_bin; SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES';"
  printf '%s\n' "$settings" | tee "$directory/bare1.sql" >"$directory/bare2.sql"
  awk -F'\t' -v one="$directory/bare1.sql" -v two="$directory/bare2.sql" '
    { verb = ""; for (i = 1; i < NF; ++i) if ($i ~ /[0-9]+ (Connect|Query)$/) { verb = $i; rest = i + 1; break } }
    verb ~ /Connect$/ { split(verb, v, " "); if (match($rest, / on store_[0-9]+/)) db[v[1]] = substr($rest, RSTART + 4, RLENGTH - 4) }
    verb ~ /Query$/ && $rest ~ /^SELECT `_slice`/ {
      split(verb, v, " ")
      file = n++ % 2 ? two : one
      if (v[1] in db) print "USE " db[v[1]] ";" >>file
      print $rest ";" >>file
    }' "$log"
  [ "$(grep -c '^SELECT' "$directory/bare1.sql")" -gt 0 ] || fail "no digest statement in the server's log"
  rm -f "$log"
}

run_bare() {
  local directory=$1 began=$EPOCHREALTIME before one two
  before=$(server_cpu)
  sql <"$directory/bare1.sql" >"$directory/bare1.out" &
  one=$!
  sql <"$directory/bare2.sql" >"$directory/bare2.out" &
  two=$!
  wait "$one" || fail "the digests' SQL failed"
  wait "$two" || fail "the digests' SQL failed"
  printf '%s 0 0 %s\n' "$(seconds_since "$began")" "$(awk -v a="$before" -v b="$(server_cpu)" 'BEGIN { print b - a }')" >>"$directory/verify.bare"
}

bench_verify() {
  local flavour=$1 directory=$2 round way
  server_pid_file="$directory/pid"
  apply_schema "$directory"
  run_migrate "$directory"
  record_digests "$directory"
  for ((round = 1; round <= rounds; ++round)); do
    say "bench.sh: $flavour, round $round of $rounds"
    verify_once server "$directory"
    run_bare "$directory"
    verify_once client "$directory"
  done
  printf '%s %s, %d rows in %d tables, %d shards; %d digest statements\n' "$flavour" "$server_version" "$rows" "$tables" "$shards" \
    "$(cat "$directory"/bare?.sql | grep -c '^SELECT')"
  printf '  %-22s %8s %10s %11s %11s %8s\n' way seconds rows/s 'server CPU' 'client CPU' 'RSS MiB'
  for way in server bare client; do
    awk -v w="$way" -v n="$rows" -v s="$(cut -d' ' -f1 "$directory/verify.$way" | median)" \
      -v c="$(cut -d' ' -f2 "$directory/verify.$way" | median)" -v r="$(cut -d' ' -f3 "$directory/verify.$way" | median)" \
      -v v="$(cut -d' ' -f4 "$directory/verify.$way" | median)" 'BEGIN {
        name["server"] = "verify --method server"; name["client"] = "verify --method client"; name["bare"] = "the digests alone"
        printf "  %-22s %8.2f %10d %11.2f", name[w], s, n / s, v
        if (w != "bare") printf " %11.2f %8d", c, r
        printf "\n" }'
  done
}
