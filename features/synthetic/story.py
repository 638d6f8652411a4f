"""What really happened in the company, hidden causes included: the arrays that the tables are written from and the truth reads.

The order of events is the order of this module. People are hired and accounts exist. Deals are tried at new accounts; some of the
lost ones are tried again; who was won becomes a client, by contract or by order; clients are offered more. Clients live on by
themselves: no open deal changes when an order client buys or a contract client leaves, so deals and clients have separate truths.
"""

from dataclasses import dataclass, replace

import numpy as np

from features.clock import Floats
from features.history import Rows
from features.synthetic import activities, contracts, deals, orders, schedule, service
from features.synthetic.accounts import EQUIPMENT, SOFTWARE, Accounts, found
from features.synthetic.activities import Activities
from features.synthetic.batch import draw
from features.synthetic.contracts import ContractClients, Terms
from features.synthetic.deals import EXPANSION, LIST_PRICE, NEW, Deals, Visits
from features.synthetic.orders import OrderClients, Orders
from features.synthetic.pace import Clock, build_clock
from features.synthetic.people import People, hire
from features.synthetic.process import WON, Steps, World
from features.synthetic.schedule import Pushes
from features.synthetic.service import Answers, Tickets
from features.synthetic.settings import Settings

OLD_CLIENTS = 0.08
OLD_CONTRACT_DAYS = 1100.0


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
        change = np.bincount(self.steps.deal, self.haggled, minlength=len(self.deals))
        return row, day[row], (self.deals.amount * np.exp(change))[row]


@dataclass(frozen=True)
class Clientele:
    """Clients of both kinds and what they did. Rows of `first_amount` are order clients; of `tickets.account` accounts."""

    contract: ContractClients
    terms: Terms
    order: OrderClients
    orders: Orders
    first_amount: Floats
    tickets: Tickets
    answers: Answers


@dataclass(frozen=True)
class Story:
    """Everything that happened before the end of the history, and why."""

    settings: Settings
    people: People
    accounts: Accounts
    clock: Clock
    season: Clock
    wave: Wave
    pushes: Pushes
    first_dates: Floats
    activities: Activities
    clients: Clientele

    @property
    def deals(self) -> Deals:
        return self.wave.deals

    @property
    def steps(self) -> Steps:
        return self.wave.steps

    @property
    def world(self) -> World:
        return World(self.clock, self.people.desk, self.deals.merit, self.deals.stride)

    @property
    def stays(self) -> Visits:
        return deals.visits(self.deals, self.steps, self.settings.end)


@dataclass(frozen=True)
class _Scene:
    """What stands before the first deal."""

    settings: Settings
    people: People
    accounts: Accounts
    clock: Clock
    season: Clock
    n_old: int


def tell(settings: Settings) -> Story:
    """Make up the whole history."""
    n_second, n_later = round(deals.SECOND_TRIES * settings.n_deals), round(deals.FOLLOW_UPS * settings.n_deals)
    scene = _set(settings, settings.n_deals - n_second - n_later)
    tried = _new_business(scene, n_second)
    contract, terms = _contract_clients(scene, tried)
    order, first_amount = _order_clients(scene, tried)
    later = _follow_ups(scene, contract, terms, order, settings.n_deals - len(tried.deals))
    terms = _with_expansions(scene, contract, terms, later)
    wave, new_row = _by_creation(_joined([tried, later]))
    contract = replace(contract, deal=np.where(contract.deal < 0, -1, new_row[contract.deal]))
    order = replace(order, deal=np.where(order.deal < 0, -1, new_row[order.deal]))
    wave = _with_reopenings(scene, wave)
    return _at_work(scene, wave, _served(scene, contract, terms, order, first_amount))


def _set(settings: Settings, n_first: int) -> _Scene:
    people = hire(settings)
    clock = build_clock(
        settings.start, settings.end, rush=settings.rush, shock_sd=settings.shock_sd, rng=settings.stream("clock")
    )
    season = build_clock(settings.start, settings.end, rush=False, shock_sd=0.0, rng=settings.stream("season"))
    n_old = max(4, round(OLD_CLIENTS * settings.n_deals))
    return _Scene(settings, people, found(n_old + n_first, people, settings.stream("accounts")), clock, season, n_old)


