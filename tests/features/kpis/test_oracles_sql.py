"""Every figure of a scorecard of owners against SQL, on a synthetic company with all the dirt that there is, at two moments."""

from functools import cache
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from features.dataset import Dataset
from features.kpis import windows
from features.kpis.card import Scorecard
from features.kpis.scorecard import scorecard
from features.snapshot import Snapshot
from features.synthetic import Company, Dirt, Settings, generate
from tests.oracles import kpis as oracle

MOMENTS = ("2026-10-01T00:00Z", "2026-02-20T15:30Z")
CLIENT_KPIS = ("new_clients", "lost_clients", "active_clients", "retention", "churn", "grr", "nrr")
OF_THESE = ("growth", "sales_velocity", "pipeline_coverage", "ltv:orders", "ltv:contracts", "cac", "ltv_cac:orders")


@cache
def company() -> Company:
    return generate(Settings(n_deals=900, seed=41, months=30, dirt=Dirt.all()))


@cache
def dataset() -> Dataset:
    return company().dataset()


@cache
def base(moment: str) -> duckdb.DuckDBPyConnection:
    return oracle.opened(company().tables, pd.Timestamp(moment))


@cache
def card(moment: str) -> Scorecard:
    """All figures by owner, for the seven quarters to the moment."""
    known = Snapshot(dataset(), pd.Timestamp(moment).as_unit("us"))
    calendar = known.dataset.organisation.calendar
    asked = windows.series(windows.quarter(known.as_of - pd.Timedelta(1, "us"), calendar), 7, calendar)
    return scorecard(known, [*oracle.BY_OWNER, *oracle.COMPANY, *CLIENT_KPIS, *OF_THESE], asked, by="owner")


def ours(answered: Scorecard, wanted: str, node: Any = ...) -> dict[tuple[Any, ...], float]:
    """(node, quarter) -> value, the nulls left out; of the nodes, or the company."""
    kpi, _, variant = wanted.partition(":")
    values = [value for value in answered.values() if value.kpi == kpi and (not variant or value.variant == variant)]
    if not variant:
        values = [value for value in values if value.variant == next(v.variant for v in values)]
    if node is ...:
        return {(v.node.id, v.window.start): v.value for v in values if v.node.id != "" and v.value is not None}
    return {(v.window.start,): v.value for v in values if v.node.id == "" and v.value is not None}


def asked(rows: list[tuple[Any, ...]], answered: Scorecard, places: int) -> dict[tuple[Any, ...], float]:
    """The rows of the oracle that lie in the windows of the scorecard."""
    starts = {window.start for window in answered.windows}
    told = [row for row in rows if None not in row[places - 1 :]]
    keyed = {(*row[: places - 1], pd.Timestamp(row[places - 1], tz="UTC")): float(row[places]) for row in told}
    return {key: value for key, value in keyed.items() if key[-1] in starts}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kpi", oracle.BY_OWNER)
def test_by_owner_and_quarter(kpi: str, moment: str) -> None:
    theirs = asked(oracle.run(base(moment), oracle.BY_OWNER[kpi], as_of=oracle.moment(pd.Timestamp(moment))), card(moment), 2)
    found = ours(card(moment), kpi)
    counted = {key: value for key, value in found.items() if value or key in theirs}
    assert len(theirs) > 20
    assert counted == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kpi", oracle.COMPANY)
def test_of_the_company_by_quarter(kpi: str, moment: str) -> None:
    theirs = asked(oracle.run(base(moment), oracle.COMPANY[kpi], as_of=oracle.moment(pd.Timestamp(moment))), card(moment), 1)
    assert len(theirs) > 4
    assert ours(card(moment), kpi, node="") == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("moment", MOMENTS)
def test_clients_at_both_ends_of_each_quarter(moment: str) -> None:
    regimes = "('orders', 'contracts')"
    for window in range(7):
        start, end = ends(moment, window)
        at_start, at_end = (clients(moment, at, regimes) for at in (start, end))
        kept = oracle.run(base(moment), oracle.KEPT.format(regimes=regimes), start=start, end=end)[0][0]
        retention = card(moment).value("retention", window=window)
        assert (retention.denominator, retention.numerator) == (at_start, kept)
        assert card(moment).value("active_clients", window=window).value == at_end


