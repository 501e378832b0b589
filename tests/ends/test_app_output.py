"""Whose output is whose, of applications that are served one after the other."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from harness.ends import app_output


@pytest.fixture(autouse=True)
def _nothing_from_before() -> Iterator[None]:
    with app_output.apart(lambda _text: None):
        pass
    yield
    with app_output.apart(lambda _text: None):
        pass


def test_what_an_import_prints_waits_for_the_case() -> None:
    heard: list[str] = []
    with app_output.apart():
        sys.stdout.write("imported\n")
        kept = sys.stderr
    kept.write("a thread that it has started\n")
    with app_output.apart(heard.append):
        sys.stdout.write("served\n")

    assert "".join(heard) == "imported\na thread that it has started\nserved\n"


def test_what_a_case_has_left_running_prints_into_no_other_case() -> None:
    heard: list[str] = []
    others: list[str] = []
    with app_output.apart(heard.append):
        with app_output.apart():
            sys.stdout.write("imported again\n")
        kept = sys.stdout
    late = threading.Thread(target=kept.write, args=("late\n",))
    late.start()
    late.join()
    with app_output.apart(others.append):
        sys.stdout.write("the next\n")

    assert "".join(heard) == "imported again\n"
    assert "".join(others) == "the next\n"
