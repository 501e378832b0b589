"""Reading an nginx configuration: words, blocks, includes and dumps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.products import nginx_files
from harness.products.nginx_directives import Directive
from harness.products.nginx_files import read_files
from tests.products.nginx_files import FIRST, read, written


def told(directive: Directive) -> list[str]:
    """Each directive with its line, depth first."""
    lines = []
    for it in directive.block or ():
        lines.append(f"{it.line} {it}")
        lines += told(it)
    return lines


def refused(folder: Path, *texts: str, **others: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        read(folder, *texts, **others)
    return str(caught.value)


# -- words and blocks ------------------------------------------------------------------------------


def test_every_directive_knows_its_line(tmp_path: Path) -> None:
    main = read(
        tmp_path, "events {}", "# a comment; {", "http {", "  gzip on; gzip_types a", "   b;", "}"
    )

    assert told(main) == [
        "nginx.conf:1 events",
        "nginx.conf:3 http",
        "nginx.conf:4 gzip on",
        "nginx.conf:4 gzip_types a b",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"a b"', "a b"),
        ("'a \"b\"'", 'a "b"'),
        (r'"a \"b\""', 'a "b"'),
        (r"v\.w", r"v\.w"),
        (r'"k\\l"', r"k\l"),
        (r'"a\tb"', "a\tb"),
        ("''", ""),
        ("a#b", "a#b"),
        ('"{;}"', "{;}"),
        ("${a}b", "${a}b"),
    ],
)
def test_quotes_and_escapes_are_resolved(tmp_path: Path, written: str, meant: str) -> None:
    main = read(tmp_path, f"set_it {written} end;")

    assert [it.args for it in main.block or ()] == [(meant, "end")]


def test_a_variable_in_braces_ends_at_a_blank(tmp_path: Path) -> None:
    main = read(tmp_path, "map ${a} $b { x y; }")

    assert [it.args for it in main.block or ()] == [("${a}", "$b")]


def test_bytes_that_are_no_utf_8_are_taken_as_nginx_takes_them(tmp_path: Path) -> None:
    (tmp_path / FIRST).write_bytes(b"# caf\xe9\r\ngzip on;\r\n")

    assert told(read_files(tmp_path / FIRST, FIRST)) == ["nginx.conf:2 gzip on"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http {\n server {\n }\n", 'nginx.conf:3: unexpected end of file, expecting "}"'),
        ("http { }\n}\n", 'nginx.conf:2: unexpected "}"'),
        ("http {\n;\n}", 'nginx.conf:2: unexpected ";"'),
        ("http {\n{ }\n}", 'nginx.conf:2: unexpected "{"'),
        ("gzip\non\n", 'nginx.conf:1: expected ";" or "{" after gzip on'),
        ("http {\n gzip on\n}", 'nginx.conf:2: expected ";" or "{" after gzip on'),
        ('gzip\n "on;', 'nginx.conf:2: unexpected end of file, expecting """'),
        ("\ufeffgzip on;", "nginx.conf:1: expected no byte order mark: nginx takes it for a "),
    ],
)
def test_what_is_no_configuration_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    assert refused(tmp_path, text).startswith(message)


