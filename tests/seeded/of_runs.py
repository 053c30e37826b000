"""SP0230 to SP0256, SP0316 to SP0318: training, layout and prompt learning that disagree."""

from typing import Any

from hypothesis import strategies as st

from tests.seeded.draft import Draft, seeded

_FREE: dict[str, Any] = {"virtual_prompt_style": "prompt-tuning"}


@seeded("SP0230")
def epochs_and_steps(draft: Draft) -> None:
    draft.give({"max_epochs": 3}, "training")
    draft.wrong(300, "training", "max_steps", key=True)
    draft.one_device()


@seeded("SP0231")
def batch(draft: Draft) -> None:
    draft.one_device()
    micro = draft.draw(st.integers(2, 9))
    draft.give(micro, "training", "micro_batch_size")
    draft.wrong(micro * draft.draw(st.integers(1, 9)) + 1, "training", "global_batch_size")


@seeded("SP0232")
def devices(draft: Draft) -> None:
    draft.layout(tensor_model_parallel_size=2)
    draft.wrong(draft.draw(st.sampled_from([1, 3, 5])), "parallelism", "devices")


@seeded("SP0233")
def schedule(draft: Draft) -> None:
    draft.one_device()
    steps = draft.draw(st.integers(5, 50))
    draft.give({"max_steps": steps}, "training")
    draft.wrong(steps + 1, "training", "optim", "sched", "warmup_steps")


@seeded("SP0234")
def min_lr(draft: Draft) -> None:
    draft.wrong(draft.draw(st.sampled_from([0.1, 0.5])), "training", "optim", "sched", "min_lr")


@seeded("SP0235")
def early_stopping(draft: Draft) -> None:
    draft.only_task()
    draft.wrong({"patience": 3}, "training", "early_stopping", key=True)


@seeded("SP0236")
def precision_of_device(draft: Draft) -> None:
    draft.drop("launch")
    draft.one_device()
    draft.give("cpu", "parallelism", "accelerator")
    draft.wrong("16-mixed", "training", "precision")


@seeded("SP0237")
def precision_of_model(draft: Draft) -> None:
    draft.give("float32", "model", "dtype")
    draft.wrong("bf16-true", "training", "precision")


@seeded("SP0240")
def init_lacks(draft: Draft) -> None:
    draft.learning(init={"method": draft.draw(st.sampled_from(["text", "class_labels", "prompt"]))})
    draft.mark("prompt_learning", "init", "method")


@seeded("SP0241")
def layers(draft: Draft) -> None:
    draft.learning(encoder={"type": "mlp", "num_layers": 1})
    draft.mark("prompt_learning", "encoder", "num_layers")


@seeded("SP0242")
def unused_sampling(draft: Draft) -> None:
    draft.give({"greedy": True}, "inference")
    draft.wrong(draft.draw(st.integers(1, 9)), "inference", "top_k", key=True)


@seeded("SP0242")
def unused_encoder(draft: Draft) -> None:
    draft.learning(**_FREE, encoder={"type": "mlp"})
    draft.mark("prompt_learning", "encoder", key=True)


@seeded("SP0243")
def sequence_parallel(draft: Draft) -> None:
    draft.layout()
    draft.wrong(True, "parallelism", "sequence_parallel")


@seeded("SP0244")
def encoder_split(draft: Draft) -> None:
    draft.layout(devices=2, tensor_model_parallel_size=2)
    width = 2 * draft.draw(st.integers(1, 30)) + 1
    draft.learning(encoder={"type": "tpmlp", "hidden_size": width})
    draft.mark("prompt_learning", "encoder", "hidden_size")


@seeded("SP0245")
def gpu_without_bfloat16(draft: Draft) -> None:
    draft.layout(gpu=draft.draw(st.sampled_from(["T4-16GB", "V100-32GB"])))
    draft.give("float32", "model", "dtype")
    draft.wrong("bf16-mixed", "training", "precision")


@seeded("SP0250")
def low_lr(draft: Draft) -> None:
    draft.learning(**_FREE)
    draft.drop("training", "optim", "sched")
    draft.wrong(draft.draw(st.sampled_from([1e-4, 2e-5])), "training", "optim", "lr")


@seeded("SP0251")
def random_init(draft: Draft) -> None:
    draft.learning(init={"method": "random"})
    draft.mark("prompt_learning", "init", "method")


@seeded("SP0252")
def many_tokens(draft: Draft) -> None:
    path = draft.only_task()
    draft.give(128, "model", "max_seq_length")
    draft.wrong(draft.draw(st.integers(101, 120)), *path, "total_virtual_tokens")


@seeded("SP0253")
def strong_decay(draft: Draft) -> None:
    draft.learning(**_FREE)
    draft.give(0.3, "training", "optim", "lr")
    draft.wrong(draft.draw(st.sampled_from([0.01, 0.1])), "training", "optim", "weight_decay")


@seeded("SP0254")
def high_lr(draft: Draft) -> None:
    draft.learning(virtual_prompt_style="p-tuning")
    draft.wrong(draft.draw(st.sampled_from([0.01, 0.3])), "training", "optim", "lr")


@seeded("SP0255")
def one_token(draft: Draft) -> None:
    path = draft.plain_task()
    if draft.draw(st.booleans()):
        draft.wrong([1], *path, "virtual_token_splits")
    else:
        draft.wrong(1, *path, "total_virtual_tokens")


@seeded("SP0256")
def unscaled_half(draft: Draft) -> None:
    draft.give(draft.draw(st.sampled_from(["32-true", "bf16-mixed"])), "training", "precision")
    draft.wrong("float16", "model", "dtype")


@seeded("SP0316")
def tensor_split(draft: Draft) -> None:
    size = draft.draw(st.sampled_from([3, 4, 8]))
    draft.layout(devices=size, tensor_model_parallel_size=size)
    draft.mark("parallelism", "tensor_model_parallel_size")


@seeded("SP0317")
def pipeline_split(draft: Draft) -> None:
    stages = draft.draw(st.integers(3, 9))
    draft.layout(devices=stages, pipeline_model_parallel_size=stages)
    draft.mark("parallelism", "pipeline_model_parallel_size")


@seeded("SP0318")
def unsplit_family(draft: Draft) -> None:
    key = draft.draw(st.sampled_from(["tensor", "pipeline"])) + "_model_parallel_size"
    draft.layout(devices=2)
    draft.give("models/opt", "model", "source")
    draft.wrong(2, "parallelism", key)
