"""The 3.0 document: valid by the official schema, and it accepts whatever the 3.1 document accepts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator  # type: ignore[import-untyped]
from schemathesis.specs.openapi.definitions import OPENAPI_30
from starlette.testclient import TestClient

from serving.openapi30 import downgraded, schema_of
from tests.serving.test_openapi import illustrated, operations

NEW_IN_31 = {"const", "examples", "prefixItems", "exclusiveMinimum", "patternProperties", "propertyNames", "$defs"}
KEYS = st.sampled_from(["a", "const", "x", "longer"])


@pytest.fixture
def documents(client: TestClient) -> tuple[dict[str, Any], dict[str, Any]]:
    newer, older = (client.get(path).json() for path in ("/openapi.json", "/openapi-3.0.json"))
    return newer, older


def in_draft_4(part: Any) -> Any:
    """A schema of 3.0 as one of JSON Schema draft 4, which it was made from: all that differs is `nullable`."""
    if isinstance(part, list):
        return [in_draft_4(each) for each in part]
    if not isinstance(part, dict):
        return part
    plain = {name: in_draft_4(value) for name, value in part.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if part.get("nullable") is True else plain


def test_the_document_keeps_the_official_schema(documents: tuple[dict[str, Any], dict[str, Any]]) -> None:
    older = documents[1]
    assert older["openapi"] == "3.0.3"
    assert [error.message for error in Draft4Validator(OPENAPI_30).iter_errors(older)] == []


def test_both_documents_have_the_same_operations(documents: tuple[dict[str, Any], dict[str, Any]]) -> None:
    newer, older = ([each["operationId"] for each in operations(document)] for document in documents)
    assert newer == older


def test_no_word_of_31_is_left(documents: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for name, schema in documents[1]["components"]["schemas"].items():
        fields = [schema, *schema.get("properties", {}).values()]
        found = {word for each in fields for word in each if word in NEW_IN_31 and not isinstance(each[word], bool)}
        assert found == set(), name
    assert '"null"' not in json.dumps(documents[1]["components"]["schemas"])


def test_the_examples_keep_the_older_document_too(documents: tuple[dict[str, Any], dict[str, Any]]) -> None:
    older = documents[1]
    components = in_draft_4(older["components"])
    for operation in operations(older):
        for content in illustrated(operation):
            Draft4Validator({**in_draft_4(content["schema"]), "components": components}).validate(content["example"])


CASES = [
    ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
    ({"anyOf": [{"type": "number"}, {"type": "null"}]}, {"type": "number", "nullable": True}),
    (
        {"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]},
        {"anyOf": [{"type": "number"}, {"type": "string"}], "nullable": True},
    ),
    ({"anyOf": [{"$ref": "#/x"}, {"type": "null"}]}, {"allOf": [{"$ref": "#/x"}], "nullable": True}),
    ({"const": "a"}, {"enum": ["a"], "type": "string"}),
    ({"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0, "exclusiveMinimum": True}),
    ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"}),
    ({"$ref": "#/x"}, {"$ref": "#/x"}),
    ({"$ref": "#/x", "description": "d"}, {"allOf": [{"$ref": "#/x"}], "description": "d"}),
    ({"type": "array", "prefixItems": [{"type": "null"}, {"const": 1}]}, None),
    ({"type": "object", "properties": {"const": {"const": 1}, "examples": {"type": "string"}}}, None),
    ({"type": "object", "additionalProperties": {"type": ["integer", "null"]}, "propertyNames": {"maxLength": 3}}, None),
    ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    ({"enum": ["a", None]}, {"enum": ["a", None], "nullable": True}),
]


@pytest.mark.parametrize(("newer", "older"), CASES, ids=[str(newer)[:60] for newer, _ in CASES])
def test_each_word_has_its_older_one(newer: dict[str, Any], older: dict[str, Any] | None) -> None:
    assert older is None or schema_of(newer) == older


LEAVES = st.sampled_from([newer for newer, _ in CASES if "$ref" not in json.dumps(newer)])
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"anyOf": each}),
        st.lists(inner, min_size=1, max_size=2).map(lambda each: {"anyOf": [*each, {"type": "null"}]}),
        inner.map(lambda each: {"type": "array", "items": each}),
        inner.map(lambda each: {"type": "object", "properties": {"a": each}, "required": ["a"]}),
    ),
    max_leaves=4,
)
VALUES = st.recursive(
    st.sampled_from([None, 0, 1, -1, 2.5, "a", "b", "long", True]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)


@given(SCHEMAS, VALUES)
def test_what_keeps_a_schema_keeps_its_older_form(schema: dict[str, Any], value: Any) -> None:
    if Draft202012Validator(schema).is_valid(value):
        assert Draft4Validator(in_draft_4(schema_of(schema))).is_valid(value)


def test_the_newer_document_is_left_as_it_is(documents: tuple[dict[str, Any], dict[str, Any]]) -> None:
    before = json.dumps(documents[0])
    downgraded(documents[0])
    assert json.dumps(documents[0]) == before
