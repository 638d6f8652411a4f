from pathlib import Path

import pytest

from tests.training.test_bundle import trained
from training.bundle import DamagedBundleError, save
from training.fetch import fetch, main
from training.registry import FolderRegistry, RunRecord

NOTHING = RunRecord({}, {})


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    save(trained(), tmp_path / "made")
    made = FolderRegistry(tmp_path / "registry")
    made.register("deals", tmp_path / "made", NOTHING)
    made.promote("deals", "1")
    return made


def test_the_champion_is_cached_and_named(registry: FolderRegistry, tmp_path: Path) -> None:
    assert fetch(registry, "deals", tmp_path / "cache") == "1"
    assert (tmp_path / "cache" / "deals" / "current").read_text() == "1"
    assert (tmp_path / "cache" / "deals" / "1" / "deals.lgb").exists()


def test_without_a_champion_nothing_is_cached(registry: FolderRegistry, tmp_path: Path) -> None:
    assert fetch(registry, "clients", tmp_path / "cache") is None
    assert not (tmp_path / "cache").exists()


def test_a_damaged_champion_leaves_the_last_good_one(registry: FolderRegistry, tmp_path: Path) -> None:
    fetch(registry, "deals", tmp_path / "cache")
    registry.register("deals", tmp_path / "made", NOTHING)
    registry.promote("deals", "2")
    damaged = registry.folder / "deals" / "2" / "deals.lgb"
    damaged.write_text(damaged.read_text()[:500])
    with pytest.raises(DamagedBundleError):
        fetch(registry, "deals", tmp_path / "cache")
    assert (tmp_path / "cache" / "deals" / "current").read_text() == "1"
    assert not (tmp_path / "cache" / "deals" / "2").exists()


def test_as_a_command_it_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--home", str(tmp_path), "--tracking-uri", "http://127.0.0.1:9", "--target", "deals"])
    assert code == 4
    assert "does not answer" in capsys.readouterr().err
