"""Rewrites of everything that was recorded at or after a moment: what a matrix as of that moment must not notice.

The rules come from the table contracts alone, not from the code under test: a row counts from its own time or `recorded_at`, the
later of the two; a time column reveals itself; and so on, as `features.tables` says.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.dataset import Dataset
from features.tables import CHANGES, CLOSE, EXPORT, TABLES, Column, Kind, Table

MICROSECOND = pd.Timedelta(microseconds=1)
EDGES = (pd.Timedelta(0), MICROSECOND, pd.Timedelta(hours=5))
"""New facts are placed at as_of itself, a microsecond later, and some hours later."""


@dataclass(frozen=True)
class Rewrite:
    """One way to change the future: which of its rows to delete, to alter and to append, decided by the seed."""

    seed: int
    delete: bool
    alter: bool
    append: bool


def rewritten(dataset: Dataset, as_of: pd.Timestamp, how: Rewrite) -> Dataset:
    """The Dataset with another future; its past, openings and moment of extraction stay."""
    rng = np.random.default_rng(how.seed)
    closes = _closes_not_on_record(dataset, as_of)
    undone = dataset.deals["deal_id"].isin(closes).to_numpy(dtype=bool)
    deals = dataset.deals.assign(
        closed_at=dataset.deals["closed_at"].mask(undone),
        outcome=dataset.deals["outcome"].mask(undone),
        stage=dataset.deals["stage"].mask(undone, "Discovery"),
    )
    tables = {**dataset.tables, "deals": deals}
    return dataset.with_tables(
        {name: _rewrite(dataset, TABLES[name], frame.copy(), as_of, how, rng) for name, frame in tables.items()}
    )


def _closes_not_on_record(dataset: Dataset, as_of: pd.Timestamp) -> set[str]:
    """Deals whose closing change is entered only later: an export of that day would show them open."""
    changes = dataset.tables["deal_changes"]
    later = changes[~_on_record(TABLES["deal_changes"], changes, as_of)]
    return set(later.loc[(later["field"] == "stage") & later["new_value"].isin(["Won", "Lost"]), "deal_id"])


def _rewrite(
    dataset: Dataset,
    table: Table,
    frame: pd.DataFrame,
    as_of: pd.Timestamp,
    how: Rewrite,
    rng: np.random.Generator,
) -> pd.DataFrame:
    if table.time is None or table.time not in frame or not len(frame):
        return frame
    past = _on_record(table, frame, as_of)
    if how.alter:
        frame = _alter_later_columns(dataset, table, frame, past, as_of, rng)
        frame = _move_future_rows(table, frame, past, as_of, rng)
    if how.delete:
        keep = past | (rng.random(len(frame)) < 0.5)
        frame, past = frame[keep], past[keep]
    if how.append:
        frame = pd.concat([frame, _new_rows(table, frame[past], as_of, rng)], ignore_index=True)
    return frame.sample(frac=1.0, random_state=int(rng.integers(1 << 30))).reset_index(drop=True)


def _on_record(table: Table, frame: pd.DataFrame, as_of: pd.Timestamp) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    known = frame[table.time]
    if "recorded_at" in frame:
        known = known.where(frame["recorded_at"].isna() | (frame["recorded_at"] < known), frame["recorded_at"])
    return (known < as_of).to_numpy(dtype=bool)


def _alter_later_columns(
    dataset: Dataset,
    table: Table,
    frame: pd.DataFrame,
    past: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    as_of: pd.Timestamp,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """In rows already on record, change what was not yet revealed."""
    for column in table.columns:
        if column.name not in frame or column.name in {table.time, *table.key, "recorded_at"}:
            continue
        if column.kind is Kind.INSTANT and column.revealed_by == column.name and table.name != "deals":
            unseen = past & ~(frame[column.name] < as_of).to_numpy(dtype=bool)
            frame.loc[unseen, column.name] = as_of + EDGES[int(rng.integers(3))]
        elif column.revealed_by == EXPORT and f"{table.name}.{column.name}" not in dataset.static:
            if dataset.extracted_at >= as_of:
                frame[column.name] = _shuffled(frame[column.name], rng)
        elif column.revealed_by == CHANGES and table.name == "deals":
            frame[column.name] = _shuffled(frame[column.name], rng)
    if table.name == "deals":
        frame = _alter_closes(frame, as_of, rng)
    return frame


def _alter_closes(frame: pd.DataFrame, as_of: pd.Timestamp, rng: np.random.Generator) -> pd.DataFrame:
    """Deals that closed at or after as_of close otherwise: another outcome, another moment, or not at all."""
    later = (frame["closed_at"] >= as_of).to_numpy(dtype=bool)
    frame.loc[later, "closed_at"] = frame.loc[later, "closed_at"] + pd.Timedelta(days=int(rng.integers(9)))
    frame.loc[later, "outcome"] = np.where(rng.random(later.sum()) < 0.5, "won", "lost")
    undone = later & (rng.random(len(frame)) < 0.3)
    frame.loc[undone, "closed_at"] = pd.NaT
    frame.loc[undone, "outcome"] = None
    # An open stage with an outcome, or the reverse, is no valid row; the stage column is never read for the past.
    frame["stage"] = frame["stage"].where(frame["outcome"].isna(), frame["outcome"].map({"won": "Won", "lost": "Lost"}))
    return frame


def _move_future_rows(
    table: Table,
    frame: pd.DataFrame,
    past: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    as_of: pd.Timestamp,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Rows not yet on record happen at another time, on an edge or later, with other values."""
    if table.name == "deals":
        return frame
    rows = np.flatnonzero(~past)
    moved = frame.loc[rows, table.time].where(frame.loc[rows, table.time] > as_of, as_of)
    moved.iloc[: len(EDGES)] = [as_of + edge for edge in EDGES][: len(moved)]
    frame.loc[rows, table.time] = moved
    for column in table.columns:
        if column.name in frame and column.kind is Kind.INSTANT and column.name not in {table.time, "recorded_at"}:
            frame.loc[rows, column.name] = pd.NaT
        if column.name in frame and _free(table, column):
            frame.loc[rows, column.name] = _shuffled(frame.loc[rows, column.name], rng)
    return frame


