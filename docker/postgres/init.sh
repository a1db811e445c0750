#!/bin/sh
# The postgres image runs this once, in an empty data folder, as its superuser: the database stays that one's, the service gets a role of its own
# (SERVICE_PASSWORD) and the audit an owner that nobody can be. The password is read from the environment, since arguments can be read by
# everybody on the machine.
set -eu
setup=${SETUP_FOLDER:-/setup}
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --file "$setup/service_role.sql" --file "$setup/guard_audit.sql" --file "$setup/cut_log.sql" --file - <<'SQL'
\getenv password SERVICE_PASSWORD
ALTER ROLE analytics PASSWORD :'password';
SQL
