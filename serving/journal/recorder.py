"""Records what the ranked lists show: whenever data or model changed, and each hour as time passes, once for all workers.

A list of 100,000 deals is recomputed every hour and after every change of the data, and nearly all of its answers are then what
they were. A row is written where the list says something else than the last row of that deal or client does:

* one of its probabilities moved by `step` or more (a percentage point), or there is a reason now, or none any more;
* its amount, its owner, the model or the fiscal quarter is another one;
* or the last row is a week old, so that every answer has a row within a week before it.

So at any moment the journal knows every answer of the lists to within `step`; `score_takes` says when they were gone through. A
worker claims a take (target, revision, model and hour) before it writes. One that dies in the middle leaves rows out, and the
next take writes them, because they are still missing.

Worked example: a deal stands at 0.412 on Monday (a row), 0.414 on Tuesday (none), 0.425 on Wednesday (a row), and moves no more
until the Wednesday after, when it gets a row again.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from features import clock
from features.errors import NotReadyError
from serving import background
from serving.database import FORECASTS, SCORES, TAKES, Database
from serving.journal.committer import insert
from serving.journal.pipeline_rows import LISTED, pipeline_rows, ranking_of
from serving.journal.rows import issued_now
from serving.served.ranking import Ranking
from serving.served.runtime import Runtime
from serving.served.state import Served
from training.bundle import Bundle

TARGETS: Final = ("deals", "clients")
HEARTBEAT_DAYS: Final = 7.0
LOOK_BACK_DAYS: Final = HEARTBEAT_DAYS + 1.0
"""Rows before that are too old to count, so they need not be read."""
AT_ONCE: Final = 1000
"""Rows of one transaction: what is posted meanwhile waits for one of these, not for all."""
PAUSE_SECONDS: Final = 2.0
PURGE_SECONDS: Final = 3600.0
PROBABILITIES: Final = ("p_won_this_quarter", "p_won_next_quarter", "p_won", "p_lost", "p_leaves")
_HOUR: Final = 3_600_000_000
_LAST: Final = ("entry", "record_id", "as_of", "model_version", "owner_id", "reason", *PROBABILITIES, "value")

Mask = npt.NDArray[np.bool_]

log = logging.getLogger("dealcast")


class Recorder:
    """Records for one worker.

    step  a probability that moved by less is not recorded anew; 0: every change is
    days  rows older than that are purged
    """

    def __init__(self, database: Database, step: float, days: int) -> None:
        self.database, self.step, self.days = database, step, days
        self._last: dict[str, pd.DataFrame] = {}
        self._broken_off: dict[str, Any] | None = None
        self._purged_at = 0.0
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Break off at the next opportunity; what is left out is written by the next take."""
        self._stopped.set()

    def record(self, served: Served) -> int:
        """Write what has changed since the last take; how many rows. Raises NotReadyError where the database does not answer."""
        return sum(self._record(served, target) for target in TARGETS if target in served.bundles)

    def purge(self) -> int:
        """Delete what is older than `days`, a little at a time; how many rows that were."""
        before = issued_now() - self.days * clock.MICROS_PER_DAY
        deleted = sum(self._purge(table, table.c.issued_at, table.c.entry, before) for table in (SCORES, FORECASTS))
        with self.database.transaction() as connection:
            connection.execute(sa.delete(TAKES).where(TAKES.c.started_at < before))
        return deleted

    def _record(self, served: Served, target: str) -> int:
        ranking = ranking_of(served, target)
        if ranking is None or not self._claim(served, target):
            return 0
        changed = np.flatnonzero(self._changed(served, target, ranking))
        for start in range(0, len(changed), AT_ONCE):
            if self._stopped.is_set():
                return start
            begun = time.monotonic()
            rows = pipeline_rows(served, target, changed[start : start + AT_ONCE])
            with self.database.transaction() as connection:
                insert(connection, rows)
            if start + AT_ONCE < len(changed):
                self._stopped.wait(time.monotonic() - begun)  # answers need the processor as well
        self._finish(served, target, len(ranking), len(changed))
        return len(changed)

    def _claim(self, served: Served, target: str) -> bool:
        """Whether this worker is the one that writes."""
        take = _take(served, target)
        row = {**take, "as_of": clock.micros(served.as_of), "started_at": issued_now()}
        with self.database.transaction() as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            claim = dialect.insert(TAKES).values(row).on_conflict_do_nothing().returning(TAKES.c.slot)
            first = connection.execute(claim).first() is not None
        mine = first or self._broken_off == take
        self._broken_off = take if mine else None
        return mine

    def _finish(self, served: Served, target: str, n_records: int, n_rows: int) -> None:
        mine = [TAKES.c[name] == value for name, value in _take(served, target).items()]
        with self.database.transaction() as connection:
            found = {"finished_at": issued_now(), "n_records": n_records, "n_rows": n_rows}
            connection.execute(sa.update(TAKES).where(*mine).values(found))
        self._broken_off = None

    def _changed(self, served: Served, target: str, ranking: Ranking) -> Mask:
        """Which entries of the list say something else than their last row."""
        before = self._last_rows(served, target).reindex(ranking.ids)
        missing: Mask = before["as_of"].isna().to_numpy()
        as_of = before["as_of"].fillna(0).to_numpy(dtype=np.int64)
        quarter = clock.micros(served.dataset.organisation.calendar.quarter(served.as_of).start)
        old = clock.days_between(as_of, clock.micros(served.as_of)) >= HEARTBEAT_DAYS
        other = before["model_version"].to_numpy(dtype=object) != served.bundles[target].version
        changed: Mask = missing | old | other | clock.known(as_of, quarter) | self._moved(before, target, ranking)
        return changed

    def _moved(self, before: pd.DataFrame, target: str, ranking: Ranking) -> Mask:
        moved: Mask = _other_texts(before, ranking, "reason") | _other_texts(before, ranking, "owner_id")
        for name, column in LISTED[target].items():
            if name in PROBABILITIES:
                moved |= _apart(before[name], ranking.numbers(column), max(self.step, np.finfo(float).tiny))
        if target == "deals":  # what a client is worth is computed, and moves with its chances
            moved |= _apart(before["value"], ranking.numbers("value"), 0.005)
        return moved

    def _last_rows(self, served: Served, target: str) -> pd.DataFrame:
        """The last row of each record, by its id; only those that were written since the last time are read."""
        held = self._last.get(target)
        since = clock.after_days(clock.micros(served.as_of), -LOOK_BACK_DAYS)
        new = SCORES.c.as_of >= since if held is None else SCORES.c.entry > int(held["entry"].max() if len(held) else 0)
        query = sa.select(*(SCORES.c[name] for name in _LAST)).where(SCORES.c.kind == "pipeline", SCORES.c.target == target, new)
        with self.database.transaction() as connection:
            read = connection.execute(query.order_by(SCORES.c.entry)).all()
        numbers = dict.fromkeys((*PROBABILITIES, "value"), "float64")
        texts = dict.fromkeys(("model_version", "owner_id", "reason"), "object")
        found = pd.DataFrame(read, columns=list(_LAST)).astype({**numbers, **texts}).set_index("record_id")
        joined = found if held is None else pd.concat([held, found]) if len(found) else held
        self._last[target] = joined[~joined.index.duplicated(keep="last")]
        return self._last[target]

    def _purge(self, table: sa.Table, issued_at: Any, entry: Any, before: int) -> int:
        deleted = 0
        while True:
            oldest = sa.select(entry).where(issued_at < before).limit(AT_ONCE)
            with self.database.transaction() as connection:
                n = connection.execute(sa.delete(table).where(entry.in_(oldest))).rowcount
            deleted += n
            if n < AT_ONCE:
                return deleted

    def purge_when_due(self) -> None:
        """Purge, unless that was done within the hour."""
        if time.monotonic() - self._purged_at > PURGE_SECONDS:
            self._purged_at = time.monotonic()
            if deleted := self.purge():
                log.info("purged %s rows of the journal that were older than %s days", deleted, self.days)


