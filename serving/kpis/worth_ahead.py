"""What the model says that clients are worth: it stands beside the lifetime value that KPIs count, and never enters it.

The KPI divides a margin by a churn of the past, and cuts the lifetime at a horizon of the options. Here each client of now is
worth what its own curve says over the next 1,095 days, the last that a curve reaches; a node is worth the mean of its clients.
80 % limits say how far that mean may lie from it (`training.worth_together`). The two differ by their horizon, which is named.

    ltv:contracts  clients under contract, monthly amounts as they are now: revenue
    ltv:orders     clients who order and have no contract; less the cost of orders where orders have one
    ltv:deals      where the source has neither: won deals are the orders

The margin is that of the node's own orders in the year before, as the KPI has it. Money of later years is not discounted.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from features import clients, clock
from features.balance import Prediction
from features.kpis.facts import deal_facts
from features.kpis.options import TODAY
from features.kpis.places import Places
from features.kpis.scorecard import scorecard
from features.kpis.slices import OF_CLIENTS, PEOPLE, SOURCE, Slicing, slicing
from features.kpis.value import COMPANY, Window
from features.snapshot import Snapshot
from serving.forecast.forecaster import is_later
from training.bg_nbd import Purchases
from training.bundle import Bundle
from training.chance import keys_of
from training.hazard import HazardModel
from training.lifetime import Ordering, Terms
from training.shock import fit_shock
from training.spending import Spent, fit_gamma_gamma
from training.worth_together import Together, contracts_together, groups_of, orders_together

Worth = Mapping[str | None, Mapping[str, Prediction]]
"""Node -> `ltv:variant` -> what is predicted."""
FARTHEST_DAYS: Final = 1095.0
YEAR_DAYS: Final = 365.0
CUT: Final = (*PEOPLE, SOURCE, *OF_CLIENTS)
VARIANTS: Final = {"contracts": clients.CONTRACTS, "orders": clients.ORDERS, "deals": clients.ORDERS}


def worth_ahead(champion: Bundle | None, snapshot: Snapshot, by: str = COMPANY) -> Worth:
    """For every node of a dimension and each kind of client that there is; None with a reason where no model can tell."""
    of = slicing(snapshot, by if by in CUT else COMPANY, TODAY)
    found: dict[str | None, dict[str, Prediction]] = {node.id: {} for node in of.nodes}
    for variant in _variants(snapshot):
        for node, told in zip(of.nodes, _told(champion, snapshot, of, variant), strict=True):
            found[node.id][f"ltv:{variant}"] = told
    return found


def _variants(snapshot: Snapshot) -> list[str]:
    there = [name for name in ("contracts", "orders") if snapshot.has(name)]
    return there or ["deals"]


def _told(champion: Bundle | None, snapshot: Snapshot, of: Slicing, variant: str) -> list[Prediction]:
    """One for each node."""
    model = None if champion is None else champion.models.get(VARIANTS[variant])
    if champion is None or model is None:
        return [Prediction(None, reason="no_client_model")] * len(of.nodes)
    if is_later(champion, snapshot.as_of):
        return [Prediction(None, reason="model_is_later")] * len(of.nodes)
    rows = clients.cohort(snapshot, VARIANTS[variant])
    days = min(FARTHEST_DAYS, float(model.edges[-1]))
    terms = Terms(days=days)
    worth = _worth(model, snapshot, rows, _members(snapshot, of, rows), variant, terms)
    if worth is None:
        return [Prediction(None, reason="no_order_model")] * len(of.nodes)
    margins = _margins(snapshot, of.dimension, variant)
    return [
        _prediction(*each, days=days) for each in zip(worth.mean(), *worth.limits(terms.tails), worth.n, margins, strict=True)
    ]


def _prediction(mean: float, low: float, high: float, n: float, margin: float, *, days: float) -> Prediction:
    if not n:
        return Prediction(None, reason="no_clients_now")
    factor, known = (1.0, None) if np.isnan(margin) else (margin, float(margin))
    least, most = sorted((float(low * factor), float(high * factor)))
    return Prediction(float(mean * factor), least, most, n=int(n), days=days, margin=known)


def _members(snapshot: Snapshot, of: Slicing, rows: Any) -> Any:
    """(nodes, clients) who belongs to whom."""
    places = Places(snapshot, of, deal_facts(snapshot)).clients
    assert places is not None  # clients can be cut by each dimension of CUT
    return groups_of(places[rows], of.members)


def _worth(model: HazardModel, snapshot: Snapshot, rows: Any, members: Any, variant: str, terms: Terms) -> Together | None:
    """Of each node; None for orders of a model that does not count them."""
    if VARIANTS[variant] == clients.ORDERS and model.bg_nbd is None:
        return None
    if not len(rows):
        nothing = np.zeros(members.shape[0])
        return Together(nothing, np.zeros((members.shape[0], terms.draws)), nothing)
    signals, shock = clients.client_signals(snapshot, rows), fit_shock([])
    curves = model.curves(signals, clock.repeated(snapshot.at, len(rows)))
    keys = keys_of(signals.index.astype(str).tolist())
    if model.bg_nbd is None or variant == "contracts":
        return contracts_together(curves, signals["monthly_amount"].to_numpy(dtype=np.float64), keys, members, shock, terms)
    spent = Spent.of(signals)
    ordering = Ordering(curves, Purchases.of(signals), spent, keys)
    return orders_together(ordering, model.bg_nbd.model, fit_gamma_gamma(spent), members, shock, terms)


def _margins(snapshot: Snapshot, by: str, variant: str) -> Any:
    """(nodes,) gross margin of the orders of the year before; NaN where it is not known."""
    year = Window("year", clock.instant(clock.after_days(snapshot.at, -YEAR_DAYS)), snapshot.as_of)
    card = scorecard(snapshot, [f"ltv:{variant}"], [year], by=by)
    return card.answers["ltv", variant].cells.beside["margin"][0]
