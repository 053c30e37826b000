"""One training step, side by side: softprompt, PEFT in a plain loop, PEFT in transformers' Trainer.

    SOFTPROMPT_DATA=FOLDER python benchmarks/train_step.py --model FOLDER [--steps 3] [--rounds 2]

The same frozen model, rows, virtual tokens, optimizer and batch of 8. Each run is a fresh process,
so that its peak memory is its own; runs take turns, so that a busy machine hits all alike. Losses
must agree; then the ratios of real tokens (no padding) a second and of peak memory are printed.
"""

import argparse
import itertools
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

NUM_VIRTUAL_TOKENS = 10
BATCH_SIZE = 8
LEARNING_RATE = 1e-3
MAX_LENGTH = 512
SEED = 1234
Step = tuple[float, float]  # loss, time at the end


@dataclass(frozen=True, kw_only=True)
class Row:
    """A tokenized row; the first text_start positions are the virtual tokens."""

    task: str
    text_ids: list[int]
    answer_start: int  # in text_ids

    @property
    def input_ids(self) -> tuple[int, ...]:
        return (*(-1 - k for k in range(NUM_VIRTUAL_TOKENS)), *self.text_ids)

    @property
    def loss_mask(self) -> tuple[bool, ...]:
        start = NUM_VIRTUAL_TOKENS + self.answer_start
        return tuple(at >= start for at in range(len(self.input_ids)))

    @property
    def labels(self) -> list[int]:
        return [-100] * self.answer_start + self.text_ids[self.answer_start :]


@dataclass(frozen=True, kw_only=True)
class Result:
    name: str
    losses: list[float]
    seconds: list[float]  # of each step but the first
    tokens: list[int]  # real tokens of the same steps
    peak_bytes: int

    @property
    def tokens_per_second(self) -> float:
        return sum(self.tokens) / sum(self.seconds)


# --- the rows --------------------------------------------------------------------------------


def read_batches(tokenizer: Any, data: Path, num_steps: int) -> list[list[Row]]:
    lines = (data / "squad/nemo/squad_train.jsonl").read_text().splitlines()
    # neighbours in the file share a context, which shuffled training does not see
    chosen = random.Random(SEED).sample(lines, num_steps * BATCH_SIZE)
    rows = [tokenize(tokenizer, json.loads(line)) for line in chosen]
    return [rows[at : at + BATCH_SIZE] for at in range(0, len(rows), BATCH_SIZE)]


def tokenize(tokenizer: Any, record: dict[str, str]) -> Row:
    question = f"\n\nQuestion: {record['question']}\n\nAnswer:"
    context_ids = tokenizer(f" Context: {record['context']}").input_ids
    end_ids = tokenizer(question).input_ids
    answer_ids = [*tokenizer(record["answer"]).input_ids, tokenizer.eos_token_id]
    room = MAX_LENGTH - NUM_VIRTUAL_TOKENS - len(end_ids) - len(answer_ids)
    prompt_ids = context_ids[:room] + end_ids
    return Row(task="squad", text_ids=prompt_ids + answer_ids, answer_start=len(prompt_ids))


def first_table(model: Any) -> torch.Tensor:
    """(P, D): embeddings of random words, for all contestants."""
    generator = torch.Generator().manual_seed(SEED)
    weight = model.get_input_embeddings().weight
    ids = torch.randint(weight.shape[0], (NUM_VIRTUAL_TOKENS,), generator=generator)
    return weight.detach()[ids].clone()


# --- the contestants: each gives (loss, time of its step's end) step by step ----------------------


def run_softprompt(model_folder: str, batches: list[list[Row]]) -> Iterator[Step]:
    from softprompt_runtime.base_model import BaseModel
    from softprompt_runtime.packing import pack
    from softprompt_runtime.prompted_loss import loss_sums

    hf_model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    base_model = BaseModel(hf_model)
    table = torch.nn.Parameter(first_table(hf_model))
    optimizer = torch.optim.AdamW([table], lr=LEARNING_RATE, weight_decay=0.0)
    for rows in batches:
        sums = loss_sums(base_model, pack(rows), {"squad": table})
        loss = sums.total / sums.num_targets
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        yield loss.item(), time.perf_counter()


def run_peft_loop(model_folder: str, batches: list[list[Row]]) -> Iterator[Step]:
    model = peft_model(model_folder)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    model.train()
    for rows in batches:
        loss = model(**padded(rows)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        yield loss.item(), time.perf_counter()


def run_peft_trainer(model_folder: str, batches: list[list[Row]]) -> Iterator[Step]:
    from transformers import Trainer, TrainerCallback, TrainingArguments

    steps: list[Step] = []

    class Clock(TrainerCallback):
        def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
            if "loss" in logs:
                steps.append((logs["loss"], time.perf_counter()))

    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=BATCH_SIZE,
        max_steps=len(batches),
        learning_rate=LEARNING_RATE,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=0.0,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        remove_unused_columns=False,
        train_sampling_strategy="sequential",
    )
    rows: Any = [row for batch in batches for row in batch]
    model = peft_model(model_folder)
    Trainer(
        model=model, args=arguments, train_dataset=rows, data_collator=padded, callbacks=[Clock()]
    ).train()
    yield from steps


