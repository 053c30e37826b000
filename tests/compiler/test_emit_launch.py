"""What is emitted to start a run, run with stand-ins: no value is executed, none is changed."""

import os
import shlex
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from softprompt_compiler.emit import emit
from softprompt_compiler.yaml_text import yaml_text
from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import LaunchTarget
from tests.compiler.launch_files import ORIGIN, launch_plan

_LAYOUT = "parallelism: {num_nodes: 2, devices: 2}\n"
_TARGETS = {
    LaunchTarget.TORCHRUN: "torchrun: {rendezvous: 'n1:29400'}",
    LaunchTarget.SLURM: "slurm: {}",
    LaunchTarget.KUBERNETES: "kubernetes: {image: i, folder: /b}",
    LaunchTarget.SKYPILOT: "skypilot: {accelerator: H100}",
}
SECTIONS = {
    LaunchTarget.LOCAL: "parallelism: {devices: 2}\n",
    **{
        target: f"{_LAYOUT}launch: {{target: {target}, {section}}}\n"
        for target, section in _TARGETS.items()
    },
}
# What a launcher's own environment holds where launch.sh is started.
STARTED_BY: dict[LaunchTarget, dict[str, str]] = {
    LaunchTarget.LOCAL: {},
    LaunchTarget.TORCHRUN: {"NODE_RANK": "0"},
    LaunchTarget.SLURM: {"SLURM_PROCID": "3", "SLURM_LOCALID": "1", "SLURM_NTASKS": "4"},
    LaunchTarget.KUBERNETES: {},
    LaunchTarget.SKYPILOT: {"SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2", "SKYPILOT_NODE_RANK": "1"},
}
# Records its arguments and one variable, each ended by a NUL.
_STAND_IN = '#!/bin/bash\nprintf "%s\\0" "$@" "${VALUE-}" "${SOFTPROMPT_SMOKE-}" >>"$SEEN"\n'
HOSTILE = [
    '"; touch pwned; "',
    "'; touch pwned; '",
    "$(touch pwned)`touch pwned`",
    "a\nb\r\n\tc",
    "- x: &a *b !t {y} [z] # | >",
    "${{ github.token }} ${VALUE} %x%",
    "\u00e9\u4e2d\U0001f600\u2028\u0085",
    "no",
    "1e3",
    "\\",
    "--flag",
    "",
]
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
) | st.sampled_from(HOSTILE)
# Folders whose names end in a line break are beyond `$(pwd)`.
names = st.sampled_from(HOSTILE[:7]) | st.text("ab '\"$`;&|\n", max_size=12).map("{}x".format)


def _plan(target: LaunchTarget, folder: Path, environment: tuple[tuple[str, str], ...]) -> Plan:
    plan = launch_plan(SECTIONS[target], folder)
    return replace(plan, launch=replace(plan.launch, environment=environment))


