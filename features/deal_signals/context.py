"""Context: what kind of deal it is, where it came from, what kind of client it is, and what the CRM itself says of it."""

from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.deal_signals.asked import Asked
from features.deal_signals.pace import over
from features.history import last_row
from features.rates import Rates, account_texts
from features.signal import Columns, texts

FIELDS: Final = ("pipeline", "product", "source", "type", "forecast_category")


def context(asked: Asked, borrowed: Rates) -> Columns:
    """What the deals tell of the group `context`."""
    columns: Columns = {field: asked.texts(field) for field in FIELDS}
    probability = asked.past("crm_probability")
    rates = {f"{field}_win_rate": asked.borrow(borrowed, field, "win_rate") for field in ("product", "source", "type")}
    deals = asked.snapshot.dataset.deals
    currency = deals["currency"] if "currency" in deals else pd.Series(None, index=deals.index, dtype="str")
    return {
        **columns,
        "currency": currency.array.take(asked.rows),
        "crm_probability": probability.now,
        "crm_probability_ratio": over(probability.now, probability.opening),
        **rates,
    }


def account(asked: Asked, borrowed: Rates) -> Columns:
    """What the table of accounts tells of the group `context`, and since when the client is on record."""
    snapshot, cohort = asked.snapshot, asked.rows
    named = account_texts(snapshot, ("industry", "region", "country"), cohort)
    columns: Columns = dict(named)
    accounts = snapshot.frame("accounts")
    deals = snapshot.dataset.deals
    ids = deals["account_id"].iloc[cohort] if "account_id" in deals else pd.Series(None, index=cohort, dtype="str")
    found = accounts.set_index("account_id").reindex(ids)
    created = clock.to_micros(found["created_at"]) if "created_at" in found else clock.repeated(clock.UNKNOWN, len(cohort))
    numbers = {
        name: found[name].to_numpy(dtype=np.float64) if name in found else np.full(len(cohort), np.nan)
        for name in ("employees", "annual_revenue")
    }
    rates = {f"{field}_win_rate": borrowed.of(field, named[field], "win_rate") for field in ("industry", "region")}
    return {**columns, **numbers, **rates, "client_known_days": clock.days_between(created, snapshot.at)}


def lead(asked: Asked) -> Columns:
    """The lead that the deal came from: known as such once it was converted, the last one where there are several."""
    snapshot, cohort = asked.snapshot, asked.rows
    leads, n = snapshot.dataset.tables["leads"], snapshot.dataset.n_deals
    deal = snapshot.dataset.rows_of("leads")
    made, answered, converted = (_times(leads, name) for name in ("created_at", "first_response_at", "converted_at"))
    keep = snapshot.known_rows("leads") & clock.known(converted, snapshot.at) & (deal >= 0)
    order = np.argsort(converted, kind="stable")
    last = last_row(deal[order], keep[order], n)[cohort]
    row = np.append(order, -1)[last]
    seen = np.where(clock.known(answered, snapshot.at), answered, clock.UNKNOWN)
    source = texts(leads["source"]) if "source" in leads else np.full(len(leads), None, dtype=object)
    return {
        "lead_source": np.concatenate([source, np.array([None], dtype=object)])[row],
        "lead_response_days": np.append(clock.days_between(made, seen), np.nan)[row],
        "lead_conversion_days": np.append(clock.days_between(made, converted), np.nan)[row],
    }


def _times(frame: pd.DataFrame, name: str) -> clock.Micros:
    return clock.to_micros(frame[name]) if name in frame else clock.repeated(clock.UNKNOWN, len(frame))
