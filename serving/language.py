"""Words, numbers, money and dates as each language writes them.

One table, `web/translations.toml`, holds every text of the page in every language. Numbers: 1,234.5 in English and 1 234,5 in
Russian, with no-break spaces; money: €1,234 and 1 234 €; dates: 12 Mar 2026 and 12.03.2026. A probability is never rounded to
a certainty: below half a percent it is shown to a tenth, and beyond that as "<0.1%" or ">99.9%".
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

from serving.settings import Language

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
TABLE: Final = Path(__file__).parent / "pages" / "web" / "translations.toml"
SYMBOLS: Final[Mapping[str, str]] = {
    "EUR": "€",
    "USD": "$",
    "GBP": "£",
    "RUB": "₽",
    "JPY": "¥",
    "INR": "₹",
    "UAH": "₴",
    "KZT": "₸",
    "TRY": "₺",
}
EMPTY: Final = "–"
SPACE: Final = "\u00a0"
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """Every text of the page: "section.key" -> language -> text."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {f"{section}.{key}": text for section, keys in table.items() for key, text in keys.items()}


@dataclass(frozen=True)
class Tongue:
    """One language, with the organisation's time zone for instants."""

    language: Language
    timezone: str = "UTC"

    def text(self, key: str, **values: Any) -> str:
        """A text of the table with its `{names}` filled in. Raises KeyError for a key that the table lacks."""
        return texts()[key][self.language].format(**values)

    def count(self, key: str, n: int) -> str:
        """A text with a number, in the form that the number asks for: 1 day, 2 days; 1 день, 2 дня, 5 дней."""
        return self.form(texts()[key][self.language], n)

    def form(self, forms: str, n: int) -> str:
        """The one of `one|other`, or `one|few|many`, that the number asks for, with the number filled in."""
        return forms.split("|")[self._form(abs(n))].format(n=self.number(n))

    def number(self, value: float | None, digits: int = 0) -> str:
        if value is None:
            return EMPTY
        text = f"{value:,.{digits}f}".replace("-", "−")
        return text if self.language == "en" else text.replace(",", SPACE).replace(".", ",")

    def money(self, value: float | None, currency: str) -> str:
        """An amount in whole units."""
        if value is None:
            return EMPTY
        symbol, amount = SYMBOLS.get(currency, currency), self.number(round(value))
        if self.language == "ru":
            return f"{amount}{SPACE}{symbol}"
        if len(symbol) > 1:
            return f"{symbol}{SPACE}{amount}"
        return f"−{symbol}{amount[1:]}" if amount.startswith("−") else f"{symbol}{amount}"

    def percent(self, probability: float | None, digits: int = 0) -> str:
        """A probability in [0, 1] as a percentage, with at least so many digits."""
        if probability is None:
            return EMPTY
        share = 100 * probability
        if 0 < share < 0.1 or 99.9 < share < 100:
            number = f"<{self.number(0.1, 1)}" if share < 1 else f">{self.number(99.9, 1)}"
        else:
            number = self.number(share, digits=max(digits, int(0 < share <= 0.5 or 99.5 <= share < 100)))
        return f"{number}%" if self.language == "en" else f"{number}{SPACE}%"

    def date(self, value: date | None) -> str:
        if value is None:
            return EMPTY
        if self.language == "ru":
            return f"{value:%d.%m.%Y}"
        return f"{value.day}{SPACE}{MONTHS[value.month - 1]}{SPACE}{value.year}"

    def day(self, value: datetime) -> str:
        """The day of an instant in the organisation's time zone."""
        return self.date(value.astimezone(ZoneInfo(self.timezone)).date())

    def instant(self, value: datetime) -> str:
        """An instant in the organisation's time zone, with the zone's name."""
        local = value.astimezone(ZoneInfo(self.timezone))
        return f"{self.date(local.date())}, {local:%H:%M}{SPACE}{local:%Z}"

    def quarter(self, label: str) -> str:
        """A fiscal quarter's label, such as 2026Q4."""
        year, _, number = label.partition("Q")
        return f"Q{number}{SPACE}{year}" if self.language == "en" else f"{number}{SPACE}кв.{SPACE}{year}"

    def _form(self, n: int) -> int:
        if self.language == "en":
            return int(n != 1)
        if n % 10 == 1 and n % 100 != 11:
            return 0
        return 1 if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else 2


def choose(asked: str | None, remembered: str | None, accepted: str, default: Language) -> Language:
    """The language of a page: the one asked for in the address, else the cookie's, else the browser's, else the default."""
    wanted = [asked, remembered, *_accepted(accepted), default]
    return next(language for each in wanted for language in LANGUAGES if language == each)


def _accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header, best first: `ru-RU,ru;q=0.9,en;q=0.8` gives ru, ru, en."""
    weighted = []
    for part in header.split(",")[:20]:
        tag, _, weight = part.partition(";q=")
        quality = float(weight) if weight.replace(".", "", 1).isdecimal() and weight.isascii() else 1.0
        weighted.append((-quality, tag.strip().split("-")[0].lower()))
    return [tag for quality, tag in sorted(weighted, key=lambda each: each[0]) if quality]
