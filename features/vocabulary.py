"""Since when the data has known a text or an account: what was first told at as_of or later is not known at as_of.

Example: "Partner" was first seen as the source of a deal recorded on 3 March. Asked as of 3 March it is a new word, as of 4 March
a known one.
"""

from collections.abc import Mapping

import numpy as np

from features import clock
from features.clock import Micros
from features.dataset import Dataset
from features.history import Rows


def texts_known(dataset: Dataset, field: str) -> Mapping[str, int]:
    """Each text of a tracked field of the deals, and when it came to be known, in microseconds."""
    found: Mapping[str, int] = dataset.remembered(("texts known", field), lambda: _texts_known(dataset, field))
    return found


def accounts_known(dataset: Dataset) -> Mapping[str, int]:
    """Each account that any table names, and when the first of its rows came to be known, in microseconds."""
    found: Mapping[str, int] = dataset.remembered("accounts known", lambda: _accounts_known(dataset))
    return found


def _texts_known(dataset: Dataset, field: str) -> Mapping[str, int]:
    past = dataset.history(field)
    labels = () if past.labels is None else past.labels
    first = clock.repeated(clock.NEVER, len(labels))
    _lower(first, past.value.astype(np.int64), past.known)
    return dict(zip(labels, first.tolist(), strict=True))


def _accounts_known(dataset: Dataset) -> Mapping[str, int]:
    first = clock.repeated(clock.NEVER, len(dataset.client_ids))
    for table in dataset.tables:
        if dataset.arrays.has(table, "account_id"):
            _lower(first, dataset.clients_of(table), dataset.arrays.recorded(table))
    return dict(zip(dataset.client_ids, first.tolist(), strict=True))


def _lower(first: Micros, member: Rows, known: Micros) -> None:
    """Take up earlier times; rows of no member (-1) and of an unknown time tell nothing."""
    there = member >= 0
    np.minimum.at(first, member[there], clock.or_never(known[there]))
