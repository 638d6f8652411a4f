"""How long things last, and how they end, when some of them have not ended yet: one kernel for all groups at once.

Ten deals were created; six closed after 10, 20, 20, 30, 40 and 50 days, four are still open after 5, 25, 35 and 60. The median of
the six, 25 days, tells of fast deals alone. Kaplan-Meier lets an open deal count for as long as it was watched: 8/9 outlast day
10, of these 6/8 day 20, of these 4/5 day 30, of these 2/3 day 40. There the curve falls from 0.53 to 0.36: the median is 40 days.

* Rows are flat arrays with the number of their group; a row of group -1, or without a time, belongs to none.
* A row is **at risk** at t where `entry < t <= exit`. Without an entry it was watched from its beginning on; with one (left
  truncation) it counts only from then: the deals of a quarter that were 90 days old at its start are silent on the first 90 days.
* An event and a censoring in the same instant: the censored row was still at risk.
* Where there is more than one way to end, 1 - Kaplan-Meier of one cause overstates it: the others are over, not
  censored. Cumulative incidence (Aalen-Johansen) shares what is left among the causes.

Sources: Kaplan & Meier (1958) JASA 53, 457; delayed entry: Tsai, Jewell & Wang (1987) Biometrika 74, 883; medians: Brookmeyer &
Crowley (1982) Biometrics 38, 29, on the log-log scale as Kalbfleisch & Prentice (1980, section 1.4) and R's `survfit` have it;
Aalen & Johansen (1978) Scand. J. Statist. 5, 141; its variance: Marubini & Valsecchi (1995, formula 10.12); shrinkage: the
posterior mean of a beta process, Hjort (1990) Ann. Statist. 18, 1259.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import ndtri

from features.clock import Floats, Mask
from features.history import Rows, first_row

CONFIDENCE: Final = 0.95
LEAN: Final = 20.0
"""What `prior` is where nothing else is known: a group leans on the whole as on twenty further rows.

