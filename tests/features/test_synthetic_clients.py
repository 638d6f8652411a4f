"""The true probabilities of clients: calibrated in both regimes, blind to the future, and equal to slow oracles."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.errors import UsageError
from features.synthetic import Company, Dirt, Settings, client_truth, generate
from features.synthetic.batch import micros
from features.synthetic.contracts import LEVEL_SHARES, log_stays, renewal_chance, sign_up
from features.synthetic.order_truth import order_truth
from features.synthetic.orders import run_orders, take_on

HORIZONS = (30, 90, 365)
DATES = ("2024-09-01", "2025-02-10", "2025-09-01")
SEEDS = (0, 1, 2)


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@cache
def company(seed: int = 0) -> Company:
    return generate(Settings(n_deals=3000, seed=seed))


def silent(made: Company, start: pd.Timestamp, end: pd.Timestamp, accounts: pd.Index) -> pd.Series:
    orders = made.tables["orders"]
    ordered = orders[(orders["ordered_at"] >= start) & (orders["ordered_at"] < end)]["account_id"]
    return pd.Series(~accounts.isin(ordered), index=accounts)


def left(made: Company, end: pd.Timestamp, accounts: pd.Index, grace_days: float = 0) -> pd.Series:
    """Which accounts cancelled, or came to the end of their last contract, before `end`."""
    contracts = made.tables["contracts"].groupby("account_id")
    over = contracts["ends_on"].max().dt.tz_localize("UTC") + pd.Timedelta(days=grace_days) < end
    gone: pd.Series = over | (contracts["cancelled_at"].min() < end)
    return gone.reindex(accounts)


@cache
def replay(grace_days: float = 0.0) -> pd.DataFrame:
    """Truth and outcome of all clients on several dates in several companies."""
    parts = []
    for seed in SEEDS:
        for date in map(at, DATES):
            rows = client_truth(company(seed), date, HORIZONS, grace_days=grace_days)
            for horizon in HORIZONS:
                end = date + pd.Timedelta(days=horizon)
                gone = left(company(seed), end, rows.index, grace_days).astype("boolean")
                by_order = silent(company(seed), date, end, rows.index)
                rows[f"gone_{horizon}"] = by_order.where(rows["regime"] == "orders", gone).astype(float)
            parts.append(rows)
    return pd.concat(parts)


def of_regime(regime: str, grace_days: float = 0.0) -> pd.DataFrame:
    rows = replay(grace_days)
    return rows[rows["regime"] == regime]


def log_loss(outcome: pd.Series, p: pd.Series | float) -> float:
    clipped = np.clip(p, 1e-4, 1 - 1e-4)
    return float(-(outcome * np.log(clipped) + (1 - outcome) * np.log(1 - clipped)).mean())


@pytest.mark.parametrize("horizon", HORIZONS)
@pytest.mark.parametrize("regime", ["contract", "orders"])
def test_the_mean_is_the_frequency(regime: str, horizon: int) -> None:
    rows = of_regime(regime)
    p, gone = rows[f"p_leaves_{horizon}d"], rows[f"gone_{horizon}"]
    assert len(rows) > 900
    # The same client stands in several rows: its rows share their luck, at worst all three of them.
    error = np.sqrt(len(DATES) * (p * (1 - p)).sum()) / len(rows)
    assert abs(gone.mean() - p.mean()) < 3 * error


@pytest.mark.parametrize("regime", ["contract", "orders"])
def test_each_fifth_is_reliable(regime: str) -> None:
    rows = of_regime(regime)
    table = rows.groupby(pd.qcut(rows["p_leaves_90d"], 5, labels=False))[["p_leaves_90d", "gone_90"]].agg(["mean", "size"])
    p, n = table["p_leaves_90d"]["mean"], table["gone_90"]["size"]
    assert (abs(table["gone_90"]["mean"] - p) < 3.5 * np.sqrt(2 * p * (1 - p) / n)).all()
    assert p.max() > 4 * p.min()


@pytest.mark.parametrize("horizon", HORIZONS)
@pytest.mark.parametrize("regime", ["contract", "orders"])
def test_the_truth_beats_the_base_rate(regime: str, horizon: int) -> None:
    rows = of_regime(regime)
    gone = rows[f"gone_{horizon}"]
    assert log_loss(gone, rows[f"p_leaves_{horizon}d"]) < 0.95 * log_loss(gone, gone.mean())


def test_grace_delays_the_end_of_a_contract() -> None:
    at_once, later = of_regime("contract"), of_regime("contract", 30.0)
    p, gone = later["p_leaves_90d"], later["gone_90"]
    assert p.mean() < at_once["p_leaves_90d"].mean()
    assert abs(gone.mean() - p.mean()) < 3 * np.sqrt(len(DATES) * (p * (1 - p)).sum()) / len(later)


def test_contracts_end_more_often_and_orders_fail_less_often_as_time_goes_on() -> None:
    rows = client_truth(company(), at("2025-09-01"), (30, 90, 365))
    near, far = rows["p_leaves_30d"], rows["p_leaves_365d"]
    by_contract = rows["regime"] == "contract"
    assert (near <= far)[by_contract].all()
    assert (near >= far)[~by_contract].all()
    assert rows["p_leaves_90d"].between(0, 1).all()


def test_the_rows_are_the_running_contracts_and_the_recent_buyers() -> None:
    date = at("2025-09-01")
    tables, rows = company().tables, client_truth(company(), date, [90])
    contracts = tables["contracts"].query("known_at < @date and ~(cancelled_at < @date)")
    day = date.tz_localize(None)
    running = contracts[(contracts["starts_on"] <= day) & (contracts["ends_on"] > day)]["account_id"]
    ordered = tables["orders"]["ordered_at"].between(date - pd.Timedelta(days=365), date, inclusive="left")
    assert set(rows.index[rows["regime"] == "contract"]) == set(running)
    assert set(rows.index[rows["regime"] == "orders"]) == set(tables["orders"]["account_id"][ordered])


def without_future(made: Company, as_of: int) -> Company:
    """The same company without any fact about clients at or after as_of."""
    clients = made.story.clients
    cancelled = clock.known(micros(clients.contract.cancels), as_of)
    cut = replace(
        clients,
        contract=replace(clients.contract, cancels=np.where(cancelled, clients.contract.cancels, np.nan)),
        terms=clients.terms.take(clock.known(micros(clients.terms.signed), as_of)),
        order=replace(clients.order, quits=np.full(len(clients.order), np.nan)),
        orders=clients.orders.take(clock.known(micros(clients.orders.day), as_of)),
        tickets=clients.tickets.take(clock.known(micros(clients.tickets.opened), as_of)),
        answers=clients.answers.take(clock.known(micros(clients.answers.day), as_of)),
    )
    return replace(made, story=replace(made.story, clients=cut))


def test_the_truth_does_not_see_the_future() -> None:
    date = at("2025-09-01")
    blind = without_future(company(), clock.micros(date))
    assert len(blind.story.clients.orders) < len(company().story.clients.orders)
    pd.testing.assert_frame_equal(client_truth(company(), date, HORIZONS), client_truth(blind, date, HORIZONS))


def test_orders_against_a_simulation() -> None:
    """Of many made-up clients with no order between day 60 and day 200, how many stay silent for 90 more days?"""
    story, n = company().story, 30_000
    rng = np.random.default_rng(5)
    first = np.full(n, story.settings.start + 0.5)
    clients = take_on(np.arange(n), first, np.ones(n), np.full(n, -1), rng)
    placed = run_orders(clients, story.season, first[0] + 290, rng)
    counts = [np.bincount(placed.client[placed.day - first[0] < day], minlength=n) for day in (60, 200, 290)]
    same = (counts[0] == counts[1]) & (counts[0] == 3)
    several = replace(story, clients=replace(story.clients, order=clients, orders=placed))
    account, p = order_truth(several, round((first[0] + 200) * clock.MICROS_PER_DAY), [90], 365.0)
    silent_on = (counts[2] == counts[1])[account[same[account]]]
    assert len(silent_on) > 300
    assert silent_on.mean() == pytest.approx(p[same[account], 0].mean(), abs=3.5 * silent_on.std() / np.sqrt(len(silent_on)))


def test_contracts_against_a_simulation() -> None:
    """Clients in their first week, of whom nothing else is known: how many are gone after 400 days?"""
    rng, n = np.random.default_rng(6), 200_000
    clients = sign_up(np.arange(n), np.full(n, 20_000.0), np.ones(n), np.full(n, -1), rng)
    start = np.datetime64(int(clients.month[0]), "M").astype("datetime64[D]").astype(float)
    gone = (clients.cancels < start + 400) | (rng.random(n) > renewal_chance(clients.satisfaction, 0))
    stays = np.exp(log_stays(np.arange(4), np.full(4, 400.0))) * renewal_chance(np.arange(4), 0)
    assert gone.mean() == pytest.approx(1 - (LEVEL_SHARES * stays).sum(), abs=0.005)


def test_there_is_no_truth_in_dirt() -> None:
    dirty = generate(Settings(n_deals=50, dirt=Dirt(late_entry=0.1)))
    with pytest.raises(UsageError, match="clean company"):
        client_truth(dirty, at("2026-01-01"), [90])
