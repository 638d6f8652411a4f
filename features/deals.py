"""Deal signals: Snapshot -> one row for each open deal.

Kernels work on the Snapshot's flat arrays, one entry a deal, and are cut to the asked rows at the end. A window of 30 days is
`[as_of - 30 days, as_of)`; where it reaches back before the first record of its table the count is unknown, not 0.
"""

from typing import TypeAlias

import numpy as np
import pandas as pd

from features import catalog, clock
from features.clock import Floats, Mask
from features.history import LOST, WON, FieldHistory, Rows, count_rows, last_row
from features.rates import Rates, rates
from features.snapshot import Snapshot

Columns: TypeAlias = dict[str, "Floats | np.ndarray[tuple[int], np.dtype[np.object_]]"]
TRACKED_MOVES = ("stage", "owner_id", "amount", "expected_close_on")


def deal_signals(snapshot: Snapshot, borrowed: Rates | None = None, rows: Rows | None = None) -> pd.DataFrame:
    """The matrix of deal signals.

    One row for each open deal (or each of `rows`, positions in the Dataset), indexed by deal_id; the columns are the live signals
    of the catalog in its order, float64 or text. `borrowed` are the as-of rate tables, computed from the Snapshot when not given.
    """
    cohort = snapshot.open_deals if rows is None else rows
    groups = [_pace, _time, _size, _owner, _client, _context]
    columns: Columns = {}
    for group in groups:
        columns |= group(snapshot, cohort)
    columns |= _borrowed(snapshot, cohort, borrowed or rates(snapshot))
    if snapshot.has("activities"):
        columns |= _contact(snapshot, cohort)
    if snapshot.has("accounts"):
        columns |= _account(snapshot, cohort)
    names = [signal.name for signal in catalog.live(catalog.DEAL_SIGNALS, snapshot.dataset.tables)]
    index = pd.Index(snapshot.dataset.deals["deal_id"].to_numpy(dtype=object)[cohort], name="deal_id")
    return pd.DataFrame({name: columns[name] for name in names}, index=index)


def _pace(snapshot: Snapshot, cohort: Rows) -> Columns:
    past = snapshot.dataset.history("stage")
    n = snapshot.dataset.n_deals
    known = clock.known(past.known, snapshot.at)
    changed = known & ~past.first
    first_time = _first_of_pair(past.deal, past.value.astype(np.int64), known)
    return {
        "stage": snapshot.texts("stage", cohort),
        "days_in_stage": clock.days_between(snapshot.held_since("stage")[cohort], snapshot.at),
        "n_stage_changes": count_rows(past.deal, changed, n)[cohort],
        "n_stage_revisits": count_rows(past.deal, changed & ~first_time, n)[cohort],
        **_moves(snapshot, cohort),
    }


def _moves(snapshot: Snapshot, cohort: Rows) -> Columns:
    """Changes of stage, owner, amount and expected close, counted together."""
    n = snapshot.dataset.n_deals
    since = clock.after_days(snapshot.at, -30)
    recent, latest = np.zeros(n), np.full(n, clock.UNKNOWN, dtype=np.int64)
    for field in TRACKED_MOVES:
        past = snapshot.dataset.history(field)
        changed = clock.known(past.known, snapshot.at) & ~past.first
        recent += count_rows(past.deal, changed & clock.within(past.time, since, snapshot.at), n)
        latest = clock.later(latest, clock.time_at(past.time, last_row(past.deal, changed, n)))
    last = np.where(latest == clock.UNKNOWN, snapshot.dataset.deal_created, latest)
    recent *= snapshot.whole_window("deal_changes", 30)
    return {"n_changes_30d": recent[cohort], "days_since_change": clock.days_between(last[cohort], snapshot.at)}


def _time(snapshot: Snapshot, cohort: Rows) -> Columns:
    past = snapshot.dataset.history("expected_close_on")
    n = snapshot.dataset.n_deals
    expected = snapshot.values("expected_close_on")[cohort]
    return {
        "age_days": clock.days_between(snapshot.dataset.deal_created[cohort], snapshot.at),
        "days_to_expected_close": (expected - snapshot.at) / clock.MICROS_PER_DAY,
        "n_pushes": np.where(np.isnan(expected), np.nan, count_rows(past.deal, _rises(past, snapshot.at), n)[cohort]),
        "pushed_days": (expected - _opening_values(snapshot, "expected_close_on")[cohort]) / clock.MICROS_PER_DAY,
    }


def _rises(past: FieldHistory, as_of: int) -> Mask:
    """Which known changes of a numeric field raised it, compared with the deal's known value before."""
    rows = np.flatnonzero(clock.known(past.known, as_of))
    rose = np.zeros(len(past.deal), dtype=bool)
    if len(rows) > 1:
        before, after = rows[:-1], rows[1:]
        rose[after] = (past.deal[before] == past.deal[after]) & (past.value[after] > past.value[before]) & ~past.first[after]
    return rose


