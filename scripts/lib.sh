# Shared by the scripts of this folder; sourced, not run.
# shellcheck shell=bash
# Sets: top (the checkout). Functions: say, fail, usage_of, mysql_root, have_mysql, use_mysql_root, run_cleanups, at_exit.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # for the scripts that source this
readonly top
readonly system_mysql_root=/var/cache/shardlift/mysql-root

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "$(basename "$0"): $*"
  exit 1
}

# Prints the comment at the head of the calling script: its help.
usage_of() { sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p;}' "$1"; }

# Where MySQL's programs are, or are to be put.
mysql_root() {
  local own="${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/shardlift/mysql-root"
  if [ -n "${SHARDLIFT_MYSQL_ROOT:-}" ]; then
    printf '%s\n' "$SHARDLIFT_MYSQL_ROOT"
  elif [ "$(id -u)" -ne 0 ] && [ -x "$own/usr/sbin/mysqld" ]; then
    printf '%s\n' "$own"
  else
    printf '%s\n' "$system_mysql_root"
  fi
}

have_mysql() { [ -x "$(mysql_root)/usr/sbin/mysqld" ]; }

# The program looks for MySQL in SHARDLIFT_MYSQL_ROOT.
use_mysql_root() {
  SHARDLIFT_MYSQL_ROOT=$(mysql_root)
  export SHARDLIFT_MYSQL_ROOT
}

# at_exit COMMAND: runs it when the script ends, however it ends (but for kill -9); last registered first.
cleanups=()
at_exit() { cleanups=("$1" "${cleanups[@]}"); }
run_cleanups() {
  local status=$?
  trap - EXIT
  local one
  for one in "${cleanups[@]}"; do eval "$one" || true; done
  exit "$status"
}
trap run_cleanups EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# run COMMAND...: runs it as a process group of its own and waits; the group ends when this script is told to end.
running=
run() {
  setsid "$@" &
  running=$!
  local status=0
  wait "$running" || status=$?
  running=
  return "$status"
}
end_running() {
  [ -n "$running" ] || return 0
  kill -TERM -- "-$running" 2>/dev/null || return 0
  local i
  for i in {1..100}; do
    kill -0 -- "-$running" 2>/dev/null || return 0
    [ "$i" -lt 100 ] || kill -KILL -- "-$running" 2>/dev/null
    sleep 0.1
  done
}
at_exit end_running
