"""What an emitted script may import from the runtime. A new name here is a decision."""

import re
import subprocess
import sys
from pathlib import Path

import softprompt_runtime

TEMPLATES = Path(__file__).parents[2] / "templates" / "softprompt_templates"


def test_the_public_names_are_these() -> None:
    assert softprompt_runtime.__all__ == [
        "BaseModel",
        "Examples",
        "Prediction",
        "PromptLearner",
        "Run",
        "RunFailure",
        "Scores",
        "SoftPrompt",
        "create_prompt_learner",
        "fit",
        "generate_predictions",
        "load_base_model",
        "load_examples",
        "load_soft_prompt",
        "load_tokenizer",
        "open_run",
        "print_report",
        "run_script",
        "save_soft_prompt",
        "score",
        "write_predictions",
    ]


def test_every_public_name_is_there_and_documented() -> None:
    for name in softprompt_runtime.__all__:
        assert getattr(softprompt_runtime, name).__doc__, name


def test_the_templates_import_public_names_only() -> None:
    imported: set[str] = set()
    for template in TEMPLATES.glob("*.py.j2"):
        for names in re.findall(
            r"from softprompt_runtime import \(([^)]*)\)", template.read_text("utf-8")
        ):
            imported.update(name.strip() for name in names.split(",") if name.strip())
        assert "from softprompt_runtime." not in template.read_text("utf-8")

    assert "fit" in imported
    assert imported <= set(softprompt_runtime.__all__)


def test_who_only_evaluates_does_not_wait_for_lightning() -> None:
    code = "import sys, softprompt_runtime; print('pytorch_lightning' in sys.modules)"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False"


def test_ctrl_c_while_torch_is_imported_ends_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise KeyboardInterrupt\n", "utf-8")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import softprompt_runtime"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert (ended.returncode, ended.stderr) == (130, b"")