@pytest.mark.parametrize("moment", MOMENTS)
def test_recurring_revenue_kept(moment: str) -> None:
    for window in range(7):
        start, end = ends(moment, window)
        before, after = (paid(moment, at) for at in (start, end))
        total = sum(before.values())
        gross = sum(min(monthly, after.get(client, 0.0)) for client, monthly in before.items())
        net = sum(after.get(client, 0.0) for client in before)
        assert card(moment).value("grr", window=window).value == pytest.approx(gross / total)
        assert card(moment).value("nrr", window=window).value == pytest.approx(net / total)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("kpi", "query"), [("new_clients", oracle.NEW_CLIENTS), ("lost_clients", oracle.LOST_CLIENTS)])
def test_clients_that_come_and_go(kpi: str, query: str, moment: str) -> None:
    theirs = asked(oracle.run(base(moment), query, as_of=oracle.moment(pd.Timestamp(moment))), card(moment), 1)
    assert sum(theirs.values()) > 10
    assert {key: value for key, value in ours(card(moment), kpi, node="").items() if value} == theirs


@pytest.mark.parametrize("moment", MOMENTS)
def test_growth_is_that_of_the_bookings(moment: str) -> None:
    """Of the finished quarters; the running one is compared with a part of the quarter before."""
    sold = card(moment).series("bookings")
    for window in range(1, 6):
        assert card(moment).value("growth", window=window).value == pytest.approx(sold[window] / sold[window - 1] - 1)


def test_the_pipeline_of_the_running_quarter() -> None:
    moment = MOMENTS[1]
    rows = oracle.run(
        base(moment), oracle.PIPELINE, today=pd.Timestamp("2026-02-20").date(), end=pd.Timestamp("2026-04-01").date()
    )
    assert len(rows) > 5
    for owner, amount in rows:
        value = card(moment).value("pipeline_coverage", node=owner, window=6)
        assert value.numerator == pytest.approx(amount)
        attained = card(moment).value("attainment", node=owner, window=6)
        if attained.value is not None and attained.value < 1:
            left = (attained.denominator or 0.0) - (attained.numerator or 0.0)
            assert value.value == pytest.approx(amount / left)


@pytest.mark.parametrize("moment", MOMENTS)
def test_open_qualified_deals_now(moment: str) -> None:
    rows = oracle.run(base(moment), oracle.WAITING)
    assert len(rows) > 5
    for owner, n in rows:
        assert card(moment).value("sales_velocity", node=owner, window=6).beside["open_qualified"] == n


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_client_is_worth(moment: str) -> None:
    """The lifetime value put together from parts that SQL gives."""
    for window in range(1, 7):
        start, end = ends(moment, window)
        months = (end - start).total_seconds() / 86400 / 30.4375
        first, last = (clients(moment, at, "('orders')") for at in (start, end))
        kept = oracle.run(base(moment), oracle.KEPT.format(regimes="('orders')"), start=start, end=end)[0][0]
        revenue, margin = oracle.run(
            base(moment), oracle.REVENUE, start=start, end=end, as_of=oracle.moment(pd.Timestamp(moment))
        )[0]
        monthly_churn = 1 - (kept / first) ** (1 / months)
        lifetime = min(1 / monthly_churn, 120.0) if monthly_churn else 120.0
        expected = revenue / months / ((first + last) / 2) * margin * lifetime
        assert card(moment).value("ltv", variant="orders", window=window).value == pytest.approx(expected)


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_client_costs(moment: str) -> None:
    """Over the finished months of each quarter: those of a running one do not hold the running month's costs."""
    for window in range(7):
        start, end = ends(moment, window)
        cost = oracle.run(base(moment), oracle.COSTS, start=start, end=end)[0][0]
        new = card(moment).value("new_clients", window=window).value or 0.0
        assert card(moment).value("cac", window=window).value == pytest.approx(cost / new)


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_nodes_add_up_to_the_company(moment: str) -> None:
    for kpi in ("bookings", "leads", "qualified_leads", "offers"):
        cells = next(answer.cells for (name, _), answer in card(moment).answers.items() if name == kpi)
        assert np.nansum(cells.value[:, 1:], axis=1) == pytest.approx(cells.value[:, 0])


def ends(moment: str, window: int) -> tuple[Any, Any]:
    """Start of a window, and its end or the moment."""
    asked_for = card(moment).windows[window]
    return oracle.moment(asked_for.start), oracle.moment(min(asked_for.end, pd.Timestamp(moment)))


def clients(moment: str, at: Any, regimes: str) -> int:
    return int(oracle.run(base(moment), oracle.CLIENTS_AT.format(regimes=regimes), at=at)[0][0])


def paid(moment: str, at: Any) -> dict[str, float]:
    rows = oracle.run(base(moment), oracle.MONTHLY, at=at, as_of=oracle.moment(pd.Timestamp(moment)))
    return {client: float(monthly) for client, monthly in rows}
