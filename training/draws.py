"""Many possible courses of one period, drawn at once: which deals are won in it, and what comes in, cell by cell.

A cell is the smallest part that anybody asks about: one owner, one product, one region. Money is kept in whole cents, so sums of
cells are exact whatever the order: a team's draws are its people's draws added up, draw by draw, and so are its quantiles' draws.

The random numbers of some deals in a block of draws depend on the seed and their place alone: not on the threads, and not on what
is asked. So two forecasts that differ in one deal differ in that deal's draws only, and what-if questions are answered by the
difference of two runs.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from features.clock import Floats
from features.history import Rows
from training.births import Expected
from training.shock import Shock, probit

Singles = npt.NDArray[np.float32]
Sixteen = npt.NDArray[np.uint16]

BLOCK_NUMBERS: Final = 400_000
PART_DEALS: Final = 2_000
"""Draws times deals, and deals, at once: they stay in the cache, and bound the memory."""
MAX_BLOCK: Final = 500
LUCKS: Final = 2**16
LUCK: Final[Singles] = ndtri((np.arange(LUCKS) + 0.5) / LUCKS).astype(np.float32)
"""A deal's own luck is one of these, all equally likely. They are looked up in a quarter of the time that normals take, and shift
no deal's chance by more than 1/131072: less than 5,000 draws can show of it."""
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
    parts, total, n_won = _parts(deals), np.zeros((n_draws, n_cells)), np.zeros(n_draws)

    def one(block: slice) -> None:
        for number, part in enumerate(parts):
            rng = np.random.default_rng([seed, OPEN_PART, number, block.start])
            n_won[block] += _add_open(part, luck, block, total[block], rng)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, _blocks(len(deals), n_draws)))
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
class _Part:
    """Some of the open deals, so few that what is looked up of them stays in the cache while a block is drawn.

    by_end    (deals,) what each deal's luck must stay below to be won before the period ends
    by_start  the same before it opens; None: it is open
    ratios    (deals * levels,) their quantiles, one deal after the other
    n_levels  quantiles of a deal
    """

    by_end: Singles
    by_start: Singles | None
    amount: Floats
    ratios: Singles
    n_levels: int
    cell: Rows
    team: Rows


def _parts(deals: OpenDeals) -> list[_Part]:
    ahead = probit(deals.by_start).astype(np.float32) if deals.by_start.any() else None
    ends, ratios = probit(deals.by_end).astype(np.float32), deals.ratios.astype(np.float32)
    some = (slice(start, start + PART_DEALS) for start in range(0, len(deals), PART_DEALS))
    return [
        _Part(
            ends[own],
            None if ahead is None else ahead[own],
            deals.amount[own],
            ratios[own].ravel(),
            ratios.shape[1],
            deals.cell[own],
            deals.team[own],
        )
        for own in some
    ]


def _blocks(n_deals: int, n_draws: int) -> Iterator[slice]:
    size = int(np.clip(BLOCK_NUMBERS // max(min(n_deals, PART_DEALS), 1), 1, MAX_BLOCK))
    return (slice(start, min(start + size, n_draws)) for start in range(0, n_draws, size))


def _add_open(part: _Part, luck: _Luck, block: slice, total: Floats, rng: np.random.Generator) -> Rows:
    """Add the deals won in a block of draws to its (draws, cells) `total`, and count them by draw."""
    n_draws, n_cells = total.shape
    own, level = rng.integers(0, LUCKS, (2, n_draws, len(part.cell)), dtype=np.uint16)
    won = np.flatnonzero(_won(part, luck, block, LUCK.take(own)))
    draw_of = won // len(part.cell)
    deal = won - draw_of * len(part.cell)
    cents = np.rint(part.amount.take(deal) * _ratio(part, deal, level.ravel().take(won)) * CENTS)
    at = draw_of * n_cells + part.cell.take(deal)
    total += np.bincount(at, cents, minlength=total.size).reshape(total.shape)
    return np.bincount(draw_of, minlength=n_draws)


def _won(part: _Part, luck: _Luck, block: slice, own: Singles) -> npt.NDArray[np.bool_]:
    """(draws, deals) whether each deal is won inside the period."""
    spread = np.sqrt(luck.own[block])[:, None]
    shared = ((luck.company[block, None] + luck.teams[block]) / spread).astype(np.float32)
    of_team = np.take(shared, part.team, axis=1, mode="clip")  # a third of the time that [:, team] takes
    scale = (1.0 / spread).astype(np.float32)
    won = own < part.by_end * scale - of_team
    if part.by_start is not None:
        won &= own >= part.by_start * scale - of_team
    return np.asarray(won)


def _ratio(part: _Part, deal: Rows, level: Sixteen) -> Singles:
    """The ratio of each won deal at a random level of its quantiles, linear in between."""
    place = level * np.float32((part.n_levels - 1) / LUCKS)
    low = place.astype(np.int32)
    # Counted through all entries: two indices at a time take three times as long.
    at = deal * part.n_levels + low
    start = part.ratios.take(at)
    return np.asarray(start + (place - low) * (part.ratios.take(at + 1) - start))


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
