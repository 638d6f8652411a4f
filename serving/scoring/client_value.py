"""What clients are worth, as columns of the scores: lifetime value and how much of it is at risk, off the curves of p_leaves.

They add up: ltv + value_at_risk = value_if_stays.

Amounts of the regime `orders` lean on those of all clients scored (`training.spending`), as they were known at as_of.
"""

from typing import Final

import numpy as np
import pandas as pd

from features import clients
from features.clock import Floats
from training.bg_nbd import Purchases
from training.chance import keys_of
from training.curves import Curves
from training.hazard import HazardModel
from training.lifetime import Lifetimes, Ordering, Terms, contract_lifetimes, order_lifetimes
from training.spending import GammaGamma, Spent, fit_gamma_gamma

COLUMNS: Final = ("value_at_risk", "value_if_stays", "ltv", "ltv_low", "ltv_high")


def value_columns(
    regime: str,
    model: HazardModel,
    curves: Curves,
    signals: pd.DataFrame,
    horizon: float,
    terms: Terms,
    spending: GammaGamma | None = None,
) -> dict[str, Floats]:
    """The five columns, in money. Null for orders of a model without BG/NBD.

    `spending` is how amounts vary among all who order; None: as it is seen in these signals.
    """
    worth = _lifetimes(regime, model, curves, signals, horizon, terms, spending)
    if worth is None:
        return dict.fromkeys(COLUMNS, np.full(len(signals), np.nan))
    told = (worth.at_risk, worth.if_kept, worth.value, worth.low, worth.high)
    return dict(zip(COLUMNS, told, strict=True))


def _lifetimes(
    regime: str,
    model: HazardModel,
    curves: Curves,
    signals: pd.DataFrame,
    horizon: float,
    terms: Terms,
    spending: GammaGamma | None,
) -> Lifetimes | None:
    if regime == clients.CONTRACTS:
        return contract_lifetimes(curves, signals["monthly_amount"].to_numpy(dtype=np.float64), horizon, terms)
    if model.bg_nbd is None:
        return None
    spent = Spent.of(signals)
    ordering = Ordering(curves, Purchases.of(signals), spent, keys_of(signals.index.astype(str).tolist()))
    return order_lifetimes(ordering, model.bg_nbd.model, spending or fit_gamma_gamma(spent), horizon, terms)
