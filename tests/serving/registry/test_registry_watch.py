"""What one process hears of the registry, and how the others learn of it."""

import asyncio
from pathlib import Path

import pytest

from serving.operations import run_folder
from serving.registry import registry_watch
from serving.registry.promotion_watch import PromotionWatch
from serving.registry.registry_watch import Registry
from serving.settings import Settings


def test_failures_in_a_row_are_counted() -> None:
    known = Registry().after(reached=False).after(reached=False)
    assert (known, known.after(reached=True)) == (Registry("stale", 2), Registry("fresh"))


def test_what_one_writes_another_reads(tmp_path: Path) -> None:
    file = tmp_path / "registry.json"
    assert registry_watch.read(file) == Registry()
    registry_watch.write(file, Registry("stale", 3))
    assert registry_watch.read(file) == Registry("stale", 3)
    assert [path.name for path in tmp_path.iterdir()] == ["registry.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "odd", "failures": 1}', '{"state": "fresh"}', "\x00"])
def test_a_file_that_says_nothing_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "registry.json").write_text(text)
    assert registry_watch.read(tmp_path / "registry.json") == Registry()


def test_it_asks_again_sooner_while_there_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [False, False, True]
    waits: list[float] = []
    told: list[Registry] = []

    async def fetch(_: Settings) -> bool:
        return answers.pop(0)

    async def wait(_: PromotionWatch, __: object, seconds: float) -> None:
        waits.append(seconds)
        if not answers:
            raise asyncio.CancelledError

    monkeypatch.setattr(registry_watch, "fetch_champions", fetch)
    monkeypatch.setattr(PromotionWatch, "wait", wait)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(registry_watch.ask(Settings(home=tmp_path, registry_poll_seconds=77), told.append))
    assert waits == [1.0, 2.0, 77]
    assert [known.state for known in told] == ["stale", "stale", "fresh"]


def test_a_start_clears_away_what_an_earlier_server_left(tmp_path: Path) -> None:
    first = run_folder.fresh(tmp_path, 8000)
    (run_folder.metrics_folder(first) / "counter_1.db").write_bytes(b"old")
    second = run_folder.fresh(tmp_path, 8000)
    assert not first.exists()
    assert list(run_folder.metrics_folder(second).iterdir()) == []
    assert (tmp_path / "run" / "8000").resolve() == second
    run_folder.remove(tmp_path / "run" / "8000")
    assert not second.exists()


def test_a_link_to_somewhere_else_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "8000").symlink_to(tmp_path / "precious")
    folder = run_folder.fresh(tmp_path, 8000)
    assert (tmp_path / "precious").is_dir()
    run_folder.remove(tmp_path / "run" / "8000")
    assert not folder.exists()


def test_the_folder_is_gone_when_the_server_is(tmp_path: Path) -> None:
    with run_folder.opened(tmp_path, 8000) as folder:
        assert folder.is_dir()
    assert not folder.exists()
    assert list((tmp_path / "run").iterdir()) == []
