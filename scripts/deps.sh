#!/usr/bin/env bash
# usage: scripts/deps.sh [--mysql] [--fuzz] [--tools]
#
# Sees to it that what shardlift needs is installed (Debian 12). Does nothing, silently, when all of it is there.
#
#   (nothing)   compiler, build tools, libraries, and MariaDB's server and client programs (no service is set up)
#   --mysql     also MySQL's server: Debian's own package, unpacked in a root of its own so that it can live beside
#               MariaDB. In $SHARDLIFT_MYSQL_ROOT, or /var/cache/shardlift/mysql-root. Beside it what the tests load into
#               MariaDB.
#   --fuzz      also clang-19 with libFuzzer and the sanitizer runtimes (62 MB to download)
#   --tools     also clang-19 with clang-tidy and clang-format, shellcheck (lane tidy)
#
# Installing needs root. An ordinary user with something missing is told what root must run.
# Environment: SHARDLIFT_MYSQL_ROOT   where MySQL's root is or goes
#              SHARDLIFT_MIRROR       Debian mirror for MySQL's root; default: the one apt is configured with
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=(
  g++ cmake ninja-build ccache pkg-config python3
  mariadb-server-core mariadb-client
  libmariadb-dev zlib1g-dev libisal-dev libzstd-dev libxxhash-dev libssl-dev libsqlite3-dev libhowardhinnant-date-dev tzdata libfmt-dev libspdlog-dev libcli11-dev nlohmann-json3-dev
  libgtest-dev libgmock-dev libbenchmark-dev wamerican
)
programs=(g++ cmake ninja ccache pkg-config /usr/bin/python3 /usr/sbin/mariadbd mariadb-install-db mariadb-dump)
fuzz_packages=(clang-19 libclang-rt-19-dev)
fuzz_programs=(clang++-19)
tool_packages=(clang-19 clang-tidy-19 clang-format-19 shellcheck)
tool_programs=(clang++-19 clang-tidy-19 clang-format-19 shellcheck)

want_mysql=no
want_fuzz=no
want_tools=no
for argument in "$@"; do
  case "$argument" in
    --mysql) want_mysql=yes ;;
    --fuzz) want_fuzz=yes ;;
    --tools) want_tools=yes ;;
    -h | --help) usage_of "$0" && exit 0 ;;
    *) say "deps.sh: unknown option $argument (see --help)" && exit 2 ;;
  esac
done
if [ "$want_fuzz" = yes ]; then
  packages+=("${fuzz_packages[@]}")
  programs+=("${fuzz_programs[@]}")
fi
if [ "$want_tools" = yes ]; then
  packages+=("${tool_packages[@]}")
  programs+=("${tool_programs[@]}")
fi
this_run="scripts/deps.sh$([ $# -eq 0 ] || printf ' %s' "$@")"

root_must_run() {
  say "deps.sh: $1"
  say "As root, run:  $top/$this_run"
  exit 3
}

missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f '${db:Status-Abbrev}|${Package}\n' "${packages[@]}" 2>/dev/null | sed -n 's/^ii *|//p' || true)
  for package in "${packages[@]}"; do
    grep -qxF -- "$package" <<<"$installed" || printf '%s\n' "$package"
  done
}

programs_exist() {
  local program
  for program in "${programs[@]}"; do
    command -v "$program" >/dev/null || return 1
  done
}

# A stamp says that this version of the list was found complete; programs are looked for in any case.
stamp_path() {
  local folder=/var/cache/shardlift
  [ "$(id -u)" -eq 0 ] || folder="${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/shardlift"
  printf '%s/deps-%s\n' "$folder" "$({ printf '%s\n' "${packages[@]}"; cat "$top/scripts/deps.sh"; } | sha256sum | cut -c1-16)"
}

