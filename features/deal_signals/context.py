"""Context: what kind of deal it is, where it came from, what kind of client it is, and what the CRM itself says of it."""

from typing import Final

import numpy as np

from features import clock
from features.deal_signals.asked import Asked
from features.deal_signals.pace import over
from features.flat import picked
from features.history import last_row
from features.rates import Rates, account_texts
from features.signal import Columns

FIELDS: Final = ("pipeline", "product", "source", "type", "forecast_category")


def context(asked: Asked, borrowed: Rates) -> Columns:
    """What the deals tell of the group `context`."""
    columns: Columns = {field: asked.texts(field) for field in FIELDS}
    probability = asked.past("crm_probability")
    rates = {f"{field}_win_rate": asked.borrow(borrowed, field, "win_rate") for field in ("product", "source", "type")}
    code, currencies = asked.snapshot.dataset.deal_currencies
    return {
        **columns,
        "currency": picked(currencies, code[asked.rows]),
        "crm_probability": probability.now,
        "crm_probability_ratio": over(probability.now, probability.opening),
        **rates,
    }


def account(asked: Asked, borrowed: Rates) -> Columns:
    """What the table of accounts tells of the group `context`, and since when the client is on record."""
    snapshot, cohort = asked.snapshot, asked.rows
    named = account_texts(snapshot, ("industry", "region", "country"), cohort)
    columns: Columns = dict(named)
    row = snapshot.dataset.account_rows[cohort]
    numbers = {name: snapshot.numbers_of("accounts", name, row) for name in ("employees", "annual_revenue")}
    created = snapshot.times_of("accounts", "created_at", row)
    rates = {f"{field}_win_rate": borrowed.of(field, named[field], "win_rate") for field in ("industry", "region")}
    return {**columns, **numbers, **rates, "client_known_days": clock.days_between(created, snapshot.at)}


def lead(asked: Asked) -> Columns:
    """The lead that the deal came from: known as such once it was converted, the last one where there are several."""
    snapshot, cohort = asked.snapshot, asked.rows
    n, every = snapshot.dataset.n_deals, np.arange(len(snapshot.dataset.arrays.recorded("leads")))
    deal, converted = snapshot.dataset.rows_of("leads"), snapshot.times_of("leads", "converted_at", every)
    keep = clock.known(converted, snapshot.at) & (deal >= 0)
    order = np.argsort(converted, kind="stable")
    last = last_row(deal[order], keep[order], n)[cohort]
    row = np.append(order, -1)[last]
    made, answered = (snapshot.times_of("leads", name, row) for name in ("created_at", "first_response_at"))
    return {
        "lead_source": snapshot.texts_of("leads", "source", row),
        "lead_response_days": clock.days_between(made, answered),
        "lead_conversion_days": clock.days_between(made, picked(converted, row)),
    }
