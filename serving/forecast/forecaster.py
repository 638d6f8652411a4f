"""Forecasts of one state of the data, each computed once: the command line, the API and the page all ask here.

    Forecaster          data, models and where backtests are kept
      .known(as_of)     everything that does not depend on the period: cells, births, the scored open deals
      .made(window)     the draws of one period, and of recurring revenue beside them

A model that learned from days after the as_of would look ahead, so it is refused, and the message says what to do instead.
"""

from collections.abc import Callable, Hashable, Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import pandas as pd

from features import clients, clock
from features.dataset import Dataset
from features.errors import UsageError
from features.kpis import windows
from features.kpis.slices import PEOPLE
from features.kpis.value import Node, Window
from features.snapshot import Snapshot
from serving.access.sight import Sight
from serving.forecast import backtests
from serving.forecast.backtests import Kept
from serving.forecast.recorded import ByRecord
from serving.forecast.sight import narrowed
from serving.registry.champions import Champions
from serving.served.newest import Newest
from serving.served.state import Loaded, Served
from training.births import Births, fit_births
from training.bundle import Bundle, DamagedBundleError
from training.curves import Curves
from training.places import Places, places
from training.recurring import Recurring, forecast_recurring
from training.rollup import Foretold, PeriodForecast, forecast_period, foretell
from training.shock import Shock, fit_shock
from training.targets import DEALS

FARTHEST_DAYS: Final = 3 * 366.0
KEPT_FORECASTS: Final = 6
KEPT_MOMENTS: Final = 2
KnownAt: TypeAlias = Callable[[Dataset, pd.Timestamp], Dataset]
"""The data of now as it was at a moment."""


@dataclass(frozen=True)
class Known:
    """What was known at one moment, whatever the period.

    by_record  versions of the models whose recorded scores these are; none where the champion scored
    """

    snapshot: Snapshot
    places: Places
    births: Births
    foretold: Foretold
    by_record: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """The forecasts of one period as of one moment.

    recurring     None where there is none, and `no_recurring` says why: no_contracts, no_model or model_is_later
    backtest      kept for this kind of period; None where there is none
    """

    known: Known
    forecast: PeriodForecast
    recurring: Recurring | None
    no_recurring: str | None
    backtest: Kept | None


