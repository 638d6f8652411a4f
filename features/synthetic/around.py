"""What stands around the deals: leads, exchange rates, reach, costs, plans, and figures measured elsewhere.

None of it carries information on a deal's latent quality. Months and quarters are half-open: `period_end` is the first day
that is no longer in the period.
"""

from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats
from features.history import Rows
from features.synthetic.accounts import CURRENCIES
from features.synthetic.batch import before, dates, draw, ids, instants, month_starts, months_of, pick
from features.synthetic.deals import CLIENT_BASE, NEW, OUTBOUND, SOURCES, Deals
from features.synthetic.settings import Settings

CHANNELS: Final = ("web", "event", "partner", "social")
RATES: Final = np.array([1.0, 1.16, 0.92])
"""Euros for one unit of each currency at the beginning of the history."""
RATE_SD: Final = 0.012
DEAD_LEADS: Final = 2.4
"""Leads that lead nowhere, for each one that becomes a deal."""


def rates_by_month(settings: Settings, rng: np.random.Generator) -> tuple[Rows, Floats]:
    """The months of the history, and (months, currencies) what one unit is worth in euros: a random walk."""
    months = months_of(np.array([settings.start, settings.end - 1]))
    span = np.arange(months[0], months[1] + 1)
    steps = rng.normal(0.0, RATE_SD, (len(span), len(CURRENCIES)))
    steps[:, 0] = 0.0
    return span, np.round(RATES * np.exp(np.cumsum(steps, axis=0)), 4)


def rates_table(months: Rows, rates: Floats) -> pd.DataFrame:
    currency = np.tile(np.arange(len(CURRENCIES)), len(months))
    begins = np.repeat(month_starts(months), len(CURRENCIES))
    return pd.DataFrame({"currency": pick(CURRENCIES, currency), "date": dates(begins), "rate": rates.ravel()})


def leads_table(deals: Deals, dead: Floats, owner: Rows, end: float, rng: np.random.Generator) -> pd.DataFrame:
    """The leads table: one for each new deal that was not sold cold, and `dead` ones (days) that became nothing.

    `owner` is the owner of each dead lead.
    """
    deal = np.flatnonzero((deals.type == NEW) & (deals.source != OUTBOUND))
    converted = np.r_[deals.created[deal], np.full(len(dead), np.nan)]
    created = np.r_[deals.created[deal] - 0.5 - rng.gamma(2.0, 4.0, len(deal)), dead]
    n = len(created)
    answered = created + rng.lognormal(np.log(7 / 24), 1.1, n)
    response = np.where(np.isnan(converted), np.where(rng.random(n) < 0.78, answered, np.nan), np.minimum(answered, converted))
    wait = np.where(np.isnan(converted), rng.exponential(6.0, n), (converted - response) * rng.random(n))
    qualified = np.where(np.isnan(converted) & (rng.random(n) > 0.3), np.nan, response + wait)
    source = np.r_[deals.source[deal], draw([0.55, 0.25, 0.12, 0.08], len(dead), rng)]
    frame = pd.DataFrame(
        {
            "source": pick(SOURCES[:CLIENT_BASE], source),
            "owner_id": ids("U", np.r_[deals.owner[deal], owner], 4),
            "created_at": instants(created),
            "first_response_at": instants(before(response, end)),
            "qualified_at": instants(before(qualified, end)),
            "converted_at": instants(converted),
            "account_id": ids("A", np.r_[deals.account[deal], np.full(len(dead), -1)]),
            "deal_id": ids("D", np.r_[deal, np.full(len(dead), -1)]),
        }
    ).sort_values("created_at", kind="stable", ignore_index=True)
    frame.insert(0, "lead_id", ids("L", np.arange(n)))
    return frame


def audience_table(months: Rows, rng: np.random.Generator) -> pd.DataFrame:
    """People reached, by month and channel."""
    frame = _by_month(months, CHANNELS)
    growth = 1.01 ** (frame.pop("month") - months[0])
    size = np.tile([42_000.0, 3_500.0, 6_000.0, 55_000.0], len(months))
    return frame.assign(reach=np.round(size * growth * rng.lognormal(0.0, 0.2, len(frame))))


def costs_table(months: Rows, n_users: int, bookings: float, rng: np.random.Generator) -> pd.DataFrame:
    """Monthly costs in euros: marketing by channel (a share of average monthly `bookings`), and the pay of the sales force."""
    frame = _by_month(months, (*CHANNELS, None))
    is_sales = frame["channel"].isna().to_numpy()
    share = np.tile([0.045, 0.03, 0.015, 0.02, 0.0], len(months))
    amount = np.where(is_sales, 7_200.0 * n_users, share * bookings) * rng.lognormal(0.0, 0.12, len(frame))
    category = pick(("marketing", "sales"), is_sales.astype(np.int64))
    return frame.drop(columns="month").assign(category=category, amount=np.round(amount, 2))


def _by_month(months: Rows, channels: tuple[str | None, ...]) -> pd.DataFrame:
    month = np.repeat(months, len(channels))
    code = np.tile(np.arange(len(channels)), len(months))
    named = [channel for channel in channels if channel]
    return pd.DataFrame(
        {
            "month": month,
            "period_start": dates(month_starts(month)),
            "period_end": dates(month_starts(month + 1)),
            "channel": pick(named, np.where(code < len(named), code, -1)),
        }
    )
