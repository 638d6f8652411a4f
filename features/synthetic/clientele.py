"""Who becomes a client, by an old relation or a won deal, and what clients do: contracts, orders, tickets, survey answers."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.clock import Floats
from features.history import Rows
from features.synthetic import contracts, deals, orders, service
from features.synthetic.accounts import EQUIPMENT, SOFTWARE
from features.synthetic.batch import draw, month_starts
from features.synthetic.contracts import ContractClients, Terms
from features.synthetic.deals import EXPANSION
from features.synthetic.orders import OrderClients, Orders
from features.synthetic.service import Answers, Tickets
from features.synthetic.waves import Scene, Wave

OLD_CONTRACT_DAYS: Final = 1100.0
FIRST_ORDER_SHARE: Final = 0.1
"""First recorded order of an old client, against what its first deal would have been worth."""


@dataclass(frozen=True)
class Clientele:
    """Clients of both kinds and what they did. `first_amount` is of each order client, in euros."""

    contract: ContractClients
    terms: Terms
    order: OrderClients
    orders: Orders
    first_amount: Floats
    tickets: Tickets
    answers: Answers


@dataclass(frozen=True)
class _Newcomers:
    """Accounts of one line that become clients: since when, for how much, through which deal (-1: an old client)."""

    account: Rows
    since: Floats
    amount: Floats
    deal: Rows


def contract_clients(scene: Scene, tried: Wave) -> tuple[ContractClients, Terms]:
    """Old clients of the software line, whose contracts began up to three years ago, and those won."""
    rng = scene.settings.stream("contracts")
    old = np.flatnonzero(scene.accounts.line[: scene.n_old] == SOFTWARE)
    signed = scene.settings.start - np.floor(rng.uniform(10.0, OLD_CONTRACT_DAYS, len(old))) + 10 / 24
    new = _newcomers(scene, tried, SOFTWARE, old, signed, rng)
    clients = contracts.sign_up(new.account, new.since, new.amount, new.deal, rng)
    return clients, contracts.run_terms(clients, scene.settings.end, rng)


def order_clients(scene: Scene, tried: Wave) -> tuple[OrderClients, Floats]:
    """Old clients of the equipment line, whose orders are on record from the first weeks on, and those won.

    Returned with the amount of each one's first order.
    """
    rng = scene.settings.stream("orders")
    old = np.flatnonzero(scene.accounts.line[: scene.n_old] == EQUIPMENT)
    weeks = rng.random(len(old)) * orders.OLD_CLIENTS_WITHIN
    since = scene.season.calendar(scene.season.operational(np.full(len(old), scene.settings.start)) + weeks)
    new = _newcomers(scene, tried, EQUIPMENT, old, since, rng)
    size = scene.accounts.employees[new.account] / 150
    clients = orders.take_on(new.account, new.since, size, new.deal, rng)
    return clients, np.where(new.deal < 0, FIRST_ORDER_SHARE, 1.0) * new.amount


def _newcomers(scene: Scene, tried: Wave, line: int, old: Rows, since: Floats, rng: np.random.Generator) -> _Newcomers:
    row, day, amount = tried.won
    mine = scene.accounts.line[tried.deals.account[row]] == line
    return _Newcomers(
        np.r_[old, tried.deals.account[row][mine]],
        np.r_[since, day[mine]],
        np.r_[_old_amounts(scene, old, rng), amount[mine]],
        np.r_[np.full(len(old), -1), row[mine]],
    )


def _old_amounts(scene: Scene, account: Rows, rng: np.random.Generator) -> Floats:
    product = draw(deals.PRODUCT_SHARES, len(account), rng) + deals.PER_LINE * scene.accounts.line[account]
    size = (scene.accounts.employees[account] / 150) ** deals.SIZE_ELASTICITY
    return np.asarray(deals.LIST_PRICE[product] * size * rng.lognormal(0.0, deals.AMOUNT_SD, len(account)))


def with_expansions(scene: Scene, contract: ContractClients, terms: Terms, later: Wave) -> Terms:
    """The terms with the won expansions of contract clients."""
    row, day, amount = later.won
    mine = (later.deals.type[row] == EXPANSION) & np.isin(later.deals.account[row], contract.account)
    account = later.deals.account[row][mine]
    added = contracts.additions(contract, terms, account, day[mine], amount[mine], scene.settings.stream("additions"))
    return contracts.with_additions(terms, added)


def serve(scene: Scene, contract: ContractClients, terms: Terms, order: OrderClients, first_amount: Floats) -> Clientele:
    """The clients' orders, tickets and answers."""
    placed = orders.run_orders(order, scene.season, scene.settings.end, scene.settings.stream("purchases"))
    mood = np.full(len(scene.accounts), 0)
    mood[order.account] = service.order_satisfaction(len(order), scene.settings.stream("mood"))
    mood[contract.account] = contract.satisfaction
    buyer = order.account[placed.client]
    tickets = _tickets(scene, contract, terms, buyer, placed)
    answers = _answers(scene, contract, terms, buyer, placed, tickets, mood)
    return Clientele(contract, terms, order, placed, first_amount, tickets, answers)


def _tickets(scene: Scene, contract: ContractClients, terms: Terms, buyer: Rows, placed: Orders) -> Tickets:
    rng, end = scene.settings.stream("tickets"), scene.settings.end
    rate = service.TICKET_RATE[contract.satisfaction]
    client, opened = service.contract_events(*_served(scene, contract, terms), rate, scene.season, rng)
    order, complained = service.order_events(placed.day, service.TICKETS_PER_ORDER, end, rng)
    return service.tickets(np.r_[contract.account[client], buyer[order]], np.r_[opened, complained], end, rng)


def _answers(
    scene: Scene, contract: ContractClients, terms: Terms, buyer: Rows, placed: Orders, tickets: Tickets, mood: Rows
) -> Answers:
    rng, end = scene.settings.stream("answers"), scene.settings.end
    ticket, after, kind = service.after_tickets(tickets, end, rng)
    rate = np.full(len(contract), service.ANSWER_RATE)
    client, rated = service.contract_events(*_served(scene, contract, terms), rate, scene.season, rng)
    order, told = service.order_events(placed.day, service.ANSWERS_PER_ORDER, end, rng)
    account = np.r_[tickets.account[ticket], contract.account[client], buyer[order]]
    kinds = np.r_[kind, np.full(len(client) + len(order), service.NPS)]
    return service.answers(account, np.r_[after, rated, told], kinds, mood[account], rng)


def _served(scene: Scene, contract: ContractClients, terms: Terms) -> tuple[Floats, Floats]:
    """Between which days each contract client may complain: within the history, until it leaves."""
    start = np.maximum(month_starts(contract.month), scene.settings.start)
    return start, np.minimum(contracts.leaves(contract, terms), scene.settings.end)
