"""From what was asked of a list to the filters and the order of its ranking."""

from collections.abc import Iterable
from datetime import date
from typing import Final

import numpy as np

from features.deal_warnings import WARNINGS
from serving.lists.filters import AnyBit, Between, Contains, OneOf
from serving.lists.queries import DATES, ClientsQuery, DealsQuery, Order, PeopleQuery
from serving.served.ranking import Filter, Ranking, Sort
from serving.served.state import Served

_BIT: Final = {each.name: 1 << number for number, each in enumerate(WARNINGS)}


def deal_filters(served: Served, query: DealsQuery) -> list[Filter]:
    """All conditions on open deals."""
    texts = {name: getattr(query, name) for name in ("deal_id", "stage", "product")}
    found: list[Filter] = [OneOf(name, frozenset(wanted)) for name, wanted in texts.items() if wanted]
    found += people_filters(served, query.owner_id, query.team, query.manager_id)
    found += _between("p_won", query.p_won_min, query.p_won_max)
    found += _between("p_won_this_quarter", query.p_won_this_quarter_min, query.p_won_this_quarter_max)
    found += _between("value", query.value_min, query.value_max)
    found += _between("expected_close_on", _day(query.expected_close_from), _day(query.expected_close_to))
    found += [] if query.overdue is None else [Between("overdue", query.overdue, query.overdue)]
    found += [AnyBit("warning_bits", sum(_BIT[name] for name in set(query.warning)))] if query.warning else []
    found += [] if query.search is None else [Contains(("name", "account_name"), query.search)]
    return found


def client_filters(served: Served, query: ClientsQuery) -> list[Filter]:
    """All conditions on active clients."""
    found: list[Filter] = [OneOf("account_id", frozenset(query.account_id))] if query.account_id else []
    found += [OneOf("regime", frozenset({query.regime}))] if query.regime else []
    found += _between("p_leaves", query.p_leaves_min, query.p_leaves_max)
    found += _between("value_at_risk", query.value_at_risk_min, query.value_at_risk_max)
    found += [] if query.search is None else [Contains(("account_name",), query.search)]
    return [*found, *_with_open_deals(served, query)]


def people_filters(
    served: Served, owners: Iterable[str] = (), teams: Iterable[str] = (), managers: Iterable[str] = ()
) -> list[Filter]:
    """Conditions on whose a deal is; a team or a manager stands for the whole subtree."""
    wanted = [frozenset(owners)] if (owners := list(owners)) else []
    for names, people in ((list(teams), served.teams), (list(managers), served.reports)):
        if names:
            wanted.append(frozenset().union(*(people.get(name, frozenset()) for name in names)))
    return [OneOf("owner_id", each) for each in wanted]


def sort_of(name: str, order: Order | None) -> Sort:
    """The order asked for."""
    descending = name not in DATES if order is None else order == "desc"
    return Sort(_TIES.get(name, (name,)), descending)


_TIES: Final = {"expected_value": ("expected_value", "p_won_this_quarter"), "value_at_risk": ("value_at_risk", "p_leaves")}
"""What the lists are ranked by, and what decides between equals; see `serving.served.runtime.build`."""


def _with_open_deals(served: Served, query: PeopleQuery) -> list[Filter]:
    """Clients with an open deal of these people."""
    people = people_filters(served, query.owner_id, query.team, query.manager_id)
    return [OneOf("account_id", _clients_of(served.deals, people))] if people else []


def _clients_of(deals: Ranking, filters: list[Filter]) -> frozenset[str]:
    return frozenset(deals.texts("account_id").taken(deals.matching(filters)).used)


def _between(column: str, low: float | None, high: float | None) -> list[Filter]:
    return [] if low is None and high is None else [Between(column, low, high)]


def _day(day: date | None) -> float | None:
    """Days since 1970, as rankings hold dates."""
    return None if day is None else float(np.datetime64(day, "D").astype(np.int64))
