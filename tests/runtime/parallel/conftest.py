"""Processes that the tests of all modules here share: starting torch takes seconds."""

from collections.abc import Iterator

import pytest

from tests.runtime.parallel.processes import Processes


@pytest.fixture(scope="session")
def two() -> Iterator[Processes]:
    """Two processes."""
    with Processes(2) as processes:
        yield processes


@pytest.fixture(scope="session")
def four() -> Iterator[Processes]:
    """Four processes."""
    with Processes(4) as processes:
        yield processes
