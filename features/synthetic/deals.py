"""The deals: which accounts they are with, what they are about, and how each walked.

They come in three waves, because later ones rest on what became of earlier ones: first tries at new accounts; second tries at
accounts that were lost; expansions and renewals at clients. A renewal here is that of an order client's yearly frame agreement:
contracts renew by a successor contract, without a deal.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.clock import Floats
from features.history import Rows
from features.synthetic.accounts import EQUIPMENT, Accounts
from features.synthetic.batch import Batch, draw, is_last, just_before
from features.synthetic.pace import Clock
from features.synthetic.people import People
from features.synthetic.process import LOST, PRIOR, WON, Steps, Walkers, World, walk

TYPES: Final = ("new", "expansion", "renewal")
NEW, EXPANSION, RENEWAL = range(3)
PRODUCTS: Final = ("Orbit Planner", "Orbit Insight", "Orbit Suite", "Kiln 200", "Kiln 500", "Press Line")
PER_LINE: Final = 3
SOURCES: Final = ("web", "event", "partner", "referral", "outbound", "client base")
OUTBOUND, CLIENT_BASE = 4, 5

PRODUCT_SHARES: Final = (0.5, 0.33, 0.17)
SOURCE_SHARES: Final = (0.34, 0.13, 0.16, 0.12, 0.25)
LIST_PRICE: Final = np.array([16_000.0, 30_000.0, 75_000.0, 24_000.0, 66_000.0, 150_000.0])
TYPE_PRICE: Final = np.array([1.0, 0.5, 0.7])
SIZE_ELASTICITY: Final = 0.45
AMOUNT_SD: Final = 0.5

FIRST_STAGE: Final = np.array([0, 1, 3])
PRODUCT_MERIT: Final = np.array([0.08, 0.0, -0.12, 0.08, 0.0, -0.15])
SOURCE_MERIT: Final = np.array([-0.05, -0.02, 0.1, 0.25, -0.15, 0.08])
TYPE_MERIT: Final = np.array([-0.04, 0.04, 0.1])
PRODUCT_STRIDE: Final = np.array([0.75, 0.95, 1.3, 0.85, 1.1, 1.45])
TYPE_STRIDE: Final = np.array([1.0, 0.85, 0.9])

SECOND_TRIES: Final = 0.1
FOLLOW_UPS: Final = 0.33
GROWTH: Final = 0.18
"""Growth of the number of new deals a year."""


@dataclass(frozen=True)
class Deals(Batch):
    """Deals by row, as they were created. `amount` is in euros; `misfit` its log-deviation from what fits the account's size."""

    account: Rows
    created: Floats
    type: Rows
    product: Rows
    source: Rows
    owner: Rows
    stage: Rows
    amount: Floats
    misfit: Floats
    quality: Rows

    @property
    def merit(self) -> Floats:
        """Score before quality and owner: a large line sold outbound is worse than both parts, a misfit is worse either way."""
        cold_and_large = (self.source == OUTBOUND) & (PRODUCT_STRIDE[self.product] > 1.2)
        misfit = np.minimum(np.abs(self.misfit / AMOUNT_SD), 2.5)
        known = SOURCE_MERIT[self.source] + PRODUCT_MERIT[self.product] + TYPE_MERIT[self.type]
        return np.asarray(known - 0.22 * cold_and_large - 0.09 * misfit**2 + 0.05)

    @property
    def stride(self) -> Floats:
        """Time scale of a deal's sojourns: large amounts take longer."""
        of_amount = np.clip((self.amount / 30_000) ** 0.12, 0.7, 1.6)
        return np.asarray(PRODUCT_STRIDE[self.product] * TYPE_STRIDE[self.type] * of_amount)


@dataclass(frozen=True)
class Visits(Batch):
    """Stays of deals in open stages, `[start, stop)`, sorted by deal and time. `last` marks the newest stay of its deal."""

    deal: Rows
    stage: Rows
    owner: Rows
    start: Floats
    stop: Floats
    last: Rows


def creation_days(n: int, clock: Clock, start: float, end: float, rng: np.random.Generator) -> Floats:
    """n working-hour instants between start and end, ascending, more of them every year."""
    first, last = np.interp([start, end], clock.days, clock.calm)
    rate = np.log1p(GROWTH) * (end - start) / 365
    share = np.log1p(rng.random(n) * np.expm1(rate)) / rate
    days = np.interp(first + share * (last - first), clock.calm, clock.days)
    return np.sort(np.clip(days, start, just_before(end)))


def open_deals(account: Rows, created: Floats, kind: Rows, accounts: Accounts, people: People, rng: np.random.Generator) -> Deals:
    """Deals of the given kinds (rows of TYPES) at the given accounts, each with an owner from the account's region."""
    n = len(account)
    product = draw(PRODUCT_SHARES, n, rng) + PER_LINE * accounts.line[account]
    source = np.where(kind == NEW, draw(SOURCE_SHARES, n, rng), CLIENT_BASE)
    misfit = rng.normal(0.0, AMOUNT_SD, n)
    fitting = LIST_PRICE[product] * TYPE_PRICE[kind] * (accounts.employees[account] / 150) ** SIZE_ELASTICITY
    amount = np.maximum(np.round(fitting * np.exp(misfit), -1), 100.0)
    owner = owners(accounts.region[account], created, people, rng)
    return Deals(account, created, kind, product, source, owner, FIRST_STAGE[kind], amount, misfit, draw(PRIOR, n, rng))


