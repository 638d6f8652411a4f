"""Forecasts, bridges and what-if questions over HTTP and on the command line: one answer, however it is asked for."""

import io
import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from features import clock
from features.dataset import Dataset
from serving.forecast.bridge_answers import change, explained
from serving.forecast.forecaster import Forecaster
from serving.forecast.schemas import BridgeQuery
from serving.forecast.tables import bridge_table
from serving.language import Tongue, texts
from serving.pages.changes_view import since_last_week
from serving.served.runtime import Runtime
from tests.serving.cli.test_main import dealcast, home
from tests.serving.pages.test_routes import Words
from training.bundle import Bundle

__all__ = ["home"]

FORECASTS = (
    "/v1/forecast",
    "/v1/forecast?period=2027&by=team",
    "/v1/forecast?period=2026-11&by=product",
    "/v1/forecast?by=owner",
)


def get(client: TestClient, address: str) -> dict[str, Any]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("address", FORECASTS)
def test_the_forecast_adds_up_and_every_null_has_its_reason(client: TestClient, address: str) -> None:
    found = get(client, address)
    for line in found["lines"]:
        assert line["won"] + line["open"] + line["new"] == pytest.approx(line["mean"], abs=0.02)
        assert (line["plan"] is None) == (line["no_plan"] is not None)
    assert sum(part["mean"] for part in found["parts"]) == pytest.approx(found["lines"][0]["mean"], abs=0.02)
    for name in ("recurring", "record"):
        assert (found[name] is None) == (found[f"no_{name}"] is not None)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/v1/forecast?period=soon", "not a window"),
        ("/v1/forecast?period=2090", "three years"),
        ("/v1/forecast?as_of=2020-01-01", "look ahead"),
        ("/v1/forecast?by=planet", "by"),
        ("/v1/bridge?from=2020-01-01", "--fit"),
        ("/v1/bridge?from=2030-01-02&to=2030-01-01", "before"),
        ("/v1/bridge", "from"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_that_says_why(client: TestClient, address: str, said: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 422
    assert said in answer.text


def test_what_if_is_answered_from_the_same_draws(client: TestClient) -> None:
    deal = get(client, "/v1/deals?limit=1")["items"][0]
    asked = {"close": [deal["deal_id"]], "by": "team"}
    found = client.post("/v1/forecast/what-if", json=asked).json()
    assert found["difference"] == pytest.approx(found["after"][0]["mean"] - found["before"][0]["mean"], abs=0.01)
    assert 0 < found["difference"] <= 2 * deal["value"]
    assert found["kept"] is None
    nothing = client.post("/v1/forecast/what-if", json={}).json()
    assert nothing["before"] == nothing["after"]


@pytest.mark.parametrize(
    "asked", [{"close": ["none"]}, {"rate": {"Proposal": 200}}, {"kept": 2}, {"leave": ["U-1"]}, {"period": "2025Q1"}]
)
def test_a_change_that_cannot_be_is_refused(client: TestClient, asked: dict[str, Any]) -> None:
    assert client.post("/v1/forecast/what-if", json=asked).status_code == 422


@pytest.fixture(scope="module")
def earlier(company: Dataset, runtime: Runtime) -> Bundle:
    """The champion, said to be older than it is: what is tested here is arithmetic, and not its skill."""
    return replace(runtime.served().bundles["deals"], trained_as_of=company.ends_at - pd.Timedelta(days=40))


@pytest.mark.parametrize("mode", ["end", "path"])
def test_a_bridge_adds_up_to_the_cent_and_its_teams_to_the_company(
    company: Dataset, earlier: Bundle, tmp_path: Path, mode: str
) -> None:
    forecaster = Forecaster(company, {"deals": earlier}, clock.now(company.ends_at), tmp_path)
    first = (company.ends_at - pd.Timedelta(days=5)).isoformat()
    found = json.loads(
        change(forecaster, BridgeQuery.model_validate({"from": first, "by": "owner", "mode": mode})).model_dump_json()
    )
    lines = found["lines"]
    assert all(sum(map(Decimal, line["steps"].values())) == Decimal(line["change"]) for line in lines)
    assert Decimal(found["end"]) - Decimal(found["start"]) == Decimal(lines[0]["change"]) != 0
    assert sum(Decimal(line["change"]) for line in lines[1:]) == Decimal(lines[0]["change"])
    assert all(text[-3] == "." for line in lines for text in line["steps"].values())


def test_a_bridge_is_told_in_both_languages(company: Dataset, earlier: Bundle, tmp_path: Path) -> None:
    forecaster = Forecaster(company, {"deals": earlier}, clock.now(company.ends_at), tmp_path)
    first = (company.ends_at - pd.Timedelta(days=5)).isoformat()
    answer = change(forecaster, BridgeQuery.model_validate({"from": first, "by": "team"}))
    recorded = answer.model_copy(update={"by_record": ["7"]})
    for tongue, company_said, lost, model in (
        (Tongue("en"), "Company", "lost", "model 7"),
        (Tongue("ru"), "Компания", "проиграно", "модели 7"),
    ):
        table = bridge_table(recorded, tongue)
        columns = {str(column.header): list(column.cells) for column in table.columns}
        assert columns[""][0] == company_said
        assert columns[lost][0] == tongue.number(float(answer.lines[0].steps["lost"]), 2)
        assert model in str(table.caption)


def test_the_path_mode_walks_day_by_day(company: Dataset, earlier: Bundle, tmp_path: Path) -> None:
    forecaster = Forecaster(company, {"deals": earlier}, clock.now(company.ends_at), tmp_path)
    first, last = company.ends_at - pd.Timedelta(days=3), company.ends_at
    window = forecaster.window(None, last)
    ends, walked = (explained(forecaster, window, first, last, path=path) for path in (False, True))
    assert (ends.start, ends.end) == (walked.start, walked.end)
    assert len(walked.entries.cents) > len(ends.entries.cents)


@pytest.mark.parametrize(
    "address", ["/forecast", "/forecast?by=product", "/forecast?period=2027&by=none", "/forecast?period=%00"]
)
def test_the_page_shows_the_forecast_in_both_languages(client: TestClient, address: str) -> None:
    joined = "&" if "?" in address else "?"
    english = client.get(f"{address}{joined}lang=en")
    assert english.status_code == 200
    words = Words(english.text).found
    assert {"Deals yet to be created", "Recurring revenue a month", "How good such forecasts were"} <= set(words)
    assert english.text.count('class="level-95"') >= 2
    assert '<html lang="ru">' in client.get(f"{address}{joined}lang=ru").text


def test_page_and_api_say_the_same(client: TestClient, runtime: Runtime) -> None:
    found = get(client, "/v1/forecast?by=team")
    words = Words(client.get("/forecast?lang=en").text).found
    currency = runtime.served().dataset.organisation.currency
    assert currency == "EUR"
    for line in found["lines"]:
        assert f"€{round(line['mean']):,}" in words


def test_the_command_line_gives_the_answer_of_the_api(client: TestClient, home: Path) -> None:
    asked = ["forecast", "--by", "team", "--period", "2026Q4"]
    by_api = get(client, "/v1/forecast?by=team&period=2026Q4")
    found = json.loads(dealcast(*asked, "--format", "json", DEALCAST_HOME=str(home)).stdout)
    assert found["lines"] == by_api["lines"]
    table = pd.read_csv(io.StringIO(dealcast(*asked, "--format", "csv", DEALCAST_HOME=str(home)).stdout))
    assert table["mean"].tolist() == [line["mean"] for line in by_api["lines"]]


def test_the_table_is_written_in_words(home: Path) -> None:
    result = dealcast("forecast", "--by", "product", "--language", "ru", DEALCAST_HOME=str(home), COLUMNS="260")
    assert result.exit_code == 0, result.output
    for key in ("outlook.no_plans_by_this", "outlook.no_backtest", "outlook.recurring_meaning"):
        assert texts()[key]["ru"][:40] in result.stdout


def test_what_if_on_the_command_line(home: Path, runtime: Runtime) -> None:
    owner = next(each for each in runtime.served().deals.columns["owner_id"] if each)
    arguments = ["forecast", "--rate", "Proposal=5", "--leaves", owner, "--kept", "0.25"]
    result = dealcast(*arguments, DEALCAST_HOME=str(home), COLUMNS="200")
    assert result.exit_code == 0, result.output
    assert "25%" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["forecast", "--rate", "Proposal"], "Proposal=5"),
        (["forecast", "--close", "none"], "no open deal"),
        (["forecast", "--period", "x"], "not a window"),
        (["bridge", "--from", "2020-01-01"], "--fit"),
    ],
)
def test_a_command_that_cannot_answer_says_what_to_do(home: Path, arguments: list[str], said: str) -> None:
    result = dealcast(*arguments, DEALCAST_HOME=str(home))
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_bridge_with_a_model_of_its_own(home: Path, company: Dataset) -> None:
    first = f"{company.ends_at - pd.Timedelta(days=20):%Y-%m-%d}"
    result = dealcast("bridge", "--from", first, "--fit", "--format", "json", DEALCAST_HOME=str(home))
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["model_version"] == f"fit {first}"


