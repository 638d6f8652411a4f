"""Every KPI and variant against SQL written from the definitions: seven quarters, at two moments, by every kind of dimension.

The company is synthetic, with all the dirt that the generator knows, and some that it does not (`muddied`).
"""

from dataclasses import replace
from functools import cache

import duckdb
import numpy as np
import pandas as pd
import pytest

from features.dataset import Dataset
from features.kpis import windows
from features.kpis.card import Scorecard
from features.kpis.catalog import KPIS
from features.kpis.scorecard import scorecard
from features.kpis.value import Value
from features.snapshot import Snapshot
from features.synthetic import Company, Dirt, Settings, generate
from tests.oracles import kpis as oracle
from tests.oracles.mud import forecasts, muddied

END, MIDDLE = "2026-10-01T00:00Z", "2026-02-20T15:30Z"
CASES = (
    (END, "owner"),
    (END, "stage"),
    (END, "source"),
    (MIDDLE, "owner"),
    (MIDDLE, "team"),
    (MIDDLE, "region"),
    (MIDDLE, "type"),
)
N_QUARTERS = 7
OWN = ("value", "n", "numerator", "denominator", "censored")
OUTSIDE = ("market_share", "trainings_held")


def named(kpi: str) -> list[str]:
    """A KPI by its name, or one name for each of its variants."""
    variants = KPIS[kpi].variants if kpi in KPIS else ()
    return [kpi] if len(variants) < 2 else [f"{kpi}:{variant.name}" for variant in variants]


EVERY = [name for kpi in (*KPIS, *OUTSIDE) for name in named(kpi)]


@cache
def company() -> Company:
    clean = generate(Settings(n_deals=1000, seed=41, months=30, dirt=Dirt.all()))
    return replace(clean, tables=muddied(clean.tables))


@cache
def dataset() -> Dataset:
    return company().dataset()


@cache
def base(moment: str, dimension: str) -> duckdb.DuckDBPyConnection:
    """The database, cut by a dimension."""
    tables = company().tables
    opened = oracle.opened(tables, pd.Timestamp(moment), N_QUARTERS, forecasts(tables))
    oracle.cut(opened, dimension)
    return opened


@cache
def card(moment: str, dimension: str) -> Scorecard:
    known = Snapshot(dataset(), pd.Timestamp(moment).as_unit("us"))
    calendar = known.dataset.organisation.calendar
    asked = windows.series(windows.quarter(known.as_of - pd.Timedelta(1, "us"), calendar), N_QUARTERS, calendar)
    return scorecard(known, EVERY, asked, by=dimension, forecasts=forecasts(company().tables))


def test_every_kpi_has_an_sql_oracle() -> None:
    """The registry is enumerated: a KPI or variant without a query of its own fails here."""
    assert set(oracle.queries()) == set(EVERY)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]} {case[0][:10]}")
@pytest.mark.parametrize("kpi", [*KPIS, *OUTSIDE])
def test_every_figure_is_that_of_sql(kpi: str, case: tuple[str, str]) -> None:
    for name in named(kpi):
        theirs, found = oracle.ask(base(*case), name), values(card(*case), name, case[1])
        told = {(*cell, figure): (ours(found[cell], figure), theirs[cell][figure]) for cell in found for figure in theirs[cell]}
        assert told
        assert not {place: pair for place, pair in told.items() if not agree(*pair)}


@pytest.mark.parametrize("kpi", KPIS)
def test_the_comparison_is_of_figures_and_not_of_nothing(kpi: str) -> None:
    """Each variant has values in SQL, and different figures."""
    for name in named(kpi):
        told = [each for case in CASES for each in oracle.ask(base(*case), name).values()]
        assert {each["value"] for each in told} - {None, 0.0}
        assert len({tuple(each.values()) for each in told}) > 2


def values(answered: Scorecard, name: str, dimension: str) -> dict[tuple[str, int], Value]:
    """By node and number of the window; of what cannot be cut so the company's alone."""
    kpi, _, variant = name.partition(":")
    answer = answered.answers[kpi, variant or next(each for of, each in answered.answers if of == kpi)]
    cut = dimension in answer.kpi.slices_of(answer.variant)
    nodes = [node for node in answered.nodes if cut or node.id == ""]
    return {
        (oracle.NOBODY if node.id is None else node.id, window): answered.value(
            kpi, node=node.id, window=window, variant=answer.variant
        )
        for node in nodes
        for window in range(answered.n_asked)
    }


def ours(value: Value, figure: str) -> float | None:
    """A figure of a value by its name: one of its own, one beside it, or a count of what was left out."""
    if figure in OWN:
        found: float | None = getattr(value, figure)
        return found
    return value.beside[figure] if figure in value.beside else float(value.excluded.get(figure, 0))


def agree(one: float | None, other: float | None) -> bool:
    """Null is null, and a figure the same figure but for rounding."""
    return one is other if one is None or other is None else one == pytest.approx(other, rel=1e-8, abs=1e-8)


def test_the_nodes_add_up_to_the_company() -> None:
    for kpi in ("bookings", "leads", "qualified_leads", "offers"):
        cells = next(answer.cells for (name, _), answer in card(MIDDLE, "owner").answers.items() if name == kpi)
        assert np.nansum(cells.value[:, 1:], axis=1) == pytest.approx(cells.value[:, 0])
