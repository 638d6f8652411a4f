"""Plans by quarter for the company, its teams and its sellers, and the figures that are measured outside of the CRM.

A seller's target is the average bookings of a seller-quarter, with the company's growth on top and a ramp for newcomers; a
team's is the sum of its sellers', the company's the sum of its teams'. So plans are met in some quarters and missed in
others.
"""

from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats
from features.history import Rows
from features.synthetic.batch import dates, ids, month_starts, months_of, pick
from features.synthetic.people import People
from features.synthetic.settings import Settings

AHEAD: Final = 4
"""Quarters planned beyond the end of the history."""
STRETCH: Final = 1.08
GROWTH: Final = 0.035
RAMP_QUARTERS: Final = 3


def quarters_of(settings: Settings, ahead: int) -> Rows:
    """First months (since January 1970) of the calendar quarters that the history touches, and of some after it."""
    first, last = months_of(np.array([settings.start, settings.end - 1])) // 3
    return np.arange(first, last + 1 + ahead) * 3


def plans_table(settings: Settings, people: People, bookings: float, rng: np.random.Generator) -> pd.DataFrame:
    """The plans table. `bookings` is the euros won in an average quarter."""
    quarters = quarters_of(settings, AHEAD)
    ramp = _ramp(people.desk.hired[people.sellers], quarters)
    trend = (1 + GROWTH) ** (np.arange(len(quarters)) - (len(quarters) - AHEAD) / 2)
    own = rng.lognormal(0.0, 0.1, len(people.sellers))
    base = bookings * STRETCH / max(ramp[: len(quarters) - AHEAD].sum(axis=1).mean(), 1.0)
    sellers = np.round(base * trend[:, None] * ramp * own, -3)
    of_team = people.desk.team[people.sellers]
    teams = np.stack([sellers[:, of_team == team].sum(axis=1) for team in range(len(people.teams))], axis=1)
    team_names = pick(people.teams, np.arange(len(people.teams)))
    return pd.concat(
        [
            _plan("company", pd.Series([None], dtype="str"), quarters, sellers.sum(axis=1, keepdims=True)),
            _plan("team", team_names, quarters, teams),
            _plan("user", ids("U", people.sellers, 4), quarters, sellers),
        ],
        ignore_index=True,
    )


def _ramp(hired: Floats, quarters: Rows) -> Floats:
    """(quarters, sellers) share of a full target: nothing before the first whole quarter, then growing."""
    served = (month_starts(quarters)[:, None] - hired) / 91.25
    return np.where(served < 0, 0.0, np.clip((served + 1) / RAMP_QUARTERS, 0.0, 1.0))


def _plan(scope: str, scope_id: pd.Series, quarters: Rows, target: Floats) -> pd.DataFrame:
    quarter = np.repeat(quarters, target.shape[1])
    frame = pd.DataFrame(
        {
            "scope": scope,
            "scope_id": scope_id.take(np.tile(np.arange(target.shape[1]), len(quarters))).reset_index(drop=True),
            "kpi": "bookings",
            "period_start": dates(month_starts(quarter)),
            "period_end": dates(month_starts(quarter + 3)),
            "target": target.ravel(),
            "currency": "EUR",
        }
    )
    return frame[frame["target"] > 0]


def actuals_table(settings: Settings, people: People, rng: np.random.Generator) -> pd.DataFrame:
    """Market share of the company and trainings held by each team, for the finished quarters."""
    quarters = quarters_of(settings, 0)
    quarters = quarters[month_starts(quarters + 3) <= settings.end]
    n, teams = len(quarters), len(people.teams)
    share = np.round(0.11 + 0.001 * np.arange(n) + rng.normal(0.0, 0.002, n), 4)
    quarter = np.r_[quarters, np.repeat(quarters, teams)]
    team = np.r_[np.full(n, -1), np.tile(np.arange(teams), n)]
    return pd.DataFrame(
        {
            "kpi": pick(("market_share", "trainings_held"), (team >= 0).astype(np.int64)),
            "scope": pick(("company", "team"), (team >= 0).astype(np.int64)),
            "scope_id": pick(people.teams, team),
            "period_start": dates(month_starts(quarter)),
            "period_end": dates(month_starts(quarter + 3)),
            "value": np.r_[share, rng.poisson(2.5, n * teams).astype(np.float64)],
        }
    )
