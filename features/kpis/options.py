"""What may be chosen where practice disagrees, beside the variants: printed with every scorecard."""

from dataclasses import dataclass

from features.errors import UsageError

TODAY = "today"
AS_KNOWN = "as known"


@dataclass(frozen=True)
class Options:
    """Declared choices of one scorecard.

    teams             "today": the hierarchy of the newest export, also for the past; "as known": the one known at as_of
    cost_lag_months   how many months earlier than the new clients the costs that won them were spent
    lifetime_months   the longest lifetime that a client value is counted over
    trailing_days     days behind the win rate, average deal and cycle that the sales velocity is made of
    forecast_lead     days before the end of its period by which a forecast must have been made to be judged; 0: at any time
    """

    teams: str = TODAY
    cost_lag_months: int = 0
    lifetime_months: float = 120.0
    trailing_days: int = 365
    forecast_lead: float = 0.0

    def __post_init__(self) -> None:
        if self.teams not in (TODAY, AS_KNOWN):
            raise UsageError(f"teams is '{self.teams}'; it must be '{TODAY}' or '{AS_KNOWN}'")
        for name in ("cost_lag_months", "forecast_lead"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be 0 or more")
        for name in ("lifetime_months", "trailing_days"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be above 0")
