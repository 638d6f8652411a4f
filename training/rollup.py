"""Bookings of one period: what is won already, what open deals will bring, and what deals yet to be created will.

    2026Q4 as of 10 November            mean      80 % of draws
      won already                    412,000
      open deals                     508,300      371,000 to 655,000
      deals yet to be created         61,200       12,000 to 118,000
      bookings                       981,500      830,000 to 1,140,000

A part's interval comes from its own draws; the sum's from the sums of the draws, which share one shock: intervals do not add up.
What the answer lacks, and why its interval is wide, is said by name in `notes` (`training.notes`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask
from features.deals import deal_signals
from features.history import WON, Rows
from features.kpis.value import COMPANY, Window
from features.snapshot import Snapshot
from training import draws as simulation
from training.amounts import AmountModel
from training.births import Births, expected_births, fit_births
from training.curves import Curves
from training.draws import CENTS, Draws, OpenDeals
from training.hazard import HazardModel
from training.notes import NOTHING_CLOSED, Note, lacks, width
from training.places import Places, places
from training.shock import Shock
from training.targets import WON as WON_CAUSE

LEVELS: Final = (50, 80, 95)
N_DRAWS: Final = 5000


@dataclass(frozen=True)
class PeriodForecast:
    """Bookings of a period as of a moment.

    won       (cells,) cents of the deals won inside the period already
    deals     rows of the open deals in the Dataset, in the order of `open`
    open      the open deals; see `training.draws`
    births    the deals yet to be created, and each segment's cells
    """

    window: Window
    as_of: pd.Timestamp
    places: Places
    won: Floats
    deals: Rows
    open: OpenDeals
    births: simulation.Births
    draws: Draws
    shock: Shock
    notes: tuple[Note, ...]

    @cached_property
    def open_mean(self) -> Floats:
        """(cells,) expected money of open deals, in whole cents: so nodes add up to the cent."""
        return _whole_cents(np.bincount(self.open.cell, self.open.mean, minlength=len(self.places)).astype(np.float64))

    @cached_property
    def new_mean(self) -> Floats:
        """(cells,) expected money of deals yet to be created, in whole cents."""
        return _whole_cents(cell_means(self.births, len(self.places)))

    def table(self, dimension: str = COMPANY, levels: Sequence[int] = LEVELS) -> pd.DataFrame:
        """One row for each node of a dimension, the company first.

        Columns: dimension, id, title, won, open, new (expected), mean, median, and low_{l}, high_{l} for each level in per cent;
        money in the organisation's currency.
        """
        members = self.places.members(dimension)
        nodes = self.places.nodes(dimension)
        won, drawn = members @ self.won, self.node_draws(dimension)
        table = pd.DataFrame(
            {
                "dimension": [node.dimension for node in nodes],
                "id": pd.Series([node.id for node in nodes], dtype="str"),
                "title": pd.Series([node.title for node in nodes], dtype="str"),
                "won": won / CENTS,
                "open": members @ self.open_mean,
                "new": members @ self.new_mean,
            }
        )
        table["mean"] = table["won"] + table["open"] + table["new"]
        cuts = [0.5, *(edge for level in levels for edge in (0.5 - level / 200, 0.5 + level / 200))]
        found = np.quantile(drawn, cuts, axis=0) / CENTS
        names = ["median", *(f"{end}_{level}" for level in levels for end in ("low", "high"))]
        return table.assign(**dict(zip(names, found, strict=True)))

    def node_draws(self, dimension: str = COMPANY) -> Floats:
        """(draws, nodes) bookings of the whole period in cents: a parent's are the exact sums of its children's."""
        members = self.places.members(dimension)
        return np.asarray((members @ (self.draws.total + self.won).T).T)

    def part_interval(self, part: str, level: int) -> tuple[float, float]:
        """Limits of one part of the company's forecast, `open` or `new`, from its own draws."""
        drawn = self.draws.open if part == "open" else self.draws.new
        low, high = np.quantile(drawn, [0.5 - level / 200, 0.5 + level / 200]) / CENTS
        return float(low), float(high)

    def p_at_least(self, target: float, dimension: str = COMPANY, node: int = 0) -> float:
        """The share of draws in which a node reaches an amount of money."""
        return float((self.node_draws(dimension)[:, node] >= target * CENTS).mean())


@dataclass(frozen=True)
class Foretold:
    """What a model says of a Snapshot's open deals, in the order of `open_deals`.

    ratios  (deals, levels) quantiles of the amount when won over the amount now; all 1: as it stands
    """

    curves: Curves
    ratios: Floats

    @classmethod
    def as_it_stands(cls, curves: Curves) -> "Foretold":
        """Amounts stay what they are."""
        return cls(curves, np.ones((len(curves.hazards), 2)))


