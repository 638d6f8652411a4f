"""Where trained models are kept: MLflow, and a twin on a plain folder with the same behaviour.

The first version of a target takes the alias `champion`; later ones are candidates until someone promotes them. MLflow is
imported only when used: it costs seconds, and neither scoring from the cache nor serving needs it.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from features.errors import NotReadyError

CHAMPION: Final = "champion"


@dataclass(frozen=True)
class RunRecord:
    """What one training run leaves behind besides the bundle."""

    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Registered:
    """Where a run ended up; `alias` is `champion` when it became the first, else None."""

    version: str
    run_id: str
    alias: str | None


@dataclass(frozen=True)
class Champion:
    """The version that answers, and the folder of its bundle."""

    target: str
    version: str
    path: Path


class Registry(Protocol):
    """What training and serving need of a registry."""

    def register(self, target: str, bundle: Path, record: RunRecord) -> Registered: ...

    def champion(self, target: str) -> Champion | None: ...


class FolderRegistry:
    """The twin: versions are folders, the alias is a file. For tests, and for training without MLflow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def register(self, target: str, bundle: Path, record: RunRecord) -> Registered:  # noqa: ARG002 - a folder keeps no metrics
        home = self.folder / target
        version = str(len([path for path in home.glob("*") if path.is_dir()]) + 1)
        shutil.copytree(bundle, home / version)
        first = not (home / CHAMPION).exists()
        if first:
            (home / CHAMPION).write_text(version, encoding="utf-8")
        return Registered(version, f"{target}-{version}", CHAMPION if first else None)

    def champion(self, target: str) -> Champion | None:
        alias = self.folder / target / CHAMPION
        if not alias.exists():
            return None
        version = alias.read_text(encoding="utf-8").strip()
        return Champion(target, version, self.folder / target / version)


class MlflowRegistry:
    """MLflow's tracking server and model registry; a local SQLite file, or any address that MLflow knows.

    home          folder for artefacts and for downloaded bundles
    tracking_uri  for instance sqlite:////srv/dealcast/mlflow.db
    """

    def __init__(self, home: Path, tracking_uri: str) -> None:
        self.home = home.resolve()
        self.tracking_uri = tracking_uri

    def register(self, target: str, bundle: Path, record: RunRecord) -> Registered:
        """Log one run with its metrics and its bundle, and register it. Raises NotReadyError when MLflow does not answer."""
        client, errors = self._client()
        try:
            run = client.create_run(self._experiment(client, target), tags=dict(record.tags))
            for name, value in record.parameters.items():
                client.log_param(run.info.run_id, name, value)
            for name, number in record.metrics.items():
                client.log_metric(run.info.run_id, name, number)
            client.log_artifacts(run.info.run_id, str(bundle), "bundle")
            version = self._version(client, errors, target, run)
            client.set_terminated(run.info.run_id)
        except errors as error:
            raise self._not_ready(error) from error
        first = self._alias(client, errors, target) is None
        if first:
            client.set_registered_model_alias(_name(target), CHAMPION, version)
        return Registered(version, run.info.run_id, CHAMPION if first else None)

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

    def _version(self, client: Any, errors: type[Exception], target: str, run: Any) -> str:
        try:
            client.get_registered_model(_name(target))
        except errors:
            client.create_registered_model(_name(target))
        source = f"{run.info.artifact_uri}/bundle"
        return str(client.create_model_version(_name(target), source, run.info.run_id).version)

    def _alias(self, client: Any, errors: type[Exception], target: str) -> Any:
        try:
            return client.get_model_version_by_alias(_name(target), CHAMPION)
        except errors as error:
            if getattr(error, "error_code", "") in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise self._not_ready(error) from error

    def _not_ready(self, error: Exception) -> NotReadyError:
        return NotReadyError(f"the model registry at {_hide_password(self.tracking_uri)} does not answer: {error}")


def _name(target: str) -> str:
    return f"dealcast-{target}"


def _hide_password(uri: str) -> str:
    scheme, at, rest = uri.rpartition("@")
    return uri if not at else f"{scheme.split('//')[0]}//…@{rest}"
