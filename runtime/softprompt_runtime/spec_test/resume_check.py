"""A training that is killed and started again ends with the very bits of one that was not."""

import os
import signal
import time
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from softprompt_runtime.checkpoints import Checkpoint, newest_checkpoint
from softprompt_runtime.run import Run
from softprompt_runtime.spec_test.check import CheckFailed, CheckSkipped
from softprompt_runtime.spec_test.tiny_run import TinyRun

_NUM_STEPS = 4
_LAST_SAVED = 2  # the process is killed after the next step, before that is saved
_PATIENCE = 120.0  # seconds that the process may take on a busy machine
_TRAINING = {"max_steps": _NUM_STEPS, "global_batch_size": 4, "micro_batch_size": 2}


def start_killed_training(tiny: TinyRun) -> int | None:
    """Fork a process that trains and kills itself; its id. None where processes cannot fork.

    To be called before this process has trained: torch's threads of a GPU do not survive a fork.
    """
    if not hasattr(os, "fork"):
        return None
    process = os.fork()
    if process:
        return process
    try:
        _kill_after(_LAST_SAVED + 1)
        tiny.train("killed", **_TRAINING)
    finally:
        os._exit(3)  # nothing of the parent's is to be undone twice


def check_kill_and_resume(tiny: TinyRun, process: int | None) -> str:
    """Wait for the killed training, finish it, and compare it with one in one go."""
    if process is None:
        raise CheckSkipped("this system cannot fork a process")
    straight = _last(tiny.train("straight", **_TRAINING).run)
    code = wait_for(process)
    if code != -signal.SIGKILL:
        raise CheckFailed(f"the training that was to be killed ended by itself, with code {code}")
    killed = _last(tiny.open("killed"))
    if killed.step != _LAST_SAVED:
        raise CheckFailed(f"killed after step {_LAST_SAVED + 1}, it had saved step {killed.step}")
    resumed = _last(tiny.train("killed", **_TRAINING).run)
    if not resumed.step == straight.step == _NUM_STEPS:
        raise CheckFailed(f"the resumed training ended at step {resumed.step}")
    for part in ("learner", "optimizer", "random"):
        where = difference(getattr(straight, part), getattr(resumed, part), part)
        if where is not None:
            raise CheckFailed(f"after a kill and the rest of the training, {where} is another")
    return f"killed at step {_LAST_SAVED + 1} of {_NUM_STEPS}; the same bits after all"


def _last(run: Run) -> Checkpoint:
    """The state at the run's last step, which need not be the best that the learner ends with."""
    checkpoint = newest_checkpoint(run.checkpoints_folder)
    if checkpoint is None:
        raise CheckFailed(f"the training {run.plan.name} has left no checkpoint")
    return checkpoint


def difference(one: Any, other: Any, name: str) -> str | None:
    """The name of the first value in which two states differ, bit for bit."""
    if isinstance(one, dict) and isinstance(other, dict):
        ours, theirs = cast("dict[Any, Any]", one), cast("dict[Any, Any]", other)
        if ours.keys() != theirs.keys():
            return name
        parts = [(key, ours[key], theirs[key]) for key in ours]
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        pair = cast("Sequence[Any]", one), cast("Sequence[Any]", other)
        if len(pair[0]) != len(pair[1]):
            return name
        parts = [(at, *values) for at, values in enumerate(zip(*pair, strict=True))]
    elif isinstance(one, Tensor) and isinstance(other, Tensor):
        return None if torch.equal(one, other) else name
    else:
        return None if one == other else name
    found = (difference(ours, theirs, f"{name}.{key}") for key, ours, theirs in parts)
    return next((where for where in found if where is not None), None)


def wait_for(process: int) -> int:
    """The exit code of a child process, -N if signal N ended it; it is ended if it takes long."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    end(process)
    raise CheckFailed(f"the training that was to be killed took longer than {_PATIENCE:.0f} s")


def end(process: int) -> None:
    """Make sure that a child process is gone; it may be so already."""
    try:
        if os.waitpid(process, os.WNOHANG) == (0, 0):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
    except (ChildProcessError, ProcessLookupError):
        return


def _kill_after(steps: int) -> None:
    """SIGKILL for this process in the middle of its work: behind an optimizer step, unsaved."""
    done = 0

    def count(*_: Any) -> None:
        nonlocal done
        done += 1
        if done == steps:
            os.kill(os.getpid(), signal.SIGKILL)

    register_optimizer_step_post_hook(count)
