"""The run: one plan, its folder on this machine, and a known state of every random generator."""

import logging
import os
import random
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
import torch

from softprompt_plan.plan import Plan
from softprompt_plan.serialize import to_json
from softprompt_runtime.atomic_write import write_atomically
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.parallel.mesh import Mesh, join_mesh, single_process
from softprompt_runtime.smoke import asked_plan, is_smoke, smoke_plan, tiny_model_folder

RUNS_VARIABLE = "SOFTPROMPT_RUNS"
_LOGGER = "softprompt"

# The folder of the run opened last; only the report of a crash asks for it (script.py).
opened_folder: ContextVar[Path | None] = ContextVar("opened_folder", default=None)


@final
@dataclass(frozen=True, kw_only=True)
class Run:
    """One plan on this machine.

    spec_folder: what the plan's paths are relative to. folder: where the run leaves its files; its
    main process alone writes there. mesh: the processes of the run.
    """

    plan: Plan
    spec_folder: Path
    folder: Path
    mesh: Mesh = field(default_factory=single_process)

    @property
    def checkpoints_folder(self) -> Path:
        """Everything an exact resume needs; no base weights."""
        return self.folder / "checkpoints"

    @property
    def soft_prompt_folder(self) -> Path:
        """The trained soft prompt."""
        return self.folder / "soft_prompt"

    @property
    def history_file(self) -> Path:
        """The losses of the training, one JSON object a line (history.py)."""
        return self.folder / "history.jsonl"

    @property
    def plan_file(self) -> Path:
        """The plan of the last training."""
        return self.folder / "plan.json"

    @property
    def logs_folder(self) -> Path:
        """Logs and training curves."""
        return self.folder / "logs"


def open_run(plan: Plan, *, spec_folder: Path) -> Run:
    """Join the run's other processes, make its folder with its log, seed every random generator.

    The folder is `$SOFTPROMPT_RUNS/NAME`, or `runs/NAME` in the working folder. Files of an
    earlier run of this name stay: `training.resume` says what becomes of its checkpoints. Its
    plan.json stays too, and is written where there is none: a run that is refused, or only
    generates, is not the one that the results are of.
    The launch scripts may ask for another seed or for a trial of the set-up (smoke.py): then the
    run has that plan, and a name and a folder of its own.
    Raises RunFailure if the folder cannot be written, or if other processes run than the plan says.
    """
    plan = asked_plan(plan, os.environ)
    folder = runs_folder() / _folder_name(plan.name)
    if is_smoke(os.environ):
        # Before the processes join: of those that have, transformers lets only the first one save.
        tiny = tiny_model_folder(plan.model, plan.parallelism, spec_folder.resolve())
        plan = smoke_plan(plan, tiny)
    mesh = join_mesh(plan.parallelism)
    run = Run(plan=plan, spec_folder=spec_folder.resolve(), folder=folder, mesh=mesh)
    mesh.on_main(lambda: _open_folder(run))
    if not mesh.is_main:
        _log_to(run.logs_folder / f"rank-{mesh.rank}.log")
    opened_folder.set(folder)
    seed_everything(plan.training.seed)
    logging.getLogger(_LOGGER).info("opened run %s in %s", plan.name, folder)
    return run


def _open_folder(run: Run) -> None:
    try:
        if not os.path.lexists(run.plan_file):
            keep_plan(run)
        _log_to(run.logs_folder / "run.log")
    except OSError as error:
        help = f"Set {RUNS_VARIABLE} to a folder that can be written."
        raise RunFailure(f"The run folder {run.folder} cannot be written: {error}", help) from None


def keep_plan(run: Run) -> None:
    """Write the run's plan.json. Raises OSError."""
    write_atomically(run.plan_file, to_json(run.plan).encode())


def runs_folder() -> Path:
    """Where runs lie: `$SOFTPROMPT_RUNS`, else `runs` in the working folder. Always absolute."""
    return Path(os.environ.get(RUNS_VARIABLE) or "runs").expanduser().resolve()


def seed_everything(seed: int) -> None:
    """Seed torch (every device), numpy's global generator and `random`."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # libraries we call may draw from the global one
    random.seed(seed)


def _folder_name(name: str) -> str:
    """`name`, if it names one folder below the runs folder: a plan.json may come from anywhere."""
    if name in ("", ".", "..") or Path(name).name != name or "\\" in name:
        raise RunFailure(f"The run's name {name!r} is not the name of a folder")
    return name


def _log_to(path: Path) -> None:
    """Send this program's log records to `path`, and to no earlier run's log any more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger(_LOGGER)
    for old in list(logger.handlers):
        logger.removeHandler(old)
        old.close()
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # the terminal belongs to the progress bar
