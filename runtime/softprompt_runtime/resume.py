"""Where a training starts: from a checkpoint of the same run, or from nothing."""

import logging
from pathlib import Path

from softprompt_plan.vocabulary import ResumePolicy
from softprompt_runtime.checkpoints import Checkpoint, newest_checkpoint, set_aside
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.run_identity import differences

_log = logging.getLogger("softprompt.resume")
_NUM_SHOWN = 6


def starting_checkpoint(
    folder: Path, identity: dict[str, str], policy: ResumePolicy
) -> Checkpoint | None:
    """The checkpoint to go on from; None to start afresh.

    auto: the newest readable one, if there is any. must: the same, but there has to be one. never:
    what is there is moved aside, to checkpoints.1 and so on. Raises RunFailure if the checkpoint
    belongs to a training whose result would differ; it says in what.
    """
    if policy is ResumePolicy.NEVER:
        if (target := set_aside(folder)) is not None:
            _log.info("moved the old checkpoints to %s", target)
        return None
    checkpoint = newest_checkpoint(folder)
    if checkpoint is None:
        if policy is ResumePolicy.MUST:
            raise RunFailure(
                f"training.resume is `must`, and there is no checkpoint in {folder}",
                "Set training.resume: auto to start afresh where there is none.",
            )
        return None
    found = differences(checkpoint.identity, identity)
    if found:
        raise RunFailure(_says_what_differs(folder, checkpoint.step, found), _DIFFERS_HELP)
    return checkpoint


_DIFFERS_HELP = (
    "Change it back to go on, give the run another name, or set training.resume: never "
    "to start afresh (the old checkpoints are moved aside)."
)


def _says_what_differs(folder: Path, step: int, found: list[str]) -> str:
    shown = "".join(f"\n  {line}" for line in found[:_NUM_SHOWN])
    rest = len(found) - _NUM_SHOWN
    more = f"\n  and {rest} more" if rest > 0 else ""
    return f"The checkpoints in {folder}, at step {step}, are of another training:{shown}{more}"
