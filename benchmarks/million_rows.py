"""What a million rows cost: time and memory up to the first steps, without and with the cache.

    python benchmarks/million_rows.py [--rows 10000 1000000] [--steps 5]

Rows of a few words, a tiny random model and a tokenizer of bytes, so that the rows are what is
measured. Each run is a fresh process. Seconds are CPU time, which a busy machine changes little.
`anonymous` is the memory that is the process's own: pages of the mapped cache are the system's,
shared by all processes, and go when memory is short.
"""

import argparse
import importlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORDS = "a be sea day eye for go hat ice joy key lot map new old pen red sun top use"


def write_rows(path: Path, num_rows: int) -> None:
    draw = random.Random(num_rows)
    with path.open("w") as file:
        for _ in range(num_rows):
            row = {
                "text": " ".join(draw.choices(WORDS.split(), k=6)),
                "label": draw.choice([" x", " yz"]),
            }
            file.write(json.dumps(row) + "\n")


def train(folder: Path, num_steps: int) -> dict[str, float]:
    """In this process: all that a train.py does, for a few steps."""
    from softprompt_plan.vocabulary import ResumePolicy, Split
    from softprompt_runtime import (
        create_prompt_learner,
        fit,
        load_base_model,
        load_examples,
        load_tokenizer,
        open_run,
    )
    from softprompt_runtime.lightning_module import PromptTraining
    from tests.runtime.plans import tiny_plan

    plan = tiny_plan(max_steps=num_steps, val_check_interval=num_steps, resume=ResumePolicy.NEVER)
    run = open_run(plan, spec_folder=folder)
    tokenizer = load_tokenizer(run)
    base_model = load_base_model(run)
    learner = create_prompt_learner(run, base_model, tokenizer)
    importlib.import_module("softprompt_runtime.trainer")  # takes seconds; `fit` would do it
    ends: list[float] = []
    training_step: Any = PromptTraining.training_step

    def timed_step(*arguments: Any) -> Any:
        result = training_step(*arguments)
        ends.append(time.process_time())
        return result

    PromptTraining.training_step = timed_step  # type: ignore[method-assign]
    before, start = anonymous_bytes(), time.process_time()
    with Peak() as peak:
        rows = load_examples(run, tokenizer, Split.TRAIN)
        loaded = time.process_time()
        held = anonymous_bytes()
        fit(run, base_model, learner, rows, load_examples(run, tokenizer, Split.VALIDATION))
    return {
        "rows": len(rows),
        "load_seconds": loaded - start,
        "first_step_seconds": ends[0] - start,
        "loaded_bytes": held - before,
        "peak_anonymous_bytes": peak.bytes - before,
        "peak_resident_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def anonymous_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith("RssAnon:")]
    return int(value) * 1024


class Peak:
    """The most anonymous memory while the block runs, looked at every 20 ms."""

    def __init__(self) -> None:
        self.bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.bytes = max(self.bytes, anonymous_bytes())


def train_apart(folder: Path, num_steps: int) -> dict[str, float]:
    """In a fresh process."""
    environment = {
        **os.environ,
        "SOFTPROMPT_CACHE": str(folder / "cache"),
        "SOFTPROMPT_RUNS": str(folder / "runs"),
    }
    command = [sys.executable, __file__, "--only", str(folder), "--steps", str(num_steps)]
    done = subprocess.run(
        command,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def report(name: str, result: dict[str, float]) -> None:
    rows, megabyte = int(result["rows"]), 1e6
    print(
        f"{rows:>9,} rows, {name:12} loaded in {result['load_seconds']:6.1f} s, "
        f"first step after {result['first_step_seconds']:6.1f} s  "
        f"anonymous MB: +{result['loaded_bytes'] / megabyte:.1f} loaded, "
        f"+{result['peak_anonymous_bytes'] / megabyte:.1f} peak  "
        f"peak resident {result['peak_resident_bytes'] / megabyte:.0f} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--only", type=Path, help="one run in this process, in this folder")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if options.only:
        print(json.dumps(train(options.only, options.steps)))
        return
    from tests.runtime.training_runs import prepare_folder

    for num_rows in options.rows:
        with tempfile.TemporaryDirectory() as name:
            folder = prepare_folder(Path(name))
            write_rows(folder / "mood_train.jsonl", num_rows)
            report("cold cache", train_apart(folder, options.steps))
            report("warm cache", train_apart(folder, options.steps))
            size = sum(path.stat().st_size for path in (folder / "cache" / "rows").iterdir())
            print(f"          the cache takes {size / num_rows:.0f} bytes a row")


if __name__ == "__main__":
    main()
