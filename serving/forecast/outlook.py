"""The forecast as an answer: everything that a manager reads of one period, with a reason wherever a number is missing.

    2026Q4 as of 10 November          mean       80 %                  plan      P(plan)
      company                      981,500    830,000 to 1,140,000   950,000       61 %
      team North                   402,100    310,000 to 505,000           –     no plan

Categories stand beside the forecast and are never added to it. The CRM's are sums of the open deals that it expects inside the
period, by its own `forecast_category`. The model's are those of all open deals by P(won inside the period):

    commit       at least 0.70
    best_case    at least 0.35
    pipeline     more than 0.02

Recurring revenue is a second forecast and is in no sum of the first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask
from features.flat import Texts
from features.kpis.card import PLAN
from features.kpis.scorecard import scorecard
from features.kpis.slices import PEOPLE
from features.kpis.value import COMPANY, Window
from features.snapshot import Snapshot
from serving.forecast import backtests
from serving.forecast.forecaster import Forecaster, Made, is_over
from training.bridge import due
from training.draws import CENTS
from training.notes import Note
from training.places import DIMENSIONS
from training.recurring import Recurring
from training.rollup import LEVELS, PeriodForecast
from training.track_record import Record

RULE: Final = (("commit", 0.7, 1.0), ("best_case", 0.35, 0.7), ("pipeline", 0.02, 0.35))
"""Name, from which P(won inside the period) on (pipeline: above which), and below which."""
BY: Final = DIMENSIONS


@dataclass(frozen=True)
class Span:
    """An interval: in `level` per cent of the draws it lies between the two."""

    level: int
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """One node: the company, a team, a person …, money in the organisation's currency.

    id        None: of deals that belong to none
    plan      None where there is none, and `no_plan` says why: no_plans, no_plan, zero_plan or no_plans_by_this
    p_plan    share of the draws that reach the plan
    """

    dimension: str
    id: str | None
    title: str
    won: float
    open: float
    new: float
    mean: float
    median: float
    spans: tuple[Span, ...]
    plan: float | None
    p_plan: float | None
    no_plan: str | None


@dataclass(frozen=True)
class Part:
    """A part of the company's forecast: what is won is certain and has no interval."""

    name: str
    mean: float
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Category:
    """Open deals of one category: how many, their amounts, and how much of these the model expects."""

    name: str
    n: int
    amount: float
    expected: float


