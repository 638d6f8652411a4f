"""Dockerfile, compose file and what goes into the image. There is no Docker here: they are linted, parsed and read."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
SECRETS = ("DEALCAST_API_KEY", "POSTGRES_PASSWORD", "MLFLOW_DB_PASSWORD")


def subset(*arguments: str) -> dict[str, str]:
    """name -> entry of that part of the lock."""
    command = [sys.executable, "docker/lock_subset.py", *arguments]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    parts = re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]
    return {part.split("==")[0]: part for part in parts}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return found


@pytest.mark.parametrize(
    "command",
    [
        ("hadolint", "--no-color", "Dockerfile"),
        ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"),
    ],
)
def test_the_linters_find_nothing(command: tuple[str, ...]) -> None:
    if not (TOOLS / command[0]).exists():
        pytest.skip(f"{command[0]} does not run on this system")
    done = subprocess.run([TOOLS / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_holds_what_the_service_needs_and_no_tools() -> None:
    there = subset("--project", "--extra", "otel")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.split(r"[\[<>=; ]", each)[0] for each in wanted} <= set(there)
    assert not {"pytest", "mypy", "ruff", "hypothesis", "playwright", "duckdb", "ipykernel"} & set(there)
    assert all("--hash=sha256:" in entry for entry in there.values())


def test_everything_imported_by_the_service_is_in_the_image() -> None:
    """The lock says what needs what; the installed packages say it too, and have to agree."""
    from importlib import metadata

    there = {re.sub(r"[-_.]+", "-", name).lower() for name in subset("--project", "--extra", "otel")}
    for name in there & {re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower() for each in metadata.distributions()}:
        for line in metadata.requires(name) or []:
            if "extra ==" not in line and "python_version <" not in line and "platform" not in line:
                needed = re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~;( ]", line)[0]).lower()
                assert needed in there, f"{name} needs {needed}"


def test_a_package_that_the_lock_does_not_hold_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        subset("no-such-package")


def test_the_image_runs_as_nobody_special_and_sends_nothing_home() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert all(f"{name}=true" in text for name in ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY"))
    assert not re.search(r"curl|wget|ADD |API_KEY\s*=", text)
    assert all("/" not in image for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE))


def test_only_what_the_image_is_made_of_is_sent_to_its_build() -> None:
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert "*" in kept
    assert {f"!{path}" for line in copied for path in line.split()} == {line for line in kept if line.startswith("!")}


def test_secrets_come_from_the_environment_and_have_no_defaults(compose: dict[str, Any]) -> None:
    text = (ROOT / "compose.yaml").read_text()
    used = re.findall(r"\$\{(\w+)(.?.?)", text)
    assert {name for name, _ in used} == set(SECRETS)
    assert {kind for _, kind in used} == {":?"}
    assert compose["services"]["mlflow"]["environment"]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_nothing_but_the_server_is_reached_from_outside_and_that_from_this_machine(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {name for name, service in services.items() if "ports" in service} == {"server"}
    assert all(port.startswith("127.0.0.1:") for port in services["server"]["ports"])
    assert compose["networks"]["back"]["internal"]
    assert all("/" not in service["image"] for service in services.values())


def test_services_keep_their_data_and_wait_for_each_other(compose: dict[str, Any]) -> None:
    services = compose["services"]
    named = {volume.split(":")[0] for service in services.values() for volume in service["volumes"]} - {
        "./docker/mlflow-database.sh"
    }
    assert named == set(compose["volumes"])
    assert {need for service in services.values() for need in service.get("depends_on", {})} == {"db", "mlflow"}
    assert all("healthcheck" in services[name] for name in ("db", "mlflow"))
    assert os.access(ROOT / "docker" / "mlflow-database.sh", os.X_OK)


def test_the_settings_in_image_and_compose_file_exist(compose: dict[str, Any]) -> None:
    from serving.settings import Settings

    text = (ROOT / "Dockerfile").read_text() + str(compose)
    assert {name.lower() for name in re.findall(r"DEALCAST_([A-Z_]+)(?=[=':])", text)} <= set(Settings.model_fields)
