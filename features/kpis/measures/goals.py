"""Against the plan, against other periods, and against what was forecast."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats
from features.kpis import windows
from features.kpis.measures.sales import bookings
from features.kpis.measures.worth import gross_profit
from features.kpis.plans import targets
from features.kpis.sheet import Sheet, ratio
from features.kpis.value import Cells

GROWING: Final[Mapping[str, Callable[[Sheet, str], Cells]]] = {"bookings": bookings, "gross_profit": gross_profit}


def attainment(sheet: Sheet, variant: str) -> Cells:
    """Sum over sum for every node; `full` leaves the plans of joiners and leavers as they were written.

    A running window has its whole plan, and so has the part of another one that it is compared with: what counts on 20 November
    is how much of the third quarter's plan was reached 50 days into it.
    """
    planned = sheet.elsewhere(tuple(window.whole or window for window in sheet.grid.windows))
    sold, plan = bookings(sheet, ""), targets(planned, "bookings", prorated=variant != "full")
    return sheet.answer(
        "deals",
        ratio(sold.value, plan.target),
        n=np.where(np.isnan(plan.sliced), np.nan, sold.n),
        numerator=sold.value,
        denominator=plan.target,
        rules=(
            (np.isnan(plan.target), "no_plan"),
            (plan.target == 0, "plan_zero"),
            (sold.reason == "no_amounts", "no_amounts"),
        ),
        excluded=sold.excluded,
        beside={"elapsed": sheet.grid.by_window(sheet.elapsed)},
        flags=plan.flags,
    )


def growth(sheet: Sheet, variant: str) -> Cells:
    """`variant` names what grows and against what: bookings_previous, gross_profit_last_year …"""
    of, against = next((of, variant.removeprefix(f"{of}_")) for of in GROWING if variant.startswith(of))
    other = sheet.compared(against)
    now, before = GROWING[of](sheet, ""), GROWING[of](other, "")
    cut = sheet.grid.by_window(np.array([window.whole is not None for window in other.grid.windows]))
    return sheet.answer(
        "deals" if of == "bookings" else "orders",
        ratio(now.value - before.value, before.value),
        n=np.where(now.reason == "not_sliced", np.nan, now.n),
        numerator=now.value - before.value,
        denominator=before.value,
        rules=(
            *((now.reason == code, code) for code in ("no_amounts", "no_order_costs")),
            (before.reason != "", "no_previous"),
            (np.nan_to_num(before.value) <= 0, "previous_not_positive"),
        ),
        excluded=now.excluded,
        beside={"now": now.value, "before": before.value},
        flags={"to_date": cut},
    )


def forecast_accuracy(sheet: Sheet, _variant: str) -> Cells:
    """1 - sum of |actual - forecast| / sum of |actual|, over the finished periods in the window that were forecast.

    A period in which nothing that was won has an amount has no actual, and is left out.
    """
    judged = _judged(sheet)
    if judged is None:
        return sheet.nothing("no_forecasts")
    place, lead = judged["node"].to_numpy(), judged["lead"].to_numpy()
    actual, forecast = (judged[name].to_numpy(dtype=np.float64) for name in ("actual", "forecast"))
    starts, ends = judged["start"].to_numpy(), judged["end"].to_numpy()
    inside = np.array([clock.overlap(starts, ends, *limits) == 1 for limits in sheet.grid.limits])

    def summed(values: Floats) -> Floats:
        return np.stack([np.bincount(place[keep], values[keep], minlength=sheet.shape[1]) for keep in inside])

    unpriced = summed(np.isnan(actual).astype(np.float64))
    actual, forecast, lead = (np.where(np.isnan(actual), 0.0, each) for each in (actual, forecast, lead))
    n, size = summed(np.ones(len(judged))) - unpriced, summed(np.abs(actual))
    missed = summed(np.abs(actual - forecast))
    return sheet.answer(
        "deals",
        1 - ratio(missed, size),
        n=n,
        numerator=size - missed,
        denominator=size,
        rules=(((n == 0) & (unpriced > 0), "no_amounts"), (n == 0, "no_forecasts")),
        beside={"bias": ratio(summed(forecast - actual), size), "lead_days": ratio(summed(lead), n)},
    )


def _judged(sheet: Sheet) -> pd.DataFrame | None:
    """One row for each forecast that is judged: its node, period, lead in days, forecast and actual bookings.

    Of each node and period the newest forecast that was known at as_of and made early enough; only of periods that are over.
    """
    given, at = sheet.facts.forecasts, sheet.snapshot.at
    if given is None or not len(given):
        return None
    nodes = pd.Index([node.id for node in sheet.grid.slicing.nodes], dtype=object)
    frame = pd.DataFrame(
        {
            "node": nodes.get_indexer(pd.Index(given["node"].astype(object).where(given["node"].notna(), None), dtype=object)),
            **{
                name: clock.to_micros(given[column])
                for name, column in (("start", "period_start"), ("end", "period_end"), ("made", "made_at"))
            },
            "forecast": given["forecast"].to_numpy(dtype=np.float64),
        }
    )
    frame["lead"] = clock.days_between(frame["made"].to_numpy(), frame["end"].to_numpy())
    keep = clock.known(frame["made"].to_numpy(), at) & clock.not_after(frame["end"].to_numpy(), at)
    keep &= (frame["node"] >= 0).to_numpy() & (frame["lead"] >= sheet.facts.options.forecast_lead).to_numpy()
    newest = frame[keep].sort_values("made", kind="stable").drop_duplicates(["node", "start", "end"], keep="last")
    return newest.assign(actual=_actual(sheet, newest))


def _actual(sheet: Sheet, judged: pd.DataFrame) -> Floats:
    """Bookings of each row's node in its period."""
    periods = judged[["start", "end"]].drop_duplicates().reset_index(drop=True)
    if not len(periods):
        return np.empty(0)
    spans = [(clock.instant(int(start)), clock.instant(int(end))) for start, end in periods.to_numpy()]
    actual = bookings(sheet.elsewhere(tuple(windows.span(*span) for span in spans)), "").value
    row = pd.MultiIndex.from_frame(periods).get_indexer(pd.MultiIndex.from_frame(judged[["start", "end"]]))
    found: Floats = actual[row, judged["node"].to_numpy()]
    return found
