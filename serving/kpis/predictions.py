"""What the models say of KPIs in a period that is not over: it stands beside the values, and is never mixed with them.

    bookings, attainment   median, 80 % interval and P(plan), from the forecast's draws; of every node that the forecast knows
    churn, retention,      expected, off the curves of the clients of now; of the company, in the running period
    lost_clients
    grr, nrr               expected, from the forecast of recurring revenue; of the company, in the running period
    ltv                    expected worth of the clients of now over 1,095 days, with an 80 % interval; of every node

A client under contract is lost with it, unless its orders go on; one who orders is lost when its active window runs out, and so
a client that has ordered lately cannot be lost in a short period at all. Gains and losses of recurring revenue are those of all
clients, and the KPI counts those of the start alone: in one quarter they differ by what comes and goes again.

Past forecasts are those of the kept backtest, made with models of their own day: what the forecast accuracy is measured on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from features import clients, clock
from features.balance import Prediction
from features.clock import Floats
from features.dataset import Dataset
from features.errors import UsageError
from features.kpis.clientele import ALL, spells
from features.kpis.clientele import ORDERS as BY_ORDER
from features.kpis.value import COMPANY, Window
from features.snapshot import Snapshot
from serving.forecast import backtests
from serving.forecast.forecaster import Forecaster, is_later
from serving.forecast.outlook import BY, Line, lines
from serving.kpis.worth_ahead import Worth, worth_ahead
from training.backtest import KINDS, WEEK
from training.bundle import Bundle
from training.recurring import Recurring
from training.targets import LEFT

Predictions = Mapping[str | None, Mapping[str, Prediction]]
"""Node (the company is an empty text) -> KPI -> what is predicted."""
SPAN: Final = 80
USUAL: Final = "quarter"


def predictions(forecaster: Forecaster, window: Window, by: str = COMPANY, as_of: pd.Timestamp | None = None) -> Predictions:
    """For every node of a dimension; nothing for a period that is over or too far ahead, and before the model's own moment."""
    at = as_of or forecaster.as_of
    if is_later(forecaster.bundles["deals"], at) or _days(at, window.end) <= 0:
        return {}
    try:
        made = forecaster.made(window, at)
    except UsageError:
        return {}
    snapshot = made.known.snapshot
    found = {line.id: _of_bookings(line) for line in lines(snapshot, made.forecast, by if by in BY else COMPANY)}
    if _days(window.start, at) >= 0:
        found[""] = {**found.get("", {}), **_of_clients(forecaster, snapshot, window), **_of_revenue(made.recurring)}
    return found


