# `scripts/bench.sh binlog`; sourced by it.
# shellcheck shell=bash disable=SC2154  # bench.sh and bench_server.sh set what is used here
# bench_binlog FLAVOUR DIRECTORY: makes a binlog file and reads it in all ways. cost_table: the micro-benchmarks. Both give
# the best of several runs: on one core with files in memory nothing but other programs makes a run slower.

# Row changes come in transactions of 1000. Of 20 transactions 11 insert messages, 6 insert accounts, 2 update accounts
# and 1 deletes messages.
make_changes() {
  local transaction first messages=0 accounts=0 updated=0 deleted=0
  for ((transaction = 0; transaction < rows / 1000; ++transaction)); do
    case $((transaction % 20)) in
      6 | 13) first=$((updated += 1000)) && cat <<SQL ;;
UPDATE im_0.account SET balance = balance + 12.50, score = score / 3, status = 'away', seen_at = seen_at + INTERVAL 1 SECOND,
  bio = CONCAT(LEFT(bio, 100), 'u') WHERE id BETWEEN $((first - 999)) AND $first;
SQL
      19) first=$((deleted += 1000)) && echo "DELETE FROM im_0.msg_00 WHERE id BETWEEN $((first - 999)) AND $first;" ;;
      2 | 5 | 9 | 12 | 15 | 18) first=$accounts && accounts=$((accounts + 1000)) && cat <<SQL ;;
INSERT INTO im_0.account SELECT n + $first + 1, 100000 + CRC32(n + $first) % 900000, CONCAT('user', n + $first),
  IF(n % 7 = 0, NULL, CONCAT('user', n + $first, '@example.org')), ELT(1 + n % 3, 'active', 'away', 'closed'), ELT(1 + n % 3, 'vip', 'bot,vip', ''),
  (n + $first) / 7, n / 3, n % 2, MAKEDATE(1970 + n % 40, 1 + n % 365), FROM_UNIXTIME(1690000000 + (n + $first) * 7),
  FROM_UNIXTIME(1690000000.123 + (n + $first) * 7), SEC_TO_TIME(n * 60), UNHEX(LEFT(SHA2(n + $first, 256), 32)),
  JSON_OBJECT('lang', 'en', 'theme', n % 5, 'beta', n % 2 = 0), LEFT(REPEAT(CONCAT(SHA2(n + $first, 256), ' '), 4), 80 + n % 120)
  FROM bench_digits.n;
SQL
      *) first=$messages && messages=$((messages + 1000)) && cat <<SQL ;;
INSERT INTO im_0.msg_00 SELECT n + $first + 1, 100000 + CRC32(n + $first) % 900000, 64 * (CRC32(n) % 20000), n % 5, n % 2,
  LEFT(REPEAT(CONCAT(SHA2(n + $first, 256), ' '), 6), 230 + n % 120), 1690000000 + (n + $first) * 7, n % 3
  FROM bench_digits.n;
SQL
    esac
  done
}

# Prints the name of the file that holds all changes.
make_binlog() {
  local status='SHOW MASTER STATUS' file
  if [ "$1" = mysql ]; then status='SHOW BINARY LOG STATUS' && sql <<<"SET GLOBAL binlog_row_metadata = FULL"; fi
  sql <<<"CREATE DATABASE bench_digits; CREATE TABLE bench_digits.n (n INT PRIMARY KEY); CREATE DATABASE im_0;
    SET GLOBAL sync_binlog = 0, innodb_flush_log_at_trx_commit = 0, max_binlog_size = 1073741824;
    CREATE TABLE im_0.msg_00 (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, from_uid BIGINT UNSIGNED NOT NULL,
      to_uid BIGINT UNSIGNED NOT NULL, kind TINYINT NOT NULL, flags TINYINT UNSIGNED NOT NULL, content TEXT NOT NULL,
      ctime INT UNSIGNED NOT NULL, mtime INT UNSIGNED NOT NULL) DEFAULT CHARSET=utf8mb4;
    CREATE TABLE im_0.account (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, uid INT UNSIGNED NOT NULL,
      name VARCHAR(64) NOT NULL, email VARCHAR(200), status ENUM('active', 'away', 'closed') NOT NULL,
      marks SET('vip', 'bot') NOT NULL, balance DECIMAL(14,2) NOT NULL, score DOUBLE NOT NULL, level SMALLINT NOT NULL,
      birthday DATE NOT NULL, created_at DATETIME NOT NULL, seen_at TIMESTAMP(3) NOT NULL, quiet_from TIME NOT NULL,
      picture BINARY(16) NOT NULL, settings JSON NOT NULL, bio TEXT NOT NULL) DEFAULT CHARSET=utf8mb4;"
  seq 0 999 | sed 's/.*/INSERT INTO bench_digits.n VALUES (&);/' | sql
  sql <<<"FLUSH BINARY LOGS"
  file=$(sql_value "$status" | cut -f1)
  make_changes | sql || fail "the server refused a change"
  [ "$(sql_value "$status" | cut -f1)" = "$file" ] || fail "the changes fill more than one binlog file; use fewer rows"
  sql <<<"FLUSH BINARY LOGS"
  printf '%s\n' "$file"
}

# bench_way NAME OUTPUT COMMAND...: one run on one core; its wall seconds go to NAME.all. False: it failed.
bench_way() {
  local name=$1 output=$2 status=0
  shift 2
  run taskset -c "$core" /usr/bin/python3 "$top/scripts/measured_run.py" "$output" "$@" >"$directory/figures" || status=$?
  [ "$status" -eq 0 ] && cat "$directory/figures" >>"$directory/$name.all"
}

