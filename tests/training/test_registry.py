"""The MLflow adapter and its twin keep one contract."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from features.errors import NotReadyError, UsageError
from training.registry import FolderRegistry, MlflowRegistry, Registry, RunRecord

# MLflow warns of its own use of SQLAlchemy; that is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")

RECORD = RunRecord({"seed": "7"}, {"deals_rounds": 12.0}, {"target": "deals"})


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database before its first use: making its tables takes seconds."""
    from mlflow import MlflowClient

    made = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{made}").search_experiments()
    return made


@pytest.fixture
def uri(empty: Path, tmp_path: Path) -> str:
    shutil.copyfile(empty, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture(params=["folder", "mlflow"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    if request.param == "folder":
        return FolderRegistry(tmp_path / "registry")
    return MlflowRegistry(tmp_path, request.getfixturevalue("uri"))


def bundle(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "bundle.json").write_text(text)
    return folder


def champion(registry: Registry, target: str = "deals") -> tuple[str, str]:
    """The champion's version and what its bundle holds."""
    found = registry.champion(target)
    assert found is not None
    return found.version, (found.path / "bundle.json").read_text()


def test_a_version_is_champion_once_it_is_promoted(registry: Registry, tmp_path: Path) -> None:
    first = registry.register("deals", bundle(tmp_path / "one", "1"), RECORD)
    second = registry.register("deals", bundle(tmp_path / "two", "2"), RECORD)
    assert (first.version, second.version, registry.champion("deals")) == ("1", "2", None)
    registry.promote("deals", "1")
    assert champion(registry) == ("1", "1")
    registry.promote("deals", "2")
    assert champion(registry) == ("2", "2")
    assert registry.champion("clients") is None


def test_a_roll_back_gives_the_alias_to_the_champion_before(registry: Registry, tmp_path: Path) -> None:
    for text in "123":
        registry.register("deals", bundle(tmp_path / text, text), RECORD)
    for version in "1232":
        registry.promote("deals", version)
    assert [registry.rollback("deals") for _ in range(3)] == ["3", "2", "1"]
    assert champion(registry) == ("1", "1")
    with pytest.raises(UsageError, match="nothing to go back to"):
        registry.rollback("deals")


def test_versions_are_listed_with_their_metrics_and_tags(registry: Registry, tmp_path: Path) -> None:
    assert registry.versions("deals") == []
    for text in "12":
        registry.register("deals", bundle(tmp_path / text, text), RECORD)
    registry.promote("deals", "1")
    listed = registry.versions("deals")
    assert [(each.version, each.is_champion) for each in listed] == [("2", False), ("1", True)]
    assert (dict(listed[0].metrics), listed[0].tags["target"]) == ({"deals_rounds": 12.0}, "deals")


def test_what_is_not_registered_cannot_be_promoted(registry: Registry, tmp_path: Path) -> None:
    registry.register("deals", bundle(tmp_path / "one", "1"), RECORD)
    with pytest.raises(UsageError, match="no version 9 for deals"):
        registry.promote("deals", "9")
    assert registry.champion("deals") is None


def test_an_alias_that_was_moved_by_hand_is_what_counts(uri: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    registry = MlflowRegistry(tmp_path, uri)
    for text in "12":
        registry.register("deals", bundle(tmp_path / text, text), RECORD)
    registry.promote("deals", "1")
    MlflowClient(tracking_uri=uri).set_registered_model_alias("dealcast-deals", "champion", "2")
    assert champion(registry) == ("2", "2")
    assert registry.rollback("deals") == "1"


def test_the_run_carries_metrics_parameters_tables_and_files(uri: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "report.html").write_text("<p>good</p>")
    record = replace(RECORD, files=tmp_path / "files", tables={"metrics": pd.DataFrame({"auc": [0.7]})})
    registered = MlflowRegistry(tmp_path, uri).register("deals", bundle(tmp_path / "one", "1"), record)
    held = {
        file.path
        for folder in ("evaluation", "tables")
        for file in MlflowClient(tracking_uri=uri).list_artifacts(registered.run_id, folder)
    }
    assert held == {"evaluation/report.html", "tables/metrics.json"}
    run = MlflowClient(tracking_uri=uri).get_run(registered.run_id)
    assert run.data.metrics == {"deals_rounds": 12.0}
    assert run.data.params == {"seed": "7"}
    assert run.info.status == "FINISHED"
    assert run.info.artifact_uri.startswith(tmp_path.as_uri())


def test_a_registry_that_does_not_answer_is_said_so_without_its_password(tmp_path: Path) -> None:
    down = MlflowRegistry(tmp_path, "http://user:secret@127.0.0.1:9")
    with pytest.raises(NotReadyError, match="does not answer") as error:
        down.champion("deals")
    assert "secret" not in str(error.value).split(": ")[0]
