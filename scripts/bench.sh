#!/usr/bin/env bash
# usage: scripts/bench.sh copy [--rows N] [--flavour mariadb|mysql|both] [--rounds N]
#        scripts/bench.sh rss  [--rows N] [--flavour mariadb|mysql|both]
#        scripts/bench.sh verify [--rows N] [--flavour mariadb|mysql|both] [--rounds N]
#        scripts/bench.sh binlog [--rows N] [--flavour mariadb|mysql|both] [--rounds N]
#        scripts/bench.sh mapping [--rows N] [--flavour mariadb|mysql|both]
#
# copy: message rows of 4 legacy tables into 4 shard databases of the same throw-away server, in four ways:
#   migrate   shardlift migrate --until-caught-up
#   floor     the same mapping as SQL inside the server: INSERT ... SELECT, 10,000 keys a transaction, 2 connections,
#             into tables with the same indexes; each chunk is mapped once, into a temporary table
#   dump      the message tables, as migrate filled them, dumped to a file and loaded into identical tables
#   as-is     the source tables dumped to a file and loaded into another schema as they are: fewer indexes, no mapping
#   Prints the median of each and ratios to the floor. Compare figures of one run only. The server keeps its binlog and
#   syncs it at every commit; `migrate` reads that binlog meanwhile, its own writes to the shards included.
# rss: the largest memory of one `migrate` run.
# verify: message rows of 4 legacy tables in 4 shard databases of one server, compared with 2 connections: by both plans, the digest
#   statements of either alone, as the server's log has them, by --method client; and pt-table-checksum over the source (MariaDB)
# binlog: reads one binlog file, about a gigabyte, with `shardlift binlog` and with the servers' own programs, on one core;
#   then the cost by event and column type. Both servers' programs read what they can of either server's file.
#
# mapping: what mapping a row and a route cost, and the mapping's share of the processor time of a copy.
#
# Options: --rows N (1000000; rss, binlog: 3000000; mapping: 200000), --flavour F (both), --rounds N (3), --keep (leave the work directory)
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/bench_server.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench_server.sh"
# shellcheck source=scripts/bench_verify.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench_verify.sh"
# shellcheck source=scripts/bench_binlog.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench_binlog.sh"

what=${1:-}
case "$what" in
  -h | --help | '') usage_of "$0" && exit 0 ;;
  copy | verify) rows=1000000 ;;
  rss | binlog) rows=3000000 ;;
  mapping) rows=200000 ;;
  *) say "bench.sh: unknown command $what (see --help)" && exit 2 ;;
esac
shift
flavours=(mariadb mysql)
rounds=3
keep=no
while [ $# -gt 0 ]; do
  case "$1" in
    --keep) keep=yes && shift && continue ;;
    --rows | --flavour | --rounds) [ $# -ge 2 ] || { say "bench.sh: $1 needs a value" && exit 2; } ;;
    *) say "bench.sh: unknown option $1 (see --help)" && exit 2 ;;
  esac
  case "$1=$2" in
    --rows=*) rows=$2 ;;
    --rounds=*) rounds=$2 ;;
    --flavour=both) ;;
    --flavour=mariadb | --flavour=mysql) flavours=("$2") ;;
    *) say "bench.sh: $1 cannot be $2" && exit 2 ;;
  esac
  shift 2
done

readonly tables=4 shards=4 buckets=4096 keys_per_chunk=10000
rows_per_table=$((rows / tables))

