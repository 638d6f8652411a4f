"""What one person may see: their own deals and those of everybody below them, by `manager_id`, as far down as it goes.

    ann                ann's sight: ann, bob, cas, dan
    ├── bob            bob's sight: bob, cas
    │   └── cas        cas's sight: cas
    └── dan

A deal belongs to its present owner. A client is seen by whoever sees a deal with it, open or closed. A team is seen, as a whole
with its figures, by whoever sees all of its people. The hierarchy is that of today; one that runs in a circle is followed once.
A person who has left, or whom the data does not know, sees nothing; the deals of people who left are still seen by those above.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features import clock
from features.clock import Mask
from features.kpis.value import Node
from features.snapshot import Snapshot
from serving import moments


@dataclass(frozen=True)
class Sight:
    """What is visible to one person.

    people    ids of whom they see, themselves included; nobody where they have left or are not known
    teams     those of which they see everybody
    accounts  ids of clients with a deal of these people
    name      of the person
    """

    user_id: str
    people: frozenset[str]
    teams: frozenset[str]
    accounts: frozenset[str]
    name: str

    @property
    def top(self) -> Node:
        """The node that stands where others see the company: the person with everybody below, or the person alone."""
        return Node("manager" if len(self.people) > 1 else "owner", self.user_id, self.name)

    def shows(self, node: Node) -> bool:
        """Whether the figures of a node are theirs to see, in an answer that is narrowed to them otherwise."""
        if node.dimension in ("owner", "manager"):
            return node.id in self.people
        if node.dimension == "team":
            return node.id in self.teams
        return node.dimension != "company"


def sight_of(snapshot: Snapshot, teams: Mapping[str, frozenset[str]], user_id: str) -> Sight:
    """What a person may see of what was known at a moment; `teams` holds the people of each team."""
    people, name = below(snapshot.dataset.tables.get("users"), user_id)
    own = owned_by(snapshot, people)
    clients = snapshot.dataset.clients_of("deals")[own]
    accounts = snapshot.dataset.client_ids[np.unique(clients[clients >= 0])]
    seen = frozenset(team for team, members in teams.items() if members and members <= people)
    return Sight(user_id, people, seen, frozenset(map(str, accounts)), name)


def below(users: pd.DataFrame | None, user_id: str) -> tuple[frozenset[str], str]:
    """A person and everybody below them, and the person's name. Without a table of people everybody stands alone."""
    if users is None:
        return frozenset({user_id}), user_id
    mine = users[users["user_id"] == user_id]
    if mine.empty or _has_left(mine):
        return frozenset(), user_id
    name = mine["name"].iloc[0]
    managers = users["manager_id"] if "manager_id" in users else pd.Series(None, index=users.index, dtype="str")
    reports = users["user_id"].groupby(managers).agg(list).to_dict()
    found, waiting = {user_id}, [user_id]
    while waiting:
        fresh = set(reports.get(waiting.pop(), ())) - found
        found |= fresh
        waiting += fresh
    return frozenset(found), user_id if pd.isna(name) else str(name)


def owned_by(snapshot: Snapshot, people: frozenset[str]) -> Mask:
    """(deals of the Dataset,) which of them belong to these people, as known."""
    owners = snapshot.texts("owner_id")
    return np.asarray(pd.Series(owners, dtype=object).isin(people)) & snapshot.exists


def _has_left(person: pd.DataFrame) -> bool:
    left = person["left_at"].iloc[0] if "left_at" in person else pd.NaT
    return not pd.isna(left) and moments.has_come(clock.micros(left), moments.now())
