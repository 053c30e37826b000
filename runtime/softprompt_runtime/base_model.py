"""The frozen language model under the soft prompt.

Shapes: L tokens of a packed batch, N chosen positions of it, D width, V vocabulary.
"""

import inspect
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, final

import torch
from torch import Tensor

from softprompt_plan.vocabulary import ActivationsCheckpoint
from softprompt_runtime.activation_checkpoint import Context, checkpointed_blocks
from softprompt_runtime.base_model_loading import load_hf_model, locate_base_model
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.forward_check import ForwardPath, choose_path
from softprompt_runtime.lean_trunk import LeanRun, is_lean, lean_hidden_states
from softprompt_runtime.model_facts import ModelFacts
from softprompt_runtime.packed_attention import Rows, packed_rows
from softprompt_runtime.packed_forward import packed_hidden_states
from softprompt_runtime.padded_forward import padded_hidden_states
from softprompt_runtime.parallel.block_shards import share_out_blocks
from softprompt_runtime.parallel.mesh import Mesh, single_process
from softprompt_runtime.parallel.own_loading import load_own_part
from softprompt_runtime.parallel.own_part import OwnPart
from softprompt_runtime.parallel.regions import Region, tokens_shared_out
from softprompt_runtime.parallel.stage import Stage
from softprompt_runtime.parallel.stage_link import StageLink
from softprompt_runtime.parallel.stage_split import split_stages
from softprompt_runtime.row_layout import RowLayout
from softprompt_runtime.run import Run


def load_base_model(run: Run) -> "BaseModel":
    """The plan's frozen base model, on the CPU, in the plan's dtype.

    A process that needs only a part of it reads no more than that from safetensors files. Raises
    RunFailure if it cannot be found or read, if its rows would be longer than it has positions, or
    if its logits cannot be reproduced (see `BaseModel`).
    """
    plan, mesh = run.plan.model, run.mesh
    where = locate_base_model(plan, run.spec_folder)
    loaded = None if mesh.holds_all_layers else load_own_part(plan, where, mesh, run.plan.tasks)
    if loaded is None:
        hf_model = load_hf_model(plan, where)
        stages = split_stages(hf_model.config, mesh.pipeline.size, run.plan.tasks)
        own = OwnPart.cut(hf_model, mesh, stages[mesh.pipeline.index])
    else:
        hf_model, own = loaded.hf_model, loaded.own
    limit = own.facts.max_positions
    if limit is not None and plan.max_seq_length > limit:
        raise RunFailure(
            f"The base model has {limit} positions, and max_seq_length is {plan.max_seq_length}",
            f"Set model.max_seq_length to {limit} or less.",
        )
    checkpoint = run.plan.parallelism.activations_checkpoint
    return BaseModel(hf_model, mesh=mesh, own=own, checkpoint=checkpoint)


