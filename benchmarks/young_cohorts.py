"""What a funnel says of a quarter two weeks after its end, against what came of it a year and more later.

    python -m benchmarks.young_cohorts

A synthetic company of 4,000 deals in thirty months. For each step of each quarter's cohort: `open` is the share of the journeys
that may still move on; then the conversion four ways: counted (moved on of entered), of decided ones alone, `eventual` as the
funnel gives it, and what came. The last line of a quarter is its revenue, won so far, expected, and what came, in thousands.
"""

from itertools import pairwise

import pandas as pd

from features.dataset import Dataset
from features.funnel.journeys import journeys
from features.funnel.report import Funnel, Step
from features.funnel.steps import funnel
from features.kpis.value import Window
from features.snapshot import Snapshot
from features.synthetic import Settings, generate

QUARTERS = pd.date_range("2024-10-01", "2026-01-01", freq="QS", tz="UTC", unit="us")
WAIT = pd.Timedelta(days=15)
LATER = pd.Timestamp("2026-10-01T00:00Z").as_unit("us")


def main() -> None:
    known = generate(Settings(n_deals=4000, seed=5)).dataset()
    print(f"{'quarter':8} {'step':10} {'open':>6} {'counted':>8} {'decided':>8} {'eventual':>9} {'came':>6}")
    for start, end in pairwise(QUARTERS):
        window = Window(f"{start.year}Q{start.quarter}", start, end)
        early, late = (_seen(known, window, at) for at in (end + WAIT, LATER))
        for step, later in zip(early.steps[:-1], late.steps[:-1], strict=True):
            print(_line(window, step, later))
        money = [each / 1000 for each in (early.won_amount, early.expected or 0.0, late.won_amount)]
        print(f"{window.label:8} {'revenue':10} {money[0]:15.0f} {money[1]:18.0f} {money[2]:6.0f}")


def _seen(known: Dataset, window: Window, at: pd.Timestamp) -> Funnel:
    return funnel(journeys(Snapshot(known, at)), window, known.organisation.calendar)


def _line(window: Window, step: Step, later: Step) -> str:
    decided = step.moved_on / max(step.moved_on + step.lost, 1)
    shares = (
        step.still / step.entered,
        step.moved_on / step.entered,
        decided,
        step.eventual or 0.0,
        later.moved_on / later.entered,
    )
    return f"{window.label:8} {step.name:10} " + " ".join(
        f"{share:{width}.3f}" for share, width in zip(shares, (6, 8, 8, 9, 6), strict=True)
    )


if __name__ == "__main__":
    main()
