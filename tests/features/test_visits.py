"""Visits of stages, against the oracle on untidy data."""

import numpy as np
import pytest

from features import clock
from features.visits import visits
from tests.features.funnel.dirty import MOMENTS, company, records, seen
from tests.oracles import funnel as oracle


@pytest.mark.parametrize("at", MOMENTS)
def test_visits_agree_with_the_oracle(at: str) -> None:
    visited, snap = visits(seen(at)), seen(at)
    expected = oracle.visits(records(), snap.as_of.to_pydatetime())
    assert len(visited.deal) == len(expected) > 200
    ids = company().deals["deal_id"].to_numpy(dtype=object)[visited.deal]
    moments = {each: clock.to_series(getattr(visited, each)) for each in ("began", "ended")}
    for row, visit in enumerate(expected):
        assert (ids[row], visited.stages[visited.stage[row]]) == (visit.deal, visit.stage)
        assert (moments["began"][row] if visit.began else None) == visit.began
        assert (moments["ended"][row], visited.left[row], visited.first[row]) == (visit.ended, visit.left, visit.first)
        assert visited.outcome[row] == visit.outcome
        assert visited.waited[row] == pytest.approx(visit.waited if visit.waited is not None else np.nan, nan_ok=True)
