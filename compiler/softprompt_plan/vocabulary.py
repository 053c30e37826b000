"""The words both halves of softprompt use, each spelt once.

Every member's value is the spelling of the spec language; the names are the field's own terms.
"""

from enum import StrEnum


class ModelSourceKind(StrEnum):
    """Where the frozen base model comes from."""

    FOLDER = "folder"  # a Hugging Face folder: config.json, tokenizer, *.safetensors
    HUB = "hub"  # a Hugging Face hub id, with an optional revision
    GGUF = "gguf"  # a GGUF file, or `package:IMPORT_NAME/FILE.gguf` inside an installed package
    NEMO = "nemo"  # a Megatron GPT model of NeMo 1: a .nemo archive, or its extracted folder


class ModelDtype(StrEnum):
    """Data type of the frozen weights in memory."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class TruncateSide(StrEnum):
    """Which end of a truncate field loses tokens."""

    RIGHT = "right"
    LEFT = "left"
    MIDDLE = "middle"


class Whitespace(StrEnum):
    """What becomes of white space beside virtual tokens."""

    KEPT = "kept"
    NEMO_2023 = "nemo-2023"  # stripped on both sides, as NeMo does with transformers below 4.34


class TooLongPolicy(StrEnum):
    """What happens to a row that cannot be made to fit `max_seq_length`."""

    ERROR = "error"
    SKIP = "skip"  # left out of training and validation, counted; never left out of predictions


class Metric(StrEnum):
    """A score of the completions against the references."""

    EXACT_MATCH = "exact_match"  # SQuAD v1.1's
    F1 = "f1"  # SQuAD v1.1's token F1
    ACCURACY = "accuracy"
    MACRO_F1 = "macro_f1"
    SLOT_F1 = "slot_f1"
    ROUGE_L = "rouge_l"


class PromptStyle(StrEnum):
    """How the virtual tokens are parameterised while they train."""

    PROMPT_TUNING = "prompt-tuning"  # a free (P, D) table a task: Lester et al. 2021
    P_TUNING = "p-tuning"  # the table is the output of a prompt encoder: Liu et al. 2021


class EncoderType(StrEnum):
    """The prompt encoder of p-tuning."""

    TPMLP = "tpmlp"
    MLP = "mlp"
    LSTM = "lstm"
    EMBEDDING = "embedding"


class InitMethod(StrEnum):
    """Where the virtual tokens start from."""

    TEXT = "text"
    VOCABULARY = "vocabulary"
    CLASS_LABELS = "class_labels"
    RANDOM = "random"
    PROMPT = "prompt"


class Precision(StrEnum):
    """Lightning's names for the precision of training."""

    FP32 = "32-true"
    BF16_MIXED = "bf16-mixed"
    FP16_MIXED = "16-mixed"
    BF16 = "bf16-true"


class ResumePolicy(StrEnum):
    """What a run does when its folder already holds checkpoints."""

    AUTO = "auto"
    NEVER = "never"
    MUST = "must"


class OptimizerName(StrEnum):
    """Optimizer of the trainable parameters."""

    ADAMW = "adamw"


class ScheduleName(StrEnum):
    """Learning-rate schedule."""

    COSINE_ANNEALING = "cosine_annealing"
    CONSTANT = "constant"


class LoggerName(StrEnum):
    """Where the training curves are written."""

    CSV = "csv"
    TENSORBOARD = "tensorboard"
    WANDB = "wandb"
    MLFLOW = "mlflow"


class Accelerator(StrEnum):
    """Lightning's names for the device kind."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


class ActivationsCheckpoint(StrEnum):
    """Which activations are recomputed in the backward pass."""

    NONE = "none"
    SELECTIVE = "selective"
    FULL = "full"


class LaunchTarget(StrEnum):
    """What starts the processes of a run."""

    LOCAL = "local"
    TORCHRUN = "torchrun"
    SLURM = "slurm"
    KUBERNETES = "kubernetes"
    SKYPILOT = "skypilot"


class Split(StrEnum):
    """A part of a task's data."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class CheckStatus(StrEnum):
    """How a check of `spec test` ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
