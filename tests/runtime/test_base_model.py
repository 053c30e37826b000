import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import DynamicCache

from softprompt_plan.plan import ModelPlan
from softprompt_plan.vocabulary import ModelDtype, ModelSourceKind
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.base_model_loading import load_hf_model, locate_base_model
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.forward_check import ForwardPath
from softprompt_runtime.model_facts import FAMILIES, part
from softprompt_runtime.row_layout import RowLayout
from tests.tiny_models import VOCAB_SIZE, WIDTH, tiny_hf_model

torch.set_num_threads(1)
LEAN_FAMILIES = ["llama", "mistral", "qwen2", "qwen3"]
PADDED_FAMILIES = ["bloom", "mamba", "gpt_oss"]
ROWS = [[3, 14, 15, 92, 65, 35, 8], [3, 14], [79], [3, 23, 84, 62, 64, 33, 83, 27, 95]]


def packed(base_model: BaseModel, rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Embeddings (a leaf) and hidden states of the rows, end to end."""
    ids = torch.tensor([token for row in rows for token in row])
    positions = torch.tensor([at for row in rows for at in range(len(row))])
    embeddings = base_model.embed(ids).requires_grad_()
    return embeddings, base_model.hidden_states(embeddings, positions, [len(row) for row in rows])


def alone(base_model: BaseModel, row: list[int]) -> tuple[Tensor, Tensor]:
    """The same by the model's own forward."""
    embeddings = base_model.embed(torch.tensor(row)).requires_grad_()
    output = base_model.hf_model.base_model(inputs_embeds=embeddings[None], use_cache=False)
    return embeddings, output.last_hidden_state[0]


def assert_equal_up_to_rounding(found: Tensor, wanted: Tensor) -> None:
    assert (found - wanted).abs().max() <= 1e-5 * wanted.detach().abs().max().clamp(min=1.0)


def model_plan(source: str, dtype: ModelDtype = ModelDtype.FLOAT32) -> ModelPlan:
    return ModelPlan(
        source=source, kind=ModelSourceKind.FOLDER, revision=None, dtype=dtype, max_seq_length=64
    )


@pytest.mark.parametrize("family", [*FAMILIES, "opt", *PADDED_FAMILIES])
def test_packed_rows_equal_one_row_at_a_time_in_states_and_gradients(family: str) -> None:
    base_model = BaseModel(tiny_hf_model(family))
    embeddings, hidden = packed(base_model, ROWS)
    weights = torch.linspace(-1, 1, hidden.numel()).reshape(hidden.shape)
    (hidden * weights).sum().backward()
    assert embeddings.grad is not None
    start = 0
    for row in ROWS:
        rows = slice(start, start + len(row))
        start += len(row)
        row_embeddings, row_hidden = alone(base_model, row)
        (row_hidden * weights[rows]).sum().backward()
        assert row_embeddings.grad is not None
        assert_equal_up_to_rounding(hidden[rows], row_hidden)
        assert_equal_up_to_rounding(embeddings.grad[rows], row_embeddings.grad)


@pytest.mark.parametrize("family", [*FAMILIES, "opt", *PADDED_FAMILIES])
def test_each_family_takes_its_fastest_path(family: str) -> None:
    fastest = dict.fromkeys(LEAN_FAMILIES, ForwardPath.LEAN) | dict.fromkeys(
        PADDED_FAMILIES, ForwardPath.PADDED
    )
    assert BaseModel(tiny_hf_model(family)).path is fastest.get(family, ForwardPath.PACKED)


@pytest.mark.parametrize("family", LEAN_FAMILIES)
def test_the_lean_and_the_packed_path_give_the_same_states_and_gradients(family: str) -> None:
    base_model = BaseModel(tiny_hf_model(family))
    weights = torch.linspace(-1, 1, 19 * WIDTH).reshape(19, WIDTH)
    results: list[tuple[Tensor, Tensor]] = []
    for path in (ForwardPath.LEAN, ForwardPath.PACKED):
        base_model.path = path
        embeddings, hidden = packed(base_model, ROWS)
        (hidden * weights).sum().backward()
        assert embeddings.grad is not None
        results.append((hidden.detach(), embeddings.grad))
    for found, wanted in zip(*results, strict=True):
        assert_equal_up_to_rounding(found, wanted)


@pytest.mark.parametrize("family", ["llama", "gpt2", "bloom"])
def test_wanted_positions_may_come_in_any_order_and_more_than_once(family: str) -> None:
    base_model = BaseModel(tiny_hf_model(family))
    ids, positions = torch.tensor([3, 14, 15, 9, 2]), torch.tensor([0, 1, 2, 0, 1])
    embeddings = base_model.embed(ids)
    at = torch.tensor([4, 1, 1, 0])
    some = base_model.hidden_states(embeddings, positions, [3, 2], at)
    every = base_model.hidden_states(embeddings, positions, [3, 2])
    assert_equal_up_to_rounding(some, every[at])


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma2", "gpt2", "bloom"])
def test_a_shared_prefix_gives_the_states_of_whole_rows(family: str) -> None:
    base_model = BaseModel(tiny_hf_model(family))
    layout = RowLayout(
        segment_lengths=(3, 4, 0, 2, 5),
        prefix_of=(None, 0, 0, None, 0),
        static=(False,) * 5,
    )
    ids = torch.tensor([3, 14, 15, 1, 2, 3, 4, 50, 51, 92, 6, 5, 3, 5])
    rows = [layout.positions_of(segment) for segment in (1, 3, 4)]
    positions = torch.tensor([0, 1, 2, 3, 4, 5, 6, 0, 1, 3, 4, 5, 6, 7])
    hidden = base_model.hidden_states(base_model.embed(ids), positions, layout)
    for row in rows:
        _, expected = alone(base_model, ids[row].tolist())
        torch.testing.assert_close(hidden[row], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma2", "gpt2", "gpt_neox", "bloom"])
def test_static_segments_change_no_state_and_take_no_gradient(family: str) -> None:
    base_model = BaseModel(tiny_hf_model(family))
    #                 shared, static      static, live        live     alone     static
    lengths, prefix_of = (3, 4, 2, 5, 2, 3), (None, 0, 1, 0, None, None)
    static = (True, True, False, False, False, True)
    live = [7, 8, *range(9, 14), 14, 15]
    ids = torch.tensor([3, 14, 15, 1, 2, 3, 4, 50, 51, 6, 5, 3, 5, 8, 92, 9, 11, 12, 13])
    positions = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 3, 4, 5, 6, 7, 0, 1, 0, 1, 2])
    at = torch.tensor([8, 17, 13, 2, 8, 15])
    results: list[tuple[Tensor, Tensor, Tensor]] = []
    for flags in (static, (False,) * 6):
        layout = RowLayout(segment_lengths=lengths, prefix_of=prefix_of, static=flags)
        embeddings = base_model.embed(ids).requires_grad_()
        some = base_model.hidden_states(embeddings, positions, layout, at)
        every = base_model.hidden_states(embeddings, positions, layout)
        weights = torch.linspace(-1, 1, every.numel()).reshape(every.shape)
        ((every * weights)[live].sum() + some[[0, 2]].sum()).backward()
        assert embeddings.grad is not None
        results.append((some.detach(), every.detach(), embeddings.grad[live]))
    for found, wanted in zip(*results, strict=True):
        assert_equal_up_to_rounding(found, wanted)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_parts_are_where_the_table_says(family: str) -> None:
    hf_model = tiny_hf_model(family)
    facts = BaseModel(hf_model).facts
    assert facts.layout is not None
    assert part(hf_model, facts.layout.trunk) is hf_model.base_model
    assert part(hf_model, facts.layout.embeddings) is hf_model.get_input_embeddings()
    assert part(hf_model, facts.layout.head) is hf_model.get_output_embeddings()
    blocks = part(hf_model, facts.layout.blocks)
    assert len(blocks) == facts.num_layers == 3
    paths = [facts.layout.mlp, facts.layout.attention_output, facts.layout.query]
    assert all(isinstance(part(blocks[0], path), torch.nn.Module) for path in paths if path)
    assert isinstance(part(hf_model, facts.layout.final_norm), torch.nn.Module)
    assert (facts.width, facts.vocab_size, facts.num_heads) == (WIDTH, VOCAB_SIZE, 4)
    assert facts.max_positions == 64


