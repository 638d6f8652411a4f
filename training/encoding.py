"""Signals as numbers: columns checked by name, categories coded by us, the bucket and its calendar appended.

LightGBM accepts columns in the wrong order and unknown categories without a word; so a matrix is built here, from the names that
the model was trained with, and nowhere else.

A text has a code of its own where training saw it in at least 20 rows of at least 5 units; all others, those that come up after
training among them, share the code after the last. A unit gives one row for each as_of date, so a text of one deal may stand in
many rows: its code would be that deal's name, and the model would learn its outcome by heart. And of fewer than 20 rows LightGBM
cannot tell effect from chance (it smooths a category's statistics by the weight of 20 rows). Example: 300 campaigns, of which 12
are common, give 13 codes. An empty cell is missing, not other.

What only tells the date teaches last year by heart. A count over 90 days is unknown for everybody until the history is 90 days
long; in a history of 101 days, that it is known means "the last days of December". So a signal that is unknown for everybody at
more than half of the training dates is left out, so is one whose values differ mostly from date to date and not from row to row
(a ratio to a median that drifts while the history fills); so are the phases of a quarter until two years of them were seen, and
the season until three were. Where the start knows the calendar (`training.pace`), the buckets have neither.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import FiscalCalendar, bucket_calendar
from features.clock import Floats, Micros, instant
from features.errors import UsageError
from features.history import Rows
from features.lookup import places
from training.text_codes import TextCodes

BUCKET_SIGNALS: Final = ("bucket_start", "bucket_days", "bucket_workdays")
PERIOD_SIGNALS: Final = ("bucket_days_to_period_end", "bucket_holds_period_end")
MIN_ROWS: Final = 20
MIN_UNITS: Final = 5
SEASON_SIGNALS: Final = ("bucket_year_phase",)
MIN_PERIODS: Final = 8
"""Period signals are used only where training saw that many quarters: one alone teaches last Christmas by heart."""
MIN_PERIODS_OF_SEASONS: Final = 12
"""The season is used only where training saw that many quarters: each month of the year three times."""
MAX_UNKNOWN_DATES: Final = 0.5
"""A signal that is unknown for everybody at a larger share of the training dates is left out."""
LEAST_KNOWN: Final = 1.0 - MAX_UNKNOWN_DATES
MAX_SHARE_OF_DATE: Final = 0.25
"""A signal of whose variance a larger share lies between the training dates is left out."""
AT_ONCE: Final = 4096
"""Person-periods that are put together at a time."""

LIVE: Final = "live"
NOT_LEARNED: Final = "not learned"
ABSENT: Final = "absent"

UNKNOWN: Final = "unknown everywhere: no such column, or nothing in it"
MOSTLY_UNKNOWN: Final = "unknown at more than half of the dates"
CONSTANT: Final = "the same in all rows"
DATED: Final = "tells the date"
RARE: Final = "no two texts are frequent enough"


@dataclass(frozen=True)
class SignalUse:
    """What became of a signal in a run: LIVE, NOT_LEARNED or ABSENT, and the reason of the latter two."""

    name: str
    state: str
    reason: str = ""


@dataclass(frozen=True)
class Encoding:
    """The columns of the matrix, in order; for a category the texts of codes 0, 1, …, n - 1 (n: other); last the bucket's own.

    uses  what became of each signal that the encoding was learned from
    """

    numbers: tuple[str, ...]
    categories: tuple[tuple[str, tuple[str, ...]], ...]
    bucket: tuple[str, ...] = (*BUCKET_SIGNALS, *PERIOD_SIGNALS)
    uses: tuple[SignalUse, ...] = ()

    @cached_property
    def signal_names(self) -> list[str]:
        """The columns that come from signals, without the bucket's."""
        return [*self.numbers, *(name for name, _ in self.categories)]

    @cached_property
    def _codes(self) -> list[TextCodes]:
        """The codes of each category's texts."""
        return [TextCodes(texts) for _, texts in self.categories]

    @property
    def names(self) -> list[str]:
        return [*self.signal_names, *self.bucket]

    @property
    def category_columns(self) -> list[int]:
        return list(range(len(self.numbers), len(self.numbers) + len(self.categories)))

    def rows(self, signals: pd.DataFrame) -> npt.NDArray[np.float32]:
        """(rows, signals) without the bucket's columns; a text without a code of its own is other, an empty one missing.

        Raises UsageError where a signal that the model was trained with is absent.
        """
        found = places(signals.columns, self.signal_names)
        if (found < 0).any():
            absent = ", ".join(name for name, place in zip(self.signal_names, found, strict=True) if place < 0)
            raise UsageError(f"the model was trained with signals that are not here: {absent}")
        # One look at the whole block of numbers: a column at a time takes longer than the model itself for a single deal.
        numbers = signals.take(found[: len(self.numbers)], axis=1).to_numpy(dtype=np.float32)
        texts = signals.take(found[len(self.numbers) :], axis=1).to_numpy(dtype=object)
        coded = [_coded(column, codes) for column, codes in zip(texts.T, self._codes, strict=True)]
        return np.column_stack([numbers, *coded])

    def to_json(self) -> dict[str, Any]:
        # A list of pairs, not an object: the order of columns has to survive a JSON writer that sorts its keys.
        pairs = [[name, list(texts)] for name, texts in self.categories]
        uses = [[use.name, use.state, use.reason] for use in self.uses]
        return {"numbers": list(self.numbers), "categories": pairs, "bucket": list(self.bucket), "uses": uses}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Encoding":
        categories = tuple((name, tuple(texts)) for name, texts in data["categories"])
        uses = tuple(SignalUse(*use) for use in data.get("uses", ()))
        return cls(tuple(data["numbers"]), categories, tuple(data["bucket"]), uses)


