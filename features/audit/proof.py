"""The clock rule, tried on the user's own data: take the future away, compute the signals again, compare the bytes.

Each date is the very moment of some event, because an event *at* as_of is where a `<=` in place of a `<` would show.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import pandas as pd

from features import clients, clock
from features.audit.report import Difference, Finding, Proof, Rule, Severity
from features.audit.truncation import truncated
from features.clock import Mask
from features.dataset import Dataset
from features.deals import deal_signals
from features.recorded import FACTS, recorded
from features.snapshot import Snapshot

Matrices: TypeAlias = Callable[[Snapshot], Mapping[str, pd.DataFrame]]
SUBJECTS: Final = ("deals", "orders", "contracts")
WHEN: Final = (0.2, 0.4, 0.6, 0.8, 0.95)
"""Where the dates lie among all events, in the order of time."""


def matrices(snapshot: Snapshot) -> dict[str, pd.DataFrame]:
    """Everything that training would read at a moment: the open deals, and the active clients of each regime."""
    found = {"deals": deal_signals(snapshot)} if snapshot.dataset.n_deals else {}
    for regime in (clients.CONTRACTS, clients.ORDERS):
        found[f"clients by {regime}"] = clients.client_signals(snapshot, clients.cohort(snapshot, regime))
    return found


def dates_of(dataset: Dataset, as_of: int) -> tuple[pd.Timestamp, ...]:
    """A few moments before as_of at which something happened, spread over the events; each has a deal or client before it."""
    times = {name: recorded(name, dataset.tables[name]) for name in FACTS if name in dataset.tables}
    begins = min((int(found.min()) for name, found in times.items() if name in SUBJECTS and len(found)), default=clock.NEVER)
    events = np.unique(np.concatenate([*times.values()]))
    events = events[clock.known(events, as_of) & (clock.days_between(begins, events) > 0)]
    rows = sorted({int(share * len(events)) for share in WHEN}) if len(events) else []
    return tuple(clock.instant(int(events[row])) for row in rows)


def prove(dataset: Dataset, dates: Sequence[pd.Timestamp], signals: Matrices = matrices) -> Proof:
    """Compute every signal of every open deal and active client at each date twice, with and without the future."""
    n_rows, n_values = 0, 0
    differences: list[Difference] = []
    for date in dates:
        whole = signals(Snapshot(dataset, date))
        without = signals(Snapshot(truncated(dataset, clock.micros(date)), date))
        for name, matrix in whole.items():
            n_rows, n_values = n_rows + len(matrix), n_values + matrix.size
            differences += _differences(date, name, matrix, without.get(name, matrix.iloc[:0]))
    return Proof(tuple(dates), n_rows, n_values, tuple(differences))


def findings(proof: Proof) -> Iterator[Finding]:
    """One refusal for each signal that depends on the future."""
    for matrix, signal in dict.fromkeys((each.matrix, each.signal) for each in proof.differences):
        found = [each for each in proof.differences if (each.matrix, each.signal) == (matrix, signal)]
        yield Finding(
            Severity.REFUSE,
            Rule.CLOCK_RULE,
            matrix,
            signal,
            "this signal reads what was recorded at or after its as_of",
            "do not train on this data; this is a defect of Dealcast, please report it with these rows",
            {"n_rows": sum(each.n_rows for each in found), "n_dates": len(found)},
            tuple(
                f"{each.row} at {each.as_of.isoformat()}: {each.whole}, without the future {each.truncated}" for each in found[:3]
            ),
        )


def _differences(as_of: pd.Timestamp, name: str, whole: pd.DataFrame, without: pd.DataFrame) -> Iterator[Difference]:
    """The signals that differ; rows or signals that only one side has are differences too."""
    index = whole.index.union(without.index)
    if len(whole) != len(without) or not whole.index.equals(without.index):
        yield _difference(as_of, name, "the cohort", index, *(_present(index, side) for side in (whole, without)))
    for signal in dict.fromkeys([*whole, *without]):
        sides = [
            side[signal].reindex(index) if signal in side else pd.Series(None, index=index, dtype="object")
            for side in (whole, without)
        ]
        if not _same(*sides).all():
            yield _difference(as_of, name, str(signal), index, *sides)


def _difference(
    as_of: pd.Timestamp, matrix: str, signal: str, index: "pd.Index[str]", whole: pd.Series, without: pd.Series
) -> Difference:
    rows = np.flatnonzero(~_same(whole, without))
    first = int(rows[0])
    return Difference(as_of, matrix, signal, str(index[first]), str(whole.iloc[first]), str(without.iloc[first]), len(rows))


def _present(index: "pd.Index[str]", side: pd.DataFrame) -> pd.Series:
    return pd.Series(np.where(index.isin(side.index), "in it", "not in it"), index=index, dtype="object")


def _same(whole: pd.Series, without: pd.Series) -> Mask:
    """Which cells are equal to the byte: NaN equals NaN, and -0.0 is not 0.0."""
    if pd.api.types.is_numeric_dtype(whole) and pd.api.types.is_numeric_dtype(without):
        sides = (side.to_numpy(dtype=np.float64, na_value=np.nan).view(np.int64) for side in (whole, without))
        return np.asarray(np.equal(*sides), dtype=np.bool_)
    first, second = (side.astype("object").where(side.notna(), None) for side in (whole, without))
    return np.asarray(first.map(repr) == second.map(repr), dtype=np.bool_)
