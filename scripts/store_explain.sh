#!/usr/bin/env bash
# usage: scripts/store_explain.sh [--rows N] [--flavour mariadb|mysql|both] [--program FILE] [--check]
#
# Fills the message store with N messages (1000000) on a throw-away server of each flavour, and writes into docs/store.md
# how the server executes each access path of scripts/store_paths.sql after ANALYZE, and what a million messages weigh.
# Ends with 1 when a path does not use the keys it names.
#
# Options: --check (write no document), --program FILE (the shardlift to use; default: the release build)
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/bench_server.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench_server.sh"

rows=1000000
flavours=(mariadb mysql)
program=
document=$top/docs/store.md
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage_of "$0" && exit 0 ;;
    --check) document= && shift && continue ;;
    --rows | --flavour | --program) [ $# -ge 2 ] || { say "store_explain.sh: $1 needs a value" && exit 2; } ;;
    *) say "store_explain.sh: unknown option $1 (see --help)" && exit 2 ;;
  esac
  case "$1=$2" in
    --rows=*) rows=$2 ;;
    --program=*) program=$2 ;;
    --flavour=both) ;;
    --flavour=mariadb | --flavour=mysql) flavours=("$2") ;;
    *) say "store_explain.sh: $1 cannot be $2" && exit 2 ;;
  esac
  shift 2
done
readonly per_statement=100000

write_job() {
  (umask 077 && printf '%s\n' "$server_password" >"$1/password")
  local login="\"host\": \"127.0.0.1\", \"port\": $server_port, \"user\": \"bench\", \"password_file\": \"password\", \"tls\": \"disabled\""
  printf '{"job": "explain", "sources": [{"name": "none", %s}], "shards": [{"name": "s0", "database": "store_0", %s}], "mappings": ["%s"]}\n' \
    "$login" "$login" "$top/configs/mappings/im.json" >"$1/job.json"
}

# 20,000 accounts of type 1 with ten conversations each. Every 20th message is the busiest account's; a tenth of its messages
# is in one conversation, the rest in a thousand.
fill_messages() {
  local first
  echo "USE store_0; SET time_zone = '+00:00', unique_checks = 1;
    CREATE TABLE d (d INT PRIMARY KEY); INSERT INTO d VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9);
    CREATE TABLE n (n INT PRIMARY KEY);
    INSERT INTO n SELECT a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d FROM d a, d b, d c, d e, d f;"
  for ((first = 0; first < rows; first += per_statement)); do
    cat <<SQL
INSERT INTO message (bucket, account_type, account_key, conversation, sent_at, msg_id, biz_tag, sender, msg_type, body, ext, status,
  client_id, owner_origin, owner_table, owner_key)
SELECT (h3 ^ (h3 >> 16)) & 4095, 1, account, CONCAT('im:', account, ':', conversation), '2024-01-01' + INTERVAL i * 7 SECOND,
  (1 << 56) | (i % 16 + 1 << 40) | i, 1, CAST(100000 + CRC32(i) % 20000 AS CHAR), i % 5,
  LEFT(REPEAT(CONCAT(SHA2(i, 256), ' '), 4), 180 + i % 60), JSON_OBJECT('mtime', i % 3), IF(i > 0.95 * $rows, 0, 1),
  IF(i DIV 40 % 2, CONCAT('c-', i), NULL), 1, i % 16 + 1, UNHEX(LPAD(HEX(i), 16, '0'))
FROM (SELECT t2.*, ((h2 ^ (h2 >> 13)) * 3266489909) & 4294967295 AS h3 FROM
  (SELECT t1.*, ((h1 ^ (h1 >> 16)) * 2246822507) & 4294967295 AS h2 FROM
    (SELECT t.*, CRC32(CONCAT('1:', account)) AS h1 FROM
      (SELECT n + $first AS i, IF(n % 20 = 0, 100000, 100000 + CRC32(n + $first) % 20000) AS account,
         IF(n % 200 = 0, 0, (n + $first) DIV 20 % IF(n % 20 = 0, 1000, 10)) AS conversation FROM n WHERE n + $first < $rows AND n < $per_statement) t) t1) t2) t3;
SQL
  done
  echo "INSERT INTO message_tag SELECT bucket, account_type, account_key, ELT(msg_id DIV 10 % 5 + 1, 'star', 'work', 'later', 'bill', 'trip'),
      sent_at, msg_id FROM message WHERE msg_id % 10 = 0;
    DROP TABLE d, n;"
}

work=$(mktemp -d "${TMPDIR:-/tmp}/shardlift-store-XXXXXX")
chmod 711 "$work"
at_exit "rm -rf '$work'"
case " ${flavours[*]} " in *mysql*) "$top/scripts/deps.sh" --mysql ;; *) "$top/scripts/deps.sh" ;; esac
if [ -z "$program" ]; then
  "$top/scripts/build.sh" release shardlift
  program=$top/build/release/shardlift
fi
for flavour in "${flavours[@]}"; do
  say "store_explain.sh: $flavour: starting a server and making $rows messages"
  start_server "$flavour" "$work/$flavour"
  write_job "$work/$flavour"
  run "$program" schema apply -c "$work/$flavour/job.json" >&2
  fill_messages | sql
  run "$program" store rebuild -c "$work/$flavour/job.json" >&2
  run "$program" store check -c "$work/$flavour/job.json" >&2
  sql <<<"USE store_0; ANALYZE TABLE message, conversation, read_cursor, message_tag, message_dedup" >&2
  /usr/bin/python3 "$top/scripts/store_plans.py" collect "$top/scripts/store_paths.sql" "$work/$flavour.json" \
    "${client[@]}" --default-character-set=utf8mb4 --batch store_0
  stop_server
  rm -rf "$work/$flavour/data"
done
/usr/bin/python3 "$top/scripts/store_plans.py" report "$top/scripts/store_paths.sql" "$document" "${flavours[@]/#/$work/}"
