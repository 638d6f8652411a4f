"""Where a deal's money belongs: cells of one owner, one product and one region, and the nodes that they add up to.

A cell is the smallest part in use. A node is a set of cells: the company, a person, a team or a manager with the whole subtree, a
product, a region; the hierarchy is that of the KPIs (`features.kpis.slices`), so that a forecast and a KPI of one team mean the
same people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from scipy import sparse

from features.clock import Mask
from features.flat import Texts
from features.history import Rows
from features.kpis import slices
from features.kpis.options import TODAY
from features.kpis.slices import Slicing, client_texts
from features.kpis.value import COMPANY, Node
from features.snapshot import Snapshot

DIMENSIONS: Final = (COMPANY, "owner", "team", "manager", "product", "region")
_PARTS: Final = ("owner", "product", "region")
_LEAVES: Final = {COMPANY: 0, "owner": 0, "team": 0, "manager": 0, "product": 1, "region": 2}


@dataclass(frozen=True)
class Places:
    """The cells of one moment.

    slicings  the nodes of each dimension
    cells     (cells, 3) leaves of owner, product and region
    of_deal   for each deal of the Dataset its cell, -1 where it was not on record
    """

    slicings: Mapping[str, Slicing]
    cells: Rows
    of_deal: Rows

    def __len__(self) -> int:
        return len(self.cells)

    def nodes(self, dimension: str) -> tuple[Node, ...]:
        return self.slicings[dimension].nodes

    def members(self, dimension: str) -> Any:
        """(nodes, cells) sparse, 1 where a cell belongs to a node; the first node is the company."""
        return self.members_of(dimension, self.cells)

    def members_of(self, dimension: str, leaves: Rows) -> Any:
        """(nodes, entries) sparse: the same for any entries of which the (entries, 3) leaves are known."""
        slicing = self.slicings[dimension]
        if dimension == COMPANY:
            return sparse.csr_array(np.ones((1, len(leaves))))
        return slicing.members.tocsc()[:, leaves[:, _LEAVES[dimension]]].tocsr()

    @cached_property
    def team_of(self) -> Rows:
        """For each cell the first team that its owner belongs to, from 0 on; those without one are a team together."""
        by_leaf = self.slicings["team"].members.tocsc()
        own = np.zeros(by_leaf.shape[1], dtype=np.int64)
        for node in range(1, by_leaf.shape[0]):
            own[by_leaf[[node], :].tocoo().col] = node - 1
        return own[self.cells[:, 0]]


def places(snapshot: Snapshot, teams: str = TODAY) -> Places:
    """The cells of all deals on record: by who owns each, its product and its account's region, as known."""
    slicings = {dimension: slices.slicing(snapshot, dimension, teams) for dimension in DIMENSIONS}
    return cells_of(slicings, leaves_of(slicings, snapshot), snapshot.exists)


def cells_of(slicings: Mapping[str, Slicing], leaves: Rows, there: Mask) -> Places:
    """The distinct leaves of the deals that are there, as cells."""
    cells, of_deal = np.unique(leaves[there], axis=0, return_inverse=True)
    cell = np.full(len(leaves), -1, dtype=np.int64)
    cell[there] = of_deal.ravel()
    return Places(slicings, cells.astype(np.int64), cell)


def leaves_of(slicings: Mapping[str, Slicing], snapshot: Snapshot) -> Rows:
    """(deals of the Dataset, 3) leaves of owner, product and region, as known."""
    named = {"owner": snapshot.texts("owner_id"), "product": snapshot.texts("product"), "region": _regions(snapshot)}
    return np.stack([slicings[part].leaf(named[part]) for part in _PARTS], axis=1)


def _regions(snapshot: Snapshot) -> Texts:
    """The region of each deal's account."""
    clients = snapshot.dataset.clients_of("deals")
    named: Texts = np.append(client_texts(snapshot, "region"), np.array([None]))[clients]
    return named