# Its output is shown only when it fails.
apt_get() {
  local output
  output=$(apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" 2>&1 </dev/null) && return
  printf '%s\n' "$output" >&2
  fail "apt-get failed: $*"
}

install_packages() {
  command -v apt-get >/dev/null || fail "this is not a Debian system; needed: ${packages[*]}"
  local stamp missing
  stamp=$(stamp_path)
  if [ -e "$stamp" ] && programs_exist; then return; fi
  mapfile -t missing < <(missing_packages)
  if [ "${#missing[@]}" -gt 0 ]; then
    [ "$(id -u)" -eq 0 ] || root_must_run "packages are missing: ${missing[*]}"
    say "deps.sh: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt_get update
    apt_get -y --no-install-recommends install "${missing[@]}"
  fi
  programs_exist || fail "packages are installed, but not all programs are in PATH: ${programs[*]}"
  { mkdir -p "$(dirname "$stamp")" && : >"$stamp"; } 2>/dev/null || true
}

# The mirror this machine's apt uses for Debian itself (not for its security updates).
apt_mirror() {
  if [ -n "${SHARDLIFT_MIRROR:-}" ]; then
    printf '%s\n' "$SHARDLIFT_MIRROR"
    return
  fi
  # shellcheck disable=SC2016  # apt-get expands these itself
  apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' |
    awk '$1 !~ /-/ { print $2; exit }'
}

mysqld_version() {
  local root=$1
  "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/mysql/private" \
    "$root/usr/sbin/mysqld" --no-defaults --version
}

# Removes an unfinished root; what debootstrap may have left mounted in it is unmounted first, and never entered.
remove_root() {
  local directory=$1
  [ -d "$directory" ] || return 0
  umount "$directory/proc" "$directory/sys" 2>/dev/null || true
  rm -rf --one-file-system -- "$directory"
}

install_mysql() {
  have_mysql && return
  local root mirror building proxy
  root=$(mysql_root)
  [ "$(id -u)" -eq 0 ] || root_must_run "there is no MySQL server in $root"
  [ "$(dpkg --print-architecture)" = amd64 ] || fail "MySQL's root is made for amd64 only"
  mkdir -p "$(dirname "$root")"
  exec 9>"$root.lock"
  flock 9
  have_mysql && return
  if ! command -v debootstrap >/dev/null; then
    apt_get -y --no-install-recommends install debootstrap debian-archive-keyring
  fi
  mirror=$(apt_mirror)
  [ -n "$mirror" ] || fail "apt has no Debian mirror configured; set SHARDLIFT_MIRROR"
  proxy=$(apt-config shell proxy Acquire::http::Proxy | sed -n "s/^proxy='\(.*\)'$/\1/p")
  if [ -n "$proxy" ] && [ -z "${http_proxy:-}" ]; then export http_proxy=$proxy; fi
  building="$root.building.$$"
  at_exit "remove_root '$building'"
  say "deps.sh: unpacking MySQL's server into $root (about 650 MB)"
  if ! debootstrap --variant=minbase --include=mysql-server-core,mysql-client-core sid "$building" "$mirror" \
    >"$root.log" 2>&1 9>&-; then
    tail -n 5 "$root.log" >&2
    fail "debootstrap failed; see $root.log"
  fi
  rm -rf "$building"/var/cache/apt/archives/*.deb "$building"/var/lib/apt/lists/*
  chmod 755 "$building"
  mysqld_version "$building" >/dev/null || fail "the unpacked MySQL server does not run; see $root.log"
  if [ -e "$root" ]; then mv -T "$root" "$building.old" && at_exit "remove_root '$building.old'"; fi
  mv -T "$building" "$root"
  say "deps.sh: $(mysqld_version "$root" | sed 's/^.*mysqld */MySQL /')"
}

# MariaDB's key plugin, for the test of an encrypted binlog. It is in a package whose installation would set up a
# service, so that it is taken out of there alone.
install_key_plugin() {
  local plugin=usr/lib/mysql/plugin/file_key_management.so directory package
  directory=$(dirname "$(mysql_root)")/mariadb-plugin
  if [ -e "/$plugin" ] || [ -e "$directory/${plugin##*/}" ]; then return; fi
  [ "$(id -u)" -eq 0 ] || root_must_run "MariaDB's file_key_management.so is missing"
  mkdir -p "$directory"
  package=$(mktemp -d)
  at_exit "rm -rf '$package'"
  chmod 755 "$package"
  (cd "$package" && apt_get -o APT::Sandbox::User=root download mariadb-server)
  dpkg-deb --fsys-tarfile "$package"/mariadb-server_*.deb | tar -xO "./$plugin" >"$package/plugin"
  install -m 644 "$package/plugin" "$directory/${plugin##*/}"
}

install_packages
if [ "$want_mysql" = yes ]; then
  install_mysql
  install_key_plugin
fi