# im_0.msg_00 ... msg_03: rows of to_uid % 64 = table, about 265 bytes each.
make_source() {
  local table
  sql <<<"CREATE DATABASE bench_digits; CREATE TABLE bench_digits.d (d INT PRIMARY KEY); CREATE DATABASE im_0;
    INSERT INTO bench_digits.d VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9);
    CREATE TABLE bench_digits.n (n INT PRIMARY KEY);
    INSERT INTO bench_digits.n SELECT a.d + 10*b.d + 100*c.d + 1000*e.d
      FROM bench_digits.d a, bench_digits.d b, bench_digits.d c, bench_digits.d e;"
  for ((table = 0; table < tables; ++table)); do
    local name first
    name=$(printf 'im_0.msg_%02d' "$table")
    sql <<<"CREATE TABLE $name (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, from_uid BIGINT UNSIGNED NOT NULL,
      to_uid BIGINT UNSIGNED NOT NULL, kind TINYINT NOT NULL, flags TINYINT UNSIGNED NOT NULL DEFAULT 0,
      content TEXT NOT NULL, ctime INT UNSIGNED NOT NULL, mtime INT UNSIGNED NOT NULL DEFAULT 0,
      PRIMARY KEY (id), KEY to_uid_id (to_uid, id)) DEFAULT CHARSET=utf8mb4"
    for ((first = 0; first < rows_per_table; first += 10000)); do
      printf "INSERT INTO %s (id, from_uid, to_uid, kind, flags, content, ctime, mtime) SELECT n + %d,
        100000 + CRC32(CONCAT('f', n + %d)) %% 900000, 64 * (CRC32(n + %d) %% 20000) + %d, n %% 5, n %% 2,
        LEFT(REPEAT(CONCAT(SHA2(n + %d, 256), ' '), 4), 180 + n %% 60), 1690000000 + (n + %d) * 7, n %% 3
        FROM bench_digits.n WHERE n + %d <= %d;\n" \
        "$name" $((first + 1)) "$first" "$first" "$table" "$first" "$first" $((first + 1)) "$rows_per_table"
    done | sql
  done
  sql <<<"DROP DATABASE bench_digits"
}

write_job() {
  local directory=$1 shard separator=''
  (umask 077 && printf '%s\n' "$server_password" >"$directory/password")
  local login="\"host\": \"127.0.0.1\", \"port\": $server_port, \"user\": \"bench\", \"password_file\": \"password\", \"tls\": \"disabled\""
  {
    printf '{"job": "bench", "sources": [{"name": "legacy", %s}], "shards": [' "$login"
    for ((shard = 0; shard < shards; ++shard)); do
      printf '%s{"name": "s%d", "database": "store_%d", %s}' "$separator" "$shard" "$shard" "$login"
      separator=', '
    done
    printf '], "mappings": ["%s/configs/mappings/im.json"]}\n' "$top"
  } >"$directory/job.json"
}

drop_schemas() {
  local shard
  for ((shard = 0; shard < shards; ++shard)); do
    sql <<<"DROP DATABASE IF EXISTS store_$shard; DROP DATABASE IF EXISTS floor_$shard"
  done
  sql <<<"FLUSH BINARY LOGS"
}

apply_schema() {
  "$top/build/release/shardlift" schema apply -c "$1/job.json" >"$1/schema.log" 2>&1 ||
    { cat "$1/schema.log" >&2 && fail "schema apply failed"; }
}

# The im mapping by hand (configs/mappings/im.json): one table's keys of one chunk, and then a shard's share of them.
floor_chunk() {
  local table=$1 ordinal=$2 first=$3
  cat <<SQL
INSERT INTO chunk SELECT (h3 ^ (h3 >> 16)) & $((buckets - 1)), 1, CAST(to_uid AS CHAR),
  CONCAT('im:', IF(from_uid < to_uid, from_uid, to_uid), ':', IF(from_uid < to_uid, to_uid, from_uid)),
  FROM_UNIXTIME(ctime), (1 << 56) | ($ordinal << 40) | id, 1, CAST(from_uid AS CHAR), kind, 0, content,
  JSON_OBJECT('mtime', mtime), flags, NULL, NULL, NULL, 1, 1, $ordinal, UNHEX(LPAD(HEX(id), 16, '0'))
FROM (SELECT t2.*, ((h2 ^ (h2 >> 13)) * 3266489909) & 4294967295 AS h3 FROM
  (SELECT t1.*, ((h1 ^ (h1 >> 16)) * 2246822507) & 4294967295 AS h2 FROM
    (SELECT t.*, CRC32(CONCAT('1:', to_uid)) AS h1 FROM $table t
      WHERE id BETWEEN $first AND $((first + keys_per_chunk - 1))) t1) t2) t3;
SQL
}

floor_share() {
  local shard=$1 width=$((buckets / shards))
  echo "INSERT INTO floor_$shard.message SELECT * FROM chunk WHERE bucket BETWEEN $((shard * width)) AND $((shard * width + width - 1));"
}

