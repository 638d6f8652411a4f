"""A sparkline: the course of a figure over a few periods, small enough to stand in a table (Tufte 2006, Beautiful Evidence)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 96.0
HEIGHT: Final = 26.0
MARGIN: Final = 3.0


@dataclass(frozen=True)
class Sparkline:
    """What the template draws, in its own units.

    path   one stroke for each run of periods that have a value
    dots   runs of a single period, and the last value
    """

    path: str
    dots: tuple[tuple[float, float], ...]


def sparkline(values: Sequence[float | None]) -> Sparkline | None:
    """From the oldest to the newest; None where fewer than two periods have a value."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    points = _points(values, min(known), max(known))
    runs = _runs(points)
    strokes = ["M" + "L".join(f"{x} {y}" for x, y in run) for run in runs if len(run) > 1]
    alone = [run[0] for run in runs if len(run) == 1]
    return Sparkline("".join(strokes), tuple(dict.fromkeys([*alone, runs[-1][-1]])))


def _points(values: Sequence[float | None], low: float, high: float) -> list[tuple[float, float] | None]:
    """Where each value stands; a level course runs through the middle."""
    step, spread = (WIDTH - 2 * MARGIN) / (len(values) - 1), high - low
    return [
        None
        if value is None
        else (round(MARGIN + number * step, 1), round(_height((value - low) / spread if spread else 0.5), 1))
        for number, value in enumerate(values)
    ]


def _height(share: float) -> float:
    return HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)


def _runs(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is not None:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
