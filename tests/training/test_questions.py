import numpy as np
import pandas as pd
import pytest

from features import clock
from features.calendar import FiscalCalendar
from training.curves import Curves
from training.labels import Outcomes
from training.questions import Asking, Question, asking_of, curve_surprise, horizons_watched, questions

AS_OF = np.array([clock.micros(pd.Timestamp(day, tz="UTC")) for day in ("2026-03-02", "2026-03-02", "2026-02-01")])
# Watched until 1 April: won on 20 March; never seen to end; lost on 10 February.
SEEN = Outcomes(np.array([18.0, np.inf, 9.0]), np.array([1, 0, 2]), np.array([30.0, 30.0, 59.0]))
WON = asking_of("deals", 90)
EDGES = np.array([0.0, 30.0, 60.0])
CURVES = Curves(EDGES, np.tile([[0.5, 0.3, 0.2], [0.5, 0.25, 0.25]], (3, 1, 1)), 60.0)


def asked(key: str, asking: Asking = WON) -> Question:
    (found,) = (each for each in questions(asking, AS_OF, FiscalCalendar()) if each.key == key)
    return found


@pytest.mark.parametrize(
    ("key", "eligible", "happened"),
    [
        ("won_14d", [True, True, True], [False, False, False]),
        ("won_30d", [True, True, True], [True, False, False]),
        ("won_60d", [False, False, False], [True, False, False]),
        ("won_this_period", [True, True, True], [True, False, False]),
        ("won_next_period", [False, False, False], [False, False, False]),
        ("won_at_all", [True, False, True], [True, False, False]),
    ],
)
def test_a_row_counts_when_it_was_watched_long_enough_and_not_because_it_closed(
    key: str, eligible: list[bool], happened: list[bool]
) -> None:
    assert asked(key).eligible(SEEN).tolist() == eligible
    assert asked(key).happened(SEEN).tolist() == happened


def test_answers_are_read_off_the_curve() -> None:
    assert asked("won_30d").answers(CURVES) == pytest.approx([0.3] * 3)
    assert asked("won_60d").answers(CURVES) == pytest.approx([0.3 + 0.5 * 0.25] * 3)
    assert asked("won_at_all").answers(CURVES) == pytest.approx([0.425 / 0.75] * 3)
    this, following = asked("won_this_period"), asked("won_next_period")
    assert this.answers(CURVES) + following.answers(CURVES) == pytest.approx(CURVES.by(following.until, 1))


def test_silence_is_the_absence_of_an_order() -> None:
    asking = asking_of("orders", 90)
    orders = Curves(EDGES, np.tile([[0.6, 0.4], [0.5, 0.5]], (3, 1, 1)), 60.0)
    seen = Outcomes(SEEN.days, (SEEN.cause > 0).astype(np.int64), SEEN.follow_up)
    assert asked("silent_30d", asking).answers(orders) == pytest.approx([0.6] * 3)
    assert asked("silent_30d", asking).happened(seen).tolist() == [False, True, False]


def test_the_horizon_of_the_organisation_is_asked_of_clients() -> None:
    assert 45.0 in asking_of("contracts", 45).horizons
    assert asking_of("contracts", 45).main == 45.0


def test_the_surprise_of_a_curve_is_that_of_the_state_at_each_horizon() -> None:
    total = curve_surprise(CURVES, SEEN, (14.0, 30.0, 60.0))
    open_14 = 0.5 ** (14 / 30)
    lost_14 = (1 - open_14) * 0.4
    assert total == pytest.approx(
        [-np.log(open_14) - np.log(0.3), -np.log(open_14) - np.log(0.5), -np.log(lost_14) - np.log(0.2)]
    )
    assert horizons_watched(SEEN, (14.0, 30.0, 60.0)).tolist() == [2, 2, 2]