version_line() { "$@" --version 2>/dev/null | sed -e 's/^.*\(Ver .*\)$/\1/' -e 's/ for .*//' | head -n 1; }

bench_binlog() {
  local flavour=$1 directory=$2 file
  file="$directory/data/$(make_binlog "$flavour")"
  stop_server
  measure_binlog "$flavour" "$file" "$directory"
}

# What bench_way has written: the shortest times and the largest memory.
best_of() {
  awk 'NR == 1 { wall = $1; cpu = $2; rss = $3 }
    $1 < wall { wall = $1 } $2 < cpu { cpu = $2 } $3 > rss { rss = $3 }
    END { print wall, cpu, rss }' "$directory/$1.all"
}

# measure_binlog FLAVOUR FILE DIRECTORY: reads the file in all ways, round by round, and prints the best of each.
measure_binlog() {
  local flavour=$1 file=$2 directory=$3 round name program=("$top/build/release/shardlift" binlog) mysql_reader=()
  local read_all=(-v --base64-output=DECODE-ROWS --verify-binlog-checksum)
  local maria_reader=(mariadb-binlog --no-defaults) core
  core=$(($(nproc) - 1))
  mapfile -t mysql_reader < <(mysql_program bin/mysqlbinlog)
  cat "$file" >/dev/null
  "${program[@]}" stat --hash "$file" >"$directory/stat.text" || fail "stat of $file failed"
  for ((round = 1; round <= rounds; ++round)); do
    say "bench.sh: $flavour, round $round of $rounds, load $(cut -d' ' -f1 /proc/loadavg)"
    bench_way hash /dev/null "${program[@]}" stat --hash "$file" || fail "stat --hash failed"
    bench_way stat /dev/null "${program[@]}" stat "$file" || fail "stat failed"
    bench_way headers /dev/null "${program[@]}" stat --headers-only "$file" || fail "stat --headers-only failed"
    bench_way dump /dev/null "${program[@]}" dump "$file" || fail "dump failed"
    # Neither of the two reads all files of the other server.
    bench_way mariadb-binlog /dev/null "${maria_reader[@]}" "${read_all[@]}" "$file" || rm -f "$directory/mariadb-binlog.all"
    if have_mysql; then
      bench_way mysqlbinlog /dev/null "${mysql_reader[@]}" "${read_all[@]}" "$file" || rm -f "$directory/mysqlbinlog.all"
    fi
  done
  printf '%s %s: binlog of %d bytes, %d row changes, crc32 verified, file in the page cache, core %d only, best of %d, load %s\n' \
    "$flavour" "$server_version" "$(stat -c %s "$file")" "$rows" "$core" "$rounds" "$(cut -d' ' -f1 /proc/loadavg)"
  printf '  mariadb-binlog %s of MariaDB %s; mysqlbinlog %s\n' "$(version_line "${maria_reader[@]:0:1}")" \
    "$(/usr/sbin/mariadbd --no-defaults --version | sed 's/^.*Ver \([^ ]*\).*$/\1/')" \
    "$(have_mysql && version_line "${mysql_reader[@]:0:4}")"
  grep -E '^  (rows|hash) ' "$directory/stat.text"
  for name in hash stat headers dump mariadb-binlog mysqlbinlog; do
    [ -e "$directory/$name.all" ] || { printf '%s - - -\n' "$name" && continue; }
    printf '%s %s\n' "$name" "$(best_of "$name")"
  done | awk -v bytes="$(stat -c %s "$file")" '
    { name[NR] = $1; wall[NR] = $2; cpu[NR] = $3; rss[NR] = $4 }
    NR > 4 && $3 != "-" && (best == 0 || $3 < best) { best = $3 }
    END {
      # By CPU time: other load on the machine is in the other.
      printf "  %-16s %9s %9s %8s %8s %16s\n", "way", "seconds", "CPU s", "GB/s", "RSS MiB", "times the faster"
      for (i = 1; i <= NR; ++i) {
        if (wall[i] == "-") printf "  %-16s cannot read this file\n", name[i]
        else printf "  %-16s %9.3f %9.3f %8.3f %8d %16.1f\n", name[i], wall[i], cpu[i], bytes / cpu[i] / 1e9, rss[i], best / cpu[i]
      }
    }'
}

cost_table() {
  local core=$(($(nproc) - 1))
  printf 'nanoseconds, bytes in the processor caches, core %d only, best of 100 short runs, load %s\n' "$core" \
    "$(cut -d' ' -f1 /proc/loadavg)"
  taskset -c "$core" "$top/build/release/tests/binlog/binlog_bench" --benchmark_min_time=0.001 --benchmark_repetitions=100 \
    --benchmark_format=json 2>/dev/null >"$work/costs.json" || fail "binlog_bench failed"
  /usr/bin/python3 - "$work/costs.json" <<'PYTHON'
import json
import sys

best = {}
for run in json.load(open(sys.argv[1]))["benchmarks"]:
    if run["run_type"] == "iteration":
        seconds = run.get("s/event", run.get("s/value"))
        best[run["run_name"]] = min(seconds * 1e9, best.get(run["run_name"], 1e9))
for name in (name for name in best if name.startswith("event/")):
    print(f"  {name:<26} {best[name]:>8.1f}")
print(f"  {'value':<26} {'walked':>8} {'decoded':>8} {'and hashed':>10}")
for name in (name[5:] for name in best if name.startswith("walk/")):
    print(f"  {name:<26} {best['walk/' + name]:>8.1f} {best['decode/' + name]:>8.1f} {best['hash/' + name]:>10.1f}")
PYTHON
}
