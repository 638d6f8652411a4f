"""Journeys: each lead with the deal that came of it, and each deal that came of no lead, with when it reached which step.

The steps are lead, qualified lead, deal, offer and won; a step that the source does not tell of is left out. A step counts as
reached when it or a later one was: a deal that was won without an offer stage reached the offer when it was won, and is counted
as having skipped it. Only the first time counts: an offer that was withdrawn and renewed was reached once.

A lead of 2 March becomes a deal on 9 March, without having been marked as qualified, enters Proposal (an offer stage) on 20 March
and is lost on 30 March: it reached lead on the 2nd, qualified (skipped) and deal on the 9th, offer on the 20th, and never won.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.flat import Texts, texts
from features.history import LOST, OPEN, WON, Rows, first_row
from features.kpis.facts import owners_at
from features.snapshot import Snapshot, decode

LEAD: Final = "lead"
QUALIFIED: Final = "qualified"
DEAL: Final = "deal"
OFFER: Final = "offer"
WON_STEP: Final = "won"


@dataclass(frozen=True)
class Journeys:
    """Flat arrays, one entry a journey; leads first.

    steps     names of the steps that the source tells of, in order
    began     when the lead or the deal was created
    entry     index of the step at which it began: 0 for a lead, that of the deal for a deal without one
    reached   (journeys, steps) when it reached the step or a later one, never before it began; `UNKNOWN`: not yet
    skipped   (journeys, steps) whether a later step was reached and this one was not on record
    lost      when its deal was lost, `UNKNOWN` where it was not
    reason    of the loss, None where there is none on record
    amount    of its deal in the organisation's currency, NaN where there is none
    deal      row of its deal, -1
    owner     of the deal (of a closed one when it closed), else of the lead
    source    of the lead, else of the deal
    unlinked  leads that became deals which are not on record
    doubled   leads of a deal that another lead came before; they are not among the journeys
    as_of     in microseconds
    """

    steps: tuple[str, ...]
    began: Micros
    entry: Rows
    reached: Micros
    skipped: Mask
    lost: Micros
    reason: Texts
    amount: Floats
    deal: Rows
    owner: Texts
    source: Texts
    unlinked: int
    doubled: int
    as_of: int


@dataclass(frozen=True)
class _Leads:
    """The leads as known; `deal` is the row of the deal that each became, -1 for none."""

    created: Micros
    qualified: Micros
    converted: Micros
    deal: Rows
    owner: Texts
    source: Texts
    doubled: int


def journeys(snapshot: Snapshot) -> Journeys:
    """All journeys known at the Snapshot's as_of."""
    leads = _leads(snapshot)
    alone = np.setdiff1d(np.flatnonzero(snapshot.exists), leads.deal)
    deal = np.concatenate([leads.deal, alone])
    n_leads, n_alone = len(leads.deal), len(alone)
    created = snapshot.dataset.deal_created
    began = np.concatenate([leads.created, created[alone]])
    converted = np.where(leads.deal >= 0, clock.time_at(created, leads.deal), leads.converted)
    never = clock.repeated(clock.UNKNOWN, n_alone)
    times = {
        LEAD: np.concatenate([leads.created, never]),
        QUALIFIED: np.concatenate([leads.qualified, never]),
        DEAL: np.concatenate([converted, created[alone]]),
        OFFER: clock.time_at(_offered(snapshot), deal),
        WON_STEP: clock.time_at(np.where(snapshot.state == WON, snapshot.state_since, clock.UNKNOWN), deal),
    }
    steps = _steps(snapshot)
    raw = np.stack([times[step] for step in steps], axis=1)
    reached = _or_beyond(raw, began)
    entry = np.repeat([0, steps.index(DEAL)], [n_leads, n_alone])
    came = np.arange(len(steps)) >= entry[:, None]
    return Journeys(
        steps,
        began,
        entry,
        np.where(came, reached, clock.UNKNOWN),
        came & (raw == clock.UNKNOWN) & (reached != clock.UNKNOWN),
        clock.time_at(np.where(snapshot.state == LOST, snapshot.state_since, clock.UNKNOWN), deal),
        _of_deals(_lost_reasons(snapshot), deal),
        np.append(snapshot.deal_amounts, np.nan)[deal],
        deal,
        _first_known(_of_deals(_owners(snapshot), deal), leads.owner),
        np.concatenate([leads.source, snapshot.texts("source", alone)]),
        int(((leads.converted != clock.UNKNOWN) & (leads.deal < 0)).sum()),
        leads.doubled,
        snapshot.at,
    )


