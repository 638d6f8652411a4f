"""Won deals as orders, for a source that has neither orders nor contracts.

A win is one order however often the deal's stage is touched afterwards: of a run of won states the first row known counts.
Example: a deal goes to Won on 10 March; on 20 March somebody enters that it was won on 1 March already. As of 15 March there is
an order of 10 March. On 20 March it stays that one order: what is entered late neither hides a win that was known nor counts it
twice.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from features.client_history import OrderLog, order_log
from features.clock import Floats, Mask, Micros
from features.history import WON, FieldHistory, Rows, Transitions, value_at

Converted: TypeAlias = Callable[[Floats, Rows, Micros], Floats]


def won_orders(moves: Transitions, amounts: FieldHistory, clients: Rows, converted: Converted) -> OrderLog:
    """An order for each win, of the amount known then.

    `clients` are those of the deals; `converted` turns amounts of deals at their moments into the organisation's currency.
    """
    won = wins(moves)
    deal, known = moves.deal[won], moves.known[won]
    worth = converted(value_at(amounts, deal, known + 1), deal, known)
    return order_log(clients[deal], moves.time[won], known, worth)


def wins(moves: Transitions) -> Mask:
    """Which rows are orders. Whether a row is one depends on nothing that was recorded after it."""
    begun = np.asarray(moves.begins_run(np.ones(len(moves.deal), dtype=bool)) & (moves.state == WON))
    for rows in _entered_late(moves):
        begun[rows] = [_begins(moves, rows, place) for place in range(len(rows))]
    return begun


def _entered_late(moves: Transitions) -> list[Rows]:
    """The rows of each deal that has one recorded before another that happened earlier."""
    late = (moves.deal[1:] == moves.deal[:-1]) & (moves.known[1:] < moves.known[:-1])
    return [np.flatnonzero(moves.deal == deal) for deal in np.unique(moves.deal[1:][late])]


def _begins(moves: Transitions, rows: Rows, place: int) -> bool:
    """Whether a row, when it was recorded, began a win that was not on record yet."""
    known, state = moves.known[rows], moves.state[rows]
    before = np.flatnonzero(known[:place] <= known[place])
    after = place + 1 + np.flatnonzero(known[place + 1 :] < known[place])
    goes_on = len(before) > 0 and state[before[-1]] == WON
    was_told = len(after) > 0 and state[after[0]] == WON
    return bool(state[place] == WON and not goes_on and not was_told)
