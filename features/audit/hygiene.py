"""What is not a leak but makes times and references less than they seem: a person has to look."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.audit.report import Finding, Rule, Severity
from features.clock import Mask
from features.dataset import Dataset
from features.recorded import FACTS, recorded
from features.tables import CHANGES, TABLES

REFERENCES: Final = {
    "deal_id": "deals",
    "account_id": "accounts",
    "parent_id": "accounts",
    "owner_id": "users",
    "user_id": "users",
    "manager_id": "users",
}
LATE_FROM: Final = 0.1
"""The share of deals older than a history from which it counts as late."""


def findings(dataset: Dataset) -> Iterator[Finding]:
    """Late histories, references to nothing, and times out of order; warnings all."""
    yield from _tracked_late(dataset)
    yield from _unknown_references(dataset)
    yield from _recorded_after_export(dataset)
    yield from _recorded_before_it_happened(dataset)
    yield from _changed_before_created(dataset)


def _tracked_late(dataset: Dataset) -> Iterator[Finding]:
    for name, since in sorted(dataset.tracked_since.items()):
        if f"deals.{name}" in dataset.static or not dataset.n_deals:
            continue
        older = clock.days_between(dataset.deal_known, clock.micros(since)) > 0
        if older.mean() >= LATE_FROM:
            yield Finding(
                Severity.WARN,
                Rule.TRACKED_LATE,
                "deals",
                name,
                f"its history begins on {since.date()}, when {older.mean():.0%} of the deals were there already; "
                "until then it counts as unknown",
                "import the older history, or declare in tracked_since when the source began to keep it",
                {"share_older": float(older.mean()), "n_older": int(older.sum())},
            )


def _unknown_references(dataset: Dataset) -> Iterator[Finding]:
    for table, frame in dataset.tables.items():
        for column, target in REFERENCES.items():
            if column not in frame or target not in dataset.tables or (table, column) == (target, TABLES[target].key[0]):
                continue
            nowhere = frame[column].notna() & ~frame[column].isin(dataset.tables[target][TABLES[target].key[0]])
            if nowhere.any():
                yield _warning(
                    Rule.UNKNOWN_REFERENCE,
                    (table, column),
                    nowhere.to_numpy(dtype=np.bool_),
                    frame,
                    f"rows name what is not among the {target}",
                    f"check that the export of {target} is complete and that both write ids alike",
                )


def _recorded_after_export(dataset: Dataset) -> Iterator[Finding]:
    end = clock.micros(dataset.extracted_at)
    for table in (name for name in FACTS if name in dataset.tables):
        frame = dataset.tables[table]
        late = clock.days_between(clock.repeated(end, len(frame)), recorded(table, frame)) > 0
        yield from _skew(table, TABLES[table].time, late, frame, "rows were recorded after the export was made")
    if "closed_at" in dataset.deals:
        late = clock.days_between(clock.repeated(end, dataset.n_deals), clock.to_micros(dataset.deals["closed_at"])) > 0
        yield from _skew("deals", "closed_at", late, dataset.deals, "deals closed after the export was made")


def _recorded_before_it_happened(dataset: Dataset) -> Iterator[Finding]:
    for table in FACTS:
        frame, time = dataset.tables.get(table), TABLES[table].time
        if frame is None or "recorded_at" not in frame or time is None:
            continue
        early = clock.days_between(clock.to_micros(frame["recorded_at"]), clock.to_micros(frame[time])) > 0
        yield from _skew(table, "recorded_at", early, frame, "rows were recorded before they happened")


def _changed_before_created(dataset: Dataset) -> Iterator[Finding]:
    if CHANGES not in dataset.tables:
        return
    frame = dataset.tables[CHANGES]
    created = clock.time_at(dataset.deal_created, dataset.rows_of(CHANGES))
    early = clock.days_between(clock.to_micros(frame["changed_at"]), created) > 0
    yield from _skew(CHANGES, "changed_at", early, frame, "changes are older than their deal")


def _skew(table: str, column: str | None, rows: Mask, frame: pd.DataFrame, says: str) -> Iterator[Finding]:
    if rows.any() and column is not None:
        advice = "check the time zone of the source and the clocks of what writes to it"
        yield _warning(Rule.CLOCK_SKEW, (table, column), np.asarray(rows), frame, says, advice)


def _warning(rule: Rule, place: tuple[str, str], rows: Mask, frame: pd.DataFrame, says: str, advice: str) -> Finding:
    table, column = place
    count, share = int(rows.sum()), float(rows.mean())
    picked = frame.loc[rows, list(dict.fromkeys([TABLES[table].key[0], column]))].head(3)
    lines = tuple(", ".join(f"{name} {value}" for name, value in row.items()) for row in picked.to_dict("records"))
    return Finding(
        Severity.WARN, rule, table, column, f"{count:,} {says} ({share:.1%})", advice, {"share": share, "n_rows": count}, lines
    )
