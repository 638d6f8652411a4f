"""What the API and the page both read from the runtime: stamps, single deals, signals in words, totals."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.catalog import SIGNALS
from features.errors import NotReadyError
from serving.errors import ProblemError
from serving.ranking import Ranking, plain
from serving.runtime import Served


@dataclass(frozen=True)
class Totals:
    """Sums over some open deals, in one currency.

    amount        of all of them
    this_quarter  the expected part of it: sum of amount x P(won in the running quarter)
    next_quarter  the same for the following quarter
    """

    currency: str
    amount: float
    this_quarter: float
    next_quarter: float


def stamp(served: Served, target: str) -> dict[str, Any]:
    """What every answer says about where it comes from."""
    return {
        "model_version": served.bundles[target].version,
        "as_of": served.as_of,
        "data_ends_at": served.dataset.ends_at,
        "currency": served.dataset.organisation.currency,
    }


def find_deal(served: Served, deal_id: str) -> dict[str, Any]:
    """An open deal by its id. Raises ProblemError 404."""
    deal = served.deals.find(deal_id)
    if deal is None:
        raise ProblemError(404, "no_such_deal", "There is no open deal with this id.")
    return deal


def clients_of(served: Served) -> Ranking:
    """The ranked clients. Raises NotReadyError where no champion for clients exists."""
    if served.clients is None:
        raise NotReadyError("There is no champion for clients yet. Train one with 'dealcast train --target clients'.")
    return served.clients


def curve_of(served: Served, deal: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The points of a deal's curve; none where the deal has no score."""
    return [] if deal["reason"] else records(served.curve(deal["deal_id"]))


def signals(text: str | None) -> list[dict[str, str]]:
    """The main signals of a deal, from their JSON text of (name, value) pairs."""
    pairs = json.loads(text) if text else []
    return [{"name": name, "value": str(value), "meaning": SIGNALS[name].en} for name, value in pairs]


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a small frame as plain values."""
    columns = {str(name): plain(frame[name]) for name in frame}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def totals(served: Served, filters: Mapping[str, str | None]) -> list[Totals]:
    """Sums over the matching open deals, one for each currency, the largest first. Deals without an amount add nothing."""
    ranking, rows = served.deals, served.deals.matching(filters)
    amount = np.nan_to_num(ranking.numbers("amount")[rows])
    now, later = (np.nan_to_num(ranking.numbers(f"p_won_{which}_quarter")[rows]) for which in ("this", "next"))
    default = served.dataset.organisation.currency
    currencies = np.array([ranking.columns["currency"][row] or default for row in rows], dtype=str)
    found = []
    for currency in np.unique(currencies).tolist() or [default]:
        here = amount * (currencies == currency)
        found.append(Totals(currency, float(here.sum()), float(here @ now), float(here @ later)))
    return sorted(found, key=lambda total: -total.amount)