floor_script() {
  local table ordinal name first shard
  echo "USE im_0; SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES', autocommit = 0;"
  echo "CREATE TEMPORARY TABLE chunk AS SELECT * FROM store_0.message LIMIT 0;"
  for table in "$@"; do
    name=$(printf 'im_0.msg_%02d' "$table")
    ordinal=$(sql_value "SELECT ordinal FROM store_0.sl_source_table WHERE CONCAT(schema_name, '.', table_name) = '$name'")
    for ((first = 1; first <= rows_per_table; first += keys_per_chunk)); do
      floor_chunk "$name" "$ordinal" "$first"
      for ((shard = 0; shard < shards; ++shard)); do floor_share "$shard"; done
      echo 'COMMIT; TRUNCATE TABLE chunk;'
    done
  done
}

# A fingerprint of all shards' rows; equal for migrate and floor, or the comparison would be of different work.
fingerprint() {
  local shard
  for ((shard = 0; shard < shards; ++shard)); do
    sql_value "SET time_zone = '+00:00'; SELECT COUNT(*), SUM(CRC32(CONCAT_WS('|', bucket, account_type, account_key, conversation, sent_at, msg_id,
      biz_tag, sender, msg_type, body_codec, body, JSON_VALUE(ext, '\$.mtime'), status, version, owner_origin, owner_table, HEX(owner_key))))
      FROM $1_$shard.message"
  done
}

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", b - a }'; }

run_migrate() {
  local directory=$1
  run /usr/bin/python3 "$top/scripts/measured_run.py" "$directory/migrate.log" \
    "$top/build/release/shardlift" migrate -c "$directory/job.json" --until-caught-up >"$directory/migrate.figures" ||
    { tail -n 5 "$directory/migrate.log" >&2 && fail "migrate failed"; }
}

run_floor() {
  local directory=$1 shard began one two
  for ((shard = 0; shard < shards; ++shard)); do
    sql <<<"CREATE DATABASE floor_$shard; CREATE TABLE floor_$shard.message LIKE store_$shard.message"
  done
  floor_script 0 1 >"$directory/floor1.sql"
  floor_script 2 3 >"$directory/floor2.sql"
  began=$EPOCHREALTIME
  sql <"$directory/floor1.sql" &
  one=$!
  sql <"$directory/floor2.sql" &
  two=$!
  wait "$one" || fail "the floor's SQL failed"
  wait "$two" || fail "the floor's SQL failed"
  seconds_since "$began" >"$directory/floor.figures"
}

# run_dump DIRECTORY FIGURES DATABASE...: dumps the databases and loads them again under other names.
run_dump() {
  local directory=$1 figures=$2 began dumped database
  shift 2
  began=$EPOCHREALTIME
  "${dump[@]}" --databases "$@" >"$directory/dump.sql" 2>"$directory/dump.log" || { cat "$directory/dump.log" >&2 && fail "dump failed"; }
  dumped=$(seconds_since "$began")
  # Only the lines that name a database, not the rows.
  # shellcheck disable=SC2016
  sed -i -E '/^(CREATE DATABASE|USE) /s/`([a-z_0-9]+)`/`loaded_\1`/' "$directory/dump.sql"
  began=$EPOCHREALTIME
  sql <"$directory/dump.sql"
  awk -v a="$(seconds_since "$began")" -v b="$dumped" 'BEGIN { printf "%.2f\n", a + b }' >"$directory/$figures"
  rm -f "$directory/dump.sql"
  for database in "$@"; do sql <<<"DROP DATABASE loaded_$database"; done
}

median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

