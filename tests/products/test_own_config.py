"""What of a configuration the product here can be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.products.load import load
from harness.products.model import Product
from harness.products.own_config import OwnConfig, read
from tests.products.nginx_files import written

TEXT = """\
product: nginx
title: X
syntax: nginx
settings:
  proxy_read_timeout: {type: duration}
  keepalive_timeout: {type: duration}
  send_timeout: {type: duration, no_effect: x, source: https://a.test/}
  proxy_buffer_size: {type: size}
  proxy_buffers: {type: text}
  proxy_cache: {type: text}
  gzip: {type: flag}
  gzip_types: {type: words}
  proxy_set_header: {type: fields}
  add_header: {type: fields}
"""


@pytest.fixture
def product(tmp_path: Path) -> Product:
    (tmp_path / "nginx.yaml").write_text(TEXT)
    return load(tmp_path / "nginx.yaml")


def found(product: Product, folder: Path, *lines: str) -> OwnConfig:
    file = written(folder, "server { location / { proxy_pass http://app;", *lines, "} }")
    return read(product, file, {"config": "nginx.conf", "location": "/"})


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("proxy_read_timeout 1h30m;", {"proxy_read_timeout": "1h30m"}),
        ("keepalive_timeout 65 60;", {"keepalive_timeout": "65"}),
        ("proxy_buffer_size 16k;", {"proxy_buffer_size": "16k"}),
        ("proxy_buffers 8 16k;", {"proxy_buffers": "8 16k"}),
        ("gzip on;", {"gzip": "on"}),
        ("gzip_types a b; gzip_types c;", {"gzip_types": ("a", "b", "c")}),
        ("proxy_cache $zone;", {}),
        ("proxy_cache zone;", {"proxy_cache": "zone"}),
        ("add_header X-A b always; add_header X-C d;", {"add_header": {"X-A": "b", "X-C": "d"}}),
        ("proxy_set_header Host $host;", {}),
        ("proxy_set_header A '';", {"proxy_set_header": {"A": ""}}),
        ("proxy_set_header Connection ''; proxy_set_header Upgrade a;", {}),
        ("proxy_set_header A b; proxy_set_header C $d;", {"proxy_set_header": {"A": "b"}}),
    ],
)
def test_a_directive_is_told_as_the_products_type_wants_it(
    product: Product, tmp_path: Path, line: str, settings: dict[str, object]
) -> None:
    own = found(product, tmp_path, line)

    assert own.settings == settings
    assert own.use.lines == dict.fromkeys(settings, "nginx.conf:2")


def test_a_setting_that_does_nothing_is_remarked(product: Product, tmp_path: Path) -> None:
    use = found(product, tmp_path, "send_timeout 1h;").use

    assert use.notes[-1] == "nginx.conf:2: send_timeout 1h does nothing for a stream: x"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("proxy_buffering off;", ("proxy_buffering off (nginx.conf:2)",)),
        ("proxy_set_header Connection '';", ()),
        ("add_header A '';", ()),
        ("send_timeout 1h;", ()),
        ("fastcgi_buffering off;", ()),
    ],
)
def test_what_the_product_cannot_be_told_is_not_modelled(
    product: Product, tmp_path: Path, line: str, said: tuple[str, ...]
) -> None:
    assert found(product, tmp_path, line).use.unmodelled == said


def test_secrets_stay_out_of_what_is_kept(product: Product, tmp_path: Path) -> None:
    use = found(product, tmp_path, 'proxy_set_header Authorization "Basic $secret";').use

    assert "Basic" not in repr(use)
