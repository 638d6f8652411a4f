"""The past of deals that were just sent, from their rows alone: what `openings` and `tracking` make of whole tables, for a few.

The rules are theirs. A posted deal has to give the bytes of the stored one, so texts get the company's numbers (its labels), and
what is sent without a history is known as of now. A history of fifty deals costs a few look-ups and no DataFrame.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from features import clock, contracts, history
from features.clock import Floats, Mask, Micros
from features.dataset import Dataset
from features.flat import Flat, Texts, flat, midnights, picked
from features.history import Changed, FieldHistory, Rows, Transitions, first_row
from features.openings import SET_BY_CLOSE
from features.sheet import Sheet
from features.stages import kinds_of
from features.tables import NUMERIC, TEXTUAL, Kind

ISO_DATE: Final = len("2026-03-01")


@dataclass(frozen=True)
class Sent:
    """Deals and their changes, in the contracts' form.

    deals    one row a deal
    changes  changes of these deals, None where none were sent
    dataset  the company that they belong to
    now      the moment before as_of, in microseconds: when what has no history came to be known
    """

    deals: Sheet
    changes: Sheet | None
    dataset: Dataset
    now: int

    @cached_property
    def ids(self) -> Texts:
        return self.column("deal_id")

    def column(self, name: str) -> Flat:
        return self.deals.columns[name]

    @cached_property
    def begins(self) -> Micros:
        """When each deal came on record."""
        return self.deals.recorded()

    @cached_property
    def outcome(self) -> Texts:
        """The outcome as sent, else that of the stage."""
        told = self.deals.texts("outcome")
        kinds: Mapping[str, str] = self.dataset.remembered("kinds of stages", lambda: kinds_of(self.dataset.tables["stages"]))
        found = [outcome or kinds.get(stage) for outcome, stage in zip(told, self.column("stage"), strict=True)]
        return np.array([outcome if outcome in history.OUTCOMES else None for outcome in found], dtype=object)

    @cached_property
    def closed_at(self) -> Micros:
        """When each deal closed: as sent, else when the company's data was read."""
        told = self.deals.times("closed_at")
        closed = np.array([outcome is not None for outcome in self.outcome])
        return np.where(closed & (told == clock.UNKNOWN), clock.micros(self.dataset.extracted_at), told)

    def history(self, name: str) -> FieldHistory:
        """All values of one tracked field; texts have the numbers of the company's labels, new ones follow these."""
        rows = self._of_field.get(name, np.empty(0, dtype=np.int64))
        coder = _Coder(name, self.dataset)
        both = coder.read(np.concatenate([self._changes["old_value"][rows], self._changes["new_value"][rows]]))
        old, new = both[: len(rows)], both[len(rows) :]
        deal, time, known = (self._changes[part][rows] for part in ("deal", "time", "known"))
        changes = Changed(deal, time, known, old, new)
        current = coder.of_column(self.column(name)) if name in self.deals else coder.read(np.full(len(self.deals), None))
        first = _first_changes(changes, coder.labels, len(self.deals))
        opening = np.where(first >= 0, picked(old, first), current)
        return history.sorted_history(opening, self._since(name, first >= 0), changes, coder.labels)

    def transitions(self, stages: FieldHistory) -> Transitions:
        """Every close and re-opening, from the history of the stages."""
        state = np.array([history.OUTCOMES.get(outcome, history.OPEN) for outcome in self.outcome], dtype=np.int64)
        return history.transitions(stages, self.dataset.states, self.closed_at, state, self.begins)

    def _since(self, name: str, changed: Mask) -> Micros:
        """When the opening value came to be known."""
        tracked = self.dataset.tracked_since
        if f"deals.{name}" in self.dataset.static:
            since = self.begins
        elif name in tracked:
            since = clock.later(self.begins, clock.repeated(clock.micros(tracked[name]), len(self.deals)))
        else:
            since = clock.repeated(self.now if name in self.deals else clock.UNKNOWN, len(self.deals))
        if name not in SET_BY_CLOSE or "outcome" not in self.deals:
            return since
        held = np.asarray(pd.notna(self.column("outcome"))) & (since != clock.UNKNOWN) & ~changed
        return np.where(held, clock.later(since, np.where(self._told_close == clock.UNKNOWN, self.now, self._told_close)), since)

    @cached_property
    def _told_close(self) -> Micros:
        return self.deals.times("closed_at")

    @cached_property
    def _changes(self) -> Mapping[str, Flat]:
        """The changes as arrays; `deal` counts the deals that were sent."""
        names = ("old_value", "new_value", "field")
        if self.changes is None:
            nothing = np.empty(0, dtype=np.int64)
            return {**dict.fromkeys(names, np.empty(0, dtype=object)), "deal": nothing, "time": nothing, "known": nothing}
        row = {deal: number for number, deal in enumerate(self.ids)}
        deal = np.array([row.get(deal, -1) for deal in self.changes.texts("deal_id")], dtype=np.int64)
        found = {name: self.changes.texts(name) for name in names}
        return {**found, "deal": deal, "time": self.changes.times("changed_at"), "known": self.changes.recorded()}

    @cached_property
    def _of_field(self) -> Mapping[str, Rows]:
        """The rows of the changes of each field."""
        rows: dict[str, list[int]] = {}
        for row, (field, deal) in enumerate(zip(self._changes["field"], self._changes["deal"], strict=True)):
            if deal >= 0:
                rows.setdefault(field, []).append(row)
        return {field: np.array(found, dtype=np.int64) for field, found in rows.items()}


