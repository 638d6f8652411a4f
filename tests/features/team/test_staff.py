"""Lead response, span of control and ramp: by hand, and on untidy data by loops."""

import numpy as np
import pytest

from features import clock
from features.dataset import Dataset
from features.snapshot import Snapshot
from features.team.desk import attained
from features.team.responses import lead_response
from features.team.staff import DAYS_PER_MONTH, Attained, Ramp, ramp, span_of_control
from tests.features.companies import dataset, moment, sales
from tests.features.funnel.dirty import MOMENTS, company, records, seen, window
from tests.features.funnel.example import QUARTER, snapshot
from tests.oracles.survival import median

USERS = """
    user_id | name | manager_id | hired_at   | left_at
    U0      | Max  |            | 2020-01-01 |
    U1      | Eva  | U0         | 2026-01-15 |
    U2      | Bob  | U0         | 2026-05-01 |
    U3      | Ann  | U0         | 2026-02-01 | 2026-06-01
    U4      | Ole  | U1         | 2021-01-01 |
"""
PLANS = """
    scope | scope_id | kpi      | period_start | period_end | target
    user  | U1       | bookings | 2026-01-01   | 2026-04-01 | 100
    user  | U1       | bookings | 2026-04-01   | 2026-07-01 | 100
    user  | U1       | bookings | 2026-07-01   | 2026-10-01 | 100
    user  | U2       | bookings | 2026-07-01   | 2026-10-01 | 100
    user  | U3       | bookings | 2026-04-01   | 2026-07-01 | 100
    user  | U4       | bookings | 2026-07-01   | 2026-10-01 | 100
"""
DEALS = """
    deal_id | owner_id | created_at | amount | stage | closed_at
    D1      | U1       | 2026-05-01 | 60     | Won   | 2026-06-10
    D2      | U1       | 2026-05-01 | 120    | Won   | 2026-08-10
    D3      | U4       | 2026-05-01 | 100    | Won   | 2026-08-10
    D4      | U2       | 2026-05-01 | 99     | Won   | 2026-09-30
"""
STAGES = "stage | kind\nWon | won\nOpen | open"


def staff() -> Dataset:
    return dataset(
        static=frozenset({"users.manager_id"}),
        tracked_since="2026-01-01",
        extracted_at="2026-12-01",
        deals=DEALS,
        stages=STAGES,
        users=USERS,
        plans=PLANS,
    )


def ramped(at: str) -> Ramp:
    known = Snapshot(staff(), moment(at))
    return ramp(known, attained(known))


def test_unanswered_leads_wait_on() -> None:
    """Answers after 1, 2, 3, 4, 10 and 20 hours; one lead has waited for 12."""
    cells = lead_response(snapshot(), (QUARTER,))
    assert (cells.value[0, 0], cells.n[0, 0], cells.censored[0, 0]) == (4, 7, 1)
    assert cells.beside["never_answered"][0, 0] == pytest.approx(1 / 7)
    assert cells.immature[0, 0]


def test_leads_by_source_and_those_of_nobody() -> None:
    source = snapshot().frame("leads")["source"]
    node = np.where(source == "web", 0, -1)
    cells = lead_response(snapshot(), (QUARTER, window("2020-01-01", "2020-04-01")), node, 2)
    assert cells.value[0].tolist()[0] == 3
    assert cells.reason.tolist() == [["", "nothing_counted"], ["nothing_counted", "nothing_counted"]]


def test_without_leads_or_answers_the_reason_is_given() -> None:
    assert lead_response(Snapshot(sales(), moment("2026-04-01")), (QUARTER,)).reason.tolist() == [["no_table"]]
    early = Snapshot(snapshot().dataset, moment("2026-01-02T00:30"))
    assert lead_response(early, (QUARTER,)).reason.tolist() == [["median_not_reached"]]


@pytest.mark.parametrize("at", MOMENTS)
def test_response_agrees_with_a_loop(at: str) -> None:
    asked, as_of = window("2025-01-01", "2025-10-01"), seen(at).as_of
    rows = []
    for lead in records().rows("leads"):
        if asked.start <= lead["created_at"] < min(asked.end, as_of):
            reply = lead["first_response_at"]
            answered = reply is not None and reply < as_of
            hours = ((reply if answered else as_of) - lead["created_at"]).total_seconds() / 3600
            rows.append((0, max(hours, 0.0), int(answered), -np.inf))
    cells = lead_response(seen(at), (asked,))
    assert (cells.value[0, 0], cells.low[0, 0], cells.high[0, 0]) == pytest.approx(median(rows, 0))
    assert cells.n[0, 0] == len(rows)


def test_span_counts_who_is_there() -> None:
    span = span_of_control(Snapshot(staff(), moment("2026-07-01")))
    assert dict(span.reports) == {"U0": 2, "U1": 1}
    assert (span.average, span.median, span.unusual) == (1.5, 1.5, ("U0", "U1"))


def test_span_of_a_hierarchy_that_is_not_on_record() -> None:
    known = dataset(extracted_at="2026-12-01", deals=DEALS, stages=STAGES, users=USERS)
    assert span_of_control(Snapshot(known, moment("2026-07-01"))).reason == "not_known_then"
    assert span_of_control(Snapshot(known, moment("2026-12-02"))).reason is None
    assert span_of_control(Snapshot(sales(), moment("2026-04-01"))).reason == "no_table"


def test_ramp_by_hand() -> None:
    """Eva met her third plan; Bob has met none in five months, Ann left after four; Max and Ole were there before the plans."""
    found = ramped("2026-10-01")
    days = [259.0, 153.0, 120.0]
    assert found.people.tolist() == ["U1", "U2", "U3"]
    assert found.months == pytest.approx([each / DAYS_PER_MONTH for each in days])
    assert found.at_plan.tolist() == [True, False, False]
    assert found.quantiles.time[0] == pytest.approx(259 / DAYS_PER_MONTH)
    assert (found.excluded, found.reason) == (2, None)


def test_a_period_that_runs_is_not_attained_yet() -> None:
    found = ramped("2026-09-30")
    assert found.at_plan.tolist() == [False, False, False]
    assert found.reason == "median_not_reached"


def test_ramp_without_plans() -> None:
    nothing = np.array([], dtype=np.int64)
    none = Attained(np.array([], dtype=object), nothing, nothing, nothing.astype(float), nothing.astype(float))
    assert ramp(Snapshot(staff(), moment("2026-10-01")), none).reason == "no_plan"


@pytest.mark.parametrize("at", MOMENTS)
def test_attained_periods_agree_with_a_loop(at: str) -> None:
    """Bookings of each plan period by whoever owned the deal at its close, in the organisation's currency as of now."""
    found, as_of = attained(seen(at)), seen(at).as_of
    rows = records()
    amount = seen(at).converted(seen(at).values("amount"), company().deals["currency"])
    won: list[tuple[str, object, float]] = []
    for row, deal in enumerate(rows.rows("deals")):
        events = rows.events(deal, as_of.to_pydatetime())
        if events and max(events)[1] == "won" and not np.isnan(amount[row]):
            owners = [owner for since, owner in rows.values(deal, "owner_id", as_of.to_pydatetime()) if since <= max(events)[0]]
            won.append((owners[-1], max(events)[0], float(amount[row])))
    starts, ends = clock.to_series(found.start), clock.to_series(found.end)
    assert len(found.person) > 5
    for row, person in enumerate(found.person):
        expected = sum(each for owner, closed, each in won if owner == person and starts[row] <= closed < ends[row])
        assert found.actual[row] == pytest.approx(expected)
