"""A real Chromium in front of a real server, on a port of its own."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from features.dataset import Dataset
from features.store import Store
from serving.cli.demo import source_of
from serving.registry.champions import cache_below
from tests.serving.conftest import company, trained_home

__all__ = ["company", "trained_home"]

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with its module: while it is open, its event loop stands in the way of tests that run their own."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}; CHROMIUM names another place")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


def start(home: Path, *arguments: str, **settings: str) -> subprocess.Popen[str]:
    """`dealcast serve` on a free port; its first line on stderr says which."""
    command = [sys.executable, "-m", "serving.cli.main", "serve", "--port", "0", *arguments]
    environment = {**os.environ, "DEALCAST_HOME": str(home), "DEALCAST_TRACKING_URI": "http://127.0.0.1:9", **settings}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=home)


def address_of(server: subprocess.Popen[str]) -> str:
    """Where the server listens, once it is ready to answer."""
    assert server.stderr is not None
    address = server.stderr.readline().rpartition(" ")[2].strip()
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{address}/readyz", timeout=5).close()
        except OSError:
            server_ended = server.poll() is not None
            assert not server_ended
        else:
            break
    return address


@pytest.fixture(scope="session")
def home(company: Dataset, trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as `dealcast ingest` and `dealcast train` leave it."""
    folder = tmp_path_factory.mktemp("browser")
    store = Store(f"sqlite:///{folder}/store.db")
    store.replace(source_of(company))
    store.close()
    (folder / "cache").mkdir()
    cache_below(folder).symlink_to(cache_below(trained_home))
    return folder


@pytest.fixture(scope="session")
def demo_address(home: Path) -> Iterator[str]:
    with start(home, "--demo") as server:
        try:
            yield address_of(server)
        finally:
            server.kill()


@pytest.fixture(scope="session")
def keyed_address(home: Path) -> Iterator[str]:
    with start(home, DEALCAST_API_KEY="3u7Yw0Qm9sB2-kXc") as server:
        try:
            yield address_of(server)
        finally:
            server.kill()
