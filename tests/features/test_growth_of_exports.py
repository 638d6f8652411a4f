"""Ten weekly exports of a company, each of its present state alone, grow the history that the company would have kept.

Two companies. The *untidy* one has every dirt, late entry among it; whatever a signal says of the present agrees with the whole
history after every export. The *weekly* one enters everything in the last microsecond of a week, so that an export shows each
change at the moment of the change; there, for the deals that came after the first export, every signal agrees, and for older ones
those that count or date changes know of those since the first export alone.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from features import clock
from features.dataset import Dataset
from features.deals import deal_signals
from features.rates import rates
from features.snapshot import Snapshot
from features.sources import IngestReport, SourceData
from features.store import Store
from features.synthetic import Dirt, Settings, generate
from tests.features.companies import MICROSECOND, moment

EXPORTS = [moment("2026-07-26") + pd.Timedelta(weeks=week) for week in range(10)]
FIRST = EXPORTS[0] - MICROSECOND
"""When the first export was made: it shows what was recorded strictly before EXPORTS[0]."""
WEEK = 7 * clock.MICROS_PER_DAY
OFFSET = clock.micros(EXPORTS[0]) % WEEK
WATCHED = ("stage", "owner_id", "amount", "expected_close_on", "forecast_category", "crm_probability")

OF_THE_PRESENT = [
    "stage",
    "amount",
    "age_days",
    "days_to_expected_close",
    "pipeline",
    "product",
    "source",
    "type",
    "industry",
    "region",
    "client_n_won",
    "client_n_lost",
    "client_n_open",
    "n_activities",
    "n_activities_30d",
    "days_since_activity",
    "owner_n_open",
]
"""Signals that agree to the byte for every deal: they depend on what holds now, or on tables with a date of their own."""
OF_CHANGES = ["n_stage_changes", "n_owner_changes"]
"""Signals that count changes: exact for deals since the first export, for older ones without those before it."""
SINCE_CHANGES = ["days_in_stage", "days_with_owner"]
"""Signals that date changes: exact for deals since the first export, for older ones no longer ago than it."""


def in_weeks(times: pd.Series) -> pd.Series:
    """Each time moved to the last microsecond of its week."""
    values = clock.to_micros(times)
    ends = -(-(values + 1 - OFFSET) // WEEK) * WEEK + OFFSET - 1
    return clock.to_series(np.where(values == clock.UNKNOWN, clock.UNKNOWN, ends)).set_axis(times.index)


def weekly(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The company as if all were entered at the end of each week: one change a field and week, none in a deal's first week."""
    entered = in_weeks(tables["deals"]["created_at"])
    deals = tables["deals"].assign(recorded_at=entered, closed_at=in_weeks(tables["deals"]["closed_at"]))
    first_week = tables["deals"].set_index("deal_id")["created_at"].pipe(in_weeks)
    changes = tables["deal_changes"].assign(changed_at=in_weeks(tables["deal_changes"]["changed_at"]))
    by = ["deal_id", "field", "changed_at"]
    net = {"old_value": "first", "new_value": "last"}
    changes = changes.groupby(by, as_index=False, dropna=False).agg(net)
    changed = changes["old_value"].fillna("") != changes["new_value"].fillna("")
    later = changes["changed_at"].to_numpy() != first_week.reindex(changes["deal_id"]).to_numpy()
    return {**tables, "deals": deals, "deal_changes": changes[changed & later].reset_index(drop=True)}


@cache
def company(kind: str) -> Dataset:
    """The company with its whole history."""
    made = generate(Settings(n_deals=260, seed=4, months=8, dirt=Dirt.all() if kind == "untidy" else Dirt()))
    tables = made.tables if kind == "untidy" else weekly(made.tables)
    since = dict.fromkeys(WATCHED, made.settings.start_at)
    return Dataset.of(
        tables, made.organisation, static=made.static, tracked_since=since, extracted_at=EXPORTS[-1] + pd.Timedelta(days=20)
    )


def export(whole: Dataset, at: pd.Timestamp) -> SourceData:
    """What a CRM without a history shows: every table as it was known, and no changes."""
    known = Snapshot(whole, at)
    tables = {name: known.frame(name) for name in whole.tables if name != "deal_changes"}
    return SourceData(tables, whole.organisation, whole.static, {}, IngestReport("test", {}), at - MICROSECOND)


@cache
def grown(kind: str) -> list[Dataset]:
    """What a store holds after each export."""
    with TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'store.db'}")
        held = []
        for at in EXPORTS:
            store.merge(export(company(kind), at))
            held.append(store.load())
        store.close()
    return held


