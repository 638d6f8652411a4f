"""A small real company, trained once for all tests of a session, and the app on top of it."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from features import clock
from features.dataset import Dataset
from features.synthetic import Settings as CompanySettings
from features.synthetic import generate
from serving.access import keys
from serving.access.audit_log import Origin
from serving.access.auth import Scope
from serving.api import create_app
from serving.registry.champions import TARGETS, Champions, cache_below
from serving.registry.registry_watch import State
from serving.served.runtime import Runtime
from serving.settings import Settings
from training import bundle
from training.run import fit

KEY = "0123456789-abcdefghij"


class MemorySource:
    """A store that holds one Dataset in memory; `put` is an ingest."""

    state: State = "fresh"

    def __init__(self, dataset: Dataset | None = None) -> None:
        self.dataset = dataset
        self.number = 0 if dataset is None else 1

    def put(self, dataset: Dataset) -> None:
        self.dataset, self.number = dataset, self.number + 1

    def revision(self) -> int:
        return self.number

    def load(self) -> Dataset:
        assert self.dataset is not None
        return self.dataset

    def renew(self, before: Dataset, revision: int) -> None:
        """Everything is loaded after each change."""

    def epoch(self, at: pd.Timestamp) -> None:
        """Nothing was ever deleted."""

    def load_at(self, _: pd.Timestamp, __: Dataset) -> Dataset:
        return self.load()


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings file of the working directory reaches a test, and nothing lands there."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def company() -> Dataset:
    return generate(CompanySettings(n_deals=300)).dataset()


@pytest.fixture(scope="session")
def trained_home(company: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose cache holds champions, version 1, for both targets."""
    home = tmp_path_factory.mktemp("home")
    for target in TARGETS:
        folder = cache_below(home) / target
        bundle.save(fit(company, target, clock.now(company.ends_at), threads=1), folder / "1")
        (folder / "current").write_text("1", encoding="utf-8")
    return home


@pytest.fixture(scope="session")
def runtime(company: Dataset, trained_home: Path) -> Runtime:
    held = Runtime(MemorySource(company), Champions(trained_home))
    held.refresh()
    return held


@pytest.fixture
def client(runtime: Runtime, trained_home: Path) -> Iterator[TestClient]:
    """The app in demo mode: no key."""
    app = create_app(runtime, Settings(home=trained_home, demo=True), watching=False)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def keyed(runtime: Runtime, trained_home: Path) -> Iterator[TestClient]:
    """The app as in production: with a key."""
    app = create_app(runtime, Settings(home=trained_home, api_key=KEY), watching=False)
    with TestClient(app, base_url="http://sales.example", raise_server_exceptions=False) as opened:
        yield opened


HERE = Origin("test")


def key_for(client: TestClient, *scopes: Scope, **more: Any) -> tuple[str, str]:
    """A new key of the app behind a client: its id and its token."""
    app = cast("FastAPI", client.app)
    key, token = keys.create(app.state.database, keys.Wanted("test", scopes, **more), HERE)
    app.state.keys.forget()
    return key.key_id, token


def showing(token: str) -> dict[str, str]:
    """The headers that show a key."""
    return {"Authorization": f"Bearer {token}"}


def log_in(client: TestClient, token: str = KEY, **more: str) -> Response:
    """Fill in the login form, as a browser does."""
    page = client.get("/login", params=more)
    fields = {name: re.search(f'name="{name}" value="([^"]*)"', page.text) for name in ("token", "next")}
    form = {name: unescape(found[1]) for name, found in fields.items() if found}
    return client.post("/login", data={**form, "key": token}, follow_redirects=False)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[TestClient]:
    """The app before there is any data."""
    held = Runtime(MemorySource(), Champions(tmp_path))
    held.refresh()
    app = create_app(held, Settings(home=tmp_path, demo=True), watching=False)
    with TestClient(app, base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.fixture
def untrained(company: Dataset, tmp_path: Path) -> Iterator[TestClient]:
    """The app with data and no champion."""
    held = Runtime(MemorySource(company), Champions(tmp_path))
    held.refresh()
    app = create_app(held, Settings(home=tmp_path, demo=True), watching=False)
    with TestClient(app, base_url="http://127.0.0.1") as opened:
        yield opened
