"""The clock rule for KPIs: whatever is recorded at or after as_of, no value moves, not by a byte."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from features.dataset import Dataset
from features.kpis import windows
from features.kpis.card import Scorecard
from features.kpis.scorecard import all_kpis, scorecard
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from tests.leakage.rewrite import Rewrite, rewritten

AS_OF = pd.Timestamp("2026-03-10T14:20Z").as_unit("us")
FUTURES = (
    Rewrite(1, delete=True, alter=False, append=False),
    Rewrite(2, delete=False, alter=True, append=False),
    Rewrite(3, delete=True, alter=True, append=True),
)


@cache
def company() -> Dataset:
    return generate(Settings(n_deals=150, seed=11, months=12, dirt=Dirt.all())).dataset()


def card(known: Dataset, by: str) -> Scorecard:
    calendar = known.organisation.calendar
    asked = windows.series(windows.quarter(AS_OF, calendar), 3, calendar)
    snapshot = Snapshot(known, AS_OF)
    return scorecard(snapshot, all_kpis(snapshot), asked, by=by, compare=["plan", "previous"])


@pytest.mark.parametrize("how", FUTURES)
@pytest.mark.parametrize("by", ["owner", "product", "region", "source"])
def test_the_future_changes_nothing(by: str, how: Rewrite) -> None:
    before, after = card(company(), by), card(rewritten(company(), AS_OF, how), by)
    nodes = [column for column, node in enumerate(after.nodes) if node in before.nodes]
    assert [after.nodes[column] for column in nodes] == list(before.nodes)
    for key, answer in before.answers.items():
        for field in ("value", "numerator", "denominator", "n", "low", "high", "censored"):
            ours, theirs = getattr(answer.cells, field), getattr(after.answers[key].cells, field)[:, nodes]
            assert np.ascontiguousarray(ours).tobytes() == np.ascontiguousarray(theirs).tobytes(), (key, field)


def test_the_past_moves_as_it_is_told() -> None:
    """What was recorded the day before does change values: the test above can fail."""
    earlier = rewritten(company(), AS_OF - pd.Timedelta(60, "D"), FUTURES[2])
    ours, theirs = card(company(), "owner"), card(earlier, "owner")
    assert ours.value("bookings", window=2) != theirs.value("bookings", window=2)