def _steps(snapshot: Snapshot) -> tuple[str, ...]:
    told = {DEAL, WON_STEP}
    if snapshot.has("leads"):
        told |= {LEAD} | ({QUALIFIED} if "qualified_at" in snapshot.dataset.tables["leads"] else set())
    if len(_offer_stages(snapshot)):
        told.add(OFFER)
    return tuple(step for step in (LEAD, QUALIFIED, DEAL, OFFER, WON_STEP) if step in told)


def _leads(snapshot: Snapshot) -> _Leads:
    if not snapshot.has("leads"):
        nobody, nothing = np.array([], dtype=np.int64), np.array([], dtype=object)
        return _Leads(nobody, nobody, nobody, nobody, nothing, nothing, 0)
    frame = snapshot.frame("leads").sort_values(["created_at", "lead_id"], kind="stable", ignore_index=True)
    known = snapshot.dataset.deal_rows.get_indexer(pd.Index(texts(_column(frame, "deal_id"))))
    deal = np.where((known >= 0) & np.append(snapshot.exists, False)[known], known, -1).astype(np.int64)
    again = (deal >= 0) & pd.Series(deal).duplicated().to_numpy()
    kept = frame[~again]
    return _Leads(
        clock.to_micros(kept["created_at"]),
        _times(kept, "qualified_at"),
        _times(kept, "converted_at"),
        deal[~again],
        texts(_column(kept, "owner_id")),
        texts(_column(kept, "source")),
        int(again.sum()),
    )


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame else pd.Series(None, index=frame.index, dtype="str")


def _times(frame: pd.DataFrame, name: str) -> Micros:
    return clock.to_micros(frame[name]) if name in frame else clock.repeated(clock.UNKNOWN, len(frame))


def _offer_stages(snapshot: Snapshot) -> list[str]:
    stages = snapshot.dataset.tables["stages"]
    if "is_offer" not in stages:
        return []
    return stages.loc[stages["is_offer"].fillna(False) & stages["kind"].eq("open"), "stage"].tolist()


def _offered(snapshot: Snapshot) -> Micros:
    """When each deal first stood in an offer stage; of one that was there before its history began, when that began."""
    past = snapshot.dataset.history("stage")
    names = np.array([] if past.labels is None else past.labels, dtype=object)
    is_offer = np.append(np.isin(names, _offer_stages(snapshot)), False)[past.value.astype(np.int64)]
    known = clock.known(past.known, snapshot.at)
    return clock.time_at(past.time, first_row(past.deal, known & is_offer, snapshot.dataset.n_deals))


def _or_beyond(raw: Micros, began: Micros) -> Micros:
    """(journeys, steps) the earliest of a step's time and those of the later steps."""
    first = np.minimum.accumulate(clock.or_never(raw)[:, ::-1], axis=1)[:, ::-1]
    return clock.never_as_unknown(clock.later(first, began[:, None]))


def _lost_reasons(snapshot: Snapshot) -> Texts:
    """For each deal of the Dataset the reason of its loss as known."""
    found = np.full(snapshot.dataset.n_deals, None, dtype=object)
    frame = snapshot.frame("deals")
    if "lost_reason" in frame:
        found[np.flatnonzero(snapshot.exists)] = texts(frame["lost_reason"])
    return found


def _owners(snapshot: Snapshot) -> Texts:
    """For each deal of the Dataset who owned it when it closed, of an open one its owner of now."""
    moments = np.where(snapshot.state == OPEN, snapshot.at - 1, snapshot.state_since)
    return decode(snapshot.dataset.history("owner_id"), owners_at(snapshot, moments))


def _of_deals(values: Texts, deal: Rows) -> Texts:
    return np.append(values, np.array([None], dtype=object))[deal]


def _first_known(values: Texts, of_leads: Texts) -> Texts:
    """The values, those of the leads where a lead has none."""
    whole = values.copy()
    missing = np.flatnonzero(pd.isna(values[: len(of_leads)]))
    whole[missing] = of_leads[missing]
    return whole
