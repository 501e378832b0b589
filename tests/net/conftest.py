from __future__ import annotations

import pytest

from tests.net.stages import Stage


@pytest.fixture(params=["memory", "sockets"])
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage(request.param)