class Forecaster:
    """What forecasts of one state of the data are made from.

    bundles  `deals`, and `clients` where there is one
    as_of    the moment that is meant where none is named
    home     below which backtests are kept
    earlier  the data of past dates, as it was then; that of now where none is given
    record   the scores of past dates as they were issued; None where no journal is at hand
    """

    def __init__(
        self,
        dataset: Dataset,
        bundles: Mapping[str, Bundle],
        as_of: pd.Timestamp,
        home: Path,
        threads: int = 2,
        earlier: KnownAt | None = None,
        record: ByRecord | None = None,
    ) -> None:
        self.dataset, self.bundles, self.as_of, self.home, self.threads = dataset, bundles, as_of, home, threads
        self.earlier: KnownAt = earlier or (lambda dataset, _: dataset)
        self.record = record
        self._moments, self._made, self._others = Newest(KEPT_MOMENTS), Newest(KEPT_FORECASTS), Newest(KEPT_FORECASTS)
        self.sight: Sight | None = None

    def seen_by(self, sight: Sight | None) -> "Forecaster":
        """The same forecasts, of which only what a person sees is made known."""
        seen = copy(self)
        seen.sight = sight
        return seen

    def remembered(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What else was computed from the same state, of everything; the newest few answers are kept."""
        return self._others.get(key, compute)

    def shows(self, dimension: str, node: str | None) -> bool:
        """Whether what is said of a node of people, or of the company, is seen."""
        if self.sight is None:
            return True
        return dimension in PEOPLE and node is not None and self.sight.shows(Node(dimension, node, ""))

    def window(self, text: str | None, as_of: pd.Timestamp | None = None) -> Window:
        """A period from its text, the running quarter where there is none. Raises UsageError, also for one too far ahead."""
        at, calendar = as_of or self.as_of, self.dataset.organisation.calendar
        if not text:
            return windows.quarter(at, calendar)
        return self.near(windows.parse(text, calendar), at)

    def ahead(self, text: str | None, as_of: pd.Timestamp | None = None) -> Window:
        """A period of which some is still to come, from its text. Raises UsageError for one that is over."""
        at, window = as_of or self.as_of, self.window(text, as_of)
        if is_over(window, at):
            raise UsageError(f"the period {window.label} was over by {at:%Y-%m-%d}; ask for one that is not")
        return window

    def known(self, as_of: pd.Timestamp | None = None) -> Known:
        """What was known at a moment. Raises UsageError for a moment before the model's own."""
        at = as_of or self.as_of
        refuse_hindsight(self.bundles["deals"], at)
        found: Known = self._of_moment(at, at, self._known)
        return found

    def known_or_recorded(self, as_of: pd.Timestamp) -> Known:
        """What was known at a moment; before the champion's own with the scores that were issued then. Raises UsageError."""
        if self.record is None or not is_later(self.bundles["deals"], as_of):
            return self.known(as_of)
        record = self.record
        found: Known = self._of_moment(("recorded", as_of), as_of, lambda at: self._recorded(at, record))
        return found

    def by_version(self, version: str, snapshot: Snapshot) -> Curves | None:
        """The open deals by a former champion; None where it is not in the cache any more, or is not as it was stored."""

        def scored() -> Curves:
            return foretell(snapshot, Champions(self.home).load(DEALS.name, version).models[DEALS.name], None).curves

        try:
            found: Curves = self.remembered(("former", version, snapshot.at), scored)
        except DamagedBundleError:
            return None
        return found

    def _of_moment(self, key: Hashable, at: pd.Timestamp, compute: Callable[[pd.Timestamp], Known]) -> Any:
        if not self._moments.holds(key) and at != self.as_of:
            self.earlier(self.dataset, at)  # who waits for the data of a past date holds up nobody else
        return self._moments.get(key, lambda: compute(at))

    def _recorded(self, at: pd.Timestamp, record: ByRecord) -> Known:
        snapshot = self._snapshot(at)
        try:
            issued = record(snapshot)
        except UsageError as error:
            raise UsageError(f"{hindsight(self.bundles['deals'], at)}. Nor can recorded scores stand in: {error}") from None
        where = places(snapshot)
        return Known(snapshot, where, fit_births(snapshot, where.of_deal), Foretold.as_it_stands(issued.curves), issued.versions)

    def _snapshot(self, at: pd.Timestamp) -> Snapshot:
        return Snapshot(self.dataset if at == self.as_of else self.earlier(self.dataset, at), at)

    def made(self, window: Window, as_of: pd.Timestamp | None = None) -> Made:
        """The forecasts of a period, of what is seen. Raises UsageError for a moment before the model's own, and for a period too
        far ahead."""
        found = self.made_whole(window, as_of)
        return found if self.sight is None else Made(found.known, narrowed(found.forecast, self.sight), None, "narrowed", None)

    def made_whole(self, window: Window, as_of: pd.Timestamp | None = None) -> Made:
        """The forecasts of a period, of everything."""
        at = as_of or self.as_of
        kept = self._kept(self.near(window, at))
        found: Made = self._made.get((window, at, kept and kept.as_of), lambda: self._make(window, at, kept))
        return found

    def _known(self, at: pd.Timestamp) -> Known:
        champion, snapshot = self.bundles["deals"], self._snapshot(at)
        where = places(snapshot)
        foretold = foretell(snapshot, champion.models[DEALS.name], champion.amounts)
        return Known(snapshot, where, fit_births(snapshot, where.of_deal), foretold)

    def _make(self, window: Window, at: pd.Timestamp, kept: Kept | None) -> Made:
        known = self.known(at)
        lead = max(0.0, float(clock.days_between(clock.micros(window.start), clock.micros(at))))
        shock = kept.tested.shock(at, lead) if kept else fit_shock([])
        made = forecast_period(
            known.snapshot, known.foretold, window, shock, births=known.births, threads=self.threads, where=known.places
        )
        lack = self._no_recurring(known.snapshot)
        return Made(known, made, None if lack else self._recurring(known.snapshot, window), lack, kept)

    def _recurring(self, snapshot: Snapshot, window: Window) -> Recurring:
        """What clients have in common is not learned from deals: the shock is the prior's, and the interval cautious."""
        shock: Shock = fit_shock([])
        return forecast_recurring(snapshot, self.bundles["clients"].models[clients.CONTRACTS], window, shock)

    def _no_recurring(self, snapshot: Snapshot) -> str | None:
        if not snapshot.has("contracts"):
            return "no_contracts"
        champion = self.bundles.get("clients")
        if champion is None or clients.CONTRACTS not in champion.models:
            return "no_model"
        return "model_is_later" if is_later(champion, snapshot.as_of) else None

    def _kept(self, window: Window) -> Kept | None:
        kind = backtests.kind_of(window, self.dataset)
        return backtests.kept(self.home, kind) if kind else None

    def near(self, window: Window, at: pd.Timestamp) -> Window:
        """The same window, unless it ends too far ahead. Raises UsageError."""
        if clock.days_between(clock.micros(at), clock.micros(window.end)) > FARTHEST_DAYS:
            raise UsageError(f"the period {window.label} ends more than three years after {at:%Y-%m-%d}; ask for a nearer one")
        return window


class Forecasts:
    """The Forecaster of what is served; another one as soon as something else is."""

    def __init__(self, home: Path, threads: int, earlier: KnownAt | None = None, record: ByRecord | None = None) -> None:
        self.home, self.threads, self.earlier, self.record = home, threads, earlier, record
        self._held: tuple[Loaded, Forecaster] | None = None

    def of(self, served: Served) -> Forecaster:
        """That of one state of data, models and time."""
        held, whole = self._held, served.whole or served
        if held is None or held[0] is not whole:
            forecaster = Forecaster(
                served.dataset, served.bundles, served.as_of, self.home, self.threads, self.earlier, self.record
            )
            held = (whole, forecaster)
            self._held = held
        return held[1] if served.sight is None else held[1].seen_by(served.sight)


def is_over(window: Window, as_of: pd.Timestamp) -> bool:
    """Whether nothing of a period is still to come."""
    return not clock.is_known(clock.micros(as_of), clock.micros(window.end))


def refuse_hindsight(champion: Bundle, as_of: pd.Timestamp) -> None:
    """Raises UsageError where a model knows days after the as_of."""
    if is_later(champion, as_of):
        raise UsageError(hindsight(champion, as_of))


def hindsight(champion: Bundle, as_of: pd.Timestamp) -> str:
    """Why a model cannot answer as of a moment before its own, and what to do instead."""
    return (
        f"the champion for {champion.target} (version {champion.version}) was trained as of "
        f"{champion.trained_as_of:%Y-%m-%d} and would look ahead as of {as_of:%Y-%m-%d}. On the command line --fit learns a "
        "model of that day for the answer; or train with an earlier --as-of and promote that version, or ask for a later date"
    )


def is_later(champion: Bundle, as_of: pd.Timestamp) -> bool:
    """Whether a model knows days after the as_of."""
    return clock.is_known(clock.micros(as_of), clock.micros(champion.trained_as_of))