@dataclass(frozen=True)
class Foresight:
    """As `serving.kpis.answers` asks for it: of one state of the data, and of the backtests that are kept below `home`.

    forecaster  None where there is no champion
    """

    forecaster: Forecaster | None
    home: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that an answer may rest on."""
        return tuple(backtests.place(self.home, kind) for kind in (*KINDS, WEEK))

    def predictions(self, snapshot: Snapshot, window: Window, by: str) -> Predictions:
        """Of what is seen; of the worth of clients also why nothing is said."""
        found = {} if self.forecaster is None else predictions(self.forecaster, window, by, snapshot.as_of)
        worth = (
            self._worth(snapshot, by)
            if _days(window.start, snapshot.as_of) >= 0 and _days(snapshot.as_of, window.end) > 0
            else {}
        )
        return {node: {**found.get(node, {}), **worth.get(node, {})} for node in dict.fromkeys((*found, *worth))}

    def _worth(self, snapshot: Snapshot, by: str) -> Worth:
        if self.forecaster is None:
            return worth_ahead(None, snapshot, by)
        champion = self.forecaster.bundles.get("clients")
        whole: Worth = self.forecaster.remembered(("worth", snapshot.as_of, by), lambda: worth_ahead(champion, snapshot, by))
        return {node: told for node, told in whole.items() if self.forecaster.shows(by, node)}

    def past_forecasts(self, dataset: Dataset, window: Window, as_of: pd.Timestamp) -> pd.DataFrame | None:
        """The company's, as the backtest replayed them for periods of the window's own kind, or else for quarters."""
        kinds = dict.fromkeys((backtests.kind_of(window, dataset), USUAL))
        kept = next((found for kind in kinds if kind and (found := backtests.kept(self.home, kind))), None)
        known = None if kept is None else kept.tested.over_by(as_of)
        return _as_table(known.table()) if known and known.replayed else None


def _as_table(replayed: pd.DataFrame) -> pd.DataFrame:
    made_at = replayed["start"] + pd.to_timedelta(replayed["lead"], unit="D").astype("timedelta64[us]")
    periods = {"period_start": replayed["start"], "period_end": replayed["end"]}
    return pd.DataFrame({"node": "", **periods, "made_at": made_at, "forecast": replayed["mean"]})


def _of_bookings(line: Line) -> dict[str, Prediction]:
    span = next(each for each in line.spans if each.level == SPAN)
    found = {"bookings": Prediction(line.median, span.low, span.high, line.p_plan)}
    if line.plan:
        found["attainment"] = Prediction(line.median / line.plan, span.low / line.plan, span.high / line.plan, line.p_plan)
    return found


def _of_clients(forecaster: Forecaster, snapshot: Snapshot, window: Window) -> dict[str, Prediction]:
    """Nothing without a model of every kind of client that there is."""
    champion = forecaster.bundles.get("clients")
    leaving = None if champion is None else _leaving(snapshot, champion, _days(snapshot.as_of, window.end))
    if leaving is None:
        return {}
    whole, start, n = spells(snapshot, ALL), clock.micros(window.start), len(leaving)
    at_start, now = whole.at(start, n), whole.at(snapshot.at, n)
    gone = clock.within(whole.end, start, snapshot.at)
    lost = {"lost_clients": Prediction(float(gone.sum() + leaving.sum()))}
    if not at_start.any():
        return lost
    kept = float((1.0 - leaving)[at_start & now].sum() / at_start.sum())
    return lost | {"churn": Prediction(1.0 - kept), "retention": Prediction(kept)}


def _leaving(snapshot: Snapshot, champion: Bundle, days: float) -> Floats | None:
    """(clients,) P(lost within so many days), 0 for who is no client; None where that cannot be said."""
    if is_later(champion, snapshot.as_of):
        return None
    leaving, lapse = np.zeros(len(snapshot.dataset.client_ids)), _lapse(snapshot)
    for regime in (clients.CONTRACTS, clients.ORDERS):
        rows = clients.cohort(snapshot, regime)
        if not len(rows):
            continue
        if regime not in champion.models:
            return None
        signals = clients.client_signals(snapshot, rows)
        curves = champion.models[regime].curves(signals, clock.repeated(snapshot.at, len(rows)))
        gone = curves.by(days, LEFT) if regime == clients.CONTRACTS else curves.still(lapse[rows])
        leaving[rows] = np.where(lapse[rows] < days, gone, 0.0)
    return leaving


def _lapse(snapshot: Snapshot) -> Floats:
    """(clients,) days until the active window after each client's last order has run out; below 0 for who has none open."""
    whole, n = spells(snapshot, BY_ORDER), len(snapshot.dataset.client_ids)
    ends = clock.repeated(snapshot.at, n)
    np.maximum.at(ends, whole.client, whole.end)
    return np.asarray(clock.days_between(snapshot.at, ends), dtype=np.float64)


def _of_revenue(recurring: Recurring | None) -> dict[str, Prediction]:
    if recurring is None or recurring.start <= 0:
        return {}
    gross = (recurring.start - recurring.contraction - recurring.churn) / recurring.start
    return {"grr": Prediction(gross), "nrr": Prediction(gross + recurring.expansion / recurring.start)}


def _days(start: pd.Timestamp, end: pd.Timestamp) -> float:
    return float(clock.days_between(clock.micros(start), clock.micros(end)))
