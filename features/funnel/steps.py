"""The funnel of a cohort: what came of the leads and deals that began in a window, and where a better step would pay most.

Of 100 leads 40 become deals, 10 of these are won, at 5,000 each. One point more from lead to deal is one more deal, a quarter of
which is won: 1,250. One point more from deal to won is 0.4 more won deals: 2,000. That is the **leverage** of the two steps. If
leads became deals at 43 % in the best quarter, and deals were won at 26 %, the distance is worth 3 x 1,250 at the first step and
1 x 2,000 at the second: the first is the **bottleneck**, though its leverage is the smaller one.

* Conversion is cumulative incidence: a journey that may still move on is censored and not lost (`features.survival`). `rate` is
  what has moved on by the end of the follow-up, from the cohort alone. `eventual` is the whole way: where the cohort is too young
  to tell, it follows the company's last eight quarters, on which it leans as on twenty further journeys. A lead is never lost, it
  only fails to move on.
* The expected flow multiplies the eventual conversions from the entries down, deals without a lead joining at their step; the
  average amount of a won deal turns it into money, leaning in the same way, because small deals are won first. That the deals
  gained are like the others is an assumption.
* The best quarter is that with the highest eventual conversion of the last eight finished ones, each leaning on the whole as if
  it had seen twenty more journeys: the best of eight small samples would be luck. `clear` says whether the distance to it is
  larger than chance (1.96 standard errors of the difference).
"""

from dataclasses import replace
from typing import Final

import numpy as np

from features import clock
from features.calendar import FiscalCalendar, Period
from features.clock import Floats, Mask, Micros
from features.funnel.journeys import DEAL, LEAD, Journeys
from features.funnel.report import NO_REASON, Best, Funnel, Step
from features.history import Rows
from features.kpis.interval import share_interval
from features.kpis.value import Window
from features.survival import LEAN, Incidence, cumulative_incidence, kaplan_meier
from features.visits import GONE, MOVED_ON, STILL

QUARTERS: Final = 8
POINT: Final = 0.01
CLEAR: Final = 1.959963984540054


def funnel(gone_through: Journeys, window: Window, calendar: FiscalCalendar, keep: Mask | None = None) -> Funnel:
    """The funnel of the journeys that began in the window; `keep` is given for each journey: those of a source, an owner …"""
    asked = np.ones(len(gone_through.began), dtype=bool) if keep is None else keep
    cohort = asked & _began_in(gone_through.began, window)
    quarters = _finished_quarters(calendar, gone_through.as_of)
    group = np.where(cohort, 0, np.where(clock.not_after(gone_through.began, clock.micros(quarters[0].start)), -1, 1))
    counted = [_counted(gone_through, cohort, group, number) for number in range(len(gone_through.steps))]
    won = gone_through.reached[:, -1] != clock.UNKNOWN
    average = _average(gone_through.amount, group, won)
    flowing, expected = _with_leverage(counted, _entries(gone_through, cohort), average)
    steps = tuple(_with_best(gone_through, asked, number, step, quarters) for number, step in enumerate(flowing))
    return Funnel(
        window,
        steps,
        n_leads=int((cohort & (gone_through.entry == 0) & (gone_through.steps[0] == LEAD)).sum()),
        n_deals=int((cohort & (gone_through.entry == gone_through.steps.index(DEAL))).sum()),
        won_amount=float(np.nansum(gone_through.amount[won & cohort])),
        average=average,
        expected=expected,
        bottleneck=_bottleneck(steps),
        excluded=_exclusions(gone_through, won & cohort),
    )


def _average(amount: Floats, group: Rows, won: Mask) -> float | None:
    """Amount of a won deal of group 0, leaning on all; None for an empty group, and where no amount is known."""
    priced = won & (group >= 0) & ~np.isnan(amount)
    if not priced.any() or not (group == 0).any():
        return None
    own = amount[priced & (group == 0)]
    return float((own.sum() + LEAN * amount[priced].mean()) / (len(own) + LEAN))


def _began_in(began: Micros, period: Period) -> Mask:
    return clock.within(began, clock.micros(period.start), clock.micros(period.end))


def _entries(gone_through: Journeys, cohort: Mask) -> Floats:
    """(steps,) how many of the cohort began at each step."""
    return np.bincount(gone_through.entry[cohort], minlength=len(gone_through.steps)).astype(np.float64)


def _passage(gone_through: Journeys, number: int) -> tuple[Mask, Rows, Floats]:
    """Of each journey: whether it reached the step, what came of that, and after how many days (or so far)."""
    here, following = gone_through.reached[:, number], gone_through.reached[:, number + 1]
    lost = np.where(gone_through.lost == clock.UNKNOWN, STILL, GONE)
    outcome = np.where(following != clock.UNKNOWN, MOVED_ON, lost)
    until = np.select([outcome == MOVED_ON, outcome == GONE], [following, gone_through.lost], gone_through.as_of)
    return here != clock.UNKNOWN, outcome, np.maximum(clock.days_between(here, until), 0.0)


