"""Slices: which nodes a scorecard has, and which leaves roll up into each.

Every record belongs to one leaf (a person, a product, …, or nobody), and a node is a set of leaves: the company of all of them, a
team of its whole subtree. So a figure is counted once for each leaf, and nodes are sums over leaves: never a mean of means.

    leaf   ann   bob   eva   nobody        eva manages ann and bob, of whom ann is in team North
    node   company           1 1 1 1
           team North        1 0 0 0
           (without a team)  0 1 1 1

The last leaf is always "nobody", and the last node, with the id None, holds what belongs to no other but the
company. Teams are those of today, whatever the date asked about, unless the options say otherwise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import sparse

from features import clock
from features.errors import UsageError
from features.flat import Texts, texts
from features.history import Rows
from features.kpis.options import AS_KNOWN
from features.kpis.value import COMPANY, Node
from features.snapshot import Snapshot, decode
from features.visits import visits

PEOPLE: Final = ("owner", "team", "manager", "office")
OF_DEALS: Final = ("product", "source", "type")
WITH_CHANNELS: Final = ("audience", "costs")
OF_CLIENTS: Final = ("region", "industry")
SOURCE: Final = "source"
STAGE: Final = "stage"
DIMENSIONS: Final = (COMPANY, *PEOPLE, *OF_DEALS, *OF_CLIENTS, STAGE)
DEEPEST: Final = 50
"""Levels of a hierarchy that are followed: one that runs in a circle ends here."""


@dataclass(frozen=True)
class Slicing:
    """The nodes of one dimension.

    leaves   the ids that records carry; a record with none of them belongs to the last leaf, "nobody"
    members  (nodes, leaves) 1 where a leaf belongs to a node; the first node is the company
    """

    dimension: str
    nodes: tuple[Node, ...]
    leaves: "pd.Index[Any]"
    members: Any

    @property
    def n_leaves(self) -> int:
        return len(self.leaves) + 1

    def leaf(self, ids: Iterable[object]) -> Rows:
        """The leaf of each id."""
        found = self.leaves.get_indexer(pd.Index(np.asarray(ids, dtype=object), dtype=object))
        return np.where(found >= 0, found, len(self.leaves)).astype(np.int64)


def slicing(snapshot: Snapshot, dimension: str, teams: str) -> Slicing:
    """The nodes of a dimension, as known. Raises UsageError for a dimension that there is not."""
    if dimension not in DIMENSIONS:
        raise UsageError(f"'{dimension}' is not a dimension; the dimensions are {', '.join(DIMENSIONS)}")
    if dimension == COMPANY:
        nobody: pd.Index[Any] = pd.Index([], dtype=object)
        return Slicing(dimension, (Node(COMPANY, "", COMPANY),), nobody, sparse.csr_array(np.ones((1, 1))))
    if dimension in PEOPLE:
        return _people(snapshot, dimension, teams)
    labels = _labels(snapshot, dimension)
    own = np.arange(len(labels))
    return _assembled(dimension, labels, list(zip(labels, labels, strict=True)), np.stack([own, own]))


def _labels(snapshot: Snapshot, dimension: str) -> list[str]:
    if dimension == STAGE:
        return [str(name) for name in visits(snapshot).stages]
    return _of_deals(snapshot, dimension) if dimension in OF_DEALS else _of_clients(snapshot, dimension)


def _assembled(dimension: str, leaves: Sequence[str], nodes: Sequence[tuple[str, str]], pairs: Rows) -> Slicing:
    """The company, the given nodes (id, title), and the rest; `pairs` holds (node, leaf) positions, two rows."""
    n_leaves = len(leaves) + 1
    rest = np.setdiff1d(np.arange(n_leaves), pairs[1])
    company = np.stack([np.zeros(n_leaves, dtype=np.int64), np.arange(n_leaves)])
    others = np.stack([np.full(len(rest), len(nodes) + 1), rest])
    row, column = np.concatenate([company, pairs + np.array([[1], [0]]), others], axis=1)
    all_nodes = [Node(COMPANY, "", COMPANY), *(Node(dimension, each, title) for each, title in nodes), Node(dimension, None, "")]
    members = sparse.csr_array((np.ones(len(row)), (row, column)), shape=(len(all_nodes), n_leaves))
    return Slicing(dimension, tuple(all_nodes), pd.Index(np.array(leaves, dtype=object), dtype=object), members)


def _people(snapshot: Snapshot, dimension: str, teams: str) -> Slicing:
    """People are those of the users table and those who own something; who joins later is in the hierarchy, but no node."""
    users, there = _users(snapshot, teams), {*texts(_users(snapshot, AS_KNOWN)["user_id"]), *_owners(snapshot)}
    owners = sorted({*texts(users["user_id"]), *there} - {None})
    users = users.set_index("user_id").reindex(pd.Index(owners, dtype=object))
    titles = texts(users["name"])
    if dimension == "owner":
        own = np.array([row for row, each in enumerate(owners) if each in there], dtype=np.int64)
        named = [(owners[row], titles[row] or owners[row]) for row in own]
        return _assembled(dimension, owners, named, np.stack([np.arange(len(own)), own]))
    above, below = _reports(users)
    if dimension == "manager":
        lead = np.flatnonzero(np.bincount(above[above != below], minlength=len(owners)))
        position = np.full(len(owners), -1, dtype=np.int64)
        position[lead] = np.arange(len(lead))
        named = [(owners[row], titles[row] or owners[row]) for row in lead]
        return _assembled(dimension, owners, named, _distinct(position[above], below))
    column = "team" if dimension == "team" else "region"
    code, labels = pd.factorize(users[column], sort=True)
    pairs = _distinct(code[above], below) if dimension == "team" else _distinct(code, np.arange(len(owners)))
    return _assembled(dimension, owners, [(label, label) for label in labels], pairs)


def _users(snapshot: Snapshot, teams: str) -> pd.DataFrame:
    """The users with their manager, team and region of today, or as known."""
    columns = ["user_id", "name", "manager_id", "team", "region"]
    if not snapshot.has("users"):
        return pd.DataFrame({column: pd.Series(dtype="str") for column in columns})
    known = snapshot.frame("users")
    if teams == AS_KNOWN:
        return known.reindex(columns=columns)
    return snapshot.dataset.tables["users"].reindex(columns=columns)


def _owners(snapshot: Snapshot) -> list[str]:
    """Everybody who was ever known to own a deal or a lead."""
    return [*_ever(snapshot, "owner_id"), *_known_texts(snapshot, "leads", "owner_id")]


def _known_texts(snapshot: Snapshot, table: str, column: str) -> list[str]:
    """The values of a column that is known as soon as its row is."""
    if not snapshot.has(table) or column not in snapshot.dataset.tables[table]:
        return []
    return list(snapshot.dataset.tables[table][column][snapshot.known_rows(table)].dropna().unique())


def _ever(snapshot: Snapshot, field: str) -> Texts:
    """The values that a text field of any deal was ever known to have."""
    past = snapshot.dataset.history(field)
    codes = np.unique(past.value[clock.known(past.known, snapshot.at)]).astype(np.int64)
    return decode(past, codes[codes >= 0])


def _reports(users: pd.DataFrame) -> tuple[Rows, Rows]:
    """Every pair of a person and somebody anywhere below them, themselves included."""
    n = len(users)
    manager = np.append(users.index.get_indexer(pd.Index(texts(users["manager_id"]), dtype=object)), -1)
    person, above = np.arange(n), np.arange(n)
    pairs = [np.stack([above, person])]
    for _ in range(DEEPEST):
        above = manager[above]
        person, above = person[above >= 0], above[above >= 0]
        if not len(above):
            break
        pairs.append(np.stack([above, person]))
    first, second = _distinct(*np.concatenate(pairs, axis=1))
    return first, second


def _distinct(node: Rows, leaf: Rows) -> Rows:
    """Different pairs of a node and a leaf, as two rows; pairs without a node are left out."""
    there = node >= 0
    pairs: Rows = np.unique(np.stack([node[there], leaf[there]]).astype(np.int64), axis=1)
    return pairs


def _of_deals(snapshot: Snapshot, dimension: str) -> list[str]:
    if dimension != SOURCE:
        return sorted(_ever(snapshot, dimension))
    channels = (name for table in WITH_CHANNELS for name in _known_texts(snapshot, table, "channel"))
    return sorted({*_ever(snapshot, SOURCE), *_known_texts(snapshot, "leads", SOURCE), *channels})


def _of_clients(snapshot: Snapshot, dimension: str) -> list[str]:
    if not snapshot.has("accounts"):
        return []
    accounts = snapshot.frame("accounts")
    return sorted(accounts[dimension].dropna().unique()) if dimension in accounts else []


def client_texts(snapshot: Snapshot, dimension: str) -> Texts:
    """Region or industry of each client of the Dataset, as known; None where there is none."""
    nothing = np.full(len(snapshot.dataset.client_ids), None, dtype=object)
    if not snapshot.has("accounts"):
        return nothing
    accounts = snapshot.frame("accounts")
    if dimension not in accounts:
        return nothing
    row = pd.Index(accounts["account_id"]).get_indexer(snapshot.dataset.client_ids)
    return np.asarray(np.concatenate([texts(accounts[dimension]), [None]])[row], dtype=object)
