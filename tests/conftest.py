"""What all tests share: where the real data is, and what must not leak from the environment into a test."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

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
