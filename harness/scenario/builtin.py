"""Where the built-in suite is."""

from __future__ import annotations

import os
from functools import cache
from importlib import resources
from pathlib import Path

from harness.errors import LocalEnvironmentError


def suite() -> Path:
    """Find the built-in scenarios: beside the code in a wheel, beside the package in a checkout.

    Returns:
        The directory; relative when it is below the current one, to be short in messages.

    Raises:
        LocalEnvironmentError: The installation lacks them.
    """
    found = _suite()
    if found is None:
        package = resources.files("harness")
        raise LocalEnvironmentError(f"the built-in scenarios are missing beside {package}")
    here = Path.cwd()
    return found.relative_to(here) if found.is_relative_to(here) else found


def holds(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one of the built-in scenarios."""
    found = _suite()
    return found is not None and Path(path).absolute().is_relative_to(found)


@cache
def _suite() -> Path | None:
    return suite_of(Path(str(resources.files("harness"))))


def suite_of(package: Path) -> Path | None:
    """Find the suite that belongs to a package's directory; None when there is none."""
    in_wheel = package / "_scenarios"
    if in_wheel.is_dir():
        return in_wheel
    checkout = package.parent
    # A `scenarios` in site-packages would be anybody's.
    if (checkout / "pyproject.toml").is_file() and (checkout / "scenarios").is_dir():
        return checkout / "scenarios"
    return None
