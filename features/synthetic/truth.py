"""What was true of each open deal at a date: P(won or lost by then + h | all that was recorded before it).

Two steps. First the posterior of the latent quality, exact because quality has five levels: prior × density of each finished
sojourn × probability of each step taken × survival of the running sojourn × Poisson counts of activities × share of them that
brought a new contact × Poisson count of slips. Then the walk of `process.py` is run forward from the present state many times: the
running sojourn is drawn on the condition that it has lasted this long, quality from its posterior, shocks from their prior.

Taken as known: each owner's skill, the generator's constants, and the shocks of past months. For the month that as_of lies in, the
part before as_of is known as well and the rest gets a shock of its own, as if a new month began at as_of. The pace of all deals so
far would tell a little about that rest; so with shocks the truth is exact at the first of a month and close to it in between,
and with `shock_sd=0` it is exact at every date. The sampling error of a probability p is at most sqrt(p (1 - p) / n_draws).

Example: at 2026-01-01 a deal is in Proposal since 20 operational days. `p_won_30d` of 0.2 means: of many deals with just this
record, one in five is won in [2026-01-01, 2026-01-31).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask
from features.errors import UsageError
from features.history import Rows, count_rows
from features.synthetic import activities, deals, schedule
from features.synthetic.batch import ids, micros
from features.synthetic.company import Company
from features.synthetic.deals import Visits
from features.synthetic.pace import Clock
from features.synthetic.process import LOST, PRIOR, WON, Steps, Walkers, World, log_likelihood, log_survival, walk
from features.synthetic.story import Story

PATHS_AT_ONCE: Final = 1_000_000
FOREVER: Final = float("inf")


def deal_truth(
    company: Company, as_of: pd.Timestamp, horizons: Sequence[float], n_draws: int = 400, seed: int = 0
) -> pd.DataFrame:
    """The true probabilities of the deals open at as_of.

    Returns a row for each, indexed by `deal_id`, with `p_won_{h}d` and `p_lost_{h}d` for each horizon h in days, and `p_won` and
    `p_lost` for the end of time; each in [0, 1]. Raises UsageError for a company with dirt, or an as_of outside its history.
    """
    at = check(company, as_of, horizons)
    story, day = company.story, at / clock.MICROS_PER_DAY
    now, level = _present(story, at, day)
    shares = posterior(story, at, now)
    rng = np.random.default_rng([seed, at])
    future = story.clock.redrawn(day, story.settings.shock_sd, n_draws, rng)
    world = World(future, story.people.desk, story.deals.merit, story.deals.stride)
    columns = answer_names(horizons)
    chunk = max(1, PATHS_AT_ONCE // n_draws)
    parts = [
        _forward(world, now.take(rows), shares[rows], level[rows], at, horizons, rng)
        for rows in np.array_split(np.arange(len(now)), max(1, -(-len(now) // chunk)))
    ]
    return pd.DataFrame(np.concatenate(parts), columns=columns, index=pd.Index(ids("D", now.deal), name="deal_id"))


def check(company: Company, as_of: pd.Timestamp, horizons: Sequence[float]) -> int:
    """The as_of in microseconds. Raises UsageError where there is no truth to tell."""
    if not company.settings.dirt.is_clean:
        raise UsageError("the truth is defined for a clean company; generate it with Dirt()")
    if not all(horizon > 0 for horizon in horizons):
        raise UsageError(f"horizons are {list(horizons)}; each must be a positive number of days")
    at, start, end = map(clock.micros, (as_of, company.settings.start_at, company.settings.end_at))
    if not clock.within(np.array([at]), start, end + 1)[0]:
        raise UsageError(f"as_of is {as_of}; the history runs from {company.settings.start_at} to {company.settings.end_at}")
    return at


def answer_names(horizons: Sequence[float]) -> list[str]:
    return [f"{name}_{horizon:g}d" for horizon in horizons for name in ("p_won", "p_lost")] + ["p_won", "p_lost"]


def _present(story: Story, at: int, day: float) -> tuple[Visits, Floats]:
    """The running stay of each deal open at as_of, and for how long (operational) it has run."""
    stays = deals.visits(story.deals, _known_steps(story, at), day)
    now = stays.take(stays.last == 1)
    return now, story.clock.operational(np.full(len(now), day)) - story.clock.operational(now.start)


def _known_steps(story: Story, at: int) -> Steps:
    return story.steps.take(clock.known(micros(story.steps.day), at))


def posterior(story: Story, at: int, now: Visits) -> Floats:
    """(open deals, levels) probability of each level of quality, given the record before as_of (microseconds)."""
    evidence = np.log(PRIOR) + sum(_evidence(story, at, now), np.zeros((len(story.deals), len(PRIOR))))[now.deal]
    weights = np.exp(evidence - evidence.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _evidence(story: Story, at: int, now: Visits) -> list[Floats]:
    """Log-likelihoods (all deals, levels) of what is on record about each."""
    day, n = at / clock.MICROS_PER_DAY, len(story.deals)
    steps = _known_steps(story, at)
    stays = deals.visits(story.deals, steps, day)
    passed = story.clock.operational(stays.stop) - story.clock.operational(stays.start)
    elapsed = np.where(stays.last == 1, passed, 0.0)
    return [
        _by_deal(steps.deal, log_likelihood(story.world, steps), n),
        _by_deal(stays.deal, log_survival(story.world, stays.deal, stays.stage, elapsed), n),
        *_of_activities(story, at, stays, n),
        _of_slips(story, at, stays.deal, passed, n),
    ]


def _by_deal(deal: Rows, values: Floats, n_deals: int) -> Floats:
    """Sums of (rows, levels) by deal."""
    return np.stack([np.bincount(deal, column, minlength=n_deals) for column in values.T], axis=1)


def _of_activities(story: Story, at: int, stays: Visits, n: int) -> list[Floats]:
    each = story.activities
    known = clock.known(micros(each.day), at)
    expected = activities.exposure(stays, story.clock)
    counts = []
    for channel in range(activities.N_CHANNELS):
        count = count_rows(each.deal, known & (each.channel == channel), n)
        exposed = np.bincount(stays.deal, expected[channel], minlength=n)
        counts.append(_poisson(count, exposed, activities.HEAT[channel]))
    return [*counts, _of_contacts(story, known, n)]


def _of_contacts(story: Story, known: Mask, n: int) -> Floats:
    """The first contact of a deal is new whatever its quality; each later contact activity is a trial."""
    each = story.activities
    trials = np.maximum(count_rows(each.deal, known & (each.channel != activities.INTERNAL), n) - 1, 0)
    fresh = np.maximum(count_rows(each.deal, known & (each.fresh == 1), n) - 1, 0)
    share = activities.NEW_CONTACT
    return np.asarray(fresh[:, None] * np.log(share) + (trials - fresh)[:, None] * np.log(1 - share))


def _of_slips(story: Story, at: int, deal: Rows, passed: Floats, n: int) -> Floats:
    known = clock.known(micros(story.pushes.day), at) & (story.pushes.slip == 1)
    return _poisson(count_rows(story.pushes.deal, known, n), np.bincount(deal, passed, minlength=n), schedule.SLIP_RATE)


def _poisson(count: Floats, exposed: Floats, rate: Floats) -> Floats:
    """(deals, levels) log-likelihood of Poisson counts, up to a term without the level."""
    return np.asarray(count[:, None] * np.log(rate) - exposed[:, None] * rate)


def _forward(
    world: World, now: Visits, shares: Floats, elapsed: Floats, at: int, horizons: Sequence[float], rng: np.random.Generator
) -> Floats:
    """(deals, answers) share of the simulated futures in which each answer comes true."""
    start = _futures(world.clock, now, shares, elapsed, rng)
    closing = Steps.join([steps.take(steps.to >= WON) for steps in walk(world, start, rng)])
    n_draws, number = len(world.clock.shocks), np.zeros(len(world.merit), dtype=np.int64)
    number[now.deal] = np.arange(len(now))
    deal, closed = number[closing.deal], micros(closing.day)
    answers = []
    for horizon in (*horizons, FOREVER):
        inside = clock.within(closed, at, clock.after_days(at, horizon)) if horizon < FOREVER else np.ones(len(closed), dtype=bool)
        answers += [count_rows(deal, inside & (closing.to == end), len(now)) for end in (WON, LOST)]
    return np.stack(answers, axis=1) / n_draws


def _futures(calendar: Clock, now: Visits, shares: Floats, elapsed: Floats, rng: np.random.Generator) -> Walkers:
    """Each deal once in each draw of the shocks; its quality is spread over the draws as evenly as the posterior allows."""
    n_draws, n = len(calendar.shocks), len(now)
    places = (np.arange(n_draws) + rng.random((n, 1))) / n_draws
    quality = np.stack([np.searchsorted(row[:-1], place) for row, place in zip(np.cumsum(shares, axis=1), places, strict=True)])
    deal, draw = np.repeat(np.arange(n), n_draws), np.tile(np.arange(n_draws), n)
    entered = calendar.operational(now.start)
    return Walkers(
        now.deal[deal], draw, now.stage[deal], quality.ravel(), now.owner[deal], entered[deal], elapsed[deal]
    )
