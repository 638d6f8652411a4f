"""The true probabilities of deals: calibrated, sharp, and blind to the future."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.errors import UsageError
from features.synthetic import Company, Settings, deal_truth, generate, truth
from features.synthetic.batch import micros
from features.synthetic.pace import Clock
from features.synthetic.process import PRIOR

HORIZONS = (7, 30, 90)
DATES = ("2025-03-01", "2025-07-01", "2025-11-01", "2026-03-01")
SEEDS = (0, 1, 2, 3)


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@cache
def company(seed: int = 0, shock_sd: float = 0.0) -> Company:
    return generate(Settings(n_deals=2200, seed=seed, shock_sd=shock_sd))


def realised(made: Company, as_of: pd.Timestamp, rows: pd.DataFrame) -> pd.DataFrame:
    """The truth with what really came: `won_{h}` and `lost_{h}` as 0 and 1, and the stage at as_of."""
    deals = made.tables["deals"].set_index("deal_id").loc[rows.index]
    inside = {h: (deals["closed_at"] < as_of + pd.Timedelta(days=h)).to_numpy() for h in HORIZONS}
    ends = {f"{end}_{h}": inside[h] & (deals["outcome"] == end) for end in ("won", "lost") for h in HORIZONS}
    return rows.assign(**ends, stage=stage_at(made, as_of).loc[rows.index], cluster=f"{made.settings.seed} {as_of}")


def stage_at(made: Company, as_of: pd.Timestamp) -> pd.Series:
    """Each deal's stage just before as_of, from the tables alone."""
    changes = made.tables["deal_changes"].query("field == 'stage'").sort_values("changed_at")
    later = changes[changes["changed_at"] >= as_of].drop_duplicates("deal_id").set_index("deal_id")["old_value"]
    now = made.tables["deals"].set_index("deal_id")["stage"]
    return later.reindex(now.index).fillna(now)


@cache
def replay(shock_sd: float = 0.0, *, with_quality: bool = True) -> pd.DataFrame:
    """Truth and outcome of all open deals on several dates in several companies."""
    parts = []
    with pytest.MonkeyPatch.context() as patch:
        if not with_quality:
            patch.setattr(truth, "posterior", lambda story, *_: np.tile(PRIOR, (len(story.deals), 1)))
        for seed in SEEDS:
            made = company(seed, shock_sd)
            parts += [realised(made, at(date), deal_truth(made, at(date), HORIZONS, n_draws=200)) for date in DATES]
    return pd.concat(parts)


def log_loss(outcome: pd.Series, p: pd.Series) -> float:
    clipped = p.clip(1e-3, 1 - 1e-3)
    return float(-(outcome * np.log(clipped) + (1 - outcome) * np.log(1 - clipped)).mean())


@pytest.mark.parametrize("horizon", HORIZONS)
@pytest.mark.parametrize("end", ["won", "lost"])
def test_the_mean_is_the_frequency(end: str, horizon: int) -> None:
    rows = replay()
    p, came = rows[f"p_{end}_{horizon}d"], rows[f"{end}_{horizon}"]
    error = np.sqrt((p * (1 - p)).sum()) / len(rows)
    assert len(rows) > 3000
    assert abs(came.mean() - p.mean()) < 3.5 * error


@pytest.mark.parametrize("horizon", [30, 90])
def test_each_decile_is_reliable(horizon: int) -> None:
    rows = replay()
    p, came = rows[f"p_won_{horizon}d"], rows[f"won_{horizon}"]
    groups = np.minimum((p.rank(method="first", pct=True) * 10).astype(int), 9)
    table = pd.DataFrame({"p": p, "came": came, "variance": p * (1 - p)}).groupby(groups).agg(["mean", "size"])
    error = np.sqrt(table["variance"]["mean"] / table["p"]["size"])
    # Each p carries the error of 200 draws, which sorts some rows one decile too far out.
    assert (abs(table["came"]["mean"] - table["p"]["mean"]) < 3.5 * error + 0.01).all()
    assert table["p"]["mean"].max() > 0.5


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_truth_beats_the_base_rate_of_each_stage(horizon: int) -> None:
    rows = replay()
    came = rows[f"won_{horizon}"].astype(float)
    base_rate = came.groupby(rows["stage"]).transform("mean")
    assert log_loss(came, rows[f"p_won_{horizon}d"]) < 0.97 * log_loss(came, base_rate)


@pytest.mark.parametrize("end", ["won", "lost"])
def test_what_is_on_record_tells_about_quality(end: str) -> None:
    rows, ignorant = replay(), replay(with_quality=False)
    came = rows[f"{end}_90"].astype(float)
    assert log_loss(came, rows[f"p_{end}_90d"]) < log_loss(came, ignorant[f"p_{end}_90d"]) - 0.005


