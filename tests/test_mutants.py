"""The mutants of `tests/mutants/` fit the code; `make mutants` runs the tests on each."""

import ast
from collections import Counter

import pytest

from tests.mutants import ROOT, Mutant, read_mutants

_MUTANTS = read_mutants()


@pytest.mark.parametrize("mutant", _MUTANTS, ids=lambda mutant: mutant.name)
def test_the_old_text_of_a_mutant_occurs_once_and_the_new_one_is_python(mutant: Mutant) -> None:
    assert mutant.misfit is None
    assert mutant.new != mutant.old
    ast.parse((ROOT / mutant.file).read_text("utf-8").replace(mutant.old, mutant.new))


def test_mutants_have_names_of_their_own_and_tests_that_are_there() -> None:
    assert [name for name, count in Counter(m.name for m in _MUTANTS).items() if count > 1] == []
    assert all((ROOT / test).exists() for mutant in _MUTANTS for test in mutant.tests)
