"""The configurations of real programs: a setting that is written is in them, or refused."""

from __future__ import annotations

import dataclasses

import pytest

from harness import products
from harness.errors import ScenarioError
from harness.products import real
from harness.products.settings import read, unset

STAND = real.Stand(
    port=8080, upstream_host="127.0.0.1", upstream_port=9000, scratch="/scratch", is_root=False
)
# One value that is not the default for each type of setting.
SAMPLES: dict[str, object] = {
    "duration": "7s",
    "size": "3k",
    "flag": "on",
    "words": "text/event-stream",
    "count": "3",
    "text": "word",
    "times": "any 7s",
    "buffers": "4 16k",
    "fields": {"X-A": "b"},
}

# Words that are no types.
WORDS = {
    ("caddy", "encode"): "gzip",
    ("lighttpd", "deflate_allowed-encodings"): "gzip",
    ("traefik", "encodings"): "gzip",
    ("nginx", "proxy_ignore_headers"): "X-Accel-Buffering",
    ("nginx", "proxy_hide_header"): "X-A",
    ("nginx", "proxy_pass_header"): "Server",
    ("nginx", "gzip_proxied"): "any",
}
# What has to stand beside a setting for it to change anything.
BESIDE = {
    ("caddy", "minimum_length"): {"encode": "gzip"},
    ("caddy", "match"): {"encode": "gzip"},
    ("envoy", "per_try_timeout"): {"num_retries": "1"},
    ("envoy", "compressor_content_type"): {"compressor": "gzip"},
    ("traefik", "encodings"): {"compress": "on"},
    ("traefik", "excludedContentTypes"): {"compress": "on"},
    ("traefik", "includedContentTypes"): {"compress": "on"},
    ("lighttpd", "deflate_allowed-encodings"): {"deflate_mimetypes": "text/event-stream"},
}
# Those that can be asked over HTTP/2.
H2 = {"apache", "caddy", "envoy", "haproxy", "lighttpd", "nginx", "traefik", "varnish"}
# What there is no way to give to a program here.
NOT_TAKEN = {
    "starlette-gzip": {"Z_SYNC_FLUSH", "early start"},  # what versions do, not what one sets
    "squid": {"accel"},  # a forward proxy is asked in another form
}


def rendered(name: str, **settings: object) -> str:
    """What a program is given: its configuration, and what it takes on its command line."""
    use = products.real_hop(products.product(name), "", settings).product
    assert use is not None
    return "\n".join([real.render(use, STAND)[1], *real.arguments(use, STAND)])


def refused(name: str, settings: dict[str, object], version: str = "") -> list[tuple[str, str]]:
    with pytest.raises(ScenarioError) as caught:
        products.real_hop(products.product(name), version, settings)
    return [(it.path, it.message) for it in (caught.value, *caught.value.also)]


def sample(name: str, setting: str) -> object:
    """A value for a setting that differs from its default, as the product writes it."""
    product = products.product(name)
    it = product.settings[setting]
    default = unset(product, setting) if it.default is None else read(product, setting, it.default)
    offered = [
        WORDS.get((name, setting), ""),
        *it.choices,
        SAMPLES.get(it.type_, ""),
        "7 seconds",
        "off",
        "600",
    ]
    for value in filter(None, offered):
        try:
            found = read(product, setting, value)
        except ValueError:
            continue
        if found != default:
            return found[1]
    raise AssertionError(f"no sample for {name}.{setting}")


@pytest.mark.parametrize("name", real.names())
def test_what_nobody_sets_is_left_to_the_program(name: str) -> None:
    text = rendered(name)

    assert "None" not in text
    assert "9000" in text


@pytest.mark.parametrize(
    ("name", "setting"),
    [(name, it) for name in real.names() for it in real.renderable(products.product(name))],
)
def test_every_setting_that_is_taken_changes_the_configuration(name: str, setting: str) -> None:
    beside = BESIDE.get((name, setting), {})

    text = rendered(name, **beside, **{setting: sample(name, setting)})

    assert text != rendered(name, **beside)


@pytest.mark.parametrize(("name", "setting"), BESIDE)
def test_a_setting_that_would_be_lost_is_an_error(name: str, setting: str) -> None:
    assert refused(name, {setting: sample(name, setting)}) == [
        (setting, "it changes nothing without another setting beside it")
    ]


