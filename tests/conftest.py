"""Hypothesis profiles, chosen by HYPOTHESIS_PROFILE: `dev` at the desk, `ci` in `make test`.

`search` looks for new faults, longer and each time elsewhere. `mutants` is short, and content with
any example that fails. And a cache for the datasets library, which is told to stay offline.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, settings

_SLOW_IS_FINE = [HealthCheck.too_slow]  # the machine may be busy; the number of examples is fixed

settings.register_profile(
    "dev", max_examples=25, deadline=None, suppress_health_check=_SLOW_IS_FINE
)
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=_SLOW_IS_FINE
)
settings.register_profile(
    "search", max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile(
    "mutants",
    settings.get_profile("ci"),
    max_examples=50,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite golden files instead of comparing"
    )


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


# The library reads its environment when it is imported, which pages and runs under test do.
_DATASETS_CACHE = TemporaryDirectory(prefix="softprompt-datasets-")
os.environ["HF_DATASETS_CACHE"] = _DATASETS_CACHE.name
os.environ["HF_DATASETS_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def datasets_cache() -> Path:
    """The cache folder of the datasets library, shared by all tests."""
    return Path(_DATASETS_CACHE.name)
