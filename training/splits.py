"""Which as_of dates teach the model, and which of them judge it.

Worked example: training as of 10 January with history from 1 October, 101 days. Dates are spread over the span, one in each
equal step, at a random day of the step, so that all phases of a quarter and a week are seen. Two boundaries, 1 and 21 December,
cut the past into an early part of three fifths, a middle and a last part of one fifth each; `training.fitting` says what they are
for. What is learned before a boundary is watched only until it. With hazards that cut is all the embargo there is to do, and no
row is lost by it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.errors import NotReadyError

MIDDLE_FROM: Final = 0.6
LAST_FROM: Final = 0.8
STEPS: Final = 48
WARM_UP_SHARE: Final = 0.05
MIN_SPAN_DAYS: Final = 2.0


@dataclass(frozen=True)
class Slices:
    """Where the middle and the last part of the past begin, in microseconds."""

    middle_from: int
    last_from: int


@dataclass(frozen=True)
class Plan:
    """The dates of one training run, ascending, and its slices."""

    dates: tuple[pd.Timestamp, ...]
    slices: Slices
    watched_until: pd.Timestamp


def plan(first_fact: pd.Timestamp, as_of: pd.Timestamp, zone: str, seed: int, steps: int = STEPS) -> Plan:
    """Choose the dates between the first fact and the training's as_of: local midnights, jittered with the seed.

    Raises NotReadyError when less than two days of history lie before as_of.
    """
    start, end = clock.micros(first_fact), clock.micros(as_of)
    span = end - start
    if span < MIN_SPAN_DAYS * clock.MICROS_PER_DAY:
        raise NotReadyError(
            f"there are {max(span, 0) / clock.MICROS_PER_DAY:.1f} days of history before {as_of:%Y-%m-%d}; "
            "training needs at least 2: choose a later --as-of"
        )
    begin = start + WARM_UP_SHARE * span
    n = int(min(steps, max(2, (end - begin) // clock.MICROS_PER_DAY)))
    positions = begin + (np.arange(n) + np.random.default_rng(seed).random(n)) * (end - begin) / n
    midnights = (
        pd.DatetimeIndex([clock.instant(int(position)) for position in positions])
        .tz_convert(zone)
        .floor("D", ambiguous=True, nonexistent="shift_forward")
    )
    dates = sorted({date.as_unit("us") for date in midnights.tz_convert("UTC")})
    slices = Slices(int(start + MIDDLE_FROM * span), int(start + LAST_FROM * span))
    return Plan(tuple(dates), slices, as_of)
