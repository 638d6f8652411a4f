"""`dealcast kpis`, `funnel`, `team`, `goals` over the ten-deal company."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from features.dataset import Dataset
from serving.cli.main import app
from serving.forecast import backtests
from tests.serving.forecast.test_backtests import AS_OF, made_up
from tests.serving.kpi_company import stored, ten_deals

GOALS = """
[[goal]]
kpi = "market_share"
target = 0.2
start = 2026-01-01
end = 2030-01-01
owner = "eva"

[[goal]]
kpi = "happiness"
target = 1
period = "2026Q2"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored(ten_deals(), tmp_path_factory.mktemp("ten"))


def dealcast(home: Path, *arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"DEALCAST_HOME": str(home), **environment})


def test_kpis_as_a_table(home: Path) -> None:
    shown = dealcast(home, "kpis", "--period", "2026Q1", "--by", "owner", "--kpi", "bookings", "--compare", "plan")
    assert shown.exit_code == 0, shown.output
    (line,) = [line for line in shown.stdout.splitlines() if "Bob" in line]
    assert line.split() == ["Total", "sales", "(bookings)", "Bob", "€5,000", "–", "3", "€8,000", "without", "an", "amount:", "1"]


def test_kpis_in_russian(home: Path) -> None:
    shown = dealcast(home, "kpis", "--period", "2026Q1", "--language", "ru", "--kpi", "win_rate")
    assert "Доля выигранных сделок" in shown.stdout
    assert "62,5\N{NO-BREAK SPACE}%" in shown.stdout


def test_kpis_as_json_are_those_of_the_api(home: Path) -> None:
    shown = dealcast(home, "kpis", "--period", "2026Q1", "--kpi", "win_rate", "--format", "json", "--as-of", "2026-04-01")
    (value,) = json.loads(shown.stdout)["values"]
    assert (value["value"], value["numerator"], value["denominator"]) == (0.625, 5, 8)


@pytest.mark.parametrize("command", ["kpis", "funnel", "team", "goals"])
@pytest.mark.parametrize("written", ["table", "json", "csv"])
def test_every_command_writes_every_format(home: Path, command: str, written: str) -> None:
    shown = dealcast(home, command, "--as-of", "2026-03-20", "--format", written, "--language", "ru")
    assert shown.exit_code == 0, shown.output
    assert len(shown.stdout.splitlines()) > 1


def test_goals_of_a_file_stand_beside_those_of_the_plans(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "goals.toml"
    file.write_text(GOALS, encoding="utf-8")
    shown = dealcast(home, "goals", "--file", str(file), "--as-of", "2026-04-02", "--format", "json")
    items = json.loads(shown.stdout)["items"]
    share, happiness = (next(each for each in items if each["kpi"] == kpi) for kpi in ("market_share", "happiness"))
    assert (share["horizon"], share["value"], share["findings"]) == ("long", 0.12, [])
    assert {each["kind"] for each in happiness["findings"]} == {"not_measurable", "no_owner"}
    by_setting = dealcast(home, "goals", "--as-of", "2026-04-02", "--format", "json", DEALCAST_GOALS_FILE=str(file))
    assert json.loads(by_setting.stdout) == json.loads(shown.stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["kpis", "--by", "planet"], 2, "--by: Input should be 'company'"),
        (["kpis", "--periods", "0"], 2, "--periods"),
        (["kpis", "--period", "soon"], 2, "write 2026, 2026Q4"),
        (["kpis", "--kpi", "happiness"], 2, "the KPIs are bookings"),
        (["funnel", "--team", "West"], 2, "the teams are North, South"),
        (["team", "--team", "West"], 2, "the teams are"),
        (["goals", "--scope", "planet"], 2, "--scope"),
        (["goals", "--kpi", "happiness"], 2, "goals are set for bookings"),
        (["goals", "--scope-id", "West"], 2, "the teams are North, South"),
        (["goals", "--scope", "team", "--scope-id", "ann"], 2, "no team with this id"),
        (["goals", "--file", "nowhere.toml"], 3, "nowhere.toml cannot be read"),
        (["kpis", "--format", "xlsx"], 2, "xlsx"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_without_a_traceback(
    home: Path, arguments: list[str], code: int, said: str
) -> None:
    result = dealcast(home, *arguments)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_without_data_the_command_says_what_to_do(tmp_path: Path) -> None:
    result = dealcast(tmp_path, "kpis")
    assert (result.exit_code, "dealcast ingest" in result.stderr) == (4, True)


@pytest.fixture(scope="module")
def with_champions(company: Dataset, trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose store holds the company that its champions learned from."""
    home = tmp_path_factory.mktemp("champions")
    shutil.copytree(trained_home, home, dirs_exist_ok=True)
    return stored(company, home)


def test_goals_have_the_chances_of_the_forecast(with_champions: Path) -> None:
    shown = dealcast(with_champions, "goals", "--scope", "company", "--format", "json")
    chances = [each["probability"] for each in json.loads(shown.stdout)["items"] if each["period"] == "2026Q4"]
    assert chances
    assert all(0 <= each <= 1 for each in chances)


def test_kpis_are_predicted_on_request(with_champions: Path) -> None:
    asked = ("kpis", "--period", "2026Q4", "--kpi", "bookings", "--compare", "plan")
    shown = dealcast(with_champions, *asked, "--predict")
    assert shown.exit_code == 0, shown.output
    assert "P(plan)" in shown.stdout
    assert "P(plan)" not in dealcast(with_champions, *asked).stdout


def test_forecasts_of_a_backtest_are_judged(with_champions: Path) -> None:
    backtests.keep(with_champions, made_up(), AS_OF)
    shown = dealcast(with_champions, "kpis", "--period", "2025Q2", "--kpi", "forecast_accuracy", "--format", "json")
    (value,) = json.loads(shown.stdout)["values"]
    assert value["n"] == 1
    assert value["reason"] is None
