# PostgreSQL of the container: makes the cluster and the database `quantrac` in an empty volume, then serves.
set -euo pipefail
readonly data=/var/lib/postgresql/data/17 programs=/usr/lib/postgresql/17/bin

if [[ ! -e $data/made ]]; then
  rm -rf "$data" # of a start that was interrupted
  "$programs/initdb" --pgdata "$data" --username quantrac --pwfile <(printf %s "$POSTGRES_PASSWORD") \
    --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8
  echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
  echo "create database quantrac" | "$programs/postgres" --single -D "$data" postgres
  touch "$data/made"
fi
unset POSTGRES_PASSWORD
exec "$programs/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp \
  -c shared_preload_libraries=timescaledb -c timescaledb.telemetry_level=off
