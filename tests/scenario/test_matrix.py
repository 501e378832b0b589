from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.scenario.load import Loaded
from tests.scenario.files import loaded, scenario

CHAIN = "through: [{idle_timeout: {after: 60s}}, {compress: {coding: gzip}}]"


def with_matrix(directory: Path, matrix: str, *lines: str) -> Loaded:
    return loaded(directory, scenario("a", CHAIN, *lines, f"matrix: {matrix}"))


def wrong(directory: Path, matrix: str, *lines: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        with_matrix(directory, matrix, *lines)
    return str(caught.value).removeprefix(f"{directory}/x.yaml:")


def test_each_value_is_a_case(tmp_path: Path) -> None:
    found = with_matrix(tmp_path, "{'through[0].idle_timeout.after': [60s, 20s]}")
    assert found.case_ids == ("a[60s]", "a[20s]")
    settings = [variant.scenario.through[0].faults[0].settings for variant in found.variants]
    assert settings == [{"after": "60s"}, {"after": "20s"}]
    assert all(not variant.scenario.matrix for variant in found.variants)


def test_several_paths_are_combined_the_last_one_changing_fastest(tmp_path: Path) -> None:
    found = with_matrix(
        tmp_path,
        "{'through[0].idle_timeout.after': [60s, 20s], 'through[1].compress.coding': [gzip, br]}",
    )
    assert found.case_ids == ("a[60s,gzip]", "a[60s,br]", "a[20s,gzip]", "a[20s,br]")


def test_without_a_matrix_there_is_one_case_with_the_scenarios_id(tmp_path: Path) -> None:
    assert loaded(tmp_path, scenario("a", CHAIN)).case_ids == ("a",)


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ("[1, 10]", ("a[1]", "a[10]")),
        ("[~, 3]", ("a[null]", "a[3]")),
        ("['1', 0x2]", ("a[1]", None)),
    ],
)
def test_values_are_named_as_they_are_typed(
    tmp_path: Path, values: str, ids: tuple[str, str | None]
) -> None:
    matrix = f"{{traffic.count: {values}}}"
    if ids[1] is None:
        assert "expected an integer, got 0x2" in wrong(tmp_path, matrix, "traffic: {every: 1s}")
    else:
        found = with_matrix(tmp_path, matrix, "traffic: {every: 1s}")
        assert found.case_ids == ids


def test_a_nested_value_is_named_in_flow_style(tmp_path: Path) -> None:
    found = with_matrix(tmp_path, "{client: [eventsource, {eventsource: {http: '2', tls: true}}]}")
    assert found.case_ids == ("a[eventsource]", "a[eventsource{http:2,tls:true}]")
    assert found.variants[1].scenario.client[0].http == "2"


def test_a_whole_chain_may_be_a_value(tmp_path: Path) -> None:
    found = with_matrix(tmp_path, "{through: [[], [{latency: {delay: 1s}}]]}")
    assert found.case_ids == ("a[[]]", "a[[latency{delay:1s}]]")
    assert [len(variant.scenario.through) for variant in found.variants] == [0, 1]


def test_a_whole_hop_may_be_a_value_and_is_named_by_its_product(tmp_path: Path) -> None:
    hops = "[nginx, envoy@1.40, {haproxy: {timeout server: 9s}}, {latency: {delay: 1s}}]"
    found = with_matrix(tmp_path, f"{{'through[0]': {hops}}}")
    assert found.case_ids == (
        "a[nginx]",
        "a[envoy@1.40]",
        "a[haproxy{timeout_server:9s}]",
        "a[latency{delay:1s}]",
    )
    first, _, third, _ = (variant.scenario.through for variant in found.variants)
    assert [hop.product and hop.product.name for hop in first] == ["nginx", None]
    assert third[0].product is not None
    assert third[0].product.settings == {"timeout server": "9s"}


def test_a_whole_hop_that_is_unknown_has_the_place_it_is_written_at(tmp_path: Path) -> None:
    assert wrong(tmp_path, "{'through[0]': [nginx, nginks]}").startswith(
        "4:32: through[0]: unknown product nginks; did you mean nginx?"
    )