def _new_rows(table: Table, past: pd.DataFrame, as_of: pd.Timestamp, rng: np.random.Generator) -> pd.DataFrame:
    """Copies of known rows, recorded on the edges: at as_of, a microsecond later, some hours later."""
    if not len(past):
        return past
    picked = past.sample(n=min(len(past), 6), random_state=int(rng.integers(1 << 30))).reset_index(drop=True)
    picked[table.time] = [as_of + EDGES[i % 3] for i in range(len(picked))]
    for key in table.key:
        if table.name != "deal_changes":
            picked[key] = [f"new-{rng.integers(1 << 40)}" for _ in range(len(picked))]
    for column in table.columns:
        if column.name in picked and column.kind is Kind.INSTANT and column.name != table.time:
            picked[column.name] = pd.Series(pd.NaT, index=picked.index, dtype="datetime64[us, UTC]")
        if column.name in picked and column.revealed_by == CLOSE and column.kind is not Kind.INSTANT:
            picked[column.name] = picked[column.name].mask(np.ones(len(picked), dtype=bool))
    if table.name == "deals":
        picked["stage"] = "Discovery"
    return picked


def _free(table: Table, column: Column) -> bool:
    """Whether a column may take any other row's value: it is no key, no time and no reference that makes the row valid."""
    return column.kind in {Kind.MONEY, Kind.CATEGORY} and column.name not in table.key and column.name not in {"field", "kind"}


def _shuffled(values: pd.Series, rng: np.random.Generator) -> pd.Series:
    return pd.Series(values.to_numpy()[rng.permutation(len(values))], index=values.index).astype(values.dtype)
