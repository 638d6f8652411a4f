"""How good people's calls were, judged like any forecast: against what came, beside the model's answer of the same moment.

A call counts once its outcome is known: when its period is over, or, for amount and day, when its deal is won. Of one author's
calls on one subject the last in each third of the period counts, because a call on the eve of quarter end is no feat; what was
said or taken back after it counts for nothing. Example: on 2 October Ann commits 400,000 for 2026Q4, the model's median is
350,000, and 360,000 come in: her error is 40,000, the model's 10,000, and the row "commit, first third" has n = 1.

The interval of the difference is from resampling subjects with replacement: two calls on one deal are no independent evidence.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats
from features.history import WON
from features.kpis import windows
from features.kpis.value import Window
from features.snapshot import Snapshot
from serving.calls.store import IN_A_PERIOD, OF_NODES, Call, Measure
from training.draws import CENTS
from training.places import Places, places
from training.rollup import won_money, won_within

RESAMPLES: Final = 2000
FEWEST: Final = 5
SHARES: Final = frozenset({"commit", "best_case", "amount"})
"""Measures whose error is a share of what came."""


@dataclass(frozen=True)
class Judged:
    """Calls of one measure, made in one third of the period (0: the measure has none), and the model's answers beside them."""

    measure: Measure
    third: int
    n: int
    error: float
    bias: float
    model_error: float
    model_bias: float
    gain: float
    low: float
    high: float
    reached: float


def judged(calls: Iterable[Call], snapshot: Snapshot, seed: int = 7) -> list[Judged]:
    """One entry for each measure and third in which the outcome of a call, and the model's answer beside it, are known."""
    rows = [row for row in map(_Outcomes(snapshot).row, calls) if row is not None]
    if not rows:
        return []
    table = pd.DataFrame(rows).sort_values("made_at", kind="stable")
    last = table.drop_duplicates(["author", "subject", "measure", "third"], keep="last")
    known = last[last["said"].notna() & last["model"].notna()]
    of_kind: dict[tuple[Measure, int], list[int]] = {}
    for at, kind in enumerate(zip(known["measure"], known["third"], strict=True)):
        of_kind.setdefault(kind, []).append(at)
    return [_judged(measure, third, known.iloc[at], seed) for (measure, third), at in sorted(of_kind.items())]


def _judged(measure: Measure, third: int, rows: pd.DataFrame, seed: int) -> Judged:
    came, said, model = (rows[name].to_numpy(dtype=np.float64) for name in ("came", "said", "model"))
    error, model_error = ((_loss(measure, each, came)) for each in (said, model))
    scale = np.abs(came) if measure in SHARES else np.ones_like(came)
    low, high = _interval(error - model_error, scale, pd.factorize(rows["subject"])[0], seed)
    found = {
        "error": _mean(error, scale),
        "bias": _mean(said - came, scale),
        "model_error": _mean(model_error, scale),
        "model_bias": _mean(model - came, scale),
    }
    reached = float((came >= said).mean()) if measure in OF_NODES else float("nan")
    gain = found["error"] - found["model_error"]
    return Judged(measure, third, len(rows), **found, gain=gain, low=low, high=high, reached=reached)


def _loss(measure: Measure, expected: Floats, came: Floats) -> Floats:
    """The Brier score of probabilities, else absolute errors."""
    return np.asarray((expected - came) ** 2 if measure == "p_won" else np.abs(expected - came))


def _mean(values: Floats, scale: Floats) -> float:
    total = float(scale.sum())
    return float(values.sum()) / total if total else float("nan")


def _interval(differences: Floats, scale: Floats, subjects: Any, seed: int) -> tuple[float, float]:
    n = int(subjects.max()) + 1
    if n < FEWEST:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(seed).integers(0, n, (RESAMPLES, n))
    sums, scales = (np.bincount(subjects, each, n)[drawn].sum(axis=1) for each in (differences, scale))
    low, high = np.quantile(sums / np.maximum(scales, 1e-9), [0.025, 0.975])
    return float(low), float(high)


class _Outcomes:
    """What came of the subjects of calls, as known in a Snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._money: dict[str, Floats] = {}
        self._places: Places | None = None

    def row(self, call: Call) -> dict[str, Any] | None:
        """The call beside its outcome; None while that is not known."""
        window = self._window(call)
        if window is not None and not clock.is_known(clock.micros(call.made_at), clock.micros(window.end)):
            return None
        came = self._of_node(call, window) if call.measure in OF_NODES else self._of_deal(call, window)
        if came is None:
            return None
        said, model = (
            (_ordinal(call.day), _ordinal(call.model_day)) if call.measure == "close_on" else (call.value, call.model_value)
        )
        return {
            "measure": call.measure,
            "third": 0 if window is None else _third(call, window),
            "author": call.author,
            "subject": "/".join([call.scope, call.scope_id, call.period or ""]),
            "made_at": clock.micros(call.made_at),
            "said": said,
            "model": model,
            "came": came,
        }

    def _window(self, call: Call) -> Window | None:
        calendar = self.snapshot.dataset.organisation.calendar
        return windows.parse(call.period, calendar) if call.measure in IN_A_PERIOD and call.period else None

    def _of_node(self, call: Call, window: Window | None) -> float | None:
        if window is None or not self._over(window):
            return None
        self._places = self._places or places(self.snapshot)
        if window.label not in self._money:
            self._money[window.label] = won_money(self.snapshot, window, self._places)
        ids = [node.id for node in self._places.nodes(call.scope)]
        at = 0 if call.scope == "company" else ids.index(call.scope_id, 1) if call.scope_id in ids[1:] else None
        return None if at is None else float((self._places.members(call.scope) @ self._money[window.label])[at]) / CENTS

    def _of_deal(self, call: Call, window: Window | None) -> float | None:
        row = int(self.snapshot.dataset.deal_rows.get_indexer(pd.Index([call.scope_id]))[0])
        if row < 0:
            return None
        if window is not None:
            return float(won_within(self.snapshot, window)[row]) if self._over(window) else None
        if self.snapshot.state[row] != WON:
            return None
        if call.measure == "amount":
            amount = float(self.snapshot.deal_amounts[row])
            return None if np.isnan(amount) else amount
        zone = self.snapshot.dataset.organisation.timezone
        return _ordinal(clock.instant(int(self.snapshot.state_since[row])).tz_convert(zone).date())

    def _over(self, window: Window) -> bool:
        return bool(clock.days_between(clock.micros(window.end), self.snapshot.at) >= 0)


def _third(call: Call, window: Window) -> int:
    """1, 2 or 3: in which third of the period the call was made; before it counts as the first."""
    start, end, at = (clock.micros(each) for each in (window.start, window.end, call.made_at))
    return 1 + int(np.clip(3 * (at - start) // (end - start), 0, 2))


def _ordinal(day: date | None) -> float | None:
    return None if day is None else float(day.toordinal())
