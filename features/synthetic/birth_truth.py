"""What deals yet to be created will truly bring: expected wins and money of the deals that open in a window and are won in it.

The generator draws creation days from a known density (season and growth, no shocks) and attributes from fixed laws. So newborns
are drawn from the same density, with the attributes of deals picked at random from the whole company, and walked forward under
shocks drawn anew; what they bring is averaged and scaled to the number expected. Attributes come from deals that exist, some of
them later than as_of: they are a sample of the law, not knowledge of the future.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats
from features.synthetic import deals
from features.synthetic.company import Company
from features.synthetic.process import PRIOR, WON, Steps, Walkers, World, walk
from features.synthetic.truth import check

N_NEWBORNS = 20_000
N_SHOCKS = 200


@dataclass(frozen=True)
class BirthTruth:
    """Expected number of wins, and of euros, from deals that open and are won inside the window."""

    wins: float
    money: float


def birth_truth(company: Company, as_of: pd.Timestamp, until: pd.Timestamp, seed: int = 0) -> BirthTruth:
    """The truth of `[as_of, until)`. Raises UsageError for a company with dirt, or an as_of outside its history."""
    at = check(company, as_of, [1.0])
    story, rng = company.story, np.random.default_rng([seed, at])
    first, last = (clock.micros(moment) / clock.MICROS_PER_DAY for moment in (as_of, until))
    low, high = _passed(company, np.array([first, last]))
    pool = story.deals.take(rng.integers(0, len(story.deals), N_NEWBORNS))
    created = _creation(company, low + rng.random(N_NEWBORNS) * (high - low))
    quality = rng.choice(len(PRIOR), N_NEWBORNS, p=PRIOR)
    born = replace(pool, created=created, quality=quality)
    shocked = story.clock.redrawn(first, story.settings.shock_sd, N_SHOCKS, rng)
    won, amount = _walked(World(shocked, story.people.desk, born.merit, born.stride), born, last, rng)
    number = len(story.deals) * (high - low)
    final = amount * _usual_haggle(company)
    return BirthTruth(number * float(won.mean()), number * float((won * final).mean()))


def _walked(world: World, born: deals.Deals, last: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    draw = rng.integers(0, len(world.clock.shocks), len(born))
    entered = world.clock.operational(born.created, draw)
    start = Walkers(np.arange(len(born)), draw, born.stage, born.quality, born.owner, entered, np.zeros(len(born)))
    steps = Steps.join(list(walk(world, start, rng)))
    won = np.zeros(len(born))
    won[steps.deal[(steps.to == WON) & (steps.day < last)]] = 1.0
    return won, born.amount


def _passed(company: Company, days: Floats) -> Floats:
    """The share of all deals that is created by each day: the distribution that `deals.creation_days` draws from."""
    settings, season = company.settings, company.story.season
    first, last = np.interp([settings.start, settings.end], season.days, season.calm)
    asked = np.interp(days, season.days, season.calm)
    rate = np.log1p(deals.GROWTH) * (settings.end - settings.start) / 365
    return np.asarray(np.expm1(rate * (asked - first) / (last - first)) / np.expm1(rate))


def _creation(company: Company, share: Floats) -> Floats:
    """The day by which each share of all deals is created: the inverse of `_passed`."""
    settings, season = company.settings, company.story.season
    first, last = np.interp([settings.start, settings.end], season.days, season.calm)
    rate = np.log1p(deals.GROWTH) * (settings.end - settings.start) / 365
    return np.asarray(np.interp(first + np.log1p(share * np.expm1(rate)) / rate * (last - first), season.calm, season.days))


def _usual_haggle(company: Company) -> float:
    """Mean of final over first amount of the deals that were won."""
    story = company.story
    row, _, final = story.wave.won
    first = story.deals.amount[row]
    return float(final.sum() / first.sum()) if len(row) else 1.0
