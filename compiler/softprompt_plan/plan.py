"""The plan: the full description of one run, and the contract of compiler and runtime.

Every class is frozen and keyword-only, and no field has a default: whoever builds a plan says every
value. Nothing is filled in later, so a plan's digest (`serialize.digest`) is the run's identity.

Paths and model sources stand as the spec wrote them: relative to the spec's folder, with `${NAME}`
or `${NAME:-default}` for environment variables. `paths.resolve` turns them into real paths on the
machine that runs; so a plan says the same on every machine.
"""

from dataclasses import dataclass

from softprompt_plan.launch_plan import LaunchPlan
from softprompt_plan.vocabulary import (
    Accelerator,
    ActivationsCheckpoint,
    EncoderType,
    InitMethod,
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

PLAN_FORMAT = 4  # raised when a field changes meaning, is added or goes


@dataclass(frozen=True, kw_only=True)
class ModelPlan:
    """The frozen base model."""

    source: str
    kind: ModelSourceKind
    revision: str | None  # of a hub id
    dtype: ModelDtype
    max_seq_length: int  # tokens of a row, virtual tokens, BOS and EOS included


@dataclass(frozen=True, kw_only=True)
class MaxRowsPlan:
    """The most rows that are taken of each split; None takes all."""

    train: int | None
    validation: int | None
    test: int | None


@dataclass(frozen=True, kw_only=True)
class DataPlan:
    """The files of one task. A tuple holds paths or globs, read in this order."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]  # (template field, column path), renamed ones only
    max_rows: MaxRowsPlan
    shuffle_seed: int | None  # which rows max_rows takes: drawn by this seed; None: the first ones
    too_long: TooLongPolicy


@dataclass(frozen=True, kw_only=True)
class TaskPlan:
    """One task: its template, its virtual tokens, its data and how it is scored."""

    name: str
    prompt_template: str
    whitespace: Whitespace
    virtual_token_splits: tuple[int, ...]  # virtual tokens at marker 0, 1, ...
    truncate_fields: tuple[str, ...]  # in order of sacrifice
    truncate_side: TruncateSide
    answer_field: str | None
    answer_only_loss: bool
    data: DataPlan
    weight: float  # how often an epoch visits each training row
    metrics: tuple[Metric, ...]

    @property
    def num_virtual_tokens(self) -> int:
        """P: rows of this task's soft prompt."""
        return sum(self.virtual_token_splits)


@dataclass(frozen=True, kw_only=True)
class EncoderPlan:
    """The prompt encoder of p-tuning."""

    type: EncoderType
    hidden_size: int
    num_layers: int
    dropout: float  # between LSTM layers
    init_std: float  # of tpmlp's weights


@dataclass(frozen=True, kw_only=True)
class InitPlan:
    """Where the virtual tokens start from."""

    method: InitMethod
    text: str | None  # method text
    labels: tuple[str, ...]  # method class_labels
    path: str | None  # method prompt: a soft_prompt folder


@dataclass(frozen=True, kw_only=True)
class PromptLearningPlan:
    """What is trained."""

    virtual_prompt_style: PromptStyle
    encoder: EncoderPlan | None  # None with prompt-tuning
    init: InitPlan
    restore_path: str | None  # a soft_prompt folder whose tasks are kept bit for bit


@dataclass(frozen=True, kw_only=True)
class SchedulePlan:
    """Learning-rate schedule over the optimizer steps of the whole run."""

    name: ScheduleName
    warmup_steps: int
    constant_steps: int
    min_lr: float


@dataclass(frozen=True, kw_only=True)
class OptimPlan:
    """Optimizer of the trainable parameters."""

    name: OptimizerName
    lr: float
    weight_decay: float
    betas: tuple[float, float]
    sched: SchedulePlan


@dataclass(frozen=True, kw_only=True)
class EarlyStoppingPlan:
    """Stop when `val_loss` has not fallen by `min_delta` for `patience` validations."""

    patience: int
    min_delta: float


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """The optimization."""

    max_epochs: int | None  # exactly one of max_epochs and max_steps is set
    max_steps: int | None  # optimizer steps
    global_batch_size: int  # rows of one optimizer step, over all ranks
    micro_batch_size: int  # rows of one forward pass on one rank
    precision: Precision
    seed: int
    gradient_clip_val: float | None  # L2 norm over all trainable parameters
    val_check_interval: int | float  # int: optimizer steps; float: share of an epoch
    checkpoint_every_n_steps: int  # besides the checkpoint at each validation
    early_stopping: EarlyStoppingPlan | None
    resume: ResumePolicy
    optim: OptimPlan
    loggers: tuple[LoggerName, ...]


@dataclass(frozen=True, kw_only=True)
class ParallelismPlan:
    """The machine and how the run is laid out on it."""

    accelerator: Accelerator
    gpu: str | None  # a name such as H100-80GB, for the memory plan only
    num_nodes: int
    devices: int  # a node
    tensor_model_parallel_size: int
    pipeline_model_parallel_size: int
    sequence_parallel: bool
    shard_base_model: bool  # over the replicas
    activations_checkpoint: ActivationsCheckpoint

    @property
    def data_parallel_size(self) -> int:
        """Replicas of the model that share out each global batch."""
        model_parallel = self.tensor_model_parallel_size * self.pipeline_model_parallel_size
        return self.num_nodes * self.devices // model_parallel


@dataclass(frozen=True, kw_only=True)
class InferencePlan:
    """How completions are generated."""

    greedy: bool
    add_bos: bool  # in front of every row, in training too: both must see the same prompt
    tokens_to_generate: int
    top_k: int  # 0: off
    top_p: float  # 1.0: off
    temperature: float
    repetition_penalty: float  # 1.0: off
    batch_size: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run, completely."""

    format: int
    name: str
    model: ModelPlan
    tasks: tuple[TaskPlan, ...]
    prompt_learning: PromptLearningPlan
    training: TrainingPlan
    parallelism: ParallelismPlan
    inference: InferencePlan
    launch: LaunchPlan

    def task(self, name: str) -> TaskPlan:
        """The task of this name. Raises KeyError if there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)
