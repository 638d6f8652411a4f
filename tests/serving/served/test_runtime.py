import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from features.dataset import Dataset
from features.errors import NotReadyError
from serving.registry.champions import Champions, cache_below
from serving.served.runtime import Runtime
from serving.served.watching import watch
from serving.settings import Settings
from tests.serving.conftest import MemorySource


@pytest.fixture
def home(trained_home: Path, tmp_path: Path) -> Path:
    """A copy of the champions that a test may change."""
    shutil.copytree(cache_below(trained_home), cache_below(tmp_path))
    return tmp_path


@pytest.fixture
def source(company: Dataset) -> MemorySource:
    return MemorySource(company)


def promote(home: Path, target: str, version: str) -> None:
    folder = cache_below(home) / target
    shutil.copytree(folder / "1", folder / version)
    (folder / "current").write_text(version)


def fewer(company: Dataset) -> Dataset:
    return company.with_tables({**company.tables, "deals": company.deals.iloc[:-20]})


def test_a_refresh_without_news_changes_nothing(source: MemorySource, home: Path) -> None:
    held = Runtime(source, Champions(home))
    assert held.refresh()
    served = held.served()
    assert not held.refresh()
    assert held.served() is served


def test_new_data_and_a_new_champion_are_taken_up(source: MemorySource, home: Path, company: Dataset) -> None:
    held = Runtime(source, Champions(home))
    held.refresh()
    before = held.served()
    source.put(fewer(company))
    assert held.refresh()
    assert (held.served().revision, len(held.served().deals)) != (before.revision, len(before.deals))
    promote(home, "deals", "2")
    assert held.refresh()
    assert {target: each.version for target, each in held.served().bundles.items()} == {"deals": "2", "clients": "1"}
    assert held.served().dataset.n_deals == company.n_deals - 20


def test_what_was_served_before_stays_as_it_was(source: MemorySource, home: Path, company: Dataset) -> None:
    held = Runtime(source, Champions(home))
    held.refresh()
    before = held.served()
    rows = before.deals.page({}, 200).rows
    source.put(fewer(company))
    held.refresh()
    assert before.deals.page({}, 200).rows == rows


def test_a_damaged_champion_is_not_taken_up_and_the_last_good_one_serves_on(source: MemorySource, home: Path) -> None:
    held = Runtime(source, Champions(home))
    held.refresh()
    served = held.served()
    promote(home, "deals", "2")
    (cache_below(home) / "deals" / "2" / "bundle.json").write_text("{}")
    assert not held.refresh()
    assert held.served() is served


def test_a_champion_that_was_repaired_is_taken_up(source: MemorySource, home: Path) -> None:
    held = Runtime(source, Champions(home))
    held.refresh()
    promote(home, "deals", "2")
    good = (cache_below(home) / "deals" / "2" / "bundle.json").read_bytes()
    (cache_below(home) / "deals" / "2" / "bundle.json").write_bytes(good[:-1])
    assert not held.refresh()
    (cache_below(home) / "deals" / "2" / "bundle.json").write_bytes(good)
    assert held.refresh()
    assert held.served().bundles["deals"].version == "2"


def test_a_damaged_champion_for_clients_does_not_hold_up_that_for_deals(source: MemorySource, home: Path) -> None:
    held = Runtime(source, Champions(home))
    held.refresh()
    promote(home, "deals", "2")
    promote(home, "clients", "2")
    (cache_below(home) / "clients" / "2" / "bundle.json").unlink()
    assert held.refresh()
    assert {target: each.version for target, each in held.served().bundles.items()} == {"deals": "2", "clients": "1"}


def test_a_start_on_a_damaged_champion_falls_back_to_the_one_before(source: MemorySource, home: Path) -> None:
    promote(home, "deals", "2")
    (cache_below(home) / "deals" / "2" / "deals.lgb").write_bytes(b"half")
    held = Runtime(source, Champions(home))
    assert held.refresh()
    assert held.served().bundles["deals"].version == "1"


def test_a_start_on_nothing_but_a_damaged_champion_says_so(source: MemorySource, home: Path) -> None:
    (cache_below(home) / "deals" / "1" / "deals.lgb").write_bytes(b"half")
    held = Runtime(source, Champions(home))
    held.try_refresh()
    assert held.lacks == "damaged_champion"
    with pytest.raises(NotReadyError, match="damaged"):
        held.served()