@final
class BaseModel:
    """A causal language model of transformers, or a pipeline stage of one: frozen, in eval mode.

    `hf_model` stays an ordinary transformers model between calls: padded batches, masks and caches
    work on it as ever.
    """

    def __init__(
        self,
        hf_model: Any,
        *,
        mesh: Mesh | None = None,
        stage: Stage | None = None,
        checkpoint: ActivationsCheckpoint = ActivationsCheckpoint.NONE,
        own: OwnPart | None = None,
    ) -> None:
        """Freeze the model and find its fastest path, by two tiny rows that give its own logits.

        mesh: the processes that this is one replica of, or a part of one; None: it is alone. stage:
        what of the model to take; None: all of it. checkpoint: what a backward pass computes again.
        own: of a model that holds no more than this process's part; a whole one is cut. Raises
        RunFailure for a model that is not causal, or whose logits can be reproduced by neither way.
        """
        self.mesh = single_process() if mesh is None else mesh
        self.hf_model = hf_model.requires_grad_(False).eval()
        own = own or OwnPart.cut(hf_model, self.mesh, stage)
        self.facts: ModelFacts = own.facts
        self.fingerprint: str = own.fingerprint
        self.stage, self.shards = own.stage, own.shards
        self.link = StageLink(self.mesh.pipeline)
        self._checkpoint = checkpoint
        self._trunk: Any = hf_model.base_model
        self._takes_positions = "position_ids" in inspect.signature(self._trunk.forward).parameters
        # A block whose weights are fetched when it is called cannot be run part by part.
        is_lean_here = is_lean(hf_model) and not self.mesh.shares_weights
        self.path: ForwardPath = choose_path(
            self, fastest=ForwardPath.LEAN if is_lean_here else ForwardPath.PACKED
        )
        if self.mesh.shares_weights:
            share_out_blocks(hf_model, self.facts.layout, self.mesh)

    @property
    def width(self) -> int:
        """D: width of an embedding."""
        return self.facts.width

    @property
    def vocab_size(self) -> int:
        """V: logits of the head."""
        return self.facts.vocab_size

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.hf_model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the weights, and of embeddings and hidden states."""
        return next(self.hf_model.parameters()).dtype

    def to(self, device: torch.device | str) -> "BaseModel":
        """Move the weights, in place. Returns the same object."""
        self.hf_model.to(device)
        return self

    def embed(self, ids_L: Tensor) -> Tensor:
        """(L, D): embeddings of token ids as the first block expects them. No gradient.

        Zeros on a pipeline stage that has no embeddings.
        Raises RunFailure on a CPU for an id that the model has no embedding for.
        """
        embeddings = self.hf_model.get_input_embeddings()
        try:
            with torch.no_grad():
                return embeddings(ids_L)
        except IndexError:
            raise RunFailure(
                f"The tokenizer gives the id {int(ids_L.max())}, and the base model has "
                f"{self.facts.num_embeddings} embeddings",
                "Take the tokenizer's files from where the model comes from.",
            ) from None

    def hidden_states(
        self,
        embeddings_LD: Tensor,
        position_ids_L: Tensor,
        rows: RowLayout | Sequence[int],
        at_N: Tensor | None = None,
    ) -> Tensor:
        """(N, D): hidden states after the final norm, each row seen by itself alone.

        On a pipeline stage: hidden states after its blocks, of those that the stage before gives.
        rows: the lengths of rows that lie end to end, or a layout with shared prefixes.
        position_ids_L: counted in each row; used by models that have positions.
        at_N: the packed positions that are wanted; None: all L.
        Differentiable in embeddings_LD, but for a layout's static segments; no weight gets a
        gradient.
        """
        layout = rows if isinstance(rows, RowLayout) else RowLayout.of_rows(rows)
        if layout.num_tokens == 0:
            return embeddings_LD if at_N is None else embeddings_LD.index_select(0, at_N)
        if self.path is ForwardPath.PADDED:
            hidden_LD = padded_hidden_states(self._trunk_of, embeddings_LD, position_ids_L, layout)
            return hidden_LD if at_N is None else hidden_LD.index_select(0, at_N)
        run = self._run_lean if self.path is ForwardPath.LEAN else self._run_packed
        if self.mesh.shares_weights:  # one pass, as on every other replica
            return run(embeddings_LD, position_ids_L, Rows.all_of(layout), at_N)
        return packed_hidden_states(run, embeddings_LD, position_ids_L, layout, at_N)

    def project(self, hidden_ND: Tensor) -> Tensor:
        """(N, V): logits, with the scale and soft cap of the model's own head.

        Without a gradient where the vocabulary is shared out over processes.
        """
        return self._scaled(self.hf_model.get_output_embeddings()(hidden_ND))

    def project_own(self, hidden_ND: Tensor) -> Tensor:
        """(N, C): logits of this process's part of the vocabulary, differentiable.

        The gradient in hidden_ND is to be summed over the tensor axis.
        """
        return self._scaled(self.hf_model.get_output_embeddings().own_logits(hidden_ND))

    def _scaled(self, logits_NV: Tensor) -> Tensor:
        if self.facts.logit_scale != 1.0:
            logits_NV = logits_NV * self.facts.logit_scale
        cap = self.facts.logit_softcap
        return logits_NV if cap is None else cap * torch.tanh(logits_NV / cap)

    def _run_lean(
        self, embeddings_LD: Tensor, position_ids_L: Tensor, rows: Rows, at_N: Tensor | None
    ) -> Tensor:
        region = Region(axis=self.mesh.tensor, num_tokens=self._shared_out(embeddings_LD))
        run = LeanRun.of(self._trunk, embeddings_LD, position_ids_L, rows, self._checkpoint, region)
        return lean_hidden_states(self._trunk, embeddings_LD, run, at_N)

    def _run_packed(
        self, embeddings_LD: Tensor, position_ids_L: Tensor, rows: Rows, at_N: Tensor | None
    ) -> Tensor:
        config = self.hf_model.config.get_text_config()
        context = partial(_packed, config, rows, self._shared_out(embeddings_LD))
        with context():
            hidden_LD = self._trunk_of(embeddings_LD[None], position_ids_L[None], None, context)[0]
        return hidden_LD if at_N is None else hidden_LD.index_select(0, at_N)

    def _shared_out(self, embeddings_LD: Tensor) -> int | None:
        """L where the processes share out hidden states over tokens."""
        return len(embeddings_LD) if self.mesh.sequence_parallel else None

    def _trunk_of(
        self,
        embeddings_BTD: Tensor,
        position_ids_BT: Tensor,
        mask_BT: Tensor | None,
        context: Context = nullcontext,
    ) -> Tensor:
        """(B, T, D): hidden states after the final norm, by transformers' own trunk.

        context: what it is called in, for blocks that run again in the backward pass.
        """
        positions = {"position_ids": position_ids_BT} if self._takes_positions else {}
        with checkpointed_blocks(self._trunk, self._checkpoint, context):
            output = self._trunk(
                inputs_embeds=embeddings_BTD, attention_mask=mask_BT, use_cache=False, **positions
            )
        return output.last_hidden_state


@contextmanager
def _packed(config: Any, rows: Rows, num_shared_out: int | None) -> Generator[None]:
    with packed_rows(config, rows), tokens_shared_out(num_shared_out):
        yield
