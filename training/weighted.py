"""The metrics of `training.metrics` for many draws of the rows at once.

A bootstrap draws whole accounts or deals with replacement; a draw is nothing but how often each comes. So hundreds of replicates
are one matrix, and each metric is a few products with it: nothing is refitted and no row is copied. On the draw in which each
cluster comes once, each function gives the plain metric. A replicate in which a metric has no value gives NaN.
"""

import numpy as np

from features.clock import Floats
from features.history import Rows
from training.metrics import N_BINS, Flags, bins_of, surprise
from training.resampling import Draws, Statistic


def mean(values: Floats) -> Statistic:
    """The mean of a value for each row."""
    return ratio(values, np.ones(len(values)))


def ratio(values: Floats, counts: Floats) -> Statistic:
    """The sum of values over the sum of counts, both (rows,) or (rows, k); NaN where the latter is 0."""

    def statistic(draws: Draws) -> Floats:
        return _divided(draws.total(values), draws.total(counts))

    return statistic


def mean_in(values: Floats, groups: Floats) -> Statistic:
    """The mean of a value in each of several groups of rows, (replicates, groups); `groups` is (rows, groups), 0 or 1."""
    return ratio(values[:, None] * groups, groups)


def log_loss(actual: Flags, predicted: Floats) -> Statistic:
    """See `metrics.log_loss`."""
    return mean(surprise(np.where(actual, predicted, 1.0 - predicted)))


def brier(actual: Flags, predicted: Floats) -> Statistic:
    """See `metrics.brier`."""
    return mean((predicted - actual) ** 2)


def brier_parts(actual: Flags, predicted: Floats, n_bins: int = N_BINS) -> Statistic:
    """See `metrics.brier_parts`: (replicates, 3), reliability, resolution, uncertainty. The bins are those of all rows."""
    members = _members(bins_of(predicted, n_bins))
    whole = brier(actual, predicted)

    def statistic(draws: Draws) -> Floats:
        n, gap = draws.total(members), draws.total(members * (predicted - actual)[:, None])
        rate = _divided(draws.total(actual.astype(np.float64)), n.sum(axis=1))
        reliability = _divided(np.nansum(_divided(gap**2, n), axis=1), n.sum(axis=1))
        uncertainty = rate * (1.0 - rate)
        return np.column_stack([reliability, reliability + uncertainty - whole(draws), uncertainty])

    return statistic


def part(of: Statistic, place: int) -> Statistic:
    """One value of a statistic that has several."""
    return lambda draws: of(draws)[:, place]


def calibration_error(actual: Flags, predicted: Floats, n_bins: int = N_BINS) -> Statistic:
    """See `metrics.calibration_error`. The bins are those of all rows."""
    gap, one = _members(bins_of(predicted, n_bins)) * (predicted - actual)[:, None], np.ones(len(actual))

    def statistic(draws: Draws) -> Floats:
        return _divided(np.abs(draws.total(gap)).sum(axis=1), draws.total(one))

    return statistic


def observed_by_bin(actual: Flags, bins: Rows) -> Statistic:
    """The observed frequency in each bin, (replicates, bins)."""
    return mean_in(actual.astype(np.float64), _members(bins))


def auc(actual: Flags, predicted: Floats) -> Statistic:
    """See `metrics.auc`."""
    order, starts = _ties(predicted)
    event = actual[order].astype(np.float64)

    def statistic(draws: Draws) -> Floats:
        times = draws.of_rows[:, order]
        with_event = np.add.reduceat(times * event, starts, axis=1)
        without = np.add.reduceat(times, starts, axis=1) - with_event
        below = np.cumsum(without, axis=1) - 0.5 * without
        return _divided((with_event * below).sum(axis=1), with_event.sum(axis=1) * without.sum(axis=1))

    return statistic


def gains(actual: Flags, predicted: Floats, shares: Floats) -> Statistic:
    """See `metrics.gains`: (replicates, shares)."""
    order, starts = _ties(-predicted)
    event = actual[order].astype(np.float64)

    def statistic(draws: Draws) -> Floats:
        times = draws.of_rows[:, order]
        n_rows = np.cumsum(np.add.reduceat(times, starts, axis=1), axis=1)
        events = np.cumsum(np.add.reduceat(times * event, starts, axis=1), axis=1)
        reached, gained = _divided(n_rows, n_rows[:, -1:]), _divided(events, events[:, -1:])
        pairs = zip(reached, gained, strict=True)
        return np.stack([np.interp(shares, np.append(0.0, x), np.append(0.0, y)) for x, y in pairs])

    return statistic


def concordance(predicted: Floats, pairs: tuple[Rows, Rows]) -> Statistic:
    """See `metrics.concordance`: a pair weighs as much as the product of its rows."""
    first, second = pairs
    ordered = (predicted[first] > predicted[second]) + 0.5 * (predicted[first] == predicted[second])

    def statistic(draws: Draws) -> Floats:
        both = draws.of_rows[:, first] * draws.of_rows[:, second]
        return _divided(both @ ordered, both.sum(axis=1))

    return statistic


def _divided(one: Floats, other: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(one / other)


def _members(bins: Rows) -> Floats:
    """(rows, bins): 1 in the column of each row's bin."""
    return np.eye(int(bins.max(initial=0)) + 1)[bins]


def _ties(predicted: Floats) -> tuple[Rows, Rows]:
    """The ascending order of the rows, and where each run of equal predictions starts in it."""
    order = np.argsort(predicted, kind="stable")
    ascending = predicted[order]
    return order, np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1]))
