"""What one process of a mesh holds of the base model: a pipeline stage, or shards of its layers."""

from dataclasses import dataclass
from typing import Any, final

from softprompt_runtime.fingerprint import fingerprint_of
from softprompt_runtime.model_facts import ModelFacts, facts_of
from softprompt_runtime.parallel.mesh import Mesh
from softprompt_runtime.parallel.stage import Stage, take_stage
from softprompt_runtime.parallel.tensor_model import TensorShards


@final
@dataclass(frozen=True, kw_only=True)
class OwnPart:
    """facts, fingerprint: of the whole model. shards: None where each layer is whole."""

    facts: ModelFacts
    fingerprint: str
    stage: Stage
    shards: TensorShards | None

    @staticmethod
    def cut(hf_model: Any, mesh: Mesh, stage: Stage | None = None) -> "OwnPart":
        """Cut a whole model to this process's part, in place. Raises RunFailure if that cannot be.

        stage: the blocks to keep; None: all.
        """
        facts, fingerprint = facts_of(hf_model), fingerprint_of(hf_model)
        stage = stage or Stage.whole(facts.num_layers)
        shards = take_parts(hf_model, mesh, stage)
        if shards is not None:
            shards.cut(hf_model)
            shards.connect(hf_model)
        return OwnPart(facts=facts, fingerprint=fingerprint, stage=stage, shards=shards)


def take_parts(hf_model: Any, mesh: Mesh, stage: Stage) -> TensorShards | None:
    """Leave the stage's blocks of a model, in place; what of its weights this process is to hold.

    The weights themselves are still whole, or have no values at all (on the meta device).
    """
    facts = facts_of(hf_model)
    if not stage.is_whole:
        take_stage(hf_model, stage)
    return TensorShards.of(hf_model, facts, mesh.tensor) if mesh.tensor.size > 1 else None
