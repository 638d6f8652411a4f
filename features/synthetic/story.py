"""What really happened in the company, hidden causes included: the arrays that the tables are written from and the truth reads.

Deals are tried at new accounts, some of the lost ones again; who was won becomes a client, by contract or by order; clients are
offered more. Clients live on by themselves: no open deal changes when an order client buys or a contract client leaves, so deals
and clients have separate truths.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from features.clock import Floats
from features.history import Rows
from features.synthetic import activities, clientele, deals, schedule, waves
from features.synthetic.accounts import Accounts
from features.synthetic.activities import Activities
from features.synthetic.clientele import Clientele
from features.synthetic.deals import Deals
from features.synthetic.pace import Clock
from features.synthetic.people import People
from features.synthetic.process import WON, Steps, World
from features.synthetic.schedule import Pushes
from features.synthetic.settings import Settings
from features.synthetic.waves import Scene, Wave


@dataclass(frozen=True)
class Story:
    """Everything that happened before the end of the history, and why."""

    scene: Scene
    wave: Wave
    pushes: Pushes
    first_dates: Floats
    activities: Activities
    clients: Clientele

    @property
    def settings(self) -> Settings:
        return self.scene.settings

    @property
    def people(self) -> People:
        return self.scene.people

    @property
    def accounts(self) -> Accounts:
        return self.scene.accounts

    @property
    def clock(self) -> Clock:
        return self.scene.clock

    @property
    def season(self) -> Clock:
        return self.scene.season

    @property
    def deals(self) -> Deals:
        return self.wave.deals

    @property
    def steps(self) -> Steps:
        return self.wave.steps

    @cached_property
    def world(self) -> World:
        return World(self.clock, self.people.desk, self.deals.merit, self.deals.stride)


def tell(settings: Settings) -> Story:
    """Make up the whole history."""
    n_second, n_later = round(deals.SECOND_TRIES * settings.n_deals), round(deals.FOLLOW_UPS * settings.n_deals)
    scene = waves.set_scene(settings, settings.n_deals - n_second - n_later)
    tried = waves.new_business(scene, n_second)
    contract, terms = clientele.contract_clients(scene, tried)
    order, first_amount = clientele.order_clients(scene, tried)
    later = waves.follow_ups(scene, contract, terms, order, settings.n_deals - len(tried.deals))
    terms = clientele.with_expansions(scene, contract, terms, later)
    wave, number = waves.by_creation(waves.joined([tried, later]))
    contract, order = (
        replace(contract, deal=_renumbered(contract.deal, number)),
        replace(order, deal=_renumbered(order.deal, number)),
    )
    clients = clientele.serve(scene, contract, terms, order, first_amount)
    return _at_work(scene, waves.with_reopenings(scene, wave), clients)


def _renumbered(deal: Rows, number: Rows) -> Rows:
    return np.where(deal < 0, -1, number[deal])


def _at_work(scene: Scene, wave: Wave, clients: Clientele) -> Story:
    """The sellers' work on the deals: activities, and dates that are guessed and pushed."""
    settings, rng = scene.settings, scene.settings.stream("dates")
    first = schedule.first_dates(wave.deals, scene.people.optimism, rng)
    stop = np.full(len(wave.deals), settings.end)
    closing = wave.steps.take(wave.steps.to >= WON)
    np.minimum.at(stop, closing.deal, closing.day)
    pushes = schedule.push(wave.deals, first, stop, _neglect(settings), scene.clock, rng)
    stays = deals.visits(wave.deals, wave.steps, settings.end)
    acted = activities.act(wave.deals, stays, scene.clock, settings.stream("activities"))
    return Story(scene, wave, pushes, first, acted, clients)


def _neglect(settings: Settings) -> Floats:
    """For how many days each deal's expected close is left overdue; 0 in a clean CRM."""
    rng = settings.stream("dirt.pushed_dates")
    careless = rng.random(settings.n_deals) < settings.dirt.pushed_dates
    return np.where(careless, 5.0 + rng.exponential(15.0, settings.n_deals), 0.0)
