"""The compiled past of some stored deals and clients, cut out of that of all, with that of newly sent deals put in its place.

Cutting out renumbers: deal 40 of the company may be deal 2 of the excerpt. Rows keep their order within a deal or client, so that
sums add up in the same order, and to the same bytes, as on the whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np

from features.activity import ActivityLog
from features.client_history import ContractLog, OrderLog
from features.groups import stretches
from features.history import FieldHistory, Rows, Transitions

OfDeals = TypeVar("OfDeals", FieldHistory, Transitions, ActivityLog)
OfClients = TypeVar("OfClients", OrderLog, ContractLog)


@dataclass(frozen=True)
class Cut:
    """Which stored groups stay, ascending, and the number that each has from now on."""

    groups: Rows
    numbers: Rows


def spliced(stored: OfDeals, cut: Cut, sent: OfDeals, numbers: Rows) -> OfDeals:
    """What is stored of the deals that stay, and what was sent of others, which get the given numbers."""
    kept, number = _rows_of(stored.deal, cut)
    deal = np.concatenate([number, numbers[sent.deal]])
    order = np.argsort(deal, kind="stable")
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(stored, name)[kept], getattr(sent, name)])[order]
        for name in _arrays(stored)
        if name not in ("deal", "labels")
    }
    return replace(stored, deal=deal[order], **joined)


def cut_out(stored: OfClients, cut: Cut) -> OfClients:
    """What is stored of the clients that stay."""
    kept, number = _rows_of(stored.client, cut)
    return replace(stored, client=number, **{name: getattr(stored, name)[kept] for name in _arrays(stored) if name != "client"})


def _rows_of(group: Rows, cut: Cut) -> tuple[Rows, Rows]:
    """The rows of the groups that stay, and the new number of each; `group` is ascending."""
    starts, ends = (np.searchsorted(group, cut.groups, side=side) for side in ("left", "right"))
    return stretches(starts, ends), np.repeat(cut.numbers, ends - starts)


def _arrays(log: Any) -> Sequence[str]:
    return [field.name for field in fields(log) if isinstance(getattr(log, field.name), np.ndarray)]


def nothing_of(log: OfDeals) -> OfDeals:
    """A log like this one, without rows."""
    return replace(log, **{name: getattr(log, name)[:0] for name in _arrays(log) if name != "labels"})
