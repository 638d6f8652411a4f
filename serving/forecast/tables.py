"""Forecasts, what-if answers and bridges as tables: for the terminal in one language, and as frames for CSV."""

from collections.abc import Callable, Iterator, Sequence

import pandas as pd
from rich.console import Console, RenderableType
from rich.table import Table

from serving.forecast import outlook_words as words
from serving.forecast.outlook import Line, Outlook, Span
from serving.forecast.schemas import BridgeAnswer, ForecastLine, WhatIfAnswer
from serving.language import Tongue
from training.rollup import LEVELS
from training.track_record import Record

Money = Callable[[float | None], str]


def show_forecast(console: Console, found: Outlook, tongue: Tongue, currency: str) -> None:
    """Print a forecast with everything that belongs to it."""
    for part in _printed(found, tongue, lambda value: tongue.money(value, currency)):
        console.print(part, soft_wrap=isinstance(part, str))


def frame_of_lines(lines: Sequence[ForecastLine]) -> pd.DataFrame:
    """One row a node; each interval as low_{level} and high_{level}."""
    rows = []
    for each in lines:
        limits = {f"{end}_{span.level}": getattr(span, end) for span in each.spans for end in ("low", "high")}
        rows.append({**each.model_dump(exclude={"spans"}), **limits})
    return pd.DataFrame(rows).astype({"id": "str", "title": "str"})


def frame_of_bridge(answer: BridgeAnswer) -> pd.DataFrame:
    """One row a node, one column a step."""
    rows = [{**each.model_dump(exclude={"steps"}), **each.steps} for each in answer.lines]
    return pd.DataFrame(rows).astype({"id": "str", "title": "str"})


def bridge_table(answer: BridgeAnswer, tongue: Tongue) -> Table:
    """One row a node; steps that moved nothing anywhere are left out, and the caption says so."""
    text = tongue.text
    moved = [step for step in answer.lines[0].steps if any(each.steps[step] for each in answer.lines)]
    first, last = tongue.day(answer.first), tongue.day(answer.last)
    period = words.period(tongue, answer.period)
    table = _table(text("bridge.title", period=period, first=first, last=last, currency=answer.currency))
    start, end = (tongue.number(float(each), 2) for each in (answer.start, answer.end))
    recorded = [text("bridge.by_record", versions=", ".join(answer.by_record))] if answer.by_record else []
    table.caption = "\n".join([text("bridge.ends", start=start, end=end), *recorded])
    for column in ("", *(text(f"bridge.{step}") for step in moved), text("bridge.change")):
        table.add_column(column, justify="left" if not column else "right")
    for each in answer.lines:
        money = (tongue.number(float(value), 2) for value in (*(each.steps[step] for step in moved), each.change))
        table.add_row(words.whose(tongue, each), *money)
    return table


def what_if_table(answer: WhatIfAnswer, tongue: Tongue) -> Table:
    """Expected bookings as they stand, under the change, and the difference."""
    text = tongue.text
    table = _table(text("outlook.of_period", period=words.period(tongue, answer.period)))
    for column in ("outlook.node", "outlook.expected", "outlook.what_if", "outlook.difference", "outlook.p_plan"):
        table.add_column(text(column), justify="left" if column.endswith("node") else "right")
    after = {each.id: each for each in answer.after}
    for each in answer.before:
        changed = after.get(each.id, each)
        figures = (each.mean, changed.mean, changed.mean - each.mean)
        chance = text(f"outlook.{each.no_plan}") if each.no_plan else tongue.percent(changed.p_plan)
        table.add_row(words.whose(tongue, each), *(tongue.money(value, answer.currency) for value in figures), chance)
    if answer.kept is not None:
        table.caption = text("outlook.kept_share", share=tongue.percent(answer.kept))
    return table


