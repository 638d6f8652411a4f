"""A request that is sent again is done once, whatever happens on the way."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pandas as pd
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from features.dataset import Dataset
from features.store import Store
from serving.api import create_app
from serving.database import IDEMPOTENCY, Database
from serving.errors import ProblemError
from serving.records.idempotency import KEPT_DAYS, LEASE_SECONDS, Claim, begin, key_of
from serving.settings import Settings
from tests.features.puts import put
from tests.features.test_store import deal
from tests.serving.stored import runtime_over, store_of

NOW = pd.Timestamp("2026-10-02T00:00Z").as_unit("us")
ROWS = {"rows": [{"deal_id": "D-new", "created_at": "2026-09-01T09:00:00+02:00", "stage": "Discovery", "amount": 10}]}


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database.open(url)
    yield opened
    opened.close()


@pytest.fixture
def app(company: Dataset, trained_home: Path, tmp_path: Path) -> Iterator[tuple[TestClient, Store]]:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    store = store_of(company, url)
    made = create_app(runtime_over(store, trained_home), Settings(home=tmp_path, store_url=url, demo=True), watching=False)
    with TestClient(made, base_url="http://127.0.0.1") as client:
        yield client, store
    store.close()


def code(error: pytest.ExceptionInfo[ProblemError]) -> tuple[int, str]:
    return error.value.problem.status, error.value.problem.code


def claim(database: Database, at: pd.Timestamp = NOW, key: str = "k", caller: str = "me", fingerprint: str = "f") -> Claim | str:
    return begin(database, caller, key, fingerprint, at)


def test_the_stored_answer_is_given_again(database: Database) -> None:
    first = claim(database)
    assert isinstance(first, Claim)
    with database.transaction() as connection:
        first.finish(connection, "answer")
    assert claim(database, NOW + pd.Timedelta(hours=23)) == "answer"


def test_a_key_in_flight_is_a_conflict_until_its_holder_counts_as_dead(database: Database) -> None:
    first = claim(database)
    assert isinstance(first, Claim)
    with pytest.raises(ProblemError) as refused:
        claim(database, NOW + pd.Timedelta(seconds=LEASE_SECONDS - 1))
    assert (code(refused), refused.value.headers) == ((409, "request_in_flight"), {"Retry-After": "1"})
    assert isinstance(claim(database, NOW + pd.Timedelta(seconds=LEASE_SECONDS + 1)), Claim)
    with pytest.raises(ProblemError, match="still being worked on"), database.transaction() as connection:
        first.finish(connection, "too late")


def test_a_key_with_another_request_is_refused_and_keys_belong_to_their_caller(database: Database) -> None:
    claim(database)
    with pytest.raises(ProblemError) as refused:
        claim(database, fingerprint="other")
    assert code(refused) == (422, "idempotency_key_reused")
    assert isinstance(claim(database, caller="you", fingerprint="other"), Claim)


def test_keys_are_forgotten_after_a_day(database: Database) -> None:
    claim(database, key="old")
    later = NOW + pd.Timedelta(days=KEPT_DAYS, seconds=1)
    assert isinstance(claim(database, later, key="old", fingerprint="other"), Claim)
    claim(database, later + pd.Timedelta(days=2), key="new")
    with database.transaction() as connection:
        assert connection.scalars(sa.select(IDEMPOTENCY.c.request_key)).all() == ["new"]


def test_of_many_at_once_one_gets_the_key(database: Database) -> None:
    start = Barrier(8)

    def one(_: int) -> bool:
        start.wait()
        try:
            return isinstance(claim(database), Claim)
        except ProblemError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(8))) == 1


@pytest.mark.parametrize("header", ["", '"', '"a', "a b", "\u00e9", "x" * 256, 'a"b'])
def test_malformed_keys_are_refused(header: str) -> None:
    with pytest.raises(ProblemError, match="1 to 255"):
        key_of(header)
    assert key_of('"a b"') == "a b"


def test_a_request_is_answered_again_and_done_once(app: tuple[TestClient, Store]) -> None:
    client, store = app
    key = {"Idempotency-Key": '"one"'}
    first, again = (client.put("/v1/records/deals", json=ROWS, headers=key) for _ in range(2))
    assert (first.json()["inserted"], again.json()) == (1, first.json())
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    other = client.put("/v1/records/deals", json={"rows": [{"deal_id": "D-new", "amount": 11}]}, headers=key)
    assert (other.status_code, store.revision()) == (422, 2)


def test_a_refused_request_gives_its_key_back(app: tuple[TestClient, Store]) -> None:
    client, _ = app
    key = {"Idempotency-Key": "two"}
    wrong = {"rows": [{"deal_id": "D-new", "stage": "Discovery"}]}
    assert client.put("/v1/records/deals", json=wrong, headers=key).status_code == 422
    assert client.put("/v1/records/deals", json=ROWS, headers=key).json()["inserted"] == 1


def test_the_same_request_at_once_is_done_once(app: tuple[TestClient, Store]) -> None:
    client, store = app
    with ThreadPoolExecutor(6) as pool:
        sent = [pool.submit(client.put, "/v1/records/deals", json=ROWS, headers={"Idempotency-Key": "3"}) for _ in range(6)]
        answers = [each.result() for each in sent]
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {answer.json()["inserted"] for answer in answers if answer.status_code == 200} == {1}
    assert store.revision() == 2


KILLED = """
import os, signal, sys
import pandas as pd
from features.store import Store
from serving.database import Database
from serving.records.idempotency import begin
from tests.features.puts import upsert_of
url, moment = sys.argv[1:]
now = pd.Timestamp("2026-10-02T00:00Z").as_unit("us")
claim = begin(Database.open(url), "me", "k", "f", now)

def beside(connection, report):
    claim.finish(connection, "answer")
    if moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)

Store(url).put(upsert_of("deals", {"deal_id": "D1", "amount": 7500.0}), now, beside)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("moment", "stored"), [("before", False), ("after", True)])
def test_a_process_killed_around_the_commit_leaves_both_write_and_answer_or_neither(url: str, moment: str, stored: bool) -> None:
    store, database = Store(url), Database.open(url)
    put(store, "deals", deal("D1", amount=5000.0))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", KILLED, url, moment], env=environment, check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    assert store.load().deals["amount"].tolist() == [7500.0 if stored else 5000.0]
    later = claim(database, NOW + pd.Timedelta(seconds=LEASE_SECONDS + 1))
    assert (later == "answer") is stored
    assert isinstance(later, Claim) is not stored
    store.close()
    database.close()
