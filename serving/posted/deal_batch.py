"""Posted deals of several requests, scored together: what a pass of the batcher does.

Each request's answer is, to the bit, that of the request alone. So requests share a pass only where neither can see the other:

* they ask the same data and champion as of the same moment ("now" is one moment for a whole pass);
* no two of them touch a common account or deal (`features.touched`), for a posted deal is part of its account's history;
* they send values of the same of those columns that the company's own deals lack or that are its own: a column that nobody sent
  is unknown, and one that somebody sent is empty for the rest.

Requests that cannot share are scored one group after the other in the same pass. A request that came twice, byte for byte, is
scored once. Horizons differ freely: curves are computed once and read at each request's own.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import accumulate
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clock
from features.dataset import Dataset
from features.deals import deal_signals
from features.excerpt import excerpt_of_sheets
from features.lookup import places
from features.rates import of_the_day
from features.snapshot import Snapshot
from features.tables import TABLES
from features.touched import touched
from serving.journal.pipeline_rows import curves_of_deals
from serving.journal.rows import hashes, number
from serving.posted.batching import Onward, Stage
from serving.posted.company import unknowns
from serving.posted.deals import PostedDeal
from serving.posted.tables import sheets_of
from serving.scoring.reason_columns import said_reasons, said_warnings, words_of
from serving.scoring.scored import DEALS, ScoredDeals
from serving.served.state import Served
from training.explain import Question
from training.targets import WON

LARGEST_PASS: Final = 256
"""Deals that are scored together where they come in several requests."""
LARGEST_REASONS: Final = 16
"""Deals whose reasons are found together: some milliseconds each, and scores wait behind them."""

Row = dict[str, Any]


@dataclass(frozen=True)
class DealJob:
    """One request: deals with different ids, each checked; `as_of` None is now. `body` is what was sent."""

    served: Served
    deals: tuple[PostedDeal, ...]
    horizons: tuple[float, ...]
    as_of: pd.Timestamp | None
    reasons: bool
    body: bytes = field(repr=False)

    @property
    def weight(self) -> int:
        return max(1, len(self.deals))

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns of the deals that others might lack: own ones that were sent, and the contract's that hold a value."""
        lacks = _lacking(self.served.dataset)
        held = {name for deal in self.deals for name in lacks if getattr(deal, name) is not None}
        return frozenset(held | {f"custom {name}" for deal in self.deals for name in deal.custom})

    def question(self) -> Question:
        """What the reasons are for."""
        return Question(max(self.horizons), WON)


@dataclass(frozen=True)
class Behind:
    """What stands behind a score: the hash of the deal's signals, its curve at the model's own days, its value in money."""

    hash: str
    curve: Mapping[str, Any]
    value: float | None


@dataclass(frozen=True)
class Answered:
    """The answer to a request: the moment, and a row for each deal in the order of the request.

    behind  for each deal what it was read off, which the journal keeps; None for one that is not open
    """

    as_of: datetime
    rows: list[Row]
    behind: Sequence[Behind | None] = ()


@dataclass(frozen=True)
class _Group:
    """Requests that are scored together, as of one moment; equal ones stand together."""

    as_of: pd.Timestamp
    members: list[list[int]] = field(default_factory=list)
    taken: set[Hashable] = field(default_factory=set)


@dataclass(frozen=True)
class _ReasonsJob:
    """A scored request that wants reasons: `at` are the rows of its open deals among the scored, `open` those in its answer."""

    answered: Answered
    scored: ScoredDeals
    at: tuple[int, ...]
    open: tuple[int, ...]
    question: Question

    @property
    def weight(self) -> int:
        return max(1, len(self.at))


def stages() -> tuple[Stage, Stage]:
    """Scores first, then the reasons of those that want them."""
    return Stage(score, LARGEST_PASS), Stage(explain, LARGEST_REASONS)


def score(jobs: Sequence[DealJob]) -> list[Any]:
    """For each request an Answered, an Onward to `explain`, or the exception that it met."""
    outcomes: list[Any] = [None] * len(jobs)
    for group in _groups(jobs):
        together = [jobs[same[0]] for same in group.members]
        for same, outcome in zip(group.members, _tried(together, group.as_of), strict=True):
            for place in same:
                outcomes[place] = outcome
    return outcomes


