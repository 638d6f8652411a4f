"""The doctor on set-ups that are really broken."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from features.dataset import Dataset
from features.store import Store
from serving.cli.demo import source_of
from serving.cli.main import app
from serving.doctor import report
from serving.doctor.report import Check
from serving.registry.champions import cache_below
from serving.settings import Settings
from tests.serving.conftest import KEY
from tests.serving.running import NOWHERE


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory, company: Dataset, trained_home: Path) -> Path:
    """A home in good order: data, a copy of it, champions, and something that stands for the registry."""
    home = tmp_path_factory.mktemp("sound")
    store = Store(f"sqlite:///{home}/store.db", home / "cache" / "store")
    store.replace(source_of(company))
    store.load()
    store.close()
    shutil.copytree(cache_below(trained_home), cache_below(home))
    (home / "mlflow.db").touch()
    return home


@pytest.fixture
def home(furnished: Path, tmp_path: Path) -> Path:
    shutil.copytree(furnished, tmp_path / "home")
    return tmp_path / "home"


def settings_of(home: Path, **given: object) -> Settings:
    return Settings(**{"home": home, "api_key": SecretStr(KEY), "port": 0, **given})  # type: ignore[arg-type]


def found(settings: Settings, *names: str) -> dict[str, Check]:
    """What these checks say, all of them where none is named."""
    chosen = {name: look for name, look in report.CHECKS.items() if not names or name in names}
    assert len(chosen) == len(names) or not names
    return {name: report._checked(name, lambda look=look: look(settings)) for name, look in chosen.items()}  # type: ignore[misc]


def one(settings: Settings, name: str) -> tuple[str, str]:
    """State and text of one check; whatever is not ok says what to do."""
    check = found(settings, name)[name]
    assert bool(check.do) == (check.state != "ok"), check
    return check.state, f"{check.found} {check.do}"


def test_a_sound_installation_has_no_errors(furnished: Path) -> None:
    checks = {check.name: check for check in report.examine(settings_of(furnished))}
    assert [check for check in checks.values() if check.state == "error"] == []
    assert "revision 1" in checks["store"].found
    assert checks["champion for deals"].state == "ok"


def test_a_home_that_is_not_there_is_made_by_the_first_command(tmp_path: Path) -> None:
    checks = found(settings_of(tmp_path / "none"), "home", "store", "champion for deals", "champion for clients", "time zone")
    states = {name: check.state for name, check in checks.items()}
    assert states == {
        "home": "warning",
        "store": "error",
        "champion for deals": "error",
        "champion for clients": "warning",
        "time zone": "warning",
    }
    assert "dealcast ingest" in checks["store"].do
    assert not (tmp_path / "none").exists()


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    state, text = one(settings_of(tmp_path / "home"), "home")
    assert (state, "Permission denied" in text) == ("error", True)


def test_a_store_that_is_no_database(home: Path) -> None:
    (home / "store.db").write_bytes(b"garbage" * 1000)
    state, text = one(settings_of(home), "store")
    assert (state, "not a database" in text) == ("error", True)


def test_a_store_that_does_not_answer_and_no_password_is_shown(home: Path) -> None:
    state, text = one(settings_of(home, store_url="postgresql://u:s3cret@127.0.0.1:9/d"), "store")
    assert (state, "does not answer" in text, "s3cret" in text) == ("error", True, False)


def test_a_url_that_is_none(home: Path) -> None:
    assert one(settings_of(home, store_url="oracle://somewhere"), "store")[0] == "error"


def test_a_registry_that_is_gone(home: Path) -> None:
    state, text = one(settings_of(home, tracking_uri=NOWHERE), "registry")
    assert (state, "does not answer" in text) == ("error", True)


@pytest.mark.parametrize("target", ["deals", "clients"])
def test_a_damaged_champion(home: Path, target: str) -> None:
    file = cache_below(home) / target / "1" / "bundle.json"
    file.write_bytes(file.read_bytes()[:-50])
    state, text = one(settings_of(home), f"champion for {target}")
    assert (state, "bundle.json" in text) == ("error", True)


def test_a_damaged_copy(home: Path) -> None:
    shutil.rmtree(home / "cache" / "store")
    assert one(settings_of(home), "copy of the store")[0] == "warning"
    store = Store(f"sqlite:///{home}/store.db", home / "cache" / "store")
    store.load()
    store.close()
    assert one(settings_of(home), "copy of the store")[0] == "ok"
    next((home / "cache" / "store").glob("*/deals.parquet")).write_bytes(b"half")
    state, text = one(settings_of(home), "copy of the store")
    assert (state, "damaged" in text) == ("warning", True)


@pytest.mark.parametrize("key", [None, "brief", "changeme-changeme-changeme"])
def test_a_key_that_is_missing_or_weak(home: Path, key: str | None) -> None:
    state, text = one(settings_of(home, api_key=SecretStr(key) if key else None), "key")
    assert (state, key is None or key not in text) == ("error", True)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_that_is_taken(home: Path, taken: int) -> None:
    assert one(settings_of(home, port=taken), "port")[0] == "warning"


def test_a_check_that_never_ends_is_given_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(report, "PATIENCE", 0.05)
    check = report._checked("x", lambda: ("ok", str(time.sleep(1)), ""))  # type: ignore[func-returns-value]
    assert (check.state, "no answer" in check.found) == ("error", True)
    assert settings_of(home)


def dealcast(home: Path, *arguments: str, **environment: str) -> Result:
    variables = {"DEALCAST_HOME": str(home), "DEALCAST_PORT": "0", **environment}
    return CliRunner().invoke(app, ["doctor", *arguments], env=variables)


def test_the_exit_code_says_whether_something_must_be_done(furnished: Path) -> None:
    sound = dealcast(furnished, DEALCAST_API_KEY=KEY)
    broken = dealcast(furnished, "--json")
    assert (sound.exit_code, broken.exit_code) == (0, 4)
    assert "home from DEALCAST_HOME" in sound.stdout
    assert KEY not in sound.stdout
    listed = json.loads(broken.stdout)
    assert {"name", "state", "found", "do"} == set(listed[0])
    assert [check["name"] for check in listed if check["state"] == "error"] == ["key"]


def test_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    result = dealcast(tmp_path, DEALCAST_WORKERS="many")
    assert result.exit_code == 4
    assert "workers" in result.stdout
