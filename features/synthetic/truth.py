"""What was true of each open deal at a date: P(won or lost by then + h | all that was recorded before it).

Two steps. First the posterior of the latent quality, exact because quality has five levels: prior × density of each finished
sojourn × probability of each step taken × survival of the running sojourn × Poisson counts of activities × share of them that
brought a new contact × Poisson count of slips. Then the walk of `process.py` is run forward from the present state many
times: the running sojourn is drawn on the condition that it has lasted this long, quality from its posterior, shocks from
their prior.

Taken as known: each owner's skill, the generator's constants, and the shocks of past months. For the month that as_of lies
in, the part before as_of is known as well and the rest gets a shock of its own, as if a new month began at as_of. The pace of
all deals so far would tell a little about that rest; so with shocks the truth is exact at the first of a month and close to
it in between, and with `shock_sd=0` it is exact at every date. The sampling error of a probability p is at most sqrt(p (1 -
p) / n_draws).

Example: at 2026-01-01 a deal is in Proposal since 20 operational days. `p_won_30d` of 0.2 means: of many deals with just this
record, one in five is won in [2026-01-01, 2026-01-31).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask
from features.errors import UsageError
from features.history import Rows, count_rows
from features.synthetic import activities, deals, schedule
from features.synthetic.batch import ids, micros, sums
from features.synthetic.company import Company
from features.synthetic.deals import Visits
from features.synthetic.pace import Clock
from features.synthetic.process import LOST, PRIOR, WON, Steps, Walkers, World, log_likelihood, log_survival, walk
from features.synthetic.story import Story

PATHS_AT_ONCE: Final = 1_000_000


def deal_truth(
    company: Company, as_of: pd.Timestamp, horizons: Sequence[float], n_draws: int = 400, seed: int = 0
) -> pd.DataFrame:
    """The true probabilities of the deals open at as_of.

    Returns a row for each, indexed by `deal_id`, with `p_won_{h}d` and `p_lost_{h}d` for each horizon h in days, and `p_won` and
    `p_lost` for the end of time; each in [0, 1]. Raises UsageError for a company with dirt, or an as_of outside its history.
    """
    at = check(company, as_of, horizons)
    story, rng = company.story, np.random.default_rng([seed, at])
    stays = stays_at(story, at)
    now = stays.take(stays.last == 1)
    shares = posterior(story, at, stays)[now.deal]
    world = replace(story.world, clock=story.clock.redrawn(_day(at), story.settings.shock_sd, n_draws, rng))
    n_parts = 1 + len(now) * n_draws // PATHS_AT_ONCE
    parts = [
        _forward(world, now.take(rows), shares[rows], _elapsed(story, now.take(rows)), at, horizons, rng)
        for rows in np.array_split(np.arange(len(now)), n_parts)
    ]
    index = pd.Index(ids("D", now.deal), name="deal_id")
    return pd.DataFrame(np.concatenate(parts), columns=answer_names(horizons), index=index)


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


def _day(at: int) -> float:
    return at / clock.MICROS_PER_DAY


def _known_steps(story: Story, at: int) -> Steps:
    return story.steps.take(clock.known(micros(story.steps.day), at))


def stays_at(story: Story, at: int) -> Visits:
    """The stays on record before as_of; the running ones end, for now, at as_of."""
    stays = deals.visits(story.deals, _known_steps(story, at), _day(at))
    return stays.take(clock.known(micros(stays.start), at))


def _elapsed(story: Story, stays: Visits) -> Floats:
    """Operational length of each stay."""
    return story.clock.operational(stays.stop) - story.clock.operational(stays.start)


def posterior(story: Story, at: int, stays: Visits) -> Floats:
    """(all deals, levels) probability of each level of quality, given the record before as_of (microseconds)."""
    steps, passed, n = _known_steps(story, at), _elapsed(story, stays), len(story.deals)
    running = np.where(stays.last == 1, passed, 0.0)
    evidence = np.log(PRIOR) + _by_deal(steps.deal, log_likelihood(story.world, steps), n)
    evidence += _by_deal(stays.deal, log_survival(story.world, stays.deal, stays.stage, running), n)
    evidence += _of_activities(story, at, stays) + _of_slips(story, at, sums(stays.deal, passed, n))
    weights = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _by_deal(deal: Rows, values: Floats, n_deals: int) -> Floats:
    """Sums of (rows, levels) by deal."""
    return np.stack([sums(deal, column, n_deals) for column in values.T], axis=1)


def _of_activities(story: Story, at: int, stays: Visits) -> Floats:
    """Log-likelihood of how many activities there were in each channel, and of how many new contacts they brought."""
    each, n = story.activities, len(story.deals)
    known = clock.known(micros(each.day), at)
    expected = activities.exposure(stays, story.clock)
    evidence = _of_contacts(story, known)
    for channel in range(activities.N_CHANNELS):
        count = count_rows(each.deal, known & (each.channel == channel), n)
        evidence += _poisson(count, sums(stays.deal, expected[channel], n), activities.HEAT[channel])
    return evidence


def _of_contacts(story: Story, known: Mask) -> Floats:
    """The first contact of a deal is new whatever its quality; each later contact activity is a trial."""
    each, n = story.activities, len(story.deals)
    trials = np.maximum(count_rows(each.deal, known & (each.channel != activities.INTERNAL), n) - 1, 0)
    fresh = np.maximum(count_rows(each.deal, known & (each.fresh == 1), n) - 1, 0)
    share = activities.NEW_CONTACT
    return np.asarray(fresh[:, None] * np.log(share) + (trials - fresh)[:, None] * np.log(1 - share))


def _of_slips(story: Story, at: int, passed: Floats) -> Floats:
    known = clock.known(micros(story.pushes.day), at) & (story.pushes.slip == 1)
    return _poisson(count_rows(story.pushes.deal, known, len(passed)), passed, schedule.SLIP_RATE)


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
    for horizon in (*horizons, None):
        inside = np.full(len(closed), True) if horizon is None else clock.within(closed, at, clock.after_days(at, horizon))
        answers += [count_rows(deal, inside & (closing.to == end), len(now)) for end in (WON, LOST)]
    return np.stack(answers, axis=1) / n_draws


def _futures(calendar: Clock, now: Visits, shares: Floats, elapsed: Floats, rng: np.random.Generator) -> Walkers:
    """Each deal once in each draw of the shocks; its quality is spread over the draws as evenly as the posterior allows."""
    n_draws, n = len(calendar.shocks), len(now)
    places = (np.arange(n_draws) + rng.random((n, 1))) / n_draws
    quality = (np.cumsum(shares, axis=1)[:, None, :-1] < places[:, :, None]).sum(axis=2)
    deal, draw = np.repeat(np.arange(n), n_draws), np.tile(np.arange(n_draws), n)
    entered = calendar.operational(now.start)
    return Walkers(now.deal[deal], draw, now.stage[deal], quality.ravel(), now.owner[deal], entered[deal], elapsed[deal])