def _counted(gone_through: Journeys, cohort: Mask, group: Rows, number: int) -> Step:
    """One step of the cohort; `group` is 0 for the cohort, 1 for the others that it leans on."""
    there = cohort & (gone_through.reached[:, number] != clock.UNKNOWN)
    step = Step(gone_through.steps[number], int(there.sum()), int((there & gone_through.skipped[:, number]).sum()))
    if number + 1 == len(gone_through.steps) or not step.entered:
        return step
    _, outcome, days = _passage(gone_through, number)
    everyone = np.where(there, 0, -1)
    curve = cumulative_incidence(everyone, days, outcome, 1, 2)
    stay = kaplan_meier(everyone, days, outcome != STILL, 1).quantiles()
    moved, lost, still = (int((there & (outcome == how)).sum()) for how in (MOVED_ON, GONE, STILL))
    rate = curve.at()[:, MOVED_ON - 1]
    low, high = share_interval(rate, curve.variance(MOVED_ON), np.array([float(moved + lost)]))
    return replace(
        step,
        moved_on=moved,
        lost=lost,
        still=still,
        rate=float(rate[0]),
        interval=None if np.isnan(low[0]) else (float(low[0]), float(high[0])),
        eventual=_number(_leaning(gone_through, group, number)),
        days=_number(curve.quantile(MOVED_ON)[0]),
        in_step=_number(stay.time[0]),
        losses=_losses(gone_through.reason[there & (outcome == GONE)]),
    )


def _leaning(gone_through: Journeys, group: Rows, number: int) -> float:
    """The eventual conversion of group 0, which leans on all of them."""
    there, outcome, days = _passage(gone_through, number)
    curve = cumulative_incidence(np.where(there, group, -1), days, outcome, 2, 2, prior=LEAN)
    return float(_eventual(gone_through, curve, number)[0])


def _eventual(gone_through: Journeys, curve: Incidence, number: int) -> Floats:
    """(groups,) NaN where a step of deals has seen neither an exit up nor down."""
    moved, lost = curve.at()[:, MOVED_ON - 1], curve.at()[:, GONE - 1]
    if number < gone_through.steps.index(DEAL):
        return moved
    return np.divide(moved, moved + lost, out=np.full_like(moved, np.nan), where=moved + lost > 0)


def _losses(reasons: np.ndarray[tuple[int, ...], np.dtype[np.object_]]) -> dict[str, int]:
    names, counts = np.unique(np.array([reason or NO_REASON for reason in reasons], dtype=str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(names[row]): int(counts[row]) for row in order}


def _with_leverage(steps: list[Step], entries: Floats, average: float | None) -> tuple[list[Step], float | None]:
    """The expected flow through the steps, what a point more at each would bring, and the revenue expected of the cohort.

    Revenue is linear in each step's conversion: flow into the step x conversion x the product of the conversions after it.
    """
    rates = np.array([step.eventual or 0.0 for step in steps])
    flow = np.zeros(len(steps))
    for number, began in enumerate(entries):
        flow[number] = began + (flow[number - 1] * rates[number - 1] if number else 0.0)
    after = np.append(np.cumprod(rates[:-1][::-1])[::-1][1:], 1.0)
    levered = [replace(step, expected=float(flow[number])) for number, step in enumerate(steps)]
    if average is None:
        return levered, None
    for number in range(len(steps) - 1):
        levered[number] = replace(levered[number], leverage=float(POINT * flow[number] * after[number] * average))
    return levered, float(flow[-1] * average)


def _finished_quarters(calendar: FiscalCalendar, as_of: int) -> list[Period]:
    """The last finished quarters, the oldest first."""
    return [calendar.quarter(clock.instant(as_of), -ahead) for ahead in range(QUARTERS, 0, -1)]


def _with_best(gone_through: Journeys, asked: Mask, number: int, step: Step, quarters: list[Period]) -> Step:
    """The step beside its best quarter. A quarter in which nothing reached the step is none."""
    if step.eventual is None:
        return step
    there, outcome, days = _passage(gone_through, number)
    quarter = np.full(len(days), -1, dtype=np.int64)
    for place, period in enumerate(quarters):
        quarter[asked & there & _began_in(gone_through.began, period)] = place
    curve = cumulative_incidence(quarter, days, outcome, len(quarters), 2, prior=LEAN)
    rates = np.where(curve.n > 0, _eventual(gone_through, curve, number), np.nan)
    if np.isnan(rates).all():
        return step
    best = int(np.nanargmax(rates))
    gap = max(0.0, float(rates[best]) - step.eventual)
    error = np.hypot(_half_width(step) / CLEAR, np.sqrt(curve.variance(MOVED_ON)[best]))
    value = None if step.leverage is None else step.leverage * gap / POINT
    return replace(step, best=Best(quarters[best].label, float(rates[best]), gap, value, bool(gap > CLEAR * error)))


def _half_width(step: Step) -> float:
    low, high = step.interval or (0.0, 1.0)
    return (high - low) / 2


def _bottleneck(steps: tuple[Step, ...]) -> str | None:
    costs = {step.name: step.best.value for step in steps if step.best and step.best.value}
    return max(costs, key=lambda name: costs[name] or 0.0) if costs else None


def _exclusions(gone_through: Journeys, won: Mask) -> dict[str, int]:
    counts = {
        "doubled": gone_through.doubled,
        "unlinked": gone_through.unlinked,
        "null_amount": int((won & np.isnan(gone_through.amount)).sum()),
    }
    return {name: count for name, count in counts.items() if count}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
