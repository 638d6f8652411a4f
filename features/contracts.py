"""Checks that a table keeps its contract, and brings its columns to the contract's dtypes."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from features.errors import DataError
from features.organisation import Organisation
from features.tables import TABLES, Kind

DTYPES: Final = {
    Kind.ID: "str",
    Kind.TEXT: "str",
    Kind.CATEGORY: "str",
    Kind.MONEY: "float64",
    Kind.NUMBER: "float64",
    Kind.PROBABILITY: "float64",
    Kind.INSTANT: "datetime64[us, UTC]",
    Kind.DATE: "datetime64[us]",
    Kind.FLAG: "boolean",
}


def conform(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the contract's columns in the contract's order and dtypes; custom columns of deals follow.

    Raises DataError where a column is missing or unknown, or a value breaks its rule.
    """
    table = TABLES[name]
    for column in table.required:
        if column not in frame:
            raise DataError(name, "the column is missing", "map a column of the export to it", column=column)
    columns = {column.name: parse(frame[column.name], column.kind) for column in table.columns if column.name in frame}
    return pd.DataFrame(columns).reset_index(drop=True)


def parse(values: pd.Series, kind: Kind) -> pd.Series:
    """A column of text, or of the right type already, as the dtype of its kind."""
    if kind is Kind.INSTANT:
        return pd.to_datetime(values, format="ISO8601", utc=True).dt.as_unit("us")
    if kind is Kind.DATE:
        return pd.to_datetime(values, format="ISO8601").dt.as_unit("us")
    return values.astype(DTYPES[kind])


def check_together(tables: Mapping[str, pd.DataFrame], organisation: Organisation) -> None:
    """Rules across tables: money is in one currency, or a rate table converts it. Raises DataError."""