def _tried(jobs: Sequence[DealJob], as_of: pd.Timestamp) -> list[Any]:
    """The outcomes of a group; where it fails as a whole each request is tried alone."""
    try:
        return _scored(jobs, as_of)
    except Exception as error:
        return [error] if len(jobs) == 1 else [_tried([job], as_of)[0] for job in jobs]


def _groups(jobs: Sequence[DealJob]) -> Iterator[_Group]:
    """The requests in groups whose members do not see each other, by their places."""
    moments: dict[int, pd.Timestamp] = {}
    groups: dict[Hashable, list[_Group]] = {}
    equal: dict[Hashable, list[int]] = {}
    for place, (job, keys) in enumerate(zip(jobs, _touched(jobs), strict=True)):
        dataset, bundle = job.served.dataset, job.served.bundles[DEALS]
        as_of = job.as_of or moments.setdefault(id(dataset), clock.now(dataset.ends_at))
        state = (id(dataset), id(bundle), clock.micros(as_of))
        if (state, job.body) in equal:
            equal[state, job.body].append(place)
            continue
        alike = groups.setdefault((*state, job.columns), [])
        group = next((each for each in alike if each.taken.isdisjoint(keys)), None)
        if group is None:
            group = _Group(as_of)
            alike.append(group)
        equal[state, job.body] = [place]
        group.members.append(equal[state, job.body])
        group.taken.update(keys)
    return (each for alike in groups.values() for each in alike)


def _touched(jobs: Sequence[DealJob]) -> list[set[Hashable]]:
    """The accounts and deals that each request touches."""
    keys: list[set[Hashable]] = [set() for _ in jobs]
    for dataset in {id(job.served.dataset): job.served.dataset for job in jobs}.values():
        own = [(place, deal) for place, job in enumerate(jobs) if job.served.dataset is dataset for deal in job.deals]
        accounts = touched(dataset, [deal.deal_id for _, deal in own], [deal.account_id for _, deal in own])
        for (place, deal), named in zip(own, accounts, strict=True):
            keys[place] |= {("deal", deal.deal_id), *named}
    return keys


def _lacking(dataset: Dataset) -> tuple[str, ...]:
    """The contract's columns that a deal may be posted with and that the company's deals lack."""
    names = [column.name for column in TABLES["deals"].columns if column.name in PostedDeal.model_fields]
    found: tuple[str, ...] = dataset.remembered(
        "lacking", lambda: tuple(name for name in names if not dataset.arrays.has("deals", name))
    )
    return found


def _scored(jobs: Sequence[DealJob], as_of: pd.Timestamp) -> list[Any]:
    """One pass over the deals of a group."""
    served, deals = jobs[0].served, [deal for job in jobs for deal in job.deals]
    if not deals:
        return [Answered(as_of.to_pydatetime(), []) for _ in jobs]
    scored = _curves(served, deals, as_of)
    place = {deal_id: row for row, deal_id in enumerate(scored.ids)}
    common, behind = _common(scored), _behind(scored)
    ends = list(accumulate(len(job.deals) for job in jobs))
    at = [place.get(deal.deal_id, -1) for deal in deals]
    own = [at[end - len(job.deals) : end] for job, end in zip(jobs, ends, strict=True)]
    points = _at_horizons(scored, jobs, own)
    return [_outcome(job, scored, rows, common, behind, read) for job, rows, read in zip(jobs, own, points, strict=True)]


def _curves(served: Served, deals: Sequence[PostedDeal], as_of: pd.Timestamp) -> ScoredDeals:
    """The curves of those deals that are open at as_of."""
    dataset, bundle = served.dataset, served.bundles[DEALS]
    joined = excerpt_of_sheets(dataset, sheets_of(deals, dataset.custom, dataset.organisation.timezone), as_of)
    snapshot = Snapshot(joined, as_of)
    rows = np.intersect1d(places(joined.deal_rows, [deal.deal_id for deal in deals]), snapshot.open_deals)
    return ScoredDeals.of(snapshot, bundle, deal_signals(snapshot, of_the_day(Snapshot(dataset, as_of)), rows))


