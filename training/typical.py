"""What is typical of each kind of row: the reference that reasons are given against, and what is usual among those who did well.

A kind is a stage of a deal or a client's order band, as in the life table; one further kind, the last, is the whole cohort. For
each there is

* the reference, the medoid of the kind's rows on the latest training date: a row that was really seen, the one with the least sum
  of distances to all others (`training.space`). A mean would be a deal that nobody ever had, won half and lost half. A kind with
  fewer than `MIN_ROWS` rows on that date takes the whole cohort's medoid;
* the usual value of each signal among the peers, the deals that were won, or the clients who stayed: the median over them, each
  counted once however often it was seen; for a category the commonest of the frequent ones. A kind with fewer than `MIN_PEERS` of
  them takes those of all kinds;
* the 10 % and the 90 % quantile of each number, to ask what a missing value might be.

All of it is stored in the bundle and holds encoded signals alone: no id, name or text of another deal. Answers call the reference
"the typical deal at this stage" and show medians, never its values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.clock import Floats, Mask
from features.history import Rows
from training.encoded import Encoded, encode
from training.encoding import Encoding
from training.examples import Examples
from training.hazard import HazardModel
from training.space import QUANTILES, Space, learn_space, medoid

MIN_ROWS: Final = 10
MIN_PEERS: Final = 5

Value = float | str | None


@dataclass(frozen=True)
class Typical:
    """References and usual values, each with one entry for each kind and a last one for the whole cohort.

    references  the medoids; `own_medoid` says which kinds have one of their own, which the whole cohort has not
    usual       signal -> the usual values, None where not known; `own_peers` says which kinds have peers of their own
    low, high   (kinds, numbers) quantiles, NaN where a number is never known
    """

    space: Space
    references: Encoded
    own_medoid: Mask
    usual: Mapping[str, tuple[Value, ...]]
    own_peers: Mask
    low: Floats
    high: Floats

    def reference_of(self, kind: Rows) -> Encoded:
        """The reference of each row, by its kind."""
        return self.references.take(kind)

    def usual_of(self, name: str, kind: int) -> Value:
        """The usual value of a signal among a kind's peers; None where it is not known."""
        return self.usual[name][kind] if name in self.usual else None

    def to_json(self) -> dict[str, Any]:
        return {
            "space": self.space.to_json(),
            "references": self.references.to_json(),
            "own_medoid": self.own_medoid.tolist(),
            "usual": {name: list(values) for name, values in self.usual.items()},
            "own_peers": self.own_peers.tolist(),
            "low": _plain(self.low),
            "high": _plain(self.high),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Typical":
        low, high = (np.array(data[name], dtype=np.float64).reshape(len(data["own_peers"]), -1) for name in ("low", "high"))
        return cls(
            Space.from_json(data["space"]),
            Encoded.from_json(data["references"]),
            np.array(data["own_medoid"], dtype=bool),
            {name: tuple(values) for name, values in data["usual"].items()},
            np.array(data["own_peers"], dtype=bool),
            low,
            high,
        )


def learn_typical(model: HazardModel, rows: Examples, good_end: int) -> Typical:
    """From the training rows; `good_end` is the cause that the peers ended by, 0 for those who stayed."""
    encoded = encode(model, rows.signals)
    latest = encoded.take(rows.as_of == rows.as_of.max())
    space = learn_space(model.encoding, latest.matrix)
    n_kinds = len(model.life_table.cells.kinds) + 1
    own_medoid = np.append(np.bincount(latest.kind, minlength=n_kinds)[: n_kinds - 1] >= MIN_ROWS, False)
    chosen = _medoids(space.of(latest.matrix), latest.kind, own_medoid)
    shown = _without_rare_texts(model.encoding, rows.signals)
    usual, own_peers = _usual(shown, encoded.kind, rows.outcomes.cause == good_end, n_kinds)
    low, high = _quantiles(encoded.matrix[:, : len(model.encoding.numbers)], encoded.kind, n_kinds)
    return Typical(space, latest.take(chosen), own_medoid, usual, own_peers, low, high)


def _medoids(places: Floats, kind: Rows, own: Mask) -> Rows:
    """The row of each kind's medoid, the whole cohort's for the last kind and for those without one of their own."""
    chosen = np.full(len(own), medoid(places), dtype=np.int64)
    for each in np.flatnonzero(own):
        members = np.flatnonzero(kind == each)
        chosen[each] = members[medoid(places[members])]
    return chosen


def _without_rare_texts(encoding: Encoding, signals: pd.DataFrame) -> pd.DataFrame:
    """The numbers, and the categories with their frequent texts alone: a rare one could name a deal."""
    texts = {name: signals[name].where(signals[name].isin(frequent)) for name, frequent in encoding.categories}
    return signals.select_dtypes("number").assign(**texts)


def _usual(signals: pd.DataFrame, kind: Rows, peers: Mask, n_kinds: int) -> tuple[dict[str, tuple[Value, ...]], Mask]:
    """The usual values of all signals among the peers, and which kinds have enough peers of their own."""
    members = [peers & (kind == each) for each in range(n_kinds - 1)] + [peers]
    enough = np.array([signals.index[rows].nunique() >= MIN_PEERS for rows in members])
    whole = _usual_among(signals[peers]) if enough[-1] else {}
    values = [_usual_among(signals[rows]) if many else whole for rows, many in zip(members[:-1], enough[:-1], strict=True)]
    usual = {str(name): tuple(each.get(str(name)) for each in (*values, whole)) for name in signals}
    return usual, np.append(enough[:-1], False)


def _usual_among(signals: pd.DataFrame) -> dict[str, Value]:
    numbers = signals.select_dtypes("number")
    medians = numbers.groupby(signals.index).median().median()
    usual: dict[str, Value] = {str(name): float(value) for name, value in medians.items() if not np.isnan(value)}
    for name in signals.columns.difference(numbers.columns):
        commonest = signals[name].dropna().mode()
        usual[str(name)] = str(commonest.iloc[0]) if len(commonest) else None
    return usual


def _quantiles(numbers: npt.NDArray[np.float32], kind: Rows, n_kinds: int) -> tuple[Floats, Floats]:
    bounds = np.full((2, n_kinds, numbers.shape[1]), np.nan)
    for each in range(n_kinds):
        members = numbers if each == n_kinds - 1 else numbers[kind == each]
        known = ~np.isnan(members).all(axis=0)
        if known.any():
            bounds[:, each, known] = np.nanquantile(members[:, known].astype(np.float64), QUANTILES, axis=0)
    return bounds[0], bounds[1]


def _plain(values: Floats) -> list[list[float | None]]:
    """JSON knows no NaN."""
    return [[None if np.isnan(value) else float(value) for value in row] for row in values]
