"""What may be asked of the KPIs, the funnel, the team and the goals: one model each, for the API's query and the command line.

Every field has its limits here, so that a question that cannot be answered is refused before anything is computed.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from features.kpis.options import AS_KNOWN, TODAY, Options
from serving.schemas import Flag, Label, Request
from serving.settings import Language

MOST_PERIODS: Final = 40
MOST_NAMES: Final = 100

Dimension = Literal["company", "owner", "team", "manager", "office", "product", "source", "type", "region", "industry", "stage"]
Comparison = Literal["plan", "previous", "last_year"]
Names = Annotated[list[Label], Field(max_length=MOST_NAMES)]


class Asked(Request):
    """What every question may say."""

    as_of: Label | None = Field(
        default=None,
        description="Use what was recorded before this moment: 2026-10-01, or 2026-10-01T09:00+02:00. Default: now.",
    )
    language: Language = Field(default="en", description="Of the names and sentences of the answer: en or ru.")


class Periodic(Asked):
    period: Label | None = Field(
        default=None,
        description="2026, 2026Q4, 2026-10, or 2026-10-01..2026-11-15, of which the last day is no longer in it. "
        "Default: the running quarter.",
    )


class KpisQuery(Periodic):
    """KPIs: which, when, of whom, compared with what."""

    periods: int = Field(default=1, ge=1, le=MOST_PERIODS, description="So many periods up to that one, 1 to 40.")
    by: Dimension = Field(default="company", description="The slices that stand beside the company.")
    kpi: Names = Field(default=[], description="Names, or name:variant; may be repeated. Default: all that the data can answer.")
    compare: Annotated[list[Comparison], Field(max_length=3)] = Field(
        default=[], description="What each value stands beside: plan, previous, last_year; may be repeated."
    )
    where: Names = Field(default=[], description="Only what belongs to a node, as dimension=id; may be repeated.")
    teams: Literal["today", "as_known"] = Field(default="today", description="The hierarchy of today, or as known at as_of.")
    cost_lag_months: int = Field(default=0, ge=0, le=60, description="Months from the costs to the clients that they won.")
    lifetime_months: float = Field(default=120.0, gt=0, le=1200, description="The longest lifetime of a client, in months.")
    trailing_days: int = Field(default=365, ge=1, le=3650, description="Days behind the sales velocity.")

    forecast_lead: float = Field(
        default=0.0, ge=0, le=3650, description="Days before the end of its period by which a forecast that is judged was made."
    )
    predict: bool = Field(
        default=False, description="Also what the forecast says of periods that are not over, beside the values."
    )

    @property
    def options(self) -> Options:
        return Options(
            teams=TODAY if self.teams == "today" else AS_KNOWN,
            cost_lag_months=self.cost_lag_months,
            lifetime_months=self.lifetime_months,
            trailing_days=self.trailing_days,
            forecast_lead=self.forecast_lead,
        )


class FunnelQuery(Periodic):
    """The funnel of the leads and deals that began in a period."""

    owner_id: Label | None = Field(default=None, description="Only journeys of this person.")
    team: Label | None = Field(default=None, description="Only journeys of this team, its whole subtree.")
    source: Label | None = Field(default=None, description="Only journeys from this source.")


class TeamQuery(Periodic):
    """The people of a team in a period."""

    team: Label | None = Field(default=None, description="The team, its whole subtree. Default: everybody.")


class GoalsQuery(Asked):
    """Goals and what is to be said of them."""

    scope: Literal["company", "team", "user"] | None = Field(
        default=None, description="Only goals of the company, teams or people."
    )
    scope_id: Label | None = Field(default=None, description="Only goals of this team or person.")
    kpi: Label | None = Field(default=None, description="Only goals of this KPI.")
    over: Flag = Field(default=False, description="Also goals whose period is over.")
