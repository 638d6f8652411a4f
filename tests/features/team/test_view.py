"""The team's table: by hand, against loops, and what is said of it."""

import numpy as np
import pytest

from features.kpis.value import Window
from features.snapshot import Snapshot
from features.team.apart import of_shares
from features.team.view import Member, TeamView, said, team_view
from tests.features.companies import moment
from tests.features.funnel.dirty import MOMENTS, records, seen, window
from tests.features.funnel.example import QUARTER, snapshot
from tests.features.kpis.test_people import staff

PEOPLE = {"U2": "Ann", "U1": "Bob"}


def by_hand(plans: dict[str, float] | None = None) -> TeamView:
    return team_view(snapshot(), PEOPLE, QUARTER, plans)


def of(view: TeamView, person: str) -> Member:
    return next(member for member in view.members if member.person == person)


def test_people_come_by_name() -> None:
    assert [member.person for member in by_hand().members] == ["U2", "U1"]


def test_what_each_did() -> None:
    """Bob won D01, D02 and D03, and has D08 and D09; Ann won D04 (without an amount), lost D05 to D07, and has D10."""
    bob, ann = of(by_hand(), "U1"), of(by_hand(), "U2")
    assert (bob.won, bob.lost, bob.bookings, bob.n_open, bob.open_amount) == (3, 0, 6000, 2, 1000)
    assert (ann.won, ann.lost, ann.bookings, ann.n_open) == (1, 3, 0, 1)
    assert (bob.win_rate, ann.win_rate) == (1, 0.25)
    assert bob.interval == pytest.approx((0.4385, 1.0), abs=1e-4)


def test_pace_is_per_day_of_open_deals() -> None:
    """Bob: 30 + 30 + 20 days, D08 for 81 (its ten days as lost included), D09 for 12."""
    assert of(by_hand(), "U1").pace == pytest.approx(100 * 3 / (30 + 30 + 20 + 81 + 12))


def test_attainment_is_sum_over_sum() -> None:
    view = by_hand({"U1": 4000.0, "U2": 8000.0})
    assert (of(view, "U1").attainment, of(view, "U2").attainment) == (1.5, 0)
    assert view.attainment == 0.5
    assert view.planned == (0, 1)
    assert of(by_hand({"U1": 4000.0}), "U2").attainment is None


def test_newcomers_and_managers() -> None:
    """Eva was hired after the first plan and leads Ole; Ole was there before."""
    view = team_view(Snapshot(staff(), moment("2026-10-01")), {"U1": "Eva", "U4": "Ole"}, QUARTER)
    eva, ole = of(view, "U1"), of(view, "U4")
    assert (eva.reports, eva.at_plan, ole.reports, ole.at_plan, ole.ramp_months) == (1, True, 0, None, None)
    assert eva.ramp_months == pytest.approx(259 / 30.4375)
    assert of(by_hand(), "U1").reports is None


def test_three_wins_of_three_are_not_told_from_one_of_four() -> None:
    view = by_hand()
    assert view.win_rates is not None
    assert view.win_rates.groups == ((0, 1),)
    assert "luck" in said(view.win_rates, ["Ann", "Bob"]).en
    assert view.win_rate == pytest.approx(4 / 7)


def test_stages_are_compared_with_the_teams_best() -> None:
    stages = {gap.stage: gap for gap in by_hand().stages}
    assert stages["Discovery"].moved_on.tolist() == [4, 3]
    assert stages["Discovery"].decided.tolist() == [5, 3]
    assert stages["Discovery"].behind == ()
    assert stages["Solution"].best == 1


def test_a_window_ahead_has_nothing_to_compare() -> None:
    view = team_view(snapshot(), PEOPLE, Window("2026Q3", moment("2026-07-01"), moment("2026-10-01")))
    assert (view.elapsed, view.win_rate, view.win_rates, view.paces, view.attainments) == (0, None, None, None, None)
    assert said(None, ["Ann", "Bob"]).ru == "Сравнивать нечего."


def test_what_is_said_of_clear_differences() -> None:
    compared = of_shares(np.array([160.0, 40, 100]), np.array([200.0, 200, 200]))
    assert (
        said(compared, ["Ann", "Bob", "Eva"]).en == "Above the team: Ann. Below the team: Bob. Within a group there is no order."
    )
    assert said(compared, ["Ann", "Bob", "Eva"]).ru == "Выше команды: Ann. Ниже команды: Bob. Внутри группы порядка нет."


@pytest.mark.parametrize("at", MOMENTS)
def test_counts_agree_with_a_loop(at: str) -> None:
    asked, as_of = window("2025-01-01", "2026-06-01"), seen(at).as_of.to_pydatetime()
    counts: dict[tuple[str, str], int] = {}
    days: dict[str, float] = {}
    end = min(asked.end.to_pydatetime(), as_of)
    rows = records()
    for deal in rows.rows("deals"):
        if deal["created_at"] >= as_of:
            continue
        events = rows.events(deal, as_of)
        state, closed = (max(events)[1], max(events)[0]) if rows.state(deal, as_of) != "open" else ("open", as_of)
        owners = rows.values(deal, "owner_id", as_of)
        if state != "open" and asked.start <= closed < end:
            owner = [owner for since, owner in owners if since <= closed][-1]
            counts[owner, state] = counts.get((owner, state), 0) + 1
        for (since, owner), until in zip(owners, [*(later for later, _ in owners[1:]), closed], strict=True):
            held = (min(until, end) - max(since, asked.start)).total_seconds() / 86400
            days[owner] = days.get(owner, 0.0) + max(held, 0.0)
    people = {str(user["user_id"]): str(user["name"]) for user in rows.rows("users")}
    view = team_view(seen(at), people, asked)
    for member in view.members:
        assert (member.won, member.lost) == tuple(counts.get((member.person, state), 0) for state in ("won", "lost"))
        expected = 100 * member.won / days[member.person] if days.get(member.person) else None
        assert member.pace == (expected if expected is None else pytest.approx(expected))
