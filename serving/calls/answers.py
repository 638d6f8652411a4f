"""A call as it is made: checked against what there is, with what the model says at the same moment put beside it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from features.clock import Floats
from features.errors import UsageError
from features.kpis import windows
from features.kpis.value import COMPANY, Node, Window
from serving.calls.record import judged
from serving.calls.schemas import CallAnswer, CallRecord, CallRequest
from serving.calls.store import IN_A_PERIOD, OF_DEALS, OF_NODES, Call, Calls, Scope, standing
from serving.errors import ProblemError
from serving.forecast.forecaster import Forecaster, Made, is_over
from serving.served.state import Loaded, Served
from training.draws import CENTS, mean_ratio


def made(served: Served, forecaster: Forecaster, asked: CallRequest, author: str, at: pd.Timestamp) -> Call:
    """The call that is asked for, beside the model's own. Raises UsageError, and ProblemError 404 for what there is not."""
    _check(asked)
    if not is_seen(served, asked.scope, asked.scope_id):
        raise ProblemError(
            404, f"no_such_{'deal' if asked.scope == 'deal' else 'node'}", f"There is no {asked.scope} with this id."
        )
    if asked.day is not None and is_over(_whole(asked.day, forecaster), forecaster.as_of):
        raise UsageError(f"the deal is still open, so it cannot have been won on {asked.day}; name a day to come")
    label = forecaster.ahead(asked.period).label if asked.measure in IN_A_PERIOD else None
    call = Call(at, author, asked.scope, asked.scope_id, label, asked.measure, asked.value, asked.day, asked.note)
    beside = _of_deal(served, forecaster, call) if asked.scope == "deal" else {"model_value": _of_node(forecaster, call)}
    return replace(call, **beside, model_version=served.bundles["deals"].version)


def is_seen(seen: Loaded, scope: Scope, scope_id: str) -> bool:
    """Whether what a call is about is there for who asks; what is nowhere is told apart later."""
    if seen.sight is None:
        return True
    return seen.shows_deal(scope_id) if scope == "deal" else seen.sight.shows(Node(scope, scope_id, ""))


def answer(call: Call) -> CallAnswer:
    """A call as the API shows it."""
    return CallAnswer.model_validate(asdict(call))


def record(served: Served, calls: Calls) -> list[CallRecord]:
    """How good people's calls were, beside the model's answers of the same moments."""
    return [CallRecord.model_validate(_finite(asdict(each))) for each in judged(calls.history(), served.snapshot)]


def of_deal(calls: Calls, deal_id: str) -> list[Call]:
    """The calls on a deal that stand."""
    return standing(calls.history("deal", deal_id))


def of_period(calls: Calls, period: str) -> list[Call]:
    """The calls on nodes for a period that stand, the company's first."""
    found = [call for call in standing(calls.history(period=period)) if call.measure in OF_NODES]
    return sorted(found, key=lambda call: (call.scope != COMPANY, call.scope, call.scope_id, call.measure))


def _whole(day: date, forecaster: Forecaster) -> Window:
    return windows.parse(f"{day}..{day + timedelta(days=1)}", forecaster.dataset.organisation.calendar)


def _check(asked: CallRequest) -> None:
    of_a_deal = asked.measure in OF_DEALS
    if of_a_deal != (asked.scope == "deal"):
        right = OF_DEALS if asked.scope == "deal" else OF_NODES
        raise UsageError(f"'{asked.measure}' is no measure of a {asked.scope}; choose {' or '.join(right)}")
    if asked.period and asked.measure not in IN_A_PERIOD:
        raise UsageError(f"'{asked.measure}' has no period; leave it out")
    if (asked.day if asked.measure != "close_on" else asked.value) is not None:
        raise UsageError("'close_on' takes a day, and every other measure a value")
    if asked.measure == "p_won" and asked.value is not None and asked.value > 1:
        raise UsageError("'p_won' is a probability: 0 to 1")


def _of_deal(served: Served, forecaster: Forecaster, call: Call) -> dict[str, Any]:
    """What the model says of a deal in the terms of the call."""
    deal = served.deals.find(call.scope_id)
    if deal is None:
        raise ProblemError(404, "no_such_deal", "There is no open deal with this id.")
    if deal["reason"]:
        return {}
    if call.measure == "close_on":
        day: date | None = deal["predicted_close_on"]
        return {"model_day": day}
    found = forecaster.made(forecaster.window(call.period))
    row = served.dataset.deal_rows.get_indexer(pd.Index([call.scope_id]))
    at = np.flatnonzero(found.forecast.deals == row[0])
    opened = found.forecast.open
    value = opened.p_won[at] if call.measure == "p_won" else (opened.amount * mean_ratio(opened.ratios))[at]
    return {"model_value": float(value[0])}


def _of_node(forecaster: Forecaster, call: Call) -> float:
    """The model's median for a node, in the organisation's currency. Raises ProblemError 404."""
    found = forecaster.made(forecaster.window(call.period))
    at = _position(found, call)
    drawn: Floats = found.forecast.node_draws(call.scope)[:, at]
    return float(np.median(drawn)) / CENTS


def _position(found: Made, call: Call) -> int:
    ids = [node.id for node in found.forecast.places.nodes(call.scope)]
    if call.scope == COMPANY and not call.scope_id:
        return 0
    if call.scope == COMPANY or call.scope_id not in ids[1:]:
        raise ProblemError(404, "no_such_node", f"There is no {call.scope} with this id; the company's is empty.")
    return ids.index(call.scope_id, 1)


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(each, float) and math.isnan(each) else each for name, each in values.items()}
