"""Forecasts, bridges and what-if questions as the answers of the API; `dealcast … --format json` prints the same."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from features import clock
from features.errors import UsageError
from features.snapshot import Snapshot
from serving.access.sight import Sight, owned_by
from serving.forecast.forecaster import Forecaster
from serving.forecast.outlook import Line, Outlook, lines, outlook
from serving.forecast.outlook_words import no_record, note_text, rule, whose
from serving.forecast.schemas import ForecastAnswer, ForecastQuery, WhatIfAnswer, WhatIfRequest
from serving.forecast.sight import narrowed
from serving.language import LANGUAGES, Tongue
from serving.lists.answers import answerers
from training.notes import Note
from training.track_record import Record
from training.what_if import Change, what_if


def instant(forecaster: Forecaster, text: str | None) -> pd.Timestamp:
    """A date as a moment of the organisation; that of the forecaster where none is given. Raises UsageError."""
    return clock.parse_as_of(text, forecaster.dataset.organisation.timezone) if text else forecaster.as_of


def asked_outlook(forecaster: Forecaster, asked: ForecastQuery) -> Outlook:
    """The forecast that a query asks for. Raises UsageError."""
    as_of = instant(forecaster, asked.as_of)
    return outlook(forecaster, forecaster.window(asked.period, as_of), asked.by, as_of)


def forecast(forecaster: Forecaster, found: Outlook) -> ForecastAnswer:
    """A forecast as an answer."""
    recurring = None if found.recurring is None else to_cents(asdict(found.recurring)) | {"notes": notes(found.recurring.notes)}
    return ForecastAnswer.model_validate(
        {
            **stamp(forecaster, found.as_of),
            "period": found.window.label,
            "start": found.window.start,
            "end": found.window.end,
            "by": found.by,
            "lead_days": found.lead,
            "lines": list(map(line, found.lines)),
            "parts": [to_cents(asdict(each)) for each in found.parts],
            "categories": {
                "crm": None if found.crm is None else [to_cents(asdict(each)) for each in found.crm],
                "model": [to_cents(asdict(each)) for each in found.model],
                "rule": _said(rule),
            },
            "recurring": recurring,
            "no_recurring": _reason(found.no_recurring),
            "record": None if found.record is None else _record(found.record),
            "no_record": _no_record(found.no_record, found.kind),
            "notes": notes(found.notes),
        }
    )


def supposed(forecaster: Forecaster, asked: WhatIfRequest, as_of: pd.Timestamp | None = None) -> WhatIfAnswer:
    """The forecast under a change. Raises UsageError for a period that is over, and for what there is not."""
    window = forecaster.ahead(asked.period, as_of)
    whole = forecaster.made_whole(window, as_of)
    snapshot, sight = whole.known.snapshot, forecaster.sight
    if sight is not None:
        _check_seen(snapshot, asked, sight)
    change = Change(tuple(asked.close), dict(asked.rate), tuple(asked.leaves), asked.kept)
    both = (whole.forecast, what_if(whole.forecast, snapshot, change, threads=forecaster.threads))
    before, after = (lines(snapshot, each if sight is None else narrowed(each, sight), asked.by) for each in both)
    return WhatIfAnswer.model_validate(
        {
            **stamp(forecaster, snapshot.as_of),
            "period": window.label,
            "by": asked.by,
            "kept": asked.kept if asked.leaves else None,
            "before": list(map(line, before)),
            "after": list(map(line, after)),
            "difference": round(after[0].mean - before[0].mean, 2),
        }
    )


def _check_seen(snapshot: Snapshot, asked: WhatIfRequest, sight: Sight) -> None:
    """What one does not see is not there, and is said so in the same words. Raises UsageError."""
    ids = snapshot.dataset.deals["deal_id"]
    seen = set(ids[owned_by(snapshot, sight.people)])
    hidden = {"open deal": sorted(set(asked.close) - seen), "person with open deals": sorted(set(asked.leaves) - sight.people)}
    for what, unknown in hidden.items():
        if unknown:
            raise UsageError(f"{', '.join(unknown[:5])}: no {what} by that name as of {snapshot.as_of:%Y-%m-%d}")


def stamp(forecaster: Forecaster, as_of: pd.Timestamp) -> dict[str, Any]:
    """What every answer says about where it comes from."""
    champion = forecaster.bundles["deals"]
    return {
        "model_version": champion.version,
        "as_of": as_of,
        "data_ends_at": forecaster.dataset.ends_at,
        "currency": forecaster.dataset.organisation.currency,
        "answered_by": answerers(champion),
    }


def line(each: Line) -> dict[str, Any]:
    """One node, its money in whole cents; the company and what belongs to none are named in English."""
    found: dict[str, Any] = to_cents(asdict(each))
    return found | {"title": whose(Tongue("en"), each), "p_plan": each.p_plan}


def to_cents(value: Any) -> Any:
    """Every number of an answer rounded to cents."""
    if isinstance(value, dict):
        return {name: to_cents(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_cents(each) for each in value]
    return round(value, 2) if isinstance(value, float) else value


def notes(found: Iterable[Note]) -> list[dict[str, Any]]:
    """Notes in both languages."""
    return [{**asdict(each), **{tongue.language: note_text(tongue, each) for tongue in _tongues()}} for each in found]


def _reason(code: str | None) -> dict[str, str] | None:
    return None if code is None else _said(lambda tongue: tongue.text(f"outlook.{code}"))


def _no_record(why: str | None, kind: str | None) -> dict[str, str] | None:
    return None if why is None else _said(lambda tongue: no_record(tongue, why, kind))


def _said(words: Callable[[Tongue], str]) -> dict[str, str]:
    return {tongue.language: words(tongue) for tongue in _tongues()}


def _record(found: Record) -> dict[str, Any]:
    gains = [_finite({**asdict(each), "gain": each.gain}) for each in found.gains]
    return _finite(asdict(found)) | {"gains": gains, "coverage": {str(level): share for level, share in found.coverage.items()}}


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(each, float) and np.isnan(each) else each for name, each in values.items()}


def _tongues() -> tuple[Tongue, ...]:
    return tuple(Tongue(language) for language in LANGUAGES)
