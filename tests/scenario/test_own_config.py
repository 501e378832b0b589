"""`config:` under a product: settings from the user's own file, with the lines they stand on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.model.scenario import Case, ProductUse, Scenario, Target
from harness.products.real import installed
from harness.scenario.chain import parse_chain, read_chain, remarks, show_chain
from harness.scenario.expand import AD_HOC_PLACE, case_of, expand
from harness.scenario.override import overridden, parse_override
from harness.yamlio import load
from tests.scenario.files import loaded, scenario, written

CONF = """\
http {
    proxy_read_timeout 20s;
    keepalive_timeout 65;
    server {
        listen 80;
        location /api { proxy_pass http://app; proxy_buffering off; gzip on; gzip_types a b; }
        location /slow {
            proxy_pass http://app; proxy_read_timeout 1h; limit_rate 4k;
        }
    }
}
"""
AT_API = "{config: etc/nginx.conf, location: /api}"


def use_of(folder: Path, settings: str, conf: str = CONF) -> ProductUse:
    """What becomes of these settings of nginx in a scenario beside etc/nginx.conf."""
    written(folder, conf, "etc/nginx.conf")
    found = loaded(folder, scenario("a/b", f"through: [{{nginx: {settings}}}]"))
    (hop,) = found.scenario.through
    assert hop.product is not None
    return hop.product


def refused(folder: Path, settings: str, conf: str = CONF) -> str:
    with pytest.raises(ScenarioError) as caught:
        use_of(folder, settings, conf)
    return str(caught.value).removeprefix(f"{folder}/x.yaml:")


def test_settings_are_those_of_the_file_each_with_its_line(tmp_path: Path) -> None:
    use = use_of(tmp_path, AT_API)

    assert use.settings == {
        "proxy_read_timeout": "20s", "proxy_buffering": "off", "keepalive_timeout": "65s",
        "gzip": "on", "gzip_types": "a b",
    }  # fmt: skip
    assert use.config is not None
    assert use.config.lines == {
        "proxy_read_timeout": "etc/nginx.conf:2", "proxy_buffering": "etc/nginx.conf:6",
        "keepalive_timeout": "etc/nginx.conf:3", "gzip": "etc/nginx.conf:6",
        "gzip_types": "etc/nginx.conf:6",
    }  # fmt: skip


def test_the_faults_are_those_of_the_settings(tmp_path: Path) -> None:
    written(tmp_path, CONF, "etc/nginx.conf")
    document = load(f"[{{nginx: {AT_API}}}]", f"{tmp_path}/x.yaml")
    (hop,) = read_chain(document, (), document.value)
    (same,) = parse_chain(
        "[{nginx: {proxy_read_timeout: 20s, proxy_buffering: off, gzip: on, gzip_types: a b}}]"
    )

    assert [(it.name, it.settings) for it in hop.faults] == [
        (it.name, it.settings) for it in same.faults
    ]
    (limit,) = (it for it in hop.faults if it.is_limit)
    assert (limit.setting, limit.value, limit.place) == (
        "proxy_read_timeout", "20s", "etc/nginx.conf:2",
    )  # fmt: skip


def test_what_the_scenario_writes_comes_before_the_file(tmp_path: Path) -> None:
    use = use_of(tmp_path, AT_API.replace("}", ", proxy_read_timeout: 5s}"))

    assert use.settings["proxy_read_timeout"] == "5s"
    assert use.config is not None
    assert "proxy_read_timeout" not in use.config.lines


def test_set_comes_before_the_file(tmp_path: Path) -> None:
    written(tmp_path, CONF, "etc/nginx.conf")
    document = load(f"[{{nginx: {AT_API}}}]", f"{tmp_path}/x.yaml")
    hops = read_chain(document, (), document.value)
    (hop,) = overridden(hops, [parse_override("nginx.proxy_read_timeout=5s")])

    assert hop.product is not None
    assert hop.product.written == {
        "config": "etc/nginx.conf", "location": "/api", "proxy_read_timeout": "5s",
    }  # fmt: skip
    assert hop.product.settings["gzip"] == "on"


def test_a_hop_is_shown_and_written_by_its_file(tmp_path: Path) -> None:
    written(tmp_path, CONF, "etc/nginx.conf")
    text = "[{nginx@1.29.7: {config: etc/nginx.conf, location: '/api?secret=1', server: 80}}]"
    document = load(text, f"{tmp_path}/x.yaml")
    hops = read_chain(document, (), document.value)

    assert show_chain(hops) == ("nginx@1.29.7 config=etc/nginx.conf location=/api server=80",)
    assert [hop.as_yaml() for hop in hops] == [
        {"nginx@1.29.7": {"config": "etc/nginx.conf", "location": "/api", "server": "80"}}
    ]


def test_a_matrix_goes_through_locations_and_settings(tmp_path: Path) -> None:
    written(tmp_path, CONF, "etc/nginx.conf")
    found = loaded(
        tmp_path,
        scenario(
            "a/b",
            f"through: [{{nginx: {AT_API}}}]",
            "matrix: {'through[0].nginx.location': [/api, /slow]}",
        ),
    )
    cases = expand(found, target=Target(), clock="virtual", seed=1)
    uses = [case.scenario.through[0].product for case in cases]

    assert [it and it.settings["proxy_read_timeout"] for it in uses] == ["20s", "1h"]


def test_a_case_needs_no_file_once_it_is_written(tmp_path: Path) -> None:
    written(tmp_path, CONF, "etc/nginx.conf")
    found = loaded(tmp_path, scenario("a/b", f"through: [{{nginx: {AT_API}}}]"))
    (case,) = expand(found, target=Target(), clock="virtual", seed=1)
    text = json.dumps(case.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    (tmp_path / "etc" / "nginx.conf").unlink()

    assert Case.model_validate(json.loads(text)) == case
    assert str(tmp_path) not in text.replace(case.place, "")


def test_a_file_on_the_command_line_starts_at_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, CONF, "nginx.conf")
    monkeypatch.chdir(tmp_path)

    assert show_chain(parse_chain("[{nginx: {config: ./nginx.conf, location: /api}}]")) == (
        "nginx@1.22 config=./nginx.conf location=/api",
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "{config: none.conf, location: /api}",
            "3:28: through[0].nginx.config: none.conf:1: cannot be read: no such file or directory",
        ),
        (
            "{config: etc/nginx.conf, location: /none}",
            "3:28: through[0].nginx.config: etc/nginx.conf:4: no location of this server matches ",
        ),
        (
            "{config: etc/nginx.conf, location: api}",
            "3:54: through[0].nginx.location: expected a path such as /api/stream, got api",
        ),
        (
            "{config: etc/nginx.conf, location: /api, server: a.test}",
            "3:68: through[0].nginx.server: etc/nginx.conf:1: no server is a.test; they listen on ",
        ),
        (
            "{config: etc/nginx.conf}",
            "3:20: through[0].nginx: location: required beside config, but missing",
        ),
        ("{server: 80}", "3:20: through[0].nginx: config: required beside server, but missing"),
        (
            "{config: [a], location: /api}",
            "3:28: through[0].nginx.config: expected a text, got a list",
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_both_its_places(
    tmp_path: Path, settings: str, message: str
) -> None:
    assert refused(tmp_path, settings).startswith(message)


def test_a_value_that_nginx_would_not_take_is_told_with_its_line(tmp_path: Path) -> None:
    assert refused(tmp_path, AT_API, CONF.replace("20s", "20x")) == (
        "3:28: through[0].nginx.config: etc/nginx.conf:2: proxy_read_timeout: expected a duration "
        "such as 60s, 1m, 500ms or 60, got 20x"
    )


def test_a_product_whose_files_cannot_be_read_has_no_config() -> None:
    with pytest.raises(ScenarioError, match="config: unknown setting"):
        parse_chain("[{haproxy: {config: haproxy.cfg, location: /}}]")


def test_the_loader_tells_what_was_found_and_what_is_not_modelled(tmp_path: Path) -> None:
    written(tmp_path, CONF, "etc/nginx.conf")
    through = "through: [{nginx: {config: etc/nginx.conf, location: /slow}}]"
    found = loaded(tmp_path, scenario("a/b", through))
    place = f"{tmp_path}/x.yaml: through[0].nginx@1.22: "
    lines = [it.removeprefix(place) for it in found.warnings]

    assert lines[0].startswith(
        "/slow is proxied by location /slow (etc/nginx.conf:7) of server etc"
    )
    assert lines[1] == "not modelled: limit_rate 4k (etc/nginx.conf:8): slows the response down"
    assert lines[2].startswith("etc/nginx.conf:3: keepalive_timeout 65 does nothing for a stream: ")


def test_the_program_itself_may_run_with_the_file(tmp_path: Path) -> None:
    conf = CONF.replace("limit_rate 4k;", "limit_rate 4k; auth_basic s3cret;")
    written(tmp_path, conf, "etc/nginx.conf")
    text = "through: [{real: {nginx: {config: etc/nginx.conf, location: /slow}}}]"
    found = loaded(tmp_path, scenario("a/b", text))
    (hop,) = found.scenario.through

    assert hop.is_real
    assert hop.product is not None
    assert hop.product.settings["proxy_read_timeout"] == "1h"
    assert hop.as_yaml() == {"real": {"nginx": {"config": "etc/nginx.conf", "location": "/slow"}}}
    assert show_chain([hop]) == ("nginx (real) config=etc/nginx.conf location=/slow",)
    said = "\n".join(found.warnings)
    # It does what is not modelled, and is not given what would turn our client away.
    assert "not modelled" not in said
    assert "etc/nginx.conf:8: the program is given the file without this auth_basic" in said
    assert "s3cret" not in said


def test_beside_its_file_the_program_takes_nothing(tmp_path: Path) -> None:
    written(tmp_path, CONF, "etc/nginx.conf")
    for setting in ("proxy_read_timeout: 5s", "gzip_vary: on"):
        use = f"{{config: etc/nginx.conf, location: /api, {setting}}}"
        with pytest.raises(ScenarioError) as caught:
            loaded(tmp_path, scenario("a/b", f"through: [{{real: {{nginx: {use}}}}}]"))
        name = setting.partition(":")[0]
        assert f"through[0].real.nginx.{name}: a real nginx takes its own " in str(caught.value)


def test_a_file_stays_with_the_version_that_is_installed(tmp_path: Path) -> None:
    written(tmp_path, CONF, "etc/nginx.conf")
    document = load(f"[{{real: {{nginx: {AT_API}}}}}]", f"{tmp_path}/x.yaml")
    (hop,) = read_chain(document, (), document.value)
    before, after = hop.product, installed(hop, "1.29.7").product

    assert before is not None
    assert after is not None
    assert (before.version, after.version) == ("", "1.29.7")
    assert after.config == before.config
    timeout = next(it for it in installed(hop, "1.29.7").faults if it.name == "idle_timeout")
    assert timeout.place == "etc/nginx.conf:2"


def test_a_chain_without_a_file_has_no_remarks() -> None:
    assert list(remarks(parse_chain("nginx,haproxy"))) == []


def test_a_setting_that_does_nothing_for_a_stream_is_remarked() -> None:
    (said,) = remarks(parse_chain("[{nginx: {send_timeout: 5s, gzip: on}}]"))
    where, _, why = said.partition(": nothing for a stream: ")
    assert (where, why.startswith("it is the time")) == ("through[0].nginx@1.22.send_timeout", True)


def test_what_a_file_sets_to_no_effect_is_remarked_once(tmp_path: Path) -> None:
    written(tmp_path, CONF, "etc/nginx.conf")
    document = load(f"[{{nginx: {AT_API}}}]", f"{tmp_path}/x.yaml")
    found = remarks(read_chain(document, (), document.value))
    (said,) = (it for it in found if "keepalive" in it)
    where, _, why = said.partition(" does nothing for a stream: ")
    assert where == "through[0].nginx@1.22: etc/nginx.conf:3: keepalive_timeout 65"
    assert why.startswith("it is the time")


def test_an_ad_hoc_case_keeps_what_was_said_of_the_file(tmp_path: Path) -> None:
    written(tmp_path, CONF, "etc/nginx.conf")
    document = load(f"[{{nginx: {AT_API}}}]", f"{tmp_path}/x.yaml")
    chain = read_chain(document, (), document.value)
    case = case_of(
        Scenario(id="a/b", why="c", through=chain),
        target=Target(), clock="virtual", seed=1, place=AD_HOC_PLACE,
    )  # fmt: skip
    (hop,) = Case.model_validate(case.model_dump(mode="json", by_alias=True)).scenario.through

    assert hop.product is not None
    assert hop.product.config is not None
    assert "location /api (etc/nginx.conf:6)" in hop.product.config.found
    assert len(hop.product.config.notes) == 2
