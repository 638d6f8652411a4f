"""What is done about a deal: calls, mails and meetings in both directions, tasks and notes.

Three Poisson processes in operational time, one for each channel, run while a deal is open; their rates depend on the stage,
and on the latent quality: the buyers of a good deal write more. Each contact activity may bring in a new contact, more often
in a good deal. Whatever else an activity has (kind, due date, who of the known contacts) is independent of the quality, so
counts and new contacts are all that the truth needs.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats
from features.history import Rows
from features.synthetic.batch import Batch, before, draw_by_row, ids, instants, just_before, pick, ranks, running_sum
from features.synthetic.deals import Deals, Visits
from features.synthetic.pace import Clock
from features.synthetic.process import LEVELS

INWARD, OUTWARD, INTERNAL = range(3)
N_CHANNELS: Final = 3
RATE: Final = np.array([[0.026, 0.030, 0.034, 0.037, 0.048], [0.048, 0.048, 0.050, 0.053, 0.065], [0.012] * 5])
"""(channels, stages) activities an operational day of a deal of middling quality."""
WARMTH: Final = np.array([0.55, 0.18, 0.0])
HEAT: Final = np.exp(WARMTH[:, None] * LEVELS)
"""(channels, levels) what the quality multiplies the rate by."""
NEW_CONTACT: Final = np.array([0.07, 0.11, 0.15, 0.19, 0.25])
"""By level, the share of contact activities after the first that bring in somebody new."""
CLIENT_CARE: Final = 1 / 90
"""Activities with a client outside of any deal, a seasonal day."""

KINDS: Final = ("call", "email", "meeting", "demo", "proposal", "task", "note")
MEETING, DEMO, TASK = 2, 3, 5
_INWARD: Final = np.array([[0.30, 0.70, 0, 0, 0, 0, 0]] * 5)
_OUTWARD: Final = np.array(
    [
        [0.42, 0.50, 0.08, 0, 0, 0, 0],
        [0.30, 0.42, 0.20, 0.08, 0, 0, 0],
        [0.22, 0.38, 0.18, 0.20, 0.02, 0, 0],
        [0.24, 0.40, 0.16, 0.04, 0.16, 0, 0],
        [0.30, 0.42, 0.20, 0, 0.08, 0, 0],
    ]
)
_INTERNAL: Final = np.array([[0, 0, 0, 0, 0, 0.55, 0.45]] * 5)
MIX: Final = np.stack([_INWARD, _OUTWARD, _INTERNAL])
"""(channels, stages, kinds)"""


@dataclass(frozen=True)
class Activities(Batch):
    """Activities on deals, sorted by deal and day. `fresh` marks those that brought in a new contact; `stop` ends the stay."""

    deal: Rows
    day: Floats
    stop: Floats
    stage: Rows
    owner: Rows
    channel: Rows
    fresh: Rows


def exposure(stays: Visits, clock: Clock) -> Floats:
    """(channels, stays) expected number of activities at middling quality."""
    length = clock.operational(stays.stop) - clock.operational(stays.start)
    return np.asarray(RATE[:, stays.stage] * length)


def act(deals: Deals, stays: Visits, clock: Clock, rng: np.random.Generator) -> Activities:
    """All activities during the stays."""
    quality = deals.quality[stays.deal]
    count = rng.poisson(exposure(stays, clock) * HEAT[:, quality])
    channel = np.repeat(np.repeat(np.arange(N_CHANNELS), len(stays)), count.ravel())
    stay = np.repeat(np.tile(np.arange(len(stays)), N_CHANNELS), count.ravel())
    begin, stop = clock.operational(stays.start[stay]), clock.operational(stays.stop[stay])
    day = clock.calendar(begin + rng.random(len(stay)) * (stop - begin))
    day = np.clip(day, stays.start[stay], just_before(stays.stop[stay]))
    order = np.lexsort((day, stays.deal[stay]))
    stay, day, channel = stay[order], day[order], channel[order]
    deal = stays.deal[stay]
    fresh = _fresh(deal, channel, deals.quality, rng)
    return Activities(deal, day, stays.stop[stay], stays.stage[stay], stays.owner[stay], channel, fresh)


def _fresh(deal: Rows, channel: Rows, quality: Rows, rng: np.random.Generator) -> Rows:
    """1 where an activity brings in a new contact: the first contact activity of a deal always does."""
    chance = rng.random(len(deal)) < NEW_CONTACT[quality[deal]]
    contact = np.flatnonzero(channel != INTERNAL)
    fresh = np.zeros(len(deal), dtype=np.int64)
    fresh[contact] = chance[contact] | (ranks(deal[contact]) == 0)
    return fresh


def activities_table(
    deals: Deals, each: Activities, care: tuple[Rows, Floats, Rows], end: float, rng: np.random.Generator
) -> pd.DataFrame:
    """The activities table. `care` are activities with clients outside of deals: account, day, user."""
    account, day, user = care
    kind = draw_by_row(MIX[each.channel, each.stage], rng)
    care_kind = draw_by_row(np.tile(_OUTWARD[0], (len(day), 1)), rng)
    frame = pd.DataFrame(
        {
            "deal": np.r_[each.deal, np.full(len(day), -1)],
            "account": np.r_[deals.account[each.deal], account],
            "user": np.r_[each.owner, user],
            "kind": np.r_[kind, care_kind],
            "channel": np.r_[each.channel, np.full(len(day), OUTWARD)],
            "day": np.r_[each.day, day],
            "stop": np.r_[each.stop, np.full(len(day), end)],
            "contact": np.r_[_contacts(each, rng), np.full(len(day), -1)],
        }
    ).sort_values("day", kind="stable", ignore_index=True)
    return _written(frame, rng)


def _contacts(each: Activities, rng: np.random.Generator) -> Rows:
    """Number of the contact within its deal: the new one where there is one, else any of those known; -1 for internal work."""
    so_far = running_sum(each.fresh.astype(np.float64), each.deal)
    known = np.floor(rng.random(len(each)) * so_far)
    number = np.where(each.fresh == 1, so_far - 1, known)
    return np.where(each.channel == INTERNAL, -1, number).astype(np.int64)


def _written(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The rows as the CRM shows them: meetings and tasks are planned ahead, and done unless the stage ended first."""
    kind, day = frame["kind"].to_numpy(), frame["day"].to_numpy()
    planned = np.isin(kind, (MEETING, DEMO, TASK))
    due = np.floor(day + rng.gamma(2.0, 3.0, len(frame))) + rng.integers(16, 34, len(frame)) / 48
    due = np.where(planned, np.maximum(due, day), np.nan)
    done = np.where(planned, before(due, frame["stop"].to_numpy()), day)
    contact = frame["contact"].to_numpy()
    contacts = ids("P", frame["deal"].to_numpy()) + "-" + pd.Series(contact).astype("str")
    return pd.DataFrame(
        {
            "activity_id": ids("E", np.arange(len(frame)), 8),
            "deal_id": ids("D", frame["deal"].to_numpy()),
            "account_id": ids("A", frame["account"].to_numpy()),
            "user_id": ids("U", frame["user"].to_numpy(), 4),
            "kind": pick(KINDS, kind),
            "direction": pick(("in", "out"), np.where(frame["channel"] == INTERNAL, -1, frame["channel"])),
            "logged_at": instants(day),
            "due_at": instants(due),
            "done_at": instants(done),
            "contact_id": contacts.where(contact >= 0).astype("str"),
        }
    )
