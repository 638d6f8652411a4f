"""Calls and their record as a page shows them: what was said, by whom and when, and what the model said at that moment."""

from dataclasses import dataclass
from datetime import date

from features.errors import NotReadyError
from serving.calls import answers
from serving.calls.record import Judged, judged
from serving.calls.store import Call, Calls
from serving.forecast.outlook_words import period, points, share
from serving.language import EMPTY, Tongue
from serving.served.state import Served


@dataclass(frozen=True)
class Said:
    """One call in words. `what` names measure and period, `whose` the node (empty for the deal that the page is about)."""

    what: str
    whose: str
    said: str
    model: str
    author: str
    when: str
    note: str


def on_deal(calls: Calls, tongue: Tongue, deal_id: str, currency: str) -> list[Said] | None:
    """The calls on a deal that stand; None where the database does not answer: the page is shown all the same."""
    try:
        return [_said(tongue, each, currency) for each in answers.of_deal(calls, deal_id)]
    except NotReadyError:
        return None


def on_period(calls: Calls, tongue: Tongue, label: str, currency: str) -> list[Said] | None:
    """The calls on nodes for a period that stand; None where the database does not answer."""
    try:
        return [_said(tongue, each, currency) for each in answers.of_period(calls, label)]
    except NotReadyError:
        return None


def record_of(calls: Calls, tongue: Tongue, served: Served) -> list[tuple[str, str]]:
    """The record of all calls as (which calls, how good beside the model); none where the database does not answer."""
    try:
        return [(_which(tongue, each), _how_good(tongue, each)) for each in judged(calls.history(), served.snapshot)]
    except NotReadyError:
        return []


def _which(tongue: Tongue, each: Judged) -> str:
    measure = tongue.text(f"calls.{each.measure}")
    return f"{measure}, {tongue.text(f'calls.third_{each.third}')}" if each.third else measure


def _how_good(tongue: Tongue, each: Judged) -> str:
    def shown(value: float) -> str:
        if each.measure == "close_on":
            return tongue.text("calls.in_days", n=tongue.number(value, 1))
        return tongue.number(value, 3) if each.measure == "p_won" else share(tongue, value)

    text = tongue.text("calls.beside", n=tongue.number(each.n), error=shown(each.error), model=shown(each.model_error))
    if each.low == each.low and each.measure not in ("p_won", "close_on"):  # an interval is there: not NaN
        low, high = points(tongue, each.low), points(tongue, each.high)
        text += " " + tongue.text("outlook.gain_value", gain=points(tongue, each.gain), low=low, high=high)
    return text


def _said(tongue: Tongue, call: Call, currency: str) -> Said:
    measure = tongue.text(f"calls.{call.measure}")
    return Said(
        what=f"{measure}, {period(tongue, call.period)}" if call.period else measure,
        whose=tongue.text("outlook.company") if call.scope == "company" else call.scope_id,
        said=_value(tongue, call.measure, call.value, call.day, currency),
        model=_value(tongue, call.measure, call.model_value, call.model_day, currency),
        author=call.author,
        when=tongue.instant(call.made_at),
        note=call.note or "",
    )


def _value(tongue: Tongue, measure: str, value: float | None, day: date | None, currency: str) -> str:
    if measure == "close_on":
        return tongue.date(day)
    if value is None:
        return EMPTY
    return tongue.percent(value) if measure == "p_won" else tongue.money(value, currency)
