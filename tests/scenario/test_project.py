from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.model.project import Project, ProjectTarget, ProjectTrigger
from harness.model.promises import EndMarker, Numbered
from harness.scenario import project
from harness.yamlio import load

WHOLE = """
target:
  url: http://127.0.0.1:{port}/chat
  command: [node, app.js]
  cwd: backend
  env: {API_KEY: "${KEY}", PLAIN: a}
  ready: 8000
  ready_timeout: 1m
  method: POST
  headers: {Authorization: "Bearer ${KEY}", X-Literal: "$${KEY}"}
  body: {q: [hi]}
trigger: {url: /notify, body: {a: 1}, every: 5s}
end_marker: "[DONE]"
sequence: $.seq
broadcast: true
resume_window: 5m
secrets: [X-Own]
kind: llm-tokens
"""


def read(text: str, **env: str) -> Project:
    return project.read(load(text, "sse-harness.yaml"), env)


def test_it_says_what_options_say() -> None:
    assert read(WHOLE, KEY="k: 1") == Project(
        target=ProjectTarget(
            url="http://127.0.0.1:{port}/chat",
            command=("node", "app.js"),
            cwd="backend",
            env={"API_KEY": "k: 1", "PLAIN": "a"},
            ready=8000,
            ready_timeout_s=60.0,
            method="POST",
            headers={"Authorization": "Bearer k: 1", "X-Literal": "${KEY}"},
            body={"q": ["hi"]},
        ),
        trigger=ProjectTrigger(url="/notify", body={"a": 1}, every_s=5.0),
        end_marker=EndMarker(data="[DONE]"),
        sequence=Numbered(json_path="$.seq"),
        broadcast=True,
        resume_window_s=300.0,
        secrets=("X-Own",),
        kind="llm-tokens",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: expected target: and what it says, got nothing"),
        ("target: {urll: x}", "1:10: target.urll: unknown key; did you mean url?"),
        ("targets: {}", "1:1: targets: unknown key; did you mean target?"),
        ("target:\n  url: http://${HOST}/",
         "2:8: target.url: the environment variable HOST is not set"),
        ("secrets: [a, '${1x}']", "1:14: secrets[1]: expected ${NAME}, got ${1x}"),
        ("target: {ready_timeout: 30}",
         "1:25: target.ready_timeout: expected a duration with a unit such as "),
        ("target: {ready_timeout_s: 30s}",
         "1:10: target.ready_timeout_s: unknown key; did you mean ready_timeout?"),
        ("target: {command: {}}", "1:19: target.command: expected a string or a list, got a"),
        ("trigger: {method: PUT}",
         "1:10: trigger: expected url: for a request, or command:, and not both"),
        ("[", "1:2: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_stands(text: str, said: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        read(text)
    assert str(refused.value).startswith(f"sse-harness.yaml:{said}")


def test_the_nearest_file_upwards_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "sse-harness.yaml").write_text("kind: outer")
    monkeypatch.chdir(inner)

    found = project.find(Path.cwd())
    assert found is not None
    assert (found.project.kind, found.beside("x")) == ("outer", str(tmp_path.resolve() / "x"))

    (tmp_path / "a" / "sse-harness.yaml").write_text("kind: inner")
    found = project.find(Path.cwd())
    assert found is not None
    assert found.project.kind == "inner"

    (tmp_path / "a" / "sse-harness.yaml").write_text("kindd: x")
    with pytest.raises(ScenarioError, match=r"^\.\./sse-harness\.yaml:1:1: kindd: unknown key"):
        project.find(Path.cwd())


def test_the_schema_knows_every_key_as_the_file_has_it() -> None:
    described = json.loads(json.dumps(project.schema()))
    assert set(described["properties"]) == {
        *("target", "trigger", "end_marker", "sequence", "broadcast", "resume_window"),
        *("secrets", "kind"),
    }
    target = described["$defs"]["ProjectTarget"]
    assert "ready_timeout" in target["properties"]
    assert target["additionalProperties"] is False
