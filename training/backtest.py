"""How good the forecast would have been: past periods replayed, with a model that one could have had, beside the rivals.

    half-year    |------- fit ------------------------|------- fit …
    periods           | 2025Q3          | 2025Q4          | 2026Q1
    as_of             0    30    60     0    30    60     0    30    60      days into each

A model is fitted at the start of the first period, and again with the first period that starts half a year later; births and
rivals learn anew at each moment, as they would have. The shock's size comes from the periods that were over by then, as they were
forecast equally far in, and so every interval is as wide as the evidence of its own day made it. What was forecast, what came and
the evidence are kept: the dashboard shows the one, the next forecast learns from the other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import dropwhile, groupby
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from features import clock
from features.calendar import FiscalCalendar
from features.dataset import Dataset
from features.errors import NotReadyError, UsageError
from features.history import WON
from features.kpis import windows
from features.kpis.options import AS_KNOWN
from features.kpis.value import Window
from features.snapshot import Snapshot
from training.births import fit_births
from training.bundle import Bundle
from training.draws import CENTS
from training.labels import deal_outcomes
from training.places import places
from training.rivals import rival_forecasts
from training.rollup import Foretold, PeriodForecast, forecast_period, foretell, won_money
from training.shock import Evidence, Shock, fit_shock
from training.targets import DEALS
from training.targets import WON as WON_CAUSE

KINDS: Final = {"month": 1, "quarter": 3, "year": 12}
WEEK: Final = "week"
QUARTER_LEADS: Final = (0.0, 30.0, 60.0)
REFIT_DAYS: Final = 182.0
MIN_WON: Final = 10
MIN_HISTORY_DAYS: Final = 60.0
TIMES: Final = ("start", "end", "trained")
QUANTILES: Final = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)

Fit: TypeAlias = Callable[[Dataset, pd.Timestamp], Bundle]


@dataclass(frozen=True)
class Replayed:
    """One forecast of the past, and what came.

    lead       days into the period
    trained    as_of of the model that made it
    quantiles  of the bookings, at QUANTILES
    rivals     name -> their forecast, NaN where they had none
    rho        mean size of the shock that it was made with
    evidence   on the shock, known when the period is over
    """

    label: str
    start: pd.Timestamp
    end: pd.Timestamp
    lead: float
    trained: pd.Timestamp
    actual: float
    mean: float
    quantiles: tuple[float, ...]
    rivals: dict[str, float]
    rho: float
    evidence: Evidence


@dataclass(frozen=True)
class Backtest:
    """Replayed periods, oldest first."""

    kind: str
    replayed: tuple[Replayed, ...]

    def over_by(self, as_of: pd.Timestamp) -> "Backtest":
        """The periods of it that were over by a moment."""
        return Backtest(self.kind, tuple(each for each in self.replayed if clock.has_come(each.end, as_of)))

    def shock(self, as_of: pd.Timestamp, lead: float) -> Shock:
        """The size of the shock for a forecast made at as_of, `lead` days into its period, from the periods that were over.

        Three months' luck evens out, a single month's does not: the nearer the end, the larger the shock of what is left. So each
        period speaks with the forecasts that were made of it about as far in.
        """
        by_period = groupby(self.over_by(as_of).replayed, key=lambda each: each.start)
        return fit_shock([each for _, period in by_period for each in _evidence_at(lead, list(period))])

    def to_json(self) -> dict[str, Any]:
        """As plain values, NaN as None."""
        return {"kind": self.kind, "replayed": [_to_json(each) for each in self.replayed]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Backtest":
        return cls(str(stored["kind"]), tuple(_from_json(each) for each in stored["replayed"]))

    def table(self) -> pd.DataFrame:
        """One row a forecast: period, start, end, lead, trained, actual, mean, q_{quantile}, and a column for each rival."""
        rows: list[dict[str, Any]] = []
        for each in self.replayed:
            named = {f"q_{level:g}": value for level, value in zip(QUANTILES, each.quantiles, strict=True)}
            shown = {name: getattr(each, name) for name in ("start", "end", "lead", "trained", "actual", "mean", "rho")}
            rows.append({"period": each.label, **shown, **named, **each.rivals})
        return pd.DataFrame(rows)


def _evidence_at(lead: float, period: Sequence[Replayed]) -> Iterator[Evidence]:
    """That of one period's forecasts which lie around a lead, by nearness; together they count once."""
    leads_of_it, single = [each.lead for each in period], np.eye(len(period))
    for each, own in zip(period, single, strict=True):
        if weight := float(np.interp(lead, leads_of_it, own)):
            yield replace(each.evidence, weight=weight)


