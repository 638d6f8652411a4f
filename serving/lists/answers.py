"""What the API and the page both read from the runtime: stamps, single deals, signals in words, totals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from features.clock import Floats
from features.deal_warnings import named_bits
from features.errors import NotReadyError
from features.history import OPEN
from serving.errors import ProblemError
from serving.lists.grade import COLUMN, grade
from serving.served.ranking import Filter, Ranking, plain
from serving.served.state import Served
from training.bundle import Bundle
from training.hazard import HazardModel

AHEAD: Final = ("this", "next")


@dataclass(frozen=True)
class Totals:
    """Sums over some open deals, in the organisation's currency. Deals without an amount add nothing.

    value         of all of them
    this_quarter  the expected part of it: sum of value x P(won in the running quarter); None where no deal has such a chance
    next_quarter  the same for the following quarter
    """

    value: float
    this_quarter: float | None
    next_quarter: float | None


def stamp(served: Served, target: str) -> dict[str, Any]:
    """What every answer says about where it comes from."""
    return {
        "model_version": served.bundles[target].version,
        "as_of": served.as_of,
        "data_ends_at": served.dataset.ends_at,
        "currency": served.dataset.organisation.currency,
        "answered_by": answerers(served.bundles[target]),
    }


def answerers(bundle: Bundle) -> list[dict[str, Any]]:
    """For each regime which model answers, and why it is not the boosted one where it is not; see `training.promote`."""
    return [_answerer(name, model, bundle.meta.get("answering", {}).get(name)) for name, model in bundle.models.items()]


def _answerer(regime: str, model: HazardModel, decided: Mapping[str, Any] | None) -> dict[str, Any]:
    if decided is not None:
        return {"regime": regime, "by": decided["by"], "because": decided["because"] or None, "reasons": decided["reasons"]}
    # A bundle that no gate has seen: fitted by hand, or promoted against the gate.
    by, because = ("boosted", None) if model.booster is not None else ("life_table", "not_boosted")
    return {"regime": regime, "by": by, "because": because, "reasons": [model.because] if model.because else []}


def find_deal(served: Served, deal_id: str) -> dict[str, Any]:
    """An open deal by its id. Raises ProblemError 404, which tells a closed deal from none where the caller may know."""
    deal = served.deals.find(deal_id)
    if deal is None:
        raise _no_deal(served, deal_id)
    return deal


def listed(deal: dict[str, Any], limits: Sequence[float]) -> dict[str, Any]:
    """A row of the ranking as the API shows it, with its grade by these limits."""
    return {**deal, "warnings": named_bits(deal["warning_bits"]), "grade": grade(deal[COLUMN], limits)}


def _no_deal(served: Served, deal_id: str) -> ProblemError:
    row = int(served.dataset.deal_rows.get_indexer(pd.Index([deal_id], dtype=object))[0])
    decided = row >= 0 and bool(served.snapshot.exists[row]) and served.snapshot.state[row] != OPEN
    owner = served.snapshot.texts("owner_id", np.array([row]))[0] if decided else None
    if decided and (served.owners is None or owner in served.owners):
        return ProblemError(404, "deal_closed", "The deal with this id is closed: it has no forecast any more.")
    return ProblemError(404, "no_such_deal", "There is no open deal with this id.")


def find_client(served: Served, account_id: str) -> dict[str, Any]:
    """An active client by its id. Raises ProblemError 404, which tells a past client from none where the caller may know."""
    client = clients_of(served).find(account_id)
    if client is not None:
        return client
    if served.owners is None and account_id in served.dataset.client_ids:
        raise ProblemError(404, "client_not_active", "The client with this id is not active: there is nothing it could leave.")
    raise ProblemError(404, "no_such_client", "There is no active client with this id.")


def clients_of(served: Served) -> Ranking:
    """The ranked clients. Raises NotReadyError where no champion for clients exists."""
    if served.clients is None:
        raise NotReadyError(
            "There is no champion for clients yet. Train one with 'dealcast train --target clients'.", "no_champion"
        )
    return served.clients


def curve_of(served: Served, deal: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The points of a deal's curve; none where the deal has no score."""
    return [] if deal["reason"] else records(served.curve(deal["deal_id"]))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a small frame as plain values."""
    columns = {str(name): plain(frame[name]) for name in frame}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def totals(ranking: Ranking, filters: Sequence[Filter]) -> Totals:
    """Sums over the open deals that pass the filters."""
    rows = ranking.matching(filters)
    value = np.nan_to_num(ranking.numbers("value")[rows])
    return Totals(float(value.sum()), *(_expected(value, ranking.numbers(f"p_won_{when}_quarter")[rows]) for when in AHEAD))


def _expected(value: Floats, p_won: Floats) -> float | None:
    """The expected part of some money; None where there are deals, and of none is the chance known."""
    return None if len(p_won) and np.isnan(p_won).all() else float(value @ np.nan_to_num(p_won))