def _wave(scene: _Scene, name: str, account: Rows, created: Floats, kind: Rows) -> Wave:
    rng = scene.settings.stream(f"walk.{name}")
    opened = deals.open_deals(account, created, kind, scene.accounts, scene.people, scene.settings.stream(f"deals.{name}"))
    world = World(scene.clock, scene.people.desk, opened.merit, opened.stride)
    steps = deals.run(opened, world, scene.settings.end, rng)
    return Wave(opened, steps, schedule.haggle(steps, scene.settings.stream(f"haggle.{name}")))


def _new_business(scene: _Scene, n_second: int) -> Wave:
    """First tries at the accounts that are no clients, and second tries at some of those lost."""
    rng, start, end = scene.settings.stream("tries"), scene.settings.start, scene.settings.end
    account = np.arange(scene.n_old, len(scene.accounts))
    created = deals.creation_days(len(account), scene.season, start, end, rng)
    first = _wave(scene, "first", account, created, np.full(len(account), NEW))
    again, retried = deals.second_tries(first.deals, first.steps, n_second, end, rng)
    return _joined([first, _wave(scene, "second", again, retried, np.full(len(again), NEW))])


def _joined(waves: list[Wave]) -> Wave:
    offsets = np.cumsum([0, *(len(wave.deals) for wave in waves)])
    steps = [replace(wave.steps, deal=wave.steps.deal + offset) for wave, offset in zip(waves, offsets, strict=False)]
    return Wave(Deals.join([w.deals for w in waves]), Steps.join(steps), np.concatenate([w.haggled for w in waves]))


def _by_creation(wave: Wave) -> tuple[Wave, Rows]:
    """The deals renumbered in the order of their creation, and each one's new number."""
    order = np.argsort(wave.deals.created, kind="stable")
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    return _sorted(wave.deals.take(order), replace(wave.steps, deal=number[wave.steps.deal]), wave.haggled), number


def _sorted(opened: Deals, steps: Steps, haggled: Floats) -> Wave:
    order = np.lexsort((steps.day, steps.deal))
    return Wave(opened, steps.take(order), haggled[order])


def _contract_clients(scene: _Scene, tried: Wave) -> tuple[ContractClients, Terms]:
    """Old clients of the software line, whose contracts began up to three years ago, and those won."""
    rng = scene.settings.stream("contracts")
    old = np.flatnonzero(scene.accounts.line[: scene.n_old] == SOFTWARE)
    signed = scene.settings.start - rng.uniform(10.0, OLD_CONTRACT_DAYS, len(old))
    yearly = _old_amounts(scene, old, rng)
    row, day, amount = tried.won
    mine = scene.accounts.line[tried.deals.account[row]] == SOFTWARE
    clients = contracts.sign_up(
        np.r_[old, tried.deals.account[row][mine]],
        np.r_[signed, day[mine]],
        np.r_[yearly, amount[mine]],
        np.r_[np.full(len(old), -1), row[mine]],
        rng,
    )
    return clients, contracts.run_terms(clients, scene.settings.end, rng)


def _order_clients(scene: _Scene, tried: Wave) -> tuple[OrderClients, Floats]:
    """Old clients of the equipment line, whose orders are on record from the first weeks on, and those won."""
    rng = scene.settings.stream("orders")
    old = np.flatnonzero(scene.accounts.line[: scene.n_old] == EQUIPMENT)
    weeks = rng.random(len(old)) * orders.OLD_CLIENTS_WITHIN
    since = scene.season.calendar(scene.season.operational(np.full(len(old), scene.settings.start)) + weeks)
    row, day, amount = tried.won
    mine = scene.accounts.line[tried.deals.account[row]] == EQUIPMENT
    account = np.r_[old, tried.deals.account[row][mine]]
    deal = np.r_[np.full(len(old), -1), row[mine]]
    size = scene.accounts.employees[account] / 150
    taken = orders.take_on(account, np.r_[since, day[mine]], size, deal, rng)
    return taken, np.r_[0.1 * _old_amounts(scene, old, rng), amount[mine]]


def _old_amounts(scene: _Scene, account: Rows, rng: np.random.Generator) -> Floats:
    product = draw(deals.PRODUCT_SHARES, len(account), rng) + deals.PER_LINE * scene.accounts.line[account]
    size = (scene.accounts.employees[account] / 150) ** deals.SIZE_ELASTICITY
    return np.asarray(LIST_PRICE[product] * size * rng.lognormal(0.0, deals.AMOUNT_SD, len(account)))


