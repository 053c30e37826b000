"""What the runtime's own training step holds in memory, measured without any weight.

The model, the prompt learner and the optimizer are made of fake tensors, which have shapes and
storages but no values; torch's MemTracker follows every storage from its birth to its end. What is
run is the runtime's: `accumulate_gradients` and an AdamW step on packed rows.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.utils.weak import WeakIdKeyDictionary
from transformers import AutoConfig, AutoModelForCausalLM

from softprompt_plan.plan import EncoderPlan
from softprompt_plan.vocabulary import ActivationsCheckpoint
from softprompt_runtime import base_model as base_model_module
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.forward_check import ForwardPath
from softprompt_runtime.parallel import own_part
from softprompt_runtime.prompt_encoder import create_prompt_encoder
from softprompt_runtime.prompt_learner import PromptLearner
from softprompt_runtime.train_step import GlobalBatch, accumulate_gradients, pack_global_batch


@dataclass(frozen=True, kw_only=True)
class MeasuredMemory:
    """Bytes. frozen, trainable, gradients, optimizer: exact sums over tensors.

    peak: the most that lives at once during a step that is not the first, all of these included.
    activations: that peak without what lives between two steps.
    """

    frozen: int
    trainable: int
    buffers: int
    gradients: int
    optimizer: int
    activations: int
    peak: int


@dataclass(frozen=True, kw_only=True)
class ShapedRow:
    """A row of which only the shape matters."""

    input_ids: tuple[int, ...]
    loss_mask: tuple[bool, ...]
    task: str = "task"


def shaped_row(
    number: int, *, length: int, num_targets: int, num_virtual: int, num_static: int = 0
) -> ShapedRow:
    """A row of `length` tokens: static text, virtual tokens, then text of its own.

    Its last num_targets tokens are the loss's.
    """
    text = [1 + (31 * number + 7 * at) % 89 for at in range(length - num_virtual - num_static)]
    virtual = [-1 - at for at in range(num_virtual)]
    start = length - num_targets
    return ShapedRow(
        input_ids=(*range(1, num_static + 1), *virtual, *text),
        loss_mask=tuple(at >= start for at in range(length)),
    )


class _NoModules:
    """In place of MemTracker's statistics of modules, which want each to be called only once."""

    is_bw = False
    parents: frozenset[str] = frozenset()

    def register_user_hooks(self, *hooks: Any) -> None:
        pass

    def clear_user_hooks(self) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


class StepTracker(MemTracker):
    """MemTracker without statistics of modules."""

    def __init__(self) -> None:
        super().__init__()
        self._mod_tracker: Any = _NoModules()

    def total(self, when: str) -> int:
        """Bytes that live now ("current") or lived at the peak ("peak"), on all devices."""
        return sum(kinds["Total"] for kinds in self.get_tracker_snapshot(when).values())


@contextmanager
def fake_tensors() -> Generator[None]:
    """Within, tensors have no values."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def fake_base_model(
    config: Any, dtype: torch.dtype, mode: ActivationsCheckpoint = ActivationsCheckpoint.NONE
) -> BaseModel:
    """The runtime's base model of a transformers config, its weights fake.

    The proof at load that the fast path gives the model's logits, and the fingerprint, need values.
    """
    hf_model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    with (
        patch.object(own_part, "fingerprint_of", _no_fingerprint),
        patch.object(base_model_module, "choose_path", _fastest),
    ):
        return BaseModel(hf_model, checkpoint=mode)


def _no_fingerprint(_: Any) -> str:
    return "fake"


def _fastest(_: Any, *, fastest: ForwardPath) -> ForwardPath:
    return fastest


def fake_learner(encoder: EncoderPlan | None, num_virtual: int, width: int) -> PromptLearner:
    """The learner of one task."""
    made = None if encoder is None else create_prompt_encoder(encoder, width)
    has_layers = made is not None and made.output_layer is not None
    return PromptLearner(
        init_tables={"task": torch.zeros(num_virtual, width)},
        encoder=made if has_layers else None,
        inputs={"task": torch.zeros(num_virtual, width)} if has_layers else None,
    )


def measure(
    config: Any,
    dtype: torch.dtype,
    encoder: EncoderPlan | None,
    micro_batches: Sequence[Sequence[ShapedRow]],
    *,
    num_virtual: int,
    mode: ActivationsCheckpoint = ActivationsCheckpoint.NONE,
) -> MeasuredMemory:
    """Memory of the second optimizer step over these micro-batches."""
    batch = pack_global_batch(micro_batches)
    with fake_tensors():
        base_model = fake_base_model(config, dtype, mode)
        learner = fake_learner(encoder, num_virtual, base_model.width)
        return measure_step(base_model, learner, batch)


def measure_step(
    base_model: BaseModel, learner: PromptLearner, batch: GlobalBatch
) -> MeasuredMemory:
    """Memory of the second of two equal steps, so that the optimizer has its state."""
    optimizer = torch.optim.AdamW(learner.trainable_parameters(), foreach=True)
    step = _step(base_model, learner, optimizer, batch)
    step()
    optimizer.zero_grad()
    tracker = StepTracker()
    tracker.track_external(base_model.hf_model, learner, optimizer)
    before = tracker.total("current")
    with tracker:
        step()
    peak = tracker.total("peak")
    parameters = learner.trainable_parameters()
    return MeasuredMemory(
        frozen=_bytes(base_model.hf_model.parameters()),
        trainable=_bytes(parameters),
        buffers=_bytes([*base_model.hf_model.buffers(), *learner.buffers()]),
        gradients=_bytes(p.grad for p in parameters if p.grad is not None),
        optimizer=_bytes(
            value
            for state in optimizer.state.values()
            for value in state.values()
            if isinstance(value, torch.Tensor)
        ),
        activations=peak - before,
        peak=peak,
    )


def _step(
    base_model: BaseModel,
    learner: PromptLearner,
    optimizer: torch.optim.Optimizer,
    batch: GlobalBatch,
) -> Callable[[], None]:
    def step() -> None:
        optimizer.zero_grad()
        accumulate_gradients(base_model, learner, batch, torch.Tensor.backward)
        optimizer.step()

    return step


def _bytes(tensors: Any) -> int:
    """Of their storages, each counted once."""
    storages: Any = WeakIdKeyDictionary()
    for tensor in tensors:
        storages[tensor.untyped_storage()] = tensor.untyped_storage().nbytes()
    return sum(storages.values())


def config_of(model_type: str, **sizes: Any) -> Any:
    """A transformers config."""
    return AutoConfig.for_model(model_type, **sizes)
