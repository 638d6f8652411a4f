"""What changed since a week ago, for the forecast page: the expectation of then, step by step to that of now.

    Expected on 24 Sep      2,479,628
    time passing              +60,827
    lost                      −53,049
    new                       +29,205
    Expected on 1 Oct       2,516,611

A date before the champion's own has the scores that were issued then; where there are none the page says so, and is shown all the
same.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from features import clock
from features.errors import NotReadyError, UsageError
from features.kpis.value import Window
from serving.forecast.bridge_answers import change
from serving.forecast.forecaster import Forecaster, is_over
from serving.forecast.schemas import BridgeAnswer, BridgeQuery
from serving.language import Tongue

DAYS: Final = 7


@dataclass(frozen=True)
class Changes:
    """The change in words: (what, money) from the first expectation to the last, and what is to be known of it, if anything."""

    rows: tuple[tuple[str, str], ...]
    note: str | None


def since_last_week(forecaster: Forecaster, window: Window, tongue: Tongue, currency: str) -> Changes | None:
    """The change of the company's expected bookings, or of one's own part; None where nothing tells what was expected then."""
    if is_over(window, forecaster.as_of):
        return None
    key = ("since_last_week", window, forecaster.sight and forecaster.sight.user_id)
    try:
        answer: BridgeAnswer = forecaster.remembered(key, lambda: _asked(forecaster, window))
    except (UsageError, NotReadyError):
        return None
    return _told(answer, tongue, currency)


def _asked(forecaster: Forecaster, window: Window) -> BridgeAnswer:
    first = clock.instant(clock.after_days(clock.micros(forecaster.as_of), -DAYS))
    return change(forecaster, BridgeQuery.model_validate({"from": first.isoformat(), "period": window.label}))


def _told(answer: BridgeAnswer, tongue: Tongue, currency: str) -> Changes:
    ends = [
        (tongue.text("bridge.expected_on", when=tongue.day(when)), tongue.money(float(value), currency))
        for when, value in ((answer.first, answer.start), (answer.last, answer.end))
    ]
    moved = ((step, money) for step, money in answer.lines[0].steps.items() if money)
    steps = [(tongue.text(f"bridge.{step}"), _signed(tongue, money, currency)) for step, money in moved]
    versions = ", ".join(answer.by_record)
    return Changes((ends[0], *steps, ends[1]), tongue.text("bridge.by_record", versions=versions) if versions else None)


def _signed(tongue: Tongue, money: Decimal, currency: str) -> str:
    return ("+" if round(money) > 0 else "") + tongue.money(float(money), currency)
