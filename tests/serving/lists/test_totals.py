import numpy as np
import pandas as pd
import pytest

from serving.lists.answers import Totals, totals
from serving.served.ranking import Ranking

UNKNOWN = float("nan")


@pytest.mark.parametrize(
    ("now", "this_quarter"),
    [([0.5, 0.1], 60.0), ([0.5, UNKNOWN], 50.0), ([UNKNOWN, UNKNOWN], None)],
    ids=["all known", "one unknown", "none known"],
)
def test_what_nobody_can_expect_is_no_zero(now: list[float], this_quarter: float | None) -> None:
    frame = pd.DataFrame({"deal_id": ["a", "b"], "value": [100.0, 100.0], "p_won_this_quarter": now, "p_won_next_quarter": 0.25})
    assert totals(Ranking.of(frame, by=("value",), key="deal_id"), []) == Totals(200.0, this_quarter, 50.0)


def test_no_deals_bring_nothing() -> None:
    frame = pd.DataFrame({name: np.zeros(0) for name in ("value", "p_won_this_quarter", "p_won_next_quarter")})
    nothing = Ranking.of(frame.assign(deal_id=pd.Series([], dtype="str")), by=("value",), key="deal_id")
    assert totals(nothing, []) == Totals(0.0, 0.0, 0.0)
