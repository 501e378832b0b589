from __future__ import annotations

import subprocess

from harness.cli.again import shell_line, target_again
from harness.model.target import Command, Target

WHOLE = Target(
    url="http://me:pw@h/?token=t0k3n&q=1",
    method="POST",
    body="s3cr3t-body",
    headers=(("Authorization", "Bearer abc"), ("X-Own", "xy"), ("Content-Type", 'a/b; c="d"')),
    insecure=True,
    cacert="/ca.pem",
    command=Command(
        words=("node", "app.js", "--api-key", "s3cr3t", "{port}"),
        cwd="/srv",
        env=(("A", "s3cr3t-env"),),
        ready="it listens",
        ready_timeout_s=90.0,
    ),
    secrets=("x-own",),
)


def test_a_target_is_named_once_more_without_its_secrets() -> None:
    assert shell_line(target_again(WHOLE)) == (
        """--url "http://h/?token=$TOKEN&q=1" -X POST -d '…' -H "Authorization: $TOKEN" """
        """-H "X-Own: $TOKEN" -H 'Content-Type: a/b; c="d"' --insecure --cacert /ca.pem """
        """--command 'node app.js --api-key '"'"'[redacted]'"'"' '"'"'{port}'"'"'' """
        "--cwd /srv --env 'A=…' --ready 'it listens' --ready-timeout 90s"
    )


def test_the_reference_server_needs_no_name() -> None:
    assert target_again(Target(flaws=("no-ids",))) == []


def test_a_shell_fills_in_the_token_and_nothing_else() -> None:
    words = ["plain", "a $HOME", 'b "$TOKEN" `x` \\ $HOME']
    line = "TOKEN=filled; printf '%s\\n' " + shell_line(words)
    said = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == ["plain", "a $HOME", 'b "filled" `x` \\ $HOME']