bench_copy() {
  local flavour=$1 directory=$2 round way
  for ((round = 1; round <= rounds; ++round)); do
    say "bench.sh: $flavour, round $round of $rounds"
    drop_schemas
    apply_schema "$directory"
    run_migrate "$directory"
    run_floor "$directory"
    fingerprint store >"$directory/store.fingerprint"
    fingerprint floor >"$directory/floor.fingerprint"
    diff "$directory/store.fingerprint" "$directory/floor.fingerprint" >&2 || fail "migrate and floor wrote different rows"
    run_dump "$directory" dump.figures store_0 store_1 store_2 store_3
    run_dump "$directory" as-is.figures im_0
    for way in migrate floor dump as-is; do cat "$directory/$way.figures" >>"$directory/$way.all"; done
  done
  local migrate floor dumped as_is
  migrate=$(cut -d' ' -f1 "$directory/migrate.all" | median)
  floor=$(median <"$directory/floor.all")
  dumped=$(median <"$directory/dump.all")
  as_is=$(median <"$directory/as-is.all")
  awk -v f="$flavour" -v v="$server_version" -v n="$rows" -v a="$migrate" -v b="$floor" -v c="$dumped" -v d="$as_is" \
    -v cpu="$(cut -d' ' -f2 "$directory/migrate.all" | median)" -v rss="$(cut -d' ' -f3 "$directory/migrate.all" | median)" 'BEGIN {
    printf "%s %s, %d rows\n", f, v, n
    printf "  %-9s %8s %10s %9s %10s %9s\n", "way", "seconds", "rows/s", "to floor", "client CPU", "RSS MiB"
    printf "  %-9s %8.2f %10d %9.2f %10.2f %9d\n", "migrate", a, n / a, a / b, cpu, rss
    printf "  %-9s %8.2f %10d %9.2f\n", "floor", b, n / b, 1
    printf "  %-9s %8.2f %10d %9.2f\n", "dump", c, n / c, c / b
    printf "  %-9s %8.2f %10d %9.2f\n", "as-is", d, n / d, d / b
    printf "  migrate takes %.2f of the floor and is %.2f times as fast as dump and load (%.2f as is)\n", a / b, c / a, d / a }'
}

bench_rss() {
  local flavour=$1 directory=$2
  apply_schema "$directory"
  run_migrate "$directory"
  awk -v f="$flavour" -v v="$server_version" -v n="$rows" \
    '{ printf "%s %s, %d rows: %.1f s, client CPU %.1f s, largest RSS %d MiB\n", f, v, n, $1, $2, $3 }' "$directory/migrate.figures"
}

# The best of several rounds: on a shared machine what lies above it is other programs' work.
bench_mapping() {
  local name flavour
  for name in mapping/mapping_bench store/store_router_bench; do
    for ((round = 1; round <= rounds; ++round)); do
      "$top/build/release/tests/$name" --benchmark_min_time=0.2 >>"$work/bench.figures" 2>"$work/bench.log" ||
        { cat "$work/bench.log" >&2 && fail "$name failed"; }
    done
  done
  sed -nE 's/^(.*[^ ]) +[0-9.]+ ns +([0-9.]+) ns .*$/\2\t\1/p' "$work/bench.figures" | awk -F'\t' '
    { if (!($2 in best)) order[++n] = $2; if (!($2 in best) || $1 < best[$2]) best[$2] = $1 }
    END { for (i = 1; i <= n; ++i) printf "  %-58s %8.1f ns\n", order[i], best[order[i]] }'
  for flavour in "${flavours[@]}"; do
    case "$flavour" in mariadb) name=MariaDB ;; *) name=MySQL ;; esac
    SHARDLIFT_COPY_ROWS=$rows "$top/build/release/tests/migrate/migrate_copy_cost" --gtest_filter="*/$name" >"$work/copy.log" 2>&1 ||
      { cat "$work/copy.log" >&2 && fail "the copy failed"; }
    grep ' share ' "$work/copy.log"
  done
}

work=$(mktemp -d "${TMPDIR:-/tmp}/shardlift-bench-XXXXXX")
chmod 711 "$work"
if [ "$keep" = no ]; then at_exit "rm -rf '$work'"; else say "bench.sh: work directory $work"; fi
case " ${flavours[*]} " in *mysql*) "$top/scripts/deps.sh" --mysql ;; *) "$top/scripts/deps.sh" ;; esac
targets=(shardlift)
if [ "$what" = binlog ]; then targets+=(binlog_bench); fi
if [ "$what" = mapping ]; then targets+=(mapping_bench store_router_bench migrate_copy_cost); fi
"$top/scripts/build.sh" release "${targets[@]}"
printf 'machine: %s processors, %s; %s\n' "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
  "shardlift $(git -C "$top" describe --always --dirty 2>/dev/null || echo 'of unknown revision')"
if [ "$what" = mapping ]; then bench_mapping && exit 0; fi
for flavour in "${flavours[@]}"; do
  say "bench.sh: $flavour: starting a server and making $rows rows"
  start_server "$flavour" "$work/$flavour"
  if [ "$what" != binlog ]; then make_source && write_job "$work/$flavour"; fi
  "bench_$what" "$flavour" "$work/$flavour"
  stop_server
  rm -rf "$work/$flavour/data"
done
if [ "$what" = binlog ]; then cost_table; fi
