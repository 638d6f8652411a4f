"""Many possible courses of one period, drawn at once: which deals are won in it, and what comes in, cell by cell.

A cell is the smallest part that anybody asks about: one owner, one product, one region. Money is kept in whole cents, so sums of
cells are exact whatever the order: a team's draws are its people's draws added up, draw by draw, and so are its quantiles' draws.

The random numbers of a block of draws depend on the seed and the block's number alone: not on the threads, and not on what is
asked. So two forecasts that differ in one deal differ in that deal's draws only, and what-if questions are answered by the
difference of two runs.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from features.clock import Floats
from features.history import Rows
from training.births import Expected
from training.shock import Shock, probit

Singles = npt.NDArray[np.float32]

BLOCK_NUMBERS: Final = 400_000
"""Random numbers at once: they stay in the cache, and bound the memory."""
MAX_BLOCK: Final = 500
CENTS: Final = 100.0
OPEN_PART, NEW_PART = 1, 2


@dataclass(frozen=True)
class OpenDeals:
    """The open deals of one forecast, one entry a deal.

    by_start  P(won before the period opens), 0 where it is open already
    by_end    P(won before it closes)
    amount    in the organisation's currency, as it stands
    ratios    (deals, quantiles) of the final amount over the present one, at evenly spread levels from 0 to 1
    cell      the deal's place in the roll-up
    team      of its owner, from 0 on
    """

    by_start: Floats
    by_end: Floats
    amount: Floats
    ratios: Floats
    cell: Rows
    team: Rows

    def __len__(self) -> int:
        return len(self.amount)

    @property
    def p_won(self) -> Floats:
        """P(won inside the period)."""
        return self.by_end - self.by_start

    @property
    def mean(self) -> Floats:
        """Expected money of each deal inside the period."""
        return np.asarray(self.p_won * self.amount * mean_ratio(self.ratios))


def mean_ratio(ratios: Floats) -> Floats:
    """(deals,) the mean of what is drawn from the quantiles of each deal, linear in between."""
    return np.asarray(((ratios[:, 1:] + ratios[:, :-1]) / 2).mean(axis=1))


@dataclass(frozen=True)
class Births:
    """The deals yet to be created, and where their money goes.

    cells  for each segment the cells of its past wins: a new win lands in one of them by chance
    """

    expected: Expected
    cells: tuple[Rows, ...]


@dataclass(frozen=True)
class Draws:
    """What each draw brings, in cents, from now to the period's end.

    total   (draws, cells) open and new deals together
    open    (draws,) of it from open deals
    new     (draws,) of it from deals yet to be created
    n_won   (draws,) open deals won
    """

    total: Floats
    open: Floats
    new: Floats
    n_won: Floats


def draw(deals: OpenDeals, births: Births, shock: Shock, n_cells: int, *, n_draws: int, seed: int, threads: int = 2) -> Draws:
    """Simulate the period `n_draws` times; the same arguments give the same draws for any number of threads."""
    luck = _Luck.of(shock, n_draws, int(deals.team.max(initial=0)) + 1, np.random.default_rng([seed, 0]))
    blocks, limits = list(_blocks(len(deals), n_draws)), _Limits.of(deals)
    total = np.zeros((n_draws, n_cells))
    with ThreadPoolExecutor(threads) as pool:
        n_won = np.concatenate(
            list(pool.map(lambda each: _open_block(deals, limits, luck, total, seed, *each), enumerate(blocks)))
        )
    opened = total.sum(axis=1)
    _add_births(births, luck, total, np.random.default_rng([seed, NEW_PART]))
    return Draws(total, opened, total.sum(axis=1) - opened, n_won)


@dataclass(frozen=True)
class _Luck:
    """What the deals of one draw share: (draws,) company, (draws, teams) teams, (draws,) variance left to the deal itself."""

    company: Floats
    teams: Floats
    own: Floats

    @classmethod
    def of(cls, shock: Shock, n_draws: int, n_teams: int, rng: np.random.Generator) -> "_Luck":
        rho, tau = shock.draw(n_draws, rng)
        company = np.sqrt(rho) * rng.standard_normal(n_draws)
        teams = np.sqrt(tau)[:, None] * rng.standard_normal((n_draws, n_teams))
        return cls(company, teams, 1.0 - rho - tau)


@dataclass(frozen=True)
class _Limits:
    """(deals,) what each deal's luck must stay below to be won before the period ends, and before it opens (None: it is open).

    Found once for all blocks: of 100,000 deals a block has four draws, and the probit would take longer than these.
    """

    by_end: Singles
    by_start: Singles | None

    @classmethod
    def of(cls, deals: OpenDeals) -> "_Limits":
        ahead = probit(deals.by_start).astype(np.float32) if deals.by_start.any() else None
        return cls(probit(deals.by_end).astype(np.float32), ahead)


def _blocks(n_deals: int, n_draws: int) -> Iterator[slice]:
    size = int(np.clip(BLOCK_NUMBERS // max(n_deals, 1), 1, MAX_BLOCK))
    return (slice(start, min(start + size, n_draws)) for start in range(0, n_draws, size))


def _open_block(deals: OpenDeals, limits: _Limits, luck: _Luck, total: Floats, seed: int, number: int, block: slice) -> Floats:
    """Add the won deals of a block of draws to `total`, and count them."""
    rng = np.random.default_rng([seed, OPEN_PART, number])
    n_draws, n_cells = block.stop - block.start, total.shape[1]
    won = np.flatnonzero(_won(deals, limits, luck, block, rng))
    draw_of, deal = np.divmod(won, len(deals)) if len(deals) else (won, won)
    level = _levels(seed, block.start + draw_of, deal, len(deals))
    cents = np.rint(deals.amount[deal] * _ratio(deals.ratios, deal, level) * CENTS)
    summed = np.bincount(draw_of * n_cells + deals.cell[deal], cents, minlength=n_draws * n_cells)
    total[block] += summed.reshape(n_draws, n_cells)
    return np.bincount(draw_of, minlength=n_draws).astype(np.float64)


def _won(deals: OpenDeals, limits: _Limits, luck: _Luck, block: slice, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """(draws, deals) whether each deal is won inside the period."""
    own: Singles = rng.standard_normal((block.stop - block.start, len(deals)), dtype=np.float32)
    shared = luck.company[block, None] + luck.teams[block]
    spread = np.sqrt(luck.own[block])[:, None]
    won = own < _thresholds(limits.by_end, shared, spread, deals.team)
    if limits.by_start is not None:
        won &= own >= _thresholds(limits.by_start, shared, spread, deals.team)
    return np.asarray(won)


def _thresholds(limits: Singles, shared: Floats, spread: Floats, team: Rows) -> Singles:
    """What each deal's own luck must stay below to be won by then, given the shared luck of each draw."""
    of_team = np.take((shared / spread).astype(np.float32), team, axis=1, mode="clip")  # a third of the time that [:, team] takes
    return np.asarray(limits * (1.0 / spread).astype(np.float32) - of_team)


