"""Tables in one order, and the one table that is always there."""

import pandas as pd

from features import contracts
from features.tables import TABLES


def no_deals() -> pd.DataFrame:
    """An empty deals table."""
    required = [column for column in TABLES["deals"].columns if column.required]
    return pd.DataFrame({column.name: pd.Series(dtype=contracts.DTYPES[column.kind]) for column in required})


def sorted_table(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Sort by the whole row, key first, so that the order of the input never shows."""
    table = TABLES[name]
    if len(table.key) == 1:
        # Where no key stands twice, which is the rule, the other columns have no say.
        ordered = frame.sort_values(table.key[0], ignore_index=True)
        ids = ordered[table.key[0]].array
        if not (ids[1:] == ids[:-1]).any():
            return ordered
    keys = [column for column in (*table.key, *table.names) if column in frame]
    return frame.sort_values(list(dict.fromkeys(keys)), kind="stable", ignore_index=True)
