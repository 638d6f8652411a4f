"""A scorecard read in its three ways, and what must hold of its figures whatever the data."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from features.dataset import Dataset
from features.kpis import windows
from features.kpis.card import Scorecard
from features.kpis.example import snapshot
from features.kpis.options import Options
from features.kpis.scorecard import OF_WHOLE_NODES, all_kpis, scorecard
from features.kpis.texts import BESIDE, EXCLUSIONS, FLAGS, REASONS
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate


@cache
def example() -> Scorecard:
    known = snapshot()
    calendar = known.dataset.organisation.calendar
    asked = windows.series(windows.parse("2026-03", calendar), 3, calendar)
    return scorecard(known, ["bookings", "bookings", "win_rate", "csat:mean"], asked, "owner", ["plan", "previous"])


@cache
def company() -> Dataset:
    return generate(Settings(n_deals=300, seed=9, months=18, dirt=Dirt.all())).dataset()


@cache
def whole(by: str) -> Scorecard:
    """Everything, for six quarters, the last of them running."""
    known = Snapshot(company(), pd.Timestamp("2026-08-15T11:00Z").as_unit("us"))
    calendar = company().organisation.calendar
    asked = windows.series(windows.quarter(known.as_of, calendar), 6, calendar)
    return scorecard(known, all_kpis(known), asked, by, ["plan", "previous", "last_year"])


def test_one_value_and_what_it_is_compared_with() -> None:
    value = example().value("bookings", window=2)
    assert (value.value, value.against) == (4000, {"plan": pytest.approx(12_500 * 31 / 90), "previous": 1000})
    assert example().value("bookings").against["previous"] is None


def test_a_series_in_time() -> None:
    assert example().series("bookings").tolist() == [5000, 1000, 4000]
    assert example().series("win_rate", node="ann").tolist() == [
        2 / 3,
        pytest.approx(np.nan, nan_ok=True),
        pytest.approx(np.nan, nan_ok=True),
    ]


def test_a_table_of_all_values() -> None:
    frame = example().frame()
    assert len(frame) == 3 * 3 * len(example().nodes)
    row = frame[(frame["kpi"] == "win_rate") & (frame["window"] == "2026-01") & (frame["node"] == "ann")].iloc[0]
    assert (row["value"], row["numerator"], row["n"], row["reason"]) == (2 / 3, 2, 3, "")


def test_values_and_table_agree() -> None:
    told = [np.nan if value.value is None else value.value for value in example().values()]
    assert example().frame()["value"].tolist() == pytest.approx(told, nan_ok=True)


def test_the_options_stand_with_the_values() -> None:
    assert example().options == Options()
    assert (example().currency, example().as_of) == ("EUR", snapshot().as_of)


@pytest.mark.parametrize(("kpi", "asked"), [("nps", {}), ("bookings", {"node": "zoe"}), ("bookings", {"variant": "odd"})])
def test_what_was_not_asked_for_is_not_there(kpi: str, asked: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        example().value(kpi, node=asked.get("node", ""), variant=asked.get("variant"))


@pytest.mark.parametrize("by", ["owner", "manager", "product", "region"])
def test_a_null_has_a_reason_and_every_code_is_worded(by: str) -> None:
    for value in whole(by).values():
        assert (value.value is None) == (value.reason in REASONS)
        assert set(value.excluded) <= set(EXCLUSIONS)
        assert set(value.flags) <= set(FLAGS)
        assert set(value.beside) <= set(BESIDE)


@pytest.mark.parametrize("by", ["owner", "product", "region"])
def test_an_interval_holds_its_value(by: str) -> None:
    told = [value for value in whole(by).values() if value.interval and value.kpi != "nps"]
    assert len(told) > 100
    for value in told:
        low, high = value.interval or (0.0, 0.0)
        assert low - 1e-9 <= (value.value or 0.0) <= high + 1e-9


@pytest.mark.parametrize("by", ["owner", "region"])
def test_clients_at_the_start_and_at_the_end(by: str) -> None:
    """Those at the start, and who came and came back, less who left, are those at the end: for every person and region."""
    card = whole(by)
    for node in card.nodes:
        for window in range(6):
            start, new, lost, end = (
                card.value(kpi, node=node.id, window=window)
                for kpi in ("retention", "new_clients", "lost_clients", "active_clients")
            )
            came = (new.value or 0) + (new.beside["returned"] or 0)
            assert start.n + came - (lost.value or 0) == end.value


def test_what_must_lie_between_limits() -> None:
    for value in whole("region").values():
        if value.value is not None and value.kpi in {
            "win_rate",
            "win_rate_value",
            "retention",
            "churn",
            "grr",
            "repeat_purchase",
        }:
            assert 0 <= value.value <= 1
        if value.value is not None and value.kpi == "nps":
            assert -100 <= value.value <= 100


def test_a_manager_has_at_least_what_each_report_has() -> None:
    card, users = whole("manager"), company().tables["users"].set_index("user_id")
    totals = dict(zip([node.id for node in card.nodes], card.answers["bookings", "standard"].cells.value[3], strict=True))
    for person, boss in users["manager_id"].dropna().items():
        if person in totals:
            assert totals[boss] >= totals[person] - 1e-6


def only(where: dict[str, str | None], by: str = "company") -> Scorecard:
    card = whole("owner")
    known = Snapshot(company(), card.as_of)
    return scorecard(known, all_kpis(known), card.windows[:6], by, where=where)


FILTERS = [
    ("product", "Kiln 200"),
    ("type", "new"),
    ("region", "DACH"),
    ("manager", "U-0002"),
    ("owner", "U-0004"),
    ("team", None),
    ("source", "web"),
    ("source", None),
]


@pytest.mark.parametrize(("dimension", "node"), FILTERS)
def test_what_is_left_by_a_filter_is_what_the_slice_has(dimension: str, node: str | None) -> None:
    """For every KPI but those whose plan or forecast is for whole nodes, which are null, and those that have no such slice."""
    filtered, sliced = only({dimension: node}), whole(dimension)
    compared = 0
    for kpi, variant in filtered.answers:
        for window in range(6):
            ours = filtered.value(kpi, variant=variant, window=window)
            theirs = sliced.value(kpi, variant=variant, window=window, node=node)
            if ours.reason == "not_sliced":
                assert kpi in OF_WHOLE_NODES or theirs.reason in {"not_sliced", "no_actual"}
                continue
            assert ours.value == pytest.approx(theirs.value), kpi
            assert (ours.n, ours.reason, ours.excluded) == (theirs.n, theirs.reason, theirs.excluded), kpi
            compared += 1
    assert compared > 50


def test_two_filters_and_a_slice() -> None:
    """Bookings of a manager's people by product, of one region, add up to that manager's in the region."""
    both = only({"manager": "U-0002", "region": "DACH"}, by="product")
    total = only({"manager": "U-0002", "region": "DACH"}).value("bookings", window=3).value
    cells = both.answers["bookings", "standard"].cells.value[3]
    assert cells[0] == pytest.approx(total)
    assert cells[1:].sum() == pytest.approx(total)
    assert (total or 0) > 0


def test_a_filter_that_nothing_passes() -> None:
    none = only({"product": "Airship"})
    assert (none.value("bookings").value, none.value("win_rate", window=3).reason) == (0, "nothing_counted")
