"""Pipeline stages train and predict as one process does."""

import pytest

from tests.runtime.parallel.processes import Processes
from tests.runtime.parallel.test_layouts import Singles, check_same


@pytest.fixture(scope="module")
def singles(tmp_path_factory: pytest.TempPathFactory) -> Singles:
    return Singles(tmp_path_factory)


@pytest.mark.parametrize(
    "family", ["llama", "gpt2", pytest.param("gpt_neox", marks=pytest.mark.slow)]
)
def test_two_stages_train_and_predict_as_one(singles: Singles, two: Processes, family: str) -> None:
    check_same(singles, two, family, pipeline=2)


@pytest.mark.slow
def test_two_stages_of_two_replicas_train_and_predict_as_one(
    singles: Singles, four: Processes
) -> None:
    check_same(singles, four, "llama", pipeline=2, data=2)