def owners(region: Rows, day: Floats, people: People, rng: np.random.Generator) -> Rows:
    """For each a seller of the region who had been hired by that day."""
    chosen = np.zeros(len(region), dtype=np.int64)
    chance = rng.random(len(region))
    for home in people.regions:
        staff = people.sellers[people.region[people.sellers] == home]
        staff = staff[np.argsort(people.desk.hired[staff], kind="stable")]
        here = region == home
        present = np.searchsorted(people.desk.hired[staff], day[here], side="right")
        chosen[here] = staff[np.floor(chance[here] * present).astype(np.int64)]
    return chosen


def run(deals: Deals, world: World, end: float, rng: np.random.Generator) -> Steps:
    """Walk all deals from their creation on; the steps before `end`."""
    entered = world.clock.operational(deals.created)
    draws = np.zeros(len(deals), dtype=np.int64)
    start = Walkers(np.arange(len(deals)), draws, deals.stage, deals.quality, deals.owner, entered, np.zeros(len(deals)))
    return in_order(list(walk(world, start, rng)), end)


def in_order(steps: list[Steps], end: float) -> Steps:
    """The steps before `end`, sorted by deal and time."""
    taken = Steps.join(steps)
    taken = taken.take(taken.day < end)
    return taken.take(np.lexsort((taken.day, taken.deal)))


def closes(steps: Steps, n_deals: int) -> tuple[Rows, Floats]:
    """For each deal how its history ends (WON, LOST, or -1 while open) and the day of the close (NaN while open)."""
    final = is_last(steps.deal) & (steps.to >= WON)
    outcome, day = np.full(n_deals, -1), np.full(n_deals, np.nan)
    outcome[steps.deal[final]] = steps.to[final]
    day[steps.deal[final]] = steps.day[final]
    return outcome, day


def second_tries(deals: Deals, steps: Steps, n: int, end: float, rng: np.random.Generator) -> tuple[Rows, Floats]:
    """Up to n accounts whose first deal was lost, and when they are tried again: one to several months later."""
    outcome, closed = closes(steps, len(deals))
    lost = np.flatnonzero(outcome == LOST)
    again = rng.permutation(lost)[:n]
    created = closed[again] + 30 + rng.exponential(90.0, len(again))
    kept = created < end
    return deals.account[again][kept], created[kept]


def clients_at(day: Floats, account: Rows, since: Floats, until: Floats, rng: np.random.Generator) -> Rows:
    """For each day an account that is a client then; after fifty misses any."""
    order = np.argsort(since, kind="stable")
    joined = np.maximum(np.searchsorted(since[order], day, side="right"), 1)
    chosen = order[np.floor(rng.random(len(day)) * joined).astype(np.int64)]
    for _ in range(50):
        gone = np.flatnonzero(until[chosen] <= day)
        chosen[gone] = order[np.floor(rng.random(len(gone)) * joined[gone]).astype(np.int64)]
    return account[chosen]


def follow_up_types(account: Rows, accounts: Accounts, rng: np.random.Generator) -> Rows:
    """Contract clients expand; order clients expand, or renew their frame agreement."""
    renews = (accounts.line[account] == EQUIPMENT) & (rng.random(len(account)) < 0.55)
    return np.where(renews, RENEWAL, EXPANSION)


def visits(deals: Deals, steps: Steps, end: float) -> Visits:
    """The stays of all deals in open stages, up to `end`. `steps` are those before `end`."""
    deal = np.concatenate([np.arange(len(deals)), steps.deal])
    start = np.concatenate([deals.created, steps.day])
    stage = np.concatenate([deals.stage, steps.to])
    owner = np.concatenate([deals.owner, steps.heir])
    # A deal and its step can only share an instant by rounding: the stable sort keeps the opening first.
    order = np.lexsort((start, deal))
    deal, start, stage, owner = deal[order], start[order], stage[order], owner[order]
    last = is_last(deal)
    stop = np.where(last, end, np.append(start[1:], end))
    return Visits(deal, stage, owner, start, stop, last.astype(np.int64)).take(stage < WON)


def reopenings(steps: Steps, share: float, end: float, rng: np.random.Generator) -> Steps:
    """A share of the lost deals comes back some weeks later, to the stage it was lost from."""
    lost = steps.take((steps.to == LOST) & (rng.random(len(steps)) < share))
    day = lost.day + 7 + rng.gamma(2.0, 15.0, len(lost))
    back = Steps(lost.deal, lost.draw, day, day, day - lost.day, lost.to, lost.stage, lost.quality, lost.heir, lost.heir)
    return back.take(day < end)


def rerun(back: Steps, world: World, rng: np.random.Generator) -> list[Steps]:
    """Walk the re-opened deals on to their second close."""
    entered = world.clock.operational(back.day)
    return list(walk(world, Walkers(back.deal, back.draw, back.to, back.quality, back.heir, entered, np.zeros(len(back))), rng))
