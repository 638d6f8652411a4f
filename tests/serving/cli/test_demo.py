"""The main job from one end to the other, in processes of its own, as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.dataset import Dataset
from features.errors import UsageError
from features.store import Store
from serving.cli import demo
from serving.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, demo=True)


def test_the_company_is_made_once(settings: Settings) -> None:
    said: list[str] = []
    demo.fill(settings, 40, said.append)
    demo.fill(settings, None, said.append)
    store = Store(settings.store_url)
    assert (store.revision(), store.load().n_deals) == (1, 40)
    assert said[1] == "The synthetic company is there already"
    store.close()


def test_made_up_deals_never_mix_with_others(settings: Settings, company: Dataset) -> None:
    store = Store(settings.store_url)
    store.replace(demo.source_of(company))
    store.close()
    with pytest.raises(UsageError, match="the demo did not make"):
        demo.fill(settings, None, print)


def test_another_size_needs_another_folder(settings: Settings) -> None:
    demo.fill(settings, 40, lambda _: None)
    with pytest.raises(UsageError, match="made with 40 deals"):
        demo.fill(settings, 41, lambda _: None)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`dealcast demo` in a fresh home: its address, once it says so, and its process."""
    home = tmp_path_factory.mktemp("demo")
    environment = {**os.environ, "DEALCAST_HOME": str(home)}
    command = [sys.executable, "-m", "serving.cli.main", "demo", "--deals", "150", "--port", "0"]
    said: list[str] = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=home) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                said.append(line)
                if "is ready: " in line:
                    break
            assert "is ready: " in said[-1], "".join(said)
            yield said[-1].split("is ready: ")[1].strip(), process
        finally:
            process.kill()


def test_the_demo_serves_what_it_trained_and_ends_cleanly(running: tuple[str, subprocess.Popen[str]]) -> None:
    address, process = running
    with urllib.request.urlopen(f"{address}/readyz") as answer:
        assert json.load(answer)["status"] == "ready"
    with urllib.request.urlopen(f"{address}/?lang=ru") as page:
        assert "Воронка" in page.read().decode()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
