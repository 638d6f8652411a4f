"""The forecast's codes in words: notes, categories, whose line it is; one language at a time."""

import math
from typing import Final, Protocol

from features.kpis.value import COMPANY
from serving.forecast.outlook import RULE, Line, RecurringOutlook
from serving.language import SPACE, Tongue, texts
from training.notes import Note
from training.track_record import Record

COUNTED: Final = frozenset(
    key.removeprefix("note.") for key, said in texts().items() if key.startswith("note.") and "|" in said["en"]
)
"""Notes whose number asks for a form of their text."""


def note_text(tongue: Tongue, note: Note) -> str:
    """What the forecast lacks, and what that does to its interval."""
    key = f"note.{note.code}"
    number = math.ceil(note.number)
    return tongue.count(key, number) if note.code in COUNTED else tongue.text(key, n=number)


class Titled(Protocol):
    """A node of the forecast, as it is computed or as it was answered."""

    @property
    def dimension(self) -> str: ...
    @property
    def id(self) -> str | None: ...
    @property
    def title(self) -> str: ...


def whose(tongue: Tongue, line: Titled) -> str:
    """The node of a line, by name."""
    if line.dimension == COMPANY:
        return tongue.text("outlook.company")
    return tongue.text("outlook.none") if line.id is None else line.title


def category(tongue: Tongue, name: str) -> str:
    """A category's name; one of the CRM's own stays what the CRM calls it."""
    return tongue.text(f"outlook.{name}") if f"outlook.{name}" in texts() and name in {each for each, _, _ in RULE} else name


def no_record(tongue: Tongue, why: str, kind: str | None) -> str:
    """Why there is no track record, and the command that makes one."""
    return tongue.text(f"outlook.{why}", kind=kind)


def rule(tongue: Tongue) -> str:
    """How the model's categories are told apart."""
    return tongue.text("outlook.rule", **{name: tongue.percent(low) for name, low, _ in RULE})


def period(tongue: Tongue, label: str) -> str:
    """A period's label: quarters as each language writes them."""
    year, quarter, number = label.partition("Q")
    return tongue.quarter(label) if quarter and year.isdecimal() and number.isdecimal() else label


def plan(tongue: Tongue, line: Line, currency: str) -> str:
    """The plan, or why there is none."""
    return tongue.money(line.plan, currency) if line.no_plan is None else tongue.text(f"outlook.{line.no_plan}")


def steps_of(made: RecurringOutlook) -> tuple[tuple[str, float], ...]:
    """What recurring revenue is made of, in the order in which it adds up: (name of the text, money)."""
    return (
        ("start", made.start),
        ("new_clients", made.new),
        ("expansion", made.expansion),
        ("contraction", made.contraction),
        ("churn", made.churn),
        ("end", made.end),
    )


def record_rows(tongue: Tongue, record: Record) -> list[tuple[str, str]]:
    """A track record as (what, how much)."""
    text = tongue.text
    rows = [(text("outlook.wape"), share(tongue, record.wape)), (text("outlook.bias"), share(tongue, record.bias, signed=True))]
    rows += [(text("outlook.inside", level=level), share(tongue, held)) for level, held in record.coverage.items()]
    for each in record.gains:
        gain, low, high = (points(tongue, value) for value in (each.gain, each.low, each.high))
        rival = text(f"outlook.{each.rival}")
        rows.append((text("outlook.gain", rival=rival), text("outlook.gain_value", gain=gain, low=low, high=high)))
    return rows


def share(tongue: Tongue, value: float, *, signed: bool = False) -> str:
    """A part of a whole that may be certain, beyond it, or unknown where nothing came."""
    if math.isnan(value):
        return tongue.text("outlook.nothing_came")
    sign = "+" if signed and round(1000 * value) > 0 else ""
    return sign + tongue.number(100 * value, 1) + ("%" if tongue.language == "en" else f"{SPACE}%")


def points(tongue: Tongue, value: float) -> str:
    """A difference of two shares, in points with its sign."""
    if math.isnan(value):
        return tongue.text("outlook.nothing_came")
    return ("+" if round(1000 * value) > 0 else "") + tongue.number(100 * value, 1)
