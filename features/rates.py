"""Small as-of tables that signals of one deal borrow from all the others: how often each owner and segment wins, what is usual.

They are computed first, from one Snapshot, and passed in. So the signals of a deal depend on its own account's rows plus these.

* Win rates look back a year, over the closes known at as_of, and are shrunk towards the company's: an owner with 1 win of 1
  close, in a company that wins 30 %, stands at (1 + 20 x 0.3) / (1 + 20) = 33 %. An open deal has no outcome and is in none.
* A share of closed deals favours who loses fast. The hazards are wins, and losses, per day that a deal was open with its owner in
  that year: two competing risks over one exposure, open deals included, shrunk by the exposure in which the company closes 20.
* What is usual are medians over all deals known to be won: amounts, days from creation to the win, days in each stage.

They hold for a day. `of_the_day` gives the rates as they stood when the organisation's day began, whatever the hour of as_of:
what one borrows at 09:30 and at 17:00 is what was recorded before midnight. So they are computed once a day and not once a
question, and training, whose dates are midnights, sees what serving sees. Nothing recorded at as_of or later can be in them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask
from features.flat import Texts
from features.history import LOST, OPEN, WON, Rows, add_up, count_rows, held_days
from features.snapshot import Snapshot

PRIOR_DEALS: Final = 20.0
"""The overall rate weighs as much as this many closed deals: an owner with 20 of them stands half-way to their own rate."""

TRAILING_DAYS: Final = 365
MIN_WON: Final = 5
"""A median of fewer won deals than this says little of an owner or a product: the company's stands in."""

DEAL_SEGMENTS: Final = ("owner_id", "product", "source", "type")
ACCOUNT_SEGMENTS: Final = ("industry", "region")


@dataclass(frozen=True)
class Rates:
    """What the company's history says, as of one moment.

    overall         trailing share of closed deals that were won, NaN before the first close
    win_hazard      trailing wins per open deal-day with an owner, NaN before the first close; so `loss_hazard`
    won_cycle_days  median days from creation to a win, NaN before the first
    usual_amount    median amount of a won deal, in the organisation's currency
    segments        field -> a table indexed by its values: `win_rate` (shrunken share, 0 to 1), `usual_amount`; that of
                    `owner_id` also has `win_hazard`, `loss_hazard`, `n_open` and `open_amount`
    stage_days      indexed by stage: median days that won deals stood in it, each stay by itself
    idle            what an owner without open deals carries: 0, NaN while no deal is known to have an owner
    """

    overall: float
    win_hazard: float
    loss_hazard: float
    won_cycle_days: float
    usual_amount: float
    segments: Mapping[str, pd.DataFrame]
    stage_days: "pd.Series[float]"
    idle: float = 0.0

    def of(self, field: str, names: Texts, column: str) -> Floats:
        """A column of one segment's table for each name: the company's value for a new one, NaN for none.

        A deal without an owner or product borrows nothing: the company's value would tell it the date and no more.
        """
        stand_in = {"win_rate": self.overall, "usual_amount": self.usual_amount}
        stand_in |= {"win_hazard": self.win_hazard, "loss_hazard": self.loss_hazard}
        stand_in |= {"n_open": self.idle, "open_amount": self.idle}
        if field not in self.segments:
            return np.where(pd.isna(names), np.nan, stand_in[column])
        place, columns = self._tables[field]
        found = np.append(columns[column], stand_in[column])[_places(place, names)]
        return np.where(pd.isna(names), np.nan, found)

    @cached_property
    def _tables(self) -> "dict[str, tuple[dict[Any, int], dict[str, Floats]]]":
        """The rows of each segment's table by their names, and its columns: posted deals look them up again and again."""
        return {
            field: (_by_name(table.index), {str(name): table[name].to_numpy(dtype=np.float64) for name in table})
            for field, table in self.segments.items()
        }

    @cached_property
    def _stages(self) -> dict[Any, int]:
        return _by_name(self.stage_days.index)

    def of_stages(self, names: Texts) -> Floats:
        """Median days in each of these stages, NaN where no won deal stood in it."""
        return np.append(self.stage_days.to_numpy(dtype=np.float64), np.nan)[_places(self._stages, names)]


