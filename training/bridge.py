"""What changed between two dates: the expected bookings of one period, explained to the cent, deal by deal.

Expected bookings are won money plus, for each open deal, amount x P(won inside the period), plus the deals yet to be created.
From the first date to the second each deal takes these steps, in this order; one that does not apply changes nothing:

    moved         it went to another owner, product or region: out of one node and into another, nothing for both together
    currency      the exchange rate of its amount changed
    amount_up     its amount was raised, at the old chance (amount_down: lowered)
    time_passing  it is still open, and part of the period is gone: the old curve, given that it has not ended so far
    pulled_in     what the new score adds, where its expected close moved into the period (pushed_out: out of it)
    rescored      what the new score adds, where neither did
    model         what another model says of the same deal on the same day
    won, lost     it closed: from its chance to certainty; won_elsewhere: outside of the period
    reopened      it was closed, and is open again
    deleted       it was deleted from the CRM, or merged into another deal: from its chance to nothing

Deals created in between are `new`; the expectation of deals yet to be created falls as they come, and is `to_come`. Money is
rounded once a step and deal, to whole cents, so every column, node and mode adds up exactly, whatever the number of deals.

The end-point mode compares two dates. The path mode walks through the dates between and adds their bridges up: a deal raised on
Tuesday and lowered on Friday shows both there, and neither here.

Worked example: a deal of 40,000 stood at 0.5 (20,000) and is won for 36,000. amount_down: 0.5 x -4,000 = -2,000. won: from
18,000 to 36,000 = +18,000. Together +16,000, which is 36,000 - 20,000.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from features import clock
from features.clock import Floats, Mask, Micros
from features.history import OPEN, WON, Rows
from features.kpis.value import COMPANY, Window
from features.snapshot import Snapshot
from training.curves import Curves
from training.draws import CENTS, mean_ratio
from training.places import Places, cells_of, leaves_of
from training.rollup import Foretold, births_ahead, cell_means, days_ahead, filled_amounts, won_within
from training.targets import WON as WON_CAUSE

STEPS: Final = (
    "moved",
    "currency",
    "amount_up",
    "amount_down",
    "time_passing",
    "pulled_in",
    "pushed_out",
    "rescored",
    "model",
    "won",
    "won_elsewhere",
    "lost",
    "reopened",
    "deleted",
    "new",
    "to_come",
)
Cents: TypeAlias = npt.NDArray[np.int64]
Names: TypeAlias = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Position:
    """Everything that the expected bookings of one date are made of; arrays have an entry for each deal of the Dataset.

    exists, state, due  on record; OPEN, WON or LOST; whether its expected close lies inside the period (False: unknown too)
    won       whether it counts as won inside the period
    amount    expected when won, in the organisation's currency; of closed deals the final one; missing ones filled
    rate      of the deal's own currency, NaN where it has no amount
    p         P(won inside the period) of open deals, 0 for the others
    curves    of the open deals, in the order of `open_deals`
    leaves    (deals, 3) owner, product and region
    to_come   (cells,) cents expected of deals yet to be created, and `cells` (cells, 3) their leaves
    """

    at: int
    exists: Mask
    state: npt.NDArray[np.int32]
    due: Mask
    won: Mask
    amount: Floats
    rate: Floats
    p: Floats
    open_deals: Rows
    curves: Curves
    leaves: Rows
    to_come: Cents
    cells: Rows

    @property
    def chance(self) -> Floats:
        """Of counting as won inside the period: certain for deals that do."""
        return np.where(self.won, 1.0, self.p)

    @property
    def cents(self) -> Cents:
        """Expected bookings of each deal on record."""
        return _cents(self.amount * self.chance * self.exists)

    @property
    def total(self) -> int:
        """Expected bookings of the company, in cents."""
        return int(self.cents.sum() + self.to_come.sum())


@dataclass(frozen=True)
class Entries:
    """Changes of money.

    leaf   (entries, 3) owner, product and region
    step   (entries,) position in STEPS
    cents  (entries,)
    deal   (entries,) row of the deal in the Dataset, -1 for deals yet to be created
    """

    leaf: Rows
    step: Rows
    cents: Cents
    deal: Rows


@dataclass(frozen=True)
class Bridge:
    """The change from one date to another; `start` and `end` are the expected bookings of the company at them, in cents."""

    first: pd.Timestamp
    last: pd.Timestamp
    window: Window
    places: Places
    start: int
    end: int
    entries: Entries

    def table(self, dimension: str = COMPANY) -> pd.DataFrame:
        """One row for each node: dimension, id, title, a column for each step, and `change`, their sum; Decimal money."""
        summed = self._by_node(dimension)
        nodes = self.places.nodes(dimension)
        money = {name: [_decimal(each) for each in summed[:, place]] for place, name in enumerate(STEPS)}
        named = {
            "dimension": [node.dimension for node in nodes],
            "id": pd.Series([node.id for node in nodes], dtype="str"),
            "title": pd.Series([node.title for node in nodes], dtype="str"),
        }
        return pd.DataFrame(named | money | {"change": [_decimal(each) for each in summed.sum(axis=1)]})

    def deals(self, step: str) -> pd.DataFrame:
        """The deals behind a step, the largest change first: deal (row of the Dataset) and money."""
        own = self.entries
        chosen = (own.step == STEPS.index(step)) & (own.deal >= 0)
        summed = pd.Series(own.cents[chosen]).groupby(own.deal[chosen]).sum()
        ordered = summed.iloc[np.lexsort((summed.index, -summed.abs()))]
        return pd.DataFrame({"deal": ordered.index.to_numpy(), "money": [_decimal(each) for each in ordered]})

    def _by_node(self, dimension: str) -> Cents:
        own = self.entries
        members = self.places.members_of(dimension, own.leaf)
        by_entry = sparse.csr_array((own.cents, (np.arange(len(own.step)), own.step)), shape=(len(own.step), len(STEPS)))
        return np.asarray((members.astype(np.int64) @ by_entry).toarray())


def position(snapshot: Snapshot, foretold: Foretold, window: Window, where: Places) -> Position:
    """The expected bookings of a period as of the Snapshot, by deal; `where` holds the hierarchy that both dates are shown in."""
    deals, leaves = snapshot.open_deals, leaves_of(where.slicings, snapshot)
    opens, closes = days_ahead(snapshot, window)
    curves, amount = foretold.curves, filled_amounts(snapshot)
    amount[deals] *= mean_ratio(foretold.ratios)
    p = np.zeros(snapshot.dataset.n_deals)
    p[deals] = curves.by(closes, WON_CAUSE) - curves.by(opens, WON_CAUSE)
    own = cells_of(where.slicings, leaves, snapshot.exists)
    return Position(
        snapshot.at,
        snapshot.exists,
        snapshot.state,
        due(snapshot, window),
        won_within(snapshot, window),
        amount,
        _rates(snapshot),
        p,
        deals,
        curves,
        leaves,
        _cents(cell_means(births_ahead(snapshot, window, own), len(own))),
        own.cells,
    )


def bridge(before: Position, after: Position, window: Window, where: Places, *, same_model: Curves | None = None) -> Bridge:
    """From one date to a later one; `same_model` are the second date's curves by the first date's model, if it was another."""
    # What is gone has no place any more: its money leaves the one that it had.
    after = replace(after, leaves=np.where(after.exists[:, None], after.leaves, before.leaves))
    entries = _joined([_moved(before, after), *_of_deals(before, after, window, same_model), _to_come(before, after)])
    first, last = clock.instant(before.at), clock.instant(after.at)
    return Bridge(first, last, window, where, before.total, after.total, entries)


def along(bridges: Sequence[Bridge]) -> Bridge:
    """Bridges of adjoining stretches as one: the path mode."""
    first, last = bridges[0], bridges[-1]
    entries = _joined([each.entries for each in bridges])
    return Bridge(first.first, last.last, first.window, last.places, first.start, last.end, entries)


def _of_deals(before: Position, after: Position, window: Window, same_model: Curves | None) -> Iterator[Entries]:
    """Each step in turn: from the value that the step before it left, to its own."""
    running = before.cents
    for name, value, applies in _steps(before, after, window, same_model):
        following = np.where(applies, _cents(value), running)
        yield _changed(name, following - running, after.leaves)
        running = following


def _steps(before: Position, after: Position, window: Window, same_model: Curves | None) -> Iterator[tuple[Names, Floats, Mask]]:
    """The name of each step, what a deal is worth after it, and which deals it applies to."""
    chance, later = before.chance, after.chance
    there, is_open = before.exists, after.state == OPEN
    there, gone = there & after.exists, there & ~after.exists
    stays = there & (before.state == OPEN) & is_open
    rerated = _rerated(before, after)
    yield np.array("currency"), rerated * chance, there
    yield np.where(after.amount >= rerated, "amount_up", "amount_down"), after.amount * chance, there
    yield np.array("time_passing"), after.amount * _time_passed(before, after, window), stays
    entered, left = after.due & ~before.due, before.due & ~after.due
    dates = np.where(entered, "pulled_in", np.where(left, "pushed_out", "rescored"))
    yield dates, after.amount * (later if same_model is None else _chances(after, same_model, window)), stays
    yield np.array("model"), after.amount * later, stays
    ending = np.where(after.won, "won", np.where(after.state == WON, "won_elsewhere", "lost"))
    yield ending, after.amount * later, there & ~is_open
    yield np.array("reopened"), after.amount * later, there & is_open & ~stays
    yield np.array("deleted"), np.zeros(len(later)), gone
    yield np.array("new"), after.amount * later, after.exists & ~before.exists


def _changed(name: Names, change: Cents, leaves: Rows) -> Entries:
    deal = np.flatnonzero(change)
    names = np.broadcast_to(name, change.shape)[deal]
    return Entries(leaves[deal], pd.Index(STEPS).get_indexer(pd.Index(names)).astype(np.int64), change[deal], deal)


def _rerated(before: Position, after: Position) -> Floats:
    """The first date's amounts at the second date's exchange rates; a filled amount stays what it was."""
    moved: Floats = after.rate / before.rate
    return np.where(np.isnan(moved), before.amount, before.amount * moved)


def _moved(before: Position, after: Position) -> Entries:
    """A deal that changed its place takes all that it was worth at the first date from the old one to the new one."""
    cents = before.cents
    deal = np.flatnonzero((before.leaves != after.leaves).any(axis=1) & (cents != 0))
    leaf = np.concatenate([before.leaves[deal], after.leaves[deal]])
    step = np.full(2 * len(deal), STEPS.index("moved"), dtype=np.int64)
    return Entries(leaf, step, np.concatenate([-cents[deal], cents[deal]]), np.tile(deal, 2))


def _to_come(before: Position, after: Position) -> Entries:
    leaf = np.concatenate([before.cells, after.cells])
    cents = np.concatenate([-before.to_come, after.to_come])
    return Entries(
        leaf, np.full(len(leaf), STEPS.index("to_come"), dtype=np.int64), cents, np.full(len(leaf), -1, dtype=np.int64)
    )


def _joined(parts: Sequence[Entries]) -> Entries:
    columns = zip(*((each.leaf, each.step, each.cents, each.deal) for each in parts), strict=True)
    leaf, step, cents, deal = (np.concatenate(column) for column in columns)
    return Entries(leaf, step, cents, deal)


def _time_passed(before: Position, after: Position, window: Window) -> Floats:
    """P(won inside the period | still open at the second date), by the first date's curves."""
    gone = float(clock.days_between(before.at, after.at))
    opens = max(gone, float(clock.days_between(before.at, clock.micros(window.start))))
    closes = max(gone, float(clock.days_between(before.at, clock.micros(window.end))))
    curves = before.curves
    still = np.maximum(curves.still(gone), 1e-12)
    p = np.zeros(len(before.p))
    p[before.open_deals] = np.clip((curves.by(closes, WON_CAUSE) - curves.by(opens, WON_CAUSE)) / still, 0.0, 1.0)
    return p


