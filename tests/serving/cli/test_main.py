import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from features.dataset import Dataset
from features.deletions import Deletion
from features.store import Store
from serving.cli.demo import source_of
from serving.cli.main import app
from serving.registry.champions import cache_below

COMMANDS = (
    "audit",
    "backtest",
    "bridge",
    "calls",
    "demo",
    "doctor",
    "evaluate",
    "forecast",
    "funnel",
    "goals",
    "ingest",
    "journal",
    "kpis",
    "models",
    "promote",
    "rollback",
    "score",
    "serve",
    "team",
    "train",
    "version",
)


def dealcast(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=environment)


@pytest.fixture
def home(tmp_path: Path, company: Dataset, trained_home: Path) -> Path:
    """A home with data, and with champions in the cache."""
    store = Store(f"sqlite:///{tmp_path}/store.db")
    store.replace(source_of(company))
    store.close()
    (tmp_path / "cache").mkdir()
    cache_below(tmp_path).symlink_to(cache_below(trained_home))
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    shown = dealcast(command, "--help", TERM="dumb", COLUMNS="200")
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) > 3


def test_the_version_is_printed() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", dealcast("version").stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nonsense"], 2, "nonsense"),
        (["train", "--target", "weather"], 2, "weather"),
        (["train"], 4, "dealcast ingest"),
        (["evaluate"], 4, "dealcast ingest"),
        (["promote"], 2, "version"),
        (["train", "--as-of", "yesterday"], 4, "dealcast ingest"),
        (["score", "--output", "scores.xlsx"], 2, ".parquet or .csv"),
        (["score", "--output", "scores.csv", "--horizons", "7,soon"], 2, "horizons"),
        (["score", "--output", "scores.csv"], 4, "dealcast ingest"),
        (["ingest", "nowhere"], 3, "nowhere"),
        (["serve"], 2, "DEALCAST_API_KEY"),
        (["serve", "--demo", "--host", "0.0.0.0"], 2, "this machine only"),
        (["demo", "--deals", "0"], 2, "deals"),
    ],
)
def test_a_command_that_cannot_work_says_why_and_shows_no_traceback(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    result = dealcast(*arguments, DEALCAST_HOME=str(tmp_path))
    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_invalid_data_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text("deal_id,created_at\nD-1,2026-01-01T00:00:00Z\n")
    result = dealcast("ingest", str(tmp_path), DEALCAST_HOME=str(tmp_path / "home"))
    assert result.exit_code == 3
    assert "stage" in result.stderr


def test_an_ingest_reports_what_it_read(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text("deal_id,created_at,stage\nD-1,2026-01-01T00:00:00Z,Proposal\n")
    result = dealcast("ingest", str(tmp_path), DEALCAST_HOME=str(tmp_path / "home"))
    assert result.exit_code == 0
    assert "deals: 1 rows read, 1 kept" in result.stdout


@pytest.mark.parametrize(
    ("target", "columns"),
    [
        (
            "deals",
            {"deal_id", "p_won_7d", "p_won_30.5d", "p_won", "predicted_close_on"}
            | {"reference", "reason_pace", "reasons_days", "reasons_en", "reasons_ru", "warnings_en", "warnings_ru"},
        ),
        ("clients", {"account_id", "p_leaves_7d", "reference", "reason_recency", "reasons_en", "reasons_ru"}),
    ],
)
def test_scores_are_written_with_the_last_good_champion(home: Path, target: str, columns: set[str]) -> None:
    output = home / "scores.parquet"
    arguments = ["score", "--target", target, "--horizons", "7,30.5", "--output", str(output)]
    result = dealcast(*arguments, DEALCAST_HOME=str(home), DEALCAST_TRACKING_URI="http://127.0.0.1:9")
    assert result.exit_code == 0, result.output
    assert "registry does not answer" in result.stderr
    assert columns <= set(pd.read_parquet(output))


def test_a_deletion_counts_from_its_day_on(home: Path, company: Dataset) -> None:
    def scored(day: str) -> list[str]:
        output = home / "scores.csv"
        assert dealcast("score", "--output", str(output), "--as-of", day, DEALCAST_HOME=str(home)).exit_code == 0
        return list(pd.read_csv(output)["deal_id"])

    deal_id, store = scored("2026-10-01")[0], Store(f"sqlite:///{home}/store.db")
    store.delete(Deletion("deals", (deal_id,), "tester"), company.ends_at + pd.Timedelta(hours=12))
    store.close()
    assert (deal_id in scored("2026-10-01"), deal_id in scored("2026-10-02")) == (True, False)


@pytest.mark.parametrize(("as_of", "said"), [("2026-10-21", True), ("2026-10-02", False)])
def test_scores_of_a_date_long_after_the_last_record_say_so(home: Path, as_of: str, said: bool) -> None:
    result = dealcast("score", "--output", str(home / "late.csv"), "--as-of", as_of, DEALCAST_HOME=str(home))
    assert result.exit_code == 0, result.output
    assert ("Nothing is on record of the last 20 days before 2026-10-21" in result.stderr) == said


def test_the_days_over_which_clients_are_valued_can_be_chosen(home: Path) -> None:
    output = home / "worth.parquet"
    arguments = ["score", "--target", "clients", "--value-days", "180", "--discount-rate", "0.1", "--output", str(output)]
    result = dealcast(*arguments, DEALCAST_HOME=str(home), DEALCAST_TRACKING_URI="http://127.0.0.1:9")
    assert result.exit_code == 0, result.output
    assert set(pd.read_parquet(output)["ltv_days"]) == {180.0}


def test_the_installed_command_helps_without_loading_the_heavy_parts() -> None:
    heavy = "[name for name in ('pandas', 'lightgbm', 'mlflow', 'fastapi', 'sqlalchemy') if name in sys.modules]"
    program = f"import sys; from serving.cli.main import app; app(['--help'], standalone_mode=False); print('heavy:', {heavy})"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "heavy: []" in shown.stdout
    assert all(command in shown.stdout for command in COMMANDS)
