"""The forecast and the bridge of what one person sees: the same draws, of the cells of their people alone.

Nothing is forecast anew: a person reads the figures that everybody else reads of the same node. In the company's place stands the
person with everybody below. What the whole company has in common and no cell has (the parts' own intervals, recurring revenue,
the track record, counts of deals without an amount) is left out.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
from scipy import sparse

from features.clock import Mask
from features.history import Rows
from features.kpis.slices import Slicing
from features.kpis.value import COMPANY
from serving.access.sight import Sight
from training.bridge import Bridge, Entries, Position
from training.draws import Births, Draws, OpenDeals
from training.notes import WIDE_BY
from training.places import Places
from training.rollup import PeriodForecast

OF_EVERYBODY: Final = frozenset({"open_deals_without_amount", "won_deals_without_amount", *WIDE_BY})
"""Notes on deals of the whole company."""


def narrowed(made: PeriodForecast, sight: Sight) -> PeriodForecast:
    """A forecast of the cells that somebody sees; `draws` have no parts any more."""
    mine = theirs(made.places, sight)
    kept, place = np.flatnonzero(mine), np.cumsum(mine) - 1
    seen = mine[made.open.cell]
    nothing = np.zeros(0)
    return replace(
        made,
        places=_places(made.places, sight, mine, place),
        won=made.won[kept],
        deals=made.deals[seen],
        open=_open(made.open, seen, place),
        births=_births(made.births, mine, place),
        draws=Draws(made.draws.total[:, kept], nothing, nothing, nothing),
        notes=tuple(note for note in made.notes if note.code not in OF_EVERYBODY),
    )


def narrowed_bridge(found: Bridge, start: Position, sight: Sight) -> Bridge:
    """The changes of these people's money, to the cent as the whole; `start` is the position of the first date."""
    leaves = _leaves(found.places, sight)
    own = start.cents[np.isin(start.leaves[:, 0], leaves)].sum() + start.to_come[np.isin(start.cells[:, 0], leaves)].sum()
    mine = np.isin(found.entries.leaf[:, 0], leaves)
    entries = Entries(*(getattr(found.entries, name)[mine] for name in ("leaf", "step", "cents", "deal")))
    everywhere = theirs(found.places, sight)
    return replace(
        found,
        places=_places(found.places, sight, everywhere, np.cumsum(everywhere) - 1),
        start=int(own),
        end=int(own + entries.cents.sum()),
        entries=entries,
    )


def theirs(where: Places, sight: Sight) -> Mask:
    """(cells,) which belong to the people whom somebody sees."""
    return np.isin(where.cells[:, 0], _leaves(where, sight))


def _leaves(where: Places, sight: Sight) -> Rows:
    owners = where.slicings["owner"].leaves
    found = owners.get_indexer(pd.Index(sorted(sight.people), dtype=object))
    return np.asarray(found[found >= 0], dtype=np.int64)


def _places(where: Places, sight: Sight, mine: Mask, place: Rows) -> Places:
    slicings = {dimension: _slicing(each, sight) for dimension, each in where.slicings.items()}
    of_deal = np.where((where.of_deal >= 0) & np.append(mine, False)[where.of_deal], np.append(place, -1)[where.of_deal], -1)
    return Places(slicings, where.cells[mine], of_deal.astype(np.int64))


def _slicing(whole: Slicing, sight: Sight) -> Slicing:
    """The same leaves; of the nodes those that are seen, and the person's own in the company's place."""
    shown = [row for row, node in enumerate(whole.nodes) if node.dimension != COMPANY and sight.shows(node)]
    nodes = (sight.top, *(whole.nodes[row] for row in shown))
    return Slicing(whole.dimension, nodes, whole.leaves, sparse.csr_array(whole.members[[0, *shown]]))


def _open(deals: OpenDeals, seen: Mask, place: Rows) -> OpenDeals:
    own = {name: getattr(deals, name)[seen] for name in ("by_start", "by_end", "amount", "ratios", "team")}
    return OpenDeals(cell=place[deals.cell[seen]], **own)


def _births(births: Births, mine: Mask, place: Rows) -> Births:
    """Of each segment's births the share that lands in these cells."""
    inside = [mine[cells] for cells in births.cells]
    share = np.array([each.mean() if len(each) else 0.0 for each in inside])
    expected = replace(births.expected, number=births.expected.number * share[:, None])
    return Births(expected, tuple(place[cells[own]] for cells, own in zip(births.cells, inside, strict=True)))
