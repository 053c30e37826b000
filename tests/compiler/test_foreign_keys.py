"""Keys of other libraries lead to the key that is the same thing here."""

from pathlib import Path

import pytest

from softprompt_compiler.foreign_keys import help_for, renamed_keys
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.spec.walk import all_fields
from tests.compiler.specs import check, spec


def _places() -> set[str]:
    return {path.replace("*", "NAME") for path in all_fields()} | set(Spec.model_fields)


@pytest.mark.parametrize("key", renamed_keys())
def test_what_a_key_is_called_here_is_a_key_and_it_itself_is_none(key: str) -> None:
    places = _places()

    assert renamed_keys()[key] in places
    assert key not in {place.rpartition(".")[2] for place in places}


def test_a_foreign_key_is_told_wherever_it_stands(world_folder: Path) -> None:
    for section in ("", "training:\n  "):
        extra = f"{section}num_virtual_tokens: 8\n"
        text = spec(extra, **({"training": ""} if section else {}))
        found = check(text, world_folder).diagnostics
        (told,) = [each for each in found if each.code == "SP0101"]
        hint = "PEFT calls this `num_virtual_tokens`; here it is `tasks.NAME.virtual_token_splits`"
        assert told.help == (f"{hint}: a list, one number for each marker of the template",)
        assert told.fix is None


@pytest.mark.parametrize(
    ("option", "ours"), [("time", "launch.slurm.time_limit"), ("nodes", "parallelism.num_nodes")]
)
def test_an_option_of_sbatch_leads_to_its_key(option: str, ours: str, world_folder: Path) -> None:
    text = spec(f"launch: {{target: slurm, slurm: {{{option}: 60}}}}\n")
    (told,) = [e for e in check(text, world_folder).diagnostics if e.code == "SP0101"]

    assert told.help == (f"Slurm calls this `{option}`; here it is `{ours}`",)


def test_a_key_of_nobody_is_left_to_did_you_mean() -> None:
    assert help_for("max_epoch") is None
