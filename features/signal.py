"""What a signal is: one column of a matrix, with its group, unit and meaning in English and Russian."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from features.clock import Floats
from features.flat import Texts

Columns: TypeAlias = dict[str, "Floats | Texts"]
"""Some columns of a matrix, one value a row: float64, or text with None where there is none."""


@dataclass(frozen=True)
class Group:
    """Signals that answer one question of a manager; reasons are given by group."""

    name: str
    en: str
    ru: str


@dataclass(frozen=True)
class Signal:
    """One column of the matrix.

    unit         what the number counts: days, count, ratio, money, share, flag (1 or 0), or category for text
    tables       the tables without which the signal is absent
    actionable   whether somebody can do something about it this week
    low, high    the valid values, both ends included; None: unbounded. NaN is valid everywhere and means unknown
    """

    name: str
    group: str
    unit: str
    en: str
    ru: str
    tables: tuple[str, ...] = ("deals",)
    actionable: bool = False
    low: float | None = None
    high: float | None = None

    @property
    def is_category(self) -> bool:
        return self.unit == "category"


GROUPS: Final[Mapping[str, Group]] = {
    group.name: group
    for group in (
        Group("pace", "Stage and pace", "Этап и темп"),
        Group("time", "Time", "Время"),
        Group("size", "Size", "Размер"),
        Group("contact", "Contact", "Контакты"),
        Group("owner", "Owner", "Ответственный"),
        Group("client", "Client", "Клиент"),
        Group("context", "Context", "Контекст"),
        Group("recency", "Recency", "Давность"),
        Group("frequency", "Frequency", "Частота"),
        Group("money", "Money", "Деньги"),
        Group("rhythm", "Rhythm", "Ритм"),
        Group("trend", "Trend", "Динамика"),
        Group("contract", "Contract", "Договор"),
        Group("service", "Service", "Обслуживание"),
        Group("attention", "Attention", "Внимание"),
        Group("custom", "Own columns", "Свои поля"),
    )
}


def live(signals: Iterable[Signal], tables: Iterable[str]) -> list[Signal]:
    """The signals whose tables are all there, in catalog order."""
    there = set(tables)
    return [signal for signal in signals if there.issuperset(signal.tables)]