def _levels(seed: int, draw_of: Rows, deal: Rows, n_deals: int) -> Floats:
    """A number in [0, 1) for each draw and deal, which no other deal's fate can shift: a counter, scrambled.

    The scrambling is splitmix64 (Steele, Lea & Flood 2014, Fast Splittable Pseudorandom Number Generators).
    """
    counter = (draw_of * n_deals + deal).astype(np.uint64) + np.uint64(seed % 2**32) * np.uint64(2**32)
    state = (counter + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((state ^ (state >> np.uint64(31))) >> np.uint64(11), dtype=np.float64) / 2.0**53


def _ratio(ratios: Floats, deal: Rows, level: Floats) -> Floats:
    """The ratio of each won deal at a random level of its quantiles, linear in between."""
    n_levels = ratios.shape[1]
    place = level * (n_levels - 1)
    low = np.minimum(place.astype(np.int64), n_levels - 2)
    # Counted through all entries: two indices at a time take three times as long.
    flat, at = ratios.ravel(), deal * n_levels + low
    start = flat.take(at)
    return np.asarray(start + (place - low) * (flat.take(at + 1) - start))


def _add_births(births: Births, luck: _Luck, total: Floats, rng: np.random.Generator) -> None:
    """Add what deals yet to be created bring: a shared factor, a Poisson number of wins for each segment, a drawn amount each."""
    expected, n_draws = births.expected, len(luck.company)
    factor = rng.gamma(1 / expected.spread, expected.spread, n_draws) if expected.spread > 0 else np.ones(n_draws)
    for number, amounts, cells in zip(range(len(births.cells)), expected.amounts, births.cells, strict=True):
        if not len(amounts) or not len(cells):
            continue
        chance = _given(expected.by_end[number], luck) - _given(expected.by_start[number], luck)
        wins = rng.poisson(factor * (chance @ expected.number[number]))
        draw_of = np.repeat(np.arange(n_draws), wins)
        cents = np.rint(amounts[rng.integers(0, len(amounts), len(draw_of))] * CENTS)
        cell = cells[rng.integers(0, len(cells), len(draw_of))]
        np.add.at(total, (draw_of, cell), cents)


def _given(p: Floats, luck: _Luck) -> Floats:
    """(draws, stretches) the chance of new deals in each draw: they share the company's luck."""
    own = np.sqrt(luck.own + luck.teams.var(axis=1))[:, None]
    return np.asarray(ndtr((probit(p) - luck.company[:, None]) / own))
