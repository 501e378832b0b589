from __future__ import annotations

import json
import re
from typing import Any

import pytest

from harness import products
from harness.checks.registry import CHECKS
from harness.faults.registry import FAULTS
from harness.model.scenario import Scenario, Via
from harness.products import own_config, real
from harness.products.model import Product
from harness.scenario.schema import schema

SCHEMA = schema()


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    ref = node.get("$ref")
    return node if ref is None else SCHEMA["$defs"][ref.removeprefix("#/$defs/")]


def nodes(value: object) -> list[dict[str, Any]]:
    match value:
        case dict():
            return [value, *(inner for item in value.values() for inner in nodes(item))]
        case list():
            return [inner for item in value for inner in nodes(item)]
        case _:
            return []


def test_it_is_json() -> None:
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_scenario_has_the_keys_of_yaml_and_no_others() -> None:
    assert set(SCHEMA["properties"]) == {field.alias for field in Scenario.model_fields.values()}
    assert SCHEMA["additionalProperties"] is False
    assert set(SCHEMA["required"]) == {"id", "why"}


def test_a_hop_may_have_every_fault_and_a_script() -> None:
    *_, hop = SCHEMA["properties"]["through"]["items"]["anyOf"]
    assert set(hop["properties"]) == {*FAULTS, "script"}
    assert (hop["additionalProperties"], hop["minProperties"]) == (False, 1)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_its_settings_and_a_description(name: str) -> None:
    node = SCHEMA["properties"]["through"]["items"]["anyOf"][-1]["properties"][name]
    settings = resolved(node["anyOf"][0] if "anyOf" in node else node)
    assert set(settings["properties"]) == {
        field.alias for field in FAULTS[name].model_fields.values()
    }
    assert node["description"].endswith(".")


@pytest.mark.parametrize("product", products.products(), ids=lambda it: it.product)
def test_a_hop_may_be_a_product_with_its_settings(product: Product) -> None:
    bare, versioned, hop, *_ = SCHEMA["properties"]["through"]["items"]["anyOf"]
    assert product.product in bare["enum"]
    assert re.fullmatch(versioned["pattern"], f"{product.product}@1.2")
    node = resolved(hop["properties"][product.product])
    own = own_config.KEYS if product.product in own_config.READABLE else {}
    assert set(node["properties"]) == {*own, *product.settings}
    assert node == resolved(hop["patternProperties"][f"^{product.product}@[0-9.]+$"])
    assert hop["maxProperties"] == 1


def test_a_hop_may_be_a_products_own_program() -> None:
    *_, hop, _, _ = SCHEMA["properties"]["through"]["items"]["anyOf"]
    bare, settings = hop["properties"]["real"]["anyOf"]
    assert tuple(bare["enum"]) == real.names()
    assert tuple(settings["properties"]) == real.names()
    assert (hop["required"], hop["additionalProperties"]) == (["real"], False)


def test_a_hop_may_be_a_proxy_that_runs_already() -> None:
    *_, hop, _ = SCHEMA["properties"]["through"]["items"]["anyOf"]
    address, settings = hop["properties"]["via"]["anyOf"]
    assert (address, settings["required"]) == ({"type": "string"}, ["url"])
    assert set(settings["properties"]) == {field.alias for field in Via.model_fields.values()}


def test_a_products_setting_has_its_default_and_what_it_does() -> None:
    node = SCHEMA["$defs"]["product-nginx"]["properties"]["proxy_read_timeout"]
    assert (node["default"], node["type"]) == ("60s", ["string", "number"])
    assert "heartbeats" in node["description"]


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_has_its_bounds_and_a_description(name: str) -> None:
    node = SCHEMA["properties"]["expect"]["properties"][name]
    flag, bounds, *short = node["anyOf"]
    assert flag == {"type": "boolean"}
    assert set(resolved(bounds)["properties"]) == {
        field.alias for field in CHECKS[name].model_fields.values()
    }
    assert len(short) == (CHECKS[name].short is not None)
    assert node["description"] == CHECKS[name].summary


def test_every_reference_leads_somewhere_and_nothing_is_left_over() -> None:
    refs = {node["$ref"] for node in nodes(SCHEMA) if "$ref" in node}
    assert refs == {f"#/$defs/{name}" for name in SCHEMA["$defs"]}


def test_only_yamls_form_of_hops_is_described() -> None:
    assert not {"Hop", "FaultSpec"} & set(SCHEMA["$defs"])


def test_defaults_have_their_units() -> None:
    assert SCHEMA["$defs"]["Traffic"]["properties"]["every"]["default"] == "1s"
    assert SCHEMA["$defs"]["Traffic"]["properties"]["size"]["default"] == "32B"
    assert SCHEMA["$defs"]["ReferenceSettings"]["properties"]["heartbeat"]["default"] == "15s"
    wrong = [
        node
        for node in nodes(SCHEMA)
        if node.get("type") == "string" and not isinstance(node.get("default", ""), str)
    ]
    assert wrong == []
