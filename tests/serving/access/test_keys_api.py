from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.access import audit_log
from serving.access.auth import Scope
from tests.serving.conftest import KEY, key_for, showing

ADMIN = showing(KEY)
WANTED = {"name": "CRM", "scopes": ["read", "score"], "user_id": None, "expires_in_days": 30}


def made(client: TestClient, **changed: Any) -> dict[str, Any]:
    answer = client.post("/v1/keys", json=WANTED | changed, headers=ADMIN)
    assert answer.status_code == 201
    found: dict[str, Any] = answer.json()
    return found


def test_a_key_that_was_made_opens_what_it_may_at_once(keyed: TestClient) -> None:
    key = made(keyed)
    assert keyed.get("/v1/deals", headers=showing(key["token"])).status_code == 200
    assert keyed.get("/v1/keys", headers=showing(key["token"])).json()["code"] == "scope_missing"


def test_the_list_shows_every_key_and_no_secret(keyed: TestClient) -> None:
    key = made(keyed)
    answer = keyed.get("/v1/keys", headers=ADMIN)
    assert {name: value for name, value in key.items() if name != "token"} in answer.json()["items"]
    assert key["token"].split("_", 2)[2] not in answer.text
    assert "hash" not in answer.text


def test_a_rotated_key_has_another_secret_and_the_old_one_overlaps(keyed: TestClient) -> None:
    key = made(keyed)
    new = keyed.post(f"/v1/keys/{key['key_id']}/rotate", json={"overlap_days": 1}, headers=ADMIN).json()
    assert new["token"] != key["token"]
    assert new["old_valid_until"] is not None
    statuses = [keyed.get("/v1/clients", headers=showing(each["token"])).status_code for each in (key, new)]
    assert statuses == [200, 200]


def test_a_rotation_without_overlap_ends_the_old_secret_at_once(keyed: TestClient) -> None:
    key = made(keyed)
    keyed.post(f"/v1/keys/{key['key_id']}/rotate", json={"overlap_days": 0}, headers=ADMIN)
    assert keyed.get("/v1/clients", headers=showing(key["token"])).json()["code"] == "key_invalid"


def test_a_revoked_key_is_closed_at_once_and_cannot_come_back(keyed: TestClient) -> None:
    key = made(keyed)
    assert keyed.delete(f"/v1/keys/{key['key_id']}", headers=ADMIN).json()["revoked_at"] is not None
    assert keyed.get("/v1/clients", headers=showing(key["token"])).json()["code"] == "key_revoked"
    again = keyed.post(f"/v1/keys/{key['key_id']}/rotate", json={}, headers=ADMIN)
    assert (again.status_code, again.json()["code"]) == (422, "unusable_request")


def test_an_unknown_key_is_not_found(keyed: TestClient) -> None:
    answers = [keyed.delete("/v1/keys/none", headers=ADMIN), keyed.post("/v1/keys/none/rotate", json={}, headers=ADMIN)]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(404, "no_such_key")] * 2


@pytest.mark.parametrize(
    "changed",
    [
        {"scopes": []},
        {"scopes": ["root"]},
        {"name": ""},
        {"name": " "},
        {"expires_in_days": 0},
        {"scopes": ["admin"], "user_id": "U-1"},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(keyed: TestClient, changed: dict[str, Any]) -> None:
    assert keyed.post("/v1/keys", json=WANTED | changed, headers=ADMIN).status_code == 422


def test_the_audit_log_is_read_page_by_page(keyed: TestClient) -> None:
    key = made(keyed)
    keyed.delete(f"/v1/keys/{key['key_id']}", headers=ADMIN)
    first = keyed.get("/v1/audit?limit=1", headers=ADMIN).json()
    second = keyed.get(f"/v1/audit?limit=1&before={first['next_before']}", headers=ADMIN).json()
    rows = [page["items"][0] for page in (first, second)]
    assert [(row["who"], row["action"], row["target"]) for row in rows] == [
        ("environment", "key.revoked", key["key_id"]),
        ("environment", "key.created", key["key_id"]),
    ]
    assert key["token"] not in str(rows)
    assert audit_log.verify(keyed.app.state.database).broken_at is None  # type: ignore[attr-defined]


def test_an_export_is_in_the_audit_log(keyed: TestClient) -> None:
    key_id, token = key_for(keyed, Scope.READ)
    table = keyed.get("/v1/kpis?format=csv&kpi=bookings", headers=showing(token))
    row = keyed.get("/v1/audit?limit=1&action=export", headers=ADMIN).json()["items"][0]
    assert (row["who"], row["target"], row["details"]["rows"]) == (key_id, "kpis.csv", len(table.text.splitlines()) - 1)


def test_nobody_but_an_admin_sees_keys_or_the_log(keyed: TestClient) -> None:
    _, token = key_for(keyed, Scope.READ, Scope.SCORE, Scope.WRITE)
    answers = [keyed.get(path, headers=showing(token)) for path in ("/v1/keys", "/v1/audit")]
    assert {(each.status_code, each.json()["code"]) for each in answers} == {(403, "scope_missing")}


def test_in_demo_mode_nobody_hands_out_keys(client: TestClient) -> None:
    assert client.post("/v1/keys", json=WANTED).status_code == 403


def test_a_persons_key_writes_no_records(keyed: TestClient) -> None:
    key = made(keyed, scopes=["write"], user_id="U-1")
    sent = keyed.put("/v1/records/deals", json={"rows": [{"deal_id": "D-1"}]}, headers=showing(key["token"]))
    assert (sent.status_code, sent.json()["code"]) == (403, "key_narrowed")