@pytest.mark.parametrize("name", real.names())
def test_a_program_that_can_listens_for_http_2_where_it_is_asked_to(name: str) -> None:
    use = products.real_hop(products.product(name)).product
    assert use is not None
    stand = dataclasses.replace(STAND, h2_port=8082)

    if name not in H2:
        with pytest.raises(ScenarioError) as caught:
            real.render(use, stand)
        assert str(caught.value) == (
            f"a real {name} does not speak HTTP/2 in cleartext; ask it over HTTP/1.1"
        )
    else:
        text = "\n".join([real.render(use, stand)[1], *real.arguments(use, stand)])
        assert ("8082" in text, "8082" in rendered(name)) == (True, False)
    assert real.speaks_h2(name) == (name in H2)


@pytest.mark.parametrize("name", real.names())
def test_a_program_takes_the_settings_of_its_simulation(name: str) -> None:
    product = products.product(name)

    assert set(product.settings) - set(real.renderable(product)) == NOT_TAKEN.get(name, set())


def test_a_setting_is_written_as_the_product_writes_it() -> None:
    text = rendered("nginx", proxy_read_timeout="2", gzip="yes", gzip_types=["a/b", "c/d"])

    assert "\n            proxy_read_timeout 2s;\n" in text
    assert "\n    gzip on;\n" in text
    assert "\n    gzip_types a/b c/d;\n" in text
    assert "proxy_buffering" not in text


def test_a_real_hop_is_expected_to_do_what_the_simulation_does() -> None:
    hop = products.real_hop(products.product("nginx"), "", {"proxy_read_timeout": "2s"})
    (limit,) = (it for it in hop.faults if it.name == "idle_timeout")

    assert (hop.is_real, hop.called) == (True, "nginx (real)")
    assert limit.settings["after"] == "2s"
    assert hop.path_of(hop.faults.index(limit)) == "real.nginx.proxy_read_timeout"
    assert hop.as_yaml() == {"real": {"nginx": {"proxy_read_timeout": "2s"}}}


@pytest.mark.parametrize(
    ("version", "coding"), [("1.22.1", "1.0"), ("1.29.8", "1.1"), ("0.1", "1.0")]
)
def test_what_is_expected_is_that_of_the_installed_version(version: str, coding: str) -> None:
    hop = real.installed(products.real_hop(products.product("nginx")), version)
    (spoken,) = (it for it in hop.faults if it.name == "http_version")

    assert hop.called == f"nginx@{version} (real)"
    assert spoken.settings == {"upstream": coding}


def test_a_product_without_a_template_has_no_program_here() -> None:
    ((path, message),) = refused("heroku", {})

    assert path == ""
    assert message.startswith("heroku has no program that can be started; there are ")
    assert "nginx" in message


def test_the_version_is_the_one_that_is_installed() -> None:
    assert refused("nginx", {}, "1.22") == [
        ("", "a real nginx is the one that is installed; write it without @")
    ]


def test_an_unknown_setting_is_met_with_the_words_of_the_simulation() -> None:
    assert refused("nginx", {"proxy_raed_timeout": "2s"}) == [
        ("proxy_raed_timeout", "unknown setting; did you mean proxy_read_timeout?")
    ]


def test_a_value_that_would_end_its_line_is_refused() -> None:
    assert refused("nginx", {"gzip_types": "a/b; # c"}) == [
        (
            "gzip_types",
            "a quote, a brace, a semicolon or the like cannot be given to a real program",
        )
    ]


def test_fields_and_times_are_written_a_line_each() -> None:
    text = rendered(
        "nginx", add_header={"X-A": "b c", "X-D": "e"}, proxy_cache_valid="404 1m, any 10m"
    )

    assert '\n            add_header X-A "b c";\n            add_header X-D "e";\n' in text
    assert "\n            proxy_cache_valid 404 60s;\n" in text
    assert "\n            proxy_cache_valid any 10m;\n" in text


def test_the_zone_of_a_cache_is_there() -> None:
    assert "proxy_cache_path cache keys_zone=one:1m;" in rendered("nginx", proxy_cache="one")
    assert "proxy_cache_path" not in rendered("nginx", proxy_cache="off")


def test_a_field_whose_value_would_end_its_line_is_refused() -> None:
    ((path, message),) = refused("nginx", {"add_header": {"X-A": 'a"; b'}})

    assert (path, message.startswith("a quote, a brace,")) == ("add_header", True)


def test_a_setting_that_the_template_lacks_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real, "renderable", lambda _: ("gzip", "gzip_types"))

    assert refused("nginx", {"gzip": "on", "proxy_read_timeout": "2s"}) == [
        ("proxy_read_timeout", "it cannot be given to a real nginx, only gzip, gzip_types")
    ]
