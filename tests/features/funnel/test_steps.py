"""The funnel: by hand, against the oracle, and its leverage against a second computation."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.calendar import FiscalCalendar
from features.funnel.journeys import DEAL, LEAD, OFFER, QUALIFIED, WON_STEP, Journeys, journeys
from features.funnel.report import NO_REASON, STEPS, Funnel
from features.funnel.steps import funnel
from features.history import LOST, WON
from features.kpis.value import Window
from features.snapshot import Snapshot
from tests.features.companies import AS_OF, moment, sales
from tests.features.funnel.dirty import MOMENTS, company, records, seen, window
from tests.features.funnel.example import QUARTER, snapshot
from tests.oracles import funnel as oracle
from tests.oracles.survival import shares

CALENDAR = FiscalCalendar()


def by_hand() -> Funnel:
    return funnel(journeys(snapshot()), QUARTER, CALENDAR)


def test_every_step_counts_who_reached_it_or_a_later_one() -> None:
    found = by_hand()
    assert {step.name: step.entered for step in found.steps} == {LEAD: 6, QUALIFIED: 4, DEAL: 10, OFFER: 5, WON_STEP: 4}
    assert {step.name: step.skipped for step in found.steps if step.skipped} == {QUALIFIED: 1, OFFER: 1}
    assert (found.n_leads, found.n_deals) == (6, 7)


def test_what_became_of_each_step() -> None:
    outcomes = {step.name: (step.moved_on, step.lost, step.still) for step in by_hand().steps}
    assert outcomes == {LEAD: (4, 0, 2), QUALIFIED: (3, 0, 1), DEAL: (5, 2, 3), OFFER: (4, 1, 0), WON_STEP: (0, 0, 0)}
    assert by_hand().step(DEAL).losses == {"price": 2}
    assert by_hand().step(OFFER).losses == {NO_REASON: 1}


def test_leads_under_way_are_not_lost() -> None:
    """L7 is half a day old. L1 qualified on day 2, L3 and L5 on day 5, L2 on day 7; L6 has been waiting for 59 days."""
    lead = by_hand().step(LEAD)
    assert lead.rate == pytest.approx(1 - 4 / 5 * 2 / 4 * 1 / 2)
    assert (lead.days, lead.in_step) == (5, 5)
    assert lead.immature


def test_money_and_what_is_left_out_of_it() -> None:
    found = by_hand()
    assert (found.won_amount, found.average) == (6000, 2000)
    assert found.excluded == {"doubled": 1, "null_amount": 1}


def revenue(found: Funnel, better: str | None = None) -> float:
    """The revenue of the cohort when one step's conversion is a point better, unit by unit down the steps."""
    assert found.average is not None
    steps = {step.name: step for step in found.steps}
    flow, began = 0.0, {LEAD: found.n_leads, DEAL: found.n_deals}
    for before, name in zip([None, *steps], steps, strict=False):
        passed = (steps[before].eventual or 0.0) + 0.01 * (before == better) if before else 0.0
        flow = flow * passed + began.get(name, 0)
    return flow * found.average


def test_leverage_is_what_a_point_more_would_bring() -> None:
    found = by_hand()
    assert found.expected == pytest.approx(revenue(found))
    for step in found.steps[:-1]:
        assert step.leverage == pytest.approx(revenue(found, step.name) - revenue(found))


def cohort(n: int, n_deals: int, n_won: int, created: str) -> Journeys:
    """Leads of one day: the first become deals a day later, of these the first are won another day later and the rest is lost."""
    day = clock.MICROS_PER_DAY
    began, number = clock.repeated(clock.micros(moment(created)), n), np.arange(n)
    dealt, won = number < n_deals, number < n_won
    reached = np.stack(
        [began, np.where(dealt, began + day, clock.UNKNOWN), np.where(won, began + 2 * day, clock.UNKNOWN)], axis=1
    )
    nothing = np.full(n, None, dtype=object)
    return Journeys(
        steps=(LEAD, DEAL, WON_STEP),
        began=began,
        entry=np.zeros(n, dtype=np.int64),
        reached=reached,
        skipped=np.zeros((n, 3), dtype=bool),
        lost=np.where(dealt & ~won, began + 2 * day, clock.UNKNOWN),
        reason=nothing,
        amount=np.where(dealt, 5000.0, np.nan),
        deal=np.where(dealt, number, -1),
        owner=nothing,
        source=nothing,
        unlinked=0,
        doubled=0,
        as_of=clock.micros(moment("2026-07-01")),
    )


def together(*parts: Journeys) -> Journeys:
    arrays = ("began", "entry", "reached", "skipped", "lost", "reason", "amount", "deal", "owner", "source")
    joined: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
    return replace(parts[0], **joined)


def test_the_leverage_of_the_docstring() -> None:
    found = funnel(cohort(100, 40, 10, "2026-04-01"), window("2026-04-01", "2026-07-01"), CALENDAR)
    assert found.step(LEAD).leverage == pytest.approx(1250)
    assert found.step(DEAL).leverage == pytest.approx(2000)


