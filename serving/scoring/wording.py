"""Reasons, warnings and gaps in words, in one language.

What a signal means comes from the signal catalog, `meaning: value`; a few that are named often have a phrase of their own in
`web/translations.toml` ("no reply for 23 days"), with the forms that the number asks for. What is usual follows after a
semicolon:

    no reply for 23 days; won deals at this stage: 6
    Amount: €42,000; won deals at this stage: €18,500
    Сделка: нет ответа 23 дня; выигранные сделки на этом этапе: 6

The words never say that one thing brought about another: a model sees what goes together, and no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from features.catalog import GROUPS, Group, Signal
from features.custom import signal_of
from features.deal_warnings import WARNINGS
from features.gaps import GAPS, Gap
from features.tables import Column
from serving.language import SPACE, Tongue, texts
from serving.scoring.reasons import NamedSignal, Reasons
from training.typical import Value

_WARNINGS: Final = {each.name: each for each in WARNINGS}
_GAPS: Final = {each.field: each for each in GAPS}
WHOLE_FROM: Final = 10.0
"""From this size on a number is shown without a fraction; below it, with two digits that tell something."""


@dataclass(frozen=True)
class Wording:
    """How one organisation's figures read in one language.

    currency  that money is shown in
    custom    the organisation's own columns, for their meanings
    """

    tongue: Tongue
    currency: str
    custom: Sequence[Column] = ()

    def meaning(self, name: str) -> str:
        """What a signal means, from the catalog."""
        return self._said(signal_of(name, self.custom))

    def group(self, name: str) -> str:
        """A group's name."""
        return self._said(GROUPS[name])

    def gap(self, field: str) -> str:
        """What an empty field holds."""
        return self._said(_GAPS[field])

    def value(self, name: str, value: Value) -> str:
        """A signal's value by its unit; a missing one as "none on record"."""
        unit = signal_of(name, self.custom).unit
        if value is None:
            return self.tongue.text("words.unknown")
        if isinstance(value, str):
            return value
        if unit == "flag":
            return self.tongue.text("words.yes" if value else "words.no")
        if unit == "money":
            return self.tongue.money(value, self.currency)
        return self.tongue.percent(value) if unit == "share" else self.tongue.number(value, _digits(value))

    def signal(self, named: NamedSignal, regime: str, own_peers: bool) -> str:
        """A signal with its value and, where known, what is usual."""
        return self._beside(self._fact(named.name, named.value), named.name, named.usual, regime, own_peers)

    def warning(self, name: str, value: float, usual: Value, own_peers: bool) -> str:
        """A warning about a deal with the value behind it and, where known, what is usual at the stage."""
        known = _WARNINGS[name]
        forms = known.ru if self.tongue.language == "ru" else known.en
        beside = None if usual == value else usual
        return self._beside(self.tongue.form(forms, round(value)), known.signal, beside, "deals", own_peers)

    def reference(self, reasons: Reasons) -> str:
        """What the reasons are given against."""
        return self.tongue.text(f"reference.{reasons.regime}{'' if reasons.own_reference else '_all'}")

    def points(self, contribution: float) -> str:
        """A contribution in probability points with its sign: -8.1 points."""
        points = round(100 * contribution, 1) or 0.0  # and never minus nought
        return self.tongue.text("words.points", n=("+" if points > 0 else "") + self.tongue.number(points, 1))

    def summary(self, reasons: Reasons, most: int = 3) -> str:
        """The largest reasons in one line, for a cell of a spreadsheet."""
        parts = [
            f"{self.group(item.group)} {self.points(item.contribution)}"
            + (f" ({self.signal(item.signals[0], reasons.regime, reasons.own_peers)})" if item.signals else "")
            for item in reasons.items[:most]
            if item.contribution
        ]
        told = ", ".join(parts) or self.tongue.text("why.all_alike")
        return f"{self.reference(reasons)} {self.tongue.percent(reasons.reference)}: {told}"

    def _said(self, known: Signal | Group | Gap) -> str:
        return known.ru if self.tongue.language == "ru" else known.en

    def _fact(self, name: str, value: Value) -> str:
        phrase = texts().get(f"phrase.{name}")
        if phrase is not None and isinstance(value, float) and round(value) > 0:
            return self.tongue.form(phrase[self.tongue.language], round(value))
        return f"{self.meaning(name)}: {self.value(name, value)}"

    def _beside(self, fact: str, name: str, usual: Value, regime: str, own_peers: bool) -> str:
        if usual is None or fact.endswith(f": {usual}"):
            return fact
        peers = self.tongue.text(f"peers.{regime}{'' if own_peers else '_all'}")
        return f"{fact}; {peers}:{SPACE}{self.value(name, usual)}"


def _digits(value: float) -> int:
    """How many digits behind the point: 384 days, 6.3 days, a ratio of 0.35 or 0.0087."""
    if abs(value) >= WHOLE_FROM:
        return 0
    rounded = Decimal(f"{value:.2g}").normalize()
    return max(0, -int(rounded.as_tuple().exponent))
