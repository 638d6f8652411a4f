"""Intervals as one bar: 95, 80 and 50 % from light to dark, the expected value as a line, the plan as a triangle.

All bars of a page share one scale, so that teams can be compared; it begins at 0, because money does.

    |        ░░░░▒▒▒▒████|████▒▒▒▒░░░░░░                |
                         ^plan
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serving.forecast.outlook import Line, RecurringOutlook, Span

WIDTH: Final = 400.0
HEIGHT: Final = 26.0
ROOM: Final = 1.04
"""Beyond the largest value, so that no mark is cut off."""


@dataclass(frozen=True)
class Stretch:
    """One interval, in the drawing's units."""

    level: int
    x: float
    width: float


@dataclass(frozen=True)
class Bar:
    """Everything that the template draws; `plan` is None where there is none."""

    stretches: tuple[Stretch, ...]
    won: float
    mean: float
    plan: float | None


def scale_of(lines: Sequence[Line]) -> float:
    """The largest value that any bar has to show."""
    return max([line.spans[-1].high for line in lines] + [line.plan or 0.0 for line in lines] + [line.mean for line in lines])


def bar(line: Line, largest: float) -> Bar:
    """The bar of one node."""
    return _bar(line.spans, line.won, line.mean, line.plan, largest)


def recurring_bar(made: RecurringOutlook) -> Bar:
    """That of recurring revenue, on a scale of its own."""
    return _bar(made.spans, 0.0, made.end, None, max(made.spans[-1].high, made.end))


def _bar(spans: Sequence[Span], won: float, mean: float, plan: float | None, largest: float) -> Bar:
    per_unit = WIDTH / (ROOM * largest) if largest > 0 else 0.0

    def at(value: float) -> float:
        return round(max(0.0, value) * per_unit, 1)

    widest_first = sorted(spans, key=lambda span: -span.level)
    stretches = tuple(Stretch(span.level, at(span.low), round(at(span.high) - at(span.low), 1)) for span in widest_first)
    return Bar(stretches, at(won), at(mean), None if plan is None else at(plan))