class _Coder:
    """Values of one field as numbers: the places of texts in the company's labels, which new texts follow."""

    def __init__(self, name: str, dataset: Dataset) -> None:
        self._kind = dataset.tracked[name]
        self._zone = dataset.organisation.timezone
        known = dataset.history(name).labels
        self._known = np.empty(0, dtype=object) if known is None else known
        self._place: Mapping[str, int] = dataset.remembered(
            ("places", name), lambda: {label: place for place, label in enumerate(self._known)}
        )
        self._new: dict[str, int] = {}

    @property
    def labels(self) -> Texts | None:
        if self._kind not in TEXTUAL:
            return None
        return np.append(self._known, np.array(list(self._new), dtype=object)) if self._new else self._known

    def of_column(self, values: Flat) -> Floats:
        """A column of the deals."""
        return self.read(values) if self._kind in TEXTUAL else values

    def read(self, texts: Texts) -> Floats:
        """Texts as a change holds them."""
        if self._kind in TEXTUAL:
            return np.array([self._placed(text) for text in texts], dtype=np.float64)
        if self._kind in NUMERIC:
            return np.array([np.nan if text is None else float(text) for text in texts], dtype=np.float64)
        if all(text is None for text in texts):
            return np.full(len(texts), np.nan)
        if self._kind is Kind.DATE and all(text is None or len(text) == ISO_DATE for text in texts):
            return midnights(np.array([text or "NaT" for text in texts], dtype="datetime64[D]"), self._zone)
        return flat(contracts.parse(pd.Series(texts, dtype="str"), self._kind), self._zone)

    def _placed(self, text: str | None) -> int:
        if text is None:
            return -1
        place = self._place.get(text)
        return self._new.setdefault(text, len(self._known) + len(self._new)) if place is None else place


def _first_changes(changes: Changed, labels: Texts | None, n_deals: int) -> Rows:
    """For each deal its first change, -1 where it has none. Of several in one instant, the one that none of the others led to."""
    if not len(changes.deal):
        return np.full(n_deals, -1, dtype=np.int64)
    rows = np.lexsort((changes.time, changes.deal))
    first = first_row(changes.deal[rows], np.ones(len(rows), dtype=bool), n_deals)
    found = np.where(first >= 0, np.append(rows, -1)[first], -1)
    earliest = rows[changes.time[rows] == changes.time[found][changes.deal[rows]]]
    for deal in np.flatnonzero(np.bincount(changes.deal[earliest], minlength=n_deals) > 1):
        tied = history.as_written(earliest[changes.deal[earliest] == deal], changes, labels)
        led_to = {history.node(changes.new[row]) for row in tied}
        found[deal] = next((row for row in tied if history.node(changes.old[row]) not in led_to), tied[0])
    return found