@pytest.mark.parametrize("text", ["../../etc", "", "1/..", "\x00", "a b"])
def test_what_names_no_version_is_none(home: Path, text: str) -> None:
    (cache_below(home) / "deals" / "current").write_text(text)
    assert "deals" not in Champions(home).versions()


def test_data_or_champions_that_vanish_leave_what_is_served(source: MemorySource, home: Path) -> None:
    held = Runtime(source, Champions(home))
    held.refresh()
    shutil.rmtree(cache_below(home))
    source.number = 0
    assert not held.refresh()
    assert held.served().revision == 1


@pytest.mark.parametrize(("number", "lacks"), [(0, "no_data"), (1, "no_champion")])
def test_what_is_missing_is_said(company: Dataset, tmp_path: Path, number: int, lacks: str) -> None:
    source = MemorySource(company)
    source.number = number
    held = Runtime(source, Champions(tmp_path))
    assert held.lacks == "starting"
    held.refresh()
    with pytest.raises(NotReadyError, match="dealcast"):
        held.served()
    assert held.lacks == lacks


def test_without_a_champion_for_deals_the_data_is_loaded_and_scores_follow_it(
    source: MemorySource, home: Path, company: Dataset
) -> None:
    (cache_below(home) / "deals" / "current").rename(home / "aside")
    held = Runtime(source, Champions(home))
    assert held.refresh()
    assert held.loaded().dataset is company
    assert not held.refresh()
    with pytest.raises(NotReadyError, match="dealcast train") as raised:
        held.served()
    assert raised.value.code == "no_champion"
    (home / "aside").rename(cache_below(home) / "deals" / "current")
    assert held.refresh()
    assert held.served() is held.loaded()


def test_without_a_champion_new_data_is_taken_up(source: MemorySource, tmp_path: Path, company: Dataset) -> None:
    held = Runtime(source, Champions(tmp_path))
    held.refresh()
    source.put(fewer(company))
    assert held.refresh()
    assert held.loaded().dataset.n_deals == company.n_deals - 20


def test_a_damaged_first_champion_does_not_keep_the_data_from_being_loaded(source: MemorySource, home: Path) -> None:
    (cache_below(home) / "deals" / "1" / "bundle.json").write_text("{}")
    held = Runtime(source, Champions(home))
    held.refresh()
    assert (held.loaded().revision, held.ready, held.lacks) == (1, False, "damaged_champion")


def test_without_a_champion_for_clients_the_deals_are_served(source: MemorySource, home: Path) -> None:
    shutil.rmtree(cache_below(home) / "clients")
    held = Runtime(source, Champions(home))
    held.refresh()
    assert held.served().clients is None
    assert len(held.served().deals) > 0


def test_fresh_data_is_scored_again_as_time_passes(source: MemorySource, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Runtime(source, Champions(home))
    held.refresh()
    first = held.served()
    for hours, renewed in ((0.5, False), (2, True)):
        later = first.as_of + pd.Timedelta(hours=hours)
        monkeypatch.setattr("features.clock.now", lambda _, at=later: at)
        assert held.refresh() is renewed
    assert held.served().as_of == later


def test_a_deal_is_overdue_once_its_whole_day_has_passed(company: Dataset, home: Path) -> None:
    deals = company.deals.assign(expected_close_on=pd.Timestamp("2026-09-29"))
    deals.loc[deals.index % 2 == 0, "expected_close_on"] = pd.Timestamp("2026-09-30")
    plain = replace(company, tables={**company.tables, "deals": deals.drop(columns="recorded_at", errors="ignore")})
    changes = company.tables["deal_changes"]
    tables = {**plain.tables, "deal_changes": changes[changes["field"] != "expected_close_on"]}
    data = Dataset.of(
        tables, company.organisation, static=company.static | {"deals.expected_close_on"}, extracted_at=company.extracted_at
    )
    held = Runtime(MemorySource(data), Champions(home))
    held.refresh()
    rows = held.served().deals.page({}, 200).rows
    assert {(str(row["expected_close_on"]), row["overdue"]) for row in rows} == {("2026-09-29", True), ("2026-09-30", True)}


def test_the_watch_survives_a_failure(
    source: MemorySource, home: Path, company: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Runtime(source, Champions(home))

    def fail() -> int:
        monkeypatch.undo()
        raise OSError("the disk is gone")

    monkeypatch.setattr(source, "revision", fail)

    async def scenario() -> None:
        task = asyncio.create_task(watch(held, Settings(home=home, poll_seconds=0.001)))
        while not held.ready:
            await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(scenario())
    assert held.served().dataset is company