def _common(scored: ScoredDeals) -> list[Row]:
    """What does not depend on the horizons, for each scored deal."""
    columns = scored.columns()
    dates = [None if day is None else day.date() for day in columns.pop("predicted_close_on").tolist()]
    plain = {name: _plain(values) for name, values in columns.items()} | {"predicted_close_on": dates}
    words = words_of(scored.snapshot.dataset)
    plain["warnings"] = said_warnings(scored.bundle, scored.signals, words)
    return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]


def _behind(scored: ScoredDeals) -> list[Behind]:
    """What the journal keeps of each scored deal; of a whole pass at once, which takes little longer than of one deal."""
    values = map(number, scored.snapshot.deal_amounts[scored.places].tolist())
    told = curves_of_deals(scored.curves, np.arange(len(scored.signals)))
    return [Behind(*each) for each in zip(hashes(scored.signals), told, values, strict=True)]


def _plain(values: Any) -> list[Any]:
    return [None if value != value else value for value in values.tolist()]


def _at_horizons(scored: ScoredDeals, jobs: Sequence[DealJob], own: Sequence[Sequence[int]]) -> list[list[list[Row]]]:
    """For each request and each of its deals the points at its horizons; read off all curves at once."""
    pairs = [(row, days) for job, rows in zip(jobs, own, strict=True) for row in rows if row >= 0 for days in job.horizons]
    rows, days = np.array([row for row, _ in pairs], dtype=np.int64), np.array([day for _, day in pairs], dtype=np.float64)
    won, lost = (_plain(values) for values in scored.at(rows, days))
    points = (Row(days=day, p_won=up, p_lost=down) for (_, day), up, down in zip(pairs, won, lost, strict=True))
    return [
        [[next(points) for _ in job.horizons] if row >= 0 else [] for row in rows] for job, rows in zip(jobs, own, strict=True)
    ]


def _outcome(
    job: DealJob,
    scored: ScoredDeals,
    at: Sequence[int],
    common: Sequence[Row],
    behind: Sequence[Behind],
    points: Sequence[list[Row]],
) -> Answered | Onward:
    beyond = scored.extrapolated(job.horizons)
    rows = [
        _row(job, deal, scored.snapshot.at, common[row] if row >= 0 else None, beyond, read)
        for deal, row, read in zip(job.deals, at, points, strict=True)
    ]
    answered = Answered(scored.snapshot.as_of.to_pydatetime(), rows, [behind[row] if row >= 0 else None for row in at])
    explained = [place for place, row in enumerate(rows) if row["reason"] is None]
    if not job.reasons or not explained:
        return answered
    return Onward(_ReasonsJob(answered, scored, tuple(at[place] for place in explained), tuple(explained), job.question()))


def _row(job: DealJob, deal: PostedDeal, at: int, common: Row | None, beyond: bool, points: list[Row]) -> Row:
    unknown = unknowns(job.served.dataset, deal, at)
    if common is None:
        return {"deal_id": deal.deal_id, "reason": "not_open", "warnings": unknown}
    own = {"extrapolated": beyond, "warnings": [*common["warnings"], *unknown], "horizons": [] if common["reason"] else points}
    return {"deal_id": deal.deal_id, **common, **own}


def explain(jobs: Sequence[_ReasonsJob]) -> list[Answered]:
    """The requests with their reasons: those of one pass that ask the same together."""
    together: dict[Hashable, list[_ReasonsJob]] = {}
    for job in {id(job): job for job in jobs}.values():
        asked = (id(job.scored.bundle), id(job.scored.snapshot.dataset.organisation), job.scored.snapshot.at, job.question)
        together.setdefault((*asked, tuple(job.scored.signals)), []).append(job)
    for alike in together.values():
        _add_reasons(alike)
    return [job.answered for job in jobs]


def _add_reasons(jobs: Sequence[_ReasonsJob]) -> None:
    first = jobs[0]
    signals = pd.concat([job.scored.signals.iloc[list(job.at)] for job in jobs])
    words = words_of(first.scored.snapshot.dataset)
    said = iter(said_reasons(first.scored.bundle, DEALS, signals, first.scored.snapshot.as_of, first.question, words))
    for job in jobs:
        for place in job.open:
            job.answered.rows[place]["reasons"] = next(said)
