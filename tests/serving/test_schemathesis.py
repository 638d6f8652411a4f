"""The whole contract against generated requests: every operation, valid and broken data, chains of calls, all checks.

In CI the examples are few and always the same. A deeper run, over HTTP and with chance, is a command of its own; see docs/api.md.
"""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import Status, events, from_schema
from starlette.types import ASGIApp

from features.dataset import Dataset
from serving.api import create_app
from serving.database import Database
from serving.models.promotions_api import Promoting
from serving.registry.champions import TARGETS, cache_below
from serving.registry.promotions import Promotions, carry_out
from serving.settings import Settings
from tests.serving.conftest import KEY
from tests.serving.stored import runtime_over, store_of
from training.registry import FolderRegistry, RunRecord

SCORING = ("score", "score-clients")
CONFIG: dict[str, Any] = {
    "seed": 7,
    "auth": {"openapi": {"HTTPBearer": {"bearer": KEY}, "APIKeyHeader": {"api_key": KEY}}},
    "generation": {"max-examples": 5, "deterministic": True, "database": "none"},
    "operations": [
        # A posted record that breaks the schema gets its errors in its own place, and the others their scores: that is a 200, and
        # `broken_records_are_said` takes the place of the check that wants a 4xx. Valid records are drawn by chance and not
        # enumerated: scoring 500 clients takes longer than all else here.
        *(
            {
                "include-name": f"POST /v1/{name}",
                "checks": {"negative_data_rejection": {"expected-statuses": ["200", "4xx"]}},
                "phases": {"coverage": {"generation": {"mode": "all" if name == "score" else "negative"}}},
                "generation": {"max-examples": 30},
            }
            for name in SCORING
        ),
    ],
    "checks": {
        "enabled": True,
        # A schema says what is well formed, not what exists: a period that is over and a cursor of another list are refused as
        # unusable, and a promotion that follows a revision which is not the newest as a conflict. `unusable_at_most` sees to it
        # that nothing well formed is called malformed.
        "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "422"]},
        "negative_data_rejection": {"expected-statuses": ["4xx"]},
    },
}
UNUSABLE = {"unusable_request", "invalid_data"}
RELATIONS = {"duplicate_id", "untracked_field", "change_value"}
"""Rules between fields, which a schema cannot state."""


@schemathesis.check
def unusable_at_most(ctx: Any, response: Any, case: Any) -> None:
    """A request that keeps the schema may be unusable, but never breaks a rule that the schema does not state."""
    del ctx
    if case.operation.label == "PUT /v1/records/{table}":
        return  # which rows are valid depends on the table in the path, which OpenAPI cannot say
    if case.meta and case.meta.generation.mode.is_positive and response.status_code == 422:
        problem = response.json()
        beyond_a_schema = {each["code"] for each in problem["errors"]} <= RELATIONS
        assert problem["code"] in UNUSABLE or beyond_a_schema, f"valid by the schema, and refused: {response.text}"


@schemathesis.check
def broken_records_are_said(ctx: Any, response: Any, case: Any) -> None:
    """A request for scores that breaks the schema is refused, or has the errors of a record in its place: never only scores."""
    del ctx
    if case.operation.label in {f"POST /v1/{name}" for name in SCORING} and broken(case) and response.status_code == 200:
        results = response.json()["results"]
        assert any(each["reason"] == "invalid" for each in results), f"broken by the schema, and scored: {response.text[:200]}"


def broken(case: Any) -> bool:
    """Whether the body breaks the schema; a header that nobody asked for breaks nothing."""
    body = case.meta.components.get(ParameterLocation.BODY) if case.meta else None
    return body is not None and body.mode.is_negative


@pytest.fixture
def app(company: Dataset, trained_home: Path, tmp_path: Path) -> ASGIApp:
    """The app as in production, with a key, on a database of its own."""
    shutil.copytree(cache_below(trained_home), cache_below(tmp_path))
    settings = Settings(home=tmp_path, api_key=KEY, rate_limit=0)
    held = runtime_over(store_of(company, settings.store_url), tmp_path)
    held.refresh()
    made = create_app(held, settings, watching=False)
    made.state.database.upgrade()
    made.state.promoting = promoting_in(FolderRegistry(tmp_path / "registry"), made.state.database, cache_below(tmp_path))
    return made


def promoting_in(registry: FolderRegistry, database: Database, bundles: Path) -> Promoting:
    """Promotions as the server's child process makes them, with a registry on a folder in place of MLflow."""
    for target in TARGETS:
        for _ in range(2):
            registry.register(target, bundles / target / "1", RunRecord({}, {}, {"gate": "promoted"}))
        registry.promote(target, "1")

    async def promoting(_: Settings, wish: dict[str, Any]) -> dict[str, Any]:
        return carry_out(Promotions(database, registry), wish, lambda _: None)

    return promoting


def failures(app: ASGIApp) -> tuple[Counter[str], list[str]]:
    """How many cases each phase tried, and what each failure said."""
    schema: Any = schemathesis.openapi.from_asgi("/openapi.json", app, config=SchemathesisConfig.from_dict(CONFIG))
    tried: Counter[str] = Counter()
    found: list[str] = []
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            tried[event.phase.name] += len(event.recorder.cases)
            found += said(event.recorder)
        elif isinstance(event, events.NonFatalError):
            found.append(repr(event.value))
        elif isinstance(event, events.FatalError):
            found.append(repr(event.exception))
    return tried, found


def said(recorder: Any) -> list[str]:
    """Each failed check of a scenario in words, with the request that shows it."""
    failed = [check for checks in recorder.checks.values() for check in checks if check.status == Status.FAILURE]
    return [
        f"{recorder.label}: {check.name}: {check.failure_info.failure.message}\n{check.failure_info.code_sample}"
        for check in failed
    ]


def test_the_server_keeps_its_contract(app: ASGIApp) -> None:
    tried, found = failures(app)
    assert not found, "\n\n".join(each[:1500] for each in found)
    assert tried["COVERAGE"] > 1000
    assert tried["FUZZING"] > 50
    assert tried["STATEFUL_TESTING"] > 10