@pytest.mark.parametrize("family", ["llama", "mistral", "gpt2", "gpt_neox"])
def test_generation_with_padding_and_cache_works_between_packed_passes(family: str) -> None:
    base_model = BaseModel(tiny_hf_model(family))
    hf_model = base_model.hf_model
    mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    ids = torch.tensor([[0, 0, 3, 14, 15], [3, 14, 15, 92, 65]])
    positions = (mask.cumsum(1) - 1).clamp(min=0)

    def cached_logits() -> Tensor:
        cache = DynamicCache(config=hf_model.config)
        first = hf_model(
            inputs_embeds=hf_model.get_input_embeddings()(ids),
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
        )
        step = hf_model(
            input_ids=torch.tensor([[7], [8]]),
            attention_mask=torch.cat((mask, torch.ones(2, 1, dtype=torch.int64)), 1),
            position_ids=positions[:, -1:] + 1,
            past_key_values=cache,
        )
        return torch.cat((first.logits[:, -1], step.logits[:, -1]))

    before = cached_logits()
    packed(base_model, ROWS)
    assert torch.equal(cached_logits(), before)
    _, hidden = packed(base_model, [[3, 14, 15, 7], [3, 14, 15, 92, 65, 8]])
    expected = base_model.project(hidden[[2, 8, 3, 9]])
    torch.testing.assert_close(before, expected, rtol=1e-4, atol=1e-4)


