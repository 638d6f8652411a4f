"""Client: what the deal's account bought, lost, signed, asked for and said before. NaN for a deal without an account."""

from collections.abc import Mapping

import numpy as np

from features import clock
from features.clock import Floats, Mask, Micros
from features.deal_signals.asked import Asked
from features.history import LOST, WON, Rows, add_up, count_rows, last_row
from features.signal import Columns
from features.snapshot import Snapshot


def past_deals(asked: Asked) -> Columns:
    """The account's other deals, as known."""
    snapshot, cohort = asked.snapshot, asked.rows
    account, n = snapshot.dataset.clients_of("deals"), len(snapshot.dataset.client_ids)
    won, lost = (snapshot.exists & (snapshot.state == state) for state in (WON, LOST))
    is_open = np.zeros(len(account), dtype=bool)
    is_open[snapshot.open_deals] = True
    recent = won & clock.within(snapshot.state_since, clock.after_days(snapshot.at, -365), snapshot.at)
    columns = {
        "client_n_won": count_rows(account, won, n),
        "client_n_lost": count_rows(account, lost, n),
        "client_n_open": count_rows(account, is_open, n),
        "client_days_since_won": _days_since(account, snapshot.state_since, won, n, snapshot.at),
        "client_days_since_lost": _days_since(account, snapshot.state_since, lost, n, snapshot.at),
        "client_won_amount_365d": add_up(account, snapshot.deal_amounts, recent & (account >= 0), n)
        * snapshot.whole_window("deals", 365),
    }
    own = _cut(columns, account[cohort])
    return own | {"client_n_open": own["client_n_open"] - is_open[cohort]}


def orders(asked: Asked) -> Columns:
    """The account's orders; the source has that table."""
    snapshot, cohort = asked.snapshot, asked.rows
    log, n = snapshot.dataset.order_log, len(snapshot.dataset.client_ids)
    known = clock.known(log.known, snapshot.at)
    recent = known & clock.within(log.time, clock.after_days(snapshot.at, -365), snapshot.at)
    whole = snapshot.whole_window("orders", 365)
    columns = {
        "client_n_orders": count_rows(log.client, known, n),
        "client_n_orders_365d": count_rows(log.client, recent, n) * whole,
        "client_order_amount_365d": add_up(log.client, log.amount, recent, n) * whole,
        "client_days_since_order": clock.days_between(clock.time_at(log.time, last_row(log.client, known, n)), snapshot.at),
    }
    return _of_clients(snapshot, columns, cohort)


def contracts(asked: Asked) -> Columns:
    """The account's contracts; the source has that table."""
    snapshot, cohort = asked.snapshot, asked.rows
    log, n = snapshot.dataset.contract_log, len(snapshot.dataset.client_ids)
    known = clock.known(log.known, snapshot.at)
    in_force = log.running(snapshot.at, grace=-1)
    first, end = clock.repeated(clock.NEVER, n), clock.repeated(clock.NEVER, n)
    np.minimum.at(first, log.client[known], log.starts[known])
    np.minimum.at(end, log.client[in_force], clock.or_never(log.ends[in_force]))
    columns = {
        "client_n_contracts": count_rows(log.client, in_force, n),
        "client_monthly_amount": add_up(log.client, log.monthly, in_force, n),
        "client_contract_days": clock.days_between(clock.never_as_unknown(first), snapshot.at),
        "client_contract_days_left": clock.days_between(snapshot.at, clock.never_as_unknown(end)),
    }
    return _of_clients(snapshot, columns, cohort)


def tickets(asked: Asked) -> Columns:
    """The account's tickets; the source has that table."""
    snapshot, cohort = asked.snapshot, asked.rows
    arrays, n = snapshot.dataset.arrays, len(snapshot.dataset.client_ids)
    client = snapshot.dataset.clients_of("tickets")
    known = snapshot.known_rows("tickets")
    recent = known & clock.within(arrays.get("tickets", "opened_at"), clock.after_days(snapshot.at, -90), snapshot.at)
    columns = {"client_n_open_tickets": np.full(n, np.nan)}
    if arrays.has("tickets", "closed_at"):
        closed = clock.known(arrays.get("tickets", "closed_at"), snapshot.at)
        columns["client_n_open_tickets"] = count_rows(client, known & ~closed, n)
    columns["client_n_tickets_90d"] = count_rows(client, recent, n) * snapshot.whole_window("tickets", 90)
    return _of_clients(snapshot, columns, cohort)


def surveys(asked: Asked) -> Columns:
    """The account's last answer to a survey, on its own scale; the source has that table."""
    snapshot, cohort = asked.snapshot, asked.rows
    arrays, n = snapshot.dataset.arrays, len(snapshot.dataset.client_ids)
    client = snapshot.dataset.clients_of("surveys")
    answered = arrays.get("surveys", "answered_at")
    keep = snapshot.known_rows("surveys") & (client >= 0)
    # Rows stand in the order of response_id; of two answers in one instant the later one counts.
    rows = np.flatnonzero(keep)[np.argsort(answered[keep], kind="stable")]
    last = np.full(n, -1, dtype=np.int64)
    last[client[rows]] = rows
    score, low, high = (arrays.get("surveys", name) for name in ("score", "scale_min", "scale_max"))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (score - low) / (high - low)
    columns = {
        "client_survey_score": np.append(share, np.nan)[last],
        "client_days_since_survey": clock.days_between(clock.time_at(answered, last), snapshot.at),
    }
    return _of_clients(snapshot, columns, cohort)


def attention(asked: Asked) -> Columns:
    """Activities with the account, whatever deal they belong to; the source has that table."""
    snapshot, cohort = asked.snapshot, asked.rows
    n = len(snapshot.dataset.client_ids)
    client = snapshot.dataset.clients_of_activities
    known = clock.known(snapshot.dataset.activities_known, snapshot.at)
    logged = snapshot.dataset.arrays.get("activities", "logged_at")
    recent = known & clock.within(logged, clock.after_days(snapshot.at, -90), snapshot.at)
    columns = {
        "client_n_activities_90d": count_rows(client, recent, n) * snapshot.whole_window("activities", 90),
        "client_days_since_activity": _days_since(client, logged, known, n, snapshot.at),
    }
    return _of_clients(snapshot, columns, cohort)


def _days_since(group: Rows, times: Micros, keep: Mask, n: int, as_of: int) -> Floats:
    """Days since the latest kept time of each group, NaN where there is none. Rows with group -1 belong to none."""
    latest = clock.repeated(clock.UNKNOWN, n + 1)
    np.maximum.at(latest, group[keep], times[keep])
    return clock.days_between(latest[:n], as_of)


def _of_clients(snapshot: Snapshot, columns: Mapping[str, Floats], cohort: Rows) -> Columns:
    return dict(_cut(columns, snapshot.dataset.clients_of("deals")[cohort]))


def _cut(columns: Mapping[str, Floats], rows: Rows) -> Columns:
    """Values by client as values by deal, NaN for a deal without a client (-1)."""
    return {name: np.append(values, np.nan)[rows] for name, values in columns.items()}
