"""Who belongs to whom: the people of a team and of a manager, the whole subtree, by the hierarchy of today."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from features.kpis.options import TODAY
from features.kpis.slices import slicing
from features.snapshot import Snapshot


def people_of(snapshot: Snapshot, dimension: Literal["team", "manager"]) -> Mapping[str, frozenset[str]]:
    """The ids of the people of each team, or of each manager with everybody below.

    >>> from features.synthetic import Settings, generate
    >>> company = generate(Settings(n_deals=20)).dataset()
    >>> teams = people_of(Snapshot(company, company.ends_at), "team")
    >>> all(people <= set(company.tables["users"]["user_id"]) for people in teams.values())
    True
    """
    sliced = slicing(snapshot, dimension, TODAY)
    leaves = np.array([*sliced.leaves, None], dtype=object)
    own = {node.id: leaves[sliced.members[[row]].indices] for row, node in enumerate(sliced.nodes) if node.id}
    return {name: frozenset(each for each in people if each is not None) for name, people in own.items()}
