"""The files of `configs/`: each names what is in the log, and leaves no config of it out."""

from __future__ import annotations

import pytest

from harness.fidelity.compare import Compared
from harness.fidelity.record import Ask, Record, Seen
from tests.fidelity import configs, records
from tests.fidelity.configs import Known

_RECORD = Record("nginx", "1.22.1", "gzip_h11", "gz_small", Ask(n=1, dt=1.0), Seen())


@pytest.mark.parametrize("product", configs.names())
def test_every_config_of_the_log_is_modelled_or_has_a_reason(product: str) -> None:
    found = configs.configs(product)
    in_log = {it.config for it in records.of(found.records)}
    assert found.configs.keys() | found.not_modelled.keys() == in_log


@pytest.mark.parametrize("product", configs.names())
def test_every_program_that_is_named_is_in_the_log(product: str) -> None:
    assert all(records.of([it]) for it in configs.configs(product).records)


def test_a_name_of_the_log_that_is_several_programs_is_cut_by_its_configs() -> None:
    versions = {it.version for it in records.of(["pyservers/gunicorn_*"])}
    assert versions == {"gunicorn 27.0.1"}


def test_no_config_of_the_log_is_two_products() -> None:
    found = [
        {(it.intermediary, it.config) for it in records.of(configs.configs(product).records)}
        for product in configs.names()
    ]
    assert len(set().union(*found)) == sum(map(len, found))


@pytest.mark.parametrize(
    ("known", "is_covered"),
    [
        (Known(why="x"), True),
        (Known(why="x", config="gzip_*", probe="gz_*", fact="end*"), True),
        (Known(why="x", config="h11"), False),
        (Known(why="x", probe="flow_*"), False),
        (Known(why="x", fact="status"), False),
    ],
)
def test_a_known_disagreement_covers_what_its_globs_match(
    known: Known, *, is_covered: bool
) -> None:
    assert known.covers(Compared(_RECORD, "end at", "2 s", "3 s", is_agreed=False)) is is_covered
