"""Plans for tests: complete, small and quick."""

from pathlib import Path
from typing import Any

from softprompt_plan.plan import (
    PLAN_FORMAT,
    DataPlan,
    EarlyStoppingPlan,
    EncoderPlan,
    InferencePlan,
    InitPlan,
    MaxRowsPlan,
    ModelPlan,
    OptimPlan,
    ParallelismPlan,
    Plan,
    PromptLearningPlan,
    SchedulePlan,
    TaskPlan,
    TrainingPlan,
)
from softprompt_plan.vocabulary import (
    Accelerator,
    ActivationsCheckpoint,
    EncoderType,
    InitMethod,
    Metric,
    ModelDtype,
    ModelSourceKind,
    OptimizerName,
    Precision,
    PromptStyle,
    ResumePolicy,
    ScheduleName,
    TooLongPolicy,
    TruncateSide,
    Whitespace,
)
from tests.launch_plans import LOCAL

TEMPLATE = "<|VIRTUAL_PROMPT_0|>{text} mood:{label}"


def tiny_task(name: str = "mood", **changes: Any) -> TaskPlan:
    """A task of 4 virtual tokens. Keyword arguments replace fields; data: `data={...}` its own."""
    data: dict[str, Any] = {
        "train": (f"{name}_train.jsonl",),
        "validation": (f"{name}_validation.jsonl",),
        "test": (f"{name}_test.jsonl",),
        "fields": (),
        "max_rows": MaxRowsPlan(train=None, validation=None, test=None),
        "shuffle_seed": None,
        "too_long": TooLongPolicy.ERROR,
    }
    data.update(changes.pop("data", {}))
    values: dict[str, Any] = {
        "name": name,
        "prompt_template": TEMPLATE,
        "whitespace": Whitespace.KEPT,
        "virtual_token_splits": (4,),
        "truncate_fields": ("text",),
        "truncate_side": TruncateSide.RIGHT,
        "answer_field": "label",
        "answer_only_loss": True,
        "data": DataPlan(**data),
        "weight": 1.0,
        "metrics": (Metric.ACCURACY,),
    }
    return TaskPlan(**{**values, **changes})


def tiny_plan(
    model: Path | str = "model",
    *,
    tasks: tuple[TaskPlan, ...] | None = None,
    name: str = "tiny",
    sections: dict[str, dict[str, Any]] | None = None,
    **training: Any,
) -> Plan:
    """A plan of a few steps. `training` replaces fields of training, `sections` of any section.

    Sections: model, prompt_learning, encoder, init, training, optim, sched, parallelism, inference.
    """
    changes = dict(sections or {})
    changes["training"] = {**changes.get("training", {}), **training}

    def section(cls: Any, key: str, /, **values: Any) -> Any:
        return cls(**{**values, **changes.get(key, {})})

    return Plan(
        format=PLAN_FORMAT,
        name=name,
        model=section(
            ModelPlan,
            "model",
            source=str(model),
            kind=ModelSourceKind.FOLDER,
            revision=None,
            dtype=ModelDtype.FLOAT32,
            max_seq_length=64,
        ),
        tasks=tasks or (tiny_task(),),
        prompt_learning=section(
            PromptLearningPlan,
            "prompt_learning",
            virtual_prompt_style=PromptStyle.P_TUNING,
            encoder=section(
                EncoderPlan,
                "encoder",
                type=EncoderType.MLP,
                hidden_size=16,
                num_layers=2,
                dropout=0.0,
                init_std=0.023,
            ),
            init=section(
                InitPlan, "init", method=InitMethod.RANDOM, text=None, labels=(), path=None
            ),
            restore_path=None,
        ),
        training=section(
            TrainingPlan,
            "training",
            max_epochs=None,
            max_steps=6,
            global_batch_size=4,
            micro_batch_size=2,
            precision=Precision.FP32,
            seed=1234,
            gradient_clip_val=1.0,
            val_check_interval=2,
            checkpoint_every_n_steps=2,
            early_stopping=EarlyStoppingPlan(patience=10, min_delta=0.0),
            resume=ResumePolicy.AUTO,
            optim=section(
                OptimPlan,
                "optim",
                name=OptimizerName.ADAMW,
                lr=1e-3,
                weight_decay=0.01,
                betas=(0.9, 0.98),
                sched=section(
                    SchedulePlan,
                    "sched",
                    name=ScheduleName.COSINE_ANNEALING,
                    warmup_steps=1,
                    constant_steps=0,
                    min_lr=0.0,
                ),
            ),
            loggers=(),
        ),
        parallelism=section(
            ParallelismPlan,
            "parallelism",
            accelerator=Accelerator.CPU,
            gpu=None,
            num_nodes=1,
            devices=1,
            tensor_model_parallel_size=1,
            pipeline_model_parallel_size=1,
            sequence_parallel=False,
            shard_base_model=False,
            activations_checkpoint=ActivationsCheckpoint.NONE,
        ),
        inference=section(
            InferencePlan,
            "inference",
            greedy=True,
            add_bos=False,
            tokens_to_generate=4,
            top_k=0,
            top_p=1.0,
            temperature=1.0,
            repetition_penalty=1.0,
            batch_size=4,
            seed=1234,
        ),
        launch=LOCAL,
    )
