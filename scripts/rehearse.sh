#!/usr/bin/env bash
# usage: scripts/rehearse.sh [OPTION...]
#
# Installs what is missing, builds the release preset and runs `shardlift rehearse OPTION...`: throw-away servers, live
# writes, kills, and a check of every row. MySQL's server is only seen to when the options ask for it (--with-mysql, or
# a --pairing that names mysql or mixed). The options are those of `build/release/shardlift rehearse --help`.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

deps=()
pairing_follows=no
for argument in "$@"; do
  case "$argument" in
    -h | --help) usage_of "$0" && exit 0 ;;
    --with-mysql | --pairing=*mysql* | --pairing=*mixed*) deps=(--mysql) ;;
    *mysql* | *mixed*) if [ "$pairing_follows" = yes ]; then deps=(--mysql); fi ;;
  esac
  pairing_follows=no
  if [ "$argument" = --pairing ]; then pairing_follows=yes; fi
done

"$top/scripts/deps.sh" "${deps[@]}"
use_mysql_root
"$top/scripts/build.sh" release shardlift
exec "$top/build/release/shardlift" rehearse "$@"
