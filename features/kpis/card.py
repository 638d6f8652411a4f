"""Scorecard: the values of many KPIs for many windows and nodes, kept as arrays and read as values, a table or a series."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats
from features.history import Rows
from features.kpis.options import Options
from features.kpis.value import Cells, Kpi, Node, Value, Window

PLAN: Final = "plan"
PREVIOUS: Final = "previous"
LAST_YEAR: Final = "last_year"


@dataclass(frozen=True)
class Answer:
    """One KPI in one variant.

    cells   for all windows of the scorecard, those compared with included
    target  the plan of each cell as known, NaN where there is none; None where plans were not asked for
    """

    kpi: Kpi
    variant: str
    cells: Cells
    target: Floats | None = None


@dataclass(frozen=True)
class Scorecard:
    """Values of KPIs as of one moment.

    as_of      what was known strictly before it
    currency   of all money
    windows    the windows asked for, then those that they are compared with
    n_asked    how many of the windows were asked for
    nodes      the company first, then the nodes of the dimension asked for
    answers    (KPI, variant) -> its values
    compared   "previous", "last_year" -> for each window asked for, the position of the window that it is compared with
    options    the declared choices that the values rest on
    """

    as_of: pd.Timestamp
    currency: str
    windows: tuple[Window, ...]
    n_asked: int
    nodes: tuple[Node, ...]
    answers: Mapping[tuple[str, str], Answer]
    compared: Mapping[str, Rows]
    options: Options = field(default_factory=Options)

    def value(self, kpi: str, *, node: str | None = "", window: int = 0, variant: str | None = None) -> Value:
        """One value: of a node by its id (the company by default), and of a window by its position.

        Raises KeyError for a KPI, variant or node that was not asked for.
        """
        answer = self.answers[kpi, variant] if variant else self._default(kpi)
        return self._value(answer, self._others(answer), window, self._columns[node])

    def values(self) -> Iterator[Value]:
        """Every value: KPI by KPI, window by window, node by node."""
        for answer in self.answers.values():
            others = self._others(answer)
            for window in range(self.n_asked):
                for column in range(len(self.nodes)):
                    yield self._value(answer, others, window, column)

    def series(self, kpi: str, *, node: str | None = "", variant: str | None = None) -> Floats:
        """The values of one node in all windows asked for, in their order; NaN where null."""
        answer = self.answers[kpi, variant] if variant else self._default(kpi)
        return answer.cells.value[: self.n_asked, self._columns[node]]

    def frame(self) -> pd.DataFrame:
        """One row a value: KPI, window and node, the fields of `Cells` that are one number, and what it is compared with."""
        return pd.concat([self._rows(answer) for answer in self.answers.values()], ignore_index=True)

    @cached_property
    def _columns(self) -> dict[str | None, int]:
        return {node.id: column for column, node in enumerate(self.nodes)}

    def _default(self, kpi: str) -> Answer:
        """The variant that was asked for first."""
        found = [answer for (name, _), answer in self.answers.items() if name == kpi]
        if not found:
            raise KeyError(kpi)
        return found[0]

    def _value(self, answer: Answer, others: Mapping[str, Floats], window: int, column: int) -> Value:
        value = answer.cells.at(answer.kpi, answer.variant, self.windows[window], self.nodes[column], (window, column))
        figures = {name: figure[window, column] for name, figure in others.items()}
        return replace(value, against={name: None if np.isnan(figure) else float(figure) for name, figure in figures.items()})

    def _others(self, answer: Answer) -> dict[str, Floats]:
        """What each value asked for is compared with, by name, (asked windows, nodes)."""
        planned = {} if answer.target is None else {PLAN: answer.target[: self.n_asked]}
        return planned | {name: answer.cells.value[windows] for name, windows in self.compared.items()}

    def _rows(self, answer: Answer) -> pd.DataFrame:
        asked, cells = self.n_asked, answer.cells
        window, node = np.divmod(np.arange(asked * len(self.nodes)), len(self.nodes))
        columns = {
            name: getattr(cells, name)[:asked].ravel()
            for name in ("value", "reason", "numerator", "denominator", "n", "low", "high", "immature", "censored")
        }
        return pd.DataFrame(
            {
                "kpi": answer.kpi.name,
                "variant": answer.variant,
                "window": np.array([each.label for each in self.windows], dtype=object)[window],
                "start": pd.Series([each.start for each in self.windows]).iloc[window].reset_index(drop=True),
                "end": pd.Series([each.end for each in self.windows]).iloc[window].reset_index(drop=True),
                "dimension": np.array([each.dimension for each in self.nodes], dtype=object)[node],
                "node": np.array([each.id for each in self.nodes], dtype=object)[node],
                **columns,
                **{name: figures.ravel() for name, figures in self._others(answer).items()},
            }
        ).astype({"n": "int64", "censored": "int64"})
