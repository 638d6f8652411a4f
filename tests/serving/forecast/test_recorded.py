"""A bridge from before the champion was trained stands on the scores that were issued then, or says why it cannot."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from features.errors import UsageError
from features.snapshot import Snapshot
from serving.database import SCORES, Database
from serving.forecast.bridge_answers import change
from serving.forecast.forecaster import Forecaster
from serving.forecast.recorded import _read_on, from_journal
from serving.forecast.schemas import BridgeQuery
from serving.journal.recorder import Recorder
from serving.registry.champions import cache_below
from serving.served.runtime import Runtime
from serving.served.state import Served
from training.bundle import save
from training.pace import Pace
from training.targets import WON

DAY = pd.Timedelta(days=1)


@pytest.fixture
def served(runtime: Runtime) -> Served:
    return runtime.served()


@pytest.fixture
def journal(served: Served, tmp_path: Path) -> Iterator[Database]:
    """What was answered as of the served moment."""
    database = Database.open(f"sqlite:///{tmp_path / 'journal.db'}")
    Recorder(database, 0.0, 730).record(served)
    yield database
    database.close()


def asked(served: Served, journal: Database | None, tmp_path: Path, days: float = 3.0) -> dict[str, object]:
    """A bridge of some days from the served moment on, by a champion that was trained a day after it."""
    former = served.bundles["deals"].models["deals"]
    even = replace(former, pace=Pace.even(former.calendar, len(former.pace.weights)))
    later = replace(served.bundles["deals"], version="9", trained_as_of=served.as_of + DAY, models={"deals": even})
    record = None if journal is None else partial(from_journal, journal)
    forecaster = Forecaster(served.dataset, {"deals": later}, served.as_of + days * DAY, tmp_path, 1, record=record)
    found = change(forecaster, BridgeQuery.model_validate({"from": served.as_of.isoformat(), "period": "2026Q4"}))
    return found.model_dump(mode="json")


def steps(found: dict[str, object]) -> dict[str, float]:
    """The company's steps."""
    lines = found["lines"]
    assert isinstance(lines, list)
    return {name: float(value) for name, value in lines[0]["steps"].items()}


def test_recorded_scores_stand_for_a_date_before_the_champion(served: Served, journal: Database, tmp_path: Path) -> None:
    found = asked(served, journal, tmp_path)
    assert (found["by_record"], found["model_version"]) == ([served.bundles["deals"].version], "9")
    lines = found["lines"]
    assert isinstance(lines, list)
    assert sum(float(each) for each in lines[0]["steps"].values()) == pytest.approx(float(lines[0]["change"]))
    assert float(str(found["end"])) - float(str(found["start"])) == pytest.approx(float(lines[0]["change"]))


def test_what_another_model_makes_is_told_while_the_former_one_is_kept(served: Served, journal: Database, tmp_path: Path) -> None:
    before = asked(served, journal, tmp_path)
    former = served.bundles["deals"]
    save(former, cache_below(tmp_path) / "deals" / former.version)
    apart = asked(served, journal, tmp_path)
    unknown, known = (steps(found) for found in (before, apart))
    assert unknown["model"] == 0 != known["model"]
    assert known["model"] + known["rescored"] == pytest.approx(unknown["rescored"])
    assert {**known, "model": 0, "rescored": 0} == pytest.approx({**unknown, "model": 0, "rescored": 0})


def test_the_curves_are_those_that_were_issued(served: Served, journal: Database) -> None:
    snapshot = Snapshot(served.dataset, served.as_of)
    issued = from_journal(journal, snapshot).curves
    ids = served.dataset.deal_rows[snapshot.open_deals]
    for place in (0, len(ids) // 2, len(ids) - 1):
        own = served.one(str(ids[place])).curves
        for days in own.edges[[2, 5, -1]]:
            assert issued.by(float(days), WON)[place] == pytest.approx(own.by(float(days), WON)[0], abs=2e-4)


def test_what_was_issued_later_is_not_read(served: Served, journal: Database) -> None:
    with pytest.raises(UsageError, match="no score of"):
        from_journal(journal, Snapshot(served.dataset, served.as_of - DAY))


@pytest.mark.parametrize("lacks", ["a journal", "a score"])
def test_without_all_scores_it_says_why_there_is_no_answer(served: Served, journal: Database, tmp_path: Path, lacks: str) -> None:
    with journal.transaction() as connection:
        first = connection.scalar(sa.select(SCORES.c.entry).where(SCORES.c.target == "deals").limit(1))
        connection.execute(sa.delete(SCORES).where(SCORES.c.entry == first))
    why = "would look ahead" if lacks == "a journal" else "would look ahead.*no score of 1 of the"
    with pytest.raises(UsageError, match=why):
        asked(served, None if lacks == "a journal" else journal, tmp_path)


def test_a_curve_is_read_on_from_the_days_that_are_gone() -> None:
    days = np.arange(0.0, 400.0)
    ended = 1.0 - np.exp(-days / 50.0)  # without a memory: the days that are gone change nothing
    curve = {"days": days.tolist(), "p_won": (0.4 * ended).tolist(), "p_lost": (0.6 * ended).tolist()}
    later = _read_on(curve, 10.0, np.array([0.0, 7.0, 90.0]))
    assert later[:, 0] == pytest.approx(0.4 * (1.0 - np.exp(-np.array([0.0, 7.0, 90.0]) / 50.0)), abs=1e-9)
