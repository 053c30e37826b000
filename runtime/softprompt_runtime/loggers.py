"""Training curves for other tools, through Lightning's loggers."""

from collections.abc import Sequence
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger

from softprompt_plan.vocabulary import LoggerName
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.history import Entry
from softprompt_runtime.run import Run


def create_loggers(run: Run, earlier: Sequence[Entry]) -> list[Logger]:
    """The plan's loggers, under logs/ of the run's folder.

    earlier: what the history holds from before a resume. csv: logs/csv/metrics.csv is written anew,
    beginning with it. tensorboard: the event files go on; what a killed process wrote beyond the
    checkpoint is hidden. Raises RunFailure for a logger that this version does not have.
    """
    return [_create_logger(name, run, earlier) for name in run.plan.training.loggers]


def log_entry(loggers: Sequence[Logger], entry: Entry) -> None:
    """Give one entry of the history to every logger."""
    values = {name: float(value) for name, value in entry.items() if name != "step"}
    for logger in loggers:
        logger.log_metrics(values, step=int(entry["step"]))


def _create_logger(name: LoggerName, run: Run, earlier: Sequence[Entry]) -> Logger:
    match name:
        case LoggerName.CSV:
            return _csv_logger(run, earlier)
        case LoggerName.TENSORBOARD:
            purge_step = int(earlier[-1]["step"]) + 1 if earlier else 0
            folder: Any = run.logs_folder
            return TensorBoardLogger(folder, "tensorboard", version="", purge_step=purge_step)
        case LoggerName.WANDB | LoggerName.MLFLOW:
            raise RunFailure(
                f"This version has no {name} logger", "Use training.loggers: [tensorboard, csv]."
            )


def _csv_logger(run: Run, earlier: Sequence[Entry]) -> Logger:
    (run.logs_folder / "csv" / "metrics.csv").unlink(missing_ok=True)
    logger = CSVLogger(run.logs_folder, "csv", version="")
    for entry in earlier:
        log_entry([logger], entry)
    return logger
