"""Where an answer is heading: beside each score of a list its change against a week before, from the journal.

The answer compared is P(won) of a deal and P(leaves) of a client. P(won this quarter) would not do: it falls as the quarter runs
out and jumps where the next begins, whatever becomes of the deal. The score of a week before is the last one recorded at or
before that moment, by whatever model answered then.

    trend          up or down where it moved by STEADY or more, else steady
    trend_change   now minus then, in probability
    trend_since    as of when it was recorded
    no_trend       why there is none: no_journal, no_score, or no_earlier_score (of a record younger than the journal)

Of deals of which nothing was recorded for a week, nineteen in twenty move by less than STEADY: see docs/journal.md.
"""

import logging
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from features import clock
from features.errors import NotReadyError
from serving.database import SCORES, Database

DAYS: Final = 7.0
STEADY: Final = 0.05
LOOK_BACK_DAYS: Final = 2 * DAYS + 1.0
"""The recorder writes a row at least once a week, so an earlier one says nothing of the moment that is meant."""
COMPARED: Final = {"deals": "p_won", "clients": "p_leaves"}
Mask = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.str_]
_HOUR: Final = 3_600_000_000

log = logging.getLogger("dealcast")


class Past(Protocol):
    """What was answered before."""

    def earlier(self, target: str, as_of: pd.Timestamp) -> pd.DataFrame | None:
        """The answers of a week before as_of, by record: columns p and as_of (microseconds). None where nothing is known."""


class NoPast:
    """Remembers nothing."""

    def earlier(self, target: str, as_of: pd.Timestamp) -> pd.DataFrame | None:  # noqa: ARG002
        return None


class JournaledPast:
    """What the journal says; read once an hour."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._held: dict[str, tuple[int, pd.DataFrame]] = {}

    def earlier(self, target: str, as_of: pd.Timestamp) -> pd.DataFrame | None:
        hour = clock.micros(as_of) // _HOUR
        held = self._held.get(target)
        if held is None or held[0] != hour:
            try:
                self._held[target] = (hour, self._read(target, clock.micros(as_of)))
            except (NotReadyError, sa.exc.ProgrammingError) as error:  # the second: its tables are not there yet
                log.warning("there are no trends: %s", str(error).split("\n", 1)[0])
                return None
        return self._held[target][1]

    def _read(self, target: str, at: int) -> pd.DataFrame:
        first, last = clock.after_days(at, -LOOK_BACK_DAYS), clock.after_days(at, -DAYS)
        own = SCORES.c
        query = sa.select(own.record_id, own[COMPARED[target]], own.as_of).where(
            own.as_of >= first, own.as_of <= last, own.target == target, own.kind == "pipeline"
        )
        with self.database.transaction() as connection:
            rows = connection.execute(query.order_by(own.as_of, own.entry)).all()
        found = pd.DataFrame(rows, columns=["record_id", "p", "as_of"]).astype({"p": "float64", "as_of": "int64"})
        return found.drop_duplicates("record_id", keep="last").set_index("record_id")


def with_trend(scored: pd.DataFrame, target: str, key: str, past: Past, as_of: pd.Timestamp) -> pd.DataFrame:
    """A table of scores with the four columns; `key` is the column of its ids."""
    now = scored[COMPARED[target]].to_numpy(dtype=np.float64)
    earlier = past.earlier(target, as_of)
    why = np.where(np.isnan(now), "no_score", "no_journal" if earlier is None else "no_earlier_score")
    before = _none() if earlier is None else earlier
    there = before.reindex(scored[key].astype(object))
    change = now - there["p"].to_numpy(dtype=np.float64)
    known = ~np.isnan(change)
    words = np.select([change >= STEADY, change <= -STEADY], ["up", "down"], "steady")
    since = np.where(known, there["as_of"].fillna(clock.UNKNOWN).to_numpy(dtype=np.int64), clock.UNKNOWN)
    return scored.assign(
        trend=_texts(words, known, scored),
        trend_change=change,
        trend_since=clock.to_series(since).set_axis(scored.index),
        no_trend=_texts(why, ~known, scored),
    )


def _texts(words: Texts, there: Mask, scored: pd.DataFrame) -> pd.Series:
    return pd.Series(words, index=scored.index, dtype="str").where(there)


def _none() -> pd.DataFrame:
    return pd.DataFrame({"p": pd.Series(dtype="float64"), "as_of": pd.Series(dtype="int64")})
