"""What a client's contracts say: how long it has been served, what is left, what it pays, and whether it renewed before."""

from dataclasses import replace

import numpy as np

from features import clock
from features.clients.past import Past, at_rows, ratio
from features.clock import Floats, Mask
from features.history import Rows, count_rows
from features.signal import Columns
from features.snapshot import Snapshot


def running(snapshot: Snapshot) -> Mask:
    """Which contracts are in force, or in their grace period."""
    grace = round(snapshot.dataset.organisation.contract_grace_days * clock.MICROS_PER_DAY)
    return snapshot.dataset.contract_log.running(snapshot.at, grace)


def agreements(snapshot: Snapshot, rows: Rows) -> Columns:
    """Amount and end are those of the contracts in force; of those in their grace period where a client has no other."""
    log = snapshot.dataset.contract_log
    signed = Past(snapshot, "contracts", log.client, log.starts, clock.known(log.known, snapshot.at), rows)
    begun = signed.where(clock.known(log.starts, snapshot.at + 1))
    cancelled = clock.known(log.cancelled, snapshot.at)
    counted = replace(signed, kept=_counted(snapshot))
    return {
        "contract_age_days": signed.days_since_first(),
        "days_since_contract_start": begun.days_since_last(),
        "contract_days_left": _days_left(counted, clock.days_between(snapshot.at, log.ends)),
        "contract_term_days": at_rows(clock.days_between(log.starts, log.ends), begun.last()),
        "monthly_amount": counted.total(log.monthly),
        "n_contracts": signed.count(),
        "n_running_contracts": counted.count(),
        "n_contracts_ahead": signed.where(~begun.kept & ~cancelled).count(),
        "n_contracts_cancelled": signed.where(cancelled).count(),
        **_following(begun, snapshot),
    }


def _counted(snapshot: Snapshot) -> Mask:
    """The contracts in force, and those in their grace period of clients that have none in force."""
    log = snapshot.dataset.contract_log
    alive = running(snapshot)
    in_force = alive & log.running(snapshot.at, grace=-1)
    served = count_rows(log.client, in_force, len(snapshot.dataset.client_ids)) > 0
    return np.asarray(alive & (in_force | ~served[log.client]))


def _days_left(counted: Past, left: Floats) -> Floats:
    """To the last end; unknown where one of the contracts has no end."""
    return counted.largest(np.where(np.isnan(left), np.inf, left))


def _following(begun: Past, snapshot: Snapshot) -> dict[str, Floats]:
    """How contracts follow on the one that began before: a renewal begins within the grace period around the end of that."""
    log, grace_days = snapshot.dataset.contract_log, snapshot.dataset.organisation.contract_grace_days
    before, last = begun.before(), begun.last()
    pause = clock.days_between(clock.time_at(log.ends, before), log.starts)
    previous = np.append(before, -1)[last]
    return {
        "n_renewals": begun.where(np.abs(pause) <= grace_days).count(),
        "monthly_ratio": ratio(at_rows(log.monthly, last), at_rows(log.monthly, previous)),
    }
