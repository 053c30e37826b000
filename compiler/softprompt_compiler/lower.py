"""Checked spec -> plan. Total: nothing here can fail, and every default is filled in here.

Defaults that depend on other fields are in `defaults`.
"""

from softprompt_compiler.defaults import (
    DEFAULT_MAX_EPOCHS,
    answer_only_loss,
    early_stopping,
    names,
    splits,
    warmup_steps,
)
from softprompt_compiler.lower_launch import lower_launch
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.spec.inference import InferenceSection
from softprompt_compiler.spec.parallelism import ParallelismSection
from softprompt_compiler.spec.prompt_learning import PromptLearningSection
from softprompt_compiler.spec.section import Paths
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.spec.task import TaskSection
from softprompt_compiler.spec.training import (
    OptimSection,
    ScheduleSection,
)
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
from softprompt_plan.vocabulary import PromptStyle


def lower(resolved: ResolvedSpec) -> Plan:
    """The plan of a spec without faults."""
    spec = resolved.spec
    return Plan(
        format=PLAN_FORMAT,
        name=spec.name,
        model=_model(resolved),
        tasks=tuple(
            _task(name, task, len(resolved.templates[name].markers))
            for name, task in spec.tasks.items()
        ),
        prompt_learning=_prompt_learning(spec.prompt_learning),
        training=_training(spec),
        parallelism=_parallelism(spec.parallelism),
        inference=_inference(spec.inference),
        launch=lower_launch(spec),
    )


def _paths(given: Paths | None) -> tuple[str, ...]:
    return names(given)


def _model(resolved: ResolvedSpec) -> ModelPlan:
    model = resolved.spec.model
    return ModelPlan(
        source=model.source,
        kind=resolved.model_kind,
        revision=model.revision,
        dtype=model.dtype,
        max_seq_length=model.max_seq_length,
    )


def _task(name: str, task: TaskSection, num_markers: int) -> TaskPlan:
    return TaskPlan(
        name=name,
        prompt_template=task.prompt_template,
        whitespace=task.whitespace,
        virtual_token_splits=splits(task, num_markers),
        truncate_fields=names(task.truncate_field),
        truncate_side=task.truncate_side,
        answer_field=task.answer_field,
        answer_only_loss=answer_only_loss(task),
        data=DataPlan(
            train=_paths(task.data.train),
            validation=_paths(task.data.validation),
            test=_paths(task.data.test),
            fields=tuple(task.data.fields.items()),
            max_rows=MaxRowsPlan(
                train=task.data.max_rows.train,
                validation=task.data.max_rows.validation,
                test=task.data.max_rows.test,
            ),
            shuffle_seed=task.data.shuffle_seed,
            too_long=task.data.too_long,
        ),
        weight=task.weight,
        metrics=task.metrics,
    )


def _prompt_learning(section: PromptLearningSection) -> PromptLearningPlan:
    encoder, init = section.encoder, section.init
    is_p_tuning = section.virtual_prompt_style is PromptStyle.P_TUNING
    return PromptLearningPlan(
        virtual_prompt_style=section.virtual_prompt_style,
        encoder=EncoderPlan(
            type=encoder.type,
            hidden_size=encoder.hidden_size,
            num_layers=encoder.num_layers,
            dropout=encoder.dropout,
            init_std=encoder.init_std,
        )
        if is_p_tuning
        else None,
        init=InitPlan(method=init.method, text=init.text, labels=init.labels or (), path=init.path),
        restore_path=section.restore_path,
    )


def _training(spec: Spec) -> TrainingPlan:
    training, stopping = spec.training, early_stopping(spec)
    is_by_epochs = training.max_steps is None
    return TrainingPlan(
        max_epochs=training.max_epochs or DEFAULT_MAX_EPOCHS if is_by_epochs else None,
        max_steps=training.max_steps,
        global_batch_size=training.global_batch_size,
        micro_batch_size=training.micro_batch_size,
        precision=training.precision,
        seed=training.seed,
        gradient_clip_val=training.gradient_clip_val,
        val_check_interval=training.val_check_interval,
        checkpoint_every_n_steps=training.checkpoint_every_n_steps,
        early_stopping=stopping
        and EarlyStoppingPlan(patience=stopping.patience, min_delta=stopping.min_delta),
        resume=training.resume,
        optim=_optim(training.optim, _schedule(training.optim.sched, warmup_steps(training))),
        loggers=training.loggers,
    )


def _optim(optim: OptimSection, sched: SchedulePlan) -> OptimPlan:
    return OptimPlan(
        name=optim.name,
        lr=optim.lr,
        weight_decay=optim.weight_decay,
        betas=optim.betas,
        sched=sched,
    )


def _schedule(sched: ScheduleSection, warmup: int) -> SchedulePlan:
    return SchedulePlan(
        name=sched.name,
        warmup_steps=warmup,
        constant_steps=sched.constant_steps,
        min_lr=sched.min_lr,
    )


def _parallelism(section: ParallelismSection) -> ParallelismPlan:
    return ParallelismPlan(
        accelerator=section.accelerator,
        gpu=section.gpu,
        num_nodes=section.num_nodes,
        devices=section.devices,
        tensor_model_parallel_size=section.tensor_model_parallel_size,
        pipeline_model_parallel_size=section.pipeline_model_parallel_size,
        sequence_parallel=section.sequence_parallel,
        shard_base_model=section.shard_base_model,
        activations_checkpoint=section.activations_checkpoint,
    )


def _inference(section: InferenceSection) -> InferencePlan:
    return InferencePlan(
        greedy=section.greedy,
        add_bos=section.add_bos,
        tokens_to_generate=section.tokens_to_generate,
        top_k=section.top_k,
        top_p=section.top_p,
        temperature=section.temperature,
        repetition_penalty=section.repetition_penalty,
        batch_size=section.batch_size,
        seed=section.seed,
    )