@dataclass(frozen=True)
class _Deals:
    """The deals on record at as_of, one entry a deal of the Dataset; `won` and `lost` are those that closed in the last year."""

    won: Mask
    lost: Mask
    ever_won: Mask
    is_open: Mask
    amount: Floats


def of_the_day(snapshot: Snapshot) -> Rates:
    """The rates with which the organisation's day began, computed once for each Dataset and day asked for lately."""
    dataset = snapshot.dataset
    begun = clock.day_start(snapshot.at, dataset.organisation.timezone)
    own = snapshot if begun == snapshot.at else Snapshot(dataset, clock.instant(begun))
    found: Rates = dataset.remembered_lately("rates", begun, lambda: rates(own))
    return found


def rates(snapshot: Snapshot) -> Rates:
    """Trailing rates from the outcomes known at the Snapshot's as_of."""
    deals = _deals(snapshot)
    n_won, n_closed = int(deals.won.sum()), int((deals.won | deals.lost).sum())
    overall = n_won / n_closed if n_closed else float("nan")
    usual = _median(deals.amount[deals.ever_won])
    segments = {field: _segment(codes, names, deals, overall, usual) for field, (codes, names) in _segments(snapshot).items()}
    owners, win_hazard, loss_hazard = _owners(snapshot, deals, segments["owner_id"])
    cycle = clock.days_between(snapshot.dataset.deal_created, snapshot.state_since)
    return Rates(
        overall,
        win_hazard,
        loss_hazard,
        _median(cycle[deals.ever_won]),
        usual,
        {**segments, "owner_id": owners},
        _stage_days(snapshot, deals.ever_won),
        _idle(snapshot.codes("owner_id")),
    )


def account_texts(snapshot: Snapshot, names: tuple[str, ...], rows: Rows | None = None) -> dict[str, Texts]:
    """Text columns of the account of each deal, or of the given rows, as known; None where there is none."""
    dataset = snapshot.dataset
    if "accounts" not in dataset.tables:
        return {name: np.full(dataset.n_deals if rows is None else len(rows), None, dtype=object) for name in names}
    account = dataset.account_rows if rows is None else dataset.account_rows[rows]
    return {name: snapshot.texts_of("accounts", name, account) for name in names}


def _deals(snapshot: Snapshot) -> _Deals:
    recent = clock.within(snapshot.state_since, clock.after_days(snapshot.at, -TRAILING_DAYS), snapshot.at) & snapshot.exists
    won, lost = snapshot.state == WON, snapshot.state == LOST
    still = snapshot.exists & (snapshot.state == OPEN)
    return _Deals(won & recent, lost & recent, won & snapshot.exists, still, snapshot.deal_amounts)


def _segments(snapshot: Snapshot) -> dict[str, tuple[Rows, Texts]]:
    """For each field the number of its value for each deal (-1: none), and the values by number."""
    coded: dict[str, tuple[Rows, Texts]] = {}
    for field in DEAL_SEGMENTS:
        labels = snapshot.dataset.history(field).labels
        coded[field] = snapshot.codes(field), np.array([] if labels is None else labels, dtype=object)
    if snapshot.has("accounts"):
        for field, values in account_texts(snapshot, ACCOUNT_SEGMENTS).items():
            codes, names = pd.factorize(values)
            coded[field] = np.asarray(codes, dtype=np.int64), np.asarray(names, dtype=object)
    return coded


def _segment(code: Rows, names: Texts, deals: _Deals, overall: float, usual: float) -> pd.DataFrame:
    won, lost = (count_rows(code, closed, len(names)) for closed in (deals.won, deals.lost))
    priced = deals.ever_won & ~np.isnan(deals.amount)
    medians = _medians(code, deals.amount, priced, len(names))
    enough = count_rows(code, priced, len(names)) >= MIN_WON
    rate = (won + PRIOR_DEALS * overall) / (won + lost + PRIOR_DEALS)
    return pd.DataFrame({"win_rate": rate, "usual_amount": np.where(enough, medians, usual)}, index=pd.Index(names, dtype=object))


