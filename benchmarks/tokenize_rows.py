"""What a template costs: `RowEncoder.encode_batch` beside a bare `encode_batch` of the same texts.

    SOFTPROMPT_DATA=FOLDER python benchmarks/tokenize_rows.py [--rows 100000] [--rounds 20]

SQuAD's rows, each a little different, the template and tokenizer of specs/squad.yaml. Ours and the
bare tokenizer take turns in one process, a round a part of the rows, so that a busy machine slows
both: with all rows fitting, then with a limit that cuts a fifth of them; with the library's threads
and without. Last, the pass of `spec validate` over a file of a tenth of the rows. Seconds are sums
over the rounds; ratios are medians of the rounds'.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tokenizers import Tokenizer

from softprompt_compiler.data_tokenizer import load_tokenizer
from softprompt_compiler.pipeline import check_spec
from softprompt_compiler.source import SourceFile
from softprompt_compiler.world import LocalWorld
from softprompt_plan.example import Example, RowEncoder
from softprompt_plan.plan import TaskPlan
from softprompt_plan.tokenization import FastTokenizer

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "specs" / "squad.yaml"
BATCH = 512  # rows at once, as the runtime hands them over
NO_LIMIT = 1_000_000
SHARE_CUT = 0.2
T = TypeVar("T")
Record = dict[str, str]
Seconds = tuple[float, float]  # wall, processor


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The task and tokenizer as the compiler makes them."""

    task: TaskPlan
    tokenizer: FastTokenizer
    backend: Tokenizer


def main() -> None:
    options = _options()
    if options.threads is None:
        for threads in ("true", "false"):  # the library reads it once a process
            command = [sys.executable, __file__, *sys.argv[1:], "--threads", threads]
            subprocess.run(
                command, env={**os.environ, "TOKENIZERS_PARALLELISM": threads}, check=True
            )
        return
    setup, records = _setup(), _records(options.rows)
    texts = [_text(setup.task, record) for record in records]
    print(
        f"TOKENIZERS_PARALLELISM={options.threads}, {os.cpu_count()} cores, {len(records):,} rows"
    )
    lengths = sorted(_lengths(setup, records))
    limit = lengths[int(len(lengths) * (1 - SHARE_CUT))]
    for name, most in (("rows that fit", NO_LIMIT), (f"at most {limit} tokens", limit)):
        encoder = RowEncoder(setup.task, setup.tokenizer, most, add_bos=False)
        _compare(name, options.rounds, setup.backend, encoder, texts, records)
    tenth = len(records) // 10
    _time_validate(records[:tenth], setup.backend, texts[:tenth])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What a template costs beside tokenization.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", choices=("true", "false"), help="default: one run of each")
    return parser.parse_args()


def _setup() -> Setup:
    world = LocalWorld(spec_folder=SPEC.parent, environment=os.environ)
    checked = check_spec(SourceFile(name=str(SPEC), text=SPEC.read_text("utf-8")), (), world)
    assert checked.plan is not None, checked.diagnostics
    assert checked.resolved is not None
    files = checked.resolved.model.files
    tokenizer, faults = load_tokenizer(checked.resolved, world)
    assert isinstance(tokenizer, FastTokenizer), faults
    assert files is not None
    backend = Tokenizer.from_str(world.tokenizer(files.path).encode_json)
    return Setup(task=checked.plan.tasks[0], tokenizer=tokenizer, backend=backend)


def _records(count: int) -> list[Record]:
    """SQuAD's rows, over and over, each with another end of its question."""
    path = Path(os.environ["SOFTPROMPT_DATA"]) / "squad" / "nemo" / "squad_train.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    numbered = zip(range(count), itertools.cycle(rows), strict=False)
    return [row | {"question": f"{row['question']} ({number})"} for number, row in numbered]


def _text(task: TaskPlan, record: Record) -> str:
    """What the tokenizer is given for the row."""
    return task.prompt_template.replace("<|VIRTUAL_PROMPT_0|>", "").format(**record).rstrip(" ")


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[at : at + BATCH] for at in range(0, len(items), BATCH))


def _lengths(setup: Setup, records: Sequence[Record]) -> Iterator[int]:
    encoder = RowEncoder(setup.task, setup.tokenizer, NO_LIMIT, add_bos=False)
    for example in encoder.encode_batch(records[:5000]):
        assert isinstance(example, Example)
        yield len(example.input_ids)


def _timed(work: Callable[[], int]) -> tuple[Seconds, int]:
    wall, processor = time.perf_counter(), time.process_time()
    count = work()
    return (time.perf_counter() - wall, time.process_time() - processor), count


def _bare(backend: Tokenizer, texts: Sequence[str]) -> int:
    """The number of tokens."""
    batches = (backend.encode_batch(list(b), add_special_tokens=False) for b in _batches(texts))
    return sum(len(encoding) for batch in batches for encoding in batch)


def _ours(encoder: RowEncoder, records: Sequence[Record]) -> int:
    """The number of rows that were cut."""
    results = (result for batch in _batches(records) for result in encoder.encode_batch(batch))
    return sum(isinstance(result, Example) and bool(result.cut) for result in results)


def _compare(
    name: str,
    rounds: int,
    backend: Tokenizer,
    encoder: RowEncoder,
    texts: Sequence[str],
    records: Sequence[Record],
) -> None:
    runs: list[tuple[Seconds, Seconds]] = []
    num_cut, size = 0, -(-len(records) // rounds)
    for at in range(0, len(records), size):
        some, theirs = records[at : at + size], texts[at : at + size]
        bare, _ = _timed(lambda theirs=theirs: _bare(backend, theirs))
        ours, cut = _timed(lambda some=some: _ours(encoder, some))
        runs.append((bare, ours))
        num_cut += cut
    _print(f"{name}, {num_cut:,} cut", "RowEncoder", runs)


def _print(name: str, what: str, runs: Sequence[tuple[Seconds, Seconds]]) -> None:
    print(name)
    for label, side in (("bare encode_batch", 0), (what, 1)):
        wall, processor = (sum(run[side][clock] for run in runs) for clock in (0, 1))
        print(f"    {label:18} {wall:6.2f} s wall  {processor:6.2f} s processor")
    wall, processor = (
        statistics.median(run[1][clock] / run[0][clock] for run in runs) for clock in (0, 1)
    )
    print(f"    {'ratio':18} {wall:6.2f}         {processor:6.2f}", flush=True)


def _time_validate(
    records: Sequence[Record], backend: Tokenizer, texts: Sequence[str], rounds: int = 3
) -> None:
    """The whole of `spec validate` but its start, over the rows as one file of training data."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        file.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
        spec = SPEC.read_text("utf-8").splitlines(keepends=True)
        text = "".join(
            line for line in spec if not line.lstrip().startswith(("val", "test:", "metr"))
        )
        text = text.replace("${SOFTPROMPT_DATA}/squad/nemo/squad_train.jsonl", str(file))
        text = text.replace("max_seq_length: 384", "max_seq_length: 1024")
        world = LocalWorld(spec_folder=SPEC.parent, environment=os.environ)
        source = SourceFile(name=str(SPEC), text=text)

        def validate() -> int:
            checked = check_spec(source, (), world, read_data=True)
            assert checked.plan is not None, checked.diagnostics
            return len(records)

        pairs = [(_timed(lambda: _bare(backend, texts)), _timed(validate)) for _ in range(rounds)]
        runs = [(bare[0], ours[0]) for bare, ours in pairs]
    name = f"a pass of spec validate over {len(records):,} rows that fit, {rounds} times"
    _print(name, "spec validate", runs)


if __name__ == "__main__":
    main()
