"""Warnings about open deals: plain facts of the signals that a sales manager wants to see whatever the model says.

Each warning is a line of `WARNINGS`: the signal whose value it shows, the conditions that must all hold, and its words. A value
that is unknown raises nothing. As of 1 June, a deal at "Proposal" since 1 April, where won deals usually stood for 14 days, has
been there for 61 days, more than twice as long: it is stalled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats
from features.history import Rows
from features.lookup import places


@dataclass(frozen=True)
class Condition:
    """`low` <= signal <= `high`; unknown is neither."""

    signal: str
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class DealWarning:
    """One kind of warning.

    signal  whose value is shown, and compared with the usual one of won deals at the stage
    when    the conditions, all of which must hold
    en, ru  the words, with {n} for the value, in the forms that the number asks for: `one|other` and `one|few|many`
    """

    name: str
    signal: str
    when: tuple[Condition, ...]
    en: str
    ru: str


WARNINGS: Final = (
    DealWarning(
        "stalled",
        "days_in_stage",
        (Condition("stage_days_ratio", low=2.0), Condition("days_in_stage", low=7.0)),
        "stalled: {n} day in this stage|stalled: {n} days in this stage",
        "застой: {n} день на этом этапе|застой: {n} дня на этом этапе|застой: {n} дней на этом этапе",
    ),
    DealWarning(
        "pushed",
        "n_pushes",
        (Condition("n_pushes", low=2.0),),
        "close date moved later {n} time|close date moved later {n} times",
        "дата закрытия перенесена на позже {n} раз|дата закрытия перенесена на позже {n} раза|"
        "дата закрытия перенесена на позже {n} раз",
    ),
    DealWarning(
        "overdue",
        "overdue_days",
        (Condition("overdue_days", low=1.0),),
        "overdue by {n} day|overdue by {n} days",
        "закрытие просрочено на {n} день|закрытие просрочено на {n} дня|закрытие просрочено на {n} дней",
    ),
    DealWarning(
        "single_contact",
        "n_contacts",
        (Condition("n_contacts", low=1.0, high=1.0), Condition("age_days", low=14.0)),
        "a single contact: {n} person on the client's side|a single contact: {n} people on the client's side",
        "единственный контакт: {n} человек у клиента|единственный контакт: {n} человека у клиента|"
        "единственный контакт: {n} человек у клиента",
    ),
    DealWarning(
        "no_next_step",
        "n_next_steps",
        (Condition("n_next_steps", high=0.0),),
        "no next step is scheduled|no next step is scheduled",
        "следующий шаг не запланирован|следующий шаг не запланирован|следующий шаг не запланирован",
    ),
    DealWarning(
        "owner_left",
        "days_since_owner_left",
        (Condition("days_since_owner_left", low=0.0),),
        "the owner left {n} day ago|the owner left {n} days ago",
        "ответственный ушёл {n} день назад|ответственный ушёл {n} дня назад|ответственный ушёл {n} дней назад",
    ),
)


def deal_warnings(signals: pd.DataFrame) -> pd.DataFrame:
    """The warnings of each row of the deal signals: columns deal_id, warning, value; in the order of the rows and of `WARNINGS`.

    A warning of which a signal is absent is not raised.
    """
    row, number, value = raised(signals)
    names = np.array([each.name for each in WARNINGS], dtype=object)
    return pd.DataFrame(
        {
            "deal_id": pd.Series(signals.index.to_numpy(dtype=object)[row], dtype="str"),
            "warning": pd.Series(names[number], dtype="str"),
            "value": value,
        }
    )


def warning_bits(signals: pd.DataFrame) -> Rows:
    """The warnings of each row as the bits of a whole number: bit k stands for `WARNINGS[k]`."""
    bits: Rows = np.zeros(len(signals), dtype=np.int64)
    row, number, _ = raised(signals)
    np.bitwise_or.at(bits, row, 1 << number)
    return bits


def named_bits(bits: int) -> list[str]:
    """The names of the warnings that these bits stand for."""
    return [each.name for number, each in enumerate(WARNINGS) if bits >> number & 1]


def raised(signals: pd.DataFrame) -> tuple[Rows, Rows, Floats]:
    """The same as arrays: the row of each warning in the signals, its place in `WARNINGS`, and its value."""
    there = places(signals.columns, _READ)
    numbers = signals.take(there[there >= 0], axis=1).to_numpy(dtype=np.float64)
    read = dict(zip((name for name, at in zip(_READ, there, strict=True) if at >= 0), numbers.T, strict=True))
    found = [_raised(read, each) for each in WARNINGS]
    row = np.concatenate([rows for rows, _ in found])
    number = np.repeat(np.arange(len(WARNINGS)), [len(rows) for rows, _ in found])
    order = np.lexsort((number, row))
    return row[order], number[order], np.concatenate([values for _, values in found])[order]


_READ: Final = tuple(dict.fromkeys(name for each in WARNINGS for name in (each.signal, *(when.signal for when in each.when))))


def _raised(signals: Mapping[str, Floats], warning: DealWarning) -> tuple[Rows, Floats]:
    """The rows for which all conditions hold, and the values to show."""
    if not {warning.signal, *(each.signal for each in warning.when)} <= signals.keys():
        return np.empty(0, dtype=np.int64), np.empty(0)
    held = [(signals[each.signal] >= each.low) & (signals[each.signal] <= each.high) for each in warning.when]
    rows = np.flatnonzero(np.logical_and.reduce(held))
    return rows, signals[warning.signal][rows]
