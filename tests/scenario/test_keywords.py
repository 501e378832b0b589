from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.scenario.keywords import parse

IDS = ["idle/quiet[60s]", "idle/quiet[60s]+no-heartbeat twin", "cut/reset", "buffer/4KiB"]


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("idle", [0, 1]),
        ("IDLE", [0, 1]),
        ("4kib", [3]),
        ("idle and not twin", [0]),
        ("cut or buffer", [2, 3]),
        ("not (cut or buffer)", [0, 1]),
        ("not not cut", [2]),
        ("not idle and not cut", [3]),
        ("cut or idle and twin", [1, 2]),
        ("(cut or idle) and twin", [1]),
        ("quiet[60s]+no", [1]),
        ("nothing", []),
        ("android or cut", [2]),
    ],
)
def test_an_expression_keeps_what_it_holds_for(expression: str, kept: list[int]) -> None:
    holds = parse(expression)
    assert [at for at, text in enumerate(IDS) if holds(text)] == kept


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "-k an empty string: expected a word, not, or (, got the end"),
        ("idle and", "-k idle and: expected a word, not, or (, got the end"),
        ("idle cut", "-k idle cut: column 6: expected and, or, or the end, got cut"),
        ("(idle", "-k (idle: expected ), got the end"),
        ("idle)", "-k idle): column 5: expected and, or, or the end, got )"),
        ("or idle", "-k or idle: column 1: expected a word, not, or (, got or"),
        ("()", "-k (): column 2: expected a word, not, or (, got )"),
        ("not", "-k not: expected a word, not, or (, got the end"),
        ("(" * 10_000, "-k: expected at most 50 levels in the expression"),
        ("not " * 10_000, "-k: expected at most 50 levels in the expression"),
    ],
)
def test_what_is_no_expression_is_told_where(expression: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(expression)
    assert str(caught.value) == message
