"""How a deal moves: a semi-Markov walk over the stages, in continuous operational time.

A deal stays in a stage for a Weibull-distributed operational time. Then one step is taken: lost, back, or on, and on from the
last open stage is won. Which step, depends on a latent quality that nobody sees, on what everybody sees (source, product,
type, amount for the account's size, owner), on the shock of the month, and on the sojourn itself: who waits long, loses more
often.

Owner skill is a fixed effect that the truth treats as known: a few dozen closed deals an owner nearly identify it.

Both uses of the walk share this one module: the generator starts it at the deals' beginnings, the truth at the states of a
date, with the sojourn so far as a condition. The same constants give the likelihood of a recorded step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from features.clock import Floats
from features.history import Rows
from features.synthetic.batch import Batch
from features.synthetic.pace import Clock

STAGES: Final = ("Qualification", "Discovery", "Solution", "Proposal", "Negotiation", "Won", "Lost")
N_OPEN: Final = 5
WON: Final = 5
LOST: Final = 6

LEVELS: Final = np.array([-0.95, -0.4, 0.05, 0.45, 0.95])
PRIOR: Final = np.array([0.16, 0.22, 0.27, 0.22, 0.13])

SCALE: Final = np.array([22.0, 38.0, 52.0, 54.0, 38.0])
SHAPE: Final = np.array([1.1, 1.35, 1.5, 1.3, 1.6])
RESOLVE: Final = np.array([0.78, 1.03, 1.23, 1.08, 1.13])
BACK: Final = np.array([0.0, 0.04, 0.07, 0.08, 0.06])
DRAG: Final = -0.18
STALE: Final = 1.1
PATIENCE: Final = 1.5
TILT: Final = 0.6
HAND_OVER: Final = 0.02


@dataclass(frozen=True)
class Desk:
    """The sellers, by row of the users table: their skill, when they started, and the members of each team.

    skill, hired, team  (users,)
    mates               (teams, most members) rows of the sellers in each team, repeated to fill
    """

    skill: Floats
    hired: Floats
    team: Rows
    mates: npt.NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """What all walks share. `merit` and `stride` are each deal's: its score before quality and owner, and its time scale."""

    clock: Clock
    desk: Desk
    merit: Floats
    stride: Floats


@dataclass(frozen=True)
class Walkers(Batch):
    """Deals about to take a step. `entered` and `elapsed` are operational; `draw` is the draw of the clock's shocks."""

    deal: Rows
    draw: Rows
    stage: Rows
    quality: Rows
    owner: Rows
    entered: Floats
    elapsed: Floats


@dataclass(frozen=True)
class Steps(Batch):
    """Steps taken: deal, draw, when (days since 1970, and operational), after what sojourn, from where to where.

    `owner` took the step, `heir` owns the deal after it.
    """

    deal: Rows
    draw: Rows
    day: Floats
    operational: Floats
    sojourn: Floats
    stage: Rows
    to: Rows
    quality: Rows
    owner: Rows
    heir: Rows


def walk(world: World, start: Walkers, rng: np.random.Generator) -> Iterator[Steps]:
    """Take one step with all walkers, then another with those still open, until all have closed."""
    walkers = start
    while True:
        steps = _step(world, walkers, rng)
        yield steps
        open_ = steps.take(steps.to < WON)
        walkers = Walkers(open_.deal, open_.draw, open_.to, open_.quality, open_.heir, open_.operational, np.zeros(len(open_)))
        if not len(walkers):
            return


def _step(world: World, now: Walkers, rng: np.random.Generator) -> Steps:
    sojourn = _sojourns(world, now, rng)
    operational = now.entered + sojourn
    day = world.clock.calendar(operational, now.draw)
    shock = world.clock.shock(day, now.draw)
    score = scores(world, now.deal, now.stage, now.owner, sojourn, shock) + LEVELS[now.quality]
    lost, back = odds(now.stage, score)
    chance = rng.random(len(now))
    to = np.where(chance < lost, LOST, np.where(chance < lost + back, now.stage - 1, now.stage + 1))
    heir = np.where(to < WON, _heirs(world.desk, now.owner, day, rng), now.owner)
    return Steps(now.deal, now.draw, day, operational, sojourn, now.stage, to, now.quality, now.owner, heir)


def _sojourns(world: World, now: Walkers, rng: np.random.Generator) -> Floats:
    """Weibull sojourns that are longer than the time already elapsed, by inversion."""
    scale = SCALE[now.stage] * world.stride[now.deal] * np.exp(DRAG * LEVELS[now.quality])
    shape = SHAPE[now.stage]
    return np.asarray(scale * ((now.elapsed / scale) ** shape + rng.standard_exponential(len(now))) ** (1 / shape))


def _heirs(desk: Desk, owner: Rows, day: Floats, rng: np.random.Generator) -> Rows:
    """Now and then a deal goes to another member of the team who is already there."""
    mates = desk.mates[desk.team[owner]]
    mate = mates[np.arange(len(owner)), rng.integers(0, mates.shape[1], len(owner))]
    handed = (rng.random(len(owner)) < HAND_OVER) & (desk.hired[mate] <= day)
    return np.where(handed, mate, owner)


def scores(world: World, deal: Rows, stage: Rows, owner: Rows, sojourn: Floats, shock: Floats) -> Floats:
    """What speaks for a deal at the moment of a step, latent quality left out; the probit of not being lost."""
    waited = sojourn / (SCALE[stage] * world.stride[deal])
    stale = STALE * (1 - np.exp(-waited / PATIENCE))
    return np.asarray(RESOLVE[stage] + world.merit[deal] + world.desk.skill[owner] - stale + TILT * shock)


def odds(stage: Rows, score: Floats) -> tuple[Floats, Floats]:
    """Probabilities that a step is a loss, and that it is a move back."""
    lost = ndtr(-score)
    return lost, (1 - lost) * BACK[stage]


def log_likelihood(world: World, steps: Steps) -> Floats:
    """Log-likelihood of each recorded step, (steps, levels): the density of its sojourn, and the choice made after it."""
    stage = steps.stage
    score = scores(world, steps.deal, stage, steps.owner, steps.sojourn, world.clock.shock(steps.day))
    lost, back = odds(stage[:, None], score[:, None] + LEVELS)
    chosen = np.where((steps.to == LOST)[:, None], lost, np.where((steps.to < stage)[:, None], back, 1 - lost - back))
    shape = SHAPE[stage][:, None]
    scale = (SCALE[stage] * world.stride[steps.deal])[:, None] * np.exp(DRAG * LEVELS)
    ratio = steps.sojourn[:, None] / scale
    density = (shape - 1) * np.log(ratio) - np.log(scale) - ratio**shape
    return np.asarray(np.log(chosen) + density)


def log_survival(world: World, deal: Rows, stage: Rows, elapsed: Floats) -> Floats:
    """Log-probability that a sojourn lasts longer than the time elapsed, (deals, levels)."""
    scale = (SCALE[stage] * world.stride[deal])[:, None] * np.exp(DRAG * LEVELS)
    return np.asarray(-((elapsed[:, None] / scale) ** SHAPE[stage][:, None]))
