# Compares a migrated store with its sources in several ways; sourced by scripts/bench.sh, whose head says which.
# shellcheck shell=bash disable=SC2034,SC2154  # variables of bench.sh

declare -A way_flags=([owners]='--method server --plan owners' [scan]='--method server --plan scan' [client]='--method client')
declare -A way_names=([owners]='verify, plan owners' [owners_bare]='  its digests alone' [scan]='verify, plan scan' [scan_bare]='  its digests alone'
  [client]='verify --method client' [pt]='pt-table-checksum, source')

# Processor seconds of the server so far, and the bytes that it has sent.
server_cpu() { awk '{ sub(/.*\) /, ""); print ($12 + $13) / 100 }' "/proc/$(cat "$server_pid_file")/stat"; }
server_sent() { sql_value "SHOW GLOBAL STATUS LIKE 'Bytes_sent'" | cut -f2; }

# measured DIRECTORY WAY COMMAND...: adds "seconds, client CPU, largest RSS, server CPU, bytes sent" to DIRECTORY/verify.WAY.
measured() {
  local directory=$1 way=$2 cpu sent
  shift 2
  cpu=$(server_cpu)
  sent=$(server_sent)
  run /usr/bin/python3 "$top/scripts/measured_run.py" "$directory/verify.log" "$@" >"$directory/verify.figures" ||
    { tail -n 5 "$directory/verify.log" >&2 && fail "${way_names[$way]} failed"; }
  awk -v a="$cpu" -v b="$(server_cpu)" -v c="$sent" -v d="$(server_sent)" '{ print $0, b - a, d - c }' "$directory/verify.figures" \
    >>"$directory/verify.$way"
}

verify_once() {
  local directory=$1 way=$2 flags
  read -ra flags <<<"${way_flags[$way]}"
  measured "$directory" "$way" "$top/build/release/shardlift" verify -c "$directory/job.json" --threads 2 "${flags[@]}"
}

# record_digests DIRECTORY WAY: the digest statements of one run of verify, as the server saw them, in two scripts of equal length.
record_digests() {
  local directory=$1 way=$2 log="$1/tmp/general.log" settings
  sql <<<"SET GLOBAL log_output = 'FILE', general_log_file = '$log', general_log = ON"
  verify_once "$directory" "$way"
  rm -f "$directory/verify.$way"
  sql <<<"SET GLOBAL general_log = OFF"
  settings="SET NAMES utf8mb4 COLLATE utf8mb4_bin; SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES';"
  printf '%s\n' "$settings" | tee "$directory/$way.1.sql" >"$directory/$way.2.sql"
  awk -F'\t' -v one="$directory/$way.1.sql" -v two="$directory/$way.2.sql" '
    { verb = ""; for (i = 1; i < NF; ++i) if ($i ~ /[0-9]+ (Connect|Query)$/) { verb = $i; rest = i + 1; break } }
    verb ~ /Connect$/ { split(verb, v, " "); if (match($rest, / on store_[0-9]+/)) db[v[1]] = substr($rest, RSTART + 4, RLENGTH - 4) }
    verb ~ /Query$/ && $rest ~ /^SELECT `_slice`/ {
      split(verb, v, " ")
      file = n++ % 2 ? two : one
      if (v[1] in db) print "USE " db[v[1]] ";" >>file
      print $rest ";" >>file
    }' "$log"
  [ "$(grep -c '^SELECT' "$directory/$way.1.sql")" -gt 0 ] || fail "no digest statement in the server's log"
  rm -f "$log"
}

# run_bare DIRECTORY WAY: those statements by two clients.
run_bare() {
  local directory=$1 way=$2
  cat >"$directory/bare.sh" <<SH
set -e
$(printf '%q ' "${client[@]}") --default-character-set=utf8mb4 --batch --skip-column-names <$directory/$way.1.sql >/dev/null &
$(printf '%q ' "${client[@]}") --default-character-set=utf8mb4 --batch --skip-column-names <$directory/$way.2.sql >/dev/null
wait \$!
SH
  measured "$directory" "${way}_bare" bash "$directory/bare.sh"
}

