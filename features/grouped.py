"""Rows by group: which rows of a table belong to an account or a deal, found without reading the table."""

from dataclasses import dataclass

import numpy as np

from features.groups import starts_of, stretches
from features.history import Rows


@dataclass(frozen=True)
class Grouped:
    """The rows of a table in order of their group; group g has `rows[starts[g]:starts[g + 1]]`, ascending."""

    rows: Rows
    starts: Rows

    @classmethod
    def of(cls, group: Rows, n_groups: int) -> "Grouped":
        """Sort once. Rows with group -1 belong to none."""
        rows = np.argsort(group, kind="stable")
        return cls(rows, starts_of(group[rows], n_groups))

    def of_groups(self, groups: Rows) -> Rows:
        """All rows of some groups, ascending; a group of -1 has none."""
        asked = groups[groups >= 0]
        found: Rows = self.rows[stretches(self.starts[asked], self.starts[asked + 1])]
        return np.sort(found)
