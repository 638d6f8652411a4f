import io
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from features import clock
from features.errors import UsageError
from serving.access import audit_log
from serving.api import create_app
from serving.cli.main import app as dealcast
from serving.database import Database
from serving.journal import export
from serving.journal.committer import insert
from serving.journal.reading import Wanted, pages
from serving.journal.rows import ForecastRow, ScoreRow
from serving.served.runtime import Runtime
from serving.settings import Settings

LATER = pd.Timestamp("2026-06-01T00:00Z")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """Twenty scores of two owners, half of them issued later, and two forecasts."""
    opened = Database.open(url)
    scores = [score(number) for number in range(20)]
    forecasts = [forecast("2026Q2"), forecast("2026Q3")]
    with opened.transaction() as connection:
        insert(connection, [*scores, *forecasts])
    yield opened
    opened.close()


def score(number: int) -> ScoreRow:
    return ScoreRow(
        kind="posted" if number % 5 == 0 else "pipeline",
        target="deals" if number < 18 else "clients",
        record_id=f"=D-{number}",
        owner_id=f"U-{number % 2}" if number < 18 else None,
        as_of=number,
        issued_at=clock.micros(LATER) + (number - 10) * 1000,
        revision=1,
        model_version="1",
        p_won=number / 20 if number else None,
        answer='{"curve":{}}',
    )


def forecast(period: str) -> ForecastRow:
    return ForecastRow(
        period=period, dimension="company", node="", as_of=1, as_of_day="1970-01-01", revision=1, model_version="1", mean=1.5
    )


def ids(database: Database, wanted: Wanted, **paging: int) -> list[str]:
    return [row["record_id"] for page in pages(database, wanted, **paging) for row in page]


@pytest.mark.parametrize("size", [1, 7, 20, 100])
def test_the_pages_hold_every_row_once_and_in_order(database: Database, size: int) -> None:
    assert ids(database, Wanted(), size=size) == [f"=D-{number}" for number in range(20)]
    assert ids(database, Wanted(), size=size, most=13) == [f"=D-{number}" for number in range(13)]


def test_what_is_wanted_is_what_comes(database: Database) -> None:
    assert len(ids(database, Wanted(("posted",)))) == 4
    assert ids(database, Wanted(since=LATER)) == [f"=D-{number}" for number in range(10, 20)]
    assert ids(database, Wanted(target="clients")) == ["=D-18", "=D-19"]
    assert ids(database, Wanted(owners=frozenset({"U-1"}))) == [f"=D-{number}" for number in range(1, 18, 2)]
    assert ids(database, Wanted(owners=frozenset())) == []
    assert [len(list(pages(database, Wanted(forecasts=True, owners=owners)))) for owners in (None, frozenset({"U-1"}))] == [1, 0]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_file_holds_the_rows(database: Database, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"scores{ending}"
    assert export.write(database, Wanted(), path) == 20
    found = pd.read_csv(path) if ending == ".csv" else pd.read_parquet(path)
    mark = "'" if ending == ".csv" else ""
    assert found["record_id"].tolist() == [f"{mark}=D-{number}" for number in range(20)]
    assert pd.to_datetime(found["issued_at"]).iloc[10] == LATER
    assert found["p_won"].isna().tolist() == [True] + [False] * 19
    assert list(tmp_path.glob("*.tmp")) == []


def test_an_empty_journal_is_a_file_with_columns(database: Database, tmp_path: Path) -> None:
    for ending in (".csv", ".parquet"):
        path = tmp_path / f"none{ending}"
        assert export.write(database, Wanted(since=pd.Timestamp("2100-01-01T00:00Z")), path) == 0
        found = pd.read_csv(path) if ending == ".csv" else pd.read_parquet(path)
        assert "p_won" in found
        assert len(found) == 0


def test_a_file_of_another_kind_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.parquet or \.csv"):
        export.write(database, Wanted(), tmp_path / "scores.xlsx")


@pytest.fixture
def client(database: Database, runtime: Runtime, trained_home: Path) -> Iterator[TestClient]:
    url = database.engine.url.render_as_string(hide_password=False)
    settings = Settings(home=trained_home, store_url=url, demo=True)
    with TestClient(create_app(runtime, settings, watching=False), base_url="http://127.0.0.1") as opened:
        yield opened


def test_the_journal_is_streamed(client: TestClient) -> None:
    answer = client.get("/v1/journal", params={"format": "parquet", "since": "2026-06-01", "kind": ["posted"]})
    assert answer.headers["content-disposition"] == 'attachment; filename="scores.parquet"'
    assert pd.read_parquet(io.BytesIO(answer.content))["record_id"].tolist() == ["=D-10", "=D-15"]
    first = pd.read_csv(io.BytesIO(client.get("/v1/journal", params={"limit": 12}).content))
    rest = pd.read_csv(io.BytesIO(client.get("/v1/journal", params={"after": int(first["entry"].iloc[-1])}).content))
    assert first["record_id"].tolist() + rest["record_id"].tolist() == [f"'=D-{number}" for number in range(20)]
    forecasts = client.get("/v1/journal", params={"of": "forecasts"})
    assert pd.read_csv(io.BytesIO(forecasts.content))["period"].tolist() == ["2026Q2", "2026Q3"]


def test_who_takes_the_journal_is_in_the_audit_log(client: TestClient, database: Database) -> None:
    client.get("/v1/journal", params={"format": "parquet", "kind": ["posted"], "limit": 5})
    client.get("/v1/journal", params={"kind": "gossip"})  # refused: nothing was taken
    (entry,) = audit_log.entries(database, 5, action="export")
    assert (entry.who, entry.target, entry.details) == ("demo", "scores.parquet", {"kind": ["posted"], "limit": 5})


@pytest.mark.parametrize("wrong", [{"since": "soon"}, {"kind": "gossip"}, {"limit": "0"}, {"format": "xlsx"}])
def test_a_wrong_question_is_refused(client: TestClient, wrong: dict[str, str]) -> None:
    assert client.get("/v1/journal", params=wrong).status_code == 422


def test_the_command_writes_a_file_and_the_audit_log_says_so(database: Database, url: str, tmp_path: Path) -> None:
    given = {"DEALCAST_HOME": str(tmp_path), "DEALCAST_STORE_URL": url}
    output = tmp_path / "posted.csv"
    said = CliRunner().invoke(dealcast, ["journal", "export", "--output", str(output), "--kind", "posted"], env=given)
    assert (said.exit_code, len(pd.read_csv(output))) == (0, 4)
    (entry,) = audit_log.entries(database, 5, action="export")
    assert (entry.who, entry.target, entry.details) == (audit_log.at_the_shell().who, "scores.csv", {"kind": ["posted"]})
    both = ["--kind", "posted", "--kind", "forecasts"]
    assert CliRunner().invoke(dealcast, ["journal", "export", "--output", str(output), *both], env=given).exit_code == 2
