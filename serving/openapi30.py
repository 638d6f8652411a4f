"""OpenAPI 3.1 -> 3.0.3: the same contract for readers that know no newer version.

3.1 describes data with JSON Schema as it is; 3.0 with a dialect of its own. What has another name there is renamed, what it
cannot say is widened or left out, so that whatever keeps the 3.1 document keeps this one as well.

    3.1                                     3.0
    type: [string, null], anyOf: [X, null]  X with nullable: true
    const: x                                enum: [x]
    exclusiveMinimum: 0                     minimum: 0, exclusiveMinimum: true
    examples: [a, b]                        example: a
    prefixItems: [X, Y]                     items: {anyOf: [X, Y]}
    $ref with siblings                      allOf: [$ref], and the siblings
"""

import copy
from collections.abc import Callable
from typing import Any, Final

Schema = dict[str, Any]

VERSION: Final = "3.0.3"
_SAME = """
title description type enum format default required discriminator deprecated readOnly writeOnly nullable example pattern
multipleOf minimum maximum minLength maxLength minItems maxItems uniqueItems minProperties maxProperties
"""
KEPT: Final = frozenset(_SAME.split())
"""What both versions say with the same words."""
_NULL: Final = {"type": "null"}


def downgraded(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI 3.0.3 document of a 3.1 one, which is left as it is."""
    found = copy.deepcopy(document)
    found["openapi"] = VERSION
    for name in ("webhooks", "jsonSchemaDialect"):
        found.pop(name, None)
    found["info"].pop("summary", None)
    schemas = found.get("components", {}).get("schemas", {})
    schemas |= {name: schema_of(each) for name, each in schemas.items()}
    for path in found["paths"].values():
        for operation in path.values():
            _operation(operation)
    return found


def schema_of(schema: Any) -> Any:
    """One schema in the words of 3.0."""
    if not isinstance(schema, dict):
        return schema
    found = {name: value for name, value in schema.items() if name in KEPT}
    for name, value in schema.items():
        found |= _CHANGED[name](value) if name in _CHANGED else {}
    found = _nullable(found)
    if "$ref" in schema:
        reference = {"$ref": schema["$ref"]}
        return {"allOf": [reference], **found} if found else reference
    return found


def _operation(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        parameter["schema"] = schema_of(parameter["schema"])
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for body in (*bodies, *operation["responses"].values()):
        for content in body.get("content", {}).values():
            content["schema"] = schema_of(content.get("schema", {}))
        for header in body.get("headers", {}).values():
            header["schema"] = schema_of(header.get("schema", {}))


def _nullable(schema: Schema) -> Schema:
    """`null` is no type in 3.0 but a property of another."""
    for name in ("anyOf", "oneOf"):
        kinds = schema.get(name, [])
        others = [kind for kind in kinds if kind != _NULL]
        if len(others) < len(kinds):
            schema = {key: value for key, value in schema.items() if key != name}
            schema |= _merged(name, others) | {"nullable": True}
    kinds = schema.get("type")
    if isinstance(kinds, list):
        schema = {key: value for key, value in schema.items() if key != "type"} | _typed(kinds)
    if None in schema.get("enum", []):
        schema["nullable"] = True
    return schema


def _merged(name: str, kinds: list[Schema]) -> Schema:
    """One kind that is left stands for itself; a reference may have no siblings."""
    if len(kinds) != 1:
        return {name: kinds}
    return {"allOf": kinds} if "$ref" in kinds[0] else kinds[0]


def _typed(kinds: list[str]) -> Schema:
    others = [kind for kind in kinds if kind != "null"]
    null = {"nullable": True} if len(others) < len(kinds) else {}
    return ({"type": others[0]} if len(others) == 1 else {"anyOf": [{"type": kind} for kind in others]}) | null


def _kind(value: Any) -> Schema:
    """The type of a constant, which 3.1 need not say."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": names[type(value)]} if type(value) in names else {}


def _several(schemas: list[Any]) -> list[Any]:
    return [each if each == _NULL else schema_of(each) for each in schemas]


_CHANGED: Final[dict[str, Callable[[Any], Schema]]] = {
    "properties": lambda value: {"properties": {name: schema_of(each) for name, each in value.items()}},
    "items": lambda value: {"items": schema_of(value)},
    "additionalProperties": lambda value: {"additionalProperties": schema_of(value)},
    "not": lambda value: {"not": schema_of(value)},
    "allOf": lambda value: {"allOf": _several(value)},
    "anyOf": lambda value: {"anyOf": _several(value)},
    "oneOf": lambda value: {"oneOf": _several(value)},
    "prefixItems": lambda value: {"items": {"anyOf": _several(value)} if value else {}},
    "const": lambda value: {"enum": [value], **_kind(value)},
    "examples": lambda value: {"example": value[0]} if value else {},
    "exclusiveMinimum": lambda value: {"minimum": value, "exclusiveMinimum": True},
    "exclusiveMaximum": lambda value: {"maximum": value, "exclusiveMaximum": True},
    "contentMediaType": lambda _: {"format": "binary"},
}