def past_periods(kind: str, first: pd.Timestamp, until: pd.Timestamp, calendar: FiscalCalendar) -> list[Window]:
    """The whole periods of a kind (week, month, quarter, year) between two moments, oldest first. Raises UsageError."""
    if kind == WEEK:
        return _weeks(first, until, calendar)
    if kind not in KINDS:
        raise UsageError(f"'{kind}' is no kind of period; choose one of {', '.join((WEEK, *KINDS))}")
    length = KINDS[kind]
    found = []
    number = -(-calendar.month_number(first - pd.Timedelta(microseconds=1)) // length) * length
    while clock.has_come((window := windows.of_period(calendar.months(number, length), length)).end, until):
        if clock.has_come(first, window.start):
            found.append(window)
        number += length
    return found


def _weeks(first: pd.Timestamp, until: pd.Timestamp, calendar: FiscalCalendar) -> list[Window]:
    """Weeks from Monday to Monday, local time."""
    zone = calendar.timezone
    day = int(clock.local_days(np.array([clock.micros(first) - 1]), zone)[0]) + 1
    monday = day + (-(day + 3)) % 7
    found = []
    while (end := clock.local_midnight(monday + 7, zone)) <= clock.micros(until):
        start = clock.instant(clock.local_midnight(monday, zone))
        found.append(windows.span(start, clock.instant(end), f"week of {start.tz_convert(zone):%Y-%m-%d}"))
        monday += 7
    return found


def leads(window: Window) -> tuple[float, ...]:
    """The days into a period at which it is replayed: 0, 30 and 60 of a quarter, else 0, a third and two thirds.

    Whole days: a forecast of the morning is what models learn from, and what people make.
    """
    if window.months == KINDS["quarter"]:
        return QUARTER_LEADS
    length = float(clock.days_between(clock.micros(window.start), clock.micros(window.end)))
    return tuple(float(round(length * part / 3)) for part in range(3))


@dataclass
class _Walk:
    """State of one walk through the past: the model of the day and the evidence so far, each with when it became known."""

    dataset: Dataset
    fit: Fit
    n_draws: int
    seed: int
    refit_days: float
    model: Bundle | None = None
    trained: pd.Timestamp = field(default_factory=lambda: clock.instant(0))
    replayed: list[Replayed] = field(default_factory=list)

    def model_for(self, start: pd.Timestamp) -> Bundle:
        """The model of a period: refitted at its start when the one before is too old."""
        if self.model is None or clock.days_between(clock.micros(self.trained), clock.micros(start)) >= self.refit_days:
            self.model, self.trained = self.fit(self.dataset, start), start
        return self.model

    def so_far(self, kind: str) -> Backtest:
        """What has been replayed."""
        return Backtest(kind, tuple(self.replayed))


def backtest(
    dataset: Dataset,
    fit: Fit,
    *,
    kind: str = "quarter",
    first: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
    last: int | None = None,
    n_draws: int = 2000,
    seed: int = 7,
    refit_days: float = REFIT_DAYS,
    progress: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Replay the whole periods between `first` and `until` (the end of the data, where not given).

    `first` defaults to the first moment with enough behind it: 60 days of history and 10 won deals; `last` leaves no more than so
    many periods, the newest; those by whose start nobody knew what won deals had brought are left out. Raises NotReadyError
    where no period is left.
    """
    end = min(until or dataset.ends_at, dataset.ends_at)
    begin = first or _enough_history(dataset)
    periods = past_periods(kind, begin, end, dataset.organisation.calendar)[-(last or 0) :]
    if not periods:
        raise NotReadyError(f"there is no whole {kind} between {begin:%Y-%m-%d} and {end:%Y-%m-%d} to replay")
    periods = _with_amounts(dataset, periods)
    known_since = clock.instant(int(dataset.deal_known.min()))
    earlier = past_periods(kind, known_since, periods[0].start, dataset.organisation.calendar)
    walk = _Walk(dataset, fit, n_draws, seed, refit_days)
    for number, window in enumerate(periods):
        found = _replay(walk, window, [*earlier, *periods[:number]], walk.so_far(kind))
        walk.replayed += found
        progress(f"{window.label}: {found[0].mean:,.0f} expected at its start, {found[0].actual:,.0f} came")
    return walk.so_far(kind)


def _enough_history(dataset: Dataset) -> pd.Timestamp:
    moves = dataset.transitions
    won = np.sort(moves.known[moves.state == WON])
    if len(won) < MIN_WON or not dataset.n_deals:
        raise NotReadyError(f"there are {len(won)} won deals in the data; a backtest needs {MIN_WON} before its first period")
    since = clock.after_days(int(dataset.deal_known.min()), MIN_HISTORY_DAYS)
    return clock.instant(max(int(won[MIN_WON - 1]) + 1, since))


def _with_amounts(dataset: Dataset, periods: list[Window]) -> list[Window]:
    """The periods, oldest first, from the first one on by whose start an amount of a won deal was known. Raises NotReadyError."""
    found = list(dropwhile(lambda window: not _knows_amounts(Snapshot(dataset, window.start)), periods))
    if not found:
        raise NotReadyError(
            f"by {periods[-1].start:%Y-%m-%d} no amount of a won deal was on record, so no money could have been forecast. "
            'Where amounts do not change, declare it in the mapping: static = ["amount"] under [tables.deals]'
        )
    return found


def _knows_amounts(then: Snapshot) -> bool:
    return not bool(np.isnan(then.deal_amounts[then.state == WON]).all())


def _replay(walk: _Walk, window: Window, past: Sequence[Window], known: Backtest) -> list[Replayed]:
    """One period at all of its leads. Its evidence is known when it is over."""
    model = walk.model_for(window.start)
    end = Snapshot(walk.dataset, window.end)
    actual = float(won_money(end, window, places(end, AS_KNOWN)).sum()) / CENTS
    found = []
    for lead in leads(window):
        snapshot = Snapshot(walk.dataset, clock.instant(clock.after_days(clock.micros(window.start), lead)))
        foretold = foretell(snapshot, model.models[DEALS.name], model.amounts)
        made = replay_once(snapshot, foretold, window, known.shock(snapshot.as_of, lead), walk.n_draws, walk.seed)
        rivals = rival_forecasts(snapshot, window, past)
        found.append(_row(made, lead, walk.trained, actual, rivals, evidence_of(walk.dataset, made)))
    return found


def replay_once(snapshot: Snapshot, foretold: Foretold, window: Window, shock: Shock, n_draws: int, seed: int) -> PeriodForecast:
    """The forecast that would have been made at the Snapshot's moment."""
    where = places(snapshot, AS_KNOWN)
    births = fit_births(snapshot, where.of_deal)
    return forecast_period(snapshot, foretold, window, shock, births=births, n_draws=n_draws, seed=seed, where=where)


def evidence_of(dataset: Dataset, made: PeriodForecast) -> Evidence:
    """What a forecast expected of its open deals, and what came by the period's end."""
    outcomes = deal_outcomes(dataset, made.deals, made.as_of, made.window.end)
    opens = max(0.0, float(clock.days_between(clock.micros(made.as_of), clock.micros(made.window.start))))
    won = (outcomes.cause == WON_CAUSE) & (outcomes.days >= opens)
    return Evidence.of(made.open.p_won, won.astype(np.float64), made.open.team)


def _row(
    made: PeriodForecast, lead: float, trained: pd.Timestamp, actual: float, rivals: dict[str, float], evidence: Evidence
) -> Replayed:
    drawn = made.node_draws()[:, 0] / CENTS
    mean = float(made.won.sum()) / CENTS + float(made.open_mean.sum() + made.new_mean.sum())
    cuts = tuple(float(each) for each in np.quantile(drawn, QUANTILES))
    window = made.window
    rho = made.shock.rho
    return Replayed(window.label, window.start, window.end, lead, trained, actual, mean, cuts, rivals, rho, evidence)


def _to_json(each: Replayed) -> dict[str, Any]:
    times = {name: getattr(each, name).isoformat() for name in TIMES}
    plain = {name: getattr(each, name) for name in ("label", "lead", "actual", "mean", "rho")}
    rivals = {name: None if np.isnan(value) else value for name, value in each.rivals.items()}
    return {**plain, **times, "quantiles": list(each.quantiles), "rivals": rivals, "evidence": each.evidence.to_json()}


def _from_json(stored: Mapping[str, Any]) -> Replayed:
    start, end, trained = (pd.Timestamp(stored[name]).as_unit("us") for name in TIMES)
    rivals = {name: float("nan") if value is None else float(value) for name, value in stored["rivals"].items()}
    evidence, cuts = Evidence.from_json(stored["evidence"]), tuple(map(float, stored["quantiles"]))
    lead, actual, mean, rho = (float(stored[name]) for name in ("lead", "actual", "mean", "rho"))
    return Replayed(str(stored["label"]), start, end, lead, trained, actual, mean, cuts, rivals, rho, evidence)
