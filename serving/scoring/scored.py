"""The champion's curves of some open deals, and what every answer reads off them: shared by tables, lists and posted deals.

A row's values do not depend on the rows beside it, to the bit: a deal posted alone, among a thousand others, or ranked with the
whole pipeline has the same ones. So curves are computed once for all who ask at the same moment, and each reads its own horizons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats
from features.errors import UsageError
from features.flat import Texts
from features.history import Rows
from features.lookup import places
from features.snapshot import Snapshot
from training.bundle import Bundle
from training.curves import Curves
from training.hazard import HazardModel
from training.targets import LOST, WON

DEALS: Final = "deals"


@dataclass(frozen=True)
class ScoredDeals:
    """Open deals of a Snapshot with their signals and curves; rows and curves in the order of the signals."""

    snapshot: Snapshot
    bundle: Bundle
    signals: pd.DataFrame
    curves: Curves

    @classmethod
    def of(cls, snapshot: Snapshot, bundle: Bundle, signals: pd.DataFrame) -> "ScoredDeals":
        """Raises UsageError when the champion was trained past as_of."""
        refuse_hindsight(bundle, snapshot.as_of)
        return cls(snapshot, bundle, signals, curves_of(bundle.models[DEALS], signals, snapshot.as_of))

    @property
    def ids(self) -> Texts:
        return self.signals.index.to_numpy(dtype=object)

    @cached_property
    def places(self) -> Rows:
        """The row of each deal in the Dataset."""
        return places(self.snapshot.dataset.deal_rows, self.ids)

    @property
    def learned(self) -> bool:
        """Whether any deal had closed when the champion was trained."""
        counted = self.bundle.meta["regimes"][DEALS]
        return int(counted["n_won"]) + int(counted["n_lost"]) > 0

    def columns(self) -> dict[str, Any]:
        """p_won and p_lost (at the curve's end), p_won_this_quarter, p_won_next_quarter, predicted_close_on (median win date
        given a win, datetime64), life_table_weight (0 to 1), reason (why there is no score, None where there is one).

        Before the first close there is nothing to learn from: the CRM's own probability, marked as such, or no number at all.
        """
        weight = {"life_table_weight": np.full(len(self.signals), self.bundle.models[DEALS].life_table_weight)}
        if not self.learned:
            return {**self._own_probability(), **weight}
        end = self.curves.incidence[:, -1]
        told = {"p_won": end[:, WON - 1], "p_lost": end[:, LOST - 1], **self._quarters()}
        nothing = np.full(len(self.signals), None, dtype=object)
        return {**told, "predicted_close_on": self._local_dates(self.curves.median_days(WON)), **weight, "reason": nothing}

    def at(self, rows: Rows, days: Floats) -> tuple[Floats, Floats]:
        """P(won) and P(lost) of each of these rows within its own number of days; NaN before the first close."""
        if not self.learned:
            return np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        ended = self.curves.ended(days, rows)
        return ended[:, WON - 1], ended[:, LOST - 1]

    def within(self, days: float) -> tuple[Floats, Floats]:
        """P(won) and P(lost) of every row within one number of days."""
        return self.at(np.arange(len(self.signals)), np.full(len(self.signals), days))

    def extrapolated(self, horizons: Sequence[float]) -> bool:
        """Whether the largest horizon lies beyond all follow-up."""
        return bool(max(horizons, default=0.0) > self.curves.extrapolated)

    def _own_probability(self) -> dict[str, Any]:
        own, nothing = self.snapshot.values("crm_probability")[self.places], np.full(len(self.signals), np.nan)
        reason = np.where(np.isnan(own), "no_closed_deals", "crm_probability").astype(object)
        blank = dict.fromkeys(("p_lost", "p_won_this_quarter", "p_won_next_quarter"), nothing)
        return {"p_won": own, **blank, "predicted_close_on": nothing.astype("datetime64[us]"), "reason": reason}

    def _quarters(self) -> dict[str, Any]:
        calendar, at = self.snapshot.dataset.organisation.calendar, self.snapshot.at
        ends = [clock.micros(calendar.quarter(self.snapshot.as_of, ahead).end) for ahead in (0, 1)]
        days = np.repeat([(end - at) / clock.MICROS_PER_DAY for end in ends], len(self.signals))
        this, by_next = self.at(np.tile(np.arange(len(self.signals)), 2), days)[0].reshape(2, -1)
        return {"p_won_this_quarter": this, "p_won_next_quarter": by_next - this}

    def _local_dates(self, days: Floats) -> Any:
        moments = self.snapshot.at + (days * clock.MICROS_PER_DAY).astype(np.int64)
        local = clock.local_days(moments, self.snapshot.dataset.organisation.timezone)
        return local.astype("datetime64[D]").astype("datetime64[us]")


def curves_of(model: HazardModel, signals: pd.DataFrame, as_of: pd.Timestamp) -> Curves:
    """The curves of all rows as of one moment."""
    return model.curves(signals, np.full(len(signals), clock.micros(as_of), dtype=np.int64))


def refuse_hindsight(bundle: Bundle, as_of: pd.Timestamp) -> None:
    """Raises UsageError when the champion was trained past as_of."""
    if clock.micros(bundle.trained_as_of) > clock.micros(as_of):
        raise UsageError(
            f"the champion for {bundle.target} (version {bundle.version}) was trained as of {bundle.trained_as_of:%Y-%m-%d}; "
            f"scoring as of {as_of:%Y-%m-%d} would let it look ahead. Train with an earlier --as-of, or score a later date"
        )
