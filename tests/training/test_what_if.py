import pytest

from features.errors import UsageError
from features.kpis import windows
from features.snapshot import Snapshot
from tests.training.forecasts import day, foretold_by_stage, small_company
from training.rollup import PeriodForecast, forecast_period
from training.shock import fit_shock
from training.what_if import Change, what_if

SNAPSHOT = Snapshot(small_company(), day("2026-05-10"))
QUARTER = windows.parse("2026Q2", small_company().organisation.calendar)


def base() -> PeriodForecast:
    return forecast_period(SNAPSHOT, foretold_by_stage(SNAPSHOT), QUARTER, fit_shock([]), n_draws=1000)


def test_closing_a_deal_adds_what_it_still_lacked() -> None:
    before = base()
    deal = SNAPSHOT.dataset.deals["deal_id"].iloc[int(before.deals[3])]
    after = what_if(before, SNAPSHOT, Change(close=(str(deal),)))
    gained = after.table().iloc[0]["mean"] - before.table().iloc[0]["mean"]
    assert gained == pytest.approx(0.9 * (1 - before.open.p_won[3]) * before.open.amount[3], abs=0.01)
    assert (after.node_draws() >= before.node_draws()).all()


def test_a_better_rate_at_a_stage_moves_that_stage_by_its_points() -> None:
    before = base()
    after = what_if(before, SNAPSHOT, Change(rate={"Proposal": 5.0}))
    here = SNAPSHOT.texts("stage", before.deals) == "Proposal"
    assert (after.open.p_won - before.open.p_won)[here] == pytest.approx(0.05)
    assert (after.open.p_won == before.open.p_won)[~here].all()


def test_a_leaver_takes_part_of_their_own_business_and_nobody_elses() -> None:
    before = base()
    who = before.table("owner").iloc[1:].sort_values("open")["id"].iloc[-1]
    after = what_if(before, SNAPSHOT, Change(leaves=(who,), kept=0.25))
    first, second = (each.table("owner").set_index("id") for each in (before, after))
    assert second.loc[who, "open"] == pytest.approx(0.25 * first.loc[who, "open"])
    assert second.loc[who, "new"] == pytest.approx(0.25 * first.loc[who, "new"], rel=0.05)
    others = [each for each in first.index[1:] if each != who and isinstance(each, str)]
    assert second.loc[others, "new"].to_numpy() == pytest.approx(first.loc[others, "new"].to_numpy(), rel=0.05)


def test_no_change_changes_nothing() -> None:
    before = base()
    assert (what_if(before, SNAPSHOT, Change()).draws.total == before.draws.total).all()


@pytest.mark.parametrize(
    "change", [Change(close=("nope",)), Change(rate={"Nowhere": 5.0}), Change(leaves=("nobody",)), Change(kept=2.0)]
)
def test_what_cannot_be_supposed_is_refused(change: Change) -> None:
    with pytest.raises(UsageError, match=r"no open deal|no stage|no person|must lie between"):
        what_if(base(), SNAPSHOT, change)
