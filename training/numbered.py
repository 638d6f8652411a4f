"""Training rows as numbers: a fit counts the same rows some fifty times, and looks at their texts and signals once.

What the start reads of a row is its cell in the life table, the bins of its plain signals, and its as_of. Many rows agree in
all three: of 245,000 rows of a hundred thousand deals 81,000 differ. They stand at one *spot*, and where boosting starts is found
spot by spot.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.history import Rows
from training.encoding import Encoding
from training.examples import Examples
from training.labels import Outcomes
from training.life_table import Cells, fold_of
from training.relative_risk import RelativeRisk

N_FOLDS: Final = 5
"""Parts of the units; no row is to start from its own outcome."""


@dataclass(frozen=True)
class Spots:
    """Where rows stand: the different ones in order of their group, and which of them each row has (`of`)."""

    cell: Rows
    group: Rows
    as_of: Micros
    of: Rows

    def __len__(self) -> int:
        return len(self.cell)


@dataclass(frozen=True)
class Numbered:
    """Some rows of a training.

    row       number of each row among all
    unit      number of its deal or client
    fold      which of N_FOLDS its unit belongs to
    cell      number of its cell in the life table
    group     which of `bins` it has
    moment    which of `moments` is its as_of
    outcomes  what became of it
    own       the same for each cause in days of its ordinary pace; empty: not asked for yet
    matrix    (all rows, signals) encoded; shared by all parts
    bins      (groups, plain signals) the different combinations of plain signals' bins; shared
    moments   the different as_of; shared
    """

    row: Rows
    unit: Rows
    fold: Rows
    cell: Rows
    group: Rows
    moment: Rows
    outcomes: Outcomes
    matrix: npt.NDArray[np.float32]
    bins: Rows
    moments: Micros
    own: tuple[Outcomes, ...] = ()

    def __len__(self) -> int:
        return len(self.row)

    @property
    def as_of(self) -> Micros:
        """(rows,) microseconds."""
        return self.moments[self.moment]

    def take(self, keep: Mask) -> "Numbered":
        """The rows that are kept."""
        names = ("row", "unit", "fold", "cell", "group", "moment")
        taken = {name: getattr(self, name)[keep] for name in names}
        return replace(self, **taken, outcomes=self.outcomes.take(keep), own=tuple(each.take(keep) for each in self.own))

    def before(self, boundary: int) -> tuple["Numbered", "Numbered"]:
        """As `Examples.before`: the rows before the boundary (microseconds), watched until it, and the others."""
        earlier = clock.known(self.as_of, boundary)
        first = self.take(earlier)
        watched = first.outcomes.cut((boundary - first.as_of) / clock.MICROS_PER_DAY)
        return replace(first, outcomes=watched, own=()), self.take(~earlier)

    def evenly(self, n: int) -> Mask:
        """About n of the rows, evenly spaced."""
        return np.asarray(np.arange(len(self)) % max(1, -(-len(self) // n)) == 0)

    @property
    def alike(self) -> "Numbered":
        """The same rows as if they did not differ in plain signals."""
        return replace(self, group=np.zeros_like(self.group), bins=self.bins[:1, :0])

    @cached_property
    def spots(self) -> Spots:
        """The different spots."""
        n_cells, n_moments = int(self.cell.max(initial=0)) + 1, len(self.moments)
        spot, of = np.unique((self.group * n_cells + self.cell) * n_moments + self.moment, return_inverse=True)
        rest, moment = np.divmod(spot, n_moments)
        return Spots(rest % n_cells, rest // n_cells, self.moments[moment], of)

    @cached_property
    def weight(self) -> Floats:
        """(rows,) a deal that stands at ten dates counts as one."""
        return np.asarray(1.0 / np.bincount(self.unit)[self.unit])

    @property
    def mean_weight(self) -> float:
        """What a row counts for on average."""
        return len(np.unique(self.unit)) / max(1, len(self))


def numbered(train: Examples, cells: Cells, risk: RelativeRisk | None, encoding: Encoding) -> Numbered:
    """All rows of a training; `risk` says which bins there are (None: no plain signals)."""
    kind, age = cells.of(train.signals)
    bins = np.zeros((len(train), 0), dtype=np.int64) if risk is None else risk.bins(train.signals)
    groups, group = _different(bins)
    moments, moment = np.unique(train.as_of, return_inverse=True)
    return Numbered(
        row=np.arange(len(train)),
        unit=pd.factorize(train.signals.index)[0].astype(np.int64),
        fold=fold_of(train.signals.index, N_FOLDS),
        cell=kind * cells.shape[1] + age,
        group=group,
        moment=moment,
        outcomes=train.outcomes,
        matrix=encoding.rows(train.signals),
        bins=groups,
        moments=moments,
    )


def _different(bins: Rows) -> tuple[Rows, Rows]:
    """The different rows, and which of them each row is."""
    number = np.zeros(len(bins), dtype=np.int64)
    for column in bins.T:
        number = np.unique(number * (1 + column.max(initial=0)) + column, return_inverse=True)[1]
    first = np.unique(number, return_index=True)[1]
    return bins[first], number
