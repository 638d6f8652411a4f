"""What a synthetic company is made from: its size, its seed, its calendar, and how untidy its CRM is."""

from dataclasses import dataclass, field, fields
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.errors import UsageError

EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Dirt:
    """How untidy the CRM is: shares between 0 and 1, all 0 in a clean one.

    late_entry             rows of dated facts entered days after they happened (adds `recorded_at`)
    missing_values         optional attributes left empty
    pushed_dates           deals whose expected close is left overdue for weeks, then pushed to a month's end
    reopened               lost deals that come back to life
    leavers                sellers who leave; their deals are handed over
    duplicated_activities  activities logged twice
    untidy_categories      sources and industries written in another case, or with a blank behind
    """

    late_entry: float = 0.0
    missing_values: float = 0.0
    pushed_dates: float = 0.0
    reopened: float = 0.0
    leavers: float = 0.0
    duplicated_activities: float = 0.0
    untidy_categories: float = 0.0

    def __post_init__(self) -> None:
        for name, share in self.shares.items():
            if not 0.0 <= share <= 1.0:
                raise UsageError(f"dirt.{name} is {share}; it is a share and must lie between 0 and 1")

    @classmethod
    def all(cls) -> "Dirt":
        """Every kind at once, at shares that CRM audits usually find."""
        return cls(
            late_entry=0.15,
            missing_values=0.08,
            pushed_dates=0.3,
            reopened=0.05,
            leavers=0.15,
            duplicated_activities=0.03,
            untidy_categories=0.02,
        )

    @property
    def shares(self) -> dict[str, float]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def is_clean(self) -> bool:
        return not any(self.shares.values())


@dataclass(frozen=True)
class Settings:
    """One synthetic company. Equal settings give equal tables, on every machine and on every day.

    n_deals   deals created during the history
    seed      any number from 0 on
    months    length of the history; the CRM is new at its start, so the pipeline fills up in the first two quarters
    ends_on   the first day that is no longer in the data; the wall clock plays no part
    shock_sd  standard deviation of each month's shock to the (log) pace of all deals; 0 switches shocks off
    rush      whether work speeds up towards the end of a quarter
    dirt      how untidy the CRM is
    """

    n_deals: int = 2000
    seed: int = 7
    months: int = 30
    ends_on: date = date(2026, 10, 1)
    shock_sd: float = 0.25
    rush: bool = True
    dirt: Dirt = field(default_factory=Dirt)

    def __post_init__(self) -> None:
        for name, value, least in (
            ("n_deals", self.n_deals, 1),
            ("seed", self.seed, 0),
            ("months", self.months, 3),
            ("shock_sd", self.shock_sd, 0.0),
        ):
            if not value >= least:
                raise UsageError(f"{name} is {value}; it must be {least} or more")

    @property
    def starts_on(self) -> date:
        return (pd.Timestamp(self.ends_on) - pd.DateOffset(months=self.months)).date()

    @property
    def start(self) -> float:
        """The history's first instant, in days since 1970."""
        return float(self.starts_on.toordinal() - EPOCH)

    @property
    def end(self) -> float:
        """The first instant after the history, in days since 1970."""
        return float(self.ends_on.toordinal() - EPOCH)

    @property
    def start_at(self) -> pd.Timestamp:
        return clock.instant(round(self.start * clock.MICROS_PER_DAY))

    @property
    def end_at(self) -> pd.Timestamp:
        return clock.instant(round(self.end * clock.MICROS_PER_DAY))

    def stream(self, part: str) -> np.random.Generator:
        """The random numbers of one part of the company: no other part's draws can shift them."""
        return np.random.default_rng([self.seed, *part.encode()])