def _printed(found: Outlook, tongue: Tongue, money: Money) -> Iterator[RenderableType]:
    yield _lines(found, tongue, money)
    yield _parts(found, tongue, money)
    yield _categories(found, tongue, money)
    yield words.rule(tongue)
    if found.crm is None:
        yield tongue.text("outlook.no_crm")
    yield _recurring(found, tongue, money)
    yield words.no_record(tongue, found.no_record or "", found.kind) if found.record is None else _record(found.record, tongue)
    yield from (f"• {words.note_text(tongue, note)}" for note in found.notes)


def _lines(found: Outlook, tongue: Tongue, money: Money) -> Table:
    text = tongue.text
    table = _table(text("outlook.of_period", period=words.period(tongue, found.window.label)))
    table.add_column(text("outlook.node"))
    intervals = [text("outlook.interval", level=level) for level in LEVELS]
    named = [text(f"outlook.{name}") for name in ("won", "open", "new", "expected", "median")]
    for column in (*named, *intervals, text("outlook.plan"), text("outlook.p_plan")):
        table.add_column(column, justify="right")
    for line in found.lines:
        figures = (money(value) for value in (line.won, line.open, line.new, line.mean, line.median))
        spans = (span_text(tongue, span, money) for span in line.spans)
        table.add_row(words.whose(tongue, line), *figures, *spans, *_planned(line, tongue, money))
    return table


def _planned(line: Line, tongue: Tongue, money: Money) -> tuple[str, str]:
    if line.no_plan is not None:
        return tongue.text(f"outlook.{line.no_plan}"), tongue.text(f"outlook.{line.no_plan}")
    return money(line.plan), tongue.percent(line.p_plan)


def span_text(tongue: Tongue, span: Span, money: Money) -> str:
    """An interval in words."""
    return tongue.text("outlook.to", low=money(span.low), high=money(span.high))


def _parts(found: Outlook, tongue: Tongue, money: Money) -> Table:
    text = tongue.text
    table = _table(text("outlook.parts"), text("outlook.do_not_add"))
    for column in (text("outlook.part"), text("outlook.expected"), *(text("outlook.interval", level=level) for level in LEVELS)):
        table.add_column(column, justify="left" if not table.columns else "right")
    for part in found.parts:
        spans = [span_text(tongue, span, money) for span in part.spans] or [text("outlook.certain")] * len(LEVELS)
        table.add_row(text(f"outlook.{part.name}"), money(part.mean), *spans)
    return table


def _categories(found: Outlook, tongue: Tongue, money: Money) -> Table:
    text = tongue.text
    table = _table(text("outlook.categories"))
    for column in ("category", "deals", "amount", "expected"):
        table.add_column(text(f"outlook.{column}"), justify="left" if column == "category" else "right")
    for source, categories in (("by_model", found.model), ("by_crm", found.crm or ())):
        table.add_row(text(f"outlook.{source}"), style="bold")
        for each in categories:
            name = words.category(tongue, each.name)
            table.add_row(f"  {name}", tongue.number(each.n), money(each.amount), money(each.expected))
    return table


def _recurring(found: Outlook, tongue: Tongue, money: Money) -> RenderableType:
    text, made = tongue.text, found.recurring
    if made is None:
        return text(f"outlook.{found.no_recurring}")
    table = _table(text("outlook.recurring"), text("outlook.recurring_meaning"))
    table.add_column("")
    table.add_column("", justify="right")
    table.show_header = False
    for name, value in words.steps_of(made):
        table.add_row(text(f"outlook.{name}"), money(value))
    for span in made.spans:
        table.add_row(text("outlook.interval", level=span.level), span_text(tongue, span, money))
    for note in made.notes:
        table.add_row("•", words.note_text(tongue, note))
    return table


def _record(record: Record, tongue: Tongue) -> Table:
    table = _table(tongue.text("outlook.record"), tongue.text("outlook.record_at", lead=f"{record.lead:g}", n=record.n))
    table.show_header = False
    table.add_column("")
    table.add_column("", justify="right")
    for row in words.record_rows(tongue, record):
        table.add_row(*row)
    return table


def _table(title: str, caption: str | None = None) -> Table:
    return Table(title=title, caption=caption, title_justify="left", caption_justify="left")
