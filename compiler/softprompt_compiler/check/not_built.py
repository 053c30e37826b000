"""SP0108: values that the language has and that are not built yet."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import field as rules
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_plan.vocabulary import LoggerName

_LOGGERS = (LoggerName.WANDB, LoggerName.MLFLOW)


def check_loggers_built(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """Curves are written to files."""
    for at, logger in enumerate(resolved.spec.training.loggers):
        if logger in _LOGGERS:
            yield rules.NOT_BUILT_YET.at(
                resolved.place("training", "loggers", at),
                feature=f"logger `{logger}`",
                help="write `csv` or `tensorboard`",
            )