def test_the_model_is_left_as_it_was_when_a_pass_fails() -> None:
    base_model = BaseModel(tiny_hf_model("llama"))
    with pytest.raises(RuntimeError):
        base_model.hidden_states(torch.zeros(3, WIDTH), torch.zeros(3, dtype=torch.int64), [7])
    assert base_model.hf_model.config._attn_implementation == "sdpa"


def test_no_weight_is_trainable_and_no_module_trains() -> None:
    base_model = BaseModel(tiny_hf_model("gpt2").train())
    assert not any(weight.requires_grad for weight in base_model.hf_model.parameters())
    assert not any(module.training for module in base_model.hf_model.modules())
    assert not base_model.embed(torch.tensor([1])).requires_grad


def test_an_id_without_an_embedding_is_told_with_both_numbers() -> None:
    base_model = BaseModel(tiny_hf_model("llama"))
    assert base_model.embed(torch.tensor([VOCAB_SIZE - 1])).shape == (1, WIDTH)
    fault = f"gives the id {VOCAB_SIZE}, and the base model has {VOCAB_SIZE} embeddings"
    with pytest.raises(RunFailure, match=fault):
        base_model.embed(torch.tensor([3, VOCAB_SIZE]))


def test_a_model_that_sees_later_tokens_is_refused() -> None:
    hf_model = tiny_hf_model("llama", is_causal=False)
    for layer in hf_model.model.layers:
        layer.self_attn.is_causal = False
    with pytest.raises(RunFailure, match="not causal"):
        BaseModel(hf_model)


