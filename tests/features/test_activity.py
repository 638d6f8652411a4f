"""Activities as flat arrays: sorted by deal and time, whatever columns the source has."""

import pandas as pd

from features import clock
from features.activity import KINDS
from features.dataset import Dataset
from tests.features.companies import ACTIVITIES, AS_OF, dataset, moment, rows, sales

LOG = sales().activity_log
ONE_DEAL = "deal_id | created_at | stage\nD1 | 2026-01-01 | A"


def test_they_are_sorted_by_deal_and_then_by_time() -> None:
    assert LOG.deal.tolist() == [-1, -1, 0, 0, 0, 0, 0, 0, 2]
    days = [str(clock.instant(int(time)).date()) for time in LOG.time]
    assert days[:2] == ["2025-03-01", "2026-03-30"]
    assert days[2:8] == ["2026-02-01", "2026-03-20", "2026-03-26", "2026-03-28", "2026-03-31", "2026-04-01"]


def test_a_late_entry_is_known_when_it_was_recorded() -> None:
    late = LOG.known > LOG.time
    assert [clock.instant(int(time)) for time in LOG.known[late]] == [moment("2026-04-02")]


def test_what_each_of_them_is() -> None:
    # E1 call out, E2 meeting out, E6 call in, E3 email in, E4 demo out, E5 call in
    assert [KINDS[kind] for kind in LOG.kind[2:8]] == ["call", "meeting", "call", "email", "demo", "call"]
    assert LOG.inbound[2:8].tolist() == [False, False, True, True, False, True]
    assert LOG.outbound[2:8].tolist() == [True, True, False, False, True, False]
    assert (LOG.due[2:8] != clock.UNKNOWN).tolist() == [False, False, False, False, True, False]
    assert (LOG.done[2:8] != clock.UNKNOWN).tolist() == [True, True, False, False, True, False]
    assert LOG.user[2:8].tolist() == [0, 1, 2, 1, 1, 2]


def test_a_source_without_the_optional_columns() -> None:
    log = dataset(deals=ONE_DEAL, activities="activity_id | deal_id | kind | logged_at\nE1 | D1 | call | 2026-01-02").activity_log
    assert (log.user.tolist(), log.contact.tolist(), log.inbound.tolist(), log.outbound.tolist()) == (
        [-1],
        [-1],
        [False],
        [False],
    )
    assert (log.done.tolist(), log.due.tolist()) == ([clock.UNKNOWN], [clock.UNKNOWN])
    assert log.columns == {"kind", "logged_at"}


def test_activities_without_any_deal() -> None:
    log = dataset(
        deals=ONE_DEAL, activities="activity_id | account_id | kind | logged_at\nE1 | A1 | call | 2026-01-02"
    ).activity_log
    assert log.deal.tolist() == [-1]


def test_the_order_of_rows_does_not_show() -> None:
    frame = rows(ACTIVITIES)
    tables = {"deals": rows(ONE_DEAL), "activities": frame}
    shuffled = Dataset.of({**tables, "activities": frame.sample(frac=1.0, random_state=1)})
    one, other = Dataset.of(tables).activity_log, shuffled.activity_log
    for name in ("deal", "time", "known", "due", "done", "user", "contact", "kind", "inbound", "outbound"):
        pd.testing.assert_extension_array_equal(pd.array(getattr(one, name)), pd.array(getattr(other, name)))
    assert clock.known(one.known, clock.micros(AS_OF)).sum() == 7
