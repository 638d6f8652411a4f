"""One deal in parts, for the API and the page: its reasons, warnings, similar past deals, and what filling a gap could change.

Lists carry no reasons: each part is computed for the deal that is asked for, at the horizon that is asked for, and kept until
data or champion change. What all deals of one moment share, the rates of the day and the past deals, is computed once.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from features import clients, clock
from features.deals import deal_signals
from serving.lists.answers import records
from serving.scoring.reason_columns import in_words, readable, reason_columns, warning_column
from serving.scoring.reasons import reasons_of
from serving.scoring.score import leaving
from serving.scoring.scored import DEALS, curves_of
from serving.served.state import Served
from training.explain import Question
from training.sensitivity import data_gaps
from training.similar import similar_deals
from training.targets import WON

MOST_GAPS: Final = 3
MOST_KEPT: Final = 5000
Part = Literal["reasons", "similar", "data_gaps", "warnings"]
OF_SCORED: Final[tuple[Part, ...]] = ("reasons", "similar", "data_gaps")
"""The parts that only a deal with a score has."""


def quarter_days(served: Served) -> float:
    """Days from as_of to the end of the running fiscal quarter: the horizon of what deals are ranked by."""
    end = served.dataset.organisation.calendar.quarter(served.as_of).end
    return float(clock.days_between(clock.micros(served.as_of), clock.micros(end)))


def explained(served: Served, part: Part, deal_id: str, days: float) -> Any:
    """One part of what is said of an open deal: the reasons for P(won within `days`), the gaps that would move that answer most,
    similar past deals, or warnings."""
    key = (part, deal_id, days)
    if key not in served.explained:
        if len(served.explained) >= MOST_KEPT:
            served.explained.clear()
        served.explained[key] = _PARTS[part](served, served.one(deal_id).signals, Question(days, WON))
    return served.explained[key]


def deal_in_full(served: Served, deal_id: str, days: float) -> dict[str, Any]:
    """Reasons, similar deals and gaps of a deal that has a score."""
    return {part: explained(served, part, deal_id, days) for part in OF_SCORED}


def said_of_deals(served: Served, deal_ids: list[str], days: float) -> dict[str, dict[str, str]]:
    """Of some open deals, by deal_id: the reasons for P(won within `days`) and the warnings in one line each, by language."""
    if not deal_ids:
        return {}
    signals = deal_signals(served.snapshot, served.rates, served.dataset.deal_rows.get_indexer(pd.Index(deal_ids, dtype=object)))
    columns = reason_columns(served.snapshot, served.bundles[DEALS], DEALS, signals, Question(days, WON))
    warned = warning_column(served.snapshot, served.bundles[DEALS], signals)
    table = readable(pd.DataFrame({"reasons": columns["reasons"], "warnings": warned}))
    return dict(zip(signals.index, records(table), strict=True))


def reasons_of_clients(served: Served, account_ids: list[str]) -> dict[str, dict[str, Any]]:
    """The reasons for p_leaves of some active clients, by account_id."""
    bundle, snapshot = served.bundles["clients"], served.snapshot
    found: dict[str, dict[str, Any]] = {}
    for regime in bundle.models:
        cohort = clients.cohort(snapshot, regime)
        rows = cohort[np.isin(served.dataset.client_ids[cohort], account_ids)]
        signals = clients.client_signals(snapshot, rows)
        question = leaving(regime, float(served.dataset.organisation.client_horizon_days))
        reasons = reasons_of(bundle, regime, signals, served.as_of, question) if len(rows) else []
        found |= {str(key): in_words(each, served.words) for key, each in zip(signals.index, reasons, strict=True)}
    return found


def leaving_curve(served: Served, client: Mapping[str, Any]) -> list[dict[str, Any]]:
    """P(leaves) of an active client at the model's own days, 0 left out."""
    regime, model = client["regime"], served.bundles["clients"].models[client["regime"]]
    row = served.dataset.client_ids.get_indexer(pd.Index([client["account_id"]], dtype=object))
    curves = curves_of(model, clients.client_signals(served.snapshot, row), served.as_of)
    days = [float(day) for day in curves.edges[1:]]
    answers = [float(leaving(regime, day).answer(curves)[0]) for day in days]
    return [{"day": day, "p_leaves": p, "extrapolated": day > curves.extrapolated} for day, p in zip(days, answers, strict=True)]


def _reasons(served: Served, signals: pd.DataFrame, question: Question) -> Any:
    return json.loads(reason_columns(served.snapshot, served.bundles[DEALS], DEALS, signals, question)["reasons"][0])


def _warnings(served: Served, signals: pd.DataFrame, _: Question) -> Any:
    return json.loads(warning_column(served.snapshot, served.bundles[DEALS], signals)[0])


def _similar(served: Served, signals: pd.DataFrame, _: Question) -> list[dict[str, Any]]:
    explainer = served.bundles[DEALS].explainers[DEALS]
    encoded, stage = explainer.model.encoding.rows(signals)[0], signals["stage"].iloc[0]
    found = similar_deals(served.past_deals, explainer.typical.space, encoded, stage)
    names = served.dataset.deals.reindex(columns=["deal_id", "name"]).set_index("deal_id")["name"]
    zone = served.dataset.organisation.timezone
    closed_on = found["closed_at"].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    found = found.assign(name=names.reindex(found["deal_id"]).to_numpy(), closed_on=closed_on).drop(columns="closed_at")
    return [each if served.shows_deal(each["deal_id"]) else {**each, "deal_id": None, "name": None} for each in records(found)]


def _gaps(served: Served, signals: pd.DataFrame, question: Question) -> list[dict[str, Any]]:
    explainer = served.bundles[DEALS].explainers[DEALS]
    found = data_gaps(explainer, signals, served.as_of, question).head(MOST_GAPS).drop(columns="deal_id")
    said = {word.tongue.language: [word.gap(field) for field in found["field"]] for word in served.words}
    return records(found.assign(**said))


_PARTS: Final[Mapping[Part, Callable[[Served, pd.DataFrame, Question], Any]]] = {
    "reasons": _reasons,
    "similar": _similar,
    "data_gaps": _gaps,
    "warnings": _warnings,
}
