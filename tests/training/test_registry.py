"""The MLflow adapter and its twin keep one contract."""

from pathlib import Path

import pytest

from features.errors import NotReadyError
from training.registry import FolderRegistry, MlflowRegistry, Registry, RunRecord

# MLflow warns of its own use of SQLAlchemy; that is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")

RECORD = RunRecord({"seed": "7"}, {"deals_rounds": 12.0}, {"target": "deals"})


@pytest.fixture(params=["folder", "mlflow"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    if request.param == "folder":
        return FolderRegistry(tmp_path / "registry")
    return MlflowRegistry(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}")


def bundle(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "bundle.json").write_text(text)
    return folder


def test_the_first_version_is_the_champion_and_later_ones_are_candidates(registry: Registry, tmp_path: Path) -> None:
    assert registry.champion("deals") is None
    first = registry.register("deals", bundle(tmp_path / "one", "1"), RECORD)
    second = registry.register("deals", bundle(tmp_path / "two", "2"), RECORD)
    assert (first.version, first.alias) == ("1", "champion")
    assert (second.version, second.alias) == ("2", None)
    champion = registry.champion("deals")
    assert champion is not None
    assert (champion.version, (champion.path / "bundle.json").read_text()) == ("1", "1")


def test_targets_have_champions_of_their_own(registry: Registry, tmp_path: Path) -> None:
    registry.register("deals", bundle(tmp_path / "one", "deals"), RECORD)
    assert registry.champion("clients") is None
    assert registry.register("clients", bundle(tmp_path / "two", "clients"), RECORD).alias == "champion"


def test_the_run_carries_metrics_parameters_and_tags(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    registered = MlflowRegistry(tmp_path, uri).register("deals", bundle(tmp_path / "one", "1"), RECORD)
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
