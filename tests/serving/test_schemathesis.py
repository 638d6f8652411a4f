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
from schemathesis.engine import Status, events, from_schema
from starlette.types import ASGIApp

from features.dataset import Dataset
from serving.api import create_app
from serving.registry.champions import Champions, cache_below
from serving.served.runtime import Runtime
from serving.settings import Settings
from tests.serving.conftest import KEY
from tests.serving.stored import source_over, store_of

CONFIG: dict[str, Any] = {
    "seed": 7,
    "auth": {"openapi": {"HTTPBearer": {"bearer": KEY}, "APIKeyHeader": {"api_key": KEY}}},
    "generation": {"max-examples": 5, "deterministic": True, "database": "none"},
    "operations": [
        # A posted record that breaks the schema gets its errors in its own place, and the others their scores: that is a 200.
        # Nothing is then learned from the hundreds of broken records that the phase `coverage` would send one by one; in place of
        # them, and of its 500 valid clients at 30 ms each, chance draws more.
        *(
            {
                "include-name": f"POST /v1/{name}",
                "checks": {"negative_data_rejection": {"enabled": False}},
                "phases": {"coverage": {"generation": {"mode": "positive"}, "enabled": name == "score"}},
                "generation": {"max-examples": 30},
            }
            for name in ("score", "score-clients")
        ),
        # The same address is that of a record whose key is "delete", so it takes DELETE as well.
        *(
            {"include-name": f"POST /v1/records/{{table}}/{name}", "checks": {"allow_header_conformance": {"enabled": False}}}
            for name in ("delete", "merge")
        ),
        # These start MLflow in a process of its own, which has no registry here: each request would be a 503 after seconds.
        *({"include-name": f"POST /v1/models/{name}", "enabled": False} for name in ("promote", "rollback")),
    ],
    "checks": {
        "enabled": True,
        # A schema says what is well formed, not what exists: a period that is over and a cursor of another list are refused as
        # unusable. `unusable_at_most` sees to it that nothing well formed is called malformed.
        "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "422"]},
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


@pytest.fixture
def app(company: Dataset, trained_home: Path, tmp_path: Path) -> ASGIApp:
    """The app as in production, with a key, on a database of its own."""
    shutil.copytree(cache_below(trained_home), cache_below(tmp_path))
    settings = Settings(home=tmp_path, api_key=KEY, rate_limit=0)
    held = Runtime(source_over(store_of(company, settings.store_url)), Champions(tmp_path))
    held.refresh()
    made = create_app(held, settings, watching=False)
    made.state.database.upgrade()
    return made


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
