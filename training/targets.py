"""What is learned: deals that are won or lost, clients that leave or order again. One machinery, a few lines for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

import pandas as pd

from features import clients
from features.dataset import Dataset
from features.errors import UsageError
from features.snapshot import Snapshot
from training.examples import CohortAt, deal_cohort
from training.hazard import BG_NBD, Spec
from training.labels import STAYED, Outcomes, contract_outcomes, order_outcomes

WON: Final = 1
LOST: Final = 2
LEFT: Final = 1
ORDERED: Final = 1


@dataclass(frozen=True)
class Regime:
    """One cohort with its own hazard model; `good_end` is the cause that is hoped for, 0 where it is to stay."""

    name: str
    spec: Spec
    cohort_at: CohortAt
    good_end: int


def _client_cohort(
    regime: str, dataset: Dataset, as_of: pd.Timestamp, watched_until: pd.Timestamp
) -> tuple[pd.DataFrame, Outcomes]:
    snapshot = Snapshot(dataset, as_of)
    rows = clients.cohort(snapshot, regime)
    signals = clients.client_signals(snapshot, rows)
    outcomes = contract_outcomes if regime == clients.CONTRACTS else order_outcomes
    return signals, outcomes(dataset, rows, as_of, watched_until)


PLAIN: Final = ("amount", "product", "source", "type")
DEALS: Final = Regime(
    "deals", Spec(("won", "lost"), "stage", ("days_in_stage", "age_days"), paced=True, plain=PLAIN), deal_cohort, WON
)
CONTRACTS: Final = Regime(
    clients.CONTRACTS, Spec(("left",), None, ("contract_days_left",)), partial(_client_cohort, clients.CONTRACTS), STAYED
)
ORDERS: Final = Regime(
    clients.ORDERS,
    Spec(("ordered",), "order_band", ("days_since_order",), BG_NBD),
    partial(_client_cohort, clients.ORDERS),
    ORDERED,
)

TARGETS: Final[Mapping[str, tuple[Regime, ...]]] = MappingProxyType({"deals": (DEALS,), "clients": (CONTRACTS, ORDERS)})


def regimes(target: str) -> tuple[Regime, ...]:
    """The regimes of a target. Raises UsageError for an unknown one."""
    if target not in TARGETS:
        raise UsageError(f"there is no target '{target}'; choose one of {', '.join(TARGETS)}")
    return TARGETS[target]
