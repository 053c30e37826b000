import ast
import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import softprompt_plan.launch_plan
import softprompt_plan.plan
import softprompt_plan.vocabulary
from softprompt_compiler.emit import FILTERS, Origin, emit, templates
from softprompt_compiler.python_source import python_source
from softprompt_plan.plan import Plan
from softprompt_plan.serialize import from_json
from tests.compiler.specs import SPEC, check, compiled
from tests.launch_plans import LOCAL
from tests.spec_strategies import Spec, as_yaml, specs

ORIGIN = Origin(spec_name="spec.yaml", spec_digest="0" * 64, spec_folder="../specs")
TEMPLATES = [
    each
    for each in files("softprompt_templates").iterdir()
    # In a page everything is escaped; test_preview_html.py looks at that.
    if each.name.endswith(".j2") and not each.name.endswith(".html.j2")
]
NAMES = {
    **vars(softprompt_plan.plan),
    **vars(softprompt_plan.launch_plan),
    **vars(softprompt_plan.vocabulary),
}


def _plan(folder: Path) -> Plan:
    plan = check(SPEC, folder).plan
    assert plan is not None
    return plan


def _evaluated(source: str) -> Any:
    return eval(source, dict(NAMES))


def _assigned(script: str, name: str) -> str:
    """The source of the value that a script assigns to a name."""
    for node in ast.parse(script).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.unparse(node.value)
    raise AssertionError(name)


@given(specs())
def test_the_experiment_is_the_plan(world_folder: Path, generated: Spec) -> None:
    plan = check(as_yaml(generated), world_folder).plan
    assert plan is not None

    emitted = emit(plan, ORIGIN)

    assert _evaluated(_assigned(emitted["experiment.py"], "EXPERIMENT")) == plan
    assert from_json(emitted["plan.json"]) == plan


@given(st.text() | st.text("ab \n\\'\"{}", max_size=400))
@example('""" + __import__("os").getcwd() + """')
@example("\u2028\x85\x0c\\")
def test_any_text_comes_back_from_python_source(text: str) -> None:
    assert ast.literal_eval(python_source(text)) == text
    assert ast.literal_eval(python_source((text, 1.0, None, (True, -3)))) == (
        text,
        1.0,
        None,
        (True, -3),
    )


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
@example("$(touch /tmp/x); `id` '\"\\\n!")
def test_any_environment_value_comes_back_from_the_shell(value: str) -> None:
    words = shlex.split(f"export X={FILTERS['shell'](value)}")

    assert words == ["export", f"X={value}"]


@given(st.text())
def test_a_comment_stays_on_its_line(text: str) -> None:
    comment = FILTERS["comment"](text)

    assert len(f"# {comment}".splitlines()) == 1


def test_hostile_values_run_as_nothing_but_values(world_folder: Path, tmp_path: Path) -> None:
    hostile = '\'; touch pwned; \'\n$(touch pwned)`touch pwned`"""\n#'
    launch = replace(LOCAL, environment=(("HOSTILE", hostile),))
    plan = replace(_plan(world_folder), launch=launch)
    origin = Origin(spec_name="a\nimport os.yaml", spec_digest="0", spec_folder=hostile)
    emitted = emit(plan, origin)
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\nprintf %s "$HOSTILE" > seen\n', "utf-8")
    fake.chmod(0o755)
    (tmp_path / "launch.sh").write_text(emitted["launch.sh"], "utf-8")

    subprocess.run(
        ["bash", "launch.sh"], cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "PYTHON": str(fake)}
    ).check_returncode()

    assert (tmp_path / "seen").read_text("utf-8") == hostile
    assert not (tmp_path / "pwned").exists()
    assert hostile in ast.literal_eval(
        re.search(r"parent / (.*?)\)\.resolve\(\)$", emitted["experiment.py"], re.S | re.M)[1]  # pyright: ignore
    )


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda each: each.name)
def test_every_value_in_a_template_goes_through_a_filter(template: Any) -> None:
    shown = re.findall(r"\{\{(.*?)\}\}", template.read_text("utf-8"), re.S)

    assert [each for each in shown if each.split("|")[-1].strip() not in FILTERS] == []


def test_an_unfiltered_value_cannot_be_shown() -> None:
    with pytest.raises(TypeError, match="no filter has quoted"):
        templates().from_string("{{ name }}").render(name="x")


def test_a_name_that_a_template_does_not_get_is_an_error() -> None:
    with pytest.raises(TypeError, match="StrictUndefined"):
        templates().from_string("{{ nothing | python }}").render()


