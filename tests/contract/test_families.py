from softprompt_plan.families import PARALLEL_FAMILIES
from softprompt_runtime.model_facts import FAMILIES


def test_what_the_compiler_lets_be_split_the_runtime_knows_how_to_split() -> None:
    assert set(FAMILIES) == PARALLEL_FAMILIES