A share of about 0.3 that differs between groups with a standard deviation of 0.10, as win rates of people and conversions of
quarters do, has sqrt(0.3 x 0.7 / (20 + 1)) = 0.10: a beta distribution of that spread weighs twenty rows.
"""
_EXACT: Final = 1e-9
"""A product of a thousand fractions that should be one half differs from it by less."""


@dataclass(frozen=True)
class Quantiles:
    """When a share of each group has ended, (groups,); NaN: not reached while it was watched, or nobody was.

    low, high  95 % limits; a `high` that is NaN has no upper limit in the data
    """

    time: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Curves:
    """Kaplan-Meier curves: one entry for each group and each time at which something ended in it, ascending by both.

    group     number of the group
    time      in the unit of the input
    at_risk   rows watched just before
    events    of them, how many ended
    survival  share that lasts longer than `time`
    variance  of log(survival), Greenwood's sum
    watched   (groups,) the longest follow-up of each group, NaN for an empty one
    """

    group: Rows
    time: Floats
    at_risk: Floats
    events: Floats
    survival: Floats
    variance: Floats
    watched: Floats

    @property
    def n_groups(self) -> int:
        return len(self.watched)

    def at(self, time: float) -> Floats:
        """(groups,) share that lasts longer than `time`; NaN beyond what was watched, unless nothing is left."""
        passed = np.bincount(self.group[self.time <= time], minlength=self.n_groups)
        starts = np.searchsorted(self.group, np.arange(self.n_groups))
        last = np.append(self.survival, 1.0)[np.where(passed > 0, starts + passed - 1, -1)]
        return np.where((time <= self.watched) | (last == 0), last, np.nan)

    def quantiles(self, share: float = 0.5) -> Quantiles:
        """When `share` (0 to 1) of each group has ended.

        Where the curve runs exactly at the level from one event to the next, the middle of that stretch is taken; so without
        censoring the median is the ordinary one. The limits are where the 95 % log-log band of the curve crosses the level.
        """
        level = 1.0 - share
        low, high = self.band()
        reached = self._when(self.survival <= level + _EXACT)
        passed = self._when(self.survival < level - _EXACT)
        middle = np.where(np.isnan(passed), reached, (reached + passed) / 2)
        return Quantiles(middle, self._when(low <= level), self._when(high <= level))

    def band(self, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
        """Pointwise log-log limits of `survival`, between 0 and 1; NaN where it is 0."""
        z = float(ndtri(0.5 + confidence / 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = z * np.sqrt(self.variance) / -np.log(self.survival)
            low, high = self.survival ** np.exp(spread), self.survival ** np.exp(-spread)
        over = self.survival == 0
        return np.where(over, np.nan, low), np.where(over, np.nan, high)

    def _when(self, keep: Mask) -> Floats:
        """(groups,) the first time that is kept, NaN where none is."""
        return np.append(self.time, np.nan)[first_row(self.group, keep, self.n_groups)]


def kaplan_meier(group: Rows, exits: Floats, ended: Mask, n_groups: int, entry: Floats | None = None) -> Curves:
    """The curve of each group.

    group   (rows,) 0 to n_groups - 1, or -1 for none
    exits   (rows,) how long each row was watched, or lasted; never negative
    ended   (rows,) whether it ended then; else it is censored
    entry   (rows,) from when on it was watched; None, or minus infinity: from its beginning
    """
    keep, begun = _watched_rows(group, exits, entry)
    group, exits, ended, begun = group[keep], exits[keep], ended[keep], begun[keep]
    times, rank = np.unique(np.concatenate([exits, begun]), return_inverse=True)
    width = len(times) + 1
    out, into = (group * width + part for part in (rank[: len(exits)], rank[len(exits) :]))
    event, n_events = np.unique(out[ended], return_counts=True)
    at_risk = _not_before(out, event, width) - _not_before(into, event, width)
    of = event // width
    deaths, risk = n_events.astype(np.float64), at_risk.astype(np.float64)
    with np.errstate(divide="ignore"):
        steps = deaths / (risk * (risk - deaths))
    # Running products within each group: what one group holds does not round another's numbers.
    survival = pd.Series(1.0 - deaths / risk).groupby(of).cumprod().to_numpy(dtype=np.float64)
    variance = pd.Series(steps).groupby(of).cumsum().to_numpy(dtype=np.float64)
    return Curves(of, times[event % width], risk, deaths, survival, variance, _longest(group, exits, n_groups))


def _watched_rows(group: Rows, exits: Floats, entry: Floats | None) -> tuple[Mask, Floats]:
    """Which rows were ever at risk, and since when; a row that was over when its watch began says nothing."""
    begun = np.full(len(exits), -np.inf) if entry is None else entry
    return np.asarray((group >= 0) & (begun < exits)), begun


def _not_before(keys: Rows, asked: Rows, width: int) -> Rows:
    """For each asked key how many keys of its group are not smaller."""
    ordered = np.sort(keys)
    beyond = np.searchsorted(ordered, (asked // width + 1) * width)
    return np.asarray(beyond - np.searchsorted(ordered, asked), dtype=np.int64)


def _longest(group: Rows, exits: Floats, n_groups: int) -> Floats:
    longest = np.full(n_groups, -np.inf)
    np.maximum.at(longest, group, exits)
    return np.where(np.isinf(longest), np.nan, longest)


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence: what share of each group has ended by each time, and how; cause 1 is at index 0 of the last axis.

    time      (times,) every time at which something ended in any group, ascending
    share     (groups, times, causes) ended by then, by each cause
    still     (groups, times) not ended; share.sum(-1) + still = 1
    hazard    (groups, times, causes) of those at risk, the share that ended at that time
    weight    (groups, times) rows at risk, the borrowed ones included
    n         (groups,) rows
    watched   (groups,) the longest follow-up of each group, NaN for an empty one; with shrinkage the curve goes on beyond it
    """

    time: Floats
    share: Floats
    still: Floats
    hazard: Floats
    weight: Floats
    n: Floats
    watched: Floats

    def at(self, time: float = np.inf) -> Floats:
        """(groups, causes) the shares ended by `time`, that instant included; by the end of the curve where none is given."""
        return self._upto(self.share, time, 0.0)

    def still_at(self, time: float = np.inf) -> Floats:
        """(groups,) the share not ended by `time`."""
        return self._upto(self.still, time, 1.0)

    def quantile(self, cause: int, share: float = 0.5) -> Floats:
        """(groups,) when `share` of those that end by this cause have done so, NaN where none does.

        Of won deals this is the median cycle that counts the open ones; these are taken to end as the others did. Without
        censoring it is the ordinary quantile of the rows of this cause.
        """
        rising = self.share[:, :, cause - 1]
        level = share * rising.max(axis=1, initial=0.0, keepdims=True)
        reached, passed = (self._when((rising >= level - _EXACT) & (level > 0)), self._when(rising > level + _EXACT))
        return np.where(np.isnan(passed), reached, (reached + passed) / 2)

    def variance(self, cause: int, time: float = np.inf) -> Floats:
        """(groups,) variance of `at(time)` of one cause, by the delta method; NaN where nobody was at risk."""
        upto = int(np.searchsorted(self.time, time, side="right"))
        if not upto:
            return np.where(self.n > 0, 0.0, np.nan)
        here, hazard = self.share[:, :upto, cause - 1], self.hazard[:, :upto]
        before = np.concatenate([np.ones((len(here), 1)), self.still[:, : upto - 1]], axis=1)
        ahead = here[:, -1:] - here
        own, total = hazard[:, :, cause - 1], hazard.sum(axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = ahead**2 * total / (1 - total) + before**2 * own * (1 - own) - 2 * ahead * before * own
            # Where all that were at risk ended, nothing is ahead, and nothing of the first term is left.
            last = before**2 * own * (1 - own)
            terms = np.where(total < 1, terms, last) / self.weight[:, :upto]
        summed = np.where(self.weight[:, :upto] > 0, terms, 0.0).sum(axis=1)
        return np.where(self.weight[:, :upto].any(axis=1), np.maximum(summed, 0.0), np.nan)

    def _when(self, keep: Mask) -> Floats:
        """(groups,) the first time that is kept, NaN where none is; `keep` is (groups, times)."""
        first = np.append(keep, np.ones((len(keep), 1), dtype=bool), axis=1).argmax(axis=1)
        return np.asarray(np.append(self.time, np.nan)[first], dtype=np.float64)

    def _upto(self, values: Floats, time: float, otherwise: float) -> Floats:
        passed = int(np.searchsorted(self.time, time, side="right"))
        shape = (len(values), *values.shape[2:])
        return np.asarray(values[:, passed - 1]) if passed else np.full(shape, otherwise)


def cumulative_incidence(
    group: Rows, exits: Floats, cause: Rows, n_groups: int, n_causes: int, entry: Floats | None = None, prior: float = 0.0
) -> Incidence:
    """Aalen-Johansen curves of each group, leaning on the whole.

    group, exits, entry  as for `kaplan_meier`
    cause                (rows,) 0: censored; 1 to n_causes: how it ended
    prior                the whole counts in each group as so many further rows that end as the whole does; 0: each for itself

    It needs groups x distinct times x causes numbers: where there are many of both, round `exits` up to whole days first.
    """
    keep, begun = _watched_rows(group, exits, entry)
    group, exits, cause, begun = group[keep], exits[keep], cause[keep], begun[keep]
    time = np.unique(exits[cause > 0])
    ended = _counted(group, time, exits, cause, n_groups, n_causes)
    at_risk = _at_risk(group, time, exits, begun, n_groups)
    whole = _hazards(ended.sum(axis=0), at_risk.sum(axis=0))
    borrowed = prior * np.concatenate([[1.0], np.cumprod(1.0 - whole.sum(axis=-1))])[: len(time)]
    hazard = _hazards(ended + borrowed[:, None] * whole, at_risk + borrowed)
    still = np.cumprod(1.0 - hazard.sum(axis=-1), axis=1)
    before = np.concatenate([np.ones((n_groups, min(1, len(time)))), still[:, :-1]], axis=1)
    share = np.cumsum(before[:, :, None] * hazard, axis=1)
    n = np.bincount(group, minlength=n_groups).astype(np.float64)
    return Incidence(time, share, still, hazard, at_risk + borrowed, n, _longest(group, exits, n_groups))


def _counted(group: Rows, time: Floats, exits: Floats, cause: Rows, n_groups: int, n_causes: int) -> Floats:
    """(groups, times, causes) rows that ended."""
    over = cause > 0
    shape = (n_groups, len(time), n_causes)
    flat = np.ravel_multi_index((group[over], np.searchsorted(time, exits[over]), cause[over] - 1), shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).astype(np.float64).reshape(shape)


def _at_risk(group: Rows, time: Floats, exits: Floats, begun: Floats, n_groups: int) -> Floats:
    """(groups, times) rows with begun < time <= exit."""
    width = len(time) + 1
    into, out = (
        np.bincount(group * width + np.searchsorted(time, t, side="right"), minlength=n_groups * width) for t in (begun, exits)
    )
    return np.cumsum((into - out).reshape(n_groups, width), axis=1)[:, :-1].astype(np.float64)


def _hazards(ended: Floats, at_risk: Floats) -> Floats:
    """Ended of those at risk, 0 where nobody was."""
    return np.divide(ended, at_risk[..., None], out=np.zeros_like(ended), where=at_risk[..., None] > 0)