def foretell(snapshot: Snapshot, model: HazardModel, amounts: AmountModel | None) -> Foretold:
    """Score the open deals."""
    signals = deal_signals(snapshot)
    curves = model.curves(signals, np.full(len(signals), snapshot.at, dtype=np.int64))
    return Foretold.as_it_stands(curves) if amounts is None else Foretold(curves, amounts.of(signals))


def forecast_period(
    snapshot: Snapshot,
    foretold: Foretold,
    window: Window,
    shock: Shock,
    *,
    births: Births | None = None,
    n_draws: int = N_DRAWS,
    seed: int = 7,
    threads: int = 2,
    where: Places | None = None,
) -> PeriodForecast:
    """Forecast the bookings of a period from what was known at the Snapshot's moment; `foretold` is of its open deals.

    A period that is over has neither open nor new deals: its forecast is what was won. One that has not begun has nothing won.
    """
    where = where or places(snapshot)
    known = births or fit_births(snapshot, where.of_deal)
    opened = _open_deals(snapshot, foretold, window, where)
    coming = births_ahead(snapshot, window, where, known)
    drawn = simulation.draw(opened, coming, shock, len(where), n_draws=n_draws, seed=seed, threads=threads)
    won = won_money(snapshot, window, where)
    lacking = lacks(snapshot, window, won_within(snapshot, window), known, shock, foretold.curves.extrapolated)
    notes = lacking if NOTHING_CLOSED in {note.code for note in lacking} else (*lacking, *width(won, opened, drawn))
    return PeriodForecast(window, snapshot.as_of, where, won, snapshot.open_deals, opened, coming, drawn, shock, notes)


def days_ahead(snapshot: Snapshot, window: Window) -> tuple[float, float]:
    """Days from as_of until the window opens and until it closes; 0 for what has happened."""
    opens, closes = (max(0.0, float(clock.days_between(snapshot.at, clock.micros(each)))) for each in (window.start, window.end))
    return opens, closes


def births_ahead(snapshot: Snapshot, window: Window, where: Places, births: Births | None = None) -> simulation.Births:
    """The deals yet to be created that may be won inside the window; `births` where they were fitted already."""
    known = births or fit_births(snapshot, where.of_deal)
    start, end = (clock.after_days(snapshot.at, days) for days in days_ahead(snapshot, window))
    return simulation.Births(expected_births(known, start, end), tuple(each.cells for each in known.segments))


def cell_means(births: simulation.Births, n_cells: int) -> Floats:
    """(cells,) expected money of deals yet to be created: each segment's, spread as its past wins were."""
    means = np.zeros(n_cells)
    for money, cells in zip(births.expected.mean, births.cells, strict=True):
        if len(cells):
            means += money * np.bincount(cells, minlength=n_cells) / len(cells)
    return means


def _whole_cents(money: Floats) -> Floats:
    return np.asarray(np.rint(money * CENTS) / CENTS)


def _open_deals(snapshot: Snapshot, foretold: Foretold, window: Window, where: Places) -> OpenDeals:
    deals = snapshot.open_deals
    opens, closes = (foretold.curves.by(days, WON_CAUSE) for days in days_ahead(snapshot, window))
    cell = where.of_deal[deals]
    return OpenDeals(opens, closes, filled_amounts(snapshot)[deals], foretold.ratios, cell, where.team_of[cell])


def filled_amounts(snapshot: Snapshot) -> Floats:
    """Amounts in the organisation's currency; a deal without one counts as the median of the deals won so far, else 0."""
    amount = snapshot.deal_amounts
    won = amount[(snapshot.state == WON) & ~np.isnan(amount)]
    return np.where(np.isnan(amount), np.median(won) if len(won) else 0.0, amount)


def won_money(snapshot: Snapshot, window: Window, where: Places) -> Floats:
    """(cells,) cents of the deals known to be won inside the window; the amount is the final one as known."""
    won = won_within(snapshot, window) & (where.of_deal >= 0)
    cents = np.rint(np.nan_to_num(snapshot.deal_amounts[won]) * CENTS)
    return np.bincount(where.of_deal[won], cents, minlength=len(where)).astype(np.float64)


def won_within(snapshot: Snapshot, window: Window) -> Mask:
    """(deals of the Dataset,) which were known to be won, and became so inside the window."""
    inside = clock.within(snapshot.state_since, clock.micros(window.start), clock.micros(window.end))
    return np.asarray(inside & (snapshot.state == WON) & snapshot.exists)