def peft_model(model_folder: str) -> Any:
    """As PEFT's prompt-tuning guide makes it."""
    from peft import (  # pyright: ignore[reportMissingImports] - extra: peers
        PromptTuningConfig,
        TaskType,
        get_peft_model,
    )

    base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    config = PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=NUM_VIRTUAL_TOKENS)
    table = first_table(base)
    model: Any = get_peft_model(base, config)
    model.prompt_encoder["default"].embedding.weight.data.copy_(table)
    return model


def padded(rows: list[Row]) -> dict[str, torch.Tensor]:
    """A batch padded on the right to its longest row."""
    length = max(len(row.text_ids) for row in rows)

    def tensor(values: list[list[int]], filler: int) -> torch.Tensor:
        return torch.tensor([row + [filler] * (length - len(row)) for row in values])

    return {
        "input_ids": tensor([row.text_ids for row in rows], 0),
        "attention_mask": tensor([[1] * len(row.text_ids) for row in rows], 0),
        "labels": tensor([row.labels for row in rows], -100),
    }


CONTESTANTS: dict[str, Callable[[str, list[list[Row]]], Iterator[Step]]] = {
    "softprompt": run_softprompt,
    "peft-loop": run_peft_loop,
    "peft-trainer": run_peft_trainer,
}


# --- one run in its own process, and all runs in turn --------------------------------------------


def measure(name: str, model_folder: str, data: Path, num_steps: int) -> Result:
    """In this process. The first step warms up and is not timed."""
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    batches = read_batches(tokenizer, data, num_steps + 1)
    steps = list(CONTESTANTS[name](model_folder, batches))
    ticks = [tick for _, tick in steps]
    return Result(
        name=name,
        losses=[loss for loss, _ in steps],
        seconds=[after - before for before, after in itertools.pairwise(ticks)],
        tokens=[sum(len(row.input_ids) for row in rows) for rows in batches[1:]],
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def measure_apart(name: str, options: argparse.Namespace) -> Result:
    """In a fresh process."""
    command = [sys.executable, __file__, "--only", name, "--model", options.model]
    command += ["--steps", str(options.steps), "--data", str(options.data)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Result(**json.loads(output.splitlines()[-1]))


def report(results: list[Result]) -> None:
    ours = [result for result in results if result.name == "softprompt"]
    print(f"{'':14} {'tokens/s':>9} {'peak GB':>8}   ratio to ours: time, memory")
    for name in CONTESTANTS:
        theirs = [result for result in results if result.name == name]
        speed = statistics.median(result.tokens_per_second for result in theirs)
        peak = max(result.peak_bytes for result in theirs)
        pairs = zip(ours, theirs, strict=True)
        times = statistics.median(a.tokens_per_second / b.tokens_per_second for a, b in pairs)
        memory = peak / max(result.peak_bytes for result in ours)
        print(f"{name:14} {speed:9.0f} {peak / 1e9:8.2f}   {times:18.2f} {memory:7.2f}")


def check_losses(results: list[Result]) -> None:
    """All contestants train the same thing, step by step."""
    for result in results:
        for step, (found, wanted) in enumerate(zip(result.losses, results[0].losses, strict=True)):
            if abs(found - wanted) > 1e-3 * wanted:
                sys.exit(f"losses differ: step {step} of {result.name}: {found}, not {wanted}")
    print("losses agree:", " ".join(f"{loss:.4f}" for loss in results[0].losses))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", required=True, help="a Hugging Face folder of a Llama model")
    parser.add_argument("--data", type=Path, default=os.environ.get("SOFTPROMPT_DATA"))
    parser.add_argument("--steps", type=int, default=3, help="timed steps of a run")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each contestant")
    parser.add_argument("--only", choices=CONTESTANTS, help="one contestant, in this process")
    options = parser.parse_args()
    if options.data is None:
        parser.error("give --data or set SOFTPROMPT_DATA")
    if options.only:
        result = measure(options.only, options.model, options.data, options.steps)
        print(json.dumps(vars(result)))
        return
    results: list[Result] = []
    for _ in range(options.rounds):
        for name in CONTESTANTS:
            results.append(measure_apart(name, options))
            last = results[-1]
            print(
                f"  {name}: {last.tokens_per_second:.0f} tokens/s, {last.peak_bytes / 1e9:.2f} GB"
            )
    check_losses(results)
    report(results)


if __name__ == "__main__":
    main()
