"""Charts as SVG, made on the server: no script, no style attribute, colours by class so that the page's theme applies.

A deal's curve is three bands stacked to 100 %: won from the bottom, lost from the top, open between them. Example: on day 90
won is 0.30 and lost 0.20; the won band reaches from 0 to 30 %, the open band to 80 %, the lost band to the top.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

NEARLY_NOTHING: Final = 0.1
LABEL_GAP: Final = 17.0
TICK_STEPS: Final = (1, 2, 5, 7, 10, 15, 30, 60, 90, 120, 180, 365, 730)


@dataclass(frozen=True)
class Shape:
    """The drawing's size and the margins around the plot, in its own units."""

    width: float
    height: float
    left: float = 44
    right: float = 132
    top: float = 40
    bottom: float = 44
    n_ticks: int = 7

    def x(self, day: float, last_day: float) -> float:
        return round(self.left + (self.width - self.left - self.right) * day / last_day, 1)

    def y(self, share: float) -> float:
        return round(self.height - self.bottom - (self.height - self.top - self.bottom) * share, 1)


WIDE: Final = Shape(760, 310)
NARROW: Final = Shape(350, 290, left=40, right=16, n_ticks=4)
"""For a phone: no room beside the plot, so the labels stand inside the bands."""


@dataclass(frozen=True)
class Point:
    """One day of the curve; the three probabilities add up to 1."""

    day: float
    won: float
    lost: float


@dataclass(frozen=True)
class Band:
    """One of the three areas: its class, its outline and where its label stands."""

    name: str
    path: str
    share: float
    label_y: float


@dataclass(frozen=True)
class Tick:
    """A position on an axis, in the drawing's units, and the number there."""

    at: float
    value: float


@dataclass(frozen=True)
class Marker:
    """A day worth a vertical line; `row` keeps neighbouring labels apart."""

    name: str
    at: float
    row: int
    anchor: str


@dataclass(frozen=True)
class CurveChart:
    """Everything that the template draws."""

    shape: Shape
    bands: list[Band]
    days: list[Tick]
    shares: list[Tick]
    markers: list[Marker]
    last: Point


def worth_drawing(points: Sequence[Point]) -> list[Point]:
    """The curve up to the day from which on nearly nothing is open any more; the rest is a flat line."""
    decided = (number for number, point in enumerate(points) if 1 - point.won - point.lost < NEARLY_NOTHING and point.day > 0)
    return list(points[: next(decided, len(points)) + 1])


def curve_chart(points: Sequence[Point], markers: Sequence[tuple[str, float]] = (), shape: Shape = WIDE) -> CurveChart:
    """Lay out a curve with at least one point after day 0; markers are (name, day), those outside the curve are left out."""
    start = [Point(0.0, 0.0, 0.0)] if points[0].day > 0 else []
    drawn = [*start, *points]
    last = drawn[-1]
    days = [Tick(shape.x(day, last.day), day) for day in _day_ticks(last.day, shape.n_ticks)]
    shares = [Tick(shape.y(share), share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return CurveChart(shape, _bands(drawn, shape), days, shares, _markers(markers, last.day, shape), last)


def _bands(points: Sequence[Point], shape: Shape) -> list[Band]:
    last = points[-1]
    x = [shape.x(point.day, last.day) for point in points]
    edges = [
        [shape.y(0.0)] * len(points),
        [shape.y(point.won) for point in points],
        [shape.y(1 - point.lost) for point in points],
        [shape.y(1.0)] * len(points),
    ]
    shares = {"won": last.won, "open": max(0.0, 1 - last.won - last.lost), "lost": last.lost}
    labels = _apart([(low[-1] + high[-1]) / 2 for low, high in pairwise(edges)], shape.top)
    areas = [_area(x, low, high) for low, high in pairwise(edges)]
    return [Band(name, area, shares[name], label) for name, area, label in zip(shares, areas, labels, strict=True)]


def _markers(markers: Sequence[tuple[str, float]], last_day: float, shape: Shape) -> list[Marker]:
    inside = sorted((day, name) for name, day in markers if 0 < day <= last_day)
    middle = (shape.left + shape.width - shape.right) / 2
    placed = [(name, shape.x(day, last_day), row) for row, (day, name) in enumerate(inside)]
    return [Marker(name, at, row, "start" if at < middle else "end") for name, at, row in placed]


def _area(x: Sequence[float], low: Sequence[float], high: Sequence[float]) -> str:
    there = [f"{a} {b}" for a, b in zip(x, high, strict=True)]
    back = [f"{a} {b}" for a, b in zip(reversed(x), reversed(low), strict=True)]
    return "M" + "L".join([*there, *back]) + "Z"


def _apart(middles: Sequence[float], top: float) -> list[float]:
    """Labels from the bottom up, at least a line's height apart and below the drawing's top."""
    placed: list[float] = []
    for middle in middles:
        placed.append(min(middle, placed[-1] - LABEL_GAP) if placed else middle)
    overshoot = max(0.0, top + LABEL_GAP / 2 - placed[-1])
    return [round(at + overshoot, 1) for at in placed]


def _day_ticks(last_day: float, most: int) -> list[float]:
    """At most `most` steps of a round number of days, from 0 up to the last day."""
    step = next((step for step in TICK_STEPS if last_day / step <= most), last_day / most)
    return [step * n for n in range(int(last_day / step) + 1)]
