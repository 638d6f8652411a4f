"""What a CRM posts of its clients to be scored: each with its history as rows of the contract's tables.

A table that is sent, even an empty list, replaces the account's stored rows of that table for this request; one that is not sent
stays as it is stored. So a shop that posts orders alone keeps the tickets that the help desk has loaded. Example: for A-7

    {"account_id": "A-7", "orders": [{"order_id": "O-1", "ordered_at": "2026-09-01T08:00:00Z", "amount": 900}], "tickets": []}

has one order, no ticket, and its stored contracts, surveys, contacts and deals.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from features.tables import TABLES
from serving.posted.deals import (
    FARTHEST_DAYS,
    MOST_EVENTS,
    MOST_HORIZONS,
    Day,
    Horizon,
    Id,
    Instant,
    Label,
    Number,
    PostedActivity,
    PostedChange,
    Text,
    one_or_many,
)
from serving.schemas import Request

MOST_CLIENTS: Final = 1000
_ORDER: Final = PydanticCustomError("wrong_order", "It ends before it begins")
_SCALE: Final = PydanticCustomError("off_scale", "The score lies outside its scale")
_OUTCOME: Final = PydanticCustomError("no_close", "A deal with an outcome needs closed_at")

Known = Annotated[Instant | None, Field(default=None, description="When the row was recorded, where that was later.")]


class PostedAccount(Request):
    """Who the client is; replaces the stored row of the account."""

    name: Text | None = Field(default=None, description="The client's name.")
    industry: Label | None = Field(default=None, description="The client's industry.")
    country: Label | None = Field(default=None, description="The client's country.")
    region: Label | None = Field(default=None, description="The client's region.")
    employees: Annotated[Number, Field(ge=0)] | None = Field(default=None, description="How many people work there, 0 or more.")
    annual_revenue: Number | None = Field(
        default=None, description="The client's yearly revenue, in the organisation's currency."
    )
    created_at: Instant | None = Field(default=None, description="Since when the client is on record; ISO 8601 with an offset.")


class PostedOrder(Request):
    """An order; a return is one with a negative amount."""

    order_id: Id = Field(description="The order's id.")
    ordered_at: Instant = Field(description="When it was placed; ISO 8601 with an offset.")
    amount: Number = Field(description="Its amount, in the organisation's currency; negative: a return.")
    cost: Number | None = Field(default=None, description="What it cost the organisation, in its currency.")
    deal_id: Id | None = Field(default=None, description="The deal that it came from.")
    recorded_at: Known


class PostedContract(Request):
    """A running or past contract."""

    contract_id: Id = Field(description="The contract's id.")
    starts_on: Day = Field(description="Its first day.")
    ends_on: Day | None = Field(default=None, description="The first day that it no longer covers; null: open-ended.")
    monthly_amount: Number = Field(description="What it is worth a month, in the organisation's currency.")
    cancelled_at: Instant | None = Field(default=None, description="When it was cancelled.")
    known_at: Instant = Field(description="When it was signed, or came on record.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_on is not None and self.ends_on < self.starts_on:  # calendar days of one contract, of no as_of
            raise _ORDER
        return self


class PostedTicket(Request):
    """A question or complaint of the client."""

    ticket_id: Id = Field(description="The ticket's id.")
    opened_at: Instant = Field(description="When it was opened.")
    closed_at: Instant | None = Field(default=None, description="When it was closed; null: it is open.")
    priority: Label | None = Field(default=None, description="Its priority, by the name that the data uses.")
    recorded_at: Known


class PostedSurvey(Request):
    """An answer of the client to a survey."""

    response_id: Id = Field(description="The answer's id.")
    answered_at: Instant = Field(description="When it was given.")
    kind: Literal[TABLES["surveys"].column("kind").values] = Field(description="Which survey.")  # type: ignore[valid-type]
    score: Number = Field(description="The score, on the survey's scale.")
    scale_min: Number = Field(description="The lowest score that could be given.")
    scale_max: Number = Field(description="The highest score that could be given.")
    user_id: Id | None = Field(default=None, description="The person of the organisation that it is about.")
    recorded_at: Known

    @model_validator(mode="after")
    def _on_its_scale(self) -> Self:
        if not self.scale_min <= self.score <= self.scale_max:
            raise _SCALE
        return self


class PostedContact(PostedActivity):
    """A call, an e-mail, a meeting with the client."""

    deal_id: Id | None = Field(default=None, description="The deal that it was about.")


class PostedClientDeal(Request):
    """A deal of the client, open or closed."""

    deal_id: Id = Field(description="The deal's id.")
    created_at: Instant = Field(description="When it was created.")
    stage: Id = Field(description="The stage now, by the name that the data uses.")
    amount: Number | None = Field(default=None, description="The amount now, in `currency`.")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = Field(
        default=None, description="ISO 4217 code; null: the organisation's."
    )
    outcome: Literal["won", "lost"] | None = Field(default=None, description="How it ended; null: it is open.")
    closed_at: Instant | None = Field(default=None, description="When it ended.")
    changes: Annotated[list[PostedChange], Field(max_length=MOST_EVENTS)] = Field(
        default=[], description="The deal's change history."
    )

    @model_validator(mode="after")
    def _closed(self) -> Self:
        if self.outcome is not None and self.closed_at is None:
            raise _OUTCOME
        return self


class PostedClient(Request):
    """A client with its history. A table that is sent replaces the stored rows of the account in it for this request."""

    account_id: Id = Field(description="The CRM's id of the client.")
    account: PostedAccount | None = Field(default=None, description="Who the client is; null: as stored.")
    orders: Annotated[list[PostedOrder], Field(max_length=MOST_EVENTS)] | None = Field(
        default=None, description="All its orders; null: as stored."
    )
    contracts: Annotated[list[PostedContract], Field(max_length=MOST_EVENTS)] | None = Field(
        default=None, description="All its contracts; null: as stored."
    )
    tickets: Annotated[list[PostedTicket], Field(max_length=MOST_EVENTS)] | None = Field(
        default=None, description="All its tickets; null: as stored."
    )
    surveys: Annotated[list[PostedSurvey], Field(max_length=MOST_EVENTS)] | None = Field(
        default=None, description="All its answers to surveys; null: as stored."
    )
    activities: Annotated[list[PostedContact], Field(max_length=MOST_EVENTS)] | None = Field(
        default=None, description="All contacts with it; null: as stored."
    )
    deals: Annotated[list[PostedClientDeal], Field(max_length=MOST_EVENTS)] | None = Field(
        default=None, description="All its deals, with their change histories; null: as stored."
    )

    def sent(self) -> frozenset[str]:
        """The tables that replace what is stored."""
        lists = {name for name in ROWS if getattr(self, name) is not None}
        return frozenset(lists | ({"deal_changes"} if "deals" in lists else set()) | ({"accounts"} if self.account else set()))


ROWS: Final = ("orders", "contracts", "tickets", "surveys", "activities", "deals")


class ScoreClientsRequest(Request):
    """Clients to be scored together: a list, or one client alone; as sent, each read by itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "clients": [
                        {
                            "account_id": "A-7",
                            "orders": [{"order_id": "O-1", "ordered_at": "2026-09-01T08:00:00+02:00", "amount": 900}],
                            "tickets": [],
                        }
                    ],
                    "horizons": [30, 90],
                }
            ]
        }
    )

    clients: Annotated[
        list[Any],
        Field(min_length=1, max_length=MOST_CLIENTS),
        BeforeValidator(
            one_or_many,
            json_schema_input_type=PostedClient | Annotated[list[PostedClient], Field(min_length=1, max_length=MOST_CLIENTS)],
        ),
    ] = Field(
        description=f"One client, or 1 to {MOST_CLIENTS} clients with different ids. Each is checked by itself: one that does "
        "not fit gets its errors in place of a score, and the others their scores."
    )
    horizons: Annotated[list[Horizon], Field(min_length=1, max_length=MOST_HORIZONS)] = Field(
        default=[90], description=f"Horizons in days, each above 0 and at most {FARTHEST_DAYS}."
    )
    reasons: bool | None = Field(
        default=None, description="Whether to give reasons for p_leaves. Default: for a single client yes, for several no."
    )
    as_of: Instant | None = Field(
        default=None,
        description="Score by what was recorded strictly before this instant. Default: now, or the end of the data where that is "
        "three days old or older.",
    )

    @property
    def wants_reasons(self) -> bool:
        return len(self.clients) == 1 if self.reasons is None else self.reasons


def own_ids(client: PostedClient) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """The ids of the client's rows, which are different in a whole request, table by table."""
    for table in ROWS:
        key = TABLES[table].key[0]
        for place, row in enumerate(getattr(client, table) or ()):
            if getattr(row, key) is not None:
                yield f"{table}/{getattr(row, key)}", (table, place, key)
