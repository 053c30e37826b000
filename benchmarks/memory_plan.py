"""The memory plan against torch's memory tracker, on the runtime's own training step.

    python benchmarks/memory_plan.py [--large] [--markdown]

No weight is needed: tensors are fake, with shapes and without values, and torch's MemTracker
follows each storage. One line a training: the peak of what a step holds beside what stands between
two steps, planned and measured. --large: models of the shape of GPT-NeoX-20B and Llama-2-70B too,
in all of their layers; a minute or so each.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from softprompt_compiler.memory.batch import BatchShape
from softprompt_compiler.memory.model_shape import shape_of
from softprompt_compiler.memory.rank import RankMemory, Training, ranks_of
from softprompt_plan.plan import EncoderPlan
from softprompt_plan.vocabulary import ActivationsCheckpoint, EncoderType
from tests.measured_memory import MeasuredMemory, config_of, measure, shaped_row

_NO_ENDS = {"bos_token_id": 0, "eos_token_id": 0}
_SMOLLM: dict[str, Any] = {
    "vocab_size": 49152,
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "intermediate_size": 1536,
}
_MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "SmolLM2-135M": ("llama", _SMOLLM),
    "Qwen2-0.5B": (
        "qwen2",
        {
            "vocab_size": 151936,
            "hidden_size": 896,
            "num_hidden_layers": 24,
            "num_attention_heads": 14,
            "num_key_value_heads": 2,
            "intermediate_size": 4864,
            "tie_word_embeddings": True,
        },
    ),
    "Qwen3-0.6B": (
        "qwen3",
        {
            "vocab_size": 151936,
            "hidden_size": 1024,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "intermediate_size": 3072,
            "tie_word_embeddings": True,
        },
    ),
    "GPT-2 medium": ("gpt2", {"n_embd": 1024, "n_layer": 24, "n_head": 16, **_NO_ENDS}),
    "Pythia-410M": (
        "gpt_neox",
        {
            "vocab_size": 50304,
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
            **_NO_ENDS,
        },
    ),
}
_LARGE: dict[str, tuple[str, dict[str, Any]]] = {
    "GPT-NeoX-20B": (
        "gpt_neox",
        {
            "vocab_size": 50432,
            "hidden_size": 6144,
            "num_hidden_layers": 44,
            "num_attention_heads": 64,
            "intermediate_size": 24576,
            **_NO_ENDS,
        },
    ),
    "Llama-2-70B": (
        "llama",
        {
            "vocab_size": 32000,
            "hidden_size": 8192,
            "num_hidden_layers": 80,
            "num_attention_heads": 64,
            "num_key_value_heads": 8,
            "intermediate_size": 28672,
        },
    ),
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One training. Rows of `length` tokens, 20 of them virtual, 16 in the loss."""

    model: str
    mode: ActivationsCheckpoint
    encoder: EncoderPlan | None
    num_rows: int = 4
    length: int = 512
    num_virtual: int = 20
    num_targets: int = 16

    @property
    def config(self) -> Any:
        family, sizes = (_MODELS | _LARGE)[self.model]
        return config_of(family, **sizes)

    def measured(self) -> MeasuredMemory:
        rows = [
            shaped_row(
                at,
                length=self.length,
                num_targets=self.num_targets,
                num_virtual=self.num_virtual,
            )
            for at in range(self.num_rows)
        ]
        return measure(
            self.config,
            torch.bfloat16,
            self.encoder,
            [rows],
            num_virtual=self.num_virtual,
            mode=self.mode,
        )

    def planned(self) -> RankMemory:
        shape = shape_of(self.config.to_dict())
        assert shape is not None
        batch = BatchShape(
            num_rows=self.num_rows,
            row_length=self.length,
            num_shared=self.num_virtual,
            num_static=0,
            num_virtual=self.num_virtual,
            num_targets=self.num_targets,
        )
        training = Training(
            shape=shape,
            value_bytes=2,
            is_mixed=False,
            mode=self.mode,
            encoder=self.encoder,
            num_virtual=(self.num_virtual,),
            batch=batch,
            num_micro_batches=1,
            validates=False,
            generation=None,
            stage_layers=(shape.num_layers,),
        )
        return ranks_of(training)[0]


def encoder_of(kind: EncoderType) -> EncoderPlan:
    return EncoderPlan(type=kind, hidden_size=1024, num_layers=2, dropout=0.0, init_std=0.023)


def cases(large: bool) -> Iterator[Case]:
    for model in _MODELS:
        for mode in ActivationsCheckpoint:
            yield Case(model=model, mode=mode, encoder=None)
    for kind in EncoderType:
        yield Case(model="SmolLM2-135M", mode=ActivationsCheckpoint.NONE, encoder=encoder_of(kind))
    for model in _LARGE if large else ():
        for mode in ActivationsCheckpoint:
            yield Case(model=model, mode=mode, encoder=encoder_of(EncoderType.MLP))


def line(case: Case) -> Sequence[str]:
    started = time.perf_counter()
    planned, measured = case.planned(), case.measured()
    standing = planned.standing[0].num_bytes
    assert standing == measured.frozen, "weights are counted exactly"
    step = planned.worst.num_bytes
    return (
        case.model,
        "prompt-tuning" if case.encoder is None else case.encoder.type.value,
        case.mode.value,
        f"{measured.frozen / 2**30:,.2f}",
        f"{step / 2**20:,.1f}",
        f"{measured.activations / 2**20:,.1f}",
        f"{step / measured.activations:.3f}",
        f"{time.perf_counter() - started:.0f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    heads = ("model", "encoder", "checkpoint", "weights, GiB", "planned, MiB", "measured, MiB")
    heads += ("ratio", "s")
    separator = " | " if arguments.markdown else "\t"
    print(separator.join(heads))
    for case in cases(arguments.large):
        print(separator.join(line(case)), flush=True)


if __name__ == "__main__":
    main()
