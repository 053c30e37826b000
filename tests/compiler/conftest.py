"""A folder with a tiny model and data, made once."""

from pathlib import Path

import pytest

from tests.compiler.page_world import make_world


@pytest.fixture(scope="session")
def world_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make_world` writes. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("world")
    make_world(folder)
    return folder
