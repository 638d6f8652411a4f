"""Connecting to a database, SQLite or PostgreSQL: all that a process needs that asks it a small question now and then."""

from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from features.errors import UsageError

CONNECT_SECONDS: Final = 10
"""How long a PostgreSQL server may take to accept a connection."""


def connect(url: str) -> sa.Engine:
    """An engine for a SQLite or PostgreSQL URL; the folder of a SQLite file is made. Raises UsageError for any other URL."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise UsageError(f"'{url}' is not a database URL; write for instance sqlite:///dealcast.db") from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        patience = {} if "connect_timeout" in parsed.query else {"connect_timeout": CONNECT_SECONDS}
        return sa.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args=patience)
    if backend != "sqlite":
        raise UsageError(f"the store is SQLite or PostgreSQL, not {backend}")
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _prepare_sqlite(driver: Any, _record: object) -> None:
    """Real transactions, which Python's driver opens only before some statements, and readers beside a writer."""
    driver.isolation_level = None
    driver.execute("PRAGMA busy_timeout=30000")
    driver.execute("PRAGMA journal_mode=WAL")
    driver.execute("PRAGMA cache_size=-200000")
    driver.execute("PRAGMA temp_store=MEMORY")