def learn_encoding(signals: pd.DataFrame, as_of: Micros, calendar: FiscalCalendar, *, paced: bool = False) -> Encoding:
    """The signals that vary, and the texts in use. A column that is empty or constant teaches nothing and is left out.

    `signals` is indexed by the units' ids, a unit standing once for each of its as_of dates. Where the start is `paced`
    (`training.pace`) it knows quarter and season, and the buckets have no columns of them.
    """
    texts = {str(name): _in_use(signals[name]) for name in signals if not pd.api.types.is_numeric_dtype(signals[name])}
    against = _reasons_against(signals, as_of, texts)
    learned = [str(name) for name in signals if str(name) not in against]
    return Encoding(
        tuple(name for name in learned if name not in texts),
        tuple((name, texts[name]) for name in learned if name in texts),
        BUCKET_SIGNALS if paced else _of_buckets(as_of, calendar),
        tuple(SignalUse(name, NOT_LEARNED if name in against else LIVE, against.get(name, "")) for name in map(str, signals)),
    )


def _of_buckets(as_of: Micros, calendar: FiscalCalendar) -> tuple[str, ...]:
    """What of the bucket's calendar the history is long enough for."""
    periods = {calendar.quarter(instant(int(moment))).label for moment in np.unique(as_of)}
    phases = PERIOD_SIGNALS if len(periods) >= MIN_PERIODS else ()
    return (*BUCKET_SIGNALS, *phases, *(SEASON_SIGNALS if len(periods) >= MIN_PERIODS_OF_SEASONS else ()))


