"""Sheet: the grid of one scorecard with the facts that are counted on it, each compiled and coded once, when first asked for.

It also gives the answers their common part: why a cell is null whatever the KPI (its window has not begun, ends before the data,
or the KPI is not known in this slice), and what a reader has to know (the window is still running).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.kpis import windows as calendar_windows
from features.kpis.facts import DealFacts, LeadFacts, deal_facts, lead_facts
from features.kpis.grid import Coded, Grid
from features.kpis.options import Options
from features.kpis.places import Filter, Places
from features.kpis.slices import Slicing
from features.kpis.value import Cells, Window
from features.snapshot import Snapshot
from features.visits import Visits, visits

DAYS_PER_MONTH: Final = 30.4375
Rule = tuple[Mask, str]


@dataclass(frozen=True)
class Facts:
    """What does not depend on the windows. `where`: only records of these leaves of other dimensions count."""

    snapshot: Snapshot
    slicing: Slicing
    options: Options
    forecasts: pd.DataFrame | None = None
    where: tuple[tuple[Slicing, Mask], ...] = ()
    cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def deals(self) -> DealFacts:
        return deal_facts(self.snapshot)

    @cached_property
    def leads(self) -> LeadFacts:
        return lead_facts(self.snapshot)

    @cached_property
    def visits(self) -> Visits:
        return visits(self.snapshot)

    @cached_property
    def places(self) -> Places:
        filters = (Filter(Places(self.snapshot, slicing, self.deals), inside) for slicing, inside in self.where)
        return Places(self.snapshot, self.slicing, self.deals, tuple(filters))


@dataclass(frozen=True)
class Sheet:
    """Facts on a grid. Every figure of it has the shape (windows, nodes)."""

    facts: Facts
    grid: Grid
    cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def snapshot(self) -> Snapshot:
        return self.facts.snapshot

    @property
    def shape(self) -> tuple[int, int]:
        return self.grid.shape

    def has(self, table: str) -> bool:
        """Whether the source has a table; one of clients alone has a table of deals without rows."""
        return has(self.snapshot, table)

    @cached_property
    def until(self) -> Micros:
        """The end of each window, as_of while it is running."""
        return clock.earlier(self.grid.ends, clock.repeated(self.snapshot.at, len(self.grid.ends)))

    @property
    def limits(self) -> list[tuple[int, int]]:
        """Start and end of each window, as_of while it is running."""
        return list(zip(self.grid.starts.tolist(), self.until.tolist(), strict=True))

    @cached_property
    def months(self) -> Floats:
        """Months of each window that have gone by, 0 for one that has not begun."""
        return np.maximum(clock.days_between(self.grid.starts, self.until), 0.0) / DAYS_PER_MONTH

    @cached_property
    def elapsed(self) -> Floats:
        """Share of each window that has gone by, 0 to 1."""
        gone = clock.days_between(self.grid.starts, self.until) / clock.days_between(self.grid.starts, self.grid.ends)
        return np.clip(gone, 0.0, 1.0)

    @cached_property
    def closes(self) -> Coded:
        """Won and lost deals by when they closed."""
        return self.grid.coded(self.facts.deals.closed, self.facts.places.deals, self.facts.deals.decided)

    @cached_property
    def openings(self) -> Coded:
        """All deals by when they were created."""
        return self.grid.coded(self.facts.deals.created, self.facts.places.deals, self.snapshot.exists)

    def lead_times(self, name: str) -> Coded:
        """Leads by one of their moments: created, qualified or converted."""
        leads = self.facts.leads
        times: Micros = getattr(leads, name)
        return self.grid.coded(times, self.facts.places.leads(leads), np.ones(len(times), dtype=bool))

    def elsewhere(self, windows: tuple[Window, ...]) -> "Sheet":
        """The same facts in other windows."""
        return Sheet(self.facts, Grid.of(windows, self.facts.slicing))

    def compared(self, name: str) -> "Sheet":
        """Each window's "previous" or "last_year", cut to the same part while the window is running."""
        calendar = self.snapshot.dataset.organisation.calendar
        shift = {"previous": calendar_windows.previous, "last_year": calendar_windows.year_before}[name]
        others = (calendar_windows.up_to(shift(each, calendar), each, self.snapshot.as_of) for each in self.grid.windows)
        return self.elsewhere(tuple(others))

    def answer(
        self,
        table: str,
        value: Floats,
        *,
        n: Floats,
        rules: tuple[Rule, ...] = (),
        flags: Mapping[str, Mask] | None = None,
        ahead: bool = False,
        **parts: Any,
    ) -> Cells:
        """The cells of a KPI whose records are rows of `table`: `rules` are its own reasons to be null, the first counts.

        `ahead` is for what can be asked of a window that has not begun.
        """
        reason = self.reasons(table, value, n, rules, ahead=ahead)
        told = self._flags(table) | dict(flags or {})
        return Cells.of(value, reason, n=np.nan_to_num(n), flags=told, **_filled(parts))

    def nothing(self, code: str) -> Cells:
        """Null everywhere, for one reason."""
        empty = np.full(self.shape, np.nan)
        return Cells.of(empty, np.full(self.shape, code, dtype=object), n=np.zeros(self.shape))

    def reasons(
        self, table: str, value: Floats, n: Floats, rules: tuple[Rule, ...], *, ahead: bool = False
    ) -> npt.NDArray[np.object_]:
        """Why each cell is null, an empty text where it is not. Where `n` is NaN, its slice is not known."""
        begins = self.snapshot.dataset.begins.get(table, clock.ALWAYS)
        common = (
            (self.grid.by_window(~clock.known(self.grid.starts, self.snapshot.at) & (not ahead)), "not_begun"),
            (self.grid.by_window(clock.not_after(self.grid.ends, begins)), "before_data"),
            (np.isnan(n), "not_sliced"),
        )
        found = np.full(self.shape, "", dtype=object)
        for mask, code in reversed((*common, *rules, (np.isnan(value), "nothing_counted"))):
            found[np.asarray(mask, dtype=bool)] = code
        return found

    def _flags(self, table: str) -> dict[str, Mask]:
        begins = self.snapshot.dataset.begins.get(table, clock.ALWAYS)
        running = clock.known(self.grid.starts, self.snapshot.at) & ~clock.not_after(self.grid.ends, self.snapshot.at)
        early = ~clock.not_after(clock.repeated(begins, len(self.grid.starts)), self.grid.starts)
        early &= ~clock.not_after(self.grid.ends, begins)
        return {
            "running": np.asarray(self.grid.by_window(running)),
            "partly_before_data": np.asarray(self.grid.by_window(early)),
        }


def has(snapshot: Snapshot, table: str) -> bool:
    """Whether the source has a table with something in it."""
    return snapshot.has(table) and (table != "deals" or snapshot.dataset.n_deals > 0)


def ratio(above: Floats, below: Floats) -> Floats:
    """One over the other, NaN where there is nothing to divide by."""
    quotient = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=quotient, where=np.nan_to_num(below) != 0)
    return quotient


def _filled(parts: dict[str, Any]) -> dict[str, Any]:
    """Counts of excluded and censored records of a slice that is not known are 0."""
    parts["excluded"] = {code: np.nan_to_num(counts) for code, counts in parts.get("excluded", {}).items()}
    if "censored" in parts:
        parts["censored"] = np.nan_to_num(parts["censored"])
    return parts
