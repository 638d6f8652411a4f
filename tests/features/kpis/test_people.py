"""Lead response, span of control and ramp: by hand, and on untidy data by loops."""

import numpy as np
import pytest

from features import clock
from features.dataset import Dataset
from features.kpis.scorecard import scorecard
from features.kpis.staff import Newcomers, attained, hierarchy, newcomers
from features.kpis.value import Value, Window
from features.snapshot import Snapshot
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


def hired(at: str) -> Newcomers:
    known = Snapshot(staff(), moment(at))
    return newcomers(known, attained(known))


def value(known: Snapshot, kpi: str, asked: Window = QUARTER, by: str = "company", node: str | None = "") -> Value:
    return scorecard(known, [kpi], [asked], by=by).value(kpi, node=node)


def at_the_end(at: str, kpi: str, node: str = "", by: str = "owner") -> Value:
    """Of the staff, in the third quarter."""
    return value(Snapshot(staff(), moment(at)), kpi, window("2026-07-01", "2026-10-01"), by, node)


def test_unanswered_leads_wait_on() -> None:
    """Answers after 1, 2, 3, 4, 10 and 20 hours; one lead has waited for 12."""
    found = value(snapshot(), "lead_response")
    assert (found.value, found.n, found.censored, found.immature) == (4, 7, 1, True)
    assert found.beside["never_answered"] == pytest.approx(1 / 7)


def test_leads_by_source() -> None:
    assert value(snapshot(), "lead_response", by="source", node="web").value == 3
    assert value(snapshot(), "lead_response", by="source", node=None).reason == "nothing_counted"


def test_without_leads_or_answers_the_reason_is_given() -> None:
    assert value(Snapshot(sales(), moment("2026-04-01")), "lead_response").reason == "no_table"
    early = Snapshot(snapshot().dataset, moment("2026-01-02T00:30"))
    assert value(early, "lead_response").reason == "median_not_reached"
    silent = dataset(extracted_at="2026-05-01", deals=DEALS, stages=STAGES, leads="lead_id | created_at\nL1 | 2026-01-01")
    assert value(Snapshot(silent, moment("2026-04-01")), "lead_response").reason == "no_response_times"


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
    found = value(seen(at), "lead_response", asked)
    assert (found.value, *(found.interval or ())) == pytest.approx(median(rows, 0))
    assert found.n == len(rows)


def test_span_counts_who_is_there() -> None:
    """Max leads Eva and Bob, Ann having left; Eva leads Ole. Fewer than five each."""
    found = at_the_end("2026-10-01", "span_of_control")
    assert (found.value, found.numerator, found.denominator, found.beside["unusual"]) == (1.5, 3, 2, 2)
    assert at_the_end("2026-10-01", "span_of_control", node="U0").value == 2
    assert at_the_end("2026-10-01", "span_of_control", node="U4").reason == "nothing_counted"


def test_span_of_an_earlier_window_counts_who_was_there_then() -> None:
    """At the end of March Bob was not hired yet, and Ann had not left."""
    march = value(Snapshot(staff(), moment("2026-10-01")), "span_of_control", window("2026-01-01", "2026-03-31"), "owner", "U0")
    assert march.value == 2


def test_span_of_a_hierarchy_that_is_not_on_record() -> None:
    known = dataset(extracted_at="2026-12-01", deals=DEALS, stages=STAGES, users=USERS)
    assert value(Snapshot(known, moment("2026-07-01")), "span_of_control").reason == "not_known_then"
    assert value(Snapshot(known, moment("2026-12-02")), "span_of_control").reason is None
    assert not hierarchy(Snapshot(sales(), moment("2026-04-01"))).on_record


def test_ramp_by_hand() -> None:
    """Eva met her third plan; Bob has met none in five months, Ann left after four; Max and Ole were there before the plans."""
    found, as_of = hired("2026-10-01"), clock.micros(moment("2026-10-01"))
    assert found.people.tolist() == ["U1", "U2", "U3"]
    assert found.months(as_of) == pytest.approx([each / 30.4375 for each in (259.0, 153.0, 120.0)])
    assert found.at_plan(as_of).tolist() == [True, False, False]
    ramped = at_the_end("2026-10-01", "ramp")
    assert ramped.value == pytest.approx(259 / 30.4375)
    assert (ramped.n, ramped.censored, ramped.excluded, ramped.immature) == (3, 2, {"hired_before_plans": 2}, True)
    assert at_the_end("2026-10-01", "ramp", node="U1").value == pytest.approx(259 / 30.4375)


def test_a_period_that_runs_is_not_attained_yet() -> None:
    assert (at_the_end("2026-09-30", "ramp").reason, at_the_end("2026-09-30", "ramp").censored) == ("median_not_reached", 3)


def test_ramp_of_an_earlier_window_forgets_what_came_after_it() -> None:
    earlier = value(Snapshot(staff(), moment("2026-10-01")), "ramp", window("2026-01-01", "2026-04-01"))
    assert (earlier.n, earlier.censored, earlier.reason) == (2, 2, "median_not_reached")


def test_ramp_without_plans() -> None:
    known = dataset(extracted_at="2026-12-01", deals=DEALS, stages=STAGES, users=USERS)
    assert value(Snapshot(known, moment("2026-10-01")), "ramp").reason == "no_table"
    assert hired("2026-10-01").before.tolist() == ["U0", "U4"]


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