# Chunk checksums of the source's tables alone, written into a table of its own; nothing is compared.
run_pt() {
  local directory=$1
  sql <<<"CREATE DATABASE IF NOT EXISTS percona; GRANT ALL ON *.* TO bench@'localhost' IDENTIFIED BY '$server_password'" 2>/dev/null || true
  measured "$directory" pt pt-table-checksum --no-version-check --no-check-binlog-format --no-check-slave-tables --recursion-method=none \
    --databases im_0 --replicate percona.checksums --chunk-size "$keys_per_chunk" --quiet \
    "h=127.0.0.1,P=$server_port,u=bench,p=$server_password"
}

print_ways() {
  local directory=$1 way
  shift
  printf '  %-27s %8s %8s %11s %11s %8s %10s\n' way seconds 'to first' 'server CPU' 'client CPU' 'RSS MiB' 'bytes/row'
  for way in "$@"; do
    [ -f "$directory/verify.$way" ] || continue
    awk -v w="${way_names[$way]}" -v n="$rows" -v f="$(cut -d' ' -f1 "$directory/verify.$1" | median)" -v s="$(cut -d' ' -f1 "$directory/verify.$way" | median)" \
      -v c="$(cut -d' ' -f2 "$directory/verify.$way" | median)" -v r="$(cut -d' ' -f3 "$directory/verify.$way" | median)" \
      -v v="$(cut -d' ' -f4 "$directory/verify.$way" | median)" -v b="$(cut -d' ' -f5 "$directory/verify.$way" | median)" \
      'BEGIN { printf "  %-27s %8.2f %8.2f %11.2f %11.2f %8d %10.2f\n", w, s, s / f, v, c, r, b / n }'
  done
}

ratio() { awk -v a="$(cut -d' ' -f1 "$1" | median)" -v b="$(cut -d' ' -f1 "$2" | median)" 'BEGIN { printf "%.2f", a / b }'; }

bench_verify() {
  local flavour=$1 directory=$2 round way
  server_pid_file="$directory/pid"
  apply_schema "$directory"
  run_migrate "$directory"
  record_digests "$directory" owners
  record_digests "$directory" scan
  if ! command -v pt-table-checksum >/dev/null; then say 'bench.sh: pt-table-checksum is not installed (package percona-toolkit): left out'; fi
  for ((round = 1; round <= rounds; ++round)); do
    say "bench.sh: $flavour, round $round of $rounds"
    for way in owners scan; do
      verify_once "$directory" "$way"
      run_bare "$directory" "$way"
    done
    verify_once "$directory" client
    if [ "$flavour" = mariadb ] && command -v pt-table-checksum >/dev/null; then run_pt "$directory"; fi
  done
  printf '%s %s, %d rows in %d tables, %d shards; digest statements: %d owners, %d scan\n' "$flavour" "$server_version" "$rows" "$tables" "$shards" \
    "$(cat "$directory"/owners.?.sql | grep -c '^SELECT')" "$(cat "$directory"/scan.?.sql | grep -c '^SELECT')"
  print_ways "$directory" owners owners_bare scan scan_bare client pt
  printf '  plan owners takes %s of its digests alone, plan scan %s of its own' "$(ratio "$directory/verify.owners" "$directory/verify.owners_bare")" \
    "$(ratio "$directory/verify.scan" "$directory/verify.scan_bare")"
  if [ -f "$directory/verify.pt" ]; then
    printf '; %s and %s of pt-table-checksum over the source' "$(ratio "$directory/verify.owners" "$directory/verify.pt")" "$(ratio "$directory/verify.scan" "$directory/verify.pt")"
  fi
  printf '\n'
}
