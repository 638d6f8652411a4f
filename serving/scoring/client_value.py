"""What clients are worth, as columns of the scores: value at risk and lifetime value, off the curves that p_leaves is read off.

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

COLUMNS: Final = ("value_at_risk", "ltv", "ltv_low", "ltv_high")


def value_columns(
    regime: str,
    model: HazardModel,
    curves: Curves,
    signals: pd.DataFrame,
    p_leaves: Floats,
    horizon: float,
    terms: Terms,
    spending: GammaGamma | None = None,
) -> dict[str, Floats]:
    """The four columns, in money; `p_leaves` is that of the horizon. Null for orders of a model without BG/NBD.

    `spending` is how amounts vary among all who order; None: as it is seen in these signals.
    """
    worth = _lifetimes(regime, model, curves, signals, horizon, terms, spending)
    if worth is None:
        return dict.fromkeys(COLUMNS, np.full(len(signals), np.nan))
    return {"value_at_risk": p_leaves * worth.if_kept, "ltv": worth.value, "ltv_low": worth.low, "ltv_high": worth.high}


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
