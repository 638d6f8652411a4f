"""The clock rule for the funnel: another future changes no figure of it."""

from collections.abc import Callable

import pandas as pd
import pytest

from features.funnel.journeys import journeys
from features.funnel.stages import stage_conversion, time_in_stage
from features.funnel.steps import funnel
from features.funnel.visits import visits
from features.snapshot import Snapshot
from tests.features.funnel.dirty import company, window
from tests.leakage.rewrite import MICROSECOND, Rewrite, rewritten

WINDOW = window("2025-01-01", "2026-01-01")
FIGURES: dict[str, Callable[[Snapshot], object]] = {
    "stage conversion": lambda snapshot: stage_conversion(visits(snapshot), (WINDOW,)),
    "time in stage": lambda snapshot: time_in_stage(visits(snapshot), (WINDOW,)),
    "funnel": lambda snapshot: funnel(journeys(snapshot), WINDOW, snapshot.dataset.organisation.calendar),
}


@pytest.mark.parametrize("figure", list(FIGURES))
@pytest.mark.parametrize("offset", [pd.Timedelta(0), MICROSECOND, -MICROSECOND])
def test_another_future_changes_nothing(figure: str, offset: pd.Timedelta) -> None:
    changes = company().tables["deal_changes"]["changed_at"].sort_values()
    as_of = changes.iloc[2 * len(changes) // 3] + offset
    other = rewritten(company(), as_of, Rewrite(5, delete=True, alter=True, append=True))
    read = FIGURES[figure]
    assert repr(read(Snapshot(other, as_of))) == repr(read(Snapshot(company(), as_of)))
