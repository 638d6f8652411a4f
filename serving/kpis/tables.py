"""Answers about KPIs as tables: for spreadsheets, where no cell may be run as a formula, and for the terminal.

A spreadsheet gets every field of an answer, one row a value, with names and codes as programs know them; nested fields are joined
by an underscore (`window_start`), lists become one text (`null_amount=3; no_rate=1`). The terminal gets what a person reads.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args

import pandas as pd
from pydantic import BaseModel
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from serving.export import defused
from serving.figures import figure, limits, percentage
from serving.kpis.schemas import FunnelAnswer, GoalItem, GoalsAnswer, KpisAnswer, KpiValue, Predicted, TeamAnswer
from serving.kpis.team_words import about, at_stages, comparisons
from serving.language import EMPTY, Tongue

WIDTH: Final = 200
"""Characters of a line that goes to a file or another program."""


def csv(items: Sequence[BaseModel]) -> str:
    """One row for each item, harmless to a spreadsheet."""
    return defused(pd.DataFrame([dict(_flat(item)) for item in items])).to_csv(index=False)


def _flat(item: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, info in type(item).model_fields.items():
        value, key = getattr(item, name), f"{prefix}{name}"
        nested = [each for each in get_args(info.annotation) if isinstance(each, type) and issubclass(each, BaseModel)]
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{key}_")
        elif value is None and nested:
            yield from ((f"{key}_{field}", None) for field in nested[0].model_fields)
        elif isinstance(value, Mapping):
            yield from ((f"{key}_{field}", each) for field, each in value.items())
        elif isinstance(value, list):
            yield key, "; ".join(map(_joined, value)) or None
        else:
            yield key, value.isoformat() if isinstance(value, datetime) else value


def _joined(part: Any) -> str:
    """An entry of a list: its first two fields."""
    if not isinstance(part, BaseModel):
        return str(part)
    name, value = list(type(part).model_fields)[:2]
    second = getattr(part, value)
    return str(getattr(part, name)) + ("" if second is None or value == "text" else f"={second}")


PREDICTED: Final = ("predicted", "span", "p_plan")


@dataclass(frozen=True)
class Sheet:
    """A table for people: columns whose names begin with > are numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def show(sheet: Sheet, console: Console) -> None:
    """Print a table; what comes from the CRM cannot steer the terminal."""
    table = Table(box=SIMPLE, pad_edge=False)
    for column in sheet.columns:
        number = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if number else "left", no_wrap=number)
    for row in sheet.rows:
        table.add_row(*(Text(_plain(cell)) for cell in row))
    console.print(table)
    for note in sheet.notes:
        console.print(Text(_plain(note)))


def console() -> Console:
    """A terminal as wide as it is, a file or another program as wide as a table is readable."""
    found = Console()
    return found if found.is_terminal else Console(width=max(WIDTH, found.width))