def _reasons_against(signals: pd.DataFrame, as_of: Micros, texts: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Why a signal is not learned from, for those that are not; the first reason that holds."""
    known = signals.groupby(as_of).count().gt(0).mean()
    reasons = {str(name): UNKNOWN if share == 0.0 else MOSTLY_UNKNOWN for name, share in known.items() if share < LEAST_KNOWN}
    left = [str(name) for name in signals if str(name) not in reasons]
    reasons |= {name: CONSTANT for name in left if signals[name].nunique(dropna=False) <= 1}
    numeric = [name for name in left if name not in reasons and name not in texts]
    dated = share_of_date(signals[numeric], as_of)
    reasons |= {name: DATED for name in numeric if dated[name] > MAX_SHARE_OF_DATE}
    textual = {name: TextCodes(texts[name]) for name in left if name not in reasons and name in texts}
    coded = {name: known.of(signals[name].to_numpy(dtype=object)) for name, known in textual.items()}
    return reasons | {name: RARE for name, codes in coded.items() if len(np.unique(codes)) <= 1}


def share_of_date(signals: pd.DataFrame, as_of: Micros) -> dict[str, float]:
    """For each numeric signal the share of its variance between dates, NaN where there is one row a date.

    The adjusted R² of the date means, 1 - (1 - R²)(n - 1)/(n - dates), which is about 0 for a signal that does not know the date.
    """
    by_date = signals.groupby(as_of)
    count = by_date.count()
    n, dates = count.sum(), count.gt(0).sum()
    left = (by_date.var(ddof=0) * count).sum() / (n - dates).where(n > dates)
    whole = signals.var().where(lambda variance: variance > 0)
    return {str(name): float(share) for name, share in (1.0 - left / whole).items()}


def _in_use(values: pd.Series) -> tuple[str, ...]:
    """The texts that are frequent enough for a code of their own, ascending."""
    seen = pd.DataFrame({"text": values.to_numpy(dtype=object), "unit": values.index}).groupby("text")["unit"]
    frequent = (seen.size() >= MIN_ROWS) & (seen.nunique() >= MIN_UNITS)
    return tuple(sorted(str(text) for text in frequent.index[frequent]))


def _coded(values: npt.NDArray[np.object_], codes: TextCodes) -> npt.NDArray[np.float32]:
    coded = codes.of(values)
    return np.where(coded == codes.missing, np.float32(np.nan), coded.astype(np.float32))


def with_buckets(
    encoding: Encoding, signals: pd.DataFrame, as_of: Micros, edges: Floats, row: Rows, bucket: Rows, calendar: FiscalCalendar
) -> npt.NDArray[np.float32]:
    """The matrix, (pairs, columns): each pair is a row at one bucket, with what the calendar says of that bucket.

    Calendar signals belong to the bucket, not to as_of: the rush at a quarter's end falls into the bucket that holds it.
    """
    if not len(row):
        return np.empty((0, len(encoding.names)), dtype=np.float32)
    moments, which = np.unique(as_of, return_inverse=True)
    return in_buckets(encoding.rows(signals), row, bucket_table(encoding, moments, edges, calendar), which[row], bucket)


def bucket_table(encoding: Encoding, moments: Micros, edges: Floats, calendar: FiscalCalendar) -> npt.NDArray[np.float32]:
    """(moments, buckets, bucket columns) what the calendar says of each bucket."""
    table = np.empty((len(moments), len(edges) - 1, len(encoding.bucket)), dtype=np.float32)
    for place, moment in enumerate(moments):
        table[place] = _bucket_calendar(int(moment), tuple(edges.tolist()), calendar)[:, : len(encoding.bucket)]
    return table


def in_buckets(
    matrix: npt.NDArray[np.float32], row: Rows, table: npt.NDArray[np.float32], moment: Rows, bucket: Rows, threads: int = 1
) -> npt.NDArray[np.float32]:
    """(pairs, columns) rows of a matrix, each beside what the table says of its moment and bucket.

    A few thousand pairs at a time: what is copied stays in the processor's cache until it is in its place.
    """
    n = matrix.shape[1]
    made = np.empty((len(row), n + table.shape[2]), dtype=np.float32)

    def fill(first: int) -> None:
        part = slice(first, first + AT_ONCE)
        made[part, :n] = matrix[row[part]]
        made[part, n:] = table[moment[part], bucket[part]]

    parts = range(0, len(row), AT_ONCE)
    if min(threads, len(parts)) > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, parts))
    else:
        for first in parts:
            fill(first)
    return made


@lru_cache(maxsize=64)
def _bucket_calendar(as_of: int, edges: tuple[float, ...], calendar: FiscalCalendar) -> Floats:
    """What the calendar says, kept: deals that are posted one after the other mostly ask as of the same moment."""
    return bucket_calendar(as_of, np.array(edges), calendar)
