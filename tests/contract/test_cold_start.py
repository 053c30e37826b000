"""What `spec validate --no-data` of a sound spec imports: time at every start, so no more of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.compiler.page_world import make_world
from tests.compiler.specs import SPEC

# Modules of others that are slow to import, and ours that only a fault, a row or an output needs
NOT_FOR_A_SOUND_SPEC = [
    "datasets",
    "email",
    "hypothesis",
    "importlib.metadata",
    "jinja2",
    "jsonschema",
    "numpy",
    "pyarrow",
    "pydantic.networks",
    "rich",
    "tokenizers",
    "torch",
    "transformers",
    "softprompt_compiler.binding_faults",
    "softprompt_compiler.cli.lock_file",
    "softprompt_compiler.data_check",
    "softprompt_compiler.emit",
    "softprompt_compiler.explain",
    "softprompt_compiler.findings",
    "softprompt_compiler.foreign_keys",
    "softprompt_compiler.gpus",
    "softprompt_compiler.ignoring",
    "softprompt_compiler.lower",
    "softprompt_compiler.nemo_files",
    "softprompt_compiler.render.display",
    "softprompt_compiler.render.human",
    "softprompt_compiler.schema",
    "softprompt_compiler.settings",
    "softprompt_compiler.tables",
    "softprompt_compiler.trained_prompt",
    "softprompt_plan.hub_data",
    "softprompt_plan.json_rows",
    "softprompt_plan.row_fault",
    "softprompt_plan.rows",
    "softprompt_plan.tar_members",
]
_PROGRAM = """
import atexit, os, sys
def end(code):
    print("\\n".join(sorted(sys.modules)), file=sys.stderr)
    sys.exit(code)
os._exit = end
from softprompt_compiler.cli import main
sys.argv = ["spec", "validate", "--no-data", "spec.yaml"]
main()
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules of a fresh interpreter after the command."""
    folder: Path = tmp_path_factory.mktemp("cold")
    make_world(folder)
    (folder / "spec.yaml").write_text(SPEC, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout == "spec.yaml: sound\n"
    return set(done.stderr.split())


@pytest.mark.parametrize("name", NOT_FOR_A_SOUND_SPEC)
def test_a_sound_spec_does_not_pay_for(imported: set[str], name: str) -> None:
    assert "softprompt_compiler.pipeline" in imported
    assert name not in imported