def _plain(text: str) -> str:
    """Without characters that a terminal obeys."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(each) in {"Cc", "Cf", "Cs"} else each for each in text)


def of_kpis(answer: KpisAnswer, tongue: Tongue) -> Sheet:
    """The values that were asked for; slices, periods and comparisons have columns where there are any."""
    text = tongue.text
    several = Counter(each.kpi for each in answer.kpis)
    titles = {
        (each.kpi, each.variant): f"{each.title}: {each.variant_text}" if several[each.kpi] > 1 else each.title
        for each in answer.kpis
    }
    sliced = any(each.node.dimension != "company" for each in answer.values)
    periods = len({each.window.label for each in answer.values}) > 1
    compared = list(answer.values[0].against) if answer.values else []
    columns = [text("kpis.kpi")]
    columns += [text("kpis.node")] * sliced + [text("kpis.period")] * periods
    columns += [f">{text('kpis.value')}", f">{text('kpis.interval')}", f">{text('kpis.n')}"]
    predicted = any(each.prediction for each in answer.values)
    columns += [f">{text(f'kpis.{name}')}" for name in (*compared, *(PREDICTED if predicted else ()))] + [text("kpis.note")]
    rows = []
    for each in answer.values:
        row = [titles[each.kpi, each.variant]] + [each.node.title] * sliced + [each.window.label] * periods
        row += [
            _figure(tongue, each, each.value, answer.currency),
            interval(tongue, each, answer.currency),
            tongue.number(each.n),
        ]
        row += [_figure(tongue, each, each.against[name], answer.currency) for name in compared]
        row += [*(_prediction(tongue, each, answer.currency) if predicted else ()), note(tongue, each)]
        rows.append(tuple(row))
    first = answer.values[0].window.label if answer.values else EMPTY
    when = tongue.instant(answer.as_of)
    going = is_running(answer.values)
    told = text("kpis.of_running", period=first, when=when) if going else text("kpis.of_period", period=first, when=when)
    below = () if periods else (told,)
    return Sheet(tuple(columns), tuple(rows), below)


def _figure(tongue: Tongue, value: KpiValue, number: float | None, currency: str) -> str:
    return figure(tongue, number, value.unit, currency)


def _prediction(tongue: Tongue, value: KpiValue, currency: str) -> tuple[str, str, str]:
    """What is predicted, its interval, and P(plan)."""
    found = value.prediction
    if found is None:
        return EMPTY, EMPTY, EMPTY
    span = EMPTY if found.low is None or found.high is None else limits(tongue, found.low, found.high, value.unit, currency)
    return figure(tongue, found.value, value.unit, currency), span, tongue.percent(found.p_plan)


def interval(tongue: Tongue, value: KpiValue, currency: str) -> str:
    """The 95 % interval of a value."""
    if value.interval is None:
        return EMPTY
    return limits(tongue, value.interval.low, value.interval.high, value.unit, currency)


SAID_ONCE: Final = "running"
"""Of every value of a window, so it is said of the window."""


def note(tongue: Tongue, value: KpiValue) -> str:
    """Why there is no value, what a reader has to know of it, and what is not plain of its prediction."""
    parts = [value.reason_text] if value.reason_text else [each.text for each in value.flags if each.code != SAID_ONCE]
    if value.censored:
        parts.append(tongue.count("kpis.censored", value.censored))
    parts += [f"{each.text}: {tongue.number(each.n)}" for each in value.exclusions]
    return "; ".join(filter(None, (*parts, _prediction_note(tongue, value.prediction))))


def is_running(values: Iterable[KpiValue]) -> bool:
    """Whether a window of these is not over."""
    return any(flag.code == SAID_ONCE for value in values for flag in value.flags)


def _prediction_note(tongue: Tongue, found: Predicted | None) -> str:
    """Why nothing is predicted, and what is not the end of the period: whose mean, how far ahead, and less which margin."""
    if found is None or found.reason_text:
        return "" if found is None else tongue.text("kpis.not_predicted", reason=found.reason_text)
    if found.days is None or found.n is None:
        return ""
    parts = [tongue.count("kpis.mean_of", found.n), tongue.count("kpis.days_ahead", round(found.days))]
    margin = percentage(tongue, found.margin)
    parts.append(tongue.text("kpis.revenue_alone") if found.margin is None else tongue.text("kpis.with_margin", margin=margin))
    return tongue.text("kpis.predicted_of", parts=", ".join(parts))


def of_funnel(answer: FunnelAnswer, tongue: Tongue) -> Sheet:
    """Step by step."""
    text, currency = tongue.text, answer.currency
    names = ("entered", "moved_on", "lost", "still", "rate", "interval", "eventual", "days", "leverage", "best")
    columns = (text("funnel.step"), *(f">{text(f'funnel.{name}')}" for name in names))
    rows = tuple(
        (
            step.title,
            *(tongue.number(each) for each in (step.entered, step.moved_on, step.lost, step.still)),
            percentage(tongue, step.rate),
            EMPTY if step.interval is None else limits(tongue, step.interval.low, step.interval.high, "share", currency),
            percentage(tongue, step.eventual),
            tongue.number(step.days, 1),
            tongue.money(step.leverage, currency),
            EMPTY if step.best is None else f"{percentage(tongue, step.best.rate)} ({step.best.quarter})",
        )
        for step in answer.steps
    )
    return Sheet(columns, rows, (funnel_sentence(answer, tongue),))


def funnel_sentence(answer: FunnelAnswer, tongue: Tongue) -> str:
    """Where the largest gap is."""
    if not answer.n_leads + answer.n_deals:
        return tongue.text("funnel.nothing")
    worst = next((step for step in answer.steps if step.name == answer.bottleneck), None)
    if worst is None or worst.best is None:
        return tongue.text("funnel.no_bottleneck")
    key = "funnel.bottleneck" if worst.best.clear else "funnel.bottleneck_unclear"
    return tongue.text(key, step=worst.title, quarter=worst.best.quarter, value=tongue.money(worst.best.value, answer.currency))


def of_team(answer: TeamAnswer, tongue: Tongue) -> Sheet:
    """Person by person, by name, and what can be said of their order."""
    text, currency = tongue.text, answer.currency
    names = (
        "won",
        "lost",
        "bookings",
        "plan",
        "attainment",
        "win_rate",
        "estimate",
        "pace",
        "days_to_win",
        "n_open",
        "open_amount",
    )
    columns = (text("team.person"), *(f">{text(f'team.{name}')}" for name in names), text("team.about"))
    rows = tuple(
        (
            each.name,
            tongue.number(each.won),
            tongue.number(each.lost),
            tongue.money(each.bookings, currency),
            tongue.money(each.plan, currency),
            percentage(tongue, each.attainment),
            percentage(tongue, each.win_rate),
            EMPTY
            if each.win_rate_estimate is None
            else limits(tongue, each.win_rate_estimate.low, each.win_rate_estimate.high, "share", currency),
            tongue.number(each.pace, 2),
            tongue.number(each.days_to_win, 0),
            tongue.number(each.n_open),
            tongue.money(each.open_amount, currency),
            about(each, tongue) or EMPTY,
        )
        for each in answer.members
    )
    stages = ((text("team.stages"), told),) if (told := at_stages(answer, tongue)) else ()
    return Sheet(columns, rows, tuple(f"{title}: {told}" for title, told in (*comparisons(answer, tongue), *stages)))


def of_goals(answer: GoalsAnswer, tongue: Tongue) -> Sheet:
    """Goal by goal, with what is wrong."""
    text = tongue.text
    names = (">target", ">value", ">share", ">elapsed", ">days_left", "pace", ">required", ">probability")
    columns = (
        text("goals.goal"),
        text("goals.scope"),
        text("goals.period"),
        *(name[: name.startswith(">")] + text(f"goals.{name.removeprefix('>')}") for name in names),
        text("goals.findings"),
    )
    rows = tuple(
        (
            each.title,
            each.scope_title,
            horizon(each, tongue),
            figure(tongue, each.target, each.unit, answer.currency),
            figure(tongue, each.value, each.unit, answer.currency) if each.reason is None else each.reason_text or EMPTY,
            percentage(tongue, each.share),
            percentage(tongue, each.elapsed),
            tongue.number(each.days_left),
            tongue.text(f"goals.{pace(each.met, each.on_pace)}"),
            figure(tongue, each.required_a_day, each.unit, answer.currency),
            each.no_probability_text or tongue.percent(each.probability),
            "; ".join(finding.text for finding in each.findings),
        )
        for each in answer.items
    )
    return Sheet(columns, rows, () if rows else (text("scorecard.no_goals"),))


def horizon(each: GoalItem, tongue: Tongue) -> str:
    """A goal's period, and whether it is a short, middle or long one."""
    period = each.period or EMPTY
    return period if each.horizon is None else tongue.text(f"goals.{each.horizon}", period=period)


def pace(met: bool | None, on_pace: bool | None) -> str:
    """The key of what is said of a goal's pace."""
    if met:
        return "met"
    return "unknown" if on_pace is None else "on_pace" if on_pace else "behind"