@pytest.mark.parametrize("hop", ["nginx", "nginx@1.22", "{nginx@1.22: }", "{nginx: {gzip: on}}"])
def test_a_path_leads_into_a_product_however_it_is_written(tmp_path: Path, hop: str) -> None:
    lines = f"through: [{hop}]\nmatrix: {{'through[0].nginx.proxy_read_timeout': [1m, 20s]}}"
    found = loaded(tmp_path, scenario("a", lines))
    assert found.case_ids == ("a[1m]", "a[20s]")
    uses = [variant.scenario.through[0].product for variant in found.variants]
    assert [it and it.settings["proxy_read_timeout"] for it in uses] == ["60s", "20s"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("through[0].haproxy.gzip", "leads nowhere: there is no through[0].haproxy"),
        ("through[1].nginx.gzip", "leads nowhere: there is no through[1]"),
        ("through[0].nginx.gzpi", "through[0].nginx.gzpi: unknown setting; did you mean gzip?"),
    ],
)
def test_a_path_beside_a_product_leads_nowhere(tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        loaded(tmp_path, scenario("a", f"through: [nginx]\nmatrix: {{'{path}': [off]}}"))
    assert message in str(caught.value)


def test_a_setting_that_is_not_written_may_be_filled_in(tmp_path: Path) -> None:
    path = "'through[0].idle_timeout.mid_stream'"
    found = with_matrix(tmp_path, f"{{{path}: [reset, truncation]}}")
    settings = [variant.scenario.through[0].faults[0].settings for variant in found.variants]
    assert [it["mid_stream"] for it in settings] == ["reset", "truncation"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("through[2].latency.delay", "leads nowhere: there is no through[2] in this scenario"),
        (
            "through[0].idle_timout.after",
            "there is no through[0].idle_timout in this scenario; did you mean idle_timeout?",
        ),
        ("through[0].latency", "leads nowhere: there is no through[0].latency in this scenario"),
        ("through.idle_timeout", "leads nowhere: there is no through.idle_timeout"),
        ("sever.heartbeat", "leads nowhere: there is no sever in this scenario"),
        ("through[0", "expected a path such as through[0].idle_timeout.after, got through[0"),
        ("through..x", "expected a path such as through[0].idle_timeout.after, got through..x"),
        ("", "expected a path such as through[0].idle_timeout.after, got an empty string"),
        ("[0]", "leads nowhere: there is no [0] in this scenario"),
        ("id", "id is the same for every case of a matrix"),
        ("matrix.id", "matrix is the same for every case of a matrix"),
    ],
)
def test_a_path_that_leads_nowhere_has_the_place_of_its_key(
    tmp_path: Path, path: str, message: str
) -> None:
    told = wrong(tmp_path, f"{{'{path}': [5s]}}")
    assert told.startswith("4:10: matrix")
    assert message in told


def test_an_unknown_setting_is_placed_at_the_value(tmp_path: Path) -> None:
    told = wrong(tmp_path, "{'through[0].idle_timeout.aftr': [5s]}")
    assert "through[0].idle_timeout.aftr: unknown key; did you mean after?" in told
    assert told.startswith("4:")


def test_a_value_that_makes_no_sense_has_the_place_it_is_written_at(tmp_path: Path) -> None:
    assert wrong(tmp_path, "{'through[0].idle_timeout.after': [60s, 20]}") == (
        "4:49: through[0].idle_timeout.after: "
        "expected a duration with a unit such as 30s or 250ms, got 20"
    )


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ("{traffic: [{every: 1s}, {every: 1s}]}", "duplicate value {every:1s}"),
        ("{traffic: [{}], traffic.every: [1s]}", "overlaps traffic"),
        (
            "{traffic.end_marker: ['a,b', a], source: [c, 'b,c']}",
            "source is the same for every case",
        ),
        (
            "{traffic.end_marker: ['a,b', a], 'client.eventsource.last_event_id': [c, 'b,c']}",
            "two combinations have the name a,b,c",
        ),
    ],
)
def test_no_two_cases_are_one(tmp_path: Path, matrix: str, message: str) -> None:
    assert message in wrong(tmp_path, matrix, "traffic: {every: 1s}", "client: {eventsource: {}}")


def test_a_matrix_is_bounded(tmp_path: Path) -> None:
    numbers = ", ".join(str(n) for n in range(1, 30))
    told = wrong(
        tmp_path, f"{{traffic.count: [{numbers}], traffic.burst: [{numbers}]}}", "traffic: {}"
    )
    assert "expected at most 500 combinations, got 841" in told
