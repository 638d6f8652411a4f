"""What a KPI is, and what it answers: a number with everything one needs to judge it.

    Kpi        the definition: names, meaning, unit, direction, date basis, variants; data, no code
    Window     the half-open stretch of time `[start, end)` that is asked about
    Node       what is asked about: the company, a person, a team, a product …
    Cells      the answer for many windows and nodes at once, as arrays of shape (windows, nodes)
    Value      one cell of it, to be read by people and programs

Shares are 0 to 1 (NPS, in points, is -100 to 100), money is in the organisation's currency, durations are in the KPI's unit. A
value that cannot be given is None with the code of a reason (`features.kpis.texts`), never 0: 3 won of 0 decided is no win rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.calendar import Period
from features.clock import Floats, Mask

MORE: Final = "more is better"
LESS: Final = "less is better"
NEITHER: Final = "neither"
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
COMPANY: Final = "company"


@dataclass(frozen=True)
class Text:
    """One meaning in both languages."""

    en: str
    ru: str


@dataclass(frozen=True)
class Variant:
    """A declared way to compute a KPI where practice disagrees.

    tables  without which this variant has no answer, beside those of the KPI
    unit    where it is another than the KPI's; likewise `slices`
    """

    name: str
    text: Text
    tables: tuple[str, ...] = ()
    unit: str = ""
    slices: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Kpi:
    """The definition of a KPI.

    name         stable identifier
    title        its name, as people say it
    meaning      one sentence
    formula      the quotient or sum, in a few words
    unit         a key of `texts.UNITS`: money, share, count, ratio, days …
    direction    MORE, LESS or NEITHER
    perspective  of the balanced scorecard: finance, client, process or people
    basis        which date puts a record into the window
    whose        for which person, source or client a record counts
    tables       without which it has no answer
    slices       the dimensions that it can be cut by, beside the whole company
    variants     the first whose tables are there is the default
    additive     whether the values of windows or nodes that do not overlap may be added up
    """

    name: str
    title: Text
    meaning: Text
    formula: Text
    unit: str
    direction: str
    perspective: str
    basis: Text
    whose: Text
    tables: tuple[str, ...]
    slices: tuple[str, ...]
    variants: tuple[Variant, ...]
    additive: bool = False

    def variant(self, name: str) -> Variant:
        """The variant of that name. Raises KeyError."""
        found = {variant.name: variant for variant in self.variants}
        return found[name]

    def unit_of(self, variant: str) -> str:
        """The unit of one variant's values."""
        return self.variant(variant).unit or self.unit

    def slices_of(self, variant: str) -> tuple[str, ...]:
        """The dimensions that one variant can be cut by."""
        own = self.variant(variant).slices
        return self.slices if own is None else own


@dataclass(frozen=True)
class Window(Period):
    """A half-open stretch of time, `[start, end)`, in UTC.

    months  its length in months of the fiscal calendar, 0 for a stretch of days
    whole   what it was cut from, where it is compared with a window that is running
    """

    months: int = 0
    whole: "Window | None" = None


@dataclass(frozen=True)
class Node:
    """What a column of a table of values is about.

    dimension  company, owner, team, manager, office, product, source, type, region or industry
    id         of the company: an empty text; None: the records that have no value in this dimension
    title      how people call it
    """

    dimension: str
    id: str | None
    title: str