def test_a_head_that_does_more_than_the_facts_say_is_refused() -> None:
    hf_model = tiny_hf_model("llama")
    forward = hf_model.forward

    def sharpened(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        output.logits = output.logits * 2
        return output

    hf_model.forward = sharpened
    with pytest.raises(RunFailure, match="do not give its logits"):
        BaseModel(hf_model)


def test_the_fingerprint_is_of_the_weights_not_of_their_type() -> None:
    prints = {
        BaseModel(tiny_hf_model("llama").to(dtype)).fingerprint
        for dtype in (torch.float32, torch.bfloat16, torch.float16)
    }
    assert len(prints) == 1
    others = [tiny_hf_model("llama", seed=1), tiny_hf_model("qwen2"), tiny_hf_model("gpt2")]
    changed = tiny_hf_model("llama")
    changed.model.layers[-1].mlp.down_proj.weight.data[5, 5] *= -1
    for other in [*others, changed]:
        assert BaseModel(other).fingerprint not in prints


def test_a_folder_is_loaded_in_the_plans_type(tmp_path: Path) -> None:
    hf_model = tiny_hf_model("llama")
    hf_model.save_pretrained(tmp_path)
    for dtype in ModelDtype:
        loaded = BaseModel(load_hf_model(model_plan(str(tmp_path), dtype), tmp_path))
        assert str(loaded.dtype) == f"torch.{dtype}"
        assert loaded.fingerprint == BaseModel(hf_model).fingerprint


def test_a_checkpoint_without_some_weights_is_refused(tmp_path: Path) -> None:
    tiny_hf_model("llama").save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RunFailure, match=r"lack 1 weights: model\.layers\.1\.mlp\.up_proj\.weight"):
        load_hf_model(model_plan(str(tmp_path)), tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("config.json", b"{"), ("config.json", b'{"model_type": "t5"}'), ("model.safetensors", b"x")],
)
def test_broken_files_are_the_users_fault_in_one_line(
    tmp_path: Path, name: str, content: bytes
) -> None:
    tiny_hf_model("llama").save_pretrained(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunFailure, match="cannot be loaded") as caught:
        load_hf_model(model_plan(str(tmp_path)), tmp_path)
    assert "\n" not in caught.value.message
    assert caught.value.help


def test_numbers_of_a_config_that_do_not_go_together_are_the_users_fault(tmp_path: Path) -> None:
    tiny_hf_model("llama").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_attention_heads": 3}), "utf-8")
    with pytest.raises(RunFailure, match="is not a multiple of the number of attention heads"):
        load_hf_model(model_plan(str(tmp_path)), tmp_path)


class _Touching:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("damage", ["code", "cut", "empty"])
def test_a_pickle_that_holds_more_than_tensors_or_is_damaged_is_refused(
    tmp_path: Path, damage: str
) -> None:
    tiny_hf_model("llama").save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    file = tmp_path / "pytorch_model.bin"
    torch.save({"x": _Touching(tmp_path / "ran")}, file)
    if damage != "code":
        file.write_bytes(file.read_bytes()[:64] if damage == "cut" else b"")
    with pytest.raises(RunFailure, match="cannot be loaded") as caught:
        load_hf_model(model_plan(str(tmp_path)), tmp_path)
    assert "weights_only" not in f"{caught.value.message}{caught.value.help}"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("./no/where", "there is no"),
        ("${SURELY_UNSET_MODEL}/x", "SURELY_UNSET_MODEL is not set"),
        ("package:no_such_package/x.gguf", "`no_such_package` is not installed"),
    ],
)
def test_a_source_that_names_nothing_is_the_users_fault(
    tmp_path: Path, source: str, fault: str
) -> None:
    with pytest.raises(RunFailure, match=fault):
        locate_base_model(model_plan(source), tmp_path)


def test_a_hub_id_is_read_from_the_cache_only_if_its_weights_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--org--tiny" / "snapshots" / "main"
    tiny_hf_model("llama").save_pretrained(snapshot)
    assert locate_base_model(model_plan("org/tiny"), tmp_path) == snapshot
    (snapshot / "model.safetensors").unlink()
    assert locate_base_model(model_plan("org/tiny"), tmp_path) == "org/tiny"
    shards = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(shards))
    (snapshot / "model-1.safetensors").touch()
    assert locate_base_model(model_plan("org/tiny"), tmp_path) == "org/tiny"
    (snapshot / "model-2.safetensors").touch()
    assert locate_base_model(model_plan("org/tiny"), tmp_path) == snapshot