def _write(plan: Plan, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in emit(plan, ORIGIN).items():
        (folder / name).write_text(text, "utf-8")


def _stand_in(path: Path, text: str = _STAND_IN) -> Path:
    path.write_text(text, "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _run(
    target: LaunchTarget, script: Path, bin_folder: Path, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """How a script ended that was called from its folder's parent, and what stand-ins were told."""
    seen = bin_folder / "seen"
    seen.unlink(missing_ok=True)
    environment = {
        "PATH": f"{bin_folder}:/usr/bin:/bin",
        "PYTHON": str(_stand_in(bin_folder / "python")),
        "SEEN": str(seen),
        **STARTED_BY[target],
    }
    done = subprocess.run(
        ["bash", str(script), *arguments],
        cwd=bin_folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    told = seen.read_bytes().decode().split("\0") if seen.exists() else []
    return done, told


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    _stand_in(folder / "ip", "#!/bin/sh\necho 'inet 10.0.0.1/24'\n")
    return folder


@pytest.mark.parametrize("target", list(LaunchTarget))
def test_a_launch_script_hands_every_value_on_as_it_is(
    target: LaunchTarget, world_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("hostile")
    told_by_rank = ["--rank", "train.py"] if target is LaunchTarget.SLURM else []

    @given(value=texts, name=names)
    def check(value: str, name: str) -> None:
        folder = root / name.replace("/", "_")
        (root / "bin").mkdir(exist_ok=True)
        _write(_plan(target, world_folder, (("VALUE", value),)), folder)

        done, told = _run(target, folder / "launch.sh", root / "bin", *told_by_rank)

        assert (done.returncode, done.stderr) == (0, "")
        assert f"{folder}/train.py" in told
        at = told.index(f"{folder}/train.py")
        assert told[at + 1 : at + 3] == [value, ""]
        assert not list(root.rglob("pwned"))

    check()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (LaunchTarget.LOCAL, ["--standalone", "--nproc-per-node=2", "--max-restarts=0"]),
        (
            LaunchTarget.TORCHRUN,
            [
                *("--nnodes=2", "--nproc-per-node=2", "--max-restarts=3", "--rdzv-backend=c10d"),
                *("--rdzv-endpoint=n1:29400", "--rdzv-id=mood", "--rdzv-conf=is_host=1"),
            ],
        ),
        (
            LaunchTarget.SKYPILOT,
            [
                *("--nnodes=2", "--nproc-per-node=2", "--max-restarts=3", "--rdzv-backend=c10d"),
                *("--rdzv-endpoint=10.0.0.1:29400", "--rdzv-id=mood"),
                *("--local-addr=10.0.0.2", "--rdzv-conf=is_host=0"),
            ],
        ),
        (LaunchTarget.KUBERNETES, ["--master-port=29500"]),
    ],
)
def test_torchrun_is_told_just_this(
    target: LaunchTarget, words: list[str], world_folder: Path, tmp_path: Path, bin_folder: Path
) -> None:
    _write(_plan(target, world_folder, ()), tmp_path / "build")

    _, told = _run(target, tmp_path / "build" / "launch.sh", bin_folder)

    script = f"{tmp_path}/build/train.py"
    assert told[: told.index(script)] == ["-m", "torch.distributed.run", *words]
    second = told[told.index(script) + 3 :]
    assert (
        second[second.index("torch.distributed.run") + 1 :][-4] == f"{tmp_path}/build/evaluate.py"
    )


def test_a_second_start_has_a_port_of_its_own(
    world_folder: Path, tmp_path: Path, bin_folder: Path
) -> None:
    """The first one's store may still be there when a faster machine comes to the second."""
    for target, expected in (
        (LaunchTarget.TORCHRUN, ["--rdzv-endpoint=n1:29400", "--rdzv-endpoint=n1:29401"]),
        (LaunchTarget.KUBERNETES, ["--master-port=29500", "--master-port=29501"]),
    ):
        _write(_plan(target, world_folder, ()), tmp_path / target.value)
        _, told = _run(target, tmp_path / target.value / "launch.sh", bin_folder)
        assert [word for word in told if word.startswith(expected[0][:13])] == expected


@pytest.mark.parametrize("target", list(LaunchTarget))
def test_smoke_is_handed_on(
    target: LaunchTarget, world_folder: Path, tmp_path: Path, bin_folder: Path
) -> None:
    _write(_plan(target, world_folder, ()), tmp_path / "build")
    _stand_in(bin_folder / "sbatch")

    done, told = _run(target, tmp_path / "build" / "launch.sh", bin_folder, "--smoke")
    wrong, nothing = _run(target, tmp_path / "build" / "launch.sh", bin_folder, "--smok")

    assert done.returncode == 0, done.stderr
    assert "1" in told
    assert (wrong.returncode, nothing) == (2, [])
    assert wrong.stderr == "usage: bash launch.sh [--smoke]\n"


def test_a_secret_that_is_not_set_ends_the_start(
    world_folder: Path, tmp_path: Path, bin_folder: Path
) -> None:
    plan = launch_plan("launch: {secrets: [TOKEN]}\n", world_folder)
    _write(plan, tmp_path / "build")

    done, told = _run(LaunchTarget.LOCAL, tmp_path / "build" / "launch.sh", bin_folder)

    assert done.returncode != 0
    assert "TOKEN: is a secret of this run, and not set" in done.stderr
    assert told == []


def test_slurm_s_ranks_learn_their_places(
    world_folder: Path, tmp_path: Path, bin_folder: Path
) -> None:
    _write(_plan(LaunchTarget.SLURM, world_folder, ()), tmp_path / "build")
    tell = '#!/bin/bash\nprintf "%s\\0" "$RANK" "$LOCAL_RANK" "$WORLD_SIZE" "$1" >"$SEEN"\n'
    python = _stand_in(bin_folder / "told", tell)

    subprocess.run(
        ["bash", str(tmp_path / "build" / "launch.sh"), "--rank", "train.py"],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHON": str(python),
            "SEEN": str(tmp_path / "seen"),
            **STARTED_BY[LaunchTarget.SLURM],
        },
        check=True,
    )

    told = (tmp_path / "seen").read_text("utf-8").split("\0")
    assert told == ["3", "1", "4", f"{tmp_path}/build/train.py", ""]


@pytest.mark.parametrize(
    ("code", "ports", "requeued"),
    [(0, 1, False), (1, 1, False), (138, 1, True), (143, 1, True), (75, 5, False)],
)
def test_a_job_is_put_back_when_it_was_stopped_and_only_then(
    code: int, ports: int, requeued: bool, world_folder: Path, tmp_path: Path, bin_folder: Path
) -> None:
    _write(launch_plan("launch: {target: slurm}\n", world_folder), tmp_path / "build")
    log = tmp_path / "log"
    _stand_in(
        bin_folder / "srun", f'#!/bin/bash\necho "srun $MASTER_PORT $*" >>{log}; exit {code}\n'
    )
    _stand_in(bin_folder / "squeue", "#!/bin/sh\necho RUNNING\n")
    _stand_in(bin_folder / "sleep", "#!/bin/sh\n")
    _stand_in(bin_folder / "scontrol", f'#!/bin/bash\necho "$*" >>{log}; echo node1; echo node2\n')

    def run(restarts: str) -> tuple[int, list[str]]:
        log.unlink(missing_ok=True)
        environment = {
            "PATH": f"{bin_folder}:/usr/bin:/bin",
            "SLURM_SUBMIT_DIR": str(tmp_path / "build"),
            "SLURM_JOB_NODELIST": "node[1-2]",
            "SLURM_JOB_ID": "12345",
            "SLURM_RESTART_COUNT": restarts,
        }
        script = str(tmp_path / "build" / "mood.sbatch")
        done = subprocess.run(["bash", script], cwd="/", env=environment, check=False)
        return done.returncode, log.read_text("utf-8").splitlines()

    ended, told = run("0")
    _, last = run("20")

    starts = [line.split() for line in told if line.startswith("srun")]
    expected = ["srun", "--kill-on-bad-exit=1", "bash", "./launch.sh", "--rank", "train.py"]
    assert starts[0] == [expected[0], "17345", *expected[1:]]
    trainings = [words for words in starts if words[-1] == "train.py"]
    assert len(trainings) == len({words[1] for words in trainings}) == ports
    assert (len(starts) > ports) == (code == 0)  # the evaluation follows a success only
    assert ("requeue 12345" in told) == requeued
    assert "requeue 12345" not in last
    assert ended == code


def test_a_job_that_was_handed_in_from_elsewhere_says_how_to(
    world_folder: Path, tmp_path: Path
) -> None:
    _write(launch_plan("launch: {target: slurm}\n", world_folder), tmp_path / "build")

    done = subprocess.run(
        ["bash", str(tmp_path / "build" / "mood.sbatch")],
        env={"PATH": "/usr/bin:/bin", "SLURM_SUBMIT_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (2, "hand this job in with: bash launch.sh\n")


def test_launch_sh_hands_the_job_in_from_its_own_folder_and_keeps_the_runs_where_they_belong(
    world_folder: Path, tmp_path: Path, bin_folder: Path
) -> None:
    _write(_plan(LaunchTarget.SLURM, world_folder, ()), tmp_path / "a build")
    tell = '#!/bin/bash\nprintf "%s\\0" "$PWD" "$SOFTPROMPT_RUNS" "$@" >"$SEEN"\n'
    _stand_in(bin_folder / "sbatch", tell)

    _, told = _run(LaunchTarget.SLURM, tmp_path / "a build" / "launch.sh", bin_folder)

    assert told == [f"{tmp_path}/a build", f"{bin_folder}/runs", "./mood.sbatch", ""]


values = st.recursive(
    texts | st.booleans() | st.none() | st.integers(-(10**6), 10**6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_any_value_comes_back_from_yaml(value: Any) -> None:
    assert yaml.safe_load(yaml_text(value)) == value


@given(st.sampled_from([*HOSTILE, "yes", "1_000", "0x10", "1e3", ".5", "12:30:00", "~", "=", "<<"]))
def test_a_text_that_another_parser_could_take_for_something_else_is_quoted(text: str) -> None:
    """Go's and YAML 1.2's parsers find numbers where Python's YAML 1.1 finds text."""
    shown = yaml_text([text])

    assert shown.startswith(('- "', "- H", "- a")) or shown.split()[1].isalpha() is False
    assert '"' in shown


@given(image=texts, folder=texts, claim=texts, path=texts, secret=texts)
def test_a_train_job_holds_what_the_plan_says(
    world_folder: Path, image: str, folder: str, claim: str, path: str, secret: str
) -> None:
    plan = launch_plan(SECTIONS[LaunchTarget.KUBERNETES], world_folder)
    assert plan.launch.kubernetes is not None
    kubernetes = replace(
        plan.launch.kubernetes, image=image, folder=folder, mounts=((path, claim),), secret=secret
    )
    launch = replace(plan.launch, kubernetes=kubernetes, secrets=("TOKEN",))
    job = yaml.safe_load(emit(replace(plan, launch=launch), ORIGIN)["trainjob.yaml"])["spec"]

    trainer = job["trainer"]
    assert trainer.get("image", "") == image
    assert trainer["command"][1].replace("$$", "$") == folder.rstrip("/") + "/launch.sh"
    assert trainer["env"][0]["valueFrom"]["secretKeyRef"] == {"name": secret, "key": "TOKEN"}
    patch = job["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]
    pod = patch["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert pod["volumes"][1]["persistentVolumeClaim"]["claimName"] == claim
    assert pod["containers"][0]["volumeMounts"][1]["mountPath"] == path


@given(folder=texts, workdir=texts, spec=texts)
def test_commands_in_yaml_are_words_that_a_shell_takes_apart_again(
    world_folder: Path, folder: str, workdir: str, spec: str
) -> None:
    sections = SECTIONS[LaunchTarget.SKYPILOT].replace("skypilot: {", "ci: {}, skypilot: {")
    plan = launch_plan(sections, world_folder)
    assert plan.launch.skypilot is not None
    assert plan.launch.ci is not None
    skypilot = replace(plan.launch.skypilot, folder=folder, workdir=workdir)
    ci = replace(plan.launch.ci, spec=spec or "x", folder=folder)
    files = emit(replace(plan, launch=replace(plan.launch, skypilot=skypilot, ci=ci)), ORIGIN)
    task, workflow = yaml.safe_load(files["sky.yaml"]), yaml.safe_load(files["ci.yml"])

    assert shlex.split(task["run"]) == ["bash", folder.rstrip("/") + "/launch.sh"]
    assert task.get("workdir", "") == workdir
    commands = [step["run"] for step in workflow["jobs"]["spec"]["steps"] if "run" in step]
    compiled = commands[2].replace("${{ '${{' }}", "${{")
    assert shlex.split(compiled) == [
        *("spec", "compile", spec or "x", "--out", folder, "--check"),
    ]
    assert all("${{" not in each.replace("${{ '${{' }}", "") for each in commands)


def test_what_the_environment_holds_already_is_no_part_of_the_files(world_folder: Path) -> None:
    os.environ["SOFTPROMPT_TEST_SECRET"] = "tell nobody"
    plan = launch_plan("launch: {secrets: [SOFTPROMPT_TEST_SECRET]}\n", world_folder)
    del os.environ["SOFTPROMPT_TEST_SECRET"]

    assert not any("tell nobody" in text for text in emit(plan, ORIGIN).values())