def _owners(snapshot: Snapshot, deals: _Deals, owners: pd.DataFrame) -> tuple[pd.DataFrame, float, float]:
    """The owners' table with hazards and load, and the company's two hazards."""
    owner, n = snapshot.codes("owner_id"), len(owners)
    exposure = _exposure(snapshot, n)
    won, lost = (count_rows(owner, closed, n) for closed in (deals.won, deals.lost))
    # An exact sum: numpy adds in pairs, and owners of a later day, though all zero, would round it otherwise.
    days, n_won, n_lost = math.fsum(exposure), float(won.sum()), float(lost.sum())
    if not days or not n_won + n_lost:
        win_hazard = loss_hazard = prior = float("nan")
    else:
        win_hazard, loss_hazard, prior = n_won / days, n_lost / days, PRIOR_DEALS * days / (n_won + n_lost)
    idle = _idle(owner)
    load = {
        "win_hazard": (won + win_hazard * prior) / (exposure + prior),
        "loss_hazard": (lost + loss_hazard * prior) / (exposure + prior),
        "n_open": count_rows(owner, deals.is_open, n) + idle,
        "open_amount": add_up(owner, deals.amount, deals.is_open & (owner >= 0), n) + idle,
    }
    return owners.assign(**load), win_hazard, loss_hazard


def _idle(owner: Rows) -> float:
    return 0.0 if (owner >= 0).any() else float("nan")


def _exposure(snapshot: Snapshot, n_owners: int) -> Floats:
    """For each owner the days of the last year in which deals were open with them, a deal that came back without a break."""
    past = snapshot.dataset.history("owner_id")
    known = clock.known(past.known, snapshot.at) & snapshot.exists[past.deal]
    held = held_days(past, known, _ends(snapshot), clock.after_days(snapshot.at, -TRAILING_DAYS))
    return add_up(past.value.astype(np.int64), held, known & (past.value >= 0), n_owners)


def _stage_days(snapshot: Snapshot, won: Mask) -> "pd.Series[float]":
    past = snapshot.dataset.history("stage")
    known = clock.known(past.known, snapshot.at) & won[past.deal]
    stayed = held_days(past, known, _ends(snapshot))
    names = np.array([] if past.labels is None else past.labels, dtype=object)
    medians = _medians(past.value.astype(np.int64), stayed, known, len(names))
    return pd.Series(medians, index=pd.Index(names, dtype=object), dtype="float64")


def _ends(snapshot: Snapshot) -> clock.Micros:
    """For each deal when it closed, as_of while it is open."""
    return np.where(snapshot.state == OPEN, snapshot.at, snapshot.state_since)


def _by_name(index: "pd.Index[Any]") -> dict[Any, int]:
    """The place of each name."""
    return {name: row for row, name in enumerate(index.to_numpy(dtype=object))}


def _places(place: Mapping[Any, int], names: Texts) -> Rows:
    """The place of each name, -1 where it has none."""
    return np.array([place.get(name, -1) for name in names], dtype=np.int64)


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _medians(group: Rows, values: Floats, keep: Mask, n: int) -> Floats:
    """The median of the kept values of each group, NaN where there are none. Rows with group -1 belong to none."""
    rows = np.flatnonzero(keep & (group >= 0))
    rows = rows[np.argsort(values[rows])]
    # Short integers are sorted by counting, several times as fast as by comparing pairs.
    code = group[rows].astype(np.int16) if n <= np.iinfo(np.int16).max else group[rows]
    rows = rows[np.argsort(code, kind="stable")]
    size = np.bincount(group[rows], minlength=n)
    start = np.cumsum(size) - size
    ordered = np.append(values[rows], np.nan)
    low, high = (np.where(size > 0, start + half, len(rows)) for half in ((size - 1) // 2, size // 2))
    return np.asarray((ordered[low] + ordered[high]) / 2, dtype=np.float64)
