"""The JSON Schema of a scenario file, for editors: `# yaml-language-server: $schema=…`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import SchemaError, SchemaSerializer, core_schema, to_jsonable_python

from harness import products
from harness.checks.registry import CHECKS
from harness.faults.registry import FAULTS
from harness.model.base import key_of
from harness.model.scenario import EventSource, Scenario, Twin
from harness.products import own_config, real
from harness.products.model import Product, SettingType
from harness.products.settings import read
from harness.scenario.chain import REAL, VIA
from harness.scenario.fault_settings import SCRIPT

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

type Schema = dict[str, Any]

_TYPES: Final[Mapping[SettingType, Schema]] = {
    "duration": {"type": ["string", "number"]},
    "times": {"type": ["string", "number"]},
    "size": {"type": ["string", "integer"]},
    "buffers": {"type": "string"},
    "flag": {"enum": ["on", "off", True, False, "yes", "no", 1, 0]},
    "choice": {},
    "count": {"type": "integer", "minimum": 0},
    "words": {"type": ["string", "array"], "items": {"type": "string"}},
    "fields": {"type": "object", "additionalProperties": {"type": "string"}},
    "text": {"type": "string"},
}


def schema() -> Schema:
    """Describe everything a scenario file may hold, faults and checks with their settings."""
    described: list[type[BaseModel]] = [Scenario, EventSource, Twin]
    described += [*FAULTS.values(), *CHECKS.values()]
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(it, "validation") for it in described]
    refs, whole = models_json_schema(models, by_alias=True, schema_generator=_Generator)
    named = {model: refs[model, mode] for model, mode in models}
    definitions: Schema = whole["$defs"]
    definitions |= {f"product-{it.product}": _product(it) for it in products.products()}
    scenario: Schema = definitions.pop(named[Scenario]["$ref"].rpartition("/")[2])
    scenario["properties"] |= {
        "through": _through(named),
        "client": _one_or_more(_client(named[EventSource])),
        "expect": _expect(named, definitions),
        "twin": _one_or_more(named[Twin]),
        "matrix": _matrix(),
    }
    return {
        "$schema": DIALECT,
        "title": "sse-harness scenario",
        **{key: part for key, part in scenario.items() if key not in {"title", "description"}},
        "$defs": _reachable(scenario, definitions),
    }


class _Generator(GenerateJsonSchema):
    """Writes defaults as YAML does: `15s`, where pydantic writes 15.0."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        described = super().default_schema(schema)
        if "default" in described:
            described["default"] = _as_yaml(schema["default"], schema["schema"])
        return described


def _as_yaml(default: object, schema: core_schema.CoreSchema) -> object:
    if isinstance(default, BaseModel):
        return default.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    try:
        return SchemaSerializer(schema).to_python(default, mode="json", by_alias=True)
    except SchemaError:  # it refers to a model, of which this default is no instance
        return to_jsonable_python(default)


def _through(named: dict[type[BaseModel], Schema]) -> Schema:
    faults: Schema = {}
    for name, fault in FAULTS.items():
        described = (fault.__doc__ or "").strip().partition("\n")[0]
        is_bare = not any(field.is_required() for field in fault.model_fields.values())
        settings = {"anyOf": [named[fault], {"type": "null"}]} if is_bare else named[fault]
        faults[name] = {"description": described, **settings}
    faults[SCRIPT] = {
        "type": "string",
        "description": "A mitmproxy addon of your own, relative to this file.",
    }
    names = "|".join(products.names())
    return {
        "type": "array",
        "description": "The chain, client first; a hop is a product, or faults from upstream down.",
        "items": {
            "anyOf": [
                {"enum": list(products.names())},
                {"type": "string", "pattern": f"^({names})@[0-9.]+$"},
                {
                    "type": "object",
                    "properties": {name: _product_ref(name) for name in products.names()},
                    "patternProperties": {
                        f"^{name}@[0-9.]+$": _product_ref(name) for name in products.names()
                    },
                    "additionalProperties": False,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
                {
                    "type": "object",
                    "properties": {REAL: _real()},
                    "required": [REAL],
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "properties": {VIA: _VIA},
                    "required": [VIA],
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "properties": faults,
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ]
        },
    }


_VIA: Final[Schema] = {
    "description": "A proxy that runs already: its address, and the port that it forwards to.",
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {
                "url": {"type": "string"},
                "listen": {"type": "integer", "minimum": 1, "maximum": 65535},
            },
            "required": ["url"],
            "additionalProperties": False,
        },
    ],
}


def _real() -> Schema:
    named = {name: _product_ref(name) for name in real.names()}
    return {
        "description": "The product's own program, as a process on the real clock.",
        "anyOf": [
            {"enum": list(named)},
            {
                "type": "object",
                "properties": named,
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ],
    }


def _product_ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/product-{name}"}


def _product(it: Product) -> Schema:
    return {
        "description": it.title,
        "type": ["object", "null"],
        "properties": _own_config(it) | {name: _setting(it, name) for name in it.settings},
        "additionalProperties": False,
    }


def _own_config(it: Product) -> Schema:
    keys = own_config.KEYS if it.product in own_config.READABLE else {}
    return {
        name: {
            "description": said,
            "type": ["string", "integer"] if name == own_config.SERVER else "string",
        }
        for name, said in keys.items()
    }


def _setting(it: Product, name: str) -> Schema:
    setting = it.settings[name]
    described: Schema = {"description": setting.meaning, **_TYPES[setting.type_]}
    if setting.type_ == "choice":
        described["enum"] = list(setting.choices)
    if setting.default is not None:
        described["default"] = read(it, name, setting.default)[1]
    return described


def _client(settings: Schema) -> Schema:
    return {
        "anyOf": [
            {"const": "eventsource"},
            {
                "type": "object",
                "properties": {"eventsource": {"anyOf": [settings, {"type": "null"}]}},
                "required": ["eventsource"],
                "additionalProperties": False,
            },
        ]
    }


def _expect(named: dict[type[BaseModel], Schema], definitions: Schema) -> Schema:
    checks: Schema = {}
    for name, check in CHECKS.items():
        bounds: list[Schema] = [{"type": "boolean"}, named[check]]
        if check.short is not None:
            alias = key_of(check.short, check.model_fields[check.short])
            own = definitions[named[check]["$ref"].rpartition("/")[2]]
            bounds.append({"anyOf": [own["properties"][alias]]})
        checks[name] = {"description": check.summary, "anyOf": bounds}
    return {"type": "object", "properties": checks, "additionalProperties": False}


def _matrix() -> Schema:
    return {
        "type": "object",
        "description": "Path in this file → values; one case for each combination.",
        "additionalProperties": {"type": "array", "minItems": 1},
    }


def _one_or_more(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item}]}


def _reachable(root: Schema, definitions: Schema) -> Schema:
    """The definitions that something refers to: not the forms only Python knows."""
    found: Schema = {}
    nodes: list[Any] = [root]
    while nodes:
        match nodes.pop():
            case dict() as node:
                name = str(node.get("$ref", "")).rpartition("/")[2]
                if name and name not in found:
                    found[name] = definitions[name]
                    nodes.append(definitions[name])
                nodes += node.values()
            case list() as items:
                nodes += items
    return dict(sorted(found.items()))
