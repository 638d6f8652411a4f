"""What is answered from: the data of one moment (`Loaded`), and with a champion the pipeline computed from it (`Served`).

Both are values that nobody changes; what is computed at the first question for it is kept with them. What one person may see of
them is a value of the same kind, narrowed from the whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Self, TypeVar

import numpy as np
import pandas as pd

from features import clock
from features.dataset import Dataset
from features.excerpt import prepare
from features.rates import Rates, of_the_day
from features.snapshot import Snapshot
from serving.access.sight import Sight, sight_of
from serving.scoring.reason_columns import Words, words_of
from serving.served.columns import Texts
from serving.served.one_deal import OneDeal, curve_table, look_up
from serving.served.people import people_of
from serving.served.ranking import Ranking
from serving.served.scores import Scores
from serving.served.trend import NoPast, Past
from training.bundle import Bundle
from training.similar import PastDeals, past_deals

MOST_KEPT: Final = 2000
"""Single deals whose signals and curves are kept."""
MOST_VIEWS: Final = 500
"""People whose part of the whole is kept."""

Value = TypeVar("Value")


class shared(cached_property[Value]):  # noqa: N801  # it is used like cached_property
    """Computed once, also for all that is narrowed from it."""

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is not None and instance.whole is not None:
            return getattr(instance.whole, self.attrname or "")
        return super().__get__(instance, owner)


@dataclass(frozen=True)
class Loaded:
    """The data of one revision as of one moment: what KPIs, funnel, team and goals are answered from.

    sight  what the caller may see, None for everything; the data is whole all the same, answers are narrowed
    whole  everything, where this is what one person sees of it; what does not depend on the person is computed there, once
    """

    dataset: Dataset
    revision: int
    as_of: pd.Timestamp
    sight: Sight | None = field(default=None, kw_only=True)
    whole: "Loaded | None" = field(default=None, kw_only=True, repr=False, compare=False)
    _views: dict[str, Any] = field(default_factory=dict, kw_only=True, repr=False, compare=False)

    def seen_by(self, user_id: str | None) -> Self:
        """What a person may see, computed at the first request of theirs; everything for None."""
        if user_id is None or self.whole is not None:
            return self
        if user_id not in self._views:
            if len(self._views) >= MOST_VIEWS:
                self._views.clear()
            self._views[user_id] = self._narrowed(sight_of(self.snapshot, self.teams, user_id))
        view: Self = self._views[user_id]
        return view

    def _narrowed(self, sight: Sight) -> Self:
        return replace(self, sight=sight, whole=self)

    @property
    def owners(self) -> frozenset[str] | None:
        """Whose deals are seen, None for everyone's."""
        return None if self.sight is None else self.sight.people

    def shows_deal(self, deal_id: str) -> bool:
        """Whether a deal, open or closed, is there to be seen."""
        row = self.dataset.deal_rows.get_indexer(pd.Index([deal_id], dtype=object))
        if row[0] < 0 or not self.snapshot.exists[row[0]]:
            return False
        return self.owners is None or self.snapshot.texts("owner_id", row)[0] in self.owners

    @shared
    def snapshot(self) -> Snapshot:
        """The data as it was known at as_of."""
        return Snapshot(self.dataset, self.as_of)

    @shared
    def rates(self) -> Rates:
        """The rates that the signals of all deals borrow."""
        return of_the_day(self.snapshot)

    @shared
    def teams(self) -> Mapping[str, frozenset[str]]:
        """The people of each team, its whole subtree."""
        return people_of(self.snapshot, "team")

    @shared
    def reports(self) -> Mapping[str, frozenset[str]]:
        """Everybody below each manager, the manager included."""
        return people_of(self.snapshot, "manager")

    @shared
    def words(self) -> Words:
        """How figures read in each language."""
        return words_of(self.dataset)

    @property
    def age_days(self) -> float:
        """Days of 24 hours since the newest fact."""
        return float(clock.days_between(clock.micros(self.dataset.ends_at), clock.micros(pd.Timestamp.now(tz="UTC"))))


@dataclass(frozen=True)
class Served(Loaded):
    """One consistent answer to everything: requests read it and never change it.

    deals      those that the caller may see, and no other; clients likewise
    clients    None where there is no champion for clients
    explained  what was explained so far: (part, deal, horizon) -> see `serving.lists.explained`
    """

    bundles: Mapping[str, Bundle]
    deals: Ranking
    clients: Ranking | None
    explained: dict[tuple[str, str, float], Any] = field(default_factory=dict, repr=False, compare=False)
    _looked_up: dict[str, OneDeal] = field(default_factory=dict, repr=False, compare=False)

    def _narrowed(self, sight: Sight) -> Self:
        deals, clients = self.deals, self.clients
        own = _only(deals, "owner_id", sight.people)
        theirs = None if clients is None else _only(clients, "account_id", sight.accounts)
        return replace(self, sight=sight, whole=self, deals=own, clients=theirs, explained={})

    def one(self, deal_id: str) -> OneDeal:
        """An open deal's signals and curve, computed at the first request for it."""
        if deal_id not in self._looked_up:
            if len(self._looked_up) >= MOST_KEPT:
                self._looked_up.clear()
            self._looked_up[deal_id] = look_up(self.snapshot, self.rates, self.bundles["deals"], deal_id)
        return self._looked_up[deal_id]

    def curve(self, deal_id: str) -> pd.DataFrame:
        """The deal's curve: day, p_won, p_lost, p_open, extrapolated."""
        return curve_table(self.one(deal_id).curves)

    @shared
    def past_deals(self) -> PastDeals:
        """The deals decided by as_of, to find similar ones among; collected at the first request for any."""
        return past_deals(self.dataset, self.bundles["deals"].explainers["deals"], self.as_of)

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        revision: int,
        as_of: pd.Timestamp,
        bundles: Mapping[str, Bundle],
        scores: Scores,
        past: Past | None = None,
    ) -> "Served":
        """The scores as rankings with their trends, over data in which posted deals find their accounts without a wait."""
        prepare(dataset)
        return cls(dataset, revision, as_of, bundles, *scores.ranked(past or NoPast(), as_of))


def _only(ranking: Ranking, name: str, wanted: frozenset[str]) -> Ranking:
    """The rows with one of these texts; none where the column holds no texts at all."""
    found = ranking.columns[name]
    return ranking.only(np.flatnonzero(found.one_of(wanted)) if isinstance(found, Texts) else np.array([], dtype=np.intp))