@pytest.mark.parametrize("end", ["won", "lost"])
def test_with_shocks_the_truth_is_right_on_average_over_months(end: str) -> None:
    rows = replay(0.25)
    miss = (rows[f"{end}_30"] - rows[f"p_{end}_30d"]).groupby(rows["cluster"]).mean()
    assert abs(miss.mean()) < 3.5 * miss.std() / np.sqrt(len(miss))
    assert abs(miss.mean()) < 0.03


def test_shocks_make_months_miss_together() -> None:
    spread = {}
    for sd in (0.0, 0.6):
        rows = replay(sd)
        p = rows["p_won_30d"]
        missed = (rows["won_30"] - p).groupby(rows["cluster"]).sum()
        spread[sd] = float((missed**2 / (p * (1 - p)).groupby(rows["cluster"]).sum()).mean())
    assert spread[0.0] < 2
    assert spread[0.6] > 2


def test_the_posterior_of_quality_is_calibrated_and_sharp() -> None:
    shares, levels = [], []
    for seed in SEEDS:
        story = company(seed).story
        as_of = clock.micros(at("2026-03-01"))
        shares.append(truth.posterior(story, as_of, truth.stays_at(story, as_of)))
        levels.append(story.deals.quality)
    share, level = np.concatenate(shares), np.concatenate(levels)
    chosen = share[np.arange(len(level)), level]
    error = np.sqrt((share * (1 - share)).sum(axis=0)) / len(level)
    assert (abs(share.mean(axis=0) - np.bincount(level) / len(level)) < 3.5 * error).all()
    assert np.log(chosen).mean() > np.log(PRIOR[level]).mean() + 0.1


def test_the_three_ends_add_up_and_grow() -> None:
    rows = deal_truth(company(), at("2026-03-01"), (7, 30, 3000), n_draws=100)
    assert np.allclose(rows["p_won"] + rows["p_lost"], 1)
    assert (rows["p_won_7d"] <= rows["p_won_30d"]).all()
    assert (rows["p_won_30d"] <= rows["p_won"]).all()
    assert np.allclose(rows["p_won_3000d"], rows["p_won"], atol=0.02)


def test_the_rows_are_the_open_deals() -> None:
    as_of = at("2026-03-01")
    deals = company().tables["deals"]
    open_ = (deals["created_at"] < as_of) & ~(deals["closed_at"] < as_of)
    assert deal_truth(company(), as_of, [30], n_draws=2).index.tolist() == deals["deal_id"][open_].tolist()


def test_at_the_beginning_there_is_no_deal() -> None:
    rows = deal_truth(company(), company().settings.start_at, [30], n_draws=2)
    assert rows.empty
    assert list(rows.columns) == ["p_won_30d", "p_lost_30d", "p_won", "p_lost"]


def test_the_same_seed_gives_the_same_truth() -> None:
    first, again, other = (deal_truth(company(), at("2026-03-01"), [30], n_draws=20, seed=seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def without_future(made: Company, as_of: int) -> Company:
    """The same company with everything at or after as_of cut off, and other shocks from then on."""
    story = made.story
    keep = {"steps": story.steps.day, "pushes": story.pushes.day, "activities": story.activities.day}
    known = {name: clock.known(micros(day), as_of) for name, day in keep.items()}
    old = story.clock
    begins = old.calendar(old.operational(np.interp(old.starts, old.calm, old.days)))
    shocks = np.where(clock.known(micros(begins), as_of), old.shocks, old.shocks + 3)
    cut = replace(
        story,
        scene=replace(story.scene, clock=Clock(old.days, old.calm, old.starts, shocks)),
        wave=replace(story.wave, steps=story.steps.take(known["steps"]), haggled=story.wave.haggled[known["steps"]]),
        pushes=story.pushes.take(known["pushes"]),
        activities=story.activities.take(known["activities"]),
    )
    return replace(made, story=cut)


def test_the_truth_does_not_see_the_future() -> None:
    made, as_of = company(0, 0.25), at("2026-03-01")
    blind = without_future(made, clock.micros(as_of))
    assert len(blind.story.steps) < len(made.story.steps)
    pd.testing.assert_frame_equal(deal_truth(made, as_of, [30], n_draws=50), deal_truth(blind, as_of, [30], n_draws=50))


@pytest.mark.parametrize("as_of", ["2020-01-01", "2026-10-02"])
def test_outside_of_the_history_there_is_no_truth(as_of: str) -> None:
    with pytest.raises(UsageError, match="history runs"):
        deal_truth(company(), at(as_of), [30])


def test_a_horizon_is_positive() -> None:
    with pytest.raises(UsageError, match="positive"):
        deal_truth(company(), at("2026-03-01"), [0])
