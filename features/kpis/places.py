"""Which leaf of a dimension each record belongs to; None where the dimension says nothing of such records.

* A deal: its own owner, product, source and type, and its client's region and industry.
* A lead: its owner and source. Its client is known only once it has converted, so a lead cannot be cut by region.
* A visit of a stage: its stage, else as its deal.
* A client, with its orders, contracts and answers: its region and industry, and the owner of the deal it was last won with.
* An answer to a survey that names a person belongs to that person instead.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from features import clock, history
from features.clock import Micros
from features.history import Rows
from features.kpis.facts import DealFacts, LeadFacts, owners_at
from features.kpis.slices import OF_CLIENTS, OF_DEALS, PEOPLE, STAGE, Slicing, client_texts
from features.kpis.value import COMPANY
from features.signal import Texts, texts
from features.snapshot import Snapshot
from features.visits import Visits


@dataclass(frozen=True)
class Places:
    """Leaves of one Snapshot's records in one dimension."""

    snapshot: Snapshot
    slicing: Slicing
    facts: DealFacts

    @cached_property
    def deals(self) -> Rows:
        """Each deal by its owner at the close, or of now."""
        closed = np.where(self.facts.closed == clock.UNKNOWN, self.snapshot.at, self.facts.closed)
        return self.deals_at(closed)

    def deals_at(self, moments: Micros) -> Rows:
        """Each deal by its owner at a moment of its own."""
        dimension = self.slicing.dimension
        if dimension == COMPANY:
            return np.zeros(self.snapshot.dataset.n_deals, dtype=np.int64)
        if dimension in PEOPLE:
            return self._of_labels("owner_id", owners_at(self.snapshot, moments))
        if dimension in OF_DEALS:
            return self._of_labels(dimension, self.snapshot.codes(dimension))
        return np.append(self._own_of_clients, len(self.slicing.leaves))[self.snapshot.dataset.clients_of("deals")]

    def leads(self, leads: LeadFacts) -> Rows | None:
        dimension = self.slicing.dimension
        if dimension == COMPANY:
            return np.zeros(len(leads.created), dtype=np.int64)
        if dimension in PEOPLE:
            return self.slicing.leaf(leads.owner)
        return self.slicing.leaf(leads.source) if dimension == "source" else None

    @cached_property
    def clients(self) -> Rows | None:
        """One entry for each of `Dataset.client_ids`."""
        n, dimension = len(self.snapshot.dataset.client_ids), self.slicing.dimension
        if dimension == COMPANY:
            return np.zeros(n, dtype=np.int64)
        if dimension in OF_CLIENTS:
            return self._own_of_clients
        return self._won_with(n) if dimension in PEOPLE else None

    def visits(self, visited: Visits) -> Rows:
        """Visits of stages: each by its stage, else by its deal."""
        if self.slicing.dimension == STAGE:
            return self.slicing.leaf(visited.stages)[visited.stage]
        return self.deals[visited.deal]

    def people(self, ids: Texts) -> Rows | None:
        """People themselves."""
        if self.slicing.dimension == COMPANY:
            return np.zeros(len(ids), dtype=np.int64)
        return self.slicing.leaf(ids) if self.slicing.dimension in PEOPLE else None

    def answers(self, surveys: pd.DataFrame, client: Rows) -> Rows | None:
        """Survey answers, each with the row of its client (-1: none)."""
        if self.clients is None:
            return None
        own = np.append(self.clients, self.slicing.n_leaves - 1)[client]
        if self.slicing.dimension not in PEOPLE or "user_id" not in surveys:
            return own
        return np.where(surveys["user_id"].notna(), self.slicing.leaf(texts(surveys["user_id"])), own)

    def _of_labels(self, field: str, codes: Rows) -> Rows:
        labels = self.snapshot.dataset.history(field).labels
        leaves: Rows = np.append(self.slicing.leaf([] if labels is None else labels), len(self.slicing.leaves))
        return leaves[codes]

    @cached_property
    def _own_of_clients(self) -> Rows:
        return self.slicing.leaf(client_texts(self.snapshot, self.slicing.dimension))

    def _won_with(self, n: int) -> Rows:
        """For each client the leaf of the deal that was won with it last."""
        client = self.snapshot.dataset.clients_of("deals")
        won = np.flatnonzero(self.facts.won & (client >= 0))
        won = won[np.lexsort((self.facts.closed[won], client[won]))]
        last = history.last_row(client[won], np.ones(len(won), dtype=bool), n)
        deal = np.append(won, -1)[last]
        leaf: Rows = np.append(self.deals, len(self.slicing.leaves))[deal]
        return leaf
