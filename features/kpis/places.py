"""Which leaf of a dimension each record belongs to; None where the dimension says nothing of such records.

* A deal: its own owner, product, source and type, and its client's region and industry.
* A lead: its owner and source. Its client is known only once it has converted, so a lead cannot be cut by region.
* A visit of a stage: its stage, else as its deal.
* A client, with its orders, contracts and answers: its region and industry, the owner of the deal it was last won with, and the
  source that it came from: of the deal it was first won with, else of the lead that first became it.
* What was spent or reached in a channel: the source of that name.
* An answer to a survey that names a person belongs to that person instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from features import clock, history
from features.clock import Mask, Micros
from features.flat import Texts, texts
from features.history import Rows
from features.kpis.facts import DealFacts, LeadFacts, lead_facts, owners_at
from features.kpis.slices import OF_CLIENTS, OF_DEALS, PEOPLE, SOURCE, STAGE, Slicing, client_texts
from features.kpis.value import COMPANY
from features.snapshot import Snapshot
from features.visits import Visits


@dataclass(frozen=True)
class Filter:
    """Only what belongs to one node of another dimension counts; `inside` says which of its leaves do."""

    places: "Places"
    inside: Mask


@dataclass(frozen=True)
class Places:
    """Leaves of one Snapshot's records in one dimension, -1 for records that do not pass the filters."""

    snapshot: Snapshot
    slicing: Slicing
    facts: DealFacts
    filters: tuple[Filter, ...] = ()

    @cached_property
    def deals(self) -> Rows:
        """Each deal by its owner at the close, or of now."""
        return self._kept(self._own_deals, [each.places.deals for each in self.filters])

    def deals_at(self, moments: Micros) -> Rows:
        """Each deal by its owner at a moment of its own."""
        return self._kept(self._deals_at(moments), [each.places.deals_at(moments) for each in self.filters])

    def leads(self, leads: LeadFacts) -> Rows | None:
        own, dimension = None, self.slicing.dimension
        if dimension == COMPANY:
            own = np.zeros(len(leads.created), dtype=np.int64)
        elif dimension in PEOPLE:
            own = self.slicing.leaf(leads.owner)
        elif dimension == SOURCE:
            own = self.slicing.leaf(leads.source)
        return None if own is None else self._kept(own, [each.places.leads(leads) for each in self.filters])

    @cached_property
    def clients(self) -> Rows | None:
        """One entry for each of `Dataset.client_ids`."""
        own = self._own_clients
        return None if own is None else self._kept(own, [each.places.clients for each in self.filters])

    def of_clients(self, client: Rows) -> Rows | None:
        """Records, each with the row of its client; those without one (-1) belong to nobody, and pass no filter."""
        if self.clients is None:
            return None
        leaf: Rows = np.append(self.clients, -1 if self.filters else self.slicing.n_leaves - 1)[client]
        return leaf

    def answers(self, surveys: pd.DataFrame, client: Rows) -> Rows | None:
        """Survey answers, each with the row of its client (-1: none)."""
        own = self.of_clients(client)
        if own is None or self.slicing.dimension not in PEOPLE or "user_id" not in surveys:
            return own
        named = self.slicing.leaf(texts(surveys["user_id"]))
        named = self._kept(named, [each.places.answers(surveys, client) for each in self.filters])
        return np.where(surveys["user_id"].notna(), named, own)

    def visits(self, visited: Visits) -> Rows:
        """Visits of stages: each by its stage, else as its deal."""
        by_stage = self.slicing.dimension == STAGE
        own = self.slicing.leaf(visited.stages)[visited.stage] if by_stage else self._own_deals[visited.deal]
        return self._kept(own, [each.places.visits(visited) for each in self.filters])

    def people(self, ids: Texts) -> Rows | None:
        """People themselves."""
        if self.slicing.dimension not in (COMPANY, *PEOPLE):
            return None
        own = np.zeros(len(ids), dtype=np.int64) if self.slicing.dimension == COMPANY else self.slicing.leaf(ids)
        return self._kept(own, [each.places.people(ids) for each in self.filters])

    def channels(self, frame: pd.DataFrame) -> Rows | None:
        """Rows of costs or reach, by their channel."""
        if self.slicing.dimension not in (COMPANY, SOURCE):
            return None
        told = texts(frame["channel"]) if "channel" in frame else np.full(len(frame), None, dtype=object)
        own = np.zeros(len(frame), dtype=np.int64) if self.slicing.dimension == COMPANY else self.slicing.leaf(told)
        return self._kept(own, [each.places.channels(frame) for each in self.filters])

    @property
    def nobodys(self) -> bool:
        """Whether only what has no source counts."""
        return any(each.places.slicing.dimension == SOURCE and bool(each.inside[-1]) for each in self.filters)

    def _kept(self, leaf: Rows, others: Sequence[Rows | None]) -> Rows:
        """The leaves of what lies inside every filter; what a filter says nothing of lies in none."""
        for each, other in zip(self.filters, others, strict=True):
            inside = np.zeros(len(leaf), dtype=bool) if other is None else each.inside[other]
            leaf = np.where(inside, leaf, -1)
        return leaf

    @cached_property
    def _own_deals(self) -> Rows:
        return self._deals_at(np.where(self.facts.closed == clock.UNKNOWN, self.snapshot.at, self.facts.closed))

    def _deals_at(self, moments: Micros) -> Rows:
        dimension = self.slicing.dimension
        if dimension == COMPANY:
            return np.zeros(self.snapshot.dataset.n_deals, dtype=np.int64)
        if dimension in PEOPLE:
            return self._of_labels("owner_id", owners_at(self.snapshot, moments))
        if dimension in OF_DEALS:
            return self._of_labels(dimension, self.snapshot.codes(dimension))
        return np.append(self._own_of_clients, len(self.slicing.leaves))[self.snapshot.dataset.clients_of("deals")]

    @cached_property
    def _own_clients(self) -> Rows | None:
        n, dimension = len(self.snapshot.dataset.client_ids), self.slicing.dimension
        if dimension == COMPANY:
            return np.zeros(n, dtype=np.int64)
        if dimension in OF_CLIENTS:
            return self._own_of_clients
        if dimension == SOURCE:
            return self._came_from(n)
        return self._won_with(n, last=True) if dimension in PEOPLE else None

    def _of_labels(self, field: str, codes: Rows) -> Rows:
        labels = self.snapshot.dataset.history(field).labels
        leaves: Rows = np.append(self.slicing.leaf([] if labels is None else labels), len(self.slicing.leaves))
        return leaves[codes]

    @cached_property
    def _own_of_clients(self) -> Rows:
        return self.slicing.leaf(client_texts(self.snapshot, self.slicing.dimension))

    def _won_with(self, n: int, *, last: bool) -> Rows:
        """For each client the leaf of the deal that was won with it last, or first."""
        client = self.snapshot.dataset.clients_of("deals")
        won = np.flatnonzero(self.facts.won & (client >= 0))
        won = won[np.lexsort((self.facts.closed[won], client[won]))]
        choose = history.last_row if last else history.first_row
        deal = np.append(won, -1)[choose(client[won], np.ones(len(won), dtype=bool), n)]
        leaf: Rows = np.append(self._own_deals, len(self.slicing.leaves))[deal]
        return leaf

    def _came_from(self, n: int) -> Rows:
        """For each client the leaf of the deal that was won with it first; where that says nothing, of its first lead."""
        by_deal, nobody = self._won_with(n, last=False), self.slicing.n_leaves - 1
        if not self.snapshot.has("leads"):
            return by_deal
        leads = lead_facts(self.snapshot)
        client = np.where(leads.client >= 0, leads.client, np.append(self.snapshot.dataset.clients_of("deals"), -1)[leads.deal])
        became = np.flatnonzero((client >= 0) & (leads.converted != clock.UNKNOWN))
        became = became[np.lexsort((leads.converted[became], client[became]))]
        lead = np.append(became, -1)[history.first_row(client[became], np.ones(len(became), dtype=bool), n)]
        by_lead: Rows = np.append(self.slicing.leaf(leads.source), nobody)[lead]
        return np.where(by_deal < nobody, by_deal, by_lead)
