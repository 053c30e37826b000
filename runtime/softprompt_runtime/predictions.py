"""Predictions of test rows: one for each row, in order, whether it could be run or not."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import final

import torch

from softprompt_plan.example import Unfit
from softprompt_plan.tokenization import Tokenizer
from softprompt_runtime.atomic_write import write_atomically
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.examples import Examples
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.generation import Completion, FinishReason, generate
from softprompt_runtime.generation_progress import showing_generation
from softprompt_runtime.parallel.axis import Axis
from softprompt_runtime.run import Run
from softprompt_runtime.shown_text import shown_completion, shown_prompt
from softprompt_runtime.soft_prompt import SoftPrompt

JSON_FILE = "predictions.jsonl"
TEXT_FILE = "predictions.txt"

# What a reader of lines may take for the end of a line, and the sign that escapes it.
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
    | {end: f"\\u{ord(end):04x}" for end in "\v\f\x1c\x1d\x1e\x85\u2028\u2029"}
)
_JSON_ESCAPES = str.maketrans({end: f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"})


@final
@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the model made of one row.

    prompt: as the model saw it, after any cut, with markers for the virtual tokens; None where the
    row could not be made to fit. completion: as generated, white space included; empty where
    nothing was run. references: the row's answers, where the data has any.
    sum_logprob, mean_logprob: of the completion's tokens, EOS included, in nats.
    """

    id: str
    task: str
    file: str
    line: int  # from 1
    prompt: str | None
    completion: str
    references: tuple[str, ...]
    status: str  # ok | not_run
    reason: str | None  # why not run
    finish_reason: str  # eos | length | not_run
    sum_logprob: float | None
    mean_logprob: float | None


def generate_predictions(
    run: Run,
    base_model: BaseModel,
    tokenizer: Tokenizer,
    test: Examples,
    *,
    soft_prompt: SoftPrompt | None,
) -> list[Prediction]:
    """Complete every test row, in order, showing progress on stderr.

    Replicas of the model share out the rows, and every process gets all predictions.

    soft_prompt: None for the untuned model, which sees the same prompts without virtual tokens.
    Raises RunFailure where the device's memory is too small.
    """
    tables = None if soft_prompt is None else soft_prompt.tables
    label = "untuned" if soft_prompt is None else "tuned"
    inference = run.plan.inference
    items, data = list(test), run.mesh.data
    # Replicas that fetch weights from each other must take every step together.
    takes_all = data.size == 1 or run.mesh.shares_weights
    own = range(len(items)) if takes_all else data.share(range(len(items)))
    with showing_generation(f"generating, {label}", len(own), speaks=run.mesh.is_main) as done:
        try:
            completions = generate(
                base_model,
                items,
                tables,
                inference,
                tokenizer.eos_id,
                only=own,
                on_rows_done=done,
            )
        except torch.OutOfMemoryError:
            help = f"Lower inference.batch_size, now {inference.batch_size}."
            raise RunFailure("The device's memory is too small to generate", help) from None
    if not takes_all:
        completions = _of_all(data, completions, len(items))
    return [
        _prediction(run, tokenizer, test, at, completion)
        for at, completion in enumerate(completions)
    ]


def _of_all(data: Axis, own: Sequence[Completion], num_rows: int) -> list[Completion]:
    """The completions of all replicas, in the order of the rows."""
    by_row: dict[int, Completion] = {}
    for at, part in enumerate(data.gather_objects(list(own))):
        by_row.update(zip(range(at, num_rows, data.size), part, strict=True))
    return [by_row[row] for row in range(num_rows)]


def write_predictions(run: Run, predictions: Sequence[Prediction]) -> None:
    """Write predictions.jsonl and predictions.txt to the run's folder, each whole or not at all.

    predictions.txt has one line a row: the completion, with line ends and backslashes escaped.
    The main process writes. Raises RunFailure where the disk refuses.
    """
    run.mesh.on_main(lambda: _write(run, predictions))


def _write(run: Run, predictions: Sequence[Prediction]) -> None:
    lines = [prediction.completion.translate(_ESCAPES) + "\n" for prediction in predictions]
    try:
        write_atomically(run.folder / JSON_FILE, to_json_lines(predictions).encode())
        write_atomically(run.folder / TEXT_FILE, "".join(lines).encode())
    except OSError as error:
        raise RunFailure(f"The predictions cannot be written: {error}") from None


def to_json_lines(predictions: Sequence[Prediction]) -> str:
    """One JSON object a line; every reader of lines finds the same lines."""
    rows = (json.dumps(asdict(prediction), ensure_ascii=False) for prediction in predictions)
    return "".join(row.translate(_JSON_ESCAPES) + "\n" for row in rows)


def _prediction(
    run: Run, tokenizer: Tokenizer, test: Examples, at: int, completion: Completion
) -> Prediction:
    origin, item = test.origin(at), test[at]
    ids = () if isinstance(item, Unfit) else item.input_ids
    splits = run.plan.task(origin.task).virtual_token_splits
    ran = completion.finish_reason is not FinishReason.NOT_RUN
    return Prediction(
        id=origin.id,
        task=origin.task,
        file=str(origin.file),
        line=origin.line,
        prompt=shown_prompt(tokenizer, ids, splits) if ids else None,
        completion=shown_completion(tokenizer, ids, completion.ids),
        references=origin.references,
        status="ok" if ran else "not_run",
        reason=completion.reason,
        finish_reason=completion.finish_reason.value,
        sum_logprob=_finite(completion.sum_logprob),
        mean_logprob=_finite(completion.mean_logprob),
    )


def _finite(value: float | None) -> float | None:
    """JSON has no word for the NaN of a model that overflows."""
    return value if value is not None and math.isfinite(value) else None
