"""The reference in docs/, written from the code: every signal, every column with what reveals it, and every KPI.

    python -m features.reference      writes docs/signals.md, docs/tables.md and docs/kpis/; run it in the root of the repository

Both texts are pure functions of the catalog and of the table contracts, so a test can tell when a file has fallen behind. Only
what neither of them puts into words stands here: what one row of a table is, and what units, kinds and revealing moments mean.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from features.catalog import CLIENT_SIGNALS, DEAL_SIGNALS, GROUPS, Signal
from features.errors import UsageError
from features.kpis import pages
from features.tables import ALWAYS, CHANGES, CLOSE, EXPORT, TABLES, Column, Kind, Table

FOLDER: Final = Path("docs")
NOTICE: Final = "<!-- Written by `python -m features.reference`; edit features/catalog.py or features/tables.py instead. -->"


@dataclass(frozen=True)
class Text:
    """One meaning in both languages."""

    en: str
    ru: str


UNITS: Final[Mapping[str, Text]] = {
    "days": Text("days of 24 hours, with fractions", "сутки по 24 часа, с долями"),
    "count": Text("how many", "сколько"),
    "ratio": Text("one number over another", "отношение двух чисел"),
    "share": Text("a part of a whole, 0 to 1", "доля, от 0 до 1"),
    "money": Text("the organisation's currency", "валюта организации"),
    "flag": Text("1 for yes, 0 for no", "1 — да, 0 — нет"),
    "category": Text("text, one of a few labels", "текст, одно из немногих значений"),
}

KINDS: Final[Mapping[Kind, Text]] = {
    Kind.ID: Text("text that names a record", "текст, обозначающий запись"),
    Kind.TEXT: Text("free text", "произвольный текст"),
    Kind.CATEGORY: Text("text, one of a few labels", "текст, одно из немногих значений"),
    Kind.MONEY: Text("number, in the row's currency where it has one", "число, в валюте строки, если она указана"),
    Kind.NUMBER: Text("number", "число"),
    Kind.PROBABILITY: Text("number from 0 to 1", "число от 0 до 1"),
    Kind.INSTANT: Text("moment with a time zone, kept in UTC", "момент с часовым поясом, хранится в UTC"),
    Kind.DATE: Text("calendar day in the organisation's zone", "календарный день в часовом поясе организации"),
    Kind.FLAG: Text("yes or no", "да или нет"),
}

MOMENTS: Final[Mapping[str, Text]] = {
    CHANGES: Text(
        "the change of the deal that set the value; without a history, as `export`",
        "изменение сделки, задавшее значение; без истории изменений как `export`",
    ),
    CLOSE: Text("the close of the deal", "закрытие сделки"),
    EXPORT: Text(
        "the moment of the export, as no history is kept; the row's own time where the mapping declares the column static",
        "момент выгрузки, так как источник не ведёт истории; время самой строки, если столбец объявлен неизменным",
    ),
    ALWAYS: Text("nothing: the value is known at every date", "ничто: значение известно на любую дату"),
}

ROWS: Final[Mapping[str, Text]] = {
    "deals": Text("a deal, as it stood at the export", "сделка в том виде, в каком она была при выгрузке"),
    "deal_changes": Text("one change of one field of a deal", "одно изменение одного поля сделки"),
    "accounts": Text("a client or prospect", "клиент или потенциальный клиент"),
    "activities": Text("a call, message, meeting or task", "звонок, письмо, встреча или задача"),
    "users": Text("one of your own people", "сотрудник вашей организации"),
    "leads": Text("an enquiry before it becomes a deal", "обращение до того, как оно стало сделкой"),
    "orders": Text("an order of a client", "заказ клиента"),
    "contracts": Text("a contract that is paid by the month", "договор с ежемесячной оплатой"),
    "tickets": Text("a request to customer service", "обращение в службу поддержки"),
    "surveys": Text("one answer to a survey", "один ответ на опрос"),
    "stages": Text("a stage of a pipeline", "этап воронки"),
    "rates": Text("a currency's rate of one day, to the organisation's currency", "курс валюты за день к валюте организации"),
    "audience": Text("the people reached in a period", "охват аудитории за период"),
    "actuals": Text("a KPI measured elsewhere", "показатель, измеренный в другой системе"),
    "plans": Text("a target for a period", "план на период"),
    "costs": Text("what was spent in a period", "расходы за период"),
}


def signals_markdown() -> str:
    """The text of docs/signals.md: every signal of the catalog by group, with its meaning in English and Russian."""
    return _document(
        "# Signals",
        NOTICE,
        "What the models see of a deal or a client: one row for each as of a moment, from nothing but what was on record before "
        "it ([the clock rule](clock.md)). A signal is there when its [tables](tables.md) are; else it is absent, not zero. A "
        "signal marked *yes* in the last column is one that somebody can do something about this week.",
        _table(("unit", "meaning", "значение"), ((f"`{unit}`", text.en, text.ru) for unit, text in UNITS.items())),
        f"## Deals: {len(DEAL_SIGNALS)} signals, one row for each open deal",
        *_grouped(DEAL_SIGNALS),
        f"## Clients: {len(CLIENT_SIGNALS)} signals, one row for each active client",
        "Where a source has neither orders nor contracts, won deals are the orders.",
        *_grouped(CLIENT_SIGNALS),
    )


def tables_markdown() -> str:
    """The text of docs/tables.md: every column of every table, and which moment reveals it."""
    return _document(
        "# Tables",
        NOTICE,
        "The tables that Dealcast reads, under its own names; a mapping file translates a foreign export. A source needs "
        "`deals`, or `orders` or `contracts`; every other table adds signals or KPIs. Columns of your own may stand in `deals`.",
        "A value counts at a moment only when what reveals it lies strictly before that moment ([the clock rule](clock.md)). A "
        "row is on record from its own time on, or from `recorded_at` where that is later; a row of an undated table always is.",
        _table(("kind", "holds", "содержит"), ((f"`{kind}`", KINDS[kind].en, KINDS[kind].ru) for kind in Kind)),
        _table(("revealed by", "meaning", "значение"), _moments()),
        *(part for table in TABLES.values() for part in _of_table(table)),
    )


FILES: Final[Mapping[str, Callable[[], str]]] = {
    "signals.md": signals_markdown,
    "tables.md": tables_markdown,
    **pages.files(),
}


def main() -> int:
    """Write every file of the reference into docs/ below the current folder; the exit code."""
    if not FOLDER.is_dir():
        sys.stderr.write(f"there is no folder {FOLDER}/ here; run this in the root of the repository\n")
        return UsageError.exit_code
    for name, text in FILES.items():
        (FOLDER / name).parent.mkdir(exist_ok=True)
        (FOLDER / name).write_text(text(), encoding="utf-8", newline="\n")
    return 0


def _grouped(signals: Sequence[Signal]) -> list[str]:
    """A heading and a table for each group that has signals, in the catalog's order."""
    parts = []
    for group in GROUPS.values():
        rows = [_signal_row(signal) for signal in signals if signal.group == group.name]
        if rows:
            head = ("signal", "unit", "meaning", "значение", "tables", "can be acted on")
            parts += [f"### {group.en} · {group.ru}", _table(head, rows)]
    return parts


