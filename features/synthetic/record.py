"""The deals as the CRM shows them: the present state in `deals`, the way to it in `deal_changes`.

A tracked field is an opening value for each deal and a timeline of later ones. From both come the rows of the history (old
and new value as text, no row where nothing changed, none for the opening) and the present value, so that the chain always
holds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats
from features.history import Rows
from features.synthetic.accounts import CURRENCIES, Accounts
from features.synthetic.batch import Array, dates, ids, instants, is_first, is_last, pick, running_sum
from features.synthetic.deals import PRODUCTS, SOURCES, TYPES, Deals
from features.synthetic.people import People
from features.synthetic.process import LOST, STAGES, WON, Steps
from features.synthetic.schedule import Pushes

PIPELINE: Final = "Sales"
CHANCES: Final = np.array([0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 0.0])
"""By stage, the probability that the CRM shows."""
CATEGORIES: Final = ("pipeline", "best_case", "commit", "closed", "omitted")
LOSSES: Final = ("price", "competitor", "no budget", "no decision", "missing feature")
LOSS_SHARES: Final = (0.26, 0.22, 0.18, 0.24, 0.1)

TextOf = Callable[[Array], pd.Series]


@dataclass(frozen=True)
class Timeline:
    """One tracked field: an opening value for each deal, later values sorted by deal and day, and how a value is written."""

    name: str
    opening: Array
    deal: Rows
    day: Floats
    value: Array
    text: TextOf

    @property
    def current(self) -> Array:
        """Each deal's newest value."""
        values = self.opening.copy()
        last = is_last(self.deal)
        values[self.deal[last]] = self.value[last]
        return values

    def changes(self) -> pd.DataFrame:
        """The rows of the history, with the deal as its row number and the time in days."""
        before = np.where(is_first(self.deal), self.opening[self.deal], np.roll(self.value, 1))
        kept = before != self.value
        old, new = self.text(before[kept]), self.text(self.value[kept])
        where = {"deal": self.deal[kept], "day": self.day[kept], "field": self.name}
        return pd.DataFrame({**where, "old_value": old, "new_value": new})


def numbers(values: Array) -> pd.Series:
    return pd.Series(values.astype(np.float64)).astype("str")


def iso_dates(values: Array) -> pd.Series:
    return pd.Series(np.datetime_as_string(values.astype("datetime64[D]")), dtype="str")


def users(values: Array) -> pd.Series:
    return ids("U", values, 4)


def stage_timelines(deals: Deals, steps: Steps, people: People) -> list[Timeline]:
    """The fields that follow the steps: stage, owner, and the CRM's own probability and forecast category."""
    categories = forecast_categories(steps.to, people.optimism[steps.heir])
    first_categories = forecast_categories(deals.stage, people.optimism[deals.owner])
    owners = np.flatnonzero(steps.heir != steps.owner)
    return [
        Timeline("stage", deals.stage, steps.deal, steps.day, steps.to, lambda codes: pick(STAGES, codes)),
        Timeline("owner_id", deals.owner, steps.deal[owners], steps.day[owners], steps.heir[owners], users),
        Timeline("crm_probability", CHANCES[deals.stage], steps.deal, steps.day, CHANCES[steps.to], numbers),
        Timeline("forecast_category", first_categories, steps.deal, steps.day, categories, lambda codes: pick(CATEGORIES, codes)),
    ]


def forecast_categories(stage: Rows, optimism: Floats) -> Rows:
    """Rows of CATEGORIES: the same stage is a best case to one owner and a commit to another."""
    hope = stage + 0.6 * optimism
    open_ = np.where(hope >= 3.6, 2, np.where(hope >= 2.2, 1, 0))
    return np.where(stage == WON, 3, np.where(stage == LOST, 4, open_))


def amount_timeline(opening: Floats, steps: Steps, haggled: Floats) -> Timeline:
    """Amounts in the deal's own currency, to the ten."""
    factor = np.exp(running_sum(haggled, steps.deal))
    changed = haggled != 0
    amounts = np.maximum(np.round(opening[steps.deal] * factor, -1), 10.0)
    return Timeline("amount", opening, steps.deal[changed], steps.day[changed], amounts[changed], numbers)


def date_timeline(first: Floats, pushes: Pushes) -> Timeline:
    return Timeline("expected_close_on", first, pushes.deal, pushes.day, pushes.date, iso_dates)


def changes_table(timelines: list[Timeline]) -> pd.DataFrame:
    """The change history of all fields, in the order in which it was written."""
    rows = pd.concat([line.changes() for line in timelines], ignore_index=True)
    rows = rows.sort_values(["day", "deal", "field"], kind="stable", ignore_index=True)
    return pd.DataFrame(
        {
            "deal_id": ids("D", rows["deal"].to_numpy()),
            "changed_at": instants(rows["day"].to_numpy()),
            "field": rows["field"].astype("str"),
            "old_value": rows["old_value"],
            "new_value": rows["new_value"],
        }
    )


def deals_table(
    deals: Deals, accounts: Accounts, names: pd.Series, now: dict[str, Array], closed: Floats, loss: Rows
) -> pd.DataFrame:
    """The deals table. `now` has the current value of each tracked field, `names` those of the accounts."""
    outcome = np.where(now["stage"] == WON, 0, np.where(now["stage"] == LOST, 1, -1))
    product = pick(PRODUCTS, deals.product)
    return pd.DataFrame(
        {
            "deal_id": ids("D", np.arange(len(deals))),
            "account_id": ids("A", deals.account),
            "owner_id": users(now["owner_id"]),
            "name": names.take(deals.account).reset_index(drop=True) + ", " + product,
            "pipeline": pd.Series(PIPELINE, index=range(len(deals)), dtype="str"),
            "product": product,
            "source": pick(SOURCES, deals.source),
            "type": pick(TYPES, deals.type),
            "created_at": instants(deals.created),
            "amount": now["amount"],
            "currency": pick(CURRENCIES, accounts.currency[deals.account]),
            "stage": pick(STAGES, now["stage"]),
            "expected_close_on": dates(now["expected_close_on"]),
            "closed_at": instants(closed),
            "outcome": pick(("won", "lost"), outcome),
            "lost_reason": pick(LOSSES, np.where(outcome == 1, loss, -1)),
            "forecast_category": pick(CATEGORIES, now["forecast_category"]),
            "crm_probability": now["crm_probability"],
        }
    )


def stages_table() -> pd.DataFrame:
    stage = np.arange(len(STAGES))
    return pd.DataFrame(
        {
            "pipeline": pd.Series(PIPELINE, index=stage, dtype="str"),
            "stage": pick(STAGES, stage),
            "position": stage.astype(np.float64),
            "kind": pick(("open", "won", "lost"), np.maximum(stage - WON + 1, 0)),
            "is_qualified": pd.Series((stage >= 1) & (stage != LOST), dtype="boolean"),
            "is_offer": pd.Series((stage >= 3) & (stage != LOST), dtype="boolean"),
        }
    )
