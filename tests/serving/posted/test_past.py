"""A posted record with a past as_of is scored beside the data as it was then: nothing that is stored later moves it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from features.dataset import Dataset
from features.deletions import Deletion
from features.errors import NotReadyError
from features.store import Store
from serving.api import create_app
from serving.settings import Settings
from tests.features.puts import put
from tests.serving.stored import runtime_over, store_of

HOUR = pd.Timedelta(hours=1)


@pytest.fixture
def app(company: Dataset, trained_home: Path, tmp_path: Path) -> Iterator[tuple[TestClient, Store]]:
    store = store_of(company, f"sqlite:///{tmp_path / 'store.db'}")
    held = runtime_over(store, trained_home)
    own = Settings(home=tmp_path, store_url=f"sqlite:///{tmp_path / 'store.db'}", demo=True)
    with TestClient(create_app(held, own, watching=False), base_url="http://127.0.0.1") as opened:
        held.refresh()
        yield opened, store
    store.close()


def busy_account(company: Dataset) -> str:
    """The account with the most decided deals among those that have orders."""
    ended = company.deals[
        company.deals["outcome"].notna() & company.deals["account_id"].isin(company.tables["orders"]["account_id"])
    ]
    return str(ended["account_id"].value_counts().index[0])


def posted(client: TestClient, company: Dataset, as_of: pd.Timestamp) -> list[Any]:
    """The scores of a deal and of its client."""
    account, at = busy_account(company), as_of.isoformat()
    deal = {
        "deal_id": "D-posted",
        "account_id": account,
        "created_at": "2026-08-03T09:15:00Z",
        "stage": "Proposal",
        "amount": 42000,
    }
    asked: dict[str, dict[str, Any]] = {"/v1/score": {"deals": deal}, "/v1/score-clients": {"clients": {"account_id": account}}}
    answers = [client.post(path, json=body | {"as_of": at, "reasons": True}) for path, body in asked.items()]
    assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]
    return [answer.json()["results"] for answer in answers]


def steps(company: Dataset) -> dict[str, tuple[str, dict[str, Any] | str]]:
    """What may be stored later of the account: rows to put, or the key of one that is deleted."""
    account, day = busy_account(company), (company.ends_at + HOUR).isoformat()
    decided = company.deals[company.deals["account_id"] == account]["deal_id"].tolist()
    order = company.tables["orders"].query("account_id == @account")["order_id"].tolist()
    late = {"account_id": account, "logged_at": day, "kind": "call", "direction": "in"}
    return {
        "a deal deleted": ("deals", decided[0]),
        "an order deleted": ("orders", order[-1]),
        "an order corrected": ("orders", {"order_id": order[0], "amount": 1.0}),
        "an order of another": ("orders", {"order_id": order[0], "account_id": "A-other"}),
        "a deal of another": ("deals", {"deal_id": decided[-1], "account_id": "A-other"}),
        "a new order": ("orders", {"order_id": "O-late", "account_id": account, "ordered_at": day, "amount": 9e5}),
        "an order entered late": (
            "orders", {"order_id": "O-old", "account_id": account, "ordered_at": "2026-05-05T00:00:00Z", "amount": 9e5},
        ),
        "a new deal": ("deals", {"deal_id": "D-late", "account_id": account, "created_at": day, "stage": "Proposal"}),
        "a call": ("activities", late | {"activity_id": "X-late"}),
        "an account deleted": ("accounts", account),
    }  # fmt: skip


def done(store: Store, step: tuple[str, dict[str, Any] | str], at: pd.Timestamp) -> None:
    table, what = step
    if isinstance(what, str):
        store.delete(Deletion(table, (what,), "tester"), at)
    else:
        put(store, table, what, at=at)


@pytest.mark.parametrize("name", ["a deal deleted", "an order corrected", "an account deleted"])
def test_what_is_stored_later_moves_no_score_as_of_before(app: tuple[TestClient, Store], company: Dataset, name: str) -> None:
    (client, store), runtime = app, app[0].app.state.runtime  # type: ignore[attr-defined]
    as_of = company.ends_at + HOUR
    before = posted(client, company, as_of)
    done(store, steps(company)[name], as_of + HOUR)
    runtime.refresh()
    assert posted(client, company, as_of) == before
    assert posted(client, company, as_of + 2 * HOUR) != before


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_that_is_stored_later_moves_a_posted_score(
    company: Dataset, trained_home: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder, all_steps = tmp_path_factory.mktemp("past"), steps(company)
    store = store_of(company, f"sqlite:///{folder / 'store.db'}")
    held = runtime_over(store, trained_home)
    held.refresh()
    own = Settings(home=folder, store_url=f"sqlite:///{folder / 'store.db'}", demo=True)
    with TestClient(create_app(held, own, watching=False), base_url="http://127.0.0.1") as client:
        as_of = company.ends_at + HOUR
        before = posted(client, company, as_of)
        for place, name in enumerate(data.draw(st.lists(st.sampled_from(sorted(all_steps)), min_size=1, max_size=5))):
            done(store, all_steps[name], as_of + place * HOUR)  # the first at as_of itself, which is too late too
        held.refresh()
        assert posted(client, company, as_of) == before
    store.close()


def test_a_past_that_cannot_be_had_in_time_is_said(app: tuple[TestClient, Store], company: Dataset) -> None:
    (client, store), runtime = app, app[0].app.state.runtime  # type: ignore[attr-defined]
    done(store, steps(company)["a deal deleted"], company.ends_at + 2 * HOUR)
    runtime.refresh()

    class Gone:
        def epoch(self, _: pd.Timestamp) -> int:
            return 1

        def load_at(self, _: pd.Timestamp, __: Dataset) -> Dataset:
            raise NotReadyError("the store does not answer")

    runtime.earlier.archive = Gone()
    asked = {"deals": {"deal_id": "D-1", "created_at": "2026-08-03T09:15:00Z", "stage": "Proposal"}}
    refused = client.post("/v1/score", json=asked | {"as_of": company.ends_at.isoformat()})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert client.post("/v1/score", json=asked).status_code == 200