def _signal_row(signal: Signal) -> tuple[str, ...]:
    return (f"`{signal.name}`", signal.unit, signal.en, signal.ru, _codes(signal.tables), "yes" if signal.actionable else "")


def _moments() -> list[tuple[str, ...]]:
    own = Text("that time of the same row; a time is revealed by itself", "это время той же строки; время раскрывает само себя")
    named = [(f"`{moment}`", text) for moment, text in MOMENTS.items()]
    return [(label, text.en, text.ru) for label, text in [*named, ("a column's name", own)]]


def _of_table(table: Table) -> list[str]:
    row, time = ROWS[table.name], f", dated by `{table.time}`" if table.time else ", undated"
    return [
        f"## {table.name}",
        f"One row is {row.en}. Одна строка: {row.ru}.",
        f"Key: {_codes(table.key)}{time}.",
        _table(("column", "kind", "required", "revealed by", "allowed"), map(_column_row, table.columns)),
    ]


def _column_row(column: Column) -> tuple[str, ...]:
    least = (
        [] if column.minimum is None else [f"more than {column.minimum:g}" if column.beyond else f"{column.minimum:g} or more"]
    )
    allowed = "; ".join([*filter(None, [_codes(column.values)]), *least])
    return (f"`{column.name}`", column.kind, "yes" if column.required else "", f"`{column.revealed_by}`", allowed)


def _codes(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _document(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
