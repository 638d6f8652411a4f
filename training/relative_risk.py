"""How much faster deals of some size, product, source or type are won, or lost, than others of their stage and age.

A young company cannot afford to learn this from trees: with some hundred closed deals boosting stops after a few dozen rounds,
and the largest deals keep the chances of the smallest. Deal by deal that is hardly wrong, in money it is: young synthetic firms
were promised half as much again as their open deals were truly worth, because large deals take longer and the curve did not know
(decision 23). So these few plain signals have factors on the hazards from the start, as in a proportional hazards model, and
boosting goes on from there.

For each cause the factors are a ridge Poisson regression of the ends on the signals' bins, numbers in fifths, relative to what
the life table expects at the calendar's pace. A deal that stands at ten dates counts as one. The ridge is a standard deviation of
0.3 on each bin's logarithm: a bin of a handful of deals stays near 1.

The hazards of stage and age are those of all who are left, and in far buckets the slow ones are left. So factors are relative to
the mean factor of those at risk in the bucket (`usual`), as the baseline of a Cox model belongs to its covariates; without that
the near buckets come out too high, by a sixth, and the far ones too low, by a third (decision 29).

Worked example: deals in the largest fifth were won 60 times where stage and age led to expect 80 wins. The regression alone would
say 0.75; with the ridge the bin's factor is 0.78, and a P(won) of 0.20 within some bucket becomes 0.16.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from features.clock import Floats
from features.history import Rows
from training.curves import faster
from training.encoding import Encoding
from training.text_codes import TextCodes

PRIOR_SD: Final = 0.3
N_BINS: Final = 5
MIN_ENDS: Final = 30.0
"""With fewer ends of a cause, counting each deal once, all its factors are 1."""


@dataclass(frozen=True)
class RelativeRisk:
    """Factors on the hazards.

    numbers  name and ascending cuts of each number; bin i holds values in [cut i-1, cut i), one more the missing ones
    texts    name and texts of each category, one more bin for other texts, one for missing ones
    weights  (causes, bins) logarithms of the factors; the bins of all signals one after the other
    usual    (buckets or 1, causes) mean factor of those at risk in each bucket; those left in far ones are the slow
    speeds   (bins,) logarithms of how many ordinary days pass for a row on an ordinary day (`training.speed`); empty: one
    """

    numbers: tuple[tuple[str, tuple[float, ...]], ...]
    texts: tuple[tuple[str, tuple[str, ...]], ...]
    weights: Floats
    usual: Floats
    speeds: Floats = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def none(cls, n_causes: int) -> "RelativeRisk":
        """All alike."""
        return cls((), (), np.zeros((n_causes, 0)), np.ones((1, n_causes)))

    def even(self) -> "RelativeRisk":
        """The same speeds, and all factors at 1."""
        n_causes, n_bins = self.weights.shape
        return replace(self, weights=np.zeros((n_causes, n_bins)), usual=np.ones((1, n_causes)))

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that it reads."""
        return tuple(name for name, _ in (*self.numbers, *self.texts))

    def factors(self, signals: pd.DataFrame) -> Floats:
        """(rows, causes), 1 where nothing sets a row apart."""
        return self.factors_of(self.bins(signals))

    def factors_of(self, bins: Rows) -> Floats:
        """The same for rows of bins, (rows, signals)."""
        return np.asarray(np.exp(self.weights.T[bins].sum(axis=1)))

    def speed(self, signals: pd.DataFrame) -> Floats | None:
        """(rows,) ordinary days that pass for each row on an ordinary day; None: one for all."""
        return self.speed_of(self.bins(signals)) if self.speeds.any() else None

    def speed_of(self, bins: Rows) -> Floats | None:
        """The same for rows of bins, (rows, signals)."""
        return np.asarray(np.exp(self.speeds[bins].sum(axis=1))) if self.speeds.any() else None

    def on(self, hazards: Floats, signals: pd.DataFrame) -> Floats:
        """(rows, buckets, 1 + causes) hazards of stage and age as those of each row."""
        if not self.signals or not len(signals):
            return hazards
        return faster(hazards, self.factors(signals)[:, None] / self.usual)

    def bins(self, signals: pd.DataFrame) -> Rows:
        """(rows, signals) the place of each row's bin among all bins."""
        if not self.signals:
            return np.zeros((len(signals), 0), dtype=np.int64)
        coded = [_of_number(signals[name], cuts) for name, cuts in self.numbers]
        coded += [codes.of(signals[name].to_numpy(dtype=object)) for name, codes in self._codes]
        first = np.concatenate([[0], np.cumsum(self._sizes)]).astype(np.int64)
        return np.stack([code + start for code, start in zip(coded, first, strict=False)], axis=1)

    @cached_property
    def _codes(self) -> list[tuple[str, TextCodes]]:
        return [(name, TextCodes(texts)) for name, texts in self.texts]

    @property
    def n_bins(self) -> int:
        """Bins of all signals together."""
        return sum(self._sizes)

    @cached_property
    def _sizes(self) -> list[int]:
        return [len(known) + 2 for _, known in (*self.numbers, *self.texts)]

    def columns(self, bins: Rows) -> Floats:
        """(rows, bins): 1 where a row, (rows, signals), has the bin."""
        columns = np.zeros((len(bins), self.n_bins))
        np.put_along_axis(columns, bins, 1.0, axis=1)
        return columns

    def fitted(self, bins: Rows, ended: Floats, expected: Floats) -> "RelativeRisk":
        """The same bins with factors learned: `ended` and `expected` (rows, causes) are how many ends came of each row of `bins`,
        (rows, signals), and were expected of it."""
        if not self.signals or not len(bins):
            return self
        columns = self.columns(bins)
        return replace(self, weights=np.stack([_weights(*each, columns) for each in zip(ended.T, expected.T, strict=True)]))

    def to_json(self) -> dict[str, Any]:
        numbers, texts = ([[name, list(known)] for name, known in each] for each in (self.numbers, self.texts))
        learned = {name: getattr(self, name).tolist() for name in ("weights", "usual", "speeds")}
        return {"numbers": numbers, "texts": texts, **learned}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "RelativeRisk":
        numbers, texts = (tuple((name, tuple(known)) for name, known in stored[each]) for each in ("numbers", "texts"))
        weights, usual = (
            np.array(stored[name], dtype=np.float64).reshape(len(stored[name]), -1) for name in ("weights", "usual")
        )
        return cls(numbers, texts, weights, usual, np.array(stored["speeds"], dtype=np.float64))


