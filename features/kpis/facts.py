"""The facts that KPIs count: deals, leads and answers as known at as_of, one flat array a column, compiled once a scorecard.

A deal counts for whoever owned it when it closed, an open one for its owner of now. Amounts are in the organisation's currency by
the rates of as_of; one without an amount, or in a currency without a rate by then, is left out of sums and counted beside them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features import clock, history
from features.clock import Floats, Mask, Micros
from features.flat import Texts, texts
from features.history import LOST, OPEN, WON, Rows
from features.snapshot import Snapshot


@dataclass(frozen=True)
class DealFacts:
    """One entry a deal of the Dataset.

    won, lost, is_open  its state as known; all False where it was not on record
    closed              when it was won or lost, `clock.UNKNOWN` while open
    amount              NaN where there is none
    unpriced, unrated   without an amount; with one that no rate converts
    cycle               days from creation to the close, NaN while open, and where that is negative (`reversed`)
    """

    won: Mask
    lost: Mask
    is_open: Mask
    created: Micros
    closed: Micros
    amount: Floats
    unpriced: Mask
    unrated: Mask
    cycle: Floats
    reversed: Mask

    @property
    def decided(self) -> Mask:
        return self.won | self.lost


def deal_facts(snapshot: Snapshot) -> DealFacts:
    """The deals of a Snapshot."""
    dataset, state = snapshot.dataset, snapshot.state
    given, amount = snapshot.values("amount"), snapshot.deal_amounts
    closed = np.where(state == OPEN, clock.UNKNOWN, snapshot.state_since)
    cycle = clock.days_between(dataset.deal_created, closed)
    return DealFacts(
        won=snapshot.exists & (state == WON),
        lost=snapshot.exists & (state == LOST),
        is_open=snapshot.exists & (state == OPEN),
        created=dataset.deal_created,
        closed=closed,
        amount=amount,
        unpriced=np.isnan(given),
        unrated=np.isnan(amount) & ~np.isnan(given),
        cycle=np.where(cycle < 0, np.nan, cycle),
        reversed=np.asarray(cycle < 0),
    )


def owners_at(snapshot: Snapshot, moments: Micros) -> Rows:
    """The owner of each deal at a moment of its own, as a code of the owner's history; -1 where none is known.

    Where the history begins after that moment, the first known owner stands in: an export without a history says no more.
    """
    past = snapshot.dataset.history("owner_id")
    known = clock.known(past.known, snapshot.at)
    row = history.last_row(past.deal, known & clock.not_after(past.time, moments[past.deal]), snapshot.dataset.n_deals)
    row = np.where(row >= 0, row, history.first_row(past.deal, known, snapshot.dataset.n_deals))
    return np.append(past.value, -1.0)[row].astype(np.int64)


def people_of(snapshot: Snapshot, people: Texts) -> Rows:
    """For each code of the owner's history the position of that person in `people`; the last entry stands for no owner."""
    labels = snapshot.dataset.history("owner_id").labels
    names = np.array([] if labels is None else labels, dtype=object)
    return np.append(np.asarray(pd.Index(people).get_indexer(pd.Index(names)), dtype=np.int64), -1)


def deal_people(snapshot: Snapshot, deals: DealFacts, people: Texts) -> Rows:
    """For each deal the position of its person: who owned it when it closed, of an open one its owner of now; -1 for others."""
    moments = np.where(deals.closed == clock.UNKNOWN, snapshot.at - 1, deals.closed)
    return people_of(snapshot, people)[owners_at(snapshot, moments)]


@dataclass(frozen=True)
class LeadFacts:
    """One entry a lead on record; moments that have not come by as_of are `clock.UNKNOWN`.

    deal     row of the deal it became, -1 for none
    client   row of the client it became, -1 for none
    """

    created: Micros
    replied: Micros
    qualified: Micros
    converted: Micros
    deal: Rows
    client: Rows
    owner: Texts
    source: Texts


def lead_facts(snapshot: Snapshot) -> LeadFacts:
    """The leads of a Snapshot. Raises KeyError where there is no such table."""
    dataset, keep = snapshot.dataset, snapshot.known_rows("leads")
    frame = dataset.tables["leads"]
    replied, qualified, converted = (
        _come(instants(frame, name), snapshot.at)[keep] for name in ("first_response_at", "qualified_at", "converted_at")
    )
    # A conversion reveals what the lead became.
    deal, client = (
        np.where(converted == clock.UNKNOWN, -1, rows[keep]) for rows in (dataset.rows_of("leads"), dataset.clients_of("leads"))
    )
    owner, source = (
        texts(frame[name][keep]) if name in frame else np.full(len(deal), None, dtype=object) for name in ("owner_id", "source")
    )
    return LeadFacts(clock.to_micros(frame["created_at"])[keep], replied, qualified, converted, deal, client, owner, source)


def _come(times: Micros, as_of: int) -> Micros:
    """Moments that have come, `clock.UNKNOWN` for the others."""
    return np.where(clock.known(times, as_of), times, clock.UNKNOWN)


def instants(frame: pd.DataFrame, name: str) -> Micros:
    """A column of instants, `clock.UNKNOWN` throughout where there is none."""
    return clock.to_micros(frame[name]) if name in frame else clock.repeated(clock.UNKNOWN, len(frame))


@dataclass(frozen=True)
class Stages:
    """Which stages of which pipelines bear a mark, `is_offer` or `is_qualified`.

    marked    (pipelines + 1, stages + 1) by the codes of the two histories; the last of each stands for none
    declared  whether any stage does
    """

    marked: Mask
    declared: bool

    def of(self, pipeline: Rows, stage: Rows) -> Mask:
        return np.asarray(self.marked[pipeline, stage])


def stages(snapshot: Snapshot, mark: str) -> Stages:
    """The marks of the stages table; a stage without a pipeline bears its mark in all of them."""
    table = snapshot.dataset.tables["stages"]
    labels = {name: snapshot.dataset.history(name).labels for name in ("pipeline", "stage")}
    pipelines, names = (pd.Index([] if each is None else each, dtype=object) for each in labels.values())
    marked = np.zeros((len(pipelines) + 1, len(names) + 1), dtype=bool)
    chosen = table[table[mark].fillna(False).astype(bool)] if mark in table else table.iloc[:0]
    stage = names.get_indexer(pd.Index(texts(chosen["stage"]), dtype=object))
    given = texts(chosen["pipeline"]) if "pipeline" in chosen else np.full(len(chosen), None, dtype=object)
    for row, column in zip(given, stage, strict=True):
        rows = slice(None) if row is None else pipelines.get_indexer(pd.Index([row], dtype=object))
        if column >= 0:
            marked[rows, column] = True
    marked[:, -1] = False
    return Stages(marked, bool(len(chosen)))


def offer_entries(snapshot: Snapshot) -> tuple[Micros, Mask]:
    """When each deal first came into an offer stage, and which came into one at a moment that is not on record.

    A deal that was created in such a stage came into it then; one whose history begins later, at an unknown time.
    """
    past, marks = snapshot.dataset.history("stage"), stages(snapshot, "is_offer")
    pipeline = snapshot.codes("pipeline")[past.deal]
    inside = clock.known(past.known, snapshot.at) & marks.of(pipeline, past.value.astype(np.int64))
    first = history.first_row(past.deal, inside, snapshot.dataset.n_deals)
    time = clock.time_at(past.time, first)
    opened = np.append(past.first, False)[first]
    unknown = opened & (clock.days_between(snapshot.dataset.deal_known, time) > 0)
    return np.where(unknown, clock.UNKNOWN, time), unknown