@pytest.mark.parametrize("name", ["experiment.py", "train.py", "evaluate.py"])
def test_scripts_import_only_what_they_may(world_folder: Path, name: str) -> None:
    tree = ast.parse(emit(_plan(world_folder), ORIGIN)[name])
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert modules <= {
        "experiment",
        "pathlib",
        "softprompt_plan.launch_plan",
        "softprompt_plan.plan",
        "softprompt_plan.vocabulary",
        "softprompt_runtime",
    }
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


@pytest.mark.parametrize("name", ["train.py", "evaluate.py"])
def test_a_script_is_short_and_has_no_logic(world_folder: Path, name: str) -> None:
    script = emit(_plan(world_folder), ORIGIN)[name]
    main = next(node for node in ast.parse(script).body if isinstance(node, ast.FunctionDef))

    assert 20 <= len(script.splitlines()) <= 60
    assert all(isinstance(step, ast.Assign | ast.Expr) for step in main.body)
    assert all(
        isinstance(step, ast.Assign | ast.Expr) and isinstance(step.value, ast.Call)
        for step in main.body
    )


def test_a_launch_script_is_bash_and_runs_from_any_folder(
    world_folder: Path, tmp_path: Path
) -> None:
    script = emit(_plan(world_folder), ORIGIN)["launch.sh"]
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "launch.sh").write_text(script, "utf-8")

    run = subprocess.run(
        ["bash", str(folder / "launch.sh")],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PYTHON": "echo"},
        capture_output=True,
        text=True,
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"{folder}/train.py\n"


def test_a_failed_training_is_not_evaluated(world_folder: Path, tmp_path: Path) -> None:
    data = "data: {train: data/train.jsonl, test: data/test.jsonl}"
    plan = check(SPEC.replace("data: {train: data/train.jsonl}", data), world_folder).plan
    assert plan is not None
    (tmp_path / "launch.sh").write_text(emit(plan, ORIGIN)["launch.sh"], "utf-8")
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": "false"}

    assert "evaluate.py" in (tmp_path / "launch.sh").read_text("utf-8")
    assert subprocess.run(["bash", tmp_path / "launch.sh"], env=environment).returncode == 1


def test_the_manifest_says_where_each_value_comes_from(world_folder: Path) -> None:
    result = compiled(SPEC, world_folder, settings=["training.seed=7"])
    assert result.files is not None
    manifest = json.loads(result.files["manifest.json"])

    assert manifest["spec"]["file"] == "spec.yaml"
    assert manifest["settings"] == ["training.seed=7"]
    assert manifest["values"]["training.max_steps"] == "spec:9"
    assert manifest["values"]["training.seed"] == "--set:1"
    assert manifest["values"]["training.precision"] == "default"
    assert manifest["values"]["tasks.mood.prompt_template"] == "spec:6"
    assert len(manifest["model"]["tokenizer_sha256"]) == 64
    assert [each["name"] for each in manifest["data"][0]["files"]] == ["train.jsonl"]


@pytest.mark.parametrize("path", ["data/train.jsonl", "models/tiny/tokenizer_config.json"])
def test_the_manifest_changes_with_what_it_names(
    world_folder: Path, tmp_path: Path, path: str
) -> None:
    subprocess.run(["cp", "-r", f"{world_folder}/.", str(tmp_path)], check=True)
    before = compiled(SPEC, tmp_path).files
    (tmp_path / path).write_text((tmp_path / path).read_text("utf-8").replace("s", "x"), "utf-8")
    after = compiled(SPEC, tmp_path).files

    assert before is not None
    if after is not None:
        assert [name for name in after if after[name] != before[name]] == ["manifest.json"]


_COMPILE = """
import sys
from pathlib import Path
from tests.compiler.specs import SPEC, compiled
files = compiled(Path(sys.argv[1]).read_text("utf-8"), Path(sys.argv[2])).files
sys.stdout.write(repr(files))
"""


def test_equal_specs_give_equal_bytes_under_any_hash_seed_and_folder(
    world_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC, "utf-8")
    root = Path(__file__).parents[2]
    path = ":".join(str(root / part) for part in (".", "compiler", "templates"))
    outputs = {
        subprocess.run(
            [sys.executable, "-c", _COMPILE, str(tmp_path / "spec.yaml"), str(world_folder)],
            cwd=cwd,
            env={"PYTHONPATH": path, "PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=True,
        ).stdout
        for seed, cwd in (("0", "/"), ("1", str(tmp_path)), ("4242", str(root)))
    }

    assert len(outputs) == 1
    assert str(world_folder) not in outputs.pop().decode()