def learn_bins(encoding: Encoding, signals: pd.DataFrame, plain: tuple[str, ...], n_causes: int) -> RelativeRisk:
    """The bins of those of the plain signals that the encoding takes, all factors 1."""
    levels = np.arange(1, N_BINS) / N_BINS
    numbers = tuple(
        (name, tuple(np.unique(np.quantile(signals[name].dropna().to_numpy(dtype=np.float64), levels)).tolist()))
        for name in plain
        if name in encoding.numbers
    )
    texts = tuple((name, known) for name, known in encoding.categories if name in plain)
    empty = RelativeRisk(numbers, texts, np.zeros((n_causes, 0)), np.ones((1, n_causes)))
    return replace(empty, weights=np.zeros((n_causes, empty.n_bins)))


def _of_number(values: "pd.Series[Any]", cuts: tuple[float, ...]) -> Rows:
    number = values.to_numpy(dtype=np.float64)
    return np.where(np.isnan(number), len(cuts) + 1, np.searchsorted(cuts, number, side="right")).astype(np.int64)


def _weights(ended: Floats, expected: Floats, columns: Floats) -> Floats:
    """Log-factors of one cause."""
    seen = expected > 0
    if ended.sum() < MIN_ENDS:
        return np.zeros(columns.shape[1])
    from sklearn.linear_model import PoissonRegressor  # not above: who only answers never fits

    penalty = 1 / (PRIOR_SD**2 * expected[seen].sum())
    with threadpool_limits(1):
        fitted = PoissonRegressor(alpha=penalty, solver="newton-cholesky").fit(
            columns[seen], ended[seen] / expected[seen], sample_weight=expected[seen]
        )
    return np.asarray(fitted.coef_)
