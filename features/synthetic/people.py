"""Who sells: a head of sales, regional managers, team leads, and teams of five to eight sellers."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats
from features.history import Rows
from features.synthetic.batch import ids, instants, pick
from features.synthetic.names import people
from features.synthetic.process import Desk
from features.synthetic.settings import Settings

REGIONS: Final = ("DACH", "UK & Ireland", "North America")
DEALS_A_YEAR: Final = 45
TEAM_SIZE: Final = 6.5
SKILL_SD: Final = 0.16
HIRED_BEFORE: Final = 0.65


@dataclass(frozen=True)
class People:
    """All users by row: the head, the regional managers, the team leads, then the sellers team by team.

    sellers   rows of the sellers
    region    (users,) region of each, -1 for the head
    optimism  (users,) how much too well each sees the own deals
    teams     names of the teams
    table     the users table
    """

    desk: Desk
    sellers: Rows
    region: Rows
    optimism: Floats
    teams: list[str]
    table: pd.DataFrame

    @property
    def regions(self) -> Rows:
        """The regions that have sellers."""
        return np.unique(self.region[self.sellers])


def hire(settings: Settings) -> People:
    """Staff the company for the number of deals it handles."""
    rng = settings.stream("people")
    yearly = settings.n_deals / (settings.months / 12)
    n_teams = max(1, round(yearly / DEALS_A_YEAR / TEAM_SIZE))
    n_regions = min(len(REGIONS), n_teams)
    team_region = np.arange(n_teams) % n_regions
    team = np.repeat(np.arange(n_teams), rng.integers(5, 9, n_teams))
    first_seller = 1 + n_regions + n_teams
    n_users = first_seller + len(team)
    sellers = np.arange(first_seller, n_users)
    region = np.concatenate([[-1], np.arange(n_regions), team_region, team_region[team]])
    teams = [f"{REGIONS[home]} {number // n_regions + 1}" for number, home in enumerate(team_region)]
    team_of = np.concatenate([np.full(1 + n_regions, -1), np.arange(n_teams), team])
    manager = np.concatenate([[-1], np.zeros(n_regions), 1 + team_region, 1 + n_regions + team]).astype(np.int64)
    hired = _hired(settings, n_users, sellers, team, rng)
    desk = Desk(rng.normal(0.0, SKILL_SD, n_users), hired, team_of, _mates(sellers, team))
    table = pd.DataFrame(
        {
            "user_id": ids("U", np.arange(n_users), 4),
            "name": people(n_users, rng),
            "manager_id": ids("U", manager, 4),
            "team": pick(teams, team_of),
            "region": pick(REGIONS, region),
            "hired_at": instants(hired),
            "left_at": instants(np.full(n_users, np.nan)),
        }
    )
    return People(desk, sellers, region, rng.normal(0.0, 1.0, n_users), teams, table)


def _hired(settings: Settings, n_users: int, sellers: Rows, team: Rows, rng: np.random.Generator) -> Floats:
    """Most were there before the history begins, every team's first seller among them; the others join in its course."""
    hired = settings.start - rng.uniform(30, 2500, n_users)
    joins = rng.random(len(sellers)) > HIRED_BEFORE
    joins[np.unique(team, return_index=True)[1]] = False
    during = rng.uniform(settings.start, settings.end - (settings.end - settings.start) / 10, len(sellers))
    hired[sellers[joins]] = during[joins]
    return np.floor(hired) + 8 / 24


def _mates(sellers: Rows, team: Rows) -> Rows:
    """(teams, 8) the sellers of each team, repeated to fill the row."""
    sizes = np.bincount(team)
    start = np.cumsum(sizes) - sizes
    place = np.arange(8)[None, :] % sizes[:, None]
    return np.asarray(sellers[start[:, None] + place], dtype=np.int64)
