"""`/openapi.json` and `/openapi-3.0.json`: the contract that programs are written against, complete with examples.

The first is OpenAPI 3.1, as FastAPI makes it from the routes, with what it leaves out: the shape of every error, those of what
stands before every route, what the tags mean, and an example of each request and answer. The examples are answers that a small
synthetic company really gave, kept in `examples/` (`python -m tests.serving.examples` asks for them anew). The second document
is for readers that know 3.0 alone, such as Salesforce External Services; see `openapi30`.

Both are made at the first request for one, in the thread pool: making them takes longer than the rest of the start.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from starlette.responses import Response

from serving import errors
from serving.access.auth import open_to_all
from serving.openapi30 import downgraded
from serving.operations.overload import OPEN

EXAMPLES: Final = Path(__file__).parent / "examples"
JSON: Final = "application/json"
TAGS: Final = {
    "deals": "Open deals: P(won), P(lost) and P(open) on any day, ranked, filtered, explained; posted deals scored.",
    "clients": "Active clients: P(the client leaves), value at risk, lifetime value.",
    "forecast": "Bookings of a period with intervals, what changed them, and what would.",
    "calls": "What people expect, kept beside what the model expects.",
    "history": "What was answered before, by which model and as of when.",
    "kpis": "KPIs, funnel, team and goals; they need no model.",
    "models": "Which model answers, how good it was on later time, and what it reads.",
    "write_back": "Scores in the shape that a CRM takes them in.",
    "records": "Records that a CRM keeps up to date: put, deleted, merged. Scores follow within a second.",
    "access": "Keys and the audit log, for admins.",
    "health": "For supervisors; without a key.",
}

REFUSED: Final = {str(status): response for status, response in errors.declared(429, 503).items()}
"""What a request for anything but the probes may get before it comes to its route; see `serving.operations.overload`."""


def install(app: FastAPI) -> None:
    """Serve both documents. FastAPI's own route for the first has to be off (`openapi_url=None`)."""
    served = {"/openapi.json": lambda: document(app), "/openapi-3.0.json": lambda: downgraded(document(app))}
    for path, make in served.items():
        app.add_api_route(path, _answering(make), include_in_schema=False, dependencies=[open_to_all()])


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the routes. The app keeps it."""
    if app.openapi_schema is None:
        found = errors.describe(app.openapi())
        used = {tag for operation in operations(found) for tag in operation["tags"]}
        found["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in used]
        found["servers"] = [{"url": "/", "description": "This server."}]
        _closed(found["components"]["schemas"])
        for path, known in found["paths"].items():
            for operation in known.values() if path not in OPEN else ():
                operation["responses"] = dict(sorted((operation["responses"] | REFUSED).items()))
        for operation in operations(found):
            _without_null(operation.get("parameters", []))
            _illustrate(operation)
        app.openapi_schema = found
    return app.openapi_schema


def operations(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All operations of a document."""
    for path in found["paths"].values():
        yield from path.values()


def _answering(make: Any) -> Any:
    @cache
    def body() -> bytes:
        return json.dumps(make(), ensure_ascii=False).encode()

    def answer() -> Response:
        return Response(body(), media_type=JSON)

    return answer


def _without_null(parameters: list[dict[str, Any]]) -> None:
    """A parameter that may be left out cannot be null in an address: `anyOf` a type or null is the type."""
    for each in parameters:
        schema = each["schema"]
        kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
        if len(kinds) == 1 and len(schema["anyOf"]) == 2:
            del schema["anyOf"]
            schema |= kinds[0]


def _closed(part: Any) -> None:
    """An object whose names follow a pattern has no others; pydantic says so only of those that do."""
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _closed(each)
    if isinstance(part, dict) and len(part.get("patternProperties", {})) == 1 and "additionalProperties" not in part:
        ((pattern, schema),) = part.pop("patternProperties").items()
        names = {"pattern": pattern, **part.get("propertyNames", {})}
        part |= {"propertyNames": names, "additionalProperties": schema}


def _illustrate(operation: dict[str, Any]) -> None:
    """Put in what was once asked and answered."""
    kept = EXAMPLES / f"{operation['operationId']}.json"
    if not kept.exists():
        return
    example = json.loads(kept.read_text(encoding="utf-8"))
    if "request" in example:
        operation["requestBody"]["content"][JSON]["example"] = example["request"]
    if "parameters" in example:
        for each in operation["parameters"]:
            each |= {"example": example["parameters"][each["name"]]} if each["name"] in example["parameters"] else {}
    success = next(status for status in operation["responses"] if status.startswith("2"))
    operation["responses"][success]["content"][JSON]["example"] = example["response"]