def _size(snapshot: Snapshot, cohort: Rows) -> Columns:
    amount = snapshot.values("amount")[cohort]
    opening = _opening_values(snapshot, "amount")[cohort]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(opening > 0, amount / opening, np.nan)
    if "currency" in snapshot.dataset.deals:
        amount = snapshot.converted(amount, snapshot.dataset.deals["currency"].iloc[cohort])
    return {"amount": amount, "amount_ratio": ratio}


def _opening_values(snapshot: Snapshot, field: str) -> Floats:
    """The first known value of a numeric field of each deal."""
    past = snapshot.dataset.history(field)
    first = last_row(past.deal, clock.known(past.known, snapshot.at) & past.first, snapshot.dataset.n_deals)
    return np.where(first >= 0, past.value[first], np.nan) if len(past.value) else np.full(len(first), np.nan)


def _owner(snapshot: Snapshot, cohort: Rows) -> Columns:
    past = snapshot.dataset.history("owner_id")
    changed = clock.known(past.known, snapshot.at) & ~past.first
    owned = np.where(snapshot.codes("owner_id")[cohort] >= 0, 1.0, np.nan)
    return {
        "n_owner_changes": count_rows(past.deal, changed, snapshot.dataset.n_deals)[cohort] * owned,
        "days_with_owner": clock.days_between(snapshot.held_since("owner_id")[cohort], snapshot.at),
    }


def _borrowed(snapshot: Snapshot, cohort: Rows, borrowed: Rates) -> Columns:
    owners = snapshot.texts("owner_id", cohort)
    return {
        "owner_win_rate": borrowed.of_owners(owners, "win_rate"),
        "owner_n_open": borrowed.of_owners(owners, "n_open"),
    }


def _client(snapshot: Snapshot, cohort: Rows) -> Columns:
    account = snapshot.dataset.deal_accounts
    n = int(account.max(initial=-1)) + 1
    is_open = np.zeros(len(account), dtype=bool)
    is_open[snapshot.open_deals] = True
    won = count_rows(account, snapshot.exists & (snapshot.state == WON), n)
    lost = count_rows(account, snapshot.exists & (snapshot.state == LOST), n)
    opened = count_rows(account, is_open, n)
    own = account[cohort]
    columns = {
        name: np.where(own >= 0, np.append(counted, np.nan)[own], np.nan)
        for name, counted in (("client_n_won", won), ("client_n_lost", lost), ("client_n_open", opened))
    }
    return columns | {"client_n_open": columns["client_n_open"] - is_open[cohort]}


def _context(snapshot: Snapshot, cohort: Rows) -> Columns:
    return {field: snapshot.texts(field, cohort) for field in ("pipeline", "product", "source", "type")}


def _account(snapshot: Snapshot, cohort: Rows) -> Columns:
    accounts = snapshot.frame("accounts").set_index("account_id")
    owners = (
        snapshot.dataset.deals["account_id"].to_numpy(dtype=object)[cohort] if "account_id" in snapshot.dataset.deals else None
    )
    absent = np.full(len(cohort), None, dtype=object)
    return {
        name: absent if owners is None or name not in accounts else accounts[name].reindex(owners).to_numpy(dtype=object)
        for name in ("industry", "region")
    }


def _contact(snapshot: Snapshot, cohort: Rows) -> Columns:
    log = snapshot.dataset.activity_log
    n = snapshot.dataset.n_deals
    known = clock.known(log.known, snapshot.at) & (log.deal >= 0)
    inbound = known & log.inbound

    def count(mask: Mask) -> Floats:
        return count_rows(log.deal, mask, n)[cohort]

    def recent(mask: Mask, days: int) -> Floats:
        window = clock.within(log.time, clock.after_days(snapshot.at, -days), snapshot.at)
        return count(mask & window) * snapshot.whole_window("activities", days)

    return {
        "n_activities": count(known),
        "n_activities_7d": recent(known, 7),
        "n_activities_30d": recent(known, 30),
        "n_meetings": count(known & log.meeting),
        "n_inbound_30d": recent(inbound, 30),
        "n_undone": count(known & ~clock.known(log.done, snapshot.at)),
        "n_people": count(known & _first_of_pair(log.deal, log.user, known)),
        "days_since_activity": clock.days_between(clock.time_at(log.time, last_row(log.deal, known, n))[cohort], snapshot.at),
        "days_since_inbound": clock.days_between(clock.time_at(log.time, last_row(log.deal, inbound, n))[cohort], snapshot.at),
    }


def _first_of_pair(group: Rows, member: Rows, keep: Mask) -> Mask:
    """Marks one kept row for each distinct (group, member); rows without a member are not marked."""
    rows = np.flatnonzero(keep & (member >= 0))
    _, first = np.unique(group[rows] * (int(member.max(initial=0)) + 1) + member[rows], return_index=True)
    marked = np.zeros(len(group), dtype=bool)
    marked[rows[first]] = True
    return marked
