"""Win rate and cycle with open deals counted, against a plain loop over ages."""

from fractions import Fraction
from functools import cache
from math import ceil

import pytest

from features import clock, history
from features.dataset import Dataset
from features.kpis import windows
from features.kpis.scorecard import scorecard
from features.kpis.value import Value, Window
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from tests.features.companies import dataset, moment

STAGES = """
    stage | kind
    Talk  | open
    Won   | won
    Lost  | lost
"""
HEAD = "deal_id | owner_id | created_at | stage | closed_at\n"


@cache
def company() -> Dataset:
    return generate(Settings(n_deals=400, seed=5, months=15, dirt=Dirt.all())).dataset()


def rated(
    known: Dataset, window: Window, variant: str = "closed", by: str = "company", node: str | None = "", as_of: str = "2026-06-10"
) -> Value:
    kpis = [f"win_rate:{variant}", "sales_cycle"]
    return scorecard(Snapshot(known, moment(as_of)), kpis, [window], by=by).value("win_rate", node=node)


def by_hand(lives: list[tuple[int, int, int]]) -> float:
    """Aalen-Johansen over (entry, exit, state) in whole days: of what ends, the share that is won."""
    left, won, lost = Fraction(1), Fraction(0), Fraction(0)
    for age in sorted({life[1] for life in lives if life[2] != history.OPEN}):
        at_risk = sum(entry < age <= last for entry, last, _ in lives)
        wins, losses = (
            sum(last == age and state == cause for entry, last, state in lives if entry < age)
            for cause in (history.WON, history.LOST)
        )
        won, lost = won + left * wins / at_risk, lost + left * losses / at_risk
        left *= Fraction(at_risk - wins - losses, at_risk)
    return float(won / (won + lost))


def lives(snapshot: Snapshot, start: int, end: int) -> list[tuple[int, int, int]]:
    """What was watched of each deal from start to end: its age at the start, when it closed or at the end, and its state then."""
    found = []
    created, since = snapshot.dataset.deal_created.tolist(), snapshot.state_since.tolist()
    day = clock.MICROS_PER_DAY
    for deal, state in enumerate(snapshot.state.tolist()):
        closed = since[deal] if state != history.OPEN else end + 1
        if not snapshot.exists[deal] or created[deal] >= end or closed < start or closed < created[deal]:
            continue
        last, there = min(closed, end), state if closed < end else history.OPEN
        found.append((ceil((start - created[deal]) / day) - 1, max(ceil((last - created[deal]) / day), 1), there))
    return found


@pytest.mark.parametrize("quarter", ["2025Q4", "2026Q1", "2026Q2"])
def test_as_a_plain_loop_has_it(quarter: str) -> None:
    snapshot = Snapshot(company(), moment("2026-06-10"))
    window = windows.parse(quarter, company().organisation.calendar)
    end = min(clock.micros(window.end), snapshot.at)
    expected = by_hand(lives(snapshot, clock.micros(window.start), end))
    assert rated(company(), window).beside["life_table"] == pytest.approx(expected, abs=1e-12)


def test_what_is_watched_is_what_lies_in_the_window() -> None:
    """Two of three close early, won and lost; the third is open for 100 days and lost at last: 1 / 2, and then 1 / 3 in all."""
    closes = {"D1": ("Won", "2026-01-11"), "D2": ("Lost", "2026-01-21"), "D3": ("Lost", "2026-04-11")}
    deals = "\n".join(f"{deal} | U1 | 2026-01-01 | {state} | {day}" for deal, (state, day) in closes.items())
    known = dataset(tables={"deals": HEAD + deals, "stages": STAGES}, extracted_at="2026-06-01")
    quarters = [windows.parse(f"2026Q{number}", known.organisation.calendar) for number in (1, 2)]
    first, second = (rated(known, quarter) for quarter in quarters)
    assert first.value == 0.5
    assert first.beside["life_table"] == pytest.approx(0.5)
    assert (second.value, second.beside["life_table"]) == (0.0, 0.0)
    assert rated(known, quarters[0], "created").beside["life_table"] == pytest.approx(1 / 3)


def test_open_deals_count() -> None:
    """Wins come fast, losses slow: of four deals two are won on day 10, one is lost on day 50, one is open since day 10."""
    rows = [
        "D1 | U1 | 2026-01-01 | Won | 2026-01-11",
        "D2 | U1 | 2026-01-01 | Won | 2026-01-11",
        "D3 | U1 | 2026-01-01 | Lost | 2026-02-20",
    ]
    known = dataset(
        tables={"deals": HEAD + "\n".join([*rows, "D4 | U1 | 2026-01-11 | Talk |"]), "stages": STAGES}, extracted_at="2026-06-01"
    )
    found = rated(known, windows.parse("2026-01-01..2026-02-21", known.organisation.calendar))
    assert found.value == pytest.approx(2 / 3)
    assert found.beside["life_table"] == pytest.approx(1 / 2)


@pytest.mark.parametrize("by", ["owner", "team", "manager", "product"])
def test_the_company_is_the_same_however_it_is_cut(by: str) -> None:
    window = windows.parse("2026Q1", company().organisation.calendar)
    assert rated(company(), window, by=by).beside == rated(company(), window).beside


def test_a_newcomer_leans_on_the_company() -> None:
    """One deal, lost at once, is no rate of zero."""
    rows = [f"D{day} | U1 | 2026-01-01 | {'Won' if day % 2 else 'Lost'} | 2026-01-{day}" for day in range(10, 30)]
    known = dataset(
        tables={"deals": HEAD + "\n".join([*rows, "D9 | U2 | 2026-01-01 | Lost | 2026-01-12"]), "stages": STAGES},
        static=frozenset({"deals.owner_id"}),
        extracted_at="2026-06-01",
    )
    found = rated(known, windows.parse("2026Q1", known.organisation.calendar), by="owner", node="U2")
    assert found.value == 0
    assert 0.2 < (found.beside["life_table"] or 0) < 0.5
