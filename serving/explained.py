"""One deal in full, for the API and the page: its reasons, warnings, similar past deals, and what filling a gap could change.

Lists carry no reasons: they are computed for the deal that is asked for, at the horizon that is asked for, and kept until data or
champion change. What all deals of one moment share, the rates of the day and the past deals, is computed once.
"""

import json
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clients, clock
from features.deals import deal_signals
from serving.answers import records
from serving.reason_columns import in_words, reason_columns
from serving.reasons import reasons_of
from serving.runtime import Served
from serving.score import DEALS, leaving
from training.explain import Question
from training.sensitivity import data_gaps
from training.similar import similar_deals
from training.targets import WON

MOST_GAPS: Final = 3
MOST_KEPT: Final = 5000


def quarter_days(served: Served) -> float:
    """Days from as_of to the end of the running fiscal quarter: the horizon of what deals are ranked by."""
    end = served.dataset.organisation.calendar.quarter(served.as_of).end
    return float(clock.days_between(clock.micros(served.as_of), clock.micros(end)))


def deal_in_full(served: Served, deal_id: str, days: float) -> dict[str, Any]:
    """The reasons for P(won within `days`) of an open deal, similar past deals, and the gaps that would move that answer most."""
    key = (deal_id, days)
    if key not in served.explained:
        if len(served.explained) >= MOST_KEPT:
            served.explained.clear()
        served.explained[key] = _deal_in_full(served, deal_id, Question(days, WON))
    return served.explained[key]


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


def _deal_in_full(served: Served, deal_id: str, question: Question) -> dict[str, Any]:
    bundle, snapshot = served.bundles[DEALS], served.snapshot
    row = served.dataset.deal_rows.get_indexer(pd.Index([deal_id]))
    signals = deal_signals(snapshot, served.rates, row)
    columns = reason_columns(snapshot, bundle, DEALS, signals, question)
    return {
        "reasons": json.loads(columns["reasons"][0]),
        "similar": _similar(served, signals),
        "data_gaps": _gaps(served, signals, question),
    }


def _similar(served: Served, signals: pd.DataFrame) -> list[dict[str, Any]]:
    explainer = served.bundles[DEALS].explainers[DEALS]
    encoded, stage = explainer.model.encoding.rows(signals)[0], signals["stage"].iloc[0]
    found = similar_deals(served.past_deals, explainer.typical.space, encoded, stage)
    names = served.dataset.deals.reindex(columns=["deal_id", "name"]).set_index("deal_id")["name"]
    zone = served.dataset.organisation.timezone
    closed_on = found["closed_at"].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    return records(found.assign(name=names.reindex(found["deal_id"]).to_numpy(), closed_on=closed_on).drop(columns="closed_at"))


def _gaps(served: Served, signals: pd.DataFrame, question: Question) -> list[dict[str, Any]]:
    explainer = served.bundles[DEALS].explainers[DEALS]
    found = data_gaps(explainer, signals, served.as_of, question).head(MOST_GAPS).drop(columns="deal_id")
    said = {word.tongue.language: [word.gap(field) for field in found["field"]] for word in served.words}
    return records(found.assign(**said))
