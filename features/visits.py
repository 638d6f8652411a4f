"""Visits: every stay of a deal in an open stage, as it was known, with what came of it.

A deal goes Discovery → Proposal on 1 March → Discovery on 5 March → Negotiation on 9 March, and is still there on 1 April. It has
four visits, of which the last goes on. Discovery was entered first when the deal was created, and that entry was followed by a
later stage on 1 March; Proposal by a later one on 9 March, for a step back is none; Solution was skipped, and nothing is said of
it; whether Negotiation leads on is not known yet, so that entry is censored.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Final

import numpy as np

from features import clock
from features.clock import Floats, Mask, Micros
from features.deal_signals.places import stage_places
from features.flat import Texts
from features.history import LOST, OPEN, WON, Rows, consecutive, first_alike
from features.snapshot import Snapshot

STILL: Final = 0
MOVED_ON: Final = 1
GONE: Final = 2


@dataclass(frozen=True)
class Visits:
    """Flat arrays, one entry a visit, sorted by deal and by when it began.

    stages   names of the open stages, by number: in the order of their places, those without one last
    deal     row of the deal
    stage    number of the stage
    place    its place in the deal's pipeline, from 1; NaN where the stages have no positions
    began    when the deal entered the stage; `UNKNOWN` where that is not on record: it stood there when its history began
    ended    when it left or closed; as_of where it stands there still
    left     whether it left or closed
    first    whether it is the deal's first visit to that stage
    further  when the deal came to a later stage for the first time after it entered, or was won; `UNKNOWN`: not yet
    state    OPEN, WON or LOST, of the deal
    closed   when the deal closed; as_of while it is open
    as_of    in microseconds
    """

    stages: Texts
    deal: Rows
    stage: Rows
    place: Floats
    began: Micros
    ended: Micros
    left: Mask
    first: Mask
    further: Micros
    state: Rows
    closed: Micros
    as_of: int

    def kept(self, keep: Mask) -> "Visits":
        """Some of the visits."""
        arrays = [each.name for each in fields(self) if each.name not in {"stages", "as_of"}]
        return replace(self, **{name: getattr(self, name)[keep] for name in arrays})

    @cached_property
    def stayed(self) -> Floats:
        """Days of each visit, so far; NaN where its beginning is not on record."""
        return np.maximum(clock.days_between(self.began, self.ended), 0.0)

    @cached_property
    def outcome(self) -> Rows:
        """What came of entering the stage: MOVED_ON to a later one or won, GONE: lost before that, or STILL on the way."""
        gone = np.where(self.state == LOST, GONE, STILL)
        return np.where(self.further != clock.UNKNOWN, MOVED_ON, gone)

    @cached_property
    def waited(self) -> Floats:
        """Days from the entry to that outcome, or to as_of; NaN where the entry is not on record."""
        until = np.where(self.outcome == MOVED_ON, self.further, self.closed)
        return np.maximum(clock.days_between(self.began, until), 0.0)


def visits(snapshot: Snapshot) -> Visits:
    """All visits known at the Snapshot's as_of."""
    past = snapshot.dataset.history("stage")
    rows = _changes_of_stage(snapshot)
    deal, place = past.deal[rows], stage_places(snapshot)[rows]
    names, number = _open_stages(snapshot, past.value[rows].astype(np.int64), place)
    is_open = number >= 0
    state, closed = _closes(snapshot)
    began = np.where(_entry_unknown(snapshot)[rows], clock.UNKNOWN, past.time[rows])
    ended, last = _ends(deal, past.time[rows], closed)
    won = np.where(state == WON, closed, clock.UNKNOWN)
    whole = Visits(
        stages=names,
        deal=deal,
        stage=number,
        place=place,
        began=began,
        ended=ended,
        left=~last | (state[deal] != OPEN),
        first=is_open & (first_alike(deal, np.where(is_open, number, -1)) == np.arange(len(deal))),
        further=_further(deal, past.time[rows], np.where(is_open, place, np.nan), won),
        state=state[deal],
        closed=closed[deal],
        as_of=snapshot.at,
    )
    return whole.kept(is_open)


def _changes_of_stage(snapshot: Snapshot) -> Rows:
    """Rows of the stage history, as known, that bring their deal into another stage than the one before."""
    past = snapshot.dataset.history("stage")
    known = clock.known(past.known, snapshot.at) & snapshot.exists[past.deal]
    before, after = consecutive(past.deal, known)
    known[after[past.value[before] == past.value[after]]] = False
    return np.flatnonzero(known)


def _open_stages(snapshot: Snapshot, value: Rows, place: Floats) -> tuple[Texts, Rows]:
    """The open stages in order, and for each row the number of its stage, -1 where it is closed or empty."""
    labels = snapshot.dataset.history("stage").labels
    names = np.array([] if labels is None else labels, dtype=object)
    stages = snapshot.dataset.tables["stages"]
    closed = stages.loc[stages["kind"] != "open", "stage"]
    of_name = np.full(len(names), np.inf)
    np.fmin.at(of_name, value[value >= 0], np.where(np.isnan(place), np.inf, place)[value >= 0])
    ordered = np.array([code for code in np.argsort(of_name, kind="stable") if names[code] not in set(closed)], dtype=np.int64)
    number = np.full(len(names) + 1, -1, dtype=np.int64)
    number[ordered] = np.arange(len(ordered))
    return names[ordered], number[value]


def _closes(snapshot: Snapshot) -> tuple[Rows, Micros]:
    """The state of each deal, and when it closed (as_of while it is open)."""
    state = snapshot.state.astype(np.int64)
    return state, np.where(state == OPEN, snapshot.at, snapshot.state_since)


def _entry_unknown(snapshot: Snapshot) -> Mask:
    """Opening values that hold since the history began, and not since the deal came on record."""
    past = snapshot.dataset.history("stage")
    late = clock.days_between(snapshot.dataset.deal_known[past.deal], past.time) > 0
    return np.asarray(past.first & late)


def _ends(deal: Rows, time: Micros, closed: Micros) -> tuple[Micros, Mask]:
    """When each visit ends: with the next change of its deal, the last one with its close or as_of; and which is the last."""
    ends = closed[deal]
    following = deal[1:] == deal[:-1]
    ends[:-1][following] = time[1:][following]
    return ends, np.append(~following, np.ones(min(1, len(deal)), dtype=bool))


def _further(deal: Rows, time: Micros, place: Floats, won: Micros) -> Micros:
    """When each row's deal first came further than the row's own place, after it; `UNKNOWN` where it did not."""
    found = won[deal]
    for own in np.unique(place[~np.isnan(place)]):
        beyond = np.where(place > own, np.arange(len(deal)), len(deal))
        following = np.minimum.accumulate(np.append(beyond, len(deal))[::-1])[::-1][1:]
        there = (place == own) & (np.append(deal, -1)[following] == deal)
        found[there] = time[following[there]]
    return found
