"""Both halves split layers by the same sizes, so that the memory plan is of the stages that run."""

from pathlib import Path

import pytest
from transformers import AutoConfig

from softprompt_compiler.facts import read_model_facts
from softprompt_plan.model_source import Located
from softprompt_plan.stages import LayerShape
from softprompt_plan.vocabulary import ModelSourceKind
from softprompt_runtime.parallel.stage_split import layer_shape
from tests.tiny_model_folder import write_tiny_model


@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2", "gpt_neox"])
def test_both_halves_read_the_same_sizes(family: str, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, family)
    facts = read_model_facts(Located(path=tmp_path, kind=ModelSourceKind.FOLDER))

    assert layer_shape(AutoConfig.from_pretrained(tmp_path)) == LayerShape(
        family=facts.family,
        width=facts.width,
        num_heads=facts.num_heads,
        num_kv_heads=facts.num_kv_heads,
        head_dim=facts.head_dim,
        mlp_width=facts.mlp_width,
        vocab_size=facts.vocab_size,
    )
