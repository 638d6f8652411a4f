"""The balanced scorecard of the ten-deal company, and what a trend is."""

from dataclasses import replace
from functools import cache

import pytest

from features.balance import BETTER, CHANGED, SAME, TRENDS, WORSE, Balance, Line, Prediction, balanced, judged
from features.kpis import example, windows
from features.kpis.card import Scorecard
from features.kpis.scorecard import all_kpis, scorecard


@cache
def card() -> Scorecard:
    snapshot = example.snapshot()
    asked = [windows.parse(each, snapshot.dataset.organisation.calendar) for each in ("2025Q4", "2026Q1")]
    return scorecard(snapshot, all_kpis(snapshot), asked, by="owner", compare=["plan", "previous"])


def line(found: Balance, kpi: str) -> Line:
    return next(each for perspective in found.perspectives for each in perspective.lines if each.kpi.name == kpi)


def test_every_kpi_stands_in_its_perspective() -> None:
    found = balanced(card())
    assert [perspective.name for perspective in found.perspectives] == ["finance", "client", "process", "people"]
    assert sum(len(perspective.lines) for perspective in found.perspectives) == len(card().answers)
    assert all(each.kpi.perspective == perspective.name for perspective in found.perspectives for each in perspective.lines)
    assert (found.window.label, found.node.id, found.currency) == ("2026Q1", "", "EUR")


def test_plan_and_prediction_stand_beside_the_value() -> None:
    bookings = line(balanced(card(), {"bookings": Prediction(11_000.0, p_plan=0.2)}), "bookings")
    assert (bookings.value.value, bookings.plan, bookings.of_plan) == (10_000, 12_500, 0.8)
    assert bookings.prediction == Prediction(11_000.0, p_plan=0.2)
    assert line(balanced(card()), "bookings").prediction is None
    assert bookings.series[-1] == 10_000


def test_a_node_of_its_own_and_another_window() -> None:
    assert line(balanced(card(), node="ann"), "bookings").of_plan == 1
    assert balanced(card(), window=0).window.label == "2025Q4"
    with pytest.raises(KeyError):
        balanced(card(), node="nobody there")


def test_a_trend_goes_by_the_direction_of_the_kpi() -> None:
    value = line(balanced(card()), "win_rate").value
    kpi = line(balanced(card()), "win_rate").kpi

    def trend(now: float, before: float | None, direction: str = "more is better") -> tuple[str | None, bool | None]:
        changed = replace(value, value=now, interval=(now - 0.1, now + 0.1), against={"previous": before})
        found = judged(replace(kpi, direction=direction), changed, (now,), None)
        return found.trend, found.clear

    assert trend(0.29, 0.31) == (WORSE, False)
    assert trend(0.29, 0.31, "less is better") == (BETTER, False)
    assert trend(0.5, 0.3) == (BETTER, True)
    assert trend(0.5, 0.3, "neither") == (CHANGED, True)
    assert trend(0.3, 0.3) == (SAME, False)
    assert trend(0.3, None) == (None, None)


def test_a_trend_is_worded_in_both_languages() -> None:
    assert {text.ru for text in TRENDS.values()} >= {"лучше, чем раньше"}