@dataclass(frozen=True)
class Cells:
    """One KPI in one variant for many windows and nodes; each array has the shape (windows, nodes).

    value        NaN where it is null
    reason       code of the reason where it is null, an empty text where it is not
    numerator    NaN where the KPI has none; likewise `denominator`
    n            records behind the value
    low, high    95 % interval, NaN where there is none
    immature     whether outcomes of the cohort are still due
    censored     records of the cohort whose outcome is not known yet
    excluded     code of `texts.EXCLUSIONS` -> records that could not be counted
    beside       name -> another figure that belongs beside the value: the median beside the mean
    flags        code of `texts.FLAGS` -> where it applies
    """

    value: Floats
    reason: npt.NDArray[np.object_]
    numerator: Floats
    denominator: Floats
    n: Floats
    low: Floats
    high: Floats
    immature: Mask
    censored: Floats
    excluded: Mapping[str, Floats] = field(default_factory=dict)
    beside: Mapping[str, Floats] = field(default_factory=dict)
    flags: Mapping[str, Mask] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        value: Floats,
        reason: npt.NDArray[np.object_],
        *,
        n: Floats,
        numerator: Floats | None = None,
        denominator: Floats | None = None,
        interval: tuple[Floats, Floats] | None = None,
        censored: Floats | None = None,
        immature: Mask | None = None,
        excluded: Mapping[str, Floats] = NOTHING,
        beside: Mapping[str, Floats] = NOTHING,
        flags: Mapping[str, Mask] = NOTHING,
    ) -> "Cells":
        """Fill in what a KPI does not have. Where there is a reason the value and its interval are null."""
        null = np.asarray(reason != "")
        nothing = np.full(value.shape, np.nan)
        low, high = interval or (nothing, nothing)
        open_part = np.zeros(value.shape) if censored is None else censored
        return cls(
            np.where(null, np.nan, value),
            reason,
            nothing if numerator is None else numerator,
            nothing if denominator is None else denominator,
            n,
            np.where(null, np.nan, low),
            np.where(null, np.nan, high),
            open_part > 0 if immature is None else immature,
            open_part,
            excluded,
            beside,
            flags,
        )

    def beside_others(self, n_nodes: int, reason: str) -> "Cells":
        """The cells of one node followed by others without an answer, `n_nodes` in all."""

        def wide(values: npt.NDArray[Any], blank: object = np.nan) -> npt.NDArray[Any]:
            others = np.full((len(values), n_nodes - 1), blank, dtype=values.dtype)
            return np.concatenate([values, others], axis=1)

        return Cells(
            value=wide(self.value),
            reason=wide(self.reason, reason),
            numerator=wide(self.numerator),
            denominator=wide(self.denominator),
            n=wide(self.n, 0.0),
            low=wide(self.low),
            high=wide(self.high),
            immature=wide(self.immature, False),
            censored=wide(self.censored, 0.0),
            excluded={code: wide(counts, 0.0) for code, counts in self.excluded.items()},
            beside={name: wide(figures) for name, figures in self.beside.items()},
            flags={code: wide(applies, False) for code, applies in self.flags.items()},
        )

    def at(self, kpi: Kpi, variant: str, window: Window, node: Node, place: tuple[int, int]) -> "Value":
        """One cell, by its row (window) and column (node)."""
        low, high = _number(self.low[place]), _number(self.high[place])
        return Value(
            kpi=kpi.name,
            variant=variant,
            window=window,
            node=node,
            value=_number(self.value[place]),
            reason=str(self.reason[place]) or None,
            numerator=_number(self.numerator[place]),
            denominator=_number(self.denominator[place]),
            n=int(self.n[place]),
            interval=None if low is None or high is None else (low, high),
            immature=bool(self.immature[place]),
            censored=int(self.censored[place]),
            excluded={name: int(counts[place]) for name, counts in self.excluded.items() if counts[place]},
            beside={name: _number(figures[place]) for name, figures in self.beside.items()},
            flags=tuple(name for name, applies in self.flags.items() if applies[place]),
        )


@dataclass(frozen=True)
class Value:
    """One KPI of one node in one window; the fields are those of `Cells`.

    value    None where `reason` says why
    against  "plan", "previous" or "last_year" -> what it is compared with, None where that is null
    """

    kpi: str
    variant: str
    window: Window
    node: Node
    value: float | None
    reason: str | None
    numerator: float | None
    denominator: float | None
    n: int
    interval: tuple[float, float] | None
    immature: bool
    censored: int
    excluded: Mapping[str, int] = field(default_factory=dict)
    beside: Mapping[str, float | None] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    against: Mapping[str, float | None] = field(default_factory=dict)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
