"""Which accounts a posted deal has a say in: deals that touch a common one are not put into the same excerpt by chance.

A posted deal replaces its stored rows, so it touches its own account, the one under which it is stored, and every account that
a stored activity of it names. Example: D1 is stored under A1 and posted under A2; while it is posted, A1 has one deal less, and
what is said of another deal of A1 would not be the same beside it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from features.dataset import Dataset
from features.flat import picked
from features.lookup import places


def touched(dataset: Dataset, deal_ids: Sequence[str], account_ids: Sequence[str | None]) -> list[frozenset[str]]:
    """For each posted deal the accounts whose rows it reads or replaces."""
    rows = places(dataset.deal_rows, deal_ids)
    stored = np.append(dataset.clients_of("deals"), -1)[rows]
    elsewhere: Mapping[int, frozenset[str]] = dataset.remembered("accounts elsewhere", lambda: _elsewhere(dataset))
    names = picked(dataset.client_ids.to_numpy(dtype=object), stored)
    nothing: frozenset[str] = frozenset()
    return [
        frozenset({own, name} - {None}) | elsewhere.get(int(row), nothing)
        for own, name, row in zip(account_ids, names, rows, strict=True)
    ]


def _elsewhere(dataset: Dataset) -> Mapping[int, frozenset[str]]:
    """The other accounts that activities of a stored deal name, by the deal's row; most deals have none."""
    if "activities" not in dataset.tables:
        return {}
    deal, client = dataset.rows_of("activities"), dataset.clients_of("activities")
    rows = np.flatnonzero((deal >= 0) & (client >= 0))
    rows = rows[client[rows] != dataset.clients_of("deals")[deal[rows]]]
    found: dict[int, set[str]] = {}
    for row in rows:
        found.setdefault(int(deal[row]), set()).add(str(dataset.client_ids[client[row]]))
    return {row: frozenset(names) for row, names in found.items()}
