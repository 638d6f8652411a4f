"""Posted clients: what is sent replaces what is stored, table by table, and a stored client posted as it is stays what it is."""

import json
from typing import Any

import pandas as pd
import pytest
from pydantic import BaseModel, ValidationError
from starlette.testclient import TestClient

from features import clients
from features.client_excerpt import client_excerpt
from features.dataset import Dataset
from features.snapshot import Snapshot
from serving.posted.client_batch import ClientJob, score, tables_of
from serving.posted.clients import (
    PostedClient,
    PostedClientDeal,
    PostedContact,
    PostedContract,
    PostedOrder,
    PostedSurvey,
    PostedTicket,
)
from serving.posted.deal_batch import Row
from serving.posted.schemas import ScoreClientsAnswer
from serving.served.runtime import Runtime
from serving.served.state import Served

NUMBERS = ("regime", "p_leaves", "value_at_risk", "value_if_stays", "ltv", "ltv_low", "ltv_high")
MODELS: dict[str, type[BaseModel]] = {
    "orders": PostedOrder,
    "contracts": PostedContract,
    "tickets": PostedTicket,
    "surveys": PostedSurvey,
    "activities": PostedContact,
    "deals": PostedClientDeal,
}


@pytest.fixture(scope="module")
def served(runtime: Runtime) -> Served:
    return runtime.served()


def as_sent(company: Dataset, account: str) -> dict[str, Any]:
    """A stored client with all its rows, as a CRM would post it."""
    snapshot = Snapshot(company, company.ends_at)
    client = company.client_ids.get_loc(account)
    own = {name: company.clients_of(name) == client for name in MODELS if name != "activities"}
    own["activities"] = company.clients_of_activities == client
    sent = {name: records(snapshot.dataset.tables[name][rows], MODELS[name]) for name, rows in own.items()}
    for deal in sent["deals"]:
        changes = company.tables["deal_changes"]
        deal["changes"] = records(changes[changes["deal_id"] == deal["deal_id"]])
        deal["changes"] = [
            {name: row[name] for name in ("changed_at", "field", "old_value", "new_value")} for row in deal["changes"]
        ]
    return {"account_id": account, **sent}


def records(frame: pd.DataFrame, model: type[BaseModel] | None = None) -> list[dict[str, Any]]:
    """Rows as JSON has them, with the fields that the schema knows; days as days."""
    found: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso", date_unit="us"))
    kept = [{name: value for name, value in row.items() if model is None or name in model.model_fields} for row in found]
    return [{name: value[:10] if value and name.endswith("_on") else value for name, value in row.items()} for row in kept]


def job(served: Served, *sent: dict[str, Any], **other: Any) -> ClientJob:
    posted = tuple(PostedClient.model_validate(each) for each in sent)
    return ClientJob(served, posted, other.get("horizons", (30.0, 90.0)), other.get("as_of"), other.get("reasons", False))


def rows(*jobs: ClientJob) -> list[list[Row]]:
    found = score(jobs)
    failed = [each for each in found if isinstance(each, Exception)]
    if failed:
        raise failed[0]
    return [each.rows for each in found]


def accounts(served: Served) -> list[str]:
    """Some ranked clients of both regimes."""
    assert served.clients is not None
    ids = served.clients.ids.tolist()
    regime = {account: (served.clients.find(account) or {})["regime"] for account in ids}
    return [account for wanted in ("contracts", "orders") for account in [a for a in ids if regime[a] == wanted][:3]]


def test_a_stored_client_posted_as_it_is_has_the_numbers_of_the_list(company: Dataset, served: Served) -> None:
    assert served.clients is not None
    wanted = accounts(served)
    assert len(wanted) == 6
    (found,) = rows(job(served, *(as_sent(company, account) for account in wanted)))
    for account, row in zip(wanted, found, strict=True):
        listed = served.clients.find(account)
        assert listed is not None
        assert {name: row[name] for name in NUMBERS} == {name: listed[name] for name in NUMBERS}


def test_so_does_one_of_which_nothing_is_sent(served: Served) -> None:
    assert served.clients is not None
    wanted = accounts(served)
    (found,) = rows(job(served, *({"account_id": account} for account in wanted)))
    listed = [served.clients.find(account) or {} for account in wanted]
    assert [row["p_leaves"] for row in found] == [row["p_leaves"] for row in listed]
    assert [row["ltv"] for row in found] == [row["ltv"] for row in listed]


