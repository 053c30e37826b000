"""What the runtime's tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from softprompt_runtime.cache_folder import CACHE_VARIABLE
from softprompt_runtime.run import RUNS_VARIABLE
from tests.runtime.training_runs import prepare_folder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors gain nothing from threads, and tests share the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny model and the rows of the task `mood`, and runs of its own."""
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "runs"))
    return prepare_folder(tmp_path)
