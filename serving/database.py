"""The service's own tables, beside the CRM's in one database: what was issued, said and done, and who may ask.

The tables are declared here, for the queries; the revisions in `migrations/` make them. `Database.open` brings a database up to
date by itself: nobody runs a migration by hand, and of several workers that start at once one does it while the others wait.
Where the database is up to date already, Alembic is not even imported.

Instants are BIGINT microseconds since 1970 in UTC, as in the CRM's tables. Rows of the append-only tables are never changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import sqlalchemy as sa

from features.engine import connect
from features.errors import NotReadyError

MIGRATIONS: Final = Path(__file__).parent / "migrations"
VERSION_TABLE: Final = "service_version"
HEAD: Final = "0004"
"""The newest revision in `migrations/versions`."""
OURS: Final = (sa.exc.IntegrityError, sa.exc.DataError, sa.exc.ProgrammingError, sa.exc.NotSupportedError)
"""What a database says of the question; everything else it says of itself."""
_LOCK: Final = 0x0DEA1CA5
"""The advisory lock that is held while a PostgreSQL schema is brought up to date; who has another schema need not wait."""

METADATA: Final = sa.MetaData()

CALLS: Final = sa.Table(
    "calls",
    METADATA,
    sa.Column("call_id", sa.Text, primary_key=True),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("scope_id", sa.Text, nullable=False),
    sa.Column("period", sa.Text),
    sa.Column("measure", sa.Text, nullable=False),
    sa.Column("value", sa.Double),
    sa.Column("day", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("model_value", sa.Double),
    sa.Column("model_day", sa.Text),
    sa.Column("model_version", sa.Text),
    sa.Index("calls_by_scope", "scope", "scope_id", "made_at"),
)
"""What people expect of a deal, a person, a team or the company, and what the model said then: append-only; see `calls`."""

NUMBERED: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""Counts up by itself; SQLite does so for INTEGER alone."""

SCORES: Final = sa.Table(
    "scores",
    METADATA,
    sa.Column("entry", NUMBERED, primary_key=True),
    sa.Column("issued_at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("record_id", sa.Text, nullable=False),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Column("asked", sa.Text, nullable=False),
    sa.Column("signals_sha256", sa.Text),
    sa.Column("owner_id", sa.Text),
    sa.Column("asked_by", sa.Text),
    *(sa.Column(name, sa.Double) for name in ("p_won_this_quarter", "p_won_next_quarter", "p_won", "p_lost", "p_leaves")),
    sa.Column("value", sa.Double),
    sa.Column("expected_value", sa.Double),
    sa.Column("reason", sa.Text),
    sa.Column("answer", sa.Text),
    sa.UniqueConstraint("target", "record_id", "as_of", "model_version", "revision", "asked", name="scores_once"),
    sa.Index("scores_by_issue", "issued_at"),
    sa.Index("scores_by_as_of", "as_of"),
)
"""The scores that were issued, one row each; `serving.journal.rows` says what the columns hold. Append-only."""

TAKES: Final = sa.Table(
    "score_takes",
    METADATA,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("model_version", sa.Text, primary_key=True),
    sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("finished_at", sa.BigInteger),
    sa.Column("n_records", sa.BigInteger),
    sa.Column("n_rows", sa.BigInteger),
    sa.Index("score_takes_by_as_of", "as_of"),
)
"""When all scores were gone through for rows to write, by the one worker that claimed it; `slot` is as_of in whole hours."""

FORECASTS: Final = sa.Table(
    "forecasts",
    METADATA,
    sa.Column("entry", NUMBERED, primary_key=True),
    sa.Column("issued_at", sa.BigInteger, nullable=False),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("dimension", sa.Text, nullable=False),
    sa.Column("node", sa.Text, nullable=False),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    sa.Column("as_of_day", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Column("asked_by", sa.Text),
    *(sa.Column(name, sa.Double) for name in ("mean", "median", "plan", "p_plan")),
    sa.Column("answer", sa.Text),
    sa.UniqueConstraint("period", "dimension", "node", "as_of_day", "revision", "model_version", name="forecasts_once"),
    sa.Index("forecasts_by_issue", "issued_at"),
)
"""The forecasts that were issued, a row for each node of an answer; append-only."""

IDEMPOTENCY: Final = sa.Table(
    "idempotency",
    METADATA,
    sa.Column("caller", sa.Text, primary_key=True),
    sa.Column("request_key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("answer", sa.Text),
    sa.Index("idempotency_by_start", "started_at"),
)
"""Requests that are being worked on (no answer yet) or were answered; see `serving.records.idempotency`."""


class Database:
    """The service's tables in one database. Raises NotReadyError wherever it does not answer."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str) -> "Database":
        """Connect, and bring the tables up to date. Raises UsageError for a URL that is none."""
        database = cls(connect(url))
        database.upgrade()
        return database

    def close(self) -> None:
        """Give back the connections; the database can be used again."""
        self.engine.dispose()

    def revision(self) -> str | None:
        """The revision of the tables that are there; None where there are none yet."""
        with self.transaction() as connection:
            return _revision(connection)

    def upgrade(self) -> None:
        """Make or change the tables, all or nothing; nothing happens where they are as they should be."""
        if self.revision() != HEAD:
            with self.transaction(exclusive=True) as connection:
                _alembic("upgrade", connection, HEAD)

    def downgrade(self, revision: str) -> None:
        """Go back to an earlier revision, `base` for none; what the later ones hold is lost."""
        with self.transaction(exclusive=True) as connection:
            _alembic("downgrade", connection, revision)

    @contextmanager
    def transaction(self, *, exclusive: bool = False) -> Iterator[sa.Connection]:
        """All or nothing; an exclusive one waits until no other is."""
        try:
            with self.engine.begin() as connection:
                if exclusive:
                    _be_alone(connection)
                yield connection
        except OURS:
            raise
        except sa.exc.DatabaseError as error:  # down, locked, or a file that is no database any more
            reason = str(error.orig).splitlines()[0]
            raise NotReadyError(f"the database {self.engine.url.render_as_string()} does not answer: {reason}") from error


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))
    return found


def _be_alone(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK, sa.func.hashtext(sa.func.current_schema()))))
        return
    connection.exec_driver_sql("COMMIT")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _alembic(move: Literal["upgrade", "downgrade"], connection: sa.Connection, revision: str) -> None:
    """Run the revisions on the way to this one; none where another worker has just done so."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes.update(connection=connection, version_table=VERSION_TABLE)
    getattr(command, move)(config, revision)