def _chances(after: Position, curves: Curves, window: Window) -> Floats:
    """What other curves of the second date's open deals say of them."""
    opens, closes = (max(0.0, float(clock.days_between(after.at, clock.micros(each)))) for each in (window.start, window.end))
    p = np.zeros(len(after.p))
    p[after.open_deals] = curves.by(closes, WON_CAUSE) - curves.by(opens, WON_CAUSE)
    return p


def _rates(snapshot: Snapshot) -> Floats:
    """(deals,) converted over own amount, NaN where there is none."""
    own = snapshot.values("amount")
    return np.asarray(np.divide(snapshot.deal_amounts, own, out=np.full(len(own), np.nan), where=np.nan_to_num(own) != 0))


def due(snapshot: Snapshot, window: Window) -> Mask:
    """(deals of the Dataset,) whose expected close, as known, lies inside the window."""
    expected = snapshot.values("expected_close_on")
    moments: Micros = np.where(np.isnan(expected), clock.UNKNOWN, np.nan_to_num(expected)).astype(np.int64)
    return clock.within(moments, clock.micros(window.start), clock.micros(window.end))


def _cents(money: Floats) -> Cents:
    return np.rint(np.nan_to_num(money) * CENTS).astype(np.int64)


def _decimal(cents: int) -> Decimal:
    return Decimal(int(cents)) / 100


def stretches(first: pd.Timestamp, last: pd.Timestamp, days: float = 1.0) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Adjoining stretches of `days` (the last may be shorter) that lead from one moment to another."""
    start, end = clock.micros(first), clock.micros(last)
    step = round(days * clock.MICROS_PER_DAY)
    edges = [*range(start, end, step), end]
    return [(clock.instant(a), clock.instant(b)) for a, b in pairwise(edges)]
