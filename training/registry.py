"""Where trained models are kept: MLflow, and a twin on a plain folder with the same behaviour.

The alias `champion` names the version that answers. It is set by `promote` alone, and `rollback` gives it back to the version
that had it before; which versions had it is kept beside it, because MLflow's aliases have no history. Who promotes what is
decided and written down in `serving.registry.promotions`, of which the alias is the mirror. MLflow is imported only when used: it
costs seconds, and neither scoring from the cache nor serving needs it.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import pandas as pd

from features.errors import NotReadyError, UsageError

CHAMPION: Final = "champion"
HISTORY: Final = "champions"
BATCH: Final = 1000
"""The most metrics that MLflow takes at once; of parameters it takes a tenth."""


@dataclass(frozen=True)
class RunRecord:
    """What one training run leaves behind besides the bundle.

    tags    stand with the run and with the version
    files   a folder of further files: report and figures
    tables  name -> table, for MLflow's own viewer
    """

    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Path | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Registered:
    """Where a run ended up."""

    version: str
    run_id: str


@dataclass(frozen=True)
class Champion:
    """The version that answers, and the folder of its bundle."""

    target: str
    version: str
    path: Path


@dataclass(frozen=True)
class Version:
    """One registered version, as a list shows it."""

    version: str
    is_champion: bool
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


class Registry(Protocol):
    """What training and serving need of a registry."""

    def register(self, target: str, bundle: Path, record: RunRecord) -> Registered: ...

    def champion(self, target: str) -> Champion | None: ...

    def versions(self, target: str) -> list[Version]: ...

    def history(self, target: str) -> list[str]: ...

    def promote(self, target: str, version: str) -> None: ...

    def rollback(self, target: str) -> str: ...


class FolderRegistry:
    """The twin: versions are folders, the alias is a file. For tests, and for training without MLflow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def register(self, target: str, bundle: Path, record: RunRecord) -> Registered:
        """Keep a bundle under the next number, and what is said of it beside it."""
        home = self.folder / target
        version = str(len([path for path in home.glob("*") if path.is_dir()]) + 1)
        shutil.copytree(bundle, home / version)
        if record.files is not None:
            shutil.copytree(record.files, home / version / "evaluation")
        said = {"parameters": dict(record.parameters), "metrics": dict(record.metrics), "tags": dict(record.tags)}
        (home / f"{version}.json").write_text(json.dumps(said, sort_keys=True), encoding="utf-8")
        return Registered(version, f"{target}-{version}")

    def champion(self, target: str) -> Champion | None:
        """The champion's bundle; None while there is none."""
        past = self.history(target)
        return Champion(target, past[-1], self.folder / target / past[-1]) if past else None

    def versions(self, target: str) -> list[Version]:
        """All versions, the newest first."""
        past = self.history(target)
        said = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (self.folder / target).glob("*.json")}
        newest_first = sorted(said, key=int, reverse=True)
        return [Version(each, past[-1:] == [each], said[each]["tags"], said[each]["metrics"]) for each in newest_first]

    def promote(self, target: str, version: str) -> None:
        """Let a version answer from now on. Raises UsageError for one that does not exist."""
        if not (self.folder / target / version / "bundle.json").exists():
            raise _unknown_version(target, version)
        self._remember(target, _promoted(self.history(target), version))

    def rollback(self, target: str) -> str:
        """Let the champion before this one answer again, and return it. Raises UsageError where there is none."""
        self._remember(target, past := _rolled_back(target, self.history(target)))
        return past[-1]

    def history(self, target: str) -> list[str]:
        """The versions that have been champion, the present one last."""
        path = self.folder / target / HISTORY
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def _remember(self, target: str, past: list[str]) -> None:
        temporary = self.folder / target / f"{HISTORY}.tmp"
        temporary.write_text(" ".join(past), encoding="utf-8")
        temporary.replace(self.folder / target / HISTORY)