async def watch(held: Runtime, recorder: Recorder) -> None:
    """Record whatever is served, until cancelled; while the database does not answer, again and again."""
    recorded: Served | None = None
    while True:
        try:
            served = held.served()
            if served is not recorded:
                await background.outcome_of(partial(recorder.record, served))
                recorded = served
            await background.outcome_of(recorder.purge_when_due)
        except NotReadyError:
            pass  # nothing to record, or nowhere to: both pass
        except Exception:
            log.exception("the scores of the lists were not recorded")
        await asyncio.sleep(PAUSE_SECONDS)


def _take(served: Served, target: str) -> dict[str, Any]:
    """What tells a take from any other; of moments of one hour one is enough."""
    bundle: Bundle = served.bundles[target]
    return {
        "target": target,
        "revision": served.revision,
        "model_version": bundle.version,
        "slot": clock.micros(served.as_of) // _HOUR,
    }


def _apart(before: pd.Series, now: npt.NDArray[np.float64], least: float) -> Mask:
    """Where two numbers differ by so much, or one of them is missing."""
    was = before.to_numpy(dtype=np.float64, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        far = np.abs(now - was) >= least
    return np.asarray(far | (np.isnan(now) != np.isnan(was)))


def _other_texts(before: pd.DataFrame, ranking: Ranking, name: str) -> Mask:
    if name not in ranking.columns:
        return np.zeros(len(ranking), dtype=bool)
    was: Sequence[Any] = before[name].astype(object).where(before[name].notna(), None).tolist()
    return np.array([a != b for a, b in zip(was, ranking.columns[name].plain(), strict=True)], dtype=bool)
