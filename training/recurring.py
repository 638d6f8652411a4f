"""Recurring revenue at the end of a period: the second forecast, in money a month, never added to bookings.

    start + new + expansion - contraction - churn = end

Until as_of the parts are what happened, client by client. From then on: churn by each client's own curve (cancelled, or ended
without a successor), new clients by those who have signed already plus arrivals at the rate of the past, expansion and
contraction as shares of the running amount, drawn from the months of the last two years. A contract that ends inside the period
counts as running until its client is known to have left: renewals are signed late, and the curve says how likely they are.

Worked example: 420 clients pay 610,000 a month on 1 July. By 20 August two with 4,000 left, one with 1,500 came. To the end of
September the curves expect 9,200 to leave, arrivals bring 7,800, and clients usually grow by 0.4 % and shrink by 0.1 % a month.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from features import clients, clock
from features.clock import Floats
from features.history import Rows, first_row
from features.kpis.clientele import monthly_at
from features.kpis.value import Window
from features.snapshot import Snapshot
from training.arrivals import fit_arrivals
from training.curves import Curves
from training.hazard import HazardModel
from training.notes import FEW_PERIODS, WIDE, Note
from training.rollup import LEVELS
from training.shock import Shock, given_luck, probit

PAST_MONTHS: Final = 24
MONTH_DAYS: Final = 365.25 / 12
LEFT: Final = 1
RECURRING_WIDE_BY: Final = ("wide_by_new_clients", "wide_by_churn", "wide_by_growth")
N_DRAWS: Final = 5000
BLOCK: Final = 500


@dataclass(frozen=True)
class Recurring:
    """Monthly recurring revenue over a period, in the organisation's currency.

    start, new, expansion, contraction, churn  expected over the period, the past part as it was; churn and contraction positive
    draws   (draws,) revenue a month at the period's end
    """

    window: Window
    start: float
    new: float
    expansion: float
    contraction: float
    churn: float
    draws: Floats
    notes: tuple[Note, ...]

    @property
    def end(self) -> float:
        """Expected revenue a month at the period's end."""
        return self.start + self.new + self.expansion - self.contraction - self.churn

    def interval(self, level: int) -> tuple[float, float]:
        """Limits at the period's end; `level` in per cent, one of LEVELS."""
        assert level in LEVELS
        low, high = np.quantile(self.draws, [0.5 - level / 200, 0.5 + level / 200])
        return float(low), float(high)


@dataclass(frozen=True)
class _Past:
    """What has happened between two moments, by client: each array in money a month."""

    new: Floats
    expansion: Floats
    contraction: Floats
    churn: Floats

    @classmethod
    def between(cls, before: Floats, after: Floats) -> "_Past":
        """Clients that pay at neither moment are in no part."""
        change = after - before
        stays = (before > 0) & (after > 0)
        return cls(
            np.where(before > 0, 0.0, after),
            np.where(stays, np.maximum(change, 0.0), 0.0),
            np.where(stays, np.maximum(-change, 0.0), 0.0),
            np.where(after > 0, 0.0, before),
        )


@dataclass(frozen=True)
class _Ahead:
    """What is expected between as_of and two days after it: the period's start (0: it has begun) and its end."""

    days: tuple[float, float]
    curves: Curves
    paid: Floats
    signed: tuple[float, float]
    arriving: tuple[float, float]
    spread: float
    first_amounts: Floats
    monthly: Floats

    def churned(self, place: int) -> Floats:
        """(clients,) P(left by then)."""
        return self.curves.by(self.days[place], LEFT)

    def expected(self, place: int) -> Floats:
        """New, expansion, contraction, churn by then."""
        months = self.days[place] / MONTH_DAYS
        usual = float(self.first_amounts.mean()) if len(self.first_amounts) else 0.0
        grown, shrunk = self.paid.sum() * months * self.monthly.mean(axis=0)
        return np.array([self.signed[place] + self.arriving[place] * usual, grown, shrunk, self.churned(place) @ self.paid])


