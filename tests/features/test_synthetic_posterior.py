"""The posterior of a deal's quality against a slow oracle: deal by deal, from the tables alone, with scipy's distributions."""

from dataclasses import dataclass
from functools import cache
from math import exp, log

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from features import clock
from features.clock import Floats
from features.synthetic import Company, Settings, generate, truth
from features.synthetic import activities as acts
from features.synthetic import process as proc
from features.synthetic.process import LEVELS, PRIOR, STAGES
from features.synthetic.schedule import MORNING, SLIP_RATE

AS_OF = pd.Timestamp("2026-03-10", tz="UTC")


@dataclass(frozen=True)
class Stay:
    """One stay of the oracle's deal: its stage, operational length, and what ended it (None: it runs)."""

    stage: int
    length: float
    ended_at: pd.Timestamp | None
    to: int | None
    owner: str


@cache
def company() -> Company:
    return generate(Settings(n_deals=600, seed=3))


def operational(at: pd.Timestamp) -> float:
    days = clock.micros(at) / clock.MICROS_PER_DAY
    return float(company().story.clock.operational(np.array([days]))[0])


def changes(deal_id: str, field: str) -> pd.DataFrame:
    """All changes of one field of the deal; those at or after as_of only tell what the value was before them."""
    found = company().tables["deal_changes"]
    return found[(found["deal_id"] == deal_id) & (found["field"] == field)].sort_values("changed_at")


def value_before(deal_id: str, field: str, at: pd.Timestamp) -> str:
    """What a tracked field of the deal was just before an instant."""
    found = changes(deal_id, field)
    later = found[found["changed_at"] >= at]
    return str(later["old_value"].iloc[0] if len(later) else company().tables["deals"].set_index("deal_id").loc[deal_id, field])


def stays(deal_id: str) -> list[Stay]:
    created = company().tables["deals"].set_index("deal_id")["created_at"][deal_id]
    moved = changes(deal_id, "stage").query("changed_at < @AS_OF")
    ends = [*moved["changed_at"], AS_OF]
    path: list[Stay] = []
    for number, (start, end) in enumerate(zip([created, *moved["changed_at"]], ends, strict=True)):
        runs = number == len(moved)
        stage = STAGES.index(value_before(deal_id, "stage", end))
        to = None if runs else STAGES.index(moved["new_value"].iloc[number])
        length = operational(end) - operational(start)
        path.append(Stay(stage, length, None if runs else end, to, value_before(deal_id, "owner_id", end)))
    return path


def of_stay(deal_id: str, stay: Stay, level: float) -> float:
    """Log-likelihood of one stay: how long it lasted, and what came after it."""
    story, number = company().story, int(deal_id.removeprefix("D-"))
    stride = float(story.deals.stride[number])
    sojourn = stats.weibull_min(proc.SHAPE[stay.stage], scale=proc.SCALE[stay.stage] * stride * exp(proc.DRAG * level))
    if stay.ended_at is None or stay.to is None:
        return float(sojourn.logsf(stay.length))
    waited = stay.length / (proc.SCALE[stay.stage] * stride)
    shock = story.clock.shock(np.array([clock.micros(stay.ended_at) / clock.MICROS_PER_DAY]))[0]
    score = proc.RESOLVE[stay.stage] + story.deals.merit[number] + level + proc.TILT * shock
    score += story.people.desk.skill[int(stay.owner.removeprefix("U-"))] - proc.STALE * (1 - exp(-waited / proc.PATIENCE))
    kept = stats.norm.cdf(score)
    back = kept * proc.BACK[stay.stage]
    chance = 1 - kept if stay.to == proc.LOST else back if stay.to < stay.stage else kept - back
    return float(sojourn.logpdf(stay.length) + log(chance))


def of_activities(deal_id: str, path: list[Stay], level: int) -> float:
    frame = company().tables["activities"]
    seen = frame[(frame["deal_id"] == deal_id) & (frame["logged_at"] < AS_OF)]
    direction = seen["direction"].fillna("internal")
    total = 0.0
    for channel, name in enumerate(("in", "out", "internal")):
        expected = sum(acts.RATE[channel, stay.stage] * stay.length for stay in path) * exp(acts.WARMTH[channel] * LEVELS[level])
        total += stats.poisson.logpmf((direction == name).sum(), expected)
    contacts = seen["contact_id"].dropna()
    trials, fresh = max(len(contacts) - 1, 0), max(contacts.nunique() - 1, 0)
    return float(total + stats.binom.logpmf(fresh, trials, acts.NEW_CONTACT[level]))


def of_slips(deal_id: str, path: list[Stay], level: int) -> float:
    """A date that was changed before it came due had slipped."""
    moved = changes(deal_id, "expected_close_on").query("changed_at < @AS_OF")
    due = pd.to_datetime(moved["old_value"]).dt.tz_localize("UTC") + pd.Timedelta(days=MORNING)
    length = sum(stay.length for stay in path)
    return float(stats.poisson.logpmf((moved["changed_at"] < due).sum(), SLIP_RATE[level] * length))


def slow_posterior(deal_id: str) -> Floats:
    path = stays(deal_id)
    chances = [
        log(PRIOR[level])
        + sum(of_stay(deal_id, stay, float(LEVELS[level])) for stay in path)
        + of_activities(deal_id, path, level)
        + of_slips(deal_id, path, level)
        for level in range(len(LEVELS))
    ]
    weights = np.exp(np.array(chances) - max(chances))
    return np.asarray(weights / weights.sum())


def open_deals() -> list[int]:
    """Every third open deal, and those that moved most."""
    story, at = company().story, clock.micros(AS_OF)
    stays_now = truth.stays_at(story, at)
    open_ = stays_now.deal[stays_now.last == 1]
    moves = np.bincount(stays_now.deal, minlength=len(story.deals))[open_]
    return sorted({*open_[::3].tolist(), *open_[np.argsort(-moves)[:5]].tolist()})


def test_the_posterior_follows_from_the_tables() -> None:
    story, at = company().story, clock.micros(AS_OF)
    fast = truth.posterior(story, at, truth.stays_at(story, at))
    assert len(open_deals()) > 15
    for number in open_deals():
        assert fast[number] == pytest.approx(slow_posterior(f"D-{number:06d}"), abs=1e-4)


def test_the_oracle_has_seen_all_kinds_of_steps() -> None:
    paths = [stays(f"D-{number:06d}") for number in open_deals()]
    steps = [stay.to - stay.stage for path in paths for stay in path if stay.to is not None]
    assert max(map(len, paths)) > 4
    assert {1, -1} <= set(steps)