@dataclass(frozen=True)
class RecurringOutlook:
    """Revenue a month: what it is made of, and its intervals at the period's end."""

    start: float
    new: float
    expansion: float
    contraction: float
    churn: float
    end: float
    spans: tuple[Span, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Outlook:
    """A period as of a moment.

    lines          the company first, then the nodes of `by`
    crm            categories of the CRM; None: it has none
    lead           days from the period's start to as_of, below 0 before it
    kind           of the period, where its like can be replayed: week, month, quarter or year
    record         at the nearest lead that was replayed; None where there is none, and `no_record` says why: period_is_over,
                   never_replayed (it is none of those kinds), no_backtest, no_period_over or narrowed
    recurring      None where there is none, and `no_recurring` says why
    """

    window: Window
    as_of: pd.Timestamp
    by: str
    lines: tuple[Line, ...]
    parts: tuple[Part, ...]
    crm: tuple[Category, ...] | None
    model: tuple[Category, ...]
    lead: float
    kind: str | None
    record: Record | None
    no_record: str | None
    recurring: RecurringOutlook | None
    no_recurring: str | None
    notes: tuple[Note, ...]

    @property
    def company(self) -> Line:
        return self.lines[0]


def outlook(forecaster: Forecaster, window: Window, by: str = COMPANY, as_of: pd.Timestamp | None = None) -> Outlook:
    """The answer for a period. Raises UsageError for a period too far ahead, and a moment before the model's own."""
    made = forecaster.made(window, as_of)
    lead = float(clock.days_between(clock.micros(window.start), made.known.snapshot.at))
    kind = backtests.kind_of(window, made.known.snapshot.dataset)
    record, no_record = _record(forecaster, made, kind, lead)
    early = (Note("earlier_than_record", -lead),) if record is not None and lead <= -1 else ()
    return Outlook(
        window,
        made.known.snapshot.as_of,
        by,
        lines(made.known.snapshot, made.forecast, by),
        tuple(_parts(made.forecast)),
        _of_crm(made),
        _of_model(made.forecast),
        lead,
        kind,
        record,
        no_record,
        None if made.recurring is None else _recurring(made.recurring),
        made.no_recurring,
        (*made.forecast.notes, *early),
    )


def lines(snapshot: Snapshot, made: PeriodForecast, by: str) -> tuple[Line, ...]:
    """Each node of a dimension, first the company, or who asks with everybody below; the rest is a line of its own."""
    plans, lacking = _plans(snapshot, made.window, by)
    drawn = made.node_draws(by)
    table, nodes = made.table(by), made.places.nodes(by)
    top = nodes[0]
    if top.dimension != COMPANY:  # one person's forecast: their own plan stands where the company's would
        own, _ = _plans(snapshot, made.window, top.dimension)
        plans |= {node: plan for node, plan in own.items() if node == top.id}
    found = []
    for column, (node, row) in enumerate(zip(nodes, table.to_dict("records"), strict=True)):
        set_plan = plans.get(node.id)
        why = lacking if set_plan is None else "zero_plan"
        plan = set_plan or None
        line = Line(
            dimension=node.dimension,
            id=node.id,
            title=node.title,
            spans=tuple(Span(level, float(row[f"low_{level}"]), float(row[f"high_{level}"])) for level in LEVELS),
            plan=plan,
            p_plan=None if plan is None else float((drawn[:, column] >= np.rint(plan * CENTS)).mean()),
            no_plan=why if plan is None else None,
            **{name: float(row[name]) for name in ("won", "open", "new", "mean", "median")},
        )
        found.append(line)
    others = (each for each in found[1:] if (each.dimension, each.id) != (top.dimension, top.id))
    return (found[0], *(each for each in others if each.id is not None or each.median or each.mean or each.plan))


def _plans(snapshot: Snapshot, window: Window, by: str) -> tuple[dict[str | None, float], str]:
    """The plan of each node that has one, and why another has none."""
    card = scorecard(snapshot, ["bookings"], [window], by, [PLAN])
    values = {value.node.id: value.against[PLAN] for value in card.values()}
    found = {node: float(plan) for node, plan in values.items() if plan is not None}
    if not snapshot.has("plans"):
        return found, "no_plans"
    return found, "no_plan" if by in (COMPANY, *PEOPLE) else "no_plans_by_this"


def _parts(made: PeriodForecast) -> Iterator[Part]:
    yield Part("won", float(made.won.sum()) / CENTS, ())
    drawn = len(made.draws.open) > 0
    for name, mean in (("open", made.open_mean), ("new", made.new_mean)):
        spans = tuple(Span(level, *made.part_interval(name, level)) for level in LEVELS if drawn)
        yield Part(name, float(mean.sum()), spans)


def _of_model(made: PeriodForecast) -> tuple[Category, ...]:
    p = made.open.p_won
    chosen = {name: (p >= low if name != "pipeline" else p > low) & (p < high) for name, low, high in RULE}
    chosen["commit"] |= p >= 1.0
    return tuple(_category(name, made, mask) for name, mask in chosen.items())


def _of_crm(made: Made) -> tuple[Category, ...] | None:
    """By the CRM's own word, of deals that it expects inside the period; in the order of their money."""
    snapshot, forecast = made.known.snapshot, made.forecast
    if "forecast_category" not in snapshot.dataset.deals or "expected_close_on" not in snapshot.dataset.deals:
        return None
    named: Texts = snapshot.texts("forecast_category", forecast.deals)
    inside = due(snapshot, forecast.window)[forecast.deals]
    names = sorted({str(name) for name in named[inside] if name is not None})
    found = [_category(name, forecast, inside & (named == name)) for name in names]
    return tuple(sorted(found, key=lambda each: -each.amount))


def _category(name: str, made: PeriodForecast, chosen: Mask) -> Category:
    money: Floats = made.open.amount[chosen]
    return Category(name, int(chosen.sum()), float(money.sum()), float(made.open.mean[chosen].sum()))


def _record(forecaster: Forecaster, made: Made, kind: str | None, lead: float) -> tuple[Record | None, str | None]:
    """The track record of such forecasts, or why there is none."""
    at = made.known.snapshot.as_of
    if forecaster.sight is not None:
        return None, "narrowed"
    if is_over(made.forecast.window, at):
        return None, "period_is_over"
    if made.backtest is None:
        return None, "never_replayed" if kind is None else "no_backtest"
    found = made.backtest.record(at, lead)
    return found, "no_period_over" if found is None else None


def _recurring(made: Recurring) -> RecurringOutlook:
    spans = tuple(Span(level, *made.interval(level)) for level in LEVELS)
    return RecurringOutlook(made.start, made.new, made.expansion, made.contraction, made.churn, made.end, spans, made.notes)
