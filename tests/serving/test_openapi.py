"""The contract that programs are written against: complete, illustrated, and stable by name."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from starlette.testclient import TestClient

from serving.openapi import EXAMPLES
from serving.operations.overload import OPEN

OPERATIONS = {
    "get_health",
    "get_readiness",
    "list_deals",
    "get_deal",
    "score_deals",
    "score_clients",
    "list_clients",
    "get_client",
    "get_forecast",
    "ask_what_if",
    "get_bridge",
    "list_kpis",
    "get_funnel",
    "get_team",
    "list_goals",
    "make_call",
    "list_calls",
    "get_call_record",
    "list_keys",
    "create_key",
    "rotate_key",
    "revoke_key",
    "list_audit",
    "promote_model",
    "roll_back_model",
    "list_promotions",
    "get_metrics",
    "put_records",
    "delete_record",
    "delete_records",
    "merge_records",
    "get_current_models",
    "get_catalog",
    "get_write_back",
    "get_deal_history",
    "get_client_history",
    "export_journal",
}
"""Programs are written against these names: one may be added, and none goes without a new version of the API."""
ADVICE = "add it to tests/serving/examples.py and run python -m tests.serving.examples"
APEX_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def illustrated(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Each body of an operation that has an example."""
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    contents = [content for body in bodies for content in body.get("content", {}).values()]
    return [content for content in contents if "example" in content]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else [])
        part = list(part.values())
    for each in part if isinstance(part, list) else []:
        yield from references(each)


def test_no_operation_has_lost_its_name(document: dict[str, Any]) -> None:
    assert OPERATIONS - {operation["operationId"] for operation in operations(document)} == set()


def test_names_are_safe_for_generated_code(document: dict[str, Any]) -> None:
    names = {operation["operationId"] for operation in operations(document)}
    assert [name for name in names if not re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", name)] == []
    names = {name for schema in document["components"]["schemas"].values() for name in schema.get("properties", {})}
    parameters = [each for operation in operations(document) for each in operation.get("parameters", [])]
    names |= {each["name"] for each in parameters if each["in"] != "header"}  # a header is named as HTTP names it
    assert [name for name in names if not APEX_SAFE.fullmatch(name)] == []


def test_every_operation_is_described_and_illustrated(document: dict[str, Any]) -> None:
    tags = {each["name"] for each in document["tags"]}
    for operation in operations(document):
        name = operation["operationId"]
        assert operation["summary"], name
        assert operation["description"], name
        assert set(operation["tags"]) <= tags, name
        success = [answer for status, answer in operation["responses"].items() if status < "300"]
        bodies = [*success, operation.get("requestBody", {})]
        told = [body["content"]["application/json"] for body in bodies if "application/json" in body.get("content", {})]
        assert all("example" in content for content in told), f"{name}: {ADVICE}"


def test_the_examples_keep_the_schemas(document: dict[str, Any]) -> None:
    for operation in operations(document):
        for content in illustrated(operation):
            schema = {**content["schema"], "components": document["components"]}
            Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(content["example"])
        for each in operation.get("parameters", []):
            values = [each[name] for name in ("example",) if name in each] + each["schema"].get("examples", [])
            assert all(Draft202012Validator(each["schema"]).is_valid(value) for value in values), each["name"]


def missing(schema: dict[str, Any], value: Any, schemas: dict[str, Any], place: str = "") -> Iterator[str]:
    """Fields that an answer has by its schema and the example has not, or the other way round."""
    if "$ref" in schema:
        yield from missing(schemas[schema["$ref"].rsplit("/", 1)[1]], value, schemas, place)
    for kind in schema.get("anyOf", []):
        wanted = {**kind, "components": {"schemas": schemas}}
        if Draft202012Validator(wanted).is_valid(value):
            yield from missing(kind, value, schemas, place)
            break
    if isinstance(value, list):
        for each in value:
            yield from missing(schema.get("items", {}), each, schemas, place)
    fields = schema.get("properties")
    if isinstance(value, dict) and fields is not None:
        yield from (f"{place}.{name}" for name in fields.keys() ^ value.keys())
        for name in fields.keys() & value.keys():
            yield from missing(fields[name], value[name], schemas, f"{place}.{name}")


def test_the_examples_are_of_this_version(document: dict[str, Any]) -> None:
    known = {operation["operationId"] for operation in operations(document)}
    assert [file.stem for file in EXAMPLES.glob("*.json") if file.stem not in known] == []
    for operation in operations(document):
        success = next(answer for status, answer in operation["responses"].items() if status < "300")
        content = success.get("content", {}).get("application/json")
        if content:
            stale = set(missing(content["schema"], content["example"], document["components"]["schemas"]))
            assert stale == set(), f"{operation['operationId']}: {ADVICE}"


def test_every_field_and_parameter_is_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    fields = {f"{name}.{field}": info for name, schema in schemas.items() for field, info in schema.get("properties", {}).items()}
    parameters = {each["name"]: each for operation in operations(document) for each in operation.get("parameters", [])}
    assert [name for name, info in {**fields, **parameters}.items() if not info.get("description")] == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= schemas


def test_errors_are_declared_as_problems(document: dict[str, Any]) -> None:
    for operation in operations(document):
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert all(list(answer["content"]) == ["application/problem+json"] for answer in errors.values())
    assert {"400", "401", "413", "422", "500", "503"} <= set(document["paths"]["/v1/score"]["post"]["responses"])


def test_who_is_refused_for_the_load_is_told_when_to_come_again(client: TestClient, document: dict[str, Any]) -> None:
    for found in (document, client.get("/openapi-3.0.json").json()):
        limited = {path: known for path, known in found["paths"].items() if path not in OPEN}
        assert any(path.startswith("/v1/") for path in limited)
        answers = [operation["responses"] for known in limited.values() for operation in known.values()]
        assert all({"429", "503"} <= set(each) for each in answers)
        assert all("Retry-After" in each[status]["headers"] for each in answers for status in ("429", "503"))
        assert all("429" not in operation["responses"] for path in OPEN for operation in found["paths"].get(path, {}).values())


def test_answers_and_the_example_keep_the_schemas(client: TestClient, document: dict[str, Any]) -> None:
    def check(name: str, instance: Any) -> None:
        Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]}).validate(instance)

    example = document["components"]["schemas"]["ScoreRequest"]["examples"][0]
    deal_id = client.get("/v1/deals?limit=1").json()["items"][0]["deal_id"]
    check("ScoreRequest", example)
    check("ScoreAnswer", client.post("/v1/score", json=example).json())
    check("DealsAnswer", client.get("/v1/deals?limit=200").json())
    check("DealAnswer", client.get(f"/v1/deals/{deal_id}").json())
    check("ClientsAnswer", client.get("/v1/clients?limit=200").json())
    account_id = client.get("/v1/clients?limit=1").json()["items"][0]["account_id"]
    check("ClientAnswer", client.get(f"/v1/clients/{account_id}").json())
    check("KpisAnswer", client.get("/v1/kpis?by=team&compare=plan").json())
    check("FunnelAnswer", client.get("/v1/funnel").json())
    check("TeamAnswer", client.get("/v1/team").json())
    check("GoalsAnswer", client.get("/v1/goals").json())
    check("ForecastAnswer", client.get("/v1/forecast?by=team").json())
    check("WhatIfAnswer", client.post("/v1/forecast/what-if", json={"rate": {}}).json())
    check("Problem", client.get("/v1/deals?limit=0").json())