def test_a_file_that_is_not_there_is_refused_on_its_first_line(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_files(tmp_path / "none.conf", "none.conf")

    assert str(caught.value) == "none.conf:1: cannot be read: no such file or directory"


def test_blocks_are_read_to_a_bounded_depth(tmp_path: Path) -> None:
    deep = "a {\n" * 70 + "}" * 70

    assert refused(tmp_path, deep) == "nginx.conf:65: expected at most 64 blocks in each other"


# -- includes --------------------------------------------------------------------------------------


def test_an_include_stands_for_what_it_includes(tmp_path: Path) -> None:
    main = read(tmp_path, "http {", "include a.conf;", "b 1;", "}", a="a 1;\na 2;")

    assert told(main) == [
        "nginx.conf:1 http", "a.conf:1 a 1", "a.conf:2 a 2", "nginx.conf:3 b 1",
    ]  # fmt: skip


def test_a_relative_include_starts_at_the_folder_of_the_main_file(tmp_path: Path) -> None:
    main = read(tmp_path, "include sub/a.conf;", sub__a="include b.conf;", b="b 1;", sub__b="b 2;")

    assert told(main) == ["b.conf:1 b 1"]


def test_an_include_is_called_relative_to_the_main_files_name(tmp_path: Path) -> None:
    file = written(tmp_path, "include sub/a.conf;", sub__a="a 1;")

    assert told(read_files(file, "etc/nginx.conf")) == ["etc/sub/a.conf:1 a 1"]


def test_an_absolute_include_keeps_its_name(tmp_path: Path) -> None:
    lines = (f"include {tmp_path}/a*.conf;", f"include {tmp_path}/b.conf;")
    main = read(tmp_path, *lines, a="a 1;", b="b 1;")

    assert told(main) == [f"{tmp_path}/a.conf:1 a 1", f"{tmp_path}/b.conf:1 b 1"]


def test_a_glob_is_sorted_by_bytes_and_sees_no_hidden_files(tmp_path: Path) -> None:
    names = ("b", "A", "a", "10", "9", ".c", "é")
    main = read(tmp_path, "include s/*.conf;", **{f"s__{name}": f"is {name};" for name in names})

    assert [it.args[0] for it in main.block or ()] == ["10", "9", "A", "a", "b", "é"]


def test_a_glob_that_matches_nothing_is_no_mistake(tmp_path: Path) -> None:
    assert told(read(tmp_path, "include none/*.conf; a 1;")) == ["nginx.conf:1 a 1"]


@pytest.mark.parametrize(
    ("include", "message"),
    [
        ("none.conf", "nginx.conf:2: include none.conf: cannot be read: no such file or directory"),
        ("sub", "nginx.conf:2: include sub: cannot be read: not a file"),
        ("su?", "nginx.conf:2: include sub: cannot be read: not a file"),
        ("pipe", "nginx.conf:2: include pipe: cannot be read: not a file"),
        ("nginx.conf", "nginx.conf:2: include nginx.conf: the file includes itself"),
        ("./nginx.conf", "nginx.conf:2: include ./nginx.conf: the file includes itself"),
        ("loop.conf", "sub/back.conf:1: include loop.conf: the file includes itself"),
        ("", "nginx.conf:2: include: expected one name, got an empty string"),
        ("a.conf b.conf", "nginx.conf:2: include: expected one name, got a.conf b.conf"),
        ("bad.conf", 'bad.conf:1: unexpected ";"'),
    ],
)
def test_an_include_that_fails_says_where(tmp_path: Path, include: str, message: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    files = {"loop": "\ninclude sub/back.conf;", "sub__back": "include loop.conf;", "bad": ";"}

    assert refused(tmp_path, "", f"include {include};", **files) == message


def test_files_that_include_ever_more_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nginx_files, "MAX_DIRECTIVES", 100)
    files = {f"f{at}": f"include f{at + 1}.conf; " * 10 for at in range(8)} | {"f8": "a 1;"}

    message = refused(tmp_path, "include f0.conf;", **files)

    assert message == "f5.conf:1: expected at most 100 directives in a block"


def test_all_files_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nginx_files, "MAX_BYTES", 1024)
    half = "#" * 512

    message = refused(tmp_path, "include a.conf; include b.conf;", a=half, b=half)

    assert message == "b.conf:1: expected at most 1KiB of configuration in all"


@pytest.mark.parametrize("block", ["types", "map $a $b", "stream", "events", "geo $a", "mail"])
def test_what_cannot_touch_a_response_need_not_be_there(tmp_path: Path, block: str) -> None:
    main = read(tmp_path, f"{block} {{", "include none.conf;", "}", "a 1;")

    assert told(main)[-1] == "nginx.conf:4 a 1"


def test_what_nginx_ships_need_not_be_there(tmp_path: Path) -> None:
    main = read(tmp_path, "include /nowhere/mime.types;", "include fastcgi_params;", "a 1;")

    assert told(main) == ["nginx.conf:3 a 1"]


def test_debians_proxy_params_have_to_be_there(tmp_path: Path) -> None:
    assert refused(tmp_path, "include proxy_params;").startswith("nginx.conf:1: include proxy_para")


# -- dumps -----------------------------------------------------------------------------------------

DUMP = """\
nginx: [warn] conflicting server name "a" on 0.0.0.0:80, ignored
2026/01/02 03:04:05 [warn] 7#7: something else
nginx: the configuration file /etc/nginx/nginx.conf syntax is ok
nginx: configuration file /etc/nginx/nginx.conf test is successful
# configuration file /etc/nginx/nginx.conf:
http {
    include conf.d/*.conf;
    include /etc/nginx/./other;
}

# configuration file /etc/nginx/conf.d/b.conf:
b 1;

# configuration file /etc/nginx/conf.d/a.conf:

a 1;
# configuration file /etc/nginx/conf.d/.hidden.conf:
hidden 1;
# configuration file /etc/nginx/conf.d/sub/c.conf:
c 1;
# configuration file /etc/nginx/other:
other 1;
"""


@pytest.mark.parametrize("dump", [DUMP, DUMP.partition("successful\n")[2]])
def test_a_dump_is_read_by_the_names_in_it(tmp_path: Path, dump: str) -> None:
    assert told(read(tmp_path, dump)) == [
        "/etc/nginx/nginx.conf:1 http",
        "/etc/nginx/conf.d/a.conf:2 a 1",
        "/etc/nginx/conf.d/b.conf:1 b 1",
        "/etc/nginx/other:1 other 1",
    ]


def test_what_a_dump_lacks_is_not_looked_for_on_this_machine(tmp_path: Path) -> None:
    file = written(tmp_path, "a 1;")
    text = f"# configuration file /etc/nginx/nginx.conf:\n\ninclude {file};\n"

    assert refused(tmp_path, text) == (
        f"/etc/nginx/nginx.conf:2: include {file}: no such file in the output of nginx -T"
    )


def test_a_comment_that_looks_like_a_dump_makes_none(tmp_path: Path) -> None:
    main = read(tmp_path, "a 1;", "# configuration file b.conf:", "c 1;")

    assert told(main) == ["nginx.conf:1 a 1", "nginx.conf:3 c 1"]
