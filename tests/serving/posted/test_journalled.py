import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from serving.api import create_app
from serving.database import SCORES, Database
from serving.served.runtime import Runtime
from serving.settings import Settings
from tests.serving.posted.test_posted import DEAL

AS_OF = "2026-10-01T00:00:00+00:00"


@pytest.fixture
def app(runtime: Runtime, trained_home: Path, tmp_path: Path, url: str) -> Iterator[TestClient]:
    settings = Settings(home=tmp_path, store_url=url, demo=True, spool_megabytes=1)
    del trained_home
    with TestClient(create_app(runtime, settings, watching=False), base_url="http://127.0.0.1") as opened:
        yield opened


def database(app: TestClient) -> Database:
    found: Database = app.app.state.database  # type: ignore[attr-defined]
    return found


def rows(app: TestClient) -> pd.DataFrame:
    with database(app).transaction() as connection:
        found = connection.execute(sa.select(SCORES).order_by(SCORES.c.entry)).all()
    return pd.DataFrame(found, columns=[column.name for column in SCORES.c])


def post(app: TestClient, *deals: dict[str, Any], **asked: Any) -> Any:
    answer = app.post("/v1/score", json={"deals": list(deals), "as_of": AS_OF, "horizons": [30, 90], **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_posted_deal_is_in_the_journal_when_its_answer_comes(app: TestClient) -> None:
    answer = post(app, DEAL)
    (row,) = rows(app).to_dict("records")
    result = answer["results"][0]
    assert (answer["persisted"], answer["not_persisted"]) == (True, None)
    for name in ("p_won", "p_lost", "p_won_this_quarter", "p_won_next_quarter"):
        assert row[name] == result[name]
    assert (row["kind"], row["record_id"], row["owner_id"]) == ("posted", DEAL["deal_id"], DEAL.get("owner_id"))
    assert (row["asked_by"], row["model_version"]) == ("demo", answer["model_version"])
    assert row["expected_value"] == pytest.approx(row["value"] * row["p_won_this_quarter"])
    stored = json.loads(row["answer"])
    assert stored["horizons"] == [[each["days"], each["p_won"], each["p_lost"]] for each in result["horizons"]]
    assert stored["curve"]["p_won"][-1] == pytest.approx(result["p_won"], abs=1e-5)
    assert stored["reasons"]["groups"] == {item["group"]: item["contribution"] for item in result["reasons"]["items"]}


def test_the_same_request_leaves_one_row_and_another_one_more(app: TestClient) -> None:
    for horizons in ([30], [30], [30, 60]):
        post(app, DEAL, horizons=horizons)
    found = rows(app)
    assert len(found) == 2
    assert found["signals_sha256"].nunique() == 1
    assert found["asked"].nunique() == 2


def test_deals_that_cannot_be_scored_say_why_or_have_no_row(app: TestClient) -> None:
    late = {**DEAL, "deal_id": "later", "created_at": "2027-01-01T00:00:00Z", "changes": [], "activities": []}
    answer = post(app, DEAL, late, {"deal_id": "unreadable"})
    found = rows(app).set_index("record_id")
    assert set(found.index) == {DEAL["deal_id"], "later"}
    assert (found.loc["later", "reason"], answer["results"][2]["reason"]) == ("not_open", "invalid")
    assert found["p_won"].isna().to_dict() == {DEAL["deal_id"]: False, "later": True}


def test_while_the_database_is_locked_the_answer_says_where_its_scores_are(app: TestClient) -> None:
    post(app, DEAL)
    with database(app).transaction(exclusive=True) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE scores IN ACCESS EXCLUSIVE MODE")
        answer = post(app, {**DEAL, "deal_id": "meanwhile"})
    assert answer["persisted"] is False
    assert "spool" in answer["not_persisted"]
    assert answer["results"][0]["p_won"] is not None


def test_where_nothing_can_be_kept_nothing_is_answered(app: TestClient, tmp_path: Path) -> None:
    (tmp_path / "journal-spool").touch()  # no folder can be there
    with database(app).transaction(exclusive=True) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE scores IN ACCESS EXCLUSIVE MODE")
        answer = app.post("/v1/score", json={"deals": [DEAL]})
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert int(answer.headers["retry-after"]) > 0


def test_a_posted_client_is_in_the_journal_too(app: TestClient, runtime: Runtime) -> None:
    listed = runtime.served().clients
    assert listed is not None
    body = {
        "clients": [{"account_id": listed.ids[0]}, {"account_id": "nobody's"}],
        "as_of": AS_OF,
        "horizons": [60],
        "reasons": True,
    }
    answer = app.post("/v1/score-clients", json=body).json()
    first, second = rows(app).to_dict("records")
    result = answer["results"][0]
    assert answer["persisted"] is True
    assert (first["target"], first["record_id"], first["kind"]) == ("clients", listed.ids[0], "posted")
    assert [first[name] for name in ("p_leaves", "value", "expected_value")] == [
        result[name] for name in ("p_leaves", "ltv", "value_at_risk")
    ]
    assert json.loads(first["answer"])["horizons"] == [[60.0, result["horizons"][0]["p_leaves"]]]
    assert (second["record_id"], second["reason"], pd.isna(second["answer"])) == ("nobody's", "not_active", True)
