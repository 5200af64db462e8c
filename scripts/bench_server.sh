# One throw-away database server for scripts/bench.sh; sourced after lib.sh.
# shellcheck shell=bash disable=SC2034,SC2119,SC2120  # for the script that sources this
# start_server FLAVOUR DIRECTORY: sets server_socket, server_port, server_version. The server and its data go at exit.
# sql [FILE]: runs SQL from the file or standard input as the server's root; sql_value: one value.

server_socket=
server_port=
server_version=
server_pid=
server_password=

# The client and dump programs that fit the flavour, and how MySQL's run out of their own root.
client=()
dump=()
mysql_program() {
  local root
  root=$(mysql_root)
  printf '%s\n' "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path \
    "$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/mysql/private" "$root/usr/$1" --no-defaults
}

free_port() {
  /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

stop_server() {
  [ -n "$server_pid" ] || return 0
  kill "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || true
  server_pid=
}

start_server() {
  local flavour=$1 directory=$2 user=() owner init=() run_it=() i
  mkdir -p "$directory/tmp"
  chmod 711 "$directory"
  if [ "$(id -u)" -eq 0 ]; then
    owner=mysql
    getent passwd "$owner" >/dev/null || owner=nobody
    user=(--user="$owner")
    chown "$owner" "$directory" "$directory/tmp"
  fi
  server_socket="$directory/s.sock"
  server_port=$(free_port)
  server_password=$(od -An -N 12 -tx1 /dev/urandom | tr -d ' \n')
  if [ "$flavour" = mysql ]; then
    local root
    root=$(mysql_root)
    mapfile -t run_it < <(mysql_program sbin/mysqld)
    run_it+=(--basedir="$root/usr" --plugin-dir="$root/usr/lib/mysql/plugin" --lc-messages-dir="$root/usr/share/mysql"
      --character-sets-dir="$root/usr/share/mysql/charsets" --secure-file-priv=NULL --mysqlx=OFF)
    init=("${run_it[@]}" "${user[@]}" --initialize-insecure --datadir="$directory/data")
    run_it+=(--gtid-mode=ON --enforce-gtid-consistency=ON --innodb-redo-log-capacity=1G)
    mapfile -t client < <(mysql_program bin/mysql)
    mapfile -t dump < <(mysql_program bin/mysqldump)
    dump+=(--set-gtid-purged=OFF --column-statistics=0)
  else
    init=(mariadb-install-db --no-defaults "${user[@]}" --auth-root-authentication-method=normal --skip-test-db
      --datadir="$directory/data")
    run_it=(/usr/sbin/mariadbd --no-defaults --binlog-row-metadata=FULL --innodb-log-file-size=1G)
    client=(mariadb --no-defaults)
    dump=(mariadb-dump --no-defaults)
  fi
  client+=(-uroot --socket="$server_socket")
  dump+=(-uroot --socket="$server_socket" --single-transaction --quick)
  "${init[@]}" >"$directory/init.log" 2>&1 || { tail -n 5 "$directory/init.log" >&2 && fail "$flavour does not initialise"; }
  "${run_it[@]}" "${user[@]}" --datadir="$directory/data" --socket="$server_socket" --pid-file="$directory/pid" \
    --tmpdir="$directory/tmp" --bind-address=127.0.0.1 --port="$server_port" --server-id=1 --log-bin=binlog \
    --binlog-format=ROW --sync-binlog=1 --innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size=1G \
    --performance-schema=OFF --skip-name-resolve --local-infile=1 --max-allowed-packet=64M \
    --character-set-server=utf8mb4 >"$directory/error.log" 2>&1 &
  server_pid=$!
  at_exit stop_server
  for ((i = 0; i < 600; ++i)); do
    if sql <<<'SELECT 1' >/dev/null 2>&1; then break; fi
    kill -0 "$server_pid" 2>/dev/null || { tail -n 5 "$directory/error.log" >&2 && fail "$flavour does not start"; }
    sleep 0.1
  done
  server_version=$(sql_value 'SELECT VERSION()')
  sql <<<"CREATE USER bench@'127.0.0.1' IDENTIFIED BY '$server_password'; GRANT ALL ON *.* TO bench@'127.0.0.1';"
}

sql() { "${client[@]}" --default-character-set=utf8mb4 --batch --skip-column-names "$@"; }
sql_value() { sql <<<"$1"; }
