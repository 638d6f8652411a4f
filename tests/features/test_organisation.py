"""What belongs to the organisation is checked where it is made."""

import dataclasses

import pytest

from features.calendar import FiscalCalendar
from features.errors import UsageError
from features.organisation import Organisation


def test_the_calendar_is_the_organisations() -> None:
    assert Organisation(timezone="Asia/Tokyo", fiscal_year_start_month=4).calendar == FiscalCalendar("Asia/Tokyo", 4)


@pytest.mark.parametrize("zone", ["Berlin", "", "../etc/passwd", "Europe/Berlin ", "CEST"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(UsageError, match="Europe/Berlin"):
        Organisation(timezone=zone)


@pytest.mark.parametrize("month", [0, 13, -1])
def test_a_month_that_does_not_exist_is_refused(month: int) -> None:
    with pytest.raises(UsageError, match="1 to 12"):
        Organisation(fiscal_year_start_month=month)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Organisation().currency = "USD"  # type: ignore[misc]