def matrices(kind: str, number: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Signals right after an export, from what grew and from the whole history; both borrow the rates of their own data."""
    grew, whole = Snapshot(grown(kind)[number], EXPORTS[number]), Snapshot(company(kind), EXPORTS[number])
    return deal_signals(grew), deal_signals(whole)


def came_after_the_first(whole: Dataset, ids: "pd.Index[str]") -> npt.NDArray[np.bool_]:
    """Which deals came on record after the first export was made."""
    known = pd.Series(whole.deal_known, index=whole.deals["deal_id"]).reindex(ids).to_numpy()
    return ~clock.known(known, clock.micros(FIRST) + 1)


@pytest.mark.parametrize("number", range(10))
def test_what_holds_now_agrees_after_every_export_of_an_untidy_company(number: int) -> None:
    grew, whole = matrices("untidy", number)
    assert len(whole) > 20
    pd.testing.assert_frame_equal(grew[OF_THE_PRESENT], whole[OF_THE_PRESENT], check_exact=True)


def test_late_entries_reach_the_store_with_the_export_that_follows_them() -> None:
    changes = company("untidy").tables["deal_changes"]
    late = ~clock.known(clock.to_micros(changes["recorded_at"]), clock.micros(EXPORTS[3])) & clock.known(
        clock.to_micros(changes["changed_at"]), clock.micros(EXPORTS[3])
    )
    amounts = changes[late & (changes["field"] == "stage").to_numpy()]
    assert len(amounts) > 0  # made before the fourth export and entered after it
    values = {number: Snapshot(grown("untidy")[number], EXPORTS[number]) for number in (3, 9)}
    whole = {number: Snapshot(company("untidy"), EXPORTS[number]) for number in (3, 9)}
    for number, grew in values.items():
        ids = [deal for deal in amounts["deal_id"] if deal in grew.dataset.deal_rows[grew.exists]]
        rows, others = (view.dataset.deal_rows.get_indexer(pd.Index(ids)) for view in (grew, whole[number]))
        assert grew.texts("stage", rows).tolist() == whole[number].texts("stage", others).tolist()


@pytest.mark.parametrize("number", [1, 5, 9])
def test_every_signal_of_a_deal_since_the_first_export_agrees(number: int) -> None:
    grew, whole = Snapshot(grown("weekly")[number], EXPORTS[number]), Snapshot(company("weekly"), EXPORTS[number])
    lent = rates(whole)
    expected, actual = deal_signals(whole, lent), deal_signals(grew, lent)
    new = came_after_the_first(company("weekly"), expected.index)
    assert new.sum() > 1
    windows = [name for name in map(str, expected) if name.startswith("n_changes")] if number < 5 else []
    pd.testing.assert_frame_equal(actual[new].drop(columns=windows), expected[new].drop(columns=windows), check_exact=True)


@pytest.mark.parametrize("number", [1, 5, 9])
def test_older_deals_count_and_date_changes_since_the_first_export(number: int) -> None:
    grew, whole = matrices("weekly", number)
    old = ~came_after_the_first(company("weekly"), whole.index)
    assert old.sum() > 3
    fewer = grew.loc[old, OF_CHANGES].to_numpy()
    assert (np.isnan(fewer) | (fewer <= whole.loc[old, OF_CHANGES].to_numpy())).all()
    watched = clock.days_between(clock.micros(FIRST), clock.micros(EXPORTS[number]))
    since = grew.loc[old, SINCE_CHANGES].to_numpy()
    assert (np.isnan(since) | (since == np.minimum(whole.loc[old, SINCE_CHANGES].to_numpy(), watched))).all()


def test_a_window_is_whole_only_from_a_month_after_the_first_export_on() -> None:
    assert deal_signals(Snapshot(grown("weekly")[4], EXPORTS[4]))["n_changes_30d"].isna().all()
    grew, whole = matrices("weekly", 5)
    np.testing.assert_array_equal(grew["n_changes_30d"], whole["n_changes_30d"])
    assert grew["n_changes_30d"].sum() > 0


def test_before_the_first_export_nothing_without_a_history_is_known() -> None:
    before = deal_signals(Snapshot(grown("weekly")[9], FIRST))
    assert len(before) > 20
    for name in ("stage", "amount", "days_to_expected_close", "days_in_stage", "n_changes_30d", "days_with_owner"):
        assert before[name].isna().all(), name


def test_a_history_that_grew_begins_with_the_first_export() -> None:
    last = grown("weekly")[9]
    assert {name: last.tracked_since[name] for name in WATCHED} == dict.fromkeys(WATCHED, FIRST)
    assert last.begins["deal_changes"] == clock.micros(FIRST)
    assert {name: since for name, since in grown("weekly")[0].tracked_since.items() if name in WATCHED} == {}
