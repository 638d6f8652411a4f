"""What all tests share: where the real data is, and what must not leak from the environment into a test."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings

from features.engine import connect

# A shared machine is slow now and then; a property that is slow is still a property.
settings.register_profile("dealcast", deadline=None)
settings.load_profile("dealcast")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no settings of the person who runs them."""
    for name in [name for name in os.environ if name.startswith("DEALCAST_") and name not in KEPT]:
        monkeypatch.delenv(name)


KEPT = frozenset({"DEALCAST_REAL_DATA", "DEALCAST_TEST_POSTGRES"})


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real exports; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("DEALCAST_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set DEALCAST_REAL_DATA")
    return folder


def postgres() -> Iterator[str]:
    """A schema of its own on the server that the tests are given."""
    server = os.environ.get("DEALCAST_TEST_POSTGRES")
    if not server:
        pytest.skip("no PostgreSQL server: set DEALCAST_TEST_POSTGRES to its URL")
    schema, engine = f"test_{uuid.uuid4().hex}", connect(server)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    url = sa.make_url(server).update_query_dict({"options": f"-csearch_path={schema}"})
    yield url.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(sa.schema.DropSchema(schema, cascade=True))
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store' / 'dealcast.db'}"
    else:
        yield from postgres()
