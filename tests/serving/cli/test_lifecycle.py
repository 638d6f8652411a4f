from pathlib import Path

import pytest
from rich.console import Console

from features.dataset import Dataset
from features.store import Store
from serving.cli.demo import source_of
from serving.cli.lifecycle import _metrics, promote, reports_below, show_versions, told
from serving.database import Database
from serving.registry.champions import Champions
from serving.registry.promotions import GateRefusedError, Promotions, Wish
from serving.settings import Settings
from tests.serving.cli.test_main import dealcast
from tests.training.companies import fair_coins
from training.registry import FolderRegistry, Version
from training.run import TrainedRun, train

# MLflow warns of its own use of SQLAlchemy; that is not ours to mend.
MLFLOW = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> tuple[FolderRegistry, TrainedRun]:
    """Version 1 was refused by the gate, version 2 answers with the base rate."""
    registry = FolderRegistry(tmp_path_factory.mktemp("registry"))
    return registry, train(fair_coins(), "deals", fair_coins().ends_at, registry, threads=1)


def test_a_training_tells_decision_figures_and_reasons(refused: tuple[FolderRegistry, TrainedRun]) -> None:
    lines = told(refused[1])
    assert lines[0] == "deals version 2, champion: deals: base rate"
    assert lines[1] == "deals version 1 was refused by the gate"
    assert any("log loss" in line and "AUC" in line for line in lines)
    assert any("does not beat the base rate" in line for line in lines)


def test_what_the_gate_refused_is_promoted_only_against_it_and_can_be_taken_back(
    refused: tuple[FolderRegistry, TrainedRun], tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    promotions = Promotions(Database.open(settings.store_url), refused[0])
    with pytest.raises(GateRefusedError, match="does not beat the base rate"):
        promote(promotions, Wish("deals", "1"), settings)
    promote(promotions, Wish("deals", "1", against_the_gate=True), settings)
    assert Champions(tmp_path).versions() == {"deals": "1"}
    promote(promotions, Wish("deals", None), settings)
    assert Champions(tmp_path).versions() == {"deals": "2"}
    promotions.database.close()


def test_the_list_shows_versions_metrics_gate_and_champion(refused: tuple[FolderRegistry, TrainedRun]) -> None:
    console = Console(width=140)
    with console.capture() as shown:
        show_versions(refused[0], ["deals", "clients"], console)
    rows = [line for line in shown.get().splitlines() if "deals" in line]
    assert "champion" in rows[0]
    assert "promoted" in rows[0]
    assert "refused" in rows[1]


@MLFLOW
def test_an_evaluation_writes_its_page_and_prints_its_headline(tmp_path: Path, company: Dataset) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    store.replace(source_of(company))
    store.close()
    result = dealcast("evaluate", "--output", str(tmp_path / "out"), DEALCAST_HOME=str(tmp_path), DEALCAST_THREADS="1")
    assert result.exit_code == 0, result.output
    assert "won within 30 days: log loss" in result.stdout
    assert "Is the model any good?" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "artefacts").exists()


@pytest.mark.parametrize("arguments", [["models"], ["promote", "1"], ["rollback"]])
def test_a_registry_that_is_down_is_said_so(tmp_path: Path, arguments: list[str]) -> None:
    result = dealcast(*arguments, DEALCAST_HOME=str(tmp_path), DEALCAST_TRACKING_URI="http://127.0.0.1:9")
    assert result.exit_code == 4
    assert "does not answer" in result.stderr


def test_reports_lie_below_the_home(tmp_path: Path) -> None:
    assert reports_below(tmp_path) == tmp_path / "reports"


def test_a_question_that_was_too_long_to_judge_gives_way_to_the_longest_that_was_not() -> None:
    metrics = {
        f"deals_won_{days}d_{name}": value for days in (7, 14) for name, value in (("gap_to_base_rate", -0.08), ("auc", 0.8))
    }
    assert _metrics("deals", Version("1", False, {}, metrics)) == ["-0.0800, 14 days", "0.800"]
    assert _metrics("deals", Version("1", False, {}, {})) == ["not judged", ""]


@pytest.mark.parametrize(
    ("answers", "beyond_the_table", "said"),
    [
        ("boosted", -0.03, ["-0.0800, 30 days", "0.800"]),
        ("life_table", -0.03, ["-0.0500, 30 days", ""]),
        ("life_table", 0.0, ["-0.0800, 30 days", "0.800"]),
        ("base_rate", -0.03, ["it is the base rate", ""]),
    ],
)
def test_a_version_that_answers_with_something_simpler_does_not_boast_of_what_was_refused(
    answers: str, beyond_the_table: float, said: list[str]
) -> None:
    figures = {"gap_to_base_rate": -0.08, "gap_to_life_table": beyond_the_table, "auc": 0.8}
    metrics = {f"deals_won_30d_{name}": value for name, value in figures.items()}
    assert _metrics("deals", Version("1", True, {"answers_deals": answers}, metrics)) == said