def forecast_recurring(
    snapshot: Snapshot, model: HazardModel, window: Window, shock: Shock, *, n_draws: int = N_DRAWS, seed: int = 7
) -> Recurring:
    """Recurring revenue of a period, from what was known at the Snapshot's moment. `model` is that of clients under contract.

    A period that is over ends at what was paid at its end; nothing is expected of it and nothing lacks.
    """
    now = monthly_at(snapshot, min(clock.micros(window.end), snapshot.at))
    opened = monthly_at(snapshot, min(clock.micros(window.start), snapshot.at))
    past = _Past.between(opened, now)
    ahead = _ahead(snapshot, model, window, now)
    first, last = ahead.expected(0), ahead.expected(1)
    to_come = last - first
    begun = ahead.days[0] == 0
    start = float(opened.sum()) if begun else float(now.sum() + first[0] + first[1] - first[2] - first[3])
    happened = [float(part.sum()) * begun for part in (past.new, past.expansion, past.contraction, past.churn)]
    drawn = _drawn(ahead, float(now.sum()), shock, n_draws, seed)
    draws = float(now.sum()) + ahead.signed[1] + drawn.new + drawn.grown - drawn.churn
    notes = (*_lacks(ahead, shock), *_width(drawn, draws)) if ahead.days[1] else ()
    parts = to_come + np.array(happened)
    new, expansion, contraction, churn = map(float, parts)
    return Recurring(window, start, new, expansion, contraction, churn, draws, notes)


def _ahead(snapshot: Snapshot, model: HazardModel, window: Window, now: Floats) -> _Ahead:
    cohort = clients.cohort(snapshot, clients.CONTRACTS)
    paying = cohort[now[cohort] > 0]
    signals = clients.client_signals(snapshot, paying)
    curves = model.curves(signals, np.full(len(signals), snapshot.at, dtype=np.int64))
    opens, closes = (max(0.0, float(clock.days_between(snapshot.at, clock.micros(each)))) for each in (window.start, window.end))
    rows, amounts = _firsts(snapshot)
    log = snapshot.dataset.contract_log
    lag = float(np.median(np.maximum(clock.days_between(log.known[rows], log.starts[rows]), 0.0))) if len(rows) else 0.0
    arrivals = fit_arrivals(log.known[rows], snapshot.at, snapshot.dataset.organisation.timezone)
    today = int(clock.local_days(np.array([snapshot.at]), snapshot.dataset.organisation.timezone)[0])
    arriving = [float(arrivals.daily(today + np.arange(max(0.0, np.floor(days - lag)))).sum()) for days in (opens, closes)]
    signed = [_signed(snapshot, now, clock.after_days(snapshot.at, days)) for days in (opens, closes)]
    spread = arrivals.relative_variance(max(closes, 1.0))
    return _Ahead(
        (opens, closes),
        curves,
        now[paying],
        (signed[0], signed[1]),
        (arriving[0], arriving[1]),
        spread,
        amounts,
        _monthly_shares(snapshot),
    )


def _firsts(snapshot: Snapshot) -> tuple[Rows, Floats]:
    """Each client's first contract on record, and the monthly amounts of those of the last two years."""
    log = snapshot.dataset.contract_log
    known = clock.known(log.known, snapshot.at)
    rows = first_row(log.client, known, len(snapshot.dataset.client_ids))
    rows = rows[rows >= 0]
    recent = clock.within(log.known[rows], clock.after_days(snapshot.at, -PAST_MONTHS * MONTH_DAYS), snapshot.at)
    return rows, log.monthly[rows[recent]]


def _signed(snapshot: Snapshot, now: Floats, moment: int) -> float:
    """What clients who pay nothing yet have signed for, by a later moment."""
    log = snapshot.dataset.contract_log
    coming = clock.known(log.known, snapshot.at) & clock.within(log.starts, snapshot.at, moment) & (log.client >= 0)
    return float(log.monthly[coming & (now[log.client] == 0)].sum())