def test_the_bottleneck_is_where_the_distance_to_the_best_quarter_costs_most() -> None:
    """The second step has the larger leverage; but the first lies three points below its best quarter, the second one."""
    best, now = cohort(100_000, 43_000, 11_180, "2025-02-01"), cohort(10_000, 4_000, 1_000, "2026-04-01")
    found = funnel(together(best, now), window("2026-04-01", "2026-07-01"), CALENDAR)
    first, second = found.step(LEAD).best, found.step(DEAL).best
    assert first is not None
    assert second is not None
    assert (first.quarter, second.quarter, found.bottleneck) == ("2025Q1", "2025Q1", LEAD)
    assert first.value == pytest.approx(3 * 125_000, rel=0.02)
    assert second.value == pytest.approx(200_000, rel=0.02)
    assert (first.clear, second.clear) == (True, False)


def test_a_lucky_handful_is_no_best_quarter() -> None:
    """Three leads of three became won deals in spring 2025; that is no mark for thousands."""
    lucky, usual = cohort(3, 3, 3, "2025-05-01"), cohort(3000, 1200, 300, "2026-04-01")
    best = funnel(together(lucky, usual), window("2026-04-01", "2026-07-01"), CALENDAR).step(DEAL).best
    assert best is not None
    assert best.rate < 0.4
    assert not best.clear


def test_a_young_cohort_follows_the_company() -> None:
    """Half a day old, nothing has moved on; a day is what it took the others."""
    older, young = cohort(3000, 1200, 300, "2026-02-01"), cohort(100, 0, 0, "2026-06-30T12:00")
    lead = funnel(together(older, young), window("2026-06-30", "2026-07-01"), CALENDAR).step(LEAD)
    assert (lead.entered, lead.rate, lead.interval, lead.still) == (100, 0, None, 100)
    assert lead.eventual == pytest.approx(0.4)


def test_without_leads_and_offers_the_funnel_begins_with_the_deal() -> None:
    found = funnel(journeys(Snapshot(sales(), AS_OF)), QUARTER, CALENDAR)
    assert [step.name for step in found.steps] == [DEAL, WON_STEP]
    assert (found.step(DEAL).entered, found.step(WON_STEP).entered) == (7, 2)
    assert {step.title.ru for step in found.steps} == {STEPS[DEAL].ru, STEPS[WON_STEP].ru}


def test_an_empty_cohort_has_no_rates() -> None:
    found = funnel(journeys(snapshot()), Window("2020Q1", moment("2020-01-01"), moment("2020-04-01")), CALENDAR)
    assert {(step.entered, step.rate, step.leverage) for step in found.steps} == {(0, None, None)}
    assert (found.expected, found.average, found.bottleneck) == (None, None, None)


def test_a_slice_is_of_its_own_journeys() -> None:
    gone_through = journeys(snapshot())
    found = funnel(gone_through, QUARTER, CALENDAR, gone_through.source == "event")
    assert [step.entered for step in found.steps] == [3, 1, 1, 0, 0]


@pytest.mark.parametrize("at", MOMENTS)
def test_journeys_agree_with_the_oracle(at: str) -> None:
    found = journeys(seen(at))
    expected = oracle.journeys(records(), seen(at).as_of.to_pydatetime())
    ids = [*company().deals["deal_id"], None]
    times = [clock.to_series(found.reached[:, step]) for step in range(5)]
    lost = clock.to_series(found.lost)
    assert len(expected) == len(found.began) > 250
    for row, journey in enumerate(expected):
        assert [None if pd.isna(time[row]) else time[row] for time in times] == journey.reached
        assert found.skipped[row].tolist() == journey.skipped
        assert (ids[found.deal[row]], found.reason[row], found.owner[row]) == (journey.deal, journey.reason, journey.owner)
        assert (None if pd.isna(lost[row]) else lost[row]) == journey.lost


@pytest.mark.parametrize("at", MOMENTS)
def test_steps_agree_with_the_oracle(at: str) -> None:
    asked, as_of = window("2025-01-01", "2025-10-01"), seen(at).as_of.to_pydatetime()
    found = funnel(journeys(seen(at)), asked, CALENDAR)
    whole = [each for each in oracle.journeys(records(), as_of) if asked.start <= each.began < asked.end]
    for number, step in enumerate(found.steps[:-1]):
        rows = []
        for each in whole:
            here, following = each.reached[number : number + 2]
            if here is not None:
                until = following or each.lost or as_of
                cause = WON if following else LOST if each.lost else 0
                rows.append((0, max((until - here).total_seconds() / 86400, 0.0), cause, -np.inf))
        assert (step.entered, step.moved_on, step.lost) == (
            len(rows),
            *(sum(row[2] == cause for row in rows) for cause in (1, 2)),
        )
        assert step.rate == pytest.approx(shares(rows, 0)[0])
