"""The open pipeline: how fast it turns into sales, and whether it covers what is left of the plan."""

from dataclasses import dataclass

import numpy as np

from features import clock, history
from features.clock import Floats, Mask, Micros
from features.history import OPEN
from features.kpis import windows
from features.kpis.facts import stages
from features.kpis.measures.sales import average_deal, bookings, sales_cycle, win_rate
from features.kpis.plans import targets
from features.kpis.sheet import Rule, Sheet, ratio
from features.kpis.value import Cells


def sales_velocity(sheet: Sheet, _variant: str) -> Cells:
    """Open qualified deals at the end of each window (now, while it is running), by the rates of the months before that."""
    if not stages(sheet.snapshot, "is_qualified").declared:
        return sheet.nothing("no_qualified_stage")
    days = sheet.facts.options.trailing_days
    behind = sheet.elsewhere(tuple(windows.trailing(clock.instant(int(end)), days) for end in sheet.until))
    rate, size, cycle = (measure(behind, "") for measure in (win_rate, average_deal, sales_cycle))
    waiting = _waiting(sheet)
    worth = waiting * rate.value * size.value
    return sheet.answer(
        "deals",
        ratio(worth, cycle.value),
        n=waiting,
        numerator=worth,
        denominator=cycle.value,
        rules=tuple((each.reason == code, code) for each in (rate, size, cycle) for code in ("no_amounts", "before_data")),
        excluded={**size.excluded, **cycle.excluded},
        beside={"open_qualified": waiting, "win_rate": rate.value, "average_deal": size.value, "cycle_days": cycle.value},
    )


def _waiting(sheet: Sheet) -> Floats:
    """Open deals in a qualified stage at the end of each window, by their owner of then."""
    counts = [_waiting_at(sheet, int(moment)) for moment in sheet.until]
    return sheet.grid.folded(np.stack(counts))


def _waiting_at(sheet: Sheet, moment: int) -> Floats:
    """(leaves,) counted at one moment, by what is known at as_of."""
    snapshot, dataset = sheet.snapshot, sheet.snapshot.dataset
    moves, past = dataset.transitions, dataset.history("stage")
    then = clock.known(moves.known, snapshot.at) & clock.known(moves.time, moment)
    row = history.last_row(moves.deal, then, dataset.n_deals)
    is_open = (np.append(moves.state, OPEN)[row] == OPEN) & snapshot.exists & clock.known(dataset.deal_created, moment)
    held = clock.known(past.known, snapshot.at) & clock.known(past.time, moment)
    stage = np.append(past.value, -1.0)[history.last_row(past.deal, held, dataset.n_deals)].astype(np.int64)
    qualified = is_open & stages(snapshot, "is_qualified").of(snapshot.codes("pipeline"), stage)
    leaf = sheet.facts.places.deals_at(clock.repeated(moment, dataset.n_deals))
    qualified &= leaf >= 0
    return np.bincount(leaf[qualified], minlength=sheet.grid.slicing.n_leaves).astype(np.float64)


def pipeline_coverage(sheet: Sheet, variant: str) -> Cells:
    """Open deals expected to close from today to the end of the window, over what is left of its plan.

    `weighted` counts each with the CRM's own probability.
    """
    deals, plan = sheet.facts.deals, targets(sheet, "bookings", prorated=True)
    open_deals = _open_deals(sheet)
    worth = deals.amount * sheet.snapshot.values("crm_probability") if variant == "weighted" else deals.amount
    coded = sheet.grid.coded(open_deals.expected, sheet.facts.places.deals, deals.is_open & ~open_deals.overdue)
    pipeline, n = coded.total(worth), coded.count(~np.isnan(worth))
    left = plan.target - np.nan_to_num(bookings(sheet, "").value)
    return sheet.answer(
        "deals",
        ratio(pipeline, left),
        n=np.where(np.isnan(plan.sliced), np.nan, n),
        ahead=True,
        numerator=pipeline,
        denominator=left,
        rules=(
            (sheet.grid.by_window(clock.not_after(sheet.grid.ends, sheet.snapshot.at)), "window_over"),
            (np.isnan(plan.target), "no_plan"),
            (left <= 0, "plan_met"),
            *open_deals.blind(sheet, variant),
            ((coded.count() > 0) & (coded.count(~np.isnan(deals.amount)) == 0), "no_amounts"),
            ((coded.count() > 0) & (n == 0), "no_probability"),
        ),
        excluded={
            "null_amount": coded.count(deals.unpriced),
            "no_rate": coded.count(deals.unrated),
            "no_probability": coded.count(np.isnan(worth) & ~np.isnan(deals.amount)),
            "overdue_close": open_deals.everywhere(sheet, open_deals.overdue),
            "no_close_date": open_deals.everywhere(sheet, open_deals.expected == clock.UNKNOWN),
        },
        beside={"plan": plan.target, "elapsed": sheet.grid.by_window(sheet.elapsed)},
        flags=plan.flags,
    )


@dataclass(frozen=True)
class _OpenDeals:
    """When each deal is expected to close (the start of that day), and which day is over."""

    is_open: Mask
    expected: Micros
    overdue: Mask

    def everywhere(self, sheet: Sheet, mask: Mask) -> Floats:
        """How many open deals of each node there are of a kind, the same for every window."""
        weights = np.broadcast_to((self.is_open & mask).astype(np.float64), (sheet.shape[0], len(mask)))
        return sheet.grid.at_moments(sheet.facts.places.deals, weights)

    def blind(self, sheet: Sheet, variant: str) -> tuple[Rule, ...]:
        """Without any date, or any probability, there is no telling."""
        undated = not (self.is_open & (self.expected != clock.UNKNOWN)).any() and bool(self.is_open.any())
        chances = sheet.snapshot.values("crm_probability")
        unlikely = variant == "weighted" and bool(self.is_open.any()) and bool(np.isnan(chances[self.is_open]).all())
        everywhere = np.ones(sheet.shape, dtype=bool)
        return (everywhere & undated, "no_close_date"), (everywhere & unlikely, "no_probability")


def _open_deals(sheet: Sheet) -> _OpenDeals:
    given = sheet.snapshot.values("expected_close_on")
    expected = np.where(np.isnan(given), clock.UNKNOWN, np.nan_to_num(given)).astype(np.int64)
    overdue = clock.not_after(clock.plus_days(expected, 1), sheet.snapshot.at)
    return _OpenDeals(sheet.facts.deals.is_open, expected, overdue)
