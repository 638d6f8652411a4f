#!/bin/sh
# Run once by the image of PostgreSQL, when its volume is empty: MLflow gets a database and a user of its own.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$MLFLOW_DB_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE mlflow LOGIN PASSWORD :'password';
CREATE DATABASE mlflow OWNER mlflow;
REVOKE CONNECT ON DATABASE mlflow FROM PUBLIC;
REVOKE CONNECT ON DATABASE dealcast FROM PUBLIC;
SQL
