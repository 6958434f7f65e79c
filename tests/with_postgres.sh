#!/usr/bin/env bash
# Runs a command with a PostgreSQL of its own on loopback, gone afterwards:  tests/with_postgres.sh pytest tests/app
# Needs Debian's postgresql package (the server's programs; no service is started or touched).
set -euo pipefail

programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$programs" ] || { echo "PostgreSQL's server programs are not installed: apt-get install postgresql" >&2; exit 2; }
folder=$(mktemp -d)
as_postgres() {  # initdb refuses to run as root
  if [ "$(id -u)" -eq 0 ]; then su postgres -s /bin/bash -c "cd / && $*"; else bash -c "$*"; fi
}
stop() {
  as_postgres "$programs/pg_ctl -D $folder/data -m immediate stop >/dev/null 2>&1" || true
  rm -rf "$folder"
}
trap stop EXIT
[ "$(id -u)" -ne 0 ] || chown postgres "$folder"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as_postgres "$programs/initdb -D $folder/data -U aki --auth=trust -E UTF8 --no-sync >/dev/null"
as_postgres "$programs/pg_ctl -D $folder/data -w -l $folder/log -o '-p $port -c listen_addresses=127.0.0.1 \
  -c unix_socket_directories= -c fsync=off -c max_connections=200' start >/dev/null"
# Not `exec`: the trap must still run.
TEST_POSTGRES_URL="postgresql://aki@127.0.0.1:$port/postgres" "$@"
