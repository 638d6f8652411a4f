"""A figure in its unit, as each language writes it: 31.3%, €12,400, 4.5 days; 31,3 %, 12 400 €, 4,5 сут."""

from typing import Final

from serving.language import EMPTY, Tongue

DIGITS: Final = {"ratio": 2, "score": 2, "days": 1, "hours": 1, "months": 1, "points": 0}
LARGEST_SMALL: Final = 100.0


def figure(tongue: Tongue, value: float | None, unit: str, currency: str) -> str:
    """A value of a KPI in words; `unit` is that of the KPI."""
    if value is None:
        return EMPTY
    if unit == "money":
        return tongue.money(value, currency)
    if unit == "money_per_day":
        return tongue.text("figure.money_per_day", n=tongue.money(value, currency))
    if unit == "share":
        return percentage(tongue, value)
    if unit in DIGITS:
        text = tongue.number(value, DIGITS[unit])
        return tongue.text(f"figure.{unit}", n=text) if f"figure.{unit}" in WORDED else text
    return tongue.number(value, 0 if value == round(value) else 1 if abs(value) >= LARGEST_SMALL else 2)


WORDED: Final = frozenset({"figure.ratio", "figure.days", "figure.hours", "figure.months"})


def percentage(tongue: Tongue, value: float | None) -> str:
    """A part of a whole, to a tenth of a percent; unlike a probability it may be certain, above 1 or below 0."""
    return EMPTY if value is None else tongue.text("figure.share", n=tongue.number(100 * value, 1))


def limits(tongue: Tongue, low: float, high: float, unit: str, currency: str) -> str:
    """An interval."""
    return f"{figure(tongue, low, unit, currency)} … {figure(tongue, high, unit, currency)}"