def _monthly_shares(snapshot: Snapshot) -> Floats:
    """(months, 2) expansion and contraction of the clients who stayed, as shares of what was paid, over the last months."""
    begun = snapshot.dataset.begins.get("contracts", snapshot.at)
    moments = [clock.after_days(snapshot.at, -MONTH_DAYS * k) for k in range(PAST_MONTHS + 1)]
    paid = [monthly_at(snapshot, moment) for moment in moments if clock.is_known(begun, moment)]
    changes = [_Past.between(before, after) for after, before in pairwise(paid)]
    totals = [max(float(before.sum()), 1e-9) for before in paid[1:]]
    shares = [
        [change.expansion.sum() / total, change.contraction.sum() / total] for change, total in zip(changes, totals, strict=True)
    ]
    return np.array(shares) if shares else np.zeros((1, 2))


@dataclass(frozen=True)
class _Drawn:
    """(draws,) what new clients bring, what the present ones grow by, and what leaves, from now to the period's end."""

    new: Floats
    grown: Floats
    churn: Floats


def _drawn(ahead: _Ahead, paid: float, shock: Shock, n_draws: int, seed: int) -> _Drawn:
    rng = np.random.default_rng(seed)
    rho, tau = shock.draw(n_draws, rng)
    luck = np.sqrt(rho + tau) * rng.standard_normal(n_draws)
    churn = np.concatenate([_churn(ahead, luck[part], 1.0 - (rho + tau)[part], rng) for part in _blocks(n_draws)])
    factor = rng.gamma(1 / ahead.spread, ahead.spread, n_draws) if ahead.spread > 0 else np.ones(n_draws)
    arrived = rng.poisson(factor * ahead.arriving[1])
    pool = ahead.first_amounts if len(ahead.first_amounts) else np.zeros(1)
    amounts = pool[rng.integers(0, len(pool), arrived.sum())]
    new = np.bincount(np.repeat(np.arange(n_draws), arrived), amounts, minlength=n_draws)
    months = ahead.days[1] / MONTH_DAYS
    whole = int(np.ceil(months))
    if whole:
        months_drawn = ahead.monthly[rng.integers(0, len(ahead.monthly), (n_draws, whole))].sum(axis=1) * (months / whole)
        net = months_drawn[:, 0] - months_drawn[:, 1]
    else:
        net = np.zeros(n_draws)
    return _Drawn(new.astype(np.float64), paid * net, churn)


def _churn(ahead: _Ahead, luck: Floats, own: Floats, rng: np.random.Generator) -> Floats:
    """(draws,) what leaves, for a block of draws."""
    p = given_luck(probit(ahead.churned(1)), luck[:, None], own[:, None])
    return np.asarray((rng.random(p.shape) < p) @ ahead.paid)


def _blocks(n_draws: int) -> list[slice]:
    return [slice(start, min(start + BLOCK, n_draws)) for start in range(0, n_draws, BLOCK)]


def _width(drawn: _Drawn, draws: Floats) -> tuple[Note, ...]:
    """The main reason why the interval is wide, with its share of the variance in per cent; none where it is not."""
    low, high = np.quantile(draws, [0.1, 0.9])
    if high - low <= WIDE * draws.mean():
        return ()
    variance = np.array([drawn.new.var(), drawn.churn.var(), drawn.grown.var()])
    first = int(variance.argmax())
    return (Note(RECURRING_WIDE_BY[first], float(100 * variance[first] / variance.sum())),)


def _lacks(ahead: _Ahead, shock: Shock) -> tuple[Note, ...]:
    found = {
        "no_past_of_clients": max(0.0, FEW_PERIODS - shock.n_periods),
        "no_new_clients": float(not len(ahead.first_amounts)),
        "short_contract_history": float(PAST_MONTHS - len(ahead.monthly)),
        "beyond_follow_up": max(0.0, ahead.days[1] - ahead.curves.extrapolated),
    }
    return tuple(Note(code, number) for code, number in found.items() if number > 0)
