"""What the tests of evaluation share: a tiny model and an untrained soft prompt."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softprompt_plan.plan import Plan
from softprompt_plan.tokenization import Tokenizer
from softprompt_plan.vocabulary import Split
from softprompt_runtime.base_model import BaseModel, load_base_model
from softprompt_runtime.examples import load_examples
from softprompt_runtime.predictions import Prediction, generate_predictions
from softprompt_runtime.prompt_learner import create_prompt_learner, save_soft_prompt
from softprompt_runtime.run import Run, open_run
from softprompt_runtime.soft_prompt import SoftPrompt, load_soft_prompt
from softprompt_runtime.tokenizer import load_tokenizer


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All that an evaluate.py has before it generates."""

    run: Run
    tokenizer: Tokenizer
    base_model: BaseModel
    soft_prompt: SoftPrompt

    def predict(self, soft_prompt: SoftPrompt | None) -> list[Prediction]:
        """Predictions of the test rows."""
        test = load_examples(self.run, self.tokenizer, Split.TEST)
        return generate_predictions(
            self.run, self.base_model, self.tokenizer, test, soft_prompt=soft_prompt
        )


def make_evaluation(plan: Plan, folder: Path) -> Evaluation:
    """A run with a saved, untrained soft prompt, as it is at the start of an evaluation."""
    run = open_run(plan, spec_folder=folder)
    tokenizer = load_tokenizer(run)
    base_model = load_base_model(run)
    save_soft_prompt(run, create_prompt_learner(run, base_model, tokenizer), base_model)
    return Evaluation(
        run=run,
        tokenizer=tokenizer,
        base_model=base_model,
        soft_prompt=load_soft_prompt(run, base_model),
    )


def write_test_rows(folder: Path, rows: Sequence[dict[str, Any]], task: str = "mood") -> Path:
    """The test file of a task."""
    path = folder / f"{task}_test.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def prediction(completion: str, *references: str, **changes: Any) -> Prediction:
    """A prediction that was run."""
    values: dict[str, Any] = {
        "id": f"mood:{completion}",
        "task": "mood",
        "file": "mood_test.jsonl",
        "line": 1,
        "prompt": "prompt",
        "completion": completion,
        "references": references,
        "status": "ok",
        "reason": None,
        "finish_reason": "eos",
        "sum_logprob": -1.0,
        "mean_logprob": -0.5,
    }
    return Prediction(**{**values, **changes})
