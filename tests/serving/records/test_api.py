"""What a program puts is stored as an ingest would store it, or refused whole with the places of what is wrong."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from starlette.testclient import TestClient

from features.dataset import Dataset
from features.store import Store
from features.tables import TABLES
from features.tombstones import MERGEABLE
from serving.access import audit_log
from serving.api import create_app
from serving.records.schemas import MODELS, DeletableName, MergeableName, TableName
from serving.settings import Settings
from tests.serving.stored import runtime_over, store_of

DEAL = {"deal_id": "D-new", "account_id": "A-new", "created_at": "2026-09-01T09:00:00+02:00", "stage": "Discovery", "amount": 10}


@pytest.fixture
def store(company: Dataset, tmp_path: Path) -> Iterator[Store]:
    opened = store_of(company, f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture
def stored(store: Store, trained_home: Path, tmp_path: Path) -> Iterator[TestClient]:
    """The app over a real store."""
    held = runtime_over(store, trained_home)
    settings = Settings(home=trained_home, store_url=f"sqlite:///{tmp_path / 'store.db'}", demo=True)
    with TestClient(create_app(held, settings, watching=False), base_url="http://127.0.0.1") as opened:
        yield opened


def put(client: TestClient, table: str, *rows: dict[str, Any], **headers: str) -> Any:
    return client.put(f"/v1/records/{table}", json={"rows": list(rows)}, headers=headers)


def pointers(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["pointer"] for error in answer.json()["errors"]]


def test_rows_are_stored_and_counted(stored: TestClient, store: Store, company: Dataset) -> None:
    known = company.deals["deal_id"].iloc[0]
    answer = put(stored, "deals", DEAL, {"deal_id": known, "name": "renamed"})
    expected = {"table": "deals", "revision": 2, "inserted": 1, "changed": 1, "unchanged": 0, "revived": 0, "changes": 0}
    told = {"kept": {}, "unknown": {"deals.account_id": 1}, "late": 1, "history": False}
    assert answer.json() == expected | told
    assert store.load().deals.set_index("deal_id")["name"][known] == "renamed"


def test_a_write_is_in_the_audit_log_and_one_that_changed_nothing_is_not(stored: TestClient) -> None:
    for _ in range(2):
        put(stored, "deals", DEAL)
    stored.delete("/v1/records/deals/D-new")
    put(stored, "deals", DEAL | {"stage": 7})
    rows = audit_log.entries(stored.app.state.database, 5)  # type: ignore[attr-defined]
    expected = [("records.deleted", "deals", {"deleted": 1}), ("records.put", "deals", {"inserted": 1})]
    assert [(row.action, row.target, row.details) for row in rows] == expected
    assert audit_log.verify(stored.app.state.database).broken_at is None  # type: ignore[attr-defined]


def test_a_first_load_of_history_says_so_and_is_noted(stored: TestClient, store: Store) -> None:
    lead = {"lead_id": "L-old", "created_at": "2021-03-01T00:00:00Z"}
    answer = stored.put("/v1/records/leads", json={"history": True, "rows": [lead]})
    assert (answer.json()["late"], answer.json()["history"]) == (0, True)
    assert put(stored, "leads", lead | {"lead_id": "L-late"}).json()["late"] == 1
    known = store.load().tables["leads"].set_index("lead_id")["recorded_at"].notna()
    assert (known["L-old"], known["L-late"]) == (False, True)
    noted = [row.details for row in audit_log.entries(stored.app.state.database, 2)]  # type: ignore[attr-defined]
    assert noted == [{"inserted": 1}, {"inserted": 1, "history": True}]
    assert pointers(stored.put("/v1/records/leads", json={"history": 1, "rows": [lead]})) == ["/body/history"]


def test_the_same_body_again_changes_nothing(stored: TestClient, store: Store) -> None:
    put(stored, "deals", DEAL)
    assert put(stored, "deals", DEAL).json()["unchanged"] == 1
    assert store.revision() == 2


def test_every_table_of_the_contract_can_be_put(stored: TestClient, company: Dataset) -> None:
    for name, frame in company.tables.items():
        row = frame.head(1).to_json(orient="records", date_format="iso", date_unit="us")
        days = {column.name for column in TABLES[name].columns if column.kind == "date"}
        fields = {field: value[:10] if field in days and value else value for field, value in json.loads(row)[0].items()}
        assert put(stored, name, fields).json().get("unchanged") == 1, name
    assert set(MODELS) == set(TABLES) == set(get_args(TableName)) == {*get_args(DeletableName), "deal_changes"}
    assert set(get_args(MergeableName)) == set(MERGEABLE)


def test_what_is_wrong_is_told_with_its_place(stored: TestClient, store: Store) -> None:
    assert pointers(put(stored, "deals", DEAL, DEAL | {"amount": "12k"})) == ["/body/rows/1/amount"]
    assert pointers(put(stored, "deals", DEAL, {"deal_id": "D-2", "stage": "Discovery"})) == ["/body/rows/1/created_at"]
    assert pointers(put(stored, "deals", DEAL, DEAL)) == ["/body/rows/0/deal_id", "/body/rows/1/deal_id"]
    assert pointers(put(stored, "deals", DEAL | {"currency": "XYZ"})) == ["/body"]
    assert pointers(put(stored, "deals", DEAL | {"custom": {"shoe": 1}})) == ["/body"]
    assert store.revision() == 1


@pytest.mark.parametrize("body", [b'{"rows": [{"deal_id": NaN}]}', b'{"rows": [], "rows": []}', b"[", b"\xff", b"1e999", b"null"])
def test_hostile_bodies_are_refused(stored: TestClient, body: bytes) -> None:
    answer = stored.put("/v1/records/deals", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_bodies_are_limited_by_rows_size_and_type(stored: TestClient) -> None:
    assert pointers(put(stored, "users", *[{"user_id": f"U{n}"} for n in range(5001)])) == ["/body/rows"]
    large = {"rows": [DEAL | {"name": "x" * 1000, "deal_id": f"D{n}"} for n in range(3000)]}
    assert stored.put("/v1/records/deals", json=large).status_code == 200
    assert stored.put("/v1/records/deals", content=b"x" * (16 * 1024 * 1024 + 1)).status_code == 413
    assert stored.put("/v1/records/deals", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    assert stored.put("/v1/records/nothing", json={"rows": []}).status_code == 422


def test_data_from_elsewhere_is_not_changed_and_never_will_be(client: TestClient) -> None:
    answers = [put(client, "deals", DEAL), client.delete("/v1/records/deals/D-1")]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(403, "read_only")] * 2


def test_the_name_of_an_operation_is_no_key_in_an_address(stored: TestClient) -> None:
    put(stored, "deals", DEAL | {"deal_id": "delete"}, DEAL | {"deal_id": "delete/merge"})
    refused = stored.delete("/v1/records/deals/delete")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert stored.post("/v1/records/deals/delete", json={"keys": ["delete"]}).json()["deleted"] == 1
    assert stored.delete("/v1/records/deals/delete/merge").json()["deleted"] == 1


def test_a_record_is_deleted_once_and_put_again(stored: TestClient, store: Store) -> None:
    put(stored, "deals", DEAL)
    assert stored.delete("/v1/records/deals/D-new").json()["deleted"] == 1
    assert stored.delete("/v1/records/deals/D-new").json()["already"] == 1
    assert stored.delete("/v1/records/deals/D-none").json()["code"] == "no_such_record"
    assert "D-new" not in store.load().deals["deal_id"].to_list()
    assert put(stored, "deals", DEAL).json()["revived"] == 1


def test_many_records_are_deleted_at_once(stored: TestClient, store: Store, company: Dataset) -> None:
    ids = company.deals["deal_id"].head(3).to_list()
    answer = stored.post("/v1/records/deals/delete", json={"keys": [*ids, "D-none"]})
    assert answer.json() == {"table": "deals", "revision": 2, "deleted": 3, "already": 0, "unknown": 1}
    assert store.load().n_deals == company.n_deals - 3
    rate = company.tables["rates"].iloc[0]
    key = [rate["currency"], f"{rate['date']:%Y-%m-%d}"]
    assert stored.post("/v1/records/rates/delete", json={"keys": [key]}).json()["deleted"] == 1
    assert stored.post("/v1/records/rates/delete", json={"keys": ["EUR"]}).status_code == 422


def test_accounts_are_merged(stored: TestClient, store: Store, company: Dataset) -> None:
    gone, into = company.deals["account_id"].dropna().unique()[:2]
    body = {"from": gone, "into": into}
    first, again = (stored.post("/v1/records/accounts/merge", json=body, headers={"Idempotency-Key": "m"}) for _ in range(2))
    assert (first.json()["deleted"], again.text) == (1, first.text)
    assert not store.load().deals["account_id"].eq(gone).any()
    assert stored.post("/v1/records/accounts/merge", json=body).status_code == 422
