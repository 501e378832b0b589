"""curl command lines, as a shell hands them over."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from harness.cli import curl, targeting
from harness.cli.targeting import Asked
from harness.errors import UsageError
from harness.model.target import Target
from tests.cli.command import Command

URL = "http://127.0.0.1:8000/chat"
# As Chrome copies a request of fetch(), and Firefox one of EventSource.
CHROME = rf"""curl '{URL}' \
  -H 'Accept: text/event-stream' \
  -H 'Accept-Language: en-GB,en;q=0.9' \
  -H 'Content-Type: application/json' \
  -b 'sid=abc; theme=dark' \
  -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64)' \
  -H 'sec-ch-ua: "Chromium";v="131", "Not_A Brand";v="24"' \
  --data-raw '{{"q":"it'\''s @home"}}' \
  --insecure"""
FIREFOX = rf"""curl '{URL}?after=1' \
  --compressed \
  -X POST \
  -H 'User-Agent: Mozilla/5.0 Gecko/20100101 Firefox/133.0' \
  -H 'Accept: text/event-stream' \
  -H 'Accept-Encoding: gzip, deflate, br, zstd' \
  -H 'Content-Length: 0' \
  -H 'Connection: keep-alive'"""


def target(line: str) -> Target:
    # A shell joins such lines; shlex does not.
    words = shlex.split(line.replace("\\\n", ""))
    return targeting.target(targeting.of_words(words, Asked()))


def test_a_line_copied_from_chrome_is_what_chrome_asked() -> None:
    assert target(CHROME) == Target(
        url=URL,
        method="POST",
        body='{"q":"it\'s @home"}',
        headers=(
            ("Accept", "text/event-stream"),
            ("Accept-Language", "en-GB,en;q=0.9"),
            ("Content-Type", "application/json"),
            ("Cookie", "sid=abc; theme=dark"),
            ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"),
            ("sec-ch-ua", '"Chromium";v="131", "Not_A Brand";v="24"'),
        ),
        insecure=True,
    )


def test_a_line_copied_from_firefox_is_what_firefox_asked() -> None:
    read = target(FIREFOX)
    assert (read.url, read.method, read.body) == (f"{URL}?after=1", "POST", None)
    assert [name for name, _ in read.headers] == [
        "User-Agent", "Accept", "Accept-Encoding", "Connection",
    ]  # fmt: skip


FORM = ("Content-Type", "application/x-www-form-urlencoded")
JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("h/x", {"url": "http://h/x"}),
        ("--url https://h/", {"url": "https://h/"}),
        ("-sSNL h", {}),
        ("-XPUT h", {"method": "PUT"}),
        ("-sXPUT h", {"method": "PUT"}),
        ("h -d a -d b", {"method": "POST", "body": "a&b", "headers": (FORM,)}),
        ("h -da=1", {"method": "POST", "body": "a=1", "headers": (FORM,)}),
        ("h --data-raw @x", {"method": "POST", "body": "@x", "headers": (FORM,)}),
        ("h -X GET --data-binary x", {"body": "x", "headers": (FORM,)}),
        ("h --json {}", {"method": "POST", "body": "{}", "headers": JSON}),
        ("h --json {} -H accept:a", {"method": "POST", "body": "{}",
                                     "headers": (("accept", "a"), JSON[0])}),
        ("h -H A:b -H 'C: d'", {"headers": (("A", "b"), ("C", "d"))}),
        ("h -H 'Empty;' -H 'Gone:'", {"headers": (("Empty", ""),)}),
        ("h -u me:pw", {"headers": (("Authorization", "Basic bWU6cHc="),)}),
        ("h -A me -e http://r/", {"headers": (("User-Agent", "me"), ("Referer", "http://r/"))}),
        ("h -k", {"insecure": True}),
        ("-- h", {}),
    ],
)  # fmt: skip
def test_what_options_say(line: str, expected: dict[str, object]) -> None:
    assert target(f"curl {line}") == Target(**{"url": "http://h", **expected})


def test_a_file_is_sent_as_it_is_or_without_line_ends(tmp_path: Path) -> None:
    (tmp_path / "q").write_text('{\n"a": 1}\r\n')
    bodies = [target(f"curl h {it} @{tmp_path}/q").body for it in ("-d", "--data-binary", "--json")]
    assert bodies == ['{"a": 1}', '{\n"a": 1}\r\n', '{\n"a": 1}\r\n']


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "curl: expected one URL, got none"),
        ("a b", "curl: expected one URL, got 2"),
        ("h --proxy p -Z --proxy q", "curl: not known here: --proxy, -Z"),
        ("h -I", "curl: not known here: -I"),
        ("h -X", "curl -X: expected a value after it"),
        ("h -sH", "curl -H: expected a value after it"),
        ("h -b jar.txt", "curl -b jar.txt: expected name=value, not a file"),
        ("h -u s3cret", "curl -u: expected user:password"),
    ],
)
def test_what_is_not_known_is_named_in_one_line(line: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        curl.parse(shlex.split(line))
    assert str(refused.value) == why


@pytest.mark.parametrize("verb", ["check", "trace"])
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--", "curl", "h", "--proxy", "p"], "curl: not known here: --proxy"),
        (["-k", "--", "curl", "h"],
         "--url, -X, -d, -H, -k and --cacert go into the curl line, or without it"),
        (["http://a/", "http://b/"], "expected one URL, got 2"),
    ],
)  # fmt: skip
def test_a_verb_refuses_it_before_anything_runs(
    verb: str, words: list[str], why: str, command: Command
) -> None:
    said = command(verb, *words)
    assert (said.code, said.out, said.err) == (2, "", f"error: {why}\n")
