"""A whole company's CRM from one seed, and the way from what happened to the tables that an export would show."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd

from features import contracts as table_contracts
from features.clock import Floats
from features.dataset import Dataset
from features.history import Rows
from features.organisation import Organisation
from features.synthetic import activities, around, contracts, deals, dirt, orders, plans, record, service
from features.synthetic.accounts import accounts_table
from features.synthetic.activities import Activities
from features.synthetic.batch import draw, month_starts, months_of
from features.synthetic.dirt import Staffing
from features.synthetic.record import Timeline
from features.synthetic.settings import Settings
from features.synthetic.story import Story, tell

STATIC: Final = frozenset(
    {
        "deals.pipeline",
        "deals.product",
        "deals.source",
        "deals.type",
        "accounts.industry",
        "accounts.country",
        "accounts.region",
        "accounts.employees",
        "accounts.annual_revenue",
        "accounts.parent_id",
        "users.manager_id",
        "users.team",
        "users.region",
    }
)
TRACKED: Final = ("stage", "owner_id", "amount", "expected_close_on", "forecast_category", "crm_probability")


@dataclass(frozen=True)
class Company:
    """A synthetic company.

    tables  every table of `features.tables`, as the CRM would export them at the end: deals as they are now
    static  columns that never change, as "table.column"
    story   the hidden causes, for `deal_truth` and `client_truth`
    """

    settings: Settings
    organisation: Organisation
    tables: Mapping[str, pd.DataFrame]
    static: frozenset[str]
    story: Story = field(repr=False)

    def dataset(self) -> Dataset:
        """The tables as a validated Dataset, extracted in the last microsecond of the history."""
        return Dataset.of(
            self.tables,
            self.organisation,
            static=self.static,
            tracked_since=dict.fromkeys(TRACKED, self.settings.start_at),
            extracted_at=self.settings.end_at - pd.Timedelta(microseconds=1),
        )


def generate(settings: Settings | None = None) -> Company:
    """Make up a company: the same settings always give the same tables, to the byte."""
    settings = settings or Settings()
    story = tell(settings)
    staff = dirt.staffing(story.people, settings)
    tables = _deal_tables(story, staff) | _client_tables(story) | _tables_around(story, staff)
    # Only the dtypes here: `dataset()` checks the rules, and generating a million rows should not pay for that twice.
    typed = {name: table_contracts.typed(name, frame)[0] for name, frame in dirt.soil(tables, settings).items()}
    return Company(settings, Organisation(), MappingProxyType(typed), STATIC, story)


def _deal_tables(story: Story, staff: Staffing) -> dict[str, pd.DataFrame]:
    settings, opened, steps = story.settings, story.deals, story.steps
    names = accounts_table(story.accounts, _first_known(story), settings.stream("accounts_table"))
    _, closed = deals.closes(steps, len(opened))
    timelines = _timelines(story, np.where(np.isnan(closed), settings.end, closed), staff)
    now = {line.name: line.current for line in timelines}
    loss = draw(record.LOSS_SHARES, len(opened), settings.stream("losses"))
    acted = _handed_over(story.activities, staff)
    care = _client_care(story, staff)
    return {
        "accounts": names,
        "deals": record.deals_table(opened, story.accounts, names["name"], now, closed, loss),
        "deal_changes": record.changes_table(timelines),
        "activities": activities.activities_table(opened, acted, care, settings.end, settings.stream("activities_table")),
        "stages": record.stages_table(),
        "users": dirt.users_left(story.people.table, staff),
    }


def _timelines(story: Story, stop: Floats, staff: Staffing) -> list[Timeline]:
    lines = record.stage_timelines(story.deals, story.steps, story.people)
    lines = [dirt.handed_over(line, story.deals.created, stop, staff) if line.name == "owner_id" else line for line in lines]
    months, rates = around.rates_by_month(story.settings, story.settings.stream("rates"))
    rate = rates[months_of(story.deals.created) - months[0], story.accounts.currency[story.deals.account]]
    amount = np.maximum(np.round(story.deals.amount / rate, -1), 10.0)
    dates = record.date_timeline(story.first_dates, story.pushes)
    return [*lines, record.amount_timeline(amount, story.steps, story.wave.haggled), dates]


def _handed_over(acted: Activities, staff: Staffing) -> Activities:
    return replace(acted, owner=staff.acting(acted.owner, acted.day))


def _first_known(story: Story) -> Floats:
    """The day of the first fact about each account."""
    known = np.full(len(story.accounts), story.settings.end)
    contract, order = story.clients.contract, story.clients.order
    np.minimum.at(known, story.deals.account, story.deals.created - 60)
    np.minimum.at(known, contract.account, contract.signed)
    np.minimum.at(known, order.account, order.since)
    return known


def _client_care(story: Story, staff: Staffing) -> tuple[Rows, Floats, Rows]:
    """Activities with clients outside of deals: account, day, user."""
    rng, settings, clients = story.settings.stream("care"), story.settings, story.clients
    account = np.r_[clients.contract.account, clients.order.account]
    start = np.r_[np.maximum(month_starts(clients.contract.month), settings.start), clients.order.since]
    leaves = np.minimum(contracts.leaves(clients.contract, clients.terms), settings.end)
    stop = np.r_[leaves, np.full(len(clients.order), settings.end)]
    rate = np.full(len(account), activities.CLIENT_CARE)
    client, day = service.contract_events(start, stop, rate, story.season, rng)
    user = deals.owners(story.accounts.region[account[client]], day, story.people, rng)
    return account[client], day, staff.acting(user, day)


def _client_tables(story: Story) -> dict[str, pd.DataFrame]:
    settings, clients = story.settings, story.clients
    return {
        "contracts": contracts.contracts_table(clients.contract, clients.terms, settings.end),
        "orders": orders.orders_table(clients.order, clients.orders, clients.first_amount, settings.stream("orders_table")),
        "tickets": service.tickets_table(clients.tickets, settings.stream("tickets_table")),
        "surveys": service.surveys_table(clients.answers),
    }


def _tables_around(story: Story, staff: Staffing) -> dict[str, pd.DataFrame]:
    settings, people = story.settings, story.people
    months, rates = around.rates_by_month(settings, settings.stream("rates"))
    whole = months[month_starts(months + 1) <= settings.end]
    bookings = float(story.wave.won[2].sum()) / settings.months
    return {
        "leads": _leads(story, staff),
        "rates": around.rates_table(months, rates),
        "audience": around.audience_table(whole, settings.stream("audience")),
        "costs": around.costs_table(whole, len(people.table), bookings, settings.stream("costs")),
        "plans": plans.plans_table(settings, people, 3 * bookings, settings.stream("plans")),
        "actuals": plans.actuals_table(settings, people, settings.stream("actuals")),
    }


def _leads(story: Story, staff: Staffing) -> pd.DataFrame:
    settings, people, rng = story.settings, story.people, story.settings.stream("leads")
    n_dead = round(around.DEAD_LEADS * int((story.deals.type == deals.NEW).sum()))
    dead = deals.creation_days(n_dead, story.season, settings.start, settings.end, rng)
    region = people.regions[rng.integers(0, len(people.regions), n_dead)]
    owner = staff.acting(deals.owners(region, dead, people, rng), dead)
    opened = replace(story.deals, owner=staff.acting(story.deals.owner, story.deals.created))
    return around.leads_table(opened, dead, owner, settings.end, rng)