def _follow_ups(scene: _Scene, contract: ContractClients, terms: Terms, order: OrderClients, n: int) -> Wave:
    """Expansions and renewals at clients. That an order client has quit is unknown to the sellers, who ask on."""
    rng = scene.settings.stream("follow_ups")
    created = deals.creation_days(n, scene.season, scene.settings.start, scene.settings.end, rng)
    until = np.r_[contracts.leaves(contract, terms), np.full(len(order), np.inf)]
    account = deals.clients_at(created, np.r_[contract.account, order.account], np.r_[contract.signed, order.since], until, rng)
    return _wave(scene, "later", account, created, deals.follow_up_types(account, scene.accounts, rng))


def _with_expansions(scene: _Scene, contract: ContractClients, terms: Terms, later: Wave) -> Terms:
    row, day, amount = later.won
    mine = (later.deals.type[row] == EXPANSION) & np.isin(later.deals.account[row], contract.account)
    account = later.deals.account[row][mine]
    added = contracts.additions(contract, terms, account, day[mine], amount[mine], scene.settings.stream("additions"))
    return contracts.with_additions(terms, added)


def _with_reopenings(scene: _Scene, wave: Wave) -> Wave:
    share, end, rng = scene.settings.dirt.reopened, scene.settings.end, scene.settings.stream("dirt.reopened")
    if not share:
        return wave
    back = deals.reopenings(wave.steps, share, end, rng)
    world = World(scene.clock, scene.people.desk, wave.deals.merit, wave.deals.stride)
    extra = deals.in_order([back, *deals.rerun(back, world, rng)], end)
    return _sorted(wave.deals, Steps.join([wave.steps, extra]), np.r_[wave.haggled, np.zeros(len(extra))])


def _served(
    scene: _Scene, contract: ContractClients, terms: Terms, order: OrderClients, first_amount: Floats
) -> Clientele:
    """The clients' orders, tickets and answers."""
    settings, season, end = scene.settings, scene.season, scene.settings.end
    placed = orders.run_orders(order, season, end, settings.stream("purchases"))
    rng = settings.stream("service")
    start = np.maximum(contracts.month_starts(contract.month), settings.start)
    stop = np.minimum(contracts.leaves(contract, terms), end)
    buyers = service.order_satisfaction(len(order), rng)
    opener, opened = service.contract_events(start, stop, service.TICKET_RATE[contract.satisfaction], season, rng)
    asker, complained = service.order_events(placed.day, service.TICKETS_PER_ORDER, end, rng)
    account = np.r_[contract.account[opener], order.account[placed.client[asker]]]
    mood = np.r_[contract.satisfaction[opener], buyers[placed.client[asker]]]
    tickets = service.tickets(account, np.r_[opened, complained], end, rng)
    asked, after, kind = service.after_tickets(tickets, end, rng)
    rater, rated = service.contract_events(start, stop, np.full(len(contract), service.ANSWER_RATE), season, rng)
    buyer, told = service.order_events(placed.day, service.ANSWERS_PER_ORDER, end, rng)
    answers = service.answers(
        np.r_[account[asked], contract.account[rater], order.account[placed.client[buyer]]],
        np.r_[after, rated, told],
        np.r_[kind, np.zeros(len(rater) + len(buyer), dtype=np.int64)],
        np.r_[mood[asked], contract.satisfaction[rater], buyers[placed.client[buyer]]],
        rng,
    )
    return Clientele(contract, terms, order, placed, first_amount, tickets, answers)


def _at_work(scene: _Scene, wave: Wave, clients: Clientele) -> Story:
    """The sellers' work on the deals: activities, and dates that are guessed and pushed."""
    settings, rng = scene.settings, scene.settings.stream("dates")
    stays = deals.visits(wave.deals, wave.steps, settings.end)
    first = schedule.first_dates(wave.deals, scene.people.optimism, rng)
    stop = np.full(len(wave.deals), settings.end)
    closing = wave.steps.take(wave.steps.to >= WON)
    np.minimum.at(stop, closing.deal, closing.day)
    pushes = schedule.push(wave.deals, first, stop, _neglect(settings), scene.clock, rng)
    acted = activities.act(wave.deals, stays, scene.clock, settings.stream("activities"))
    return Story(settings, scene.people, scene.accounts, scene.clock, scene.season, wave, pushes, first, acted, clients)


def _neglect(settings: Settings) -> Floats:
    """For how many days each deal's expected close is left overdue; 0 in a clean CRM."""
    rng = settings.stream("dirt.pushed_dates")
    careless = rng.random(settings.n_deals) < settings.dirt.pushed_dates
    return np.where(careless, 5.0 + rng.exponential(15.0, settings.n_deals), 0.0)