def test_signals_of_an_excerpt_have_the_bytes_of_the_whole(company: Dataset, served: Served) -> None:
    wanted = sorted(accounts(served))
    posted = [PostedClient.model_validate(as_sent(company, account)) for account in wanted]
    sent = {client.account_id: client.sent() for client in posted}
    small = Snapshot(client_excerpt(company, sent, tables_of(posted), company.ends_at), company.ends_at)
    whole = Snapshot(company, company.ends_at)
    one = clients.client_signals(small, small.dataset.client_ids.get_indexer(pd.Index(wanted)))
    other = clients.client_signals(whole, company.client_ids.get_indexer(pd.Index(wanted)))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_what_is_sent_replaces_its_table_and_no_other(served: Served) -> None:
    account = accounts(served)[-1]
    order = {"order_id": "O-new", "ordered_at": "2026-09-20T08:00:00Z", "amount": 500}
    (as_stored,), (fresh,), (none,) = rows(
        job(served, {"account_id": account}),
        job(served, {"account_id": account, "orders": [order]}),
        job(served, {"account_id": account, "orders": []}),
    )
    assert fresh["regime"] == "orders"
    assert fresh["p_leaves"] != as_stored["p_leaves"]
    assert none["reason"] == "not_active"


def test_a_new_client_is_scored_from_its_rows_alone(served: Served) -> None:
    orders = [{"order_id": f"N-{n}", "ordered_at": f"2026-0{n}-20T08:00:00Z", "amount": 100 * n} for n in range(1, 10)]
    ((row,),) = rows(job(served, {"account_id": "A-new", "orders": orders}, reasons=True))
    assert 0 < row["p_leaves"] < 1
    assert row["ltv_low"] <= row["ltv"] <= row["ltv_high"]
    assert [each["code"] for each in row["warnings"]] == ["unknown_account"]
    assert [point["days"] for point in row["horizons"]] == [30.0, 90.0]
    assert row["reasons"]["score"] == pytest.approx(row["p_leaves"])


def test_later_rows_are_not_known(company: Dataset, served: Served) -> None:
    account = accounts(served)[-1]
    sent = as_sent(company, account)
    later = {"order_id": "O-later", "ordered_at": "2026-10-01T00:00:00Z", "amount": 9_999}
    (before,), (after,) = rows(job(served, sent), job(served, {**sent, "orders": [*sent["orders"], later]}))
    assert before == after


@pytest.mark.parametrize(
    "broken",
    [
        {"orders": [{"order_id": "O", "ordered_at": "2026-09-20T08:00:00Z", "amount": "much"}]},
        {"contracts": [{"contract_id": "C", "starts_on": "2026-02-01", "ends_on": "2026-01-01", "monthly_amount": 1}]},
        {"surveys": [{"response_id": "R", "answered_at": "2026-09-20T08:00:00Z", "kind": "nps", "score": 11}]},
        {"deals": [{"deal_id": "D", "created_at": "2026-09-20T08:00:00Z", "stage": "Won", "outcome": "won"}]},
        {"tickets": [{"ticket_id": "T", "opened_at": "2026-09-20"}]},
        {"account": {"employees": -1}},
        {"shoe_size": 43},
    ],
)
def test_what_does_not_fit_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PostedClient.model_validate({"account_id": "A", **broken})


def test_clients_have_results_of_their_own_in_the_order_of_the_request(client: TestClient, runtime: Runtime) -> None:
    account = accounts(runtime.served())[0]
    order = {"order_id": "O-1", "ordered_at": "2026-09-20T08:00:00Z", "amount": 500}
    sent = [
        {"account_id": "A-new", "orders": [order]},
        {"account_id": "A-bad", "orders": 3},
        {"account_id": account},
        {"account_id": "A-twin", "orders": [order]},
    ]
    answer = client.post("/v1/score-clients", json={"clients": sent})
    results = answer.json()["results"]
    assert [(each["index"], each["account_id"]) for each in results] == list(enumerate(["A-new", "A-bad", account, "A-twin"]))
    assert [each["reason"] for each in results] == ["invalid", "invalid", None, "invalid"]
    assert results[0]["errors"][0]["pointer"] == "/body/clients/0/orders/0/order_id"
    assert json.loads(ScoreClientsAnswer.model_validate_json(answer.content).model_dump_json()) == answer.json()
