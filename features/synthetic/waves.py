"""Deals in three waves, because later ones rest on what became of earlier ones.

First tries at new accounts; second tries at accounts whose first deal was lost; expansions and renewals at clients. Each wave
walks to its end before the next begins, so a history of 30 months takes three vectorised walks and not 30 months of events.
"""

from dataclasses import dataclass, replace

import numpy as np

from features.clock import Floats
from features.history import Rows
from features.synthetic import contracts, deals, schedule
from features.synthetic.accounts import Accounts, found
from features.synthetic.batch import sums
from features.synthetic.contracts import ContractClients, Terms
from features.synthetic.deals import NEW, Deals
from features.synthetic.orders import OrderClients
from features.synthetic.pace import Clock, build_clock
from features.synthetic.people import People, hire
from features.synthetic.process import WON, Steps, World
from features.synthetic.settings import Settings

OLD_CLIENTS = 0.08
"""Accounts that were clients before the history begins, for each deal in it."""


@dataclass(frozen=True)
class Scene:
    """What stands before the first deal: people, accounts (the first `n_old` are clients already), and the clocks."""

    settings: Settings
    people: People
    accounts: Accounts
    clock: Clock
    season: Clock
    n_old: int


@dataclass(frozen=True)
class Wave:
    """Deals, their steps (sorted by deal and day), and for each step the log-change of the amount."""

    deals: Deals
    steps: Steps
    haggled: Floats

    @property
    def won(self) -> tuple[Rows, Floats, Floats]:
        """Rows of the deals that were won, the days of it, and the final amounts in euros."""
        outcome, day = deals.closes(self.steps, len(self.deals))
        row = np.flatnonzero(outcome == WON)
        final = self.deals.amount * np.exp(sums(self.steps.deal, self.haggled, len(self.deals)))
        return row, day[row], final[row]


def set_scene(settings: Settings, n_new: int) -> Scene:
    """Staff, clocks, and as many accounts as there are old clients and first tries."""
    start, end = settings.start, settings.end
    people = hire(settings)
    clock = build_clock(start, end, rush=settings.rush, shock_sd=settings.shock_sd, rng=settings.stream("clock"))
    season = build_clock(start, end, rush=False, shock_sd=0.0, rng=settings.stream("season"))
    n_old = max(4, round(OLD_CLIENTS * settings.n_deals))
    return Scene(settings, people, found(n_old + n_new, people, settings.stream("accounts")), clock, season, n_old)


def new_business(scene: Scene, n_second: int) -> Wave:
    """First tries at the accounts that are no clients, and up to `n_second` second tries at some of those lost."""
    rng, start, end = scene.settings.stream("tries"), scene.settings.start, scene.settings.end
    account = np.arange(scene.n_old, len(scene.accounts))
    created = deals.creation_days(len(account), scene.season, start, end, rng)
    first = _wave(scene, "first", account, created, np.full(len(account), NEW))
    again, retried = deals.second_tries(first.deals, first.steps, n_second, end, rng)
    return joined([first, _wave(scene, "second", again, retried, np.full(len(again), NEW))])


def follow_ups(scene: Scene, contract: ContractClients, terms: Terms, order: OrderClients, n: int) -> Wave:
    """Expansions and renewals at clients. That an order client has quit is unknown to the sellers, who ask on."""
    rng = scene.settings.stream("follow_ups")
    created = deals.creation_days(n, scene.season, scene.settings.start, scene.settings.end, rng)
    until = np.r_[contracts.leaves(contract, terms), np.full(len(order), np.inf)]
    since = np.r_[contract.signed, order.since]
    account = deals.clients_at(created, np.r_[contract.account, order.account], since, until, rng)
    return _wave(scene, "later", account, created, deals.follow_up_types(account, scene.accounts, rng))


def _wave(scene: Scene, name: str, account: Rows, created: Floats, kind: Rows) -> Wave:
    settings, people = scene.settings, scene.people
    opened = deals.open_deals(account, created, kind, scene.accounts, people, settings.stream(f"deals.{name}"))
    world = World(scene.clock, people.desk, opened.merit, opened.stride)
    steps = deals.run(opened, world, settings.end, settings.stream(f"walk.{name}"))
    return Wave(opened, steps, schedule.haggle(steps, settings.stream(f"haggle.{name}")))


def joined(waves: list[Wave]) -> Wave:
    """The waves as one, their deals numbered on."""
    offsets = np.cumsum([0, *(len(wave.deals) for wave in waves)])
    steps = [replace(wave.steps, deal=wave.steps.deal + offset) for wave, offset in zip(waves, offsets, strict=False)]
    return Wave(Deals.join([w.deals for w in waves]), Steps.join(steps), np.concatenate([w.haggled for w in waves]))


def by_creation(wave: Wave) -> tuple[Wave, Rows]:
    """The deals renumbered in the order of their creation, and each one's new number."""
    order = np.argsort(wave.deals.created, kind="stable")
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    return _sorted(wave.deals.take(order), replace(wave.steps, deal=number[wave.steps.deal]), wave.haggled), number


def with_reopenings(scene: Scene, wave: Wave) -> Wave:
    """A share of the lost deals comes back, walks on and closes again. A late win makes no client: it is dirt, not business."""
    share, end, rng = scene.settings.dirt.reopened, scene.settings.end, scene.settings.stream("dirt.reopened")
    if not share:
        return wave
    back = deals.reopenings(wave.steps, share, end, rng)
    world = World(scene.clock, scene.people.desk, wave.deals.merit, wave.deals.stride)
    extra = deals.in_order([back, *deals.rerun(back, world, rng)], end)
    return _sorted(wave.deals, Steps.join([wave.steps, extra]), np.r_[wave.haggled, np.zeros(len(extra))])


def _sorted(opened: Deals, steps: Steps, haggled: Floats) -> Wave:
    order = np.lexsort((steps.day, steps.deal))
    return Wave(opened, steps.take(order), haggled[order])
