"""An answer as of a past date is given from the data of that date: what was deleted or changed since was there as it was."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from features import clock
from features.dataset import Dataset
from features.deletions import Deletion
from features.errors import NotReadyError
from features.store import Store
from serving.api import create_app
from serving.cli.main import app
from serving.forecast.bridge_answers import explained
from serving.forecast.forecaster import Forecaster
from serving.served.earlier import Earlier
from serving.served.runtime import Runtime
from serving.settings import Settings
from tests.features.puts import put
from tests.serving.stored import PATIENCE, runtime_over, source_over, store_of

DAY = pd.Timedelta(days=1)
KPIS = ["bookings", "win_rate", "pipeline_coverage", "lead_conversion", "new_clients"]


@pytest.fixture
def store(company: Dataset, tmp_path: Path) -> Iterator[Store]:
    opened = store_of(company, f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture
def client(store: Store, trained_home: Path, tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(home=tmp_path, store_url=f"sqlite:///{tmp_path / 'store.db'}", demo=True)
    held = runtime_over(store, trained_home)
    held.refresh()
    with TestClient(create_app(held, settings, watching=False), base_url="http://127.0.0.1") as opened:
        yield opened


def won_deals(company: Dataset, n: int = 5) -> tuple[str, ...]:
    won = company.deals[company.deals["outcome"] == "won"].sort_values("closed_at").iloc[-n:]
    return tuple(won["deal_id"])


def values(client: TestClient, as_of: pd.Timestamp | None) -> dict[str, object]:
    asked = {"kpi": KPIS, "periods": "4"} | ({"as_of": as_of.isoformat()} if as_of else {})
    answer = client.get("/v1/kpis", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return {"values": found["values"], "as_of": found["as_of"]}


def test_a_kpi_as_of_a_date_before_a_deletion_counts_what_was_deleted_since(
    client: TestClient, store: Store, company: Dataset
) -> None:
    runtime: Runtime = client.app.state.runtime  # type: ignore[attr-defined]
    before, as_of = values(client, company.ends_at), company.ends_at
    store.delete(Deletion("deals", won_deals(company), "tester"), company.ends_at + DAY)
    runtime.refresh()
    assert values(client, as_of) == before
    assert values(client, None)["values"] != before["values"]


@pytest.mark.parametrize("path", ["/v1/funnel", "/v1/team", "/v1/goals"])
def test_so_does_every_answer_about_the_past(client: TestClient, store: Store, company: Dataset, path: str) -> None:
    asked = {"as_of": company.ends_at.isoformat()}
    before = client.get(path, params=asked).json()
    store.delete(Deletion("deals", won_deals(company, 40), "tester"), company.ends_at + DAY)
    client.app.state.runtime.refresh()  # type: ignore[attr-defined]
    after = client.get(path, params=asked).json()
    assert {**after, "data_ends_at": None} == {**before, "data_ends_at": None}


def test_the_command_line_answers_likewise(store: Store, company: Dataset, tmp_path: Path) -> None:
    def shown(as_of: str) -> str:
        arguments = ["kpis", "--kpi", "bookings", "--as-of", as_of, "--periods", "4", "--format", "csv"]
        found = CliRunner().invoke(app, arguments, env={"DEALCAST_HOME": str(tmp_path)})
        assert found.exit_code == 0, found.output
        return found.stdout

    then, later = company.ends_at.isoformat(), (company.ends_at + 2 * DAY).isoformat()
    before = shown(then)
    store.delete(Deletion("deals", won_deals(company), "tester"), company.ends_at + DAY)
    assert shown(then) == before
    assert shown(later) != before


def test_the_bridge_over_a_deletion_tells_it_and_ends_at_the_forecast_of_now(
    store: Store, company: Dataset, runtime: Runtime, tmp_path: Path
) -> None:
    champion = replace(runtime.served().bundles["deals"], trained_as_of=company.ends_at - 40 * DAY)
    first, last = company.ends_at, company.ends_at + 2 * DAY
    gone = tuple(runtime.served().dataset.deals["deal_id"].iloc[runtime.served().snapshot.open_deals[:3]])
    store.delete(Deletion("deals", gone, "tester"), company.ends_at + DAY)
    now = store.load()
    forecaster = Forecaster(now, {"deals": champion}, last, tmp_path, 1, Earlier(source_over(store), PATIENCE).known_at)
    found = explained(forecaster, forecaster.window(None, last), first, last)
    assert found.table().iloc[0]["deleted"] < 0
    alone = explained(forecaster, forecaster.window(None, last), last, last + DAY)
    assert found.end == alone.start


def test_one_past_is_kept_and_shared_by_the_dates_between_two_deletions(store: Store, company: Dataset) -> None:
    source = source_over(store)
    source.revision()
    ids, earlier = won_deals(company, 2), Earlier(source, PATIENCE)
    for place, deal in enumerate(ids):
        store.delete(Deletion("deals", (deal,), "tester"), company.ends_at + (1 + 2 * place) * DAY)
    now = store.load()
    days = [company.ends_at - 30 * DAY, company.ends_at, company.ends_at + 2 * DAY, company.ends_at + 4 * DAY]
    first, same, second, last = (earlier.known_at(now, day) for day in days)
    assert first is same
    assert (first.n_deals, second.n_deals) == (company.n_deals, company.n_deals - 1)
    assert last is now
    assert clock.is_known(clock.micros(days[0]), clock.micros(now.extracted_at))


class SlowArchive:
    """An archive whose past is there when it is let go."""

    def __init__(self, past: Dataset) -> None:
        self.past, self.begun, self.let_go, self.n_made = past, threading.Event(), threading.Event(), 0

    def epoch(self, at: pd.Timestamp) -> int | None:
        return at.day

    def load_at(self, at: pd.Timestamp, _: Dataset) -> Dataset:
        self.n_made += 1
        self.begun.set()
        assert self.let_go.wait(30)
        if at.day == 13:
            raise NotReadyError("the store does not answer")
        return self.past


def test_a_past_that_takes_long_is_made_on_while_who_asked_comes_again(company: Dataset) -> None:
    archive, day = SlowArchive(company), pd.Timestamp("2026-03-02", tz="UTC")
    earlier = Earlier(archive, patience=0.01)
    for asked in (day, day, day + DAY):  # one at a time: another date waits for the first
        with pytest.raises(NotReadyError, match="ask again") as found:
            earlier.known_at(company, asked)
        assert found.value.code == "past_in_the_making"
    archive.let_go.set()
    patient = Earlier(archive, patience=30)
    patient._newest = earlier._newest
    assert patient.known_at(company, day) is company
    assert archive.n_made == 1


def test_a_past_that_could_not_be_made_is_tried_again(company: Dataset) -> None:
    archive, day = SlowArchive(company), pd.Timestamp("2026-03-13", tz="UTC")
    archive.let_go.set()
    earlier = Earlier(archive)
    for _ in range(2):
        with pytest.raises(NotReadyError, match="does not answer"):
            earlier.known_at(company, day)
    assert earlier.known_at(company, day + DAY) is company
    assert archive.n_made == 3


def test_a_past_in_the_making_holds_up_nobody_else(client: TestClient, company: Dataset) -> None:
    runtime: Runtime = client.app.state.runtime  # type: ignore[attr-defined]
    slow = SlowArchive(company)
    runtime.earlier.archive, runtime.earlier.patience = slow, 1.0
    asked = {"kpi": KPIS, "as_of": (company.ends_at - DAY).isoformat()}
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(client.get, "/v1/kpis", params=asked)
        assert slow.begun.wait(30)
        assert client.get("/v1/kpis", params={"kpi": KPIS}).status_code == 200
        refused = waiting.result()
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "past_in_the_making", "5")
    slow.let_go.set()
    runtime.earlier.patience = 30
    assert client.get("/v1/kpis", params=asked).status_code == 200


def test_a_kpi_as_of_a_date_before_a_correction_counts_what_was_known_then(
    client: TestClient, store: Store, company: Dataset
) -> None:
    runtime: Runtime = client.app.state.runtime  # type: ignore[attr-defined]
    before, as_of = values(client, company.ends_at), company.ends_at
    leads = company.tables["leads"]
    open_leads = leads[leads["converted_at"].isna()].iloc[:5]["lead_id"]
    day = (company.ends_at - 10 * DAY).isoformat()
    put(store, "leads", *[{"lead_id": each, "converted_at": day} for each in open_leads], at=company.ends_at + DAY)
    account = company.deals["account_id"].iloc[0]
    put(store, "deals", *[{"deal_id": each, "account_id": account} for each in won_deals(company)], at=company.ends_at + DAY)
    runtime.refresh()
    assert values(client, as_of) == before