@pytest.mark.parametrize(("language", "first"), [("en", "Expected on"), ("ru", "Ожидалось на")])
def test_the_change_of_a_week_leads_from_then_to_now(
    company: Dataset, earlier: Bundle, tmp_path: Path, language: Any, first: str
) -> None:
    forecaster, tongue = Forecaster(company, {"deals": earlier}, clock.now(company.ends_at), tmp_path), Tongue(language)
    found = since_last_week(forecaster, forecaster.window(None), tongue, "EUR")
    assert found is not None
    assert all(what.startswith(first) for what, _ in (found.rows[0], found.rows[-1]))
    start, *steps, end = (re.sub(r"[^0-9−]", "", money).replace("−", "-") for _, money in found.rows)
    assert abs(int(start) + sum(map(int, steps)) - int(end)) <= len(steps)


def test_the_page_says_that_nothing_is_on_record_of_a_week_ago(client: TestClient) -> None:
    shown, over = (client.get(address).text for address in ("/forecast", "/forecast?period=2026Q1"))
    assert "is not on record" in shown
    assert "What changed in a week" not in over


def test_a_bridge_names_the_days_of_the_organisation(company: Dataset, earlier: Bundle, tmp_path: Path) -> None:
    """Midnight in Tokyo is the afternoon before in UTC."""
    forecaster = Forecaster(company, {"deals": earlier}, clock.now(company.ends_at), tmp_path)
    asked = {"from": "2026-09-25T00:00+09:00", "to": "2026-09-28T00:00+09:00"}
    answer = change(forecaster, BridgeQuery.model_validate(asked))
    assert "25 Sep 2026" in str(bridge_table(answer, Tongue("en", "Asia/Tokyo")).title).replace("\u00a0", " ")
