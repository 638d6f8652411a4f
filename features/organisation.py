"""What belongs to the organisation and not to a record: its calendar, its money, its conventions."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from features.calendar import FiscalCalendar
from features.errors import UsageError


@dataclass(frozen=True)
class Organisation:
    """One frozen value, passed down; `features` reads no settings.

    timezone                 IANA name; a period ends at local midnight here
    fiscal_year_start_month  1 to 12
    currency                 ISO 4217 code that every answer is given in
    client_horizon_days      horizon of the one declared `p_leaves` question
    active_window_days       a client without a contract is active while its last order is younger than this
    contract_grace_days      a contract that ends without a successor within this time counts as left
    """

    timezone: str = "UTC"
    fiscal_year_start_month: int = 1
    currency: str = "EUR"
    client_horizon_days: int = 90
    active_window_days: int = 365
    contract_grace_days: int = 30

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise UsageError(f"'{self.timezone}' is not a time zone; write an IANA name such as Europe/Berlin") from None
        if not 1 <= self.fiscal_year_start_month <= 12:
            raise UsageError(f"fiscal_year_start_month is {self.fiscal_year_start_month}; it must be 1 to 12")

    @property
    def calendar(self) -> FiscalCalendar:
        return FiscalCalendar(self.timezone, self.fiscal_year_start_month)
