"""The pages that say how to add something are followed, in a copy of the checkout."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Step, checkout, run, started, steps, write

PAGES = sorted((ROOT / "docs").glob("adding-a-*.md"))


def lines(found: Iterable[Step], what: str) -> list[str]:
    """What a page says to type in its blocks of one kind."""
    typed = [it.text for it in found if (it.how, it.what) == ("run", what)]
    return [line for text in typed for line in text.splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda it: it.stem)
def test_who_follows_the_page_has_a_thing_that_holds(page: Path, tmp_path: Path) -> None:
    found = list(steps(page))
    assert {it.how for it in found} == {"new", "before", "run"}
    write(found, checkout(tmp_path))
    for line in lines(found, ""):
        done = run(line, tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.real
def test_a_product_is_traced_as_its_page_says(tmp_path: Path) -> None:
    found = list(steps(ROOT / "docs" / "adding-a-product.md"))
    write(found, checkout(tmp_path))
    serve, trace = lines(found, "real")
    with started(serve.replace("--port 8000", "--port 0"), tmp_path) as said:
        url, *_ = said.split()
        done = run(trace.replace("http://127.0.0.1:8000/events", url), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "(idle 2s)" in done.stdout