class MlflowRegistry:
    """MLflow's tracking server and model registry; a local SQLite file, or any address that MLflow knows.

    home          folder for artefacts and for downloaded bundles
    tracking_uri  for instance sqlite:////srv/dealcast/mlflow.db
    """

    def __init__(self, home: Path, tracking_uri: str) -> None:
        self.home = home.resolve()
        self.tracking_uri = tracking_uri

    def register(self, target: str, bundle: Path, record: RunRecord) -> Registered:
        """Log one run with its metrics, tables, files and bundle, and register it. Raises NotReadyError when MLflow is down."""
        client, errors = self._client()
        try:
            run = client.create_run(self._experiment(client, target), tags=dict(record.tags))
            _log(client, run.info.run_id, record)
            client.log_artifacts(run.info.run_id, str(bundle), "bundle")
            version = self._version(client, errors, target, run, record.tags)
            client.set_terminated(run.info.run_id)
        except errors as error:
            raise self._not_ready(error) from error
        return Registered(version, run.info.run_id)

    def champion(self, target: str) -> Champion | None:
        """The champion's bundle, downloaded below `home`; None while there is none. Raises NotReadyError."""
        client, errors = self._client()
        found = self._alias(client, errors, target)
        if found is None:
            return None
        folder = self.home / "cache" / "downloads" / target / str(found.version)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            path = client.download_artifacts(found.run_id, "bundle", str(folder))
        except errors as error:
            raise self._not_ready(error) from error
        return Champion(target, str(found.version), Path(path))

    def versions(self, target: str) -> list[Version]:
        """All versions, the newest first. Raises NotReadyError."""
        client, errors = self._client()
        alias = self._alias(client, errors, target)
        champion = None if alias is None else str(alias.version)
        try:
            found = client.search_model_versions(f"name='{_name(target)}'")
            listed = [(str(each.version), dict(each.tags), client.get_run(each.run_id).data.metrics) for each in found]
        except errors as error:
            raise self._not_ready(error) from error
        newest_first = sorted(listed, key=lambda each: int(each[0]), reverse=True)
        return [Version(version, version == champion, tags, metrics) for version, tags, metrics in newest_first]

    def promote(self, target: str, version: str) -> None:
        """Let a version answer from now on. Raises UsageError for one that does not exist, NotReadyError when MLflow is down."""
        if version not in {each.version for each in self.versions(target)}:
            raise _unknown_version(target, version)
        self._remember(target, _promoted(self.history(target), version))

    def rollback(self, target: str) -> str:
        """Let the champion before this one answer again, and return it. Raises UsageError where there is none."""
        self._remember(target, past := _rolled_back(target, self.history(target)))
        return past[-1]

    def history(self, target: str) -> list[str]:
        """The versions that have been champion, the present one last; the alias counts where somebody moved it by hand."""
        client, errors = self._client()
        alias = self._alias(client, errors, target)
        if alias is None:
            return []
        past = str(client.get_registered_model(_name(target)).tags.get(HISTORY, "")).split()
        return _promoted(past, str(alias.version))

    def _remember(self, target: str, past: list[str]) -> None:
        client, errors = self._client()
        try:
            client.set_registered_model_tag(_name(target), HISTORY, " ".join(past))
            client.set_registered_model_alias(_name(target), CHAMPION, past[-1])
        except errors as error:
            raise self._not_ready(error) from error

    def _client(self) -> tuple[Any, type[Exception]]:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
        os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        self.home.mkdir(parents=True, exist_ok=True)
        return MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri), MlflowException

    def _experiment(self, client: Any, target: str) -> str:
        found = client.get_experiment_by_name(_name(target))
        if found is not None:
            return str(found.experiment_id)
        # Without a location of its own, MLflow would put artefacts below the current directory.
        local = self.tracking_uri.startswith("sqlite")
        location = (self.home / "artefacts" / target).as_uri() if local else None
        return str(client.create_experiment(_name(target), artifact_location=location))

    def _version(self, client: Any, errors: type[Exception], target: str, run: Any, tags: Mapping[str, str]) -> str:
        try:
            client.get_registered_model(_name(target))
        except errors:
            client.create_registered_model(_name(target))
        source = f"{run.info.artifact_uri}/bundle"
        return str(client.create_model_version(_name(target), source, run.info.run_id, tags=dict(tags)).version)

    def _alias(self, client: Any, errors: type[Exception], target: str) -> Any:
        try:
            return client.get_model_version_by_alias(_name(target), CHAMPION)
        except errors as error:
            if getattr(error, "error_code", "") in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise self._not_ready(error) from error

    def _not_ready(self, error: Exception) -> NotReadyError:
        return NotReadyError(f"the model registry at {_hide_password(self.tracking_uri)} does not answer: {error}")


def _log(client: Any, run_id: str, record: RunRecord) -> None:
    """Metrics and parameters in few calls: one each would cost a transaction each."""
    from mlflow.entities import Metric, Param

    now = int(pd.Timestamp.now(tz="UTC").timestamp() * 1000)
    metrics = [Metric(name, number, now, 0) for name, number in record.metrics.items()]
    parameters = [Param(name, text) for name, text in record.parameters.items()]
    for begun in range(0, len(metrics), BATCH):
        client.log_batch(run_id, metrics=metrics[begun : begun + BATCH])
    for begun in range(0, len(parameters), BATCH // 10):
        client.log_batch(run_id, params=parameters[begun : begun + BATCH // 10])
    for name, table in record.tables.items():
        client.log_table(run_id, table, f"tables/{name}.json")
    if record.files is not None:
        client.log_artifacts(run_id, str(record.files), "evaluation")


def _promoted(past: list[str], version: str) -> list[str]:
    return past if past[-1:] == [version] else [*past, version]


def _rolled_back(target: str, past: list[str]) -> list[str]:
    if len(past) < 2:
        raise UsageError(f"no version for {target} was champion before this one: there is nothing to go back to")
    return past[:-1]


def _unknown_version(target: str, version: str) -> UsageError:
    return UsageError(f"there is no version {version} for {target}; 'dealcast models --target {target}' lists them")


def _name(target: str) -> str:
    return f"dealcast-{target}"


def _hide_password(uri: str) -> str:
    scheme, at, rest = uri.rpartition("@")
    return uri if not at else f"{scheme.split('//')[0]}//…@{rest}"
