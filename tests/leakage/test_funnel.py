"""The clock rule for the funnel and the team: another future changes no figure of them."""

from collections.abc import Callable

import pandas as pd
import pytest

from features.funnel.journeys import journeys
from features.funnel.steps import funnel
from features.kpis.scorecard import scorecard
from features.snapshot import Snapshot
from features.team.view import team_view
from features.visits import visits
from tests.features.funnel.dirty import company, window
from tests.leakage.rewrite import MICROSECOND, Rewrite, rewritten

WINDOW = window("2024-10-01", "2026-10-01")
PEOPLE = {str(each): str(each) for each in company().tables["users"]["user_id"]}
COHORT_KPIS = ("stage_conversion", "time_in_stage", "lead_response", "ramp", "span_of_control")
FIGURES: dict[str, Callable[[Snapshot], object]] = {
    "visits": visits,
    "KPIs": lambda snapshot: list(scorecard(snapshot, COHORT_KPIS, [WINDOW]).values()),
    "team": lambda snapshot: team_view(snapshot, PEOPLE, WINDOW, dict.fromkeys(PEOPLE, 100_000.0)),
    "funnel": lambda snapshot: funnel(journeys(snapshot), WINDOW, snapshot.dataset.organisation.calendar),
}


def stage_change() -> pd.Timestamp:
    """When a change of stage came on record, two thirds through the history."""
    changes = company().tables["deal_changes"]
    recorded = changes.loc[changes["field"] == "stage", "recorded_at"].sort_values()
    found: pd.Timestamp = recorded.iloc[2 * len(recorded) // 3]
    return found


@pytest.mark.parametrize(
    ("offset", "seed"), [(pd.Timedelta(0), 1), (pd.Timedelta(0), 2), (pd.Timedelta(0), 3), (MICROSECOND, 4), (-MICROSECOND, 5)]
)
def test_another_future_changes_nothing(offset: pd.Timedelta, seed: int) -> None:
    as_of = stage_change() + offset
    other = rewritten(company(), as_of, Rewrite(seed, delete=True, alter=True, append=True))
    before, after = Snapshot(company(), as_of), Snapshot(other, as_of)
    assert {name: repr(read(after)) for name, read in FIGURES.items()} == {
        name: repr(read(before)) for name, read in FIGURES.items()
    }
