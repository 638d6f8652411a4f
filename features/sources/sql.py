"""Exports as a database: any SQLAlchemy URL whose tables or views are named like the files of the export."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from features.errors import DataError, SourceError


@dataclass(frozen=True)
class Database:
    """The tables and views of one database. `place` is its URL without the password."""

    place: str
    engine: sa.Engine

    def names(self) -> list[str]:
        inspector = sa.inspect(self.engine)
        return sorted([*inspector.get_table_names(), *inspector.get_view_names()])

    def read(self, name: str) -> pd.DataFrame:
        with self.engine.connect() as connection:
            result = connection.execute(sa.select(sa.text("*")).select_from(sa.table(name)))
            names, rows = list(result.keys()), result.all()
        if len(set(names)) != len(names):
            raise DataError(name, "two columns have one name", "rename one of them in the view")
        return pd.DataFrame([tuple(row) for row in rows], columns=names)


def open_database(url: str) -> Database:
    """Connect to a database. Raises SourceError where the URL is malformed or nothing answers."""
    try:
        engine = sa.create_engine(url)
        _refuse_new_file(engine.url)
        with engine.connect():
            return Database(engine.url.render_as_string(hide_password=True), engine)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as error:
        raise SourceError(f"this is not a database URL that can be used: {error}") from None
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise SourceError(
            f"the database {sa.make_url(url).render_as_string(hide_password=True)} does not answer: {reason}"
        ) from None


def _refuse_new_file(url: sa.URL) -> None:
    """SQLite would create the file that is not there, and find it empty."""
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise SourceError(f"there is no database file {url.database}")
